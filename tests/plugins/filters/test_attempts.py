from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun import PASS, CallResult, Defer, Exclude, Moment, PastAttempt, Record, Verdict, testing
from cxrun_plugins.filters.attempts import Attempts

HOUR = 3600.0
PHONE, OTHER_PHONE = "+12125550101", "+12125550102"
NO_ANSWER = CallResult.NO_ANSWER

Check = Callable[..., Verdict]


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def past(
    placed: float,
    result: int = NO_ANSWER,
    disposition: str | None = None,
    client: str = "C1",
    phone: str = PHONE,
) -> PastAttempt:
    return PastAttempt(placed, int(result), disposition, client, phone)


@pytest.fixture
def check(make_record: Callable[..., Record]) -> Check:
    """Asks the filter with given parameters about a record, `now`, with past attempts."""

    def ask(parameters: dict[str, Any], now: float, attempts: list[PastAttempt], **record: Any) -> Verdict:
        return Attempts.build(parameters).check(
            Moment(now=now, record=make_record(**record), attempts=attempts)
        )

    return ask


NOW = 100 * HOUR


def test_below_the_cap_a_record_passes(check: Check) -> None:
    attempts = [past(NOW - 3 * HOUR), past(NOW - HOUR)]
    assert check({"at_most": 3, "within": "24h"}, NOW, attempts) is PASS


def test_at_the_cap_it_waits_for_the_oldest_to_leave_the_window(check: Check) -> None:
    attempts = [past(NOW - 20 * HOUR), past(NOW - 3 * HOUR), past(NOW - HOUR)]
    assert check({"at_most": 3, "within": "24h"}, NOW, attempts) == Defer(
        NOW + 4 * HOUR, "3 attempts in 24h per client reached"
    )


def test_above_the_cap_it_waits_until_enough_have_left(check: Check) -> None:
    attempts = [past(NOW - hours * HOUR) for hours in (20, 10, 5, 1)]
    assert check({"at_most": 2, "within": 86400}, NOW, attempts) == Defer(
        NOW + 19 * HOUR, "2 attempts in 1d per client reached"
    )


@pytest.mark.parametrize(("age", "expected"), [(24 * HOUR, "pass"), (24 * HOUR - 0.001, "wait")])
def test_attempt_leaves_the_window_at_its_very_end(check: Check, age: float, expected: str) -> None:
    verdict = check({"at_most": 1, "within": "24h"}, NOW, [past(NOW - age)])
    assert ("pass" if verdict is PASS else "wait") == expected


def test_without_a_window_the_record_is_excluded(check: Check) -> None:
    attempts = [past(1.0), past(NOW - HOUR)]
    assert check({"at_most": 2}, NOW, attempts) == Exclude("2 attempts per client reached")
    assert check({"at_most": 3}, NOW, attempts) is PASS


@pytest.mark.parametrize(
    ("per", "reason"),
    [
        ("client", "2 attempts in 1d per client reached"),
        ("device", None),
        ("client_and_device", None),
    ],
)
def test_other_numbers_count_for_the_client_only(check: Check, per: str, reason: str | None) -> None:
    attempts = [past(NOW - 2 * HOUR, phone=OTHER_PHONE), past(NOW - HOUR)]
    verdict = check({"at_most": 2, "within": "1d", "per": per}, NOW, attempts)
    assert verdict.reason == (reason or "")


@pytest.mark.parametrize(
    ("per", "reason"),
    [
        ("client", None),
        ("device", "2 attempts in 1d per device reached"),
        ("client_and_device", None),
    ],
)
def test_other_clients_count_for_the_device_only(check: Check, per: str, reason: str | None) -> None:
    attempts = [past(NOW - 2 * HOUR, client="C2"), past(NOW - HOUR)]
    verdict = check({"at_most": 2, "within": "1d", "per": per}, NOW, attempts)
    assert verdict.reason == (reason or "")


def test_client_on_this_device_alone_reaches_a_cap_of_both(check: Check) -> None:
    parameters = {"at_most": 2, "within": "1d", "per": "client_and_device"}
    attempts = [past(NOW - 2 * HOUR), past(NOW - HOUR)]
    assert check(parameters, NOW, attempts).reason == "2 attempts in 1d per client and device reached"


