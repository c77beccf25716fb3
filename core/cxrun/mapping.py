"""From the columns of a list to contacts: what a campaign says about its list, and the rows read by it.

A row becomes a `Contact`, or a `Rejected` that says why not. Whatever is left out of a contact, or is odd
about it, is told by a `Notice` just before it, so nothing is lost in silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from cxrun.errors import Mark, Problem, Problems, near
from cxrun.listfile import ENCODINGS, Format, rows, sniff
from cxrun.model import DeviceType, Record, Value
from cxrun.numbers import BadNumber, Number, is_region, parse_number

T = TypeVar("T")

Path = tuple[str | int, ...]
"""Where a value stands inside the settings, e.g. ("map", "devices", 0)."""

DAILY_FROM: Final = 28800
DAILY_TILL: Final = 64800
"""The time of day a contact may be called where its row does not say: 08:00 to 18:00, in seconds."""

TIME_ZONE_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("ET", "EST", "EDT"), "America/New_York"),
        **dict.fromkeys(("CT", "CST", "CDT"), "America/Chicago"),
        **dict.fromkeys(("MT", "MST", "MDT"), "America/Denver"),
        **dict.fromkeys(("PT", "PST", "PDT"), "America/Los_Angeles"),
        **dict.fromkeys(("AKST", "AKDT"), "America/Anchorage"),
        **dict.fromkeys(("HST", "HDT"), "Pacific/Honolulu"),
        **dict.fromkeys(("AST", "ADT"), "America/Halifax"),
        **dict.fromkeys(("NST", "NDT"), "America/St_Johns"),
        **dict.fromkeys(("GMT", "BST"), "Europe/London"),
        **dict.fromkeys(("WET", "WEST"), "Europe/Lisbon"),
        **dict.fromkeys(("CET", "CEST", "MEZ", "MESZ"), "Europe/Berlin"),
        **dict.fromkeys(("EET", "EEST"), "Europe/Athens"),
        "MSK": "Europe/Moscow",
        "SAST": "Africa/Johannesburg",
        "BRT": "America/Sao_Paulo",
        "SGT": "Asia/Singapore",
        "HKT": "Asia/Hong_Kong",
        "JST": "Asia/Tokyo",
        "KST": "Asia/Seoul",
        "AWST": "Australia/Perth",
        **dict.fromkeys(("ACST", "ACDT"), "Australia/Adelaide"),
        **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
        **dict.fromkeys(("NZST", "NZDT"), "Pacific/Auckland"),
        "UTC": "UTC",
    }
)
"""Short names of time zones and the IANA zone each stands for, whether summer time is in force or not.

A code shared by countries on different clocks, such as IST, is left out on purpose.
"""

NULLS: Final = frozenset(
    ("", "-", "--", "n/a", "#n/a", "na", "nan", "nil", "none", "null", "not available", "not applicable")
)
"""What lists write, in any case, where they know nothing; names and own text fields are taken as written."""

_FIELD_NAME: Final = "^[a-z][a-z0-9_]*$"
_ROWID_NAMES: Final = frozenset(("rowid", "oid"))
_NAME_LIMIT: Final = 64
_CONTACT_INFO_LIMIT: Final = 128
_INTEGER_DIGITS: Final = 40
_INTEGER: Final = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?")
_DAY: Final = 86400

PHONE_TYPES: Final = tuple(
    kind.word for kind in DeviceType if kind not in (DeviceType.EMAIL, DeviceType.INSTANT_MESSAGING)
)
"""The device types a column of phone numbers can have."""


def _column(what: str, *examples: str) -> dict[str, Any]:
    return {
        "description": f"The column {what}.",
        "type": "string",
        "minLength": 1,
        "examples": list(examples),
    }


LIST_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "description": "A contact list: a delimited text file with a header, and what its columns mean.",
    "type": "object",
    "additionalProperties": False,
    "required": ["file", "map"],
    "properties": {
        "file": {
            "description": "The file of the list, relative to this file.",
            "type": "string",
            "minLength": 1,
            "examples": ["customers.csv"],
        },
        "encoding": {
            "description": "How the file is encoded; found out if absent.",
            "enum": list(ENCODINGS),
        },
        "delimiter": {
            "description": "The character between two cells; found out among , ; | and tab if absent.",
            "type": "string",
            "pattern": '^[^"\\r\\n\\u0000]$',
            "examples": [",", ";", "\t"],
        },
        "region": {
            "description": "The country (ISO 3166) of numbers written without a leading +.",
            "type": "string",
            "pattern": "^[A-Z]{2}$",
            "examples": ["US", "GB"],
        },
        "time_zone_source": {
            "description": "Where the time zone of a device comes from: its number, the contact's own column, "
            "or that column and, where it says nothing, the number.",
            "enum": ["device", "contact", "contact_then_device"],
            "default": "contact_then_device",
        },
        "default_time_zone": {
            "description": "The zone of a device when nothing else gives one: an IANA name or a short code.",
            "type": "string",
            "minLength": 1,
            "examples": ["America/New_York"],
        },
        "map": {
            "description": "Which column holds what.",
            "type": "object",
            "additionalProperties": False,
            "required": ["devices"],
            "properties": {
                "client_id": _column("that identifies the customer across lists", "Customer ID"),
                "first_name": _column("of first names", "First"),
                "last_name": _column("of last names", "Last"),
                "company": _column("of company names", "Company"),
                "time_zone": _column("of time zones, IANA names or short codes such as EST", "TZ"),
                "daily_from": _column("of the earliest time of day to call, HH:MM or seconds", "From"),
                "daily_till": _column("of the latest time of day to call, HH:MM or seconds", "Till"),
                "devices": {
                    "description": "The columns of phone numbers, in the order they are to be dialed.",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 10,
                    "examples": [["Phone", {"column": "Mobile", "type": "mobile"}]],
                    "items": {
                        "description": "A column of phone numbers, or that and the type of the devices.",
                        "type": ["string", "object"],
                        "minLength": 1,
                        "additionalProperties": False,
                        "required": ["column"],
                        "properties": {
                            "column": _column("of phone numbers", "Mobile"),
                            "type": {
                                "description": "The type of the devices.",
                                "enum": list(PHONE_TYPES),
                                "default": "none",
                            },
                        },
                    },
                },
                "fields": {
                    "description": "The list's own fields, by the names that conditions and plugins use.",
                    "type": "object",
                    "propertyNames": {"pattern": _FIELD_NAME},
                    "examples": [{"state": "State", "rating": {"column": "Rating", "type": "integer"}}],
                    "additionalProperties": {
                        "description": "The column of the field, or that and the type of its values.",
                        "type": ["string", "object"],
                        "minLength": 1,
                        "additionalProperties": False,
                        "required": ["column"],
                        "properties": {
                            "column": _column("of the field", "Rating"),
                            "type": {
                                "description": "The type of the values.",
                                "enum": ["text", "integer", "number"],
                                "default": "text",
                            },
                        },
                    },
                },
            },
        },
    },
}
"""The JSON Schema of a list as a campaign writes it."""


class DeviceColumn(NamedTuple):
    """A column of phone numbers and the type of the devices they reach."""

    column: str
    type: DeviceType


class FieldColumn(NamedTuple):
    """A field of the list's own, its column, and its type: text, integer or number."""

    name: str
    column: str
    type: str


