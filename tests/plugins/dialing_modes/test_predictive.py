from __future__ import annotations

import json
from itertools import pairwise

import pytest

from cxrun import CallResult, Pacing
from cxrun_plugins.dialing_modes.predictive import Predictive
from cxrun_plugins.dialing_modes.predictive.budget import Budget
from cxrun_plugins.dialing_modes.predictive.forecast import Times
from cxrun_plugins.dialing_modes.predictive.lookahead import Lookahead

DAY = 86_400.0


def learnt(mode: Predictive) -> Lookahead:
    """A pacer that has seen 40 calls, half of them answered after 8 s, and conversations of 72 to 110 s."""
    pacer = mode.start(0.0)
    assert isinstance(pacer, Lookahead)
    for number in range(40):
        at, name = number * 0.1, str(number)
        pacer.placed(name, at)
        if number % 2:
            pacer.ended(name, at + 20, CallResult.NO_ANSWER)
            continue
        pacer.answered(name, at + 8, CallResult.ANSWER, delivered=True)
        pacer.connected(name, "a", at + 8)
        pacer.completed(name, "a", at + 80 + number)
        pacer.agent_ready("a", at + 83 + number)
    return pacer


def test_dials_progressively_until_it_has_seen_enough() -> None:
    pacer = Predictive().start(0.0)
    assert pacer.new_calls(Pacing(0.0, ready=5, dialed=2, agents=9)) == 3
    assert Predictive().new_calls(Pacing(0.0, ready=4, queued=1, agents=4)) == 3


def test_dials_ahead_of_ready_agents_only_until_it_knows_how_long_they_talk() -> None:
    pacer = Predictive().start(0.0)
    for number in range(40):
        pacer.placed(str(number), 0.0)
        if number % 2:
            pacer.ended(str(number), 20.0, CallResult.NO_ANSWER)
        else:
            pacer.answered(str(number), 8.0, CallResult.ANSWER, delivered=True)
            pacer.connected(str(number), f"a{number}", 8.0)
    # calls that nobody answers end later than those that somebody does
    assert pacer.new_calls(Pacing(30.0, ready=5, talking=20, agents=25)) == 5
    assert 5 < pacer.new_calls(Pacing(70.0, ready=5, talking=20, agents=25)) < 15
    assert pacer.new_calls(Pacing(80.0, ready=0, talking=20, agents=20)) == 0


def test_dials_more_than_one_call_for_each_ready_agent_once_it_knows() -> None:
    pacing = Pacing(300.0, ready=5, agents=10)
    assert 5 < learnt(Predictive()).new_calls(pacing) < 20


def test_dials_ahead_of_agents_who_will_soon_be_free() -> None:
    pacer = learnt(Predictive())
    for number in range(40):
        pacer.connected(f"t{number}", f"b{number}", 200.0)
    assert pacer.new_calls(Pacing(300.0, ready=0, talking=40, agents=40)) > 0


def test_fewer_calls_are_placed_for_a_lower_abandon_rate() -> None:
    wishes = [
        learnt(Predictive(abandon_rate=rate)).new_calls(Pacing(300.0, ready=8, agents=10))
        for rate in (0.1, 1, 3, 10)
    ]
    assert wishes == sorted(wishes)
    assert wishes[0] < wishes[-1]


def test_calls_and_conversations_may_be_of_any_age_in_any_order() -> None:
    pacer = learnt(Predictive())
    for name, at in (("young", 99_990.0), ("old", 0.0)):
        pacer.placed(name, at)
        pacer.connected(f"t{name}", name, at)
    assert pacer.new_calls(Pacing(100_000.0, ready=5, talking=2, agents=9)) > 5


def test_says_so_below_the_floor_of_agents_and_dials_progressively() -> None:
    pacer = learnt(Predictive(agent_floor=8))
    assert pacer.new_calls(Pacing(300.0, ready=5, dialed=1, agents=7)) == 4
    assert pacer.remark == "fewer than 8 agents: dialing progressively"
    assert pacer.new_calls(Pacing(302.0, ready=5, agents=8)) > 5
    assert pacer.remark == ""


