from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from itertools import combinations, pairwise
from statistics import correlation, fmean, stdev
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cxrun import (
    AgentReady,
    Answered,
    CallResult,
    Completed,
    DeviceType,
    Dial,
    Ended,
    Line,
    Opening,
    Placed,
    Progress,
    Record,
    Value,
)
from cxrun.model import NO_FIELDS
from cxrun_plugins.dialers.simulated import Simulated, register_dialers
from cxrun_plugins.dialers.simulated.chance import People

START = datetime(2026, 7, 1, 12, 30, tzinfo=UTC).timestamp()
CONSTANT: dict[str, Any] = {
    "post_dial_delay": {"min": 2, "max": 2},
    "pick_up": {"mean": 8, "cv": 0},
    "machine_answers_after": {"min": 15, "max": 15},
    "talk": {"mean": 100, "cv": 0},
    "wrap": {"mean": 20, "cv": 0},
}
LISTENS: dict[str, Any] = {"outcomes": {"answer": 1}, "patience": {"mean": 86400}, **CONSTANT}

PINNED = [
    ("answer", 7.360201),
    ("answering_machine", 19.586658),
    ("answering_machine", 19.756893),
    ("answering_machine", 20.366628),
    ("answering_machine", 20.451003),
    ("no_answer", 27.939231),
]


def opened(seed: int = 1, **parameters: Any) -> Line:
    return Simulated.build(parameters).open(Opening(seed, START, {}))


def dial(
    number: int = 1,
    *,
    attempt: int = 1,
    at: float = START,
    ring_time: float = 25,
    tz: str = "America/New_York",
    device: DeviceType = DeviceType.MOBILE,
    fields: Mapping[str, Value] = NO_FIELDS,
) -> Dial:
    phone = "+12125550100"
    record = Record(
        record_id=number,
        list_id=1,
        chain_id=number,
        chain_n=0,
        chain_size=1,
        contact_info=phone,
        phone=phone,
        contact_info_type=device,
        tz=tz,
        tz_source="device",
        country="US",
        area_code="212",
        daily_from=28800,
        daily_till=64800,
        record_type=2,
        record_status=2,
        call_result=28,
        attempt=attempt,
        dial_sched_time=0,
        call_time=0,
        treatments="",
        agent_id=None,
        due=0,
        priority=4,
        client_id=None,
        first_name=None,
        last_name=None,
        company=None,
        fields=fields,
    )
    return Dial(record.attempt_id, record, at, None, ring_time)


def placed(dial: Dial, seed: int = 1) -> Placed:
    record = dial.record
    return Placed(
        seed, record.record_id, record.fields,
        record.tz, record.contact_info_type, record.attempt, dial.at, dial.ring_time,
    )  # fmt: skip


def dials(count: int, **options: Any) -> list[Dial]:
    return [dial(number, **options) for number in range(1, count + 1)]


def drained(line: Line, until: float = math.inf) -> list[Progress]:
    return list(line.events(until))


def first_events(line: Line, placed: Iterable[Dial]) -> dict[str, tuple[CallResult, float]]:
    """The result and the delay of each call's first event."""
    placed_at = {}
    for item in placed:
        line.place(item)
        placed_at[item.attempt_id] = item.at
    first: dict[str, tuple[CallResult, float]] = {}
    for event in line.events(math.inf):
        assert isinstance(event, Answered | Ended)
        first.setdefault(event.attempt_id, (event.result, round(event.at - placed_at[event.attempt_id], 6)))
    return first


def results(line: Line, placed: Iterable[Dial]) -> Counter[CallResult]:
    return Counter(result for result, _ in first_events(line, placed).values())


def delays(count: int, **parameters: Any) -> list[float]:
    return [delay for _, delay in first_events(opened(**parameters), dials(count, ring_time=86400)).values()]


def conversations(count: int, agent_id: str | None = "ann", **parameters: Any) -> Iterator[list[Progress]]:
    """What follows each answer that is connected at once."""
    line = opened(**parameters)
    for item in dials(count):
        line.place(item)
        answered = next(iter(line.events(math.inf)))
        assert isinstance(answered, Answered)
        line.connect(item.attempt_id, agent_id, answered.at)
        yield [answered, *drained(line)]


# --- luck ---


def test_a_call_meets_the_same_luck_whatever_the_order_and_the_time() -> None:
    calls = dials(300)
    later = [dial(number, at=START + 7 * number) for number in range(300, 0, -1)]

    assert first_events(opened(), calls) == first_events(opened(), later)


def test_a_call_meets_the_same_luck_whatever_else_is_dialed() -> None:
    alone = first_events(opened(), [dial(77)])

    assert first_events(opened(), dials(100))["77-1"] == alone["77-1"]


def test_talk_does_not_depend_on_how_long_the_caller_waited() -> None:
    lasted = []
    for waited in (0, 3):
        line = opened(**{**LISTENS, "talk": {"mean": 120, "cv": 0.9}})
        line.place(dial())
        (answered,) = line.events(START + 10)
        line.connect("1-1", "ann", answered.at + waited)
        lasted.append(drained(line)[0].at - answered.at - waited)

    assert lasted[0] == pytest.approx(lasted[1])


