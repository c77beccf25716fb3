"""`simulated`: a made-up world that answers, hangs up and talks, the same every time.

The luck of a call depends on the seed, the record and the number of the attempt, never on what was dialed
before or how fast. Two strategies run over one list therefore meet the same people in the same mood.
"""

from __future__ import annotations

import heapq
import math
import struct
from bisect import bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from itertools import product
from statistics import NormalDist
from typing import ClassVar, Final, TypeVar
from zoneinfo import ZoneInfo

from cxrun import (
    DURATION,
    WEEKDAYS,
    AgentReady,
    Answered,
    CallResult,
    Completed,
    DeviceType,
    Dial,
    Dialer,
    Ended,
    Expected,
    Line,
    Opening,
    Previewed,
    Progress,
    Record,
    Schema,
    hookimpl,
    seconds,
)

Numbers = Mapping[str, float]
"""Numbers by word: weights, factors on weights, or the parts of a time such as its mean."""

_PERSON: Final = CallResult.ANSWER
_MACHINE: Final = CallResult.ANSWERING_MACHINE
_NO_ANSWER: Final = CallResult.NO_ANSWER
_ANSWERED: Final = frozenset({_PERSON, _MACHINE, CallResult.FAX_DETECTED, CallResult.SILENCE})
_FAILED: Final = frozenset(
    {
        CallResult.BUSY,
        CallResult.SIT_DETECTED,
        CallResult.SIT_INVALID_NUMBER,
        CallResult.SIT_VACANT_CODE,
        CallResult.SIT_INTERCEPT,
        CallResult.SIT_UNKNOWN,
        CallResult.SIT_NO_CIRCUIT,
        CallResult.SIT_REORDER,
        CallResult.ALL_TRUNKS_BUSY,
        CallResult.NU_TONE,
        CallResult.NO_DIAL_TONE,
        CallResult.NO_PROGRESS,
        CallResult.NO_RINGBACK,
        CallResult.NO_PORT_AVAILABLE,
        CallResult.GENERAL_ERROR,
        CallResult.SYSTEM_ERROR,
        CallResult.DIAL_ERROR,
        CallResult.SWITCH_ERROR,
    }
)
_POSSIBLE: Final = sorted(result.word for result in _ANSWERED | _FAILED | {CallResult.NO_ANSWER})

_OUTCOMES: Final[Numbers] = {
    "answer": 0.30,
    "answering_machine": 0.41,
    "no_answer": 0.21,
    "busy": 0.04,
    "sit_invalid_number": 0.01,
    "sit_vacant_code": 0.01,
    "sit_intercept": 0.01,
    "fax_detected": 0.005,
    "silence": 0.005,
}
_FACTORS: Final = ("by_hour", "by_weekday", "by_device", "by_attempt")
_POST_DIAL_DELAY: Final[Numbers] = {"min": 1.5, "max": 3.5}
_PICK_UP: Final[Numbers] = {"mean": 8, "cv": 0.55}
_MACHINE_ANSWERS_AFTER: Final[Numbers] = {"min": 12, "max": 22}
_TALK: Final[Numbers] = {"mean": 120, "cv": 0.9}
_WRAP: Final[Numbers] = {"mean": 20, "cv": 0.5}
_PATIENCE: Final[Numbers] = {"mean": 8}
_PREVIEW: Final[Numbers] = {"accept": 0.9, "reject": 0.05, "mean": 12, "cv": 0.6}
_ANALYSIS: Final[Numbers] = {"delay": 0, "delay_cv": 0.5, "person_as_machine": 0, "machine_as_person": 0}

_WEIGHT: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1e9}
_SECONDS: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 86400}
_PARTS: Final[Mapping[str, Schema]] = {
    "min": {**_SECONDS, "description": "The least, in seconds."},
    "max": {**_SECONDS, "description": "The most, in seconds."},
    "mean": {**_SECONDS, "description": "The mean, in seconds."},
    "cv": {
        "type": "number",
        "minimum": 0,
        "maximum": 10,
        "description": "Coefficient of variation: standard deviation divided by mean, no unit; 0 for a constant.",
    },
}
_SHARE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}


def _time_schema(description: str, default: Numbers) -> Schema:
    shown = ", ".join(f"{part}: {value:g}" for part, value in default.items())
    return {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            part: {
                **_PARTS[part],
                "description": f"{_PARTS[part]['description']} Default {value:g}.",
                "default": value,
            }
            for part, value in default.items()
        },
        "description": f"{description} In seconds; default {{{shown}}}.",
        "default": default,
    }


