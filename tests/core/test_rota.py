"""Campaign groups start, pause and stop by their schedules, and one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from cxrun.errors import Problems, UserError
from cxrun.moments import moment_text, parse_moment
from cxrun.rota import Turn

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    from cxrun.tally import Tally

    MakeProject = Callable[..., ProjectFolder]

ONCE = {"retry": "ruleset: retry\n"}
ANSWERED = {
    "simulated": {"outcomes": {"answer": 1}, "talk": {"mean": 60, "cv": 0}, "wrap": {"mean": 10, "cv": 0}}
}
OFFICE = [
    {"weekdays": "mon-fri", "start": "09:00", "pause": "09:10", "zone": "America/New_York"},
    {"weekdays": "mon-fri", "start": "09:30", "stop": "09:40", "zone": "America/New_York"},
]


def scheduled(project: MakeProject, size: int = 60, schedule: Any = OFFICE, **more: Any) -> ProjectFolder:
    folder = project(size, **{"rules": ONCE, "dialer": ANSWERED, "agents": 2} | more)
    folder.campaign["groups"]["all"]["schedule"] = schedule
    folder.save()
    return folder


def second_group(folder: ProjectFolder, size: int = 20, **settings: Any) -> ProjectFolder:
    """Another group `more` over a list of its own, with agents of its own."""
    folder.write_list("others", [[f"D{n}", f"+1617555{100 + n:04}"] for n in range(size)])
    folder.campaign["agent_groups"]["support"] = {"agents": 2}
    folder.campaign["groups"]["more"] = {
        "template": "plain", "lists": ["others"], "agent_group": "support", **settings
    }  # fmt: skip
    folder.save()
    return folder


def placed(folder: ProjectFolder, name: str = "people") -> list[float]:
    return [
        row[0]
        for row in folder.query(
            "SELECT placed FROM attempts JOIN lists USING (list_id) WHERE name = ? ORDER BY placed", name
        )
    ]


def told(tally: Tally) -> list[tuple[str, str, str]]:
    return [(moment_text(turn.at), turn.group, turn.state) for turn in tally.turns]


# --- schedules -------------------------------------------------------------------------------------


def test_calls_are_placed_only_while_the_schedule_says_so(project: MakeProject) -> None:
    folder = scheduled(project)
    tally = folder.run()
    assert tally.attempts == 60
    for at in placed(folder):
        local = datetime.fromtimestamp(at, ZoneInfo("America/New_York"))
        minute = local.hour * 60 + local.minute
        assert local.weekday() < 5
        assert 540 <= minute < 550 or 570 <= minute < 580, local
    assert told(tally)[:5] == [
        ("2026-03-02 14:00:00 UTC", "all", "running"),
        ("2026-03-02 14:10:00 UTC", "all", "loaded"),
        ("2026-03-02 14:30:00 UTC", "all", "running"),
        ("2026-03-02 14:40:00 UTC", "all", "unloaded"),
        ("2026-03-03 14:00:00 UTC", "all", "running"),
    ]


def test_a_run_ends_with_its_last_call_and_not_with_the_next_start(project: MakeProject) -> None:
    folder = scheduled(project, 5)
    tally = folder.run()
    assert (tally.attempts, tally.ended) == (5, "nothing left to dial")
    assert tally.now < parse_moment("2026-03-02T14:10Z")
    stopped = scheduled(project, 2, [{"start": "14:00", "stop": "14:00:20"}], name="stopped", agents=2)
    assert stopped.run().now < parse_moment("2026-03-02T14:10Z")


def test_calls_in_progress_at_a_stop_are_finished(project: MakeProject) -> None:
    folder = scheduled(project, 20, [{"start": "14:00", "stop": "14:00:30"}], agents=20)
    folder.run(until=parse_moment("2026-03-02T15:00Z"))
    ended = [row[0] for row in folder.query("SELECT ended FROM attempts WHERE connected IS NOT NULL")]
    assert ended
    assert max(ended) > parse_moment("2026-03-02T14:00:30Z") > max(placed(folder))
    assert folder.query("SELECT count(*) FROM in_work") == [(0,)]


def test_every_record_that_waited_at_a_stop_is_dialed_later_and_none_twice(project: MakeProject) -> None:
    folder = scheduled(project, 120)
    folder.run()
    assert folder.query("SELECT count(*), count(DISTINCT record_id) FROM attempts") == [(120, 120)]


@pytest.mark.parametrize("change", ["pause", "stop"])
def test_what_an_agent_looks_at_when_dialing_ends_is_not_dialed_and_not_lost(
    project: MakeProject, change: str
) -> None:
    schedule = [
        {"date": "2026-03-02", "start": "14:00", change: "14:00:30"},
        {"date": "2026-03-02", "start": "15:00"},
    ]
    folder = scheduled(project, 6, schedule, mode={"preview": {"preview_time": "60s"}}, agents=6)
    tally = folder.run()
    assert tally.attempts == 6
    assert min(placed(folder)) >= parse_moment("2026-03-02T15:01Z")
    assert folder.query("SELECT count(DISTINCT record_id) FROM attempts") == [(6,)]


def test_a_run_that_begins_in_the_middle_of_a_schedule_dials_at_once(project: MakeProject) -> None:
    folder = scheduled(project, 5, [{"weekdays": "mon", "start": "09:00", "stop": "18:00"}])
    folder.run()
    assert placed(folder)[0] == parse_moment("2026-03-02T13:00Z")


def test_a_schedule_that_never_starts_again_leaves_the_rest_for_another_run(project: MakeProject) -> None:
    folder = scheduled(project, 60, [{"date": "2026-03-02", "start": "14:00", "stop": "14:10"}])
    tally = folder.run()
    assert tally.ended == "nothing left to dial"
    assert 0 < tally.attempts < 60
    assert sum(folder.reasons().values()) == 60


def test_rules_that_refuse_everything_in_the_hours_of_the_schedule_come_to_an_end(
    project: MakeProject,
) -> None:
    hours = 'ruleset: hours\nfilters: [calling_hours: {hours: "10:00-11:00"}]\n'
    folder = scheduled(project, 3, [{"start": "02:00", "stop": "04:00"}], rules={**ONCE, "hours": hours})
    tally = folder.run()
    assert tally.attempts == 0
    assert tally.now < parse_moment("2026-05-01")
    assert tally.turns[-1].why == "its rules put off everything at 31 starts in a row"


def test_a_record_due_in_months_is_waited_for_whatever_the_schedule(project: MakeProject) -> None:
    later = "ruleset: retry\ntreatments: [{on: other, do: [{retry_in: {interval: 80d, attempts: 1}}]}]\n"
    world = {"simulated": {"outcomes": {"busy": 1}}}
    folder = scheduled(
        project, 2, [{"start": "14:00", "stop": "15:00"}], rules={"retry": later}, dialer=world
    )
    assert folder.run().attempts == 4


def test_a_group_without_a_schedule_dials_while_another_sleeps(project: MakeProject) -> None:
    folder = second_group(scheduled(project, 10))
    folder.run()
    assert max(placed(folder, "others")) < parse_moment("2026-03-02T14:00Z") <= min(placed(folder))


def test_a_named_schedule_and_one_inherited_from_the_template(project: MakeProject) -> None:
    folder = scheduled(project, 5, "early")
    folder.campaign["schedules"] = {
        "early": [{"start": "14:20", "stop": "10:00"}],
        "late": [{"start": "16:00", "stop": "10:00"}],
    }
    folder.campaign["templates"]["plain"]["schedule"] = "late"
    second_group(folder, 5)
    folder.run()
    assert (placed(folder)[0], placed(folder, "others")[0]) == (
        parse_moment("2026-03-02T14:20Z"),
        parse_moment("2026-03-02T16:00Z"),
    )


def test_starts_and_stops_are_in_the_journal(project: MakeProject) -> None:
    folder = scheduled(project, 60)
    folder.run()
    events = [json.loads(line) for line in folder.journal()]
    found = [
        (event[1], event[3], event[8].split("\t")[1]) for event in events if event[3].startswith("group_")
    ]
    assert found[:2] == [
        (parse_moment("2026-03-02T14:00Z"), "group_started", "group all starts: its schedule says so"),
        (parse_moment("2026-03-02T14:10Z"), "group_paused", "group all pauses: its schedule says so"),
    ]


def test_a_schedule_gives_the_same_journal_each_time(project: MakeProject) -> None:
    folders = [scheduled(project, 60, name=name) for name in ("first", "second")]
    for folder in folders:
        second_group(folder, after="all")
        folder.run(seed=3)
    assert folders[0].journal() == folders[1].journal()


def test_a_run_stopped_between_two_starts_goes_on_with_the_next(project: MakeProject) -> None:
    folder = scheduled(project, 60)
    tally = folder.run(until=parse_moment("2026-03-02T20:00Z"))
    assert (tally.ended, tally.now) == ("until", parse_moment("2026-03-02T20:00Z"))
    before = len(placed(folder))
    folder.run()
    assert placed(folder)[before] == parse_moment("2026-03-03T14:00Z")
    assert len(placed(folder)) == 60


def test_in_real_time_a_run_waits_for_the_start_of_its_schedule(project: MakeProject) -> None:
    now = time.time()
    start, stop = (datetime.fromtimestamp(now + wait, UTC) for wait in (5, 7))
    schedule = [
        {"date": f"{at:%Y-%m-%d}", action: f"{at:%H:%M:%S}"}
        for action, at in (("start", start), ("stop", stop))
    ]
    world = {"simulated": {"outcomes": {"busy": 1}, "fail_after": 0.1}}
    folder = scheduled(project, 2000, schedule, dialer=world)
    tally = folder.run(wall=True)
    assert [turn.state for turn in tally.turns] == ["running", "unloaded"]
    times = placed(folder)
    assert times
    assert int(start.timestamp()) <= times[0]
    assert times[-1] < int(stop.timestamp()) + 1


def test_a_stop_is_told_at_its_time_though_all_that_is_left_is_due_later(project: MakeProject) -> None:
    later = "ruleset: retry\ntreatments: [{on: other, do: [{retry_in: {interval: 1d, attempts: 1}}]}]\n"
    world = {"simulated": {"outcomes": {"busy": 1}}}
    schedule = [{"weekdays": "mon-fri", "start": "13:00", "stop": "14:40"}]
    folder = scheduled(project, 2, schedule, rules={"retry": later}, dialer=world)
    folder.run()
    at = [row[0] for row in folder.query("SELECT at FROM journal WHERE event = 'group_stopped' ORDER BY seq")]
    assert [moment_text(moment) for moment in at] == ["2026-03-02 14:40:00 UTC"]


# --- sequences -------------------------------------------------------------------------------------


def test_a_group_starts_when_the_one_before_it_is_finished(project: MakeProject) -> None:
    later = "ruleset: retry\ntreatments: [{on: other, do: [{retry_in: {interval: 2h, attempts: 1}}]}]\n"
    world = {"simulated": {"outcomes": {"busy": 1}}}
    folder = second_group(project(10, rules={"retry": later}, dialer=world), after="all")
    tally = folder.run()
    last = max(row[0] for row in folder.query("SELECT ended FROM attempts WHERE list_id = 1"))
    assert len(placed(folder)) == 20, "rescheduled records are part of it"
    assert last <= placed(folder, "others")[0] < last + 1
    assert told(tally)[0][1:] == ("more", "running")


def test_a_group_that_excludes_everything_is_finished_too(project: MakeProject) -> None:
    door = "ruleset: door\nfilters: [{where: {field: client_id, like: 'D%'}}]\n"
    folder = second_group(project(10, rules={**ONCE, "door": door}, dialer=ANSWERED), after=["all"])
    assert folder.run().attempts == 20


def test_a_whole_row_of_groups_while_another_works_beside_it(project: MakeProject) -> None:
    folder = second_group(project(10, rules=ONCE, dialer=ANSWERED), 200)
    for n, before in enumerate(("all", "step0", "step1")):
        folder.write_list(f"list{n}", [[f"L{n}-{i}", f"+1303555{100 + n * 10 + i:04}"] for i in range(5)])
        folder.campaign["groups"][f"step{n}"] = {"template": "plain", "lists": [f"list{n}"], "after": before}
    folder.save()
    folder.run()
    spans = []
    for list_name in ("people", "list0", "list1", "list2"):
        rows = folder.query(
            "SELECT min(placed), max(ended) FROM attempts JOIN lists USING (list_id) WHERE name = ?",
            list_name,
        )
        spans.append(rows[0])
    for (_, ended), (begun, _) in pairwise(spans):
        assert ended <= begun < ended + 30
    assert max(placed(folder, "others")) > spans[-1][0]


def test_a_group_whose_schedule_is_over_does_not_keep_others_waiting(project: MakeProject) -> None:
    folder = scheduled(project, 60, [{"date": "2026-03-02", "start": "14:00", "stop": "14:10"}])
    second_group(folder, 5, after="all")
    folder.run()
    assert 0 < len(placed(folder)) < 60
    assert placed(folder, "others")[0] >= parse_moment("2026-03-02T14:10Z")


def test_a_group_with_a_schedule_starts_within_it_after_the_other(project: MakeProject) -> None:
    folder = second_group(
        project(10, rules=ONCE, dialer=ANSWERED), 5, after="all", schedule=[{"start": "15:00"}]
    )
    folder.campaign["groups"]["more"]["schedule"].append({"stop": "12:00"})
    folder.save()
    folder.run()
    assert placed(folder, "others")[0] == parse_moment("2026-03-02T15:00Z")


def test_a_group_alone_is_refused_until_the_one_before_it_is_finished(project: MakeProject) -> None:
    folder = second_group(project(10, rules=ONCE, dialer=ANSWERED), 5, after="all")
    with pytest.raises(
        UserError, match=r"group 'more' comes after 'all', whose list 'people' is not finished; run"
    ):
        folder.run("more")
    folder.run("all")
    assert folder.run("more").attempts == 5


# --- what is written -------------------------------------------------------------------------------


def problems(folder: ProjectFolder) -> list[str]:
    with pytest.raises(Problems) as caught:
        folder.load()
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def test_unknown_groups_and_circles_are_refused_with_their_place(project: MakeProject) -> None:
    folder = second_group(project(1), 1, after=["all", "al"])
    assert problems(folder) == ["groups.more.after[1]: no group named 'al'; did you mean 'all'?"]
    folder.campaign["groups"]["more"]["after"] = "all"
    folder.campaign["groups"]["all"]["after"] = "more"
    folder.save()
    assert problems(folder) == [
        "groups.all.after: the group would wait for itself: 'all' after 'more' after 'all'"
    ]


def test_unknown_schedules_and_wrong_entries_are_refused_with_their_place(project: MakeProject) -> None:
    folder = scheduled(project, 1, "ofice")
    folder.campaign["schedules"] = {"office": [{"start": "09:00", "zone": "Mars"}]}
    folder.save()
    assert problems(folder) == [
        "groups.all.schedule: no schedule named 'ofice'; did you mean 'office'?",
        "schedules.office[0].zone: no time zone named 'Mars'; write an IANA name such as America/New_York",
    ]


def test_an_ordering_is_checked_against_the_columns_of_each_list(project: MakeProject) -> None:
    folder = second_group(project(1), 1)
    folder.campaign["templates"]["plain"]["ordering"] = [{"field": "client_id"}, {"field": "balance"}]
    folder.save()
    (problem,) = problems(folder)
    assert problem.startswith("templates.plain.ordering[1].field: no field named 'balance'; known: agent_id")
    assert problem.endswith("(contact lists 'people', 'others')")


# --- shares ----------------------------------------------------------------------------------------


def test_shares_are_exact_over_many_short_runs(project: MakeProject) -> None:
    folder = project(60, rules=ONCE, dialer=ANSWERED)
    for name, area in (("second", "617"), ("third", "303")):
        folder.write_list(name, [[f"{name}{n}", f"+1{area}555{100 + n:04}"] for n in range(60)])
    folder.campaign["groups"]["all"]["lists"] = {"people": 10, "second": 20, "third": 70}
    folder.save()
    for _ in range(20):
        folder.run(limit=3)
    counts = Counter(
        dict(folder.query("SELECT name, count(*) FROM attempts JOIN lists USING (list_id) GROUP BY 1"))
    )
    assert sum(counts.values()) == 60
    for name, share in (("people", 6), ("second", 12), ("third", 42)):
        assert abs(counts[name] - share) <= 1


def test_shares_hold_from_the_first_call_on_while_small_buffers_run_empty(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cxrun.feed

    monkeypatch.setattr(cxrun.feed, "READ", 4)
    folder = project(90, rules=ONCE, dialer=ANSWERED, agents=1)
    folder.write_list("second", [[f"S{n}", f"+1617555{100 + n:04}"] for n in range(90)])
    folder.campaign["groups"]["all"]["lists"] = {"people": 30, "second": 10}
    folder.save()
    folder.run(limit=100)
    counts: Counter[int] = Counter()
    for calls, (list_id,) in enumerate(folder.query("SELECT list_id FROM attempts ORDER BY placed"), 1):
        counts[list_id] += 1
        assert abs(counts[2] - calls / 4) <= 1


def test_a_group_begins_once_what_was_left_before_it_is_canceled(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group before has stopped for the day with one record left; then that record is canceled."""
    import cxrun.ledger
    from cxrun.cli import run as command_line

    monkeypatch.setattr(cxrun.ledger, "_BREATH", 0)
    later = "ruleset: retry\ntreatments:\n  - on: busy\n    do: [retry_in: {interval: 4h, attempts: 9}]\n"
    days = [
        {"date": "2026-03-02", "start": "14:00", "stop": "14:10"},
        {"date": "2026-03-03", "start": "14:00", "stop": "14:10"},
        {"date": "2026-03-04", "start": "14:00"},
    ]
    busy = {"simulated": {"outcomes": {"busy": 1}}}
    folder = second_group(scheduled(project, 1, days, rules={"retry": later}, dialer=busy), 2, after=["all"])
    asked: list[float] = []

    def cancel(tally: Tally) -> None:
        if tally.attempts and not asked and len(tally.turns) == 2:
            asked.append(tally.now)
            assert command_line(["-C", str(folder.folder), "cancel", "1", "--as", "record"]) == 0

    folder.run(watch=cancel)
    assert asked
    assert len(placed(folder)) == 1
    assert placed(folder, "others")


