"""Proof of what happened: tampering is found, certificates say what the run decided, evidence packs and redaction."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrun.auditing.certifying import _Asking, certify
from cxrun.auditing.packing import check_pack, pack
from cxrun.auditing.redacting import redact_people
from cxrun.auditing.verifying import Finding, Head, Verified, verify
from cxrun.cli import run as run_command
from cxrun.elements import Moment
from cxrun.errors import UserError
from cxrun.model import CallResult, Record, Suppression
from cxrun.moments import parse_moment
from cxrun.pipeline import Pipeline
from cxrun.registry import load_registry
from cxrun.store import Store, StoreBusy
from cxrun.store.evidence import rows_of, snapshot, stored_run
from cxrun.store.queue import AttemptRow, Queue, past_attempts
from cxrun.store.suppressions import add_suppressions, suppressions

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

DOOR = """\
ruleset: door
filters:
  - calling_hours: {hours: "09:00-20:00"}
  - attempts: {windows: [{at_most: 2, within: 6h}, {at_most: 3, within: day}]}
  - attempts: {at_most: 2, within: 4h, per: device}
  - attempts: {at_most: 6, within: 3d, per: {field: debt}}
  - quiet_after: {results: [answer], period: 5h, per: {field: debt}}
  - quiet_after: {results: [no_answer], period: 30m, per: device}
  - where: {any: [{field: attempt, lt: 4}, {field: call_result, ne: no_answer}]}
  - where: {field: record_type, in: [general, campaign_rescheduled]}
  - where: {any: [{field: call_time, eq: 0}, {field: attempt, gt: 0}]}
    when: {field: dial_sched_time, ge: 0}
  - suppression