def _duration_schema(description: str, default: float) -> Schema:
    return {**_SECONDS, "description": f"{description} In seconds; default {default:g}.", "default": default}


def _weights_schema(description: str) -> Schema:
    return {
        "type": "object",
        "propertyNames": {"enum": _POSSIBLE},
        "additionalProperties": _WEIGHT,
        "description": description,
    }


def _factors_schema(description: str, keys: Schema) -> Schema:
    return {
        "type": "object",
        "propertyNames": keys,
        "additionalProperties": _weights_schema("Factor, no unit, by call result; 1 where none is given."),
        "description": f"{description} The factors multiply the weights of `outcomes`. Default {{}}: none.",
        "default": {},
    }


@dataclass(frozen=True)
class Simulated(Dialer):
    """Simulates calls, called parties and agents' talk from a seed; nothing leaves this machine.

    `outcomes` says what a call comes to if it may ring long enough; a pick-up that would come after the ring
    time of the campaign is a no_answer. The weights can be bent by the local hour and weekday of the record,
    its device type and the number of the attempt; `cxrun learn` finds all of them in your own history. A person
    who waits for an agent longer than his patience hangs up, and the call is abandoned; a machine waits until it
    is connected or released. With `call_analysis` the line takes its time to tell a person from a machine, and
    errs; with `lines` the trunk can be full.

    Example::

        dialer:
          simulated:
            outcomes: {answer: 0.3, answering_machine: 0.4, no_answer: 0.2, busy: 0.1}
    """

    name: ClassVar[str] = "simulated"
    external: ClassVar[bool] = False
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "outcomes": {
                **_weights_schema(
                    "Weight of each call result, no unit, of any sum; replaces the default as a whole. Default: "
                    + ", ".join(f"{word} {weight:g}" for word, weight in _OUTCOMES.items())
                    + "."
                ),
                "minProperties": 1,
                "default": _OUTCOMES,
            },
            "by_hour": _factors_schema(
                "Factors by hour of the day, 0 to 23, in the first zone of the record, UTC if it has none.",
                {"pattern": "^([0-9]|1[0-9]|2[0-3])$"},
            ),
            "by_weekday": _factors_schema(
                "Factors by day of the week, mon to sun, in the same zone.", {"enum": list(WEEKDAYS)}
            ),
            "by_device": _factors_schema(
                "Factors by device type of the record.", {"enum": [device.word for device in DeviceType]}
            ),
            "by_attempt": _factors_schema(
                "Factors by number of the attempt, 1 for the first; an attempt not named has none.",
                {"pattern": "^[1-9][0-9]*$"},
            ),
            "post_dial_delay": _time_schema(
                "From placing a call until it rings, uniform between two values.", _POST_DIAL_DELAY
            ),
            "pick_up": _time_schema(
                "From the first ring until a person, a fax or silence answers, lognormal.", _PICK_UP
            ),
            "machine_answers_after": _time_schema(
                "From the first ring until an answering machine answers, uniform between two values.",
                _MACHINE_ANSWERS_AFTER,
            ),
            "fail_after": _duration_schema(
                "From placing a call until the network or a busy tone refuses it.", 1
            ),
            "talk": _time_schema("How long an agent talks with a person, lognormal.", _TALK),
            "wrap": _time_schema("How long an agent wraps up after any call, lognormal.", _WRAP),
            "machine_talk": _duration_schema(
                "What an agent loses on a machine, fax or silence delivered to him, before wrap-up.", 6
            ),
            "announcement": _duration_schema("How long the announcement of an IVR campaign takes.", 30),
            "patience": _time_schema(
                "How long an answered person waits for an agent before he hangs up, exponential.", _PATIENCE
            ),
            "preview": {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "properties": {
                    "accept": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "maximum": 1,
                        "description": "Chance that an agent accepts a record, above 0 to 1. Default 0.9.",
                        "default": 0.9,
                    },
                    "reject": {
                        **_SHARE,
                        "description": "Chance that he rejects it, 0 to 1; else he lets it time out. Default 0.05.",
                        "default": 0.05,
                    },
                    "mean": {**_PARTS["mean"], "default": 12},
                    "cv": {**_PARTS["cv"], "default": 0.6},
                },
                "description": "What an agent does with a record that push_preview gives him, and how long he takes, "
                "lognormal; an answer later than the timeout is none. Default {accept: 0.9, reject: 0.05, mean: 12, "
                "cv: 0.6}.",
                "default": _PREVIEW,
            },
            "call_analysis": {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "properties": {
                    "delay": _duration_schema(
                        "From when somebody or something answers until the line has found out what it is, "
                        "lognormal; the answer is told then, and patience begins then.",
                        0,
                    ),
                    "delay_cv": {**_PARTS["cv"], "default": 0.5},
                    "person_as_machine": {
                        **_SHARE,
                        "description": "Share of persons taken for an answering machine, 0 to 1; a report of the "
                        "run counts those who are hung up on. Default 0.",
                        "default": 0,
                    },
                    "machine_as_person": {
                        **_SHARE,
                        "description": "Share of answering machines taken for a person, 0 to 1; an agent who is "
                        "connected loses `machine_talk`. Default 0.",
                        "default": 0,
                    },
                },
                "description": "How long the line listens to an answer before it says what it is, and how often it "
                "errs. Default {}: at once, and never.",
                "default": {},
            },
            "lines": {
                "type": "integer",
                "minimum": 0,
                "maximum": 1_000_000,
                "description": "Lines of the trunk, each group's its own; a call placed when all are taken comes "
                "to all_trunks_busy after `fail_after`. Who dials does not know of them, unlike `ports`. "
                "Default 0: any number.",
                "default": 0,
            },
            "machine_disposition": {
                "type": "string",
                "description": "The disposition code an agent gives to a machine, fax or silence delivered to him. "
                "Default '': he gives none.",
                "default": "",
            },
            "dispositions": {
                "type": "object",
                "additionalProperties": _WEIGHT,
                "description": "Weight, no unit, of each disposition code an agent gives after talking with a "
                "person. Default {}: he gives no code.",
                "default": {},
            },
            "callback_after": {
                "type": "object",
                "additionalProperties": DURATION,
                "description": "For a disposition code that promises a callback: how long after the conversation "
                "the customer wants to be called, e.g. {CALL_BACK: 2h}. Default {}: no code does.",
                "default": {},
            },
        },
    }

    outcomes: Numbers = field(default_factory=lambda: _OUTCOMES)
    by_hour: Mapping[str, Numbers] = field(default_factory=dict)
    by_weekday: Mapping[str, Numbers] = field(default_factory=dict)
    by_device: Mapping[str, Numbers] = field(default_factory=dict)
    by_attempt: Mapping[str, Numbers] = field(default_factory=dict)
    post_dial_delay: Numbers = field(default_factory=lambda: _POST_DIAL_DELAY)
    pick_up: Numbers = field(default_factory=lambda: _PICK_UP)
    machine_answers_after: Numbers = field(default_factory=lambda: _MACHINE_ANSWERS_AFTER)
    fail_after: float = 1
    talk: Numbers = field(default_factory=lambda: _TALK)
    wrap: Numbers = field(default_factory=lambda: _WRAP)
    machine_talk: float = 6
    announcement: float = 30
    patience: Numbers = field(default_factory=lambda: _PATIENCE)
    preview: Numbers = field(default_factory=lambda: _PREVIEW)
    call_analysis: Numbers = field(default_factory=dict)
    lines: int = 0
    machine_disposition: str = ""
    dispositions: Numbers = field(default_factory=dict)
    callback_after: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = "; ".join(self._problems())
        if problems:
            raise ValueError(problems)

    def open(self, opening: Opening) -> Line:
        return SimulatedLine(self, opening.seed)

    def chance_of_answer(
        self, tz: str, device: int, attempt: int, at: float, ring_time: float
    ) -> float | None:
        if self.lines:
            # whether the trunk is full depends on all the other calls
            return None
        analysis = {**_ANALYSIS, **self.call_analysis}
        person, machine = (self._answers.of(kind, tz, device, attempt, at) for kind in (_PERSON, _MACHINE))
        person *= _share_within(ring_time, **self.time("pick_up"))
        first, last = (self.time("machine_answers_after")[end] for end in ("min", "max"))
        machine *= (
            min(1.0, max(0.0, (ring_time - first) / (last - first))) if last > first else first <= ring_time
        )
        return person * (1 - analysis["person_as_machine"]) + machine * analysis["machine_as_person"]

    @cached_property
    def _answers(self) -> _Outcomes:
        return _Outcomes(self)

    def expected(self, ring_time: float, *, agents: bool) -> Expected:
        """By `outcomes` and the mean times; what bends them by hour, device or attempt is left out."""
        total = math.fsum(self.outcomes.values())
        machine = self.time("machine_answers_after")
        delay = self.time("post_dial_delay")
        rings = {
            _PERSON.word: self.time("pick_up")["mean"],
            _MACHINE.word: (machine["min"] + machine["max"]) / 2,
        }
        before = (delay["min"] + delay["max"]) / 2
        failed = {result.word for result in _FAILED}
        line = 0.0
        for word, weight in self.outcomes.items():
            takes = self.fail_after if word in failed else before + min(rings.get(word, ring_time), ring_time)
            line += weight / total * takes
        delivered = self.outcomes.get(_PERSON.word, 0.0) / total
        if not agents:
            return Expected(line, delivered, self.announcement, 0.0)
        return Expected(line, delivered, self.time("talk")["mean"], self.time("wrap")["mean"])

    def _problems(self) -> Iterator[str]:
        for name in ("post_dial_delay", "machine_answers_after"):
            parts = self.time(name)
            if parts["min"] > parts["max"]:
                yield f"{name}: min {parts['min']:g} is above max {parts['max']:g}"
        if self.time("preview")["accept"] + self.time("preview")["reject"] > 1:
            yield "preview: the chances to accept and to reject are more than 1 together"
        if self.dispositions and not any(self.dispositions.values()):
            yield "dispositions: every weight is 0"
        for code in sorted(set(self.callback_after) - set(self.dispositions)):
            yield f"callback_after: '{code}' has no weight in dispositions, so nobody gives it"
        if not any(self.outcomes.values()):
            yield "outcomes: every weight is 0"
            return
        for name, factors in self._all_factors():
            for word in sorted(set(factors) - set(self.outcomes)):
                yield f"{name}: '{word}' has no weight in outcomes that a factor could change"
        yield from self._extinctions()

    def _extinctions(self) -> Iterator[str]:
        """The first combination of factors that leaves no outcome possible."""
        possible = {word for word, weight in self.outcomes.items() if weight}
        erased: dict[str, dict[frozenset[str], str]] = {kind: {frozenset(): ""} for kind in _FACTORS}
        for name, factors in self._all_factors():
            words = frozenset(word for word, factor in factors.items() if not factor)
            erased[name.partition(".")[0]].setdefault(words, name)
        for combination in product(*(kind.items() for kind in erased.values())):
            if possible <= frozenset().union(*(words for words, _ in combination)):
                names = " with ".join(name for _, name in combination if name)
                yield f"{names}: makes every weight 0"
                return

    def _all_factors(self) -> Iterator[tuple[str, Numbers]]:
        for kind in _FACTORS:
            for key, factors in getattr(self, kind).items():
                yield f"{kind}.{key}", factors

    def time(self, name: str) -> Numbers:
        """The parts of a time parameter, those not given from its default."""
        return {**self.schema["properties"][name]["default"], **getattr(self, name)}


