"""Contacts as they are read from the rows of a list.

A row becomes a `Contact`, or a `Rejected` that says why not. Whatever is left out of a contact, or is odd
about it, is told by a `Notice` just before it, so nothing is lost in silence.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from cxrun.errors import Mark, Problem, Problems
from cxrun.mapping import DeviceColumn, ListSettings, Skip, no_zone, zone_names
from cxrun.model import CallResult, DeviceType, RecordStatus, RecordType, Value
from cxrun.numbers import BadNumber, Number, parse_number, region_of_code
from cxrun.table import Table, open_table

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
_MOST_ATTEMPTS: Final = 1_000_000
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?")
_DAY: Final = 86400


class Past(NamedTuple):
    """What a record has been through in another system; codes and times as in the interchange columns.

    An id, a chain_n or a time of day that is 0 or None is given by this store. `elsewhere` holds group_id,
    campaign_id, app_id and switch_id.
    """

    record_id: int = 0
    chain_n: int = 0
    daily_from: int | None = None
    daily_till: int | None = None
    record_type: int = int(RecordType.GENERAL)
    record_status: int = int(RecordStatus.READY)
    call_result: int = int(CallResult.UNKNOWN)
    attempt: int = 0
    dial_sched_time: int = 0
    call_time: int = 0
    treatments: str = ""
    agent_id: str | None = None
    elsewhere: tuple[str | None, ...] = ()


class Device(NamedTuple):
    """One phone number of a contact.

    `contact_info` is the number as given, `phone` the same in E.164, `contact_info_type` the code of a
    `DeviceType`. `tz` holds IANA names joined by one space, and `tz_source` says who decided on them:
    "number", "contact", "default", or "" if nobody could. `past` is None for a number never dialed before.
    """

    contact_info: str
    phone: str
    contact_info_type: int
    tz: str
    tz_source: str
    country: str
    area_code: str
    past: Past | None = None


class Contact(NamedTuple):
    """One row of a list: a customer and the chain of devices to reach him at.

    `row` is the line of the file the row begins on. `daily_from` and `daily_till` are seconds since
    midnight. `fields` holds the values of `ListSettings.fields`, in their order. `chain_id` is the one the
    chain had in another system, else 0.
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
    chain_id: int = 0


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


Item = Contact | Rejected | Notice


def read_contacts(path: Path, settings: ListSettings) -> Iterator[Item]:
    """Yield what each row of the file makes, in the order of the file and in constant memory.

    - Rejected: a row with no number that can be dialed, with more cells than columns, with a name or id
      over 64 characters, a typed cell that is not of its type, a time of day that is none, no time between
      the daily limits, or, where `time_zone_source` is contact, an unknown time zone; and a row the mapping
      says to leave out.
    - Notice: a number that cannot be dialed beside one that can, a number that is hardly anybody's, an
      extension, which is not dialed, a device the mapping says to leave out, and a time zone or last attempt
      that is not understood.
    - Neither: empty cells and blank rows; the same number twice in a row is one device.

    Raises UserError for the file and Problems for columns it lacks.
    """
    table = checked_table(path, settings)
    reader = RowReader(settings, table.header)
    for line, cells in table.rows():
        yield from reader.read(line, cells)


def checked_table(path: Path, settings: ListSettings) -> Table:
    """Open the file of a list and look whether it has the columns of its mapping. Raises UserError."""
    table = open_table(path, settings)
    problems = settings.problems() + settings.problems_with_header(table.header)
    if problems:
        raise Problems(Problem(Mark(str(path)), "", message) for _, message in problems)
    return table


class BadRow(ValueError):
    """A row that makes no contact; the message says why."""


