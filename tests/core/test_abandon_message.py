"""A person whom no agent takes in time: the call is dropped, and he hears a message."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun.agents import AgentPool
from cxrun.calls import Connect, HangUp, LiveCall, Over
from cxrun.elements import Deliver, DialingMode, Pacer, Pacing
from cxrun.engine import Engine
from cxrun.model import CallResult
from cxrun.moments import parse_moment
from cxrun.sharing import SharedAgents, SharingEngine
from cxrun.testing import make_record
from cxrun_plugins.dialing_modes.progressive import Progressive
from cxrun_plugins.dialing_modes.progressive_ivr import ProgressiveIvr

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    MakeProject = Callable[..., ProjectFolder]
    Cxrun = Callable[..., Answer]

START = parse_moment("2026-03-02T13:00Z")
ANSWER, MACHINE, DROPPED = CallResult.ANSWER, CallResult.ANSWERING_MACHINE, CallResult.DROPPED
TO_AGENT = Deliver("to an agent")


# --- the engine --------------------------------------------------------------------------------------


def engine(
    mode: DialingMode | None = None,
    agents: int = 0,
    message: str | None = "sorry",
    kind: type[Engine] = Engine,
    pool: AgentPool | None = None,
    ports: int = 9,
) -> Engine:
    mode = mode or Progressive(9)
    if pool is None and mode.needs_agents:
        pool = AgentPool("sales", agents)
    return kind(
        mode, pool, start=START, ports=ports, calls_per_second=99, connect_window=2, abandon_message=message
    )


def answered(working: Engine, number: int = 1, at: float = START, result: CallResult = ANSWER) -> LiveCall:
    """A call that somebody answers `at`, one second after it was placed."""
    call = LiveCall(f"{number}-1", make_record(record_id=number), at - 1)
    working.place(call)
    assert working.answered(call.attempt_id, at, result, TO_AGENT) == []
    return call


def test_who_has_waited_in_vain_hears_the_message_and_is_dropped() -> None:
    working = engine()
    call = answered(working)
    assert working.tick(START + 1.9) == []
    assert working.tick(START + 2) == [Connect("1-1", None, "sorry")]
    assert (call.answered, call.connected, call.agent_id) == (START, START + 2, None)

    assert working.agent_ready("sales-1", START + 3) == []
    (over,) = working.completed("1-1", START + 14, None)
    assert over == Over(call)
    assert (call.result, call.detected, call.ended, call.agent_id) == (DROPPED, ANSWER, START + 14, None)
    assert (working.dialed, working.talking, working.in_progress) == (0, 0, 0)
    assert working.pool is not None
    assert list(working.pool.ready) == ["sales-1"]


def test_the_port_is_taken_until_the_message_is_over() -> None:
    working = engine(agents=1, ports=2)
    working.answered(placed(working, 7), START, ANSWER, TO_AGENT)
    answered(working)
    working.tick(START + 2)
    working.completed("7-1", START + 3, None)
    working.agent_ready("sales-1", START + 3)
    assert working.new_calls(START + 3) == 1
    working.completed("1-1", START + 9, None)
    assert working.new_calls(START + 9) == 2


def placed(working: Engine, number: int) -> str:
    call = LiveCall(f"{number}-1", make_record(record_id=number), START - 1)
    working.place(call)
    return call.attempt_id


@pytest.mark.parametrize("result", [MACHINE, CallResult.FAX_DETECTED, CallResult.SILENCE])
def test_a_machine_is_hung_up_on_as_before(result: CallResult) -> None:
    working = engine()
    call = answered(working, result=result)
    assert working.tick(START + 2) == [HangUp("1-1"), Over(call)]
    assert (call.connected, call.result) == (None, DROPPED)


def test_without_a_message_a_person_is_hung_up_on() -> None:
    working = engine(message=None)
    call = answered(working)
    assert working.tick(START + 2) == [HangUp("1-1"), Over(call)]
    assert call.connected is None


def test_an_ivr_has_no_agents_to_wait_for() -> None:
    working = engine(ProgressiveIvr(channels=1))
    working.answered(placed(working, 7), START, ANSWER, TO_AGENT)
    call = answered(working)
    assert working.tick(START + 2) == [HangUp("1-1"), Over(call)]


@pytest.mark.parametrize("result", [CallResult.ABANDONED, CallResult.UNKNOWN, CallResult.GENERAL_ERROR])
def test_who_hangs_up_in_the_message_was_dropped_all_the_same(result: CallResult) -> None:
    working = engine()
    call = answered(working)
    working.tick(START + 2)
    assert working.ended("1-1", START + 3, result) == [Over(call)]
    assert (call.result, call.connected, call.ended) == (DROPPED, START + 2, START + 3)


def test_a_stop_by_force_lets_the_message_go_on() -> None:
    working = engine()
    answered(working)
    working.tick(START + 2)
    assert working.hang_up(START + 3, "stopped by force") == []
    assert working.in_progress == 1


def test_an_agent_who_leaves_or_comes_changes_nothing_for_whom_it_is_too_late() -> None:
    working = engine(agents=1)
    working.agent_gone("sales-1", START - 5)
    answered(working)
    working.tick(START + 2)
    assert working.agent_ready("sales-1", START + 2.5) == []
    assert working.agent_gone("sales-1", START + 3) == []
    assert working.tick(START + 4) == []
    (over,) = working.completed("1-1", START + 5, None)
    assert isinstance(over, Over)
    assert over.call.agent_id is None


def test_the_agents_of_another_group_are_not_for_whom_it_is_too_late() -> None:
    pool = AgentPool("sales", 0)
    one = engine(kind=SharingEngine, pool=pool)
    other = engine(kind=SharingEngine, pool=pool)
    assert isinstance(one, SharingEngine)
    assert isinstance(other, SharingEngine)
    agents = SharedAgents([one, other], START)
    one.shared_agents = other.shared_agents = agents
    answered(one, 1)
    late = answered(other, 2, START + 1)
    assert one.tick(START + 2) == [Connect("1-1", None, "sorry")]
    assert other.agent_ready("sales-1", START + 2.5) == [Connect("2-1", "sales-1")]
    assert late.agent_id == "sales-1"
    assert (one.held, one.at_work, one.claims) == (1, 0, 0)


class Diary(Pacer):
    def __init__(self) -> None:
        self.told: list[tuple[str, str, float]] = []

    def new_calls(self, pacing: Pacing) -> int:
        return 1

    def placed(self, attempt_id: str, at: float) -> None:
        self.told.append(("placed", attempt_id, at))

    def answered(self, attempt_id: str, at: float, result: CallResult, *, delivered: bool) -> None:
        self.told.append((f"answered as {result.word}", attempt_id, at))

    def connected(self, attempt_id: str, agent_id: str | None, at: float) -> None:
        self.told.append(("connected", attempt_id, at))

    def ended(self, attempt_id: str, at: float, result: CallResult) -> None:
        self.told.append((f"ended as {result.word}", attempt_id, at))

    def completed(self, attempt_id: str, agent_id: str | None, at: float) -> None:
        self.told.append(("completed", attempt_id, at))


@dataclass(frozen=True)
class Watching(DialingMode):
    name: ClassVar[str] = "watching"
    diary: Diary = field(compare=False)
    number: int = 1

    def start(self, now: float) -> Pacer:
        return self.diary


@pytest.mark.parametrize("hangs_up", [False, True])
def test_the_mode_is_told_once_and_at_the_moment_that_he_is_abandoned(hangs_up: bool) -> None:
    diary = Diary()
    working = engine(Watching(diary))
    answered(working)
    working.tick(START + 2)
    told = [
        ("placed", "1-1", START - 1),
        ("answered as answer", "1-1", START),
        ("ended as dropped", "1-1", START + 2),
    ]
    assert diary.told == told
    if hangs_up:
        working.ended("1-1", START + 5, CallResult.ABANDONED)
    else:
        working.completed("1-1", START + 14, None)
    assert diary.told == told


def test_a_mode_that_takes_over_is_told_of_whoever_hears_the_message() -> None:
    working = engine(Watching(Diary()))
    answered(working)
    working.tick(START + 2)
    diary = Diary()
    working.change(
        Watching(diary, 2), START + 5, ports=9, calls_per_second=9, connect_window=2, abandon_message="sorry"
    )
    assert [what for what, *_ in diary.told] == ["placed", "answered as answer", "ended as dropped"]


def test_a_message_that_is_taken_away_holds_for_the_next_call() -> None:
    working = engine()
    answered(working)
    working.tick(START + 2)
    working.change(Progressive(9), START + 3, ports=9, calls_per_second=99, connect_window=2)
    second = answered(working, 2, START + 4)
    assert working.tick(START + 6) == [HangUp("2-1"), Over(second)]
    (over,) = working.completed("1-1", START + 14, None)
    assert isinstance(over, Over)
    assert over.call.result == DROPPED


def resumed(working: Engine) -> LiveCall:
    """A call that an earlier run has given up."""
    call = LiveCall("1-1", make_record(record_id=1), START - 9)
    call.resumed = call.given_up = True
    call.answered, call.connected = START - 5, START - 3
    call.detected, call.result = ANSWER, DROPPED
    working.place(call)
    return call


def test_a_later_run_sees_the_message_to_its_end() -> None:
    diary = Diary()
    working = engine(Watching(diary))
    call = resumed(working)
    assert (working.dialed, working.in_progress) == (0, 1)
    assert working.completed("1-1", START + 1, None) == [Over(call)]
    assert (call.result, call.connected, call.ended) == (DROPPED, START - 3, START + 1)
    assert (working.dialed, diary.told) == (0, [])


def test_a_line_that_begins_anew_after_a_restart_is_told_to_play_it_again() -> None:
    working = engine(agents=1)
    call = resumed(working)
    assert working.answered_again(call, START) == [Connect("1-1", None, "sorry")]
    assert call.connected == START - 3
    assert working.completed("1-1", START + 9, None) == [Over(call)]


@given(
    agents=st.integers(0, 3),
    calls=st.lists(
        st.tuples(st.floats(0, 20), st.sampled_from([ANSWER, MACHINE]), st.floats(0.5, 30)), max_size=25
    ),
    message=st.sampled_from([None, "sorry"]),
)
def test_a_message_changes_nothing_but_how_long_the_dropped_are_on_the_line(
    agents: int, calls: list[tuple[float, CallResult, float]], message: str | None
) -> None:
    """Who is served, who is dropped and when: the same with a message as without one."""

    def played(message: str | None) -> dict[str, tuple[object, ...]]:
        working = engine(agents=agents, message=message, ports=99)
        coming = sorted((START + at, number, result) for number, (at, result, _) in enumerate(calls, 1))
        ends: dict[str, float] = {}
        kept: dict[str, tuple[object, ...]] = {}
        for number in range(1, len(calls) + 1):
            working.place(LiveCall(f"{number}-1", make_record(record_id=number), START))

        def obey(commands: list[Any], now: float) -> None:
            for command in commands:
                if isinstance(command, Connect):
                    lasts = calls[int(command.attempt_id.partition("-")[0]) - 1][2]
                    ends[command.attempt_id] = now + (lasts if command.agent_id else 7)
                elif isinstance(command, Over):
                    call = command.call
                    heard = call.given_up and call.connected is not None
                    assert heard == (
                        message is not None and (call.result, call.detected) == (DROPPED, ANSWER)
                    )
                    dropped_at = call.connected if heard else call.ended
                    when = dropped_at if call.result == DROPPED else call.connected
                    kept[call.attempt_id] = (call.result, call.agent_id, when)

        for step in range(1200):
            now = START + step / 10
            for attempt_id in [attempt_id for attempt_id, at in ends.items() if at <= now]:
                del ends[attempt_id]
                agent_id = working.calls[attempt_id].agent_id
                obey(working.completed(attempt_id, now, None), now)
                if agent_id:
                    obey(working.agent_ready(agent_id, now), now)
            while coming and coming[0][0] <= now:
                _, number, result = coming.pop(0)
                obey(working.answered(f"{number}-1", now, result, TO_AGENT), now)
            obey(working.tick(now), now)
        assert not working.calls
        return kept

    assert played(message) == played(None)


# --- a whole run -------------------------------------------------------------------------------------


POINTS = {"sorry": {"description": "seller and number", "address": "sip:sorry@example.com", "lasts": "12s"}}
TREATED = """\
ruleset: retry
results:
  - delivery: {answering_machine: agent}
