from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrun import PASS, Defer, Exclude, Moment, Record, Verdict
from cxrun_plugins.filters.calling_dates import CallingDates

NEW_YORK, LOS_ANGELES, HAVANA = "America/New_York", "America/Los_Angeles", "America/Havana"
LOUISIANA = {"tz": "America/Chicago", "country": "US", "area_code": "504", "phone": "+15045550101"}
BERLIN = {"tz": "Europe/Berlin", "country": "DE", "area_code": "30", "phone": "+4930555010"}
TOLL_FREE = {"tz": NEW_YORK, "country": "", "area_code": "", "phone": "+18005550101"}

Check = Callable[..., Verdict]


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture
def check(make_record: Callable[..., Record]) -> Check:
    """Asks the filter with given parameters about a record, at a time."""

    def ask(parameters: dict[str, Any], now: str, *, ring_time: float = 0.0, **record: Any) -> Verdict:
        moment = Moment(at(now), make_record(**record), ring_time=ring_time)
        return CallingDates.build(parameters).check(moment)

    return ask


@pytest.mark.parametrize(
    ("parameters", "now", "record", "expected"),
    [
        pytest.param({"holidays": ["US"]}, "2026-07-02T23:59-04:00", {}, None, id="the day before"),
        pytest.param(
            {"holidays": ["US"]},
            "2026-07-03T12:00-04:00",
            {},
            ("holiday: Independence Day (observed)", "2026-07-05T00:00-04:00"),
            id="the day it is observed, and the holiday",
        ),
        pytest.param({"holidays": ["US"]}, "2026-07-05T00:00-04:00", {}, None, id="the day after"),
        pytest.param(
            {"holidays": ["US"]},
            "2021-12-31T12:00-05:00",
            {},
            ("holiday: New Year's Day (observed)", "2022-01-02T00:00-05:00"),
            id="a holiday of next year observed in this one",
        ),
        pytest.param(
            {"holidays": ["US"]}, "2026-04-03T12:00-05:00", LOUISIANA, None, id="no federal holiday"
        ),
        pytest.param(
            {"holidays": ["US-LA"]},
            "2026-04-03T12:00-05:00",
            LOUISIANA,
            ("holiday: Good Friday", "2026-04-04T00:00-05:00"),
            id="a holiday of the state",
        ),
        pytest.param(
            {"holidays": ["US-LA"]},
            "2026-12-25T12:00-06:00",
            LOUISIANA,
            ("holiday: Christmas Day", "2026-12-26T00:00-06:00"),
            id="a state has the holidays of its country",
        ),
        pytest.param({"holidays": ["US-LA"]}, "2026-04-03T12:00-04:00", {}, None, id="another state"),
        pytest.param(
            {"holidays": ["US-LA"]},
            "2026-04-03T12:00-04:00",
            {"area_code": "", "fields": {"state": "Louisiana"}},
            ("holiday: Good Friday", "2026-04-04T00:00-04:00"),
            id="the state of the list",
        ),
        pytest.param(
            {"holidays": ["US-LA"], "state_field": "home"},
            "2026-04-03T12:00-04:00",
            {"fields": {"state": "NY", "home": "la"}},
            ("holiday: Good Friday", "2026-04-04T00:00-04:00"),
            id="another field with the state",
        ),
        pytest.param(
            {"holidays": ["US-LA"]},
            "2026-04-03T12:00-04:00",
            {"area_code": ""},
            ("holiday: Good Friday", "2026-04-04T00:00-04:00"),
            id="a state that is unknown may be that one",
        ),
        pytest.param(
            {"holidays": ["US-LA"]},
            "2026-04-03T12:00-04:00",
            TOLL_FREE,
            ("holiday: Good Friday", "2026-04-04T00:00-04:00"),
            id="a country that is unknown may be that one",
        ),
        pytest.param({"holidays": ["US-LA"]}, "2026-04-03T12:00+02:00", BERLIN, None, id="another country"),
        pytest.param(
            {"holidays": "own"},
            "2026-04-03T12:00-05:00",
            LOUISIANA,
            ("holiday: Good Friday", "2026-04-04T00:00-05:00"),
            id="its own holidays",
        ),
        pytest.param({"holidays": "own"}, "2026-04-03T12:00-04:00", {}, None, id="its own, another state"),
        pytest.param(
            {"holidays": "own"},
            "2026-10-31T12:00+01:00",
            BERLIN,
            ("holiday: Reformation Day", "2026-11-02T00:00+01:00"),
            id="its own: of any state where that is unknown",
        ),
        pytest.param(
            {"holidays": "own", "unknown_state": "country"},
            "2026-10-31T12:00+01:00",
            BERLIN,
            None,
            id="its own: only of the country if so wished",
        ),
        pytest.param(
            {"holidays": "own"},
            "2026-10-31T12:00+01:00",
            {**BERLIN, "fields": {"state": "BE"}},
            None,
            id="its own: of the state the list tells",
        ),
        pytest.param(
            {"holidays": ["US"], "categories": ["unofficial"]},
            "2026-02-14T12:00-05:00",
            {},
            ("holiday: Valentine's Day", "2026-02-15T00:00-05:00"),
            id="another kind of holiday",
        ),
        pytest.param(
            {"weekdays": "mon-fri"},
            "2026-03-07T12:00-05:00",
            {},
            ("no calls on sat", "2026-03-09T00:00-04:00"),
            id="a weekend in which clocks are set",
        ),
        pytest.param(
            {"weekdays": ["sat-sun", "wed"]},
            "2026-03-02T12:00-05:00",
            {},
            ("no calls on mon", "2026-03-04T00:00-05:00"),
            id="some days of the week",
        ),
        pytest.param(
            {"closed": ["2026-03-02", "03-03"]},
            "2026-03-02T00:00-05:00",
            {},
            ("no calls on this date", "2026-03-04T00:00-05:00"),
            id="dates of one's own",
        ),
        pytest.param({"closed": ["2025-03-02"]}, "2026-03-02T12:00-05:00", {}, None, id="another year"),
        pytest.param(
            {"closed": ["12-24/01-01"]},
            "2026-12-30T12:00-05:00",
            {},
            ("no calls on this date", "2027-01-02T00:00-05:00"),
            id="a range over new year",
        ),
        pytest.param(
            {"closed": ["2026-12-24/2027-01-01"]},
            "2027-01-01T12:00-05:00",
            {},
            ("no calls on this date", "2027-01-02T00:00-05:00"),
            id="a range of days with their years",
        ),
        pytest.param(
            {"holidays": ["US"], "weekdays": "mon-thu", "open": ["2026-07-03"]},
            "2026-07-03T12:00-04:00",
            {},
            None,
            id="open in spite of a holiday and the weekday",
        ),
        pytest.param(
            {"closed": ["2026-07-03"], "open": ["07-03"]},
            "2026-07-03T12:00-04:00",
            {},
            ("no calls on this date", "2026-07-04T00:00-04:00"),
            id="closed weighs more than open",
        ),
    ],
)
def test_only_on_calling_dates(
    check: Check,
    parameters: dict[str, Any],
    now: str,
    record: dict[str, Any],
    expected: tuple[str, str] | None,
) -> None:
    verdict = check(parameters, now, **record)
    assert verdict == (PASS if expected is None else Defer(at(expected[1]), expected[0]))