class RowReader:
    """Turns rows into contacts; the columns are looked up in the header once."""

    def __init__(self, settings: ListSettings, header: Sequence[str]) -> None:
        at = {column: index for index, column in enumerate(header)}
        columns = {name: at[column] for name, column in settings.columns.items()}
        self._header = header
        self._client_id = columns.get("client_id")
        self._names = [columns.get(name) for name in ("first_name", "last_name", "company")]
        self._daily = [columns.get("daily_from"), columns.get("daily_till")]
        self._devices = [_DeviceReader(device, at) for device in settings.devices]
        conversions = _conversions(settings.decimal)
        self._fields = [(at[field.column], conversions[field.type]) for field in settings.fields]
        self._skip = _places(settings.skip, at)
        self._region = settings.region
        self._zone = None if settings.time_zone_source == "device" else columns.get("time_zone")
        self._number_has_zone = settings.time_zone_source != "contact"
        self._default_zone = zone_names(settings.default_time_zone or "")

    def read(self, row: int, given: Sequence[str]) -> Iterator[Item]:
        cells = [cell.strip() for cell in given]
        if not any(cells):
            return
        notices: list[Notice] = []
        try:
            contact = self._contact(row, cells, notices)
        except BadRow as error:
            yield Rejected(row, str(error), tuple(given))
            return
        yield from notices
        yield contact

    def _contact(self, row: int, cells: list[str], notices: list[Notice]) -> Contact:
        """Make the contact, adding to `notices`. Raises BadRow."""
        width = len(self._header)
        if any(cells[width:]):
            raise BadRow(
                f"{len(cells)} cells where the header has {width}; quote a cell that holds the delimiter"
            )
        cells += [""] * (width - len(cells))
        for index, values in self._skip:
            if cells[index].lower() in values:
                raise BadRow(f"column '{self._header[index]}': '{cells[index]}' is left out by the mapping")
        client_id, names, daily_from, daily_till, fields = self.contact_values(cells)
        zone = self.contact_zone(row, cells, notices)
        devices = self._chain(row, cells, zone, notices)
        return Contact(row, client_id, *names, daily_from, daily_till, devices, fields)

    def contact_values(
        self, cells: list[str]
    ) -> tuple[str | None, tuple[str | None, str | None, str | None], int, int, tuple[Value, ...]]:
        """ClientID, names, the daily limits and own fields of a row. Raises BadRow."""
        client_id = self._value(cells, self._client_id, _identity)
        first_name, last_name, company = (self._value(cells, index, _name) for index in self._names)
        daily_from, daily_till = (self._value(cells, index, _time_of_day) for index in self._daily)
        daily_from = DAILY_FROM if daily_from is None else daily_from
        daily_till = DAILY_TILL if daily_till is None else daily_till
        if daily_from >= daily_till:
            raise BadRow(f"calls from second {daily_from} of the day till {daily_till} leave no time to call")
        fields = tuple([self._value(cells, index, convert) for index, convert in self._fields])
        return client_id, (first_name, last_name, company), daily_from, daily_till, fields

    def _value(self, cells: list[str], index: int | None, convert: Callable[[str], T]) -> T | None:
        if index is None:
            return None
        try:
            return convert(cells[index])
        except ValueError as error:
            raise BadRow(f"column '{self._header[index]}': {error}") from None

    def contact_zone(self, row: int, cells: list[str], notices: list[Notice]) -> str:
        """The zones the row itself names, "" if it names none. Raises BadRow."""
        try:
            return self._value(cells, self._zone, _zone) or ""
        except BadRow as error:
            if not self._number_has_zone or self._zone is None:
                raise
            column, value = self._header[self._zone], cells[self._zone]
            notices.append(Notice(row, column, value, f"{error}; the number decides instead"))
            return ""

    def _chain(self, row: int, cells: list[str], zone: str, notices: list[Notice]) -> tuple[Device, ...]:
        chain: dict[str, Device] = {}
        refused: list[str] = []
        for reader in self._devices:
            text = cells[reader.index]
            if text.lower() in NULLS:
                continue
            column = self._header[reader.index]
            try:
                for index, values in reader.skip:
                    if cells[index].lower() in values:
                        why = f"left out, for column '{self._header[index]}' is '{cells[index]}'"
                        raise BadNumber(f"{text}: {why}")
                number = self._number(text, reader, cells)
            except BadNumber as error:
                refused.append(f"column '{column}': {error}")
                notices.append(Notice(row, column, text, refused[-1]))
                continue
            self._doubts(row, column, text, number, notices)
            if number.e164 in chain:
                continue
            device = self._device(text, reader.kind, zone, number)
            if reader.more:
                device = self._more(row, cells, device, reader, notices)
            chain[number.e164] = device
        if not chain:
            columns = ", ".join(f"'{self._header[reader.index]}'" for reader in self._devices)
            raise BadRow("; ".join(refused) or f"no phone number in column {columns}")
        return tuple(chain.values())

    def device(self, row: int, cells: list[str], zone: str, notices: list[Notice]) -> Device:
        """The device of the only column of numbers there is. Raises BadNumber."""
        reader = self._devices[0]
        text = cells[reader.index]
        number = self._number(text, reader, cells)
        self._doubts(row, self._header[reader.index], text, number, notices)
        return self._device(text, reader.kind, zone, number)

    def _number(self, text: str, reader: _DeviceReader, cells: list[str]) -> Number:
        """The phone number a cell holds. Raises BadNumber."""
        if len(text) > _CONTACT_INFO_LIMIT:
            raise BadNumber(f"{len(text)} characters where at most {_CONTACT_INFO_LIMIT} are allowed")
        region = self._region
        if reader.calling_code is not None and (code := cells[reader.calling_code]).lower() not in NULLS:
            region = region_of_code(code)
            if region is None:
                raise BadNumber(f"'{code}' is no calling code of a country, such as 1 or 44")
        return parse_number(text, region)

    def _doubts(self, row: int, column: str, text: str, number: Number, notices: list[Notice]) -> None:
        """Tell what is odd about a number that is taken all the same."""
        if number.doubt:
            notices.append(Notice(row, column, text, f"column '{column}': {number.doubt}; kept"))
        if number.extension:
            reason = f"the extension {number.extension} is kept in contact_info and not dialed"
            notices.append(Notice(row, column, text, f"column '{column}': {reason}"))

    def _device(self, text: str, kind: int, zone: str, number: Number) -> Device:
        if zone:
            tz, source = zone, "contact"
        elif number.zones and self._number_has_zone:
            tz, source = " ".join(number.zones), "number"
        else:
            tz, source = self._default_zone, "default" if self._default_zone else ""
        if number.extension and kind == DeviceType.NONE:
            kind = int(DeviceType.BUSINESS_WITH_EXTENSION)
        return Device(text, number.e164, kind, tz, source, number.country, number.area_code)

    def _more(
        self, row: int, cells: list[str], device: Device, reader: _DeviceReader, notices: list[Notice]
    ) -> Device:
        """The device with its own zone and what another system did with it."""

        def odd(index: int, error: Exception) -> None:
            column = self._header[index]
            notices.append(Notice(row, column, cells[index], f"column '{column}': {error}; left out"))

        if reader.time_zone is not None:
            try:
                zone = _zone(cells[reader.time_zone])
                device = device._replace(tz=zone, tz_source="contact") if zone else device
            except ValueError as error:
                odd(reader.time_zone, error)
        attempts, last = 0, None
        try:
            if reader.last_attempt is not None:
                last = _moment(cells[reader.last_attempt], device.tz if reader.local else "")
        except ValueError as error:
            odd(reader.last_attempt or 0, error)
        try:
            if reader.attempts is not None:
                attempts = min(max(_integer(cells[reader.attempts]) or 0, 0), _MOST_ATTEMPTS)
        except ValueError as error:
            odd(reader.attempts or 0, error)
        if not attempts and last is None:
            return device
        code = "" if reader.last_result is None else cells[reader.last_result].lower()
        result = reader.results.get(code, reader.results.get("other", int(CallResult.UNKNOWN)))
        return device._replace(past=Past(call_result=result, attempt=max(attempts, 1), call_time=last or 0))


