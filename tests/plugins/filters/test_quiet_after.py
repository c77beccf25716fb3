from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun import PASS, CallResult, Defer, Exclude, PastAttempt, Verdict
from cxrun.testing import at, make_moment, make_record
from cxrun_plugins.filters.quiet_after import QuietAfter

PHONE, OTHER_PHONE = "+12125550101", "+12125550102"
NEW_YORK = "America/New_York"
NOW = "2026-03-04T12:00-05:00"
HOUR = 3600.0


def past(
    ended: str | float,
    result: CallResult = CallResult.ANSWER,
    disposition: str | None = None,
    *,
    client: str = "C1",
    phone: str = PHONE,
    lasted: float = 60.0,
) -> PastAttempt:
    return PastAttempt(at(ended) - lasted, int(result), disposition, client, phone, 1, 1, at(ended))


def check(
    parameters: dict[str, Any], attempts: list[PastAttempt], now: str | float = NOW, **record: Any
) -> Verdict:
    asked = make_record(**{"phone": PHONE, **record})
    return QuietAfter.build(parameters).check(make_moment(asked, now=now, attempts=attempts))


@pytest.mark.parametrize(
    ("days", "ended", "tz", "until"),
    [
        pytest.param(
            7, "2026-03-02T12:00-05:00", NEW_YORK, "2026-03-09T00:00-04:00", id="clocks are set between"
        ),
        pytest.param(1, "2026-03-04T11:00-05:00", NEW_YORK, "2026-03-05T00:00-05:00", id="the same day only"),
        pytest.param(1, "2026-03-03T23:59-05:00", NEW_YORK, None, id="another day"),
        pytest.param(7, "2026-02-25T23:59-05:00", NEW_YORK, None, id="seven days are over"),
        pytest.param(7, "2026-02-26T00:00-05:00", NEW_YORK, "2026-03-05T00:00-05:00", id="the seventh day"),
        pytest.param(
            1,
            "2026-03-04T02:00-05:00",
            f"{NEW_YORK} America/Los_Angeles",
            "2026-03-05T00:00-05:00",
            id="today here, yesterday there",
        ),
        pytest.param(
            1,
            "2026-03-04T11:00-05:00",
            f"{NEW_YORK} America/Los_Angeles",
            "2026-03-05T00:00-08:00",
            id="until the next day everywhere",
        ),
        pytest.param(1, "2026-03-03T12:00-05:00", "", "2026-03-04T13:00-05:00", id="unknown zone: 25 hours"),
        pytest.param(
            7, "2026-02-25T12:00-05:00", "", "2026-03-04T13:00-05:00", id="unknown zone: an hour more"
        ),
    ],
)
def test_days_are_those_of_the_calendar(days: int, ended: str, tz: str, until: str | None) -> None:
    reason = f"quiet for {days} day{'' if days == 1 else 's'} after answer per client"
    expected = PASS if until is None else Defer(at(until), reason)
    assert check({"days": days}, [past(ended)], tz=tz) == expected


def test_day_of_a_conversation_is_that_on_which_it_ended() -> None:
    over_midnight = past("2026-03-04T00:05-05:00", lasted=600)
    assert check({"days": 1}, [over_midnight]) == Defer(
        at("2026-03-05T00:00-05:00"), "quiet for 1 day after answer per client"
    )


@pytest.mark.parametrize(("hours", "waits"), [(72, False), (71.999, True), (1, True)])
def test_period_counts_from_the_end_of_the_call(hours: float, waits: bool) -> None:
    ended = at(NOW) - hours * HOUR
    verdict = check(
        {"period": "72h", "results": ["abandoned"]}, [past(ended, CallResult.ABANDONED, lasted=900)]
    )
    assert verdict == (
        Defer(ended + 72 * HOUR, "quiet for 72h after abandoned per client") if waits else PASS
    )


@pytest.mark.parametrize(
    ("parameters", "attempt", "starts"),
    [
        ({}, past(NOW), True),
        ({}, past(NOW, CallResult.NO_ANSWER), False),
        ({}, past(NOW, CallResult.NO_ANSWER, "REFUSED"), False),
        ({"dispositions": ["REFUSED"]}, past(NOW, CallResult.ANSWER, "REFUSED"), True),
        ({"dispositions": ["REFUSED"]}, past(NOW, CallResult.WRONG_PARTY, "REFUSED"), True),
        ({"dispositions": ["REFUSED"]}, past(NOW, CallResult.ANSWER, "SALE"), False),
        ({"dispositions": ["REFUSED"], "results": ["answer"]}, past(NOW, CallResult.ANSWER, "SALE"), True),
        ({"results": ["dropped", "abandoned"]}, past(NOW, CallResult.DROPPED), True),
        ({"results": ["dropped", "abandoned"]}, past(NOW), False),
        ({}, past(NOW, CallResult.UNKNOWN), True),
        ({"lost": False}, past(NOW, CallResult.UNKNOWN), False),
        ({"lost": False, "results": ["unknown"]}, past(NOW, CallResult.UNKNOWN), True),
    ],
)
def test_results_and_dispositions_start_it(
    parameters: dict[str, Any], attempt: PastAttempt, starts: bool
) -> None:
    assert isinstance(check({"period": "1d", **parameters}, [attempt]), Defer) is starts


