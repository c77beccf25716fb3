from __future__ import annotations

from collections.abc import Callable

import pytest

from cxrun import PASS, Defer, Exclude, Moment, Record, Suppression, Verdict
from cxrun_plugins.filters.suppression import SuppressionLists

NOW = 1000.0
PHONE = "+12125550101"

DEVICE = Suppression("dnc", "device", PHONE)
CLIENT = Suppression("dnc", "client", "C1")
DEVICE_TILL_2000 = DEVICE._replace(valid_till=2000.0)
CLIENT_TILL_3000 = CLIENT._replace(valid_till=3000.0)

EXCLUDE_DEVICE = Exclude("suppressed device on list 'dnc'")
EXCLUDE_CLIENT = Exclude("suppressed client on list 'dnc'")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([], PASS, id="on no list"),
        pytest.param([DEVICE], EXCLUDE_DEVICE, id="the device"),
        pytest.param([CLIENT], EXCLUDE_CLIENT, id="the client"),
        pytest.param([CLIENT, DEVICE], EXCLUDE_DEVICE, id="the device is named first"),
        pytest.param([DEVICE._replace(key="+12125550199")], PASS, id="another device"),
        pytest.param([CLIENT._replace(key="C2")], PASS, id="another client"),
        pytest.param([CLIENT._replace(key=PHONE)], PASS, id="a client named like the number"),
        pytest.param([DEVICE._replace(kind="email")], PASS, id="another channel"),
        pytest.param([CLIENT._replace(kind="email")], PASS, id="another channel named like the client"),
        pytest.param(
            [DEVICE_TILL_2000], Defer(2000.0, "suppressed device on list 'dnc'"), id="until its end"
        ),
        pytest.param([DEVICE._replace(valid_till=NOW)], PASS, id="ended at this moment"),
        pytest.param([DEVICE._replace(valid_from=NOW)], EXCLUDE_DEVICE, id="begins at this moment"),
        pytest.param([DEVICE._replace(valid_from=NOW + 1)], PASS, id="not begun"),
        pytest.param(
            [CLIENT_TILL_3000, DEVICE_TILL_2000],
            Defer(3000.0, "suppressed device on list 'dnc'"),
            id="until the end of the longest, the client's",
        ),
        pytest.param(
            [DEVICE._replace(valid_till=4000.0), CLIENT_TILL_3000],
            Defer(4000.0, "suppressed device on list 'dnc'"),
            id="until the end of the longest, the device's",
        ),
        pytest.param([DEVICE_TILL_2000, CLIENT], EXCLUDE_CLIENT, id="one without end outweighs"),
    ],
)
def test_entries_hold_back(
    make_record: Callable[..., Record], entries: list[Suppression], expected: Verdict
) -> None:
    moment = Moment(now=NOW, record=make_record(phone=PHONE, client_id="C1"), suppressions=entries)
    assert SuppressionLists.build(None).check(moment) == expected


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        (["dnc"], EXCLUDE_DEVICE),
        (["complaints", "dnc"], EXCLUDE_DEVICE),
        (["complaints"], PASS),
    ],
)
def test_only_named_lists_are_heeded(
    make_record: Callable[..., Record], lists: list[str], expected: Verdict
) -> None:
    moment = Moment(now=NOW, record=make_record(phone=PHONE), suppressions=[DEVICE])
    assert SuppressionLists.build({"lists": lists}).check(moment) == expected


def test_reason_does_not_depend_on_the_order_of_entries(make_record: Callable[..., Record]) -> None:
    entries = [DEVICE, DEVICE._replace(list_name="complaints")]
    record = make_record(phone=PHONE)
    verdicts = [
        SuppressionLists().check(Moment(now=NOW, record=record, suppressions=order))
        for order in (entries, entries[::-1])
    ]
    assert verdicts == [Exclude("suppressed device on list 'complaints'")] * 2


def test_client_without_an_id_is_known_by_his_chain(make_record: Callable[..., Record]) -> None:
    entry = Suppression("dnc", "client", "chain:7")
    record = make_record(client_id=None, chain_id=7)
    assert SuppressionLists().check(Moment(now=NOW, record=record, suppressions=[entry])) == EXCLUDE_CLIENT
