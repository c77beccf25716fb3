"""Factories for what elements are asked about; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from cxrun import Call, CallResult, Record, testing


@pytest.fixture
def make_record() -> Callable[..., Record]:
    """`cxrun.testing.make_record` for a customer known by his number and ClientID alone."""
    return partial(
        testing.make_record,
        contact_info="(212) 555-0101",
        phone="+12125550101",
        first_name=None,
        last_name=None,
    )


@pytest.fixture
def make_call(make_record: Callable[..., Record]) -> Callable[..., Call]:
    """`cxrun.testing.make_call` for a record that `make_record` makes, ended at 1000."""

    def make(result: CallResult = CallResult.NO_ANSWER, **values: object) -> Call:
        record = values.pop("record", None) or make_record(attempt=1, call_result=result)
        return testing.make_call(result, **{"now": 1000.0, "record": record, "chain": (), **values})

    return make
