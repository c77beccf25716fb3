"""The interchange shape: what is exported comes back the same, and what others export is taken for what it is."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cxrun.exporting import write_rows
from cxrun.importing import ImportResult, import_list
from cxrun.interchange import COLUMNS
from cxrun.model import CallResult, RecordStatus, RecordType
from cxrun.store.interchange import interchange_columns, interchange_rows
from cxrun.store.lists import stored_lists

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

MAP = {
    "client_id": "client_id", "first_name": "first_name", "last_name": "last_name", "company": "company",
    "devices": ["contact_info"],
}  # fmt: skip
CLOSED = (
    RecordStatus.UPDATED, RecordStatus.STALE, RecordStatus.CANCELED, RecordStatus.AGENT_ERROR,
    RecordStatus.CHAIN_UPDATED, RecordStatus.MISSED_CALLBACK,
)  # fmt: skip


def export(folder: ProjectFolder, name: str = "people") -> str:
    stream = io.StringIO()
    with folder.store() as store:
        stored = stored_lists(store)[name]
        write_rows(stream, interchange_columns(stored), interchange_rows(store, stored))
    return stream.getvalue()


def fresh(
    project: MakeProject, text: str, name: str = "fresh", fields: dict[str, str] | None = None
) -> ProjectFolder:
    """A project whose list is an interchange file."""
    folder: ProjectFolder = project(1, name=name)
    folder.write("people.csv", text)
    folder.campaign["lists"]["people"]["map"] = {**MAP, **({"fields": fields} if fields else {})}
    folder.save()
    return folder


def load(folder: ProjectFolder) -> ImportResult:
    with folder.store() as store:
        return import_list(store, folder.load().lists["people"], folder.folder)


def rows_text(
    rows: Sequence[dict[str, Any]],
    columns: Sequence[str] = (*COLUMNS, "client_id", "first_name", "last_name", "company"),
) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def row(number: int, chain: int, chain_n: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "record_id": number, "contact_info": f"(212) 555-0{100 + number % 100}", "contact_info_type": 1,
        "record_type": 2, "record_status": 1 if chain_n == 1 else 9, "call_result": 28, "attempt": 0,
        "dial_sched_time": 0, "call_time": 0,
        "daily_from": 28800, "daily_till": 64800, "tz": "America/New_York", "chain_id": chain, "chain_n": chain_n,
        "client_id": f"C{chain}", **changed,
    }  # fmt: skip


def test_a_list_that_was_dialed_comes_back_the_same(project: MakeProject) -> None:
    folder = project(40, 3)
    folder.run(limit=60)
    text = export(folder)
    other = fresh(project, text)
    result = load(other)
    assert (result.loaded, result.records, result.rejected, result.notices) == (40, 120, 0, 0)
    assert export(other) == text


def test_a_scattered_file_comes_back_in_order(project: MakeProject) -> None:
    folder = project(40, 3)
    folder.run(limit=60)
    header, *lines = export(folder).splitlines(keepends=True)
    shuffled = random.Random(5).sample(lines, len(lines))
    other = fresh(project, header + "".join(shuffled))
    load(other)
    assert export(other) == header + "".join(lines)


def test_the_chain_goes_on_where_it_was(project: MakeProject) -> None:
    folder = project(30, 2)
    folder.run(limit=40)
    other = fresh(project, export(folder))
    load(other)
    kept = other.query("SELECT record_id, attempt FROM record_states ORDER BY 1")
    assert kept == folder.query("SELECT record_id, attempt FROM record_states ORDER BY 1")
    assert other.run().attempts > 0
    assert other.query("SELECT count(*) FROM record_states WHERE attempt < 0") == [(0,)]
    assert other.query("SELECT count(*), count(DISTINCT record_id) FROM record_states") == [(60, 60)]


STATES = st.fixed_dictionaries(
    {
        "record_type": st.sampled_from(
            [kind for kind in RecordType if kind not in (RecordType.NO_CALL, RecordType.NONE)]
        ),
        "call_result": st.sampled_from(list(CallResult)),
        "attempt": st.integers(0, 30),
        "dial_sched_time": st.integers(0, 2**33),
        "call_time": st.integers(1, 2**33),
        "daily_from": st.integers(0, 40000),
        "daily_till": st.integers(40001, 86400),
        "contact_info_type": st.integers(0, 9),
        "tz": st.sampled_from(["America/New_York", "America/Chicago America/New_York", "Europe/Paris"]),
        "agent_id": st.sampled_from(["", "sales-1"]),
        "group_id": st.sampled_from(["", "101"]),
        "switch_id": st.sampled_from(["", "7", "main switch"]),
        "treatments": st.sampled_from(
            ["", "retry/1.1@2@1@1", "retry/1.1@1@1@1 retry/1.2>@1@2@1", "23@1@2@1"]
        ),
    }
)
CHAINS = st.lists(
    st.tuples(
        st.lists(STATES, min_size=1, max_size=4),
        st.sampled_from(["ready", "later", "over"]),
        st.sampled_from(CLOSED),
    ),
    min_size=1,
    max_size=8,
)


@given(CHAINS)
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_chains_go_round(project: MakeProject, tmp_path: Path, chains: list[Any]) -> None:
    rows = []
    for chain, (members, stands, closed) in enumerate(chains, 1):
        for chain_n, member in enumerate(members, 1):
            if stands == "over" or (stands == "later" and chain_n < len(members)):
                status = closed
            else:
                status = RecordStatus.READY if stands == "later" or chain_n == 1 else RecordStatus.CHAIN_READY
            codes = {key: int(value) if isinstance(value, int) else value for key, value in member.items()}
            rows.append(row(len(rows) + 1, chain * 3, chain_n, **codes) | {"record_status": int(status)})
    text = rows_text(rows)
    folder = fresh(project, text, name=f"round{len(list(tmp_path.iterdir()))}")
    assert load(folder).rejected == 0
    assert export(folder) == text


def test_own_fields_come_along(project: MakeProject) -> None:
    columns = (*COLUMNS, "client_id", "first_name", "last_name", "company", "state")
    text = rows_text([row(1, 1, first_name="Ada", state="NY"), row(2, 2, company="Acme, Inc.")], columns)
    folder = fresh(project, text, fields={"state": "state"})
    load(folder)
    assert export(folder) == text


def test_ids_that_are_taken_are_given_anew(project: MakeProject) -> None:
    folder = project(5, 2)
    folder.import_lists()
    folder.write("other.csv", rows_text([row(3, 2), row(500, 900)]))
    folder.campaign["lists"]["other"] = {"file": "other.csv", "region": "US", "map": MAP}
    folder.save()
    with folder.store() as store:
        import_list(store, folder.load().lists["other"], folder.folder)
    assert folder.query("SELECT record_id, chain_id FROM records WHERE list_id = 2 ORDER BY 1") == [
        (500, 900),
        (501, 6),
    ]


def test_attempts_made_elsewhere_count_in_caps(project: MakeProject) -> None:
    from cxrun.store.queue import past_attempts

    last = 1772450000
    folder = fresh(
        project, rows_text([row(1, 1, attempt=3, call_time=last, call_result=int(CallResult.BUSY))])
    )
    load(folder)
    with folder.store() as store:
        past = list(past_attempts(store, ["C1"], [], 0.0))
    assert [(attempt.placed, attempt.call_result, attempt.attempt) for attempt in past] == [
        (last, CallResult.BUSY, n) for n in (1, 2, 3)
    ]
    folder.write(
        "rulesets/retry.yaml",
        "ruleset: retry\nfilters:\n  - attempts: {at_most: 3, within: 7d, per: client}\n  - suppression\n",
    )
    assert folder.run(until=last + 2 * 86400.0).attempts == 0
    assert folder.run().attempts == 1


def test_what_is_never_to_be_dialed_stays_so(project: MakeProject) -> None:
    folder = fresh(project, rows_text([row(1, 1, record_type=7), row(2, 2, record_status=5), row(3, 3)]))
    load(folder)
    assert folder.query("SELECT record_id, record_type, record_status FROM closed ORDER BY 1") == [
        (1, 7, 3),
        (2, 2, 5),
    ]
    folder.run()
    assert folder.query("SELECT DISTINCT record_id FROM attempts") == [(3,)]


def test_a_record_in_work_elsewhere_comes_in_as_stale(project: MakeProject) -> None:
    folder = fresh(project, rows_text([row(1, 1, record_status=2)]))
    assert load(folder).notices == 1
    assert folder.query("SELECT record_status, call_result FROM closed") == [
        (RecordStatus.STALE, CallResult.STALE)
    ]


def test_all_records_ready_as_some_systems_write_them_make_one_chain(project: MakeProject) -> None:
    folder = fresh(project, rows_text([row(1, 1, 0, record_status=1), row(2, 1, 1, record_status=1)]))
    load(folder)
    assert folder.query(
        "SELECT chain_n, record_status FROM records JOIN record_states USING (record_id) ORDER BY 1"
    ) == [(1, RecordStatus.READY), (2, RecordStatus.CHAIN_READY)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"contact_info": "home"}, "column 'contact_info': 'home' is not a phone number"),
        ({"contact_info_type": 10}, "contact_info_type 10 is no telephone"),
        ({"record_status": 0}, "record_status 0 does not say"),
        ({"record_status": 12}, "12 is no code of the interchange shape, 0 to 9"),
        ({"call_result": "busy"}, "'busy' is no whole number"),
        ({"attempt": "-1"}, "'-1' is no whole number"),
    ],
)
def test_what_is_no_record_is_rejected_with_its_line(
    project: MakeProject, changed: dict[str, Any], reason: str
) -> None:
    folder = fresh(project, rows_text([row(1, 1), row(2, 2, **changed)]))
    assert load(folder).rejected == 1
    told = (folder.folder / "rejects" / "people.csv").read_text(encoding="utf-8").splitlines()[1]
    assert told.startswith("3,")
    assert reason in told


def test_a_place_taken_in_the_chain_is_rejected(project: MakeProject) -> None:
    folder = fresh(project, rows_text([row(1, 1), row(2, 1, 1)]))
    result = load(folder)
    assert (result.records, result.rejected) == (1, 1)


def test_undo_takes_out_what_came_with_a_past(project: MakeProject) -> None:
    from cxrun.importing import undo

    folder = fresh(
        project,
        rows_text([row(1, 1, attempt=2, call_time=1772450000), row(2, 2, record_status=3, group_id="9")]),
    )
    with folder.store() as store:
        result = import_list(store, folder.load().lists["people"], folder.folder)
        assert undo(store, result.import_id).contacts == 2
    for table in ("records", "record_states", "attempts", "interchange"):
        assert folder.query(f"SELECT count(*) FROM {table}") == [(0,)]


def test_importing_it_again_finds_only_duplicates(project: MakeProject) -> None:
    folder = fresh(project, rows_text([row(1, 1, 2, client_id="", record_status=1), row(2, 2)]))
    assert load(folder).loaded == 2
    assert (load(folder).loaded, folder.query("SELECT count(*) FROM records")) == (0, [(2,)])
