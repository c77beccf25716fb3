from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from cxrun.cli import run_
from cxrun.cli.terminal import lasting
from cxrun.tally import Tally

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_a_run_ends_with_a_summary_and_exit_code_0(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(20, 2)
    answer = cxrun("-C", folder.folder, "run", "--seed", 3)
    assert answer.code == 0
    assert "people: 20 contacts loaded (40 records)" in answer.out
    assert "nothing left to dial" in answer.out
    assert "attempts," in answer.out
    assert "answering_machine" in answer.out


def test_the_summary_tells_how_often_records_were_put_off(cxrun: Cxrun, project: MakeProject) -> None:
    night = 'ruleset: night\nfilters: [calling_hours: {hours: "20:00-21:00"}]\n'
    folder = project(20, rules={"night": night})
    assert "the rules put records off 19 times and excluded 1" in cxrun("-C", folder.folder, "run").out


def test_json_of_a_run_parses_even_when_lists_are_imported_first(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(20, 2)
    answer = cxrun("-C", folder.folder, "run", "--json")
    assert answer.code == 0
    tally = json.loads(answer.out)
    assert tally["ended"] == "nothing left to dial"
    assert tally["attempts"] == sum(tally["results"].values()) > 20
    assert 0 <= tally["abandon_rate"] <= 1


def test_a_list_is_imported_once_and_again_when_its_file_grows(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(5)
    assert "5 contacts loaded" in cxrun("-C", folder.folder, "run").out
    assert "loaded" not in cxrun("-C", folder.folder, "run").out
    with (folder.folder / "people.csv").open("a", encoding="utf-8") as stream:
        stream.write("C99,617-555-0199\n")
    assert "1 contact loaded (1 record), 0 rejected, 5 duplicates" in cxrun("-C", folder.folder, "run").out


def test_until_takes_a_moment_or_a_duration(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(100, agents=1)
    first = cxrun("-C", folder.folder, "run", "--until", "10m")
    assert "2026-03-02 13:00:00 UTC to 2026-03-02 13:10:00 UTC: stopped at the time of --until" in first.out
    second = cxrun("-C", folder.folder, "run", "--until", "2026-03-02T13:20Z")
    assert "2026-03-02 13:10:00 UTC to 2026-03-02 13:20:00 UTC: stopped at the time of --until" in second.out
    third = cxrun("-C", folder.folder, "run", "--until", "10m")
    assert "2026-03-02 13:20:00 UTC to 2026-03-02 13:30:00 UTC: stopped at the time of --until" in third.out


def test_a_time_that_is_none_exits_3_and_shows_how_to_write_one(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3).folder, "run", "--until", "tomorrow")
    assert answer.code == 3
    assert "'tomorrow' is no moment; write e.g." in answer.err


def test_an_unknown_group_exits_3_with_the_near_word(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3).folder, "run", "al")
    assert answer.code == 3
    assert "no campaign group named 'al'; did you mean 'all'?" in answer.err


def test_only_the_named_groups_are_run(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(5)
    folder.write_list("others", [["D1", "617-555-0101"]])
    folder.campaign["groups"]["more"] = {"template": "plain", "lists": ["others"]}
    folder.save()
    assert cxrun("-C", folder.folder, "run", "more").code == 0
    assert folder.query("SELECT DISTINCT name FROM attempts JOIN lists USING (list_id)") == [("others",)]


def test_limit_and_plugin_errors_are_told(cxrun: Cxrun, project: MakeProject) -> None:
    source = (
        "from cxrun import Filter, hookimpl\n\n"
        "class Bad(Filter):\n    name = 'bad'\n    def check(self, moment):\n        raise ValueError('no idea')\n\n"
        "@hookimpl\ndef register_filters():\n    return [Bad]\n"
    )
    folder = project(30, plugins={"bad": source}, more_rules={"door": "ruleset: door\nfilters: [{bad: }]\n"})
    answer = cxrun("-C", folder.folder, "run", "--max-errors", 4)
    assert answer.code == 1
    assert "more than 4 plugin errors" in answer.out
    assert "5 plugin errors; `cxrun status --why` names them" in answer.out
    why = cxrun("-C", folder.folder, "status", "--why").out
    assert "plugin error: ValueError: no idea (bad.py:6)" in why
    assert "rulesets/door.yaml:2 bad" in why


def test_a_campaign_without_a_group_has_nothing_to_run(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    folder.campaign["groups"] = {}
    folder.save()
    answer = cxrun("-C", folder.folder, "run")
    assert answer.code == 3
    assert "no campaign group" in answer.err


def test_starts_and_stops_of_groups_are_told(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(10)
    folder.campaign["groups"]["all"]["schedule"] = [
        {"weekdays": "mon-fri", "start": "14:00", "stop": "15:00"}
    ]
    folder.save()
    answer = cxrun("-C", folder.folder, "run")
    assert "2026-03-02 14:00:00 UTC  group all starts: its schedule says so\n" in answer.out
    folder.store_file.unlink()
    turns = json.loads(cxrun("-C", folder.folder, "run", "--json").out)["turns"]
    assert turns[0] == {"at": 1772460000.0, "group": "all", "state": "running", "was": "unloaded",
                        "why": "its schedule says so", "forced": False}  # fmt: skip


def test_a_time_that_is_none_is_refused_before_anything_is_imported(
    cxrun: Cxrun, project: MakeProject
) -> None:
    made = project(3)
    answer = cxrun("-C", made.folder, "run", "--until", "tomorrow")
    assert answer.code == 3
    assert "'tomorrow' is no moment" in answer.err
    assert answer.out == ""


def test_a_run_with_a_stopped_group_says_how_it_goes_on(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(5)
    cxrun("-C", folder.folder, "import")
    cxrun("-C", folder.folder, "group", "stop", "all")
    answer = cxrun("-C", folder.folder, "run")
    assert "what was stopped by hand goes on after `cxrun group start all`\n" in answer.out
    cxrun("-C", folder.folder, "group", "start", "all")
    assert "by hand goes on" not in cxrun("-C", folder.folder, "run").out


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (53.4, "53 s"), (59.7, "1 min"), (2400, "40 min"), (3599, "1 h"), (7800, "2 h 10 min")],
)
def test_how_long_something_lasted_is_told_as_people_do(seconds: float, told: str) -> None:
    assert lasting(seconds) == told


def test_what_held_the_pace_back_is_told_and_for_how_long(cxrun: Cxrun, project: MakeProject) -> None:
    floor = {"predictive": {"agent_floor": 8}}
    folder = project(4000, mode=floor, agents=6)
    said = cxrun("-C", folder.folder, "run", "--until", "90m")
    why = "fewer than 8 agents: dialing progressively"
    assert f"\nall: {why}, for 1 h 30 min of 1 h 30 min\n" in said.out

    roster = [
        {"agents": 6, "from": "00:00", "till": "24:00", "zone": "UTC"},
        {"agents": 6, "from": "00:00", "till": "13:40", "zone": "UTC"},
    ]
    folder = project(4000, mode=floor, agents=12, name="rostered")
    folder.campaign["agent_groups"]["sales"]["roster"] = roster
    folder.save()
    told = json.loads(cxrun("-C", folder.folder, "run", "--until", "90m", "--json").out)
    pacing = told["pacing"]["all"]
    assert pacing["seconds"] == 5400
    # they are gone when they have finished their talks
    assert 5400 - 2400 - 400 < pacing["remarks"][why] <= 5400 - 2400
    assert "paced" not in told


BUSY = {
    "state": "running", "waits_for": "ports", "ordered": None, "next": None, "mode": "predictive",
    "remark": "the abandon rate holds dialing back", "ports": 1000, "channels": 120, "uncounted": 1000,
    "calls": {"ringing": 890, "queued": 10, "connected": 100},
    "agents": {"logged_in": 250, "ready": 10, "previewing": 0, "reserved": 20, "talking": 180, "wrapping": 40},
}  # fmt: skip


@pytest.mark.parametrize(
    ("attempts", "agents", "channels"), [(3, 0, 0), (12_345_678, 250, 0), (12_345_678, 250, 120)]
)
def test_the_counts_of_live_progress_stay_on_their_lines(attempts: int, agents: int, channels: int) -> None:
    tally = Tally(
        0.0, 1.8e9, agents=agents, attempts=attempts, answered=attempts // 3, abandoned=attempts // 99,
        staffed_seconds=1e9 * bool(agents), talk_seconds=1e9, channel_seconds=1e9 * bool(channels), served_seconds=1e9,
        results=Counter({"answering_machine": attempts}), groups={"welcome_east": BUSY, "welcome_west": BUSY},
    )  # fmt: skip
    console = Console(width=80, record=True, file=StringIO())
    console.print(run_._picture(tally))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[0] == f"2027-01-15 08:00:00 UTC  {attempts:,} attempts, {attempts // 3:,} answered"
    told = {"agents 100% busy": agents, "channels 100% busy": channels}
    busy = [phrase for phrase, count in told.items() if count]
    if busy:
        assert lines[1] == ", ".join([f"{tally.abandon_rate:.2%} lost", *busy])
    groups = lines[1 + bool(busy) :]
    assert groups[0] == "welcome_east  running, waiting for ports"
    assert groups[1].strip() == "predictive: the abandon rate holds dialing back"
    assert groups[2].strip() == "1,000 calls on 1,000 ports: 890 ringing, 10 queued, 100 connected"
    assert groups[3].strip() == "100 of 120 channels busy"


def test_a_line_of_progress_tells_what_holds_the_pace_back_beside_what_a_group_waits_for() -> None:
    calm = {**BUSY, "waits_for": "", "remark": ""}
    tally = Tally(0.0, 1.8e9, attempts=9, groups={"east": BUSY, "west": calm})
    assert run_._line(tally) == (
        "2027-01-15 08:00:00 UTC  9 attempts, 0 answered; east waits for ports; "
        "east: the abandon rate holds dialing back"
    )
