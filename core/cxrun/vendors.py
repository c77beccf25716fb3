"""Lists that other systems write, recognised by their columns, and what these mean.

The mapping is the one a person would write who knows the system: it is there to be read and corrected. Who must
not be called there is left out here, and attempts made there count in caps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from cxrun import listfile
from cxrun.interchange import COLUMNS, REQUIRED
from cxrun.mapping import zone_names

_VICIDIAL_LEAD: Final = (
    *(
        "phone_code",
        "phone_number",
        "title",
        "first_name",
        "middle_initial",
        "last_name",
        "address1",
        "address2",
    ),
    *("address3", "city", "state", "province", "postal_code", "country_code", "gender", "date_of_birth"),
    *("alt_phone", "email", "security_phrase", "comments"),
)
VICIDIAL_LOAD: Final = ("vendor_lead_code", "source_id", "list_id", *_VICIDIAL_LEAD, "rank", "owner")
"""The columns of a file made for the standard lead loader, which has no header."""
VICIDIAL_LIST: Final = (
    *("lead_id", "entry_date", "modify_date", "status", "user", "vendor_lead_code", "source_id", "list_id"),
    *("gmt_offset_now", "called_since_last_reset", *_VICIDIAL_LEAD, "called_count", "last_local_call_time"),
    *("rank", "owner", "entry_list_id"),
)
"""The columns of a downloaded list; older downloads have no header."""
_VICIDIAL_RESULTS: Final = {
    "NEW": "unknown", "QUEUE": "unknown", "INCALL": "unknown", "B": "busy", "AB": "busy", "NA": "no_answer",
    "N": "no_answer", "A": "answering_machine", "AA": "answering_machine", "AM": "answering_machine",
    "AL": "answering_machine", "AFAX": "fax_detected", "DC": "sit_vacant_code", "ADC": "sit_vacant_code",
    "DROP": "dropped", "PDROP": "dropped", "XDROP": "dropped", "other": "answer",
}  # fmt: skip
_VICIDIAL_NEVER: Final = ["DNC", "DNCL", "DNCC"]
_GENESYS_RESULTS: Final = {
    "ININ-OUTBOUND-BUSY": "busy", "ININ-OUTBOUND-NO-ANSWER": "no_answer", "ININ-OUTBOUND-MACHINE": "answering_machine",
    "ININ-OUTBOUND-FAX": "fax_detected", "ININ-OUTBOUND-SIT-CALLABLE": "sit_detected",
    "ININ-OUTBOUND-SIT-UNCALLABLE": "sit_vacant_code", "ININ-OUTBOUND-INVALID-PHONE-NUMBER": "sit_invalid_number",
    "ININ-OUTBOUND-DISCONNECT": "abandoned", "ININ-OUTBOUND-FAILED-TO-REACH-AGENT": "dropped",
    "ININ-OUTBOUND-AMBIGUOUS": "silence", "other": "answer",
}  # fmt: skip
_NO: Final = [0, False]
_GENESYS_OWN: Final = re.compile(
    r"^(inin-outbound-id|ContactCallable|ContactableBy\w+|Callable|AutomaticTimeZone|ZipCodeAutomaticTimeZone"
    r"|CallRecordLastAttempt|(Sms|Email|WhatsApp)\w*)(-.+)?$",
    re.IGNORECASE,
)
_SAMPLE: Final = 50
_CODE: Final = re.compile(r"[0-9]{1,4}")
_NUMBER: Final = re.compile(r"[0-9]{6,18}")

Columns = Mapping[str, Sequence[str]]
"""Each column's name and its cells in a sample that are not null."""


def standard_header(path: Path) -> tuple[str, ...] | None:
    """The names of the columns of a VICIdial file that does not name them, None for any other file.

    Raises UserError for a file that cannot be read.
    """
    format = listfile.sniff(path, header=())
    rows = [[cell.strip() for cell in cells] for _, cells in islice(listfile.rows(path, format), _SAMPLE)]
    width = max(map(len, rows), default=0)
    for names, shortest in ((VICIDIAL_LIST, len(VICIDIAL_LIST) - 1), (VICIDIAL_LOAD, len(VICIDIAL_LOAD) - 2)):
        at = names.index("phone_code")
        fitting = sum(
            len(row) > at + 1 and bool(_CODE.fullmatch(row[at]) and _NUMBER.fullmatch(row[at + 1]))
            for row in rows
        )
        if width >= shortest and fitting > 0.9 * len(rows):
            more = (f"custom_{number}" for number in range(1, width - len(names) + 1))
            return (*names[:width], *more)
    return None


