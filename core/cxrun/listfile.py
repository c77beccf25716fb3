"""Delimited text files: find out encoding, delimiter and header, then stream the rows.

Memory stays constant however long the file is: it is read in chunks, and neither a line nor a cell may
grow without bound.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from cxrun.errors import Mark, Problem, Problems, UserError, near

ENCODINGS: Final = ("utf-8", "windows-1252", "iso-8859-1")
"""The encodings a list may have, as users write them; a byte order mark before UTF-8 is skipped."""

CODECS: Final = {"utf-8": "utf-8-sig", "windows-1252": "cp1252", "iso-8859-1": "iso-8859-1"}
_DELIMITERS: Final = (",", ";", "\t", "|")
_NOT_WINDOWS: Final = b"\x81\x8d\x8f\x90\x9d"
_CHUNK: Final = 1 << 20
_SAMPLE: Final = 1 << 16
_SAMPLE_ROWS: Final = 50
_OTHER_FORMATS: Final = (
    (b"PK\x03\x04", "a workbook not named .xlsx, or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "compressed"),
    (codecs.BOM_UTF16_LE, "UTF-16 text"),
    (codecs.BOM_UTF16_BE, "UTF-16 text"),
)


class Format(NamedTuple):
    """How a file is written: one of `ENCODINGS`, the character between cells, the names of the columns.

    `names_columns` is false if the first line holds data like the others.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    names_columns: bool = True


def sniff(
    path: Path,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: tuple[str, ...] | None = None,
) -> Format:
    """Find out how a file is written; what is given is checked instead of guessed.

    The whole file is read once: UTF-8 if all of it is, else Windows-1252 unless bytes occur that it does
    not define, else ISO-8859-1. A `header` names the columns of a file whose first line does not. Raises
    UserError for a file that cannot be read, is empty or of another kind, is not in the given encoding, or
    lacks a header of distinct names.
    """
    if encoding is not None and encoding not in ENCODINGS:
        raise UserError(f"{path}: no encoding named '{encoding}'{near(encoding, ENCODINGS)}")
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise UserError(f"{path}: {delimiter!r} cannot be the delimiter; it must be one character, e.g. ';'")
    try:
        encoding = found_encoding(path, encoding)
        if delimiter is None:
            delimiter = _delimiter(path, encoding)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if header is not None:
        return Format(encoding, delimiter, header, names_columns=False)
    _, cells = next(_all_rows(path, encoding, delimiter), (1, []))
    return Format(encoding, delimiter, checked_header(path, cells))


def rows(path: Path, format: Format) -> Iterator[tuple[int, list[str]]]:
    """Yield each row of data: the line it begins on, counted from 1, and its cells.

    Blank lines are passed over and NUL characters are dropped. Raises UserError.
    """
    lines = _all_rows(path, format.encoding, format.delimiter)
    if format.names_columns:
        next(lines, None)
    for line, cells in lines:
        if cells:
            yield line, cells


def _all_rows(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    line = 1
    try:
        with path.open(encoding=CODECS[encoding], newline="") as stream:
            reader = csv.reader(_without_nul(stream), delimiter=delimiter, strict=True)
            for cells in reader:
                yield line, cells
                line = reader.line_num + 1
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise problem_in(path, line, f"is not {encoding} text from here on; has the file changed?") from error
    except csv.Error as error:
        raise problem_in(path, line, _why_malformed(str(error), delimiter)) from error


def _without_nul(stream: TextIO) -> Iterator[str]:
    for line in stream:
        yield line.replace("\0", "") if "\0" in line else line


def _why_malformed(error: str, delimiter: str) -> str:
    if "field limit" in error:
        limit = csv.field_size_limit()
        return f"a cell of this row has over {limit} characters; is a quote opened here that never closes?"
    if "unexpected end of data" in error:
        return "a quote opened in this row is never closed; close it, or double it if it belongs to the text"
    if "expected after" in error:
        return f"after a closing quote must come '{delimiter}' or the end of the line; double a quote inside a cell"
    return f"this row cannot be read: {error}"


def found_encoding(path: Path, given: str | None) -> str:
    """Return the encoding of the file, having read all of it."""
    utf8 = codecs.getincrementaldecoder("utf-8")("strict")
    faults: dict[str, Problems] = {}
    line = 1
    with path.open("rb") as stream:
        chunk = stream.read(_CHUNK)
        if not chunk.strip():
            raise problem_in(path, 1, "is empty; the first line must name the columns")
        for signature, kind in _OTHER_FORMATS:
            if chunk.startswith(signature):
                raise problem_in(path, 1, f"is {kind}; save it as CSV in UTF-8")
        while chunk:
            if len(chunk) == _CHUNK and b"\n" not in chunk and b"\r" not in chunk:
                raise problem_in(path, line, f"has no line end in {_CHUNK} bytes; this is no list of rows")
            following = stream.read(_CHUNK)
            if "utf-8" not in faults:
                try:
                    utf8.decode(chunk, final=not following)
                except UnicodeDecodeError as error:
                    before, byte = error.object[: error.start], error.object[error.start]
                    faults["utf-8"] = _wrong_byte(path, line + before.count(b"\n"), byte, "utf-8")
            if "windows-1252" not in faults and len(chunk.translate(None, _NOT_WINDOWS)) < len(chunk):
                at = min(chunk.index(byte) for byte in _NOT_WINDOWS if byte in chunk)
                before, byte = chunk[:at], chunk[at]
                faults["windows-1252"] = _wrong_byte(path, line + before.count(b"\n"), byte, "windows-1252")
            line += chunk.count(b"\n")
            chunk = following
    if given in faults:
        raise faults[given]
    return given or next(name for name in ENCODINGS if name not in faults)


def _delimiter(path: Path, encoding: str) -> str:
    """Return the delimiter under which most rows are as wide as the header, the widest of equals."""
    with path.open(encoding=CODECS[encoding], newline="") as stream:
        sample = stream.read(_SAMPLE)
        if stream.read(1):
            sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample

    def score(delimiter: str) -> tuple[float, int]:
        widths = []
        try:
            for cells in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
                if cells:
                    widths.append(len(cells))
                if len(widths) == _SAMPLE_ROWS:
                    break
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(_DELIMITERS, key=score)


def checked_header(path: Path, cells: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns as the first line gives them. Raises UserError if they are not distinct."""
    header = tuple(cell.strip() for cell in cells)
    if not any(header):
        raise problem_in(path, 1, "the first line is blank; it must name the columns")
    problems = []
    for index, name in enumerate(header):
        if not name:
            message = f"column {index + 1} has no name; name it, or remove it from all lines"
        elif (first := header.index(name)) != index:
            message = f"columns {first + 1} and {index + 1} are both named '{name}'; names must differ"
        else:
            continue
        problems.append(Problem(Mark(str(path)), "", message))
    if problems:
        raise Problems(problems)
    return header


def _wrong_byte(path: Path, line: int, byte: int, encoding: str) -> Problems:
    return problem_in(
        path, line, f"byte 0x{byte:02x} is not {encoding}; name the file's own encoding, or none"
    )


def problem_in(path: Path, line: int, message: str) -> Problems:
    """A problem with a line of a list."""
    return Problems([Problem(Mark(str(path), line), "", message)])
