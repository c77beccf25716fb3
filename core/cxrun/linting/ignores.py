"""Findings silenced in place: `# cxrun: ignore CX204` behind a line, or alone above the block it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import yaml

_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#\s*cxrun:\s*ignore\b[ \t]*(?P<codes>[^\n#]*)")
_CONTENT: Final = re.compile(r"\s*[^\s#]")


class Ignore(NamedTuple):
    """A code that is silenced from a line of a file to another, and where that is said (lines from 1)."""

    code: str
    first: int
    last: int
    line: int
    column: int


def ignores(text: str) -> Iterator[Ignore]:
    """Every code that the comments of a file silence, and for which lines.

    A comment is about the line it stands on, one that stands alone about the next line with content; and in either
    case about all that is indented below. Without a code it silences nothing, and has the code "".
    """
    lines = text.split("\n")
    inside = _scalars(text) if "cxrun:" in text else []
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for number, line in enumerate(lines):
        for found in _COMMENT.finditer(line):
            at = starts[number] + found.start()
            if any(begin <= at < end for begin, end in inside):
                continue
            first = number if _CONTENT.match(line[: found.start()]) else _next_content(lines, number)
            last = _end_of_block(lines, first)
            for code in re.split(r"[\s,]+", found["codes"].strip()):
                yield Ignore(code, first + 1, last + 1, number + 1, found.start() + 1)


def _scalars(text: str) -> list[tuple[int, int]]:
    """Where text stands that may hold a # of its own: from and to, in characters."""
    return [
        (token.start_mark.index, token.end_mark.index)
        for token in yaml.scan(text, Loader=yaml.SafeLoader)
        if isinstance(token, yaml.ScalarToken) and not token.plain
    ]


def _next_content(lines: list[str], number: int) -> int:
    later = (n for n in range(number + 1, len(lines)) if _CONTENT.match(lines[n]))
    return next(later, number)


def _end_of_block(lines: list[str], first: int) -> int:
    """The last line of the block that begins on a line: all that is indented more, and the items of its list."""
    indent = _indent(lines[first])
    item = lines[first].lstrip().startswith("-")
    last = first
    for number in range(first + 1, len(lines)):
        if not _CONTENT.match(lines[number]):
            continue
        own = _indent(lines[number])
        of_its_list = own == indent and not item and lines[number].lstrip().startswith("- ")
        if own <= indent and not of_its_list:
            break
        last = number
    return last


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
