"""What a run with agents is said to have come to, held against its attempts."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from cxrun.moments import parse_moment
from cxrun.report import Spread, Window

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
    assert waited.total == pytest.approx(tally.ready_seconds, rel=0.02)
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


def test_a_run_without_agents_has_no_report(project: Callable[..., Any], cxrun: Callable[..., Any]) -> None:
    folder = project(20, mode={"power_ivr": {"calls_per_minute": 60, "max_in_progress": 10}})

    assert "waited" not in cxrun("-C", folder.folder, "run", "--until", "1h").out
    folder = project(20, mode={"power_ivr": {"calls_per_minute": 60, "max_in_progress": 10}}, name="again")
    assert json.loads(cxrun("-C", folder.folder, "run", "--until", "1h", "--json").out)["report"] is None


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
