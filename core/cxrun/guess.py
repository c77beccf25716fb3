"""Guess what the columns of an unknown list mean, from its header and its first rows.

The guess is the mapping a person would write into a campaign; it is there to be read and corrected.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from cxrun.contacts import NULLS
from cxrun.errors import UserError
from cxrun.mapping import ListSettings, zone_names
from cxrun.model import RECORD_FIELDS
from cxrun.numbers import BadNumber, likely_region, parse_number
from cxrun.table import Table, open_table
from cxrun.vendors import recognised, standard_header
from cxrun.workbook import SUFFIXES

REGIONS: Final = (
    *("US", "GB", "CA", "DE", "FR", "ES", "IT", "AU", "NZ", "IE", "NL", "BE", "AT", "CH", "SE", "NO", "DK"),
    *("FI", "PL", "PT", "IN", "BR", "MX", "ZA", "SG", "JP"),
)
"""The countries tried for numbers without a leading +; of equals the first wins."""

_SAMPLE_ROWS: Final = 500
_SAMPLE_NUMBERS: Final = 200
_MOST: Final = 0.5
_NEARLY_ALL: Final = 0.9
_MAX_DEVICES: Final = 10

_PHONE: Final = re.compile(
    r"\b((home|work|mobile|cell)?phones?|telephone|phonenumber|tel|mobile|cell|cellular|msisdn|landline|telefono?"
    r"|telefone|rufnummer|handy|mobil|movil|celular)\b"
    r"|^(home|work|office|business|primary|secondary|alternate|alt|other)( [0-9]+)?$"
)
_NO_PHONE: Final = re.compile(r"\b(fax|telefax|type|kind|ext|extension|e?mail|id|status|date)\b")
_CODE: Final = re.compile(
    r"\b(ids?|codes?|zip|zipcode|postal|postcode|plz|account|acct|number|num|no|nr|ssn|npi|ein|vat|fax|ref"
    r"|reference|key|sku|phone|telephone|tel)\b"
)
_DEVICE_TYPES: Final = (
    ("mobile", re.compile(r"\b(mobile|cell|cellular|handy|mobil|movil|celular|msisdn|(mobile|cell)phone)\b")),
    ("home", re.compile(r"\b(home|homephone|private?|personal|landline)\b")),
    ("direct_business", re.compile(r"\b(work|workphone|business|office|company|direct|desk)\b")),
    ("pager", re.compile(r"\bpager\b")),
)
_CLIENT_IDS: Final = (
    *("client id", "clientid", "customer id", "customerid", "contact id", "account id", "account number"),
    *("customer number", "member id", "patient id", "provider id", "lead id", "external id", "crm id", "id"),
)
_FIRST_NAMES: Final = (
    "first name",
    "firstname",
    "first",
    "given name",
    "forename",
    "fname",
    "vorname",
    "prenom",
)
_LAST_NAMES: Final = ("last name", "lastname", "last", "surname", "family name", "lname", "nachname", "nom")
_COMPANIES: Final = (
    *("company", "company name", "companyname", "organization", "organisation", "organization name"),
    *("organisation name", "business name", "employer", "hospital name", "facility name", "practice name"),
    *("provider name", "store name", "school name", "vendor name", "account name", "firma", "hospital"),
)
_TIME_ZONES: Final = ("time zone", "timezone", "tz", "iana zone", "iana time zone", "zeitzone")
_TAKEN_NAMES: Final = frozenset((*RECORD_FIELDS, "exchange", "rowid", "oid"))
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?")
_COMMA_NUMBER: Final = re.compile(r"-?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,15})(?:,[0-9]+)?")

Columns = Mapping[str, Sequence[str]]
"""Each column's name and its cells in the sample that are not null, in the order of the file."""