treatments:
  - on: dropped
    do: [{retry_in: {interval: 1d}}]
  - on: [abandoned, answer, answering_machine, busy, no_answer, other]
    do: [finish]
"""


def overdialing(
    project: MakeProject, size: int = 500, message: str | None = "sorry", **more: Any
) -> ProjectFolder:
    """A few agents, far too many calls."""
    made = project(
        size, rules={"retry": TREATED}, mode={"power": {"calls_per_agent": 4}}, agents=6, ports=60,
        routing_points=more.pop("points", POINTS), **more,
    )  # fmt: skip
    if message:
        made.campaign["dialing_profiles"]["standard"]["abandon_message"] = message
    made.save()
    return made


def unserved(folder: ProjectFolder) -> list[tuple[Any, ...]]:
    """People who were dropped: answered, connected, ended, agent."""
    return folder.query(
        "SELECT answered, connected, ended, agent_id FROM attempts WHERE detected = ? AND call_result = ?",
        ANSWER.code, DROPPED.code,
    )  # fmt: skip


def test_everybody_who_is_dropped_hears_the_message_within_the_connect_window(project: MakeProject) -> None:
    folder = overdialing(project)
    tally = folder.run()
    found = unserved(folder)
    assert len(found) > 10
    for answered, connected, ended, agent_id in found:
        assert connected - answered == pytest.approx(2)
        assert ended - connected == pytest.approx(12)
        assert agent_id is None
    machines = folder.query(
        "SELECT count(*), count(connected) FROM attempts WHERE detected <> ? AND call_result = ?",
        ANSWER.code, DROPPED.code,
    )  # fmt: skip
    assert machines[0][0] > 0
    assert machines[0][1] == 0
    assert tally.ended == "nothing left to dial"


def test_a_routing_point_that_says_nothing_takes_as_long_as_the_announcement(project: MakeProject) -> None:
    folder = overdialing(project, points={"sorry": None}, dialer={"simulated": {"announcement": 5}})
    folder.run()
    assert {round(ended - connected, 3) for _, connected, ended, _ in unserved(folder)} == {5}


def test_every_account_of_the_abandoned_agrees(project: MakeProject, cxrun: Cxrun) -> None:
    folder = overdialing(project)
    folder.import_lists()
    run = json.loads(cxrun("-C", folder.folder, "run", "--json").out)
    silent, hung_up = (
        folder.query(
            "SELECT count(*) FROM attempts WHERE detected = ? AND call_result = ?", ANSWER.code, code
        )[0][0]
        for code in (DROPPED.code, CallResult.ABANDONED.code)
    )
    lost = silent + hung_up
    assert lost
    total = run["report"]["total"]
    assert (total["abandoned"], total["answered"]) == (lost, run["answered"])
    assert run["abandon_rate"] == pytest.approx(lost / run["answered"])

    audit = json.loads(cxrun("-C", folder.folder, "audit", "abandon", "--json").out)
    campaign = next(row for row in audit["windows"] if row["window"] == "campaign")
    assert (campaign["abandoned"], campaign["answered"]) == (lost, run["answered"])
    (heard,) = audit["unserved"]
    assert (heard["heard"], heard["silent"], heard["hung_up"]) == (silent, 0, hung_up)
    assert heard["latest"] == pytest.approx(2)

    (status,) = json.loads(cxrun("-C", folder.folder, "status", "--json").out)
    assert status["abandon_rate"] == pytest.approx(lost / run["answered"])
    assert cxrun("-C", folder.folder, "audit", "verify").code == 0


def test_audit_tells_who_heard_nothing(project: MakeProject, cxrun: Cxrun) -> None:
    folder = overdialing(project, message=None)
    folder.run()
    people = len(unserved(folder))
    out = cxrun("-C", folder.folder, "audit", "abandon").out
    assert people > 1
    assert f"whom no agent took {people} were hung up on without a word" in out
    assert "heard the message" not in out


def test_a_record_and_its_certificate_say_what_was_heard_and_how_soon(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = overdialing(project)
    folder.run(until=START + 900)
    record, attempt = folder.query(
        "SELECT record_id, attempt FROM attempts WHERE call_result = ? AND connected IS NOT NULL LIMIT 1",
        DROPPED.code,
    )[0]
    told = cxrun("-C", folder.folder, "explain", record).out
    assert "no agent, heard the abandon message 2.0 s later, for 12 s" in told
    assert "dropped: retry in 1d" in told
    (data,) = json.loads(cxrun("-C", folder.folder, "explain", record, "--json").out)
    assert [event["call"]["heard_message"] for event in data["events"] if event["call"]] == [True]

    certificate = cxrun("-C", folder.folder, "audit", "certificate", f"{record}-{attempt}")
    assert (
        "no agent took it; 2.0 s later it was connected to the message 'sorry' (seller and number)"
        in certificate.out
    )


def test_evidence_that_is_handed_over_says_it_too(project: MakeProject, cxrun: Cxrun) -> None:
    import csv

    folder = overdialing(project)
    folder.run()
    people = len(unserved(folder))
    pack = folder.folder / "march"
    cxrun("-C", folder.folder, "audit", "pack", "--since", "2026-03-01", "--until", "2026-04-01", "-o", pack)
    with (pack / "attempts.csv").open(encoding="utf-8") as stream:
        assert sum(row["connected_to"] == "message" for row in csv.DictReader(stream)) == people
    with (pack / "abandon.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["period"] == "month"]
    assert [(int(row["heard_the_message"]), int(row["message_after_2_s"])) for row in rows] == [(people, 0)]
    assert [int(row["connected_after_2_s"]) for row in rows] == [0]


def test_who_heard_the_message_has_talked_to_nobody(project: MakeProject) -> None:
    from cxrun.store.figures import history, quarters

    folder = overdialing(project)
    tally = folder.run()
    with folder.store() as store:
        found = quarters(store, 1, (ANSWER.code,), ())
        talked = sum(past.calls for past in history(store, [1]) if past.talked and past.detected == ANSWER)
    contacts = sum(quarter.contacts for quarter in found)
    assert contacts == talked == tally.answered - tally.abandoned


def test_the_message_changes_nothing_of_who_is_called_when_and_served_by_whom(project: MakeProject) -> None:
    made = []
    for message in ("sorry", None):
        folder = overdialing(project, 300, message=message, name=str(message))
        folder.run()
        made.append(
            folder.query(
                "SELECT record_id, attempt, placed, answered, agent_id, call_result FROM attempts ORDER BY 1, 2"
            )
        )
    assert made[0] == made[1]


def test_the_journal_of_a_seed_is_the_same_every_time(project: MakeProject) -> None:
    journals = []
    for name in ("one", "two"):
        folder = overdialing(project, 200, name=name)
        folder.run(seed=7)
        journals.append(folder.contents())
    assert journals[0] == journals[1]
    assert any(f",{DROPPED.code}," in line for line in journals[0])


def test_an_end_in_the_midst_of_the_message_loses_nobody(project: MakeProject, cxrun: Cxrun) -> None:
    whole = overdialing(project, 200, name="whole")
    whole.run()
    began = sorted(connected for _, connected, _, _ in unserved(whole))
    folder = overdialing(project, 200)
    folder.run(until=began[2] + 3)
    cut_off = folder.query(
        "SELECT record_id, answered, connected FROM attempts WHERE call_result = ? AND ended IS NULL",
        DROPPED.code,
    )
    assert cut_off
    folder.run()
    assert folder.query("SELECT count(*) FROM in_work") == [(0,)]
    for record, answered, connected in cut_off:
        assert folder.query(
            "SELECT answered, connected, call_result, ended IS NOT NULL, agent_id FROM attempts "
            "WHERE record_id = ? AND attempt = 1",
            record,
        ) == [(answered, connected, DROPPED.code, 1, None)]
    assert cxrun("-C", folder.folder, "audit", "verify").code == 0


# --- calls that outlive the run ----------------------------------------------------------------------


WIRE = '''
"""A line whose calls outlive the run: everybody answers after a second, and the message is long at first."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cxrun import Answered, CallResult, Completed, Dialer, hookimpl