_Luck = tuple[int, ...]
"""The eight 64-bit numbers drawn for a call, used by these indices.

A number stands for one above 0 and below 1, `((luck >> 12) + 0.5) * _UNIT`: 52 bits and a half are exact in a
float, 64 would round up to 1.
"""
_UNIT: Final = 2**-52
_OUTCOME: Final = 0
_POST_DIAL: Final = 1
_PICKED_UP: Final = 2
_WAITED: Final = 3
_TALKED: Final = 4
_WRAPPED: Final = 5
_DISPOSED: Final = 6
_ANALYSED_AS: Final = 7


@dataclass(slots=True)
class _Call:
    """A call in flight; `due` numbers its next event, 0 if none is under way."""

    attempt_id: str
    luck: _Luck
    result: CallResult
    congested: bool = False
    due: int = 0
    waits_until: float = -math.inf
    agent_id: str | None = None


_Item = tuple[float, int, Progress, _Call | None]


class _Agenda:
    """Events in order of time. Only those of the present second are sorted: one heap of all would be many times
    as large as what a processor has at hand."""

    def __init__(self) -> None:
        self._second = -1
        self._present: list[_Item] = []
        self._seconds: list[int] = []
        self._later: dict[int, list[_Item]] = {}

    def add(self, item: _Item) -> None:
        second = int(item[0])
        if second <= self._second:
            heapq.heappush(self._present, item)
        elif second in self._later:
            self._later[second].append(item)
        else:
            heapq.heappush(self._seconds, second)
            self._later[second] = [item]

    def present(self) -> list[_Item]:
        """A heap with the next event of all, empty if there is none."""
        if not self._present and self._seconds:
            self._second = heapq.heappop(self._seconds)
            self._present = self._later.pop(self._second)
            heapq.heapify(self._present)
        return self._present


