"""Lists share the dialing by weight, exactly and over time."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from cxrun.shares import Shares

WEIGHTS = st.lists(st.integers(1, 100), min_size=1, max_size=6).map(lambda ws: dict(enumerate(ws)))


def taken(shares: Shares, having: list[int], calls: int) -> Counter[int]:
    counts: Counter[int] = Counter()
    for _ in range(calls):
        key = shares.turn(having, having)
        shares.took(key)
        counts[key] += 1
    return counts


@given(WEIGHTS)
def test_no_list_is_ever_a_whole_call_away_from_its_share(weights: dict[int, int]) -> None:
    shares = Shares(weights)
    whole = sum(weights.values())
    counts: Counter[int] = Counter()
    for calls in range(1, min(3 * whole, 400) + 1):
        counts += taken(shares, list(weights), 1)
        for key, weight in weights.items():
            assert abs(counts[key] - Fraction(calls * weight, whole)) < 1


@given(WEIGHTS, st.integers(0, 200), st.integers(1, 200))
def test_in_any_window_a_list_is_less_than_two_calls_from_its_share(
    weights: dict[int, int], before: int, window: int
) -> None:
    shares = Shares(weights)
    taken(shares, list(weights), before)
    counts = taken(shares, list(weights), window)
    for key, weight in weights.items():
        assert abs(counts[key] - Fraction(window * weight, sum(weights.values()))) < 2


@given(WEIGHTS, st.data())
def test_what_happened_while_lists_ran_empty_does_not_distort_the_shares_after_it(
    weights: dict[int, int], data: st.DataObject
) -> None:
    shares = Shares(weights)
    keys = list(weights)
    for _ in range(data.draw(st.integers(1, 5))):
        having = data.draw(st.lists(st.sampled_from(keys), min_size=1, unique=True))
        taken(shares, having, data.draw(st.integers(0, 50)))
    counts = taken(shares, keys, 300)
    for key, weight in weights.items():
        assert abs(counts[key] - Fraction(300 * weight, sum(weights.values()))) < 3


@given(WEIGHTS, st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_many_short_runs_share_as_one_long_run_does(weights: dict[int, int], runs: list[int]) -> None:
    credits: dict[int, float] = {}
    counts: Counter[int] = Counter()
    for calls in runs:
        shares = Shares(weights, credits)
        counts += taken(shares, list(weights), calls)
        credits = shares.credits
    for key, weight in weights.items():
        assert abs(counts[key] - Fraction(sum(runs) * weight, sum(weights.values()))) < 1.001


def test_an_empty_list_leaves_its_share_to_the_others_by_their_weights() -> None:
    assert taken(Shares({1: 20, 2: 40, 3: 60}), [1, 2], 30) == {1: 10, 2: 20}


def test_a_list_that_comes_back_does_not_make_up_for_its_empty_spell() -> None:
    shares = Shares({1: 10, 2: 10})
    taken(shares, [1], 1000)
    assert taken(shares, [1, 2], 10) == {1: 5, 2: 5}


def test_a_list_that_always_has_just_one_record_does_not_have_every_turn() -> None:
    shares = Shares({1: 10, 2: 10})
    counts: Counter[int] = Counter()
    for _ in range(100):
        key = shares.turn([1, 2], [1, 2])
        shares.took(key)
        counts[key] += 1
        if key == 1:
            counts += taken(shares, [2], 1)
    assert 25 <= counts[1] / sum(counts.values()) * 100 <= 50


def test_calls_that_were_urgent_count_and_the_others_catch_up() -> None:
    shares = Shares({1: 10, 2: 10})
    for _ in range(20):
        assert shares.turn([1, 2], [1]) == 1
        shares.took(1)
    assert taken(shares, [1, 2], 20) == {2: 20}


def test_a_debt_of_urgent_calls_is_not_carried_over_an_empty_spell() -> None:
    shares = Shares({1: 10, 2: 10})
    for _ in range(500):
        shares.turn([1, 2], [1])
        shares.took(1)
    taken(shares, [2], 3)
    counts = taken(shares, [1, 2], 10)
    assert abs(counts[1] - 5) <= 1
