"""Whole runs in this process: what they must always do, whatever the rules say."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

import cxrun.feed
import cxrun.ledger
import cxrun.runner
from cxrun.clock import VirtualClock
from cxrun.errors import UserError
from cxrun.work import Work

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    from cxrun.tally import Tally

    MakeProject = Callable[..., ProjectFolder]

BRITTLE = '''
"""Elements that raise for some records, and observers that raise."""

from dataclasses import dataclass
from typing import ClassVar

from cxrun import PASS, Filter, Treatment, hookimpl


@dataclass(frozen=True)
class Brittle(Filter):
    name: ClassVar = "brittle"
    schema: ClassVar = {"type": "object", "properties": {"every": {"type": "integer"}}}
    every: int = 10

    def check(self, moment):
        if moment.record.record_id % self.every == 0:
            raise ValueError("no idea")
        return PASS


@dataclass(frozen=True)
class Clumsy(Treatment):
    name: ClassVar = "clumsy"

    def apply(self, call):
        if call.record.record_id % 10 == 0:
            raise KeyError("lost it")
        return None


@hookimpl
def register_filters():
    return [Brittle]


@hookimpl
def register_treatments():
    return [Clumsy]
'''


def told(error: str, source: str, file: str) -> str:
    """What a run says of a plugin that raised: the error, the file and the line of `raise`."""
    text = error.partition(": ")[2].strip("'")
    line = next(n for n, line in enumerate(source.splitlines(), 1) if "raise" in line and text in line)
    return f"plugin error: {error} ({file}:{line})"


WRONG = told("ValueError: no idea", BRITTLE, "brittle.py")
LOST = told("KeyError: 'lost it'", BRITTLE, "brittle.py")


def same_people(folder: ProjectFolder, name: str) -> str:
    """Another list of the people of `people`, as other clients; returns its name."""
    with (folder.folder / "people.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))[1:]
    folder.write_list(name, [(f"{name}-{row[0]}", *row[1:]) for row in rows])
    return name


NOSY = '''
"""Observers: one that writes down what it is told, one that raises the third time."""

from pathlib import Path

from cxrun import hookimpl

told = []


@hookimpl
def attempt_settled(event):
    told.append(event.record.record_id)
    with Path(__file__).with_suffix(".log").open("a") as stream:
        stream.write(f"{event.record.attempt_id}\\n")
    if Path(__file__).stem == "raising" and len(told) == 3:
        raise RuntimeError("enough")
'''

CALMLY = """\
ruleset: retry
treatments:
  - on: [busy, no_answer]
    do: [{retry_in: {interval: 1h, attempts: 2}}]
