"""The attempt protocol under fire: runs are killed, stopped, frozen and doubled, and nothing may come of it.

`CXRUN_KILL_ROUNDS` sets how often each project is killed, `CXRUN_KILL_SEED` when.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

ROUNDS = int(os.environ.get("CXRUN_KILL_ROUNDS", "25"))
SEED = os.environ.get("CXRUN_KILL_SEED", "1")

QUICK = "from cxrun.work import Work; Work.poll = 0.3; from cxrun.cli import main; main()"
"""`cxrun`, but with a shorter wait between two looks for what has become due."""

FROZEN = f"""
import sys, time
from pathlib import Path
import cxrun.ledger

alone, placed = cxrun.ledger.Ledger.alone, []

def held(self):
    while placed and (Path(sys.argv[2]) / "hold").exists():
        time.sleep(0.01)
    placed.append(self)
    return alone(self)

cxrun.ledger.Ledger.alone = held
{QUICK}
"""
"""The same, but it stands still after its first call while there is a file `hold` in the project."""

WIRE = '''
"""A line that writes every call it places to a file before anything else; its calls outlive the run."""

import heapq
import os
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import ClassVar

from cxrun import AgentReady, Answered, CallResult, Completed, Dialer, Ended, hookimpl


@dataclass(frozen=True)
class Wire(Dialer):
    name: ClassVar = "wire"
    external: ClassVar = True
    schema: ClassVar = {
        "type": "object",
        "additionalProperties": False,
        "required": ["file"],
        "properties": {
            "file": {"type": "string"},
            "remembers": {"type": "boolean"},
            "slow": {"type": "number"},
            "callback": {"type": "number"},
        },
    }

    file: str
    remembers: bool = True
    slow: float = 0
    callback: float = 0

    def open(self, opening):
        return WireLine(Path(self.file), self.remembers, opening.seed, self.slow, self.callback)


class WireLine:
    def __init__(self, file, remembers, seed, slow, callback):
        self.slow = slow
        self.callback = callback
        self.file = file
        self.remembers = remembers
        self.seed = seed
        self.heap = []
        self.gone = set()

    def place(self, dial):
        hold = self.file.with_suffix(".hold")
        stream = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        said = f"{dial.attempt_id} {time.time()!r} {os.getpid()} {dial.record.phone}"
        os.write(stream, said.encode() + b"\\n")
        os.fsync(stream)
        os.close(stream)
        while hold.exists():
            time.sleep(0.01)
        time.sleep(self.slow)
        self.expect(dial)

    def expect(self, dial):
        luck = Random(f"{self.seed}:{dial.attempt_id}")
        at = time.time() + luck.uniform(0.01, 0.15)
        result = luck.choice(["answer", "answer", "busy", "no_answer", "no_answer"])
        if result == "answer":
            self.push(at, Answered(dial.attempt_id, at, CallResult.ANSWER))
        else:
            self.push(at, Ended(dial.attempt_id, at, CallResult[result.upper()]))

    def push(self, at, event):
        heapq.heappush(self.heap, (at, len(self.gone) + len(self.heap), repr(event), event))

    def connect(self, attempt_id, agent_id, at, destination):
        callback = None
        if self.callback and int(attempt_id.partition("-")[2]) < 3 and Random(attempt_id).random() < 0.6:
            callback = at + 0.1 + Random(attempt_id).uniform(0, self.callback)
        self.push(at + 0.1, Completed(attempt_id, at + 0.1, None, callback))
        if agent_id is not None:
            self.push(at + 0.15, AgentReady(agent_id, at + 0.15))

    def hang_up(self, attempt_id, at):
        self.gone.add(attempt_id)

    def next_at(self):
        return self.heap[0][0] if self.heap else None

    def events(self, until):
        while self.heap and self.heap[0][0] <= until:
            event = heapq.heappop(self.heap)[3]
            if getattr(event, "attempt_id", None) not in self.gone:
                yield event

    def reconcile(self, dials):
        if not self.remembers or not self.file.exists():
            return set()
        placed = {line.split()[0] for line in self.file.read_text().splitlines()}
        known = [dial for dial in dials if dial.attempt_id in placed]
        for dial in known:
            self.expect(dial)
        return {dial.attempt_id for dial in known}


@hookimpl
def register_dialers():
    return [Wire]
'''

SLOW = '''
"""A filter that passes everything, slowly: a run lasts long enough to be killed in the middle."""

import time
from dataclasses import dataclass
from typing import ClassVar

from cxrun import PASS, Filter, hookimpl


@dataclass(frozen=True)
class Slow(Filter):
    name: ClassVar = "slow"

    def check(self, moment):
        time.sleep(0.0015)
        return PASS


@hookimpl
def register_filters():
    return [Slow]
'''

RULES = """\
ruleset: retry
filters:
  - attempts: {at_most: 8, within: 24h}
  - suppression:
treatments:
  - on: busy
    do: [{redial: {interval: 0, attempts: 1}}, {next_in_chain: }]
  - on: [no_answer, dropped]
    do: [{next_in_chain: }]
  - on: answer
    do: [{finish: }]
"""
SLOW_RULES = """\
ruleset: retry
filters:
  - slow:
  - attempts: {at_most: 8, within: 24h}
treatments:
  - on: busy
    do: [{redial: {interval: 30m, attempts: 2}}, {next_in_chain: }]
  - on: [no_answer, dropped, answering_machine]
    do: [{next_in_chain: {attempts: 2}}, {retry_in: {interval: 1h, attempts: 1}}]
  - on: answer
    do: [{finish: }]
"""


class Wired:
    """A project on the wire, and the runs of it."""

    def __init__(self, project: ProjectFolder) -> None:
        self.project = project
        self.started: list[subprocess.Popen[str]] = []

    @property
    def wire_file(self) -> Path:
        return self.project.folder / "wire.log"

    def wire(self) -> list[tuple[str, float, int, str]]:
        """What went over the wire: attempt id, time, process, number."""
        if not self.wire_file.exists():
            return []
        lines = [line.split() for line in self.wire_file.read_text().splitlines()]
        return [(attempt_id, float(at), int(pid), phone) for attempt_id, at, pid, phone in lines]

    def start(self, *arguments: str, script: str = QUICK) -> subprocess.Popen[str]:
        """Begin `cxrun run` in a process of its own."""
        command = [sys.executable, "-c", script, "-C", str(self.project.folder), "run", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        return process

    def wait_for_calls(self, count: int, seconds: float = 20) -> None:
        """Wait until that many calls are on the wire."""
        limit = time.monotonic() + seconds
        while len(self.wire()) < count:
            assert time.monotonic() < limit, f"only {len(self.wire())} of {count} calls after {seconds} s"
            time.sleep(0.01)

    def wait_for_calls_of(self, process: subprocess.Popen[str], count: int) -> None:
        """Wait until a process has placed that many calls."""
        limit = time.monotonic() + 20
        while sum(pid == process.pid for _, _, pid, _ in self.wire()) < count:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < limit
            time.sleep(0.005)

    def finish(self) -> None:
        """Run to the end."""
        process = self.start()
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err


@pytest.fixture
def at_work() -> Iterator[Callable[[ProjectFolder], Wired]]:
    """Runs of imported projects; processes that still run at the end of the test are ended."""
    made: list[Wired] = []

    def make(folder: ProjectFolder) -> Wired:
        folder.import_lists()
        made.append(Wired(folder))
        return made[-1]

    yield make
    for item in made:
        for process in item.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def wired(
    project: Callable[..., ProjectFolder], at_work: Callable[[ProjectFolder], Wired], tmp_path: Path
) -> Callable[..., Wired]:
    """A factory of projects on the wire."""

    def make(
        size: int = 150,
        devices: int = 2,
        remembers: bool = True,
        rules: str = RULES,
        line: Mapping[str, object] | None = None,
        callbacks: Mapping[str, object] | None = None,
        **settings: object,
    ) -> Wired:
        file = str(tmp_path / "calls" / "wire.log")
        folder = project(
            size,
            devices,
            rules={"retry": rules},
            plugins={"wire": WIRE},
            dialer={"wire": {"file": file, "remembers": remembers, **(line or {})}},
            mode={"progressive": {"lines_per_agent": 2}},
            **{"agents": 8, "calls_per_second": 40, **settings},
        )
        if callbacks:
            folder.campaign["dialing_profiles"]["standard"]["callbacks"] = callbacks
            folder.save()
        return at_work(folder)

    return make


def places(project: ProjectFolder) -> Counter[str]:
    """How many records are in which place."""
    return Counter(row[0] for row in project.query("SELECT place FROM record_states"))


def assert_whole(project: ProjectFolder) -> None:
    """Every record is in exactly one place, attempts are without gaps, and the journal is one valid chain."""
    size = project.query("SELECT count(*) FROM records")[0][0]
    found = [row[0] for row in project.query("SELECT record_id FROM record_states ORDER BY 1")]
    assert found == list(range(1, size + 1))
    counted = project.query(
        "SELECT s.record_id, s.attempt, count(a.attempt), coalesce(max(a.attempt), 0) FROM record_states s "
        "LEFT JOIN attempts a USING (record_id) GROUP BY 1, 2"
    )
    assert [row for row in counted if len(set(row[1:])) > 1] == []
    digests = [bytes(row[0]) for row in project.query("SELECT digest FROM journal ORDER BY seq")]
    head = bytes(32)
    for line, digest in zip(project.contents(), digests, strict=True):
        head = hashlib.sha256(head + line.encode()).digest()
        assert head == digest, line


def lost(project: ProjectFolder) -> list[tuple[int, int]]:
    return [
        (row[0], row[1])
        for row in project.query("SELECT record_id, attempt FROM journal WHERE event = 'lost'")
    ]


def assert_protocol_kept(wired: Wired) -> None:
    """At most once on the wire, exactly once in the store."""
    project = wired.project
    assert_whole(project)
    on_wire = Counter(attempt_id for attempt_id, *_ in wired.wire())
    assert [attempt_id for attempt_id, times in on_wire.items() if times > 1] == []
    stored = {f"{row[0]}-{row[1]}" for row in project.query("SELECT record_id, attempt FROM attempts")}
    assert set(on_wire) <= stored
    assert stored - set(on_wire) <= {f"{record}-{attempt}" for record, attempt in lost(project)}


def kill_until_done(wired: Wired, chance: random.Random, begun: Callable[[], int]) -> int:
    """Kill the run `ROUNDS` times some time after it has begun to write, then let it end; returns the kills."""
    kills = 0
    for _ in range(ROUNDS):
        before = begun()
        process = wired.start()
        limit = time.monotonic() + 20
        while begun() == before and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.25))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        assert_whole(wired.project)
    wired.finish()
    return kills


@pytest.mark.parametrize("remembers", [True, False], ids=["knows its calls", "knows nothing"])
def test_a_killed_run_dials_nothing_twice_and_loses_nothing(
    wired: Callable[..., Wired], remembers: bool
) -> None:
    run = wired(ROUNDS * 7, 2, remembers)
    size = run.wire_file.stat
    kills = kill_until_done(
        run, random.Random(f"{SEED}:{remembers}"), lambda: size().st_size if run.wire_file.exists() else 0
    )
    assert kills >= ROUNDS * 0.9, "the run was over before it could be killed often enough"
    assert_protocol_kept(run)
    assert set(places(run.project)) == {"closed"}
    if not remembers:
        assert lost(run.project), "kills that cut off no call prove nothing"


def test_whoever_was_abandoned_stays_so_however_often_the_run_is_killed(wired: Callable[..., Wired]) -> None:
    run = wired(ROUNDS * 6, 1, agents=1, routing_points={"sorry": None})
    profile = run.project.campaign["dialing_profiles"]["standard"]
    profile |= {
        "connect_window": "0.05s",
        "abandon_message": "sorry",
        "mode": {"power": {"calls_per_agent": 8}},
    }
    run.project.save()
    begun: set[tuple[int, int, float, float]] = set()

    def heard(ended: str) -> set[tuple[int, int, float, float]]:
        rows = run.project.query(
            f"SELECT record_id, attempt, answered, connected FROM attempts WHERE call_result = 26 AND {ended}"
        )
        return {(row[0], row[1], row[2], row[3]) for row in rows}

    def on_wire() -> int:
        begun.update(heard("ended IS NULL"))
        return len(run.wire())

    kill_until_done(run, random.Random(f"{SEED}:sorry"), on_wire)
    assert_protocol_kept(run)
    assert begun, "kills that cut off no message prove nothing"
    assert begun <= heard("ended IS NOT NULL AND agent_id IS NULL AND detected = 33")
    assert verified(run.project)


def verified(project: ProjectFolder) -> bool:
    """Whether all tables agree with the journal."""
    from cxrun.auditing.verifying import verify

    with project.store() as store:
        return verify(store).sound


def test_a_lost_call_is_journalled_closed_and_not_dialed_again(wired: Callable[..., Wired]) -> None:
    run = wired(25, 1, remembers=False)
    process = run.start()
    run.wait_for_calls(10)
    process.kill()
    process.wait()
    cut_off = run.project.query("SELECT record_id, attempt FROM in_work")
    assert cut_off
    run.finish()
    assert sorted(lost(run.project)) == sorted(cut_off)
    on_wire = Counter(attempt_id.partition("-")[0] for attempt_id, *_ in run.wire())
    for record, attempt in cut_off:
        assert run.project.query("SELECT attempt, call_result FROM closed WHERE record_id = ?", record) == [
            (attempt, 28)
        ]
        assert on_wire[str(record)] <= attempt


def test_calls_the_dialer_remembers_are_settled_after_a_kill(wired: Callable[..., Wired]) -> None:
    run = wired(25, 1)
    process = run.start()
    run.wait_for_calls(10)
    process.kill()
    process.wait()
    cut_off = {
        f"{record}-{attempt}"
        for record, attempt in run.project.query("SELECT record_id, attempt FROM in_work")
    }
    placed = {attempt_id for attempt_id, *_ in run.wire()}
    run.finish()
    assert {f"{record}-{attempt}" for record, attempt in lost(run.project)} == cut_off - placed
    assert run.project.query("SELECT count(*) FROM attempts WHERE call_result = 28 AND ended IS NULL") == [
        (0,)
    ]


def test_a_killed_simulation_loses_nothing(
    project: Callable[..., ProjectFolder], at_work: Callable[[ProjectFolder], Wired]
) -> None:
    folder = project(max(700, ROUNDS * 30), 2, rules={"retry": SLOW_RULES}, plugins={"slow": SLOW}, agents=20)
    run = at_work(folder)

    def journalled() -> int:
        return int(
            folder.query("SELECT coalesce(max(seq), 0) + (SELECT count(*) FROM runs) FROM journal")[0][0]
        )

    kills = kill_until_done(run, random.Random(f"{SEED}:simulated"), journalled)
    assert kills >= ROUNDS * 0.9, "the run was over before it could be killed often enough"
    assert set(places(folder)) == {"closed"}
    assert_whole(folder)
    assert folder.query("SELECT count(*) FROM attempts WHERE ended IS NULL") == [(0,)]


@pytest.mark.parametrize("kind", ["wire", "simulated"])
def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(
    wired: Callable[..., Wired],
    project: Callable[..., ProjectFolder],
    at_work: Callable[[ProjectFolder], Wired],
    kind: str,
) -> None:
    if kind == "wire":
        run = wired(30, 2)
    else:
        run = at_work(project(500, 2, rules={"retry": SLOW_RULES}, plugins={"slow": SLOW}, name="simulation"))
    process = run.start()
    if kind == "wire":
        run.wait_for_calls(20)
    else:
        # the first commit after a dial: the run is at work and listens for signals
        while not run.project.query("SELECT 1 FROM attempts"):
            assert process.poll() is None
            time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, out + err
    assert "goes on from here" in err
    assert "interrupted" in out
    assert_whole(run.project)
    assert "waiting" in places(run.project), "the run was over before it was interrupted"
    run.finish()
    assert_protocol_kept(run) if kind == "wire" else assert_whole(run.project)
    assert places(run.project) == {"closed": run.project.query("SELECT count(*) FROM records")[0][0]}
    if kind == "wire":
        assert lost(run.project) == []


def test_a_second_run_is_refused_while_one_is_alive(wired: Callable[..., Wired]) -> None:
    run = wired(1000, 1)
    first = run.start()
    run.wait_for_calls(5)
    second = run.start()
    out, err = second.communicate(timeout=60)
    assert second.returncode == 3, out + err
    assert f"process {first.pid}" in err
    assert first.poll() is None
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert all(pid == first.pid for _, _, pid, _ in run.wire())


def freeze(run: Wired, process: subprocess.Popen[str]) -> None:
    """Stop a run where it does not hold the store; one that does keeps it until it goes on or is killed."""
    for _ in range(1000):
        process.send_signal(signal.SIGSTOP)
        with closing(sqlite3.connect(run.project.store_file, isolation_level=None, timeout=0.05)) as store:
            try:
                store.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                time.sleep(0.005)
    raise AssertionError("the run never lets go of the store")


def take_over(run: Wired) -> subprocess.Popen[str]:
    """Let another run take the lease of one that seems dead."""
    with run.project.store() as store:
        store.connection.execute("UPDATE lease SET renewed = renewed - 1000")
    heir = run.start()
    run.wait_for_calls_of(heir, 3)
    return heir


def test_a_zombie_places_no_call_after_the_take_over(wired: Callable[..., Wired]) -> None:
    for attempt in range(2):
        run = wired(40, 1, remembers=bool(attempt % 2))
        for file in (run.wire_file, run.project.store_file):
            file.unlink(missing_ok=True)
        run.project.import_lists()
        zombie = run.start()
        run.wait_for_calls(4 + 5 * attempt)
        freeze(run, zombie)
        heir = take_over(run)
        taken_over_at = time.time()
        zombie.send_signal(signal.SIGCONT)
        _, err = zombie.communicate(timeout=20)
        assert zombie.returncode == 3, err
        assert "taken over" in err
        assert [at for _, at, pid, _ in run.wire() if pid == zombie.pid and at > taken_over_at] == []
        heir.send_signal(signal.SIGINT)
        heir.communicate(timeout=20)
        run.finish()
        assert_protocol_kept(run)


def test_a_zombie_frozen_between_two_dials_of_one_batch_places_no_further(
    wired: Callable[..., Wired],
) -> None:
    run = wired(30, 1, remembers=False, calls_per_second=1000)
    hold = run.project.folder / "hold"
    hold.touch()
    zombie = run.start(script=FROZEN)
    run.wait_for_calls(1)
    assert run.project.query("SELECT count(*) FROM in_work")[0][0] > 1
    with run.project.store() as store:
        store.connection.execute("UPDATE lease SET renewed = renewed - 1000")
    heir = run.start()
    limit = time.monotonic() + 20
    while run.project.query("SELECT epoch FROM lease") == [(1,)] and time.monotonic() < limit:
        time.sleep(0.01)
    hold.unlink()
    _, err = zombie.communicate(timeout=20)
    assert zombie.returncode == 3, err
    heir.communicate(timeout=60)
    assert sum(pid == zombie.pid for _, _, pid, _ in run.wire()) == 1
    assert_protocol_kept(run)


# --- requests from other processes ---------------------------------------------------------------------

ASKING = """
import json, sys, time
from contextlib import contextmanager
from pathlib import Path