def test_another_seed_another_attempt_or_another_record_is_other_luck() -> None:
    base = list(first_events(opened(seed=1), dials(200)).values())

    assert list(first_events(opened(seed=2), dials(200)).values()) != base
    assert list(first_events(opened(seed=-1), dials(200)).values()) != base
    assert list(first_events(opened(seed=1), dials(200, attempt=2)).values()) != base
    assert len(set(base)) > 150


def test_results_of_first_and_second_attempt_are_independent() -> None:
    count = 5000
    first = first_events(opened(**EVEN), dials(count))
    second = first_events(opened(**EVEN), dials(count, attempt=2))

    same = sum(first[f"{n}-1"][0] == second[f"{n}-2"][0] for n in range(1, count + 1))

    assert same / count == pytest.approx(0.5, abs=0.03)


def test_the_times_of_a_call_have_nothing_to_do_with_each_other() -> None:
    parameters: dict[str, Any] = {"outcomes": {"answer": 1}, "post_dial_delay": {"min": 0, "max": 0}}
    times: dict[str, list[float]] = {"picked up": [], "waited": [], "talked": [], "wrapped": []}
    for number in range(3000):
        line = opened(**parameters)
        line.place(dial(number, ring_time=600))
        answered, abandoned = drained(line)
        line.place(dial(number, ring_time=600))
        next(iter(line.events(answered.at)))
        line.connect(f"{number}-1", "ann", answered.at)
        completed, ready = drained(line)
        moments = (START, answered.at, completed.at, ready.at)
        times["waited"].append(abandoned.at - answered.at)
        for name, (begin, end) in zip(("picked up", "talked", "wrapped"), pairwise(moments), strict=True):
            times[name].append(end - begin)

    for one, other in combinations(times, 2):
        assert abs(correlation(times[one], times[other])) < 0.07, f"{one} and {other}"


def test_luck_is_the_same_on_every_machine_and_in_every_release() -> None:
    met = first_events(opened(seed=42), dials(6))

    assert [(result.word, delay) for result, delay in met.values()] == PINNED


# --- outcomes ---


@pytest.mark.parametrize(
    "outcomes",
    [
        None,
        {"answer": 3, "answering_machine": 4, "no_answer": 2, "busy": 1},
        {"silence": 0.5, "fax_detected": 0.25, "sit_vacant_code": 0, "general_error": 0.25},
    ],
)
def test_results_come_in_the_shares_of_their_weights(outcomes: dict[str, float] | None) -> None:
    count = 20_000
    parameters: dict[str, Any] = {} if outcomes is None else {"outcomes": outcomes}
    weights = Simulated.build(parameters).outcomes
    total = sum(weights.values())

    met = results(opened(**parameters), dials(count, ring_time=600))

    assert {result.word for result in met} == {word for word, weight in weights.items() if weight}
    for word, weight in weights.items():
        share = weight / total
        tolerance = 4 * math.sqrt(share * (1 - share) / count)
        assert met[CallResult[word.upper()]] / count == pytest.approx(share, abs=tolerance)


def test_every_word_the_schema_allows_can_be_simulated() -> None:
    for word in Simulated.schema["properties"]["outcomes"]["propertyNames"]["enum"]:
        assert results(opened(outcomes={word: 1}), dials(3, ring_time=600)) == {CallResult[word.upper()]: 3}


@pytest.mark.parametrize("word", ["answer", "answering_machine", "fax_detected", "silence"])
def test_who_or_what_picks_up_is_answered(word: str) -> None:
    line = opened(outcomes={word: 1})
    line.place(dial(ring_time=600))

    (event,) = line.events(line.next_at() or 0)

    assert event == Answered("1-1", event.at, CallResult[word.upper()])


# --- factors ---

EVEN: dict[str, Any] = {"outcomes": {"answer": 1, "busy": 1}, "pick_up": {"cv": 0}}


