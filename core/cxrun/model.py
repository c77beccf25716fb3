"""The campaign model: enumerations with their interchange codes, and the values every part passes on.

Times are Unix UTC seconds, durations seconds, phone numbers E.164, times of day seconds since midnight.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

from cxrun.areas import state_of_area

Value = str | int | float | None
"""What a field of a contact list may hold."""

NO_FIELDS: Final[Mapping[str, Value]] = MappingProxyType({})


def key_text(value: Value) -> str | None:
    """The value of an own field as records are told apart by it: 17 and 17.0 are "17"; None for no value."""
    if value is None or value == "":
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class CallResult(IntEnum):
    """How a call ended; the codes are exchanged with other systems."""

    OK = 0
    TRANSFERRED = 1
    CONFERENCED = 2
    GENERAL_ERROR = 3
    SYSTEM_ERROR = 4
    REMOTE_RELEASE = 5
    BUSY = 6
    NO_ANSWER = 7
    SIT_DETECTED = 8
    ANSWERING_MACHINE = 9
    ALL_TRUNKS_BUSY = 10
    SIT_INVALID_NUMBER = 11
    SIT_VACANT_CODE = 12
    SIT_INTERCEPT = 13
    SIT_UNKNOWN = 14
    SIT_NO_CIRCUIT = 15
    SIT_REORDER = 16
    FAX_DETECTED = 17
    QUEUE_FULL = 18
    CLEARED = 19
    OVERFLOWED = 20
    ABANDONED = 21
    REDIRECTED = 22
    FORWARDED = 23
    CONSULT = 24
    PICKED_UP = 25
    DROPPED = 26
    DROPPED_NO_ANSWER = 27
    UNKNOWN = 28
    COVERED = 29
    CONVERSE_ON = 30
    BRIDGED = 31
    SILENCE = 32
    ANSWER = 33
    NU_TONE = 34
    NO_DIAL_TONE = 35
    NO_PROGRESS = 36
    NO_RINGBACK = 37
    NO_ESTABLISHED_DETECTED = 38
    PAGER_DETECTED = 39
    WRONG_PARTY = 40
    DIAL_ERROR = 41
    CALL_DROP_ERROR = 42
    SWITCH_ERROR = 43
    NO_PORT_AVAILABLE = 44
    TRANSFER_ERROR = 45
    STALE = 46
    AGENT_CALLBACK_ERROR = 47
    GROUP_CALLBACK_ERROR = 48
    DEAFENED = 49
    HELD = 50
    DO_NOT_CALL = 51
    CANCEL_RECORD = 52
    WRONG_NUMBER = 53

    word: str
    """The name as a ruleset writes it, e.g. `no_answer`."""
    code: int
    """The plain number."""


COUNTED_RESULTS: Final = frozenset(
    {
        CallResult.BUSY,
        CallResult.NO_ANSWER,
        CallResult.ANSWERING_MACHINE,
        CallResult.FAX_DETECTED,
        CallResult.OVERFLOWED,
        CallResult.ABANDONED,
        CallResult.DROPPED,
        CallResult.DROPPED_NO_ANSWER,
        CallResult.SILENCE,
        CallResult.ANSWER,
        CallResult.WRONG_PARTY,
        CallResult.WRONG_NUMBER,
    }
)
"""The results an attempt rule counts when it names none."""


_TECHNICAL: Final = (
    CallResult.GENERAL_ERROR,
    CallResult.SYSTEM_ERROR,
    CallResult.ALL_TRUNKS_BUSY,
    CallResult.SIT_NO_CIRCUIT,
    CallResult.SIT_REORDER,
    CallResult.NO_DIAL_TONE,
    CallResult.NO_PROGRESS,
    CallResult.NO_RINGBACK,
    CallResult.NO_ESTABLISHED_DETECTED,
    CallResult.DIAL_ERROR,
    CallResult.SWITCH_ERROR,
    CallResult.NO_PORT_AVAILABLE,
)
RESULT_GROUPS: Final[Mapping[str, frozenset[CallResult]]] = MappingProxyType(
    {
        "technical": frozenset(_TECHNICAL),
        "sit": frozenset(
            {
                CallResult.SIT_DETECTED,
                CallResult.SIT_INVALID_NUMBER,
                CallResult.SIT_VACANT_CODE,
                CallResult.SIT_INTERCEPT,
                CallResult.SIT_UNKNOWN,
                CallResult.NU_TONE,
            }
        ),
        "machine": frozenset(
            {CallResult.ANSWERING_MACHINE, CallResult.FAX_DETECTED, CallResult.PAGER_DETECTED}
        ),
        "no_contact": frozenset({CallResult.BUSY, CallResult.NO_ANSWER, CallResult.SILENCE}),
    }
)
"""Call results a ruleset may name together; no result is in two groups.

