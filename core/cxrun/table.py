"""The file of a list as rows under named columns, whichever of the known formats it is written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cxrun import fixedwidth, listfile, workbook
from cxrun.listfile import Format, checked_header, problem_in
from cxrun.mapping import ListSettings

Rows = Iterator[tuple[int, Sequence[str]]]


class Table(NamedTuple):
    """`rows` begins anew each time it is called: the line or row a row begins on, counted from 1, and its cells.

    `format` says how delimited text is written; None for other formats.
    """

    header: tuple[str, ...]
    rows: Callable[[], Rows]
    format: Format | None = None

    def header_has(self, names: Iterable[str]) -> bool:
        """Whether all of these are names of columns."""
        return set(names) <= set(self.header)


def open_table(path: Path, settings: ListSettings | None = None) -> Table:
    """Open the file of a list; what the settings leave open is found out.

    Fixed-width if there is a layout, an Excel workbook by the name of the file, else delimited text. Raises
    UserError for a file that cannot be read or lacks a header of distinct names.
    """
    how = settings or ListSettings("", {}, ())
    if how.layout:
        header = tuple(column.column for column in how.layout)
        rows: Callable[[], Rows] = partial(fixedwidth.rows, path, how.layout, how.encoding)
        if not path.is_file():
            next(rows())
        return Table(header, rows)
    if path.suffix.lower() in workbook.SUFFIXES:
        return _workbook(path, how)
    format = listfile.sniff(path, how.encoding, how.delimiter, how.header)
    return Table(format.header, partial(listfile.rows, path, format), format)


def _workbook(path: Path, how: ListSettings) -> Table:
    rows = partial(workbook.rows, path, how.sheet, how.decimal)
    if how.header is not None:
        return Table(how.header, rows)
    first = next(rows(), None)
    if first is None:
        raise problem_in(path, 1, "is empty; the first row must name the columns")
    number, cells = first
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return Table(checked_header(path, cells), partial(_below, rows, number))


def _below(rows: Callable[[], Rows], header: int) -> Rows:
    return ((number, cells) for number, cells in rows() if number > header)