@pytest.mark.parametrize(
    ("tz", "at", "local"),
    [
        ("America/New_York", "2026-07-01T12:30", "8"),
        ("America/New_York", "2026-01-01T12:30", "7"),
        ("America/Los_Angeles", "2026-07-01T12:30", "5"),
        ("America/Los_Angeles America/New_York", "2026-07-01T12:30", "5"),
        ("Asia/Kolkata", "2026-07-01T12:29", "17"),
        ("Asia/Kolkata", "2026-07-01T12:30", "18"),
        ("", "2026-07-01T12:30", "12"),
    ],
)
def test_factors_of_an_hour_act_by_the_local_hour_of_the_record(tz: str, at: str, local: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
    others = {str(hour): {"answer": 0} for hour in range(24) if str(hour) != local}

    met = results(opened(**EVEN, by_hour={local: {"busy": 0}, **others}), dials(50, tz=tz, at=moment))

    assert met == {CallResult.ANSWER: 50}


def test_the_hour_turns_and_zones_differ_on_one_line() -> None:
    line = opened(**EVEN, by_hour={"8": {"busy": 0}, "9": {"answer": 0}, "6": {"answer": 0}})
    turn = START + 1800
    eight = [dial(number, at=turn - 1) for number in range(50)]
    nine = [dial(number, at=turn) for number in range(50, 100)]
    six = [dial(number, at=turn, tz="America/Los_Angeles") for number in range(100, 150)]

    met = first_events(line, [call for three in zip(eight, nine, six, strict=True) for call in three])

    assert {met[call.attempt_id][0] for call in eight} == {CallResult.ANSWER}
    assert {met[call.attempt_id][0] for call in nine} == {CallResult.BUSY}
    assert {met[call.attempt_id][0] for call in six} == {CallResult.BUSY}


def test_factors_of_a_weekday_act_by_the_local_day_of_the_record() -> None:
    tuesday_night = datetime(2026, 3, 4, 4, 30, tzinfo=UTC).timestamp()
    line = opened(**EVEN, by_weekday={"tue": {"busy": 0}, "wed": {"answer": 0}})

    assert results(line, dials(50, at=tuesday_night)) == {CallResult.ANSWER: 50}
    assert results(line, dials(50, at=tuesday_night, tz="Europe/London", attempt=2)) == {CallResult.BUSY: 50}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"outcomes": {"busy": 1}},
        {"by_hour": {"8": {"answer": 2}}, "by_weekday": {"wed": {"answer": 0.5}}},
        {"by_device": {"mobile": {"answering_machine": 0}}, "by_attempt": {"1": {"answer": 0.3}}},
        {"pick_up": {"mean": 20, "cv": 1}},
        {"pick_up": {"mean": 30, "cv": 0}},
        {"call_analysis": {"person_as_machine": 0.3, "machine_as_person": 0.2}},
        {"call_analysis": {"machine_as_person": 0.5}, "machine_answers_after": {"min": 10, "max": 40}},
    ],
)
def test_chance_of_answer_is_the_share_of_calls_a_person_answers(parameters: dict[str, Any]) -> None:
    chance = Simulated.build(parameters).chance_of_answer(placed(dial()))

    met = results(opened(**parameters), dials(4000))

    assert met[CallResult.ANSWER] / 4000 == pytest.approx(chance, abs=0.03)


def test_chance_of_answer_is_unknown_where_the_trunk_can_be_full() -> None:
    assert Simulated.build({"lines": 3}).chance_of_answer(placed(dial())) is None


def test_factors_of_a_device_act_on_that_device_only() -> None:
    parameters = {**EVEN, "by_device": {"mobile": {"busy": 0}}}

    line = opened(**parameters)

    assert results(line, dials(100)) == {CallResult.ANSWER: 100}
    assert results(line, dials(100, device=DeviceType.HOME))[CallResult.BUSY] > 20


def test_factors_of_an_attempt_act_on_that_attempt_only() -> None:
    parameters = {**EVEN, "by_attempt": {"2": {"busy": 0}}}

    line = opened(**parameters)

    assert results(line, dials(100, attempt=2)) == {CallResult.ANSWER: 100}
    for attempt in (1, 3):
        assert results(line, dials(100, attempt=attempt))[CallResult.BUSY] > 20


def test_factors_of_a_field_act_on_records_with_that_value_only() -> None:
    parameters = {**EVEN, "by_field": {"segment": {"gold": {"busy": 0}}, "rating": {"17": {"answer": 0.001}}}}

    line = opened(**parameters)

    assert results(line, dials(100, fields={"segment": "gold", "rating": None})) == {CallResult.ANSWER: 100}
    assert results(line, dials(100, attempt=2, fields={"rating": 17.0}))[CallResult.BUSY] > 95
    others: list[dict[str, Value]] = [{"segment": "new"}, {"segment": None}, {"segment": ""}, {}]
    for attempt, other in enumerate(others, 3):
        assert 20 < results(line, dials(100, attempt=attempt, fields=other))[CallResult.BUSY] < 80


# --- people ---

DIFFER: dict[str, Any] = {"pick_up": {"mean": 0}, "patience": {"mean": 86400}}


def answer_rates(count: int, attempts: int, **parameters: Any) -> list[float]:
    """The share of calls that are answered, by attempt; who has answered is not called again."""
    left, rates = set(range(1, count + 1)), []
    line = opened(**DIFFER, **parameters)
    for attempt in range(1, attempts + 1):
        met = first_events(line, [dial(number, attempt=attempt) for number in left])
        answered = {int(key.split("-")[0]) for key, (result, _) in met.items() if result is CallResult.ANSWER}
        rates.append(len(answered) / len(left))
        left -= answered
    return rates


@pytest.mark.parametrize("answers", [0.1, 0.3, 0.8])
@pytest.mark.parametrize("differ", [0.6, 2])
def test_first_attempts_are_answered_as_often_if_people_differ(answers: float, differ: float) -> None:
    (rate,) = answer_rates(20_000, 1, outcomes={"answer": answers, "busy": 1 - answers}, people_differ=differ)

    assert rate == pytest.approx(answers, abs=4 * (answers * (1 - answers) / 20_000) ** 0.5)


