"""A run: joins engines, store, dialers and clock, and keeps the attempt protocol.

1. the intent is committed (attempt counted, record in work), 2. the call is placed, 3. the result is
committed. With a dialer that is `external` the commit comes before the call; a simulated dialer is the
store's own world, so its three steps share one transaction, and a call that was cut off never was. After a
restart the dialer is asked which calls it still knows; what nobody can tell is lost: it counts as an attempt
and is not dialed again.
"""

from __future__ import annotations

import gc
import math
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cxrun import __version__, callbacks, life
from cxrun.agents import AgentPool
from cxrun.calls import CallOff, Command, Connect, GiveBack, HangUp, LiveCall, Over, Push, PutBack
from cxrun.campaign import Group, Project
from cxrun.clock import Clock
from cxrun.crew import Crew, crew_of, share
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
    RingingLine,
)
from cxrun.dialing import Dialing
from cxrun.edits import Edits, hindrances
from cxrun.effects import Effects
from cxrun.elements import Call, Drop, Treatment
from cxrun.errors import UserError
from cxrun.events import RunFinished, RunStarted
from cxrun.ledger import Ledger
from cxrun.model import IN_CHAIN, CallResult, Reason
from cxrun.report import AtWork
from cxrun.roster import Attendance
from cxrun.rota import Turn, finished_before
from cxrun.settling import Settling
from cxrun.store.database import Store
from cxrun.store.journal import REAL, Entry
from cxrun.store.lists import StoredList, date_imports, frozen_rules, imports_of, keep_credits, stored_lists
from cxrun.store.queue import look_again, stored_attempts
from cxrun.store.runs import check_world, finish_run, last_reached, start_run
from cxrun.tally import Notice, Options, Tally
from cxrun.work import Work

LOOK: Final = 1.0
"""Seconds of the run's clock between looks at the project's files, unless the clock jumps."""
RULES_CHANGED: Final = "rules changed"
"""How a run ends that goes on as another one because somebody has changed the files."""
FLUSH: Final = 10_000
"""Changes that are written together at most."""
_PATIENCE: Final = 0.05
"""Seconds after which an external line is asked for events though it cannot say when the next one comes."""

_FRUITLESS: Final = 86400.0
"""Seconds of a simulation after which it ends that has records to dial, and dials none, and nothing else is to come."""

