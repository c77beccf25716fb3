"""What can go wrong, and whose turn it is to mend it.

    CxrunError              caught in one place, `cxrun.cli`
    ├── UserError           the user's files or plugins are wrong: exit code 3
    │   ├── Problems        several of them, each with its file, line and column
    │   └── PluginError     a plugin cannot be used; the message names it
    └── RunInterrupted      Ctrl-C, after the batch in hand was committed: exit code 130

Whatever else escapes is a bug of ours and leaves with exit code 4.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class CxrunError(Exception):
    """Root of every error that `cxrun` raises on purpose."""


class UserError(CxrunError):
    """Something the user wrote cannot be used; the message says what and what would be right."""


class PluginError(UserError):
    """A plugin cannot be loaded or registered."""


class RunInterrupted(CxrunError):
    """The user asked to stop; everything up to this moment is committed."""


class Mark(NamedTuple):
    """A place in a file: line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One thing that is wrong: where, at which path inside the document, and what."""

    mark: Mark
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.mark}: {self.path}: {self.message}" if self.path else f"{self.mark}: {self.message}"


class Problems(UserError):
    """All problems found, in the order of file and line; never only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def near(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the known word closest to `word`, else the list of known words."""
    words = sorted({*known})
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(words)}" if words else ""