@dataclass(frozen=True)
class Wire(Dialer):
    name: ClassVar = "wire"
    schema: ClassVar = {
        "type": "object",
        "properties": {"file": {"type": "string"}, "anew": {"type": "boolean"}},
    }

    file: str
    anew: bool

    def open(self, opening):
        return WireLine(Path(self.file), self.anew)


class WireLine:
    def __init__(self, file, anew):
        self.file = file
        self.anew = anew
        self.coming = []
        self.lasts = 3600

    def place(self, dial):
        # by then all are placed
        at = time.time() + 1
        self.coming.append(Answered(dial.attempt_id, at, CallResult.ANSWER))

    def connect(self, attempt_id, agent_id, at, destination):
        with self.file.open("a") as stream:
            stream.write(f"{attempt_id} {agent_id} {destination}\\n")
        lasts = 3600 if agent_id else self.lasts
        self.coming.append(Completed(attempt_id, time.time() + lasts, None))

    def hang_up(self, attempt_id, at):
        with self.file.open("a") as stream:
            stream.write(f"{attempt_id} hung up on\\n")

    def next_at(self):
        return min((event.at for event in self.coming), default=None)

    def events(self, until):
        due = sorted(event for event in self.coming if event.at <= until)
        self.coming = [event for event in self.coming if event.at > until]
        yield from due

    def reconcile(self, dials):
        self.lasts = 0.1
        for dial in dials:
            if self.anew:
                self.place(dial)
            else:
                self.coming.append(Completed(dial.attempt_id, time.time() + 0.1, None))
        return {dial.attempt_id for dial in dials}


