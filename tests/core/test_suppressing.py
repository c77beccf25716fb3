"""Importing a suppression list."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cxrun.suppressing
from cxrun.errors import UserError
from cxrun.numbers import BadNumber, parse_number, to_e164
from cxrun.store import Store
from cxrun.suppressing import EntryImport, import_entries

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder


def imported(folder: Path, text: str, **told: Any) -> tuple[EntryImport, list[tuple[Any, ...]]]:
    """The entries a file brings: kind, key, from, till."""
    file = folder / "list.csv"
    file.write_text(text, encoding="utf-8")
    usual: dict[str, Any] = {
        "now": 0.0, "valid_from": 0.0, "valid_till": None, "region": "US", "clients": False, "column": None,
    }  # fmt: skip
    with closing(Store(folder / "cxrun.db")) as store:
        result = import_entries(store, file, "dnc", folder, **(usual | told))
        rows = store.connection.execute(
            "SELECT kind, key, valid_from, valid_till FROM suppressions ORDER BY 1, 2"
        ).fetchall()
    return result, rows


@pytest.mark.parametrize(
    ("text", "told", "keys"),
    [
        ("2125550100\n(312) 555-0101\n", {}, [("device", "+12125550100"), ("device", "+13125550101")]),
        ("+12125550100\n", {}, [("device", "+12125550100")]),
        ("C1\nC2\n", {"clients": True}, [("client", "C1"), ("client", "C2")]),
        ("Number;Name\n2125550100;Ada\n", {}, [("device", "+12125550100")]),
        ("client_id,phone\nC1,2125550100\n", {}, [("client", "C1"), ("device", "+12125550100")]),
        ("client_id,phone\nC1,2125550100\n", {"clients": True}, [("client", "C1")]),
        ("Rufnummer,x\n030 23125 000,1\n", {"column": "Rufnummer", "region": "DE"}, [("device", "+493023125000")]),
        ("2125550100\n2125550100\n", {}, [("device", "+12125550100")]),
    ],
)  # fmt: skip
def test_a_file_with_or_without_a_header_is_understood(
    tmp_path: Path, text: str, told: dict[str, Any], keys: list[tuple[str, str]]
) -> None:
    result, rows = imported(tmp_path, text, **told)
    assert [row[:2] for row in rows] == keys
    assert (result.rejected, result.rejects) == (0, None)


def test_entries_count_from_and_till_what_the_row_says_or_the_command(tmp_path: Path) -> None:
    _, rows = imported(
        tmp_path, "number,from,till\n2125550100,2026-01-01,2026-02-01\n2125550101,,\n", valid_till=5e9
    )
    assert rows == [
        ("device", "+12125550100", 1767225600.0, 1769904000.0),
        ("device", "+12125550101", 0.0, 5e9),
    ]


@pytest.mark.parametrize(
    ("text", "told", "message"),
    [
        ("name,age\nAda,7\n", {}, "neither a header nor a number"),
        ("phone\n2125550100\n", {"column": "fone"}, "no column named 'fone'; did you mean 'phone'?"),
        ("phone\n2125550100\n", {"clients": True}, "no column `client`"),
        ("", {}, "is empty"),
    ],
)
def test_a_file_that_holds_no_entries_is_refused_whole(
    tmp_path: Path, text: str, told: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        imported(tmp_path, text, **told)


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    first = imported(tmp_path, "2125550100\n2125550101\n")[1]
    assert imported(tmp_path, "2125550100\n2125550101\n")[1] == first


def test_every_batch_is_committed_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cxrun.suppressing, "BATCH", 10)
    told = []
    numbers = "".join(f"212555{n:04}\n" for n in range(95))
    imported(tmp_path, numbers, watch=lambda result: told.append(result.entries))
    assert told == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95]


@given(st.sampled_from(["+1212555{:04}", "(212) 555-{:04}", "1-312-555-{:04}", "+4930231{:04}", "{:04}", "+{:04}"]),
       st.integers(0, 9999), st.sampled_from(["US", "DE", None]))  # fmt: skip
def test_the_quick_way_reads_a_number_as_lists_do(form: str, digits: int, region: str | None) -> None:
    text = form.format(digits)
    try:
        expected = parse_number(text, region).e164
    except BadNumber:
        return
    assert to_e164(text, region) == expected


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_memory_does_not_grow_with_the_file(
    project: Callable[..., ProjectFolder], cxrun: Callable[..., Answer]
) -> None:
    """Ten times the lines may fill the page cache of the database, and nothing else."""
    folder = project(3).folder
    peaks = []
    for size in (5_000, 50_000):
        (folder / "list.txt").write_text(
            "".join(f"+1{212 + n % 3}{200 + n // 1000:03}{n % 1000:04}\n" for n in range(size))
        )
        script = (
            "import sys; from cxrun.cli import run; assert run(sys.argv[1:]) == 0; "
            "print(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])"
        )
        said = subprocess.run(
            [sys.executable, "-c", script, "-C", folder, "dnc", "import", folder / "list.txt"],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        peaks.append(int(said.stdout.split()[-1]))
    assert peaks[1] - peaks[0] < 24 * 1024, peaks
