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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

from cxrun import __version__, life
from cxrun.campaign import Group, Project
from cxrun.clock import Clock
from cxrun.crew import Crew
from cxrun.dialer import AgentReady, Answered, Completed, Dial, Ended, Opening, Progress
from cxrun.effects import Effects
from cxrun.elements import (
    PASS,
    AssignToGroup,
    Call,
    Defer,
    DialAgain,
    DialNext,
    Exclude,
    Finish,
    MarkAgentError,
    Moment,
    Reschedule,
    Suppress,
    Treatment,
    UpdateChain,
)
from cxrun.engine import AgentPool, Command, Connect, HangUp, LiveCall, Over, Place
from cxrun.errors import UserError
from cxrun.events import AttemptSettled, RunFinished, RunStarted
from cxrun.feed import Facts, Feed
from cxrun.ledger import Ledger
from cxrun.model import IN_CHAIN, CallResult, PastAttempt, Reason, Record
from cxrun.observers import Observers
from cxrun.pipeline import Broken, Decision, GiveWay, Settlement, rule_of
from cxrun.store.database import Store
from cxrun.store.journal import REAL, Entry
from cxrun.store.lists import date_imports, frozen_rules, imports_of, stored_lists
from cxrun.store.queue import Queue, keep_attempt_fields, look_again
from cxrun.store.runs import check_world, finish_run, last_reached, placed_at, start_run
from cxrun.tally import Options, Tally

POLL: Final = 5.0
"""Seconds of the run's clock between looks for records that have become due."""
FLUSH: Final = 10_000
"""Changes that are written together at most."""
_PATIENCE: Final = 0.05
"""Seconds after which an external line is asked for events though it cannot say when the next one comes."""

_IN_CALL_WAIT: Final = 30.0
"""Seconds after which a record is looked at again whose number is just being called for another one."""
_IN_CALL: Final = Decision(Defer(0.0, ""), None)

_RULES_CHANGED: Final = Reason("waiting", "to be looked at again: its rules have changed")
_LOST: Final = Reason("in work", "lost: no dialer can tell what became of the call")