class SimulatedLine:
    """The simulated world at work: an agenda of events, ties broken by a counter.

    `events` is a generator: each event is acted upon before the next one is drawn, so a call connected on its
    `Answered` is not abandoned in the same breath.
    """

    def __init__(self, world: Simulated, seed: int) -> None:
        self._world = world
        self._hash = blake2b(key=blake2b(str(seed).encode()).digest(), digest_size=_LUCK.size)
        self._post_dial_delay = _uniform(**world.time("post_dial_delay"))
        self._machine_answers_after = _uniform(**world.time("machine_answers_after"))
        self._pick_up = _lognormal(**world.time("pick_up"))
        self._talk = _lognormal(**world.time("talk"))
        self._wrap = _lognormal(**world.time("wrap"))
        self._patience = _exponential(**world.time("patience"))
        self._dispositions = _odds(world.dispositions) if world.dispositions else None
        self._callback_after = {code: seconds(after) for code, after in world.callback_after.items()}
        self._outcomes = _Outcomes(world)
        analysis = {**_ANALYSIS, **world.call_analysis}
        acts = analysis["delay"] or analysis["person_as_machine"] or analysis["machine_as_person"]
        self._analysis = _Analysis(analysis) if acts else None
        preview = world.time("preview")
        self._accept, self._reject = preview["accept"], preview["reject"]
        self._preview_takes = _lognormal(mean=preview["mean"], cv=preview["cv"])
        self._previewed: dict[tuple[int, int], int] = {}
        self._lines = world.lines or math.inf
        self._congested = 0
        self._calls: dict[str, _Call] = {}
        self._agenda = _Agenda()
        self._count = 0

    def place(self, dial: Dial) -> None:
        attempt_id, record, at, _, ring_time = dial
        if attempt_id in self._calls:
            return
        drawn = self._hash.copy()
        drawn.update(_IDENTITY.pack(record.record_id, record.attempt))
        luck = _LUCK.unpack(drawn.digest())
        result = self._outcomes.draw(record, at, luck[_OUTCOME])
        congested = len(self._calls) - self._congested >= self._lines
        if congested:
            result = CallResult.ALL_TRUNKS_BUSY
            self._congested += 1
        event: Answered | Ended
        if result in _FAILED:
            at += self._world.fail_after
            event = Ended(attempt_id, at, result)
        else:
            rings = math.inf
            if result in _ANSWERED:
                machine = result is _MACHINE
                rings = (self._machine_answers_after if machine else self._pick_up)(luck[_PICKED_UP])
            if rings <= ring_time:
                at += self._post_dial_delay(luck[_POST_DIAL]) + rings
                if self._analysis is None:
                    event = Answered(attempt_id, at, result)
                else:
                    drawn.update(_ANALYSED)
                    delay, taken_for = self._analysis.of(
                        result, luck[_ANALYSED_AS], _LUCK.unpack(drawn.digest())[0]
                    )
                    at += delay
                    event = Answered(attempt_id, at, taken_for, result)
            else:
                at += self._post_dial_delay(luck[_POST_DIAL]) + ring_time
                event = Ended(attempt_id, at, _NO_ANSWER)
        call = self._calls[attempt_id] = _Call(attempt_id, luck, result, congested)
        self._schedule(at, event, call)

    def preview(self, record: Record, agent_id: str, at: float, until: float) -> None:
        shown = (record.record_id, record.attempt)
        times = self._previewed[shown] = self._previewed.get(shown, 0) + 1
        drawn = self._hash.copy()
        drawn.update(_PREVIEWED + _IDENTITY.pack(*shown) + _IDENTITY.pack(times, 0))
        says, takes = _LUCK.unpack(drawn.digest())[:2]
        chance = ((says >> 12) + 0.5) * _UNIT
        at += self._preview_takes(takes)
        if at < until and chance < self._accept + self._reject:
            accepted = chance < self._accept
            self._schedule(at, Previewed(record.record_id, agent_id, at, accepted), None)

    def connect(self, attempt_id: str, agent_id: str | None, at: float, destination: str = "agent") -> None:
        call = self._calls.get(attempt_id)
        if call is None or at > call.waits_until:
            # The caller is gone: an agent sent to a dead line must not stay there for ever.
            if agent_id is not None and (call is None or call.agent_id != agent_id):
                self._schedule(at, AgentReady(agent_id, at), None)
            return
        disposition = callback = None
        if agent_id is None:
            at += self._world.announcement
        elif call.result is _PERSON:
            at += self._talk(call.luck[_TALKED])
            if self._dispositions:
                disposition = _pick(self._dispositions, call.luck[_DISPOSED])
                if disposition in self._callback_after:
                    callback = at + self._callback_after[disposition]
        else:
            at += self._world.machine_talk
            disposition = self._world.machine_disposition or None
        call.agent_id = agent_id
        call.waits_until = -math.inf
        self._schedule(at, Completed(attempt_id, at, disposition, callback), call)

    def hang_up(self, attempt_id: str, at: float) -> None:
        call = self._calls.pop(attempt_id, None)
        if call is not None:
            self._congested -= call.congested
            call.due = 0
            if call.agent_id is not None:
                self._release_agent(call.agent_id, call, at)

    def next_at(self) -> float | None:
        while heap := self._agenda.present():
            at, number, _, call = heap[0]
            if call is None or call.due == number:
                return at
            heapq.heappop(heap)
        return None

    def events(self, until: float) -> Iterator[Progress]:
        while (heap := self._agenda.present()) and heap[0][0] <= until:
            at, number, event, call = heapq.heappop(heap)
            if call is not None:
                if call.due != number:
                    continue
                if isinstance(event, Answered):
                    self._wait_for_agent(call, at)
                else:
                    del self._calls[call.attempt_id]
                    self._congested -= call.congested
                    if call.agent_id is not None:
                        self._release_agent(call.agent_id, call, at)
            yield event

    def reconcile(self, dials: Collection[Dial]) -> set[str]:
        for dial in dials:
            self.place(dial)
        return {dial.attempt_id for dial in dials}

    def _wait_for_agent(self, call: _Call, at: float) -> None:
        if call.result is _PERSON:
            call.waits_until = at + self._patience(call.luck[_WAITED])
            abandoned = Ended(call.attempt_id, call.waits_until, CallResult.ABANDONED)
            self._schedule(call.waits_until, abandoned, call)
        else:
            call.waits_until = math.inf
            call.due = 0

    def _release_agent(self, agent_id: str, call: _Call, at: float) -> None:
        ready = at + self._wrap(call.luck[_WRAPPED])
        self._schedule(ready, AgentReady(agent_id, ready), None)

    def _schedule(self, at: float, event: Progress, call: _Call | None) -> None:
        self._count += 1
        if call is not None:
            call.due = self._count
        self._agenda.add((at, self._count, event, call))