_RULES_CHANGED: Final = Reason("waiting", "to be looked at again: its rules have changed")
_LOST: Final = Reason("in work", "lost: no dialer can tell what became of the call")


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
        self._edits = edits
        self._store = store
        store.take_lease()
        try:
            self._prepare(project, list(groups), clock, start, environment or {})
        except BaseException:
            store.give_lease()
            raise

    @property
    def stop(self) -> bool:
        """Whether the run is to end: it places no more calls, and sees those in the real world to their end."""
        return self._work.stop

    @stop.setter
    def stop(self, stop: bool) -> None:
        self._work.stop = stop

    def _prepare(
        self,
        project: Project,
        groups: list[Group],
        clock: Callable[[float], Clock],
        start: float,
        environment: Mapping[str, str],
    ) -> None:
        store, options = self._store, self.options
        lists = stored_lists(store)
        reached = last_reached(store)
        start = start if reached is None else max(start, reached)
        opening = Opening(options.seed, start, environment)
        self._pools: dict[str, AgentPool] = {}
        self._alone = len(groups) == 1
        self._crews = [self._crew(group, lists, opening) for group in groups]
        share(self._crews, start)
        done = finished_before(project, groups, store, lists)
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
        self._looked = start
        self._closing = ""
        self._moved: tuple[int, float] = (0, start)
        self.tally = Tally(start, start, agents=sum(pool.size for pool in self._pools.values()))
        self.tally.notices = [Notice(start, crew.forgotten) for crew in self._crews if crew.forgotten]
        self.tally.paced = {crew.group.name: crew.paced for crew in self._crews}
        self.tally.per_list = {feed.name: Counter() for crew in self._crews for feed in crew.feeds.values()}

        def effects(ledger: Ledger) -> Effects:
            sending = self._external or options.send_effects
            counts = self.tally.effects
            return Effects(ledger, project.registry, project.folder, environment, counts, sending=sending)

        self._work = Work(store, project, self._crews, done, self._clock, options, self.tally, effects)
        self._ledger, self._rota = self._work.ledger, self._work.rota
        self._effects, self._observers = self._work.effects, self._work.observers
        self._effects.check(_treatments(groups))
        self._dialing = Dialing(self._work, self._obey)
        self._settling = Settling(self._work)
        self._start = start
        self._groups = tuple(group.name for group in groups)
        self._begin(project, start)

    def _crew(self, group: Group, lists: Mapping[str, StoredList], opening: Opening) -> Crew:
        return crew_of(group, self._store, lists, self._pools, opening, self.options.given, alone=self._alone)

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

    def drive(self, watch: Callable[[Tally], None] = lambda tally: None) -> Tally:
        """Run to the end and return the tally; `watch` sees it after every commit.

        When this returns, everything is committed; if it raises, everything up to the last commit is.
        """
        self._work.watch = watch
        # records in the buffers live long and form no cycles: looking for some would cost a fifth of the run
        thresholds = gc.get_threshold()
        gc.set_threshold(100_000, 50, 100)
        try:
            self._ledger.lock()
            if self.options.given is not None:
                entry = self.options.given.begin(self._store, self._start)
                self._ledger.batch.journal.append(entry)
            self._work.keep_attempt_fields()
            for notice in self.tally.notices:
                entry = Entry(round(self._start, 3), "pacing", 0, 0, 0, Reason("group", notice.text), 0)
                self._ledger.batch.journal.append(entry)
            self._date_imports()
            self._freeze_rules(self._start)
            self._resume()
            self._effects.resume(self._start)
            self._work.lock()
            self._work.commit()
            started = RunStarted(self.run_id, self._start, self._groups, self.options.seed)
            self._observers.tell("run_started", [started])
            self._loop()
            if self._work.asked or self._ledger.disturbed:
                self._work.lock()
            self._work.commit(everything=True)
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
            self._account(now)
            self._turn(now)
            self._close(now)
            if self._edits is not None and not self._clock.jumps:
                self._look_at_edits(self._edits, now)
            self._attend(now)
            for crew in self._crews:
                self._obey(crew, crew.engine.tick(now), now)
            if self._work.asked or (not self._clock.jumps and self._ledger.disturbed):
                self._work.lock()
            self.tally.ended = self._reason_to_stop(now)
            if self.tally.ended:
                return
            if self._may_dial:
                self._work.supply(now)
                if not self._alone:
                    for crew in self._crews:
                        crew.engine.idle = not crew.buffered
                for crew in self._rota.working:
                    self._dialing.dial(crew, now)
            pending = self._ledger.uncommitted
            if (
                (self._external and pending)
                or pending >= FLUSH
                or self._ledger.breathless
                or self._effects.restless
            ):
                self._work.commit()
            if self._in_vain(now) or (not self._advance(self._horizon(now)) and not self._turn(now)):
                self.tally.ended = self._reason_to_stop(now) or self._reason_to_end()
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
                until = min(until, max(batch.first_due, self._work.synced + self._work.poll))
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
                asking = crew.working or not self._alone
                if engine.pool is not None and asking and self._may_dial and engine.eager(event.at):
                    return True
                if crew.watched and not engine.calls:
                    return True
                if batch.first_due is not None and batch.first_due + self._work.poll < until:
                    break
                if len(left) >= FLUSH:
                    # in the midst of it: when calls are placed must not depend on when others let us write
                    self._work.commit()
                    break

    def _wait(self, horizon: float | None) -> bool:
        """The same in real time: wait a little, then ask every line."""
        _, at, _ = self._next_event()
        moments = [moment for moment in (at, horizon) if moment is not None]
        if not moments:
            return False
        now = self._clock.reach(min(moments))
        self._account(now)
        for crew in self._crews:
            for event in crew.line.events(now):
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

    def _reason_to_end(self) -> str:
        """Why a run ends in which nothing can happen any more."""
        told = []
        for crew in self._crews:
            if crew.buffered:
                name, waits_for = crew.group.name, crew.waits_for
                idle = f"waits for {waits_for}" if waits_for else f"places no calls by {crew.group.mode.name}"
                told.append(f"group {name} {idle}")
        return f"nothing more can be dialed: {', '.join(told)}" if told else "nothing left to dial"

    def _in_vain(self, now: float) -> bool:
        """Whether a simulation would go on for ever: no group that has records dials any, and nobody is to come.

        A mode may well wait for some time of the day, so it is given a whole one.
        """
        if not self._clock.jumps or not self._may_dial:
            return False
        moves = sum(crew.engine.placed + crew.refused for crew in self._crews)
        if moves != self._moved[0] or not all(crew.engine.unwilling(now) for crew in self._crews):
            self._moved = (moves, now)
        if now - self._moved[1] < _FRUITLESS or not any(crew.buffered for crew in self._crews):
            return False
        due = self._work.next_due()
        moments = [*self._rota.moments(pending=False), self._attendance.next_at(now, self.tally.attempts)]
        return (due is None or due <= now) and not any(moments)

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
        if elapsed <= 0:
            return
        at_work = False
        talking = wrapping = looking = channels = taken = 0
        for crew in self._crews:
            engine = crew.engine
            if engine.calls or crew.buffered:
                at_work = True
                crew.paced[crew.remark] += elapsed
            if engine.pool is None:
                channels += engine.channels
                taken += engine.talking
            else:
                talking += engine.talking
                wrapping += engine.wrapping
                looking += engine.looking
        if at_work:
            present = sum(max(0, len(pool.known) - len(pool.gone)) for pool in self._pools.values())
            tally.worked(elapsed, AtWork(present, talking, wrapping, looking, channels, taken))

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
        due = self._work.next_due() if self._may_dial else None
        if due is not None:
            moments.append(max(due, self._work.synced + self._work.poll))
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

    # --- schedules and sequences ---

    def _turn(self, now: float) -> bool:
        """Let groups start, pause and stop as it is their turn. False if nothing has changed."""
        turns = self._rota.turn(now)
        for crew, turn in turns:
            self._work.lock()
            if not crew.working:
                self._release(crew, turn)
            entry = Entry(round(now, 3), turn.event, 0, 0, 0, Reason("group", str(turn)), 0)
            self._ledger.batch.journal.append(entry)
            self.tally.turns.append(turn)
            if turn.forced:
                self._obey(crew, crew.engine.hang_up(now, "its group was stopped by force"), now)
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
                    raise UserError(
                        f"group '{name}': {hindrance} cannot be taken over while the run is at work; stop it, then "
                        "run again"
                    )
            self._effects.check(_treatments(project.group(crew.group.name) for crew in self._crews))
        except UserError as error:
            self.tally.notices.append(Notice(now, f"the run goes on under the rules it had: {error}"))
            self._work.watch(self.tally)
            return
        self._take_over(project, now)

    def _take_over(self, project: Project, now: float) -> None:
        """Go on under the rules of another state of the project, as a new run of the same world."""
        # calls in progress are of the run that placed them
        self._work.commit(everything=True)
        self._work.lock()
        for crew in self._crews:
            crew.change(project.group(crew.group.name), now)
            crew.count_answers(self._store)
        share(self._crews, now)
        self._work.know(project)
        self._work.keep_attempt_fields()
        finish_run(self._store, self.run_id, RULES_CHANGED)
        self._observers.tell(
            "run_finished", [RunFinished(self.run_id, now, self.tally.attempts, RULES_CHANGED)]
        )
        self._begin(project, now)
        self._observers.tell("run_started", [RunStarted(self.run_id, now, self._groups, self.options.seed)])
        self._freeze_rules(now)
        self._work.read_anew()
        in_hand = self._work.chains_in_hand()
        for crew in self._crews:
            for feed in crew.feeds.values():
                feed.read_chains(in_hand)
        self._rota.replan()
        self.tally.notices.append(Notice(now, "the files have changed: the run goes on under the new rules"))
        self._work.commit()

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
            crew.hang_up(attempt_id, at)
            return []
        if call.answered is not None:
            return crew.engine.answered_again(call, at)
        self.tally.answered += result == CallResult.ANSWER
        record = life.with_result(call.record, result.code, call.agent_id)
        handling, _ = crew.pipeline.deliver(Call(at, record, result, None, call.agent_id))
        if really == CallResult.ANSWER != result and isinstance(handling, Drop):
            self.tally.report.mistaken(crew.feeds[record.list_id].name, at)
        return crew.engine.answered(attempt_id, at, result, handling)

    def _obey(self, crew: Crew, commands: Iterable[Command], at: float) -> None:
        for command in commands:
            if isinstance(command, Over):
                self._settling.settle(crew, command.call, at)
            elif isinstance(command, Connect):
                if crew.external and crew.engine.calls[command.attempt_id].given_up:
                    # whoever takes over must know that this person was abandoned, and since when he hears why
                    self._work.given_up(crew.engine.calls[command.attempt_id])
                destination = crew.addresses.get(command.destination, command.destination)
                crew.line.connect(command.attempt_id, command.agent_id, at, destination)
                if command.agent_id is not None:
                    self.tally.connects += 1
                    self.tally.report.connected(command.agent_id)
                elif crew.engine.pool is None:
                    self.tally.connects += 1
                    self.tally.served += 1
            elif isinstance(command, HangUp):
                crew.line.hang_up(command.attempt_id, at)
            elif isinstance(command, CallOff):
                if isinstance(crew.line, RingingLine) and not crew.line.rings(command.attempt_id, at):
                    self._obey(crew, crew.engine.call_off(command.attempt_id, at), at)
            elif isinstance(command, GiveBack):
                callbacks.given_back(self._work, crew, command.record, at)
            elif isinstance(command, Push):
                if isinstance(crew.line, PreviewLine):
                    crew.line.preview(command.record, command.agent_id, at, command.until)
            elif isinstance(command, PutBack):
                callbacks.put_back(self._work, crew, command, at)
            else:
                self._dialing.after_preview(crew, command, at)

    # --- before the first record ---

    def _date_imports(self) -> None:
        """What was imported since the last run came into its world now, or, in real time, when it was imported."""
        date_imports(self._store, self._start if self._clock.jumps else None)
        for crew in self._crews:
            for feed in crew.feeds.values():
                feed.imports = imports_of(self._store, self._work.lists[feed.name])

    def _freeze_rules(self, now: float) -> None:
        """A list whose rules are not those it was last dialed under is looked at anew."""
        for crew in self._crews:
            for feed in crew.feeds.values():
                stored = self._work.lists[feed.name]
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
                stored = stored_attempts(self._store, records)
                dials = [
                    Dial(record.attempt_id, record, attempt.placed, crew.caller_id, crew.ring_time)
                    for record, attempt in zip(records, stored, strict=True)
                ]
                known = crew.line.reconcile(dials)
                for dial, attempt in zip(dials, stored, strict=True):
                    call = LiveCall(dial.attempt_id, dial.record, dial.at)
                    call.stored = call.resumed = True
                    if attempt.heard_message:
                        call.given_up = True
                        call.answered, call.connected = attempt.answered, attempt.connected
                        call.detected, call.result = CallResult.ANSWER, CallResult.DROPPED
                        self.tally.answered += 1
                    self.tally.taken_over += 1
                    self._work.called(dial.record.phone)
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
