"""Dialing: the next records of a group are judged by its rules, claimed for an attempt and called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cxrun import callbacks, life
from cxrun.calls import Command, LiveCall, Place
from cxrun.crew import Crew
from cxrun.dialer import Dial
from cxrun.elements import PASS, Defer, Exclude, Moment
from cxrun.feed import Feed
from cxrun.model import CALLBACKS, PERSONAL, CallResult, PastAttempt, Reason, Record
from cxrun.pipeline import Decision, GiveWay, rule_of
from cxrun.store.journal import Entry
from cxrun.store.requests import asked_of
from cxrun.work import Work

_IN_CALL_WAIT: Final = 30.0
"""Seconds after which a record is looked at again whose number is just being called for another one."""
FREELY: Final = "dialing freely again"
"""What the journal says once there is no more to be said of the pace."""
_WITHDRAWN: Final = Reason("waiting", "not dialed: a request came in before")


class Dialing:
    """Dials the records of a run; `obey` does what an engine commands."""

    def __init__(self, work: Work, obey: Callable[[Crew, Iterable[Command], float], None]) -> None:
        self._work = work
        self._obey = obey
        self._ledger = work.ledger
        self._tally = work.tally
        self._options = work.options

    def dial(self, crew: Crew, now: float) -> None:
        """Dial as many records of a group as its engine wants and the rules allow."""
        engine = crew.engine
        room = engine.new_calls(now)
        if engine.remark != crew.remark:
            self._remark(crew)
        if self._options.limit is not None:
            previewing = sum(other.engine.previewing for other in self._work.crews)
            room = min(room, self._options.limit - self._tally.attempts - previewing)
        if room <= 0:
            return
        self._work.lock()
        now = self._work.clock.now()
        placing: list[tuple[Record, Dial]] = []
        while room > 0 and not self._work.stop and self._tally.errors <= self._options.max_errors:
            feed = crew.next_feed()
            if feed is None:
                break
            record = feed.pop()
            if record.record_type in CALLBACKS and life.late(record, now, crew.callbacks):
                callbacks.missed(self._work, crew, feed, record, now)
                continue
            if not self.allowed(crew, feed, record, now):
                continue
            if record.record_type in PERSONAL and not callbacks.has_agent(
                self._work, crew, feed, record, now
            ):
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

    def _remark(self, crew: Crew) -> None:
        """The mode says something else of the pace than before: so does the journal."""
        self._work.lock()
        crew.remark = crew.engine.remark
        reason = Reason("group", f"{crew.group.name}: {crew.remark or FREELY}")
        at = round(self._work.clock.now(), 3)
        self._ledger.batch.journal.append(Entry(at, "pacing", 0, 0, 0, reason, 0))

    def allowed(self, crew: Crew, feed: Feed, record: Record, now: float) -> bool:
        """Ask the rules; a record they object to is written back with the reason."""
        facts = self._work.facts
        sleeping = feed.sleeping(record)
        if record.phone in self._work.in_call:
            decision = Decision(Defer(now + _IN_CALL_WAIT, "a call to this number is in progress"), None)
        else:
            chain = (record, *sleeping) if sleeping else (record,)
            decision = crew.pipeline.decide(facts.moment(now, record, chain, crew.ring_time, feed.imports))
        verdict = decision.verdict
        if verdict is PASS:
            return True
        if isinstance(verdict, Defer):
            reason = Reason("deferred", verdict.reason, decision.rule)
            self._ledger.defer(record, life.deferred(record, verdict, now), reason, now)
            feed.forget_chain(record)
            self._tally.deferred += 1
            crew.refused += 1
        elif isinstance(verdict, Exclude):
            broken = decision.broken
            reason = Reason("error" if broken else "excluded", verdict.reason, decision.rule)
            change = life.excluded(record, sleeping, verdict, now, crew.pipeline.devices)
            self._ledger.exclude(record, sleeping, change, reason, now)
            feed.forget_chain(record)
            self._tally.excluded += 1
            crew.refused += 1
            self._tally.errors += broken
        elif isinstance(verdict, GiveWay):
            reason = Reason("chained", verdict.reason, decision.rule)
            self._ledger.exclude(record, sleeping, life.gave_way(record, verdict, now), reason, now)
            feed.forget_chain(record)
        return False

    def has_agent(self, crew: Crew, feed: Feed, record: Record, now: float) -> bool:
        """Whether the agent of a personal record is free now."""
        return callbacks.has_agent(self._work, crew, feed, record, now)

    def _claim(self, crew: Crew, record: Record, agent_id: str | None, now: float) -> Dial:
        """The intent: the attempt counts and the record is in work before anybody is called."""
        dialed = life.attempted(record, now)
        call = LiveCall(dialed.attempt_id, dialed, now, agent_id)
        call.past = self._work.facts.dialed(dialed, now)
        crew.engine.place(call)
        crew.dialing.add(dialed.record_id)
        self._tally.attempts += 1
        self._work.called(dialed.phone)
        return Dial(call.attempt_id, dialed, now, crew.caller_id, crew.ring_time)

    def _place(self, crew: Crew, claimed: list[tuple[Record, Dial]]) -> None:
        """Dial; `claimed` are the records as they were before they were claimed, and the calls to place."""
        if not crew.external:
            for _, dial in claimed:
                self._start_call(crew, dial)
            return
        if claimed:
            self._work.commit()
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
        if asked_of(self._work.store, record.chain_id):
            return True
        feed = crew.feeds[record.list_id]
        made = (record.record_id, dial.record.attempt)

        def before(attempts: Sequence[PastAttempt]) -> list[PastAttempt]:
            return [past for past in attempts if (past.record_id, past.attempt) != made]

        # what was written since the claim counts from a moment after it
        now = self._work.clock.now()
        facts = self._work.facts.read_anew(record, now)
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
        self._tally.attempts -= 1
        self._work.hung_up(dial.record.phone)
        self._ledger.withdraw(call, record._replace(due=int(dial.at) + 1), _WITHDRAWN, dial.at)
        crew.feeds[record.list_id].forget_chain(record)

    def _failed(self, crew: Crew, dial: Dial, message: str) -> None:
        """The dialer raised: the attempt counts, for nobody knows whether the phone rang."""
        reason = Reason("error", f"plugin error: {message}", rule_of(crew.group.dialer_step, "dialer"))
        self._ledger.note(dial.at, "dial_failed", dial.record, reason)
        self._tally.errors += 1
        crew.hang_up(dial.attempt_id, dial.at)
        self._obey(crew, crew.engine.ended(dial.attempt_id, dial.at, CallResult.UNKNOWN), dial.at)

    def after_preview(self, crew: Crew, command: Place, now: float) -> None:
        """The agent has looked at the record, or is free at last; time has passed, so the rules are asked again."""
        record = command.record
        feed = crew.feeds[record.list_id]
        crew.previewed.pop(record.record_id, None)
        touched = self._work.lock()
        now = self._work.clock.now()
        self._ledger.flush()
        self._work.facts.learn((record, *feed.sleeping(record)), now)
        if record.chain_id not in touched and self.allowed(crew, feed, record, now):
            self._place(crew, [(record, self._claim(crew, record, command.agent_id, now))])
        else:
            crew.engine.release(command.agent_id)