"""
"""Rules that look at everything a moment has: state, past attempts, zones, suppressions."""


@contextmanager
def opened(folder: ProjectFolder) -> Iterator[Store]:
    with closing(Store(folder.store_file)) as store:
        yield store


def verified(folder: ProjectFolder, **options: Any) -> Verified:
    with opened(folder) as store:
        return verify(store, **options)


def told(found: Verified) -> list[str]:
    return [finding.what for finding in found.findings]


def execute(folder: ProjectFolder, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(folder.store_file)) as database:
        database.execute(sql, values)
        database.commit()


def debtors(project: MakeProject, size: int = 30, **options: Any) -> ProjectFolder:
    """Customers with two numbers each, who share debts by threes; some are in two lists."""
    folder: ProjectFolder = project(size, 2, more_rules={"door": DOOR}, **options)
    file = folder.folder / "people.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines = [f"{lines[0]},Debt", *(f"{line},D{number // 3}" for number, line in enumerate(lines[1:]))]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.copy(file, folder.folder / "again.csv")
    people = folder.campaign["lists"]["people"]
    people["map"]["fields"] = {"debt": "Debt"}
    people["map"]["devices"] = [
        {"column": "Phone 1", "type": "home"},
        {"column": "Phone 2", "type": "mobile"},
    ]
    folder.campaign["lists"]["again"] = people | {"file": "again.csv"}
    folder.campaign["groups"]["again"] = {"template": "plain", "lists": ["again"]}
    folder.save()
    return folder


# --- verify --------------------------------------------------------------------------------------------


def test_what_a_run_wrote_is_sound(project: MakeProject) -> None:
    folder = debtors(project)
    folder.run(limit=40)
    folder.run(seed=3)
    found = verified(folder)
    assert told(found) == []
    assert found.sound
    assert found.rows == folder.query("SELECT count(*) FROM journal")[0][0] > 100
    with opened(folder) as store:
        assert found.head.digest == store.journal.head()


COLUMNS = {
    "at": 12.5, "run_id": 9, "event": "finish!", "record_id": 4711, "attempt": 77, "call_result": 50, "due": 12345,
    "placed": 1000.25, "outcome": "[]", "reason_id": 1, "digest": b"x" * 32,
}  # fmt: skip


def test_any_change_to_the_journal_is_found(project: MakeProject) -> None:
    """Rows changed, taken out, put in, numbered anew or exchanged, wherever they stand."""
    folder = project(12, 2)
    folder.run()
    execute(folder, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = folder.store_file.read_bytes()
    size = folder.query("SELECT count(*) FROM journal")[0][0]
    assert size > 30
    row = st.integers(1, size)
    changes = st.one_of(
        st.tuples(st.just("change"), row, st.sampled_from(sorted(COLUMNS))),
        st.tuples(st.just("take out"), st.integers(1, size - 1), st.booleans()),
        st.tuples(st.just("put in"), row, st.booleans()),
        st.tuples(st.just("exchange"), st.integers(1, size - 1), st.just(None)),
        st.tuples(st.just("reason"), st.integers(3, 5), st.sampled_from(["text", "line", "digest"])),
    )

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changes)
    def check(change: tuple[str, int, Any]) -> None:
        folder.store_file.write_bytes(whole)
        kind, seq, detail = change
        with closing(sqlite3.connect(folder.store_file)) as database:
            shift = (
                "UPDATE journal SET seq = -seq WHERE seq > ?",
                "UPDATE journal SET seq = ? - seq WHERE seq < 0",
            )
            if kind == "change":
                before = database.execute(f"SELECT {detail} FROM journal WHERE seq = ?", (seq,)).fetchone()[0]
                value = COLUMNS[detail] if before != COLUMNS[detail] else 2
                database.execute(f"UPDATE journal SET {detail} = ? WHERE seq = ?", (value, seq))
            elif kind == "take out":
                database.execute("DELETE FROM journal WHERE seq = ?", (seq,))
                if detail:
                    database.execute(shift[0], (seq,))
                    database.execute(shift[1], (-1,))
            elif kind == "put in":
                database.execute(shift[0], (seq - 1,))
                database.execute(shift[1], (1,))
                database.execute(
                    "INSERT INTO journal SELECT ?, at, run_id, event, record_id, attempt, call_result, reason_id, due, "
                    "placed, outcome, digest FROM journal WHERE seq = ?",
                    (seq, seq + 1 if detail else size + 1),
                )
            elif kind == "exchange":
                database.execute("UPDATE journal SET seq = 0 WHERE seq = ?", (seq,))
                database.execute("UPDATE journal SET seq = ? WHERE seq = ?", (seq, seq + 1))
                database.execute("UPDATE journal SET seq = ? WHERE seq = 0", (seq + 1,))
            else:
                value = {"text": "nothing", "line": 99, "digest": b"y" * 32}[detail]
                database.execute(f"UPDATE reasons SET {detail} = ? WHERE reason_id = ?", (value, seq))
            database.commit()
        found = verified(folder, most=10_000)
        assert found.findings, change
        named = {finding.seq for finding in found.findings}
        if kind in ("change", "exchange"):
            assert seq in named
        elif kind == "take out":
            assert seq in named or seq + 1 in named
        elif kind == "put in":
            assert named & {seq, seq + 1}, "of two that are the same either is the copy"
            assert any("inserted" in what for what in told(found)) or seq == size
        else:
            assert any(f"reason {seq}" in what for what in told(found)) or detail == "digest"

    check()


def test_one_change_is_one_finding_with_its_row_time_and_record(project: MakeProject) -> None:
    folder = project(12)
    folder.run()
    at, record_id = folder.query("SELECT at, record_id FROM journal WHERE seq = 9")[0]
    execute(folder, "UPDATE journal SET due = due + 1 WHERE seq = 9")
    assert verified(folder).findings == [
        Finding("it was changed, or row 8 before it and its digest with it", 9, at, record_id)
    ]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("DELETE FROM journal WHERE seq = 5", "row 5 is missing before it"),
        ("DELETE FROM journal WHERE seq BETWEEN 5 AND 7", "rows 5 to 7 are missing before it"),
        ("UPDATE journal SET digest = zeroblob(32) WHERE seq = 5", "its digest was changed, and nothing else"),
        (
            "UPDATE reasons SET text = 'never asked' WHERE reason_id = 3",
            "the text of reason 3 was changed: it says now 'never asked'",
        ),
        ("DELETE FROM journal WHERE seq >= (SELECT max(seq) - 2 FROM journal)", "has no row in the journal"),
        ("DELETE FROM attempts WHERE record_id = 3", "which is not among the attempts"),
        ("UPDATE attempts SET placed = placed - 60 WHERE record_id = 3", "another time of placing by the journal"),
        ("UPDATE attempts SET call_result = 6 WHERE record_id = 3", "3-1 has another call result by the journal"),
        ("UPDATE attempts SET answered = placed - 1 WHERE record_id = 3", "has another time of answer by the journal"),
        ("UPDATE attempts SET phone = '+12125550199' WHERE record_id = 3", "went to another number"),
        ("UPDATE attempts SET client = 'C1' WHERE record_id = 3", "made to another client than that of"),
        ("UPDATE closed SET attempt = attempt + 1 WHERE record_id = 3", "its attempts say otherwise"),
        ("UPDATE closed SET call_result = 45 WHERE record_id = 3", "another call result by the journal"),
        ("DELETE FROM closed WHERE record_id = 3", "record 3 is in no place"),
        ("DELETE FROM runs", "of which the journal speaks, is not among the runs"),
        ("UPDATE contents SET text = text || ' '", "which runs were frozen with, was changed"),
        ("DELETE FROM suppressions", "no suppression entry names its number"),
    ],
)  # fmt: skip
def test_what_was_changed_is_said(project: MakeProject, sql: str, what: str) -> None:
    folder = project(60, dialer={"simulated": {"dispositions": {"DO_NOT_CALL": 20, "SALE": 80}}})
    folder.run()
    assert folder.query("SELECT count(*) FROM suppressions")[0][0] > 0
    assert told(verified(folder)) == []
    execute(folder, sql)
    assert any(what in text for text in told(verified(folder)))


def test_any_change_to_an_attempt_or_to_where_a_record_stands_is_found(project: MakeProject) -> None:
    """Every value of every attempt, late results and lost detection included, and what records say of their calls."""
    folder = debtors(project, 12, dialer={"simulated": {"dispositions": {"DO_NOT_CALL": 20, "SALE": 80}}})
    folder.run(limit=20)
    for record_id, _ in folder.query(
        "SELECT record_id, attempt FROM attempts WHERE record_id < 8 ORDER BY 1"
    ):
        told_late = ["result", str(record_id), "--as", "record", "--disposition", "LATE"]
        assert run_command(["-C", str(folder.folder), *told_late]) == 0
    folder.run(seed=3)
    assert told(verified(folder)) == []
    execute(folder, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = folder.store_file.read_bytes()
    attempts = folder.query("SELECT record_id, attempt FROM attempts")
    assert folder.query("SELECT count(*) FROM attempts WHERE disposition = 'LATE'")[0][0] > 0
    assert folder.query("SELECT count(*) FROM attempts WHERE answered IS NULL")[0][0] > 0
    values = {
        "record_id": 4711, "attempt": 77, "list_id": 2, "run_id": 9, "client": "C99", "phone": "+12125550199",
        "placed": 1000.25, "answered": 1000.25, "connected": 1000.25, "ended": 1000.25, "detected": 50,
        "call_result": 50, "disposition": "BOUGHT", "agent_id": "nobody",
    }  # fmt: skip
    assert tuple(values) == AttemptRow._fields
    states = {"call_result": 50, "attempt": 77, "call_time": 1000, "reason_id": None}

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from(attempts), st.sampled_from([*values, *(f"record {name}" for name in states), "place"])
    )
    def check(attempt: tuple[int, int], what: str) -> None:
        folder.store_file.write_bytes(whole)
        record_id, number = attempt
        table = "closed" if folder.query("SELECT 1 FROM closed WHERE record_id = ?", record_id) else "queue"
        if what == "place":
            execute(folder, f"DELETE FROM {table} WHERE record_id = ?", record_id)
        elif what == "record reason_id":
            other = folder.query(
                "SELECT max(reason_id) FROM journal WHERE reason_id NOT IN "
                "(SELECT reason_id FROM journal WHERE record_id = ?)",
                record_id,
            )[0][0]
            execute(folder, f"UPDATE {table} SET reason_id = ? WHERE record_id = ?", other, record_id)
        elif what.startswith("record "):
            column = what.removeprefix("record ")
            execute(folder, f"UPDATE {table} SET {column} = ? WHERE record_id = ?", states[column], record_id)
        else:
            value = values[what]
            (before,) = folder.query(
                f"SELECT {what} FROM attempts WHERE (record_id, attempt) = (?, ?)", record_id, number
            )[0]
            if before == value:
                value = 1
            execute(
                folder,
                f"UPDATE attempts SET {what} = ? WHERE (record_id, attempt) = (?, ?)",
                value,
                record_id,
                number,
            )
        assert verified(folder).findings, (attempt, what)

    check()


def test_a_late_result_is_told_by_the_journal(project: MakeProject) -> None:
    folder = project(12)
    folder.run(limit=6)
    record_id, number = folder.query("SELECT record_id, attempt FROM attempts LIMIT 1")[0]
    words = ["result", str(record_id), "--as", "record", "--result", "wrong_party", "--agent", "sales-1"]
    assert run_command(["-C", str(folder.folder), *words]) == 0
    assert told(verified(folder)) == []
    found = folder.query(
        "SELECT outcome FROM journal WHERE (record_id, attempt) = (?, ?) AND event = 'processed'",
        record_id,
        number,
    )
    assert json.loads(found[0][0])[-3:] == [int(CallResult.WRONG_PARTY), None, "sales-1"]


def test_a_head_noted_elsewhere_convicts_a_journal_that_was_written_anew(project: MakeProject) -> None:
    folder = project(12)
    folder.run(limit=5)
    noted = verified(folder).head
    folder.run()
    assert verified(folder, since=noted).sound
    assert verified(folder, head=noted.digest.hex()).sound
    shutil.copy(folder.store_file, folder.folder / "before.db")
    with opened(folder) as store:
        _write_anew(store, 3)
        assert store.journal.head() != noted.digest
    assert told(verified(folder)) == [], "a chain that is written anew is whole"
    assert told(verified(folder, since=noted)) == ["its digest is not the one that was noted"]
    assert told(verified(folder, head=noted.digest.hex())) == [
        f"no row has the digest {noted.digest.hex()}, which was the head once"
    ]


def _write_anew(store: Store, seq: int) -> None:
    """Change a row and every digest after it, as somebody would who knows how they are made."""
    store.connection.execute("UPDATE journal SET due = due + 60 WHERE seq = ?", (seq,))
    digest = bytes(32)
    for number, text in enumerate(list(store.journal.contents()), 1):
        digest = hashlib.sha256(digest + text.encode()).digest()
        store.connection.execute("UPDATE journal SET digest = ? WHERE seq = ?", (digest, number))


def test_since_walks_through_the_rest_only(project: MakeProject) -> None:
    folder = project(12)
    folder.run(limit=5)
    noted = verified(folder).head
    folder.run()
    found = verified(folder, since=noted)
    assert found.rows == found.head.seq - noted.seq
    assert Head.read(str(noted)) == noted
    for wrong in ("", "12", "x:" + "0" * 64, "12:ab"):
        with pytest.raises(UserError, match="is no head"):
            Head.read(wrong)


def test_only_so_many_findings_are_kept(project: MakeProject) -> None:
    folder = project(40)
    folder.run()
    execute(folder, "UPDATE journal SET attempt = attempt + 1")
    found = verified(folder, most=7)
    assert len(found.findings) == 7
    assert found.more > 30


# --- certificates --------------------------------------------------------------------------------------


def test_a_certificate_is_asked_with_the_very_moment_of_the_run(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a rule could see when the call was allowed, it sees again: for every attempt of a run."""
    folder = debtors(project, dialer={"simulated": {"dispositions": {"DO_NOT_CALL": 20, "SALE": 80}}})
    folder.campaign["templates"]["plain"]["devices"] = ["mobile", "home"]
    folder.save()
    seen: dict[tuple[int, int], Moment] = {}
    decide = Pipeline.decide

    def watched(pipeline: Pipeline, moment: Moment) -> Any:
        decision = decide(pipeline, moment)
        seen[moment.record.record_id, moment.record.attempt + 1] = moment
        return decision

    monkeypatch.setattr(Pipeline, "decide", watched)
    folder.run(limit=60)
    folder.run(seed=5)
    monkeypatch.undo()
    made = folder.query("SELECT record_id, attempt FROM attempts ORDER BY placed")
    assert len(made) > 150
    assert max(attempt for _, attempt in made) > 2
    registry = load_registry(folder.folder)
    with opened(folder) as store:
        for record_id, number in made:
            certificate = certify(store, registry, record_id, number)
            assert certificate.outcome == "allowed", certificate.summary
            assert [line.fits for line in certificate.journal]
            assert _shown(_asked_again(store, registry, record_id, number)) == _shown(seen[record_id, number])


