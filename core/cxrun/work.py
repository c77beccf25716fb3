"""What a run has in hand: its groups, what it knows of their records, and the transactions in which it writes.

Whoever decides anything of a record takes the lock first (`Work.lock`): it answers the requests that have come
in, and if anybody else has written, what is buffered is read and judged anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import ClassVar, Final

from cxrun.calls import LiveCall
from cxrun.campaign import Project
from cxrun.clock import Clock
from cxrun.crew import Crew
from cxrun.effects import Effects
from cxrun.feed import Facts
from cxrun.ledger import Ledger
from cxrun.observers import Observers
from cxrun.requests import Rules, answer
from cxrun.rota import Rota
from cxrun.store.database import Store
from cxrun.store.lists import stored_lists
from cxrun.store.orders import standing_orders
from cxrun.store.pacing import Memory
from cxrun.store.queue import keep_attempt_fields
from cxrun.tally import Options, Tally

_MEMORABLE: Final = 300.0
"""Seconds of the run's clock after which what the modes have learned is kept again, should the run be killed."""


class Work:
    """What a run has in hand.

    `done` are groups that others come after and that were finished before. `synced` is the time up to which the
    queues have been read.
    """

    poll: ClassVar[float] = 5.0
    """Seconds of the run's clock between looks for records that have become due."""

    def __init__(
        self,
        store: Store,
        project: Project,
        crews: Sequence[Crew],
        done: Collection[str],
        clock: Clock,
        options: Options,
        tally: Tally,
        effects: Callable[[Ledger], Effects],
    ) -> None:
        self.store = store
        self.crews = crews
        self.clock = clock
        self.options = options
        self.tally = tally
        self.ledger = Ledger(store)
        self.effects = effects(self.ledger)
        self.observers = Observers(None if options.private else project.registry)
        self.rota = Rota(crews, done, self._unfinished)
        self.rota.obey(standing_orders(store))
        self.stop = False
        self.asked = True
        """Whether requests may wait for a call to be over."""
        self.in_call: dict[str, int] = {}
        """How many calls each number is in."""
        self.synced = clock.now() - self.poll
        self.watch: Callable[[Tally], None] = lambda tally: None
        self._remembered = clock.now()
        self._left: dict[str, tuple[object, bool]] = {}
        self.know(project)

    def know(self, project: Project) -> None:
        """What the rules of the groups need to know beside the records."""
        self.lists = stored_lists(self.store)
        self._attempt_fields = {field for crew in self.crews for field in crew.pipeline.attempt_fields}
        window = max(crew.pipeline.window for crew in self.crews)
        self.facts = Facts(self.store, window, sorted(self._attempt_fields))
        self.retention = project.retention
        self._rules = {
            list_id: Rules(feed.queue, crew.pipeline, self.retention)
            for crew in self.crews
            for list_id, feed in crew.feeds.items()
        }

    def keep_attempt_fields(self) -> None:
        """Write with each attempt, from now on, the values of the fields that rules ask for."""
        self.ledger.attempt_fields = sorted(keep_attempt_fields(self.store, self._attempt_fields))

    def called(self, phone: str) -> None:
        """The number is in a call."""
        self.in_call[phone] = self.in_call.get(phone, 0) + 1

    def hung_up(self, phone: str) -> None:
        """The number is in one call less."""
        calls = self.in_call.pop(phone) - 1
        if calls:
            self.in_call[phone] = calls

    def calls(self) -> Iterator[LiveCall]:
        """Every call in progress."""
        for crew in self.crews:
            yield from crew.engine.calls.values()

    def chains_in_hand(self) -> set[int]:
        """The chains of which a record is being called, looked at by an agent, or waits for its own."""
        chains = {call.record.chain_id for call in self.calls()}
        return chains.union(*(crew.previewed.values() for crew in self.crews))

    def next_due(self) -> float | None:
        """When the next record of the groups that may dial becomes due, or None."""
        moments = [
            feed.next_due
            for crew in self.rota.working
            for feed in crew.feeds.values()
            if feed.next_due is not None
        ]
        if self.ledger.batch.first_due is not None:
            moments.append(self.ledger.batch.first_due)
        return min(moments, default=None)

    def supply(self, now: float) -> None:
        """Read what has become due into the buffers, at most every `poll` seconds unless one is empty."""
        if not any(crew.starving for crew in self.rota.working):
            due = self.next_due()
            if due is None or due > now or now < self.synced + self.poll:
                return
        self.lock()
        self.synced = now
        ledger = self.ledger
        if ledger.batch.concerns(now) or any(f.anew for crew in self.crews for f in crew.feeds.values()):
            ledger.flush()
            ledger.batch.first_due = None
        if self.facts.too_many:
            ledger.flush()
            buffered = (
                record for crew in self.crews for feed in crew.feeds.values() for record in feed.records()
            )
            self.facts.keep([*buffered, *(call.record for call in self.calls())])
        for crew in self.rota.working:
            for feed in crew.feeds.values():
                if not feed.paused:
                    self.facts.learn(feed.refill(now, crew.held), now)

    def _unfinished(self, crew: Crew) -> bool:
        """Whether a group without calls in progress has anything left to dial, now or later."""
        so_far = (crew.engine.placed, crew.refused)
        known = self._left.get(crew.group.name)
        if known is None or known[0] != so_far:
            self.lock()
            self.ledger.flush()
            known = (so_far, any(f.queue.unfinished() for f in crew.feeds.values() if not f.paused))
            self._left[crew.group.name] = known
        return known[1]

    def lock(self) -> Collection[int]:
        """Hold the write lock; if anybody else has written, what is buffered is read and judged anew.

        Requests are answered first. Returns the ids of the chains they have changed.
        """
        changed = self.ledger.lock()
        if not changed and not self.asked:
            return ()
        self.ledger.flush()
        in_hand = self.chains_in_hand()
        answered = answer(
            self.store, self.ledger.run_id, self.clock.now(), self._rules, in_hand, seed=self.options.seed
        )
        self.ledger.counted(len(answered.done))
        self.asked = answered.waiting > 0
        if changed or answered.done:
            self.read_anew()
        if changed:
            self.rota.obey(standing_orders(self.store))
        return {request.chain_id for request in answered.done}

    def read_anew(self) -> None:
        """Forget what is known of the store."""
        for crew in self.crews:
            for feed in crew.feeds.values():
                feed.drop()
        self._left.clear()
        self.facts.forget()
        # this run knows better than the store: of simulated calls in progress
        calls = [call for call in self.calls() if not call.stored]
        self.facts.learn([call.record for call in calls], self.clock.now())
        for call in calls:
            call.past = self.facts.dialed(call.record, call.placed)

    def commit(self, *, everything: bool = False) -> None:
        """Commit what is settled, and the intents of calls that outlive this process.

        A call in a simulated world leaves no trace before it is over, unless the run ends in between.
        """
        crews = (crew for crew in self.crews if crew.external or everything)
        states = self.rota.states()
        self.tally.groups = {} if self.tally.ended else states
        self.ledger.commit(
            self.clock.now(),
            (call for crew in crews for call in crew.engine.calls.values()),
            json.dumps(states),
            self._memories(everything=everything),
        )
        self.observers.tell_kept()
        self.effects.deliver(self.clock.now())
        self.watch(self.tally)

    def given_up(self, call: LiveCall) -> None:
        """Commit that a person was abandoned whose call goes on."""
        self.ledger.given_up(call)
        self.commit()

    def _memories(self, *, everything: bool) -> list[Memory]:
        """What the modes have learned, now and then, and at the end."""
        now = self.clock.now()
        if not everything and now < self._remembered + _MEMORABLE:
            return []
        self._remembered = now
        found = [(crew, crew.engine.remember()) for crew in self.crews if crew.engine.watched]
        return [Memory(crew.group.name, crew.group.mode.name, content) for crew, content in found if content]
