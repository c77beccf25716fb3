"""Predictive: dials ahead of the agents, as far as the abandon rate allows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from cxrun import DURATION, CallResult, DialingMode, Pacer, Pacing, Schema, hookimpl, seconds

WINDOWS: Final[Mapping[str, int | None]] = {"day": 1, "30_days": 30, "campaign": None}
"""Days over which the abandon rate may be held; None is for ever."""

PARAMETERS: Final[Mapping[str, Schema]] = {
    "abandon_rate": {
        "description": "Calls abandoned or dropped of those answered by people, in percent: not more than this.",
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 50,
        "default": 3,
    },
    "measured_over": {
        "description": "Over what the abandon rate is held: each UTC day, the last 30 of them, the campaign.",
        "type": "array",
        "items": {"enum": list(WINDOWS)},
        "minItems": 1,
        "uniqueItems": True,
        "default": ["day", "30_days"],
    },
    "mistaken_people": {
        "description": "People whom call analysis takes for machines, in percent; they count as abandoned.",
        "type": "number",
        "minimum": 0,
        "maximum": 50,
        "default": 0,
    },
    "mistaken_machines": {
        "description": "Calls delivered as people that are machines, in percent; they do not count as answered.",
        "type": "number",
        "minimum": 0,
        "maximum": 90,
        "default": 0,
    },
}
"""What every predictive mode may be told."""


@dataclass(frozen=True, slots=True)
class Predictive(DialingMode):
    """Forecasts, for each further call, how likely its answer would find no agent, and dials while that is small.

    It learns how often and when calls are answered, how long agents talk and wrap up, and it knows how long each call
    in flight has rung and each conversation has lasted. From that it forecasts the agents that will be free and
    the calls that will be answered by the time one more call would be. It places that call if the chance to find nobody
    is below a threshold, which follows the unspent abandon budget: `abandon_rate` percent of the people who have
    answered, less those abandoned, over each window of `measured_over`. As the budget runs out the threshold falls
    smoothly to that of progressive dialing, one call per ready agent. The rate of a short window is never certain:
    a budget of a few calls is kept back.

    The abandon rate is kept and the agents are as busy as it allows, unless one of two aims asks for less:
    `agent_busy_factor`, talking and wrapping agents in percent, or `average_waiting_time`, an agent's wait for a call.

    It dials progressively until it has seen 10 answers and 20 conversations, and while fewer than
    `agent_floor` agents are logged in. With `engage_agent_first` each call is bound to an agent before it is placed:
    nobody who answers waits, and there is one call per ready agent.

    A cap of 1 % is a matter of `abandon_rate: 1`: it costs 2.8 points of agent utilisation with 10 agents, 1.7 with 50
    and 1.2 with 100, if callers wait 2 seconds (exact bounds for exponential times, answer rate 0.3).

    Example::

        mode: {predictive: {abandon_rate: 3}}
    """

    name: ClassVar[str] = "predictive"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **PARAMETERS,
            "agent_busy_factor": {
                "description": "How busy agents should be, in percent; no calls are placed to make them busier.",
                "type": ["number", "null"],
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 100,
                "default": None,
            },
            "average_waiting_time": {
                "anyOf": [DURATION, {"type": "null"}],
                "description": "How long agents should wait between calls, e.g. 20s; not to be shorter.",
                "default": None,
            },
            "agent_floor": {
                "description": "Agents logged in below whom it dials progressively.",
                "type": "integer",
                "minimum": 1,
                "default": 2,
            },
            "engage_agent_first": {
                "description": "Whether an agent is bound to each call before it is placed.",
                "type": "boolean",
                "default": False,
            },
        },
    }

    abandon_rate: float = 3
    measured_over: Sequence[str] = ("day", "30_days")
    mistaken_people: float = 0
    mistaken_machines: float = 0
    agent_busy_factor: float | None = None
    average_waiting_time: float | None = None
    agent_floor: int = 2
    engage_agent_first: bool = False

    def __post_init__(self) -> None:
        if self.average_waiting_time is not None:
            object.__setattr__(self, "average_waiting_time", seconds(self.average_waiting_time))
            if self.agent_busy_factor is not None:
                raise ValueError("agent_busy_factor and average_waiting_time: give one of them, not both")

    @property
    def agent_first(self) -> bool:
        return self.engage_agent_first

    def start(self, now: float) -> Pacer:
        aim = None
        if self.agent_busy_factor is not None:
            aim = _Aim(busy=self.agent_busy_factor / 100)
        elif self.average_waiting_time is not None:
            aim = _Aim(wait=self.average_waiting_time)
        budget = Budget(self.abandon_rate, self.measured_over, self.mistaken_people, self.mistaken_machines)
        return Lookahead(budget, now, floor=self.agent_floor, aim=aim, bound=self.engage_agent_first)

    def new_calls(self, pacing: Pacing) -> int:
        return self.start(pacing.now).new_calls(pacing)


# --- the abandon budget ----------------------------------------------------------------------------

_PER_CAP: Final = 1.17
"""Threshold per abandon rate when the budget is as it should be."""
_GAIN: Final = 0.2
"""How much the logarithm of the threshold follows one call of budget."""
_DRIFT: Final = 3e-4
"""How much it follows, per answer, a budget that stays away from the reserve."""
_RESERVE: Final = 3.5
"""Calls of budget that are kept back, besides a hundredth of the whole budget."""
_DAY: Final = 86_400


class _Window:
    """What is left to abandon in one window, in calls, and the threshold that follows from it."""

    __slots__ = ("days", "drift", "left", "live")

    def __init__(self, days: int | None) -> None:
        self.days = days
        self.live = 0.0
        self.left = 0.0
        self.drift = 0.0


class Budget:
    """The people who have answered, those abandoned of them by day, and the threshold that follows."""

    def __init__(
        self,
        abandon_rate: float,
        measured_over: Iterable[str],
        mistaken_people: float,
        mistaken_machines: float,
    ) -> None:
        self.cap = abandon_rate / 100
        lost = mistaken_people / 100
        people = 1 - mistaken_machines / 100
        self._lost = people * lost / (1 - lost)
        self._live = people + self._lost
        self._windows = [_Window(WINDOWS[name]) for name in measured_over]
        self._days: dict[int, list[float]] = {}
        self._today = -1
        self._count = [0.0, 0.0]
        self.threshold = 0.0
        """The chance to find no agent that a further call may have."""
        self._decide()

    def answered(self, at: float, *, abandoned: bool) -> None:
        """A person has got an agent, or was abandoned."""
        self.look(at)
        gone = self._lost + abandoned
        self._count[0] += self._live
        self._count[1] += gone
        change = self.cap * self._live - gone
        for window in self._windows:
            window.left += change
            window.live += self._live
            window.drift += _DRIFT * (window.left - self._reserve(window))
            window.drift = min(2.5, max(-4.0, window.drift))
        self._decide()

    def look(self, at: float) -> None:
        """What is left may be more, or less, on a new day."""
        today = int(at // _DAY)
        if today != self._today:
            self._begin(today)
            self._decide()

    def _reserve(self, window: _Window) -> float:
        """The calls kept back: more if some abandoned calls can only be guessed at."""
        return (
            _RESERVE + 0.01 * self.cap * window.live + 1.3 * math.sqrt(self._lost / self._live * window.live)
        )

    def _begin(self, today: int) -> None:
        self._today = today
        for day in [day for day in self._days if day <= today - 400]:
            del self._days[day]
        self._count = self._days.setdefault(today, [0.0, 0.0])
        for window in self._windows:
            first = today - (window.days or 400) + 1
            live = sum(count[0] for day, count in self._days.items() if day >= first)
            gone = sum(count[1] for day, count in self._days.items() if day >= first)
            window.left = self.cap * live - gone
            window.live = live

    def _decide(self) -> None:
        least = min(_GAIN * (window.left - self._reserve(window)) + window.drift for window in self._windows)
        self.threshold = min(0.95, _PER_CAP * self.cap * math.exp(min(50.0, least)))

    @property
    def short(self) -> bool:
        """Whether it is the budget that holds dialing back: the threshold is a quarter of its usual value."""
        return self.threshold < _PER_CAP * self.cap / 4

    def count(self, days: Mapping[int, tuple[int, int]]) -> None:
        """Replace what was counted so far."""
        self._days = {
            day: [answered * self._live, answered * self._lost + abandoned]
            for day, (answered, abandoned) in days.items()
        }
        self._today = -1

    def remember(self) -> Mapping[str, Any]:
        return {
            "days": {str(day): count for day, count in self._days.items()},
            "drift": [window.drift for window in self._windows],
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        self._days = {int(day): list(count) for day, count in memory["days"].items()}
        for window, drift in zip(self._windows, memory["drift"], strict=False):
            window.drift = drift
        self._decide()


class _Aim:
    """How many agents are kept waiting, so that they wait as long between calls as is wished, or are as busy."""

    __slots__ = ("_busy", "_kept", "_mean", "_wait")

    def __init__(self, *, busy: float = 0.0, wait: float = 0.0) -> None:
        self._busy = busy
        self._wait = wait
        self._mean: float | None = None
        self._kept = 0.0

    def waited(self, wait: float, handled: float) -> None:
        """An agent has waited for a call; `handled` is how long agents talk and wrap up in the mean."""
        self._mean = wait if self._mean is None else self._mean + (wait - self._mean) / 30
        wished = (1 - self._busy) / self._busy * handled if self._busy else self._wait
        # as a share of the agents
        self._kept += 0.006 * math.log((wished + 0.5) / (self._mean + 0.5))
        self._kept = min(1.0, max(0.0, self._kept))

    def kept(self, agents: int) -> int:
        return round(self._kept * agents)


# --- what has been seen ----------------------------------------------------------------------------

_MEMORY: Final = 4000
"""Observations after which older ones begin to fade."""
_EDGE: Final = 1024
"""Ages in a table, in its steps; older is as old as that."""


class _Times:
    """How long something takes, as a histogram: `step` seconds each, the last for all that is longer."""

    __slots__ = ("count", "counts", "step", "total")

    def __init__(self, step: float, size: int) -> None:
        self.step = step
        self.counts = [0.0] * size
        self.count = 0.0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        place = int(seconds / self.step)
        self.counts[min(max(0, place), len(self.counts) - 1)] += 1
        self.count += 1
        self.total += seconds
        if self.count > _MEMORY:
            self.counts = [count / 2 for count in self.counts]
            self.count /= 2
            self.total /= 2

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    def hazards(self) -> list[float]:
        """The share of those that have come to a step that end in it, up to the last that was seen.

        Where little was seen it leans towards the mean, as if three more had come that far.
        """
        usual = min(1.0, self.step / max(self.mean, self.step))
        left = self.count
        hazards = []
        for count in self.counts:
            hazards.append((count + 3 * usual) / (left + 3))
            left -= count
            if left < 0.5:
                break
        return hazards

    def survivors(self) -> list[float]:
        """The share that takes longer than each multiple of the step, down to 0."""
        left, shares = self.count, [1.0]
        for count in self.counts:
            left -= count
            if left < 1e-6 * self.count:
                break
            shares.append(left / self.count)
        shares.append(0.0)
        return shares

    def quantile(self, share: float) -> float:
        wanted, seen = share * self.count, 0.0
        for place, count in enumerate(self.counts):
            seen += count
            if seen >= wanted and count:
                return (place + 1 - (seen - wanted) / count) * self.step
        return len(self.counts) * self.step

    def remember(self) -> list[float]:
        last = max((place for place, count in enumerate(self.counts) if count), default=-1)
        return [round(self.total, 3), *(round(count, 3) for count in self.counts[: last + 1])]

    def recall(self, memory: Sequence[float]) -> None:
        self.total, *counts = memory
        self.counts[: len(counts)] = counts
        self.count = sum(counts)


class _Table:
    """By age: the chance that something happens within a horizon, and what it adds to the second and third cumulant."""

    __slots__ = ("chance", "third", "variance")

    def __init__(self, chances: Sequence[float]) -> None:
        variances = [p * (1 - p) for p in chances]
        self.chance = _padded(chances)
        self.variance = _padded(variances)
        self.third = _padded([v * (1 - 2 * p) for p, v in zip(chances, variances, strict=True)])


def _padded(values: Sequence[float]) -> list[float]:
    return [*values, *[values[-1]] * (_EDGE - len(values))]


# --- the forecast ----------------------------------------------------------------------------------

_LATE: Final = (0.3, 0.9)
"""The quantiles of the time to answer that are looked ahead."""
_HALF_LIFE: Final = 500
"""Attempts after which the answer rate has forgotten half."""


class Lookahead(Pacer):
    """Dials while one more call is unlikely to find no agent.

    The number of agents who will be free when it is answered, less the calls that will be answered before, is the
    sum of many chances: its distribution comes from the exact convolution if there are few, and from the
    normal one corrected for skew if there are many.
    """

    __slots__ = (
        "_aim", "_answers", "_beat", "_bound", "_budget", "_call_tables", "_calls", "_due", "_floor", "_fresh",
        "_horizons", "_last", "_others", "_rate", "_ready_since", "_refresh", "_remark", "_rings", "_talk_tables",
        "_talked", "_talks", "_talks_known", "_waiting", "_wanted", "_wrap_tables", "_wrapped", "_wraps",
    )  # fmt: skip

    def __init__(
        self, budget: Budget, now: float, *, floor: int = 1, aim: _Aim | None = None, bound: bool = False
    ) -> None:
        self._budget = budget
        self._floor = floor
        self._aim = aim
        self._bound = bound
        self._calls: dict[str, float] = {}
        self._waiting: dict[str, bool] = {}
        self._talks: dict[str, float] = {}
        self._wraps: dict[str, float] = {}
        self._ready_since: dict[str, float] = {}
        self._rings = _Times(0.5, 240)
        self._others = _Times(0.5, 240)
        self._talked = _Times(4, 900)
        self._wrapped = _Times(1, 600)
        self._rate = 0.3
        self._answers = 0
        self._wanted = 0
        self._last = -math.inf
        self._due = now
        self._beat = 1.0
        self._fresh = True
        self._refresh = now
        self._talks_known = 0.0
        self._remark = ""
        self._horizons: list[float] = []
        self._call_tables: list[_Table] = []
        self._talk_tables: list[_Table] = []
        self._wrap_tables: list[_Table] = []

    # --- what happens ---

    def placed(self, attempt_id: str, at: float) -> None:
        self._calls[attempt_id] = at
        self._wanted -= 1

    def withdrawn(self, attempt_id: str) -> None:
        self._calls.pop(attempt_id, None)

    def answered(self, attempt_id: str, at: float, result: CallResult, *, delivered: bool) -> None:
        placed = self._calls.pop(attempt_id, None)
        if delivered:
            self._waiting[attempt_id] = result is CallResult.ANSWER
        if placed is None:
            return
        if delivered:
            self._answers += 1
            self._rings.add(at - placed)
            self._rate += (1 - self._rate) * _FORGET
        else:
            self._unanswered(at - placed)

    def _unanswered(self, age: float) -> None:
        self._others.add(age)
        self._rate -= self._rate * _FORGET
        self._fresh = True

    def connected(self, attempt_id: str, agent_id: str | None, at: float) -> None:
        if self._waiting.pop(attempt_id, False):
            self._budget.answered(at, abandoned=False)
        self._talks[attempt_id] = at
        if agent_id is not None and self._aim is not None:
            since = self._ready_since.pop(agent_id, None)
            if since is not None:
                self._aim.waited(at - since, self._talked.mean + self._wrapped.mean)

    def ended(self, attempt_id: str, at: float, result: CallResult) -> None:
        placed = self._calls.pop(attempt_id, None)
        if placed is not None:
            self._unanswered(at - placed)
        elif attempt_id in self._waiting:
            if self._waiting.pop(attempt_id):
                self._budget.answered(at, abandoned=True)
        else:
            self._talks.pop(attempt_id, None)

    def completed(self, attempt_id: str, agent_id: str | None, at: float) -> None:
        began = self._talks.pop(attempt_id, None)
        if began is not None:
            self._talked.add(at - began)
        if agent_id is not None:
            self._wraps[agent_id] = at
        self._fresh = True

    def agent_ready(self, agent_id: str, at: float) -> None:
        began = self._wraps.pop(agent_id, None)
        if began is not None:
            self._wrapped.add(at - began)
        if self._aim is not None:
            self._ready_since[agent_id] = at
        self._fresh = True

    def agent_gone(self, agent_id: str, at: float) -> None:
        self._wraps.pop(agent_id, None)
        self._ready_since.pop(agent_id, None)

    # --- what follows ---

    @property
    def remark(self) -> str:
        return self._remark

    def next_at(self, now: float) -> float | None:
        return max(self._due, now + 0.01)

    def new_calls(self, pacing: Pacing) -> int:
        now = pacing.now
        # a look costs more with more agents, and there is more to see all the time
        if now < self._last + min(0.5, pacing.agents * 0.005) or not (
            self._fresh or self._wanted > 0 or now >= self._due
        ):
            return max(0, self._wanted)
        self._last = now
        self._due = now + self._beat
        self._fresh = False
        self._wanted = self._wish(pacing)
        return self._wanted

    def _wish(self, pacing: Pacing) -> int:
        if self._bound:
            return pacing.ready
        free = pacing.ready - pacing.queued
        if self._aim is not None:
            free -= self._aim.kept(pacing.agents)
        one_each = max(0, free - pacing.dialed)
        if pacing.agents < self._floor:
            self._remark = f"fewer than {self._floor} agents: dialing progressively"
            return one_each
        if self._answers < 10 or self._talked.count < 20:
            return one_each
        self._remark = "the abandon rate holds dialing back" if self._budget.short else ""
        if pacing.now >= self._refresh:
            self._budget.look(pacing.now)
            self._learn(pacing)
        return self._over_dial(pacing.now, free, self._budget.threshold) or one_each

    def _over_dial(self, now: float, free: int, threshold: float) -> int:
        """How many calls can be placed before the chance that the next one finds no agent passes the threshold."""
        calls = [int((now - at) * 2) for at in self._calls.values()]
        talks = [int((now - at) * 0.25) for at in self._talks.values()]
        wraps = [int(now - at) for at in self._wraps.values()]
        if max(calls[:1] + talks[:1] + wraps[:1], default=0) >= _EDGE:
            calls, talks, wraps = ([min(age, _EDGE - 1) for age in ages] for ages in (calls, talks, wraps))
        forecasts = [
            _forecast(free, calls, talks, wraps, *tables)
            for tables in zip(self._call_tables, self._talk_tables, self._wrap_tables, strict=True)
        ]
        limit = threshold * len(forecasts)
        wanted = 0
        while wanted < 1000 and sum(forecast.nobody() for forecast in forecasts) <= limit:
            wanted += 1
            for forecast in forecasts:
                forecast.call()
        return wanted

    def _learn(self, pacing: Pacing) -> None:
        """Make the tables anew from what has been seen."""
        self._refresh = pacing.now + 20
        if (
            not self._horizons
            or self._talked.count > 1.1 * self._talks_known
            or self._talked.count < self._talks_known
        ):
            self._talks_known = self._talked.count
            self._horizons = [self._rings.quantile(share) for share in _LATE]
            within = [horizon + pacing.connect_window for horizon in self._horizons]
            wrapped = self._wrapped.survivors() if self._wrapped.count else [0.0, 0.0]
            hazards = self._talked.hazards()
            self._talk_tables = [
                _Table(_freed(hazards, self._talked.step, wrapped, horizon)) for horizon in within
            ]
            self._wrap_tables = [_Table(_ending(self._wrapped, horizon)) for horizon in within]
        answered, ended = (
            self._rings.survivors(),
            self._others.survivors() if self._others.count else [1.0, 0.0],
        )
        self._call_tables = [
            _Table(_answering(self._rate, answered, ended, horizon / self._rings.step))
            for horizon in self._horizons
        ]

    # --- from run to run ---

    def count(self, days: Mapping[int, tuple[int, int]]) -> None:
        self._budget.count(days)

    def remember(self) -> Mapping[str, Any]:
        return {
            "budget": self._budget.remember(),
            "rate": self._rate,
            "answers": self._answers,
            **{name: getattr(self, f"_{name}").remember() for name in _TIMES},
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        self._budget.recall(memory["budget"])
        self._rate = memory["rate"]
        self._answers = memory["answers"]
        for name in _TIMES:
            getattr(self, f"_{name}").recall(memory[name])


_FORGET: Final = 1 - 0.5 ** (1 / _HALF_LIFE)
_TIMES: Final = ("rings", "others", "talked", "wrapped")


def _ending(times: _Times, horizon: float) -> list[float]:
    """By age in steps: the chance that it ends within the horizon."""
    if not times.count:
        return [1.0]
    survivors = times.survivors()
    span = horizon / times.step
    chances = []
    for age in range(len(survivors) - 1):
        # the age is half a step further on the average
        left = (survivors[age] + survivors[age + 1]) / 2
        if left * times.count < 1:
            break
        chances.append(1 - _at(survivors, age + 0.5 + span) / left)
    return [*chances, max(0.5, chances[-1])] if chances else [1.0]


def _at(survivors: Sequence[float], place: float) -> float:
    """A survivor function between two steps."""
    below = int(place)
    if below + 1 >= len(survivors):
        return survivors[-1]
    return survivors[below] + (place - below) * (survivors[below + 1] - survivors[below])


def _freed(hazards: Sequence[float], step: float, wrapped: Sequence[float], horizon: float) -> list[float]:
    """By age of a conversation, in steps: the chance that its agent has wrapped up within the horizon."""
    ready = [1 - _at(wrapped, max(0.0, horizon - step * ahead)) for ahead in range(int(horizon / step) + 1)]
    ready[0] = 1 - _at(wrapped, max(0.0, horizon - step / 4))
    last = len(hazards) - 1
    part = horizon / step - int(horizon / step) - 0.5
    chances = []
    for age in range(last + 1):
        going, chance = 1.0, 0.0
        for ahead, done in enumerate(ready):
            hazard = hazards[min(age + ahead, last)] * (0.5 if not ahead else 1.0)
            chance += going * hazard * done
            going *= 1 - hazard
        if len(wrapped) == 2 and part > 0:
            chance += going * hazards[min(age + len(ready), last)] * part
        chances.append(min(1.0, chance))
    return chances


def _answering(rate: float, answered: Sequence[float], ended: Sequence[float], span: float) -> list[float]:
    """By age of a call, in steps: the chance that it is answered within `span` steps."""
    chances = [rate * (1 - _at(answered, span))]
    last = len(ended) - 1
    for age in range(1, len(answered) - 1):
        left = (answered[age] + answered[age + 1]) / 2
        open_ = rate * left + (1 - rate) * ((ended[age] + ended[age + 1]) / 2 if age < last else 0.0)
        soon = left - _at(answered, age + 0.5 + span)
        chances.append(rate * soon / open_ if open_ > 1e-9 else 0.0)
    return [*chances, 0.0]


_ROOT: Final = math.sqrt(0.5)
_DENSITY: Final = 1 / math.sqrt(2 * math.pi) / 6


class _Many:
    """The free agents a call will find, by the first three cumulants."""

    __slots__ = ("change", "mean", "third", "variance")

    def __init__(
        self, mean: float, variance: float, third: float, change: tuple[float, float, float]
    ) -> None:
        self.mean = mean
        self.variance = variance
        self.third = third
        self.change = change

    def nobody(self) -> float:
        deviation = math.sqrt(self.variance)
        z = (0.5 - self.mean) / deviation
        chance = 0.5 * math.erfc(-z * _ROOT)
        chance += self.third / (deviation * self.variance) * (1 - z * z) * math.exp(-z * z / 2) * _DENSITY
        return chance if chance > 0 else 0.0

    def call(self) -> None:
        chance, variance, third = self.change
        self.mean -= chance
        self.variance += variance
        self.third -= third


class _Few:
    """The same as an exact distribution: of agents who become free and of calls that are not answered."""

    __slots__ = ("chance", "limit", "shares")

    def __init__(self, free: int, freed: Sequence[float], answered: Sequence[float], chance: float) -> None:
        self.limit = len(answered) - free
        self.chance = chance
        shares = [1.0]
        for share in freed:
            shares = _with(shares, share)
        for share in answered:
            shares = _with(shares, 1 - share)
        self.shares = shares

    def nobody(self) -> float:
        return sum(self.shares[: self.limit + 1]) if self.limit >= 0 else 0.0

    def call(self) -> None:
        self.shares = _with(self.shares, 1 - self.chance)
        self.limit += 1


def _with(shares: list[float], chance: float) -> list[float]:
    """The distribution of a sum, with one more that is 1 with this chance."""
    rest = 1 - chance
    return [a * rest + b * chance for a, b in zip([*shares, 0.0], [0.0, *shares], strict=True)]


def _forecast(
    free: int,
    calls: list[int],
    talks: list[int],
    wraps: list[int],
    call: _Table,
    talk: _Table,
    wrap: _Table,
) -> _Many | _Few:
    """The agents that a further call will find free when it is answered."""
    variance = (
        sum([call.variance[age] for age in calls])
        + sum([talk.variance[age] for age in talks])
        + sum([wrap.variance[age] for age in wraps])
    )
    if variance < 1:
        freed = [talk.chance[age] for age in talks] + [wrap.chance[age] for age in wraps]
        return _Few(free, freed, [call.chance[age] for age in calls], call.chance[0])
    mean = (
        free
        - sum([call.chance[age] for age in calls])
        + sum([talk.chance[age] for age in talks])
        + sum([wrap.chance[age] for age in wraps])
    )
    third = (
        sum([talk.third[age] for age in talks])
        + sum([wrap.third[age] for age in wraps])
        - sum([call.third[age] for age in calls])
    )
    return _Many(mean, variance, third, (call.chance[0], call.variance[0], call.third[0]))


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [Predictive]
