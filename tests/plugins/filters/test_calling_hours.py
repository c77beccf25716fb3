from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrun import PASS, Defer, Exclude, Moment, Record, Verdict
from cxrun_plugins.filters.calling_hours import CallingHours

NEW_YORK, LOS_ANGELES, LONDON = "America/New_York", "America/Los_Angeles", "Europe/London"

Check = Callable[..., Verdict]


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture
def check(make_record: Callable[..., Record]) -> Check:
    """Asks the filter with given parameters about a record, at a time."""

    def ask(parameters: dict[str, Any], now: str | float, tz: str = NEW_YORK, **record: Any) -> Verdict:
        moment = Moment(now=at(now) if isinstance(now, str) else now, record=make_record(tz=tz, **record))
        return CallingHours.build(parameters).check(moment)

    return ask


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-02T08:59:59-05:00", "2026-03-02T09:00-05:00"),
        ("2026-03-02T09:00:00-05:00", None),
        ("2026-03-02T19:59:29-05:00", None),
        ("2026-03-02T19:59:30-05:00", "2026-03-03T09:00-05:00"),
        ("2026-03-02T20:00:00-05:00", "2026-03-03T09:00-05:00"),
        ("2026-03-02T23:59:59-05:00", "2026-03-03T09:00-05:00"),
    ],
)
def test_open_within_the_hours_but_for_the_margin(check: Check, now: str, until: str | None) -> None:
    outside = "outside calling hours 09:00-20:00 in America/New_York"
    expected = PASS if until is None else Defer(at(until), outside)
    assert check({"hours": "09:00-20:00"}, now) == expected


@pytest.mark.parametrize(
    ("margin", "now", "open_now"),
    [
        (0, "2026-03-02T19:59:59-05:00", True),
        (0, "2026-03-02T20:00:00-05:00", False),
        ("10m", "2026-03-02T19:49:59-05:00", True),
        ("10m", "2026-03-02T19:50:00-05:00", False),
    ],
)
def test_margin_ends_the_hours_early(check: Check, margin: str | int, now: str, open_now: bool) -> None:
    assert (check({"hours": "09:00-20:00", "margin": margin}, now) is PASS) is open_now


def test_margin_longer_than_the_hours_leaves_none(check: Check) -> None:
    assert check({"hours": "09:00-09:30", "margin": "30m"}, "2026-03-02T09:00-05:00") == Exclude(
        "no calling hours 09:00-09:30 in America/New_York within 8 days"
    )


@pytest.mark.parametrize(
    ("daily_from", "daily_till", "now", "expected"),
    [
        (28800, 64800, "2026-03-02T08:00-05:00", "pass"),
        (28800, 64800, "2026-03-02T18:00-05:00", "outside calling hours 08:00-18:00 in America/New_York"),
        (79200, 7200, "2026-03-02T01:59-05:00", "pass"),
        (79200, 7200, "2026-03-02T02:00-05:00", "outside calling hours 22:00-02:00 in America/New_York"),
        (0, 86400, "2026-03-02T23:59:59-05:00", "pass"),
        (
            3600,
            3600,
            "2026-03-02T01:00-05:00",
            "no calling hours 01:00-01:00 in America/New_York within 8 days",
        ),
        (
            28800,
            90000,
            "2026-03-02T12:00-05:00",
            "no calling hours 08:00-25:00 in America/New_York within 8 days",
        ),
        (
            90000,
            64800,
            "2026-03-02T12:00-05:00",
            "no calling hours 25:00-18:00 in America/New_York within 8 days",
        ),
    ],
)
def test_without_hours_the_records_own_hold(
    check: Check, daily_from: int, daily_till: int, now: str, expected: str
) -> None:
    verdict = check({}, now, daily_from=daily_from, daily_till=daily_till)
    assert (verdict.reason or "pass") == expected


def test_one_filter_keeps_the_hours_of_each_record_apart(make_record: Callable[..., Record]) -> None:
    calling_hours = CallingHours.build(None)
    now = at("2026-03-02T07:00-05:00")
    early, late = make_record(daily_from=21600), make_record(daily_from=28800)
    verdicts = [calling_hours.check(Moment(now=now, record=record)) for record in (early, late, early)]
    assert [verdict is PASS for verdict in verdicts] == [True, False, True]