"""


def events(folder: ProjectFolder) -> list[list[Any]]:
    """The journal: seq, at, run, event, record, attempt, call result, due, reason."""
    return [json.loads(line) for line in folder.journal()]


def head(folder: ProjectFolder) -> bytes:
    with folder.store() as store:
        return store.journal.head()


def size_of(folder: ProjectFolder, name: str = "people") -> int:
    return int(
        folder.query("SELECT count(*) FROM records JOIN lists USING (list_id) WHERE name = ?", name)[0][0]
    )


# --- determinism -----------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_journal_byte_for_byte(project: MakeProject) -> None:
    first, second = project(150, 2, name="first"), project(150, 2, name="second")
    first.run(seed=7)
    second.run(seed=7)
    assert len(first.journal()) > 200
    assert first.journal() == second.journal()
    assert head(first) == head(second)


@pytest.mark.parametrize("mode", ["progressive", "predictive"])
def test_the_same_seed_gives_the_same_journal_in_another_process(project: MakeProject, mode: str) -> None:
    heads = set()
    for hashing in ("1", "2"):
        made = project(150, 2, name=hashing, mode={mode: {}}, agents=7)
        subprocess.run(
            [sys.executable, "-m", "cxrun", "-C", made.folder, "run", "--seed", "7"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": hashing},
            capture_output=True, check=True,
        )  # fmt: skip
        assert len(made.journal()) > 200
        heads.add(head(made))
    assert len(heads) == 1


def test_another_seed_gives_another_journal(project: MakeProject) -> None:
    first, second = project(50, name="first"), project(50, name="second")
    first.run(seed=7)
    second.run(seed=8)
    assert head(first) != head(second)


@pytest.mark.parametrize(
    ("breath", "flush", "read"),
    [(0.0, 5000, 2000), (60.0, 1, 2000), (60.0, 5000, 2000), (0.0, 7, 2000)],
    ids=["breathless", "tiny batches", "one batch", "both"],
)
def test_the_journal_does_not_depend_on_the_speed_of_the_machine(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch, breath: float, flush: int, read: int
) -> None:
    usual, other = project(150, 3, name="usual"), project(150, 3, name="other")
    usual.run()
    monkeypatch.setattr(cxrun.ledger, "_BREATH", breath)
    monkeypatch.setattr(cxrun.runner, "FLUSH", flush)
    monkeypatch.setattr(cxrun.feed, "READ", read)
    other.run()
    assert [line for line in usual.journal() if '"closed' not in line] == [
        line for line in other.journal() if '"closed' not in line
    ]
    assert head(usual) == head(other)


def test_every_digest_of_the_journal_covers_its_line(project: MakeProject) -> None:
    import hashlib

    door = (
        'ruleset: door\nfilters:\n  - calling_hours: {hours: "10:00-20:00"}\n'
        "  - where: {field: record_id, lt: 50}\n"
    )
    folder = project(60, 2, more_rules={"door": door})
    folder.run(limit=30)
    folder.run()
    assert {"deferred", "excluded", "finish"} <= {event[3] for event in events(folder)}
    digest = bytes(32)
    for line, (stored,) in zip(
        folder.contents(), folder.query("SELECT digest FROM journal ORDER BY seq"), strict=True
    ):
        digest = hashlib.sha256(digest + line.encode()).digest()
        assert digest == stored, line


# --- reasons, and where a run stops ----------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 10, 37, 100, 150])
def test_reasons_add_up_to_the_size_of_the_list_at_any_moment(project: MakeProject, limit: int) -> None:
    folder = project(80, 2)
    tally = folder.run(limit=limit)
    assert tally.attempts == limit
    assert tally.ended == "limit"
    assert sum(folder.reasons().values()) == size_of(folder) == 160
    assert folder.query("SELECT count(*) FROM attempts") == [(limit,)]


def test_reasons_add_up_after_every_commit(project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(60, 2)
    monkeypatch.setattr(cxrun.runner, "FLUSH", 20)
    seen: list[int] = []
    folder.run(watch=lambda tally: seen.append(sum(folder.reasons().values())))
    assert len(seen) > 5
    assert set(seen) == {120}


def test_a_run_stops_at_until_and_the_next_goes_on_from_there(project: MakeProject) -> None:
    from cxrun.moments import parse_moment

    folder = project(200, 1, agents=2)
    until = parse_moment("2026-03-02T13:20Z")
    tally = folder.run(until=until)
    assert tally.ended == "until"
    assert tally.now == until
    assert folder.query("SELECT max(placed) < ? FROM attempts", until) == [(1,)]
    before = folder.query("SELECT count(*) FROM attempts")[0][0]
    tally = folder.run()
    assert tally.started == until
    assert tally.ended == "nothing left to dial"
    assert folder.query("SELECT count(*) FROM attempts")[0][0] == before + tally.attempts
    assert set(folder.query("SELECT place FROM record_states")) == {("closed",)}


class StuckClock(VirtualClock):
    """A virtual clock that complains when it is asked the time over and over and never moves."""

    asked = 0

    def now(self) -> float:
        self.asked += 1
        assert self.asked < 5000, "the run turns in circles"
        return super().now()

    def reach(self, moment: float) -> float:
        if moment > self._now:
            self.asked = 0
        return super().reach(moment)


def test_time_goes_on_though_a_look_is_due_at_a_fraction_of_a_second(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Work, "poll", 0.3)
    calls = project(400, 2, agents=5)
    for piece in range(1, 41):
        calls.run(clock=StuckClock, until=1772456400.795 + 97 * piece)


def test_a_run_in_many_pieces_dials_the_same_people(project: MakeProject) -> None:
    folder = project(60, 2)
    pieces = 0
    while folder.run(limit=17).ended == "limit":
        pieces += 1
    assert pieces > 4
    assert set(folder.query("SELECT place FROM record_states")) == {("closed",)}
    assert folder.query("SELECT count(*) FROM attempts WHERE ended IS NULL") == [(0,)]


def test_a_limit_holds_for_previews_of_several_groups(project: MakeProject) -> None:
    folder = project(30, mode={"preview": {"preview_time": "20s"}}, agents=6)
    folder.write_list("others", [[f"D{n}", f"+1617555{150 + n:04}"] for n in range(30)])
    folder.campaign["agent_groups"]["support"] = {"agents": 3}
    folder.campaign["groups"]["more"] = {
        "template": "plain",
        "lists": ["others"],
        "agent_group": "support",
        "mode": {"progressive": {}},
    }
    folder.save()
    for limit in (3, 4, 7, 8, 9, 10):
        folder.store_file.unlink(missing_ok=True)
        assert folder.run(limit=limit).attempts == limit


# --- plugins that raise ----------------------------------------------------------------------------


def test_a_filter_that_raises_sets_the_record_aside_and_the_run_goes_on(project: MakeProject) -> None:
    rules = {"retry": f"{CALMLY}filters:\n  - brittle: {{every: 10}}\n"}
    folder = project(50, plugins={"brittle": BRITTLE}, rules=rules)
    tally = folder.run()
    assert tally.errors == 5
    assert folder.reasons()["error", WRONG] == 5
    assert folder.query("SELECT record_id FROM attempts WHERE record_id % 10 = 0") == []
    assert folder.query("SELECT count(DISTINCT record_id) FROM attempts") == [(45,)]
    told = [event[8] for event in events(folder) if event[3] == "error"]
    assert len(told) == 5
    assert all("brittle" in reason for reason in told)


def test_a_run_stops_when_plugins_fail_too_often(project: MakeProject) -> None:
    rules = {"retry": f"{CALMLY}filters:\n  - brittle: {{every: 1}}\n"}
    folder = project(200, plugins={"brittle": BRITTLE}, rules=rules)
    tally = folder.run(max_errors=10)
    assert tally.ended == "more than 10 plugin errors"
    assert tally.errors == 11
    assert tally.attempts == 0
    assert sum(folder.reasons().values()) == 200


def test_no_plugin_error_at_all_may_be_allowed(project: MakeProject) -> None:
    rules = {"retry": f"{CALMLY}filters:\n  - brittle: {{every: 30}}\n"}
    folder = project(50, plugins={"brittle": BRITTLE}, rules=rules)
    assert folder.run(max_errors=0).ended == "more than 0 plugin errors"


def test_a_treatment_that_raises_sets_the_record_aside_with_its_attempt(project: MakeProject) -> None:
    rules = {"retry": "ruleset: retry\ntreatments:\n  - {on: other, do: [{clumsy: }, {finish: }]}\n"}
    folder = project(50, plugins={"brittle": BRITTLE}, rules=rules)
    tally = folder.run()
    assert tally.errors == 5
    assert folder.reasons()["error", LOST] == 5
    assert folder.query("SELECT count(*), min(attempt), max(attempt) FROM queue") == [(5, 1, 1)]
    assert folder.query("SELECT count(*) FROM attempts WHERE record_id % 10 = 0") == [(5,)]
    assert folder.run().attempts == 0, "a record that is set aside waits for other rules"


def test_a_record_set_aside_is_dialed_once_its_plugin_is_mended(project: MakeProject) -> None:
    rules = {"retry": f"{CALMLY}filters:\n  - brittle: {{every: 10}}\n"}
    folder = project(50, plugins={"brittle": BRITTLE}, rules=rules)
    folder.run()
    folder.write("plugins/brittle.py", BRITTLE.replace("% self.every == 0", "< 0"))
    tally = folder.run()
    assert tally.errors == 0
    assert folder.query("SELECT count(DISTINCT record_id) FROM attempts") == [(50,)]


def test_an_observer_that_raises_is_switched_off_and_others_are_told_everything(
    project: MakeProject,
) -> None:
    folder = project(30, plugins={"raising": NOSY, "watching": NOSY})
    with pytest.warns(
        UserWarning, match=r"plugin 'plugins/raising.py': attempt_settled raised RuntimeError: enough"
    ):
        tally = folder.run()
    assert len((folder.folder / "plugins/raising.log").read_text().split()) == 3
    told = (folder.folder / "plugins/watching.log").read_text().split()
    assert len(told) == len(set(told)) == tally.attempts


# --- lists, groups and agents ----------------------------------------------------------------------


def test_lists_are_dialed_in_proportion_to_their_weights(project: MakeProject) -> None:
    folder = project(150, rules={"retry": "ruleset: retry\n"})
    for name, area in (("second", "617"), ("third", "303"), ("paused", "206")):
        folder.write_list(name, [[f"{name}{n}", f"+1{area}555{100 + n % 100:04}"] for n in range(150)])
    folder.campaign["groups"]["all"]["lists"] = {"people": 20, "second": 40, "third": 60, "paused": 0}
    folder.save()
    folder.run(limit=240)
    found = dict(folder.query("SELECT name, count(*) FROM attempts JOIN lists USING (list_id) GROUP BY name"))
    assert "paused" not in found
    assert found == pytest.approx({"people": 40, "second": 80, "third": 120}, abs=2)


def test_several_groups_share_the_agents_of_one_agent_group(project: MakeProject) -> None:
    folder = project(100, agents=4, dialer={"simulated": {"outcomes": {"answer": 1}}})
    folder.write_list("others", [[f"D{n}", f"+1617555{100 + n:04}"] for n in range(100)])
    folder.campaign["groups"]["more"] = {"template": "plain", "lists": ["others"]}
    folder.save()
    tally = folder.run()
    assert tally.agents == 4
    talks = folder.query(
        "SELECT agent_id, connected, ended, list_id FROM attempts WHERE connected IS NOT NULL ORDER BY 1, 2"
    )
    assert {agent for agent, *_ in talks} == {f"sales-{n}" for n in range(1, 5)}
    assert {list_id for *_, list_id in talks} == {1, 2}
    for earlier, later in pairwise(talks):
        if earlier[0] == later[0]:
            assert earlier[2] <= later[1], "an agent talked to two people at once"


# --- what is looked at again -----------------------------------------------------------------------

CLOSED_DOOR = "ruleset: door\nfilters:\n  - where: {field: client_id, in: [C1, C2, C3, C4, C5]}\n"
LATE = 'ruleset: door\nfilters:\n  - calling_hours: {hours: "20:00-23:30"}\n'
OPEN_DOOR = "ruleset: door\nfilters:\n  - where: {field: client_id, empty: false}\n"


def states(folder: ProjectFolder) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (state, _), count in folder.reasons().items():
        found[state] += count
    return dict(found)


def test_excluded_records_are_looked_at_again_when_a_ruleset_changes_and_not_otherwise(
    project: MakeProject,
) -> None:
    folder = project(30, 2, rules={"retry": CALMLY, "door": CLOSED_DOOR})
    folder.run()
    assert states(folder)["excluded"] == 50
    before = len(folder.journal())
    tally = folder.run()
    assert (tally.attempts, tally.excluded, len(folder.journal())) == (0, 0, before)
    folder.write("rulesets/door.yaml", OPEN_DOOR)
    tally = folder.run()
    assert tally.attempts >= 25
    assert states(folder) == {"closed": 60}
    assert [event[3] for event in events(folder)].count("rules_changed") == 1


def test_deferred_records_are_looked_at_again_when_a_ruleset_changes_and_not_otherwise(
    project: MakeProject,
) -> None:
    from cxrun.moments import parse_moment

    folder = project(30, rules={"retry": CALMLY, "door": LATE})
    first, second, third = (parse_moment(f"2026-03-02T13:{minute}Z") for minute in ("10", "20", "59"))
    folder.run(until=first)
    assert states(folder) == {"deferred": 30}
    tally = folder.run(until=second)
    assert (tally.attempts, tally.deferred) == (0, 0)
    folder.write("rulesets/door.yaml", OPEN_DOOR)
    tally = folder.run(until=third)
    assert tally.attempts == 30


def test_rows_appended_by_a_second_import_are_dialed(project: MakeProject) -> None:
    folder = project(20)
    folder.run()
    rows = [[f"C{n + 1}", f"+1212555{100 + n:04}"] for n in range(30)]
    folder.write_list("people", rows)
    tally = folder.run()
    assert tally.attempts >= 10
    assert size_of(folder) == 30
    assert set(folder.query("SELECT place FROM record_states")) == {("closed",)}
    assert folder.query("SELECT count(DISTINCT record_id) FROM attempts WHERE record_id > 20") == [(10,)]


# --- chains ----------------------------------------------------------------------------------------

NEXT = """\
ruleset: retry
treatments:
  - on: [no_answer, busy]
    do: [{next_in_chain: {attempts: 2}}]
