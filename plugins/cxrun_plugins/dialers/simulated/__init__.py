"""`simulated`: a made-up world that answers, hangs up and talks, the same every time.

The luck of a call depends on the seed, the record and the number of the attempt, never on what was dialed
before or how fast. Two strategies run over one list therefore meet the same people in the same mood.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import ClassVar, Final

from cxrun import (
    DURATION,
    WEEKDAYS,
    CallResult,
    Check,
    DeviceType,
    Dialer,
    Expected,
    Line,
    Offer,
    Opening,
    Placed,
    Schema,
    hookimpl,
)
from cxrun_plugins.dialers.simulated.chance import (
    ANSWERED,
    FAILED,
    MACHINE,
    PERSON,
    Numbers,
    Outcomes,
    share_within,
)
from cxrun_plugins.dialers.simulated.line import SimulatedLine

_POSSIBLE: Final = sorted(result.word for result in ANSWERED | FAILED | {CallResult.NO_ANSWER})

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
"""The factors by what a call is; those by field are by what a record is."""
_POST_DIAL_DELAY: Final[Numbers] = {"min": 1.5, "max": 3.5}
_PICK_UP: Final[Numbers] = {"mean": 8, "cv": 0.55}
_MACHINE_ANSWERS_AFTER: Final[Numbers] = {"min": 12, "max": 22}
_TALK: Final[Numbers] = {"mean": 120, "cv": 0.9}
_WRAP: Final[Numbers] = {"mean": 20, "cv": 0.5}
_PATIENCE: Final[Numbers] = {"mean": 8}
_PREVIEW: Final[Numbers] = {"accept": 0.9, "reject": 0.05, "mean": 12, "cv": 0.6}
_CALL_ANALYSIS: Final[Numbers] = {"delay": 0, "delay_cv": 0.5, "person_as_machine": 0, "machine_as_person": 0}

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


def _parts_schema(description: str, default: Numbers, parts: Mapping[str, Schema] = _PARTS) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {part: {**parts[part], "default": value} for part, value in default.items()},
        "description": description,
        "default": default,
    }


def _duration_schema(description: str, default: float) -> Schema:
    return {**_SECONDS, "description": f"{description} In seconds.", "default": default}


def _weights_schema(description: str) -> Schema:
    return {
        "type": "object",
        "propertyNames": {"enum": _POSSIBLE},
        "additionalProperties": _WEIGHT,
        "description": description,
    }


def _by(keys: Schema) -> Schema:
    return {
        "type": "object",
        "propertyNames": keys,
        "additionalProperties": _weights_schema("Factor, no unit, by call result; 1 where none is given."),
    }


def _factors_schema(description: str, factors: Schema) -> Schema:
    described = f"{description} The factors multiply the weights of `outcomes`."
    return {**factors, "description": described, "default": {}}


@dataclass(frozen=True)
class Simulated(Dialer):
    """Simulates calls, called parties and agents' talk from a seed; nothing leaves this machine.

    `outcomes` says what a call comes to if it may ring long enough; a pick-up that would come after the ring
    time of the campaign is a no_answer. The weights can be bent by the local hour and weekday of the record,
    its device type, the number of the attempt and the list's own fields; `cxrun learn` finds all of them in your own
    history. With `people_differ` some people answer readily and others hardly ever. A person who waits for an agent
    longer than his patience hangs up, and the call is abandoned; a machine waits until it is connected or released.
    With `call_analysis` the line takes its time to tell a person from a machine, and errs; with `lines` the trunk can
    be full.

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
                    "Weight of each call result, no unit, of any sum; replaces the default as a whole."
                ),
                "minProperties": 1,
                "default": _OUTCOMES,
            },
            "by_hour": _factors_schema(
                "Factors by hour of the day, 0 to 23, in the first zone of the record, UTC if it has none.",
                _by({"pattern": "^([0-9]|1[0-9]|2[0-3])$"}),
            ),
            "by_weekday": _factors_schema(
                "Factors by day of the week, mon to sun, in the same zone.", _by({"enum": list(WEEKDAYS)})
            ),
            "by_device": _factors_schema(
                "Factors by device type of the record.",
                _by({"enum": [device.word for device in DeviceType]}),
            ),
            "by_attempt": _factors_schema(
                "Factors by number of the attempt, 1 for the first; an attempt not named has none.",
                _by({"pattern": "^[1-9][0-9]*$"}),
            ),
            "by_field": _factors_schema(
                "Factors by a field of the list's own and its value as text (17 for 17.0), e.g. {segment: {gold: "
                "{answer: 1.5}}}; a value not named has none.",
                {"type": "object", "additionalProperties": _by({"minLength": 1})},
            ),
            "people_differ": {
                "type": "number",
                "minimum": 0,
                "maximum": 10,
                "description": "Coefficient of variation, no unit, of how readily records are answered by a person; 0 "
                "for all alike. A record is as ready at every attempt, so who did not answer is less likely to answer "
                "the next time; first attempts are answered as often as without.",
                "default": 0,
            },
            "post_dial_delay": _parts_schema(
                "From placing a call until it rings, uniform between two values.", _POST_DIAL_DELAY
            ),
            "pick_up": _parts_schema(
                "From the first ring until a person, a fax or silence answers, lognormal.", _PICK_UP
            ),
            "machine_answers_after": _parts_schema(
                "From the first ring until an answering machine answers, uniform between two values.",
                _MACHINE_ANSWERS_AFTER,
            ),
            "fail_after": _duration_schema(
                "From placing a call until the network or a busy tone refuses it.", 1
            ),
            "talk": _parts_schema("How long an agent talks with a person, lognormal.", _TALK),
            "wrap": _parts_schema("How long an agent wraps up after any call, lognormal.", _WRAP),
            "machine_talk": _duration_schema(
                "What an agent loses on a machine, fax or silence delivered to him, before wrap-up.", 6
            ),
            "announcement": _duration_schema(
                "How long a call takes at the announcement, or at a routing point that says nothing else.", 30
            ),
            "patience": _parts_schema(
                "How long an answered person waits for an agent before he hangs up, exponential.", _PATIENCE
            ),
            "preview": _parts_schema(
                "What an agent does with a record that push_preview gives him, and how long he takes, lognormal; an "
                "answer later than the timeout is none.",
                _PREVIEW,
                {
                    "accept": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "maximum": 1,
                        "description": "Chance that an agent accepts a record, above 0 to 1.",
                    },
                    "reject": {
                        **_SHARE,
                        "description": "Chance that he rejects it, 0 to 1; else he lets it time out.",
                    },
                    **_PARTS,
                },
            ),
            "call_analysis": _parts_schema(
                "How long the line listens to an answer before it says what it is, and how often it errs; by default "
                "it says so at once, and never errs.",
                _CALL_ANALYSIS,
                {
                    "delay": {
                        **_SECONDS,
                        "description": "From when somebody or something answers until the line has found out what it "
                        "is, lognormal; the answer is told then, and patience begins then. In seconds.",
                    },
                    "delay_cv": _PARTS["cv"],
                    "person_as_machine": {
                        **_SHARE,
                        "description": "Share of persons taken for an answering machine, 0 to 1; a report of the "
                        "run counts those who are hung up on.",
                    },
                    "machine_as_person": {
                        **_SHARE,
                        "description": "Share of answering machines taken for a person, 0 to 1; an agent who is "
                        "connected loses `machine_talk`.",
                    },
                },
            ),
            "lines": {
                "type": "integer",
                "minimum": 0,
                "maximum": 1_000_000,
                "description": "Lines of the trunk, each group's its own; a call placed when all are taken comes "
                "to all_trunks_busy after `fail_after`. Who dials does not know of them, unlike `ports`. "
                "0 for any number.",
                "default": 0,
            },
            "machine_disposition": {
                "type": "string",
                "description": "The disposition code an agent gives to a machine, fax or silence delivered to him; "
                "'' for none.",
                "default": "",
            },
            "dispositions": {
                "type": "object",
                "additionalProperties": _WEIGHT,
                "description": "Weight, no unit, of each disposition code an agent gives after talking with a "
                "person; {} for none.",
                "default": {},
            },
            "callback_after": {
                "type": "object",
                "additionalProperties": DURATION,
                "description": "For a disposition code that promises a callback: how long after the conversation "
                "the customer wants to be called, e.g. {CALL_BACK: 2h}.",
                "default": {},
            },
        },
    }

    outcomes: Numbers = field(default_factory=lambda: _OUTCOMES)
    by_hour: Mapping[str, Numbers] = field(default_factory=dict)
    by_weekday: Mapping[str, Numbers] = field(default_factory=dict)
    by_device: Mapping[str, Numbers] = field(default_factory=dict)
    by_attempt: Mapping[str, Numbers] = field(default_factory=dict)
    by_field: Mapping[str, Mapping[str, Numbers]] = field(default_factory=dict)
    people_differ: float = 0
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
    call_analysis: Numbers = field(default_factory=lambda: _CALL_ANALYSIS)
    lines: int = 0
    machine_disposition: str = ""
    dispositions: Numbers = field(default_factory=dict)
    callback_after: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = "; ".join(self._problems())
        if problems:
            raise ValueError(problems)

    def open(self, opening: Opening) -> Line:
        return SimulatedLine(self, opening.seed, opening.lasts)

    def own_fields(self) -> Sequence[str]:
        return tuple(self.by_field)

    @property
    def tells_people_apart(self) -> bool:
        return self.people_differ > 0

    def chance_of_answer(self, call: Placed) -> float | None:
        if self.lines:
            # whether the trunk is full depends on all the other calls
            return None
        analysis = self.parts("call_analysis")
        outcomes = self._seeded.get(call.seed)
        if outcomes is None:
            outcomes = self._seeded[call.seed] = Outcomes(self, call.seed)
        person, machine = outcomes.of(PERSON, call), outcomes.of(MACHINE, call)
        person *= share_within(call.ring_time, **self.parts("pick_up"))
        first, last = (self.parts("machine_answers_after")[end] for end in ("min", "max"))
        machine *= (
            min(1.0, max(0.0, (call.ring_time - first) / (last - first)))
            if last > first
            else first <= call.ring_time
        )
        return person * (1 - analysis["person_as_machine"]) + machine * analysis["machine_as_person"]

    @cached_property
    def _seeded(self) -> dict[int, Outcomes]:
        return {}

    def expected(self, ring_time: float, *, agents: bool) -> Expected:
        """By `outcomes` and the mean times; what bends them by hour, device, attempt or field is left out.

        How people differ does not change what first attempts come to.
        """
        total = math.fsum(self.outcomes.values())
        machine = self.parts("machine_answers_after")
        delay = self.parts("post_dial_delay")
        rings = {
            PERSON.word: self.parts("pick_up")["mean"],
            MACHINE.word: (machine["min"] + machine["max"]) / 2,
        }
        before = (delay["min"] + delay["max"]) / 2
        failed = {result.word for result in FAILED}
        line = 0.0
        for word, weight in self.outcomes.items():
            takes = self.fail_after if word in failed else before + min(rings.get(word, ring_time), ring_time)
            line += weight / total * takes
        delivered = self.outcomes.get(PERSON.word, 0.0) / total
        if not agents:
            return Expected(line, delivered, self.announcement, 0.0)
        return Expected(line, delivered, self.parts("talk")["mean"], self.parts("wrap")["mean"])

    def expected_look(self, timeout: float, offer: Offer) -> float:
        preview = self.parts("preview")
        mean, cv, says = preview["mean"], preview["cv"], preview["accept"] + preview["reject"]
        in_time = share_within(timeout, mean=mean, cv=cv)
        # the mean of a lognormal time within a limit is the share within it of another one
        spoken = says * mean * share_within(timeout, mean=mean * (1 + cv * cv), cv=cv)
        silent = 1 - says * in_time
        dialed = preview["accept"] * in_time + (silent if offer.on_timeout == "dial" else 0.0)
        return (spoken + silent * timeout) / dialed if dialed else math.inf

    def _problems(self) -> Iterator[str]:
        for name in ("post_dial_delay", "machine_answers_after"):
            parts = self.parts(name)
            if parts["min"] > parts["max"]:
                yield f"{name}: min {parts['min']:g} is above max {parts['max']:g}"
        if self.parts("preview")["accept"] + self.parts("preview")["reject"] > 1:
            yield "preview: the chances to accept and to reject are more than 1 together"
        if self.dispositions and not any(self.dispositions.values()):
            yield "dispositions: every weight is 0"
        for code in sorted(set(self.callback_after) - set(self.dispositions)):
            yield f"callback_after: '{code}' has no weight in dispositions, so nobody gives it"
        if not any(self.outcomes.values()):
            yield "outcomes: every weight is 0"
            return
        for _, name, factors in self._all_factors():
            for word in sorted(set(factors) - set(self.outcomes)):
                yield f"{name}: '{word}' has no weight in outcomes that a factor could change"
        yield from self._extinctions()

    def _extinctions(self) -> Iterator[str]:
        """The first combination of factors that leaves no outcome possible."""
        possible = {word for word, weight in self.outcomes.items() if weight}
        erased: dict[str, dict[frozenset[str], str]] = {}
        for kind, name, factors in self._all_factors():
            words = frozenset(word for word, factor in factors.items() if not factor)
            erased.setdefault(kind, {frozenset(): ""}).setdefault(words, name)
        for combination in product(*(kind.items() for kind in erased.values())):
            if possible <= frozenset().union(*(words for words, _ in combination)):
                names = " with ".join(name for _, name in combination if name)
                yield f"{names}: makes every weight 0"
                return

    def _all_factors(self) -> Iterator[tuple[str, str, Numbers]]:
        """What the factors are by, where they stand, and the factors."""
        by = {kind: getattr(self, kind) for kind in _FACTORS}
        by |= {f"by_field.{name}": values for name, values in self.by_field.items()}
        for kind, levels in by.items():
            for level, factors in levels.items():
                yield kind, f"{kind}.{level}", factors

    def parts(self, name: str) -> Numbers:
        """The parts of a parameter, those not given from its default."""
        return {**self.schema["properties"][name]["default"], **getattr(self, name)}


@hookimpl
def register_dialers() -> Iterable[type[Dialer]]:
    return (Simulated,)


@hookimpl
def register_checks() -> Iterable[Check]:
    from cxrun_plugins.dialers.simulated.mistaken import mistaken_people

    return (mistaken_people,)
