from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun import Call, CallResult, Deliver, DeviceType, Drop, Handling, Record, word_of
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


RULES = """\
ruleset: retry
results:
  - delivery: {answering_machine: {home: announcement, mobile: agent}, fax_detected: fax_queue}
"""


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("answer", {"home": "agent", "direct_business": "agent", "mobile": "agent"}),
        ("answering_machine", {"home": "announcement", "direct_business": "dropped", "mobile": "agent"}),
        ("fax_detected", dict.fromkeys(("home", "direct_business", "mobile"), "announcement")),
        ("silence", dict.fromkeys(("home", "direct_business", "mobile"), "dropped")),
    ],
)
def test_in_a_run_each_call_goes_where_its_result_and_device_send_it(
    project: Callable[..., Any], outcome: str, expected: dict[str, str]
) -> None:
    world = {"outcomes": {outcome: 1}, "patience": {"mean": 9999}}
    rules = RULES + f"treatments: [{{on: {outcome}, do: [next_in_chain: ]}}]\n"
    folder = project(6, 3, rules={"retry": rules}, dialer={"simulated": world}, agents=30)
    mapped = folder.campaign["lists"]["people"]["map"]
    mapped["devices"] = [
        {"column": column, "type": kind} for column, kind in zip(mapped["devices"], expected, strict=True)
    ]
    points = {"announcement": None, "fax_queue": {"description": "the fax server"}}
    folder.campaign["session_profiles"]["line"]["routing_points"] = points
    folder.save()
    folder.run()
    found = folder.query(
        "SELECT contact_info_type, a.agent_id IS NOT NULL, connected IS NOT NULL, count(*) FROM attempts a "
        "JOIN records USING (record_id) GROUP BY 1, 2, 3 ORDER BY 1"
    )
    where = {(1, 1): "agent", (0, 1): "announcement", (0, 0): "dropped"}
    assert {
        word_of(DeviceType, kind): where[agent, connected] for kind, agent, connected, _ in found
    } == expected
    assert [count for *_, count in found] == [6, 6, 6]


MACHINES = '''
"""A dialer of the real world in which machines answer; it writes down where calls are connected to."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cxrun import Answered, CallResult, Completed, Dialer, Line, hookimpl


class Machinery(Line):
    def __init__(self):
        self.coming = []

    def place(self, dial):
        self.coming.append(Answered(dial.attempt_id, dial.at, CallResult.ANSWERING_MACHINE))

    def connect(self, attempt_id, agent_id, at, destination):
        with Path(__file__).with_suffix(".log").open("a") as stream:
            stream.write(f"{agent_id} {destination}\\n")
        self.coming.append(Completed(attempt_id, at, None))

    def events(self, until):
        coming, self.coming = self.coming, []
        return coming

    def reconcile(self, dials):
        return set()


@dataclass(frozen=True)
class Machines(Dialer):
    name: ClassVar = "machines"

    def open(self, opening):
        return Machinery()


@hookimpl
def register_dialers():
    return [Machines]
'''


@pytest.mark.parametrize(
    ("point", "told"),
    [(None, "leave_a_message"), ({"address": "sip:7001@example.com"}, "sip:7001@example.com")],
)
def test_dialer_is_told_the_address_of_the_routing_point(
    project: Callable[..., Any], point: dict[str, str] | None, told: str
) -> None:
    rules = "ruleset: retry\nresults: [delivery: {answering_machine: leave_a_message}]\n"
    folder = project(
        3, rules={"retry": rules}, dialer={"machines": {}}, plugins={"machines": MACHINES},
        mode={"power_ivr": {"calls_per_minute": 6000, "max_in_progress": 10}},
        routing_points={"leave_a_message": point},
    )  # fmt: skip
    folder.run(wall=True)
    lines = (folder.folder / "plugins" / "machines.log").read_text().splitlines()
    assert lines == [f"None {told}"] * 3


def test_it_names_the_routing_points_it_needs() -> None:
    assert Delivery().routing_points() == []
    assert Delivery(
        answering_machine={"home": "agent", "mobile": "drop"}, silence="ivr"
    ).routing_points() == ["ivr"]
    assert Delivery(
        answering_machine={"home": "vm", "mobile": "vm"}, fax_detected="fax"
    ).routing_points() == ["vm", "fax"]
