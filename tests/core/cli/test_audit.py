from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def tamper(dialed: ProjectFolder) -> None:
    with closing(sqlite3.connect(dialed.store_file)) as database:
        database.execute("UPDATE journal SET call_result = 33 WHERE seq = 7")
        database.commit()


# --- verify ----------------------------------------------------------------------------------------


def test_a_sound_store_is_said_to_be_and_its_head_can_be_noted(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "audit", "verify")
    assert answer.code == 0, answer.out
    head = next(line.split()[1] for line in answer.out.splitlines() if line.startswith("head "))
    assert "nothing was changed, taken out or put in" in answer.out
    assert cxrun("-C", dialed.folder, "audit", "verify", "--after", head).code == 0
    assert cxrun("-C", dialed.folder, "audit", "verify", "--head", head.partition(":")[2]).code == 0
    assert cxrun("-C", dialed.folder, "audit", "verify", "--head", "1" * 64).code == 1


def test_a_changed_row_exits_1_and_says_which(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    tamper(dialed)
    answer = cxrun("-C", dialed.folder, "audit", "verify")
    assert answer.code == 1
    row = next(line for line in answer.out.splitlines() if line.startswith("cxrun.db"))
    assert row.split()[1] == "7"
    assert "it was changed, or row 6 before it and its digest with it" in row
    data = json.loads(cxrun("-C", dialed.folder, "audit", "verify", "--json").out)
    assert (data["sound"], data["findings"][0]["seq"]) == (False, 7)


def test_a_store_can_be_verified_without_its_project(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    (dialed.folder / "campaign.yaml").unlink()
    answer = cxrun("audit", "verify", dialed.store_file)
    assert answer.code == 0
    assert "head " in answer.out


def test_a_file_that_is_no_store_is_left_alone(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    other = dialed.folder / "other.db"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE mine (x)")
    before = other.read_bytes()
    answer = cxrun("audit", "verify", other)
    assert answer.code == 3
    assert "is no store of cxrun" in answer.err
    assert other.read_bytes() == before
    assert cxrun("audit", "verify", dialed.folder / "people.csv").code == 3


@pytest.mark.parametrize("wrong", [("--head", "abc"), ("--after", "12")])
def test_what_is_no_digest_exits_3(cxrun: Cxrun, dialed: ProjectFolder, wrong: tuple[str, str]) -> None:
    answer = cxrun("-C", dialed.folder, "audit", "verify", *wrong)
    assert answer.code == 3
    assert f"'{wrong[1]}' is no" in answer.err


# --- certificate -----------------------------------------------------------------------------------


def test_every_attempt_has_a_certificate(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    for record_id, attempt in dialed.query("SELECT record_id, attempt FROM attempts"):
        answer = cxrun("-C", dialed.folder, "audit", "certificate", f"{record_id}-{attempt}")
        assert answer.code == 0, answer.out
        assert answer.out.startswith(f"attempt {record_id}-{attempt}: allowed")
        assert re.search(r"rulesets/retry.yaml:[0-9]+ suppression  pass", answer.out)


def test_a_record_a_number_and_a_client_mean_the_latest_attempt(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    for meant in ("1", "+12125550100"):
        data = json.loads(cxrun("-C", dialed.folder, "audit", "certificate", meant, "--json").out)
        assert data["call"]["phone"] == "+12125550100"
        assert data["attempt_id"].startswith("1-")
    both = cxrun("-C", dialed.folder, "audit", "certificate", "C1")
    assert both.code == 3
    assert "'C1' may mean the records 1, 2; give one of them" in both.err
    assert cxrun("-C", dialed.folder, "audit", "certificate", "1-99").code == 3


def test_a_page_is_written_beside_the_text(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    page = dialed.folder / "certificate.html"
    answer = cxrun("-C", dialed.folder, "audit", "certificate", "1-1", "--html", page)
    assert answer.code == 0
    assert f"wrote {page}" in answer.out
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "Certificate of attempt 1-1" in text
    assert "src=" not in text


def test_a_certificate_that_tells_against_the_call_exits_1(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    with closing(sqlite3.connect(dialed.store_file)) as database:
        database.execute("INSERT INTO suppressions VALUES ('device', '+12125550100', 'dnc', 0, NULL)")
        database.commit()
    answer = cxrun("-C", dialed.folder, "audit", "certificate", "1-1")
    assert answer.code == 1
    assert "attempt 1-1: objected to" in answer.out


# --- pack and redact -------------------------------------------------------------------------------


def test_a_pack_is_written_verified_and_not_written_over(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    folder = dialed.folder / "march"
    asked = (
        "-C",
        dialed.folder,
        "audit",
        "pack",
        "--since",
        "2026-03-01",
        "--until",
        "2026-04-01",
        "-o",
        folder,
    )
    answer = cxrun(*asked)
    assert answer.code == 0, answer.err
    assert "SHA-256 of the manifest" in answer.out
    checked = cxrun("audit", "verify", folder)
    assert checked.code == 0
    assert "every file is as it was written" in checked.out
    assert cxrun(*asked).code == 3
    with (folder / "attempts.csv").open("a") as stream:
        stream.write("1-9,1,9\n")
    changed = cxrun("audit", "verify", folder)
    assert changed.code == 1
    assert "attempts.csv was changed" in changed.out


def test_redaction_asks_first_and_says_what_it_did(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    dry = cxrun("-C", dialed.folder, "audit", "redact", "--client", "C1", "--dry-run")
    assert "1 customer with 2 records" in dry.out
    assert "nothing was changed" in dry.out
    assert dialed.query("SELECT count(*) FROM contacts_1 WHERE client_id = 'C1'") == [(1,)]
    done = cxrun("-C", dialed.folder, "audit", "redact", "--client", "C1", "--yes", "--why", "request 17")
    assert done.code == 0, done.err
    assert done.out.startswith("redacted 1 customer with 2 records")
    assert dialed.query("SELECT count(*) FROM contacts_1 WHERE client_id = 'C1'") == [(0,)]
    assert cxrun("-C", dialed.folder, "audit", "verify").code == 0
    told = cxrun("-C", dialed.folder, "explain", "1")
    assert "personal data redacted: request 17" in told.out
    certificate = cxrun("-C", dialed.folder, "audit", "certificate", "1")
    assert certificate.code == 1
    assert "not to be told" in certificate.out


def test_redaction_wants_to_know_whom(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    assert cxrun("-C", dialed.folder, "audit", "redact").code == 2
    assert cxrun("-C", dialed.folder, "audit", "redact", "--client", "C1", "--number", "+1").code == 2
    without = cxrun("-C", dialed.folder, "audit", "redact", "--client", "C2", "-y", "--why", " ")
    assert (without.code, "say --why" in without.err) == (2, True)
    assert dialed.query("SELECT count(*) FROM contacts_1 WHERE client_id = 'C2'") == [(1,)]
    nobody = cxrun("-C", dialed.folder, "audit", "redact", "--client", "nobody", "-y", "--why", "r 1")
    assert nobody.code == 3
    assert "nobody in" in nobody.err


@pytest.mark.parametrize("command", ["verify", "certificate", "pack", "redact"])
def test_help_of_every_subcommand_has_an_example(cxrun: Cxrun, command: str) -> None:
    answer = cxrun("audit", command, "--help")
    assert answer.code == 0
    assert f"Example:\n    cxrun audit {command}" in answer.out


def test_nothing_that_rules_compared_is_told_of_a_redacted_customer(
    cxrun: Cxrun, project: Callable[..., ProjectFolder]
) -> None:
    rules = """\
ruleset: retry
filters: [{where: {all: [{field: balance, lt: 50000}, {field: illness, ne: none}]}}]
treatments: [{on: other, do: [{retry_in: {interval: 1d, attempts: 9}}]}]
"""
    folder = project(3, rules={"retry": rules})
    folder.write(
        "people.csv", "Client,Phone 1,First,Amount,Illness\nC1,2125550100,Adalbert,41373,migraineq\n"
    )
    folder.campaign["lists"]["people"]["map"] |= {
        "first_name": "First", "fields": {"balance": {"column": "Amount", "type": "integer"}, "illness": "Illness"},
    }  # fmt: skip
    folder.save()
    cxrun("-C", folder.folder, "run", "--limit", "1")
    private = ("41373", "41,373", "migraineq", "Adalbert", "5550100")
    asked = [
        ("explain", "1"),
        ("explain", "1", "--at", "now"),
        ("audit", "certificate", "1-1"),
        ("status", "--why"),
    ]
    before = "".join(cxrun("-C", folder.folder, *command).out for command in asked)
    assert "balance is 41373; illness is migraineq" in before

    done = cxrun("-C", folder.folder, "audit", "redact", "--client", "C1", "--why", "request 17", "-y")
    assert done.code == 0, done.err

    for command in (*asked, ("export", "people", "--records"), ("export", "people", "--results")):
        answer = cxrun("-C", folder.folder, *command)
        assert not [word for word in private if word in answer.out + answer.err], command
    kept = b"".join(file.read_bytes() for file in folder.folder.glob("cxrun.db*"))
    assert not [word for word in private if word.encode() in kept]
