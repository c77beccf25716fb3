from __future__ import annotations

import pytest

from cxrun.cases.when import When, written
from cxrun.testing import at

BASE = at("2026-03-03T10:00:01-05:00")
"""A Tuesday."""
NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02 07:59", "2026-03-02T07:59-05:00"),
        ("2026-03-02T07:59:30", "2026-03-02T07:59:30-05:00"),
        ("2026-03-02 07:59 America/Los_Angeles", "2026-03-02T07:59-08:00"),
        ("2026-03-02 07:59Z", "2026-03-02T07:59Z"),
        ("2026-03-02 07:59+02:00", "2026-03-02T07:59+02:00"),
        ("10:30", "2026-03-03T10:30-05:00"),
        ("10:00", "2026-03-03T10:00-05:00"),
        ("09:59", "2026-03-04T09:59-05:00"),
        ("10:00:00", "2026-03-04T10:00-05:00"),
        ("tue 09:00", "2026-03-10T09:00-04:00"),
        ("mon 09:00", "2026-03-09T09:00-04:00"),
        ("90m", "2026-03-03T11:30:01-05:00"),
    ],
)
def test_time_is_read_by_the_clock_of_the_zone_and_follows_the_step_before(text: str, moment: str) -> None:
    assert When.read(text).at(BASE, NEW_YORK) == at(moment)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("noon", "'noon' is no time; write 2026-03-02 09:00, 09:00 for"),
        ("25:00", "'25:00' is no time: hour must be in 0..23"),
        ("2026-02-30 09:00", "'2026-02-30 09:00' is no time: day is out of range"),
        ("2026-03-02 09:00 Amerika/Bern", "no time zone named 'Amerika/Bern'"),
    ],
)
def test_what_is_no_time_is_told(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^" + message.replace("(", r"\(")):
        When.read(text)


def test_time_the_clock_skips_is_told() -> None:
    with pytest.raises(ValueError, match="is skipped by the clock of America/New_York"):
        When.read("2026-03-08 02:30").at(BASE, NEW_YORK)


@pytest.mark.parametrize(
    ("text", "second", "same"),
    [("10:30", 0, True), ("10:30", 59, True), ("10:30", 60, False), ("10:30", -1, False),
     ("10:30:05", 5, True), ("10:30:05", 6, False), ("10:30:05", 4, False)],
)  # fmt: skip
def test_time_without_seconds_means_the_whole_minute(text: str, second: int, same: bool) -> None:
    assert When.read(text).means(at("2026-03-03T10:30-05:00") + second, BASE, NEW_YORK) is same


@pytest.mark.parametrize("later", [0, 59, 60, 3600, 86399, 86400, 5 * 86400, 6 * 86400])
def test_what_is_written_is_read_back(later: int) -> None:
    text = written(BASE + later, BASE, NEW_YORK)
    assert When.read(text).means(BASE + later, BASE, NEW_YORK)
    exact = written(BASE + later, BASE, NEW_YORK, exact=True)
    assert When.read(exact).at(BASE, NEW_YORK) == BASE + later
