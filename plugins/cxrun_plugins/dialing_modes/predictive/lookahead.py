"""The decision: dial while one more call is unlikely to find no agent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from cxrun import CallResult, Pacer, Pacing
from cxrun_plugins.dialing_modes.predictive.budget import Budget
from cxrun_plugins.dialing_modes.predictive.forecast import (
    EDGE,
    Table,
    Times,
    answering,
    ending,
    forecast,
    freed,
    room,
)
from cxrun_plugins.dialing_modes.predictive.rate import Rate

_LATE: Final = (0.3, 0.9)
"""The quantiles of the time to answer that are looked ahead."""
_RINGS_BY: Final = 5.0
"""Seconds after which any phone rings."""
_REGRET: Final = 3.0
"""How much more than the threshold the chance must be at which a call that does not ring yet is called off."""
_ANSWERS: Final = 10
"""Answers it must have seen to dial ahead at all."""
_TALKS: Final = 20
"""Conversations it must have seen the end of to count on agents who are not free yet."""
_LONG: Final = 60.0
"""Seconds in which a call that is not answered ends: answers come sooner, so at first there are too many."""
_HOLD: Final = 0.006
"""How much dialing is held back for each wait that is not as long as is wished, per unit of their log ratio."""
_LEAST: Final = 1e-3
"""The part of the threshold that is left where dialing ahead comes to its end."""
_LEARNED: Final = ("rate", "rings", "others", "talked", "wrapped")


class Aim:
    """How far dialing is held back so that agents wait as long between calls as is wished, or are as busy.

    First the chance to find no agent that a further call may have becomes smaller, a thousandth at the most; then calls
    are placed for ready agents alone, and for fewer and fewer of them. So nobody is abandoned for want of an agent
    who was kept waiting.
    """

    __slots__ = ("_busy", "_held", "_mean", "_wait")

    def __init__(self, *, busy: float = 0.0, wait: float = 0.0) -> None:
        self._busy = busy
        self._wait = wait
        self._mean: float | None = None
        self._held = 1.0
        """0 to 1 for the chance, 1 to 2 for the share of agents."""

    def waited(self, wait: float, handled: float) -> None:
        """An agent has waited for a call; `handled` is how long agents talk and wrap up in the mean."""
        self._mean = wait if self._mean is None else self._mean + (wait - self._mean) / 30
        wished = (1 - self._busy) / self._busy * handled if self._busy else self._wait
        self._held += _HOLD * math.log((wished + 0.5) / (self._mean + 0.5))
        self._held = min(2.0, max(0.0, self._held))

    def threshold(self, threshold: float) -> float:
        """The chance to find no agent that a further call may have, of that which the abandon rate allows."""
        return threshold * _LEAST**self._held if self._held < 1 else 0.0

    def kept(self, agents: int) -> int:
        """How many ready agents are kept waiting."""
        return round(max(0.0, self._held - 1) * agents)


class Lookahead(Pacer):
    """Dials while one more call is unlikely to find no agent.

    The number of agents who will be free when it is answered, less the calls that will be answered before, is the
    sum of many chances: its distribution comes from the exact convolution if there are few, and from the
    normal one corrected for skew if there are many.
    """

    __slots__ = (
        "_aim", "_answers", "_beat", "_bound", "_budget", "_call_tables", "_calls", "_due", "_floor",
        "_fresh", "_horizons", "_last", "_others", "_rate", "_ready_since", "_refresh", "_remark", "_rings", "_settled",
        "_talk_tables", "_talked", "_talks", "_talks_known", "_waiting", "_wanted", "_wrap_tables", "_wrapped",
        "_wraps",
    )  # fmt: skip

    def __init__(
        self, budget: Budget, now: float, *, floor: int = 1, aim: Aim | None = None, bound: bool = False
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
        self._rings = Times(0.5, 240)
        self._others = Times(0.5, 240)
        self._talked = Times(4, 900)
        self._wrapped = Times(1, 600)
        self._rate = Rate()
        self._answers = 0
        self._settled = math.inf
        self._wanted = 0
        self._last = -math.inf
        self._due = now
        self._beat = 1.0
        self._fresh = True
        self._refresh = now
        self._talks_known = 0.0
        self._remark = ""
        self._horizons: list[float] = []
        self._call_tables: list[Table] = []
        self._talk_tables: list[Table] = []
        self._wrap_tables: list[Table] = []

    # --- what happens ---

    def placed(self, attempt_id: str, at: float) -> None:
        self._calls[attempt_id] = at
        self._wanted -= 1
        if self._settled == math.inf:
            self._settled = at + _LONG

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
            self._rate.add(answered=True)
        else:
            self._unanswered(at - placed)

    def _unanswered(self, age: float) -> None:
        self._others.add(age)
        self._rate.add(answered=False)
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
        aim = self._aim
        free = pacing.ready - pacing.queued
        asked = free if aim is None else free - aim.kept(pacing.agents)
        if self._bound:
            return max(0, asked)
        one_each = max(0, asked - pacing.dialed)
        if pacing.agents < self._floor:
            self._remark = f"fewer than {self._floor} agents: dialing progressively"
            return one_each
        if self._answers < _ANSWERS or (self._talked.count < _TALKS and pacing.now < self._settled):
            return one_each
        self._remark = "the abandon rate holds dialing back" if self._budget.short else ""
        if pacing.now >= self._refresh:
            self._budget.look(pacing.now)
            self._learn(pacing)
        threshold = self._budget.threshold if aim is None else aim.threshold(self._budget.threshold)
        return (self._over_dial(pacing.now, free, threshold) if threshold else 0) or one_each

    def surplus(self, pacing: Pacing) -> int:
        now, free = pacing.now, pacing.ready - pacing.queued
        newest = next(reversed(self._calls.values()), -math.inf)
        if self._bound or now - newest > _RINGS_BY:
            return 0
        if pacing.agents < self._floor or self._answers < _ANSWERS or not self._call_tables:
            return max(0, pacing.dialed - max(0, free))
        calls, talks, wraps = self._ages(now)
        tables = list(zip(self._call_tables, self._talk_tables, self._wrap_tables, strict=True))
        limit = _REGRET * self._budget.threshold * len(tables)
        many = 0
        while len(calls) > max(0, free):
            # the newest call was placed as a further one to those before it
            del calls[-1]
            if sum(forecast(free, calls, talks, wraps, *each).nobody() for each in tables) <= limit:
                break
            many += 1
        return many

    def _ages(self, now: float) -> tuple[list[int], list[int], list[int]]:
        """How old calls in flight, conversations and wrap-ups are, in the steps of their tables."""
        calls = [int((now - at) * 2) for at in self._calls.values()]
        talks = [int((now - at) * 0.25) for at in self._talks.values()]
        wraps = [int(now - at) for at in self._wraps.values()]
        if max(map(max, filter(None, (calls, talks, wraps))), default=0) >= EDGE:
            calls, talks, wraps = ([min(age, EDGE - 1) for age in ages] for ages in (calls, talks, wraps))
        return calls, talks, wraps

    def _over_dial(self, now: float, free: int, threshold: float) -> int:
        """How many calls can be placed before the chance that the next one finds no agent passes the threshold."""
        calls, talks, wraps = self._ages(now)
        forecasts = [
            forecast(free, calls, talks, wraps, *tables)
            for tables in zip(self._call_tables, self._talk_tables, self._wrap_tables, strict=True)
        ]
        return room(forecasts, threshold * len(forecasts))

    def _learn(self, pacing: Pacing) -> None:
        """Make the tables anew from what has been seen."""
        self._refresh = pacing.now + 20
        _, talks, _ = self._ages(pacing.now)
        self._talked.fade(talks)
        for times in (self._rings, self._others, self._wrapped):
            times.fade()
        if self._talked.count < _TALKS:
            self._horizons = [self._rings.quantile(share) for share in _LATE]
            self._talk_tables = self._wrap_tables = [Table([0.0]) for _ in self._horizons]
        elif not self._talks_known <= self._talked.count <= 1.1 * self._talks_known:
            self._talks_known = self._talked.count
            self._horizons = [self._rings.quantile(share) for share in _LATE]
            within = [horizon + pacing.connect_window for horizon in self._horizons]
            wrapped = self._wrapped.survivors() if self._wrapped.count else [0.0, 0.0]
            hazards = self._talked.hazards(talks)
            self._talk_tables = [
                Table(freed(hazards, self._talked.step, wrapped, horizon)) for horizon in within
            ]
            self._wrap_tables = [Table(ending(self._wrapped, horizon)) for horizon in within]
        answered, ended = (
            self._rings.survivors(),
            self._others.survivors() if self._others.count else [1.0, 0.0],
        )
        self._rate.look(pacing.now)
        rate = self._rate.share
        self._call_tables = [
            Table(answering(rate, answered, ended, horizon / self._rings.step)) for horizon in self._horizons
        ]

    # --- from run to run ---

    def count(self, days: Mapping[int, tuple[int, int]]) -> None:
        self._budget.count(days)

    def remember(self) -> Mapping[str, Any]:
        return {
            "budget": self._budget.remember(),
            "answers": self._answers,
            **{name: getattr(self, f"_{name}").remember() for name in _LEARNED},
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        self._budget.recall(memory["budget"])
        self._answers = int(memory["answers"])
        for name in _LEARNED:
            getattr(self, f"_{name}").recall(memory[name])