class _DeviceReader:
    """One column of phone numbers and those that tell more of its devices, by their places."""

    def __init__(self, device: DeviceColumn, at: Mapping[str, int]) -> None:
        self.index = at[device.column]
        self.kind = int(device.type)
        others = {name: at[column] for name, column in device.others.items()}
        self.calling_code = others.get("calling_code")
        self.time_zone = others.get("time_zone")
        self.attempts = others.get("attempts")
        self.last_attempt = others.get("last_attempt")
        self.last_result = others.get("last_result")
        self.local = device.local
        self.results = device.results
        self.skip = _places(device.skip, at)
        self.more = bool({"time_zone", "attempts", "last_attempt"} & others.keys())


def _places(skip: Skip, at: Mapping[str, int]) -> list[tuple[int, frozenset[str]]]:
    return [(at[column], values) for column, values in skip]


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
        hint = "; or say `decimal:` of the list" if "," in text else ""
        raise ValueError(f"'{text[:40]}' is not a number; write e.g. 1234.5, or make the field text{hint}")
    return value


def _moment(text: str, zones: str) -> int | None:
    """Unix seconds of a text that is these, or ISO 8601; without a zone of its own it is in the first of `zones`."""
    if text.lower() in NULLS:
        return None
    if text.isascii() and text.isdigit() and (len(text) in range(9, 14) or not int(text)):
        return int(text) // (1000 if len(text) > 11 else 1) or None
    try:
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            from zoneinfo import ZoneInfo

            moment = moment.replace(tzinfo=ZoneInfo(zones.split()[0]) if zones else datetime.UTC)
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError):
        if text.startswith("0000-00-00"):
            return None
        raise ValueError(f"'{text}' is no moment; write ISO 8601, or Unix seconds") from None
    return seconds if seconds > 0 else None


def _conversions(decimal: str | None) -> Mapping[str, Callable[[str], Value]]:
    """How cells become values of each type, for numbers with this decimal mark."""
    if decimal is None:
        return {"text": _text, "integer": _integer, "number": _number}
    groups = "." if decimal == "," else ","
    grouped = re.compile(
        rf"[+-]?[0-9]{{1,3}}(?:([{groups} '\u00a0\u202f\u2019])[0-9]{{3}}(?:\1[0-9]{{3}})*)?({decimal}[0-9]*)?"
    )
    other = re.compile(rf"[{groups} '\u00a0\u202f\u2019]")

    def plain(text: str) -> str:
        if grouped.fullmatch(text):
            text = other.sub("", text)
        elif groups in text and text.lower() not in NULLS:
            raise ValueError(f"'{text[:40]}' is not a number whose decimal mark is '{decimal}'")
        return text.replace(decimal, ".")

    return {
        "text": _text,
        "integer": lambda text: _integer(plain(text)),
        "number": lambda text: _number(plain(text)),
    }