def _asked_again(store: Store, registry: Any, record_id: int, number: int) -> Moment:
    asked: list[Moment] = []
    rulings = _Asking._rulings

    def watched(asking: _Asking, rulesets: Any, moment: Moment) -> Any:
        asked.append(moment)
        return rulings(asking, rulesets, moment)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_Asking, "_rulings", watched)
        certify(store, registry, record_id, number)
    return asked[0]


def _shown(moment: Moment) -> dict[str, Any]:
    """A moment without what no rule reads: places in the queue, and attempts that are too old to count."""

    def state(record: Record) -> Record:
        return record._replace(due=0, priority=0, fields=dict(record.fields))

    def recent(attempts: Any) -> list[Any]:
        return [past for past in attempts if moment.now - 3 * 86400 < past.placed < moment.now]

    return {
        "now": moment.now,
        "record": state(moment.record),
        "attempts": recent(moment.attempts),
        "attempts_by": {field: recent(attempts) for field, attempts in moment.attempts_by.items()},
        "suppressions": sorted(moment.suppressions),
        "ring_time": moment.ring_time,
        "imports": list(moment.imports),
        "chain": {(other.record_id, other.record_status) for other in moment.chain},
    }


def test_a_certificate_names_the_facts_each_rule_looked_at(project: MakeProject) -> None:
    door = (
        'ruleset: door\nfilters:\n  - calling_hours: {hours: "09:00-20:00"}\n'
        "  - attempts: {at_most: 5, within: 2d}\n  - quiet_after: {results: [sit_detected], period: 1h}\n"
    )
    folder = project(20, more_rules={"door": door})
    folder.run()
    (record_id,) = folder.query("SELECT record_id FROM attempts WHERE attempt = 2 LIMIT 1")[0]
    with opened(folder) as store:
        certificate = certify(store, load_registry(folder.folder), record_id, 2)
    facts = {ruling.rule.name: [fact.text for fact in ruling.evidence] for ruling in certificate.rulings}
    assert any("calls may start, by the hours 09:00-20:00" in fact for fact in facts["calling_hours"])
    assert "no entry of any list names the device or the client" in facts["suppression"]
    assert facts["attempts"][0] == "1 of at most 5 attempts counted per client, in 2d"
    assert facts["attempts"][1].startswith(f"attempt {record_id}-1: ")
    assert facts["quiet_after"] == ["no earlier call that keeps it quiet"]
    data = certificate.as_data()
    assert json.loads(json.dumps(data))["call"]["zone_from"] == "number"
    assert {ruleset["name"] for ruleset in data["rulesets"]} == {"retry", "door"}
    page = certificate.as_html()
    assert "<script" not in page
    assert "http" not in page.partition("<pre>")[0]
    assert "ruleset: door" in page


