from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun import AssignToGroup, Call, CallResult, Record, RecordType
from cxrun_plugins.treatments.assign_to_group import AssignCallbackToGroup


@pytest.mark.parametrize("kind", [RecordType.PERSONAL_CALLBACK, RecordType.PERSONAL_RESCHEDULED])
def test_personal_callback_is_for_anybody_at_once(
    make_call: Callable[..., Call], make_record: Callable[..., Record], kind: RecordType
) -> None:
    call = make_call(CallResult.AGENT_CALLBACK_ERROR, record=make_record(record_type=kind))
    assert AssignCallbackToGroup().apply(call) == AssignToGroup(1000, "assigned to the group")


@pytest.mark.parametrize("kind", [RecordType.GENERAL, RecordType.CAMPAIGN_CALLBACK])
def test_what_belongs_to_nobody_is_left_to_the_next_treatment(
    make_call: Callable[..., Call], make_record: Callable[..., Record], kind: RecordType
) -> None:
    assert AssignCallbackToGroup().apply(make_call(record=make_record(record_type=kind))) is None


def test_in_a_run_a_callback_whose_agent_is_gone_becomes_one_of_the_campaign(
    campaign: Callable[..., Any], promised: Callable[..., None]
) -> None:
    rules = (
        "results: [disposition: {codes: {GONE: agent_callback_error}}]\n"
        "treatments: [{on: agent_callback_error, do: [assign_to_group: , mark_agent_error: ]}]"
    )
    folder = campaign(rules, {"answer": 1}, 8, world={"dispositions": {"GONE": 1}, "patience": {"mean": 999}})
    promised(folder, "sales-99")
    folder.run()
    assert folder.query(
        "SELECT call_result, count(*) FROM journal WHERE event = 'agent_absent' GROUP BY 1"
    ) == [(47, 8)]
    assert folder.query(
        "SELECT record_type, record_status, attempt, count(*) FROM closed GROUP BY 1, 2, 3"
    ) == [(6, 6, 1, 8)], "any agent made the call, and there is no callback of his own to give away"