import cxrun.store.database as database
from cxrun.cli import run

folder, wire, command = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
committed = []
transaction = database.Store.transaction


@contextmanager
def timed(self):
    with transaction(self):
        yield
    committed.append(time.time())


database.Store.transaction = timed
import sqlite3
reader = sqlite3.connect(f"file:{folder / 'cxrun.db'}?mode=ro", uri=True, isolation_level=None)
asked = set()
while reader.execute("SELECT pid FROM lease").fetchone() != (0,):
    claimed = reader.execute("SELECT record_id, phone FROM in_work JOIN records USING (record_id)").fetchall()
    waiting = reader.execute(
        "SELECT record_id, phone FROM queue JOIN records USING (record_id) ORDER BY due, record_id LIMIT 20"
    ).fetchall()
    said = wire.read_text() if wire.exists() else ""
    fresh = [row for row in (*claimed[::-1], *waiting) if row not in asked and f"{row[0]}-" not in said]
    if not said or not fresh:
        time.sleep(0.002)
        continue
    record_id, phone = fresh[0]
    asked.add(fresh[0])
    committed.clear()
    code = run(["-C", str(folder), *(part.format(record=record_id, phone=phone) for part in command)])
    assert code == 0, code
    print(json.dumps([record_id, phone, committed[0]]), file=sys.stderr, flush=True)