technical: the call failed on our side or in the network, before anybody could answer; it says nothing of the
customer or the number. sit: the number does not work. machine: a machine answered. no_contact: the line is
in order and nobody spoke.
"""


class RecordType(IntEnum):
    """Why a record is to be dialed."""

    NONE = 0
    UNKNOWN = 1
    GENERAL = 2
    CAMPAIGN_RESCHEDULED = 3
    PERSONAL_RESCHEDULED = 4
    PERSONAL_CALLBACK = 5
    CAMPAIGN_CALLBACK = 6
    NO_CALL = 7

    word: str
    code: int


class RecordStatus(IntEnum):
    """Where a record stands in its life."""

    NONE = 0
    READY = 1
    RETRIEVED = 2
    UPDATED = 3
    STALE = 4
    CANCELED = 5
    AGENT_ERROR = 6
    CHAIN_UPDATED = 7
    MISSED_CALLBACK = 8
    CHAIN_READY = 9

    word: str
    code: int


class DeviceType(IntEnum):
    """What kind of device a phone number reaches."""

    NONE = 0
    HOME = 1
    DIRECT_BUSINESS = 2
    BUSINESS_WITH_EXTENSION = 3
    MOBILE = 4
    VACATION = 5
    PAGER = 6
    MODEM = 7
    VOICE_MAIL = 8
    PIN_PAGER = 9
    EMAIL = 10
    INSTANT_MESSAGING = 11

    word: str
    code: int


for _member in (*CallResult, *RecordType, *RecordStatus, *DeviceType):
    _member.word = _member.name.lower()
    _member.code = _member.value
    # Python 3.11 finds a member of an enumeration by a call, ten times slower than a plain attribute
    type.__setattr__(type(_member), _member.name, _member)

PRIORITY: Final[Mapping[int, int]] = MappingProxyType(
    {
        RecordType.PERSONAL_CALLBACK: 1,
        RecordType.CAMPAIGN_CALLBACK: 2,
        RecordType.PERSONAL_RESCHEDULED: 3,
        RecordType.CAMPAIGN_RESCHEDULED: 3,
        RecordType.GENERAL: 4,
    }
)
"""Record types of a smaller number are dialed first."""
CALLBACKS: Final = frozenset({RecordType.PERSONAL_CALLBACK, RecordType.CAMPAIGN_CALLBACK})
"""Record types of a customer who was promised a call at a certain time."""
PERSONAL: Final = frozenset({RecordType.PERSONAL_CALLBACK, RecordType.PERSONAL_RESCHEDULED})
"""Record types only one agent is to dial: the `agent_id` of the record."""


NEVER: Final = 2**62
"""Due time of a record its rules exclude; it waits for other rules."""
CHAINED: Final = 2**62 - 1
"""Due time of a record that waits for its turn in the chain."""
ASLEEP: Final = 0
"""Priority under which excluded and chained records are kept, out of the way of those that can be dialed."""


class _State(NamedTuple):
    """What changes in the life of a record, in the order of the work queue; and the rest of it."""

    list_id: int
    priority: int
    due: int
    record_id: int
    record_type: int
    record_status: int
    call_result: int
    attempt: int
    dial_sched_time: int
    call_time: int
    treatments: str
    agent_id: str | None
    device: Any


class Record(_State):
    """One phone number of one customer, how to process it and when it may be dialed.

    `record_type`, `record_status`, `call_result` and `contact_info_type` hold the codes of their
    enumerations. `fields` are the list's own columns. `client` is the customer as caps and suppression know him:
    his ClientID, else his chain.

    What never changes is shared by all the states of a record, so that a new state costs little.
    """

    __slots__ = ()

    chain_id: int
    chain_n: int
    chain_size: int
    contact_info: str
    phone: str
    contact_info_type: int
    tz: str
    tz_source: str
    country: str
    area_code: str
    daily_from: int
    daily_till: int
    client_id: str | None
    first_name: str | None
    last_name: str | None
    company: str | None
    client: str
    fields: Mapping[str, Value]

    def __new__(cls, **values: Any) -> Self:
        """Make a record of its values; `fields` and `client` need not be given."""
        state = [values.pop(name) for name in _State._fields[:STATE]]
        client = values["client_id"] or f"chain:{values['chain_id']}"
        return cls._make((*state, _Device(**{"fields": NO_FIELDS, "client": client, **values})))

    @classmethod
    def of_row(cls, row: tuple[Any, ...], own_fields: Sequence[str]) -> Self:
        """Make a record of a row of the store: its values in order, and those of the list's own fields."""
        fields = dict(zip(own_fields, row[_FIXED:], strict=True)) if own_fields else NO_FIELDS
        client = row[_CLIENT_ID] or f"chain:{row[STATE]}"
        device = tuple.__new__(_Device, (*row[STATE:_FIXED], client, fields))
        return tuple.__new__(cls, (*row[:STATE], device))

    def _replace(self, **values: Any) -> Self:
        of_device = {name: values.pop(name) for name in values.keys() & set(_DEVICE)}
        if of_device:
            device = self.device._replace(**of_device)
            client = of_device.get("client") or device.client_id or f"chain:{device.chain_id}"
            values["device"] = device._replace(client=client)
        return super()._replace(**values)

    def in_state(
        self,
        record_type: int,
        record_status: int,
        call_result: int,
        attempt: int,
        dial_sched_time: int,
        call_time: int,
        treatments: str,
        agent_id: str | None,
        due: int,
        priority: int,
    ) -> Record:
        """The record in another state; several times as quick as `_replace`, for the hot path."""
        state = (
            self.list_id, priority, due, self.record_id, record_type, record_status, call_result, attempt,
            dial_sched_time, call_time, treatments, agent_id, self.device,
        )  # fmt: skip
        return tuple.__new__(Record, state)

    @property
    def zones(self) -> tuple[str, ...]:
        """The IANA zones the number may be in; a window must be open in all of them. Empty if unknown."""
        return tuple(self.tz.split()) if self.tz else ()

    @property
    def exchange(self) -> str:
        """The three digits after the area code of a North American number; "" elsewhere."""
        return self.phone[5:8] if self.phone.startswith("+1") else ""

    @property
    def state(self) -> str | None:
        """The state as the list's own field `state` has it, else that of the area code; None if unknown."""
        own = self.fields.get("state")
        return own if isinstance(own, str) and own else state_of_area(self.country, self.area_code)

    @property
    def attempt_id(self) -> str:
        """The id of the record's latest attempt, e.g. `17-2`; dialers must treat it as idempotent."""
        return f"{self.record_id}-{self.attempt}"