def test_a_certificate_is_made_by_the_rules_of_its_run_not_those_of_today(project: MakeProject) -> None:
    folder = project(5)
    folder.run(limit=2)
    never = "ruleset: retry\nfilters:\n  - suppression\n  - where: {field: record_id, lt: 0}\n"
    folder.write("rulesets/retry.yaml", never)
    folder.run()
    record_id, number = folder.query("SELECT record_id, attempt FROM attempts ORDER BY placed LIMIT 1")[0]
    with opened(folder) as store:
        certificate = certify(store, load_registry(folder.folder), record_id, number)
    assert certificate.outcome == "allowed"
    assert "redial" in str(certificate.rulesets[0].text)


def test_a_text_that_did_not_change_is_kept_once(project: MakeProject) -> None:
    folder = project(5)
    folder.run(limit=1)
    folder.run(limit=1)
    assert folder.query("SELECT count(*) FROM runs") == [(2,)]
    assert folder.query("SELECT count(*) FROM contents") == [(1,)]


def test_a_call_the_rules_would_not_have_let_pass_is_objected_to(project: MakeProject) -> None:
    folder = project(5)
    folder.run()
    record_id, number, phone, placed = folder.query(
        "SELECT record_id, attempt, phone, placed FROM attempts ORDER BY placed LIMIT 1"
    )[0]
    with opened(folder) as store:
        add_suppressions(store, [Suppression("dnc", "device", phone, placed - 60)])
        certificate = certify(store, load_registry(folder.folder), record_id, number)
    assert certificate.outcome == "objected to"
    assert "suppressed device on list 'dnc'" in certificate.summary
    assert "rulesets/retry.yaml:" in certificate.summary


