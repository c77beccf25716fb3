"""Times as rulesets write them, and when clocks show them: those that are skipped or come twice included."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun.schema import accepts
from cxrun.times import (
    DAYS,
    DURATION,
    WEEKDAYS,
    clock_moment,
    days_of,
    duration_text,
    known_zone,
    next_day,
    seconds,
    time_of_day,
)

NEW_YORK = "America/New_York"


def utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


@given(st.integers(0, 10**7))
def test_a_duration_is_written_as_it_is_read(value: int) -> None:
    assert seconds(duration_text(value)) == value
    assert accepts(DURATION, duration_text(value))


def test_a_time_past_the_end_of_the_day_is_none() -> None:
    assert (time_of_day("9:00"), time_of_day("24:00")) == (32400, 86400)
    with pytest.raises(ValueError, match="'24:01' is past the end of the day, 24:00"):
        time_of_day("24:01")


@pytest.mark.parametrize(("first", "last"), list(product(range(7), range(7))))
def test_days_run_from_the_first_to_the_last_over_sunday_if_need_be(first: int, last: int) -> None:
    text = f"{WEEKDAYS[first]}-{WEEKDAYS[last]}"
    found = days_of(text)
    assert accepts(DAYS, text)
    assert (found[0], found[-1], len(found)) == (first, last, (last - first) % 7 + 1)
    assert all((after - before) % 7 == 1 for before, after in pairwise(found))


@pytest.mark.parametrize("text", ["monday", "mon-", "mon-tue-wed", ""])
def test_a_text_that_names_no_day_says_what_would(text: str) -> None:
    assert not accepts(DAYS, text)
    with pytest.raises(
        ValueError, match=r"is no day; write mon, tue, wed, thu, fri, sat, sun or e\.g\. mon-fri"
    ):
        days_of(text)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "America"])
def test_a_zone_that_is_not_in_the_database_is_not_known(zone: str) -> None:
    assert known_zone(NEW_YORK)
    assert not known_zone(zone)


@pytest.mark.parametrize(
    ("day", "second", "expected"),
    [
        (date(2026, 3, 2), 9 * 3600, "2026-03-02 14:00"),
        (date(2026, 3, 2), 86400, "2026-03-03 05:00"),
        # skipped: an hour later
        (date(2026, 3, 8), 9000, "2026-03-08 07:30"),
        # twice: the first
        (date(2026, 11, 1), 5400, "2026-11-01 05:30"),
    ],
)
def test_when_the_clock_of_a_zone_shows_a_time(day: date, second: int, expected: str) -> None:
    assert utc(clock_moment(NEW_YORK, day, second)) == expected


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ([NEW_YORK], "2026-03-03 05:00"),
        ([NEW_YORK, "America/Los_Angeles"], "2026-03-03 08:00"),
        ([], "2026-03-03 15:00"),
        ([NEW_YORK, "Mars/Olympus"], "2026-03-03 15:00"),
    ],
)
def test_the_next_day_has_come_in_every_zone(zones: list[str], expected: str) -> None:
    at = datetime(2026, 3, 2, 14, tzinfo=UTC).timestamp()
    assert utc(next_day(zones, at)) == expected