class Run:
    """Drives the records of campaign groups until nothing is left to dial or a limit is reached.

    `clock` makes the clock, given where to start: `start`, or where the last run on this store stopped.
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
    ) -> None:
        self.options = options
        self.stop = False
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
        self._external = any(crew.external for crew in self._crews)
        if self._external and not all(crew.external for crew in self._crews):
            raise UserError("groups with a simulated dialer and groups with a real one cannot run together")
        self._clock = clock(start)
        check_world(store, self._world)
        if self._external:
            # a call in the real world must not outlive the memory of it, not even if the power fails
            store.make_durable()
        self._ledger = Ledger(store)
        attempt_fields = {field for crew in self._crews for field in crew.pipeline.attempt_fields}
        self._facts = Facts(store, max(crew.pipeline.window for crew in self._crews), sorted(attempt_fields))
        self._attempt_fields = attempt_fields
        self._retention = {name: kept.retention for name, kept in project.suppression_lists.items()}
        self._observers = Observers(project.registry)
        self._synced = start - POLL
        self._closing = ""
        self._in_call: Counter[str] = Counter()
        self.tally = Tally(start, start, agents=sum(pool.size for pool in self._pools.values()))
        self.tally.per_list = {feed.name: Counter() for crew in self._crews for feed in crew.feeds.values()}
        self._effects = Effects(
            self._ledger, project.registry, project.folder, environment, self.tally.effects,
            sending=self._external or options.send_effects,
        )  # fmt: skip
        self._effects.check(
            [
                step.element
                for group in groups
                for ruleset in group.rulesets
                for step in ruleset.steps()
                if isinstance(step.element, Treatment)
            ]
        )
        self._start = start
        self._groups = tuple(group.name for group in groups)
        versions = {"cxrun": __version__, "python": platform.python_version()}
        versions |= {plugin.name: plugin.version for plugin in project.registry.plugins}
        frozen = {group.name: group.as_frozen() for group in groups}
        texts = {digest: text for group in groups for digest, text in group.texts.items()}
        self.run_id = start_run(
            store, options.seed, self._groups, frozen, versions, start, world=self._world, texts=texts
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
        for name, weight in group.lists.items():
            if name not in self._lists:
                raise UserError(f"contact list '{name}' is not imported yet; `cxrun import {name}` does it")
            if weight:
                stored = self._lists[name]
                feeds.append(Feed(name, Queue(self._store, stored.list_id, list(stored.field_types)), weight))
        pool = None
        if group.mode.needs_agents and group.agent_group:
            pool = self._pools.setdefault(group.agent_group, AgentPool(group.agent_group, group.agents))
        return Crew(group, pool, group.dialer.open(opening), feeds, opening.start)

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
            self._ledger.attempt_fields = sorted(keep_attempt_fields(self._store, self._attempt_fields))
            self._date_imports()
            self._freeze_rules()
            self._resume()
            self._effects.resume(self._start)
            self._commit()
            started = RunStarted(self.run_id, self._start, self._groups, self.options.seed)
            self._observers.tell("run_started", [started])
            self._loop()
            self._commit(everything=True)
            self._effects.finish(self._clock.now, lambda: self.stop)
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
            for crew in self._crews:
                self._obey(crew, crew.engine.tick(now), now)
            self.tally.ended = self._reason_to_stop(now)
            if self.tally.ended:
                return
            if self._may_dial:
                self._supply(now)
                for crew in self._crews:
                    self._dial(crew, now)
            pending = self._ledger.uncommitted
            if (
                (self._external and pending)
                or pending >= FLUSH
                or self._ledger.breathless
                or self._effects.restless
            ):
                self._commit()
            if not self._advance(self._horizon(now)):
                self.tally.ended = self._reason_to_stop(now) or "nothing left to dial"
                return

    def _advance(self, horizon: float | None) -> bool:
        """Let the lines run up to the horizon, or until an engine has something to decide.

        False if nothing will ever happen again.
        """
        clock = self._clock
        batch = self._ledger.batch
        if not clock.jumps:
            return self._wait(horizon)
        while True:
            crew, at, until = self._next_event()
            if batch.first_due is not None and self._may_dial:
                until = min(until, max(batch.first_due, self._synced + POLL))
            until = until if horizon is None else min(until, horizon)
            if at is None or at > until:
                if until == math.inf:
                    return False
                self._account(clock.reach(until))
                return True
            for event in crew.line.events(until):
                self._account(clock.reach(event.at))
                self._progress(crew, event)
                if self.stop or crew.engine.waiting or len(batch.left) >= FLUSH:
                    return True
                if self._may_dial and crew.engine.eager(event.at):
                    return True
                if batch.first_due is not None and batch.first_due + POLL < until:
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
        self._closing = self._closing or self._reason_to_close(now)
        if self._external and any(crew.engine.calls for crew in self._crews):
            return ""
        return self._closing

    def _reason_to_close(self, now: float) -> str:
        """Why nothing more is to be dialed."""
        if self.stop:
            return "interrupted"
        if self.tally.errors > self.options.max_errors:
            return f"more than {self.options.max_errors} plugin errors"
        if self.options.until is not None and now >= self.options.until:
            return "until"
        if not self._may_dial and not any(crew.engine.in_progress for crew in self._crews):
            return "limit"
        return ""

    @property
    def _may_dial(self) -> bool:
        if self._closing:
            return False
        return self.options.limit is None or self.tally.attempts < self.options.limit

    def _account(self, now: float) -> None:
        tally = self.tally
        elapsed = now - tally.now
        tally.now = now
        if elapsed > 0 and tally.agents and self._at_work:
            tally.staffed_seconds += elapsed * tally.agents
            tally.ready_seconds += elapsed * sum(len(pool.ready) for pool in self._pools.values())
            tally.talk_seconds += elapsed * sum(crew.engine.talking for crew in self._crews)

    @property
    def _at_work(self) -> bool:
        """Whether there is anything for agents to do: calls in progress, or records that may be dialed."""
        return any(crew.engine.calls or crew.next_feed() is not None for crew in self._crews)

    def _horizon(self, now: float) -> float | None:
        """When something is due that no line will tell of: in an engine, in the queue, or at the end."""
        moments: list[float] = []
        for crew in self._crews:
            engine = crew.engine
            buffered = self._may_dial and crew.next_feed() is not None
            if buffered or engine.calls or engine.previewing:
                change = engine.next_at(now)
                if change is not None:
                    moments.append(max(change, now + 0.001))
                if crew.external:
                    moments.append(now + _PATIENCE)
            if self._may_dial and crew.starving:
                moments.append(now)
        due = self._next_due() if self._may_dial else None
        if due is not None:
            moments.append(max(due, self._synced + POLL))
        busy = any(crew.engine.calls for crew in self._crews)
        if (moments or busy) and self.options.until is not None and self.options.until > now:
            moments.append(self.options.until)
        return min(moments, default=None)

    def _next_due(self) -> float | None:
        moments = [
            feed.next_due for crew in self._crews for feed in crew.feeds.values() if feed.next_due is not None
        ]
        if self._ledger.batch.first_due is not None:
            moments.append(self._ledger.batch.first_due)
        return min(moments, default=None)

    def _supply(self, now: float) -> None:
        """Read what has become due into the buffers, at most every `POLL` seconds unless one is empty."""
        if not any(crew.starving for crew in self._crews):
            due = self._next_due()
            if due is None or due > now or now < self._synced + POLL:
                return
        self._lock()
        self._ledger.flush()
        self._synced = now
        if self._facts.too_many:
            buffered = (
                record for crew in self._crews for feed in crew.feeds.values() for record in feed.records()
            )
            self._facts.keep([*buffered, *(call.record for call in self._calls())])
        for crew in self._crews:
            held = crew.previewed | {call.record.record_id for call in crew.engine.calls.values()}
            for feed in crew.feeds.values():
                self._facts.learn(feed.refill(now, held), now)
        self._ledger.batch.first_due = None

    def _calls(self) -> Iterator[LiveCall]:
        """Every call in progress."""
        for crew in self._crews:
            yield from crew.engine.calls.values()

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
        placing: list[Dial] = []
        while room > 0 and self.tally.errors <= self.options.max_errors:
            feed = crew.next_feed()
            if feed is None:
                break
            record = feed.pop()
            if not self._allowed(crew, feed, record, now):
                continue
            room -= 1
            feed.taken += 1
            command = engine.take(record, now)
            if command is None:
                crew.previewed.add(record.record_id)
            else:
                placing.append(self._claim(crew, record, command.agent_id, now))
        self._place(crew, placing)

    def _allowed(self, crew: Crew, feed: Feed, record: Record, now: float) -> bool:
        """Ask the rules; a record they object to is written back with the reason."""
        facts = self._facts
        sleeping = feed.sleeping(record)
        chain = (record, *sleeping)
        decision = _IN_CALL
        if not self._in_call[record.phone]:
            decision = crew.pipeline.decide(
                Moment(
                    now,
                    record,
                    chain,
                    facts.attempts(record),
                    facts.suppressions(record),
                    facts.attempts_by(record),
                    crew.ring_time,
                    feed.imports,
                )
            )
        verdict = decision.verdict
        if decision is _IN_CALL:
            verdict = Defer(now + _IN_CALL_WAIT, "a call to this number is in progress")
        if isinstance(verdict, Defer):
            reason = Reason("deferred", verdict.reason, decision.rule)
            self._ledger.defer(record, life.deferred(record, verdict, now), reason, now)
            feed.forget_chain(record)
            self.tally.deferred += 1
        elif isinstance(verdict, Exclude):
            broken = decision.rule is not None and decision.rule.kind == "error"
            reason = Reason("error" if broken else "excluded", verdict.reason, decision.rule)
            change = life.excluded(record, sleeping, verdict, now, crew.pipeline.devices)
            self._ledger.exclude(record, sleeping, change, reason, now)
            feed.forget_chain(record)
            self.tally.excluded += 1
            self.tally.errors += broken
        elif isinstance(verdict, GiveWay):
            reason = Reason("chained", verdict.reason, decision.rule)
            self._ledger.exclude(record, sleeping, life.gave_way(record, verdict, now), reason, now)
            feed.forget_chain(record)
        return verdict is PASS

    def _claim(self, crew: Crew, record: Record, agent_id: str | None, now: float) -> Dial:
        """The intent: the attempt counts and the record is in work before anybody is called."""
        dialed = life.attempted(record, now)
        attempt_id = dialed.attempt_id
        crew.engine.place(LiveCall(attempt_id, dialed, now, agent_id))
        self.tally.attempts += 1
        self._in_call[dialed.phone] += 1
        self._facts.dialed(dialed, _past(dialed, now))
        return Dial(attempt_id, dialed, now, crew.caller_id, crew.ring_time)

    def _place(self, crew: Crew, dials: list[Dial]) -> None:
        if dials and crew.external:
            self._commit()
        for dial in dials:
            if crew.external:
                # placing may take its time, and the next run has been told of these calls
                self._store.confirm_lease()
            try:
                crew.line.place(dial)
            except Exception as error:
                self._failed(crew, dial, f"{type(error).__name__}: {error}")

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
        """The agent has looked at the record; time has passed, so the rules are asked again."""
        record = command.record
        feed = crew.feeds[record.list_id]
        crew.previewed.discard(record.record_id)
        self._lock()
        now = self._clock.now()
        self._ledger.flush()
        self._facts.learn((record, *feed.sleeping(record)), now)
        if self._allowed(crew, feed, record, now):
            self._place(crew, [self._claim(crew, record, command.agent_id, now)])
        else:
            crew.engine.release(command.agent_id)

    # --- progress of calls ---

    def _progress(self, crew: Crew, event: Progress) -> None:
        engine = crew.engine
        at = event.at
        if isinstance(event, Ended):
            commands = engine.ended(event.attempt_id, at, event.result)
        elif isinstance(event, Answered):
            commands = self._answered(crew, event)
        elif isinstance(event, Completed):
            commands = engine.completed(event.attempt_id, at, event.disposition)
        elif isinstance(event, AgentReady):
            commands = engine.agent_ready(event.agent_id, at)
        else:
            commands = engine.agent_gone(event.agent_id, at)
        self._obey(crew, commands, at)

    def _answered(self, crew: Crew, event: Answered) -> list[Command]:
        call = crew.engine.calls.get(event.attempt_id)
        if call is None:
            self._hang_up(crew, event.attempt_id, event.at)
            return []
        if call.answered is not None:
            return []
        self.tally.answered += event.result == CallResult.ANSWER
        record = life.with_result(call.record, int(event.result), call.agent_id)
        handling, _ = crew.pipeline.deliver(Call(event.at, record, event.result, None, call.agent_id))
        return crew.engine.answered(event.attempt_id, event.at, event.result, handling)

    def _obey(self, crew: Crew, commands: Iterable[Command], at: float) -> None:
        for command in commands:
            if isinstance(command, Over):
                self._settle(crew, command.call, at)
            elif isinstance(command, Connect):
                crew.line.connect(command.attempt_id, command.agent_id, at)
                self.tally.connects += command.agent_id is not None
            elif isinstance(command, HangUp):
                crew.line.hang_up(command.attempt_id, at)
            else:
                self._after_preview(crew, command, at)

    def _settle(self, crew: Crew, call: LiveCall, at: float) -> None:
        """The call is over: what becomes of the record and of its chain."""
        record = life.with_result(call.record, int(call.result), call.agent_id)
        feed = crew.feeds[record.list_id]
        sleeping = feed.sleeping(record)
        judged = Call(
            # what is told late must not be scheduled behind the point the queue has been read to
            max(at, self._synced),
            record,
            call.result,
            call.disposition,
            call.agent_id,
            (record, *sleeping),
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
        else:
            event, text = _EVENTS[type(settlement.action)], settlement.action.reason
            change = life.settled(judged, settlement)
            if change.suppressions:
                kept = [entry.kept(self._retention.get(entry.list_name), at) for entry in change.suppressions]
                change = change._replace(suppressions=tuple(kept))
            reason = Reason(
                "waiting" if change.waiting else "closed", f"{result.word}: {text}", settlement.rule
            )
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
        self._facts.dialed(
            record, _past(record, call.placed, int(result), call.disposition, call.ended or at)
        )
        self._in_call[record.phone] -= 1
        if not self._in_call[record.phone]:
            del self._in_call[record.phone]
        if call.detected == CallResult.ANSWER and result in (CallResult.ABANDONED, CallResult.DROPPED):
            self.tally.abandoned += 1
        self.tally.results[result.word] += 1
        self.tally.per_list[feed.name][result.word] += 1
        if self._observers.wants("attempt_settled"):
            self._observers.keep(
                AttemptSettled(
                    self.run_id, at, crew.group.name, judged.record, result, call.disposition, call.agent_id, event,
                    text,
                )
            )  # fmt: skip

    # --- transactions ---

    def _lock(self) -> None:
        """Hold the write lock; if anybody else has written, what is buffered is read and judged anew."""
        if not self._ledger.lock():
            return
        for crew in self._crews:
            for feed in crew.feeds.values():
                feed.drop()
        self._facts.forget()
        # this run knows better than the store: of attempts not written yet, and of simulated calls in progress
        self._ledger.flush()
        calls = [call for call in self._calls() if not call.stored]
        self._facts.learn([call.record for call in calls], self._clock.now())
        for call in calls:
            self._facts.dialed(call.record, _past(call.record, call.placed))

    def _commit(self, *, everything: bool = False) -> None:
        """Commit what is settled, and the intents of calls that outlive this process.

        A call in a simulated world leaves no trace before it is over, unless the run ends in between.
        """
        crews = (crew for crew in self._crews if crew.external or everything)
        self._ledger.commit(
            self._clock.now(), (call for crew in crews for call in crew.engine.calls.values())
        )
        self._observers.tell_kept()
        self._effects.deliver(self._clock.now())
        self._watch(self.tally)

    # --- before the first record ---

    def _date_imports(self) -> None:
        """What was imported since the last run came into its world now, or, in real time, when it was imported."""
        date_imports(self._store, self._start if self._clock.jumps else None)
        for crew in self._crews:
            for feed in crew.feeds.values():
                feed.imports = imports_of(self._store, self._lists[feed.name])

    def _freeze_rules(self) -> None:
        """A list whose rules are not those it was last dialed under is looked at anew."""
        for crew in self._crews:
            for feed in crew.feeds.values():
                stored = self._lists[feed.name]
                if stored.rules_digest not in ("", crew.group.digest):
                    look_again(self._store, stored.list_id, _RULES_CHANGED, IN_CHAIN)
                    entry = Entry(round(self._start, 3), "rules_changed", 0, 0, 0, _RULES_CHANGED, 0)
                    self._ledger.batch.journal.append(entry)
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
                    self._in_call[dial.record.phone] += 1
                    crew.engine.place(call)
                    if dial.attempt_id not in known:
                        self._lose(crew, call)

    def _lose(self, crew: Crew, call: LiveCall) -> None:
        self._ledger.note(self._start, "lost", call.record, _LOST)
        self.tally.lost += 1
        self._obey(crew, crew.engine.ended(call.attempt_id, self._start, CallResult.UNKNOWN), self._start)


def _past(
    record: Record,
    placed: float,
    result: int = int(CallResult.UNKNOWN),
    disposition: str | None = None,
    ended: float | None = None,
) -> PastAttempt:
    """The latest attempt of a record as caps see it."""
    return PastAttempt(
        placed, result, disposition, record.client, record.phone, record.record_id, record.attempt, ended
    )


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