@pytest.mark.parametrize(
    ("per", "client", "phone", "counts"),
    [
        ("client", "C1", OTHER_PHONE, True),
        ("client", "C2", PHONE, False),
        ("device", "C1", OTHER_PHONE, False),
        ("device", "C2", PHONE, True),
        ("client_and_device", "C1", PHONE, True),
        ("client_and_device", "C1", OTHER_PHONE, False),
        ("client_and_device", "C2", PHONE, False),
    ],
)
def test_whose_calls_are_meant(per: str, client: str, phone: str, counts: bool) -> None:
    verdict = check({"days": 7, "per": per}, [past(NOW, client=client, phone=phone)])
    assert isinstance(verdict, Defer) is counts


def test_calls_about_the_same_debt_may_be_meant() -> None:
    quiet = QuietAfter.build({"days": 7, "per": {"field": "debt_id"}})
    record = make_record(fields={"debt_id": "D1"})
    about = [past(NOW, client="C7", phone=OTHER_PHONE)]
    assert quiet.attempt_field == "debt_id"
    assert quiet.own_fields() == ("debt_id",)
    assert quiet.check(make_moment(record, now=NOW, attempts=about, attempts_by={"debt_id": []})) is PASS
    assert isinstance(quiet.check(make_moment(record, now=NOW, attempts_by={"debt_id": about})), Defer)
    assert quiet.check(make_moment(make_record(), now=NOW)) == Exclude("no debt_id to find earlier calls by")


def test_call_in_progress_holds_back_until_its_result_is_known() -> None:
    going = PastAttempt(at(NOW) - 30, int(CallResult.UNKNOWN), None, "C1", OTHER_PHONE)
    assert check({"days": 7}, [going]) == Defer(at(NOW) + 60, "a call per client is in progress")
    assert check({"days": 7, "lost": False}, [going]) == Defer(
        at(NOW) + 60, "a call per client is in progress"
    )
    assert isinstance(check({"period": "7d"}, [replace(going, placed=at(NOW) - 2 * 86400)]), Defer)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (None, "say how long with either period"),
        ({"days": 7, "period": "7d"}, "say how long with either period"),
        ({"period": "0s"}, "period must be longer than 0s"),
        ({"days": 7, "results": []}, "name results or dispositions that start the time"),
    ],
)
def test_nonsense_is_refused(parameters: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        QuietAfter.build(parameters)


ends = st.builds(lambda minutes: at("2026-03-08T07:00Z") + 60.0 * minutes, st.integers(-20 * 1440, 5 * 1440))


@given(
    ended=ends,
    now=ends,
    days=st.integers(1, 10),
    zone=st.sampled_from([NEW_YORK, "Europe/London", "Asia/Tokyo"]),
)
def test_agrees_with_counting_days_on_the_calendar(ended: float, now: float, days: int, zone: str) -> None:
    if ended > now:
        return
    quiet = QuietAfter(days=days)
    verdict = check({"days": days}, [past(ended)], now, tz=zone)

    def day_number(moment: float) -> int:
        """The day of the conversation is day 1."""
        first, day = (datetime.fromtimestamp(when, ZoneInfo(zone)).date() for when in (ended, moment))
        return (day - first).days + 1

    if day_number(now) > days:
        assert verdict is PASS
    else:
        assert isinstance(verdict, Defer)
        assert day_number(verdict.until) == days + 1
        assert day_number(verdict.until - 1) == days
        assert now - ended < quiet.window


RULES = """\
ruleset: quiet
filters:
  - quiet_after: {results: [answer], days: 7}
treatments:
  - on: [answer, no_answer]
    do: [{retry_in: {interval: 1h, attempts: 40}}]
"""


def test_people_are_left_alone_for_a_week_after_each_conversation(project: Callable[..., Any]) -> None:
    folder = project(
        20, 2, rules={"quiet": RULES}, dialer={"simulated": {"outcomes": {"answer": 40, "no_answer": 60}}}
    )
    folder.run(until=at("2026-03-23T13:00Z"))
    rows = folder.query(
        "SELECT client, placed, call_result, ended, tz FROM attempts JOIN records USING (record_id) ORDER BY placed"
    )
    talked: dict[str, float] = {}
    again = 0
    for client, placed, result, ended, tz in rows:
        for zone in tz.split():
            if client in talked:
                days = [datetime.fromtimestamp(at, ZoneInfo(zone)).date() for at in (talked[client], placed)]
                assert days[1] >= days[0] + timedelta(days=7)
                again += 1
        if result == CallResult.ANSWER:
            talked[client] = ended
    assert again > 10