def test_client_without_an_id_is_known_by_his_chain(check: Check) -> None:
    attempts = [past(NOW - HOUR, client="chain:9", phone=OTHER_PHONE)]
    verdict = check({"at_most": 1, "within": "1d"}, NOW, attempts, client_id=None, chain_id=9)
    assert verdict.reason == "1 attempt in 1d per client reached"


@pytest.mark.parametrize(
    ("parameters", "attempt", "counts"),
    [
        ({}, past(NOW - 1, CallResult.BUSY), True),
        ({}, past(NOW - 1, CallResult.ANSWER), True),
        ({}, past(NOW - 1, CallResult.SIT_INVALID_NUMBER), False),
        ({}, past(NOW - 1, CallResult.DIAL_ERROR), False),
        ({}, past(NOW - 1, CallResult.UNKNOWN), True),
        ({}, past(NOW - 1, CallResult.OK), True),
        ({"results": ["busy"]}, past(NOW - 1, CallResult.BUSY), True),
        ({"results": ["busy"]}, past(NOW - 1, CallResult.ANSWER), False),
        ({"results": ["busy"]}, past(NOW - 1, CallResult.UNKNOWN), True),
        ({"results": []}, past(NOW - 1, CallResult.BUSY, "REFUSED"), False),
        ({"results": [], "dispositions": ["REFUSED"]}, past(NOW - 1, CallResult.BUSY, "REFUSED"), True),
        ({"results": [], "dispositions": ["REFUSED"]}, past(NOW - 1, CallResult.BUSY, "SALE"), False),
        ({"results": [], "dispositions": ["REFUSED"]}, past(NOW - 1, CallResult.BUSY), False),
    ],
)
def test_results_and_dispositions_decide_what_counts(
    check: Check, parameters: dict[str, Any], attempt: PastAttempt, counts: bool
) -> None:
    verdict = check({"at_most": 1, "within": "1d", **parameters}, NOW, [attempt])
    assert isinstance(verdict, Defer) is counts


@pytest.mark.parametrize(
    ("placed", "now", "tz", "until"),
    [
        pytest.param(
            "2026-03-02T00:00-05:00",
            "2026-03-02T23:59-05:00",
            "America/New_York",
            "2026-03-03T00:00-05:00",
            id="from midnight to midnight",
        ),
        pytest.param(
            "2026-03-01T23:59-05:00", "2026-03-02T00:00-05:00", "America/New_York", None, id="yesterday"
        ),
        pytest.param(
            "2026-03-08T01:00-05:00",
            "2026-03-08T12:00-04:00",
            "America/New_York",
            "2026-03-09T00:00-04:00",
            id="a day of 23 hours",
        ),
        pytest.param(
            "2026-11-01T00:30-04:00",
            "2026-11-01T23:45-05:00",
            "America/New_York",
            "2026-11-02T00:00-05:00",
            id="a day of 25 hours",
        ),
        pytest.param(
            "2026-03-02T23:30-05:00",
            "2026-03-03T00:30-05:00",
            "America/New_York America/Los_Angeles",
            "2026-03-03T00:00-08:00",
            id="still yesterday in the west",
        ),
        pytest.param(
            "2026-03-02T23:30-05:00",
            "2026-03-03T00:00-08:00",
            "America/New_York America/Los_Angeles",
            None,
            id="another day everywhere",
        ),
        pytest.param(
            "2018-11-03T23:30-03:00",
            "2018-11-03T23:45-03:00",
            "America/Sao_Paulo",
            "2018-11-04T01:00-02:00",
            id="a midnight that is skipped",
        ),
        pytest.param(
            "2026-03-02T10:00+00:00", "2026-03-03T10:59+00:00", "", "2026-03-03T11:00+00:00", id="no zone"
        ),
        pytest.param("2026-03-02T10:00+00:00", "2026-03-03T11:00+00:00", "", None, id="no zone, 25 h on"),
        pytest.param(
            "2026-03-02T10:00+00:00",
            "2026-03-03T10:59+00:00",
            "Mars/Base",
            "2026-03-03T11:00+00:00",
            id="a zone nobody knows",
        ),
    ],
)
def test_day_is_that_of_the_record(check: Check, placed: str, now: str, tz: str, until: str | None) -> None:
    verdict = check({"at_most": 1, "within": "day"}, at(now), [past(at(placed))], tz=tz)
    assert verdict == (PASS if until is None else Defer(at(until), "1 attempt today per client reached"))


