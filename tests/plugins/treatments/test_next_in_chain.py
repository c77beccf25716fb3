from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from cxrun import Call, DialNext, Record, RecordStatus
from cxrun_plugins.treatments.next_in_chain import NextInChain

WAITING = RecordStatus.CHAIN_READY
FINAL = RecordStatus.UPDATED

Chain = Callable[[int, Mapping[int, RecordStatus]], dict[str, object]]


@pytest.fixture
def chain(make_record: Callable[..., Record]) -> Chain:
    """The values of a call to position `at` of a chain of three that is gone through in order."""

    def make(at: int, others: Mapping[int, RecordStatus]) -> dict[str, object]:
        statuses = {at: RecordStatus.RETRIEVED, **others}
        records = {
            n: make_record(
                record_id=n,
                chain_n=n,
                chain_size=3,
                record_status=status,
                attempt=int(n <= at),
                treatments="r/1.1>@1@2@1" if n < at else "",
            )
            for n, status in sorted(statuses.items())
        }
        return {"record": records[at], "chain": tuple(records.values())}

    return make


@pytest.mark.parametrize("others", [{2: WAITING, 3: WAITING}, {2: FINAL, 3: WAITING}, {2: WAITING}])
def test_goes_on_to_a_later_record_that_waits(
    make_call: Callable[..., Call], chain: Chain, others: Mapping[int, RecordStatus]
) -> None:
    action = NextInChain().apply(make_call(now=1000.0, **chain(1, others)))
    assert action == DialNext(1000, "next in chain")


@pytest.mark.parametrize(
    ("at", "others"),
    [
        pytest.param(3, {1: FINAL, 2: FINAL}, id="the last one"),
        pytest.param(3, {1: WAITING, 2: WAITING}, id="only earlier ones wait"),
        pytest.param(1, {2: FINAL, 3: RecordStatus.CANCELED}, id="later ones are final"),
        pytest.param(2, {}, id="the rest is gone"),
    ],
)
def test_chain_without_a_later_record_is_at_its_end(
    make_call: Callable[..., Call], chain: Chain, at: int, others: Mapping[int, RecordStatus]
) -> None:
    assert NextInChain().apply(make_call(**chain(at, others))) is None


def test_record_alone_in_its_chain_has_no_next_one(
    make_call: Callable[..., Call], make_record: Callable[..., Record]
) -> None:
    record = make_record(chain_size=1)
    assert NextInChain(attempts=3).apply(make_call(record=record, chain=(record,))) is None


def test_records_may_come_back_while_a_pass_remains(make_call: Callable[..., Call], chain: Chain) -> None:
    treatment = NextInChain.build({"attempts": 2})
    values = chain(1, {2: WAITING})
    assert treatment.apply(make_call(now=5.0, passes=0, **values)) == DialNext(
        5, "next in chain", more_passes=True
    )
    assert treatment.apply(make_call(now=5.0, passes=1, **values)) == DialNext(5, "next in chain")


def test_new_pass_begins_until_the_attempts_are_used_up(make_call: Callable[..., Call], chain: Chain) -> None:
    treatment = NextInChain.build({"attempts": 3})
    values = chain(3, {1: WAITING, 2: WAITING})
    assert [treatment.apply(make_call(now=5.0, passes=passes, **values)) for passes in range(3)] == [
        DialNext(5, "chain begins anew, 2 of 3", new_pass=True, more_passes=True),
        DialNext(5, "chain begins anew, 3 of 3", new_pass=True, more_passes=True),
        None,
    ]
