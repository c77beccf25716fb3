"""The answer rate: the calls that are answered of those placed, as it is now."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_QUICK: Final = 1 - 0.5 ** (1 / 100)
_STEADY: Final = 1 - 0.5 ** (1 / 500)
"""The weight of an attempt in a mean that forgets half in 100 attempts, and in 500."""
_MANY: Final = 100 / 120
"""Attempts per second from which on it forgets by time: half in two minutes, and in ten.

Calls that are placed together are answered together, and those that nobody answers end together later.
"""
_TURN: Final = 0.2
"""How much the attempts per second follow what was seen since the last look."""
_GUESS: Final = 0.3
_GUESSED: Final = 20
"""The rate it begins with, and the attempts that this is worth."""
_CHANCE: Final = 1.5
"""How much of the squared difference is taken for chance, in variances that chance gives it."""


class Rate:
    """Two means of what attempts came to, a steady and a quick one, each that of all attempts until it forgets.

    The more they differ than chance lets them, the nearer the rate is to the quick one: it follows the hours of a
    day and better or worse lists, and does not follow luck. What is left of the difference is what shrinkage leaves
    of it (James and Stein, 1961).
    """

    __slots__ = ("_attempts", "_looked", "_pace", "_quick", "_seen", "_steady", "_weights")

    def __init__(self) -> None:
        self._attempts = self._seen = 0
        self._looked = math.inf
        self._pace = 0.0
        self._quick = self._steady = _GUESS
        self._weights = (_QUICK, _STEADY)

    def add(self, *, answered: bool) -> None:
        least = 1 / (_GUESSED + self._attempts)
        quick, steady = self._weights
        self._attempts += 1
        self._quick += (answered - self._quick) * max(quick, least)
        self._steady += (answered - self._steady) * max(steady, least)

    def look(self, at: float) -> None:
        """See how many attempts there are in a time."""
        if at > self._looked:
            pace = (self._attempts - self._seen) / (at - self._looked)
            self._pace += (pace - self._pace) * _TURN if self._pace else pace
            longer = max(1.0, self._pace / _MANY)
            self._weights = (_QUICK / longer, _STEADY / longer)
        self._looked, self._seen = at, self._attempts

    @property
    def share(self) -> float:
        """0 to 1."""
        least = 1 / (_GUESSED + self._attempts)
        quick, steady = (max(weight, least) for weight in self._weights)
        variance = (quick + steady) / 2 - 2 * quick * steady / (quick + steady)
        chance = max(0.0, _CHANCE * variance * self._steady * (1 - self._steady))
        moved = self._quick - self._steady
        return self._steady + moved * (1 - chance / moved**2 if moved**2 > chance else 0.0)

    def remember(self) -> list[float]:
        return [self._attempts, round(self._quick, 6), round(self._steady, 6)]

    def recall(self, memory: Sequence[float]) -> None:
        attempts, quick, steady = memory
        self._attempts = int(attempts)
        self._quick, self._steady = (min(1.0, max(0.0, float(mean))) for mean in (quick, steady))