WEEK = {"mon-thu": ["09:00-12:00", "14:00-20:00"], "fri": "22:00-02:00", "sun": "closed"}


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-02T11:59-05:00", None),
        ("2026-03-02T12:00-05:00", "2026-03-02T14:00-05:00"),
        ("2026-03-05T20:00-05:00", "2026-03-06T22:00-05:00"),
        ("2026-03-06T12:00-05:00", "2026-03-06T22:00-05:00"),
        ("2026-03-06T01:00-05:00", "2026-03-06T22:00-05:00"),
        ("2026-03-07T01:00-05:00", None),
        ("2026-03-07T02:00-05:00", "2026-03-09T09:00-04:00"),
        ("2026-03-07T23:00-05:00", "2026-03-09T09:00-04:00"),
        ("2026-03-08T12:00-04:00", "2026-03-09T09:00-04:00"),
    ],
)
def test_each_day_has_its_own_hours(check: Check, now: str, until: str | None) -> None:
    reason = (
        "outside calling hours mon-thu 09:00-12:00 and 14:00-20:00, fri 22:00-02:00, sun closed "
        "in America/New_York"
    )
    expected = PASS if until is None else Defer(at(until), reason)
    assert check({"hours": WEEK}, now) == expected


def test_range_of_days_may_go_over_the_weekend(check: Check) -> None:
    hours = {"sat-mon": "09:00-20:00"}
    days = [f"2026-03-{day:02}T12:00-05:00" for day in range(1, 8)]
    assert [check({"hours": hours}, day) is PASS for day in days] == [True, True, *[False] * 4, True]


@pytest.mark.parametrize("hours", ["00:00-24:00", {"mon-sun": ["00:00-12:00", "12:00-00:00"]}])
@pytest.mark.parametrize("now", ["2026-03-02T23:59:45-05:00", "2026-03-02T11:59:45-05:00"])
def test_hours_that_touch_leave_no_gap_for_the_margin(check: Check, hours: Any, now: str) -> None:
    assert check({"hours": hours}, now) is PASS


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-02T09:00-05:00", "2026-03-02T09:00-08:00"),
        ("2026-03-02T09:00-08:00", None),
        ("2026-03-02T16:59:29-08:00", None),
        ("2026-03-02T17:00-08:00", "2026-03-03T09:00-08:00"),
    ],
)
def test_all_zones_of_a_record_must_be_open(check: Check, now: str, until: str | None) -> None:
    reason = "outside calling hours 09:00-20:00 in America/New_York and America/Los_Angeles"
    expected = PASS if until is None else Defer(at(until), reason)
    assert check({"hours": "09:00-20:00"}, now, tz=f"{NEW_YORK} {LOS_ANGELES}") == expected


def test_zones_never_open_together_exclude(check: Check) -> None:
    verdict = check({"hours": "09:00-11:00"}, "2026-03-02T09:00-05:00", tz=f"{NEW_YORK} {LOS_ANGELES}")
    assert verdict == Exclude(
        "no calling hours 09:00-11:00 in America/New_York and America/Los_Angeles within 8 days"
    )


def test_many_zones_are_not_all_named(check: Check) -> None:
    tz = f"{NEW_YORK} America/Chicago America/Denver {LOS_ANGELES}"
    assert check({"hours": "09:00-20:00"}, "2026-03-02T09:00-05:00", tz=tz).reason == (
        "outside calling hours 09:00-20:00 in America/New_York and 3 more zones"
    )


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        pytest.param("02:10-02:50", "2026-03-08T01:59-05:00", "2026-03-09T02:10-04:00", id="skipped"),
        pytest.param("01:30-03:30", "2026-03-08T01:00-05:00", "2026-03-08T01:30-05:00", id="before a gap"),
        pytest.param("02:30-08:00", "2026-03-08T01:59-05:00", "2026-03-08T03:00-04:00", id="into a gap"),
        pytest.param("01:10-01:40", "2026-11-01T01:05-05:00", "2026-11-01T01:10-05:00", id="repeated"),
        pytest.param("09:00-20:00", "2026-03-07T20:00-05:00", "2026-03-08T09:00-04:00", id="short night"),
        pytest.param("09:00-20:00", "2026-10-31T20:00-04:00", "2026-11-01T09:00-05:00", id="long night"),
    ],
)
def test_clock_on_the_wall_decides_when_clocks_are_set(
    check: Check, hours: str, now: str, until: str
) -> None:
    verdict = check({"hours": hours}, now)
    assert verdict == Defer(at(until), f"outside calling hours {hours} in America/New_York")


