"""Time as an argument: a run asks its clock, and nothing else, what time it is."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Unix UTC seconds, and waiting for them. `jumps` is True if waiting takes no time."""

    jumps: bool

    def now(self) -> float: ...

    def reach(self, moment: float) -> float:
        """Wait for a moment; returns the time reached, which may be earlier."""
        ...


class VirtualClock:
    """Jumps to the next event; a month takes as long as its decisions."""

    jumps = True

    def __init__(self, start: float) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def reach(self, moment: float) -> float:
        if moment > self._now:
            self._now = moment
        return self._now


class WallClock:
    """The real time; waits at most `patience` seconds at once, so that a run can be stopped."""

    jumps = False

    def __init__(self, patience: float = 0.1) -> None:
        self._patience = patience

    def now(self) -> float:
        return time.time()

    def reach(self, moment: float) -> float:
        time.sleep(max(0.0, min(moment - time.time(), self._patience)))
        return time.time()
