"""A group that is stopped by force: who has not answered yet is hung up on, and nobody is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    from cxrun.tally import Tally

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

ONCE = {"once": "ruleset: once\n"}
LATER = {
    "later": "ruleset: later\ntreatments:\n  - on: dropped_no_answer\n    do: [retry_in: {interval: 1h, attempts: 1}]\n"
}
RINGING = {"simulated": {"outcomes": {"no_answer": 1}}}
TRUNK = '''
"""A trunk in the real world: odd records ring for a minute, even ones are answered at once and talk for two seconds."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cxrun import AgentReady, Answered, CallResult, Completed, Dialer, Ended, hookimpl


@dataclass(frozen=True)
class Trunk(Dialer):
    name: ClassVar = "trunk"
    schema: ClassVar = {"type": "object", "properties": {"file": {"type": "string"}}}
    file: str = ""

    def open(self, opening):
        return TrunkLine(Path(self.file))


class TrunkLine:
    def __init__(self, file):
        self.file = file
        self.due = []

    def note(self, what):
        with self.file.open("a") as stream:
            stream.write(what + "\\n")

    def place(self, dial):
        now = time.time()
        self.note(f"place {dial.attempt_id}")
        if dial.record.record_id % 2:
            self.due.append((now + 60, dial.attempt_id, Ended(dial.attempt_id, now + 60, CallResult.NO_ANSWER)))
        else:
            self.due.append((now, dial.attempt_id, Answered(dial.attempt_id, now, CallResult.ANSWER)))

    def connect(self, attempt_id, agent_id, at, destination):
        self.due.append((at + 2, attempt_id, Completed(attempt_id, at + 2, "SALE")))
        self.due.append((at + 3, "", AgentReady(agent_id, at + 3)))

    def hang_up(self, attempt_id, at):
        self.note(f"hang_up {attempt_id}")
        self.due = [entry for entry in self.due if entry[1] != attempt_id]

    def next_at(self):
        return min((at for at, _, _ in self.due), default=None)

    def events(self, until):
        for entry in sorted((entry for entry in self.due if entry[0] <= until), key=lambda entry: entry[0]):
            self.due.remove(entry)
            yield entry[2]

    def reconcile(self, dials):
        return set()


@hookimpl
def register_dialers():
    return [Trunk]
