"""What a run with agents is said to have come to, held against its attempts."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from cxrun.agents import AgentPool
from cxrun.calls import LiveCall
from cxrun.elements import Deliver
from cxrun.engine import Engine
from cxrun.model import CallResult
from cxrun.moments import parse_moment
from cxrun.report import Spread, Window
from cxrun.testing import make_record
from cxrun_plugins.dialing_modes.progressive import Progressive

POWER = {"power": {"calls_per_agent": 4}}


@pytest.mark.parametrize("mean", [0.3, 5, 400])
def test_quantiles_of_a_spread_are_exact_to_two_percent(mean: float) -> None:
    chance = random.Random(1)
    drawn = sorted(chance.expovariate(1 / mean) for _ in range(5000))
    spread = Spread()
    for each in drawn:
        spread.add(each)

    for share in (0.1, 0.5, 0.9, 0.99, 1):
        assert spread.quantile(share) == pytest.approx(drawn[round(5000 * share) - 1], rel=0.021, abs=0.051)
    assert spread.mean == pytest.approx(sum(drawn) / 5000)
    assert spread.data()["max"] == round(drawn[-1], 3)


def test_nothing_waited_is_nothing() -> None:
    spread = Spread()
    assert spread.data() == {"mean": 0, "p90": 0, "max": 0, "count": 0}
    spread.add(0.0)
    assert spread.quantile(0.9) == 0


def test_shares_of_an_empty_window_are_none() -> None:
    window = Window()
    assert (window.abandon_rate, window.utilisation, window.connects_per_hour) == (0, 0, 0)


def test_the_report_agrees_with_the_attempts_of_the_run(project: Callable[..., Any]) -> None:
    folder = project(1500, agents=10, mode=POWER)
    tally = folder.run(until=parse_moment("2026-03-02T17:30Z"))
    report = tally.report
    # calls that had not ended by then are not in it
    rows = folder.query(
        "SELECT placed, answered, connected, ended, call_result, detected FROM attempts WHERE ended IS NOT NULL"
    )

    answered = [row for row in rows if row[5] == 33]
    lost = [row for row in answered if row[4] in (21, 26)]
    talked = [row for row in rows if row[2] is not None]
    total = report.total
    assert (total.calls, total.answered, total.abandoned) == (len(rows), len(answered), len(lost))
    assert len(lost) > 5
    waits = [row[2] - row[1] for row in talked]
    assert report.callers_wait.count == len(talked)
    assert report.callers_wait.mean == pytest.approx(sum(waits) / len(waits), abs=0.01)
    assert report.talk.mean == pytest.approx(sum(row[3] - row[2] for row in talked) / len(talked), abs=0.01)
    by_hour = Counter(row[1] // 3600 * 3600 for row in lost)
    assert {at: window.abandoned for at, window in report.by_hour() if window.abandoned} == by_hour
    assert report.lists["people"].connects == len(talked)


def test_agents_time_adds_up(project: Callable[..., Any]) -> None:
    folder = project(1800, agents=10, mode=POWER)
    tally = folder.run(until=parse_moment("2026-03-02T14:30Z"))
    hours = dict(tally.report.by_hour())

    assert [window.staffed for window in hours.values()] == pytest.approx([36000, 18000])
    total = tally.report.total
    assert total.staffed == pytest.approx(tally.staffed_seconds)
    assert total.utilisation == pytest.approx(tally.utilisation)
    # what an agent waits for his calls is what is missing to his whole time
    waited = tally.report.agents_wait
    assert waited.total == pytest.approx(tally.waiting_seconds, rel=0.02)
    assert waited.count == tally.connects


def test_a_run_cut_short_counts_calls_and_connects_alike(
    project: Callable[..., Any], cxrun: Callable[..., Any]
) -> None:
    folder = project(
        1800, agents=10, dialer={"simulated": {"outcomes": {"answer": 1}, "talk": {"mean": 900}}}
    )
    cut = cxrun("-C", folder.folder, "run", "--until", "90m")
    (in_progress,) = folder.query("SELECT count(*) FROM attempts WHERE ended IS NULL")[0]
    assert in_progress > 5
    assert f"{in_progress} calls still in progress; the next run brings them to an end" in cut.out

    rest = json.loads(cxrun("-C", folder.folder, "run", "--until", "2026-03-02T15:00Z", "--json").out)
    assert rest["taken_over"] == in_progress >= sum(rest["leftovers"].values()) > 5
    (left,) = folder.query("SELECT count(*) FROM attempts WHERE ended IS NULL")[0]
    assert rest["in_progress"] == left == rest["attempts"] + in_progress - sum(rest["results"].values())
    assert (
        rest["report"]["total"]["connects"]
        <= rest["report"]["total"]["calls"]
        == sum(rest["results"].values())
    )
    assert all(hour["connects"] <= hour["answered"] for hour in rest["report"]["hours"])


def test_days_are_the_hours_together(project: Callable[..., Any]) -> None:
    tally = project(400, agents=2, mode=POWER).run()
    days = dict(tally.report.by_day())

    assert len(days) > 1
    for part in ("calls", "answered", "abandoned", "connects", "staffed"):
        of_hours = sum(getattr(window, part) for _, window in tally.report.by_hour())
        assert sum(getattr(window, part) for window in days.values()) == pytest.approx(of_hours)


def test_people_taken_for_machines_and_hung_up_on_are_told(
    project: Callable[..., Any], cxrun: Callable[..., Any]
) -> None:
    errs = {"outcomes": {"answer": 1}, "call_analysis": {"person_as_machine": 0.25}}
    folder = project(400, agents=20, dialer={"simulated": errs})

    answer = cxrun("-C", folder.folder, "run", "--until", "4h", "--json")

    said = json.loads(answer.out)
    mistaken = sum(day["mistaken"] for day in said["report"]["days"])
    assert mistaken == said["report"]["lists"]["people"]["mistaken"] == said["results"]["answering_machine"]
    assert mistaken / said["attempts"] == pytest.approx(0.25, abs=0.06)


def test_a_run_ends_with_its_report(project: Callable[..., Any], cxrun: Callable[..., Any]) -> None:
    folder = project(600, agents=10, mode=POWER)

    said = cxrun("-C", folder.folder, "run", "--until", "3h").out

    assert "an agent waited for a call" in said
    assert "who answered waited for an agent" in said
    assert "per agent hour  busy" in said
    assert said.count("2026-03-02 1") >= 4


EXACT = {
    "outcomes": {"answer": 0.3, "no_answer": 0.7},
    "talk": {"mean": 60, "cv": 0},
    "wrap": {"mean": 30, "cv": 0},
}


@pytest.mark.parametrize(
    ("mode", "looks"),
    [
        ({"progressive": {}}, 0),
        ({"progressive": {"engage_agent_first": True}}, 0),
        ({"predictive": {"engage_agent_first": True}}, 0),
        ({"preview": {"preview_time": 20}}, 20),
        ({"push_preview": {"timeout": 20}}, None),
    ],
)
def test_busy_are_agents_who_talk_wrap_up_or_look_and_nobody_who_waits_for_an_answer(
    project: Callable[..., Any], mode: dict[str, Any], looks: float | None
) -> None:
    folder = project(2000, agents=5, mode=mode, dialer={"simulated": EXACT})
    tally = folder.run(until=folder.reached() + 4 * 3600)
    talks = [
        min(ended, tally.now) - at
        for at, ended in folder.query(
            "SELECT connected, coalesce(ended, 1e12) FROM attempts WHERE connected > 0"
        )
    ]

    assert tally.staffed_seconds == 5 * 4 * 3600
    assert tally.talk_seconds == pytest.approx(sum(talks), rel=0.001)
    assert tally.wrap_seconds == pytest.approx(30 * len(talks), abs=5 * 30)
    if looks is not None:
        assert tally.look_seconds == pytest.approx(looks * tally.attempts, abs=5 * 20)
    else:
        assert 0 < tally.look_seconds < tally.staffed_seconds / 2
    assert tally.utilisation < 0.85
    assert tally.report.total.utilisation == pytest.approx(tally.utilisation)
    # an agent's wait, from one call to the next, is all the time he did not talk or wrap up
    waited = tally.waiting_seconds + tally.look_seconds
    assert tally.report.agents_wait.total == pytest.approx(waited, rel=0.03)


def test_agents_that_groups_share_are_counted_once(project: Callable[..., Any]) -> None:
    folder = project(1000, agents=6, dialer={"simulated": EXACT})
    folder.write_list("others", [[f"D{n}", f"+1508555{n:04}"] for n in range(100, 199)])
    folder.campaign["groups"]["more"] = {"template": "plain", "lists": ["others"]}
    folder.save()
    tally = folder.run(until=folder.reached() + 3600)

    assert len(tally.report.lists) == 2
    assert tally.staffed_seconds == 6 * 3600
    assert tally.talk_seconds == pytest.approx(60 * tally.connects, abs=6 * 60)
    assert tally.wrap_seconds == pytest.approx(30 * tally.connects, abs=6 * 60)


def test_who_leaves_while_he_talks_does_not_wrap_up_for_ever() -> None:
    pool = AgentPool("sales", 1)
    engine = Engine(Progressive(), pool, start=0.0, ports=9, calls_per_second=9, connect_window=2)
    engine.place(LiveCall("1-1", make_record(), 0.0))
    engine.answered("1-1", 5.0, CallResult.ANSWER, Deliver("a person"))
    engine.agent_gone("sales-1", 6.0)
    engine.completed("1-1", 60.0, None)

    assert (engine.talking, engine.wrapping) == (0, 0)


IVR = {"predictive_ivr": {"channels": 10, "abandon_rate": 3}}


def test_a_run_without_agents_reports_calls_channels_and_rates(project: Callable[..., Any]) -> None:
    folder = project(5000, mode=IVR, dialer={"simulated": EXACT}, ports=100)
    tally = folder.run(until=folder.reached() + 1.5 * 3600)
    rows = folder.query("SELECT answered, connected, ended FROM attempts WHERE ended > 0")
    served = [row for row in rows if row[1] is not None]

    total = tally.report.total
    assert (total.calls, total.connects, total.served) == (len(rows), len(served), len(served))
    assert total.abandoned == tally.abandoned
    assert total.worked == 5400
    assert total.channels == tally.channel_seconds == 10 * 5400
    in_use = sum(min(ended, tally.now) - at for at, ended in folder.query(
        "SELECT connected, coalesce(ended, 1e12) FROM attempts WHERE connected > 0"
    ))  # fmt: skip
    assert total.taken == pytest.approx(in_use, rel=0.001)
    assert 0.5 < total.channels_busy == tally.channels_busy < 1
    assert total.served_per_hour == pytest.approx(len(served) / 1.5)
    assert (total.staffed, total.utilisation, total.connects_per_hour) == (0, 0, 0)
    assert [window.channels for _, window in tally.report.by_hour()] == pytest.approx([36000, 18000])
    waits = [row[1] - row[0] for row in served]
    assert tally.report.callers_wait.mean == pytest.approx(sum(waits) / len(waits), abs=0.01)


def test_the_report_of_a_run_without_agents_is_told(
    project: Callable[..., Any], cxrun: Callable[..., Any]
) -> None:
    folder = project(1500, mode=IVR, ports=100)
    said = cxrun("-C", folder.folder, "run", "--until", "2h").out
    assert re.search(r"^channels \d+\.\d% busy, [\d,.]+ connects per hour$", said, re.MULTILINE)
    assert "who answered waited for a channel" in said
    assert "agent" not in said
    assert re.search(r"calls +answered +lost +of answered +connects +per hour +channels busy\n", said)

    folder = project(1500, mode=IVR, ports=100, name="again")
    told = json.loads(cxrun("-C", folder.folder, "run", "--until", "2h", "--json").out)
    total = told["report"]["total"]
    assert total["connects"] == total["served"] <= told["connects"] == told["served"]
    assert total["channels_busy"] == pytest.approx(told["channels_busy"], abs=0.001)
    assert len(told["report"]["hours"]) == 2
    assert told["report"]["lists"]["people"]["served_per_hour"] == total["served_per_hour"] > 0


def test_a_mode_that_has_as_many_channels_as_ports_tells_no_share_of_them(
    project: Callable[..., Any], cxrun: Callable[..., Any]
) -> None:
    folder = project(400, mode={"power_ivr": {"calls_per_minute": 60, "max_in_progress": 90}})
    said = cxrun("-C", folder.folder, "run", "--until", "1h").out
    assert "connects per hour" in said
    assert "busy" not in said.split("call result")[0]


def test_groups_with_and_without_agents_are_told_apart(
    project: Callable[..., Any], cxrun: Callable[..., Any]
) -> None:
    folder = project(600, agents=5, mode=POWER)
    folder.write_list("others", [[f"D{n}", f"+1508555{n:04}"] for n in range(100, 199)])
    folder.campaign["groups"]["more"] = {
        "template": "plain", "lists": ["others"], "mode": {"progressive_ivr": {"channels": 4}},
    }  # fmt: skip
    folder.save()
    told = json.loads(cxrun("-C", folder.folder, "run", "--until", "1h", "--json").out)
    report = told["report"]
    assert report["lists"]["people"]["served"] == 0 < report["lists"]["people"]["connects"]
    assert report["lists"]["others"]["served"] == report["lists"]["others"]["connects"] > 0
    assert report["total"]["connects_per_hour"] == pytest.approx(
        report["lists"]["people"]["connects"] / 5, rel=0.01
    )


def test_of_the_wait_of_an_agent_who_previews_his_looks_are_told(
    project: Callable[..., Any], cxrun: Callable[..., Any]
) -> None:
    certain = {"simulated": {"outcomes": {"answer": 1}}}
    folder = project(200, agents=5, mode={"preview": {"preview_time": 20}}, dialer=certain)
    said = cxrun("-C", folder.folder, "run").out
    assert re.search(
        r"^an agent waited for a call .* s or less; for 2\d\.\d s of it he looked at records$", said, re.M
    )


def test_a_run_in_real_time_tells_real_time_though_nothing_happens(project: Callable[..., Any]) -> None:
    ringing = {"simulated": {"outcomes": {"no_answer": 1}}}
    folder = project(3, agents=4, dialer=ringing, ring_time="5m")
    seen: list[float] = []

    begun = time.time()
    tally = folder.run(wall=True, until=begun + 1.5, watch=lambda tally: seen.append(tally.now))

    assert tally.now == pytest.approx(begun + 1.5, abs=0.4)
    assert tally.staffed_seconds == pytest.approx(4 * (tally.now - tally.started), abs=0.4)
    assert tally.report.total.staffed == pytest.approx(tally.staffed_seconds)
    assert tally.now == pytest.approx(folder.reached(), abs=0.4)
    assert seen[-1] == tally.now