def test_says_so_when_the_budget_is_spent_and_never_dials_less_than_progressively() -> None:
    pacer = learnt(Predictive(abandon_rate=1))
    for number in range(40):
        pacer.answered(f"x{number}", 250.0, CallResult.ANSWER, delivered=True)
        pacer.ended(f"x{number}", 252.0, CallResult.DROPPED)
    pacer.placed("ringing", 299.0)
    assert pacer.new_calls(Pacing(300.0, ready=5, dialed=1, agents=9)) == 4
    assert pacer.remark == "the abandon rate holds dialing back"


def test_is_asked_again_though_nothing_happens() -> None:
    pacer = learnt(Predictive())
    pacer.new_calls(Pacing(300.0, agents=10))
    assert pacer.next_at(300.0) == 301.0


def test_what_could_not_be_placed_at_once_is_thought_over() -> None:
    pacer = learnt(Predictive())
    wish = pacer.new_calls(Pacing(300.0, ready=6, agents=10))
    pacer.placed("one", 300.0)
    assert pacer.new_calls(Pacing(300.0, ready=6, dialed=1, agents=10)) == wish - 1
    assert pacer.new_calls(Pacing(300.2, ready=0, dialed=1, agents=10)) == 0


def test_one_call_for_each_engaged_agent() -> None:
    mode = Predictive(engage_agent_first=True)
    assert mode.agent_first
    assert learnt(mode).new_calls(Pacing(300.0, ready=3, dialed=4, agents=9)) == 3


def test_memory_of_a_run_is_plain_data_that_spares_the_next_its_start() -> None:
    memory = json.loads(json.dumps(learnt(Predictive()).remember()))
    pacer = Predictive().start(DAY)
    pacer.recall(memory)
    assert pacer.remember() == memory
    assert pacer.new_calls(Pacing(DAY, ready=5, agents=9)) > 5


def answered(budget: Budget, day: float, people: int, abandoned: int) -> None:
    for number in range(people):
        budget.answered(day * DAY + number, abandoned=number < abandoned)


def test_threshold_falls_smoothly_as_the_budget_is_spent() -> None:
    budget = Budget(3, ["day"], 0, 0)
    thresholds = []
    for _ in range(30):
        budget.answered(0.0, abandoned=True)
        thresholds.append(budget.threshold)
    assert all(0.6 < later / earlier < 1 for earlier, later in pairwise(thresholds))
    assert thresholds[-1] < 1e-3


def test_threshold_follows_more_calmly_once_a_window_has_had_much_budget() -> None:
    falls = []
    for people in (500, 5000, 50_000):
        budget = Budget(3, ["campaign"], 0, 0)
        answered(budget, 1, people, round(0.028 * people))
        before = budget.threshold
        for _ in range(10):
            budget.answered(DAY, abandoned=True)
        falls.append(before / budget.threshold)
    assert falls[0] > 1.5 * falls[1] > 2 * falls[2]


def test_what_is_overspent_is_made_up_for_as_fast_in_a_long_window() -> None:
    budget = Budget(3, ["campaign"], 0, 0)
    answered(budget, 1, 50_000, 1501)
    before = budget.threshold
    for _ in range(10):
        budget.answered(DAY, abandoned=True)
    assert budget.threshold < before / 6


def test_a_window_of_few_answers_teaches_the_next_one_nothing() -> None:
    budget = Budget(3, ["day"], 0, 0)
    answered(budget, 1, 250, 5)
    assert budget.remember()["drift"] == [0.0]
    answered(budget, 1, 600, 14)
    assert budget.remember()["drift"] != [0.0]


def test_dials_less_ahead_in_a_young_window_with_the_same_left() -> None:
    young, grown = Budget(3, ["day"], 0, 0), Budget(3, ["day"], 0, 0)
    young.count({1: (150, 0)})
    grown.count({1: (650, 15)})
    for budget in (young, grown):
        budget.look(DAY)
    assert young.threshold < 0.7 * grown.threshold


def test_a_new_day_has_a_new_budget_and_the_month_remembers() -> None:
    day, month, both = (Budget(3, over, 0, 0) for over in (["day"], ["30_days"], ["day", "30_days"]))
    for budget in (day, month, both):
        answered(budget, 1, 400, 60)
        answered(budget, 2, 10, 0)
    assert day.threshold > 10 * month.threshold
    assert both.threshold == month.threshold
    answered(month, 40, 10, 0)
    assert month.threshold == pytest.approx(day.threshold, rel=0.8)