@pytest.mark.parametrize(
    ("differ", "expected"),
    [(0, (0.3, 0.3, 0.3, 0.3)), (0.6, (0.3, 0.274, 0.254, 0.238)), (2, (0.3, 0.193, 0.155, 0.134))],
)
def test_who_did_not_answer_is_less_likely_to_answer_the_next_time(
    differ: float, expected: tuple[float, ...]
) -> None:
    """By the table in the README, which follows from the distribution of readiness."""
    outcomes = {"answer": 0.3, "no_answer": 0.5, "busy": 0.2}

    rates = answer_rates(20_000, 4, outcomes=outcomes, people_differ=differ)

    left = 20_000.0
    for rate, share in zip(rates, expected, strict=True):
        assert rate == pytest.approx(share, abs=4 * (share * (1 - share) / left) ** 0.5)
        left *= 1 - share


def test_readiness_to_answer_has_the_mean_1_and_the_coefficient_of_variation_that_is_given() -> None:
    drawn = [People(0.6, 1).readiness(number) for number in range(20_000)]

    assert min(drawn) > 0
    assert fmean(drawn) == pytest.approx(1, abs=0.02)
    assert stdev(drawn) == pytest.approx(0.6, rel=0.05)


def test_readiness_to_answer_is_that_of_the_seed_and_record_whatever_else_the_call_is() -> None:
    world = Simulated.build({"people_differ": 1})
    chances = {
        world.chance_of_answer(placed(dial(7, attempt=attempt, at=START + attempt * 5000)))
        for attempt in range(1, 5)
    }

    assert len(chances) == 1
    assert world.chance_of_answer(placed(dial(8))) not in chances
    assert world.chance_of_answer(placed(dial(7), seed=2)) not in chances


def test_what_is_not_answered_keeps_its_proportions_if_people_differ() -> None:
    outcomes = {"answer": 0.4, "busy": 0.4, "no_answer": 0.2}
    line = opened(**DIFFER, outcomes=outcomes, people_differ=1)

    met = results(line, [dial(7, attempt=attempt) for attempt in range(1, 6001)])

    assert 0 < met[CallResult.ANSWER] < 6000
    rest = met[CallResult.BUSY] + met[CallResult.NO_ANSWER]
    assert met[CallResult.BUSY] / rest == pytest.approx(2 / 3, abs=0.03)


def test_everybody_answers_who_surely_answers_however_people_differ() -> None:
    assert answer_rates(200, 1, outcomes={"answer": 1}, people_differ=3) == [1]
    assert answer_rates(200, 1, outcomes={"answer": 0, "busy": 1}, people_differ=3) == [0]


@pytest.mark.parametrize(
    "parameters",
    [
        {"people_differ": 0.7},
        {"people_differ": 2, "call_analysis": {"person_as_machine": 0.3, "machine_as_person": 0.2}},
        {"people_differ": 0.5, "by_field": {"segment": {"gold": {"answer": 2, "answering_machine": 0.5}}}},
    ],
)
def test_chance_of_answer_is_that_of_the_record_itself(parameters: dict[str, Any]) -> None:
    world = Simulated.build(parameters)
    line = opened(**parameters)
    gold: dict[str, Value] = {"segment": "gold"}
    for number in range(1, 6):
        calls = [dial(number, attempt=attempt, fields=gold) for attempt in range(1, 2001)]

        met = results(line, calls)

        chance = world.chance_of_answer(placed(calls[0]))
        assert met[CallResult.ANSWER] / 2000 == pytest.approx(chance, abs=0.045)


def test_factors_multiply_weights_and_each_other() -> None:
    line = opened(
        **EVEN,
        by_hour={"8": {"answer": 2}},
        by_device={"mobile": {"answer": 3}},
        by_attempt={"1": {"busy": 2}},
    )

    met = results(line, dials(5000))

    assert met[CallResult.ANSWER] / 5000 == pytest.approx(6 / 8, abs=0.025)


# --- times ---


def test_post_dial_delay_is_uniform() -> None:
    met = delays(4000, outcomes={"answer": 1}, pick_up={"mean": 0}, post_dial_delay={"min": 1, "max": 4})

    assert min(met) >= 1
    assert max(met) <= 4
    assert fmean(met) == pytest.approx(2.5, rel=0.02)
    assert stdev(met) == pytest.approx(3 / math.sqrt(12), rel=0.03)


@pytest.mark.parametrize("word", ["answer", "fax_detected", "silence"])
def test_pick_up_is_lognormal(word: str) -> None:
    met = delays(4000, outcomes={word: 1}, post_dial_delay={"min": 0, "max": 0})

    assert fmean(met) == pytest.approx(8, rel=0.03)
    assert stdev(met) == pytest.approx(8 * 0.55, rel=0.07)
    assert fmean(math.log(delay) for delay in met) == pytest.approx(
        math.log(8) - math.log1p(0.55**2) / 2, abs=0.03
    )


def test_a_machine_answers_between_its_bounds() -> None:
    met = delays(4000, outcomes={"answering_machine": 1}, post_dial_delay={"min": 2, "max": 2})

    assert min(met) >= 14
    assert max(met) <= 24
    assert fmean(met) == pytest.approx(19, rel=0.01)


def test_a_refused_call_ends_after_fail_after() -> None:
    assert set(delays(50, outcomes={"busy": 1, "sit_intercept": 1}, fail_after=1.5)) == {1.5}


