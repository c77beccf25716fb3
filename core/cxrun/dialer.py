"""The dialer port: what places calls, real or simulated, and the events it reports.

A dialer is an element (its parameters come from the session profile); `open` gives the live `Line`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from cxrun.elements import ElementBase, Offer
from cxrun.model import CallResult, Record, Value


class Dial(NamedTuple):
    """One call to place. `record` already counts the attempt. `attempt_id` is idempotent: placing it twice must
    not ring twice."""

    attempt_id: str
    record: Record
    at: float
    caller_id: str | None
    ring_time: float


class Answered(NamedTuple):
    """Somebody or something answered; `result` says what the line took it for (answer, answering_machine...).

    `really` is what it was, where a simulated line knows better than it says: nobody who decides is told.
    """

    attempt_id: str
    at: float
    result: CallResult
    really: CallResult | None = None


class Ended(NamedTuple):
    """The call ended before an agent was connected: busy, no_answer, abandoned, a network failure..."""

    attempt_id: str
    at: float
    result: CallResult


class Completed(NamedTuple):
    """The conversation is over; `disposition` is the agent's code for it, if he gave one.

    `callback` is when the customer was promised to be called again (Unix UTC seconds), None if he was not.
    """

    attempt_id: str
    at: float
    disposition: str | None
    callback: float | None = None


class AgentReady(NamedTuple):
    """An agent is free for the next call, after login or wrap-up."""

    agent_id: str
    at: float


class AgentGone(NamedTuple):
    """An agent is no longer there."""

    agent_id: str
    at: float


class Previewed(NamedTuple):
    """An agent has accepted, or rejected, the record that was pushed to him."""

    record_id: int
    agent_id: str
    at: float
    accepted: bool


Progress = Answered | Ended | Completed | AgentReady | AgentGone | Previewed


class Line(Protocol):
    """A dialer at work. Times are Unix UTC seconds."""

    def place(self, dial: Dial) -> None:
        """Start a call; its progress comes as events."""

    def connect(self, attempt_id: str, agent_id: str | None, at: float, destination: str) -> None:
        """Connect an answered call to an agent; for None to a `destination`, the address of a routing point, which is
        "agent" where an IVR takes what an agent would have taken. A line that has reported a call as answered once
        more may be told so again."""

    def hang_up(self, attempt_id: str, at: float) -> None:
        """Release a call; no further event comes of it."""

    def next_at(self) -> float | None:
        """When the next event is due, None if none is under way or it cannot be known."""

    def events(self, until: float) -> Iterable[Progress]:
        """The events up to `until`, in order; each is produced when it is asked for, so that what the engine does
        in answer to one counts for the next."""

    def reconcile(self, dials: Collection[Dial]) -> set[str]:
        """Of calls placed before a restart, the ids this line still knows; it reports their progress."""


@runtime_checkable
class PreviewLine(Line, Protocol):
    """A line whose agents can accept or reject a record before it is dialed."""

    def preview(self, record: Record, agent_id: str, at: float, until: float) -> None:
        """Push a record to an agent; his answer comes as a `Previewed`, and none after `until` counts."""


@runtime_checkable
class RingingLine(Line, Protocol):
    """A line that knows whether a phone rings: a mode with `cancel_before_ring` can call off calls before that."""

    def rings(self, attempt_id: str, at: float) -> bool:
        """Whether the called phone has begun to ring by then; True if that is not known."""


class Opening(NamedTuple):
    """What a dialer gets when a run opens it: seed, start (Unix UTC seconds), environment variables.

    `lasts` is how long a simulated call takes at a routing point, in seconds by its address, where that is said.
    """

    seed: int
    start: float
    environment: Mapping[str, str]
    lasts: Mapping[str, float] = MappingProxyType({})


class Placed(NamedTuple):
    """A call of a simulation, as far as the chance that a person answers it may depend on it.

    `at` is exact to a quarter of an hour, Unix UTC seconds; `ring_time` in seconds. `fields` has the list's own fields
    that the dialer names as its `own_fields`. `record_id` is 0 for a dialer that does not tell people apart.
    """

    seed: int
    record_id: int
    fields: Mapping[str, Value]
    tz: str
    device: int
    attempt: int
    at: float
    ring_time: float


class Expected(NamedTuple):
    """How calls go on average, in seconds: on the line until somebody answers or nobody does, talking, wrapping up.

    `delivered` is the share of calls that an agent takes, or the announcement, 0 to 1.
    """

    line: float
    delivered: float
    talk: float
    wrap: float


class Dialer(ElementBase):
    """Places calls. `external` is True if its calls outlive this process: then every intent is committed
    before the call is placed."""

    external: ClassVar[bool] = True

    def expected(self, ring_time: float, *, agents: bool) -> Expected | None:
        """How its calls are expected to go where nothing has been measured; None if that is not known.

        `agents` is False for a group whose calls an announcement or IVR takes.
        """
        return None

    def expected_look(self, timeout: float, offer: Offer) -> float | None:
        """Seconds an agent is expected to look at records for each call placed, those he does not want included;
        None if that is not known."""
        return None

    def open(self, opening: Opening) -> Line:
        raise NotImplementedError

    @property
    def tells_people_apart(self) -> bool:
        """Whether `chance_of_answer` depends on the seed and the record itself; if not, it is asked about calls that
        are alike at once."""
        return False

    def chance_of_answer(self, call: Placed) -> float | None:
        """The chance, 0 to 1, that a call is reported as answered by a person; None if nobody can know.

        Everything is known but what is drawn anew for this call: what a record brings to all of its calls is part of
        the chance, or those who are called again because they did not answer would be thought too well of. A
        simulation that says the chance is compared with fewer seeds; one that says it wrongly, with wrong results.
        """
        return None
