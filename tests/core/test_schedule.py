"""Schedules of campaign groups, held against a walk from minute to minute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxrun.moments import moment_text, parse_moment
from cxrun.schedule import SCHEDULE_SCHEMA, Schedule, Shifts, problems
from cxrun.schema import accepts

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = (
    "UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo",
    "Pacific/Apia",
)  # fmt: skip
"""Zones with summer time by an hour and by half an hour, by night and at midnight."""
TIMES = st.sampled_from(("00:00", "00:30", "01:59", "02:00", "02:30", "03:00", "12:00", "23:45", "24:00"))


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    actions = draw(st.lists(st.sampled_from(("start", "pause", "stop")), min_size=1, unique=True))
    times = draw(st.lists(TIMES, min_size=len(actions), max_size=len(actions), unique=True))
    entry: dict[str, Any] = dict(zip(actions, times, strict=True))
    rule = draw(st.sampled_from(("date", "weekdays", "day", "daily")))
    if rule == "weekdays":
        first, last = draw(st.sampled_from(DAYS)), draw(st.sampled_from(DAYS))
        entry["weekdays"] = draw(st.sampled_from((first, f"{first}-{last}")))
    elif rule == "day":
        entry["day"] = draw(st.sampled_from((1, 8, 27, 28, 30, 31, "last")))
    elif rule == "date":
        entry["date"] = f"2026-03-{draw(st.integers(7, 12)):02}"
    entry["zone"] = draw(st.sampled_from(ZONES))
    return entry


def falls(entry: Mapping[str, Any], day: date) -> bool:
    if "date" in entry:
        return day.isoformat() == entry["date"]
    if "day" in entry:
        last = (day + timedelta(1)).month != day.month
        return last if entry["day"] == "last" else day.day == entry["day"]
    if "weekdays" in entry:
        first, _, last_day = entry["weekdays"].partition("-")
        at, till = DAYS.index(first), DAYS.index(last_day or first)
        return (day.weekday() - at) % 7 <= (till - at) % 7
    return True


def clock_time(entry: Mapping[str, Any], action: str, day: date) -> datetime:
    """What the clock shows when the entry says the action, that day."""

    def minutes(name: str) -> int:
        hours, minutes = entry.get(name, "00:00").split(":")
        return int(hours) * 60 + int(minutes)

    late = minutes(action) < minutes("start")
    return datetime(day.year, day.month, day.day) + timedelta(days=late, minutes=minutes(action))


def walked(schedule: list[dict[str, Any]], begin: datetime, minutes: int) -> dict[float, str]:
    """What is said at each moment something is, found by looking at every clock every minute."""
    pending = []
    for entry in schedule:
        zone = ZoneInfo(entry["zone"])
        narrow = 3 if "date" in entry else 2 if "day" in entry else 1 if "weekdays" in entry else 0
        for offset in range(-3, minutes // 1440 + 4):
            day = begin.date() + timedelta(offset)
            if falls(entry, day):
                for action in ("start", "pause", "stop"):
                    if action in entry:
                        rank = (narrow, action == "start")
                        pending.append((clock_time(entry, action, day), zone, rank, action))
    shown = {zone: begin.astimezone(zone).replace(tzinfo=None) for _, zone, *_ in pending}
    pending = [each for each in pending if each[0] > shown[each[1]]]
    said: dict[float, str] = {}
    for minute in range(1, minutes + 1):
        now = begin + timedelta(minutes=minute)
        shown = {zone: now.astimezone(zone).replace(tzinfo=None) for zone in shown}
        due = [each for each in pending if each[0] <= shown[each[1]]]
        if due:
            pending = [each for each in pending if each not in due]
            said[now.timestamp()] = max(due, key=lambda each: each[2])[3]
    return said


@given(
    st.lists(entries(), min_size=1, max_size=3),
    st.sampled_from(
        (
            datetime(2026, 3, 7, 22, 7, tzinfo=UTC),  # New York and Havana: clocks go forward on the 8th
            datetime(2026, 3, 28, 12, 7, tzinfo=UTC),  # Berlin: forward on the 29th
            datetime(2026, 4, 4, 2, 7, tzinfo=UTC),  # Lord Howe: back by half an hour
            datetime(2026, 4, 23, 9, 7, tzinfo=UTC),  # Cairo: midnight is skipped
            datetime(2026, 10, 29, 15, 7, tzinfo=UTC),  # Cairo: back from midnight; New York and Havana: back
            datetime(2011, 12, 29, 3, 7, tzinfo=UTC),  # Apia: a whole day is skipped
        )
    ),
)
@example([{"start": "02:30", "zone": "America/New_York"}], datetime(2026, 3, 8, 1, tzinfo=UTC))
def test_the_next_changes_are_those_a_walk_from_minute_to_minute_finds(
    schedule: list[dict[str, Any]], begin: datetime
) -> None:
    assert accepts(SCHEDULE_SCHEMA, schedule)
    assert not list(problems(schedule))
    minutes = 3 * 1440
    built = Schedule(schedule)
    found = {}
    at = begin.timestamp()
    while (change := built.next(at)) and change.at <= begin.timestamp() + minutes * 60:
        found[change.at] = change.action
        at = change.at
        assert built.said(at) == change
        assert built.said(at + 0.5) == change
    assert found == walked(schedule, begin, minutes)


def changes(schedule: list[dict[str, Any]], at: str, count: int) -> list[str]:
    """The next changes as `start 2026-03-02 09:00:00 EST`."""
    built, moment, told = Schedule(schedule), parse_moment(at), []
    for _ in range(count):
        change = built.next(moment)
        if change is None:
            break
        moment = change.at
        told.append(f"{change.action} {moment_text(moment, change.zone)}")
    return told


NEW_YORK = {"zone": "America/New_York"}


@pytest.mark.parametrize(
    ("schedule", "at", "told"),
    [
        pytest.param(
            [{"weekdays": "mon-fri", "start": "09:00", "stop": "17:00", **NEW_YORK}],
            "2026-03-06T15:00Z",
            ["stop 2026-03-06 17:00:00 EST", "start 2026-03-09 09:00:00 EDT"],
            id="weekdays across the beginning of summer time",
        ),
        pytest.param(
            [{"start": "02:30", **NEW_YORK}],
            "2026-03-07T12:00Z",
            ["start 2026-03-08 03:00:00 EDT", "start 2026-03-09 02:30:00 EDT"],
            id="a time that is skipped counts when the clocks have skipped it",
        ),
        pytest.param(
            [{"start": "01:30", **NEW_YORK}],
            "2026-11-01T00:00Z",
            ["start 2026-11-01 01:30:00 EDT", "start 2026-11-02 01:30:00 EST"],
            id="a time that comes twice counts once",
        ),
        pytest.param(
            [{"weekdays": "fri", "start": "22:00", "stop": "06:00"}],
            "2026-03-02T00:00Z",
            ["start 2026-03-06 22:00:00 UTC", "stop 2026-03-07 06:00:00 UTC"],
            id="a stop before the start is on the day after",
        ),
        pytest.param(
            [{"day": 31, "start": "09:00"}, {"day": "last", "stop": "10:00"}],
            "2026-02-01T00:00Z",
            ["stop 2026-02-28 10:00:00 UTC", "start 2026-03-31 09:00:00 UTC", "stop 2026-03-31 10:00:00 UTC"],
            id="months without a 31st have a last day all the same",
        ),
        pytest.param(
            [{"start": "00:00", "stop": "24:00"}, {"date": "2026-03-04", "stop": "00:00"}],
            "2026-03-02T12:00Z",
            ["start 2026-03-03 00:00:00 UTC", "stop 2026-03-04 00:00:00 UTC", "start 2026-03-05 00:00:00 UTC"],
            id="at one moment a date comes before every day, and start before stop",
        ),
        pytest.param(
            [{"date": "2026-03-02", "start": "09:00"}], "2026-03-02T09:00Z", [], id="once is once",
        ),
    ],
)  # fmt: skip
def test_changes_of_a_schedule(schedule: list[dict[str, Any]], at: str, told: list[str]) -> None:
    assert changes(schedule, at, max(1, len(told))) == told


def test_before_its_first_change_a_schedule_has_said_nothing() -> None:
    assert (
        Schedule([{"date": "2026-03-02", "start": "09:00"}]).said(parse_moment("2026-03-02T08:59Z")) is None
    )


@pytest.mark.parametrize(
    ("entry", "at", "message"),
    [
        ({"zone": "UTC"}, (0,), "says neither start, pause nor stop"),
        ({"stop": "09:00", "day": 1, "weekdays": "mon"}, (0, "day"),
         "is said beside weekdays; an entry has one of the two"),
        ({"start": "09:00", "date": "2026-02-30"}, (0, "date"), "'2026-02-30' is no day of the calendar"),
        ({"start": "09:00", "zone": "America/New_Yrok"}, (0, "zone"),
         "no time zone named 'America/New_Yrok'; did you mean 'America/New_York'?"),
        ({"start": "24:30"}, (0, "start"), "'24:30' is past the end of the day, 24:00"),
        ({"start": "09:00", "stop": "9:00"}, (0, "stop"), "9:00 is also when this entry says start"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_entry_is_told_with_its_place(
    entry: dict[str, Any], at: tuple[str | int, ...], message: str
) -> None:
    [(found, said)] = problems([entry])
    assert found == at
    assert said.startswith(message)


@settings(deadline=None)
@given(st.lists(entries(), min_size=1, max_size=3), st.datetimes(datetime(2026, 3, 6), datetime(2026, 3, 9)))
def test_shifts_are_when_a_schedule_says_start(schedule: list[dict[str, Any]], begin: datetime) -> None:
    start = begin.replace(tzinfo=UTC).timestamp()
    said, shifts = Schedule(schedule), Shifts(Schedule(schedule), start)
    for later in range(0, 4 * 86400, 5400):
        at = start + later
        change, shift = said.said(at), shifts.at(at)
        running = change is not None and change.action == "start"
        assert running == (shift is not None and shift[0] <= at < shift[1]), moment_text(at)


def test_a_group_without_a_schedule_has_one_shift() -> None:
    assert Shifts(None, 0.0).at(1e9) == (float("-inf"), float("inf"))


def test_after_the_last_start_there_is_no_shift() -> None:
    shifts = Shifts(Schedule([{"date": "2026-03-02", "start": "09:00", "stop": "10:00"}]), 0.0)
    assert shifts.at(parse_moment("2026-03-02T09:30Z")) == (
        parse_moment("2026-03-02T09:00Z"),
        parse_moment("2026-03-02T10:00Z"),
    )
    assert shifts.at(parse_moment("2026-03-02T10:00Z")) is None
