from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cxrun import Call, CallResult, UpdateChain
from cxrun_plugins.treatments.update_chain import UpdateWholeChain


def test_gives_the_whole_chain_this_result(make_call: Callable[..., Call]) -> None:
    assert UpdateWholeChain.build(None).apply(make_call(CallResult.WRONG_NUMBER)) == UpdateChain(
        "update chain"
    )


def test_in_a_run_records_that_were_final_before_get_the_result_too(campaign: Callable[..., Any]) -> None:
    rules = "treatments: [{on: no_answer, do: [next_in_chain: ]}, {on: busy, do: [update_chain: ]}]"
    folder = campaign(rules, {"no_answer": 0.5, "busy": 0.5}, 40, 3)
    folder.run()
    chains = folder.query(
        "SELECT group_concat(DISTINCT call_result), max(call_result = 6), sum(attempt) "
        "FROM closed JOIN records USING (record_id) GROUP BY chain_id"
    )
    busy = [chain for chain in chains if chain[1]]
    assert any(chain[2] > 1 for chain in busy), "no chain was busy after its first number"
    assert {chain[0] for chain in busy} == {"6"}
    assert folder.query("SELECT DISTINCT call_result FROM journal WHERE event = 'update_chain'") == [(6,)]
    unwritten = folder.query(
        "SELECT count(*) FROM closed c WHERE call_result <> "
        "(SELECT call_result FROM journal j WHERE j.record_id = c.record_id ORDER BY seq DESC LIMIT 1)"
    )
    assert unwritten == [(0,)]


def test_life_of_a_record_tells_of_it(campaign: Callable[..., Any], cxrun: Callable[..., Any]) -> None:
    rules = "treatments: [{on: no_answer, do: [next_in_chain: ]}, {on: busy, do: [update_chain: ]}]"
    folder = campaign(rules, {"no_answer": 0.5, "busy": 0.5}, 40, 2)
    folder.run()
    ((first,),) = folder.query(
        "SELECT min(record_id) FROM closed JOIN attempts USING (record_id) "
        "WHERE closed.call_result = 6 AND attempts.call_result = 7"
    )
    told = cxrun("-C", folder.folder, "explain", first).out
    assert "no_answer: next in chain" in told
    assert "closed: busy: update chain" in told
    assert "now: updated, type general, call result busy, 1 attempt; busy: update chain" in told
