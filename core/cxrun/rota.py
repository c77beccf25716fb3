"""Which campaign groups of a run may dial: by hand, by their schedules, and by the groups they come after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from cxrun.campaign import Group, Project
from cxrun.crew import Crew
from cxrun.errors import UserError
from cxrun.schedule import Change, Schedule
from cxrun.store.database import Store
from cxrun.store.lists import StoredList
from cxrun.store.orders import FORCE_STOP, Order
from cxrun.store.queue import Queue

_FRUITLESS: Final = 31
"""Starts in a row at which nobody was called, after which a group is given up: it would go on for ever."""
_STATES: Final = {
    "load": "loaded", "start": "running", "pause": "loaded", "stop": "unloaded", FORCE_STOP: "unloaded",
    "unload": "unloaded", "complete": "unloaded",
}  # fmt: skip
_TOLD: Final = {
    ("unloaded", "loaded"): ("group_loaded", "is loaded"),
    ("loaded", "unloaded"): ("group_unloaded", "is unloaded"),
}
"""What a turn between two states is called in the journal, and told to people."""
_TOLD_ELSE: Final = {
    "running": ("group_started", "starts"),
    "loaded": ("group_paused", "pauses"),
    "unloaded": ("group_stopped", "stops"),
}
_HELD: Final = ("load", "pause")
"""Orders after which a run in real time waits for another one."""


BY_HAND: Final = "by hand"
"""Why a group turns that somebody has told to."""


class Turn(NamedTuple):
    """A group starts (running), pauses (loaded) or stops (unloaded), from which state, and why.

    If it is `forced` to stop, calls that nobody has answered yet are hung up.
    """

    at: float
    group: str
    state: str
    was: str
    why: str
    forced: bool = False

    @property
    def event(self) -> str:
        """What the journal calls it."""
        return self._told[0]

    @property
    def _told(self) -> tuple[str, str]:
        return _TOLD.get((self.was, self.state), _TOLD_ELSE[self.state])

    def __str__(self) -> str:
        return f"group {self.group} {self._told[1]}{' by force' if self.forced else ''}: {self.why}"


def stands(order: Order, schedule: Schedule | None, now: float) -> bool:
    """Whether an order is still to be obeyed: the next change of a schedule ends all but `complete`."""
    change = schedule.next(order.at) if schedule else None
    return change is None or now < change.at or order.action == "complete"


def finished_before(
    project: Project, groups: Sequence[Group], store: Store, lists: Mapping[str, StoredList]
) -> list[str]:
    """The groups that these come after and that are not among them. Raises UserError unless they are finished."""
    running = {group.name for group in groups}
    done = []
    for group in groups:
        for name in group.after:
            if name in running:
                continue
            for list_name in project.groups[name].lists:
                stored = lists.get(list_name)
                if stored is None or Queue(store, stored.list_id, ()).unfinished():
                    raise UserError(
                        f"group '{group.name}' comes after '{name}', whose list '{list_name}' is not finished; "
                        f"run both: `cxrun run {name} {group.name}`"
                    )
            done.append(name)
    return done


class _Place:
    """Where a group stands."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.planned = bool(crew.group.schedule or crew.group.after)
        self.state = "unloaded" if self.planned else "running"
        self.waits = list(crew.group.after)
        self.change: Change | None = None
        self.asked: float | None = None
        self.over = False
        self.order: Order | None = None
        self.forced = False
        self.fruitless = 0
        self.seen = (0, 0)
        self.left = False
        """Whether a simulation had records for it when it was last stopped."""