def test_hours_that_the_only_day_skips_come_too_late(check: Check) -> None:
    hours = {"sun": "02:10-02:50"}
    assert isinstance(check({"hours": hours}, "2026-03-06T12:00-05:00"), Exclude)
    assert check({"hours": hours}, "2026-03-08T12:00-04:00") == Defer(
        at("2026-03-15T02:10-04:00"), "outside calling hours sun 02:10-02:50 in America/New_York"
    )


def test_unknown_zone_fails_closed(check: Check) -> None:
    assert check({"hours": "09:00-20:00"}, "2026-03-02T12:00-05:00", tz="") == Exclude("time zone unknown")


def test_zone_may_be_assumed_where_none_is_known(check: Check) -> None:
    parameters = {"hours": "09:00-20:00", "unknown_zone": NEW_YORK}
    assert check(parameters, "2026-03-02T12:00-05:00", tz="") is PASS
    assert check(parameters, "2026-03-02T08:00-05:00", tz="") == Defer(
        at("2026-03-02T09:00-05:00"), "outside calling hours 09:00-20:00 in America/New_York"
    )
    assert check(parameters, "2026-03-02T12:00-05:00", tz="Asia/Tokyo") != PASS


@pytest.mark.parametrize("tz", ["Mars/Base", f"{NEW_YORK} Mars/Base", "Mars/Base ../Base"])
def test_zone_that_does_not_exist_fails_closed(check: Check, tz: str) -> None:
    parameters = {"hours": "00:00-24:00", "unknown_zone": NEW_YORK}
    assert check(parameters, "2026-03-02T12:00-05:00", tz=tz) == Exclude("no time zone named 'Mars/Base'")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hours": "25:00-26:00"}, "'25:00' is past the end of the day, 24:00"),
        ({"hours": "09:00-24:30"}, "'24:30' is past the end of the day, 24:00"),
        ({"hours": "24:00-02:00"}, "'24:00-02:00' opens at the end of the day"),
        ({"hours": "09:00-09:00"}, "'09:00-09:00' is no time at all; the whole day is 00:00-24:00"),
        ({"hours": "9-17"}, "'9-17' are no hours; write HH:MM-HH:MM, e.g. 09:00-20:00"),
        ({"hours": "closed"}, "every day is closed"),
        ({"hours": {"mon": "closed"}}, "every day is closed"),
        ({"hours": {"monday": "09:00-20:00"}}, "'monday' is no day; write mon, tue"),
        ({"hours": {"mon-": "09:00-20:00"}}, "'mon-' is no day; write mon, tue"),
        (
            {"hours": {"mon-fri": "09:00-20:00", "wed": "closed"}},
            "wed is named twice, in 'mon-fri' and in 'wed'",
        ),
        ({"hours": {"mon": ["09:00-12:00", "closed"]}}, "'closed' are no hours"),
        ({"regions": {"US-XX": "09:00-20:00"}}, "'XX' is no state of US"),
        ({"regions": {"US": "09:00-09:00"}}, "'09:00-09:00' is no time at all"),
        ({"margin": "1d"}, "a margin of 1d is too long; it must be shorter than a day"),
        ({"unknown_zone": "Mars/Base"}, "no time zone named 'Mars/Base'; write exclude or an IANA name"),
    ],
)
def test_nonsense_is_refused_with_what_would_be_right(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        CallingHours.build(parameters)


REGIONS = {
    "hours": "08:00-21:00",
    "regions": {
        "US": "09:00-20:00",
        "US-TX": {"mon-sat": "09:00-21:00", "sun": "12:00-21:00"},
        "US-FL": "08:00-20:00",
        "+1305": "10:00-16:00",
    },
}
MIAMI = {"area_code": "305", "phone": "+13055550101"}
TAMPA = {"area_code": "813", "phone": "+18135550101"}
HOUSTON = {"area_code": "713", "phone": "+17135550101"}
SOMEWHERE = {"area_code": "", "phone": "+18085550101"}
TORONTO = {"country": "CA", "area_code": "416", "phone": "+14165550101"}
NOWHERE = {"country": "", "area_code": "", "phone": "+18005550101"}


@pytest.mark.parametrize(
    ("record", "now", "until"),
    [
        pytest.param(TORONTO, "2026-03-02T08:00-05:00", None, id="no region: the usual hours"),
        pytest.param(TORONTO, "2026-03-02T20:59-05:00", None, id="no region: late"),
        pytest.param({}, "2026-03-02T08:00-05:00", "2026-03-02T09:00-05:00", id="the country"),
        pytest.param(TAMPA, "2026-03-02T08:00-05:00", None, id="the state rather than the country"),
        pytest.param(TAMPA, "2026-03-02T20:00-05:00", "2026-03-03T08:00-05:00", id="the state, late"),
        pytest.param(
            MIAMI, "2026-03-02T08:00-05:00", "2026-03-02T10:00-05:00", id="the area rather than the state"
        ),
        pytest.param(HOUSTON, "2026-03-02T20:30-05:00", None, id="a weekday of a state"),
        pytest.param(HOUSTON, "2026-03-01T09:00-05:00", "2026-03-01T12:00-05:00", id="a Sunday of a state"),
        pytest.param(
            {**HOUSTON, "fields": {"state": "Florida"}},
            "2026-03-01T09:00-05:00",
            None,
            id="the state of the list",
        ),
        pytest.param(SOMEWHERE, "2026-03-02T08:30-05:00", "2026-03-02T09:00-05:00", id="any state: early"),
        pytest.param(
            SOMEWHERE, "2026-03-01T10:00-05:00", "2026-03-01T12:00-05:00", id="any state: on Sunday"
        ),
        pytest.param(SOMEWHERE, "2026-03-02T20:00-05:00", "2026-03-03T09:00-05:00", id="any state: late"),
        pytest.param(NOWHERE, "2026-03-01T10:00-05:00", "2026-03-01T12:00-05:00", id="any country"),
    ],
)
def test_regions_have_hours_of_their_own(
    check: Check, record: dict[str, Any], now: str, until: str | None
) -> None:
    verdict = check(REGIONS, now, **record)
    assert verdict is PASS if until is None else verdict.until == at(until)


def test_reason_names_the_region(check: Check) -> None:
    assert check(REGIONS, "2026-03-02T22:00-05:00", **TAMPA).reason == (
        "outside calling hours of US-FL 08:00-20:00 in America/New_York"
    )
    assert check(REGIONS, "2026-03-02T22:00-05:00", **SOMEWHERE).reason == (
        "outside calling hours of US-TX mon-sat 09:00-21:00, sun 12:00-21:00 and of US-FL 08:00-20:00 and of US "
        "09:00-20:00 in America/New_York"
    )


def test_region_beside_the_records_own_hours(check: Check) -> None:
    parameters = {"regions": {"US-FL": "08:00-20:00"}}
    evening = {"daily_from": 64800, "daily_till": 79200}
    assert check(parameters, "2026-03-02T21:00-05:00", **evening) is PASS
    assert check(parameters, "2026-03-02T10:00-05:00", **evening) is not PASS
    assert check(parameters, "2026-03-02T21:00-05:00", **evening, **TAMPA) is not PASS
    assert check(parameters, "2026-03-02T10:00-05:00", **evening, **TAMPA) is PASS


@pytest.mark.parametrize(
    ("margin", "ring_time", "now", "open_now"),
    [
        ("30s", 45.0, "2026-03-02T19:59:14-05:00", True),
        ("30s", 45.0, "2026-03-02T19:59:15-05:00", False),
        ("30s", 20.0, "2026-03-02T19:59:29-05:00", True),
        ("30s", 20.0, "2026-03-02T19:59:30-05:00", False),
        (0, 20.0, "2026-03-02T19:59:39-05:00", True),
        (0, 20.0, "2026-03-02T19:59:40-05:00", False),
    ],
)
def test_phone_does_not_ring_after_hours(
    make_record: Callable[..., Record], margin: str | int, ring_time: float, now: str, open_now: bool
) -> None:
    calling_hours = CallingHours.build({"hours": "09:00-20:00", "margin": margin})
    moment = Moment(at(now), make_record(), ring_time=ring_time)
    assert (calling_hours.check(moment) is PASS) is open_now


def test_groups_with_other_ring_times_may_share_the_filter(make_record: Callable[..., Record]) -> None:
    calling_hours = CallingHours.build({"hours": "09:00-20:00", "margin": 0})
    now = at("2026-03-02T19:59:35-05:00")
    verdicts = [
        calling_hours.check(Moment(now, make_record(), ring_time=ring)) for ring in (20.0, 40.0, 20.0)
    ]
    assert [verdict is PASS for verdict in verdicts] == [True, False, True]


ZONES = (NEW_YORK, LONDON, "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana", LOS_ANGELES)
CLOCK_CHANGES = (
    "2026-03-08T07:00+00:00",
    "2026-11-01T06:00+00:00",
    "2026-03-29T01:00+00:00",
    "2026-10-25T01:00+00:00",
    "2026-04-04T15:00+00:00",
    "2026-10-03T15:30+00:00",
    "2026-03-08T05:00+00:00",
    "2026-07-01T00:00+00:00",
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Spans = list[tuple[int, int]]


def span_text(span: tuple[int, int]) -> str:
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in span)


spans = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda span: span[0] != span[1] % 1440)
weeks = st.dictionaries(st.sampled_from(DAYS), st.lists(spans, min_size=1, max_size=2), min_size=1)
moments = st.builds(
    lambda change, minutes: at(change) + 60 * minutes,
    st.sampled_from(CLOCK_CHANGES),
    st.integers(-2 * 1440, 2 * 1440),
)