# --- by hand ---------------------------------------------------------------------------------------


def order(folder: ProjectFolder, cxrun: Callable[..., Answer], action: str, group: str = "all") -> None:
    assert cxrun("-C", folder.folder, "group", action, group).code == 0


def test_a_group_that_is_paused_by_hand_dials_again_when_it_is_started(
    project: MakeProject, cxrun: Callable[..., Answer]
) -> None:
    folder = project(60, rules=ONCE, dialer=ANSWERED, agents=2)
    folder.run(limit=10)
    order(folder, cxrun, "pause")
    tally = folder.run()
    assert tally.attempts == 0
    assert [turn.why for turn in tally.turns] == ["by hand"]
    assert "loaded (by hand: pause)" in cxrun("-C", folder.folder, "status").out
    order(folder, cxrun, "start")
    assert folder.run().attempts == 50
    assert any("group all: pause, by hand" in line for line in folder.journal())


def test_an_order_stands_until_the_next_change_of_the_schedule(
    project: MakeProject, cxrun: Callable[..., Answer]
) -> None:
    folder = scheduled(project)
    folder.import_lists()
    # given at 08:00 in New York, an hour before the schedule starts the group, and again while it is paused
    order(folder, cxrun, "start")
    tally = folder.run(until=parse_moment("2026-03-02T13:05Z"))
    assert tally.attempts > 0
    order(folder, cxrun, "pause")
    folder.run()
    calls = [moment_text(at)[11:16] for at in placed(folder)]
    assert not [at for at in calls if "13:06" < at < "14:00"]
    assert [at for at in calls if "14:00" <= at < "14:10"]
    assert len(calls) == 60