def guess_settings(path: Path) -> dict[str, Any]:
    """Return list settings for a file, such that they satisfy `cxrun.mapping.LIST_SCHEMA`.

    The same file always gives the same guess. Raises UserError if no column holds phone numbers.
    """
    header = None if path.suffix.lower() in SUFFIXES else standard_header(path)
    table = open_table(path, ListSettings(path.name, {}, (), header=header) if header else None)
    sample = [cells for _, cells in islice(table.rows(), _SAMPLE_ROWS)]
    columns = {
        name: [row[at].strip() for row in sample if at < len(row) and row[at].strip().lower() not in NULLS]
        for at, name in enumerate(table.header)
    }
    known = recognised(columns)
    if known is not None:
        drop = {*known.pop("drop"), *_device_columns(known)}
        numbers = [device if isinstance(device, str) else device["column"] for device in known["devices"]]
        region, _ = _number_parts(columns, numbers)
        rest = {name: cells for name, cells in columns.items() if name not in drop}
        mapping = {**_single_columns(rest), **known}
        for device in mapping["devices"]:
            if isinstance(device, dict) and isinstance(typed := _device(device["column"]), dict):
                device.update(typed)
        return _settings(path, table, header, region, mapping, rest)
    region, phones = _phones(columns)
    if not phones:
        if len(table.header) == 1:
            raise UserError(
                f"{path}: has no columns; if it is a fixed-width file, run `cxrun init` without a list and give it a "
                "`layout` in campaign.yaml"
            )
        seen = ", ".join(f"'{name}'" for name in table.header)
        raise UserError(
            f"{path}: no column holds phone numbers. Run `cxrun init` without a list and name the column in "
            f"campaign.yaml; the columns are {seen}"
        )
    rest = {name: cells for name, cells in columns.items() if name not in phones}
    mapping = {**_single_columns(rest), "devices": [_device(name) for name in phones]}
    return _settings(path, table, header, region, mapping, rest)


def _device_columns(mapping: Mapping[str, Any]) -> set[str]:
    """The columns that belong to the devices and are no fields of the customer; what came of calls is one."""
    devices = [device for device in mapping["devices"] if isinstance(device, dict)]
    return {
        device[key] for device in devices for key in ("column", "calling_code", "time_zone") if key in device
    }


def _settings(
    path: Path,
    table: Table,
    header: Sequence[str] | None,
    region: str | None,
    mapping: dict[str, Any],
    columns: Columns,
) -> dict[str, Any]:
    """The settings with what is left of the columns as own fields."""
    used = {column for column in mapping.values() if isinstance(column, str)}
    fields, decimal = _fields({name: cells for name, cells in columns.items() if name not in used})
    if fields:
        mapping["fields"] = fields
    settings: dict[str, Any] = {"file": path.name}
    if header is not None:
        settings["header"] = list(header)
    if table.format and table.format.encoding != "utf-8":
        settings["encoding"] = table.format.encoding
    if table.format and table.format.delimiter != ",":
        settings["delimiter"] = table.format.delimiter
    if decimal is not None:
        settings["decimal"] = decimal
    if region is not None:
        settings["region"] = region
    return {**settings, "map": mapping}


def _words(header: str) -> str:
    """The words of a column's name, lower case and without accents: "HomePhone_1" is "home phone 1"."""
    plain = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode()
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain)
    return " ".join(re.findall(r"[a-z]+|[0-9]+", apart.lower()))


def _phones(columns: Columns) -> tuple[str | None, list[str]]:
    """The country of the numbers and the columns of phone numbers: by name, or else by content alone."""
    named = [name for name in columns if _PHONE.search(_words(name)) and not _NO_PHONE.search(_words(name))]
    region, parts = _number_parts(columns, named)
    found = [name for name in named if parts[name] >= _MOST or not columns[name]]
    if any(columns[name] for name in found):
        return region, found[:_MAX_DEVICES]
    unnamed = [name for name in columns if not (_CODE.search(_words(name)) or _NO_PHONE.search(_words(name)))]
    region, parts = _number_parts(columns, unnamed)
    return region, [name for name in unnamed if columns[name] and parts[name] >= _NEARLY_ALL][:_MAX_DEVICES]