@pytest.mark.parametrize(
    ("parameters", "least"),
    [({"within": "24h"}, 86400), ({"within": 30}, 30), ({"within": "day"}, 25 * HOUR), ({}, 9 * 365 * 86400)],
)
def test_asks_for_enough_history(parameters: dict[str, Any], least: float) -> None:
    assert Attempts.build({"at_most": 1, **parameters}).window >= least


@pytest.mark.parametrize(
    ("windows", "hours", "expected"),
    [
        ([{"at_most": 2, "within": "24h"}, {"at_most": 4, "within": "7d"}], (30, 20), None),
        (
            [{"at_most": 2, "within": "24h"}, {"at_most": 4, "within": "7d"}],
            (30, 20, 10),
            Defer(NOW + 4 * HOUR, "2 attempts in 24h per client reached"),
        ),
        (
            [{"at_most": 2, "within": "24h"}, {"at_most": 4, "within": "7d"}],
            (60, 50, 40, 30),
            Defer(NOW + 108 * HOUR, "4 attempts in 7d per client reached"),
        ),
        (
            [{"at_most": 2, "within": "24h"}, {"at_most": 4, "within": "7d"}],
            (60, 50, 20, 10),
            Defer(NOW + 108 * HOUR, "4 attempts in 7d per client reached"),
        ),
        (
            [{"at_most": 1, "within": "24h"}, {"at_most": 2, "within": "30h"}],
            (20, 1),
            Defer(NOW + 23 * HOUR, "1 attempt in 24h per client reached"),
        ),
        (
            [{"at_most": 1, "within": "24h"}, {"at_most": 2}],
            (60, 50),
            Exclude("2 attempts per client reached"),
        ),
    ],
)
def test_every_window_must_be_kept(
    check: Check, windows: list[dict[str, Any]], hours: tuple[float, ...], expected: Verdict | None
) -> None:
    attempts = [past(NOW - hour * HOUR) for hour in hours]
    assert check({"windows": windows}, NOW, attempts) == (expected or PASS)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"within": "24h"},
        {"at_most": 1, "windows": [{"at_most": 2}]},
        {"within": "24h", "windows": [{"at_most": 2}]},
    ],
)
def test_limits_are_said_in_one_way(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="say how many with at_most"):
        Attempts.build(parameters)


def test_attempts_may_be_counted_by_a_field_of_the_list(make_record: Callable[..., Record]) -> None:
    per_debt = Attempts.build({"at_most": 2, "within": "7d", "per": {"field": "debt_id"}})
    assert per_debt.attempt_field == "debt_id"
    assert per_debt.own_fields() == ("debt_id",)
    record = make_record(fields={"debt_id": "D1"})
    others = [past(NOW - HOUR), past(NOW - 1)]
    same = [past(NOW - 2 * HOUR, client="C8", phone=OTHER_PHONE), past(NOW - HOUR, client="C9")]
    for by_debt, expected in (
        ([], PASS),
        (same[:1], PASS),
        (same, Defer(NOW + 166 * HOUR, "2 attempts in 7d per debt_id reached")),
    ):
        moment = Moment(NOW, record, attempts=others, attempts_by={"debt_id": by_debt})
        assert per_debt.check(moment) == expected


def test_record_without_a_value_of_the_field_fails_closed(make_record: Callable[..., Record]) -> None:
    per_debt = Attempts.build({"at_most": 2, "per": {"field": "debt_id"}})
    assert per_debt.check(Moment(NOW, make_record())) == Exclude("no debt_id to count attempts by")


@pytest.mark.parametrize("nothing", ["0s", 0])
def test_window_of_nothing_is_refused(nothing: str | int) -> None:
    with pytest.raises(ValueError, match="within must be longer than 0s"):
        Attempts.build({"at_most": 1, "within": nothing})


RESULTS = [CallResult.BUSY, CallResult.ANSWER, CallResult.UNKNOWN, CallResult.SIT_VACANT_CODE]
some_attempts = st.builds(
    PastAttempt,
    st.floats(1.7e9, 1.7e9 + 9e5),
    st.sampled_from([int(result) for result in RESULTS]),
    st.sampled_from([None, "SALE"]),
    st.sampled_from(["C1", "C2"]),
    st.sampled_from([PHONE, OTHER_PHONE]),
)


