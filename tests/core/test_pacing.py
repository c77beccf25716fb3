"""Dialing modes that watch: the engine tells them what has happened, and never what will."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cxrun.agents import AgentPool
from cxrun.calls import LiveCall
from cxrun.elements import Deliver, DialingMode, Drop, Pacer, Pacing
from cxrun.engine import Engine
from cxrun.model import CallResult
from cxrun.testing import build, make_record

HOURS = 3 * 3600
START = 1_772_478_000.0
MODES = {
    "progressive": {"lines_per_agent": 1.5},
    "power": {"calls_per_agent": 2},
    "adaptive_level": {"max_level": 1.3},
    "predictive": {},
}


class Diary(Pacer):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def new_calls(self, pacing: Pacing) -> int:
        return 1

    def next_at(self, now: float) -> float:
        return now + 7

    def placed(self, attempt_id: str, at: float) -> None:
        self.seen.append(("placed", attempt_id, at - START))

    def withdrawn(self, attempt_id: str) -> None:
        self.seen.append(("withdrawn", attempt_id))

    def answered(self, attempt_id: str, at: float, result: CallResult, *, delivered: bool) -> None:
        self.seen.append(("answered", attempt_id, at - START, result.word, delivered))

    def connected(self, attempt_id: str, agent_id: str | None, at: float) -> None:
        self.seen.append(("connected", attempt_id, agent_id, at - START))

    def ended(self, attempt_id: str, at: float, result: CallResult) -> None:
        self.seen.append(("ended", attempt_id, at - START, result.word))

    def completed(self, attempt_id: str, agent_id: str | None, at: float) -> None:
        self.seen.append(("completed", attempt_id, agent_id, at - START))

    def agent_ready(self, agent_id: str, at: float) -> None:
        self.seen.append(("ready", agent_id, at - START))

    def agent_gone(self, agent_id: str, at: float) -> None:
        self.seen.append(("gone", agent_id, at - START))


class Watching(DialingMode):
    def __init__(self, diary: Diary) -> None:
        self.diary = diary

    def start(self, now: float) -> Pacer:
        return self.diary


def test_pacer_is_told_of_everything_when_it_has_happened() -> None:
    diary = Diary()
    pool = AgentPool("sales", 1)
    engine = Engine(Watching(diary), pool, start=START, ports=9, calls_per_second=99, connect_window=2)
    for number in range(6):
        engine.place(LiveCall(f"{number}", make_record(), START + number))
    engine.withdraw("5")
    engine.ended("0", START + 6, CallResult.BUSY)
    engine.answered("1", START + 7, CallResult.ANSWERING_MACHINE, Drop("a machine"))
    engine.answered("2", START + 8, CallResult.ANSWER, Deliver("a person"))
    engine.answered("3", START + 9, CallResult.ANSWER, Deliver("a person"))
    engine.tick(START + 11)
    engine.completed("2", START + 20, None)
    engine.agent_ready("sales-1", START + 30)
    engine.agent_gone("sales-1", START + 40)
    assert diary.seen == [
        *(("placed", str(number), float(number)) for number in range(6)),
        ("withdrawn", "5"),
        ("ended", "0", 6, "busy"),
        ("answered", "1", 7, "answering_machine", False),
        ("answered", "2", 8, "answer", True),
        ("connected", "2", "sales-1", 8),
        ("answered", "3", 9, "answer", True),
        ("ended", "3", 11, "dropped"),
        ("completed", "2", "sales-1", 20),
        ("ready", "sales-1", 30),
        ("gone", "sales-1", 40),
    ]
    assert engine.next_at(START + 40) == START + 47


@pytest.mark.parametrize("mode", MODES)
def test_mode_does_not_know_the_future(floor, mode: str) -> None:
    """Two worlds that are the same up to a moment: what is decided up to that moment is the same."""
    turn = 2400.0

    def decisions(seed: int | None) -> list[tuple[float, int]]:
        other = None if seed is None else (turn, seed)
        working = floor.Floor(
            floor.SCENARIOS["S1"],
            12,
            build("dialing mode", mode, MODES[mode]),
            1,
            hours=1,
            turn=other,
            log=True,
        )
        working.run()
        return [(at - floor.START, calls) for at, calls in working.decisions]

    plain, turned, turned_otherwise = decisions(None), decisions(98), decisions(99)

    def before(made: list[tuple[float, int]]) -> list[tuple[float, int]]:
        return [decision for decision in made if decision[0] < turn]

    assert len(before(plain)) > 100
    assert before(plain) == before(turned) == before(turned_otherwise)
    assert plain != turned != turned_otherwise


@pytest.mark.parametrize("mode", MODES)
def test_same_seed_gives_the_same_events(floor, mode: str) -> None:
    def log(seed: int) -> str:
        world = floor.SCENARIOS["S11"]
        day = floor.Floor(world, 8, build("dialing mode", mode, MODES[mode]), seed, hours=1.5, log=True).run()
        return str(day.log)

    assert log(1) == log(1) != log(2)


def test_same_seed_gives_the_same_events_in_another_process() -> None:
    script = (
        "from floor import SCENARIOS, Floor\n"
        "from cxrun.testing import build\n"
        "print(Floor(SCENARIOS['S1'], 9, build('dialing mode', 'predictive'), 3, hours=0.5, log=True).run().log)\n"
    )
    here = Path(__file__).parents[1] / "benchmarks"
    logs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), *sys.path]), "PYTHONHASHSEED": hashing},
            capture_output=True, text=True, check=True,
        ).stdout
        for hashing in ("1", "2")
    }  # fmt: skip
    assert len(logs) == 1
    assert len(logs.pop().strip()) == 32


@pytest.mark.parametrize(("mode", "busy"), [("progressive", (65, 75)), ("predictive", (86, 93))])
def test_three_hours_of_25_agents_through_a_whole_run(project, mode: str, busy: tuple[int, int]) -> None:
    made = project(6000, mode={mode: {}}, agents=25, ports=200, calls_per_second=20)
    tally = made.run(until=made.reached() + HOURS)
    assert tally.ended == "until"
    assert busy[0] < 100 * tally.utilisation < busy[1]
    assert 100 * tally.abandoned <= 3 * tally.answered


def test_people_abandoned_by_an_earlier_run_count_and_the_journal_says_what_holds_dialing_back(
    project,
) -> None:
    made = project(6000, mode={"power": {"calls_per_agent": 5}}, agents=8, ports=200, calls_per_second=20)
    before = made.run(until=made.reached() + 1800)
    assert before.abandoned > 0.1 * before.answered
    made.campaign["dialing_profiles"]["standard"]["mode"] = {"predictive": {}}
    made.save()
    after = made.run(until=made.reached() + 3600)
    assert after.abandoned <= 0.01 * after.answered
    (said,) = (line for line in made.journal() if '"pacing"' in line)
    assert "all: the abandon rate holds dialing back" in said


# --- from run to run -------------------------------------------------------------------------------


ONCE = {"once": "ruleset: once\nfilters:\n  - suppression\n"}
TOLD = """\
from cxrun import DialingMode, Pacer, hookimpl

