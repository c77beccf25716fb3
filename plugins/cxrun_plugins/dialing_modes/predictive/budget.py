"""The abandon budget: who has answered and who of them was abandoned, and how far dialing ahead may go."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cxrun import Schema

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

_PER_CAP: Final = 1.17
"""Threshold per abandon rate when the budget is as it should be."""
_GAIN: Final = 0.2
"""How much the logarithm of the threshold follows one call of budget, while few have been earned."""
_DRIFT: Final = 0.5
"""How much it follows, per answer and for each answer there has been, a budget that stays away from the reserve."""
_STEEPEST: Final = 1e-3
"""How much it follows that, per answer, at the most: while there have been few."""
_RESERVE: Final = 4.5
"""Calls of budget that are kept back while few have been earned."""
_FEW: Final = 60
"""Calls of budget: by the square root of how often they have been earned the gain is less and the reserve more.

A threshold that follows each abandoned call swings, and agents wait for nothing; one that follows more slowly lets
what is left swing further, for which a long window has room.
"""
_SURE: Final = 3.0
"""The standard deviations of the calls that can only be guessed at, kept back too."""
_GROWN: Final = 4
"""The reserves that a window has earned when it counts as any other; until then what is left tells little."""
_SHY: Final = 0.7
"""How much lower the logarithm of the threshold is at first: a short window has no time to make up for bad luck."""
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
        self._people = 1 - mistaken_machines / 100
        self._lost = self._people * lost / (1 - lost)
        self._live = self._people + self._lost
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
        gone = self._lost + self._people * abandoned
        self._count[0] += self._live
        self._count[1] += gone
        change = self.cap * self._live - gone
        for window in self._windows:
            window.left += change
            window.live += self._live
            # the same part of the way in a window of few answers as in one of many, and none while the reserve is
            # still being earned: each day it is, and the next one would begin more timidly
            steep = min(_STEEPEST, _DRIFT / window.live) * max(0.0, 1 - 2 * self._youth(window))
            window.drift += steep * (window.left - self._reserve(window))
            window.drift = min(2.5, max(-4.0, window.drift))
        self._decide()

    def look(self, at: float) -> None:
        """What is left may be more, or less, on a new day."""
        today = int(at // _DAY)
        if today != self._today:
            self._begin(today)
            self._decide()

    def _reserve(self, window: _Window) -> float:
        """The calls kept back: more if some abandoned calls can only be guessed at, whose number is a Poisson one."""
        deviation = math.sqrt(self._lost / self._live * window.live)
        return math.hypot(_RESERVE * self._often(window), _SURE * deviation)

    def _often(self, window: _Window) -> float:
        return math.sqrt(max(1.0, self.cap * window.live / _FEW))

    def _youth(self, window: _Window) -> float:
        """1 for a window of no answers, 0 for one that has earned its reserve some times over."""
        return max(0.0, 1 - self.cap * window.live / (_GROWN * self._reserve(window)))

    def _allows(self, window: _Window) -> float:
        """The logarithm of the threshold by one window. What is overspent is made up for as fast as at first."""
        spare = _GAIN / self._often(window) * (window.left - self._reserve(window))
        return spare + _GAIN * min(0.0, window.left) - _SHY * self._youth(window) + window.drift

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
        least = min(map(self._allows, self._windows))
        self.threshold = min(0.95, _PER_CAP * self.cap * math.exp(min(50.0, least)))

    @property
    def short(self) -> bool:
        """Whether it is the budget that holds dialing back: the threshold is a sixth of its usual value."""
        return self.threshold < _PER_CAP * self.cap / 6

    def count(self, days: Mapping[int, tuple[int, int]]) -> None:
        """Replace what was counted so far."""
        self._days = {
            day: [answered * self._live, answered * self._lost + self._people * abandoned]
            for day, (answered, abandoned) in days.items()
        }
        self._today = -1

    def remember(self) -> Mapping[str, Any]:
        return {
            "days": {str(day): count for day, count in self._days.items()},
            "drift": [window.drift for window in self._windows],
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        self._days = {int(day): [float(live), float(gone)] for day, (live, gone) in memory["days"].items()}
        for window, drift in zip(self._windows, memory["drift"], strict=False):
            window.drift = float(drift)
        self._decide()
