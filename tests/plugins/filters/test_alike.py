"""What filters say of themselves is true: of records that are alike they say the same, who passes goes on passing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from random import Random
from typing import Any

import pytest

from cxrun import PASS, Filter, Moment, PastAttempt, Record, Suppression
from cxrun.testing import build

START = 1772456400.0
WEEK = 7 * 86400
FILTERS = {
    "calling_hours": [
        {"hours": "09:00-20:00"},
        {},
        {"hours": {"mon-fri": "22:00-02:00"}, "regions": {"US-CA": "10:00-12:00", "+1212": "08:00-09:00"}},
        {"hours": "09:00-10:00", "unknown_zone": "America/New_York"},
    ],
    "calling_dates": [
        {"weekdays": "tue-thu"},
        {
            "holidays": "own",
            "emergencies": [{"from": "2026-03-04", "till": "2026-03-05T18:00", "regions": ["US-NY"]}],
        },
    ],
    "attempts": [
        {"at_most": 1, "within": "24h"},
        {"at_most": 2, "within": "day", "per": "device"},
        {"at_most": 2},
    ],
    "quiet_after": [{"days": 2}, {"period": "30h", "per": "device"}],
    "suppression": [{}, {"lists": ["dnc"]}],
    "location": [{"forbid": ["US-CA"]}, {"allow": ["US", "+1212"], "unknown": "allow"}],
    "percentage": [{"share": 40}],
    "record_age": [{"at_least": "1d", "at_most": "5d"}, {"field": "since", "at_most": "3d"}],
    "where": [{"field": "state", "eq": "NY"}, {"field": "attempt", "lt": 2}],
}
CASES = [(name, number) for name, all_of in FILTERS.items() for number in range(len(all_of))]


def moments(make_record: Callable[..., Record], random: Random) -> list[Moment]:
    """Records of every kind, each with a past."""
    zones = ("America/New_York", "America/Los_Angeles", "America/Chicago America/Denver", "")
    areas = (("+12125550101", "US", "212"), ("+12135550102", "US", "213"), ("+442079460103", "GB", ""))
    found = []
    for n, (tz, (phone, country, area)) in enumerate(product(zones, areas)):
        for again in range(3):
            record = make_record(
                record_id=n * 10 + again, chain_id=n * 10 + again, client_id=f"C{n}-{again}", tz=tz, phone=phone,
                country=country, area_code=area, attempt=again, daily_from=random.choice([28800, 36000]),
                fields={"state": random.choice(["NY", "CA", ""]), "since": "2026-03-01"},
            )  # fmt: skip
            attempts = [
                PastAttempt(
                    at, random.choice([7, 33, 28]), None, record.client, phone, record.record_id, k, at + 60
                )
                for k in range(again)
                for at in [START - random.randrange(3 * 86400)]
            ]
            attempts.sort(key=lambda past: past.placed)
            entries = [
                Suppression(random.choice(["dnc", "other"]), "device", phone, *span)
                for span in [(0.0, None), (START + 90000, START + 200000), (0.0, START + 5000)][
                    : random.randrange(4)
                ]
            ]
            imports = [(0, START - 3 * 86400), (60, START - 86400)]
            found.append(Moment(START, record, (record,), attempts, entries, {}, 25.0, imports))
    return found


@pytest.mark.parametrize(("name", "number"), CASES)
def test_what_a_filter_says_of_itself_is_true(
    make_record: Callable[..., Record], name: str, number: int
) -> None:
    element: Filter = build("filter", name, FILTERS[name][number])
    random = Random(f"{name} {number}")
    asked = moments(make_record, random)
    times = sorted(START + random.randrange(WEEK) for _ in range(60))
    verdicts: dict[Any, list[Any]] = {}
    for moment in asked:
        kind = element.alike(moment)
        passes_until = 0.0
        said = []
        for at in times:
            moment.now = at
            verdict = element.check(moment)
            said.append(verdict)
            if at < passes_until:
                assert verdict is PASS, (moment.record, at)
            if verdict is PASS:
                passes_until = max(passes_until, element.passes_until(moment))
            assert all(isinstance(fact.text, str) for fact in element.evidence(moment))
        if kind is not None:
            assert verdicts.setdefault(kind, said) == said, moment.record