"""


def test_never_are_two_records_of_a_chain_in_work(project: MakeProject) -> None:
    folder = project(80, 4, agents=40)
    folder.run()
    calls = folder.query(
        "SELECT chain_id, placed, ended FROM attempts JOIN records USING (record_id) ORDER BY chain_id, placed"
    )
    assert len(calls) > 150
    for earlier, later in pairwise(calls):
        assert earlier[0] != later[0] or earlier[2] <= later[1], (earlier, later)


def test_next_in_chain_goes_through_the_chain_in_order_and_then_anew(project: MakeProject) -> None:
    folder = project(5, 3, rules={"retry": NEXT}, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    folder.run()
    dialed = defaultdict(list)
    for chain, position in folder.query(
        "SELECT chain_id, chain_n FROM attempts JOIN records USING (record_id) ORDER BY placed"
    ):
        dialed[chain].append(position)
    assert dict(dialed) == {chain: [1, 2, 3, 1, 2, 3] for chain in range(1, 6)}
    assert states(folder) == {"closed": 15}
    assert folder.query("SELECT record_status, count(*) FROM closed GROUP BY 1") == [(3, 15)]


def test_records_passed_by_in_the_only_pass_are_final_at_once(project: MakeProject) -> None:
    rules = {"retry": NEXT.replace("{attempts: 2}", "")}
    folder = project(5, 3, rules=rules, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    folder.run()
    assert folder.query("SELECT record_status, attempt, count(*) FROM closed GROUP BY 1, 2") == [(3, 1, 15)]


def test_an_answer_closes_the_whole_chain(project: MakeProject) -> None:
    folder = project(10, 3, dialer={"simulated": {"outcomes": {"answer": 1}}})
    folder.run()
    assert folder.query("SELECT record_status, count(*) FROM closed GROUP BY 1 ORDER BY 1") == [
        (3, 10),
        (7, 20),
    ]


def test_an_excluded_record_leaves_its_turn_to_the_next_of_the_chain(project: MakeProject) -> None:
    door = "ruleset: door\nfilters:\n  - where: {field: chain_n, ge: 2}\n"
    folder = project(
        10, 3, rules={"retry": NEXT, "door": door}, dialer={"simulated": {"outcomes": {"answer": 1}}}
    )
    folder.run()
    assert folder.query("SELECT DISTINCT chain_n FROM attempts JOIN records USING (record_id)") == [(2,)]
    assert states(folder) == {"closed": 30}


# --- suppression and caps --------------------------------------------------------------------------

DNC = {
    "simulated": {
        "outcomes": {"answer": 1},
        "dispositions": {"DO_NOT_CALL": 1},
    }
}
GUARDED = """\
ruleset: guard
required: true
filters:
  - suppression:
