from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_results_have_a_row_per_attempt_in_words_and_utc(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    rows = table(cxrun("-C", dialed.folder, "export", "people", "--results").out)
    assert len(rows) == 30
    assert rows[0]["placed"].startswith("2026-03-02T13:")
    assert rows[0]["placed"].endswith("Z")
    assert {row["call_result"] for row in rows} >= {"answer", "no_answer"}
    assert rows[0]["client_id"] == "C1"


def test_rows_can_be_chosen_by_result_time_and_column(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    every = table(cxrun("-C", dialed.folder, "export", "people", "--results").out)
    command = ("-C", dialed.folder, "export", "people", "--results", "--columns", "call_result,placed")
    some = table(cxrun(*command, "--result", "answer,busy").out)
    assert [list(row) for row in some] == [["call_result", "placed"]] * len(some)
    assert len(some) == sum(row["call_result"] in ("answer", "busy") for row in every)
    middle = sorted(row["placed"] for row in every)[15]
    before, after = cxrun(*command, "--until", middle).out, cxrun(*command, "--since", middle).out
    assert len(table(before)) + len(table(after)) == 30
    assert all(row["placed"] < middle for row in table(before))


def test_records_tell_where_they_stand_and_why(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    rows = [
        json.loads(line)
        for line in cxrun("-C", dialed.folder, "export", "people", "--records", "--json").out.splitlines()
    ]
    assert len(rows) == 40
    assert {row["place"] for row in rows} >= {"chained", "closed"}
    assert all(row["reason"] for row in rows)
    assert any(row["rule"] and "retry.yaml" in row["rule"] for row in rows)


def test_a_file_is_there_when_it_is_whole(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    file = dialed.folder / "out.csv"
    answer = cxrun("-C", dialed.folder, "export", "people", "--interchange", "-o", file)
    assert (answer.code, answer.out, answer.err) == (0, "", f"{file}: 40 rows\n")
    assert len(table(file.read_text(encoding="utf-8"))) == 40
    assert [path.name for path in dialed.folder.glob(".*part")] == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "say what to write"),
        (("--interchange", "--result", "busy"), 2, "takes no --columns"),
        (("--results", "--columns", "phon"), 3, "no column named 'phon'; did you mean 'phone'?"),
        (("--results", "--since", "noon"), 3, "'noon' is no moment"),
        (("--results", "-o", "nowhere/x.csv"), 3, "cannot write"),
    ],
)
def test_mistakes_are_told(
    cxrun: Cxrun, dialed: ProjectFolder, arguments: tuple[str, ...], code: int, message: str
) -> None:
    answer = cxrun("-C", dialed.folder, "export", "people", *arguments)
    assert answer.code == code
    assert message in answer.err
