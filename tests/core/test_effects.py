"""Effects in whole runs: had after the commit, once for each attempt, and not at all in a simulation."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.errors import UserError

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder, Receiver, Request

    MakeProject = Callable[..., ProjectFolder]

RULES = """\
ruleset: retry
treatments:
  - on: busy
    do:
      - webhook: {url: "%s/busy", retries: 3}
      - redial: {interval: 1h, attempts: 1}
"""
BUSY = {"simulated": {"outcomes": {"busy": 1}}}


def outbox(folder: ProjectFolder) -> list[tuple[Any, ...]]:
    return folder.query("SELECT state, tries, count(*) FROM outbox GROUP BY 1, 2 ORDER BY 1, 2")


def journalled(folder: ProjectFolder) -> Counter[str]:
    return Counter(
        {event: n for event, n in folder.query("SELECT event, count(*) FROM journal GROUP BY 1 ORDER BY 1")}
    )


def test_simulation_sends_nothing_and_says_what_it_would_send(
    project: MakeProject, receiver: Receiver
) -> None:
    folder = project(10, rules={"retry": RULES % receiver.url}, dialer=BUSY)
    tally = folder.run()
    assert receiver.requests == []
    assert outbox(folder) == []
    assert tally.effects == {"would be sent": 20}
    told = folder.query(
        "SELECT DISTINCT s.state, s.text, s.name, s.line FROM journal JOIN reasons s USING (reason_id) "
        "WHERE event = 'would_send'"
    )
    assert told == [("effect", f"webhook to {receiver.url}/busy", "webhook", 5)]
    again = project(10, rules={"retry": RULES % receiver.url}, dialer=BUSY, name="again")
    again.run()
    assert folder.journal() == again.journal()


def test_each_attempt_is_told_once_and_only_after_it_is_committed(
    project: MakeProject, receiver: Receiver
) -> None:
    folder = project(30, rules={"retry": RULES % receiver.url}, dialer=BUSY)
    committed: list[bool] = []

    def look(request: Request) -> None:
        told = json.loads(request.body)["record"]
        with sqlite3.connect(folder.store_file) as db:
            found = db.execute(
                "SELECT call_result FROM attempts WHERE record_id = ? AND attempt = ?",
                (told["record_id"], told["attempt"]),
            ).fetchone()
        db.close()
        committed.append(found == (6,))

    receiver.seen = look
    tally = folder.run(send_effects=True)
    assert committed == [True] * 60
    assert len(set(receiver.keys())) == 60
    assert tally.effects == {"sent": 60}
    assert outbox(folder) == [("sent", 1, 60)]
    assert journalled(folder)["effect_sent"] == 60
    assert folder.run(send_effects=True).effects == {}
    assert len(receiver.requests) == 60


def test_body_tells_of_the_attempt_and_of_what_follows(project: MakeProject, receiver: Receiver) -> None:
    folder = project(1, rules={"retry": RULES % receiver.url}, dialer=BUSY)
    folder.run(send_effects=True)
    first, second = sorted(receiver.requests, key=lambda request: request.headers["Idempotency-Key"])
    told = json.loads(first.body)
    assert told.pop("key") == first.headers["Idempotency-Key"]
    assert first.headers["Idempotency-Key"].endswith("/1-1/retry/1.1")
    assert 1772456400 < told.pop("at") < 1772460000
    assert told == {
        "group": "all",
        "list": "people",
        "result": "busy",
        "disposition": None,
        "agent_id": None,
        "action": "dial_again",
        "reason": "redial in 1h, 1 of 1",
        "step": "retry/1.1",
        "record": {
            "record_id": 1,
            "chain_id": 1,
            "chain_n": 1,
            "attempt": 1,
            "phone": "+12125550100",
            "contact_info": "+12125550100",
            "contact_info_type": "none",
            "client_id": "C1",
            "first_name": None,
            "last_name": None,
            "company": None,
            "fields": {},
        },
    }
    assert json.loads(second.body)["action"] == "finish"


def test_receiver_that_is_busy_is_asked_again_under_the_same_key(
    project: MakeProject, receiver: Receiver
) -> None:
    folder = project(1, rules={"retry": RULES % receiver.url}, dialer=BUSY)
    receiver.answers = [503, 503]
    began = time.monotonic()
    folder.run(send_effects=True, limit=1)
    assert time.monotonic() - began > 2.9, "the waits are one second and two"
    assert len(set(receiver.keys())) == 1
    assert len({request.body for request in receiver.requests}) == 1
    assert outbox(folder) == [("sent", 3, 1)]
    assert journalled(folder)["effect_delayed"] == 2


def test_receiver_that_refuses_is_not_asked_again_and_the_run_goes_on(
    project: MakeProject, receiver: Receiver
) -> None:
    folder = project(5, rules={"retry": RULES % receiver.url}, dialer=BUSY)
    receiver.answers = [404] * 100
    tally = folder.run(send_effects=True)
    assert tally.attempts == len(receiver.requests) == 10
    assert tally.effects == {"failed": 10}
    assert tally.errors == 0
    assert outbox(folder) == [("failed", 1, 10)]


def test_run_that_is_stopped_leaves_what_waits_to_the_next(project: MakeProject, receiver: Receiver) -> None:
    folder = project(3, rules={"retry": RULES % receiver.url}, dialer=BUSY)
    receiver.answers = [503] * 3
    runs: list[Any] = []

    def stop(tally: Any) -> None:
        if tally.attempts == 3:
            runs[0].stop = True

    from cxrun import runner

    class Watched(runner.Run):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            runs.append(self)

    before, runner.Run = runner.Run, Watched  # type: ignore[misc]
    try:
        tally = folder.run(send_effects=True, watch=stop)
    finally:
        runner.Run = before  # type: ignore[misc]
    assert tally.ended == "interrupted"
    assert [state for state, _, _ in outbox(folder)] == ["waiting"]
    keys = receiver.keys()
    folder.run(send_effects=True, limit=1)
    assert set(receiver.keys()) > set(keys)
    assert Counter(receiver.keys())[keys[0]] == 2
    assert {state for state, _, _ in outbox(folder)} == {"sent"}


def test_missing_variable_is_told_before_anybody_is_dialed(project: MakeProject, receiver: Receiver) -> None:
    rules = (
        RULES % receiver.url + "      - webhook: {url: https://crm.example, headers: {A: 'x ${CRM_TOKEN}'}}\n"
    )
    folder = project(5, rules={"retry": rules}, dialer=BUSY)
    with pytest.raises(
        UserError, match="the environment variable CRM_TOKEN is not set, and webhook needs it"
    ):
        folder.run(send_effects=True)
    assert folder.query("SELECT count(*) FROM attempts") == [(0,)]
    assert folder.run().attempts == 10


def test_command_line_counts_effects_and_names_failures(
    project: MakeProject, receiver: Receiver, cxrun: Callable[..., Answer]
) -> None:
    folder = project(2, rules={"retry": RULES % receiver.url}, dialer=BUSY)
    assert "2 effects would be sent" in cxrun("-C", folder.folder, "run", "--limit", 2).out
    receiver.answers = [400]
    told = cxrun("-C", folder.folder, "run", "--send-effects")
    assert (told.code, told.err) == (0, "")
    assert "1 effect failed" in told.out
    assert "1 effect sent" in told.out
    story = cxrun("-C", folder.folder, "explain", 1).out + cxrun("-C", folder.folder, "explain", 2).out
    assert f"would have sent: webhook to {receiver.url}/busy (rulesets/retry.yaml:5 webhook)" in story
    assert f"  sent: webhook to {receiver.url}/busy" in story
    assert f"not sent: webhook to {receiver.url}/busy: answered with 400" in story


SCRIPT = """\
ruleset: retry
treatments:
  - on: busy
    do:
      - script: {command: ["%s", tell.py]}
      - redial: {interval: 1h, attempts: 1}
