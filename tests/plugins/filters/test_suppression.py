from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


@pytest.mark.parametrize(
    ("entry", "retention", "till"),
    [
        (DEVICE._replace(valid_from=500.0), None, None),
        (DEVICE._replace(valid_from=500.0), 100.0, 1100.0),
        (DEVICE._replace(valid_from=1500.0), 100.0, 1600.0),
        (DEVICE._replace(valid_till=1050.0), 100.0, 1050.0),
        (DEVICE._replace(valid_till=2000.0), 100.0, 1100.0),
        (DEVICE, 100.0, 1100.0),
    ],
)
def test_list_keeps_an_entry_from_when_it_is_added(
    entry: Suppression, retention: float | None, till: float | None
) -> None:
    assert entry.kept(retention, NOW) == entry._replace(valid_till=till)


STOP = """\
ruleset: retry
filters:
  - suppression: {lists: [dnc, complaints]}
treatments:
  - on: [busy, no_answer, answering_machine]
    do: [{do_not_call: {list: dnc, client: true}}]
"""


@pytest.mark.parametrize(
    ("data", "days"),
    [
        ("people who asked", None),
        ({"description": "people who asked"}, None),
        ({"description": "people who asked", "retention": "1825d"}, 1825),
        ({"description": "people who asked", "retention": 86400, "required": True}, 1),
    ],
)
def test_retention_of_a_list_ends_the_entries_it_takes(
    project: Callable[..., Any], data: Any, days: int | None
) -> None:
    folder = project(20, rules={"retry": STOP}, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    folder.campaign["suppression_lists"] = {"dnc": data, "complaints": "people who complained"}
    folder.save()
    folder.run(limit=10)
    entries = folder.query("SELECT valid_from, valid_till FROM suppressions")
    assert len(entries) == 20
    for since, till in entries:
        assert till == (None if days is None else since + days * 86400)


def test_entry_counts_until_its_retention_is_over(project: Callable[..., Any]) -> None:
    """The same people are on a second list, which is called in the run after."""
    folder = project(5, rules={"retry": STOP}, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    folder.campaign["suppression_lists"] = {
        "dnc": {"description": "people who asked", "retention": "2d"},
        "complaints": "people who complained",
    }
    folder.save()
    folder.run()
    folder.write_list("again", [(f"C{n + 1}", f"+1646555{n + 100:04}") for n in range(5)])
    folder.campaign["groups"]["all"]["lists"].append("again")
    folder.save()
    folder.run()
    ((till,),) = folder.query(
        "SELECT max(valid_till) FROM suppressions WHERE list_name = 'dnc' AND key = 'C1' "
    )
    first, later = (
        folder.query(f"SELECT max(placed) FROM attempts JOIN lists USING (list_id) WHERE name = '{name}'")[0][
            0
        ]
        for name in ("people", "again")
    )
    assert later >= first + 2 * 86400
    assert till >= later + 2 * 86400


@pytest.mark.parametrize(
    ("filters", "complaint"),
    [
        ("[suppression]", None),
        ("[suppression: {lists: [dnc]}]", None),
        ("[suppression: {lists: [complaints]}, suppression: {lists: [dnc]}]", None),
        (
            "[suppression: {lists: [complaints]}]",
            "no ruleset of the group always heeds suppression list 'dnc'",
        ),
        (
            "[suppression: {lists: [complaints]}, {suppression: , when: {field: country, eq: US}}]",
            "no ruleset of the group always heeds suppression list 'dnc'",
        ),
        ("[]", "no ruleset of the group asks the suppression lists"),
    ],
)
def test_required_list_must_be_heeded_by_every_group(
    project: Callable[..., Any], cxrun: Callable[..., Any], filters: str, complaint: str | None
) -> None:
    folder = project(3, rules={"stop": f"ruleset: stop\nfilters: {filters}\n"})
    folder.campaign["suppression_lists"] = {
        "dnc": {"description": "people who asked", "required": True},
        "complaints": "people who complained",
    }
    folder.save()
    answer = cxrun("-C", folder.folder, "validate")
    assert answer.code == (0 if complaint is None else 3), answer
    assert (complaint or "no problems") in answer.out + answer.err


def test_retention_is_a_duration(project: Callable[..., Any], cxrun: Callable[..., Any]) -> None:
    folder = project(3, rules={"retry": STOP})
    folder.campaign["suppression_lists"] = {"dnc": {"retention": "5 years"}, "complaints": "complained"}
    folder.save()
    answer = cxrun("-C", folder.folder, "validate")
    assert answer.code == 3
    assert "suppression_lists.dnc: 'description' is missing" in answer.out + answer.err
    assert "suppression_lists.dnc.retention: '5 years' is no duration" in answer.out + answer.err
