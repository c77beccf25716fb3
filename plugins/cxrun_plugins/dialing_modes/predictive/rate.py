"""The answer rate: the calls that are answered of those placed, as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_QUICK: Final = 1 - 0.5 ** (1 / 100)
_STEADY: Final = 1 - 0.5 ** (1 / 500)
"""The weight of an attempt in a mean that forgets half in 100 attempts, and in 500."""
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

    __slots__ = ("_attempts", "_quick", "_steady")

    def __init__(self) -> None:
        self._attempts = 0
        self._quick = self._steady = _GUESS

    def add(self, *, answered: bool) -> None:
        least = 1 / (_GUESSED + self._attempts)
        self._attempts += 1
        self._quick += (answered - self._quick) * max(_QUICK, least)
        self._steady += (answered - self._steady) * max(_STEADY, least)

    @property
    def share(self) -> float:
        """0 to 1."""
        least = 1 / (_GUESSED + self._attempts)
        quick, steady = max(_QUICK, least), max(_STEADY, least)
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