@dataclass(frozen=True, slots=True)
class ListSettings:
    """What a campaign says about one list.

    `columns` maps client_id, first_name, last_name, company, time_zone, daily_from and daily_till, as far
    as they are mapped, to the columns that hold them.
    """

    file: str
    columns: Mapping[str, str]
    devices: tuple[DeviceColumn, ...]
    fields: tuple[FieldColumn, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    region: str | None = None
    time_zone_source: str = "contact_then_device"
    default_time_zone: str | None = None

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> ListSettings:
        """Make settings from a mapping that satisfies `LIST_SCHEMA`."""
        plain = dict(settings)
        columns = dict(plain.pop("map"))
        devices = tuple(
            DeviceColumn(column, DeviceType[kind.upper()])
            for column, kind in (_column_and_type(device, "none") for device in columns.pop("devices"))
        )
        fields = tuple(
            FieldColumn(name, *_column_and_type(field, "text"))
            for name, field in columns.pop("fields", {}).items()
        )
        return cls(columns=MappingProxyType(columns), devices=devices, fields=fields, **plain)

    @property
    def field_types(self) -> dict[str, str]:
        """The list's own fields and their types, e.g. {"state": "text", "rating": "integer"}."""
        return {field.name: field.type for field in self.fields}

    def problems(self) -> list[tuple[Path, str]]:
        """What is wrong with the settings whatever the file holds: where, and what would be right."""
        found: list[tuple[Path, str]] = []
        if self.region is not None and not is_region(self.region):
            found.append((("region",), f"'{self.region}' is no ISO 3166 country code; write e.g. GB, not UK"))
        if self.default_time_zone is not None and not zone_names(self.default_time_zone):
            found.append((("default_time_zone",), _no_zone(self.default_time_zone)))
        seen: dict[str, int] = {}
        for index, device in enumerate(self.devices):
            first = seen.setdefault(device.column, index)
            if first != index:
                message = f"column '{device.column}' already is device {first + 1}"
                found.append((("map", "devices", index), message))
        for field in self.fields:
            if field.name in Record._fields:
                message = f"every record has a field '{field.name}' already; choose another name"
            elif field.name in _ROWID_NAMES:
                message = f"'{field.name}' is SQLite's own name for the key of a row; choose another name"
            else:
                continue
            found.append((("map", "fields", field.name), message))
        return found

    def problems_with_header(self, header: Sequence[str]) -> list[tuple[Path, str]]:
        """The columns that the file does not have: where they are named, and the nearest one it has."""
        wanted: list[tuple[Path, str]] = [(("map", name), column) for name, column in self.columns.items()]
        wanted += [(("map", "devices", index), device.column) for index, device in enumerate(self.devices)]
        wanted += [(("map", "fields", field.name), field.column) for field in self.fields]
        return [
            (path, f"no column named '{column}'{near(column, header)}")
            for path, column in wanted
            if column not in header
        ]


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
    path: FilePath, settings: ListSettings, format: Format | None = None
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


@lru_cache(maxsize=1024)
def zone_names(text: str) -> str:
    """Return the IANA names that `text` stands for, joined by one space; "" if one is not known.

    Each word is an IANA name in any case or one of `TIME_ZONE_CODES`, which wins.
    """
    known = _iana_names()
    names = [TIME_ZONE_CODES.get(word.upper()) or known.get(word.lower()) for word in text.split()]
    return " ".join(name or "" for name in names) if all(names) else ""


@lru_cache(maxsize=1)
def _iana_names() -> dict[str, str]:
    from zoneinfo import available_timezones

    return {name.lower(): name for name in available_timezones() - {"Factory", "localtime"}}


def _no_zone(text: str) -> str:
    return f"'{text}' is no time zone; write an IANA name such as America/New_York, or a code such as EST"


def _column_and_type(given: str | Mapping[str, str], default: str) -> tuple[str, str]:
    if isinstance(given, str):
        return given, default
    return given["column"], given.get("type", default)


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
        raise ValueError(_no_zone(text))
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
