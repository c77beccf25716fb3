"""What is said to come next is what a run does next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.elements import Defer, Exclude
from cxrun.forecasting.prospects import NEVER_MET, Future, Prospect, upcoming
from cxrun.moments import parse_moment
from cxrun.schedule import Shifts

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]


def prospects(made: ProjectFolder, asking: Any, at: float) -> list[Prospect]:
    with asking(made, at) as ask:
        future = Future(ask, Shifts(ask.group.schedule, at), at)
        return [future.of(chain) for batch in ask.batches() for chain in batch]


@pytest.mark.parametrize("devices", [1, 3])
def test_each_customer_is_dialed_by_the_number_and_at_the_time_foretold(
    held: Any, asking: Any, devices: int
) -> None:
    made: ProjectFolder = held(devices, 60, until=7 * 3600)
    start = made.reached()
    told = prospects(made, asking, start)
    # with agents for everybody nobody waits; then every record is dialed as soon as it may be
    made.campaign["agent_groups"]["sales"]["agents"] = 1000
    made.save()
    made.run(until=start + 3 * 86400)
    first: dict[int, tuple[int, float]] = {}
    for chain_id, record_id, placed in made.query(
        "SELECT chain_id, record_id, placed FROM attempts JOIN records USING (record_id) WHERE placed >= ? "
        "ORDER BY placed DESC",
        start,
    ):
        first[chain_id] = (record_id, placed)
    due = [prospect for prospect in told if prospect.at is not None and prospect.at < start + 3 * 86400 - 60]
    assert len(due) > 20
    for prospect in due:
        record_id, placed = first[prospect.record.chain_id]
        assert record_id == prospect.record.record_id
        # a run looks for what is due every five seconds
        assert prospect.at is not None
        assert 0 <= placed - prospect.at <= 10
    for prospect in told:
        if prospect.at is None:
            assert prospect.record.chain_id not in first


def test_a_list_is_told_in_the_order_of_dialing(held: Any, asking: Any) -> None:
    made: ProjectFolder = held(2, 80, until=7 * 3600)
    at = made.reached()
    everybody = [prospect for prospect in prospects(made, asking, at) if prospect.at is not None]
    with asking(made, at) as ask:
        found, never = upcoming(Future(ask, Shifts(None, at), at), 1000, lambda done: None)
        few, _ = upcoming(Future(ask, Shifts(None, at), at), 7, lambda done: None)
    order = [(prospect.at, prospect.record.priority) for prospect in found]
    assert order == sorted(order)
    assert {p.record.record_id: p.at for p in found} == {p.record.record_id: p.at for p in everybody}
    assert [p.record.record_id for p in few] == [p.record.record_id for p in found[:7]]
    assert never == len(prospects(made, asking, at)) - len(everybody)


def test_a_list_with_an_order_of_its_own_keeps_to_it(held: Any, asking: Any) -> None:
    made: ProjectFolder = held(1, 40, until=0, ordering=[{"field": "phone", "order": "descending"}])
    at = parse_moment("2026-03-02T18:00Z")
    with asking(made, at) as ask:
        found, _ = upcoming(Future(ask, Shifts(None, at), at), 10, lambda done: None)
    phones = [prospect.record.phone for prospect in found if prospect.at == at]
    assert phones == sorted(phones, reverse=True)
    assert len(phones) == 10


def test_a_schedule_counts_and_one_that_never_meets_the_rules_is_told(held: Any, asking: Any) -> None:
    made: ProjectFolder = held(1, 40, until=0, schedule=[{"start": "18:30", "stop": "19:00"}])
    at = parse_moment("2026-03-02T13:00Z")
    told = prospects(made, asking, at)
    free = [prospect for prospect in told if prospect.at is not None and prospect.record.client_id != "C5"]
    assert {prospect.at for prospect in free} == {parse_moment("2026-03-02T18:30Z")}
    assert any(hold.kind == "schedule" for prospect in told for hold in prospect.holds)
    made.campaign["groups"]["all"]["schedule"] = [{"start": "07:00", "stop": "08:00"}]
    made.save()
    nights = prospects(made, asking, at)
    assert {prospect.never for prospect in nights if prospect.record.tz == "America/New_York"} == {NEVER_MET}


def test_a_schedule_without_a_further_start_is_told(held: Any, asking: Any) -> None:
    made: ProjectFolder = held(
        1, 10, until=0, schedule=[{"date": "2026-03-01", "start": "07:00", "stop": "08:00"}]
    )
    (never,) = {
        p.never for p in prospects(made, asking, parse_moment("2026-03-02T13:00Z")) if not p.holds[:-1]
    }
    assert never == "the schedule of the group never starts it again"


def test_the_present_is_explained_as_a_run_decides_it(held: Any, asking: Any) -> None:
    from cxrun.explaining import explain

    made: ProjectFolder = held(2, 60, until=7 * 3600)
    at = made.reached()
    project = made.load()
    compared = 0
    with asking(made, at) as ask:
        decided = {
            leader.record_id: ask.group.pipeline.decide(ask.moment(leader, others, at))
            for batch in ask.batches()
            for leader, others in batch
        }
    with made.store() as store:
        for record_id, decision in decided.items():
            look = explain(project, store, 1, record_id, at).look
            assert look is not None
            verdict = decision.verdict
            kind = (
                "defers"
                if isinstance(verdict, Defer)
                else "excludes"
                if isinstance(verdict, Exclude)
                else "passes"
            )
            assert look.decision == kind
            if kind != "passes":
                objection = next(said for said in look.said if said.verdict == kind)
                assert (objection.rule, objection.reason) == (decision.rule, verdict.reason)
            compared += kind != "passes"
    assert compared > 10


def test_the_past_is_explained_as_a_run_decided_it(held: Any) -> None:
    from cxrun.explaining import explain

    made: ProjectFolder = held(2, 40, until=30 * 3600)
    project = made.load()
    decisions = made.query(
        "SELECT j.record_id, j.at, s.state, s.text, s.line FROM journal j JOIN reasons s USING (reason_id) "
        "WHERE j.event IN ('deferred', 'excluded') ORDER BY seq"
    )
    dialed = made.query("SELECT record_id, placed FROM attempts")
    assert len(decisions) > 50
    assert len(dialed) > 30
    with made.store() as store:
        for record_id, at, state, text, line in decisions:
            look = explain(project, store, 1, record_id, at).look
            assert look is not None
            assert look.decision == ("defers" if state == "deferred" else "excludes"), (record_id, at)
            objection = next(said for said in look.said if said.verdict != "passes")
            assert (objection.reason, objection.rule.line) == (text, line)
            assert look.decided
        for record_id, placed in dialed:
            look = explain(project, store, 1, record_id, placed).look
            assert look is not None
            assert look.decision == "passes", (record_id, placed, look.said)
