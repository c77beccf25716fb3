from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer

    Cxrun = Callable[..., Answer]

AWKWARD = {
    "semicolons": "Kunde;Vorname;Handy\r\nK1;Änne;+1 212 555 0101\r\nK2;Jörg;+1 312 555 0102\r\n",
    "columns like numbers and words of YAML": (
        'yes,no,1e3,"a: b","#x",Phone\nC1,x,1,2,3,212-555-0101\nC2,y,2,3,4,312-555-0102\n'
    ),
    "columns of the same meaning": (
        'id,ID 2,Phone,phone ,"Phone, home",Notes\nC1,1,212-555-0101,,,"said ""no"""\n'
        'C2,2,312-555-0102,,,"two\nlines"\n'
    ),
    "braces and quotes": ('Customer ID,{name},Phone "1",it\'s\nC1,x,212-555-0101,y\nC2,x,312-555-0102,y\n'),
}
NAMES = ("contacts.csv", "größe 1.csv", "2026-list.csv", "客户.csv", "-.csv", "É.csv", "_x_.csv")


def test_an_empty_folder_becomes_a_project_that_validates_and_runs(cxrun: Cxrun, tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    answer = cxrun("init", folder)
    assert answer.code == 0
    assert f"wrote {folder / 'campaign.yaml'}" in answer.out
    assert f"next: cxrun -C {folder} validate" in answer.out
    assert "no problems" in cxrun("-C", folder, "validate").out
    run = cxrun("-C", folder, "run")
    assert run.code == 0
    assert "nothing left to dial" in run.out


def test_every_yaml_file_written_has_a_modeline_that_leads_to_a_schema(cxrun: Cxrun, tmp_path: Path) -> None:
    cxrun("init", tmp_path / "calls")
    files = list((tmp_path / "calls").rglob("*.yaml"))
    assert len(files) >= 2
    for file in files:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        json.loads((file.parent / first.partition("$schema=")[2]).read_text(encoding="utf-8"))


def test_everything_written_is_told(cxrun: Cxrun, tmp_path: Path) -> None:
    answer = cxrun("-C", tmp_path, "init")
    told = {line.removeprefix("wrote ") for line in answer.out.splitlines() if line.startswith("wrote ")}
    assert told == {str(file) for file in tmp_path.rglob("*") if file.is_file()}


def test_the_sample_list_holds_reserved_numbers_only(cxrun: Cxrun, tmp_path: Path) -> None:
    import re

    cxrun("init", tmp_path)
    text = (tmp_path / "contacts.csv").read_text(encoding="utf-8")
    numbers = re.findall(r"\(\d{3}\) (\d{3})-(\d{4})", text)
    assert len(numbers) > 400
    assert all(exchange == "555" and line.startswith("01") for exchange, line in numbers)


def test_an_existing_campaign_is_left_alone(cxrun: Cxrun, tmp_path: Path) -> None:
    cxrun("init", tmp_path)
    (tmp_path / "campaign.yaml").write_text("mine", encoding="utf-8")
    answer = cxrun("init", tmp_path)
    assert answer.code == 3
    assert "exists already; nothing was written" in answer.err
    assert (tmp_path / "campaign.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_a_list_of_ones_own_works_at_once_however_awkward(cxrun: Cxrun, tmp_path: Path, text: str) -> None:
    (tmp_path / "own.csv").write_text(text, encoding="utf-8", newline="")
    folder = tmp_path / "calls"
    assert cxrun("init", folder, "--list", tmp_path / "own.csv").code == 0
    validated = cxrun("-C", folder, "validate")
    assert validated.code == 0, validated.out + validated.err
    run = cxrun("-C", folder, "run")
    assert run.code == 0, run.out + run.err
    assert "2 contacts loaded" in run.out


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_makes_a_list_name_that_validates(cxrun: Cxrun, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Phone\n212-555-0101\n312-555-0102\n", encoding="utf-8")
    folder = tmp_path / "calls"
    assert cxrun("init", folder, "--list", tmp_path / name).code == 0
    validated = cxrun("-C", folder, "validate")
    assert validated.code == 0, validated.out + validated.err


def test_a_list_without_numbers_exits_3_and_writes_nothing(cxrun: Cxrun, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    answer = cxrun("init", tmp_path / "calls", "--list", tmp_path / "own.csv")
    assert answer.code == 3
    assert "no column holds phone numbers" in answer.err
    assert not (tmp_path / "calls").exists()


def test_cases_of_a_new_project_hold_and_meet_every_rule(cxrun: Cxrun, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    cxrun("init", folder)
    answer = cxrun("-C", folder, "test", "--min", "100")
    assert answer.code == 0, answer.out


def test_a_new_project_lints_clean_whatever_columns_its_list_has(cxrun: Cxrun, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text(
        "Client,Home phone,State,Balance,City,Segment\nC1,(212) 555-0101,NY,120,Utica,A\n", encoding="utf-8"
    )
    folder = tmp_path / "calls"
    cxrun("init", folder, "--list", own)
    answer = cxrun("-C", folder, "lint", "--json")
    assert (answer.code, answer.out) == (0, "[]\n")

    rules = folder / "rulesets" / "retry.yaml"
    rules.write_text(rules.read_text() + "filters:\n  - where: {field: balance, ge: 100}\n")
    said = cxrun("-C", folder, "lint").out
    assert "reads field 'city'" in said
    assert "reads field 'segment'" in said