def test_what_happened_before_the_run_counts() -> None:
    lived, told, fresh = (Budget(3, ["day", "30_days"], 0, 0) for _ in range(3))
    answered(lived, 1, 200, 10)
    told.count({1: (200, 10)})
    for budget in (lived, told, fresh):
        budget.answered(DAY + 500, abandoned=False)
    # what is left is the same; who has lived through it has learned from it, too
    assert lived.threshold < told.threshold < 0.5 * fresh.threshold


def test_people_taken_for_machines_are_charged_to_the_budget() -> None:
    plain, charged = Budget(3, ["day"], 0, 0), Budget(3, ["day"], 1, 5)
    for budget in (plain, charged):
        answered(budget, 1, 500, 10)
    assert charged.threshold < plain.threshold


def test_two_aims_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="give one of them"):
        Predictive.build({"agent_busy_factor": 85, "average_waiting_time": "20s"})


@pytest.mark.parametrize(("scenario", "least"), [("S1", 82), ("S8", 79), ("S9", 82)])
def test_half_a_day_of_ten_agents(floor, scenario: str, least: float) -> None:
    mistakes = {"mistaken_people": 1, "mistaken_machines": 6.6} if scenario == "S8" else {}
    day = floor.Floor(floor.SCENARIOS[scenario], 10, Predictive(**mistakes), 1, hours=4).run()
    assert day.utilisation > least
    assert day.abandon <= 3


@pytest.mark.parametrize(("agents", "busy", "lost"), [(30, 60, 0), (10, 70, 0.3), (30, 76, 0.3), (30, 84, 1)])
def test_keeps_agents_as_busy_as_is_wished_and_abandons_few_people_for_it(
    floor, agents: int, busy: float, lost: float
) -> None:
    """Progressive dialing keeps them busy for 71 % of their time."""
    day = floor.Floor(floor.SCENARIOS["S1"], agents, Predictive(agent_busy_factor=busy), 1, hours=3).run()
    assert day.utilisation == pytest.approx(busy, abs=2.5)
    assert day.abandon <= lost


def test_an_aim_holds_with_engaged_agents_too(project) -> None:
    """An agent is bound to a call as long as it rings, too: 60 % is less than one call each comes to."""
    dialer = {
        "simulated": {"outcomes": {"answer": 1}, "talk": {"mean": 60, "cv": 0}, "wrap": {"mean": 0, "cv": 0}}
    }
    connects = {}
    for wait in (None, 60):
        mode = {"engage_agent_first": True} | ({"average_waiting_time": wait} if wait else {})
        folder = project(1500, mode={"predictive": mode}, agents=10, dialer=dialer, name=f"of{wait}")
        connects[wait] = folder.run(until=folder.reached() + 7200).connects
    assert connects[None] == pytest.approx(10 * 7200 / 71, rel=0.1)
    assert connects[60] == pytest.approx(10 * 7200 / 120, rel=0.1)


def test_lets_agents_wait_as_long_as_is_wished(floor) -> None:
    day = floor.Floor(floor.SCENARIOS["S1"], 30, Predictive(average_waiting_time=30), 1, hours=3).run()
    assert sum(day.waits) / len(day.waits) == pytest.approx(30, abs=5)


def test_the_first_minutes_of_a_large_floor_keep_the_cap(floor) -> None:
    """The conversations that are over by then are the short ones; it must not take all of them for short."""
    day = floor.Floor(floor.SCENARIOS["S8"], 300, Predictive(mistaken_people=1), 1, hours=0.2).run()
    assert day.abandon <= 3
    assert day.utilisation > 88


def test_learns_from_conversations_that_are_not_over() -> None:
    """Half of all end after 40 s and half after 400 s; after 200 s all that have ended are short."""
    times = Times(4, 900)
    for _ in range(500):
        times.add(41)
    going = [50] * 500
    hazards = times.hazards(going)
    assert hazards[10] == pytest.approx(0.5, abs=0.01)
    assert sum(hazards[11:50]) < 0.2
    assert times.hazards()[10] > 0.99


def test_what_fades_counts_those_that_go_on_once() -> None:
    times = Times(4, 900)
    for _ in range(5000):
        times.add(41)
    before = times.hazards([50] * 5000)
    times.fade([50] * 5000)
    assert times.count == 2500
    assert times.hazards([50] * 5000)[10] == pytest.approx(before[10], abs=0.001)
