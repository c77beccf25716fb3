"""Workbooks: cells of every type as sensible text, in memory that does not grow with the rows."""

from __future__ import annotations

import datetime
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pytest

from cxrun.contacts import Contact, read_contacts
from cxrun.errors import Problems, UserError
from cxrun.mapping import ListSettings
from cxrun.table import open_table
from cxrun.workbook import rows, text_of


def save(path: Path, table: list[list[Any]], title: str = "Sheet") -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = title
    for row in table:
        book.active.append(row)
    book.save(path)
    return path


def shared(path: Path, table: list[list[str]]) -> Path:
    """A workbook whose texts are shared, as Excel itself writes them."""
    texts = {text: index for index, text in enumerate(dict.fromkeys(cell for row in table for cell in row))}
    save(path, [["x"]])
    lines = "".join(
        f'<row r="{number}" ht="15" customHeight="1">'
        + "".join(
            f'<c r="{chr(65 + at)}{number}" t="s"><v>{texts[cell]}</v></c>' for at, cell in enumerate(row)
        )
        + "</row>"
        for number, row in enumerate(table, 1)
    )
    items = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    parts = {
        "xl/worksheets/sheet1.xml": f"<worksheet {space}><sheetData>{lines}</sheetData></worksheet>",
        "xl/sharedStrings.xml": f"<sst {space}>{items}</sst>",
    }
    with zipfile.ZipFile(path) as old:
        kept = {name: old.read(name) for name in old.namelist() if name not in parts}
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}" /></Types>'
    kept["[Content_Types].xml"] = kept["[Content_Types].xml"].replace(b"</Types>", override.encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in (kept | {name: text.encode() for name, text in parts.items()}).items():
            new.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("02134", "02134"),
        (2025550123.0, "2025550123"),
        (2025550123, "2025550123"),
        (1204.5, "1204.5"),
        (1e300, "1e+300"),
        (True, "TRUE"),
        (datetime.datetime(2026, 3, 2), "2026-03-02"),
        (datetime.datetime(2026, 3, 2, 9, 30), "2026-03-02 09:30"),
        (datetime.time(8, 0), "08:00"),
        (datetime.time(8, 0, 5), "08:00:05"),
        (datetime.timedelta(hours=26, minutes=3), "26:03"),
    ],
)
def test_a_cell_is_what_a_person_would_type(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_fraction_has_the_decimal_mark_of_the_list() -> None:
    assert text_of(1204.5, ",") == "1204,5"


def test_types_survive_the_file(tmp_path: Path) -> None:
    path = save(
        tmp_path / "list.xlsx",
        [["Id", "Phone", "From", "Due", "Debt"],
         ["C1", 2125550101, datetime.time(9, 0), datetime.date(2026, 3, 2), 7.25],
         [], ["C2", 2125550102.0, None, None, 3]],
    )  # fmt: skip
    assert list(rows(path)) == [
        (1, ("Id", "Phone", "From", "Due", "Debt")),
        (2, ("C1", "2125550101", "09:00", "2026-03-02", "7.25")),
        (4, ("C2", "2125550102", "", "", "3")),
    ]
    settings = ListSettings.from_mapping(
        {
            "file": "list.xlsx", "region": "US", "decimal": ",",
            "map": {"client_id": "Id", "daily_from": "From", "devices": ["Phone"],
                    "fields": {"day": "Due", "debt": {"column": "Debt", "type": "number"}}},
        }
    )  # fmt: skip
    first, second = read_contacts(path, settings)
    assert isinstance(first, Contact)
    assert isinstance(second, Contact)
    assert (first.devices[0].phone, first.daily_from, first.fields) == (
        "+12125550101",
        32400,
        ("2026-03-02", 7.25),
    )
    assert (second.row, second.devices[0].phone) == (4, "+12125550102")


def test_shared_texts_are_found_in_any_order(tmp_path: Path) -> None:
    table = [[f"name {n % 1700}", f"é & <{5000 - n}>"] for n in range(5000)]
    path = shared(tmp_path / "list.xlsx", [["a", "b"], *table])
    assert [list(cells) for _, cells in rows(path)] == [["a", "b"], *table]


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks = []
    for size in (10000, 40000):
        path = shared(
            tmp_path / f"{size}.xlsx",
            [["a", "b"], *([f"first name {n}", f"+1212555{n:06}"] for n in range(size))],
        )
        tracemalloc.start()
        assert sum(1 for _ in rows(path)) == size + 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3, peaks


def test_a_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "list.xlsx", [["a"], ["1"]], "Customers")
    assert list(rows(path, "Customers"))[1] == (2, ("1",))
    with pytest.raises(Problems, match="no sheet named 'Custmers'; did you mean 'Customers'"):
        list(rows(path, "Custmers"))


def test_the_header_is_the_first_row_that_is_not_blank(tmp_path: Path) -> None:
    path = save(tmp_path / "list.xlsx", [[], ["Id", "Phone", None], ["C1", "x", None]])
    table = open_table(path)
    assert table.header == ("Id", "Phone")
    assert [(number, tuple(cells)[:2]) for number, cells in table.rows()] == [(3, ("C1", "x"))]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"PK\x03\x04rest", b""])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"list\.xlsx:1:1: .*Excel workbook"):
        open_table(path)


def test_without_openpyxl_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UserError, match=r"pip install 'cxrun\[xlsx\]'"):
        open_table(tmp_path / "list.xlsx")
