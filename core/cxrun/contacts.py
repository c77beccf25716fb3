"""Contacts as they are read from the rows of a list.

A row becomes a `Contact`, or a `Rejected` that says why not. Whatever is left out of a contact, or is odd
about it, is told by a `Notice` just before it, so nothing is lost in silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from cxrun.errors import Mark, Problem, Problems
from cxrun.listfile import Format, rows, sniff
from cxrun.mapping import ListSettings, no_zone, zone_names
from cxrun.model import Value
from cxrun.numbers import BadNumber, Number, parse_number

T = TypeVar("T")

DAILY_FROM: Final = 28800
DAILY_TILL: Final = 64800
"""The time of day a contact may be called where its row does not say: 08:00 to 18:00, in seconds."""

NULLS: Final = frozenset(
    ("", "-", "--", "n/a", "#n/a", "na", "nan", "nil", "none", "null", "not available", "not applicable")
)
"""What lists write, in any case, where they know nothing; names and own text fields are taken as written."""

_NAME_LIMIT: Final = 64
_CONTACT_INFO_LIMIT: Final = 128
_INTEGER_DIGITS: Final = 40
_INTEGER: Final = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?")
_DAY: Final = 86400


class Device(NamedTuple):
    """One phone number of a contact.

    `contact_info` is the number as given, `phone` the same in E.164, `contact_info_type` the code of a
    `DeviceType`. `tz` holds IANA names joined by one space, and `tz_source` says who decided on them:
    "number", "contact", "default", or "" if nobody could.
    """

    contact_info: str
    phone: str
    contact_info_type: int
    tz: str
    tz_source: str
    country: str
    area_code: str


class Contact(NamedTuple):
    """One row of a list: a customer and the chain of devices to reach him at.

    `row` is the line of the file the row begins on. `daily_from` and `daily_till` are seconds since
    midnight. `fields` holds the values of `ListSettings.fields`, in their order.
    """

    row: int
    client_id: str | None
    first_name: str | None
    last_name: str | None
    company: str | None
    daily_from: int
    daily_till: int
    devices: tuple[Device, ...]
    fields: tuple[Value, ...]


class Rejected(NamedTuple):
    """A row that makes no contact, why, and its cells as they were read."""

    row: int
    reason: str
    cells: tuple[str, ...]


class Notice(NamedTuple):
    """A cell of a contact that was left out, or was taken though it is odd; the contact follows."""

    row: int
    column: str
    value: str
    reason: str


def read_contacts(
    path: Path, settings: ListSettings, format: Format | None = None
) -> Iterator[Contact | Rejected | Notice]:
    """Yield what each row of the file makes, in the order of the file and in constant memory.

    - Rejected: a row with no number that can be dialed, with more cells than columns, with a name or id
      over 64 characters, a typed cell that is not of its type, a time of day that is none, no time between
      the daily limits, or, where `time_zone_source` is contact, an unknown time zone.
    - Notice: a number that cannot be dialed beside one that can, a number that is hardly anybody's, and a
      time zone that is not known where the number can stand in for it.
    - Neither: empty cells and blank rows; the same number twice in a row is one device.

    `format` is sniffed if absent. Raises UserError for the file and Problems for columns it lacks.
    """
    if format is None:
        format = sniff(path, settings.encoding, settings.delimiter)
    problems = settings.problems() + settings.problems_with_header(format.header)
    if problems:
        raise Problems(Problem(Mark(str(path)), "", message) for _, message in problems)
    reader = _RowReader(settings, format.header)
    for line, cells in rows(path, format):
        yield from reader.read(line, cells)


class _BadRow(ValueError):
    """A row that makes no contact; the message says why."""


class _RowReader:
    """Turns rows into contacts; the columns are looked up in the header once."""

    def __init__(self, settings: ListSettings, header: Sequence[str]) -> None:
        at = {column: index for index, column in enumerate(header)}
        columns = {name: at[column] for name, column in settings.columns.items()}
        self._header = header
        self._client_id = columns.get("client_id")
        self._names = [columns.get(name) for name in ("first_name", "last_name", "company")]
        self._daily = [columns.get("daily_from"), columns.get("daily_till")]
        self._devices = [(at[device.column], int(device.type)) for device in settings.devices]
        self._fields = [(at[field.column], _CONVERSIONS[field.type]) for field in settings.fields]
        self._region = settings.region
        self._zone = None if settings.time_zone_source == "device" else columns.get("time_zone")
        self._number_has_zone = settings.time_zone_source != "contact"
        self._default_zone = zone_names(settings.default_time_zone or "")

    def read(self, row: int, given: list[str]) -> Iterator[Contact | Rejected | Notice]:
        cells = [cell.strip() for cell in given]
        if not any(cells):
            return
        notices: list[Notice] = []
        try:
            contact = self._contact(row, cells, notices)
        except _BadRow as error:
            yield Rejected(row, str(error), tuple(given))
            return
        yield from notices
        yield contact

    def _contact(self, row: int, cells: list[str], notices: list[Notice]) -> Contact:
        """Make the contact, adding to `notices`. Raises _BadRow."""
        width = len(self._header)
        if any(cells[width:]):
            raise _BadRow(
                f"{len(cells)} cells where the header has {width}; quote a cell that holds the delimiter"
            )
        cells += [""] * (width - len(cells))
        client_id = self._value(cells, self._client_id, _identity)
        first_name, last_name, company = (self._value(cells, index, _name) for index in self._names)
        daily_from, daily_till = (self._value(cells, index, _time_of_day) for index in self._daily)
        daily_from = DAILY_FROM if daily_from is None else daily_from
        daily_till = DAILY_TILL if daily_till is None else daily_till
        if daily_from >= daily_till:
            raise _BadRow(
                f"calls from second {daily_from} of the day till {daily_till} leave no time to call"
            )
        zone = self._contact_zone(row, cells, notices)
        devices = self._chain(row, cells, zone, notices)
        fields = tuple([self._value(cells, index, convert) for index, convert in self._fields])
        return Contact(
            row, client_id, first_name, last_name, company, daily_from, daily_till, devices, fields
        )

    def _value(self, cells: list[str], index: int | None, convert: Callable[[str], T]) -> T | None:
        if index is None:
            return None
        try:
            return convert(cells[index])
        except ValueError as error:
            raise _BadRow(f"column '{self._header[index]}': {error}") from None

    def _contact_zone(self, row: int, cells: list[str], notices: list[Notice]) -> str:
        try:
            return self._value(cells, self._zone, _zone) or ""
        except _BadRow as error:
            if not self._number_has_zone or self._zone is None:
                raise
            column, value = self._header[self._zone], cells[self._zone]
            notices.append(Notice(row, column, value, f"{error}; the number decides instead"))
            return ""

    def _chain(self, row: int, cells: list[str], zone: str, notices: list[Notice]) -> tuple[Device, ...]:
        chain: dict[str, Device] = {}
        refused: list[str] = []
        for index, kind in self._devices:
            text = cells[index]
            if text.lower() in NULLS:
                continue
            column = self._header[index]
            try:
                if len(text) > _CONTACT_INFO_LIMIT:
                    raise BadNumber(f"{len(text)} characters where at most {_CONTACT_INFO_LIMIT} are allowed")
                number = parse_number(text, self._region)
            except BadNumber as error:
                refused.append(f"column '{column}': {error}")
                notices.append(Notice(row, column, text, refused[-1]))
                continue
            if number.e164 in chain:
                continue
            if number.doubt:
                notices.append(Notice(row, column, text, f"column '{column}': {number.doubt}; kept"))
            chain[number.e164] = self._device(text, kind, zone, number)
        if not chain:
            columns = ", ".join(f"'{self._header[index]}'" for index, _ in self._devices)
            raise _BadRow("; ".join(refused) or f"no phone number in column {columns}")
        return tuple(chain.values())

    def _device(self, text: str, kind: int, zone: str, number: Number) -> Device:
        if zone:
            tz, source = zone, "contact"
        elif number.zones and self._number_has_zone:
            tz, source = " ".join(number.zones), "number"
        else:
            tz, source = self._default_zone, "default" if self._default_zone else ""
        return Device(text, number.e164, kind, tz, source, number.country, number.area_code)


def _name(text: str) -> str | None:
    if len(text) > _NAME_LIMIT:
        raise ValueError(
            f"'{text[:20]}...' has {len(text)} characters where at most {_NAME_LIMIT} are allowed"
        )
    return text or None


def _identity(text: str) -> str | None:
    return None if text.lower() in NULLS else _name(text)


def _zone(text: str) -> str:
    if text.lower() in NULLS:
        return ""
    names = zone_names(text)
    if not names:
        raise ValueError(no_zone(text))
    return names


def _time_of_day(text: str) -> int | None:
    if text.lower() in NULLS:
        return None
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        second = hours * 3600 + minutes * 60 + seconds
    elif text.isascii() and text.isdigit() and not 0 < int(text) <= 24:
        second = int(text)
    else:
        raise ValueError(f"'{text}' is no time of day; write HH:MM, or seconds since midnight")
    if second > _DAY:
        raise ValueError(f"'{text}' is past the end of the day, 24:00 or {_DAY}")
    return second


def _text(text: str) -> str | None:
    return text or None


def _integer(text: str) -> int | None:
    if text.lower() in NULLS:
        return None
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not an integer; write digits only, or make the field text")
    if len(match[1]) > _INTEGER_DIGITS or not -(2**63) <= (value := int(match[1])) < 2**63:
        raise ValueError(f"'{text[:40]}' does not fit in 64 bits; make the field text")
    return value


def _number(text: str) -> float | None:
    if text.lower() in NULLS:
        return None
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    if math.isinf(value):
        raise ValueError(f"'{text[:40]}' is not a number; write e.g. 1234.5, or make the field text")
    return value


_CONVERSIONS: Final[Mapping[str, Callable[[str], Value]]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
}