def test_no_answer_takes_the_post_dial_delay_and_the_ring_time() -> None:
    met = first_events(opened(**CONSTANT, outcomes={"no_answer": 1}), [dial(ring_time=30)])

    assert met == {"1-1": (CallResult.NO_ANSWER, 32)}


@pytest.mark.parametrize(
    ("ring_time", "met"),
    [(15, (CallResult.ANSWERING_MACHINE, 17)), (14, (CallResult.NO_ANSWER, 16))],
)
def test_nobody_picks_up_after_the_ring_time(ring_time: float, met: tuple[CallResult, float]) -> None:
    line = opened(**CONSTANT, outcomes={"answering_machine": 1})

    assert first_events(line, [dial(ring_time=ring_time)]) == {"1-1": met}
    assert line.next_at() is None


def test_talk_and_wrap_are_lognormal() -> None:
    talked, wrapped = [], []
    for answered, completed, ready in conversations(4000, outcomes={"answer": 1}, pick_up={"cv": 0}):
        talked.append(completed.at - answered.at)
        wrapped.append(ready.at - completed.at)

    assert fmean(talked) == pytest.approx(120, rel=0.05)
    assert stdev(talked) == pytest.approx(108, rel=0.1)
    assert fmean(wrapped) == pytest.approx(20, rel=0.03)
    assert stdev(wrapped) == pytest.approx(10, rel=0.1)


def test_part_of_a_time_keeps_the_default_of_the_other_part() -> None:
    met = delays(4000, outcomes={"answer": 1}, pick_up={"mean": 4}, post_dial_delay={"min": 3.5})

    assert fmean(met) == pytest.approx(7.5, rel=0.03)
    assert stdev(met) == pytest.approx(4 * 0.55, rel=0.07)


# --- the course of a call ---


def test_a_caller_out_of_patience_abandons() -> None:
    line = opened(outcomes={"answer": 1}, patience={"mean": 10}, pick_up={"cv": 0})
    for item in dials(4000):
        line.place(item)
    answered, waited = {}, []
    for event in drained(line):
        if isinstance(event, Answered):
            answered[event.attempt_id] = event.at
        else:
            assert isinstance(event, Ended)
            assert event.result is CallResult.ABANDONED
            waited.append(event.at - answered[event.attempt_id])

    assert len(waited) == 4000
    assert min(waited) > 0
    assert fmean(waited) == pytest.approx(10, rel=0.05)
    assert stdev(waited) == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("word", ["answering_machine", "fax_detected", "silence"])
def test_a_machine_waits_for_as_long_as_it_takes(word: str) -> None:
    line = opened(outcomes={word: 1}, **CONSTANT)
    line.place(dial())
    assert len(drained(line)) == 1
    assert line.next_at() is None

    line.connect("1-1", "ann", START + 9999)

    assert drained(line) == [Completed("1-1", START + 10005, None), AgentReady("ann", START + 10025)]


def test_a_connected_caller_does_not_abandon() -> None:
    line = opened(**LISTENS)
    line.place(dial())
    assert drained(line, START + 10) == [Answered("1-1", START + 10, CallResult.ANSWER)]

    line.connect("1-1", "ann", START + 11)

    assert drained(line) == [Completed("1-1", START + 111, None), AgentReady("ann", START + 131)]
    assert line.next_at() is None


def test_a_call_connected_while_events_are_read_does_not_abandon() -> None:
    line = opened(**CONSTANT, outcomes={"answer": 1}, patience={"mean": 1})
    line.place(dial())
    seen = []
    for event in line.events(math.inf):
        seen.append(type(event))
        if isinstance(event, Answered):
            line.connect(event.attempt_id, "ann", event.at)

    assert seen == [Answered, Completed, AgentReady]


def test_an_announcement_ends_without_an_agent_or_a_disposition() -> None:
    ((_, completed),) = conversations(1, None, **LISTENS, announcement=45, dispositions={"sale": 1})

    assert completed == Completed("1-1", START + 10 + 45, None)


def test_a_caller_is_still_there_at_the_very_moment_his_patience_ends() -> None:
    line = opened(**{**LISTENS, "patience": {"mean": 0}})
    line.place(dial())
    next(iter(line.events(START + 10)))

    line.connect("1-1", "ann", START + 10)

    assert [type(event) for event in drained(line)] == [Completed, AgentReady]


def test_an_agent_connected_too_late_comes_back_at_once() -> None:
    line = opened(**CONSTANT, outcomes={"answer": 1}, patience={"mean": 0.001})
    line.place(dial())
    drained(line, START + 10)

    line.connect("1-1", "ann", START + 60)

    ended, ready = drained(line)
    assert isinstance(ended, Ended)
    assert ended.result is CallResult.ABANDONED
    assert ready == AgentReady("ann", START + 60)


def test_an_agent_connected_to_no_call_comes_back_at_once() -> None:
    line = opened()
    line.connect("1-1", "ann", START)
    line.connect("1-1", None, START)

    assert drained(line) == [AgentReady("ann", START)]


