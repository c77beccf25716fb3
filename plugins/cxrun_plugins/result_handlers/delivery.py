"""Delivery: who or what an answered call is connected to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from cxrun import (
    Call,
    CallResult,
    Deliver,
    DeviceType,
    Drop,
    Handling,
    ResultHandler,
    Schema,
    hookimpl,
)


def _destination(description: str) -> dict[str, Any]:
    return {"description": description, "type": "string", "minLength": 1}


_MACHINE: Final = CallResult.ANSWERING_MACHINE
_MACHINES: Final = (
    "Where answering machines go: drop, agent, a routing point, or a mapping of device types to these."
)


@dataclass(frozen=True, slots=True)
class Delivery(ResultHandler):
    """Delivers a live person to an agent, and machines to wherever they are wanted.

    A live person (answer) is always delivered to an agent. An answering machine, a fax and silence are
    dropped; agent or a routing point of the session profile can be named for each instead. For answering machines
    that may depend on the kind of device, e.g. `{mobile: agent, home: drop}`; device types that are not named are
    dropped. Any other result, and a call an agent has already given a disposition, is left to the next
    handler.

    Example::

        results:
          - delivery: {answering_machine: {mobile: agent, home: announcement}, fax_detected: drop}
    """

    name: ClassVar[str] = "delivery"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "answering_machine": {
                "description": _MACHINES,
                "anyOf": [
                    _destination(_MACHINES),
                    {
                        "type": "object",
                        "minProperties": 1,
                        "propertyNames": {"enum": [device.word for device in DeviceType]},
                        "additionalProperties": _destination(_MACHINES),
                    },
                ],
                "default": "drop",
            },
            "fax_detected": {
                **_destination("Where fax machines go: drop, agent, or a routing point."),
                "default": "drop",
            },
            "silence": {
                **_destination("Where silent calls go: drop, agent, or a routing point."),
                "default": "drop",
            },
        },
    }

    answering_machine: str | Mapping[str, str] = "drop"
    fax_detected: str = "drop"
    silence: str = "drop"

    _answers: Mapping[CallResult, Handling] = field(init=False, repr=False, compare=False)
    _by_device: Mapping[int, Handling] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        machine = self.answering_machine
        by_device = {} if isinstance(machine, str) else machine
        answers: dict[CallResult, Handling] = {
            CallResult.ANSWER: Deliver("live person: agent"),
            CallResult.FAX_DETECTED: _sent("fax detected", self.fax_detected),
            CallResult.SILENCE: _sent("silence", self.silence),
            _MACHINE: _sent("answering machine", machine if isinstance(machine, str) else "drop"),
        }
        object.__setattr__(self, "_answers", answers)
        devices = {
            DeviceType[word.upper()]: _sent("answering machine", where) for word, where in by_device.items()
        }
        object.__setattr__(self, "_by_device", devices)

    def routing_points(self) -> Sequence[str]:
        machine = self.answering_machine
        machines = [machine] if isinstance(machine, str) else machine.values()
        named = (*machines, self.fax_detected, self.silence)
        return [where for where in dict.fromkeys(named) if where not in ("agent", "drop")]

    def handle(self, call: Call) -> Handling | None:
        result = call.result
        if call.disposition is not None:
            return None
        if result == _MACHINE and self._by_device:
            return self._by_device.get(call.record.contact_info_type, self._answers[result])
        return self._answers.get(result)


def _sent(what: str, where: str) -> Handling:
    reason = f"{what}: {where}"
    return Drop(reason) if where == "drop" else Deliver(reason, where)


@hookimpl
def register_result_handlers() -> list[type[ResultHandler]]:
    return [Delivery]
