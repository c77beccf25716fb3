"""The hours of a forecast are those of asking every record in every hour."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.asking import Asking
from cxrun.elements import PASS, Exclude
from cxrun.forecasting.outlook import HOUR, Outlook, Pattern
from cxrun.model import Record
from cxrun.schedule import Shifts

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

HOURS = 100
OFFICE = [{"weekdays": "mon-fri", "start": "13:20", "stop": "22:45"}]


class Walked(Outlook):
    """Every customer is asked about by himself, hour by hour."""

    def _add(self, leader: Record, others: Any) -> None:
        self._walk(leader.tz, leader, others)


def looked(asking: Asking, start: float, kind: type[Outlook] = Outlook) -> Outlook:
    outlook = kind(asking, Shifts(asking.group.schedule, start), start, HOURS)
    outlook.read(lambda done: None)
    return outlook


def from_minute_to_minute(asking: Asking, start: float) -> Counter[Pattern]:
    """The same for chains of one record, by the pipeline alone: asked in every minute until it excludes."""
    shifts = Shifts(asking.group.schedule, start)
    edges = looked(asking, start).edges
    found: Counter[Pattern] = Counter()
    for batch in asking.batches():
        for record, _ in batch:
            hours, at = 0, float(-(-start // 60) * 60)
            while at < edges[-1]:
                shift = shifts.at(at)
                if record.due <= at and shift is not None and shift[0] <= at:
                    verdict = asking.pipeline.decide(asking.moment(record, (), at)).verdict
                    if isinstance(verdict, Exclude):
                        break
                    if verdict is PASS:
                        hours |= 1 << int((at - start // HOUR * HOUR) // HOUR)
                at += 60
            found[Pattern(record.tz, hours)] += 1
    return found


@pytest.mark.parametrize(
    "settings",
    [{}, {"until": 0}, {"schedule": OFFICE}, {"filters": "  - moody\n"}],
    ids=["dialed", "fresh", "with a schedule", "with a filter of which nothing is known"],
)
def test_the_hours_are_those_of_asking_in_every_minute(
    held: Any, asking: Any, settings: dict[str, Any]
) -> None:
    made: ProjectFolder = held(size=40, **settings)
    start = float(-(-made.reached() // 60) * 60)
    with asking(made, start) as ask:
        assert looked(ask, start).patterns == from_minute_to_minute(ask, start)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"until": 0},
        {"until": 0, "in_order": True},
        {"schedule": OFFICE, "in_order": True},
        {"filters": "  - moody\n"},
        {"until": 0, "filters": "  - where: {field: chain_n, gt: 1}\n"},
    ],
    ids=[
        "dialed",
        "fresh",
        "ordered, fresh",
        "ordered, dialed",
        "a filter of which nothing is known",
        "heirs",
    ],
)
def test_the_hours_of_whole_chains_are_those_of_going_through_them(
    held: Any, asking: Any, settings: dict[str, Any]
) -> None:
    made: ProjectFolder = held(3, 80, **settings)
    start = made.reached()
    with asking(made, start) as ask:
        quick, walked = looked(ask, start), looked(ask, start, Walked)
    assert quick.patterns == walked.patterns
    assert quick.excluded == walked.excluded
    assert sum(quick.patterns.values()) == quick.customers


def test_what_is_open_now_is_what_a_run_dials_now(held: Any, asking: Any) -> None:
    made: ProjectFolder = held(2, 80, until=HOUR + 60)
    start = made.reached()
    with asking(made, start) as ask:
        outlook = looked(ask, start)
        at_once = sum(
            ask.pipeline.decide(ask.moment(leader, others, start)).verdict is PASS and leader.due <= start
            for batch in ask.batches()
            for leader, others in batch
        )
        first_hour = sum(count for pattern, count in outlook.patterns.items() if pattern.hours & 1)
    made.campaign["agent_groups"]["sales"]["agents"] = 500
    made.save()
    tally = made.run(until=start + 1)
    assert at_once <= first_hour
    assert tally.attempts == at_once > 0


def test_a_schedule_that_never_meets_the_hours_of_the_rules_is_told(held: Any, asking: Any) -> None:
    night = [{"start": "07:00", "stop": "08:00"}]
    made: ProjectFolder = held(until=0, schedule=night)
    start = made.reached()
    with asking(made, start) as ask:
        outlook = looked(ask, start)
    assert not any(pattern.hours for pattern in outlook.patterns if pattern.zone == "America/New_York")
    assert any(
        reason.startswith("the schedule of the group does not meet the hours") for reason in outlook.never
    )


def test_changed_rules_are_those_that_count(held: Any, asking: Any) -> None:
    made: ProjectFolder = held(2, 40)
    made.write("rulesets/held.yaml", "ruleset: held\nfilters:\n  - suppression\n")
    start = made.reached()
    with asking(made, start) as ask:
        outlook = looked(ask, start)
        closed = sum(count for pattern, count in outlook.patterns.items() if not pattern.hours & 1)
    made.run(until=start + 10 * HOUR)
    made.campaign["agent_groups"]["sales"]["agents"] = 500
    assert ask.rules_changed
    assert closed < sum(outlook.patterns.values())