def test_connecting_twice_connects_once() -> None:
    line = opened(**LISTENS)
    line.place(dial())
    drained(line, START + 10)
    line.connect("1-1", "ann", START + 10)
    line.connect("1-1", "ann", START + 12)
    line.connect("1-1", "bob", START + 13)

    assert drained(line) == [
        AgentReady("bob", START + 13),
        Completed("1-1", START + 110, None),
        AgentReady("ann", START + 130),
    ]


@pytest.mark.parametrize("word", ["answer", "busy"])
def test_hanging_up_while_it_rings_silences_the_call(word: str) -> None:
    line = opened(outcomes={word: 1})
    line.place(dial())

    line.hang_up("1-1", START + 0.5)

    assert line.next_at() is None
    assert drained(line) == []


def test_hanging_up_an_answered_call_silences_it() -> None:
    line = opened(**LISTENS)
    line.place(dial())
    drained(line, START + 10)

    line.hang_up("1-1", START + 12)

    assert line.next_at() is None
    assert drained(line) == []


def test_hanging_up_a_conversation_frees_the_agent_after_wrap() -> None:
    line = opened(**LISTENS)
    line.place(dial())
    drained(line, START + 10)
    line.connect("1-1", "ann", START + 10)

    line.hang_up("1-1", START + 40)

    assert line.next_at() == START + 60
    assert drained(line) == [AgentReady("ann", START + 60)]


def test_hanging_up_after_the_conversation_does_not_free_the_agent_twice() -> None:
    line = opened(**LISTENS)
    line.place(dial())
    drained(line, START + 10)
    line.connect("1-1", "ann", START + 10)
    drained(line, START + 110)

    line.hang_up("1-1", START + 111)
    line.hang_up("no-such-call", START + 111)

    assert drained(line) == [AgentReady("ann", START + 130)]


def test_placing_a_call_in_flight_again_does_not_ring_twice() -> None:
    line = opened(**LISTENS)
    line.place(dial())
    line.place(dial(at=START + 1))
    drained(line, START + 10)
    line.place(dial(at=START + 10))
    line.connect("1-1", "ann", START + 10)
    line.place(dial(at=START + 20))

    assert [type(event) for event in drained(line)] == [Completed, AgentReady]


def test_reconcile_continues_every_call_as_if_never_interrupted() -> None:
    placed = [dial(number, at=START + number) for number in range(1, 201)]
    untouched, restarted = opened(), opened()
    for call in placed:
        untouched.place(call)

    assert restarted.reconcile(placed) == {call.attempt_id for call in placed}
    assert drained(restarted, START + 5000) == drained(untouched)


def test_reconcile_leaves_calls_already_in_flight_alone() -> None:
    line = opened(**LISTENS)
    line.place(dial())

    assert line.reconcile([dial()]) == {"1-1"}
    assert len(drained(line, START + 10)) == 1


# --- dispositions ---


def test_a_disposition_may_promise_a_callback() -> None:
    ((_, completed, _),) = conversations(
        1, **LISTENS, dispositions={"later": 1}, callback_after={"later": "2h"}
    )
    assert isinstance(completed, Completed)
    assert completed.callback == completed.at + 7200


def test_agents_give_dispositions_by_weight() -> None:
    given = Counter(
        completed.disposition
        for _, completed, _ in conversations(
            4000,
            outcomes={"answer": 1},
            pick_up={"cv": 0},
            dispositions={"sale": 1, "no_interest": 3, "x": 0},
        )
        if isinstance(completed, Completed)
    )

    assert set(given) == {"sale", "no_interest"}
    assert given["sale"] / 4000 == pytest.approx(0.25, abs=0.03)


def test_nobody_gives_a_disposition_for_a_machine() -> None:
    ((_, completed, _),) = conversations(1, outcomes={"answering_machine": 1}, dispositions={"sale": 1})

    assert isinstance(completed, Completed)
    assert completed.disposition is None


# --- events ---


def test_events_come_in_the_order_of_time_and_at_the_time_announced() -> None:
    line = opened()
    for number in range(500):
        line.place(dial(number, at=START + (number * 7919) % 600))
    busy: set[str] = set()
    seen: list[Progress] = []
    while (at := line.next_at()) is not None:
        batch = drained(line, at)
        assert {event.at for event in batch} == {at}
        seen += batch
        for event in batch:
            if isinstance(event, Answered) and len(busy) < 20:
                agent_id = f"agent{len(seen)}"
                busy.add(agent_id)
                line.connect(event.attempt_id, agent_id, event.at)
            elif isinstance(event, AgentReady):
                busy.remove(event.agent_id)

    assert [event.at for event in seen] == sorted(event.at for event in seen)
    assert {type(event) for event in seen} == {Answered, Ended, Completed, AgentReady}
    assert not busy


def test_calls_due_at_one_moment_report_in_the_order_placed() -> None:
    line = opened(outcomes={"busy": 1})
    for number in (3, 1, 2):
        line.place(dial(number))

    assert [event.attempt_id for event in drained(line) if isinstance(event, Ended)] == ["3-1", "1-1", "2-1"]


def test_events_stop_at_the_time_asked_for() -> None:
    line = opened(**LISTENS)
    line.place(dial())

    assert drained(line, START + 9.99) == []
    assert line.next_at() == START + 10
    assert len(drained(line, START + 10)) == 1


