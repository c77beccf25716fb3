"""A run: joins engines, store, dialers and clock, and keeps the attempt protocol.

1. the intent is committed (attempt counted, record in work), 2. the call is placed, 3. the result is
committed. With a dialer that is `external` the commit comes before the call; a simulated dialer is the
store's own world, so its three steps share one transaction, and a call that was cut off never was. After a
restart the dialer is asked which calls it still knows; what nobody can tell is lost: it counts as an attempt
and is not dialed again.
"""

from __future__ import annotations

import gc
import json
import math
import platform
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from cxrun import __version__, life
from cxrun.campaign import Group, Project
from cxrun.clock import Clock
from cxrun.crew import Crew
from cxrun.dialer import (
    AgentReady,
    Answered,
    Completed,
    Dial,
    Ended,
    Opening,
    Previewed,
    PreviewLine,
    Progress,
)
from cxrun.edits import Edits, hindrances
from cxrun.effects import Effects
from cxrun.elements import (
    PASS,
    AssignToGroup,
    Call,
    Defer,
    DialAgain,
    DialNext,
    Drop,
    Exclude,
    Finish,
    MarkAgentError,
    Moment,
    Reschedule,
    Suppress,
    Treatment,
    UpdateChain,
)
from cxrun.engine import AgentPool, Command, Connect, GiveBack, HangUp, LiveCall, Over, Place, Push, PutBack
from cxrun.errors import UserError
from cxrun.events import AttemptSettled, RunFinished, RunStarted
from cxrun.feed import Facts, Feed, GivenFeed
from cxrun.ledger import Ledger
from cxrun.model import CALLBACKS, IN_CHAIN, PERSONAL, CallResult, PastAttempt, Reason, Record, Rule
from cxrun.observers import Observers
from cxrun.ordered import OrderedFeed
from cxrun.pipeline import Broken, Decision, GiveWay, Settlement, rule_of
from cxrun.requests import Rules, answer
from cxrun.roster import Attendance
from cxrun.rota import Rota, Turn
from cxrun.store.database import Store
from cxrun.store.journal import REAL, Entry
from cxrun.store.lists import date_imports, frozen_rules, imports_of, keep_credits, stored_lists
from cxrun.store.orders import standing_orders
from cxrun.store.pacing import Memory, memory_of
from cxrun.store.queue import Queue, keep_attempt_fields, look_again
from cxrun.store.ready import Ready
from cxrun.store.requests import asked_of
from cxrun.store.runs import answers_by_day, check_world, finish_run, last_reached, placed_at, start_run
from cxrun.tally import Notice, Options, Tally

POLL: Final = 5.0
"""Seconds of the run's clock between looks for records that have become due."""
LOOK: Final = 1.0
"""Seconds of the run's clock between looks at the project's files, unless the clock jumps."""
RULES_CHANGED: Final = "rules changed"
"""How a run ends that goes on as another one because somebody has changed the files."""
FLUSH: Final = 10_000
"""Changes that are written together at most."""
_PATIENCE: Final = 0.05
"""Seconds after which an external line is asked for events though it cannot say when the next one comes."""

_MEMORABLE: Final = 300.0
"""Seconds of the run's clock after which what the modes have learned is kept again, should the run be killed."""
_IN_CALL_WAIT: Final = 30.0
"""Seconds after which a record is looked at again whose number is just being called for another one."""
_REASONS: Final = 10_000
"""Reasons that are remembered before they are forgotten."""

_RULES_CHANGED: Final = Reason("waiting", "to be looked at again: its rules have changed")
_LOST: Final = Reason("in work", "lost: no dialer can tell what became of the call")
_WITHDRAWN: Final = Reason("waiting", "not dialed: a request came in before")
_MISSED: Final = {
    "retry": "callback missed, to be tried again",
    "next_day": "callback missed, to be made the next day",
}


