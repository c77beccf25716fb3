"""The store: its tables, its lease, its transactions and the chain of its journal."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

import cxrun.migrations
from cxrun.errors import UserError
from cxrun.migrations import migrations
from cxrun.model import Reason, Rule, Suppression, key_text
from cxrun.store import Store, StoreBusy
from cxrun.store.journal import GENESIS, Entry, outcome_of
from cxrun.store.queue import keep_attempt_fields
from cxrun.store.suppressions import add_suppressions, suppressions

if TYPE_CHECKING:
    from collections.abc import Iterator

REASON = Reason("waiting", "busy: redial", Rule("treatment", "redial", "retry", "retry.yaml", 7))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cxrun.db") as opened:
        yield opened


def schema_of(database: sqlite3.Connection) -> list[tuple[str, str]]:
    return database.execute(
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%migrations%' AND sql IS NOT NULL ORDER BY name"
    ).fetchall()


# --- migrations ------------------------------------------------------------------------------------


def test_migrations_apply_to_a_blank_file_and_twice_harmlessly() -> None:
    database = Database(memory=True, execute_plugins=False)
    migrations.apply(database)
    before = schema_of(database.conn)
    assert {"lists", "records", "queue", "in_work", "closed", "attempts", "journal", "lease"} <= {
        name for name, _ in before
    }
    assert list(migrations.pending(database)) == []
    migrations.apply(database)
    assert schema_of(database.conn) == before
    database.close()


def test_every_table_is_strict() -> None:
    database = Database(memory=True, execute_plugins=False)
    migrations.apply(database)
    lax = database.execute(
        "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict "
        "AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%migrations%'"
    ).fetchall()
    assert lax == []
    database.close()


def test_the_migrations_file_runs_under_sqlite_utils(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "by-hand.db"
    command = Path(sys.executable).with_name("sqlite-utils")
    subprocess.run(
        [command, "migrate", file, cxrun.migrations.__file__], check=True, capture_output=True, timeout=60
    )
    made = sqlite3.connect(file)
    assert schema_of(made) == schema_of(store.connection)
    made.close()
    with Store(file) as opened:
        opened.take_lease()


def test_the_migrations_file_imports_nothing_of_cxrun() -> None:
    imports = [
        line
        for line in Path(cxrun.migrations.__file__).read_text(encoding="utf-8").splitlines()
        if line.startswith(("import ", "from "))
    ]
    assert imports
    assert not any("cxrun" in line for line in imports)


def test_a_plugin_brings_tables_of_its_own(tmp_path: Path) -> None:
    own = Migrations("mine")

    @own()
    def m001_notes(database: Database) -> None:
        database.table("notes").create({"note": str})

    with Store(tmp_path / "cxrun.db", [own]) as opened:
        assert opened.connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    with Store(tmp_path / "cxrun.db", [own]) as opened:
        assert opened.connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)


def test_a_project_plugin_brings_tables_of_its_own(tmp_path: Path) -> None:
    from cxrun.registry import load_registry

    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "notes.py").write_text(
        "from sqlite_utils.migrations import Migrations\n"
        "from cxrun import hookimpl\n"
        "own = Migrations('notes')\n"
        "@own()\n"
        "def m001(db):\n"
        "    db.table('notes').create({'note': str})\n"
        "@hookimpl\n"
        "def register_migrations():\n"
        "    return [own]\n",
        encoding="utf-8",
    )
    with Store(tmp_path / "cxrun.db", load_registry(tmp_path).migrations()) as opened:
        assert opened.connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)


# --- transactions and the lease --------------------------------------------------------------------


def test_a_transaction_whose_body_raises_leaves_nothing(store: Store) -> None:
    entry = Entry(1.0, "dial_again", 1, 1, 6, REASON, 0)

    def append_and_fail() -> None:
        with store.transaction():
            store.journal.append(1, [entry])
            raise KeyError

    with pytest.raises(KeyError):
        append_and_fail()
    assert list(store.journal.lines()) == []
    with store.transaction():
        store.journal.append(1, [entry])
    assert [line[:3] for line in store.journal.lines()] == ["[1,"]


def test_a_lease_is_refused_while_another_process_lives_and_renews_it(store: Store, tmp_path: Path) -> None:
    store.take_lease()
    other_pid = os.getppid()
    store.connection.execute("UPDATE lease SET pid = ?", (other_pid,))
    with Store(tmp_path / "cxrun.db") as second:
        with pytest.raises(StoreBusy, match=f"process {other_pid}"):
            second.take_lease()
        store.connection.execute("UPDATE lease SET renewed = ?", (time.time() - 31,))
        second.take_lease()
        assert second.epoch == store.epoch + 1
        with pytest.raises(StoreBusy, match="taken over"):
            store.check_lease()
        with pytest.raises(StoreBusy, match="taken over"):
            store.confirm_lease()
        second.check_lease()
        second.confirm_lease()


def test_a_killed_run_of_this_machine_is_succeeded_at_once_but_not_one_elsewhere(
    store: Store, tmp_path: Path
) -> None:
    store.take_lease()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    store.connection.execute("UPDATE lease SET pid = ?, host = 'elsewhere'", (dead.pid,))
    with Store(tmp_path / "cxrun.db") as second:
        with pytest.raises(StoreBusy, match="elsewhere"):
            second.take_lease()
        import socket

        store.connection.execute("UPDATE lease SET host = ?", (socket.gethostname(),))
        second.take_lease()


def test_a_lease_that_was_given_back_is_free(store: Store, tmp_path: Path) -> None:
    store.take_lease()
    store.connection.execute("UPDATE lease SET pid = ?", (os.getppid(),))
    store.give_lease()
    with Store(tmp_path / "cxrun.db") as second:
        second.take_lease()


def test_a_store_that_somebody_else_keeps_locked_is_the_users_business(tmp_path: Path, store: Store) -> None:
    holder = sqlite3.connect(tmp_path / "cxrun.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    store.connection.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(StoreBusy, match="locked"):
        store.begin()
    with pytest.raises(StoreBusy, match="locked"), store.transaction():
        pass
    holder.close()
    store.begin()
    store.rollback()


def test_a_file_that_is_no_store_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "cxrun.db"
    file.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(UserError, match=r"cxrun\.db"):
        Store(file)


# --- journal and suppressions ----------------------------------------------------------------------


def test_the_journal_goes_on_where_another_connection_left_it(tmp_path: Path) -> None:
    heads = []
    for pieces in ([6], [1, 2, 3]):
        file = tmp_path / f"{len(pieces)}.db"
        done = 0
        for piece in pieces:
            with Store(file) as opened, opened.transaction():
                entries = [Entry(float(n), "x", n, 1, 6, REASON, 0) for n in range(done, done + piece)]
                opened.journal.append(1, entries)
                done += piece
        with Store(file) as opened:
            heads.append((list(opened.journal.lines()), opened.journal.head()))
    assert heads[0] == heads[1]


def test_a_changed_row_of_the_journal_breaks_its_chain(store: Store) -> None:
    import hashlib

    with store.transaction():
        store.journal.append(1, [Entry(1.0, "x", n, 1, 6, REASON, 0) for n in range(5)])
    store.connection.execute("UPDATE journal SET attempt = 2 WHERE seq = 3")
    digest, broken = bytes(32), []
    rows = store.connection.execute("SELECT seq, digest FROM journal ORDER BY seq").fetchall()
    for line, (seq, stored) in zip(store.journal.contents(), rows, strict=True):
        if hashlib.sha256(digest + line.encode()).digest() != stored:
            broken.append(seq)
        digest = stored
    assert broken == [3]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("D1", "D1"),
        ("017", "017"),
        (17, "17"),
        (17.0, "17"),
        (17.5, "17.5"),
        (1e20, "100000000000000000000"),
        (0, "0"),
        ("", None),
        (None, None),
    ],
)
def test_the_same_value_is_the_same_key_whatever_its_type(value: str | float | None, key: str | None) -> None:
    assert key_text(value) == key


def test_fields_that_were_asked_for_once_are_kept(store: Store) -> None:
    with store.transaction():
        assert keep_attempt_fields(store, ["debt_id"]) == {"debt_id"}
    with store.transaction():
        assert keep_attempt_fields(store, []) == {"debt_id"}
        assert keep_attempt_fields(store, ["account", "debt_id"]) == {"account", "debt_id"}


def test_a_suppression_added_twice_holds_for_the_longer_time(store: Store) -> None:
    def held(*entries: Suppression) -> list[Suppression]:
        store.connection.execute("DELETE FROM suppressions")
        add_suppressions(store, entries)
        return list(suppressions(store, ["C1"], ["+12125550100"]))

    short = Suppression("dnc", "device", "+12125550100", 100.0, 200.0)
    long = Suppression("dnc", "device", "+12125550100", 50.0, 300.0)
    ever = Suppression("dnc", "device", "+12125550100", 150.0, None)
    assert held(short, long) == held(long, short) == [long]
    assert held(short, ever) == held(ever, short) == [ever._replace(valid_from=100.0)]
    other = Suppression("dnc", "client", "+12125550100", 0.0, None)
    assert held(other) == [], "a client is no device, though he has its number for an id"


def test_the_chain_of_the_journal_can_be_followed_whatever_kind_of_number_the_time_is(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "x.db")) as store:
        with store.transaction():
            times: tuple[float, ...] = (1000, 1000.0, 1000.25)
            store.journal.append(1, [Entry(at, "x", 1, 0, 0, Reason("waiting", "x"), 0) for at in times])
        digest = GENESIS
        for line in store.journal.contents():
            digest = hashlib.sha256(digest + line.encode()).digest()
        assert digest == store.journal.head()


_MOMENTS = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**40)


@given(
    st.tuples(_MOMENTS, _MOMENTS, _MOMENTS),
    st.none() | st.integers(0, 99),
    st.integers(0, 99),
    st.tuples(st.none() | st.text(), st.none() | st.text()),
)
def test_an_outcome_is_the_json_of_its_values(times, detected, result, words):
    expected = json.dumps([*times, detected, result, *words], separators=(",", ":"))
    assert outcome_of(*times, detected, result, *words) == expected