def test_what_is_completed_is_dialed_no_more_and_the_next_group_begins(
    project: MakeProject, cxrun: Callable[..., Answer]
) -> None:
    folder = second_group(project(60, rules=ONCE, dialer=ANSWERED, agents=2), after="all")
    folder.run(limit=10)
    order(folder, cxrun, "complete")
    folder.run()
    assert len(placed(folder)) == 10
    assert len(placed(folder, "others")) == 20
    order(folder, cxrun, "follow")
    folder.run()
    assert len(placed(folder)) == 60


def test_a_group_started_by_hand_does_not_wait_for_those_before_it(
    project: MakeProject, cxrun: Callable[..., Answer]
) -> None:
    folder = second_group(project(60, rules=ONCE, dialer=ANSWERED, agents=2), after="all")
    folder.import_lists()
    order(folder, cxrun, "start", "more")
    folder.run()
    assert min(placed(folder, "others")) < min(placed(folder)) + 60


BRISK = {
    "simulated": {
        "outcomes": {"answer": 1}, "talk": {"mean": 0.2, "cv": 0}, "wrap": {"mean": 0.1, "cv": 0},
        "post_dial_delay": {"min": 0.1, "max": 0.2}, "pick_up": {"mean": 0.2, "cv": 0},
    }
}  # fmt: skip


