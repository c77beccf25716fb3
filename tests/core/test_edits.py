"""What is changed in the files while a run is at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.test_life_at_random import check

from cxrun.auditing.certifying import certify
from cxrun.auditing.verifying import verify
from cxrun.edits import Edits, stamps
from cxrun.errors import Problems, UserError
from cxrun.moments import parse_moment
from cxrun.registry import load_registry
from cxrun.runner import RULES_CHANGED

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    from cxrun.clock import Clock

    MakeProject = Callable[..., ProjectFolder]

START = parse_moment("2026-03-02T13:00Z")
HOUR = 3600
RULES = """\
ruleset: retry
filters: [%s]
treatments:
  - on: no_answer
    do: [retry_in: {interval: %s, attempts: %d}, next_in_chain: ]
"""
SILENT = {"simulated": {"outcomes": {"no_answer": 1}}}


class Clerk:
    """A clock that goes by steps of half a second, and does at certain seconds what somebody wants done."""

    jumps = False

    def __init__(self, deeds: Mapping[float, Callable[[], object]]) -> None:
        self._deeds = sorted(deeds.items(), key=lambda deed: deed[0])
        self._now = 0.0

    def begins(self, start: float) -> Clock:
        self._start = self._now = start
        return self

    def now(self) -> float:
        return self._now

    def reach(self, moment: float) -> float:
        self._now = max(self._now, min(moment, self._now + 0.5))
        while self._deeds and self._start + self._deeds[0][0] <= self._now:
            self._deeds.pop(0)[1]()
        return self._now


_ages = count(1)


def rules(folder: ProjectFolder, filters: str = "", interval: str = "10m", attempts: int = 3) -> None:
    """Write the rules, as an editor does: later than they were written before."""
    path = folder.write("rulesets/retry.yaml", RULES % (filters, interval, attempts))
    age(path)


def age(path: Path) -> None:
    os.utime(path, ns=(0, next(_ages)))


def campaign(folder: ProjectFolder, **changes: Any) -> None:
    """Change settings of the group."""
    folder.campaign["groups"]["all"].update(changes)
    folder.save()
    age(folder.folder / "campaign.yaml")


def placed(folder: ProjectFolder, list_name: str = "people") -> list[float]:
    """When calls were placed, in seconds since the start."""
    found = folder.query(
        "SELECT placed FROM attempts JOIN records USING (record_id) JOIN lists USING (list_id) "
        "WHERE lists.name = ? ORDER BY placed",
        list_name,
    )
    return [at - START for (at,) in found]


def run(folder: ProjectFolder, deeds: Mapping[float, Callable[[], object]], **options: Any) -> Any:
    """A run of four hours in a world of half seconds, while somebody works on the files."""
    return folder.run(edited=True, clock=Clerk(deeds).begins, until=START + 4 * HOUR, **options)


@pytest.fixture
def calls(project: MakeProject) -> ProjectFolder:
    folder = project(
        12,
        rules={"retry": RULES % ("", "10m", 3)},
        dialer=SILENT,
        mode={"power": {"calls_per_agent": 1}},
        agents=30,
    )
    rules(folder)
    return folder


def test_a_new_filter_holds_from_the_next_seconds_on(calls: ProjectFolder) -> None:
    tally = run(calls, {650: lambda: rules(calls, "where: {field: attempt, lt: 2}")})
    assert max(placed(calls)) < 660
    assert any("new rules" in notice.text for notice in tally.notices)
    assert {state for state, _ in calls.reasons()} == {"excluded"}


def test_who_was_put_off_is_looked_at_again_at_once(calls: ProjectFolder) -> None:
    closed = "calling_hours: {hours: '20:00-21:00'}"
    rules(calls, closed)
    run(calls, {600: lambda: rules(calls)})
    assert 600 < min(placed(calls)) < 610


def test_a_call_in_progress_is_judged_by_the_new_rules(calls: ProjectFolder) -> None:
    run(calls, {3: lambda: rules(calls, interval="1h", attempts=1)})
    times = placed(calls)
    assert len(times) == 24
    assert all(second >= HOUR for second in times[12:])


def test_what_is_wrong_is_told_and_the_old_rules_go_on(calls: ProjectFolder) -> None:
    def break_it() -> None:
        age(calls.write("rulesets/retry.yaml", "ruleset: retry\nfilters: [wher: {}]\n"))

    tally = run(calls, {60: break_it, 900: lambda: rules(calls, attempts=1)})
    assert len([at for at in placed(calls) if 590 < at < 900]) == 12
    assert ["under the rules it had" in notice.text for notice in tally.notices] == [True, False]
    assert "'where'" in tally.notices[0].text
    assert not [at for at in placed(calls) if at > 900 + 600]


@pytest.mark.parametrize(
    ("change", "hindrance"),
    [
        ({"dialer": {"simulated": {"outcomes": {"busy": 1}}}}, "another dialer"),
        ({"lifo": True}, "another lifo"),
        ({"lists": ["people", "others"]}, "other contact lists"),
        ({"mode": {"preview": {}}}, "preview in place of power"),
        ({"mode": {"push_preview": {}}}, "push_preview in place of power"),
        (
            {"mode": {"power_ivr": {"calls_per_minute": 60, "max_in_progress": 9}}},
            "power_ivr in place of power",
        ),
        ({"agent_group": "support"}, "another agent_group"),
    ],
)
def test_what_needs_a_new_run_is_told(calls: ProjectFolder, change: dict[str, Any], hindrance: str) -> None:
    calls.campaign["agent_groups"]["support"] = {"agents": 5}
    calls.write_list("others", [["D1", "+16175550101"]])
    calls.campaign["groups"]["rest"] = {"template": "plain", "lists": ["others"], "agent_group": "support"}
    calls.save()

    def edit() -> None:
        if "lists" in change:
            del calls.campaign["groups"]["rest"]
        campaign(calls, **change)

    tally = calls.run("all", edited=True, clock=Clerk({60: edit}).begins, until=START + 900)
    (notice,) = tally.notices
    assert (
        f"group 'all': {hindrance} cannot be taken over while the run is at work; stop it, then"
        in notice.text
    )
    assert len(placed(calls)) == 24


def test_the_agents_of_a_run_are_those_it_began_with(calls: ProjectFolder) -> None:
    def edit() -> None:
        calls.campaign["agent_groups"]["sales"]["agents"] = 9
        campaign(calls)

    (notice,) = run(calls, {60: edit}).notices
    assert "another number of agents cannot be taken over while the run is at work" in notice.text


def test_a_changed_plugin_needs_a_new_run(calls: ProjectFolder) -> None:
    calls.write("plugins/mine.py", '"""Nothing yet."""\n')

    def edit() -> None:
        age(calls.write("plugins/mine.py", '"""Nothing still."""\n'))
        rules(calls, attempts=1)

    (notice,) = run(calls, {60: edit}).notices
    assert "plugins/mine.py has changed, and a run reads plugins when it starts" in notice.text
    assert len(placed(calls)) == 48


def test_a_list_is_paused_and_goes_on(calls: ProjectFolder) -> None:
    calls.write_list("others", [[f"D{n}", f"+1617555{100 + n:04}"] for n in range(12)])
    weights = {"people": 10, "others": 10}
    campaign(calls, lists=dict(weights))
    run(
        calls,
        {
            300: lambda: campaign(calls, lists={**weights, "others": 0}),
            1500: lambda: campaign(calls, lists=dict(weights)),
        },
    )
    assert len([at for at in placed(calls) if 590 < at < 2000]) == 36
    others = placed(calls, "others")
    assert len(others) == 48
    assert not [at for at in others if 305 < at < 1500]


def test_a_list_that_begins_paused_is_begun_later(calls: ProjectFolder) -> None:
    campaign(calls, lists={"people": 0})
    tally = run(calls, {600: lambda: campaign(calls, lists={"people": 10})}, limit=12)
    assert tally.ended == "nothing left to dial"
    assert not placed(calls)
    calls.write_list("others", [["D1", "+16175550101"]])
    campaign(calls, lists={"people": 0, "others": 10})
    run(calls, {600: lambda: campaign(calls, lists={"people": 10, "others": 10})})
    assert min(placed(calls)) > 600
    assert len(placed(calls)) == 48


def test_mode_and_pace_change_while_it_runs(calls: ProjectFolder) -> None:
    campaign(calls, ports=1)
    run(calls, {45: lambda: campaign(calls, ports=50, mode={"power": {"calls_per_agent": 3}})}, limit=12)
    times = placed(calls)
    assert len([at for at in times if at < 45]) == 2
    assert len([at for at in times if 45 < at < 55]) == 10


def test_predictive_and_progressive_are_exchanged_while_calls_are_in_progress(project: MakeProject) -> None:
    folder = project(
        3000, rules={"retry": "ruleset: retry\n"}, agents=10, mode={"progressive": {}},
        dialer={"simulated": {
            "outcomes": {"answer": 0.25, "no_answer": 0.75}, "talk": {"mean": 40, "cv": 0.5},
            "wrap": {"mean": 5, "cv": 0},
        }},
    )  # fmt: skip
    folder.import_lists()
    deeds = {
        900: lambda: campaign(folder, mode={"predictive": {}}),
        2100: lambda: campaign(folder, mode={"progressive": {}}),
    }
    tally = folder.run(edited=True, clock=Clerk(deeds).begins, until=START + 3000)
    assert tally.ended == "until"
    calls = folder.query(
        "SELECT placed - ?1, coalesce(answered, ended, 1e12) - ?1, coalesce(ended, 1e12) - ?1, call_result "
        "FROM attempts",
        START,
    )

    def ringing(since: int, until: int) -> int:
        """Most calls that are dialed at a time."""
        return max(
            sum(at <= second < answered for at, answered, _, _ in calls) for second in range(since, until, 5)
        )

    for edited in (900, 2100):
        assert sum(at < edited < ended for at, _, ended, _ in calls) >= 10
    assert ringing(0, 900) <= 10 < ringing(1400, 2100)
    assert ringing(2150, 2990) <= 10
    lost = [at for at, _, _, result in calls if result in (21, 26)]
    assert not [at for at in lost if at < 900 or at > 2100]
    assert folder.query("SELECT count(*) FROM attempts GROUP BY record_id HAVING count(*) > 1") == []
    with folder.store() as store:
        check(store)


def test_a_schedule_may_be_changed_taken_away_and_given(calls: ProjectFolder) -> None:
    hours = [{"start": "14:00", "stop": "16:00", "zone": "UTC"}]
    campaign(calls, schedule=hours)

    def free() -> None:
        del calls.campaign["groups"]["all"]["schedule"]
        campaign(calls)

    tally = run(calls, {600: free, 700: lambda: campaign(calls, schedule=hours)})
    times = placed(calls)
    assert 600 < min(times) < 610
    assert not [at for at in times if 710 < at < HOUR]
    assert len([at for at in times if HOUR <= at < HOUR + 60]) == 12
    assert [turn.state for turn in tally.turns] == ["running", "unloaded", "running"]


def test_device_escalation_is_switched_while_it_runs(calls: ProjectFolder, project: MakeProject) -> None:
    folder = project(6, 3, rules={"retry": RULES % ("", "10m", 1)}, dialer=SILENT, name="devices", agents=6)
    columns = folder.campaign["lists"]["people"]["map"]["devices"]
    folder.campaign["lists"]["people"]["map"]["devices"] = [
        {"column": column, "type": kind}
        for column, kind in zip(columns, ("home", "mobile", "home"), strict=True)
    ]
    campaign(folder, devices=["home"])
    # the second home number would be called again at twenty minutes, were it not for the edit
    run(folder, {700: lambda: campaign(folder, devices=["mobile"])})
    kinds = folder.query(
        "SELECT chain_n, contact_info_type, count(*), min(placed), max(placed) FROM attempts "
        "JOIN records USING (record_id) GROUP BY 1, 2 ORDER BY min(placed)"
    )
    assert [(row[0], row[1], row[2]) for row in kinds] == [(1, 1, 12), (3, 1, 6), (2, 4, 6)]
    assert kinds[1][4] < START + 705
    assert kinds[2][3] > START + 700
    assert {state for state, _ in folder.reasons()} <= {"closed", "excluded"}


def test_history_is_kept_under_the_rules_that_made_it(calls: ProjectFolder) -> None:
    run(calls, {650: lambda: rules(calls, attempts=1)})
    runs = calls.query("SELECT frozen, ended FROM runs ORDER BY run_id")
    assert [row[1] for row in runs] == [RULES_CHANGED, "nothing left to dial"]
    texts = dict(calls.query("SELECT digest, text FROM contents"))
    frozen = [texts[json.loads(row[0])["all"]["rulesets"][0][2]] for row in runs]
    assert ["attempts: 3" in text for text in frozen] == [True, False]
    assert [row[0] for row in calls.query("SELECT count(*) FROM lists")] == [1]


def test_a_call_in_progress_is_proven_by_the_rules_that_let_it_pass(calls: ProjectFolder) -> None:
    run(calls, {3: lambda: rules(calls, "where: {field: attempt, ge: 1}")})
    assert calls.query("SELECT DISTINCT run_id FROM attempts WHERE attempt = 1") == [(1,)]
    ended = "SELECT DISTINCT run_id FROM journal WHERE placed > 0 AND attempt = 1"
    assert calls.query(ended) == [(2,)], "all of them were in progress"
    with calls.store() as store:
        assert verify(store).findings == []
        for record_id, number in calls.query("SELECT record_id, attempt FROM attempts"):
            certificate = certify(store, load_registry(calls.folder), record_id, number)
            assert certificate.outcome == "allowed", certificate.summary


def test_a_simulation_that_jumps_takes_no_notice(calls: ProjectFolder) -> None:
    def watch(tally: Any) -> None:
        rules(calls, "where: {field: attempt, lt: 0}")

    tally = calls.run(edited=True, watch=watch)
    assert not tally.notices
    assert len(placed(calls)) == 48


# --- the files ---


def test_a_file_is_read_once_it_rests(calls: ProjectFolder) -> None:
    edits = Edits(calls.folder, load_registry(calls.folder))
    assert edits.news() is None
    rules(calls, "wh")
    assert edits.news() is None
    rules(calls, "where: {field: attempt, lt: 2}")
    assert edits.news() is None
    project = edits.news()
    assert project is not None
    assert project.groups["all"].rulesets[0].filters
    assert edits.news() is None


def test_what_is_wrong_is_read_but_once(calls: ProjectFolder) -> None:
    edits = Edits(calls.folder, load_registry(calls.folder))
    rules(calls, "wh")
    assert edits.news() is None
    with pytest.raises(Problems):
        edits.news()
    assert edits.news() is None


def test_a_campaign_that_is_taken_away_is_told(calls: ProjectFolder) -> None:
    edits = Edits(calls.folder, load_registry(calls.folder))
    (calls.folder / "campaign.yaml").unlink()
    edits.news()
    with pytest.raises(UserError, match=r"no campaign\.yaml"):
        edits.news()


def test_files_that_decide_nothing_are_not_looked_at(calls: ProjectFolder) -> None:
    before = stamps(calls.folder)
    calls.write("notes.txt", "nothing")
    calls.write("rulesets/notes.md", "nothing")
    assert stamps(calls.folder) == before


# --- whatever is edited ---

_EDITS = st.lists(
    st.tuples(
        st.floats(1, 3 * HOUR),
        st.sampled_from(["", "attempts: {at_most: 2, within: 1h}", "where: {field: attempt, lt: 3}",
                         "calling_hours: {hours: '09:00-10:00'}"]),
        st.sampled_from([None, ["home"], ["mobile", "home"]]),
        st.sampled_from([0, 10]),
    ),
    max_size=8,
)  # fmt: skip


@pytest.mark.parametrize("mode", [{"progressive": {}}, {"preview": {"preview_time": "30s"}}])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=_EDITS)
def test_whatever_is_edited_nobody_is_lost(project: MakeProject, mode: Any, edits: list[Any]) -> None:
    folder = project(
        10, 3, rules={"retry": RULES % ("", "10m", 2)}, mode=mode, name=f"edited{next(_ages)}", agents=3
    )
    columns = folder.campaign["lists"]["people"]["map"]["devices"]
    folder.campaign["lists"]["people"]["map"]["devices"] = [
        {"column": column, "type": kind}
        for column, kind in zip(columns, ("home", "mobile", "direct_business"), strict=True)
    ]
    folder.write_list("others", [[f"D{n}", f"+1617555{100 + n:04}"] for n in range(8)])
    campaign(folder, lists={"people": 10, "others": 10})

    def edit(filters: str, devices: list[str] | None, weight: int) -> Callable[[], None]:
        def deed() -> None:
            rules(folder, filters)
            folder.campaign["groups"]["all"].pop("devices", None)
            changes = {"devices": devices} if devices else {}
            campaign(folder, lists={"people": 10, "others": weight}, **changes)

        return deed

    run(folder, {at: edit(*what) for at, *what in edits})
    with folder.store() as store:
        check(store)
        assert verify(store).findings == []
    assert not folder.query("SELECT 1 FROM attempts WHERE ended IS NULL")


# --- through the command ---


@pytest.fixture
def at_work(calls: ProjectFolder) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "cxrun", "-C", str(calls.folder), "run", "--real-time"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_command_takes_over_what_is_saved(calls: ProjectFolder, at_work: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60

    def wait_for(sql: str) -> None:
        while time.monotonic() < deadline:
            with suppress(Exception):
                if calls.query(sql)[0][0]:
                    return
            time.sleep(0.2)
        pytest.fail(f"in vain: {sql}")

    wait_for("SELECT count(*) FROM runs")
    calls.write("rulesets/retry.yaml", RULES % ("where: {field: attempt, lt: 0}", "10m", 3))
    wait_for("SELECT count(*) = 2 FROM runs")
    at_work.send_signal(signal.SIGINT)
    _, err = at_work.communicate(timeout=30)
    assert "the files have changed: the run goes on under the new rules" in err
    assert at_work.returncode == 130
