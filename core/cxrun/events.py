"""What observers are told, always after the commit."""

from __future__ import annotations

from typing import NamedTuple

from cxrun.model import CallResult, Record


class RunStarted(NamedTuple):
    """A run begins at `at` (Unix UTC seconds, of its own clock)."""

    run_id: int
    at: float
    groups: tuple[str, ...]
    seed: int


class AttemptSettled(NamedTuple):
    """One attempt and what followed.

    `action` is one of dial_again, dial_next, finish, suppress, update_chain, reschedule, assign_to_group,
    agent_error, callback_promised, error.
    """

    run_id: int
    at: float
    group: str
    record: Record
    result: CallResult
    disposition: str | None
    agent_id: str | None
    action: str
    reason: str


class RunFinished(NamedTuple):
    """A run is over; `reason` says why: nothing left to dial, nothing more can be dialed and what is waited for,
    until, limit, interrupted, errors."""

    run_id: int
    at: float
    attempts: int
    reason: str
