"""Attempts: no more than so many attempts in a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, ClassVar, Final, NamedTuple

from cxrun import (
    COUNTED_RESULTS,
    DURATION,
    PASS,
    PER,
    CallResult,
    Cap,
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

_IN_FLIGHT: Final = frozenset({CallResult.OK, CallResult.UNKNOWN})
_FOR_EVER: Final = 3650 * 86400.0
_TWO_DAYS: Final = 2 * 86400.0
_A_DAY_OF_CALLS: Final = 12 * 3600.0
_AT_MOST: Final = {
    "description": "How many attempts may be made within the time, 1 or more.",
    "type": "integer",
    "minimum": 1,
}
_WITHIN: Final = {
    "description": "A duration such as 24h or 7d, or day: since local midnight. "
    "Without it attempts count for ever.",
    "anyOf": [*DURATION["anyOf"], {"const": "day"}],
}


class _Cap(NamedTuple):
    """How many attempts may be made in a window of seconds; `within` as it was written."""

    at_most: int
    within: str | float | None
    window: float
    span: str
    reason: str

    def counts(self, attempt: PastAttempt, moment: Moment) -> bool:
        """Whether an attempt is within the time still."""
        if self.within == "day":
            return next_day(moment.record.zones, attempt.placed) > moment.now
        return attempt.placed + self.window > moment.now

    def verdict(self, counted: Sequence[PastAttempt], moment: Moment) -> Verdict:
        if len(counted) < self.at_most:
            return PASS
        placed = counted[-self.at_most].placed
        # the same sum as for the Defer, so that rounding cannot keep an attempt in at its very end
        leaves = placed + self.window
        if leaves <= moment.now:
            return PASS
        if self.within is None:
            return Exclude(self.reason)
        if self.within == "day":
            leaves = next_day(moment.record.zones, placed)
        return PASS if leaves <= moment.now else Defer(leaves, self.reason)


@dataclass(frozen=True, slots=True)
class Attempts(Filter):
    """Holds a record back while `at_most` attempts have been made within a time.

    `within` is a duration, then an attempt counts until that long after it was placed, not at that very
    moment any more; or `day`, then attempts since local midnight in the record's zone count, the earliest
    midnight if the number may be in several zones, and those of the last 25 hours, the longest a day can
    be, if the zone is unknown. The record is deferred to the moment when fewer than `at_most` count.
    Without `within` attempts never expire, and the record is excluded; ten years are looked back upon.
    `windows` has several pairs of `at_most` and `within` instead, all of which must be kept.

    `per` says whose attempts are counted together: those to the `client` (the default: all his numbers, in
    whatever list), those to the `device` (the number, whoever's record it is), or `client_and_device`
    (this client on this number). With `{field: debt_id}` it is those on any record, in whatever list, that
    has the same value in the field `debt_id` of its list, written the same way; those made before the rule
    was there count too. A record with no value in that field is excluded.

    `results` are the call results that count. By default: busy, no_answer, answering_machine,
    fax_detected, overflowed, abandoned, dropped, dropped_no_answer, silence, answer, wrong_party,
    wrong_number. An attempt with one of `dispositions` counts whatever its result. An attempt whose
    result is not known yet, or was lost, always counts.

    Example::

        filters:
          - attempts: {windows: [{at_most: 3, within: 24h}, {at_most: 7, within: 7d}]}
          - attempts: {at_most: 1, within: day, per: device, results: [answering_machine]}
          - attempts: {at_most: 7, within: 7d, per: {field: debt_id}}
    """

    name: ClassVar[str] = "attempts"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["at_most"]}, {"required": ["windows"]}],
        "properties": {
            "at_most": _AT_MOST,
            "within": _WITHIN,
            "windows": {
                "description": "Several limits at once, e.g. [{at_most: 3, within: 24h}, {at_most: 7, within: 7d}].",
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["at_most"],
                    "properties": {"at_most": _AT_MOST, "within": _WITHIN},
                },
            },
            "per": {**PER, "default": "client"},
            "results": {
                "description": "The call results that count; the default is those that reached the line.",
                "type": "array",
                "items": {"enum": [result.word for result in CallResult]},
                "default": [result.word for result in sorted(COUNTED_RESULTS)],
            },
            "dispositions": {
                "description": "Disposition codes of agents that count whatever the call result is.",
                "type": "array",
                "items": {"type": "string"},
                "default": [],
            },
        },
    }

    at_most: int | None = None
    within: str | float | None = None
    windows: Sequence[Mapping[str, Any]] = ()
    per: Per = "client"
    results: Sequence[str] | None = None
    dispositions: Collection[str] = ()
    _caps: tuple[_Cap, ...] = field(init=False, repr=False, compare=False)
    _least: int = field(init=False, repr=False, compare=False)
    _counted: frozenset[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.at_most is None) is not bool(self.windows) or (self.windows and self.within is not None):
            raise ValueError(
                "say how many with at_most (and within), or with windows: [{at_most: 3, within: 24h}, ...]"
            )
        limits = self.windows or [{"at_most": self.at_most, "within": self.within}]
        caps = tuple(_cap(limit["at_most"], limit.get("within"), self.per) for limit in limits)
        results = (
            COUNTED_RESULTS if self.results is None else {CallResult[word.upper()] for word in self.results}
        )
        object.__setattr__(self, "_caps", caps)
        object.__setattr__(
            self, "_least", 0 if self.attempt_field is not None else min(cap.at_most for cap in caps)
        )
        object.__setattr__(self, "_counted", frozenset(int(result) for result in results | _IN_FLIGHT))

    @property
    def window(self) -> float:
        return max(cap.window for cap in self._caps)

    @property
    def attempt_field(self) -> str | None:
        return None if isinstance(self.per, str) else self.per["field"]

    @property
    def caps(self) -> Sequence[Cap]:
        return [
            Cap(
                cap.at_most,
                None if cap.within is None else _A_DAY_OF_CALLS if cap.within == "day" else cap.window,
                self.per,
                self._counted - _IN_FLIGHT,
            )
            for cap in self._caps
        ]

    def alike(self, moment: Moment) -> str | None:
        return "" if len(moment.attempts) < self._least else None

    def passes_until(self, moment: Moment) -> float:
        return inf

    def check(self, moment: Moment) -> Verdict:
        if len(moment.attempts) < self._least:
            return PASS
        counted = self._counted_of(moment)
        if counted is None:
            return Exclude(f"no {self.attempt_field} to count attempts by")
        longest: Verdict = PASS
        for cap in self._caps:
            verdict = cap.verdict(counted, moment)
            if isinstance(verdict, Exclude):
                return verdict
            if isinstance(verdict, Defer) and not (
                isinstance(longest, Defer) and longest.until >= verdict.until
            ):
                longest = verdict
        return longest

    def evidence(self, moment: Moment) -> Sequence[Evidence]:
        counted = self._counted_of(moment) or []
        found = []
        for cap in self._caps:
            within = [attempt for attempt in counted if cap.counts(attempt, moment)]
            span = "" if cap.within is None else f", {cap.span}"
            since = None if cap.within is None else moment.now - cap.window
            text = f"{len(within)} of at most {cap.at_most} attempts counted per {per_text(self.per)}{span}"
            found.append(Evidence(text, since, None if since is None else moment.now))
            found += [
                Evidence(
                    f"attempt {attempt.record_id}-{attempt.attempt}: {word_of(CallResult, attempt.call_result)}",
                    attempt.placed,
                )
                for attempt in within
            ]
        return found

    def _counted_of(self, moment: Moment) -> list[PastAttempt] | None:
        """The attempts that count, oldest first; None if the record has no value of the field."""
        attempts = moment.attempts_per(self.per)
        if attempts is None:
            return None
        return [
            attempt
            for attempt in attempts
            if attempt.call_result in self._counted or attempt.disposition in self.dispositions
        ]


def _cap(at_most: int, within: str | float | None, per: Per) -> _Cap:
    window = _FOR_EVER
    if within is not None:
        window = _TWO_DAYS if within == "day" else seconds(within)
    if window <= 0:
        raise ValueError("within must be longer than 0s; leave it out to count attempts for ever")
    noun = "attempt" if at_most == 1 else "attempts"
    span = ""
    if within == "day":
        span = "today"
    elif within is not None:
        span = f"in {within if isinstance(within, str) else duration_text(within)}"
    reached = " ".join(word for word in (noun, span, "per", per_text(per), "reached") if word)
    return _Cap(at_most, within, window, span, f"{at_most} {reached}")


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [Attempts]
