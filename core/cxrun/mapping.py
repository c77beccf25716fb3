"""What a campaign says about a contact list: its file, its columns, and which of them hold what.

The mapping of columns stands in the list itself, or in a file of its own that several lists share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from cxrun.errors import near
from cxrun.fixedwidth import LayoutColumn
from cxrun.listfile import ENCODINGS
from cxrun.model import RECORD_FIELDS, CallResult, DeviceType, codes_by_word
from cxrun.numbers import is_region

T = TypeVar("T")

Path = tuple[str | int, ...]
"""Where a value stands inside the settings, e.g. ("map", "devices", 0)."""

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

_FIELD_NAME: Final = "^[a-z][a-z0-9_]*$"
_ROWID_NAMES: Final = frozenset(("rowid", "oid"))
PHONE_TYPES: Final = tuple(
    kind.word for kind in DeviceType if kind not in (DeviceType.EMAIL, DeviceType.INSTANT_MESSAGING)
)
"""The device types a column of phone numbers can have."""
_RESULTS: Final = codes_by_word(CallResult)


def _column(what: str, *examples: str) -> dict[str, Any]:
    return {
        "description": f"The column {what}.",
        "type": "string",
        "minLength": 1,
        "examples": list(examples),
    }


_SKIP: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": {
        "description": "The values in question, in any case.",
        "type": "array",
        "minItems": 1,
        "items": {"type": ["string", "integer", "boolean"]},
    },
}

MAP_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
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
                "description": "A column of phone numbers, or that and what else is known of the devices.",
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
                    "calling_code": _column(
                        "of the country's calling code, for numbers written without it", "phone_code"
                    ),
                    "time_zone": _column(
                        "of the device's own time zone, which goes before all others", "TZ 1"
                    ),
                    "attempts": _column("of how often another system has dialed it", "called_count"),
                    "last_attempt": _column(
                        "of when another system last dialed it: ISO 8601 (UTC, or the time of the device if no "
                        "zone is given and `local` is true) or Unix seconds",
                        "Last call",
                    ),
                    "local": {
                        "description": "true: a last attempt without a zone is in the time of the device.",
                        "type": "boolean",
                        "default": False,
                    },
                    "last_result": _column("of what came of the last attempt", "Last result"),
                    "results": {
                        "description": "What the codes of the last result stand for; `other` is any code not named, "
                        "which is unknown else.",
                        "type": "object",
                        "additionalProperties": {"description": "A call result.", "enum": list(_RESULTS)},
                        "examples": [{"NA": "no_answer", "B": "busy"}],
                    },
                    "skip": {
                        **_SKIP,
                        "description": "Cells that say the device must be left out: column, and values.",
                        "examples": [{"Callable": [0]}],
                    },
                },
            },
        },
        "skip": {
            **_SKIP,
            "description": "Cells that say the row must be left out: column, and values. Such rows are rejected.",
            "examples": [{"status": ["DNC"]}],
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
}
"""The JSON Schema of a mapping, in a list or in a file of its own."""

LIST_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "description": "A contact list: a file of rows, and what its columns mean; or a part of another list.",
    "type": "object",
    "additionalProperties": False,
    "anyOf": [{"required": ["split_from"]}, {"required": ["file", "map"]}],
    "properties": {
        "file": {
            "description": "The file of the list, relative to this file: delimited text, a fixed-width file (with "
            "`layout`) or an Excel workbook (.xlsx).",
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
        "header": {
            "description": "The names of the columns, if the first line of the file does not tell them.",
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "minLength": 1},
            "examples": [["Id", "Name", "Phone"]],
        },
        "layout": {
            "description": "The columns of a fixed-width file, which has no header.",
            "type": "array",
            "minItems": 1,
            "examples": [[{"column": "Id", "start": 1, "width": 8}]],
            "items": {
                "description": "A column and its place in the line.",
                "type": "object",
                "additionalProperties": False,
                "required": ["column", "start", "width"],
                "properties": {
                    "column": _column("as the mapping calls it", "Id"),
                    "start": {
                        "description": "Its first character, counted from 1.",
                        "type": "integer",
                        "minimum": 1,
                    },
                    "width": {"description": "How many characters it has.", "type": "integer", "minimum": 1},
                },
            },
        },
        "sheet": {
            "description": "The sheet of a workbook; the first one if absent.",
            "type": "string",
            "minLength": 1,
            "examples": ["Customers"],
        },
        "decimal": {
            "description": "The decimal mark of numbers: with `,` 1.204,50 is read, with `.` 1,204.50 is; if absent, "
            "1204.50 only.",
            "enum": [",", "."],
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
        "split_from": {
            "description": "The list this one is split from by `cxrun split`; it has no file of its own, and reads "
            "nothing.",
            "type": "string",
            "minLength": 1,
            "examples": ["customers"],
        },
        "map": {
            **{key: value for key, value in MAP_SCHEMA.items() if key != "$schema"},
            "description": "Which column holds what: the mapping, or the name of a YAML file that holds it.",
            "type": ["object", "string"],
            "minLength": 1,
            "examples": ["mappings/crm.yaml"],
        },
    },
}
"""The JSON Schema of a list as a campaign writes it."""


Skip = tuple[tuple[str, frozenset[str]], ...]
"""Columns, and the values that say to leave a row or device out, in lower case."""


class DeviceColumn(NamedTuple):
    """A column of phone numbers, the type of the devices they reach, and the columns that tell more of them.

    `results` maps what `last_result` holds to the codes of call results.
    """

    column: str
    type: DeviceType
    calling_code: str | None = None
    time_zone: str | None = None
    attempts: str | None = None
    last_attempt: str | None = None
    local: bool = False
    last_result: str | None = None
    results: Mapping[str, int] = MappingProxyType({})
    skip: Skip = ()

    @property
    def others(self) -> dict[str, str]:
        """The settings that name another column, and the columns."""
        names = ("calling_code", "time_zone", "attempts", "last_attempt", "last_result")
        return {name: column for name in names if (column := getattr(self, name)) is not None}


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
    header: tuple[str, ...] | None = None
    layout: tuple[LayoutColumn, ...] = ()
    sheet: str | None = None
    decimal: str | None = None
    region: str | None = None
    time_zone_source: str = "contact_then_device"
    default_time_zone: str | None = None
    skip: Skip = ()

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> ListSettings:
        """Make settings from a mapping that satisfies `LIST_SCHEMA`, with the `map` in it."""
        plain = dict(settings)
        columns = dict(plain.pop("map"))
        devices = tuple(_device_column(device) for device in columns.pop("devices"))
        fields = tuple(
            FieldColumn(name, *_column_and_type(field, "text"))
            for name, field in columns.pop("fields", {}).items()
        )
        skip = _skip(columns.pop("skip", {}))
        if "header" in plain:
            plain["header"] = tuple(plain["header"])
        plain["layout"] = tuple(LayoutColumn(**column) for column in plain.get("layout", ()))
        return cls(columns=MappingProxyType(columns), devices=devices, fields=fields, skip=skip, **plain)

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
            found.append((("default_time_zone",), no_zone(self.default_time_zone)))
        for key, names in (("header", self.header or ()), ("layout", [part.column for part in self.layout])):
            for index, name in enumerate(names):
                if (before := list(names).index(name)) != index:
                    found.append(
                        ((key, index), f"column {before + 1} is named '{name}' already; names must differ")
                    )
        if self.layout and self.header:
            found.append((("header",), "the layout names the columns already"))
        seen: dict[str, int] = {}
        for index, device in enumerate(self.devices):
            first = seen.setdefault(device.column, index)
            if first != index:
                message = f"column '{device.column}' already is device {first + 1}"
                found.append((("map", "devices", index), message))
        for field in self.fields:
            if field.name in RECORD_FIELDS:
                message = f"every record has a field '{field.name}' already; choose another name"
            elif field.name == "exchange":
                message = "the exchange is known from the number already; choose another name"
            elif field.name == "state" and field.type != "text":
                message = "'state' is where the customer lives and must be text; choose another name"
            elif field.name in _ROWID_NAMES:
                message = f"'{field.name}' is SQLite's own name for the key of a row; choose another name"
            else:
                continue
            found.append((("map", "fields", field.name), message))
        return found

    def problems_with_header(self, header: Sequence[str]) -> list[tuple[Path, str]]:
        """The columns that the file does not have: where they are named, and the nearest one it has."""
        wanted: list[tuple[Path, str]] = [(("map", name), column) for name, column in self.columns.items()]
        for index, device in enumerate(self.devices):
            at: Path = ("map", "devices", index)
            wanted.append((at, device.column))
            wanted += [((*at, name), column) for name, column in device.others.items()]
            wanted += [((*at, "skip", column), column) for column, _ in device.skip]
        wanted += [(("map", "skip", column), column) for column, _ in self.skip]
        wanted += [(("map", "fields", field.name), field.column) for field in self.fields]
        return [
            (path, f"no column named '{column}'{near(column, header)}")
            for path, column in wanted
            if column not in header
        ]


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


def no_zone(text: str) -> str:
    """Say that a text is no time zone, and what would be."""
    return f"'{text}' is no time zone; write an IANA name such as America/New_York, or a code such as EST"


def _column_and_type(given: str | Mapping[str, str], default: str) -> tuple[str, str]:
    if isinstance(given, str):
        return given, default
    return given["column"], given.get("type", default)


def _device_column(given: str | Mapping[str, Any]) -> DeviceColumn:
    if isinstance(given, str):
        return DeviceColumn(given, DeviceType.NONE)
    plain = dict(given)
    kind = DeviceType[plain.pop("type", "none").upper()]
    skip = _skip(plain.pop("skip", {}))
    results = {code.lower(): _RESULTS[word] for code, word in plain.pop("results", {}).items()}
    return DeviceColumn(plain.pop("column"), kind, skip=skip, results=MappingProxyType(results), **plain)


def _skip(given: Mapping[str, Sequence[Any]]) -> Skip:
    return tuple(
        (column, frozenset(str(value).lower() for value in values)) for column, values in given.items()
    )
