from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from cxrun import Call, DialNext, Record, RecordStatus
from cxrun_plugins.treatments.next_in_chain_after import NextInChainAfter


def test_next_record_is_dialed_after_the_interval_counted_from_the_call(
    make_call: Callable[..., Call], make_record: Callable[..., Record]
) -> None:
    record = make_record(attempt=1, chain_size=2, call_time=1000)
    other = make_record(record_id=2, chain_n=2, chain_size=2, record_status=RecordStatus.CHAIN_READY)
    call = make_call(now=1060.0, record=record, chain=(record, other))
    assert NextInChainAfter(interval="2h").apply(call) == DialNext(8200, "next in chain in 2h")


def test_record_alone_in_its_chain_has_no_next_one(make_call: Callable[..., Call]) -> None:
    assert NextInChainAfter(interval="2h", attempts=5).apply(make_call()) is None


def test_in_a_run_every_number_of_the_chain_waits_for_its_turn(campaign: Callable[..., Any]) -> None:
    rules = "treatments: [{on: no_answer, do: [next_in_chain_after: {interval: 2h, attempts: 2}]}]"
    folder = campaign(rules, {"no_answer": 1}, 10, 3, agents=30)
    folder.run()
    chains: dict[int, list[tuple[int, float]]] = {}
    for chain_id, chain_n, at in folder.query(
        "SELECT chain_id, chain_n, placed FROM attempts JOIN records USING (record_id) ORDER BY placed"
    ):
        chains.setdefault(chain_id, []).append((chain_n, at))
    for calls in chains.values():
        assert [chain_n for chain_n, _ in calls] == [1, 2, 3, 1, 2, 3]
        assert all(7199 < later - earlier < 7220 for (_, earlier), (_, later) in pairwise(calls))
