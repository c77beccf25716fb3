"""Records with an agent of their own and promises to be kept: what follows if agent or time is missed.

Also what an agent does not want who looks at it before it is dialed.
"""

from __future__ import annotations

from typing import Final

from cxrun import life
from cxrun.calls import PutBack
from cxrun.crew import Crew
from cxrun.elements import Call
from cxrun.feed import Feed
from cxrun.model import CALLBACKS, CallResult, Reason, Record
from cxrun.pipeline import Broken
from cxrun.work import Work

_MISSED: Final = {
    "retry": "callback missed, to be tried again",
    "next_day": "callback missed, to be made the next day",
}


def missed(work: Work, crew: Crew, feed: Feed, record: Record, now: float) -> None:
    """A callback was not dialed in time."""
    sleeping = feed.sleeping(record)
    change = life.missed(record, sleeping, now, crew.callbacks)
    if change.waiting:
        reason = Reason("waiting", _MISSED[crew.callbacks.missed])
    else:
        reason = Reason("closed", "callback missed")
    work.ledger.move(record, sleeping, change, reason, now, "callback_missed")
    feed.forget_chain(record)
    work.tally.missed += 1


def has_agent(work: Work, crew: Crew, feed: Feed, record: Record, now: float) -> bool:
    """Whether the agent of a personal record is free now; if he is busy, the engine waits for him."""
    pool = crew.engine.pool
    if pool is None or record.agent_id is None or not pool.present(record.agent_id):
        agent_absent(work, crew, feed, record, now)
        return False
    if record.agent_id in pool.ready:
        return True
    crew.engine.await_agent(record, max(now, record.dial_sched_time + crew.callbacks.tolerance))
    crew.previewed[record.record_id] = record.chain_id
    return False


def agent_absent(work: Work, crew: Crew, feed: Feed, record: Record, now: float) -> None:
    """The agent of a personal record is not there: the treatments of that result decide."""
    sleeping = feed.sleeping(record)
    result = CallResult.AGENT_CALLBACK_ERROR
    told = life.with_result(life.absent(record), int(result), record.agent_id)._replace(call_time=int(now))
    judged = Call(
        max(now, work.synced),
        told,
        result,
        None,
        record.agent_id,
        (told, *sleeping),
        seed=work.options.seed,
    )
    settlement = crew.pipeline.settle(judged)
    if isinstance(settlement, Broken):
        reason = Reason("error", f"plugin error: {settlement.message}", settlement.rule)
        change = life.broken(record)
        work.tally.errors += 1
    else:
        change = life.agent_absent(record, judged, settlement)
        text = "any agent may make the call" if settlement.rule is None else settlement.action.reason
        state = "waiting" if change.waiting else "closed"
        reason = Reason(state, f"{judged.result.word}: {text}", settlement.rule)
    work.ledger.move(record, sleeping, change, reason, now, "agent_absent")
    feed.forget_chain(record)
    if change.suppressions:
        work.facts.suppressed(change.suppressions)


def given_back(work: Work, crew: Crew, record: Record, now: float) -> None:
    """The agent of a personal record did not become free in time, or has left."""
    feed = crew.feeds[record.list_id]
    crew.previewed.pop(record.record_id, None)
    if record.chain_id in work.lock():
        return
    work.ledger.flush()
    pool = crew.engine.pool
    if record.record_type in CALLBACKS and pool is not None and pool.present(record.agent_id):
        missed(work, crew, feed, record, now)
    else:
        agent_absent(work, crew, feed, record, now)


def put_back(work: Work, crew: Crew, command: PutBack, now: float) -> None:
    """An agent did not want the record: nobody has been called, and it waits."""
    record = command.record
    crew.previewed.pop(record.record_id, None)
    if record.chain_id in work.lock():
        return
    work.ledger.flush()
    reason = Reason("waiting", f"preview: {command.reason}")
    change = life.put_back(record, command.until, now)
    work.ledger.move(record, (), change, reason, now, "preview_rejected")
    crew.feeds[record.list_id].forget_chain(record)
