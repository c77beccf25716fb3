from __future__ import annotations

from random import Random

import pytest

from cxrun.estimating import adjusted, estimate, t_quantile


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        (1, 12.7062),
        (2, 4.3027),
        (3, 3.1824),
        (4, 2.7764),
        (9, 2.2622),
        (10, 2.2281),
        (29, 2.0452),
        (100, 1.9840),
    ],
)
def test_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=5e-5)


def test_interval_of_five_values_by_hand() -> None:
    found = estimate([2, 4, 4, 5, 10])
    assert found.mean == 5
    assert found.low == pytest.approx(5 - 2.776445 * 3 / 5**0.5)
    assert found.high == pytest.approx(5 + 2.776445 * 3 / 5**0.5)
    assert found.certain


def test_one_value_has_no_interval() -> None:
    assert estimate([7]) == (7, None, None, 1)
    assert not estimate([7]).certain


def scattered(chance: Random, seeds: int) -> tuple[list[float], list[list[float]]]:
    """A figure whose mean is 3, most of whose scatter two controls explain."""
    controls = [[chance.gauss(0, 2) for _ in range(seeds)] for _ in range(2)]
    values = [3 + 5 * a - 2 * b + chance.gauss(0, 1) for a, b in zip(*controls, strict=True)]
    return values, controls


@pytest.mark.parametrize("with_controls", [False, True])
def test_nineteen_of_twenty_intervals_hold_the_truth(with_controls: bool) -> None:
    chance = Random(1)
    held = 0
    for _ in range(2000):
        values, controls = scattered(chance, 10)
        found = adjusted(values, controls) if with_controls else estimate(values)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 3 <= found.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_controls_take_out_what_they_explain() -> None:
    values, controls = scattered(Random(2), 20)
    plain, told = estimate(values), adjusted(values, controls)
    assert plain.high is not None
    assert told.high is not None
    assert told.high - told.mean < (plain.high - plain.mean) / 5
    assert told.mean == pytest.approx(3, abs=1)


def test_estimate_of_a_difference_is_the_difference_of_the_estimates() -> None:
    values, controls = scattered(Random(3), 12)
    others, _ = scattered(Random(4), 12)
    difference = [b - a for a, b in zip(values, others, strict=True)]
    assert adjusted(difference, controls).mean == pytest.approx(
        adjusted(others, controls).mean - adjusted(values, controls).mean
    )


def test_controls_that_say_the_same_or_nothing_do_no_harm() -> None:
    values, (control, _) = scattered(Random(5), 12)
    once = adjusted(values, [control])
    again = adjusted(values, [control, [2 * value for value in control]])
    assert again == pytest.approx(once)
    assert adjusted(values, [[0.0] * 12]) == pytest.approx(estimate(values))


def test_too_few_seeds_get_the_plain_mean() -> None:
    values, controls = scattered(Random(6), 7)
    assert adjusted(values, controls) == estimate(values)
