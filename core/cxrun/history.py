"""The history of treatments applied to a chain, as the interchange column `treatments` writes it.

    <treatment>@<cycle attempt from 1>@<chain_n to dial next>@<sequence number>

Entries are joined by a space. The treatment is `ruleset/rule.step`, with `:d` if a disposition chose it, `:t` if
a technical failure did, `>` if it moved on in the chain and `>>` if the chain began anew, e.g.
`retry/1.1@2@1@1 retry/1.2>@1@2@1`. Such a move closes the sequence, and so does a change between results and
dispositions: counts start again at 1. A technical failure neither breaks a sequence nor uses it up: what it
has had is counted apart.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple, Self

MOVED_ON: Final = ">"
ANEW: Final = ">>"
TECHNICAL: Final = ":t"
_BY_DISPOSITION: Final = ":d"
MISSED: Final = "missed"
"""What stands in the place of a treatment when a callback was missed."""


def passes(text: str) -> int:
    """How often a chain with this history has begun anew."""
    return text.count(f"{ANEW}@")


class _Entry(NamedTuple):
    treatment: str
    cycle: int
    chain_n: int
    sequence: int

    @property
    def key(self) -> str:
        return self.treatment.rstrip(">").removesuffix(_BY_DISPOSITION)

    @property
    def moved_on(self) -> bool:
        return self.treatment.endswith(MOVED_ON)

    @property
    def by_disposition(self) -> bool:
        return self.treatment.rstrip(">").endswith(_BY_DISPOSITION)

    @property
    def technical(self) -> bool:
        return self.treatment.rstrip(">").endswith(TECHNICAL)


class History:
    """A parsed history; plans survive a restart because they are read back from it."""

    def __init__(self, text: str, entries: list[_Entry]) -> None:
        self._text = text
        self._entries = entries

    @classmethod
    @lru_cache(maxsize=4096)
    def read(cls, text: str) -> Self:
        """Parse the column; an empty text is a record that was never treated."""
        entries: list[_Entry] = []
        if not text:
            return cls(text, entries)
        for part in text.split():
            treatment, cycle, chain_n, sequence = part.rsplit("@", 3)
            entries.append(_Entry(treatment, int(cycle), int(chain_n), int(sequence)))
        return cls(text, entries)

    def sequence(self, *, by_disposition: bool, technical: bool = False) -> int:
        """The number of the sequence a treatment applied now belongs to, from 1."""
        for entry in reversed(self._entries):
            if entry.moved_on:
                return entry.sequence + 1
            if technical:
                return entry.sequence
            if not entry.technical:
                return entry.sequence + (entry.by_disposition is not by_disposition)
        return 1

    def applied(self, treatment: str, sequence: int) -> int:
        """How often a treatment has been applied in a sequence."""
        count = 0
        for entry in self._entries:
            count += entry.sequence == sequence and entry.key == treatment
        return count

    def passes(self, treatment: str) -> int:
        """How often the chain has begun anew since a treatment was first applied in it."""
        first = next((n for n, entry in enumerate(self._entries) if entry.key == treatment), None)
        if first is None:
            return 0
        return sum(entry.treatment.endswith(ANEW) for entry in self._entries[first:])

    @property
    def begins(self) -> bool:
        """Whether the record that is next has not been dialed since the chain came to it."""
        return not self._entries or self._entries[-1].moved_on

    def after(
        self, treatment: str, cycle: int, chain_n: int, sequence: int, *, by_disposition: bool, move: str = ""
    ) -> str:
        """The column's text once one more treatment is applied; `move` is `MOVED_ON`, `ANEW` or nothing."""
        marks = (_BY_DISPOSITION if by_disposition else "") + move
        entry = f"{treatment}{marks}@{cycle}@{chain_n}@{sequence}"
        return f"{self._text} {entry}" if self._text else entry

    @property
    def misses(self) -> int:
        """How often in a row the callback that is promised now has been missed."""
        return next(
            (n for n, entry in enumerate(reversed(self._entries)) if entry.key != MISSED), len(self._entries)
        )

    def missed(self, chain_n: int) -> str:
        """The column's text once a callback is missed; the sequence of treatments is where it was."""
        by_disposition = bool(self._entries) and self._entries[-1].by_disposition
        sequence = self.sequence(by_disposition=by_disposition)
        return self.after(MISSED, self.misses + 1, chain_n, sequence, by_disposition=by_disposition)

    def begun_anew(self, chain_n: int) -> str:
        """The column's text once the chain begins anew though nothing was dialed: its last record is excluded."""
        if not self._entries:
            return self._text
        last = self._entries[-1]
        return self.after(
            last.key, last.cycle, chain_n, last.sequence + 1, by_disposition=last.by_disposition, move=ANEW
        )