@given(
    made=st.lists(some_attempts, max_size=20),
    windows=st.lists(st.tuples(st.integers(1, 4), st.integers(60, 500_000)), min_size=1, max_size=3),
    per=st.sampled_from(["client", "device", "client_and_device"]),
    results=st.sampled_from([["busy"], ["busy", "answer"], []]),
    dispositions=st.sampled_from([[], ["SALE"]]),
    now=st.floats(1.7e9, 1.7e9 + 1e6),
)
def test_agrees_with_a_naive_count(
    made: list[PastAttempt],
    windows: list[tuple[int, int]],
    per: str,
    results: list[str],
    dispositions: list[str],
    now: float,
) -> None:
    attempts = sorted((one for one in made if one.placed <= now), key=lambda one: one.placed)
    limits = [{"at_most": most, "within": seconds} for most, seconds in windows]
    rule = Attempts.build({"windows": limits, "per": per, "results": results, "dispositions": dispositions})
    record = testing.make_record(client_id="C1", phone=PHONE)

    def full(moment: float) -> bool:
        counted = [
            attempt
            for attempt in attempts
            if (per == "device" or attempt.client == "C1")
            and (per == "client" or attempt.phone == PHONE)
            and (
                CallResult(attempt.call_result).word in (*results, "unknown", "ok")
                or attempt.disposition in dispositions
            )
        ]
        return any(
            sum(attempt.placed + seconds > moment for attempt in counted) >= most for most, seconds in windows
        )

    verdict = rule.check(Moment(now, record, attempts=attempts))
    if not full(now):
        assert verdict is PASS
    else:
        assert isinstance(verdict, Defer)
        assert not full(verdict.until)
        assert full(verdict.until - 0.001)


DEBTS = """\
ruleset: debts
filters:
  - suppression
  - attempts: {at_most: 2, within: 7d, per: {field: debt_id}}
treatments:
  - on: [busy, no_answer, answering_machine]
    do: [{retry_in: {interval: 1h, attempts: 9}}]
"""


def debts(folder: Any, name: str, rows: list[tuple[str, str, str]], kind: str = "text") -> None:
    """Write a list of clients with a number and a debt each."""
    folder.write(f"{name}.csv", "".join(f"{','.join(row)}\n" for row in [("Client", "Phone", "Debt"), *rows]))
    folder.campaign.setdefault("lists", {})[name] = {
        "file": f"{name}.csv",
        "region": "US",
        "map": {
            "client_id": "Client",
            "devices": ["Phone"],
            "fields": {"debt_id": {"column": "Debt", "type": kind}},
        },
    }
    folder.save()


def per_debt(folder: Any) -> dict[str, list[float]]:
    """When the attempts on each debt were placed."""
    found: dict[str, list[float]] = {}
    for table in ("contacts_1", "contacts_2"):
        for debt, placed in folder.query(
            f"SELECT debt_id, placed FROM attempts JOIN records USING (record_id) JOIN {table} USING (chain_id)"
        ):
            found.setdefault(str(debt).removesuffix(".0"), []).append(placed)
    return {debt: sorted(times) for debt, times in found.items()}