'''


def stop(folder: ProjectFolder, cxrun: Cxrun, *words: str) -> Answer:
    answer = cxrun("-C", folder.folder, "group", *(words or ("stop", "all", "--force")))
    assert answer.code == 0
    return answer


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def at_work(folder: ProjectFolder, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "cxrun", "-C", str(folder.folder), "run", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            yield run
        finally:
            run.kill()


def events(folder: ProjectFolder, *names: str) -> list[tuple[float, str, str]]:
    """What the journal says: when, what, why."""
    told = [json.loads(line) for line in folder.journal()]
    return [(row[1], row[3], row[8].split("\t")[1]) for row in told if row[3] in names]


# --- in a simulation -------------------------------------------------------------------------------


def stopped_amid(
    project: MakeProject, cxrun: Cxrun, monkeypatch: pytest.MonkeyPatch, after: int = 5, **more: Any
) -> tuple[ProjectFolder, Tally]:
    """A run that is stopped by force after some of its calls, while others ring."""
    import cxrun.ledger
    from cxrun.cli import run as command_line

    monkeypatch.setattr(cxrun.ledger, "_BREATH", 0)
    folder = project(40, **{"rules": ONCE, "dialer": RINGING, "agents": 5} | more)
    given: list[float] = []

    def give(tally: Tally) -> None:
        if tally.attempts >= after and not given:
            given.append(tally.now)
            assert command_line(["-C", str(folder.folder), "group", "stop", "--force", "all"]) == 0

    tally = folder.run(watch=give)
    assert given
    return folder, tally


def test_who_has_not_answered_is_hung_up_on_at_once_and_waits_without_being_lost(
    project: MakeProject, cxrun: Cxrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, tally = stopped_amid(project, cxrun, monkeypatch)
    hung_up = tally.results["dropped_no_answer"]
    assert hung_up > 1
    assert tally.ended == "nothing left to dial"
    ((stopped, _, why),) = events(folder, "group_stopped")
    assert why == "group all stops by force: by hand"
    told = events(folder, "hung_up")
    assert {at for at, _, _ in told} == {stopped}
    assert folder.reasons()["waiting", "dropped_no_answer: its group was stopped by force"] == hung_up
    assert sum(folder.reasons().values()) == 40
    rows = folder.query("SELECT record_status, call_result, attempt FROM queue WHERE attempt > 0")
    assert rows == [(1, 27, 1)] * hung_up
    assert folder.query("SELECT count(*) FROM in_work") == [(0,)]


def test_the_order_holds_for_later_runs_until_the_group_is_started(
    project: MakeProject, cxrun: Cxrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, tally = stopped_amid(project, cxrun, monkeypatch)
    assert "unloaded (by hand: force stop)" in cxrun("-C", folder.folder, "status").out
    assert folder.run().attempts == 0
    stop(folder, cxrun, "start", "all")
    again = folder.run()
    # those who were hung up on are called once more, everybody else for the first time
    assert again.attempts == 40 - tally.attempts + tally.results["dropped_no_answer"]
    assert folder.query("SELECT count(DISTINCT record_id) FROM attempts") == [(40,)]
    assert folder.query("SELECT max(attempt) FROM attempts") == [(2,)]


def test_a_treatment_of_the_result_says_when_they_are_dialed_again(
    project: MakeProject, cxrun: Cxrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, tally = stopped_amid(project, cxrun, monkeypatch, rules=LATER)
    assert not events(folder, "hung_up")
    due = folder.query("SELECT due - call_time FROM queue WHERE attempt > 0")
    assert len(due) == tally.results["dropped_no_answer"] > 1
    assert {interval for (interval,) in due} <= {3600, 3601}
    (said,) = (text for state, text in folder.reasons() if text.startswith("dropped_no_answer: "))
    assert said.startswith("dropped_no_answer: its group was stopped by force; ")


def test_an_attempt_that_was_hung_up_counts_against_a_cap(
    project: MakeProject, cxrun: Cxrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    capped = {"capped": "ruleset: capped\nfilters:\n  - attempts: {at_most: 1, within: 24h}\n"}
    folder, tally = stopped_amid(project, cxrun, monkeypatch, rules=capped)
    stop(folder, cxrun, "start", "all")
    again = folder.run(until=folder.reached() + 3600)
    assert again.attempts == 40 - tally.attempts
    assert again.deferred == tally.results["dropped_no_answer"]


def test_who_talks_or_waits_for_an_agent_is_served_to_the_end(
    project: MakeProject, cxrun: Cxrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = {"simulated": {"outcomes": {"answer": 0.5, "no_answer": 0.5}, "talk": {"mean": 300, "cv": 0.9}}}
    folder, tally = stopped_amid(project, cxrun, monkeypatch, after=12, dialer=world)
    ((stopped, _, _),) = events(folder, "group_stopped")
    talks = folder.query("SELECT call_result FROM attempts WHERE connected < ?1 AND ended > ?1 + 2", stopped)
    assert talks
    assert set(talks) == {(33,)}
    assert tally.results["dropped"] == tally.results["abandoned"] == 0


def test_history_with_a_hung_up_call_is_explained_and_replayed_without_findings(
    project: MakeProject, cxrun: Cxrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = stopped_amid(project, cxrun, monkeypatch)
    ((record_id,),) = folder.query("SELECT min(record_id) FROM queue WHERE attempt > 0")
    explained = cxrun("-C", folder.folder, "explain", str(record_id))
    assert explained.code == 0
    assert "its group was stopped by force" in explained.out
    replayed = cxrun("-C", folder.folder, "replay")
    assert (replayed.code, "still in progress" in replayed.out) == (0, False)
    assert cxrun("-C", folder.folder, "audit", "verify").code == 0


# --- while a run is at work ------------------------------------------------------------------------


def test_a_simulated_run_at_work_obeys_at_once(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(30, rules=ONCE, dialer=RINGING, agents=3, ring_time="5m")
    folder.import_lists()
    with at_work(folder, "--real-time") as run:
        wait_for(lambda: bool(folder.query("SELECT 1 FROM runs")))
        time.sleep(1)
        began = time.monotonic()
        assert "force stop; the run at work obeys" in stop(folder, cxrun).out
        out, err = run.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert (run.returncode, err) == (0, "")
    assert "group all stops by force: by hand" in out
    assert folder.query("SELECT count(*), min(call_result), max(call_result) FROM attempts") == [(3, 27, 27)]


def test_a_stop_becomes_one_by_force_while_calls_ring(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(30, rules=ONCE, dialer=RINGING, agents=3, ring_time="5m")
    folder.import_lists()
    with at_work(folder, "--real-time") as run:
        wait_for(lambda: bool(folder.query("SELECT 1 FROM runs")))
        time.sleep(1)
        stop(folder, cxrun, "stop", "all")
        wait_for(lambda: "group all: unloading (by hand: stop)" in cxrun("-C", folder.folder, "status").out)
        stop(folder, cxrun)
        out, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    assert [line.split(" group all ")[1] for line in out.splitlines() if "group all" in line] == [
        "stops: by hand", "stops by force: by hand",
    ]  # fmt: skip


def test_a_dialer_in_the_real_world_is_told_to_hang_up_and_talks_are_finished(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = project(20, rules=ONCE, dialer={"trunk": {}}, agents=6, plugins={"trunk": TRUNK})
    log = folder.folder / "trunk.log"
    folder.campaign["session_profiles"]["line"]["dialer"] = {"trunk": {"file": str(log)}}
    folder.save()
    folder.import_lists()
    with at_work(folder) as run:
        wait_for(lambda: log.exists() and len(log.read_text().splitlines()) >= 6)
        stop(folder, cxrun)
        _, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (0, "")
    placed = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("place")]
    hung_up = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("hang_up")]
    assert sorted(hung_up) == sorted(name for name in placed if int(name.partition("-")[0]) % 2)
    assert folder.query("SELECT count(*) FROM attempts WHERE call_result = 27") == [(len(hung_up),)]
    talked = folder.query(
        "SELECT count(*) FROM attempts WHERE disposition = 'SALE' AND ended - connected >= 2"
    )
    assert talked == [(len(placed) - len(hung_up),)]
    assert folder.query("SELECT count(*) FROM in_work") == [(0,)]
    assert "its group was stopped by force" in cxrun("-C", folder.folder, "status", "--why").out


def test_only_a_stop_takes_force(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(3)
    folder.import_lists()
    assert cxrun("-C", folder.folder, "group", "pause", "all", "--force").code == 2
