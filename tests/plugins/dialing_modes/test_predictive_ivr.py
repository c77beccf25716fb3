from __future__ import annotations

from cxrun import Pacing
from cxrun_plugins.dialing_modes.predictive_ivr import PredictiveIvr


def test_begins_with_one_call_for_each_free_channel() -> None:
    assert PredictiveIvr(channels=20).new_calls(Pacing(0.0, ready=12, dialed=4, agents=20)) == 8


def test_needs_no_agents() -> None:
    assert PredictiveIvr.needs_agents is False


def test_serves_more_calls_an_hour_than_one_for_each_channel_within_the_abandon_rate(project) -> None:
    served = {}
    for mode in ("progressive_ivr", "predictive_ivr"):
        made = project(4000, mode={mode: {"channels": 8}}, ports=100, name=mode)
        tally = made.run(until=made.reached() + 3600)
        served[mode] = tally.answered - tally.abandoned
        assert 100 * tally.abandoned <= 3 * tally.answered
    assert served["predictive_ivr"] > 1.1 * served["progressive_ivr"]
