"""Carrying out a plan: its dials in their order and no others, each checked again by the run that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from cxrun.campaign import Group, Project
from cxrun.clock import Clock
from cxrun.errors import UserError
from cxrun.feed import Given
from cxrun.model import Reason
from cxrun.planning.plan import Dialed, Plan, inputs_of, moved, untimely
from cxrun.runner import Run
from cxrun.store.database import Store
from cxrun.store.journal import Entry
from cxrun.store.lists import stored_lists
from cxrun.store.queue import dialed_by
from cxrun.store.reading import applied, refusals_of
from cxrun.tally import Options, Tally


class NotDialed(NamedTuple):
    """A dial of the plan that was not made, and why."""

    dial: Dialed
    why: str


class Applied(NamedTuple):
    """What came of a plan."""

    tally: Tally
    not_dialed: Sequence[NotDialed]


def check(store: Store, plan: Plan, groups: Sequence[Group], name: str | None, now: float) -> str:
    """Who approved the plan. Raises UserError with everything that stands against carrying it out now."""
    before = applied(store, plan.digest)
    if before is not None:
        raise UserError(f"this plan was applied already: {before}; make a new one")
    approved = name or plan.approved_by
    if approved is None:
        raise UserError(
            "nobody has approved the plan: write a name after approved_by, or give --approve NAME"
        )
    said = moved(store, plan.data["inputs"], inputs_of(store, groups))
    late = untimely(plan, now)
    if said or late:
        told = "; ".join([*said, *([late] if late else [])])
        raise UserError(f"the plan does not fit any more and is refused as a whole: {told}; make a new plan")
    return approved


class Application:
    """A plan that is about to be carried out."""

    def __init__(
        self,
        project: Project,
        store: Store,
        plan: Plan,
        groups: Sequence[Group],
        approved_by: str,
        clock: Callable[[float], Clock],
        start: float,
        options: Options,
        environment: Mapping[str, str],
    ) -> None:
        self._store = store
        self._plan = plan
        self._groups = groups
        self._approved_by = approved_by
        self._ids = {item.name: item.list_id for item in stored_lists(store).values()}
        places = [(self._ids[dial.list_name], dial.priority, dial.due, dial.record_id) for dial in plan.dials]
        self._given = Given(places, plan.valid_until, self._begin)
        given = replace(options, given=self._given)
        self.run = Run(project, groups, store, clock, start, given, environment)

    def _begin(self, store: Store, now: float) -> Entry:
        """In the transaction that begins the run: nothing has moved, and the plan is used up."""
        check(store, self._plan, self._groups, self._approved_by, now)
        calls = len(self._plan.data["dials"])
        text = f"plan {self._plan.digest}: {calls} dial{'' if calls == 1 else 's'}, approved by {self._approved_by}"
        return Entry(round(now, 3), "plan_applied", 0, 0, 0, Reason("plan", text), 0)

    def drive(self, watch: Callable[[Tally], None]) -> Applied:
        """Make the calls."""
        tally = self.run.drive(watch)
        made = dialed_by(self._store, self.run.run_id)
        refused = {
            record_id: f"{reason.text} ({reason.rule})" if reason.rule else reason.text
            for record_id, _, reason, _ in refusals_of(self._store, self.run.run_id)
        }
        gone = set(self._given.gone)
        not_dialed = []
        for dial in self._plan.dials:
            if dial.record_id not in made:
                moved_on = "it does not wait where it did when the plan was made"
                why = (
                    moved_on
                    if dial.record_id in gone
                    else refused.get(dial.record_id, "its turn did not come")
                )
                not_dialed.append(NotDialed(dial, why))
        return Applied(tally, not_dialed)
