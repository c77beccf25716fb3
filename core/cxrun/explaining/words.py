"""Sentences of the life of a record: what has happened, how it stands, what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cxrun.elements import Defer
from cxrun.forecasting.prospects import Prospect
from cxrun.model import (
    CALLBACKS,
    PERSONAL,
    CallResult,
    DeviceType,
    Reason,
    Record,
    RecordStatus,
    RecordType,
    word_of,
)
from cxrun.moments import moment_text
from cxrun.pipeline import Decision
from cxrun.store.queue import AttemptRow
from cxrun.store.reading import (
    Happened,
)
from cxrun.store.redaction import EVENT

_EFFECTS: Final[Mapping[str, str]] = {
    "would_send": "would have sent",
    "effect_sent": "sent",
    "effect_delayed": "not sent yet",
    "effect_failed": "not sent",
    "effect_unknown": "perhaps sent",
}


_ASIDE: Final = frozenset(
    {
        "agent_absent", "callback_missed", "callback_promised", "canceled", "do_not_call", "processed", "released",
    }
)  # fmt: skip
"""Events that need no call to come about."""


def called_back(record: Record) -> bool:
    """Whether a callback is promised and not made yet; a record that is closed has no due time."""
    return record.record_type in CALLBACKS and record.due > 0


def title_of(record: Record, list_name: str) -> str:
    who = " ".join(name for name in (record.first_name, record.last_name, record.company) if name)
    device = word_of(DeviceType, record.contact_info_type)
    zone = f"zone {' or '.join(record.zones)} (from the {record.tz_source})" if record.tz else "zone unknown"
    place = f", {record.chain_n} of {record.chain_size} in its chain" if record.chain_size > 1 else ""
    about = f"record {record.record_id} of list {list_name}: {record.phone}"
    device = "" if device == "none" else f" ({device})"
    return f"{about}{device}{', ' + who if who else ''}{place}; {zone}"


def event_lines(item: Happened, attempts: Mapping[int, AttemptRow], zone: str) -> list[str]:
    when = moment_text(item.at, zone)
    why = _because(item.reason)
    due = f", to be looked at again {moment_text(item.due, zone)}" if item.due else ""
    if item.event == "deferred":
        return [f"{when}  not dialed: {why}{due}"]
    if item.event == "excluded":
        return [f"{when}  excluded: {why}"]
    if item.event == "error":
        called = [_call_told(attempts[item.attempt], zone)] if just_ended(attempts, item) else []
        return [*called, f"{when}  set aside: {why}"]
    if item.event == "dial_failed":
        return [f"{when}  attempt {item.attempt}: the dialer failed: {why}; it counts all the same"]
    if item.event == "lost":
        return [f"{when}  attempt {item.attempt} {why}; it counts, and is not dialed again"]
    if item.event == "next_in_chain":
        return [f"{when}  its turn in the chain: {why}{due}"]
    if item.event == "chained":
        return [f"{when}  gives way in its chain: {why}"]
    if item.event == EVENT:
        return [f"{when}  {why}"]
    if item.event in _EFFECTS:
        return [f"{when}  {_EFFECTS[item.event]}: {why}"]
    if item.event in ("recycled", "restored"):
        return [f"{when}  ready again: {why}"]
    if item.event == "canceled" or (
        item.event in ("chain_updated", "update_chain") and not just_ended(attempts, item)
    ):
        return [f"{when}  closed: {why}"]
    lines = []
    attempt = attempts.get(item.attempt)
    if attempt is not None and (item.event not in _ASIDE or just_ended(attempts, item)):
        lines.append(_call_told(attempt, zone))
    again = f" at {moment_text(item.due, zone)}" if item.due else ""
    lines.append(f"{when}  {why}{again}")
    return lines


def just_ended(attempts: Mapping[int, AttemptRow], item: Happened) -> bool:
    """Whether the entry is about the end of an attempt."""
    attempt = attempts.get(item.attempt)
    return attempt is not None and attempt.ended is not None and abs(attempt.ended - item.at) < 0.01


def _call_told(attempt: AttemptRow, zone: str) -> str:
    parts = [f"{moment_text(attempt.placed, zone)}  attempt {attempt.attempt}: dialed"]
    if attempt.answered is not None:
        parts.append(f"answered after {attempt.answered - attempt.placed:.0f} s")
    if attempt.connected is not None and attempt.ended is not None:
        span = f"{attempt.ended - attempt.connected:.0f} s"
        if attempt.heard_message and attempt.answered is not None:
            waited = attempt.connected - attempt.answered
            parts.append(f"no agent, heard the abandon message {waited:.1f} s later, for {span}")
        else:
            parts.append(f"with {attempt.agent_id or 'the announcement'} for {span}")
    elif attempt.ended is not None:
        parts.append(f"over after {attempt.ended - attempt.placed:.0f} s")
    if attempt.disposition:
        parts.append(f"disposition {attempt.disposition}")
    return ", ".join(parts)


def _because(reason: Reason) -> str:
    return f"{reason.text} ({reason.rule})" if reason.rule else reason.text


def now_text(record: Record, reason: Reason | None, asked: Sequence[str]) -> str:
    words = [
        word_of(RecordStatus, record.record_status),
        f"type {word_of(RecordType, record.record_type)}",
        f"call result {word_of(CallResult, record.call_result)}",
        f"{record.attempt} attempt{'' if record.attempt == 1 else 's'}",
    ]
    wanted = (
        f"; asked for and not done yet: {', '.join(kind.replace('_', ' ') for kind in asked)}"
        if asked
        else ""
    )
    return f"{', '.join(words)}; {_because(reason) if reason else 'no reason is known'}{wanted}"


def next_text(
    record: Record, reason: Reason | None, prospect: Prospect | None, against: str, zone: str, now: float
) -> str:
    if reason is None or reason.state == "closed":
        return "never; the record is final"
    if reason.state == "in work":
        return "its call is in progress"
    if reason.state == "chained" and prospect is None:
        return "when its chain comes to it"
    if reason.state in ("excluded", "error") and prospect is None:
        return f"not under these rules: {against or _because(reason)}"
    if prospect is None or (prospect.at is not None and prospect.record.record_id == record.record_id):
        at = now if prospect is None or prospect.at is None else prospect.at
        if prospect is None:
            at = max(now, float(record.due))
        when = "as soon as an agent or a port is free" if at <= now else f"at {moment_text(at, zone)}"
        if called_back(record):
            when = f"callback by {_caller(record)}, {when}"
        return f"{when}{'; now ' + against if against else ''}"
    mine = [hold for hold in prospect.holds if hold.record_id == record.record_id and hold.until is None]
    told = "; ".join(f"{hold.reason} ({hold.rule})" if hold.rule else hold.reason for hold in mine)
    if prospect.at is None:
        excluded = f"not under these rules: {told}" if any(hold.kind == "excluded" for hold in mine) else ""
        return excluded or f"never: {prospect.never}{'; now ' + against if against else ''}"
    other = prospect.record
    when = (
        "as soon as an agent or a port is free"
        if prospect.at <= now
        else f"at {moment_text(prospect.at, zone)}"
    )
    return f"not under these rules: {told}; record {other.record_id}, {other.phone}, in its place, {when}"


def _caller(record: Record) -> str:
    return str(record.agent_id) if record.record_type in PERSONAL else "any agent"


def verdict_text(decision: Decision, zone: str) -> str:
    verdict = decision.verdict
    if isinstance(verdict, Defer):
        return f"{verdict.reason}, until {moment_text(verdict.until, zone)}"
    return verdict.reason
