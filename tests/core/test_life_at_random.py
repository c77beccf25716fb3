"""The life of records walked at random, through the real store and through whole runs; what must always hold."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cxrun import life
from cxrun.calls import LiveCall
from cxrun.chain import waiting
from cxrun.elements import (
    AssignToGroup,
    Call,
    Defer,
    DialAgain,
    DialNext,
    Exclude,
    Finish,
    MarkAgentError,
    Reschedule,
    Suppress,
    Treatment,
    UpdateChain,
)
from cxrun.errors import Mark
from cxrun.ledger import Ledger
from cxrun.model import ASLEEP, IN_CHAIN, NEVER, PRIORITY, CallResult, Reason, Record, RecordStatus
from cxrun.pipeline import GiveWay, Pipeline, Settlement
from cxrun.ruleset import Ruleset, Step, TreatmentRule
from cxrun.store import Store
from cxrun.store.queue import Queue, look_again
from cxrun.store.reading import reasons
from cxrun.yamlfile import Document

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

READY, RETRIEVED, CHAIN_READY = (int(RecordStatus[name]) for name in ("READY", "RETRIEVED", "CHAIN_READY"))
DEVICES = {1: 1, 2: 2, 4: 0}


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    return store.connection.execute(sql).fetchall()


def check(store: Store) -> None:
    """What must hold of any store between two transactions."""
    missed = int(RecordStatus.MISSED_CALLBACK)
    assert not rows(
        store,
        "SELECT chain_id FROM (SELECT record_id FROM in_work UNION ALL "
        f"SELECT record_id FROM queue WHERE priority > {ASLEEP}) JOIN records USING (record_id) "
        "GROUP BY chain_id HAVING count(*) > 1",
    ), "a chain has two records in work or next"
    assert not rows(store, "SELECT record_id FROM record_states GROUP BY record_id HAVING count(*) > 1"), (
        "a record is in two places"
    )
    ((records, placed),) = rows(
        store, "SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM record_states)"
    )
    assert records == placed, "a record is lost"
    for (list_id,) in rows(store, "SELECT list_id FROM lists"):
        ((size,),) = rows(store, f"SELECT count(*) FROM records WHERE list_id = {list_id}")
        assert sum(counted.records for counted in reasons(store, list_id)) == size, "reasons do not add up"
    statuses = {place: set(map(int, found.split(","))) for place, found in rows(
        store, "SELECT place, group_concat(DISTINCT record_status) FROM record_states GROUP BY place"
    )}  # fmt: skip
    assert statuses.get("waiting", set()) <= {READY, CHAIN_READY, missed}
    assert statuses.get("in work", set()) <= {RETRIEVED}
    assert statuses.get("closed", set()) <= {*life.FINAL, missed}
    assert not rows(
        store,
        "SELECT s.record_id FROM record_states s LEFT JOIN attempts a USING (record_id) "
        "GROUP BY s.record_id HAVING count(a.attempt) <> s.attempt OR coalesce(max(a.attempt), 0) <> s.attempt",
    ), "an attempt is not written down, or counted twice"
    assert not rows(
        store,
        "SELECT chain_id FROM record_states JOIN records USING (record_id) GROUP BY chain_id "
        "HAVING sum(place <> 'closed') > 0 AND "
        f"sum(place = 'in work' OR (place = 'waiting' AND (priority > {ASLEEP} OR due = {NEVER}))) = 0",
    ), "a chain waits for nothing"


def states(store: Store) -> dict[int, tuple[Any, ...]]:
    """Each record's place, status, type, result and attempts."""
    found = rows(
        store, "SELECT record_id, place, record_status, record_type, call_result, attempt FROM record_states"
    )
    return {row[0]: row[1:] for row in found}


@dataclass(frozen=True)
class Told(Treatment):
    """Answers what it is told to."""

    name: ClassVar[str] = "told"
    answer: list[Any] = field(default_factory=list)

    def apply(self, call: Call) -> Any:
        return self.answer[0]