def test_a_call_that_has_ended_may_be_placed_again() -> None:
    line = opened(outcomes={"busy": 1, "answer": 1})
    for call in dials(100):
        line.place(call)
    drained(line)

    assert first_events(line, dials(100)) == first_events(
        opened(outcomes={"busy": 1, "answer": 1}), dials(100)
    )


# --- parameters ---


def test_the_schema_names_the_fields_and_describes_each() -> None:
    properties = Simulated.schema["properties"]

    Draft202012Validator.check_schema(Simulated.schema)
    assert list(properties) == [field.name for field in fields(Simulated)]
    for name, shown in properties.items():
        assert shown["default"] == getattr(Simulated(), name), name
        for part, described in shown.get("properties", {}).items():
            assert described["default"] == shown["default"][part], (name, part)


def test_the_plugin_registers_the_dialer_as_simulated_and_not_external() -> None:
    (registered,) = register_dialers()

    assert registered is Simulated
    assert (Simulated.name, Simulated.external) == ("simulated", False)


def accepts(parameters: dict[str, Any]) -> bool:
    return Draft202012Validator(Simulated.schema).is_valid(parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"outcomes": {"answer": 0.3, "answering_machine": 0.4, "no_answer": 0.2, "busy": 0.1}},
        {"by_hour": {"0": {"answer": 1.5}, "23": {"busy": 0}}, "by_attempt": {"10": {"answer": 0.5}}},
        {"by_device": {"mobile": {"answering_machine": 1.2}}, "dispositions": {"sale": 1}},
        {"patience": {"mean": 0}, "wrap": {"mean": 0}, "announcement": 0, "fail_after": 0.2},
    ],
)
def test_good_parameters_are_accepted(parameters: dict[str, Any]) -> None:
    assert accepts(parameters)
    assert Simulated.build(parameters).open(Opening(1, START, {})).next_at() is None


@pytest.mark.parametrize(
    "parameters",
    [
        {"outcome": {"answer": 1}},
        {"outcomes": {}},
        {"outcomes": {"anwser": 1}},
        {"outcomes": {"abandoned": 1}},
        {"outcomes": {"answer": -1}},
        {"outcomes": {"answer": "often"}},
        {"outcomes": {"answer": 1e999}},
        {"by_hour": {"24": {"answer": 1}}},
        {"by_hour": {"09": {"answer": 1}}},
        {"by_hour": {"9": {"anwser": 1}}},
        {"by_hour": {"9": 2}},
        {"by_device": {"cell": {"answer": 1}}},
        {"by_weekday": {"tuesday": {"answer": 1}}},
        {"by_attempt": {"0": {"answer": 1}}},
        {"post_dial_delay": {"mean": 2}},
        {"post_dial_delay": 2},
        {"machine_answers_after": {"min": -1}},
        {"pick_up": {}},
        {"pick_up": {"cv": -0.1}},
        {"talk": {"mean": "2m"}},
        {"wrap": {"min": 1, "max": 2}},
        {"patience": {"cv": 1}},
        {"fail_after": -1},
        {"machine_talk": None},
        {"announcement": True},
        {"dispositions": {"sale": -1}},
        {"dispositions": ["sale"]},
    ],
)
def test_bad_parameters_are_refused_by_the_schema(parameters: dict[str, Any]) -> None:
    assert not accepts(parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"outcomes": {"answer": 0, "busy": 0}}, "outcomes: every weight is 0"),
        ({"dispositions": {"sale": 0}}, "dispositions: every weight is 0"),
        (
            {"dispositions": {"sale": 1}, "callback_after": {"later": "2h"}},
            "callback_after: 'later' has no weight in dispositions, so nobody gives it",
        ),
        ({"post_dial_delay": {"min": 3, "max": 2}}, "post_dial_delay: min 3 is above max 2"),
        ({"post_dial_delay": {"min": 4}}, r"post_dial_delay: min 4 is above max 3\.5"),
        ({"machine_answers_after": {"max": 5}}, "machine_answers_after: min 12 is above max 5"),
        (
            {**EVEN, "by_hour": {"9": {"silence": 2}}},
            r"by_hour\.9: 'silence' has no weight in outcomes that a factor could change",
        ),
        (
            {**EVEN, "by_hour": {"3": {"answer": 0}, "9": {"answer": 0, "busy": 0}}},
            r"^by_hour\.9: makes every weight 0$",
        ),
        ({**EVEN, "by_device": {"pager": {}, "home": {"answer": 0, "busy": 0}}}, r"^by_device\.home: makes"),
        (
            {**EVEN, "by_hour": {"9": {"answer": 0}}, "by_attempt": {"2": {"busy": 0}}},
            r"^by_hour\.9 with by_attempt\.2: makes every weight 0$",
        ),
        (
            {**EVEN, "by_field": {"segment": {"gold": {"silence": 2}}}},
            r"^by_field\.segment\.gold: 'silence' has no weight in outcomes",
        ),
        (
            {**EVEN, "by_field": {"size": {"L": {"answer": 0}}, "color": {"red": {"busy": 0}}}},
            r"^by_field\.size\.L with by_field\.color\.red: makes every weight 0$",
        ),
    ],
)
def test_what_no_schema_can_say_is_refused_when_built(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Simulated.build(parameters)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ValueError, match=r"post_dial_delay: .*; dispositions: .*; outcomes: "):
        Simulated.build({"post_dial_delay": {"min": 9}, "dispositions": {"x": 0}, "outcomes": {"busy": 0}})