STORM = {"from": "2026-09-10", "till": "2026-09-13T12:00", "regions": ["US-FL"], "reason": "hurricane"}
FLORIDA = {"tz": NEW_YORK, "area_code": "305", "phone": "+13055550101"}


@pytest.mark.parametrize(
    ("emergency", "now", "record", "until"),
    [
        (STORM, "2026-09-09T23:59-04:00", FLORIDA, None),
        (STORM, "2026-09-10T00:00-04:00", FLORIDA, "2026-09-13T12:00-04:00"),
        (STORM, "2026-09-13T11:59-04:00", FLORIDA, "2026-09-13T12:00-04:00"),
        (STORM, "2026-09-13T12:00-04:00", FLORIDA, None),
        (STORM, "2026-09-11T12:00-04:00", {}, None),
        (STORM, "2026-09-11T12:00-04:00", {"area_code": ""}, "2026-09-13T12:00-04:00"),
        ({**STORM, "till": "2026-09-13"}, "2026-09-13T23:59-04:00", FLORIDA, "2026-09-14T00:00-04:00"),
        ({**STORM, "regions": ["+1305"]}, "2026-09-11T12:00-04:00", FLORIDA, "2026-09-13T12:00-04:00"),
        ({**STORM, "from": "2026-09-10T18:00Z"}, "2026-09-10T13:59-04:00", FLORIDA, None),
        (
            {**STORM, "from": "2026-09-10T18:00Z"},
            "2026-09-10T14:00-04:00",
            FLORIDA,
            "2026-09-13T12:00-04:00",
        ),
        (
            {"from": "2026-11-01T01:30", "till": "2026-11-01T01:30:30", "reason": "hurricane"},
            "2026-11-01T01:45-04:00",
            FLORIDA,
            "2026-11-01T01:30:30-05:00",
        ),
    ],
)
def test_nobody_is_called_in_an_emergency(
    check: Check, emergency: dict[str, Any], now: str, record: dict[str, Any], until: str | None
) -> None:
    parameters = {"emergencies": [emergency], "open": ["2026-09-01/2026-09-30"]}
    assert check(parameters, now, **record) == (PASS if until is None else Defer(at(until), "hurricane"))


