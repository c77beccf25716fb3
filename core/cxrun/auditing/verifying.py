"""Whether the journal is as it was written, and whether the rest of the store agrees with it.

Each row's digest covers its content and the digest before it. So a changed row does not fit, and whoever makes
it fit must write every digest after it anew; then the last digest, the head, is another one than somebody
has noted elsewhere. Nothing is held in memory but the rows that do not fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cxrun.errors import UserError
from cxrun.store.database import Store
from cxrun.store.evidence import (
    JournalRow,
    all_contents,
    all_reasons,
    disagreements,
    figures,
    row_at,
    rows,
    snapshot,
    stored_reason,
)
from cxrun.store.journal import GENESIS, content_of, reason_digest

_PENDING: Final = 64
"""Rows in a row that do not fit, after which no way is sought to make them fit."""
_SHIFTS: Final = 32
"""So many rows may have been taken out together, and the rest numbered anew, and still be counted."""


class Finding(NamedTuple):
    """Something that is not as it was written; `seq` and `record_id` are 0 and `at` None where there is none."""

    what: str
    seq: int = 0
    at: float | None = None
    record_id: int = 0


class Head(NamedTuple):
    """A row of the journal and its digest: it stands for everything up to there."""

    seq: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest.hex()}"

    @classmethod
    def read(cls, text: str) -> Head:
        """A head as it was printed, SEQ:DIGEST. Raises UserError."""
        seq, _, digest = text.partition(":")
        if seq.isascii() and seq.isdigit() and _is_digest(digest):
            return cls(int(seq), bytes.fromhex(digest))
        raise UserError(
            f"'{text}' is no head of a journal; write it as `cxrun audit verify` prints it, 59:8c1f..."
        )


@dataclass
class Verified:
    """What was looked at and what was found."""

    head: Head
    rows: int = 0
    redacted: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    most: int = 100

    def add(self, finding: Finding) -> None:
        """Keep a finding, or count it if there are too many already."""
        if len(self.findings) < self.most:
            self.findings.append(finding)
        else:
            self.more += 1

    @property
    def sound(self) -> bool:
        return not self.findings


class _Way(NamedTuple):
    """One way in which the rows that do not fit may have come about, and what the next row must then follow."""

    digest: bytes
    shift: int
    what: str


def verify(
    store: Store,
    *,
    since: Head | None = None,
    head: str | None = None,
    most: int = 100,
    watch: Callable[[int], None] = lambda rows: None,
) -> Verified:
    """Walk through the journal and compare the other tables with it; at most `most` findings are kept.

    With `since` the walk begins after that row, and it must still have that digest. `head` is a digest that some
    row must have. Raises UserError if `head` is no digest.
    """
    if head is not None and not _is_digest(head):
        raise UserError(f"'{head}' is no digest; it has 64 digits from 0 to f")
    wanted = None if head is None else bytes.fromhex(head)
    with snapshot(store):
        verified = Verified(since or Head(0, GENESIS), most=most)
        if since is not None:
            found = row_at(store, since.seq) if since.seq else None
            if since.seq and found is None:
                verified.add(Finding(f"row {since.seq} is missing, whose digest was noted", since.seq))
            elif found is not None and found.digest != since.digest:
                verified.add(
                    Finding("its digest is not the one that was noted", since.seq, found.at, found.record_id)
                )
                verified.head = Head(found.seq, found.digest)
        contains = wanted is None or wanted == verified.head.digest
        walk = Walk(store, verified)
        for row in rows(store, verified.head.seq):
            walk.follow(row)
            contains = contains or row.digest == wanted
            if row.seq % 50_000 == 0:
                watch(row.seq)
        walk.finish()
        if not contains and wanted is not None:
            verified.add(Finding(f"no row has the digest {wanted.hex()}, which was the head once"))
        for reason_id, kept in all_reasons(store):
            if kept.salt is None:
                verified.redacted += 1
            elif reason_digest(kept.salt, kept.columns) != kept.digest:
                verified.add(
                    Finding(f"the text of reason {reason_id} was changed: it says now '{kept.columns[1]}'")
                )
        for digest, text in all_contents(store):
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                verified.add(Finding(f"the file {digest[:12]}, which runs were frozen with, was changed"))
        for found_so in disagreements(store):
            verified.add(Finding(found_so.what, found_so.seq, found_so.at or None, found_so.record_id))
        verified.figures = figures(store)
    return verified


class Walk:
    """Follows the chain row by row; `verified.head` is the last row it has seen."""

    def __init__(self, store: Store, verified: Verified) -> None:
        self._verified = verified
        self._base = _Way(verified.head.digest, 0, "")
        self._ways = [self._base]
        self._pending: list[JournalRow] = []
        self._reason = lru_cache(maxsize=10_000)(lambda reason_id: self._digest_of(store, reason_id))

    def follow(self, row: JournalRow) -> None:
        """The next row of the journal."""
        verified = self._verified
        verified.rows += 1
        before = verified.head.seq
        verified.head = Head(row.seq, row.digest)
        if row.seq != before + 1:
            self._settle("")
            gap = (
                f"row {before + 1} is" if row.seq == before + 2 else f"rows {before + 1} to {row.seq - 1} are"
            )
            verified.add(Finding(f"{gap} missing before it", row.seq, row.at, row.record_id))
            self._base = _Way(row.digest, self._base.shift, "")
            self._ways = [self._base]
            return
        reason = self._reason(row.reason_id)
        for way in self._ways:
            if _follows(row, reason, way):
                if self._pending:
                    self._settle(way.what)
                self._base = _Way(row.digest, way.shift, "")
                self._ways = [self._base]
                return
        self._pending.append(row)
        if len(self._pending) > _PENDING:
            self._settle("")
            self._base = _Way(row.digest, self._base.shift, "")
            self._ways = [self._base]
            return
        self._ways = list(self._explanations(row, reason))

    def finish(self) -> None:
        """There are no more rows."""
        self._settle("")

    def _explanations(self, row: JournalRow, reason: str) -> Iterator[_Way]:
        base, count = self._base, len(self._pending)
        yield _Way(row.digest, base.shift, "changed")
        if count == 1:
            yield _Way(_digest(row, reason, base), base.shift, "digest")
        yield _Way(base.digest, base.shift + count, "inserted")
        for taken in range(1, _SHIFTS + 1) if count == 1 else ():
            yield _Way(row.digest, base.shift - taken, f"taken {taken}")

    def _settle(self, what: str) -> None:
        """Tell what is the matter with the rows that did not fit."""
        for row in self._pending:
            self._verified.add(Finding(_told(what, row), row.seq, row.at, row.record_id))
        self._pending.clear()

    def _digest_of(self, store: Store, reason_id: int) -> str:
        kept = stored_reason(store, reason_id)
        if kept is None:
            self._verified.add(Finding(f"reason {reason_id} is missing, of which the journal speaks"))
            return ""
        return kept.digest.hex()


def _told(what: str, row: JournalRow) -> str:
    if what == "digest":
        return "its digest was changed, and nothing else"
    if what == "inserted":
        return "it was inserted; the rows after it were numbered anew"
    if what.startswith("taken "):
        count = int(what[6:])
        taken = "a row is" if count == 1 else f"{count} rows are"
        return f"{taken} missing before it; it and the rows after it were numbered anew"
    return f"it was changed, or row {row.seq - 1} before it and its digest with it"


def _follows(row: JournalRow, reason: str, way: _Way) -> bool:
    return _digest(row, reason, way) == row.digest


def _digest(row: JournalRow, reason: str, way: _Way) -> bytes:
    content = content_of(
        row.seq - way.shift, row.at, row.run_id, row.event, row.record_id, row.attempt, row.call_result, row.due,
        row.placed, row.outcome, reason,
    )  # fmt: skip
    return hashlib.sha256(way.digest + content.encode()).digest()


def chain(start: bytes, content: Iterable[str]) -> Iterator[bytes]:
    """The digests of rows that follow a digest."""
    for text in content:
        start = hashlib.sha256(start + text.encode()).digest()
        yield start


def as_data(verified: Verified) -> dict[str, Any]:
    """What was found, as plain data."""
    return {
        "sound": verified.sound,
        "head": str(verified.head),
        "rows": verified.rows,
        "redacted_reasons": verified.redacted,
        **verified.figures,
        "findings": [finding._asdict() for finding in verified.findings],
        "more_findings": verified.more,
    }


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(char in "0123456789abcdefABCDEF" for char in text)