"""


def test_do_not_call_suppresses_the_number_and_the_client_in_other_lists_at_once(
    project: MakeProject,
) -> None:
    folder = project(1, more_rules={"guard": GUARDED}, dialer=DNC, agents=1)
    folder.write_list("people", [["C1", "+12125550100"], ["C2", "+12125550101"], ["C3", "+12125550102"]])
    folder.write_list("others", [["X1", "+12125550100"], ["C2", "+12125550199"], ["X3", "+12125550103"]])
    folder.campaign["groups"]["all"]["lists"] = ["people", "others"]
    folder.save()
    folder.run()
    called = [row[0] for row in folder.query("SELECT phone FROM attempts")]
    assert sorted(set(called) - {"+12125550101", "+12125550199"}) == [
        "+12125550100", "+12125550102", "+12125550103",
    ]  # fmt: skip
    assert len(called) == 4
    assert ("+12125550101" in called) != ("+12125550199" in called), "one customer, one call"
    assert folder.query("SELECT count(*) FROM closed WHERE record_type = 7 AND call_result = 51") == [(4,)]
    assert sum(folder.reasons("people").values()) == sum(folder.reasons("others").values()) == 3


def most_within_a_day(dialed: Mapping[str, list[float]]) -> int:
    """The most moments of one key within any 24 hours."""
    return max(
        index + 1 - bisect_right(moments, moment - 86400)
        for moments in dialed.values()
        for index, moment in enumerate(moments)
    )


@pytest.mark.parametrize("per", ["client", "device"])
def test_caps_hold_in_every_rolling_window_across_two_lists(project: MakeProject, per: str) -> None:
    rules = {
        "retry": "ruleset: retry\ntreatments:\n  - {on: other, do: [{redial: {interval: 20m, attempts: 9}}]}\n",
        "guard": f"ruleset: guard\nfilters:\n  - attempts: {{at_most: 3, within: 24h, per: {per}}}\n",
    }
    outcomes = {"no_answer": 2, "busy": 1, "answer": 1}
    folder = project(40, 2, rules=rules, dialer={"simulated": {"outcomes": outcomes}}, agents=50)
    rows = [[f"C{n + 1}", f"+1212555{100 + n % 20:04}", f"+1312555{100 + n:04}"] for n in range(40)]
    folder.write_list("people", rows)
    folder.write_list("others", [[client, second, first] for client, first, second in rows])
    folder.campaign["groups"]["all"]["lists"] = ["people", "others"]
    folder.save()
    assert folder.run(limit=500).attempts == 500
    column = "client" if per == "client" else "phone"
    dialed = defaultdict(list)
    for key, placed in folder.query(f"SELECT {column}, placed FROM attempts ORDER BY placed"):
        dialed[key].append(placed)
    assert most_within_a_day(dialed) == 3
    assert max(map(len, dialed.values())) > 3, "the window has to roll for this to mean anything"


def test_a_cap_counts_a_client_whose_id_is_somebody_elses_number(project: MakeProject) -> None:
    rules = {
        "retry": "ruleset: retry\n",
        "guard": "ruleset: guard\nfilters:\n  - attempts: {at_most: 1, within: 24h}\n",
    }
    folder = project(1, rules=rules, agents=1, dialer={"simulated": {"outcomes": {"busy": 1}}})
    folder.write_list("people", [["+12125550101", "+12125550100"]])
    folder.run()
    folder.write_list("others", [["X", "+12125550101"]])
    folder.write_list("more", [["+12125550101", "+12125550102"]])
    folder.campaign["groups"]["all"]["lists"] = {"people": 10, "others": 10, "more": 10}
    folder.save()
    folder.run(until=datetime(2026, 3, 2, 14).astimezone().timestamp())
    assert folder.query("SELECT count(*) FROM attempts WHERE client = '+12125550101'") == [(1,)]


def test_two_calls_of_one_moment_to_one_number_both_count(project: MakeProject) -> None:
    rules = {
        "retry": "ruleset: retry\ntreatments:\n  - {on: other, do: [{redial: {interval: 10m, attempts: 9}}]}\n",
        "guard": "ruleset: guard\nfilters:\n  - attempts: {at_most: 2, within: 24h, results: [busy]}\n",
    }
    outcomes = {"busy": 1, "sit_vacant_code": 1}
    folder = project(60, rules=rules, agents=200, dialer={"simulated": {"outcomes": outcomes}})
    rows = [[f"C{n + 1}", f"+1212555{100 + n:04}"] for n in range(60)]
    for name in ("people", "others"):
        folder.write_list(name, rows)
    folder.campaign["groups"]["all"]["lists"] = ["people", "others"]
    folder.save()
    folder.run(limit=600)
    dialed = defaultdict(list)
    for client, placed in folder.query(
        "SELECT client, placed FROM attempts WHERE call_result = 6 ORDER BY placed"
    ):
        dialed[client].append(placed)
    assert most_within_a_day(dialed) == 2


def test_calls_respect_calling_hours_in_every_zone(project: MakeProject) -> None:
    hours = (
        'ruleset: hours\nfilters:\n  - calling_hours: {hours: {mon-fri: "09:00-17:30", sat: "10:00-12:00"}}\n'
    )
    folder = project(200, 2, more_rules={"hours": hours}, agents=6)
    folder.run()
    rows = folder.query("SELECT placed, tz FROM attempts JOIN records USING (record_id)")
    assert len({tz for _, tz in rows}) >= 6
    for placed, zones in rows:
        for zone in zones.split():
            local = datetime.fromtimestamp(placed, ZoneInfo(zone))
            opens, closes = ("10:00", "12:00") if local.weekday() == 5 else ("09:00", "17:30")
            assert local.weekday() < 6, local
            assert opens <= f"{local:%H:%M}" < closes, local


# --- with a line that outlives the run -------------------------------------------------------------

LINE = '''
"""A line on the wall clock; `on_place` is called with each dial, progress is told `late` seconds late."""

import time
from dataclasses import dataclass
from typing import ClassVar

from cxrun import AgentReady, Answered, CallResult, Completed, Dialer, Ended, Line, hookimpl


@dataclass(frozen=True)
class Phone(Dialer):
    name: ClassVar = "phone"
    schema: ClassVar = {"type": "object"}
    late: float = 0.0
    result: str = "no_answer"
    ring: float = 0.05
    breaks: int = 0
    known_as_connected: bool = False

    def open(self, opening):
        return PhoneLine(self)


class PhoneLine(Line):
    def __init__(self, phone):
        self.phone = phone
        self.told = []
        self.placed = 0

    def place(self, dial):
        self.placed += 1
        if self.phone.breaks and self.placed % self.phone.breaks == 0:
            raise ConnectionError("the trunk is down")
        at = time.time() + self.phone.ring * (1 + dial.record.record_id * 7 % 10)
        self.told.append((at, Ended(dial.attempt_id, at, CallResult[self.phone.result.upper()])))

    def next_at(self):
        return min((at for at, _ in self.told), default=None)

    def events(self, until):
        ready = sorted(entry for entry in self.told if entry[0] + self.phone.late <= until)
        for entry in ready:
            self.told.remove(entry)
            yield entry[1]

    def reconcile(self, dials):
        if not self.phone.known_as_connected:
            return set()
        now = time.time()
        for dial in dials:
            self.told.append((now, Completed(dial.attempt_id, now, None)))
            self.told.append((now, AgentReady("sales-1", now)))
        return {dial.attempt_id for dial in dials}


@hookimpl
def register_dialers():
    return [Phone]
'''


def test_no_dial_of_a_number_starts_after_its_suppression_is_committed(project: MakeProject) -> None:
    folder = project(
        120, rules={"guard": GUARDED}, plugins={"phone": LINE}, dialer={"phone": {"ring": 0.01}}, agents=2
    )
    folder.import_lists()
    phones = dict(folder.query("SELECT record_id, phone FROM records"))
    committed: dict[str, float] = {}
    other = sqlite3.connect(folder.store_file, isolation_level=None, timeout=10)

    def suppress_one_of_the_next(tally: object) -> None:
        record = (other.execute("SELECT max(record_id) FROM attempts").fetchone()[0] or 0) + 2
        if record % 3 == 0 and record in phones and phones[record] not in committed:
            other.execute("INSERT INTO suppressions VALUES ('device', ?, 'dnc', 0, NULL)", (phones[record],))
            committed[phones[record]] = time.time()

    folder.run(wall=True, watch=suppress_one_of_the_next)
    other.close()
    assert len(committed) > 20
    assert [row[0] for row in folder.query("SELECT phone FROM attempts") if row[0] in committed] == []
    assert folder.reasons()["excluded", "suppressed device on list 'dnc'"] == len(committed)


def test_a_suppression_that_comes_during_a_preview_stops_the_call(project: MakeProject) -> None:
    folder = project(
        12, rules={"guard": GUARDED}, plugins={"phone": LINE}, dialer={"phone": {}}, agents=4,
        mode={"preview": {"preview_time": "1s"}},
    )  # fmt: skip
    folder.import_lists()
    other = sqlite3.connect(folder.store_file, isolation_level=None, timeout=10)
    begun: list[float] = []

    def suppress(tally: Any) -> None:
        begun.append(time.time())
        if len(begun) > 1 and not other.execute("SELECT 1 FROM suppressions").fetchone():
            other.execute("INSERT INTO suppressions SELECT 'device', phone, 'dnc', 0, NULL FROM records")

    folder.run(wall=True, watch=suppress)
    assert other.execute("SELECT count(*) FROM suppressions").fetchone() == (12,)
    other.close()
    assert folder.query("SELECT phone FROM attempts") == []


def test_progress_that_is_told_late_leaves_no_record_behind(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Work, "poll", 0.05)
    folder = project(
        20, 3, rules={"retry": NEXT.replace("{attempts: 2}", "")}, plugins={"phone": LINE}, agents=20,
        dialer={"phone": {"late": 1.1, "ring": 0.05}},
    )  # fmt: skip
    folder.run(wall=True)
    assert set(folder.query("SELECT place FROM record_states")) == {("closed",)}
    assert folder.query("SELECT count(*) FROM attempts") == [(60,)]


class CutOffError(Exception):
    """The run is gone at this very moment."""


def cut_off(tally: Tally) -> None:
    if tally.attempts:
        raise CutOffError


def test_a_real_run_that_is_to_stop_sees_its_calls_to_their_end(project: MakeProject) -> None:
    folder = project(
        300, rules={"retry": "ruleset: retry\n"}, plugins={"phone": LINE}, dialer={"phone": {"ring": 0.2}}
    )
    folder.import_lists()
    tally = folder.run(wall=True, until=time.time() + 3)
    assert tally.ended == "until"
    assert folder.query("SELECT count(*) FROM in_work") == [(0,)]
    assert 0 < len(folder.query("SELECT * FROM closed")) < 300


def test_a_line_that_cannot_say_when_its_next_event_comes_is_asked_all_the_same(project: MakeProject) -> None:
    source = LINE.replace("return min((at for at, _ in self.told), default=None)", "return None")
    folder = project(6, rules={"retry": "ruleset: retry\n"}, plugins={"phone": source}, dialer={"phone": {}})
    folder.run(wall=True, until=time.time() + 20)
    assert folder.query("SELECT count(*) FROM closed") == [(6,)]


def test_a_call_still_in_progress_at_the_end_of_a_simulation_stays_in_work(project: MakeProject) -> None:
    world = {"simulated": {"outcomes": {"answer": 1}, "pick_up": {"cv": 0}, "talk": {"mean": 3000, "cv": 0}}}
    folder = project(1, rules={"retry": "ruleset: retry\n"}, dialer=world)
    start = datetime(2026, 3, 2, 13, tzinfo=ZoneInfo("UTC")).timestamp()
    tally = folder.run(until=start + 60)
    assert (tally.ended, tally.now) == ("until", start + 60)
    assert folder.query("SELECT count(*) FROM in_work") == [(1,)]


def test_one_number_in_two_lists_is_not_rung_twice_at_once(project: MakeProject) -> None:
    folder = project(20, rules={"retry": "ruleset: retry\n"}, agents=40)
    folder.campaign["groups"]["all"]["lists"] = ["people", same_people(folder, "others")]
    folder.save()
    folder.run()
    calls = folder.query("SELECT phone, placed, ended FROM attempts ORDER BY phone, placed")
    assert len(calls) == 40
    for (phone, _, ended), (next_phone, placed, _) in pairwise(calls):
        assert phone != next_phone or placed >= ended


def test_a_cap_holds_though_long_calls_and_facts_read_again_disturb_the_order(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cxrun.feed, "_FACTS", 0)
    world = {"simulated": {"outcomes": {"answer": 1}, "talk": {"mean": 1000, "cv": 0.9}}}
    rules = {"cap": "ruleset: cap\nfilters: [attempts: {at_most: 1, within: 5m, per: device}]\n"}
    folder = project(30, rules=rules, dialer=world, agents=60)
    more = [same_people(folder, f"more{number}") for number in range(4)]
    folder.campaign["groups"]["all"]["lists"] = ["people", *more]
    folder.save()
    folder.run()
    placed = defaultdict(list)
    for phone, at in folder.query("SELECT phone, placed FROM attempts ORDER BY placed"):
        placed[phone].append(at)
    assert sum(map(len, placed.values())) == 150
    assert min(later - earlier for times in placed.values() for earlier, later in pairwise(times)) >= 300


def test_an_attempt_known_by_number_and_by_client_counts_once(project: MakeProject) -> None:
    rules = {
        "cap": "ruleset: cap\nfilters: [attempts: {at_most: 2, per: client}]\n"
        "treatments: [{on: other, do: [retry_in: {interval: 1h, attempts: 1}]}]\n"
    }
    folder = project(1, rules=rules, dialer={"simulated": {"outcomes": {"busy": 1}}})
    folder.campaign["groups"]["all"]["lists"] = ["people", same_people(folder, "others")]
    folder.save()
    folder.run(limit=1)
    folder.run()
    assert folder.query("SELECT record_id, count(*) FROM attempts GROUP BY 1") == [(1, 2), (2, 2)]


def test_machines_that_no_agent_took_do_not_count_as_abandoned_people(project: MakeProject) -> None:
    rules = {"retry": "ruleset: retry\nresults: [delivery: {answering_machine: agent}]\n"}
    world = {"simulated": {"outcomes": {"answering_machine": 90, "answer": 10}}}
    folder = project(200, rules=rules, dialer=world, agents=5, mode={"power": {"calls_per_agent": 5}})
    tally = folder.run()
    people = folder.query("SELECT count(*) FROM attempts WHERE detected = 33")[0][0]
    assert tally.answered == people
    assert tally.results["dropped"] > people
    assert 0 <= tally.abandon_rate <= 1


def test_a_reconciled_conversation_takes_no_agent_for_ever(project: MakeProject) -> None:
    folder = project(
        6, rules={"retry": "ruleset: retry\n"}, plugins={"phone": LINE}, agents=1,
        dialer={"phone": {"known_as_connected": True, "ring": 30}},
    )  # fmt: skip
    with pytest.raises(CutOffError):
        folder.run(wall=True, watch=cut_off)
    assert folder.query("SELECT count(*) FROM in_work") == [(1,)]
    folder.campaign["session_profiles"]["line"]["dialer"]["phone"]["ring"] = 0.05
    folder.save()
    folder.run(wall=True, until=time.time() + 5)
    assert folder.query("SELECT count(*) FROM closed") == [(6,)]
    placed = [row[0] for row in folder.query("SELECT placed FROM attempts ORDER BY placed")]
    assert min(later - earlier for earlier, later in pairwise(placed[1:])) > 0.04
    assert folder.query("SELECT call_result FROM attempts WHERE record_id = 1") == [(33,)]


def test_a_dialer_that_raises_costs_one_attempt_and_the_run_goes_on(project: MakeProject) -> None:
    folder = project(
        20, rules={"retry": "ruleset: retry\n"}, plugins={"phone": LINE}, dialer={"phone": {"breaks": 7}}
    )
    tally = folder.run(wall=True)
    assert tally.errors == 2
    assert folder.query("SELECT count(*) FROM attempts") == [(20,)]
    assert folder.query("SELECT count(*) FROM in_work") == [(0,)]


def test_simulated_and_real_runs_do_not_share_a_store(project: MakeProject) -> None:
    folder = project(5, rules={"retry": "ruleset: retry\n"}, plugins={"phone": LINE}, dialer={"phone": {}})
    folder.run(wall=True, limit=2)
    folder.campaign["session_profiles"]["line"]["dialer"] = {"simulated": {}}
    folder.save()
    with pytest.raises(UserError, match="holds calls of the real world, and a simulation would take them"):
        folder.run()


# --- sequences -------------------------------------------------------------------------------------

DOCUMENTED = """\
ruleset: retry
treatments:
  - on: busy
    do: [{redial: {interval: 30m, increment: 5m, attempts: 3}}, {next_in_chain: {attempts: 2}}]
  - on: technical
    do: [{redial: {interval: 10m, attempts: 2}}]
