from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import cxrun.runner

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    from cxrun.tally import Tally

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_one_line_per_list_with_its_figures(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "status")
    assert answer.code == 0
    clock, header, line = answer.out.splitlines()
    assert clock.startswith("as of 2026-03-02 ")
    assert header.split()[:3] == ["template", "group", "list"]
    assert line.split()[:4] == ["plain", "all", "people", "40"]


def test_json_has_a_row_per_list_and_the_states_add_up(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    (row,) = json.loads(cxrun("-C", dialed.folder, "status", "--json").out)
    assert row["records"] == 40
    assert row["attempts"] == 30
    assert sum(row[state] for state in ("ready", "deferred", "excluded", "errors", "in_work", "final")) == 40


def test_why_counts_reasons_that_add_up(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "status", "--why")
    assert answer.out.endswith("40 records in all\n")
    assert "rulesets/retry.yaml:" in answer.out
    (row,) = json.loads(cxrun("-C", dialed.folder, "status", "--why", "--json").out)
    assert sum(reason["records"] for reason in row["reasons"]) == 40


def test_a_list_that_is_not_imported_has_no_figures(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    dialed.write_list("others", [["D1", "617-555-0101"]])
    dialed.campaign["groups"]["more"] = {"template": "plain", "lists": ["others"]}
    dialed.save()
    answer = cxrun("-C", dialed.folder, "status", "--why")
    assert answer.code == 0
    assert "others" in answer.out
    rows = json.loads(cxrun("-C", dialed.folder, "status", "--json").out)
    assert [row["records"] for row in rows] == [40, None]


def test_before_the_first_import_it_says_what_begins(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    answer = cxrun("-C", folder.folder, "status")
    assert answer.code == 3
    assert "nothing is imported yet" in answer.err
    assert not folder.store_file.exists()


def test_a_group_with_a_schedule_tells_what_comes_next(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    dialed.campaign["groups"]["all"]["schedule"] = [
        {"weekdays": "mon-fri", "start": "09:00", "stop": "17:00", "zone": "America/New_York"}
    ]
    dialed.save()
    answer = cxrun("-C", dialed.folder, "status")
    assert answer.out.splitlines()[1] == "group all: unloaded; next start 2026-03-02 09:00:00 EST"
    (row,) = json.loads(cxrun("-C", dialed.folder, "status", "--json").out)
    assert row["next_change"] == {"at": 1772460000.0, "action": "start", "zone": "America/New_York"}


def test_while_a_run_is_at_work_it_says_what_each_group_waits_for(project: MakeProject) -> None:
    folder = project(
        40, agents=1, dialer={"simulated": {"outcomes": {"answer": 1}, "talk": {"mean": 600, "cv": 0}}}
    )
    folder.write_list("others", [["D1", "617-555-0101"]])
    folder.campaign["groups"]["more"] = {"template": "plain", "lists": ["others"], "after": "all"}
    folder.save()
    said: list[str] = []

    def ask(tally: Tally) -> None:
        if tally.attempts > 20 and not said:
            command = [sys.executable, "-m", "cxrun", "-C", str(folder.folder), "status"]
            said.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cxrun.runner, "FLUSH", 1)
        folder.run(watch=ask)
    lines = said[0].splitlines()
    told, mode, calls, agents, *flying = lines[1].split("; ")
    assert told == "group all: running, waiting for agents"
    assert mode == "progressive"
    assert calls in ("0 calls on 1,000 ports", "1 call on 1,000 ports: 1 connected")
    assert agents in ("1 agent: 1 talking", "1 agent: 1 wrapping")
    talking = calls.endswith("connected")
    assert flying == (["1 call in flight, counted in attempts when over"] if talking else [])
    assert lines[2] == "group more: unloaded, waiting for group all"


QUICK = {
    "post_dial_delay": {"min": 0.01, "max": 0.02}, "pick_up": {"mean": 0.01, "cv": 0}, "fail_after": 0.01,
    "talk": {"mean": 600, "cv": 0},
}  # fmt: skip


@pytest.mark.parametrize(
    ("what", "size", "outcome", "more"),
    [
        ("records", 2, "busy", {}),
        ("ports", 9, "no_answer", {"ports": 2, "ring_time": "5m"}),
        ("agents", 9, "answer", {"agents": 2}),
    ],
)
def test_a_run_at_work_says_live_what_it_waits_for_and_the_status_tells_it(
    project: MakeProject, cxrun: Cxrun, what: str, size: int, outcome: str, more: dict[str, Any]
) -> None:
    world = {"simulated": {"outcomes": {outcome: 1}, **QUICK}}
    folder = project(size, dialer=world, **more)
    folder.import_lists()
    words = [sys.executable, "-m", "cxrun", "-C", str(folder.folder), "run", "--real-time"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            assert run.stderr is not None
            line = next(line for line in run.stderr if "waits for" in line)
            told = cxrun("-C", folder.folder, "status").out
            (row, *_) = json.loads(cxrun("-C", folder.folder, "status", "--json").out)
        finally:
            run.kill()
    assert line.rstrip().endswith(f"; all waits for {what}")
    assert f"group all: running, waiting for {what}" in told
    assert (row["state"], row["waits_for"]) == ("running", what)
    assert sum(row["calls"].values()) == {"records": 0, "ports": 2, "agents": 2}[what]
    assert row["agents"]["talking"] == (2 if what == "agents" else 0)


def test_only_the_groups_named_are_shown(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    group = next(iter(dialed.campaign["groups"]))
    (row,) = json.loads(cxrun("-C", dialed.folder, "status", group, "--json").out)
    assert row["group"] == group
    answer = cxrun("-C", dialed.folder, "status", f"{group}x")
    assert answer.code == 3
    assert f"did you mean '{group}'?" in answer.err


def test_while_a_run_is_at_work_it_says_what_holds_the_pace_back(project: MakeProject, cxrun: Cxrun) -> None:
    world = {"simulated": {"outcomes": {"answer": 1}, **QUICK}}
    folder = project(9, agents=2, dialer=world, mode={"predictive": {"agent_floor": 8}})
    folder.import_lists()
    words = [sys.executable, "-m", "cxrun", "-C", str(folder.folder), "run", "--real-time"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            assert run.stderr is not None
            line = next(line for line in run.stderr if "waits for" in line)
            told = cxrun("-C", folder.folder, "status").out
            (row, *_) = json.loads(cxrun("-C", folder.folder, "status", "--json").out)
        finally:
            run.kill()
    why = "fewer than 8 agents: dialing progressively"
    assert line.rstrip().endswith(f"; all waits for agents; all: {why}")
    assert f"group all: running, waiting for agents; predictive: {why}; 2 calls on 1,000 ports" in told
    assert (row["mode"], row["remark"]) == ("predictive", why)
    # a simulated call leaves no trace before it is over
    assert "; 2 calls in flight, counted in attempts when over" in told
    assert (row["attempts"], row["in_work"], row["uncounted"]) == (0, 0, 2)


def test_a_run_over_says_nothing_of_its_pace(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    (row,) = json.loads(cxrun("-C", dialed.folder, "status", "--json").out)
    assert not {"mode", "remark", "uncounted"} & row.keys()


def test_the_share_of_people_abandoned_is_called_a_rate(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    (row,) = json.loads(cxrun("-C", dialed.folder, "status", "--json").out)
    assert 0 <= row["abandon_rate"] <= 1
    assert "abandoned" not in row
    assert "abandon rate" in cxrun("-C", dialed.folder, "status").out
