"""Quiet after: leave people alone for a time after a conversation, a refusal or an abandoned call."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import ClassVar, Final

from cxrun import (
    DURATION,
    PASS,
    PER,
    CallResult,
    Defer,
    Evidence,
    Exclude,
    Filter,
    Moment,
    PastAttempt,
    Per,
    Schema,
    Verdict,
    duration_text,
    hookimpl,
    next_day,
    per_text,
    seconds,
    word_of,
)

_NOT_KNOWN: Final = frozenset({int(CallResult.OK), int(CallResult.UNKNOWN)})
_DAY: Final = 86400.0
_LONGEST_CALL: Final = _DAY
"""No call lasts longer; one that has no end by then was lost."""
_LOOK_AGAIN: Final = 60.0
"""Seconds until a record is looked at again while the result of a call in progress may yet hold it back."""


@dataclass(frozen=True, slots=True)
class QuietAfter(Filter):
    """Defers a record for a time after a call that ended in a certain way.

    `results` are the call results that start the time, `dispositions` the codes of agents that do whatever
    the result is. By default it is `answer`, a conversation, unless dispositions are given.

    `period` is a duration, counted from the end of the call; 12 months are at most 366d. `days` counts days
    on the calendar of the record: the day on which the call ended is day 1, so after a conversation on a
    Monday `days: 7` waits for the next Monday, 00:00. If the number may be in several zones it waits for all
    of them, and of an unknown zone it takes the latest.

    `per` says whose calls are meant, as in the filter `attempts`: those to the `client` (the default), to
    the `device`, to `client_and_device`, or on any record with the same value in a field of its list, such as
    `{field: debt_id}`; a record with no value there is excluded.

    A call that is in progress, of which the result is not known, holds the record back until it is. One
    whose result was lost may have been a conversation and starts the time too, unless `lost` is false.

    Example::

        filters:
          - quiet_after: {results: [answer], days: 7, per: {field: debt_id}}
          - quiet_after: {results: [abandoned, dropped], period: 72h, per: device}
          - quiet_after: {dispositions: [REFUSED], period: 366d, lost: false}
    """

    name: ClassVar[str] = "quiet_after"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["period"]}, {"required": ["days"]}],
        "properties": {
            "results": {
                "description": "The call results that start the time; answer if no dispositions are given.",
                "type": "array",
                "minItems": 1,
                "items": {"enum": [result.word for result in CallResult]},
            },
            "dispositions": {
                "description": "Disposition codes of agents that start the time whatever the call result is.",
                "type": "array",
                "minItems": 1,
                "items": {"type": "string"},
            },
            "period": {**DURATION, "description": "How long from the end of the call, e.g. 72h."},
            "days": {
                "description": "How many days on the record's calendar; the day of the call is day 1.",
                "type": "integer",
                "minimum": 1,
                "maximum": 3650,
            },
            "per": {**PER, "default": "client"},
            "lost": {
                "description": "Whether a call whose result was lost starts the time too.",
                "type": "boolean",
                "default": True,
            },
        },
    }

    results: Sequence[str] | None = None
    dispositions: Collection[str] = ()
    period: str | float | None = None
    days: int | None = None
    per: Per = "client"
    lost: bool = True
    _starts: frozenset[int] = field(init=False, repr=False, compare=False)
    _reason: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.period is None) is (self.days is None):
            raise ValueError("say how long with either period, e.g. 72h, or days, e.g. 7")
        if self.period is not None and seconds(self.period) <= 0:
            raise ValueError("period must be longer than 0s")
        words = self.results
        if words is None:
            words = () if self.dispositions else (CallResult.ANSWER.word,)
        if not words and not self.dispositions:
            raise ValueError("name results or dispositions that start the time")
        object.__setattr__(self, "_starts", frozenset(int(CallResult[word.upper()]) for word in words))
        span = f"{self.days} day{'' if self.days == 1 else 's'}"
        if self.period is not None:
            span = self.period if isinstance(self.period, str) else duration_text(self.period)
        after = " or ".join([*words, *self.dispositions])
        object.__setattr__(self, "_reason", f"quiet for {span} after {after} per {per_text(self.per)}")

    @property
    def window(self) -> float:
        span = seconds(self.period) if self.period is not None else ((self.days or 0) + 1) * _DAY
        return span + _LONGEST_CALL

    @property
    def attempt_field(self) -> str | None:
        return None if isinstance(self.per, str) else self.per["field"]

    def alike(self, moment: Moment) -> str | None:
        return "" if not moment.attempts and self.attempt_field is None else None

    def passes_until(self, moment: Moment) -> float:
        return inf

    def check(self, moment: Moment) -> Verdict:
        if not moment.attempts and self.attempt_field is None:
            return PASS
        attempts = moment.attempts_per(self.per)
        if attempts is None:
            return Exclude(f"no {self.attempt_field} to find earlier calls by")
        until = max((self._until(attempt, moment) for attempt in attempts), default=moment.now)
        if until > moment.now:
            return Defer(until, self._reason)
        if any(_in_progress(attempt, moment.now) for attempt in attempts):
            return Defer(moment.now + _LOOK_AGAIN, f"a call per {per_text(self.per)} is in progress")
        return PASS

    def evidence(self, moment: Moment) -> Sequence[Evidence]:
        found = [
            Evidence(
                f"quiet after attempt {attempt.record_id}-{attempt.attempt}: "
                f"{word_of(CallResult, attempt.call_result)}",
                attempt.placed if attempt.ended is None else attempt.ended,
                self._until(attempt, moment),
            )
            for attempt in moment.attempts_per(self.per) or ()
            if self._has_started(attempt, moment)
        ]
        return found or [Evidence("no earlier call that keeps it quiet")]

    def _until(self, attempt: PastAttempt, moment: Moment) -> float:
        """Until when the attempt keeps it quiet."""
        if not self._has_started(attempt, moment):
            return moment.now
        ended = attempt.placed if attempt.ended is None else attempt.ended
        if self.days is not None:
            return next_day(moment.record.zones, ended, self.days)
        return ended + seconds(self.period or 0)

    def _has_started(self, attempt: PastAttempt, moment: Moment) -> bool:
        """Whether the attempt ended in one of the ways that are followed by quiet."""
        starts = attempt.call_result in self._starts
        if attempt.call_result in _NOT_KNOWN:
            starts = (starts or self.lost) and not _in_progress(attempt, moment.now)
        return starts or attempt.disposition in self.dispositions


def _in_progress(attempt: PastAttempt, now: float) -> bool:
    unknown = attempt.call_result in _NOT_KNOWN and attempt.ended is None
    return unknown and now < attempt.placed + _LONGEST_CALL


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [QuietAfter]