def recognised(columns: Columns) -> dict[str, Any] | None:
    """The mapping of a list that is known by its columns, without own fields; None for any other list.

    Beside it, under `drop`, the columns that say nothing here.
    """
    for of_system in (_interchange, _genesys_cloud, _vicidial):
        found = of_system(columns)
        if found is not None:
            return found
    return None


def _interchange(columns: Columns) -> dict[str, Any] | None:
    if not columns.keys() >= REQUIRED:
        return None
    return {"devices": ["contact_info"], "drop": [name for name in COLUMNS if name in columns]}


def _vicidial(columns: Columns) -> dict[str, Any] | None:
    telling = {"vendor_lead_code", "gmt_offset_now", "called_since_last_reset", "security_phrase", "lead_id"}
    if not columns.keys() >= {"phone_code", "phone_number"} or not telling & columns.keys():
        return None
    main: dict[str, Any] = {"column": "phone_number", "calling_code": "phone_code"}
    if "called_count" in columns:
        main["attempts"] = "called_count"
    if "last_local_call_time" in columns:
        main |= {"last_attempt": "last_local_call_time", "local": True}
    mapping: dict[str, Any] = {}
    for client in ("vendor_lead_code", "lead_id"):
        cells = columns.get(client, ())
        if cells and len(set(cells)) > 0.9 * max(len(columns["phone_number"]), 1):
            mapping["client_id"] = client
            break
    if "status" in columns:
        if "attempts" in main or "last_attempt" in main:
            main |= {"last_result": "status", "results": dict(_VICIDIAL_RESULTS)}
        mapping["skip"] = {"status": list(_VICIDIAL_NEVER)}
    mapping["devices"] = [main]
    if columns.get("alt_phone"):
        mapping["devices"].append({"column": "alt_phone", "calling_code": "phone_code"})
    return mapping | {"drop": ["phone_code", "gmt_offset_now", "called_since_last_reset"]}


def _genesys_cloud(columns: Columns) -> dict[str, Any] | None:
    exact = {name.lower(): name for name in columns}
    phones = [
        exact[stem.lower()]
        for name in columns
        if name.lower().startswith("callrecordlastattempt-")
        and (stem := name.partition("-")[2]).lower() in exact
    ]
    if not phones:
        return None

    def beside(phone: str, *stems: str) -> list[str]:
        wanted = (exact.get(f"{stem}-{phone}".lower()) for stem in stems)
        return [name for name in wanted if name is not None]

    devices = []
    for phone in phones:
        device: dict[str, Any] = {"column": phone}
        for key, stem in (("time_zone", "AutomaticTimeZone"), ("last_attempt", "CallRecordLastAttempt")):
            for name in beside(phone, stem):
                device[key] = name
        for name in beside(phone, "CallRecordLastResult"):
            device |= {"last_result": name, "results": dict(_GENESYS_RESULTS)}
        skip = {name: list(_NO) for name in beside(phone, "Callable", "ContactableByVoice")}
        devices.append(device | ({"skip": skip} if skip else {}))
    mapping: dict[str, Any] = {"devices": devices}
    skip = {exact[name]: list(_NO) for name in ("contactcallable", "contactablebyvoice") if name in exact}
    if skip:
        mapping["skip"] = skip
    zone = exact.get("zipcodeautomatictimezone")
    if zone is not None and columns[zone] and all(map(zone_names, columns[zone])):
        mapping["time_zone"] = zone
    if "inin-outbound-id" in exact:
        mapping["client_id"] = exact["inin-outbound-id"]
    return mapping | {"drop": [name for name in columns if _GENESYS_OWN.match(name)]}
