"""Taking out what an import brought: only what was never dialed goes, and no id is given twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cxrun.errors import UserError
from cxrun.importing import ImportResult, import_list, undo
from cxrun.store.undoing import Undone

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]


def bring(folder: ProjectFolder, mode: str = "append") -> ImportResult:
    with folder.store() as store:
        return import_list(store, folder.load().lists["people"], folder.folder, mode=mode)


def take_out(folder: ProjectFolder, import_id: int) -> Undone:
    with folder.store() as store:
        return undo(store, import_id)


def whole(folder: ProjectFolder) -> None:
    """Every record has a state, a contact, and a chain of the size that is written."""
    assert folder.query("SELECT count(*) FROM records") == folder.query("SELECT count(*) FROM record_states")
    assert folder.query(
        "SELECT count(*) FROM contacts_1 c WHERE chain_size <> (SELECT count(*) FROM records r "
        "WHERE r.chain_id = c.chain_id)"
    ) == [(0,)]
    assert folder.query(
        "SELECT count(*) FROM records WHERE chain_id NOT IN (SELECT chain_id FROM contacts_1)"
    ) == [(0,)]


def test_an_import_nobody_was_dialed_of_goes_whole(project: MakeProject) -> None:
    folder = project(20, 2)
    assert take_out(folder, bring(folder).import_id) == Undone(20, 40, 0)
    for table in ("records", "record_states", "contacts_1", "attempts"):
        assert folder.query(f"SELECT count(*) FROM {table}") == [(0,)]
    assert folder.query("SELECT state FROM imports") == [("undone",)]


def test_only_the_import_named_goes(project: MakeProject) -> None:
    folder = project()
    folder.write_list("people", [["C1", "212-555-0101"]])
    bring(folder)
    folder.write_list("people", [["C1", "212-555-0101"], ["C2", "212-555-0102"]])
    assert take_out(folder, bring(folder).import_id) == Undone(1, 1, 0)
    assert folder.query("SELECT client_id FROM contacts_1") == [("C1",)]
    whole(folder)


def test_customers_that_were_dialed_are_kept_whole_and_counted(project: MakeProject) -> None:
    folder = project(30, 2)
    folder.run(limit=12)
    (dialed,) = folder.query("SELECT count(DISTINCT chain_id) FROM attempts JOIN records USING (record_id)")[
        0
    ]
    attempts = folder.query("SELECT * FROM attempts ORDER BY 1, 2")
    undone = take_out(folder, 1)
    assert undone.kept >= dialed > 0
    assert undone.contacts == 30 - undone.kept
    assert folder.query("SELECT * FROM attempts ORDER BY 1, 2") == attempts
    whole(folder)
    folder.run()
    whole(folder)


def test_ids_are_never_given_again(project: MakeProject) -> None:
    folder = project(10, 2)
    bring(folder)
    take_out(folder, 1)
    bring(folder)
    assert folder.query("SELECT min(record_id), min(chain_id) FROM records") == [(21, 11)]


def test_a_run_does_not_bring_back_what_was_undone(project: MakeProject) -> None:
    folder = project(10)
    bring(folder)
    take_out(folder, 1)
    from cxrun.importing import is_imported

    with folder.store() as store:
        assert is_imported(store, folder.load().lists["people"])


def test_numbers_an_update_added_go_and_the_chain_is_led_again(project: MakeProject) -> None:
    folder = project()
    folder.write_list("people", [["C1", "212-555-0101", ""]])
    bring(folder)
    folder.write_list("people", [["C1", "212-555-0101", "212-555-0102"], ["C2", "212-555-0103", ""]])
    assert take_out(folder, bring(folder, "update").import_id) == Undone(1, 2, 0)
    assert folder.query("SELECT phone FROM records") == [("+12125550101",)]
    whole(folder)


@pytest.mark.parametrize(
    ("number", "message"), [(7, "no import 7; `cxrun undo` lists them"), (1, "was undone before")]
)
def test_there_must_be_something_to_undo(project: MakeProject, number: int, message: str) -> None:
    folder = project(3)
    bring(folder)
    take_out(folder, 1)
    with pytest.raises(UserError, match=message):
        take_out(folder, number)


def test_the_journal_tells_of_it(project: MakeProject) -> None:
    folder = project(3)
    bring(folder)
    take_out(folder, 1)
    assert folder.query("SELECT event, text FROM journal JOIN reasons USING (reason_id)") == [
        ("import_undone", "import 1 of people undone: 3 records taken out")
    ]


# --- a list begun anew ------------------------------------------------------------------------------


def test_a_new_list_replaces_one_that_was_never_dialed(project: MakeProject) -> None:
    folder = project(20, 2)
    bring(folder)
    folder.write_list("people", [["X1", "212-555-0101"], ["X2", "212-555-0102"]])
    result = bring(folder, "new")
    assert (result.removed, result.loaded, result.duplicates) == (20, 2, 0)
    assert folder.query("SELECT client_id FROM contacts_1 ORDER BY 1") == [("X1",), ("X2",)]
    whole(folder)


def test_a_list_that_was_dialed_is_not_replaced_and_nothing_is_lost(project: MakeProject) -> None:
    folder = project(20)
    folder.run(limit=3)
    before = folder.query("SELECT * FROM record_states ORDER BY record_id")
    with pytest.raises(
        UserError, match=r"was dialed \(3 attempts\), so it is not replaced; give the new list another"
    ):
        bring(folder, "new")
    assert folder.query("SELECT * FROM record_states ORDER BY record_id") == before
    assert folder.query("SELECT count(*) FROM imports") == [(1,)]


def test_a_file_that_cannot_be_read_leaves_the_old_list(project: MakeProject) -> None:
    folder = project(20)
    bring(folder)
    file = folder.folder / "people.csv"
    loaded = folder.load().lists["people"]
    file.write_text("Other,Columns\n1,2\n", encoding="utf-8")
    with folder.store() as store, pytest.raises(UserError, match="no column named 'Client'"):
        import_list(store, loaded, folder.folder, mode="new")
    assert folder.query("SELECT count(*) FROM records") == [(20,)]


KILLED = """
import os, sys
from pathlib import Path
import cxrun.importing
from cxrun.campaign import load_project
from cxrun.registry import load_registry
from cxrun.store import Store

cxrun.importing.BATCH = 10
folder = Path(sys.argv[1])
project = load_project(folder, load_registry(folder))
with Store(project.store_file) as store:
    cxrun.importing.import_list(
        store, project.lists["people"], folder, lambda result: os._exit(9) if result.rows >= 30 else None, sys.argv[2]
    )
"""


@pytest.mark.parametrize("mode", ["append", "new", "update"])
def test_a_killed_import_leaves_whole_batches_and_can_be_repeated_or_undone(
    project: MakeProject, mode: str
) -> None:
    folder = project(45, 2)
    if mode != "append":
        bring(folder)
        folder.write_list(
            "people", [[f"N{n}", f"212-555-{n + 100:04}", f"312-555-{n + 100:04}"] for n in range(45)]
        )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder.folder), mode], env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 9
    whole(folder)
    (begun,) = folder.query("SELECT import_id, state, loaded FROM imports ORDER BY import_id DESC LIMIT 1")
    assert begun[1:] == ("begun", 30)
    result = bring(folder, "update" if mode == "update" else "append")
    assert (result.loaded, result.duplicates + result.unchanged) == (15, 30)
    whole(folder)
    assert take_out(folder, begun[0]).contacts == 30
    whole(folder)