"""
"""Ask for one record after the other, preferably of those that are claimed and not dialed yet; tell when."""


@pytest.mark.parametrize(
    ("command", "fate"),
    [
        (("dnc", "add", "{phone}"), ("closed", 3)),
        (("dnc", "add", "{phone}", "--since", "2020-01-01"), ("waiting", 1)),
        (("cancel", "{record}", "--as", "record"), ("closed", 5)),
    ],
    ids=["do not call", "a suppression entry", "cancel"],
)
def test_no_dial_starts_after_a_request_is_committed(
    wired: Callable[..., Wired], command: tuple[str, ...], fate: tuple[str, int]
) -> None:
    run = wired(
        ROUNDS * 40, 1, line={"slow": 0.004}, agents=40, calls_per_second=1000,
        rules=RULES.replace("  - attempts: {at_most: 8, within: 24h}\n", ""),
    )  # fmt: skip
    process = run.start()
    run.wait_for_calls(5)
    asking = subprocess.run(
        [sys.executable, "-c", ASKING, str(run.project.folder), str(run.wire_file), *command],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert asking.returncode == 0, asking.stderr
    asked = {row[1]: row[2] for row in map(json.loads, asking.stderr.splitlines())}
    assert len(asked) >= ROUNDS, "too few requests to prove anything"
    late = [
        (attempt_id, at - asked[phone])
        for attempt_id, at, _, phone in run.wire()
        if phone in asked and at > asked[phone]
    ]
    assert late == []
    released = run.project.query("SELECT count(*) FROM journal WHERE event = 'released'")[0][0]
    assert released, "no request came between the claim and the dial of its record"
    assert_protocol_kept(run)
    found = run.project.query(
        "SELECT r.phone, s.place, s.record_status FROM record_states s JOIN records r USING (record_id)"
    )
    dialed = {phone for _, _, _, phone in run.wire()}
    assert {row[1:] for row in found if row[0] in asked and row[0] not in dialed} == {fate}
    assert {row[1] for row in found if row[0] not in asked} == {"closed"}
    assert run.project.query("SELECT * FROM requests") == []


CALLBACK_RULES = """\
ruleset: retry
filters:
  - suppression:
