"""Excel workbooks (.xlsx), streamed: neither the rows nor the texts of a sheet are kept in memory.

Reading takes openpyxl, the extra `cxrun[xlsx]`. Its parts are put together anew here, for its own way costs memory
by the row: it reads all texts of a workbook at once, and it keeps an empty element of every row it has read.
"""

from __future__ import annotations

import datetime
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, NamedTuple

from cxrun.errors import UserError, near
from cxrun.listfile import problem_in

SUFFIXES: Final = (".xlsx", ".xlsm")
_EXACT: Final = 2.0**53
_OFFSET: Final = struct.Struct("<Q")


def rows(
    path: Path, sheet: str | None = None, decimal: str | None = None
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield each row that is not blank: its number, counted from 1, and its cells as text.

    The first sheet is read if none is named. A number without a fraction has no decimal point, so a phone
    number stays one; fractions are written with the mark `decimal`. Dates become YYYY-MM-DD, times HH:MM, with
    seconds if there are any, and truths TRUE or FALSE. Raises UserError.
    """
    _need_openpyxl(path)
    mark = decimal or "."
    number = 0
    try:
        with _opened(path) as book:
            named = _sheet(path, book, sheet)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for number, cells in _cells(book, named):
                    texts = tuple(text_of(cell, mark) for cell in cells)
                    if any(texts):
                        yield number, texts
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, LookupError, ValueError, SyntaxError) as error:
        raise problem_in(path, number + 1, f"this is no whole Excel workbook: {error}") from error


def text_of(value: Any, decimal: str = ".") -> str:
    """Return a cell as a person would type it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _EXACT:
            return str(int(value))
        return repr(value).replace(".", decimal)
    if isinstance(value, datetime.datetime):
        if value.time() == datetime.time():
            return value.date().isoformat()
        return f"{value.date().isoformat()} {_clock(value.time())}"
    if isinstance(value, datetime.time):
        return _clock(value)
    if isinstance(value, datetime.timedelta):
        seconds = round(value.total_seconds())
        text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
        return f"{text}:{seconds % 60:02}" if seconds % 60 else text
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _clock(value: datetime.time) -> str:
    return value.strftime("%H:%M:%S" if value.second else "%H:%M")


def _need_openpyxl(path: Path) -> None:
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        raise UserError(
            f"{path}: reading workbooks takes openpyxl: pip install 'cxrun[xlsx]'; or save the sheet as CSV in UTF-8"
        ) from None


class _Book(NamedTuple):
    """What is needed of a workbook: where its sheets are, its shared texts, and how its dates are told."""

    archive: zipfile.ZipFile
    sheets: Mapping[str, str]
    texts: _Texts | None
    dates: Mapping[str, Any]


@contextmanager
def _opened(path: Path) -> Iterator[_Book]:
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.styles.stylesheet import apply_stylesheet
    from openpyxl.utils.exceptions import InvalidFileException
    from openpyxl.xml.constants import SHARED_STRINGS

    try:
        reader = ExcelReader(path, read_only=True, data_only=True, keep_links=False)
    except InvalidFileException as error:
        raise problem_in(path, 1, f"is no Excel workbook: {error}") from error
    texts = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read_manifest()
            reader.read_workbook()
            apply_stylesheet(reader.archive, reader.wb)
        part = reader.package.find(SHARED_STRINGS)
        if part is not None:
            texts = _Texts(reader.archive.open(part.PartName[1:]))
        sheets = {
            sheet.name: rel.target
            for sheet, rel in reader.parser.find_sheets()
            if rel.target in reader.valid_files and "chartsheet" not in rel.Type
        }
        book = reader.wb
        dates = {
            "epoch": book.epoch,
            "date_formats": book._date_formats,
            "timedelta_formats": book._timedelta_formats,
        }
        yield _Book(reader.archive, sheets, texts, dates)
    finally:
        if texts is not None:
            texts.close()
        reader.archive.close()


def _sheet(path: Path, book: _Book, name: str | None) -> str:
    """Where the sheet is in the archive."""
    if not book.sheets:
        raise problem_in(path, 1, "the workbook has no sheet with cells")
    if name is None:
        return next(iter(book.sheets.values()))
    if name not in book.sheets:
        raise problem_in(path, 1, f"no sheet named '{name}'{near(name, book.sheets)}")
    return book.sheets[name]


def _cells(book: _Book, sheet: str) -> Iterator[tuple[int, list[Any]]]:
    """The number of each row and the values of its cells."""
    from openpyxl.worksheet._reader import DATA_TAG, ROW_TAG, WorkSheetParser
    from openpyxl.xml.functions import iterparse

    with book.archive.open(sheet) as source:
        parser = WorkSheetParser(source, book.texts, data_only=True, **book.dates)
        data: Any = None
        for event, element in iterparse(source, ("start", "end")):
            if event == "start":
                data = element if element.tag == DATA_TAG else data
            elif element.tag == ROW_TAG:
                number, cells = parser.parse_row(element)
                values: list[Any] = []
                for cell in cells:
                    values += [None] * (cell["column"] - 1 - len(values))
                    values.append(cell["value"])
                yield number, values
                data.clear()
                parser.row_dimensions.clear()
            elif element.tag == DATA_TAG:
                return


class _Texts:
    """The shared texts of a workbook: read as far as they are asked for, and kept in a file."""

    def __init__(self, source: IO[bytes]) -> None:
        self._texts: IO[bytes] = TemporaryFile()  # noqa: SIM115 - lives as long as the workbook is read
        self._ends: IO[bytes] = TemporaryFile()  # noqa: SIM115
        self._ends.write(_OFFSET.pack(0))
        self._count = self._size = 0
        self._source = source
        self._coming = self._read(source)
        self._get = lru_cache(maxsize=4096)(self._stored)

    def __getitem__(self, index: int) -> str:
        while index >= self._count:
            if next(self._coming, None) is None:
                raise ValueError(f"a cell names text {index}, and the workbook has {self._count}")
        return self._get(index)

    def close(self) -> None:
        for stream in (self._source, self._texts, self._ends):
            stream.close()

    def _stored(self, index: int) -> str:
        self._ends.seek(_OFFSET.size * index)
        begin, end = struct.unpack("<QQ", self._ends.read(2 * _OFFSET.size))
        self._texts.seek(begin)
        return self._texts.read(end - begin).decode()

    def _read(self, source: IO[bytes]) -> Iterator[int]:
        """Store a stretch of texts at a time, and say how many there are."""
        from openpyxl.cell.text import Text
        from openpyxl.xml.constants import SHEET_MAIN_NS
        from openpyxl.xml.functions import iterparse

        item, plain = f"{{{SHEET_MAIN_NS}}}si", f"{{{SHEET_MAIN_NS}}}t"
        texts: list[bytes] = []
        root: Any = None
        for event, element in iterparse(source, ("start", "end")):
            if event == "start":
                root = element if root is None else root
            elif element.tag == item:
                simple = len(element) == 1 and element[0].tag == plain
                text = element[0].text or "" if simple else Text.from_tree(element).content
                texts.append(text.replace("x005F_", "").encode())
                root.clear()
                if len(texts) == 1000:
                    yield self._store(texts)
                    texts = []
        if texts:
            yield self._store(texts)

    def _store(self, texts: list[bytes]) -> int:
        self._texts.seek(0, 2)
        self._ends.seek(0, 2)
        for text in texts:
            self._size += len(text)
            self._texts.write(text)
            self._ends.write(_OFFSET.pack(self._size))
        self._count += len(texts)
        return self._count