# --- call analysis ---

PERSONS: dict[str, Any] = {**CONSTANT, "outcomes": {"answer": 1}}
MACHINES: dict[str, Any] = {**CONSTANT, "outcomes": {"answering_machine": 1}}


def answers(line: Line, placed: Iterable[Dial]) -> list[Answered]:
    for item in placed:
        line.place(item)
    return [event for event in line.events(math.inf) if isinstance(event, Answered)]


def test_an_answer_is_told_once_the_line_has_found_out_what_it_is() -> None:
    line = opened(**PERSONS, call_analysis={"delay": 2, "delay_cv": 0}, patience={"mean": 86400})
    line.place(dial())

    assert drained(line, START + 20) == [Answered("1-1", START + 12, CallResult.ANSWER, CallResult.ANSWER)]


def test_the_delay_of_call_analysis_is_lognormal() -> None:
    met = answers(opened(**PERSONS, call_analysis={"delay": 2, "delay_cv": 0.25}), dials(4000))
    waited = [event.at - START - 10 for event in met]

    assert fmean(waited) == pytest.approx(2, rel=0.02)
    assert stdev(waited) == pytest.approx(0.5, rel=0.06)


@pytest.mark.parametrize(
    ("outcome", "error", "taken_for"),
    [
        ("answer", "person_as_machine", CallResult.ANSWERING_MACHINE),
        ("answering_machine", "machine_as_person", CallResult.ANSWER),
    ],
)
def test_call_analysis_errs_as_often_as_it_is_told_to(
    outcome: str, error: str, taken_for: CallResult
) -> None:
    really = CallResult[outcome.upper()]
    parameters = {**CONSTANT, "outcomes": {outcome: 1}}

    met = answers(opened(**parameters, call_analysis={error: 0.2}), dials(4000))

    assert {event.really for event in met} == {really}
    assert {event.result for event in met} == {really, taken_for}
    assert sum(event.result is taken_for for event in met) / 4000 == pytest.approx(0.2, abs=0.025)


def test_a_fax_is_never_taken_for_anything_else() -> None:
    errors = {"person_as_machine": 1, "machine_as_person": 1}

    met = answers(opened(**CONSTANT, outcomes={"fax_detected": 1}, call_analysis=errors), dials(50))

    assert {event.result for event in met} == {CallResult.FAX_DETECTED}


def test_a_machine_taken_for_a_person_costs_its_agent_a_moment() -> None:
    line = opened(**MACHINES, call_analysis={"machine_as_person": 1}, machine_disposition="MACHINE")
    line.place(dial())
    (answered,) = drained(line)
    assert isinstance(answered, Answered)

    line.connect("1-1", "ann", answered.at)

    assert drained(line) == [
        Completed("1-1", answered.at + 6, "MACHINE"),
        AgentReady("ann", answered.at + 26),
    ]


def test_call_analysis_changes_nobody_s_luck_but_its_own() -> None:
    """Whom the line takes for what has nothing to do with who answers, when, and for how long he talks."""
    plain = answers(opened(patience={"mean": 86400}), dials(500))
    judged = answers(opened(patience={"mean": 86400}, call_analysis={"person_as_machine": 0.5}), dials(500))

    assert [(e.attempt_id, e.at, e.result) for e in plain] == [(e.attempt_id, e.at, e.really) for e in judged]


def test_without_call_analysis_nothing_is_said_about_the_truth() -> None:
    assert {event.really for event in answers(opened(call_analysis={"delay_cv": 1}), dials(50))} == {None}


# --- lines ---


def test_a_call_without_a_line_is_congested() -> None:
    line = opened(**LISTENS, lines=2)
    for item in dials(5):
        line.place(item)

    first = drained(line, START + 1)

    assert first == [Ended(f"{n}-1", START + 1, CallResult.ALL_TRUNKS_BUSY) for n in (3, 4, 5)]


def test_a_line_is_free_again_when_its_call_has_ended() -> None:
    line = opened(**LISTENS, lines=1)
    line.place(dial(1))
    line.place(dial(2))
    drained(line, START + 12)
    line.hang_up("1-1", START + 12)

    line.place(dial(3, at=START + 12))
    line.place(dial(4, at=START + 12))

    assert drained(line, START + 30) == [
        Ended("4-1", START + 13, CallResult.ALL_TRUNKS_BUSY),
        Answered("3-1", START + 22, CallResult.ANSWER),
    ]


def test_congestion_does_not_change_the_luck_of_the_calls_that_got_a_line() -> None:
    free = first_events(opened(), dials(100))
    short = first_events(opened(lines=40), dials(100))

    assert [short[f"{n}-1"] for n in range(1, 41)] == [free[f"{n}-1"] for n in range(1, 41)]
    assert {short[f"{n}-1"] for n in range(41, 101)} == {(CallResult.ALL_TRUNKS_BUSY, 1)}