treatments:
  - on: busy
    do: [{redial: {interval: 0, attempts: 1}}, {next_in_chain: }]
  - on: agent_callback_error
    do: [{retry_in: {interval: 1s}}]
  - on: [no_answer, dropped]
    do: [{next_in_chain: {attempts: 2}}]
  - on: answer
    do: [{finish: }]
"""


@pytest.mark.parametrize("remembers", [True, False], ids=["knows its calls", "knows nothing"])
def test_a_killed_run_keeps_callbacks_chains_and_requests(
    wired: Callable[..., Wired], cxrun: Callable[..., Answer], remembers: bool
) -> None:
    run = wired(
        ROUNDS * 10, 2, remembers, rules=CALLBACK_RULES, line={"callback": 1.5},
        callbacks={"tolerance": "1s", "missed": "retry", "times": 2},
    )  # fmt: skip
    chance = random.Random(f"{SEED}:callbacks:{remembers}")
    kills, asked, size = 0, {}, ROUNDS * 10
    for round_ in range(ROUNDS):
        before = len(run.wire())
        process = run.start()
        limit = time.monotonic() + 20
        while len(run.wire()) == before and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.2))
        client = chance.randrange(1, size + 1)
        command = ("cancel", f"C{client}") if round_ % 2 else ("dnc", "add", "--client", f"C{client}")
        answer = cxrun("-C", run.project.folder, *command)
        assert answer.code == 0, answer
        asked.setdefault(client, time.time())
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        assert_whole(run.project)
    run.finish()
    assert kills >= ROUNDS * 0.9, "the run was over before it could be killed often enough"
    assert_protocol_kept(run)
    assert set(places(run.project)) == {"closed"}
    assert run.project.query("SELECT * FROM requests") == []
    happened = Counter(row[0] for row in run.project.query("SELECT event FROM journal"))
    assert happened["callback_promised"], "no callback was promised"
    clients = dict(
        run.project.query("SELECT record_id, client_id FROM records JOIN contacts_1 USING (chain_id)")
    )
    for attempt_id, at, _, _ in run.wire():
        client = int(clients[int(attempt_id.partition("-")[0])][1:])
        assert at <= asked.get(client, at), attempt_id
    callbacks = run.project.query(
        "SELECT j.due, (SELECT min(placed) FROM attempts a WHERE a.record_id = j.record_id AND a.attempt > j.attempt) "
        "FROM journal j WHERE event = 'callback_promised'"
    )
    assert [row for row in callbacks if row[1] is not None and row[1] < row[0]] == []
