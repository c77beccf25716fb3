"""What an element is: the four kinds a ruleset chooses by name, their verdicts and actions.

An element is a frozen dataclass. Its fields are its parameters, `schema` is the JSON Schema of those
parameters, `name` is what the user types. It sees only its argument: no store, no wall clock, no global
chance. None always means "not mine, ask the next".

Every verdict and action carries a `reason`: a short phrase, the same for the same cause, so that reasons
can be counted over a whole list.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final, NamedTuple, Self

from cxrun.chain import DeviceOrder, remaining
from cxrun.model import CallResult, PastAttempt, Record, Suppression

Schema = Mapping[str, Any]

PER: Final[Schema] = {
    "description": "Whose attempts are counted together: those to the client, to the device, to this client on "
    "this device, or those with the same value of a field of the list's own, e.g. {field: debt_id}.",
    "anyOf": [
        {"type": "string", "enum": ["client", "device", "client_and_device"]},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["field"],
            "properties": {"field": {"description": "A field of the list's own.", "type": "string"}},
        },
    ],
}
Per = str | Mapping[str, str]
"""A value of `PER`."""


def per_text(per: Per) -> str:
    """Return whose attempts are counted together, as a person would say it."""
    return per.replace("_", " ") if isinstance(per, str) else per["field"]


# --- filters ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pass:
    """The filter has no objection now."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Defer:
    """Not before `until` (Unix UTC seconds); the record is looked at again then."""

    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class Exclude:
    """Not under these rules. The next record of the chain takes its place, if there is one."""

    reason: str


Verdict = Pass | Defer | Exclude
PASS: Final = Pass()


@dataclass(slots=True)
class Moment:
    """All a filter may know when it is asked whether a record may be dialed now.

    `chain` holds the records of the chain that still wait, this one included. `attempts` are the past
    attempts of the same client and the same number, oldest first, for at least the longest window a
    filter of the ruleset asked for by its `window` property. `suppressions` are the entries that name
    this number or this client, in whatever list. `attempts_by` holds, for each own field that a filter asked
    for by its `attempt_field` property, the past attempts with the same value of that field; a field of which
    the record has no value is left out. `ring_time` is how long the call may ring, in seconds. `imports` are
    the imports of the record's list: the first chain and when it was (Unix UTC seconds), in order.
    """

    now: float
    record: Record
    chain: Sequence[Record] = ()
    attempts: Sequence[PastAttempt] = ()
    suppressions: Sequence[Suppression] = ()
    attempts_by: Mapping[str, Sequence[PastAttempt]] = field(default_factory=dict)
    ring_time: float = 0.0
    imports: Sequence[tuple[int, float]] = ()

    def attempts_per(self, per: Per) -> Sequence[PastAttempt] | None:
        """The past attempts counted together, oldest first; None if the record has no value of the field."""
        if not isinstance(per, str):
            return self.attempts_by.get(per["field"])
        client = None if per == "device" else self.record.client
        phone = None if per == "client" else self.record.phone
        return [
            attempt
            for attempt in self.attempts
            if (client is None or attempt.client == client) and (phone is None or attempt.phone == phone)
        ]

    @property
    def imported(self) -> float | None:
        """When the record was imported (Unix UTC seconds), None if that is not known."""
        at = None
        for first_chain, moment in self.imports:
            if at is not None and first_chain > self.record.chain_id:
                break
            at = moment
        return at