@pytest.mark.parametrize("stops", [0, 4])
def test_debt_is_called_no_more_than_it_may_whoever_owes_it(project: Callable[..., Any], stops: int) -> None:
    """Two lists with different clients, numbers and types of the field, in runs that stop and go on."""
    folder = project(1, rules={"debts": DEBTS}, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    debts(folder, "people", [(f"A{n}", f"+1212555{n + 100:04}", str(n % 5)) for n in range(20)])
    debts(folder, "others", [(f"B{n}", f"+1312555{n + 100:04}", str(n % 5)) for n in range(20)], "number")
    folder.campaign["groups"]["all"]["lists"] = ["people", "others"]
    folder.save()
    for _ in range(stops):
        folder.run(limit=2)
    folder.run(until=at("2026-03-08T13:00+00:00"))
    called = per_debt(folder)
    assert {debt: len(times) for debt, times in called.items()} == dict.fromkeys("01234", 2)
    assert folder.reasons()["deferred", "2 attempts in 7d per debt_id reached"] == 20
    kept = folder.query("SELECT field, value, record_id, attempt FROM attempt_keys ORDER BY 3, 4")
    assert [(record, attempt) for _, _, record, attempt in kept] == folder.query(
        "SELECT record_id, attempt FROM attempts ORDER BY 1, 2"
    )
    assert {(field, value) for field, value, _, _ in kept} == {("debt_id", debt) for debt in "01234"}


def test_attempts_made_before_the_rule_was_there_count(project: Callable[..., Any]) -> None:
    plain = "\n".join(line for line in DEBTS.splitlines() if "debt_id" not in line)
    folder = project(1, rules={"debts": plain}, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    debts(folder, "people", [(f"A{n}", f"+1212555{n + 100:04}", f"D{n}") for n in range(10)])
    debts(folder, "others", [(f"B{n}", f"+1312555{n + 100:04}", f"D{n}") for n in range(10)])
    folder.campaign["groups"]["more"] = {"template": "plain", "lists": ["others"]}
    folder.save()
    folder.run("all", until=at("2026-03-02T15:30+00:00"))
    before = {debt: len(times) for debt, times in per_debt(folder).items()}
    assert set(before.values()) == {3}
    assert folder.query("SELECT count(*) FROM attempt_keys") == [(0,)]

    folder.write("rulesets/debts.yaml", DEBTS)
    folder.run("more", until=at("2026-03-02T18:00+00:00"))
    assert {debt: len(times) for debt, times in per_debt(folder).items()} == before
    assert folder.reasons("others") == {("deferred", "2 attempts in 7d per debt_id reached"): 10}


def test_attempts_of_groups_without_the_rule_count_too(project: Callable[..., Any]) -> None:
    plain = "\n".join(line for line in DEBTS.splitlines() if "debt_id" not in line).replace("debts", "plain")
    folder = project(
        1, rules={"debts": DEBTS, "plain": plain}, dialer={"simulated": {"outcomes": {"no_answer": 1}}}
    )
    debts(folder, "people", [(f"A{n}", f"+1212555{n + 100:04}", f"D{n}") for n in range(10)])
    debts(folder, "others", [(f"B{n}", f"+1312555{n + 100:04}", f"D{n}") for n in range(10)])
    folder.campaign["groups"] = {
        "strict": {"template": "plain", "lists": ["people"], "rulesets": ["debts"]},
        "plain": {"template": "plain", "lists": ["others"], "rulesets": ["plain"]},
    }
    folder.save()
    folder.run("strict", limit=1)
    folder.run("plain", until=at("2026-03-02T15:30+00:00"))
    folder.run("strict", until=at("2026-03-02T18:00+00:00"))
    strict = folder.query("SELECT client, count(*) FROM attempts WHERE client LIKE 'A%' GROUP BY client")
    assert len(strict) == 1
    assert strict[0][1] == 1


def test_explanation_counts_by_the_field_before_any_run_has(project: Callable[..., Any]) -> None:
    from cxrun.explaining import explain

    plain = "\n".join(line for line in DEBTS.splitlines() if "debt_id" not in line)
    folder = project(1, rules={"debts": plain}, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    debts(folder, "people", [("A1", "+12125550101", "D1"), ("A2", "+12125550102", "D1")])
    folder.run(until=at("2026-03-02T14:30+00:00"))
    folder.write("rulesets/debts.yaml", DEBTS)
    with folder.store() as store:
        story = explain(folder.load(), store, 1, 1)
    assert "2 attempts in 7d per debt_id reached" in story.next
    assert folder.query("SELECT count(*) FROM attempt_keys") == [(0,)]


@given(
    placed=st.lists(st.floats(1.7e9, 1.7e9 + 3e5), max_size=12),
    now=st.floats(1.7e9, 1.7e9 + 3e5),
    at_most=st.integers(1, 5),
    window=st.integers(60, 200_000),
)
def test_cap_holds_and_the_wait_is_the_shortest(
    placed: list[float], now: float, at_most: int, window: int
) -> None:
    attempts = [past(moment) for moment in sorted(placed) if moment <= now]
    record = testing.make_record(phone=PHONE, client_id="C1")
    attempts_filter = Attempts(at_most=at_most, within=window)
    verdict = attempts_filter.check(Moment(now=now, record=record, attempts=attempts))

    def counted(moment: float) -> int:
        return sum(attempt.placed + window > moment for attempt in attempts)

    if counted(now) < at_most:
        assert verdict is PASS
        return
    assert isinstance(verdict, Defer)
    assert verdict.until > now
    assert counted(verdict.until) < at_most <= counted(verdict.until - 0.001)
    later = Moment(now=verdict.until, record=record, attempts=attempts)
    assert attempts_filter.check(later) is PASS
