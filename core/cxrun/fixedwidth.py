"""Fixed-width text files: every column begins at the same place of each line, and no line names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cxrun.errors import UserError
from cxrun.listfile import CODECS, found_encoding, problem_in


class LayoutColumn(NamedTuple):
    """A column of a fixed-width file: its first character, counted from 1, and how many there are."""

    column: str
    start: int
    width: int


def rows(path: Path, layout: Sequence[LayoutColumn], encoding: str | None) -> Iterator[tuple[int, list[str]]]:
    """Yield each line that is not blank: its number, counted from 1, and its cells in the order of the layout.

    A line may end before its last columns, which are empty then; what no column covers is not read. The
    encoding is found out if absent. Raises UserError.
    """
    cuts = [slice(column.start - 1, column.start - 1 + column.width) for column in layout]
    line = 0
    try:
        codec = CODECS[found_encoding(path, encoding)]
        with path.open(encoding=codec) as stream:
            for line, text in enumerate(stream, 1):
                text = text.rstrip("\n").replace("\0", " ")
                if text.strip():
                    yield line, [text[cut].strip() for cut in cuts]
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise problem_in(path, line + 1, "cannot be decoded from here on; has the file changed?") from error
