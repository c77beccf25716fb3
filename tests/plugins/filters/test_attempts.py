from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun import PASS, CallResult, Defer, Exclude, Moment, PastAttempt, Record, Verdict
from cxrun.testing import make_record
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


@pytest.mark.parametrize("nothing", ["0s", 0])
def test_window_of_nothing_is_refused(nothing: str | int) -> None:
    with pytest.raises(ValueError, match="within must be longer than 0s"):
        Attempts.build({"at_most": 1, "within": nothing})


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
    record = make_record(phone=PHONE, client_id="C1")
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