def _number_parts(columns: Columns, names: Sequence[str]) -> tuple[str | None, dict[str, float]]:
    """The likeliest country, and for each column the part of its cells that are phone numbers there."""
    each = max(1, _SAMPLE_NUMBERS // max(1, len(names)))
    region = likely_region((cell for name in names for cell in columns[name][:each]), REGIONS)
    parts = {}
    for name in names:
        cells = columns[name][:_SAMPLE_NUMBERS]
        parts[name] = sum(_is_number(cell, region) for cell in cells) / max(1, len(cells))
    return region, parts


def _is_number(text: str, region: str | None) -> bool:
    if sum(character.isdigit() for character in text) < len(text) / 2:
        return False
    try:
        return not parse_number(text, region).doubt
    except BadNumber:
        return False


def _device(name: str) -> str | dict[str, str]:
    for kind, pattern in _DEVICE_TYPES:
        if pattern.search(_words(name)):
            return {"column": name, "type": kind}
    return name


def _single_columns(columns: Columns) -> dict[str, Any]:
    """The columns of which a mapping has one each, as far as name and content agree."""
    wanted: tuple[tuple[str, Sequence[str], Callable[[Sequence[str]], bool]], ...] = (
        ("client_id", _CLIENT_IDS, _is_identity),
        ("first_name", _FIRST_NAMES, _is_short),
        ("last_name", _LAST_NAMES, _is_short),
        ("company", _COMPANIES, _is_short),
        ("time_zone", _TIME_ZONES, lambda cells: all(map(zone_names, cells))),
        ("daily_from", ("daily from",), bool),
        ("daily_till", ("daily till",), bool),
    )
    by_words = {_words(name): name for name in reversed(list(columns))}
    found = {}
    for key, names, fits in wanted:
        for words in names:
            if words in by_words and fits(columns[by_words[words]]):
                found[key] = by_words.pop(words)
                break
    return found


def _is_identity(cells: Sequence[str]) -> bool:
    return bool(cells) and len(set(cells)) > len(cells) / 2 and _is_short(cells)


def _is_short(cells: Sequence[str]) -> bool:
    return all(len(cell) <= 64 for cell in cells)


def _fields(columns: Columns) -> tuple[dict[str, Any], str | None]:
    """The own fields, and the decimal mark of their numbers if it is a comma."""
    fields: dict[str, Any] = {}
    decimal = "," if any(_is_comma_number(column, cells) for column, cells in columns.items()) else None
    for column, cells in columns.items():
        stem = _field_name(column)
        name, count = stem, 1
        while name in fields:
            count += 1
            name = f"{stem}_{count}"
        if name == "state":
            # what a list calls its state is where the customer lives, however it is written
            kind = "text"
        else:
            kind = "number" if decimal and _is_comma_number(column, cells) else _field_type(column, cells)
            if decimal and kind == "number" and not all(map(_COMMA_NUMBER.fullmatch, cells)):
                kind = "text"
        fields[name] = column if kind == "text" else {"column": column, "type": kind}
    return fields, decimal


def _is_comma_number(column: str, cells: Sequence[str]) -> bool:
    """Whether the cells are numbers such as 1.204,50, some of them with a decimal comma."""
    return (
        any("," in cell for cell in cells)
        and not _CODE.search(_words(column))
        and all(map(_COMMA_NUMBER.fullmatch, cells))
        # 1,204 may be a thousand in English
        and any(re.search(r",[0-9]{1,2}$", cell) for cell in cells)
    )


def _field_name(column: str) -> str:
    name = _words(column).replace(" ", "_") or "field"
    if name[0].isdigit():
        return f"field_{name}"
    return f"list_{name}" if name in _TAKEN_NAMES else name


def _field_type(column: str, cells: Sequence[str]) -> str:
    """Text for whatever is a code rather than a quantity: by its name, its leading zeros or its length."""
    if not cells or _CODE.search(_words(column)):
        return "text"
    if all(map(_INTEGER.fullmatch, cells)):
        return "integer"
    return "number" if all(map(_NUMBER.fullmatch, cells)) else "text"
