"""A call in progress, and what the engine wants done with calls and records."""

from __future__ import annotations

from typing import NamedTuple

from cxrun.model import CallResult, PastAttempt, Record


class LiveCall:
    """A call in progress; times are None until they have come. `past` is the attempt as caps see it.

    `resumed`: an earlier run has placed it, and nobody told this one whether it was answered. `hung_up` says why it
    was released before anybody answered; empty if it was not. `given_up`: no agent took it in time, so it is
    dropped, though it may go on: a person is connected to the message for such calls.
    """

    __slots__ = (
        "agent_id", "answered", "attempt_id", "callback", "connected", "detected", "disposition", "ended", "given_up",
        "hung_up", "past", "placed", "record", "result", "resumed", "stored",
    )  # fmt: skip

    def __init__(self, attempt_id: str, record: Record, placed: float, agent_id: str | None = None) -> None:
        self.attempt_id = attempt_id
        self.record = record
        self.placed = placed
        self.agent_id = agent_id
        self.answered: float | None = None
        self.detected: CallResult | None = None
        self.connected: float | None = None
        self.ended: float | None = None
        self.result = CallResult.UNKNOWN
        self.disposition: str | None = None
        self.callback: float | None = None
        self.past: PastAttempt | None = None
        self.stored = False
        self.resumed = False
        self.given_up = False
        self.hung_up = ""


class Place(NamedTuple):
    """Dial the record; `agent_id` is the agent who is bound to the call."""

    record: Record
    agent_id: str | None


class Connect(NamedTuple):
    """Connect an answered call to an agent, or for None to another destination: the name of a routing point."""

    attempt_id: str
    agent_id: str | None
    destination: str = "agent"


class HangUp(NamedTuple):
    """Release the call."""

    attempt_id: str


class CallOff(NamedTuple):
    """Release the call if the called phone does not ring yet."""

    attempt_id: str


class Over(NamedTuple):
    """The call has ended; settle it."""

    call: LiveCall


class GiveBack(NamedTuple):
    """The record's own agent has not become free in time, or has left: it is not dialed now."""

    record: Record


class Push(NamedTuple):
    """Show the record to the agent, who accepts or rejects it; his answer counts before `until`."""

    record: Record
    agent_id: str
    until: float


class PutBack(NamedTuple):
    """The agent did not want the record, or did not see to it: it is left alone until then."""

    record: Record
    until: float
    reason: str


Command = Place | Connect | HangUp | CallOff | Over | GiveBack | Push | PutBack
