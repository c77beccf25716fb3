from __future__ import annotations

from itertools import islice
from pathlib import Path
from tracemalloc import get_traced_memory, start, stop

import pytest

from cxrun.errors import Problems, UserError
from cxrun.listfile import Format, rows, sniff


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


@pytest.mark.parametrize(
    ("content", "encoding", "cell"),
    [
        ("Name,Phone\nZoë,1\n".encode(), "utf-8", "Zoë"),
        ("Name,Phone\nZoë,1\n".encode("utf-8-sig"), "utf-8", "Zoë"),
        ("Name,Phone\nZoë €,1\n".encode("cp1252"), "windows-1252", "Zoë €"),
        (b"Name,Phone\nZo\xeb \x81,1\n", "iso-8859-1", "Zoë \x81"),
        (b"Name,Phone\nZoe,1\n", "utf-8", "Zoe"),
        (b"Name,Phone\nZo\xeb", "windows-1252", "Zoë"),
    ],
)
def test_encoding_is_found_by_reading_the_whole_file(
    file: Path, content: bytes, encoding: str, cell: str
) -> None:
    file.write_bytes(content)
    format = sniff(file)
    assert format.encoding == encoding
    assert format.header == ("Name", "Phone")
    assert next(rows(file, format))[1][0] == cell


def test_byte_that_is_not_utf_8_far_into_the_file_still_decides(file: Path) -> None:
    file.write_bytes(b"a,b\n" + b"x,\xc3\xa9\n" * 500_000 + b"x,\xe9\n")
    assert sniff(file).encoding == "windows-1252"


def test_character_cut_by_the_end_of_a_chunk_is_whole(file: Path) -> None:
    file.write_bytes(b"a,b\n" + b"x" * ((1 << 20) - 5) + b"\xc3\xa9,1\n")
    assert sniff(file).encoding == "utf-8"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_the_one_that_makes_rows_as_wide_as_the_header(file: Path, delimiter: str) -> None:
    lines = [["Name", "Street, No", "Sum"], ["A", "High St, 1", "1,5"], ["B", "Low St; 2", "2,5"]]
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in line] for line in lines]
    file.write_text("\n".join(delimiter.join(line) for line in quoted))
    format = sniff(file)
    assert format.delimiter == delimiter
    assert [cells for _, cells in rows(file, format)] == lines[1:]


def test_delimiter_and_encoding_can_be_given(file: Path) -> None:
    file.write_bytes("a^b,c\né^2\n".encode("latin-1"))
    format = sniff(file, "iso-8859-1", "^")
    assert format == Format("iso-8859-1", "^", ("a", "b,c"))
    assert list(rows(file, format)) == [(2, ["é", "2"])]


def test_row_is_numbered_by_the_line_it_begins_on(file: Path) -> None:
    file.write_bytes(b'a,b\r\n1,"two\r\nlines"\r\n\r\n3,4\r\n')
    assert list(rows(file, sniff(file))) == [(2, ["1", "two\r\nlines"]), (5, ["3", "4"])]


def test_nul_characters_are_dropped(file: Path) -> None:
    file.write_bytes(b"a,b\n1\x00,2\n")
    assert list(rows(file, sniff(file))) == [(2, ["1", "2"])]


def test_list_may_have_one_column_and_no_rows(file: Path) -> None:
    file.write_text("Phone")
    format = sniff(file)
    assert format.header == ("Phone",)
    assert list(rows(file, format)) == []


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", 1, "is empty; the first line must name the columns"),
        (b"\n \n", 1, "is empty"),
        (b"\na,b\n", 1, "the first line is blank"),
        (b"a,,c\n", 1, "column 2 has no name"),
        (b"a,b,a\n", 1, "columns 1 and 3 are both named 'a'"),
        (b"PK\x03\x04rest", 1, "is a workbook not named .xlsx"),
        ("a,b\n".encode("utf-16"), 1, "is UTF-16 text; save it as CSV in UTF-8"),
        (b"x" * (1 << 20), 1, "has no line end"),
    ],
)
def test_file_that_is_no_list_is_refused(file: Path, content: bytes, line: int, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(Problems) as caught:
        sniff(file)
    assert str(caught.value).startswith(f"{file}:{line}:")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b'a,b\n1,2\n3,"4\n5,6\n', 3, "a quote opened in this row is never closed"),
        (b'a,b\n1,2\n"3"x,4\n', 3, "after a closing quote must come ','"),
        (b"a,b\n1,2\n3," + b"y" * 200_000 + b"\n", 3, "has over 131072 characters"),
    ],
)
def test_malformed_row_is_refused_by_its_line(file: Path, content: bytes, line: int, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(Problems) as caught:
        list(rows(file, sniff(file, delimiter=",")))
    assert str(caught.value).startswith(f"{file}:{line}:")
    assert message in str(caught.value)


def test_all_faults_of_a_header_are_told(file: Path) -> None:
    file.write_text("a,,a\n")
    with pytest.raises(Problems) as caught:
        sniff(file)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("encoding", "content", "line"),
    [
        ("utf-8", b"a,b\nx,y\nx,\xe9\n", 3),
        ("utf-8", b"a,b\nx,\xc3", 2),
        ("windows-1252", b"a,b\nx,\x81\n", 2),
    ],
)
def test_wrong_encoding_is_refused_where_it_first_fails(
    file: Path, encoding: str, content: bytes, line: int
) -> None:
    file.write_bytes(content)
    with pytest.raises(Problems) as caught:
        sniff(file, encoding)
    assert str(caught.value).startswith(f"{file}:{line}:")
    assert f"is not {encoding}" in str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "delimiter", "message"),
    [("utf8", None, "did you mean 'utf-8'?"), (None, "::", "must be one character")],
)
def test_unknown_way_of_writing_is_refused(
    file: Path, encoding: str | None, delimiter: str | None, message: str
) -> None:
    file.write_text("a,b\n")
    with pytest.raises(UserError, match=r"list\.csv") as caught:
        sniff(file, encoding, delimiter)
    assert message in str(caught.value)


def test_missing_file_is_a_user_error(file: Path) -> None:
    with pytest.raises(UserError, match=r"list\.csv: cannot be read: No such file"):
        sniff(file)
    with pytest.raises(UserError, match=r"list\.csv: cannot be read: No such file"):
        next(rows(file, Format("utf-8", ",", ("a",))))


def test_file_that_changed_its_encoding_after_the_look_is_refused(file: Path) -> None:
    file.write_bytes(b"a,b\nx,\xe9\n")
    with pytest.raises(Problems, match="is not utf-8 text from here on"):
        list(rows(file, Format("utf-8", ",", ("a", "b"))))


def test_reading_takes_constant_memory(file: Path) -> None:
    file.write_bytes(b"a,b\n" + b"some text,more text\n" * 600_000)
    start()
    try:
        count = sum(1 for _ in islice(rows(file, sniff(file)), 100_000))
        _, peak = get_traced_memory()
    finally:
        stop()
    assert count == 100_000
    assert peak < 8 << 20
