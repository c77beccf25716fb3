from __future__ import annotations

import json
import random

import pytest

from cxrun_plugins.dialing_modes.predictive.rate import Rate


def seen(rate: Rate, share: float, attempts: int, seed: int = 1) -> Rate:
    chance = random.Random(seed)
    for _ in range(attempts):
        rate.add(answered=chance.random() < share)
    return rate


def test_begins_with_a_guess_that_little_outweighs() -> None:
    assert Rate().share == pytest.approx(0.3)
    assert seen(Rate(), 0.0, 60).share < 0.1


@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_is_as_steady_as_many_attempts_make_it_while_nothing_moves(share: float) -> None:
    errors = [abs(seen(Rate(), share, 3000, seed).share / share - 1) for seed in range(40)]
    usual = ((1 - share) / share / 1440) ** 0.5
    assert sum(errors) / len(errors) < 1.3 * usual


@pytest.mark.parametrize(("before", "after"), [(0.3, 0.1), (0.1, 0.3)])
def test_follows_soon_when_another_list_is_better_or_worse(before: float, after: float) -> None:
    found = [seen(seen(Rate(), before, 3000, seed), after, 300, seed + 100).share for seed in range(20)]
    # a mean that forgets half in 500 attempts has come a third of the way
    assert abs(sum(found) / len(found) - after) < 0.25 * abs(before - after)


def test_what_it_remembers_is_plain_data() -> None:
    rate, other = seen(Rate(), 0.2, 700), Rate()
    other.recall(json.loads(json.dumps(rate.remember())))
    assert other.share == pytest.approx(rate.share, abs=1e-5)
    assert seen(other, 0.2, 50).remember() == pytest.approx(seen(rate, 0.2, 50).remember(), abs=1e-5)


def test_is_not_taken_in_by_calls_that_are_placed_together() -> None:
    """Of 600 calls every 30 s the answered ones end first, the others after they have rung out."""
    rate, shares = Rate(), []
    for turn in range(60):
        for part, answered in enumerate((True, True, *[False] * 18)):
            for _ in range(30):
                rate.add(answered=answered)
            rate.look(30.0 * turn + part)
            shares.append(rate.share)
    assert all(0.06 < share < 0.14 for share in shares[400:])