# --- call results ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Call:
    """A call whose result is known, as handlers and treatments see it.

    `record` already counts the attempt and carries the result. `disposition` is the agent's code, None
    while no agent has spoken. `applied` is how often this very treatment has been applied in the current
    sequence and `passes` how often the chain has begun anew since it was first applied; both are of interest to
    treatments only. `devices` is the order of device types the group dials in, None for that of the chain.
    """

    now: float
    record: Record
    result: CallResult
    disposition: str | None = None
    agent_id: str | None = None
    chain: Sequence[Record] = ()
    applied: int = 0
    passes: int = 0
    seed: int = 0
    devices: DeviceOrder | None = None

    @property
    def dialed(self) -> float:
        """When the attempt was dialed (Unix UTC seconds): intervals count from here, not from the call's end.

        An agent who is absent when his callback is due is noticed without a call: then it is now.
        """
        if self.result == CallResult.AGENT_CALLBACK_ERROR:
            return self.now
        return self.record.call_time or self.now

    @property
    def remaining(self) -> Sequence[Record]:
        """The records of the chain that wait for their turn in this pass, in the order they are dialed."""
        return remaining(self.record, self.chain, self.devices)

    @property
    def rng(self) -> Random:
        """Chance of this attempt alone: the same for the same seed, record and attempt."""
        return Random(f"{self.seed}:{self.record.attempt_id}")


@dataclass(frozen=True, slots=True)
class Deliver:
    """Connect the answered call to an agent, or to another `destination` (a queue, an announcement)."""

    reason: str
    destination: str = "agent"


@dataclass(frozen=True, slots=True)
class Drop:
    """Release the answered call; nobody is connected."""

    reason: str


@dataclass(frozen=True, slots=True)
class Conclude:
    """The call result to write, where it differs from what the line reported."""

    result: CallResult
    reason: str


Handling = Deliver | Drop | Conclude


# --- treatments ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DialAgain:
    """Dial the same record again at `at` (Unix UTC seconds)."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class DialNext:
    """Dial the next record of the chain at `at`; after the last one a new pass begins if `new_pass`.

    `more_passes` says whether records that were passed by may come back in a later pass.
    """

    at: float
    reason: str
    new_pass: bool = False
    more_passes: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """Write the result and finish the whole chain."""

    reason: str


@dataclass(frozen=True, slots=True)
class Suppress:
    """Never call again: finish the chain, make the record no_call and add it to a suppression list.

    `client` adds the client beside the device. `valid_for` is in seconds; None is for ever.
    """

    reason: str
    list_name: str
    client: bool = False
    valid_for: float | None = None


@dataclass(frozen=True, slots=True)
class UpdateChain:
    """Give every record of the chain this result, those that are final already included, and finish it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reschedule:
    """Move the callback itself to `at` (Unix UTC seconds): its type and its owner stay as they are."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class AssignToGroup:
    """Make a personal callback one of the campaign, for any agent of the group, due at `at` (Unix UTC seconds)."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class MarkAgentError:
    """Finish the chain with the status agent_error."""

    reason: str


Action = DialAgain | DialNext | Finish | Suppress | UpdateChain | Reschedule | AssignToGroup | MarkAgentError


@dataclass(frozen=True, slots=True)
class Effect:
    """Something is to be done outside once the attempt is committed; the next step of the sequence decides.

    The treatment's `send` does it.
    """

    reason: str


class Message(NamedTuple):
    """What an effect sends: `body` is JSON text that tells of the attempt and what followed.

    `key` is the same for every try of one effect of one attempt, and for no other: a receiver that remembers
    the keys it has seen takes each message once. `tries` counts from 1. `folder` is that of the project,
    `environment` its variables.
    """

    key: str
    body: str
    tries: int
    folder: Path
    environment: Mapping[str, str]


class Undelivered(Exception):
    """Raised by `Treatment.send`: the message did not get there. With `again` it is tried again, a little later."""

    def __init__(self, why: str, *, again: bool = False) -> None:
        super().__init__(why)
        self.again = again


# --- dialing modes ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Pacing:
    """What a real dialer knows when it is asked how many calls to place.

    `dialed` calls have been placed and not yet answered or ended, `queued` calls wait for an agent,
    `talking` and `wrapping` count agents, `in_progress` every call of the group from place to end.
    `since_start` is in seconds, `placed` counts the calls placed since.
    """

    now: float
    ready: int = 0
    talking: int = 0
    wrapping: int = 0
    dialed: int = 0
    queued: int = 0
    in_progress: int = 0
    placed: int = 0
    since_start: float = 0.0


