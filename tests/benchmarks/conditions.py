"""Compiled conditions beside what a person would write by hand in Python, on the same records."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from cxrun.conditions import Condition, compile_first
from cxrun.model import Record
from cxrun.testing import make_record

STATES = ("CA", "NV", "NY", "TX", "FL")
SIX = {
    "all": [
        {"field": "balance", "ge": 100},
        {"field": "state", "in": ["CA", "NV", "NY"]},
        {"field": "attempt", "lt": 3},
        {"field": "score", "gt": 0.25},
        {"field": "segment", "ne": "closed"},
        {"any": [{"field": "call_result", "eq": "busy"}, {"field": "call_result", "eq": "no_answer"}]},
    ]
}


def record(n: int) -> Record:
    fields = {
        "balance": n * 37 % 500,
        "state": STATES[n % 5],
        "score": n % 100 / 100,
        "segment": "open" if n % 3 else "closed",
    }
    return make_record(record_id=n, call_result=6 + n % 3, attempt=n % 5, client_id=f"C{n}", fields=fields)


def by_hand(r: Record) -> bool:
    f = r.fields
    return (
        f["balance"] is not None
        and f["balance"] >= 100
        and f["state"] in {"CA", "NV", "NY"}
        and r.attempt < 3
        and f["score"] is not None
        and f["score"] > 0.25
        and f["segment"] is not None
        and f["segment"] != "closed"
        and (r.call_result == 6 or r.call_result == 7)
    )


def rules() -> tuple[list[Condition], Callable[[Record], int]]:
    """Twenty rules, and the same as a hand-written chain of ifs."""
    conditions, lines = [], []
    for n in range(20):
        state, balance = STATES[n % 5], 480 - n * 20
        conditions.append(
            Condition({"all": [{"field": "state", "eq": state}, {"field": "balance", "ge": balance}]})
        )
        lines.append(
            f" if f['state'] == {state!r} and f['balance'] is not None and f['balance'] >= {balance}: return {n}"
        )
    source = "def chain(r):\n f = r.fields\n" + "\n".join(lines) + "\n return -1\n"
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return conditions, namespace["chain"]


def seconds(function: Callable[[Record], Any], records: list[Record]) -> float:
    begun = time.perf_counter()
    for item in records:
        function(item)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    records = [record(n) for n in range(options.records)]
    compiled = Condition(SIX).holds
    conditions, chain = rules()
    first = compile_first(conditions)
    assert all(compiled(item) == by_hand(item) and first(item) == chain(item) for item in records[:5000])
    for name, ours, theirs in (("six conditions", compiled, by_hand), ("first of 20 rules", first, chain)):
        ratios = []
        for _ in range(options.rounds):
            bare = seconds(theirs, records)
            ratios.append(seconds(ours, records) / bare)
        print(f"{name}: median {statistics.median(ratios):.2f} times the hand-written one")


if __name__ == "__main__":
    main()
