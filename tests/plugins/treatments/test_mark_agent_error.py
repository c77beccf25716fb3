from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cxrun import Call, CallResult, MarkAgentError
from cxrun_plugins.treatments.mark_agent_error import MarkAsAgentError


def test_marks_whatever_it_is_asked_about(make_call: Callable[..., Call]) -> None:
    assert MarkAsAgentError().apply(make_call(CallResult.AGENT_CALLBACK_ERROR)) == MarkAgentError(
        "agent error"
    )


def test_in_a_run_the_record_is_an_agent_error_and_its_chain_is_closed(campaign: Callable[..., Any]) -> None:
    rules = (
        "results: [disposition: {codes: {GONE: agent_callback_error}}]\n"
        "treatments: [{on: agent_callback_error, do: [mark_agent_error: ]}]"
    )
    folder = campaign(
        rules, {"answer": 1}, 8, 2, world={"dispositions": {"GONE": 1}, "patience": {"mean": 999}}
    )
    folder.run()
    assert folder.query(
        "SELECT record_status, call_result, count(*) FROM closed GROUP BY 1, 2 ORDER BY 1"
    ) == [
        (6, 47, 8),
        (7, 28, 8),
    ]
    assert ("closed", "agent_callback_error: agent error") in folder.reasons()
