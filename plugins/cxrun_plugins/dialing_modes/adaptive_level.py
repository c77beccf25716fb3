"""Adaptive level: lines per agent that rise while agents wait and fall when calls are dropped."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar, Final

from cxrun import TIME_OF_DAY, CallResult, DialingMode, Pacer, Pacing, Schema, hookimpl, time_of_day

_SAMPLES: Final = 15
"""One-second samples of waiting agents from which the level follows; it follows as often."""
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class AdaptiveLevel(DialingMode):
    """Keeps a level of lines in use per agent; it rises while agents wait and falls when calls are dropped.

    The lines in use are calls dialed, waiting and talked on; the agents are those ready or talking. Every 15 seconds
    the level grows by the share of agents who were waiting for a call in the mean of these seconds, less the
    calls that were waiting for an agent, plus `difference`; `intensity` makes a rise larger and a fall smaller,
    both by that many percent. It stays between 1 and `max_level`.

    If more than half of more than 20 calls of the last minute were dropped, the level is halved. Once 50 calls were
    dialed on a UTC day and more than `abandon_rate` percent of its answers are dropped, `limit` decides: `hard` sets
    the level to 1, `average` halves it, `tapered` lets it fall as `taper_until` comes near: from ten hours before, in
    proportion to the time left, hours and minutes read as one number.

    This is how VICIdial documents its adaptive methods ADAPT_HARD_LIMIT, ADAPT_AVERAGE and ADAPT_TAPERED, with its
    default values; calls are placed at once here, not every 2.5 seconds. It is there to be compared with.

    Example::

        mode: {adaptive_level: {max_level: 1.4, limit: tapered, taper_until: "21:00"}}
    """

    name: ClassVar[str] = "adaptive_level"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "max_level": {
                "description": "Lines per agent at most.",
                "type": "number",
                "minimum": 1,
                "maximum": 100,
                "default": 3,
            },
            "limit": {
                "description": "What happens above the abandon rate.",
                "enum": ["hard", "average", "tapered"],
                "default": "hard",
            },
            "abandon_rate": {
                "description": "Dropped calls of a day's answers, in percent, above which the level falls.",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 100,
                "default": 3,
            },
            "difference": {
                "description": "Agents who should wait, if below 0; calls that should, if above.",
                "type": "number",
                "minimum": -100,
                "maximum": 100,
                "default": 0,
            },
            "intensity": {
                "description": "How much faster the level rises and slower it falls, in percent, or the reverse.",
                "type": "number",
                "minimum": -100,
                "maximum": 100,
                "default": 0,
            },
            "taper_until": {
                **TIME_OF_DAY,
                "description": "When `tapered` has come down to 1, UTC, e.g. 21:00.",
                "default": "21:00",
            },
        },
    }

    max_level: float = 3
    limit: str = "hard"
    abandon_rate: float = 3
    difference: float = 0
    intensity: float = 0
    taper_until: str = "21:00"

    def __post_init__(self) -> None:
        time_of_day(self.taper_until)

    @property
    def dials_ahead(self) -> bool:
        return self.max_level > 1

    def start(self, now: float) -> Pacer:
        return _Level(self, now)

    def new_calls(self, pacing: Pacing) -> int:
        return self.start(pacing.now).new_calls(pacing)


class _Level(Pacer):
    """The level of one group, and the calls it follows."""

    __slots__ = (
        "_answers",
        "_calls",
        "_drops",
        "_level",
        "_midnight",
        "_minute",
        "_mode",
        "_sampled",
        "_samples",
    )

    def __init__(self, mode: AdaptiveLevel, now: float) -> None:
        self._mode = mode
        self._level = 1.0
        self._sampled = now
        self._samples: list[tuple[int, int]] = []
        self._minute: deque[tuple[float, bool]] = deque()
        self._begin(now)

    def placed(self, attempt_id: str, at: float) -> None:
        if at >= self._midnight:
            self._begin(at)
        self._calls += 1
        self._minute.append((at, False))

    def connected(self, attempt_id: str, agent_id: str | None, at: float) -> None:
        if at >= self._midnight:
            self._begin(at)
        self._answers += 1

    def ended(self, attempt_id: str, at: float, result: CallResult) -> None:
        if result in (CallResult.DROPPED, CallResult.ABANDONED):
            if at >= self._midnight:
                self._begin(at)
            self._answers += 1
            self._drops += 1
            self._minute.append((at, True))

    def _begin(self, at: float) -> None:
        """A day has begun."""
        self._midnight = (at // _DAY + 1) * _DAY
        self._calls = self._answers = self._drops = 0

    def next_at(self, now: float) -> float | None:
        return self._sampled + 1

    def new_calls(self, pacing: Pacing) -> int:
        if pacing.now >= self._sampled + 1:
            self._sampled = pacing.now
            self._samples.append((pacing.ready - pacing.queued, pacing.agents))
            if len(self._samples) == _SAMPLES:
                self._adapt(pacing.now)
        talking = pacing.talking
        calls = round(self._level * (pacing.ready + talking)) - pacing.dialed - pacing.queued - talking
        return calls if calls > 0 else 0

    def _adapt(self, now: float) -> None:
        mode = self._mode
        waiting = sum(ready for ready, _ in self._samples) / _SAMPLES + mode.difference
        agents = sum(agents for _, agents in self._samples) / _SAMPLES
        self._samples.clear()
        move = waiting / agents if agents else 0.0
        move *= abs(mode.intensity / 100 - 1) if move < 0 else mode.intensity / 100 + 1
        level = min(mode.max_level, max(1.0, self._level * (1 + move)))
        while self._minute and self._minute[0][0] <= now - 60:
            self._minute.popleft()
        drops = sum(dropped for _, dropped in self._minute)
        if len(self._minute) - drops > 20 and 2 * drops > len(self._minute) - drops:
            level /= 2
        if self._calls > 50 and 100 * self._drops > mode.abandon_rate * self._answers:
            level = self._limited(level, now)
        self._level = max(1.0, level)

    def _limited(self, level: float, now: float) -> float:
        if self._mode.limit == "hard":
            return 1.0
        if self._mode.limit == "average":
            return level / 2
        left = _clock(time_of_day(self._mode.taper_until)) - _clock(now % _DAY)
        return 1.0 if left < 0 else level if left > 1000 else level * left / 1000


def _clock(seconds: float) -> int:
    """A time of day as hours and minutes in one number: 21:30 is 2130."""
    minutes = int(seconds // 60)
    return minutes // 60 * 100 + minutes % 60


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [AdaptiveLevel]
