"""Factories for what elements are asked about; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun import Call, CallResult, Record, RecordStatus, RecordType

MakeRecord = Callable[..., Record]


@pytest.fixture
def make_record() -> MakeRecord:
    """A factory of records of one customer in New York; keyword arguments replace its values."""
    usual = Record(
        record_id=1,
        list_id=1,
        chain_id=1,
        chain_n=1,
        chain_size=1,
        contact_info="(212) 555-0101",
        phone="+12125550101",
        contact_info_type=1,
        tz="America/New_York",
        tz_source="device",
        country="US",
        area_code="212",
        daily_from=28800,
        daily_till=64800,
        record_type=RecordType.GENERAL,
        record_status=RecordStatus.RETRIEVED,
        call_result=CallResult.UNKNOWN,
        attempt=0,
        dial_sched_time=0,
        call_time=0,
        treatments="",
        agent_id=None,
        due=0,
        priority=4,
        client_id="C1",
        first_name=None,
        last_name=None,
        company=None,
    )

    def make(**overrides: Any) -> Record:
        return usual._replace(**overrides)

    return make


@pytest.fixture
def make_call(make_record: MakeRecord) -> Callable[..., Call]:
    """A factory of calls to a record that `make_record` makes, ended at 1000 with no answer."""

    def make(result: CallResult = CallResult.NO_ANSWER, **values: Any) -> Call:
        record = values.pop("record", None) or make_record(attempt=1, call_result=result)
        return Call(**{"now": 1000.0, "record": record, "result": result, **values})

    return make