class Kept(Pacer):
    def __init__(self):
        self.runs = ["now"]
    def new_calls(self, pacing):
        return max(0, pacing.ready - pacing.dialed)
    @property
    def remark(self):
        return " ".join(self.runs)
    def remember(self):
        return {"runs": ["before", *self.runs]}
    def recall(self, memory):
        self.runs = memory["runs"]

class First(DialingMode):
    name = "first"
    schema = {"type": "object"}
    def new_calls(self, pacing):
        return 0
    def start(self, now):
        return Kept()

class Second(First):
    name = "second"

@hookimpl
def register_dialing_modes():
    return [First, Second]
"""


def told(folder) -> list[str]:
    """What the modes have said of the pace, in order."""
    return [
        text.removeprefix("all: ")
        for (text,) in folder.query(
            "SELECT text FROM journal JOIN reasons USING (reason_id) WHERE event = 'pacing' ORDER BY seq"
        )
    ]


def test_next_run_of_a_group_starts_with_what_the_last_has_learned(project) -> None:
    folder = project(60, plugins={"told": TOLD}, mode={"first": {}})
    for _ in range(3):
        assert folder.run(limit=10).ended == "limit"
    assert told(folder) == ["now", "before now", "before before now"]


def test_mode_of_another_name_begins_anew(project) -> None:
    folder = project(60, plugins={"told": TOLD}, mode={"first": {}})
    folder.run(limit=10)
    folder.campaign["dialing_profiles"]["standard"]["mode"] = {"second": {}}
    folder.save()
    folder.run(limit=10)
    folder.run(limit=10)
    assert told(folder) == ["now", "now", "before now"]


def test_predictive_run_in_two_pieces_does_not_learn_twice(project) -> None:
    """With what the first piece has seen, the second dials ahead from its first minute."""

    def at_once(*, cold: bool) -> float:
        """Most calls in flight at a time in the first minute of the second piece, per agent."""
        folder = project(
            1500, mode={"predictive": {}}, agents=10, rules=ONCE, name="cold" if cold else "warm",
            dialer={"simulated": {"outcomes": {"answer": 0.2, "no_answer": 0.8}}},
        )  # fmt: skip
        folder.run(limit=600)
        if cold:
            with folder.store() as store, store.transaction():
                store.connection.execute("DELETE FROM memories")
        begun = folder.reached()
        folder.run(limit=300)
        placed = folder.query("SELECT placed, ended FROM attempts WHERE placed >= ?", begun)
        times = [begun + second for second in range(60)]
        return max(sum(at <= time < ended for at, ended in placed) for time in times) / 10

    assert at_once(cold=False) > 1.5
    assert at_once(cold=True) <= 1.0


DAMAGED = {
    "no JSON": "{",
    "no object": "[1, 2]",
    "an older version": '{"rate": 0.3}',
    "numbers that are none": json.dumps({"budget": {"days": {}, "drift": [None]}}),
    "words for numbers": json.dumps(
        {"budget": {"days": {"20514": ["many", 0]}, "drift": [0, 0]}, "rate": 0.3, "answers": 9}
    ),
    "a rate of nothing": json.dumps({"budget": {"days": {}, "drift": [0, 0]}, "rate": None, "answers": 9}),
    "a table too long": json.dumps(
        {"budget": {"days": {}, "drift": [0, 0]}, "rate": 0.3, "answers": 9, "rings": [1] * 400}
    ),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=list(DAMAGED))
def test_a_memory_that_cannot_be_used_is_told_and_the_mode_begins_anew(project, content: str) -> None:
    def begun_anew(name: str, kept: str | None) -> tuple[list[str], list[str], list[float]]:
        """Notices, remarks in the journal, and when the second piece of a run placed its calls."""
        folder = project(120, mode={"predictive": {}}, name=name, rules=ONCE)
        folder.run(limit=60)
        with folder.store() as store, store.transaction():
            store.connection.execute("DELETE FROM memories")
            if kept is not None:
                store.connection.execute("INSERT INTO memories VALUES ('all', 'predictive', ?)", (kept,))
        begun = folder.reached()
        tally = folder.run(limit=60)
        assert (tally.attempts, tally.errors) == (60, 0)
        placed = [at for (at,) in folder.query("SELECT placed FROM attempts WHERE placed >= ?", begun)]
        return [notice.text for notice in tally.notices], told(folder), placed

    notices, remarks, calls = begun_anew("damaged", content)
    (notice,) = notices
    assert notice.startswith(
        "group all: predictive cannot use what it has learned before, and starts from nothing ("
    )
    assert notice in remarks
    assert calls == begun_anew("cold", None)[2]


def test_runs_in_two_pieces_come_out_the_same_every_time(project) -> None:
    def journal(name: str) -> list[str]:
        folder = project(200, mode={"predictive": {}}, agents=5, name=name)
        folder.run(limit=120)
        folder.run(limit=120)
        return list(folder.journal())

    assert journal("one") == journal("other")