STATE: Final = len(_State._fields) - 1
"""How many of a record's values the work queue keeps."""
_Device: Any = namedtuple("_Device", list(Record.__annotations__))  # type: ignore[misc]
_DEVICE: Final[tuple[str, ...]] = _Device._fields
_CLIENT_ID: Final = STATE + _DEVICE.index("client_id")
_FIXED: Final = STATE + _DEVICE.index("client")
RECORD_FIELDS: Final = (*_State._fields[:STATE], *(name for name in _DEVICE if name != "client"))
"""The names of a record's values."""
for _name in _DEVICE:
    setattr(Record, _name, property(attrgetter(f"device.{_name}")))


@dataclass(slots=True)
class PastAttempt:
    """One attempt that counts against a cap, of the same client or the same number.

    While the call is in progress its result is `unknown`, and `ended` is None.
    """

    placed: float
    call_result: int
    disposition: str | None
    client: str
    phone: str
    record_id: int = 0
    attempt: int = 0
    ended: float | None = None


class Rule(NamedTuple):
    """The element that decided and where it stands; what every reason points to."""

    kind: str
    name: str
    ruleset: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.name}"


class Reason(NamedTuple):
    """Why a record is as it is: a state, a phrase, and the rule that says so, if one does.

    `state` is one of waiting, chained, deferred, excluded, error, in work, closed. What the journal says of an
    effect has the state effect, of a whole group the state group, of a plan the state plan.
    """

    state: str
    text: str
    rule: Rule | None = None


NOT_YET: Final = Reason("waiting", "not looked at yet")
IN_CHAIN: Final = Reason("chained", "waits for its turn in the chain")


class Suppression(NamedTuple):
    """An entry of a suppression list: the device or client that must not be called from / till a time."""

    list_name: str
    kind: str
    key: str
    valid_from: float = 0.0
    valid_till: float | None = None

    def in_force(self, now: float) -> bool:
        """Whether the entry counts at a moment."""
        return self.valid_from <= now and (self.valid_till is None or now < self.valid_till)

    def kept(self, retention: float | None, added: float) -> Suppression:
        """The entry as a list keeps it to which it is added at a time, for so many seconds (None for ever)."""
        if retention is None:
            return self
        till = max(self.valid_from, added) + retention
        return self._replace(valid_till=till if self.valid_till is None else min(self.valid_till, till))


def word_of(enumeration: type[IntEnum], code: int) -> str:
    """The name of a code as users write it, or the code itself where it is unknown."""
    try:
        return enumeration(code).name.lower()
    except ValueError:
        return str(code)


def codes_by_word(enumeration: type[IntEnum]) -> dict[str, int]:
    """Map each name as users write it to its code."""
    return {member.name.lower(): member.value for member in enumeration}