def test_every_zone_of_the_number_must_be_open(check: Check) -> None:
    zones = {"tz": f"{NEW_YORK} {LOS_ANGELES}"}
    closed = Defer(at("2026-03-03T00:00-08:00"), "no calls on this date")
    parameters = {"closed": ["2026-03-02"]}
    assert check(parameters, "2026-03-01T23:59-05:00", **zones) is PASS
    assert check(parameters, "2026-03-02T00:00-05:00", **zones) == closed
    assert check(parameters, "2026-03-03T02:59-05:00", **zones) == closed
    assert check(parameters, "2026-03-03T00:00-08:00", **zones) is PASS


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-01T23:59:34-05:00", None),
        ("2026-03-01T23:59:35-05:00", "2026-03-03T00:00-05:00"),
        ("2026-03-03T00:00:00-05:00", None),
    ],
)
def test_phone_does_not_ring_into_a_closed_day(check: Check, now: str, until: str | None) -> None:
    verdict = check({"closed": ["2026-03-02"]}, now, ring_time=25.0)
    assert verdict == (PASS if until is None else Defer(at(until), "no calls on this date"))


@pytest.mark.parametrize(
    ("parameters", "record", "reason"),
    [
        ({"weekdays": "mon-fri"}, {"tz": ""}, "time zone unknown"),
        ({"weekdays": "mon-fri"}, {"tz": "Mars/Base"}, "no time zone named 'Mars/Base'"),
        ({"holidays": "own"}, TOLL_FREE, "the country is unknown, and so are its holidays"),
        ({"holidays": "own"}, {"country": "XX"}, "the holidays of XX are not known"),
        (
            {"closed": ["01-01/12-31"]},
            {},
            "no calls on this date, and no calling date within 400 days",
        ),
    ],
)
def test_what_cannot_be_told_fails_closed(
    check: Check, parameters: dict[str, Any], record: dict[str, Any], reason: str
) -> None:
    assert check(parameters, "2026-03-02T12:00-05:00", **record) == Exclude(reason)


