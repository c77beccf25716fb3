from __future__ import annotations

import pytest

from cxrun.chain import in_order, remaining, waiting
from cxrun.model import DeviceType, Record, RecordStatus
from cxrun.testing import make_record

HOME, MOBILE, WORK = int(DeviceType.HOME), int(DeviceType.MOBILE), int(DeviceType.DIRECT_BUSINESS)
PASSED = "r/1.1>@1@2@1"
ANEW = "r/1.1>@1@2@1 r/1.1>>@1@1@2"


def member(
    n: int, device: int = HOME, status: str = "CHAIN_READY", treatments: str = "", attempt: int = 0
) -> Record:
    return make_record(
        record_id=n, chain_n=n, chain_size=4, contact_info_type=device, record_status=RecordStatus[status],
        treatments=treatments, attempt=attempt,
    )  # fmt: skip


def ids(records: list[Record]) -> list[int]:
    return [record.record_id for record in records]


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (None, [1, 2, 3, 4]),
        ({MOBILE: 0, HOME: 1, WORK: 2}, [2, 1, 4, 3]),
        ({WORK: 0, HOME: 1}, [3, 1, 4]),
        ({int(DeviceType.PAGER): 0}, []),
    ],
)
def test_order_is_that_of_the_chain_or_of_the_devices(
    devices: dict[int, int] | None, expected: list[int]
) -> None:
    records = [member(4), member(3, WORK), member(2, MOBILE), member(1)]
    assert ids(in_order(records, devices)) == expected


def test_only_other_records_that_wait_for_their_turn_are_waiting() -> None:
    own = member(1, status="RETRIEVED")
    chain = [own, member(2, status="READY"), member(3), member(4, status="UPDATED")]
    assert ids(waiting(own, chain, None)) == [3]


@pytest.mark.parametrize(
    ("own", "other", "left"),
    [
        pytest.param("", member(1), True, id="never dialed, though it stands before"),
        pytest.param(
            PASSED, member(1, treatments=PASSED, attempt=1), False, id="passed by in the first pass"
        ),
        pytest.param(ANEW, member(1, treatments=PASSED, attempt=1), True, id="passed by in the pass before"),
        pytest.param(ANEW, member(1, treatments=ANEW, attempt=2), False, id="passed by in the second pass"),
        pytest.param(ANEW, member(3, treatments="", attempt=1), True, id="gave way"),
        pytest.param(
            PASSED, member(3, treatments=PASSED), True, id="excluded when it was its turn, and no longer"
        ),
    ],
)
def test_record_has_its_turn_once_in_a_pass(own: str, other: Record, left: bool) -> None:
    record = member(2, status="RETRIEVED", treatments=own, attempt=1)
    assert bool(remaining(record, (record, other), None)) is left
