"""Exports: rows out of the store, written as CSV or as lines of JSON while they are read."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

from cxrun.model import CallResult, DeviceType, RecordStatus, RecordType, word_of

_BATCH: Final = 1000
_WORDS: Final[Mapping[str, type[IntEnum]]] = {
    "call_result": CallResult,
    "detected": CallResult,
    "record_type": RecordType,
    "record_status": RecordStatus,
    "contact_info_type": DeviceType,
}
_MOMENTS: Final = frozenset(("placed", "answered", "connected", "ended", "call_time", "dial_sched_time"))


def readable(columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """The rows with words in place of codes, and moments as ISO 8601 in UTC."""
    shown: list[Callable[[object], object] | None] = [_shown(column) for column in columns]
    for row in rows:
        yield tuple(
            value if value is None or show is None else show(value)
            for value, show in zip(row, shown, strict=True)
        )


def _shown(column: str) -> Callable[[object], object] | None:
    if column in _WORDS:
        return lambda value: word_of(_WORDS[column], int(str(value)))
    return _moment if column in _MOMENTS else None


def _moment(value: object) -> str:
    text = datetime.fromtimestamp(float(str(value)), UTC).isoformat(timespec="milliseconds")
    return text.replace(".000", "").replace("+00:00", "Z")


def write_rows(
    stream: TextIO,
    columns: Sequence[str],
    rows: Iterator[tuple[object, ...]],
    *,
    as_json: bool = False,
    watch: Callable[[int], None] = lambda count: None,
) -> int:
    """Write rows under a header, or each as a JSON object on a line of its own; returns how many there were."""
    writer = csv.writer(stream, lineterminator="\n")
    if not as_json:
        writer.writerow(columns)
    count = 0
    while piece := list(islice(rows, _BATCH)):
        if as_json:
            stream.writelines(
                json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n" for row in piece
            )
        else:
            writer.writerows(piece)
        count += len(piece)
        watch(count)
    return count


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A file that appears under its name when all of it is written, and not before."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
