"""The interchange shape of a contact list: a row per record, with the integer codes other systems use.

A file has this shape if the list's one column of numbers is `contact_info` and the columns `REQUIRED` are there.
Its rows are then taken for what they are, chains, states and attempts, and not for new contacts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from enum import IntEnum
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from cxrun.contacts import BadRow, Contact, Device, Item, Notice, Past, Rejected, RowReader, checked_table
from cxrun.history import History
from cxrun.mapping import ListSettings
from cxrun.model import CallResult, DeviceType, RecordStatus, RecordType
from cxrun.numbers import BadNumber

ELSEWHERE: Final = ("group_id", "campaign_id", "app_id", "switch_id")
"""Who processed a record last, in another system; kept and given back as they came."""
COLUMNS: Final = (
    *(
        "record_id",
        "contact_info",
        "contact_info_type",
        "record_type",
        "record_status",
        "call_result",
        "attempt",
    ),
    *("dial_sched_time", "call_time", "daily_from", "daily_till", "tz", "chain_id", "chain_n", "agent_id"),
    *ELSEWHERE,
    "treatments",
)
NAMES: Final = ("client_id", "first_name", "last_name", "company")
REQUIRED: Final = frozenset(
    ("contact_info", "record_type", "record_status", "call_result", "attempt", "chain_id", "chain_n")
)
_MOST: Final = 2**53
_DAY: Final = 86400
_UNDIALED: Final = (DeviceType.EMAIL, DeviceType.INSTANT_MESSAGING)


class StagedRow(NamedTuple):
    """A row of the file on its way into a chain; a row that names no chain has the id of none, below 0."""

    chain_id: int
    chain_n: int
    line: int
    cells: list[str]


class Staging(Protocol):
    """A place outside memory for the rows, which gives them back chain by chain."""

    def put(self, rows: Iterable[StagedRow]) -> None: ...
    def chains(self) -> Iterator[StagedRow]: ...


def is_interchange(path: Path, settings: ListSettings) -> bool:
    """Whether the file of the list has the interchange shape. Raises UserError for the file."""
    if [device.column for device in settings.devices] != ["contact_info"]:
        return False
    return checked_table(path, settings).header_has(REQUIRED)


def read_records(path: Path, settings: ListSettings, staging: Callable[[], Staging]) -> Iterator[Item]:
    """Yield the chains of the file as contacts, whatever the order of its rows, in constant memory.

    A row is rejected for a number that cannot be dialed, a code that is none, or a place in the chain that is
    taken. A record that is in work (retrieved) comes in as stale: nobody here knows what became of its call.
    Raises UserError for the file.
    """
    table = checked_table(path, settings)
    given = {"time_zone": "tz"} if "tz" in table.header else {}
    settings = replace(settings, columns=MappingProxyType({**given, **settings.columns}))
    records = _Records(settings, table.header)
    rows = staging()
    refused: list[Rejected] = []
    rows.put(records.staged(table.rows(), refused))
    yield from refused
    for chain_id, chain in groupby(rows.chains(), key=lambda row: row.chain_id):
        yield from records.contact(chain_id, list(chain))


class _Records:
    """Turns rows of the interchange shape into contacts."""

    def __init__(self, settings: ListSettings, header: Sequence[str]) -> None:
        self._at = {column: index for index, column in enumerate(header)}
        self._width = len(header)
        self._reader = RowReader(settings, header)

    def staged(
        self, rows: Iterable[tuple[int, Sequence[str]]], refused: list[Rejected]
    ) -> Iterator[StagedRow]:
        for line, given in rows:
            cells = [cell.strip() for cell in given]
            if not any(cells):
                continue
            try:
                if any(cells[self._width :]):
                    raise BadRow(f"{len(cells)} cells where the header has {self._width}")
                cells += [""] * (self._width - len(cells))
                chain_id = self._integer(cells, "chain_id", 0)
                chain_n = self._integer(cells, "chain_n", 0)
            except BadRow as error:
                refused.append(Rejected(line, str(error), tuple(given)))
                continue
            yield StagedRow(chain_id or -line, chain_n, line, cells)

    def contact(self, chain_id: int, chain: list[StagedRow]) -> Iterator[Item]:
        # some systems count places in the chain from 0
        shift = 1 if chain[0].chain_n == 0 else 0
        devices: dict[int, Device] = {}
        contact: Contact | None = None
        for row in chain:
            notices: list[Notice] = []
            try:
                chain_n = row.chain_n + shift
                if chain_n in devices:
                    raise BadRow(f"chain_n {row.chain_n} is taken already in chain {chain_id}")
                client_id, names, daily_from, daily_till, fields = self._reader.contact_values(row.cells)
                daily_from = self._integer(row.cells, "daily_from", daily_from)
                daily_till = self._integer(row.cells, "daily_till", daily_till)
                if not daily_from < daily_till <= _DAY:
                    raise BadRow(f"calls from second {daily_from} of the day till {daily_till} are none")
                device = self._device(row, chain_n, daily_from, daily_till, notices)
            except BadRow as error:
                yield Rejected(row.line, str(error), tuple(row.cells))
                continue
            yield from notices
            devices[chain_n] = device
            told = Contact(row.line, client_id, *names, daily_from, daily_till, (), fields, max(chain_id, 0))
            if contact is None:
                contact = told
            elif (told[1:5], told.fields) != (contact[1:5], contact.fields):
                reason = f"what is told of the customer differs from line {contact.row}, which is kept"
                yield Notice(row.line, "chain_id", str(chain_id), reason)
        if contact is not None:
            yield contact._replace(devices=tuple(devices[n] for n in sorted(devices)))

    def _device(
        self, row: StagedRow, chain_n: int, daily_from: int, daily_till: int, notices: list[Notice]
    ) -> Device:
        cells = row.cells
        kind = self._code(cells, "contact_info_type", DeviceType, DeviceType.NONE)
        if kind in _UNDIALED:
            raise BadRow(f"contact_info_type {kind} is no telephone")
        zone = self._reader.contact_zone(row.line, cells, notices)
        try:
            device = self._reader.device(row.line, cells, zone, notices)
        except BadNumber as error:
            raise BadRow(f"column 'contact_info': {error}") from None
        return device._replace(
            contact_info_type=kind, past=self._past(row, chain_n, daily_from, daily_till, notices)
        )

    def _past(
        self, row: StagedRow, chain_n: int, daily_from: int, daily_till: int, notices: list[Notice]
    ) -> Past:
        cells = row.cells
        record_type = self._code(cells, "record_type", RecordType, RecordType.GENERAL)
        status = self._code(cells, "record_status", RecordStatus, RecordStatus.READY)
        result = self._code(cells, "call_result", CallResult, CallResult.UNKNOWN)
        if status == RecordStatus.NONE:
            raise BadRow("record_status 0 does not say whether the record may be dialed; write 1, or e.g. 3")
        if status == RecordStatus.RETRIEVED:
            status, result = RecordStatus.STALE, CallResult.STALE
            reason = "the record is in work elsewhere; it is taken for stale and not dialed"
            notices.append(Notice(row.line, "record_status", "2", reason))
        if record_type == RecordType.NO_CALL and status in (RecordStatus.READY, RecordStatus.CHAIN_READY):
            status = RecordStatus.UPDATED
        attempt, call_time = self._integer(cells, "attempt", 0), self._integer(cells, "call_time", 0)
        if attempt and not call_time:
            reason = f"{attempt} attempts without a call_time; no cap over a period can count them"
            notices.append(Notice(row.line, "call_time", "", reason))
        treatments = self._text(cells, "treatments") or ""
        try:
            History.read(treatments)
        except ValueError:
            reason = "the history of treatments is not understood; plans begin anew"
            notices.append(Notice(row.line, "treatments", treatments, reason))
            treatments = ""
        return Past(
            self._integer(cells, "record_id", 0), chain_n, daily_from, daily_till, int(record_type), int(status),
            int(result), attempt, self._integer(cells, "dial_sched_time", 0), call_time, treatments,
            self._text(cells, "agent_id"), tuple(self._text(cells, name) for name in ELSEWHERE),
        )  # fmt: skip

    def _text(self, cells: list[str], column: str) -> str | None:
        index = self._at.get(column)
        return None if index is None else cells[index] or None

    def _integer(self, cells: list[str], column: str, default: int) -> int:
        text = self._text(cells, column)
        if text is None or text.lower() == "null":
            return default
        if not (text.isascii() and text.isdigit()) or int(text[:20]) > _MOST:
            raise BadRow(f"column '{column}': '{text[:40]}' is no whole number from 0 to 2^53")
        return int(text)

    def _code(self, cells: list[str], column: str, codes: type[IntEnum], default: int) -> int:
        code = self._integer(cells, column, default)
        if code not in codes.__members__.values():
            last = max(codes)
            raise BadRow(f"column '{column}': {code} is no code of the interchange shape, 0 to {last}")
        return code