COUNTING = """\
from dataclasses import dataclass
from typing import ClassVar
from cxrun import PASS, Filter, hookimpl

@dataclass(frozen=True)
class Counting(Filter):
    \"\"\"Lets everybody pass.\"\"\"
    name: ClassVar[str] = "counting"

    def check(self, moment):
        return PASS

@hookimpl
def register_filters():
    return [Counting]
"""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda file: file.unlink(), "no filter named 'counting'"),
        (
            lambda file: file.write_text(COUNTING + "\nMORE = 1\n"),
            "the plugin plugins/mine.py was changed since",
        ),
    ],
    ids=["gone", "changed"],
)
def test_a_rule_that_cannot_be_asked_again_is_named_not_guessed(
    project: MakeProject, change: Callable[[Path], object], why: str
) -> None:
    rules = {"own": "ruleset: own\nfilters:\n  - counting\n"}
    folder = project(3, more_rules=rules, plugins={"mine": COUNTING})
    folder.run(limit=1)
    (record_id,) = folder.query("SELECT record_id FROM attempts")[0]
    with opened(folder) as store:
        assert certify(store, load_registry(folder.folder), record_id).outcome == "allowed"
        change(folder.folder / "plugins" / "mine.py")
        certificate = certify(store, load_registry(folder.folder), record_id)
    assert certificate.outcome == "not to be told"
    assert why in certificate.summary
    (ruling,) = [ruling for ruling in certificate.rulings if ruling.rule.name == "counting"]
    assert (ruling.verdict, ruling.rule.line) == ("gone", 3)


def test_a_text_of_a_ruleset_that_is_lost_is_named(project: MakeProject) -> None:
    folder = project(3)
    folder.run(limit=1)
    execute(folder, "DELETE FROM contents")
    (record_id,) = folder.query("SELECT record_id FROM attempts")[0]
    with opened(folder) as store:
        certificate = certify(store, load_registry(folder.folder), record_id)
    assert certificate.outcome == "not to be told"
    assert "the text of the ruleset retry (rulesets/retry.yaml) is not in the store" in certificate.summary


ASKING = COUNTING.replace("    def check", "    asks_others: ClassVar[bool] = True\n\n    def check").replace(
    "return PASS", "print('asked')\n        return PASS"
)


