"""The format of a case file, `NAME.cases.yaml` beside `NAME.yaml`.

    ruleset: evening
    cases:
      - name: not before five in the afternoon
        record: {phone: "+12125550123"}
        at: 2026-03-02 16:59
        expect: {defer: 17:00, rule: calling_hours}
      - name: a busy line is tried again
        record: {phone: "+12125550123"}
        at: 2026-03-02 18:00
        timeline:
          - {dial: 1, result: busy, then: {dial: 1, at: 18:30}}
          - {dial: 1, result: answer, then: finish}

A case states every decision its steps lead to; one that is not stated fails it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cxrun.cases.when import WRITTEN
from cxrun.model import CallResult, DeviceType, RecordStatus, RecordType, codes_by_word
from cxrun.schema import DRAFT
from cxrun.times import DURATION, TIME_OF_DAY

SUFFIXES: Final = (".cases.yaml", ".cases.yml")
RESULTS: Final = codes_by_word(CallResult)
TYPES: Final = codes_by_word(RecordType)
STATUSES: Final = codes_by_word(RecordStatus)
DEVICES: Final = codes_by_word(DeviceType)

_TIME: Final = {"description": f"A time: {WRITTEN}.", "type": "string"}
_TEXT: Final = {"type": "string", "minLength": 1}
_NUMBER: Final = {
    "description": "A position in the chain, from 1; a lone record is number 1.",
    "type": "integer",
    "minimum": 1,
}
_RULE: Final = {**_TEXT, "description": "The element that says so, e.g. calling_hours."}
_REASON: Final = {**_TEXT, "description": "The reason it gives, word for word."}
_BECAUSE: Final = {"description": "The reason, word for word; may be left out.", "type": ["string", "null"]}
_FIELDS: Final = {
    "description": "The list's own fields.",
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
_DEVICE: Final = {
    "phone": {**_TEXT, "description": "The number, E.164, or as people write it in `region`."},
    "type": {"description": "The device type.", "enum": list(DEVICES)},
    "tz": {
        "type": "string",
        "description": "Its IANA time zones, parted by spaces, or unknown; else those of the number.",
    },
    "country": {"type": "string", "description": "ISO 3166 code; else that of the number."},
    "area_code": {"type": "string", "description": "Digits; else those of the number."},
    "record_type": {"description": "Default: general.", "enum": list(TYPES)},
    "record_status": {
        "description": "Default: ready for the first number, chain_ready for the others.",
        "enum": list(STATUSES),
    },
    "call_result": {"description": "Default: that of the last of `attempts`.", "enum": list(RESULTS)},
    "attempt": {
        "description": "Attempts made; default: as many as `attempts` names.",
        "type": "integer",
        "minimum": 0,
    },
    "treatments": {"type": "string", "description": "The history of treatments applied, as a list has it."},
}
_CONTACT: Final = {
    "client_id": {**_TEXT, "description": "The ClientID."},
    "first_name": {**_TEXT, "description": "The first name."},
    "last_name": {**_TEXT, "description": "The last name."},
    "company": {**_TEXT, "description": "The company."},
    "daily_from": {**TIME_OF_DAY, "description": "Earliest time of day; default 08:00."},
    "daily_till": {**TIME_OF_DAY, "description": "Latest time of day; default 18:00."},
    "agent_id": {**_TEXT, "description": "The agent who processed it or owns its callback."},
    "fields": _FIELDS,
}
_RECORD: Final = {
    "description": "The record, or what all numbers of the chain have in common.",
    "type": "object",
    "additionalProperties": False,
    "properties": {**_DEVICE, **_CONTACT},
}
_CHAIN: Final = {
    "description": "The numbers of the customer, in their order.",
    "type": "array",
    "minItems": 1,
    "items": {"type": "object", "additionalProperties": False, "properties": _DEVICE},
}
_TIMES: Final = {"anyOf": [_TIME, {"type": "array", "minItems": 1, "items": _TIME}]}
_ATTEMPTS: Final = {
    "description": "Attempts made before.",
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["result"],
        "properties": {
            "at": {**_TIMES, "description": "When, with its date; or several times."},
            "ago": {
                "description": "How long before the case begins, e.g. 23h; or several durations.",
                "anyOf": [DURATION, {"type": "array", "minItems": 1, "items": DURATION}],
            },
            "dial": _NUMBER,
            "phone": {**_TEXT, "description": "Another number than those of the chain."},
            "client_id": {**_TEXT, "description": "Another client than the record's."},
            "fields": {**_FIELDS, "description": "Other own fields than the record's, e.g. of another debt."},
            "lasts": {**DURATION, "description": "From dialing to the end of the call; default 0s."},
            "result": {"description": "The call result.", "enum": list(RESULTS)},
            "disposition": {**_TEXT, "description": "The agent's code."},
        },
    },
}
_SUPPRESSIONS: Final = {
    "description": "Entries of suppression lists.",
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["list"],
        "properties": {
            "list": {**_TEXT, "description": "The suppression list."},
            "device": {"description": "A number, or a position in the chain.", "type": ["string", "integer"]},
            "client": {**_TEXT, "description": "A ClientID."},
            "from": {**_TIME, "description": "From when it holds; else from ever."},
            "till": {**_TIME, "description": "Till when it holds; else for ever."},
        },
    },
}
_DECISION: Final = {
    "dial": {**_NUMBER, "description": "It is dialed: which number of the chain, from 1."},
    "defer": {**_TIME, "description": "It is put off till then."},
    "exclude": {**_BECAUSE, "description": "It is excluded; the reason may be named."},
    "rule": _RULE,
    "reason": _REASON,
}
_EXPECT: Final = {
    "description": "What is decided: dial, exclude, or e.g. {defer: 08:00, rule: calling_hours}.",
    "anyOf": [
        {"type": "string", "enum": ["dial", "exclude"]},
        {"type": "object", "additionalProperties": False, "minProperties": 1, "properties": _DECISION},
    ],
}
_THEN: Final = {
    "description": "What follows the call: finish, or e.g. {dial: 1, at: 10:30} or {do_not_call: [device, client]}.",
    "anyOf": [
        {"type": "string", "enum": ["finish", "update_chain", "agent_error"]},
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                "dial": {**_NUMBER, "description": "This number of the chain is dialed next."},
                "at": {**_TIME, "description": "When it is dialed; without it, at once."},
                "as": {
                    "description": "What kind of callback it is then, if it is one.",
                    "enum": ["personal_callback", "campaign_callback", "personal_rescheduled"],
                },
                "finish": {**_BECAUSE, "description": "The chain is finished; the reason may be named."},
                "update_chain": {**_BECAUSE, "description": "It is, and every record has this result."},
                "agent_error": {**_BECAUSE, "description": "It is, with the status agent_error."},
                "do_not_call": {
                    "description": "What goes on the suppression list: device, client, or both.",
                    "anyOf": [
                        {"type": "string", "enum": ["device", "client"]},
                        {"type": "array", "minItems": 1, "items": {"enum": ["device", "client"]}},
                    ],
                },
                "list": {**_TEXT, "description": "The suppression list."},
                "till": {**_TIME, "description": "Till when the entry holds; without it, for ever."},
                "rule": _RULE,
                "reason": _REASON,
            },
        },
    ],
}
_STEP: Final = {
    "description": "What happens next, and what is decided; a call result alone can be filled in by --update.",
    "anyOf": [
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "at": {**_TIME, "description": "When the dialer comes to it; else as soon as it is due."},
                **_DECISION,
                "result": {
                    "description": "How the call ends, as the line reports it.",
                    "enum": list(RESULTS),
                },
                "disposition": {**_TEXT, "description": "The agent's code."},
                "to": {
                    **_TEXT,
                    "description": "Where an answered call goes: agent, drop, or a routing point. To be stated "
                    "unless a person goes to an agent and anything else is dropped.",
                },
                "becomes": {
                    "description": "The result that is written, where it is another.",
                    "enum": list(RESULTS),
                },
                "lasts": {**DURATION, "description": "From dialing to the end of the call; default 0s."},
                "sends": {
                    "description": "The treatments that have an effect outside, e.g. webhook; or several.",
                    "anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}],
                },
                "then": _THEN,
            },
        },
        {"type": "string", "enum": list(RESULTS)},
    ],
}
_GIVEN: Final = {
    "zone": {
        "type": "string",
        "description": "The zone whose clock the times are written by; default: that of the first number.",
    },
    "record": _RECORD,
    "chain": _CHAIN,
    "attempts": _ATTEMPTS,
    "suppressions": _SUPPRESSIONS,
    "at": {**_TIME, "description": "When it begins, with its date."},
    "imported": {
        **_TIME,
        "description": "When the record was imported: a time with its date, or how long before it begins, e.g. 3d.",
    },
    "ring_time": {**DURATION, "description": "How long a call may ring; default: that of the group, or 25s."},
}
CASES_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": DRAFT,
    "title": "cxrun cases",
    "type": "object",
    "additionalProperties": False,
    "required": ["cases"],
    "properties": {
        "ruleset": {
            **_TEXT,
            "description": "The ruleset the cases are about; default: the name of the file.",
        },
        "beside": {
            "description": "Rulesets attached before it, as a group would.",
            "type": "array",
            "items": _TEXT,
        },
        "group": {**_TEXT, "description": "Instead of `ruleset`: a campaign group, with all its rulesets."},
        "region": {"type": "string", "description": "The country of numbers without a leading +, e.g. US."},
        "defaults": {
            "description": "What every case begins with, unless it says otherwise.",
            "type": "object",
            "additionalProperties": False,
            "properties": _GIVEN,
        },
        "cases": {
            "description": "The cases.",
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {**_TEXT, "description": "What is so, as a sentence."},
                    **_GIVEN,
                    "expect": _EXPECT,
                    "moments": {
                        "description": "Several times, each by itself, and what is decided at each.",
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": _EXPECT,
                    },
                    "timeline": {
                        "description": "Calls and decisions in their order, one following from the other.",
                        "type": "array",
                        "minItems": 1,
                        "items": _STEP,
                    },
                },
            },
        },
    },
}
"""JSON Schema of a case file."""