class _Outcomes:
    """Draws a call's result from the weights that hold for its record, hour, weekday and attempt."""

    def __init__(self, world: Simulated) -> None:
        self._weights = {CallResult[word.upper()]: weight for word, weight in world.outcomes.items()}
        self._by_hour = {int(hour): factors for hour, factors in world.by_hour.items()}
        self._by_weekday = {WEEKDAYS.index(day): factors for day, factors in world.by_weekday.items()}
        self._timed = bool(self._by_hour or self._by_weekday)
        self._by_device = {
            int(DeviceType[word.upper()]): factors for word, factors in world.by_device.items()
        }
        self._by_attempt = {int(number): factors for number, factors in world.by_attempt.items()}
        self._bent = bool(self._timed or self._by_device or self._by_attempt)
        self._plain = _odds(self._weights)
        self._odds: dict[tuple[int, int, int, int], _Odds[CallResult]] = {}
        self._quarter = 0
        self._times: dict[str, tuple[int, int]] = {}

    def draw(self, record: Record, at: float, luck: int) -> CallResult:
        """The result of a call placed at `at`."""
        if not self._bent:
            return _pick(self._plain, luck)
        return _pick(self._odds_of(record.tz, record.contact_info_type, record.attempt, at), luck)

    def of(self, result: CallResult, tz: str, device: int, attempt: int, at: float) -> float:
        """The chance of a result, could the call ring for ever."""
        bounds, values = self._odds_of(tz, device, attempt, at)
        if result not in values:
            return 0.0
        place = values.index(result)
        return ([*bounds, 1.0][place]) - ([0.0, *bounds][place])

    def _odds_of(self, tz: str, device: int, attempt: int, at: float) -> _Odds[CallResult]:
        hour, day = self._local_time(tz, at) if self._timed else (-1, -1)
        attempt = attempt if attempt in self._by_attempt else 0
        key = (hour, day, device, attempt)
        odds = self._odds.get(key)
        if odds is None:
            factors = (
                self._by_hour.get(hour, {}),
                self._by_weekday.get(day, {}),
                self._by_device.get(device, {}),
                self._by_attempt.get(attempt, {}),
            )
            odds = self._odds[key] = _odds(
                {
                    result: weight * math.prod(by.get(result.word, 1) for by in factors)
                    for result, weight in self._weights.items()
                }
            )
        return odds

    def _local_time(self, tz: str, at: float) -> tuple[int, int]:
        """Hour and weekday, 0 for Monday, in a record's first zone; worked out once per zone and quarter hour."""
        quarter = int(at // 900)
        if quarter != self._quarter:
            self._quarter = quarter
            self._times.clear()
        known = self._times.get(tz)
        if known is None:
            zone = ZoneInfo(tz.split()[0]) if tz else UTC
            local = datetime.fromtimestamp(quarter * 900, zone)
            known = self._times[tz] = (local.hour, local.weekday())
        return known


class _Analysis:
    """Tells what has answered, after a while, and not always rightly."""

    def __init__(self, parts: Numbers) -> None:
        self._delay = _lognormal(mean=parts["delay"], cv=parts["delay_cv"])
        self._errors = {
            _PERSON: (parts["person_as_machine"], _MACHINE),
            _MACHINE: (parts["machine_as_person"], _PERSON),
        }

    def of(self, result: CallResult, error: int, delay: int) -> tuple[float, CallResult]:
        """How long the line listens, and what it takes the answer for; two numbers of luck decide."""
        share, mistaken = self._errors.get(result, (0.0, result))
        taken_for = mistaken if ((error >> 12) + 0.5) * _UNIT < share else result
        return self._delay(delay), taken_for


# --- inverse distribution functions of a 64-bit number -------------------------------------------

_IDENTITY: Final = struct.Struct("<qq")
_LUCK: Final = struct.Struct("<8Q")
_ANALYSED: Final = b"call analysis"
"""Draws more numbers for the same call."""

_PREVIEWED: Final = b"preview"
"""Draws the numbers for what an agent does with a record before it is dialed."""

_Draw = Callable[[int], float]
_T = TypeVar("_T", bound=Hashable)
_Odds = tuple[list[float], list[_T]]


def _uniform(*, min: float, max: float) -> _Draw:
    span = max - min
    return lambda luck: min + span * (((luck >> 12) + 0.5) * _UNIT)


def _exponential(*, mean: float) -> _Draw:
    return lambda luck: -mean * math.log(((luck >> 12) + 0.5) * _UNIT)


def _lognormal(*, mean: float, cv: float) -> _Draw:
    if not mean or not cv:
        return lambda luck: mean
    variance = math.log1p(cv * cv)
    inverse = NormalDist(math.log(mean) - variance / 2, math.sqrt(variance)).inv_cdf
    return lambda luck: math.exp(inverse(((luck >> 12) + 0.5) * _UNIT))


def _share_within(limit: float, *, mean: float, cv: float) -> float:
    """The share of a lognormal time that is no longer than a limit."""
    if not mean or not cv:
        return float(mean <= limit)
    variance = math.log1p(cv * cv)
    return (
        NormalDist(math.log(mean) - variance / 2, math.sqrt(variance)).cdf(math.log(limit)) if limit else 0.0
    )


def _odds(weights: Mapping[_T, float]) -> _Odds[_T]:
    """The values, in an order of their own, and where the share of each but the last ends between 0 and 1."""
    values = sorted(weights, key=str)
    shares = [weights[value] for value in values]
    total = math.fsum(shares)
    bounds = [math.fsum(shares[:n]) / total for n in range(1, len(shares))]
    return bounds, values


def _pick(odds: _Odds[_T], luck: int) -> _T:
    bounds, values = odds
    return values[bisect_right(bounds, ((luck >> 12) + 0.5) * _UNIT)]


@hookimpl
def register_dialers() -> Iterable[type[Dialer]]:
    return (Simulated,)