class Run:
    """Drives the records of campaign groups until nothing is left to dial or a limit is reached.

    `clock` makes the clock, given where to start: `start`, or where the last run on this store stopped. Unless it
    jumps, what `edits` tells of is taken over while the run is at work.
    Raises StoreBusy if another run has the store, UserError if a list is not imported.
    """

    def __init__(
        self,
        project: Project,
        groups: Iterable[Group],
        store: Store,
        clock: Callable[[float], Clock],
        start: float,
        options: Options,
        environment: Mapping[str, str] | None = None,
        edits: Edits | None = None,
    ) -> None:
        self.options = options
        self.stop = False
        self._edits = edits
        self._store = store
        store.take_lease()
        try:
            self._prepare(project, list(groups), clock, start, environment or {})
        except BaseException:
            store.give_lease()
            raise

    def _prepare(
        self,
        project: Project,
        groups: list[Group],
        clock: Callable[[float], Clock],
        start: float,
        environment: Mapping[str, str],
    ) -> None:
        store, options = self._store, self.options
        self._lists = stored_lists(store)
        reached = last_reached(store)
        start = start if reached is None else max(start, reached)
        opening = Opening(options.seed, start, environment)
        self._pools: dict[str, AgentPool] = {}
        self._crews = [self._crew(group, opening) for group in groups]
        self._left: dict[str, tuple[object, bool]] = {}
        self._rota = Rota(self._crews, self._done_before(project, groups), self._unfinished)
        self._rota.obey(standing_orders(store))
        self._external = any(crew.external for crew in self._crews)
        if self._external and not all(crew.external for crew in self._crews):
            raise UserError("groups with a simulated dialer and groups with a real one cannot run together")
        rosters = {group.agent_group: group.roster for group in groups if group.agent_group in self._pools}
        self._attendance = Attendance(self._pools, {} if self._external else rosters)
        self._clock = clock(start)
        check_world(store, self._world)
        if self._external:
            # a call in the real world must not outlive the memory of it, not even if the power fails
            store.make_durable()
        self._ledger = Ledger(store)
        self._observers = Observers(None if options.private else project.registry)
        self._synced = start - POLL
        self._looked = start
        self._remembered = start
        self._closing = ""
        self._in_call: dict[str, int] = {}
        self._reasons: dict[tuple[bool, CallResult, str, Rule | None], Reason] = {}
        self._know(project)
        self._asked = True
        self.tally = Tally(start, start, agents=sum(pool.size for pool in self._pools.values()))
        self.tally.per_list = {feed.name: Counter() for crew in self._crews for feed in crew.feeds.values()}
        self._effects = Effects(
            self._ledger, project.registry, project.folder, environment, self.tally.effects,
            sending=self._external or options.send_effects,
        )  # fmt: skip
        self._effects.check(_treatments(groups))
        self._start = start
        self._groups = tuple(group.name for group in groups)
        self._begin(project, start)

    def _know(self, project: Project) -> None:
        """What the rules of the groups need to know beside the records."""
        store = self._store
        self._attempt_fields = {field for crew in self._crews for field in crew.pipeline.attempt_fields}
        window = max(crew.pipeline.window for crew in self._crews)
        self._facts = Facts(store, window, sorted(self._attempt_fields))
        self._retention = project.retention
        self._rules = {
            self._lists[name].list_id: Rules(
                Queue(store, self._lists[name].list_id, list(self._lists[name].field_types)),
                crew.pipeline,
                self._retention,
            )
            for crew in self._crews
            for name in crew.group.lists
        }

    def _begin(self, project: Project, at: float) -> None:
        """Note with which settings and code the run goes on from now."""
        versions = {"cxrun": __version__, "python": platform.python_version()}
        versions |= {plugin.name: plugin.version for plugin in project.registry.plugins}
        groups = [crew.group for crew in self._crews]
        frozen = {group.name: group.as_frozen() for group in groups}
        texts = {digest: text for group in groups for digest, text in group.texts.items()}
        self.run_id = start_run(
            self._store, self.options.seed, self._groups, frozen, versions, at, world=self._world, texts=texts
        )
        self._ledger.run_id = self.run_id

    @property
    def _world(self) -> str:
        """What the calls of this run are part of."""
        if self._external:
            return REAL
        return "a simulation" if self._clock.jumps else "a simulation in real time"

    def _crew(self, group: Group, opening: Opening) -> Crew:
        feeds = []
        for name in group.lists:
            if name not in self._lists:
                raise UserError(f"contact list '{name}' is not imported yet; `cxrun import {name}` does it")
            feeds.append(self._feed(group, name))
        pool = None
        if group.mode.needs_agents and group.agent_group:
            pool = self._pools.setdefault(group.agent_group, AgentPool(group.agent_group, group.agents))
        credits = {feed.queue.list_id: self._lists[feed.name].credit for feed in feeds}
        line = group.dialer.open(opening)
        if group.mode.offer is not None and not isinstance(line, PreviewLine):
            raise UserError(
                f"group '{group.name}': the dialer {group.dialer.name} cannot show a record to an agent and be told "
                f"whether he accepts it, as {group.mode.name} needs"
            )
        crew = Crew(group, pool, line, feeds, opening.start, credits)
        memory = memory_of(self._store, group.name, group.mode.name) if crew.engine.watched else None
        if memory:
            crew.engine.recall(memory)
        self._count_answers(crew)
        return crew

    def _count_answers(self, crew: Crew) -> None:
        """Tell a mode that watches what happens who has answered before, and who of them was abandoned."""
        if crew.engine.watched:
            crew.engine.count(answers_by_day(self._store, crew.feeds))

    def _feed(self, group: Group, name: str) -> Feed:
        stored, ordering = self._lists[name], group.ordering
        queue = Queue(self._store, stored.list_id, list(stored.field_types))
        if self.options.given is not None:
            return GivenFeed(name, queue, self.options.given)
        if ordering.usual:
            return Feed(name, queue)
        own, keys, places = stored.field_types, ordering.keys, ordering.places
        ready = Ready(self._store, queue, own, keys, places, newest_first=ordering.lifo)
        return OrderedFeed(name, queue, ready, ordering)

    def _done_before(self, project: Project, groups: list[Group]) -> list[str]:
        """The groups that others come after and that are not part of this run: they must be finished."""
        running = {group.name for group in groups}
        done = []
        for group in groups:
            for name in group.after:
                if name in running:
                    continue
                for list_name in project.groups[name].lists:
                    stored = self._lists.get(list_name)
                    if stored is None or Queue(self._store, stored.list_id, ()).unfinished():
                        raise UserError(
                            f"group '{group.name}' comes after '{name}', whose list '{list_name}' is not finished; "
                            f"run both: `cxrun run {name} {group.name}`"
                        )
                done.append(name)
        return done

    def drive(self, watch: Callable[[Tally], None] = lambda tally: None) -> Tally:
        """Run to the end and return the tally; `watch` sees it after every commit.

        When this returns, everything is committed; if it raises, everything up to the last commit is.
        """
        self._watch = watch
        # records in the buffers live long and form no cycles: looking for some would cost a fifth of the run
        thresholds = gc.get_threshold()
        gc.set_threshold(100_000, 50, 100)
        try:
            self._ledger.lock()
            if self.options.given is not None:
                entry = self.options.given.begin(self._store, self._start)
                self._ledger.batch.journal.append(entry)
            self._ledger.attempt_fields = sorted(keep_attempt_fields(self._store, self._attempt_fields))
            self._date_imports()
            self._freeze_rules(self._start)
            self._resume()
            self._effects.resume(self._start)
            self._lock()
            self._commit()
            started = RunStarted(self.run_id, self._start, self._groups, self.options.seed)
            self._observers.tell("run_started", [started])
            self._loop()
            if self._asked or self._ledger.disturbed:
                self._lock()
            self._commit(everything=True)
            self._effects.finish(self._clock.now, lambda: self.stop)
            for crew in self._crews:
                keep_credits(self._store, crew.shares.credits)
            finish_run(self._store, self.run_id, self.tally.ended)
        finally:
            gc.set_threshold(*thresholds)
            self._effects.close()
            self._ledger.abandon()
            self._store.give_lease()
        finished = RunFinished(self.run_id, self.tally.now, self.tally.attempts, self.tally.ended)
        self._observers.tell("run_finished", [finished])
        return self.tally

    # --- the loop ---

    def _loop(self) -> None:
        while True:
            now = self._clock.now()
            self._turn(now)
            self._close(now)
            if self._edits is not None and not self._clock.jumps:
                self._look_at_edits(self._edits, now)
            self._attend(now)
            for crew in self._crews:
                self._obey(crew, crew.engine.tick(now), now)
            if self._asked or (not self._clock.jumps and self._ledger.disturbed):
                self._lock()
            self.tally.ended = self._reason_to_stop(now)
            if self.tally.ended:
                return
            if self._may_dial:
                self._supply(now)
                for crew in self._rota.working:
                    self._dial(crew, now)
            pending = self._ledger.uncommitted
            if (
                (self._external and pending)
                or pending >= FLUSH
                or self._ledger.breathless
                or self._effects.restless
            ):
                self._commit()
            if not self._advance(self._horizon(now)) and not self._turn(now):
                self.tally.ended = self._reason_to_stop(now) or "nothing left to dial"
                return

    def _advance(self, horizon: float | None) -> bool:
        """Let the lines run up to the horizon, or until an engine has something to decide.

        False if nothing will ever happen again.
        """
        clock = self._clock
        if not clock.jumps:
            return self._wait(horizon)
        while True:
            batch = self._ledger.batch
            crew, at, until = self._next_event()
            if batch.first_due is not None and self._may_dial:
                until = min(until, max(batch.first_due, self._synced + POLL))
            until = until if horizon is None else min(until, horizon)
            if at is None or at > until:
                if until == math.inf:
                    return False
                self._account(clock.reach(until))
                return True
            engine, left = crew.engine, batch.left
            for event in crew.line.events(until):
                self._account(clock.reach(event.at))
                self._progress(crew, event)
                if self.stop or engine.waiting:
                    return True
                if engine.pool is not None and crew.working and self._may_dial and engine.eager(event.at):
                    return True
                if crew.watched and not engine.calls:
                    return True
                if batch.first_due is not None and batch.first_due + POLL < until:
                    break
                if len(left) >= FLUSH:
                    # in the midst of it: when calls are placed must not depend on when others let us write
                    self._commit()
                    break

    def _wait(self, horizon: float | None) -> bool:
        """The same in real time: wait a little, then ask every line."""
        _, at, _ = self._next_event()
        moments = [moment for moment in (at, horizon) if moment is not None]
        if not moments:
            return False
        now = self._clock.reach(min(moments))
        for crew in self._crews:
            for event in crew.line.events(now):
                self._account(now)
                self._progress(crew, event)
        return True

    def _next_event(self) -> tuple[Crew, float | None, float]:
        """The line with the next event, when that is, and until when no other line has one."""
        first = self._crews[0]
        earliest = first.line.next_at()
        until = math.inf
        for crew in self._crews[1:]:
            at = crew.line.next_at()
            if at is None:
                continue
            if earliest is None or at < earliest:
                until = until if earliest is None else earliest
                first, earliest = crew, at
            else:
                until = min(until, at)
        return first, earliest, until

    def _reason_to_stop(self, now: float) -> str:
        """Why the run ends now. Calls in the real world are seen to their end first: somebody may have answered."""
        self._close(now)
        if self._external and any(crew.engine.calls for crew in self._crews):
            return ""
        return self._closing

    def _close(self, now: float) -> None:
        """Once nothing more is to be dialed, neither is whom agents look at or whose own agent is waited for."""
        if self._closing:
            return
        self._closing = self._reason_to_close(now)
        if self._closing:
            for crew in self._crews:
                crew.engine.end_previews()
                crew.previewed.clear()

    def _reason_to_close(self, now: float) -> str:
        """Why nothing more is to be dialed."""
        if self.stop:
            return "interrupted"
        if self.tally.errors > self.options.max_errors:
            return f"more than {self.options.max_errors} plugin errors"
        if self.options.until is not None and now >= self.options.until:
            return "until"
        if self._limit_reached and not any(crew.engine.in_progress for crew in self._crews):
            return "limit"
        return ""

    @property
    def _may_dial(self) -> bool:
        if self._closing or not self._rota.working:
            return False
        return not self._limit_reached

    @property
    def _limit_reached(self) -> bool:
        if self.options.given is not None and self.options.given.over(self._clock.now()):
            return not any(crew.engine.previewing for crew in self._crews)
        return self.options.limit is not None and self.tally.attempts >= self.options.limit

    def _account(self, now: float) -> None:
        tally = self.tally
        elapsed = now - tally.now
        tally.now = now
        if tally.agents and elapsed > 0 and self._at_work:
            present = sum(max(0, len(pool.known) - len(pool.gone)) for pool in self._pools.values())
            ready = sum(len(pool.ready) for pool in self._pools.values())
            tally.report.worked(now - elapsed, now, present, ready)
            tally.staffed_seconds += elapsed * present
            tally.ready_seconds += elapsed * ready
            tally.talk_seconds += elapsed * sum(crew.engine.talking for crew in self._crews)

    @property
    def _at_work(self) -> bool:
        """Whether there is anything for agents to do: calls in progress, or records that may be dialed."""
        return any(crew.engine.calls or crew.buffered for crew in self._crews)

    def _horizon(self, now: float) -> float | None:
        """When something is due that no line will tell of: in an engine, in the queue, or at the end."""
        moments: list[float] = []
        for crew in self._crews:
            engine = crew.engine
            buffered = self._may_dial and crew.buffered
            if buffered or engine.calls or engine.previewing:
                change = engine.next_at(now)
                if change is not None:
                    moments.append(max(change, now + 0.001))
                if crew.external:
                    moments.append(now + _PATIENCE)
            if self._may_dial and crew.working and crew.starving:
                moments.append(now)
        due = self._next_due() if self._may_dial else None
        if due is not None:
            moments.append(max(due, self._synced + POLL))
        if not self._closing and not self._limit_reached:
            patience = None if self._clock.jumps else now + LOOK
            pending = self._ledger.batch.first_due is not None
            moments += self._rota.moments(pending=pending, patience=patience)
        if moments or self._at_work:
            shift = self._attendance.next_at(now, self.tally.attempts)
            if shift is not None:
                moments.append(shift)
        busy = any(crew.engine.calls for crew in self._crews)
        if (moments or busy) and self.options.until is not None and self.options.until > now:
            moments.append(self.options.until)
        return min(moments, default=None)

    def _next_due(self) -> float | None:
        moments = [
            feed.next_due
            for crew in self._rota.working
            for feed in crew.feeds.values()
            if feed.next_due is not None
        ]
        if self._ledger.batch.first_due is not None:
            moments.append(self._ledger.batch.first_due)
        return min(moments, default=None)

    def _supply(self, now: float) -> None:
        """Read what has become due into the buffers, at most every `POLL` seconds unless one is empty."""
        if not any(crew.starving for crew in self._rota.working):
            due = self._next_due()
            if due is None or due > now or now < self._synced + POLL:
                return
        self._lock()
        self._synced = now
        ledger = self._ledger
        if ledger.batch.concerns(now) or any(f.anew for crew in self._crews for f in crew.feeds.values()):
            ledger.flush()
            ledger.batch.first_due = None
        if self._facts.too_many:
            ledger.flush()
            buffered = (
                record for crew in self._crews for feed in crew.feeds.values() for record in feed.records()
            )
            self._facts.keep([*buffered, *(call.record for call in self._calls())])
        for crew in self._rota.working:
            for feed in crew.feeds.values():
                if not feed.paused:
                    self._facts.learn(feed.refill(now, crew.held), now)

    def _calls(self) -> Iterator[LiveCall]:
        """Every call in progress."""
        for crew in self._crews:
            yield from crew.engine.calls.values()

    def _chains_in_hand(self) -> set[int]:
        """The chains of which a record is being called, looked at by an agent, or waits for its own."""
        chains = {call.record.chain_id for call in self._calls()}
        return chains.union(*(crew.previewed.values() for crew in self._crews))

    # --- schedules and sequences ---

    def _turn(self, now: float) -> bool:
        """Let groups start, pause and stop as it is their turn. False if nothing has changed."""
        turns = self._rota.turn(now)
        for crew, turn in turns:
            self._lock()
            if not crew.working:
                self._release(crew, turn)
            entry = Entry(round(now, 3), turn.event, 0, 0, 0, Reason("group", str(turn)), 0)
            self._ledger.batch.journal.append(entry)
            self.tally.turns.append(turn)
        return bool(turns)

    def _release(self, crew: Crew, turn: Turn) -> None:
        """No new calls: what agents look at goes back, and unless it is a pause what is buffered, too."""
        if turn.state == "unloaded" or crew.previewed:
            for feed in crew.feeds.values():
                feed.drop()
        crew.engine.end_previews()
        crew.previewed.clear()

    def _attend(self, now: float) -> None:
        """Let agents come and go as their roster says."""
        for pool, agent_id, comes in self._attendance.turn(now):
            crew = next(crew for crew in self._crews if crew.engine.pool is pool)
            if comes:
                self.tally.report.ready(agent_id)
            told = crew.engine.agent_ready if comes else crew.engine.agent_gone
            self._obey(crew, told(agent_id, now), now)

    def _unfinished(self, crew: Crew) -> bool:
        """Whether a group without calls in progress has anything left to dial, now or later."""
        so_far = (crew.engine.placed, crew.refused)
        known = self._left.get(crew.group.name)
        if known is None or known[0] != so_far:
            self._lock()
            self._ledger.flush()
            known = (so_far, any(f.queue.unfinished() for f in crew.feeds.values() if not f.paused))
            self._left[crew.group.name] = known
        return known[1]

    # --- edits ---

    def _look_at_edits(self, edits: Edits, now: float) -> None:
        """Take over what has changed in the files; what cannot be taken over is told, and nothing changes."""
        if now < self._looked + LOOK:
            return
        self._looked = now
        try:
            project = edits.news()
            if project is None:
                return
            for crew in self._crews:
                name = crew.group.name
                for hindrance in hindrances(crew.group, project.group(name)):
                    raise UserError(f"group '{name}': {hindrance} needs a new run")
            self._effects.check(_treatments(project.group(crew.group.name) for crew in self._crews))
        except UserError as error:
            self.tally.notices.append(Notice(now, f"the run goes on under the rules it had: {error}"))
            self._watch(self.tally)
            return
        self._take_over(project, now)

    def _take_over(self, project: Project, now: float) -> None:
        """Go on under the rules of another state of the project, as a new run of the same world."""
        # calls in progress are of the run that placed them
        self._commit(everything=True)
        self._lock()
        for crew in self._crews:
            crew.change(project.group(crew.group.name), now)
            self._count_answers(crew)
        self._lists = stored_lists(self._store)
        self._know(project)
        self._ledger.attempt_fields = sorted(keep_attempt_fields(self._store, self._attempt_fields))
        finish_run(self._store, self.run_id, RULES_CHANGED)
        self._observers.tell(
            "run_finished", [RunFinished(self.run_id, now, self.tally.attempts, RULES_CHANGED)]
        )
        self._begin(project, now)
        self._observers.tell("run_started", [RunStarted(self.run_id, now, self._groups, self.options.seed)])
        self._freeze_rules(now)
        self._read_anew()
        in_hand = self._chains_in_hand()
        for crew in self._crews:
            for feed in crew.feeds.values():
                feed.read_chains(in_hand)
        self._rota.replan()
        self.tally.notices.append(Notice(now, "the files have changed: the run goes on under the new rules"))
        self._commit()

    # --- dialing ---

    def _dial(self, crew: Crew, now: float) -> None:
        engine = crew.engine
        room = engine.new_calls(now)
        if self.options.limit is not None:
            previewing = sum(other.engine.previewing for other in self._crews)
            room = min(room, self.options.limit - self.tally.attempts - previewing)
        if room <= 0:
            return
        self._lock()
        now = self._clock.now()
        if engine.remark != crew.remark:
            crew.remark = engine.remark
            reason = Reason("group", f"{crew.group.name}: {crew.remark or 'dialing freely again'}")
            self._ledger.batch.journal.append(Entry(round(now, 3), "pacing", 0, 0, 0, reason, 0))
        placing: list[tuple[Record, Dial]] = []
        while room > 0 and self.tally.errors <= self.options.max_errors:
            feed = crew.next_feed()
            if feed is None:
                break
            record = feed.pop()
            if record.record_type in CALLBACKS and life.late(record, now, crew.callbacks):
                self._missed(crew, feed, record, now)
                continue
            if not self._allowed(crew, feed, record, now):
                continue
            if record.record_type in PERSONAL and not self._has_agent(crew, feed, record, now):
                continue
            room -= 1
            crew.took(feed)
            command = engine.take(record, now)
            if isinstance(command, Place):
                placing.append((record, self._claim(crew, record, command.agent_id, now)))
                continue
            crew.previewed[record.record_id] = record.chain_id
            if command is not None:
                self._obey(crew, [command], now)
        self._place(crew, placing)

    def _allowed(self, crew: Crew, feed: Feed, record: Record, now: float) -> bool:
        """Ask the rules; a record they object to is written back with the reason."""
        facts = self._facts
        sleeping = feed.sleeping(record)
        if record.phone in self._in_call:
            decision = Decision(Defer(now + _IN_CALL_WAIT, "a call to this number is in progress"), None)
        else:
            decision = crew.pipeline.decide(
                Moment(
                    now,
                    record,
                    (record, *sleeping) if sleeping else (record,),
                    facts.attempts(record),
                    facts.suppressions(record),
                    facts.attempts_by(record),
                    crew.ring_time,
                    feed.imports,
                )
            )
        verdict = decision.verdict
        if verdict is PASS:
            return True
        if isinstance(verdict, Defer):
            reason = Reason("deferred", verdict.reason, decision.rule)
            self._ledger.defer(record, life.deferred(record, verdict, now), reason, now)
            feed.forget_chain(record)
            self.tally.deferred += 1
            crew.refused += 1
        elif isinstance(verdict, Exclude):
            broken = decision.rule is not None and decision.rule.kind == "error"
            reason = Reason("error" if broken else "excluded", verdict.reason, decision.rule)
            change = life.excluded(record, sleeping, verdict, now, crew.pipeline.devices)
            self._ledger.exclude(record, sleeping, change, reason, now)
            feed.forget_chain(record)
            self.tally.excluded += 1
            crew.refused += 1
            self.tally.errors += broken
        elif isinstance(verdict, GiveWay):
            reason = Reason("chained", verdict.reason, decision.rule)
            self._ledger.exclude(record, sleeping, life.gave_way(record, verdict, now), reason, now)
            feed.forget_chain(record)
        return False

    def _claim(self, crew: Crew, record: Record, agent_id: str | None, now: float) -> Dial:
        """The intent: the attempt counts and the record is in work before anybody is called."""
        dialed = life.attempted(record, now)
        call = LiveCall(dialed.attempt_id, dialed, now, agent_id)
        call.past = self._facts.dialed(dialed, now)
        crew.engine.place(call)
        crew.dialing.add(dialed.record_id)
        self.tally.attempts += 1
        self._called(dialed.phone)
        return Dial(call.attempt_id, dialed, now, crew.caller_id, crew.ring_time)

    def _called(self, phone: str) -> None:
        self._in_call[phone] = self._in_call.get(phone, 0) + 1

    def _hung_up(self, phone: str) -> None:
        calls = self._in_call.pop(phone) - 1
        if calls:
            self._in_call[phone] = calls

    def _place(self, crew: Crew, claimed: list[tuple[Record, Dial]]) -> None:
        """Dial; `claimed` are the records as they were before they were claimed, and the calls to place."""
        if not crew.external:
            for _, dial in claimed:
                self._start_call(crew, dial)
            return
        if claimed:
            self._commit()
        for record, dial in claimed:
            # nobody can write between the last look and the dial: neither a suppression nor another run
            with self._ledger.alone() as changed:
                if changed and self._objected(crew, record, dial):
                    self._withdraw(crew, record, dial)
                else:
                    self._start_call(crew, dial)

    def _start_call(self, crew: Crew, dial: Dial) -> None:
        try:
            crew.line.place(dial)
        except Exception as error:
            self._failed(crew, dial, f"{type(error).__name__}: {error}")

    def _objected(self, crew: Crew, record: Record, dial: Dial) -> bool:
        """Whether a call that was claimed must not be placed, by what others have written since."""
        if asked_of(self._store, record.chain_id):
            return True
        feed = crew.feeds[record.list_id]
        made = (record.record_id, dial.record.attempt)

        def before(attempts: Sequence[PastAttempt]) -> list[PastAttempt]:
            return [past for past in attempts if (past.record_id, past.attempt) != made]

        # what was written since the claim counts from a moment after it
        now = self._clock.now()
        facts = self._facts.read_anew(record, now)
        moment = Moment(
            now,
            record,
            (record, *feed.sleeping(record)),
            before(facts.attempts(record)),
            facts.suppressions(record),
            {name: before(attempts) for name, attempts in facts.attempts_by(record).items()},
            crew.ring_time,
            feed.imports,
        )
        return crew.pipeline.decide(moment).verdict is not PASS

    def _withdraw(self, crew: Crew, record: Record, dial: Dial) -> None:
        """Undo a claim; the record is judged again before the next dial."""
        call = crew.engine.withdraw(dial.attempt_id)
        crew.dialing.discard(record.record_id)
        self.tally.attempts -= 1
        self._hung_up(dial.record.phone)
        self._ledger.withdraw(call, record._replace(due=int(dial.at) + 1), _WITHDRAWN, dial.at)
        crew.feeds[record.list_id].forget_chain(record)

    def _failed(self, crew: Crew, dial: Dial, message: str) -> None:
        """The dialer raised: the attempt counts, for nobody knows whether the phone rang."""
        reason = Reason("error", f"plugin error: {message}", rule_of(crew.group.dialer_step, "dialer"))
        self._ledger.note(dial.at, "dial_failed", dial.record, reason)
        self.tally.errors += 1
        self._hang_up(crew, dial.attempt_id, dial.at)
        self._obey(crew, crew.engine.ended(dial.attempt_id, dial.at, CallResult.UNKNOWN), dial.at)

    def _hang_up(self, crew: Crew, attempt_id: str, at: float) -> None:
        """Release a call nobody is there for; a dialer that cannot has nothing to add."""
        with suppress(Exception):
            crew.line.hang_up(attempt_id, at)

    def _after_preview(self, crew: Crew, command: Place, now: float) -> None:
        """The agent has looked at the record, or is free at last; time has passed, so the rules are asked again."""
        record = command.record
        feed = crew.feeds[record.list_id]
        crew.previewed.pop(record.record_id, None)
        touched = self._lock()
        now = self._clock.now()
        self._ledger.flush()
        self._facts.learn((record, *feed.sleeping(record)), now)
        if record.chain_id not in touched and self._allowed(crew, feed, record, now):
            self._place(crew, [(record, self._claim(crew, record, command.agent_id, now))])
        else:
            crew.engine.release(command.agent_id)

    def _put_back(self, crew: Crew, command: PutBack, now: float) -> None:
        """An agent did not want the record: nobody has been called, and it waits."""
        record = command.record
        crew.previewed.pop(record.record_id, None)
        if record.chain_id in self._lock():
            return
        self._ledger.flush()
        reason = Reason("waiting", f"preview: {command.reason}")
        change = life.put_back(record, command.until, now)
        self._ledger.move(record, (), change, reason, now, "preview_rejected")
        crew.feeds[record.list_id].forget_chain(record)

    # --- callbacks ---

    def _missed(self, crew: Crew, feed: Feed, record: Record, now: float) -> None:
        """A callback was not dialed in time."""
        sleeping = feed.sleeping(record)
        change = life.missed(record, sleeping, now, crew.callbacks)
        if change.waiting:
            reason = Reason("waiting", _MISSED[crew.callbacks.missed])
        else:
            reason = Reason("closed", "callback missed")
        self._ledger.move(record, sleeping, change, reason, now, "callback_missed")
        feed.forget_chain(record)
        self.tally.missed += 1

    def _has_agent(self, crew: Crew, feed: Feed, record: Record, now: float) -> bool:
        """Whether the agent of a personal record is free now; if he is busy, the engine waits for him."""
        pool = crew.engine.pool
        if pool is None or record.agent_id is None or not pool.present(record.agent_id):
            self._agent_absent(crew, feed, record, now)
            return False
        if record.agent_id in pool.ready:
            return True
        crew.engine.await_agent(record, max(now, record.dial_sched_time + crew.callbacks.tolerance))
        crew.previewed[record.record_id] = record.chain_id
        return False

    def _agent_absent(self, crew: Crew, feed: Feed, record: Record, now: float) -> None:
        """The agent of a personal record is not there: the treatments of that result decide."""
        sleeping = feed.sleeping(record)
        result = CallResult.AGENT_CALLBACK_ERROR
        told = life.with_result(life.absent(record), int(result), record.agent_id)._replace(
            call_time=int(now)
        )
        judged = Call(
            max(now, self._synced),
            told,
            result,
            None,
            record.agent_id,
            (told, *sleeping),
            seed=self.options.seed,
        )
        settlement = crew.pipeline.settle(judged)
        if isinstance(settlement, Broken):
            reason = Reason("error", f"plugin error: {settlement.message}", settlement.rule)
            change = life.broken(record)
            self.tally.errors += 1
        else:
            change = life.agent_absent(record, judged, settlement)
            text = "any agent may make the call" if settlement.rule is None else settlement.action.reason
            state = "waiting" if change.waiting else "closed"
            reason = Reason(state, f"{judged.result.word}: {text}", settlement.rule)
        self._ledger.move(record, sleeping, change, reason, now, "agent_absent")
        feed.forget_chain(record)
        if change.suppressions:
            self._facts.suppressed(change.suppressions)

    def _given_back(self, crew: Crew, record: Record, now: float) -> None:
        """The agent of a personal record did not become free in time, or has left."""
        feed = crew.feeds[record.list_id]
        crew.previewed.pop(record.record_id, None)
        if record.chain_id in self._lock():
            return
        self._ledger.flush()
        pool = crew.engine.pool
        if record.record_type in CALLBACKS and pool is not None and pool.present(record.agent_id):
            self._missed(crew, feed, record, now)
        else:
            self._agent_absent(crew, feed, record, now)

    # --- progress of calls ---

    def _progress(self, crew: Crew, event: Progress) -> None:
        engine = crew.engine
        at = event.at
        if isinstance(event, Answered):
            commands = self._answered(crew, event)
        elif isinstance(event, Ended):
            commands = engine.ended(event.attempt_id, at, event.result)
        elif isinstance(event, Completed):
            commands = engine.completed(event.attempt_id, at, event.disposition, event.callback)
        elif isinstance(event, AgentReady):
            if self._attendance.leaves(event.agent_id):
                commands = engine.agent_gone(event.agent_id, at)
            else:
                self.tally.report.ready(event.agent_id)
                commands = engine.agent_ready(event.agent_id, at)
        elif isinstance(event, Previewed):
            commands = engine.previewed(event.record_id, event.agent_id, at, accepted=event.accepted)
        else:
            commands = engine.agent_gone(event.agent_id, at)
        self._obey(crew, commands, at)

    def _answered(self, crew: Crew, event: Answered) -> list[Command]:
        attempt_id, at, result, really = event
        call = crew.engine.calls.get(attempt_id)
        if call is None:
            self._hang_up(crew, attempt_id, at)
            return []
        if call.answered is not None:
            return []
        self.tally.answered += result == CallResult.ANSWER
        record = life.with_result(call.record, result.code, call.agent_id)
        handling, _ = crew.pipeline.deliver(Call(at, record, result, None, call.agent_id))
        if really == CallResult.ANSWER != result and isinstance(handling, Drop):
            self.tally.report.mistaken(crew.feeds[record.list_id].name, at)
        return crew.engine.answered(attempt_id, at, result, handling)

    def _obey(self, crew: Crew, commands: Iterable[Command], at: float) -> None:
        for command in commands:
            if isinstance(command, Over):
                self._settle(crew, command.call, at)
            elif isinstance(command, Connect):
                crew.line.connect(command.attempt_id, command.agent_id, at, command.destination)
                if command.agent_id is not None:
                    self.tally.connects += 1
                    self.tally.report.connected(command.agent_id, at)
            elif isinstance(command, HangUp):
                crew.line.hang_up(command.attempt_id, at)
            elif isinstance(command, GiveBack):
                self._given_back(crew, command.record, at)
            elif isinstance(command, Push):
                if isinstance(crew.line, PreviewLine):
                    crew.line.preview(command.record, command.agent_id, at, command.until)
            elif isinstance(command, PutBack):
                self._put_back(crew, command, at)
            else:
                self._after_preview(crew, command, at)

    def _settle(self, crew: Crew, call: LiveCall, at: float) -> None:
        """The call is over: what becomes of the record and of its chain."""
        record = life.with_result(call.record, call.result.code, call.agent_id)
        feed = crew.feeds[record.list_id]
        sleeping = feed.sleeping(record)
        judged = Call(
            # what is told late must not be scheduled behind the point the queue has been read to
            at if at > self._synced else self._synced,
            record,
            call.result,
            call.disposition,
            call.agent_id,
            (record, *sleeping) if sleeping else (record,),
            seed=self.options.seed,
            devices=crew.pipeline.devices,
        )
        settlement = crew.pipeline.settle(judged)
        result = judged.result
        if isinstance(settlement, Broken):
            event, text = "error", f"plugin error: {settlement.message}"
            reason = Reason("error", text, settlement.rule)
            change = life.broken(record)
            self.tally.errors += 1
        elif call.callback is not None and not isinstance(settlement.action, Suppress):
            event, text = "callback_promised", "callback promised"
            owner = call.agent_id if crew.callbacks.personal else None
            change = life.promised(judged.record, call.callback, judged.now, owner)
            reason = Reason("waiting", f"{result.word}: {text}")
            self.tally.promised += 1
        else:
            event, text = _EVENTS[type(settlement.action)], settlement.action.reason
            change = life.settled(judged, settlement)
            if change.suppressions:
                kept = [entry.kept(self._retention.get(entry.list_name), at) for entry in change.suppressions]
                change = change._replace(suppressions=tuple(kept))
            reason = self._reason(bool(change.waiting), result, text, settlement.rule)
        crew.dialing.discard(record.record_id)
        self._ledger.settle(call, sleeping, change, reason, at, event, result)
        if isinstance(settlement, Settlement) and settlement.effects:
            told = {
                "at": round(at, 3), "group": crew.group.name, "list": feed.name, "result": result.word,
                "disposition": call.disposition, "agent_id": call.agent_id, "action": event, "reason": text,
            }  # fmt: skip
            self._effects.intend(settlement.effects, judged.record, at, told)
        feed.forget_chain(record)
        if change.suppressions:
            self._facts.suppressed(change.suppressions)
        self._known(call, result, at)
        self._hung_up(record.phone)
        if call.detected == CallResult.ANSWER and result in (CallResult.ABANDONED, CallResult.DROPPED):
            self.tally.abandoned += 1
        self.tally.results[result.word] += 1
        self.tally.per_list[feed.name][result.word] += 1
        if crew.engine.pool is not None:
            self.tally.report.ended(feed.name, result, call, at)
        if self._observers.wants("attempt_settled"):
            self._observers.keep(
                AttemptSettled(
                    self.run_id, at, crew.group.name, judged.record, result, call.disposition, call.agent_id, event,
                    text,
                )
            )  # fmt: skip

    def _reason(self, waits: bool, result: CallResult, text: str, rule: Rule | None) -> Reason:
        """Why a record is as its settled call left it; there are few, each said of many records."""
        key = (waits, result, text, rule)
        reason = self._reasons.get(key)
        if reason is None:
            if len(self._reasons) >= _REASONS:
                self._reasons.clear()
            reason = Reason("waiting" if waits else "closed", f"{result.word}: {text}", rule)
            self._reasons[key] = reason
        return reason

    def _known(self, call: LiveCall, result: CallResult, at: float) -> None:
        """The result of the attempt is known; the caps are told."""
        past = call.past
        if past is None:
            past = call.past = self._facts.dialed(call.record, call.placed)
        past.call_result = result.code
        past.disposition = call.disposition
        past.ended = call.ended or at
        if call.stored:
            # it may have been read back from the store in the meantime, without its result
            self._facts.note(call.record, past)

    # --- transactions ---

    def _lock(self) -> Collection[int]:
        """Hold the write lock; if anybody else has written, what is buffered is read and judged anew.

        Requests are answered first. Returns the ids of the chains they have changed.
        """
        changed = self._ledger.lock()
        if not changed and not self._asked:
            return ()
        self._ledger.flush()
        in_hand = self._chains_in_hand()
        answered = answer(
            self._store, self.run_id, self._clock.now(), self._rules, in_hand, seed=self.options.seed
        )
        self._ledger.counted(len(answered.done))
        self._asked = answered.waiting > 0
        if changed or answered.done:
            self._read_anew()
        if changed:
            self._rota.obey(standing_orders(self._store))
        return {request.chain_id for request in answered.done}

    def _read_anew(self) -> None:
        """Forget what is known of the store."""
        for crew in self._crews:
            for feed in crew.feeds.values():
                feed.drop()
        self._left.clear()
        self._facts.forget()
        # this run knows better than the store: of simulated calls in progress
        calls = [call for call in self._calls() if not call.stored]
        self._facts.learn([call.record for call in calls], self._clock.now())
        for call in calls:
            call.past = self._facts.dialed(call.record, call.placed)

    def _commit(self, *, everything: bool = False) -> None:
        """Commit what is settled, and the intents of calls that outlive this process.

        A call in a simulated world leaves no trace before it is over, unless the run ends in between.
        """
        crews = (crew for crew in self._crews if crew.external or everything)
        self._ledger.commit(
            self._clock.now(),
            (call for crew in crews for call in crew.engine.calls.values()),
            json.dumps(self._rota.states()),
            self._memories(everything=everything),
        )
        self._observers.tell_kept()
        self._effects.deliver(self._clock.now())
        self._watch(self.tally)

    def _memories(self, *, everything: bool) -> list[Memory]:
        """What the modes have learned, now and then, and at the end."""
        now = self._clock.now()
        if not everything and now < self._remembered + _MEMORABLE:
            return []
        self._remembered = now
        found = [(crew, crew.engine.remember()) for crew in self._crews if crew.engine.watched]
        return [Memory(crew.group.name, crew.group.mode.name, content) for crew, content in found if content]

    # --- before the first record ---

    def _date_imports(self) -> None:
        """What was imported since the last run came into its world now, or, in real time, when it was imported."""
        date_imports(self._store, self._start if self._clock.jumps else None)
        for crew in self._crews:
            for feed in crew.feeds.values():
                feed.imports = imports_of(self._store, self._lists[feed.name])

    def _freeze_rules(self, now: float) -> None:
        """A list whose rules are not those it was last dialed under is looked at anew."""
        for crew in self._crews:
            for feed in crew.feeds.values():
                stored = self._lists[feed.name]
                if stored.rules_digest not in ("", crew.group.digest):
                    look_again(self._store, stored.list_id, _RULES_CHANGED, IN_CHAIN, crew.held)
                    self._ledger.batch.journal.append(
                        Entry(round(now, 3), "rules_changed", 0, 0, 0, _RULES_CHANGED, 0)
                    )
                frozen_rules(self._store, stored, crew.group.digest)

    def _resume(self) -> None:
        """Ask the dialers what became of the calls that were in progress when the last run ended."""
        for crew in self._crews:
            for feed in crew.feeds.values():
                records = feed.resume()
                placed = placed_at(self._store, records)
                dials = [
                    Dial(record.attempt_id, record, at, crew.caller_id, crew.ring_time)
                    for record, at in zip(records, placed, strict=True)
                ]
                known = crew.line.reconcile(dials)
                for dial in dials:
                    call = LiveCall(dial.attempt_id, dial.record, dial.at)
                    call.stored = True
                    self._called(dial.record.phone)
                    crew.engine.place(call)
                    crew.dialing.add(dial.record.record_id)
                    if dial.attempt_id not in known:
                        self._lose(crew, call)

    def _lose(self, crew: Crew, call: LiveCall) -> None:
        self._ledger.note(self._start, "lost", call.record, _LOST)
        self.tally.lost += 1
        self._obey(crew, crew.engine.ended(call.attempt_id, self._start, CallResult.UNKNOWN), self._start)


def _treatments(groups: Iterable[Group]) -> list[Treatment]:
    """Every treatment the rules of the groups name."""
    steps = (step for group in groups for ruleset in group.rulesets for step in ruleset.steps())
    return [step.element for step in steps if isinstance(step.element, Treatment)]


_EVENTS: Final[Mapping[type, str]] = {
    DialAgain: "dial_again",
    DialNext: "dial_next",
    Finish: "finish",
    Suppress: "suppress",
    UpdateChain: "update_chain",
    Reschedule: "reschedule",
    AssignToGroup: "assign_to_group",
    MarkAgentError: "agent_error",
}