def clock_is_open(week: Mapping[str, Spans], zone: str, moment: float) -> bool:
    """The definition: does the clock on the wall show a time within the hours?"""
    local = datetime.fromtimestamp(moment, ZoneInfo(zone)).replace(tzinfo=None)
    today = datetime(local.year, local.month, local.day)
    for day in (today, today - timedelta(days=1)):
        for opens, closes in week.get(DAYS[day.weekday()], ()):
            length = (closes - opens) % 1440 or 1440
            since = day + timedelta(minutes=opens)
            if since <= local < since + timedelta(minutes=length):
                return True
    return False


def brute_force(week: Mapping[str, Spans], zones: Sequence[str], now: float, margin: int) -> float | None:
    """The first minute from now on at which every zone is open and stays so for `margin` minutes."""
    run = 0
    for minute in range(8 * 1440 + margin + 1):
        moment = now + 60 * minute
        run = run + 1 if all(clock_is_open(week, zone, moment) for zone in zones) else 0
        if run > margin:
            return moment - 60 * margin
    return None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    week=weeks,
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True),
    now=moments,
    margin=st.sampled_from([0, 1, 30]),
)
def test_agrees_with_looking_at_the_clock_every_minute(
    make_record: Callable[..., Record], week: Mapping[str, Spans], zones: list[str], now: float, margin: int
) -> None:
    hours = {day: [span_text(span) for span in spans] for day, spans in week.items()}
    calling_hours = CallingHours.build({"hours": hours, "margin": margin * 60})
    verdict = calling_hours.check(Moment(now=now, record=make_record(tz=" ".join(zones))))
    expected = brute_force(week, zones, now, margin)
    if expected is None:
        assert isinstance(verdict, Exclude)
    elif expected == now:
        assert verdict is PASS
    else:
        assert isinstance(verdict, Defer)
        assert verdict.until == expected


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hours=st.one_of(st.none(), weeks, st.just({"sun": [(130, 170)]})),
    now=st.lists(st.tuples(moments, st.floats(-9 * 86400, 9 * 86400)).map(sum), min_size=2, max_size=12),
    tz=st.sampled_from(["", NEW_YORK, f"{NEW_YORK} {LONDON}", "Australia/Lord_Howe"]),
)
def test_what_was_asked_before_changes_no_answer(
    make_record: Callable[..., Record], hours: Mapping[str, Spans] | None, now: list[float], tz: str
) -> None:
    texts = {day: [span_text(span) for span in spans] for day, spans in (hours or {}).items()}
    parameters = {"hours": texts} if texts else {}
    record = make_record(tz=tz)
    calling_hours = CallingHours.build(parameters)
    for moment in now:
        asked = Moment(now=moment, record=record)
        assert calling_hours.check(asked) == CallingHours.build(parameters).check(asked)