def test_a_service_that_was_asked_is_not_asked_again(
    project: MakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = {"own": "ruleset: own\nfilters:\n  - counting\n"}
    folder = project(1, more_rules=rules, plugins={"mine": ASKING})
    folder.run(limit=1)
    assert capsys.readouterr().out == "asked\n"
    with opened(folder) as store:
        certificate = certify(store, load_registry(folder.folder), 1)
    assert capsys.readouterr().out == ""
    assert certificate.outcome == "allowed"
    assert "1 that asked an outside service cannot be asked again" in certificate.summary
    assert {ruling.rule.name: ruling.verdict for ruling in certificate.rulings}["counting"] == "not asked"


def test_an_attempt_that_is_not_there_is_an_error(project: MakeProject) -> None:
    folder = project(3)
    folder.run(limit=1)
    with opened(folder) as store, pytest.raises(UserError, match="no attempt 1-77"):
        certify(store, load_registry(folder.folder), 1, 77)


# --- evidence packs ------------------------------------------------------------------------------------


def packed(
    folder: ProjectFolder, name: str = "pack", since: str = "2026-03-01", till: str = "2026-05-01"
) -> Path:
    place = folder.folder / name
    with opened(folder) as store:
        pack(store, parse_moment(since), parse_moment(till), place)
    return place


def test_a_pack_has_every_call_and_every_row_and_is_as_it_was_written(project: MakeProject) -> None:
    folder = debtors(project)
    folder.run()
    place = packed(folder)
    checked = check_pack(place)
    assert checked.findings == []
    with (place / "attempts.csv").open(encoding="utf-8", newline="") as stream:
        calls = list(csv.DictReader(stream))
    stored = folder.query("SELECT record_id, attempt, phone, call_result FROM attempts ORDER BY 1, 2")
    assert [(int(c["record_id"]), int(c["attempt"]), c["called_number"]) for c in calls] == [
        row[:3] for row in stored
    ]
    assert {call["group"] for call in calls} == {"all", "again"}
    assert {(call["direction"], call["device"]) for call in calls} == {
        ("outbound", "home"),
        ("outbound", "mobile"),
    }
    assert {
        (call["connected_to"], bool(call["connected_utc"]), bool(call["agent_id"])) for call in calls
    } == {
        ("", False, False),
        ("agent", True, True),
    }
    journal = [
        json.loads(line) for line in (place / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(journal) == checked.rows == folder.query("SELECT count(*) FROM journal")[0][0]
    assert checked.head == str(verified(folder).head)
    assert {file.name.partition("-")[0] for file in (place / "rulesets").iterdir()} == {"door", "retry"}
    assert "<script" not in (place / "index.html").read_text(encoding="utf-8")


def test_a_part_of_the_time_is_a_part_of_the_chain(project: MakeProject) -> None:
    folder = project(60)
    folder.run()
    first, last = folder.query("SELECT min(a.placed), max(j.at) FROM attempts a, journal j")[0]
    middle = (first + last) / 2
    with opened(folder) as store:
        earlier = pack(store, first, middle, folder.folder / "one")
        later = pack(store, middle, last + 1, folder.folder / "two")
        assert later.head.digest == store.journal.head()
    assert check_pack(folder.folder / "one").findings == check_pack(folder.folder / "two").findings == []
    manifest = json.loads((folder.folder / "two" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["journal"]["after"] == str(earlier.head)
    assert sum(made.rows["attempts.csv"] or 0 for made in (earlier, later)) == len(
        folder.query("SELECT 1 FROM attempts")
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda place: (place / "attempts.csv").write_text("nothing"), "attempts.csv was changed"),
        (lambda place: (place / "suppressions.csv").unlink(), "suppressions.csv is missing"),
        (lambda place: (place / "more.csv").write_text(""), "more.csv is not in the manifest"),
        (lambda place: _drop_line(place / "journal.jsonl", 4), "it follows row 4"),
        (lambda place: _drop_line(place / "journal.jsonl", -1), "the manifest has"),
    ],
    ids=["changed", "missing", "added", "row missing", "end missing"],
)
def test_whatever_is_changed_in_a_pack_is_found(
    project: MakeProject, change: Callable[[Path], object], what: str
) -> None:
    folder = project(12)
    folder.run()
    place = packed(folder)
    change(place)
    assert any(what in finding.what for finding in check_pack(place).findings)


def test_a_journal_in_a_pack_that_is_changed_with_its_manifest_does_not_fit(project: MakeProject) -> None:
    folder = project(12)
    folder.run()
    place = packed(folder)
    file, manifest = place / "journal.jsonl", place / "manifest.json"
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    answered = next(row for row in rows if row["outcome"])
    answered["outcome"] = answered["outcome"].replace("[1", "[2", 1)
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    after = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    assert [(finding.seq, finding.what) for finding in check_pack(place).findings] == [
        (answered["seq"], "journal.jsonl: its digest does not fit")
    ]


def _drop_line(file: Path, number: int) -> None:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    del lines[number]
    file.write_text("".join(lines), encoding="utf-8")


def test_evidence_is_not_written_over(project: MakeProject) -> None:
    folder = project(3)
    folder.run(limit=1)
    packed(folder)
    with pytest.raises(UserError, match="is there already"):
        packed(folder)
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        check_pack(folder.folder)


def test_abandon_rates_are_those_of_whole_periods(project: MakeProject) -> None:
    folder = project(150, mode={"power": {"calls_per_agent": 8}}, agents=1)
    folder.run()
    place = packed(folder, till="2026-03-02T15:00Z")
    with (place / "abandon.csv").open(encoding="utf-8", newline="") as stream:
        block, month = sorted(csv.DictReader(stream), key=lambda line: line["period"])
    live, lost = folder.query(
        "SELECT count(*), sum(call_result IN (21, 26)) FROM attempts WHERE detected = 33"
    )[0]
    assert lost > 0
    for line in (block, month):
        assert (int(line["answered_by_a_person"]), int(line["abandoned_or_dropped"])) == (live, lost)
        assert line["abandon_rate"] == f"{lost / live:.4f}"
    first = folder.query("SELECT min(placed) FROM attempts")[0][0]
    assert parse_moment(block["from_utc"]) == pytest.approx(first, abs=0.001)
    assert (month["from_utc"], month["till_utc"]) == ("2026-03-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z")


# --- redaction -----------------------------------------------------------------------------------------


def person(project: MakeProject, **options: Any) -> ProjectFolder:
    """A list with somebody who is to be found in it by every word: Zebulon Quagmire of Wombat Works."""
    folder: ProjectFolder = project(20, 2, **options)
    rows = [
        "Client,First,Last,Firm,Phone 1,Phone 2,Story",
        'ZQ-77341,Zebulon,Quagmire,Wombat Works,(212) 555-0177,+13125550178,"owes for a harpsichord"',
        *(f"C{n},Ann,Other,,+1303555{100 + n:04},,nothing at all" for n in range(12)),
    ]
    (folder.folder / "people.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    folder.campaign["lists"]["people"]["map"] |= {
        "first_name": "First", "last_name": "Last", "company": "Firm", "fields": {"story": "Story"},
    }  # fmt: skip
    folder.save()
    return folder


TRACES = ("ZQ-77341", "Zebulon", "Quagmire", "Wombat", "2125550177", "555-0177", "3125550178", "harpsichord")


def left(folder: ProjectFolder) -> list[str]:
    """What of the person is still in any byte of the store, the write-ahead log and all."""
    files = [file for file in folder.folder.iterdir() if file.name.startswith("cxrun.db")]
    raw = b"".join(file.read_bytes() for file in files)
    return [trace for trace in TRACES if trace.encode() in raw]


TELLTALE = """\
from dataclasses import dataclass
from typing import ClassVar
from cxrun import Exclude, Filter, PASS, Finish, Treatment, hookimpl

@dataclass(frozen=True)
class Telltale(Treatment):
    \"\"\"Tells the whole story.\"\"\"
    name: ClassVar[str] = "telltale"

    def apply(self, call):
        record = call.record
        if record.attempt == 1 and record.chain_n == 1:
            raise ValueError(f"{record.last_name} at {record.phone}, {record.fields['story']}")
        return Finish(f"{record.first_name} of {record.company} was reached")

@hookimpl
def register_treatments():
    return [Telltale]
"""


def redacted(folder: ProjectFolder, why: str = "", **whom: Any) -> Any:
    with opened(folder) as store:
        return redact_people(store, why, **whom)


@pytest.mark.parametrize(
    "whom", [{"client": "ZQ-77341"}, {"phone": "+12125550177"}, {"phone": "+13125550178"}], ids=str
)
def test_redaction_leaves_nothing_of_the_person_and_the_journal_whole(
    project: MakeProject, whom: dict[str, str]
) -> None:
    rules = {
        "tell": "ruleset: tell\ntreatments:\n  - {on: other, do: [telltale]}\nfilters:\n  - suppression\n"
    }
    folder = person(project, rules=rules, plugins={"mine": TELLTALE})
    folder.run()
    with opened(folder) as store:
        add_suppressions(store, [Suppression("dnc", "client", "ZQ-77341")])
    assert left(folder) == list(TRACES)
    before = verified(folder)
    assert before.sound
    chosen, done = redacted(folder, "request 9", **whom)
    assert (chosen.chains, chosen.records) == (1, 2)
    assert done.reasons >= 1
    assert left(folder) == []
    after = verified(folder, head=before.head.digest.hex())
    assert told(after) == []
    assert after.rows == before.rows + 2
    assert after.redacted == done.reasons
    with opened(folder) as store:
        *_, last = rows_of(store, 1)
        assert last.event == "redacted"
    assert ("closed", "personal data redacted: request 9") in folder.query(
        "SELECT state, text FROM reasons JOIN journal USING (reason_id) WHERE event = 'redacted'"
    )
    assert folder.query("SELECT count(*) FROM contacts_1 WHERE first_name = 'Ann'") == [(12,)], "others stay"


def test_caps_and_suppressions_hold_on_for_whoever_was_redacted(project: MakeProject) -> None:
    folder = person(project)
    folder.run(limit=14)
    with opened(folder) as store:
        add_suppressions(
            store,
            [
                Suppression("dnc", "device", "+12125550177", 5.0),
                Suppression("dnc", "client", "ZQ-77341", 6.0, 2e9),
            ],
        )
        asked = (["ZQ-77341", "C3"], ["+12125550177", "+13125550178"])
        attempts = list(past_attempts(store, *asked, 0.0))
        entries = sorted(suppressions(store, *asked))
        assert {past.client for past in attempts} >= {"ZQ-77341", "C3"}
    redacted(folder, client="ZQ-77341")
    with opened(folder) as store:
        assert list(past_attempts(store, *asked, 0.0)) == attempts
        assert sorted(suppressions(store, *asked)) == entries
        assert store.connection.execute(
            "SELECT count(*) FROM suppressions WHERE key LIKE 'redacted:%'"
        ).fetchone() == (2,)
        add_suppressions(store, [Suppression("dnc", "device", "+12125550177", 9.0)])
    redacted(folder, phone="+12125550177")
    with opened(folder) as store:
        assert sorted(suppressions(store, *asked)) == entries, "an entry that comes again is the same entry"


def test_attempts_by_a_field_are_counted_on(project: MakeProject) -> None:
    from cxrun.store.queue import attempts_by_field

    folder = debtors(project, 6)
    folder.run()
    with opened(folder) as store:
        before = [(value, past.placed) for value, past in attempts_by_field(store, "debt", ["D0", "D1"], 0.0)]
    assert len({value for value, _ in before}) == 2
    redacted(folder, client="C2")
    with opened(folder) as store:
        after = [(value, past.placed) for value, past in attempts_by_field(store, "debt", ["D0", "D1"], 0.0)]
    assert after == before
    assert told(verified(folder)) == []


def test_a_redacted_customer_does_not_come_back_with_the_list(project: MakeProject) -> None:
    folder = person(project)
    folder.run()
    redacted(folder, client="ZQ-77341")
    file = folder.folder / "people.csv"
    file.write_text(file.read_text(encoding="utf-8") + "C99,New,Comer,,+13035550199,,x\n", encoding="utf-8")
    folder.import_lists()
    assert folder.query("SELECT count(*) FROM contacts_1") == [(14,)]
    assert [trace for trace in left(folder) if trace != "people.csv"] == []


def test_records_that_wait_are_canceled(project: MakeProject) -> None:
    folder = person(project)
    folder.import_lists()
    chosen, _ = redacted(folder, client="ZQ-77341")
    assert (chosen.records, chosen.waiting) == (2, 2)
    assert folder.query("SELECT record_status, call_result FROM closed") == [(5, 52), (5, 52)]
    assert told(verified(folder)) == []
    folder.run()
    assert folder.query("SELECT count(*) FROM attempts WHERE record_id IN (1, 2)") == [(0,)]
    assert told(verified(folder)) == []


def test_everybody_whose_records_were_final_before_a_moment_is_redacted(project: MakeProject) -> None:
    folder = person(project, dialer={"simulated": {"dispositions": {"DO_NOT_CALL": 100}}})
    folder.run(limit=10)
    assert folder.query("SELECT count(*) FROM suppressions")[0][0] > 0
    reached = folder.reached()
    final = folder.query(
        "SELECT count(*) FROM (SELECT chain_id FROM records LEFT JOIN closed USING (record_id) GROUP BY chain_id "
        "HAVING count(*) = count(closed.record_id))"
    )[0][0]
    assert 0 < final < 13
    chosen, _ = redacted(folder, finished_before=reached + 1)
    assert chosen.chains == final
    assert told(verified(folder)) == []
    assert redacted(folder, finished_before=reached + 1)[0].chains == 0, "once is enough"
    assert folder.query("SELECT count(*) FROM suppressions WHERE key NOT LIKE 'redacted:%'") == [(0,)]
    folder.run()
    assert told(verified(folder)) == []


def test_nothing_is_redacted_while_a_run_holds_the_store(project: MakeProject) -> None:
    import os

    folder = person(project)
    folder.run(limit=3)
    with opened(folder) as store:
        store.take_lease()
        store.connection.execute("UPDATE lease SET pid = ?", (os.getppid(),))
        with closing(Store(folder.store_file)) as other, pytest.raises(StoreBusy):
            redact_people(other, "", client="ZQ-77341")


def test_somebody_who_is_being_called_is_not_redacted(project: MakeProject) -> None:
    folder = person(project)
    folder.run(limit=3)
    execute(
        folder,
        "INSERT INTO in_work SELECT record_id, list_id, record_type, 2, call_result, attempt, dial_sched_time, 0, 0, "
        "0, '', NULL, reason_id, 1 FROM record_states WHERE record_id = 1",
    )
    with pytest.raises(UserError, match="in work"):
        redacted(folder, client="ZQ-77341")
    with pytest.raises(UserError, match=r"nobody in .* has the client id 'NOBODY'"):
        redacted(folder, client="NOBODY")


def test_a_certificate_of_a_redacted_record_says_so(project: MakeProject) -> None:
    folder = person(project)
    folder.run()
    redacted(folder, client="ZQ-77341")
    (record_id,) = folder.query("SELECT record_id FROM attempts WHERE record_id <= 2")[0]
    with opened(folder) as store:
        certificate = certify(store, load_registry(folder.folder), record_id)
    assert certificate.outcome == "not to be told"
    assert "the personal data of the record were taken out of the store" in certificate.summary
    assert {ruling.verdict for ruling in certificate.rulings} == {"gone"}


def test_reasons_of_the_real_world_are_salted_those_of_a_simulation_are_the_same_every_time(
    project: MakeProject,
) -> None:
    from cxrun.store.journal import REAL
    from cxrun.store.runs import start_run

    simulated = project(5, name="simulated")
    simulated.run()
    assert simulated.query("SELECT DISTINCT salt FROM reasons") == [(b"",)]
    with closing(Store(simulated.folder / "real.db")) as store:
        start_run(store, 0, [], {}, {}, 0.0, world=REAL, texts={})
    from cxrun.model import Reason

    salts = []
    for _ in range(2):
        with closing(Store(simulated.folder / "real.db")) as store, store.transaction():
            reason = Reason("closed", f"told of somebody {len(salts)}")
            number = store.journal.reason_id(reason)
            salts.append(
                store.connection.execute(
                    "SELECT salt FROM reasons WHERE reason_id = ?", (number,)
                ).fetchone()[0]
            )
    assert len(set(salts)) == 2
    assert {len(salt) for salt in salts} == {16}


def test_every_run_that_is_told_of_names_its_groups(project: MakeProject) -> None:
    folder = debtors(project)
    folder.run(limit=3)
    with opened(folder) as store, snapshot(store):
        run = stored_run(store, 1)
        assert run is not None
        assert (run.group_of("people"), run.group_of("again"), run.group_of("else")) == ("all", "again", None)
        assert Queue(store, 1, ["debt"]).find(1) is not None


# --- the real world ------------------------------------------------------------------------------------

LINE = '''
import time
from dataclasses import dataclass
from typing import ClassVar

from cxrun import CallResult, Dialer, Ended, Line, hookimpl


@dataclass(frozen=True)
class Phone(Dialer):
    """A line on the wall clock that reaches nobody, and forgets its calls when the process ends."""

    name: ClassVar = "phone"
    schema: ClassVar = {"type": "object"}

    def open(self, opening):
        return PhoneLine()


class PhoneLine(Line):
    def __init__(self):
        self.told = []

    def place(self, dial):
        if dial.record.record_id == 7:
            raise ConnectionError(f"no trunk for {dial.record.phone}")
        self.told.append((time.time() + 0.1, dial.attempt_id))

    def next_at(self):
        return min((at for at, _ in self.told), default=None)

    def events(self, until):
        for at, attempt_id in sorted(entry for entry in self.told if entry[0] <= until):
            self.told.remove((at, attempt_id))
            yield Ended(attempt_id, at, CallResult.NO_ANSWER)

    def reconcile(self, dials):
        return set()


@hookimpl
def register_dialers():
    return [Phone]
'''
AGAIN = (
    "ruleset: retry\nfilters:\n  - attempts: {at_most: 3}\n  - suppression\n"
    "treatments:\n  - {on: [no_answer], do: [retry_in: {interval: 1s, attempts: 2}]}\n"
)


class _Killed(BaseException):
    pass


def test_calls_of_the_real_world_are_proven_and_redacted_too(project: MakeProject) -> None:
    """A run is cut off in the middle of its calls; the next one loses them, and all of it is told truly."""
    folder = project(12, rules={"retry": AGAIN}, plugins={"phone": LINE}, dialer={"phone": {}})

    def kill(_: Any) -> None:
        failed = folder.query("SELECT 1 FROM journal WHERE event = 'dial_failed'")
        if failed and folder.query("SELECT 1 FROM in_work"):
            raise _Killed

    with pytest.raises(_Killed):
        folder.run(wall=True, watch=kill)
    assert told(verified(folder)) == []
    in_work = folder.query("SELECT record_id, attempt FROM in_work")
    assert in_work
    registry = load_registry(folder.folder)
    with opened(folder) as store:
        assert certify(store, registry, *in_work[0]).outcome == "allowed"
    folder.run(wall=True)
    assert told(verified(folder)) == []
    assert folder.query("SELECT count(*) FROM journal WHERE event = 'lost'") == [(len(in_work),)]
    with opened(folder) as store:
        for record_id, number in folder.query("SELECT record_id, attempt FROM attempts"):
            certificate = certify(store, registry, record_id, number)
            assert certificate.outcome == "allowed", certificate.summary
    phone, client = folder.query("SELECT phone, client FROM attempts WHERE record_id = 7")[0]
    assert any(phone in text for (text,) in folder.query("SELECT text FROM reasons"))
    redacted(folder, client=client)
    assert told(verified(folder)) == []
    raw = b"".join(file.read_bytes() for file in folder.folder.glob("cxrun.db*"))
    assert phone[2:].encode() not in raw
    assert folder.query("SELECT count(*) FROM reasons WHERE salt IS NULL") == [(1,)]
