from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun import Call, CallResult, Deliver, DeviceType, Drop, Handling, Record
from cxrun_plugins.result_handlers.delivery import Delivery

MACHINE = CallResult.ANSWERING_MACHINE


@pytest.mark.parametrize(
    ("parameters", "result", "expected"),
    [
        ({}, CallResult.ANSWER, Deliver("live person: agent")),
        ({}, MACHINE, Drop("answering machine: drop")),
        ({}, CallResult.FAX_DETECTED, Drop("fax detected: drop")),
        ({}, CallResult.SILENCE, Drop("silence: drop")),
        ({"answering_machine": "agent"}, MACHINE, Deliver("answering machine: agent")),
        ({"answering_machine": "agent"}, CallResult.SILENCE, Drop("silence: drop")),
        ({"silence": "agent"}, CallResult.SILENCE, Deliver("silence: agent")),
        (
            {"fax_detected": "fax_queue"},
            CallResult.FAX_DETECTED,
            Deliver("fax detected: fax_queue", "fax_queue"),
        ),
    ],
)
def test_each_kind_of_answer_goes_where_it_is_wanted(
    make_call: Callable[..., Call], parameters: dict[str, Any], result: CallResult, expected: Handling
) -> None:
    assert Delivery.build(parameters).handle(make_call(result)) == expected


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (DeviceType.MOBILE, Deliver("answering machine: agent")),
        (DeviceType.HOME, Deliver("answering machine: message", "message")),
        (DeviceType.PAGER, Drop("answering machine: drop")),
        (DeviceType.NONE, Drop("answering machine: drop")),
        (99, Drop("answering machine: drop")),
    ],
)
def test_answering_machines_may_depend_on_the_device(
    make_call: Callable[..., Call], make_record: Callable[..., Record], device: int, expected: Handling
) -> None:
    delivery = Delivery.build({"answering_machine": {"mobile": "agent", "home": "message"}})
    record = make_record(contact_info_type=device)
    assert delivery.handle(make_call(MACHINE, record=record)) == expected


@pytest.mark.parametrize(
    "result", [result for result in CallResult if result not in (33, MACHINE, CallResult.FAX_DETECTED, 32)]
)
def test_other_results_are_left_to_the_next_handler(
    make_call: Callable[..., Call], result: CallResult
) -> None:
    assert Delivery(answering_machine="agent").handle(make_call(result)) is None


@pytest.mark.parametrize("result", [CallResult.ANSWER, MACHINE])
def test_call_with_a_disposition_is_delivered_no_more(
    make_call: Callable[..., Call], result: CallResult
) -> None:
    assert Delivery().handle(make_call(result, disposition="SALE")) is None
