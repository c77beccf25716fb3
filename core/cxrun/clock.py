"""Time as an argument: a run asks its clock, and nothing else, what time it is."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Unix UTC seconds, and waiting for them."""

    def now(self) -> float: ...

    def sleep_until(self, moment: float) -> None: ...


class VirtualClock:
    """Jumps to the next event; a month takes as long as its decisions."""

    def __init__(self, start: float) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def sleep_until(self, moment: float) -> None:
        self._now = max(self._now, moment)


class WallClock:
    """The real time; sleeps at most `patience` seconds at a time so that events are seen."""

    def __init__(self, patience: float = 0.1) -> None:
        self._patience = patience

    def now(self) -> float:
        return time.time()

    def sleep_until(self, moment: float) -> None:
        time.sleep(max(0.0, min(moment - time.time(), self._patience)))
