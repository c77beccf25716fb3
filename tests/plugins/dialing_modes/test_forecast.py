"""How many calls the forecast has room for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun_plugins.dialing_modes.predictive.forecast import Table, _Few, _Many, _with, forecast, room

CHANCES = st.floats(0.02, 0.9)
AGES = st.lists(st.integers(0, 30), max_size=40)


def table(chance: float, later: float) -> Table:
    return Table([chance + (later - chance) * age / 40 for age in range(41)])


def one_by_one(forecasts: Sequence[_Few | _Many], limit: float) -> int:
    """The same as `room`, a call at a time."""
    placed = 0
    while placed < 1000 and sum(one.nobody() for one in forecasts) <= limit:
        placed += 1
        forecasts = [one.called() for one in forecasts]
    return placed


@given(
    free=st.integers(-3, 60), calls=AGES, talks=AGES, answer=CHANCES, end=CHANCES, limit=st.floats(1e-4, 0.6)
)
def test_calls_are_placed_until_the_next_one_passes_the_limit(
    free: int, calls: list[int], talks: list[int], answer: float, end: float, limit: float
) -> None:
    tables = [(table(answer, answer / 2), table(end / 2, end)), (table(answer / 2, 0.01), table(end, 0.9))]

    def forecasts() -> list[_Few | _Many]:
        return [forecast(free, calls, talks, [], call, talk, talk) for call, talk in tables]

    assert room(forecasts(), limit) == one_by_one(forecasts(), limit)


@given(free=st.integers(0, 60), answer=st.floats(0.02, 0.6))
def test_what_is_no_longer_added_up_exactly_stays_close(free: int, answer: float) -> None:
    call, talk = table(answer, answer / 2), table(0.1, 0.2)
    exact = ahead = forecast(free, [0], [], [], call, talk, talk)
    assert isinstance(exact, _Few)
    shares = exact.shares
    for placed in range(1, 150):
        ahead = ahead.called()
        shares = _with(shares, 1 - answer)
        truly = sum(shares[: max(0, placed + 2 - free)])
        if truly < 0.2:
            # above, no call is placed
            assert ahead.nobody() == pytest.approx(truly, abs=0.01)


@pytest.mark.parametrize("free", [95, 400])
def test_for_many_agents_with_nothing_to_do_few_sums_are_exact(
    free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = 0
    called = _Few.called

    def counted(self: _Few) -> _Few | _Many:
        nonlocal exact
        exact += 1
        return called(self)

    monkeypatch.setattr(_Few, "called", counted)
    call, talk = table(0.05, 0.1), table(0.1, 0.5)
    found = room([forecast(free, [], [], [], call, talk, talk)], 0.9)
    assert found == 1000
    assert exact < 100
