"""Whose turn it is among lists that share the dialing by weight.

Each call earns every list that has something to give its share of one call, and costs the list it is taken from
a whole one; so credits add up to nothing, and a credit is how far a list is behind its share. Of the lists that
are behind, the one whose next call is due first is taken: then no list is ever a whole call away from its share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

_FINE: Final = 1 << 20
"""Credits are whole numbers of this part of a weight, so that they neither drift nor round."""


class Shares:
    """The credits of the lists of one group, by the id of the list.

    `weights` are above 0; there may be none. `credits`, in calls, are what an earlier run has left; at most one call
    counts.
    """

    def __init__(self, weights: Mapping[int, int], credits: Mapping[int, float] | None = None) -> None:
        self._weights = {key: weight * _FINE for key, weight in weights.items()}
        self._having = frozenset(weights)
        self._whole = sum(self._weights.values())
        left = credits or {}
        self._credits = {key: int(max(-1.0, min(1.0, left.get(key, 0.0))) * self._whole) for key in weights}
        self._balance()

    def turn(self, having: Iterable[int], urgent: Collection[int]) -> int:
        """The list to take the next record from: one of `urgent`, while those of `having` earn their share."""
        having = frozenset(having)
        if having != self._having:
            self._change(having)
        return min(urgent, key=self._standing)

    def took(self, key: int) -> None:
        """A call was taken from the list."""
        for other, credit in self._credits.items():
            if other in self._having:
                self._credits[other] = credit + self._weights[other]
            elif credit < 0:
                self._credits[other] = min(0, credit + self._weights[other])
        self._credits[key] -= self._whole

    @property
    def credits(self) -> dict[int, float]:
        """How many calls each list is behind its share; negative if it is ahead."""
        return {key: credit / self._whole for key, credit in self._credits.items()}

    def _standing(self, key: int) -> tuple[bool, int]:
        """Smaller is taken first: lists behind their share, then by how many calls may pass before their turn."""
        earned = self._credits[key] + self._weights[key]
        return (earned <= 0, -((earned - self._whole) // self._weights[key]))

    def _change(self, having: frozenset[int]) -> None:
        """Lists have run empty, or have something again.

        What was owed to a list that has nothing to give is forgotten; what it had too much, up to a call, is not,
        or a list that always has just one record would have every turn.
        """
        for key in self._having - having:
            self._credits[key] = max(min(self._credits[key], 0), -self._whole)
        self._having = having
        before, self._whole = self._whole, sum(self._weights[key] for key in having)
        self._credits = {key: credit * self._whole // before for key, credit in self._credits.items()}
        self._balance()

    def _balance(self) -> None:
        """Make the credits of the lists at hand add up to nothing, each moving by its weight."""
        if not self._having:
            return
        excess = sum(self._credits[key] for key in self._having)
        for key in self._having:
            self._credits[key] -= excess * self._weights[key] // self._whole
        rest = sum(self._credits[key] for key in self._having)
        self._credits[min(self._having)] -= rest