"""
TELL = """\
import json, os, sys, time
told = json.load(sys.stdin)
with open("started", "a") as stream:
    stream.write(os.environ["CXRUN_KEY"] + "\\n")
if os.path.exists("slow"):
    time.sleep(3)
if told["record"]["record_id"] == 3:
    sys.exit("three is too many")
"""


def started_run(folder: ProjectFolder) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cxrun", "-C", str(folder.folder), "run", "--send-effects"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_script_runs_once_for_each_attempt_and_may_fail(project: MakeProject) -> None:
    folder = project(4, rules={"retry": SCRIPT % sys.executable}, dialer=BUSY)
    folder.write("tell.py", TELL)
    tally = folder.run(send_effects=True)
    keys = (folder.folder / "started").read_text().split()
    assert len(keys) == len(set(keys)) == 8
    assert tally.effects == {"sent": 6, "failed": 2}
    failed = folder.query(
        "SELECT DISTINCT s.text FROM journal JOIN reasons s USING (reason_id) WHERE event = 'effect_failed'"
    )
    assert failed == [(f"script {sys.executable} tell.py: ended with 1: three is too many",)]


def test_script_is_never_started_twice_though_the_run_is_killed(project: MakeProject) -> None:
    folder = project(8, rules={"retry": SCRIPT % sys.executable}, dialer=BUSY)
    folder.write("tell.py", TELL)
    slow = folder.write("slow", "")
    started = folder.folder / "started"
    run = started_run(folder)
    wait_for(lambda: started.exists() and len(started.read_text().split()) >= 2)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    slow.unlink()
    tally = folder.run(send_effects=True)
    keys = started.read_text().split()
    assert len(keys) == len(set(keys))
    states = dict(folder.query("SELECT state, count(*) FROM outbox GROUP BY 1"))
    assert 2 <= states["unknown"] <= 8, "no more than were under way"
    assert sum(states.values()) == folder.query("SELECT count(*) FROM attempts")[0][0] == 16
    assert tally.effects["unknown"] == states["unknown"] == journalled(folder)["effect_unknown"]
    assert states["sent"] + states["failed"] <= len(keys)


def test_webhook_left_by_a_run_that_was_killed_is_sent_again_under_its_key(
    project: MakeProject, receiver: Receiver
) -> None:
    folder = project(8, rules={"retry": RULES % receiver.url}, dialer=BUSY)
    released = threading.Event()
    receiver.seen = lambda request: (released.wait(30) and None) or None
    run = started_run(folder)
    try:
        wait_for(lambda: len(receiver.requests) == 8)  # as many as are sent at once
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    finally:
        released.set()
    before = receiver.keys()
    folder.run(send_effects=True)
    counted = Counter(receiver.keys())
    assert {key for key, count in counted.items() if count > 1} == set(before), "only what was under way"
    assert max(counted.values()) == 2
    assert len(counted) == folder.query("SELECT count(*) FROM attempts")[0][0] == 16
    assert {state for state, _, _ in outbox(folder)} == {"sent"}


REAL = '''
"""A dialer of the real world in which every line is busy."""

from dataclasses import dataclass
from typing import ClassVar

from cxrun import CallResult, Dialer, Ended, Line, hookimpl


class Busy(Line):
    def __init__(self):
        self.over = []

    def place(self, dial):
        self.over.append(Ended(dial.attempt_id, dial.at, CallResult.BUSY))

    def events(self, until):
        over, self.over = self.over, []
        return over

    def reconcile(self, dials):
        return set()


@dataclass(frozen=True)
class Real(Dialer):
    name: ClassVar = "real"

    def open(self, opening):
        return Busy()


@hookimpl
def register_dialers():
    return [Real]
'''


def test_real_run_sends_without_being_asked(project: MakeProject, receiver: Receiver) -> None:
    folder = project(
        6, rules={"retry": RULES % receiver.url}, dialer={"real": {}}, plugins={"real": REAL},
        mode={"power_ivr": {"calls_per_minute": 6000, "max_in_progress": 10}},
    )  # fmt: skip
    tally = folder.run(wall=True, limit=6)
    assert tally.effects == {"sent": 6}
    assert len(set(receiver.keys())) == 6


BAD = '''
"""A treatment that announces an effect it does not have."""

from dataclasses import dataclass
from typing import ClassVar

from cxrun import Effect, Treatment, hookimpl


@dataclass(frozen=True)
class Boast(Treatment):
    name: ClassVar = "boast"

    def apply(self, call):
        return Effect("boast")


@hookimpl
def register_treatments():
    return [Boast]
'''


def test_treatment_that_fails_to_send_is_named(project: MakeProject) -> None:
    rules = "ruleset: retry\ntreatments: [{on: busy, do: [boast: ]}]\n"
    folder = project(1, rules={"retry": rules}, dialer=BUSY, plugins={"boast": BAD})
    assert folder.run(send_effects=True).effects == {"failed": 1}
    told = folder.query("SELECT text, name FROM reasons WHERE text LIKE 'boast:%'")
    assert told == [("boast: plugin error: NotImplementedError: ", "boast")]


def test_two_stores_never_use_the_same_key(project: MakeProject, receiver: Receiver, tmp_path: Path) -> None:
    for name in ("first", "second"):
        project(1, rules={"retry": RULES % receiver.url}, dialer=BUSY, name=name).run(send_effects=True)
    assert len(set(receiver.keys())) == 4
