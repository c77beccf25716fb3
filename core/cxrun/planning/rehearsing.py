"""What a run would dial at this moment: the run itself, on a line that calls nobody and a store that keeps nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, NamedTuple

from cxrun.asking import asking_nobody
from cxrun.calls import Command, Place
from cxrun.campaign import Group, Project
from cxrun.clock import VirtualClock
from cxrun.crew import Crew
from cxrun.dialer import Dial, Dialer, Line, Opening, Progress
from cxrun.dialing import Dialing
from cxrun.elements import Moment, Pass
from cxrun.engine import Engine
from cxrun.feed import Feed
from cxrun.model import PERSONAL, Reason, Record, Rule
from cxrun.pipeline import Pipeline
from cxrun.runner import Run
from cxrun.store.lists import StoredList
from cxrun.store.reading import refusals_of
from cxrun.store.rehearsing import RehearsalStore
from cxrun.store.runs import SIMULATION, last_run
from cxrun.tally import Options
from cxrun.work import Work

_EVERYTHING: Final = 2**31
_STEP: Final = 300.0
"""Seconds between two moments at which it is asked whether a dial would still be allowed."""


class Planned(NamedTuple):
    """One dial: the record as it stands in the queue, the group, the rules that were asked and all passed.

    `valid_until` is when they would no longer pass, or when the plan ends (Unix UTC seconds).
    """

    record: Record
    group: str
    list_name: str
    asked: tuple[Rule, ...]
    valid_until: float


class Refused(NamedTuple):
    """One record that was looked at and is not dialed; `due` is when it is looked at again, 0 for never."""

    record_id: int
    event: str
    reason: Reason
    due: int


class Rehearsal(NamedTuple):
    """What a run would do at once: its dials in their order, and whom it would refuse."""

    dials: list[Planned]
    refused: list[Refused]


def rehearse(
    project: Project, groups: Sequence[Group], store: RehearsalStore, at: float, limit: int, until: float
) -> Rehearsal:
    """The first `limit` dials of a run that begins at a moment, were there agents and lines enough.

    Raises what a run raises: StoreBusy, UserError. The store keeps its write lock until it is closed.
    """
    options = Options(until=at + 0.5, limit=limit, private=True)
    last = last_run(store)
    simulated = last.world == SIMULATION if last else not any(group.dialer.external for group in groups)
    run = _Rehearsed(project, groups, store, at, options, _Clock if simulated else _RealClock, until)
    run.world = last.world if last else SIMULATION
    run.drive()
    return Rehearsal(run.dials, [Refused(*row) for row in refusals_of(store, run.run_id)])


class _Clock(VirtualClock):
    """Time stands still until the rehearsal is over."""


class _RealClock(VirtualClock):
    """The same for a store of the real world, where an import has its own time."""

    jumps = False


class _SilentLine:
    """Calls nobody, and nothing comes of it."""

    def place(self, dial: Dial) -> None:
        pass

    def connect(self, attempt_id: str, agent_id: str | None, at: float, destination: str) -> None:
        pass

    def hang_up(self, attempt_id: str, at: float) -> None:
        pass

    def next_at(self) -> float | None:
        return None

    def events(self, until: float) -> Iterable[Progress]:
        return ()

    def reconcile(self, dials: Collection[Dial]) -> set[str]:
        """Calls of an earlier run are still in progress, for all that can be known here."""
        return {dial.attempt_id for dial in dials}


@dataclass(frozen=True)
class _Silent(Dialer):
    name: ClassVar[str] = "rehearsal"
    external: ClassVar[bool] = False

    def open(self, opening: Opening) -> Line:
        return _SilentLine()


class _Unpaced(Engine):
    """Dials whatever it is given at once: there are agents and lines enough."""

    def new_calls(self, now: float) -> int:
        return _EVERYTHING

    def take(self, record: Record, now: float) -> Place | None:
        return Place(record, record.agent_id if record.record_type in PERSONAL else None)

    def next_at(self, now: float) -> float | None:
        return None


class _Rehearsed(Run):
    """A run that writes down what it would dial."""

    world = SIMULATION

    def __init__(
        self,
        project: Project,
        groups: Sequence[Group],
        store: RehearsalStore,
        at: float,
        options: Options,
        clock: Callable[[float], VirtualClock],
        until: float,
    ) -> None:
        self._quiet: dict[str, _Quiet] = {}
        super().__init__(project, groups, store, clock, at, options)
        self.dials: list[Planned] = []
        self._dialing = _Rehearsing(self._work, self._obey, self._quiet, self.dials, until)

    @property
    def _world(self) -> str:
        return self.world

    def _crew(self, group: Group, lists: Mapping[str, StoredList], opening: Opening) -> Crew:
        silent = replace(group.dialer_step, name="rehearsal", element=_Silent())
        crew = super()._crew(replace(group, dialer_step=silent), lists, opening)
        crew.engine = _Unpaced(
            group.mode, None, start=opening.start, ports=_EVERYTHING, calls_per_second=1, connect_window=0
        )
        self._quiet[group.name] = asking_nobody(group)
        return crew


_Quiet = tuple[Pipeline, tuple[Rule, ...]]
"""The rules of a group without those that ask somebody outside, and those."""


class _Rehearsing(Dialing):
    """Dials as a run does, and writes down what it dials."""

    def __init__(
        self,
        work: Work,
        obey: Callable[[Crew, Iterable[Command], float], None],
        quiet: Mapping[str, _Quiet],
        dials: list[Planned],
        until: float,
    ) -> None:
        super().__init__(work, obey)
        self._quiet = quiet
        self._dials = dials
        self._until = until

    def has_agent(self, crew: Crew, feed: Feed, record: Record, now: float) -> bool:
        return True

    def allowed(self, crew: Crew, feed: Feed, record: Record, now: float) -> bool:
        if not super().allowed(crew, feed, record, now):
            return False
        pipeline, outside = self._quiet[crew.group.name]
        chain = (record, *feed.sleeping(record))
        moment = self._work.facts.moment(now, record, chain, crew.ring_time, feed.imports)
        asked = [decision.rule for decision in pipeline.verdicts(moment)]
        rules = tuple(rule for rule in (*asked, *outside) if rule is not None)
        until = _allowed_until(pipeline, moment, self._until)
        self._dials.append(Planned(record, crew.group.name, feed.name, rules, until))
        return True


def _allowed_until(pipeline: Pipeline, moment: Moment, end: float) -> float:
    """When the rules would first object, to the second, if nothing but time changes; `end` at the latest."""

    def allowed(at: float) -> bool:
        moment.now = at
        return isinstance(pipeline.decide(moment).verdict, Pass)

    good = moment.now
    while good < end:
        bad = min(good + _STEP, end)
        if allowed(bad):
            good = bad
            continue
        while bad - good > 1:
            middle = math.floor((good + bad) / 2)
            if middle <= good or middle >= bad:
                break
            good, bad = (middle, bad) if allowed(middle) else (good, middle)
        return bad
    return end