"""


def plan(folder: ProjectFolder) -> list[tuple[Any, ...]]:
    """Every attempt and what followed, without what depends on how the runs were cut."""
    return folder.query(
        "SELECT record_id, attempt, j.call_result, s.text FROM journal j JOIN reasons s USING (reason_id) "
        "WHERE event IN ('dial_again', 'dial_next', 'finish') ORDER BY record_id, j.seq"
    )


def test_plan_goes_on_after_a_restart_where_it_was(project: MakeProject) -> None:
    """A run that is cut after every few calls makes the same calls with the same counts as one that is not."""
    dialer = {"simulated": {"outcomes": {"busy": 0.9, "all_trunks_busy": 0.1}}}
    whole = project(6, 2, rules={"retry": DOCUMENTED}, dialer=dialer, name="whole")
    whole.run(seed=3)
    cut = project(6, 2, rules={"retry": DOCUMENTED}, dialer=dialer, name="cut")
    runs = 0
    while cut.run(seed=3, limit=5).attempts:
        runs += 1
    assert runs > 10
    assert plan(cut) == plan(whole)
    histories = "SELECT record_id, treatments FROM closed ORDER BY record_id"
    assert cut.query(histories) == whole.query(histories)
    told = {text for _, _, _, text in plan(whole)}
    assert {"busy: redial in 40m, 3 of 3", "busy: next in chain", "busy: chain begins anew, 2 of 2"} <= told


def test_technical_failure_counts_against_no_cap(project: MakeProject) -> None:
    rules = DOCUMENTED + "filters: [{attempts: {at_most: 1, within: 24h}}]\n"
    failing = project(
        5, rules={"retry": rules}, dialer={"simulated": {"outcomes": {"switch_error": 1}}}, name="f"
    )
    assert (failing.run().attempts, failing.run().deferred) == (15, 0)
    busy = project(5, rules={"retry": rules}, dialer={"simulated": {"outcomes": {"busy": 1}}}, name="b")
    assert busy.run(until=1772456400.0 + 43200).attempts == 5


def test_a_real_run_that_is_to_stop_dials_nobody_whom_an_agent_still_looks_at(project: MakeProject) -> None:
    folder = project(
        60, rules={"retry": "ruleset: retry\n"}, dialer={"phone": {"ring": 0.3}}, agents=12,
        plugins={"phone": LINE.replace("    schema:", "    external: ClassVar = True\n    schema:", 1)},
        mode={"preview": {"preview_time": "1s"}},
    )  # fmt: skip
    folder.import_lists()
    until = time.time() + 3.5
    tally = folder.run(wall=True, until=until)
    assert (tally.ended, tally.attempts > 0) == ("until", True)
    assert folder.query("SELECT count(*) FROM attempts WHERE placed > ?", until) == [(0,)]
    assert folder.query("SELECT count(*) FROM in_work") == [(0,)]


def test_what_others_tell_of_a_client_between_the_claim_and_the_dial_stops_the_call(
    project: MakeProject,
) -> None:
    """A result given in another list makes a client quiet who was claimed at that moment."""
    folder = project(
        3, rules={"guard": "ruleset: guard\nfilters:\n  - quiet_after: {period: 7d}\n"}, dialer={"phone": {}},
        agents=1, plugins={"phone": LINE.replace("    schema:", "    external: ClassVar = True\n    schema:", 1)},
    )  # fmt: skip
    folder.import_lists()
    other = sqlite3.connect(folder.store_file, isolation_level=None, timeout=10)
    told: list[int] = []

    def tell(tally: Tally) -> None:
        claimed = other.execute("SELECT record_id FROM in_work").fetchall()
        if claimed and not told:
            told.append(claimed[0][0])
            now = time.time()
            other.execute(
                "INSERT INTO attempts VALUES (99, 1, 7, 0, ?, '+16175550199', ?, NULL, NULL, ?, 33, 33, NULL, NULL)",
                (f"C{told[0]}", now - 60, now - 1),
            )

    folder.run(wall=True, watch=tell, until=time.time() + 4)
    other.close()
    assert told
    assert folder.query("SELECT count(*) FROM attempts WHERE record_id = ?", told[0]) == [(0,)]
    assert folder.query("SELECT count(*) FROM attempts") == [(3,)]
