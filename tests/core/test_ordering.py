"""The settings of an order, and that an order which is the usual one costs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from cxrun.ordering import Key, Ordering, complaints


@pytest.mark.parametrize(
    ("settings", "usual"),
    [
        ({}, True),
        ({"ordering": [], "lifo": False, "priorities": {}}, True),
        ({"priorities": {"general": 9}}, True),
        ({"lifo": True}, False),
        ({"ordering": [{"field": "balance"}]}, False),
        ({"priorities": {"general": 1}}, False),
        ({"priorities": {"rescheduled": 4}}, False),
    ],
)
def test_only_an_order_that_differs_is_not_the_usual_one(settings: dict[str, Any], usual: bool) -> None:
    assert Ordering.of(settings).usual is usual


def test_fields_ascend_unless_they_say_otherwise() -> None:
    ordering = Ordering.of({"ordering": [{"field": "balance", "order": "descending"}, {"field": "state"}]})
    assert ordering.keys == (Key("balance", True), Key("state", False))


def test_fields_nobody_has_and_fields_named_twice_are_told_with_their_place() -> None:
    ordering = [{"field": "balanec"}, {"field": "attempt"}, {"field": "attempt"}]
    assert list(complaints(ordering, {"balance": "integer"})) == [
        ((0, "field"), "no field named 'balanec'; did you mean 'balance'?"),
        ((2, "field"), "'attempt' is ordered by already"),
    ]