SKIPPED = {"hours": {"sun": "02:10-02:50"}}
DEFERRED = "2026-03-15T02:10-04:00"


@pytest.mark.parametrize(
    ("parameters", "asked"),
    [
        pytest.param(
            {"hours": "09:00-20:00"},
            [
                ("2026-03-02T19:00:00-05:00", None),
                ("2026-03-02T19:59:30-05:00", "2026-03-03T09:00-05:00"),
                ("2026-03-02T19:59:29-05:00", None),
                ("2026-03-02T08:59:59-05:00", "2026-03-02T09:00-05:00"),
                ("2026-03-02T09:00:00-05:00", None),
            ],
            id="open, too late, open, too early, open",
        ),
        pytest.param(
            SKIPPED,
            [("2026-03-07T07:00+00:00", DEFERRED), ("2026-03-07T01:00+00:00", "never")],
            id="within 8 days, then too far",
        ),
        pytest.param(
            SKIPPED,
            [("2026-03-07T01:00+00:00", "never"), ("2026-03-07T20:00+00:00", DEFERRED)],
            id="too far, then within 8 days",
        ),
        pytest.param(
            {"hours": "09:00-13:30"},
            [("2026-02-16T12:00+00:00", "never"), ("2026-03-02T12:00+00:00", "2026-03-08T13:00+00:00")],
            id="never, until the clocks of only one zone are set",
        ),
    ],
)
def test_answer_is_for_the_moment_asked_about(
    make_record: Callable[..., Record], parameters: dict[str, Any], asked: list[tuple[str, str | None]]
) -> None:
    calling_hours = CallingHours.build(parameters)
    record = make_record(tz=f"{NEW_YORK} {LONDON}" if parameters["hours"] == "09:00-13:30" else NEW_YORK)
    for now, until in asked:
        verdict = calling_hours.check(Moment(now=at(now), record=record))
        if until == "never":
            assert isinstance(verdict, Exclude)
        elif until is None:
            assert verdict is PASS
        else:
            assert isinstance(verdict, Defer)
            assert verdict.until == at(until)