def test_a_run_at_work_obeys_at_once_and_waits_for_the_next_order(
    project: MakeProject, cxrun: Callable[..., Answer]
) -> None:
    folder = project(1000, rules=ONCE, dialer=BRISK, agents=2)
    folder.import_lists()

    def wait_for(what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not what():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def told() -> str:
        return cxrun("-C", folder.folder, "status").out

    words = [sys.executable, "-m", "cxrun", "-C", str(folder.folder), "run", "--real-time"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            wait_for(lambda: len(placed(folder)) > 1)
            order(folder, cxrun, "pause")
            wait_for(lambda: "group all: loaded (by hand: pause)" in told())
            wait_for(lambda: not folder.query("SELECT 1 FROM in_work"))
            before = placed(folder)
            time.sleep(2)
            assert placed(folder) == before
            assert run.poll() is None
            order(folder, cxrun, "start")
            wait_for(lambda: len(placed(folder)) > len(before) + 1)
            order(folder, cxrun, "unload")
            out, _ = run.communicate(timeout=60)
        finally:
            run.kill()
    assert run.returncode == 0
    assert "nothing left to dial" in out
    assert [line.split(" group all ")[1] for line in out.splitlines() if "group all" in line] == [
        "pauses: by hand", "starts: by hand", "stops: by hand",
    ]  # fmt: skip
    assert len(placed(folder)) < 1000


def test_a_group_that_is_loaded_by_hand_dials_once_it_is_started(
    project: MakeProject, cxrun: Callable[..., Answer]
) -> None:
    folder = project(30, rules=ONCE, dialer=BRISK)
    folder.import_lists()
    order(folder, cxrun, "load")
    answer = cxrun("-C", folder.folder, "run")
    assert "group all is loaded: by hand" in answer.out
    assert "goes on after `cxrun group start all`" in answer.out
    assert placed(folder) == []
    order(folder, cxrun, "start")
    cxrun("-C", folder.folder, "run")
    assert len(placed(folder)) == 30


@pytest.mark.parametrize(
    ("was", "state", "told"),
    [
        ("unloaded", "loaded", ("group_loaded", "group all is loaded: by hand")),
        ("running", "loaded", ("group_paused", "group all pauses: by hand")),
        ("loaded", "unloaded", ("group_unloaded", "group all is unloaded: by hand")),
        ("running", "unloaded", ("group_stopped", "group all stops: by hand")),
        ("unloaded", "running", ("group_started", "group all starts: by hand")),
    ],
)
def test_a_turn_is_told_by_where_it_comes_from(was: str, state: str, told: tuple[str, str]) -> None:
    turn = Turn(0, "all", state, was, "by hand")
    assert (turn.event, str(turn)) == told


def test_an_unknown_group_is_refused(project: MakeProject, cxrun: Callable[..., Answer]) -> None:
    folder = project(3)
    folder.import_lists()
    answer = cxrun("-C", folder.folder, "group", "pause", "al")
    assert answer.code == 3
    assert "did you mean 'all'?" in answer.err


def test_what_looks_ahead_tells_of_an_order(project: MakeProject, cxrun: Callable[..., Answer]) -> None:
    folder = project(20, rules=ONCE, dialer=ANSWERED)
    folder.import_lists()
    assert "by hand" not in cxrun("-C", folder.folder, "forecast").out
    order(folder, cxrun, "complete")
    assert (
        "has the order to complete, by hand; the forecast leaves it out"
        in cxrun("-C", folder.folder, "forecast").out
    )
    planned = cxrun("-C", folder.folder, "plan").out
    assert "group all has the order to complete, by hand\n0 dials, nobody is called" in planned
