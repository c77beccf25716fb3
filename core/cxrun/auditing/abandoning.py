"""The abandon rate of a campaign group over each day, 30 days and the campaign, beside the caps on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

WINDOWS: Final[Mapping[str, int | None]] = {"day": 1, "30_days": 30, "campaign": None}
"""Days over which an abandon rate is measured; None is from the first call on."""


class Kept(NamedTuple):
    """The abandon rate over one kind of window. Days are UTC days since 1970, rates and caps shares from 0 to 1.

    `answered` people and the `abandoned` of them are those of the window that ends with today. A window ends with
    every day: `highest` is the highest rate of them all, first reached on the day `on`, and `above` counts those
    above the cap. There is no `cap` if nothing holds that window, and no `on` if nobody has answered.
    """

    window: str
    answered: int
    abandoned: int
    cap: float | None
    highest: float
    on: int | None
    above: int

    @property
    def rate(self) -> float:
        """The share of people who answered that were abandoned."""
        return self.abandoned / self.answered if self.answered else 0.0


def kept(days: Mapping[int, tuple[int, int]], today: int, caps: Mapping[str, float]) -> list[Kept]:
    """The rate over each kind of window.

    `days` are the people who answered and those of them abandoned by day, `caps` percentages by kind of window.
    """
    return [_kept(name, length, days, today, caps.get(name)) for name, length in WINDOWS.items()]


def _kept(
    name: str, length: int | None, days: Mapping[int, tuple[int, int]], today: int, cap: float | None
) -> Kept:
    answered = abandoned = above = 0
    highest, on = 0.0, None
    for day in range(min(days, default=today), today + 1):
        came = days.get(day, (0, 0))
        went = days.get(day - length, (0, 0)) if length else (0, 0)
        answered += came[0] - went[0]
        abandoned += came[1] - went[1]
        if not answered:
            continue
        if on is None or abandoned / answered > highest:
            highest, on = abandoned / answered, day
        # a cap is a decimal as written: 3 of 100 are not above 3 %
        if cap is not None and 100 * abandoned > cap * answered + 1e-9:
            above += 1
    return Kept(name, answered, abandoned, None if cap is None else cap / 100, highest, on, above)