class Life(RuleBasedStateMachine):
    """Records are looked at, dialed and settled in any order; the process dies, and the rules change."""

    template: Path
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.file = self.template.with_name(f"walk{next(self.numbers)}.db")
        shutil.copy(self.template, self.file)
        self.told = Told()
        step = Step("told", self.told, None, Mark("r.yaml"), (), {})
        every = TreatmentRule(
            frozenset(int(r) for r in CallResult), True, frozenset({"D"}), None, (step,), step.mark, ()
        )
        rules = Ruleset("r", "", False, (), (), (every,), Document("r.yaml", {}, {}, []))
        self.pipeline = Pipeline([rules])
        self.devices: dict[int, int] | None = None
        self.now = 1000.0
        self.open()
        self.before = states(self.store)
        self.seq = 0

    def open(self) -> None:
        self.store = Store(self.file)
        self.store.take_lease()
        self.ledger = Ledger(self.store)
        self.queue = Queue(self.store, 1, [])
        self.calls: list[LiveCall] = []

    def teardown(self) -> None:
        self.store.close()
        for file in self.file.parent.glob(f"{self.file.name}*"):
            file.unlink()

    def sleeping(self, record: Record) -> list[Record]:
        return self.queue.members([record.chain_id]).get(record.chain_id, []) if record.chain_size > 1 else []

    def next(self, pick: int) -> Record | None:
        due = [
            r for rank in sorted(set(PRIORITY.values())) for r in self.queue.due(rank, self.now, (-1, -1), 99)
        ]
        return due[pick % len(due)] if due else None

    @rule(seconds=st.sampled_from([1, 60, 100_000]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(
        pick=st.integers(0, 20), how=st.sampled_from(["dial", "dial", "dial", "defer", "exclude", "give way"])
    )
    def look_at_one(self, pick: int, how: str) -> None:
        record = self.next(pick)
        if record is None:
            return
        sleeping = self.sleeping(record)
        if how == "dial":
            call = LiveCall("x", life.attempted(record, self.now), self.now)
            self.calls.append(call)
            self.ledger.commit(self.now, [call])
            return
        if how == "defer":
            later = life.deferred(record, Defer(self.now + 50, "later"), self.now)
            self.ledger.defer(record, later, Reason("deferred", "later"), self.now)
        elif how == "exclude":
            change = life.excluded(record, sleeping, Exclude("never"), self.now, self.devices)
            self.ledger.exclude(record, sleeping, change, Reason("excluded", "never"), self.now)
        elif others := waiting(record, sleeping, self.devices):
            change = life.gave_way(record, GiveWay(others[0], "first"), self.now)
            self.ledger.exclude(record, sleeping, change, Reason("chained", "first"), self.now)
        self.ledger.commit(self.now)

    @precondition(lambda self: self.calls)
    @rule(
        pick=st.integers(0, 20),
        result=st.sampled_from([CallResult.BUSY, CallResult.ANSWER, CallResult.DIAL_ERROR]),
        disposition=st.sampled_from([None, "D"]),
        action=st.sampled_from(
            [
                lambda at: DialAgain(at, "again"),
                lambda at: DialNext(at, "next"),
                lambda at: DialNext(at, "next", more_passes=True),
                lambda at: DialNext(at, "anew", new_pass=True, more_passes=True),
                lambda at: Reschedule(at, "moved"),
                lambda at: AssignToGroup(at, "group"),
                lambda at: Finish("finish"),
                lambda at: Suppress("no more", "dnc", client=True),
                lambda at: UpdateChain("update chain"),
                lambda at: MarkAgentError("agent error"),
                lambda at: None,
                lambda at: "nonsense",
            ]
        ),
    )
    def a_call_is_over(self, pick: int, result: CallResult, disposition: str | None, action: Any) -> None:
        self.told.answer[:] = [action(self.now + 60)]
        call = self.calls.pop(pick % len(self.calls))
        call.disposition = disposition
        self.settle(call, result)
        self.ledger.commit(self.now)

    def settle(self, call: LiveCall, result: CallResult) -> None:
        record = life.with_result(call.record, int(result), None)
        sleeping = self.sleeping(record)
        judged = Call(
            self.now, record, result, call.disposition, None, (record, *sleeping), devices=self.devices
        )
        settlement = self.pipeline.settle(judged)
        call.ended = self.now
        if isinstance(settlement, Settlement):
            change, why = life.settled(judged, settlement), settlement.action.reason
        else:
            change, why = life.broken(record), "broken"
        state = "waiting" if change.waiting else "closed"
        self.ledger.settle(call, sleeping, change, Reason(state, why), self.now, "settled", judged.result)

    @rule(halfway=st.booleans())
    def the_process_dies(self, halfway: bool) -> None:
        """What was not committed never was; calls in progress are lost, and not dialed again."""
        if halfway and self.calls:
            self.told.answer[:] = [DialNext(self.now, "next")]
            self.settle(self.calls[0], CallResult.BUSY)
            self.ledger.flush()
            self.ledger.abandon()
        self.store.close()
        in_work = {call.record.record_id for call in self.calls}
        self.open()
        self.told.answer[:] = [None]
        lost = self.queue.in_work()
        assert {record.record_id for record in lost} == in_work
        for record in lost:
            call = LiveCall("x", record, self.now)
            call.stored = True
            self.settle(call, CallResult.UNKNOWN)
        self.ledger.commit(self.now)

    @rule(devices=st.sampled_from([None, DEVICES, {4: 0}]))
    def the_rules_change(self, devices: dict[int, int] | None) -> None:
        self.devices = devices
        with self.store.transaction():
            look_again(self.store, 1, Reason("waiting", "rules changed"), IN_CHAIN)
        self.before = states(self.store)

    @invariant()
    def everything_holds(self) -> None:
        check(self.store)
        now = states(self.store)
        journalled = {
            row[0] for row in rows(self.store, f"SELECT record_id FROM journal WHERE seq > {self.seq}")
        }
        for record_id, (place, status, _, _, attempt) in now.items():
            before = self.before[record_id]
            assert attempt >= before[4], "attempts only grow"
            if before[0] == "closed":
                assert (place, status) == before[:2], "a final record came back"
            if now[record_id] != before and place != "in work":
                assert record_id in journalled, f"nobody knows why record {record_id} changed"
        self.before = now
        self.seq = rows(self.store, "SELECT coalesce(max(seq), 0) FROM journal")[0][0]


def test_whatever_happens_the_life_of_records_holds(project: MakeProject, tmp_path: Path) -> None:
    folder = project(4, 3)
    mapped = folder.campaign["lists"]["people"]["map"]["devices"]
    kinds = ("home", "direct_business", "mobile")
    folder.campaign["lists"]["people"]["map"]["devices"] = [
        {"column": column, "type": kind} for column, kind in zip(mapped, kinds, strict=True)
    ]
    folder.save()
    folder.import_lists()
    with folder.store() as store:
        store.connection.execute("PRAGMA wal_checkpoint(truncate)")
    Life.template = folder.store_file
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


ANYTHING = '''
"""A treatment that answers anything, by the chance of the attempt."""

from dataclasses import dataclass
from typing import ClassVar

from cxrun import (
    AssignToGroup, DialAgain, DialNext, Effect, Exclude, Defer, Filter, Finish, MarkAgentError, PASS, Reschedule,
    Suppress, Treatment, UpdateChain, hookimpl,
)


@dataclass(frozen=True)
class Anything(Treatment):
    name: ClassVar = "anything"

    def apply(self, call):
        at = call.now + call.rng.choice([0, 60, 7200, 200000])
        chosen = call.rng.random()
        if chosen < 0.02:
            raise ValueError("no idea")
        return call.rng.choice([
            None, DialAgain(at, "again"), DialAgain(at, "again"), DialNext(at, "next"),
            DialNext(at, "next", more_passes=True), DialNext(at, "anew", new_pass=True, more_passes=True),
            Reschedule(at, "moved"), AssignToGroup(at, "group"), Finish("finish"), Suppress("no more", "dnc"),
            UpdateChain("update chain"), MarkAgentError("agent error"), Effect("told"),
        ])


@dataclass(frozen=True)
class Moody(Filter):
    name: ClassVar = "moody"

    def check(self, moment):
        mood = (moment.record.record_id * 7 + int(moment.now) // 3600) % 11
        if mood == 0 and moment.record.record_id % 5 == 0:
            return Exclude("never")
        return Defer(moment.now + 1800, "later") if mood == 1 else PASS


@hookimpl
def register_treatments():
    return [Anything]


@hookimpl
def register_filters():
    return [Moody]
'''
RULES = """\
ruleset: retry
filters: [moody, suppression]
treatments:
  - on: [unknown, other]
    do: [anything]
"""


@pytest.mark.parametrize("seed", range(3))
def test_runs_whose_treatments_answer_anything_keep_every_record(project: MakeProject, seed: int) -> None:
    folder = project(100, 3, rules={"retry": RULES}, plugins={"anything": ANYTHING}, agents=20)
    before: dict[int, tuple[Any, ...]] = {}
    for limit in (40, 1, 100, None):
        tally = folder.run(seed=seed, limit=limit, max_errors=1000)
        with folder.store() as store:
            check(store)
            now = states(store)
            journalled = {row[0] for row in rows(store, "SELECT record_id FROM journal")}
        assert tally.effects["would be sent"] > 0 or limit == 1
        for record_id, (place, status, _, _, attempt) in before.items():
            assert now[record_id][4] >= attempt, "attempts only grow"
            if place == "closed":
                assert now[record_id][:2] == (place, status), "a final record came back"
            if now[record_id] != before[record_id]:
                assert record_id in journalled
        before = now
    assert sum(state[4] for state in before.values()) > 180
    assert {state[1] for state in before.values()} >= {
        RecordStatus.UPDATED, RecordStatus.AGENT_ERROR, RecordStatus.CHAIN_UPDATED, RecordStatus.READY,
    }  # fmt: skip
