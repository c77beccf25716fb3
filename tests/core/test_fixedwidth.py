from __future__ import annotations

from pathlib import Path

import pytest

from cxrun.contacts import Contact, read_contacts
from cxrun.errors import Problems
from cxrun.fixedwidth import LayoutColumn, rows
from cxrun.mapping import ListSettings

LAYOUT = (LayoutColumn("Id", 1, 4), LayoutColumn("Phone", 6, 12), LayoutColumn("City", 19, 8))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.txt"


def test_cells_are_cut_by_place_and_stripped(file: Path) -> None:
    file.write_bytes(b"C1  |212-555-0101 Albany  rest\r\n\r\nC2  |212-555-0102\r\nC3\r\n")
    assert list(rows(file, LAYOUT, None)) == [
        (1, ["C1", "212-555-0101", "Albany"]), (3, ["C2", "212-555-0102", ""]), (4, ["C3", "", ""]),
    ]  # fmt: skip


def test_places_are_characters_not_bytes(file: Path) -> None:
    for encoding in ("utf-8", "cp1252"):
        file.write_text("Zoë |212-555-0101 Méxi\n", encoding=encoding)
        assert list(rows(file, LAYOUT, None)) == [(1, ["Zoë", "212-555-0101", "Méxi"])]


def test_a_layout_makes_contacts(file: Path) -> None:
    file.write_text("C1   212-555-0101 Albany\n", encoding="utf-8")
    settings = ListSettings.from_mapping(
        {
            "file": "list.txt", "region": "US", "layout": [column._asdict() for column in LAYOUT],
            "map": {"client_id": "Id", "devices": ["Phone"], "fields": {"city": "City"}},
        }
    )  # fmt: skip
    (contact,) = read_contacts(file, settings)
    assert isinstance(contact, Contact)
    assert (contact.client_id, contact.devices[0].phone, contact.fields) == (
        "C1",
        "+12125550101",
        ("Albany",),
    )


def test_the_columns_of_a_layout_must_differ_and_be_those_of_the_map() -> None:
    settings = ListSettings.from_mapping(
        {
            "file": "list.txt",
            "layout": [{"column": "A", "start": 1, "width": 2}, {"column": "A", "start": 3, "width": 2}],
            "map": {"devices": ["B"]},
        }
    )  # fmt: skip
    assert settings.problems() == [(("layout", 1), "column 1 is named 'A' already; names must differ")]
    assert settings.problems_with_header(("A",)) == [(("map", "devices", 0), "no column named 'B'; known: A")]


@pytest.mark.parametrize(("content", "message"), [(b"", "is empty"), (b"x" * (1 << 20), "has no line end")])
def test_a_file_that_is_no_list_is_refused(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(Problems, match=message):
        list(rows(file, LAYOUT, None))
