"""Outbound contact campaigns as code: the public face of cxrun, all that a plugin needs.

Names are imported when they are first used, so that `cxrun --help` need not wait for all of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxrun.conditions import CONDITION_SCHEMA, Condition
    from cxrun.dialer import (
        AgentGone,
        AgentReady,
        Answered,
        Completed,
        Dial,
        Dialer,
        Ended,
        Line,
        Opening,
        Progress,
    )
    from cxrun.elements import (
        DURATION,
        PASS,
        PER,
        TIME_OF_DAY,
        Action,
        Call,
        Conclude,
        Defer,
        Deliver,
        DialAgain,
        DialingMode,
        DialNext,
        Drop,
        Exclude,
        Filter,
        Finish,
        Handling,
        Moment,
        Pacing,
        Pass,
        Per,
        ResultHandler,
        Schema,
        Suppress,
        Treatment,
        Verdict,
        clock_text,
        duration_text,
        next_day,
        per_text,
        seconds,
        time_of_day,
    )
    from cxrun.errors import UserError
    from cxrun.events import AttemptSettled, RunFinished, RunStarted
    from cxrun.hookspecs import hookimpl
    from cxrun.model import (
        COUNTED_RESULTS,
        CallResult,
        DeviceType,
        PastAttempt,
        Record,
        RecordStatus,
        RecordType,
        Suppression,
        word_of,
    )
    from cxrun.regions import REGION, Place, Region, by_precision, most_precise, place_of

__version__ = "0.1.0"

_HOMES = {
    "cxrun.conditions": (
        "CONDITION_SCHEMA",
        "Condition",
    ),
    "cxrun.dialer": (
        "AgentGone",
        "AgentReady",
        "Answered",
        "Completed",
        "Dial",
        "Dialer",
        "Ended",
        "Line",
        "Opening",
        "Progress",
    ),
    "cxrun.elements": (
        "DURATION",
        "PASS",
        "PER",
        "TIME_OF_DAY",
        "Action",
        "Call",
        "Conclude",
        "Defer",
        "Deliver",
        "DialAgain",
        "DialingMode",
        "DialNext",
        "Drop",
        "Exclude",
        "Filter",
        "Finish",
        "Handling",
        "Moment",
        "Pacing",
        "Pass",
        "Per",
        "ResultHandler",
        "Schema",
        "Suppress",
        "Treatment",
        "Verdict",
        "clock_text",
        "duration_text",
        "next_day",
        "per_text",
        "seconds",
        "time_of_day",
    ),
    "cxrun.errors": ("UserError",),
    "cxrun.events": (
        "AttemptSettled",
        "RunFinished",
        "RunStarted",
    ),
    "cxrun.hookspecs": ("hookimpl",),
    "cxrun.model": (
        "COUNTED_RESULTS",
        "CallResult",
        "DeviceType",
        "PastAttempt",
        "Record",
        "RecordStatus",
        "RecordType",
        "Suppression",
        "word_of",
    ),
    "cxrun.regions": (
        "REGION",
        "Place",
        "Region",
        "by_precision",
        "most_precise",
        "place_of",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cxrun' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


__all__ = [
    "CONDITION_SCHEMA",
    "COUNTED_RESULTS",
    "DURATION",
    "PASS",
    "PER",
    "REGION",
    "TIME_OF_DAY",
    "Action",
    "AgentGone",
    "AgentReady",
    "Answered",
    "AttemptSettled",
    "Call",
    "CallResult",
    "Completed",
    "Conclude",
    "Condition",
    "Defer",
    "Deliver",
    "DeviceType",
    "Dial",
    "DialAgain",
    "DialNext",
    "Dialer",
    "DialingMode",
    "Drop",
    "Ended",
    "Exclude",
    "Filter",
    "Finish",
    "Handling",
    "Line",
    "Moment",
    "Opening",
    "Pacing",
    "Pass",
    "PastAttempt",
    "Per",
    "Place",
    "Progress",
    "Record",
    "RecordStatus",
    "RecordType",
    "Region",
    "ResultHandler",
    "RunFinished",
    "RunStarted",
    "Schema",
    "Suppress",
    "Suppression",
    "Treatment",
    "UserError",
    "Verdict",
    "by_precision",
    "clock_text",
    "duration_text",
    "hookimpl",
    "most_precise",
    "next_day",
    "per_text",
    "place_of",
    "seconds",
    "time_of_day",
    "word_of",
]