def test_memory_stays_bounded(make_record: Callable[..., Record]) -> None:
    calling_hours = CallingHours.build(None)
    now = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()
    for second in range(5000):
        calling_hours.check(Moment(now=now, record=make_record(daily_from=second)))
    assert len(calling_hours._stretches) <= 4096


def test_regions_and_ring_time_are_kept_in_a_run(project: Callable[..., Any]) -> None:
    rules = """\
ruleset: hours
filters:
  - calling_hours: {hours: "09:00-20:00", margin: 0, regions: {US-FL: "10:00-11:00", US-NY: "14:00-14:01"}}
treatments:
  - on: [busy, no_answer, answering_machine]
    do: [{retry_in: {interval: 3m, attempts: 200}}]
"""
    folder = project(40, rules={"hours": rules}, ring_time="40s")
    folder.run(until=at("2026-03-02T22:00+00:00"))
    rows = folder.query("SELECT placed, tz, area_code FROM attempts JOIN records USING (record_id)")
    seen = set()
    for placed, tz, area in rows:
        for zone in tz.split():
            times = [
                datetime.fromtimestamp(placed + more, ZoneInfo(zone)).strftime("%H:%M:%S") for more in (0, 40)
            ]
            opens, closes = {"305": ("10:00", "11:00"), "212": ("14:00", "14:01")}.get(
                area, ("09:00", "20:00")
            )
            assert opens <= times[0] <= times[1] <= f"{closes}:00"
            seen.add(area)
    assert {"305", "212", "312"} <= seen
