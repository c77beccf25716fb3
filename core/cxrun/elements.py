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


class Evidence(NamedTuple):
    """One fact that a verdict rests on: in words, and its moment, or its time from and till (Unix UTC seconds)."""

    text: str
    since: float | None = None
    till: float | None = None


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
    """Connect the answered call to an agent, or to another `destination`: the name of a routing point."""

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
    `since_start` is in seconds, `placed` counts the calls placed since. `agents` are logged in, whatever they
    do. In an IVR mode with a `capacity` its channels stand for agents: `ready` are free, `talking` are taken. An
    answered call waits for `connect_window` seconds at most.
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
    agents: int = 0
    connect_window: float = 2.0


class Pacer:
    """What a dialing mode knows of one run of one group, made by `DialingMode.start`.

    The engine tells it of everything at the moment it has happened, and of nothing before: it knows what a real
    dialer knows. All methods but `new_calls` may be left out. It may be told of the end of a call whose beginning
    it has not seen: calls outlive a run. Times are Unix UTC seconds.
    """

    __slots__ = ()

    def new_calls(self, pacing: Pacing) -> int:
        """How many calls to place now."""
        raise NotImplementedError

    def surplus(self, pacing: Pacing) -> int:
        """How many of the newest calls are too many now; asked if the mode `cancels_before_ring`."""
        return 0

    def next_at(self, now: float) -> float | None:
        """When to be asked again though nothing happens."""
        return None

    @property
    def remark(self) -> str:
        """What the journal, `cxrun status` and a run are to say of the pace; empty for nothing.

        The same phrase for the same cause: how long it held is added up.
        """
        return ""

    def placed(self, attempt_id: str, at: float) -> None:
        """A call is being dialed."""

    def withdrawn(self, attempt_id: str) -> None:
        """A call was not placed after all, or released before anybody could answer: it says nothing of people."""

    def answered(self, attempt_id: str, at: float, result: CallResult, *, delivered: bool) -> None:
        """Somebody or something answered; if `delivered`, an agent is to take the call."""

    def connected(self, attempt_id: str, agent_id: str | None, at: float) -> None:
        """An answered call has its agent, or its channel (None)."""

    def ended(self, attempt_id: str, at: float, result: CallResult) -> None:
        """A call ended before it was connected: not answered, abandoned in the queue, or dropped, in which case it may
        go on with a message for the person; nothing more is told of it then."""

    def completed(self, attempt_id: str, agent_id: str | None, at: float) -> None:
        """A connected call is over; its agent wraps up."""

    def agent_ready(self, agent_id: str, at: float) -> None:
        """An agent has come, or has wrapped up."""

    def agent_gone(self, agent_id: str, at: float) -> None:
        """An agent has left."""

    def count(self, days: Mapping[int, tuple[int, int]]) -> None:
        """The people who answered before this run, and those of them abandoned, by UTC day since 1970."""

    def remember(self) -> Mapping[str, Any]:
        """What the next run of the group should know, as plain JSON data."""
        return {}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Start from what an earlier run has remembered; called before anything else.

        What it cannot use it may raise for: that is told, and another one, made by `DialingMode.start`, begins anew.
        """


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

    def routing_points(self) -> Sequence[str]:
        """The routing points that the parameters name, to be checked when the project is loaded."""
        return ()


class Offer(NamedTuple):
    """How a record is pushed to an agent, who may accept or reject it.

    `on_timeout` is what becomes of it if he does neither during the preview: "dial" or "skip". A record that was
    rejected or skipped is left alone for `again_after` seconds.
    """

    on_timeout: str
    again_after: float


class DialingMode(ElementBase):
    """Decides how many calls to place now.

    A mode is an immutable value. One that only looks at the moment has `new_calls`; one that watches what happens
    overrides `start`, and keeps what it has seen in a `Pacer`. `needs_agents` is False for the IVR modes, which
    use ports instead. One that never places more calls than agents are free says so by `dials_ahead`. One that takes a
    number of agents to work well tells `cxrun lint` by an attribute `agent_floor`, maybe a parameter.
    """

    needs_agents: ClassVar[bool] = True

    @property
    def agent_first(self) -> bool:
        """Whether an agent is bound to each call before it is placed, as preview does."""
        return False

    @property
    def capacity(self) -> int | None:
        """How many answered calls an IVR mode can serve at a time; None for as many as there are ports.

        Further ones wait for a channel as calls wait for an agent, and are dropped in the end.
        """
        return None

    @property
    def preview_time(self) -> float:
        """Seconds an agent looks at the record before the call is placed."""
        return 0.0

    @property
    def offer(self) -> Offer | None:
        """How the agent is asked during the preview; None if he only looks."""
        return None

    @property
    def abandon_caps(self) -> Mapping[str, float]:
        """The abandon rate it keeps, in percent, by what it is measured over: `day`, `30_days` or `campaign`."""
        return {}

    @property
    def without_effect(self) -> Sequence[str]:
        """Parameters that change nothing beside the others it has, for `cxrun lint`."""
        return ()

    @property
    def fewest_agents(self) -> int:
        """How many agents must be ready at once before it places a call, if none is in progress.

        A group that never has as many is refused when the project is loaded, for it would dial nobody.
        """
        return 1

    @property
    def dials_ahead(self) -> bool:
        """Whether it may place more calls than agents are free, so that people may be abandoned.

        A compliance pack that limits the abandon rate asks such a mode for one of `abandon_caps`.
        """
        return self.needs_agents and not self.agent_first

    @property
    def cancels_before_ring(self) -> bool:
        """Whether calls that turn out to be too many are called off, as long as no phone rings."""
        return False

    @property
    def calls_per_second(self) -> float | None:
        """The pace of a mode that dials by the clock; None for as fast as the session profile allows."""
        return None

    def start(self, now: float) -> Self | Pacer:
        """What paces one run of one group that begins `now` (Unix UTC seconds): the mode itself, or what it keeps."""
        return self

    def new_calls(self, pacing: Pacing) -> int:
        """How many calls to place now; of a mode with a `Pacer`, before anything has happened."""
        raise NotImplementedError

    def surplus(self, pacing: Pacing) -> int:
        """How many of the newest calls are too many now; asked if it `cancels_before_ring`."""
        return 0


class Cap(NamedTuple):
    """How many attempts a filter lets be made within `window` seconds, None for ever.

    `per` says whose attempts are counted together, `results` are the codes of the call results that count. A cap by
    the day has a window of 12 hours: as long as people are called on one day.
    """

    at_most: int
    window: float | None
    per: Per
    results: frozenset[int]


class Filter(ElementBase):
    """Decides whether a record may be dialed now. One that raises fails closed: no dial.

    Beside `check` there is only what makes an answer about many records or moments quick, and an explanation
    telling; a filter without it is asked about every record by itself.

    `asks_others` marks a filter whose answer comes from somebody else, and may cost something: it is asked before a
    dial, and neither about other moments than the present one nor where calls are only thought about or simulated.
    `by_clock` marks those that open and close with the time of day or the date and look at nothing but the place of a
    record, so that `cxrun lint` can ask them when they ever let somebody through.
    """

    asks_others: ClassVar[bool] = False
    by_clock: ClassVar[bool] = False

    @property
    def caps(self) -> Sequence[Cap]:
        """The caps on attempts that it keeps, for `cxrun lint`."""
        return ()

    def alike(self, moment: Moment) -> Hashable | None:
        """A value that is the same for records that get the same verdict at any one moment, whichever it is.

        None if this record has to be asked about by itself.
        """
        return None

    def passes_until(self, moment: Moment) -> float:
        """Until when (Unix UTC seconds) a record that passes goes on passing, if nothing else happens to it."""
        return moment.now

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

    def evidence(self, moment: Moment) -> Sequence[Evidence]:
        """The facts the verdict rests on, for `explain --at` and `audit certificate`; not asked in a run."""
        return ()


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