# --- the elements themselves -----------------------------------------------------------------------


class ElementBase:
    """What the kinds have in common; inherit from one of the four below, or from `Dialer`.

    `build` turns YAML parameters that fit `schema` into an element, and raises ValueError for what a schema
    cannot say.
    """

    name: ClassVar[str] = ""
    schema: ClassVar[Schema] = {"type": "object", "additionalProperties": False}

    @classmethod
    def build(cls, parameters: Mapping[str, Any] | None) -> Self:
        return cls(**(parameters or {}))

    def suppression_lists(self) -> Sequence[str] | None:
        """The suppression lists the parameters name, to be checked when the project is loaded.

        Empty for "all of them", None if the element has nothing to do with suppression.
        """
        return None

    def own_fields(self) -> Sequence[str]:
        """The own fields of the list that the parameters name, to be checked when the project is loaded."""
        return ()


class DialingMode(ElementBase):
    """Decides how many calls to place now.

    `needs_agents` is False for the IVR modes, which use ports instead. `agent_first` binds an agent
    to each call before it is placed, as preview does.
    """

    needs_agents: ClassVar[bool] = True
    agent_first: ClassVar[bool] = False

    @property
    def preview_time(self) -> float:
        """Seconds an agent looks at the record before the call is placed."""
        return 0.0

    @property
    def calls_per_second(self) -> float | None:
        """The pace of a mode that dials by the clock; None for as fast as the session profile allows."""
        return None

    def new_calls(self, pacing: Pacing) -> int:
        raise NotImplementedError


class Filter(ElementBase):
    """Decides whether a record may be dialed now. One that raises fails closed: no dial.

    Beside `check` there is only what makes an answer about many records or moments quick, and an explanation
    telling; a filter without it is asked about every record by itself. `asks_outside` says that the verdict comes
    from outside of this process: then it is not asked about other moments than the present one.
    """

    asks_outside: ClassVar[bool] = False

    def alike(self, moment: Moment) -> Hashable | None:
        """A value that is the same for records that get the same verdict at any one moment, whichever it is.

        None if this record has to be asked about by itself.
        """
        return None

    def passes_until(self, moment: Moment) -> float:
        """Until when (Unix UTC seconds) a record that passes goes on passing, if nothing else happens to it."""
        return moment.now

    def figures(self, moment: Moment) -> str:
        """What was counted or compared, as an explanation tells it beside the verdict; "" for nothing."""
        return ""

    @property
    def window(self) -> float:
        """How many seconds of past attempts the filter needs to see."""
        return 0.0

    @property
    def attempt_field(self) -> str | None:
        """The own field by whose value past attempts are to be found, beside those of the client and number."""
        return None

    def own_fields(self) -> Sequence[str]:
        return () if self.attempt_field is None else (self.attempt_field,)

    def check(self, moment: Moment) -> Verdict:
        raise NotImplementedError


class ResultHandler(ElementBase):
    """Says where an answered call goes, and which result a call ends with."""

    def handle(self, call: Call) -> Handling | None:
        raise NotImplementedError


class Treatment(ElementBase):
    """Says what to do next with a record whose call missed the intended party.

    One that answers `Effect` has a method `send` too; `repeatable` says that sending the same message twice does
    no harm, so that it is sent again if nobody knows whether it got there. `for_absent_agents` marks those that
    may answer agent_callback_error, `moves_on` those that may go on to another record of the chain.
    """

    repeatable: ClassVar[bool] = False
    for_absent_agents: ClassVar[bool] = False
    moves_on: ClassVar[bool] = False

    def apply(self, call: Call) -> Action | Effect | None:
        raise NotImplementedError

    def send(self, message: Message) -> None:
        """Do what an `Effect` announced; called after the commit, outside of the run's thread.

        Raises Undelivered if it did not succeed.
        """
        raise NotImplementedError

    def environment_variables(self) -> Sequence[str]:
        """The environment variables `send` cannot do without; a run that lacks one does not begin."""
        return ()
