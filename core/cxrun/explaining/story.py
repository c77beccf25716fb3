"""What is to be told of a record, and the same as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cxrun.explaining.words import called_back, just_ended
from cxrun.forecasting.prospects import Prospect
from cxrun.model import (
    ASLEEP,
    CallResult,
    DeviceType,
    Reason,
    Record,
    RecordStatus,
    RecordType,
    Rule,
    word_of,
)
from cxrun.moments import moment_text
from cxrun.store.queue import AttemptRow
from cxrun.store.reading import (
    Happened,
)

NO_OBJECTION: Final = frozenset({"passes", "not concerned", "not asked"})


class Said(NamedTuple):
    """What one filter says of a record at a moment.

    `verdict` is one of passes, defers, excludes, gives way, error, not concerned (its `when` is not true), and not
    asked: it asks somebody outside, who can only speak of the present. `until` is Unix UTC seconds; `figures` is
    what was counted or compared.
    """

    rule: Rule
    verdict: str
    until: float | None
    reason: str
    figures: str


class Look(NamedTuple):
    """A record at a moment other than the present, or at the present with every rule asked.

    `stood` is how it stands or stood, `decided` what was decided at that very moment, if anything was; `decision`
    what the rules say, None where they are not asked. `notes` are what else counts, `told` is `decided` in sentences.
    """

    at: float
    stood: Record
    reason: Reason
    past: bool
    decided: tuple[Happened, ...]
    said: tuple[Said, ...]
    decision: str | None
    notes: tuple[str, ...]
    told: tuple[str, ...] = ()

    def decision_text(self, zone: str) -> str:
        """What the rules say, in words."""
        for said in self.said:
            if said.verdict not in NO_OBJECTION:
                until = "" if said.until is None else f" until {moment_text(said.until, zone)}"
                return f"{said.verdict}{until}: {said.reason} ({said.rule})"
        return "it may be dialed"


@dataclass(frozen=True)
class Story:
    """What is to be told of one record; `events` are in the order things happened, `lines` tell them."""

    record: Record
    list_name: str
    title: str
    events: tuple[Happened, ...]
    attempts: Mapping[int, AttemptRow]
    lines: tuple[str, ...]
    reason: Reason | None
    now: str
    next: str
    prospect: Prospect | None = None
    asked: tuple[str, ...] = ()
    """What was asked for the record and is not done yet."""
    look: Look | None = None

    @property
    def callback(self) -> bool:
        """Whether a callback is promised and not made yet."""
        return called_back(self.record)

    def as_data(self) -> dict[str, Any]:
        """The story as plain data."""
        record = self.record
        data = {
            "record_id": record.record_id,
            "list": self.list_name,
            "phone": record.phone,
            "device": word_of(DeviceType, record.contact_info_type),
            "client_id": record.client_id,
            "chain": {
                "chain_id": record.chain_id,
                "chain_n": record.chain_n,
                "chain_size": record.chain_size,
            },
            "zones": list(record.zones),
            "zone_source": record.tz_source if record.tz else None,
            **_state_as_data(record),
            "agent_id": record.agent_id,
            "callback": record.dial_sched_time if self.callback else None,
            "asked": list(self.asked),
            "events": [self._event_as_data(item) for item in self.events],
            "reason": _reason_as_data(self.reason),
            "next": _prospect_as_data(self.prospect),
        }
        if self.look is not None:
            data["at"] = self._look_as_data(self.look)
        return data

    def _event_as_data(self, item: Happened) -> dict[str, Any]:
        ended = just_ended(self.attempts, item)
        return {
            "at": item.at,
            "event": item.event,
            **(_reason_as_data(item.reason) or {}),
            "attempt": item.attempt,
            "call_result": word_of(CallResult, item.call_result),
            "due": item.due or None,
            "run_id": item.run_id,
            "call": _call_as_data(self.attempts[item.attempt]) if ended else None,
        }

    def _look_as_data(self, look: Look) -> dict[str, Any]:
        return {
            "at": look.at,
            "past": look.past,
            **_state_as_data(look.stood),
            "reason": _reason_as_data(look.reason),
            "decided": [self._event_as_data(item) for item in look.decided],
            "decision": look.decision,
            "rules": [
                {
                    "rule": said.rule._asdict(),
                    "verdict": said.verdict,
                    "until": said.until,
                    "reason": said.reason or None,
                    "figures": said.figures or None,
                }
                for said in look.said
            ],
            "notes": list(look.notes),
        }


def _state_as_data(record: Record) -> dict[str, Any]:
    waits = record.priority != ASLEEP
    return {
        "record_type": word_of(RecordType, record.record_type),
        "record_status": word_of(RecordStatus, record.record_status),
        "call_result": word_of(CallResult, record.call_result),
        "attempt": record.attempt,
        "due": record.due if waits else None,
    }


def _reason_as_data(reason: Reason | None) -> dict[str, Any] | None:
    if reason is None:
        return None
    rule = reason.rule._asdict() if reason.rule else None
    return {"state": reason.state, "reason": reason.text, "rule": rule}


def _call_as_data(attempt: AttemptRow) -> dict[str, Any]:
    return {
        "placed": attempt.placed,
        "answered": attempt.answered,
        "connected": attempt.connected,
        "ended": attempt.ended,
        "call_result": word_of(CallResult, attempt.call_result),
        "disposition": attempt.disposition,
        "agent_id": attempt.agent_id,
        "heard_message": attempt.heard_message,
    }


def _prospect_as_data(prospect: Prospect | None) -> dict[str, Any] | None:
    return None if prospect is None else prospect.as_data()