class Rota:
    """Says who may dial. `done` are groups that were finished before the run began.

    `unfinished` tells of a group without calls in progress whether the store has anything left for it to dial.
    """

    def __init__(
        self, crews: Sequence[Crew], done: Iterable[str], unfinished: Callable[[Crew], bool]
    ) -> None:
        self._unfinished = unfinished
        self._done = set(done)
        self._begun = False
        self._places = {crew.group.name: _Place(crew) for crew in crews}
        self._planned = [place for place in self._places.values() if place.planned]
        for place in self._planned:
            place.crew.working, place.crew.watched = False, True
            for name in place.waits:
                if name in self._places:
                    self._places[name].crew.watched = True
        self.working = [crew for crew in crews if crew.working]

    def turn(self, now: float) -> list[tuple[Crew, Turn]]:
        """What changes at this moment."""
        begun, self._begun = self._begun, True
        if not self._planned:
            return []
        turns = []
        for place in self._planned:
            over, forced = place.over, place.forced
            state, why = self._wanted(place, now)
            if state != place.state or place.over != over or place.forced > forced:
                was = place.state if begun else "unloaded"
                turn = Turn(now, place.crew.group.name, state, was, why, place.forced)
                place.left = place.crew.buffered and not place.crew.external
                place.state = state
                place.crew.working = state == "running"
                turns.append((place.crew, turn))
        if turns:
            self.working = [place.crew for place in self._places.values() if place.crew.working]
        return turns

    def moments(self, *, pending: bool, patience: float | None = None) -> Iterator[float]:
        """When a schedule says something to a group that has anything to do.

        `pending`: records have been scheduled that no feed knows of yet, of whatever group. `patience` is when to look
        again for a group that is loaded or paused by hand, None if nobody can start it while time jumps.
        """
        for place in self._planned:
            if patience is not None and place.order and place.order.action in _HELD:
                if self._unfinished(place.crew):
                    yield patience
                continue
            if place.change is None or place.waits or place.over:
                continue
            crew = place.crew
            busy = crew.engine.calls or crew.engine.previewing or crew.buffered
            if not busy and crew.working:
                busy = pending or any(feed.next_due is not None for feed in crew.feeds.values())
            elif not busy:
                busy = self._unfinished(crew)
            if busy:
                yield place.change.at

    def replan(self) -> None:
        """The schedules have changed: ask them all anew."""
        for place in self._places.values():
            if place.crew.group.schedule is not None:
                self._plan(place)
            self._ask_anew(place)

    def obey(self, orders: Mapping[str, Order]) -> None:
        """Do what people have told the groups to do."""
        for name, place in self._places.items():
            if place.order != orders.get(name):
                place.order = orders.get(name)
                self._plan(place)
                self._ask_anew(place)

    def _plan(self, place: _Place) -> None:
        """From now on the group's state is looked after."""
        if not place.planned:
            place.planned = place.crew.watched = True
            self._planned.append(place)

    def _ask_anew(self, place: _Place) -> None:
        place.asked = place.change = None
        place.over = False
        place.fruitless = 0

    def states(self) -> dict[str, dict[str, Any]]:
        """Each group's state, its mode and what that says of the pace, what it waits for, what its agents and calls do,
        and what its schedule says next. Plain data.

        `uncounted` are the calls in progress that the store knows nothing of before they are over.
        """
        return {name: self._state(place) for name, place in self._places.items()}

    def _state(self, place: _Place) -> dict[str, Any]:
        crew = place.crew
        state, waits_for = place.state, ""
        if state == "running":
            waits_for = crew.waits_for
        elif place.waits:
            waits_for = "group " + ", ".join(place.waits)
        elif crew.engine.calls and state == "unloaded":
            state = "unloading"
        ordered = place.order.action if place.order else None
        engine = crew.engine
        return {
            "state": state, "waits_for": waits_for, "ordered": ordered, "next": place.change,
            "mode": crew.group.mode.name, "remark": crew.remark if state == "running" else "",
            "agents": engine.agents, "calls": engine.call_states, "ports": engine.ports,
            "channels": engine.channels, "uncounted": 0 if crew.external else len(engine.calls),
        }  # fmt: skip

    def _wanted(self, place: _Place, now: float) -> tuple[str, str]:
        """The state a group is to be in, and why."""
        why = ""
        schedule = place.crew.group.schedule
        order = place.order
        place.forced = False
        if order is not None and stands(order, schedule, now):
            place.forced = order.action == FORCE_STOP
            place.change = schedule.next(order.at) if schedule else None
            place.over = order.action == "complete"
            return _STATES[order.action], BY_HAND
        if place.waits:
            place.waits = [name for name in place.waits if not self._finished(name)]
            if place.waits:
                return "unloaded", ""
            names = ", ".join(f"'{name}'" for name in place.crew.group.after)
            why = f"{names} {'is' if len(place.crew.group.after) == 1 else 'are'} finished"
        if schedule is None:
            return "running", why
        if place.asked is None or (place.change is not None and place.change.at <= now):
            place.asked = now
            said = schedule.said(now)
            place.change = schedule.next(now)
            state = _STATES[said.action] if said else "unloaded"
            if state == "running" and place.state != state and self._in_vain(place):
                place.over = True
            if place.over:
                vain = "it called nobody" if place.left else "its rules put off everything"
                return "unloaded", f"{vain} at {_FRUITLESS} starts in a row"
            return state, why or "its schedule says so"
        return place.state, why

    def _in_vain(self, place: _Place) -> bool:
        """Whether a group that is to start has called nobody when it did, though it had records."""
        engine, refused = place.crew.engine, place.crew.refused
        placed, before = place.seen
        in_vain = engine.placed == placed and (refused > before or place.left)
        place.fruitless = place.fruitless + 1 if in_vain else 0
        place.seen = (engine.placed, refused)
        return place.fruitless >= _FRUITLESS

    def _finished(self, name: str) -> bool:
        """Whether a group has nothing left to dial, or will not dial again."""
        if name in self._done:
            return True
        place = self._places[name]
        crew = place.crew
        if place.waits or crew.engine.calls or crew.engine.previewing:
            return False
        if crew.working and any(len(f) or f.more or f.next_due is not None for f in crew.feeds.values()):
            return False
        schedule = crew.group.schedule
        if place.over:
            return True
        if schedule and not crew.working and place.asked is not None and not schedule.next_start(place.asked):
            return True
        return not self._unfinished(crew)