def test_zone_may_be_assumed_where_none_is_known(check: Check) -> None:
    parameters = {"weekdays": "mon", "unknown_zone": "Pacific/Honolulu"}
    assert check(parameters, "2026-03-03T04:59-05:00", tz="") is PASS
    assert check(parameters, "2026-03-02T04:59-05:00", tz="") == Defer(
        at("2026-03-02T00:00-10:00"), "no calls on sun"
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"holidays": ["XX"]}, "the holidays of XX are not known"),
        ({"holidays": ["US-XX"]}, "'XX' is no state of US"),
        ({"holidays": ["DE-XX"]}, "the holidays of DE-XX are not known"),
        ({"holidays": ["+1305"]}, "'+1305' has no holidays of its own"),
        ({"holidays": ["US"], "categories": ["bank"]}, "US has no holidays of the kind bank"),
        ({"closed": ["2026-02-29"]}, "'2026-02-29' is no date"),
        ({"closed": ["02-30"]}, "'02-30' is no date"),
        ({"open": ["2026-03-02/2026-03-01"]}, "'2026-03-02/2026-03-01' ends before it begins"),
        ({"open": ["2026-03-02/03-05"]}, "'2026-03-02/03-05' has a year at one end only"),
        ({"emergencies": [{"from": "2026-03-02", "till": "2026-03-01"}]}, "ends before it begins"),
        ({"emergencies": [{"from": "2026-03-32", "till": "2026-04-01"}]}, "'2026-03-32' is no date or time"),
        ({"weekdays": "mon", "unknown_zone": "Mars/Base"}, "no time zone named 'Mars/Base'"),
    ],
)
def test_nonsense_is_refused_with_what_is_wrong(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        CallingDates.build(parameters)


CHANGES = (
    "2026-03-08T07:00+00:00", "2026-11-01T06:00+00:00", "2026-03-29T01:00+00:00", "2018-11-04T03:00+00:00",
    "2018-02-18T02:00+00:00", "2026-03-08T05:00+00:00", "2026-12-31T22:00+00:00",
)  # fmt: skip
ZONES = (NEW_YORK, "Europe/London", "America/Sao_Paulo", HAVANA, "Pacific/Kiritimati", LOS_ANGELES)
moments = st.builds(
    lambda change, quarters: at(change) + 900 * quarters, st.sampled_from(CHANGES), st.integers(-400, 400)
)


def clear(
    closed: Sequence[date], weekdays: set[int], zones: Sequence[str], moment: float, ring: float
) -> bool:
    """The definition: every zone's calendar shows an open day, now and while it rings."""
    days = [
        datetime.fromtimestamp(at, ZoneInfo(zone)).date() for zone in zones for at in (moment, moment + ring)
    ]
    return all(day not in closed and day.weekday() in weekdays for day in days)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offsets=st.lists(st.integers(-2, 6), max_size=5),
    weekdays=st.sets(st.integers(0, 6), min_size=2),
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    asked=st.lists(moments, min_size=1, max_size=4),
    ring=st.sampled_from([0.0, 900.0]),
)
def test_deferred_to_the_first_moment_that_is_open_everywhere(
    make_record: Callable[..., Record],
    offsets: list[int],
    weekdays: set[int],
    zones: list[str],
    asked: list[float],
    ring: float,
) -> None:
    today = datetime.fromtimestamp(asked[0], ZoneInfo(zones[0])).date()
    closed = [today + timedelta(days=n) for n in offsets]
    words = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    parameters = {
        "weekdays": [words[n] for n in sorted(weekdays)],
        "closed": [day.isoformat() for day in closed],
    }
    calling_dates = CallingDates.build(parameters)
    record = make_record(tz=" ".join(zones))
    for now in asked:
        verdict = calling_dates.check(Moment(now, record, ring_time=ring))
        first = next(
            (now + 900 * n for n in range(40 * 96) if clear(closed, weekdays, zones, now + 900 * n, ring)),
            None,
        )
        if first == now:
            assert verdict is PASS
        elif first is not None:
            assert isinstance(verdict, Defer)
            assert verdict.until == first


DATES = """\
ruleset: dates
filters:
  - calling_dates: {closed: [2026-03-03], weekdays: mon-fri}
treatments:
  - on: [busy, no_answer, answering_machine]
    do: [{retry_in: {interval: 20h, attempts: 9}}]
"""


def test_days_are_kept_in_a_run(project: Callable[..., Any]) -> None:
    """The run begins on Monday, 2 March 2026, 08:00 in New York, and the Tuesday is closed."""
    folder = project(60, rules={"dates": DATES})
    folder.run()
    days = set()
    for placed, tz in folder.query("SELECT placed, tz FROM attempts JOIN records USING (record_id)"):
        days |= {datetime.fromtimestamp(placed, ZoneInfo(zone)).date() for zone in tz.split()}
    assert date(2026, 3, 2) in days
    assert date(2026, 3, 4) in days
    assert date(2026, 3, 3) not in days
    assert {day.weekday() for day in days} <= {0, 1, 2, 3, 4}
    deferred = folder.query(
        "SELECT count(*) FROM journal JOIN reasons USING (reason_id) WHERE text LIKE 'no calls on%'"
    )
    assert deferred[0][0] > 0
