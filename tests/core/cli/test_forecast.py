from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]


def test_hours_lists_and_assumptions_are_told(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "forecast", "--hours", "48")
    assert answer.code == 0, answer.err
    assert "48 hours" in answer.out
    assert "group all: " in answer.out
    assert "an agent needs " in answer.out
    assert "list people: " in answer.out
    assert "most in an hour" in answer.out
    assert "\x1b" not in answer.out


def test_json_has_every_hour_and_zone(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    found = json.loads(cxrun("-C", dialed.folder, "forecast", "--hours", "30", "--json").out)
    (group,) = found["groups"]
    (one,) = group["lists"]
    assert len(one["hours"]) == 30
    assert {"from", "till", "open", "calls", "left"} == set(one["hours"][0])
    assert sum(zone["customers"] for zone in one["zones"]) == one["waiting"]
    assert group["pace"]["assumptions"]


def test_rows_may_be_hours_on_the_clock_of_a_zone(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    arguments = ("forecast", "--hours", "5", "--by", "hour", "--zone", "America/New_York")
    answer = cxrun("-C", dialed.folder, *arguments)
    assert "\nMon 2026-03-02 09:00 " in answer.out


def test_pictures_are_written(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    files = (dialed.folder / "f.svg", dialed.folder / "f.html")
    answer = cxrun("-C", dialed.folder, "forecast", "--svg", files[0], "--html", files[1], "--json")
    json.loads(answer.out)
    assert answer.err.splitlines() == [f"wrote {file}" for file in files]
    assert files[0].read_text().startswith("<svg ")
    assert files[1].read_text().startswith("<!DOCTYPE html>")


def test_it_may_be_told_what_a_group_can_do(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "forecast", "--calls-per-hour", "2")
    assert "group all: 2 calls an hour\n" in answer.out


def test_what_is_past_is_no_forecast(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "forecast", "--at", "2020-01-01")
    assert answer.code == 3
    assert "begins now or later" in answer.err


def test_an_unknown_zone_or_group_exits_3(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    assert "no time zone named 'Mars'" in cxrun("-C", dialed.folder, "forecast", "--zone", "Mars").err
    assert "did you mean 'all'" in cxrun("-C", dialed.folder, "forecast", "al").err