@hookimpl
def register_dialers():
    return [Wire]
'''


@contextmanager
def at_work(folder: ProjectFolder) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "cxrun", "-C", str(folder.folder), "run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("anew", [False, True], ids=["goes on", "begins anew"])
def test_who_was_abandoned_stays_so_when_the_run_is_killed_in_the_message(
    project: MakeProject, cxrun: Cxrun, anew: bool
) -> None:
    lines = project().folder / "wire.log"
    folder = overdialing(
        project,
        4,
        plugins={"wire": WIRE},
        dialer={"wire": {"file": str(lines), "anew": anew}},
        calls_per_second=1000,
    )
    folder.campaign["agent_groups"]["sales"]["agents"] = 1
    folder.save()
    folder.import_lists()

    def told() -> list[str]:
        return lines.read_text().splitlines() if lines.exists() else []

    with at_work(folder) as process:
        limit = time.monotonic() + 30
        while sum("sip:sorry" in line for line in told()) < 2:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < limit, told()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    begun = folder.query(
        "SELECT record_id, answered, connected FROM attempts WHERE call_result = ? ORDER BY 1", DROPPED.code
    )
    assert len(begun) >= sum("sip:sorry" in line for line in told())
    assert folder.query("SELECT count(*) FROM in_work WHERE record_id = 1") == [(1,)]
    audit = json.loads(cxrun("-C", folder.folder, "audit", "abandon", "--json").out)
    assert audit["unserved"][0]["heard"] == len(begun)

    with at_work(folder) as process:
        limit = time.monotonic() + 30
        while folder.query("SELECT count(*) FROM in_work WHERE record_id IN (SELECT record_id FROM attempts "
                           "WHERE call_result = ?)", DROPPED.code) != [(0,)]:  # fmt: skip
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < limit, told()
            time.sleep(0.05)
        process.kill()
    for record, answered, connected in begun:
        assert folder.query(
            "SELECT answered, connected, detected, call_result, agent_id FROM attempts WHERE record_id = ?",
            record,
        ) == [(answered, connected, ANSWER.code, DROPPED.code, None)]
    heard = [line for line in told() if "sip:sorry@example.com" in line]
    # it is committed before the line is told: the last one may not have come to that
    assert len(heard) >= len(begun) * (2 if anew else 1) - 1
    assert not [line for line in told() if "hung up" in line]
    assert cxrun("-C", folder.folder, "audit", "verify").code == 0
