from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun import PASS, Exclude, Moment, Record
from cxrun_plugins.filters.where import Where

RICH = {"field": "balance", "ge": 100}


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (RICH, None),
        ({"all": [RICH, {"field": "country", "eq": "US"}]}, None),
        ({"field": "balance", "ge": 500}, "not: balance >= 500"),
        ({"not": RICH}, "not: not balance >= 100"),
        (
            {"any": [{"field": "balance", "lt": 1}, {"field": "state", "in": ["CA", "NV"]}]},
            "not: balance < 1 or state in CA, NV",
        ),
        ({"field": "segment", "eq": "gold"}, "not: segment = gold"),
        ({"not": {"field": "segment", "eq": "gold"}}, "not: not segment = gold"),
        ({"field": "segment", "empty": True}, None),
    ],
)
def test_only_records_of_which_it_is_true_pass(
    make_record: Callable[..., Record], condition: dict[str, Any], reason: str | None
) -> None:
    record = make_record(fields={"balance": 300, "state": "NY", "segment": None})
    verdict = Where.build(condition).check(Moment(now=0, record=record))
    assert verdict == (PASS if reason is None else Exclude(reason))


def test_passing_costs_no_new_object(make_record: Callable[..., Record]) -> None:
    where = Where.build({"field": "attempt", "lt": 3})
    assert where.check(Moment(now=0, record=make_record(attempt=2))) is PASS


@pytest.mark.parametrize("nothing", [None, {}])
def test_where_without_a_condition_is_refused(nothing: dict[str, Any] | None) -> None:
    with pytest.raises(ValueError, match="a condition is expected"):
        Where.build(nothing)
