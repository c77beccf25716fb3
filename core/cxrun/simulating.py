"""Simulating strategies: whole days on the list as it stands, in private copies of the store.

A trial is one run of one strategy with one seed, by the runner that dials for real, with a virtual clock and the
simulated dialer. It works in a copy of its own, and nothing of it leaves the copy: no effect is sent, no plugin is
told, no filter asks outside.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from cxrun.campaign import Group, Project
from cxrun.clock import VirtualClock
from cxrun.elements import Filter
from cxrun.errors import Problem, Problems, UserError, near
from cxrun.estimating import Estimate, estimate
from cxrun.importing import import_list, is_imported
from cxrun.model import CallResult, codes_by_word
from cxrun.moments import parse_moment
from cxrun.ruleset import Ruleset, Step, element_step
from cxrun.runner import Run
from cxrun.store import Store
from cxrun.store.copying import copy_store, make_private, private_store
from cxrun.store.figures import (
    QUARTER,
    Quarter,
    decided,
    dialed,
    history,
    quarters,
    remaining,
    standing,
    usual_zone,
)
from cxrun.store.lists import stored_lists
from cxrun.store.runs import last_reached
from cxrun.strategies import Strategy
from cxrun.tally import Options, Tally
from cxrun.yamlfile import Document, load

DIALER: Final = "simulated"
DAYS: Final = 30
"""How many days are simulated unless it is said otherwise."""
_OUTCOMES: Final = ("outcomes", "by_hour", "by_weekday", "by_device", "by_attempt", "dispositions")
"""What of a dialer's parameters a model replaces as a whole; its other parameters one by one."""


class Prices(NamedTuple):
    """What dialing costs, in any currency: for each call, for each minute a line is up, for each staffed hour."""

    dial: float = 0.0
    minute: float = 0.0
    agent_hour: float = 0.0


class Metric(NamedTuple):
    """One figure of a trial: its key, what people call it, how it is written, and which way is better, if any."""

    key: str
    text: str
    format: str = "number"
    better: int = 0


METRICS: Final = (
    Metric("dials", "dials"),
    Metric("answered", "answered by a person"),
    Metric("contacts", "contacts", better=1),
    Metric("right_party", "right-party contacts", better=1),
    Metric("abandoned", "abandoned or dropped", better=-1),
    Metric("abandon_rate", "abandon rate", "share", -1),
    Metric("agent_hours", "agent hours", "hours"),
    Metric("talking_hours", "hours talking", "hours"),
    Metric("waiting_hours", "hours waiting", "hours", -1),
    Metric("contacts_per_hour", "contacts per agent hour", "rate", 1),
    Metric("cost", "cost", "money", -1),
    Metric("cost_per_right_party", "cost per right-party contact", "money", -1),
    Metric("finished", "records finished"),
    Metric("left", "records left"),
)
PRICED: Final = frozenset({"cost", "cost_per_right_party"})
"""Figures that say nothing without prices."""
HOURLY: Final = ("dials", "answered", "contacts", "right_party", "abandoned", "agent_hours", "cost")
"""Figures that are told by day and hour, too."""


class Scene(NamedTuple):
    """What all trials have in common: the records they begin with, the time, the prices, what counts.

    `store` is a private copy that is never run itself. Times are Unix UTC seconds; days and hours are those of `zone`.
    `right_party` holds codes of call results, then dispositions.
    """

    store: Path
    groups: tuple[str, ...]
    start: float
    until: float
    zone: str
    right_party: tuple[frozenset[int], frozenset[str]]
    prices: Prices
    model: Path | None

    @property
    def days(self) -> float:
        return (self.until - self.start) / 86400


@dataclass(frozen=True)
class Trial:
    """What one run of one strategy with one seed came to.

    `figures` are by key of `METRICS`, None where there is nothing to divide by; `hours` by local day and hour,
    2026-03-02 09. `decisions` says how often each rule decided. `dialed` are record ids. `luck` is how many more calls
    a person answered than were to be expected of these calls, None if the dialer does not know what was.
    """

    seed: int
    figures: Mapping[str, float | None]
    hours: Mapping[str, Mapping[str, float]]
    decisions: Mapping[str, int]
    dialed: Collection[int]
    luck: float | None
    ended: str
    errors: int


class Move(NamedTuple):
    """Records only one of two strategies dials: how many, and what kept the other from it.

    `blocked` says that a rule set them aside, `why` which, or in words what became of them.
    """

    blocked: bool
    why: str
    records: int


class Round(NamedTuple):
    """One seed: a trial for each strategy; if there are two, the records that only the second or the first dialed."""

    trials: tuple[Trial, ...]
    newly_dialed: tuple[Move, ...] = ()
    no_longer_dialed: tuple[Move, ...] = ()


class Wish(NamedTuple):
    """What is to be simulated, as asked for; the times are texts, None for what is usual."""

    groups: Sequence[str] = ()
    days: int | None = None
    until: str | None = None
    since: str | None = None
    zone: str | None = None
    right_party: Sequence[str] = ("answer",)
    prices: Prices = Prices()
    model: Path | None = None


@contextmanager
def staged(
    project: Project, wish: Wish, watch: Callable[[Any], None] = lambda result: None
) -> Iterator[Scene]:
    """Copy the store as it stands and make it ready for trials; the copies are gone afterwards.

    Lists that are not imported yet are imported into the copy; `watch` sees how far that has come. Raises UserError.
    """
    names = tuple(wish.groups) or tuple(project.groups)
    if not names:
        raise UserError("campaign.yaml has no campaign group to simulate")
    groups = [_private(project.group(name), project, wish.model) for name in names]
    right_party = _right_party(wish.right_party, groups)
    with TemporaryDirectory(prefix="cxrun-") as folder:
        base = Path(folder) / "base.db"
        if project.store_file.exists():
            copy_store(project.store_file, base)
        with Store(base, project.registry.migrations()) as store:
            make_private(store)
            for name in {name for group in groups for name in group.lists}:
                contact_list = project.lists[name]
                if not is_imported(store, contact_list):
                    import_list(store, contact_list, Path(folder), watch)
            reached = last_reached(store)
            start, until = _times([project.group(name) for name in names], wish, reached)
            zone = wish.zone or usual_zone(store, _list_ids(store, groups))
        yield Scene(base, names, start, until, zone, right_party, wish.prices, wish.model)


def trials(
    scene: Scene,
    strategies: Sequence[Strategy],
    seeds: Sequence[int],
    jobs: int = 1,
    watch: Callable[[Tally], None] = lambda tally: None,
) -> Iterator[Round]:
    """Simulate every strategy with every seed, in the order of the seeds; several `jobs` at once give the same.

    With one job `watch` sees the tally of the run at hand. Raises UserError, Problems.
    """
    jobs = min(jobs, len(seeds))
    # mistakes are found here, not in each of the processes
    theatre = _Theatre(scene, strategies)
    if jobs < 2:
        for seed in seeds:
            yield theatre.play(seed, watch)
        return
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _open, (scene, strategies))
    try:
        with _deaf():
            played = pool.map(_play, seeds)
        yield from played
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Begin processes that do not hear Ctrl-C yet: one that has just begun would tell of it at length."""
    if current_thread() is not main_thread():
        yield
        return
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


_theatre: _Theatre | None = None


def _open(scene: Scene, strategies: Sequence[Strategy]) -> None:
    """Begin a process of the pool, which Ctrl-C ends at once and without a word."""
    global _theatre
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _theatre = _Theatre(scene, strategies)


def _play(seed: int) -> Round:
    assert _theatre is not None
    return _theatre.play(seed)


class _Play(NamedTuple):
    """A strategy, loaded; `project` has its groups as they are simulated."""

    project: Project
    groups: list[Group]


class _Theatre:
    """Plays one seed after the other."""

    def __init__(self, scene: Scene, strategies: Sequence[Strategy]) -> None:
        self._scene = scene
        self._plays = [self._load(strategy) for strategy in strategies]

    def _load(self, strategy: Strategy) -> _Play:
        try:
            project = strategy.load()
            groups = [
                _private(project.group(name), project, self._scene.model) for name in self._scene.groups
            ]
        except Problems:
            raise
        except UserError as error:
            raise UserError(f"{strategy.name}: {error}") from error
        return _Play(project, groups)

    def play(self, seed: int, watch: Callable[[Tally], None] = lambda tally: None) -> Round:
        scene = self._scene
        with TemporaryDirectory(prefix="seed-", dir=scene.store.parent) as folder:
            stores: list[Store] = []
            played = []
            try:
                for number, play in enumerate(self._plays):
                    file = Path(folder) / f"{number}.db"
                    stores.append(private_store(scene.store, file, play.project.registry.migrations()))
                    played.append(_trial(scene, play, stores[-1], seed, watch))
                if len(played) != 2:
                    return Round(tuple(played))
                before, after = (set(trial.dialed) for trial in played)
                return Round(
                    tuple(replace(trial, dialed=()) for trial in played),
                    _moves(stores[0], after - before, self._plays[0].project.folder),
                    _moves(stores[1], before - after, self._plays[1].project.folder),
                )
            finally:
                for store in stores:
                    store.close()


def _trial(scene: Scene, play: _Play, store: Store, seed: int, watch: Callable[[Tally], None]) -> Trial:
    clocks: list[_Clock] = []

    def clock(start: float) -> _Clock:
        clocks.append(_Clock(start))
        return clocks[-1]

    options = Options(seed, scene.until, private=True)
    run = Run(play.project, play.groups, store, clock, scene.start, options)
    clocks[0].tally = run.tally
    tally = run.drive(watch)
    clocks[0].stop()
    lists = _list_ids(store, play.groups)
    calls = quarters(store, run.run_id, *scene.right_party)
    finished, left = remaining(store, lists)
    return Trial(
        seed,
        _figures(scene.prices, tally, calls, finished, left),
        _hours(scene, calls, clocks[0].staffed),
        _decisions(store, run.run_id),
        dialed(store, run.run_id),
        _luck(store, run.run_id, play.groups),
        tally.ended,
        tally.errors,
    )


class _Clock(VirtualClock):
    """Jumps, and notes for how many seconds agents were staffed in each quarter of an hour."""

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self.tally: Tally | None = None
        self.staffed: dict[int, float] = {}
        self._told = 0.0
        self._next = (start // QUARTER + 1) * QUARTER

    def reach(self, moment: float) -> float:
        if moment >= self._next:
            self.stop()
            self._next = (moment // QUARTER + 1) * QUARTER
        return super().reach(moment)

    def stop(self) -> None:
        """What agents were staffed for since the last quarter belongs to the one that ends."""
        if self.tally is not None:
            quarter = int(self.now() // QUARTER)
            since = self.tally.staffed_seconds - self._told
            self.staffed[quarter] = self.staffed.get(quarter, 0.0) + since
            self._told = self.tally.staffed_seconds


def _figures(
    prices: Prices, tally: Tally, calls: Sequence[Quarter], finished: int, left: int
) -> dict[str, float | None]:
    dials = sum(quarter.dials for quarter in calls)
    answered = sum(quarter.answered for quarter in calls)
    contacts = sum(quarter.contacts for quarter in calls)
    right_party = sum(quarter.right_party for quarter in calls)
    abandoned = sum(quarter.abandoned for quarter in calls)
    hours = tally.staffed_seconds / 3600
    cost = (
        prices.dial * dials
        + prices.minute * sum(quarter.line_seconds for quarter in calls) / 60
        + prices.agent_hour * hours
    )
    return {
        "dials": dials,
        "answered": answered,
        "contacts": contacts,
        "right_party": right_party,
        "abandoned": abandoned,
        "abandon_rate": _ratio(abandoned, answered),
        "agent_hours": hours,
        "talking_hours": tally.talk_seconds / 3600,
        "waiting_hours": tally.ready_seconds / 3600,
        "contacts_per_hour": _ratio(contacts, hours),
        "cost": cost,
        "cost_per_right_party": _ratio(cost, right_party),
        "finished": finished,
        "left": left,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _hours(
    scene: Scene, calls: Sequence[Quarter], staffed: Mapping[int, float]
) -> dict[str, dict[str, float]]:
    """The figures of each local hour in which anything was done."""
    zone, prices = ZoneInfo(scene.zone), scene.prices
    hours: dict[str, dict[str, float]] = {}

    def of(number: int) -> dict[str, float]:
        key = datetime.fromtimestamp(number * QUARTER, zone).strftime("%Y-%m-%d %H")
        return hours.setdefault(key, dict.fromkeys(HOURLY, 0.0))

    for quarter in calls:
        hour = of(quarter.number)
        for key in ("dials", "answered", "contacts", "right_party", "abandoned"):
            hour[key] += getattr(quarter, key)
        hour["cost"] += prices.dial * quarter.dials + prices.minute * quarter.line_seconds / 60
    for number, seconds in staffed.items():
        if seconds:
            hour = of(number)
            hour["agent_hours"] += seconds / 3600
            hour["cost"] += prices.agent_hour * seconds / 3600
    return dict(sorted(hours.items()))


def _decisions(store: Store, run_id: int) -> dict[str, int]:
    """How often each rule decided; a rule is named by its ruleset, so that it is the same one on another line."""
    counted: Counter[str] = Counter()
    for reason, count in decided(store, run_id):
        if reason.rule is not None and reason.state != "effect":
            counted[f"{reason.rule.ruleset or 'campaign.yaml'}: {reason.rule.name}"] += count
    return dict(counted)


def _luck(store: Store, run_id: int, groups: Sequence[Group]) -> float | None:
    """How many more calls a person answered than could be expected of them when they were placed."""
    luck = 0.0
    for group in groups:
        ring_time = group.duration("ring_time")
        for past in history(store, _list_ids(store, [group]), run_id):
            at = past.quarter * QUARTER
            chance = group.dialer.chance_of_answer(past.tz, past.device, past.attempt, at, ring_time)
            if chance is None:
                return None
            if past.call_result != CallResult.UNKNOWN:
                luck += past.calls * ((past.detected == CallResult.ANSWER) - chance)
    return luck


def _moves(store: Store, record_ids: set[int], folder: Path) -> tuple[Move, ...]:
    """What keeps a strategy from dialing these records."""
    found: dict[tuple[bool, str], int] = {}
    for reason, records in standing(store, record_ids):
        blocked = reason.state in ("excluded", "deferred", "error") and reason.rule is not None
        why = (
            str(reason.rule).replace(f"{folder}{os.sep}", "") if blocked else f"{reason.state}: {reason.text}"
        )
        found[blocked, why] = found.get((blocked, why), 0) + records
    moves = (Move(*key, records) for key, records in found.items())
    return tuple(sorted(moves, key=lambda move: (not move.blocked, -move.records, move.why)))


# --- a project as it is simulated ---


def _private(group: Group, project: Project, model: Path | None) -> Group:
    """The group with the simulated dialer and without filters that ask outside; its rules are the same ones else."""
    step = group.dialer_step
    if group.dialer.external or model is not None:
        step = _simulated(group, project, model)
    return replace(group, dialer_step=step, rulesets=tuple(map(_alone, group.rulesets)))


def _alone(ruleset: Ruleset) -> Ruleset:
    filters = tuple(
        step
        for step in ruleset.filters
        if not (isinstance(step.element, Filter) and step.element.asks_others)
    )
    return ruleset if len(filters) == len(ruleset.filters) else replace(ruleset, filters=filters)


def left_out(project: Project, groups: Sequence[str]) -> list[str]:
    """The filters of these groups that are not asked in a simulation, each with its place."""
    return sorted(
        {
            f"{step.mark} {step.name}"
            for name in groups
            for ruleset in project.group(name).rulesets
            for step in ruleset.filters
            if isinstance(step.element, Filter) and step.element.asks_others
        }
    )


def _simulated(group: Group, project: Project, model: Path | None) -> Step:
    """The step of the simulated dialer: its own parameters, if the group has it, then those of the model.

    Raises Problems for a model that is not right.
    """
    own = dict(group.settings["dialer"].value.get(DIALER) or {}) if not group.dialer.external else {}
    if model is None:
        document, data = Document(group.mark.file, None, {(): group.mark}, []), dict[str, Any]()
    else:
        document = load(model)
        if document.problems:
            raise Problems(document.problems)
        if not isinstance(document.data, dict) or set(document.data) != {DIALER}:
            message = f"a model is what stands under `dialer:`, so it begins with `{DIALER}:`"
            raise Problems([document.problem((), message)])
        data = document.data[DIALER] or {}
        if isinstance(data, dict) and "outcomes" in data:
            own = {key: value for key, value in own.items() if key not in _OUTCOMES}
            codes = data.get("dispositions") or {}
            after = {code: time for code, time in own.pop("callback_after", {}).items() if code in codes}
            own |= {"callback_after": after} if after else {}
    merged = {**own, **data} if isinstance(data, dict) else data
    problems: list[Problem] = []
    step = element_step(document, (), {DIALER: merged}, "dialer", project.registry, problems)
    if problems or step is None:
        raise Problems(problems)
    return step


def _times(groups: Sequence[Group], wish: Wish, reached: float | None) -> tuple[float, float]:
    """From when until when to simulate: from where the last run stopped, or where a run would begin."""
    if wish.since is not None:
        start = parse_moment(wish.since)
        if reached is not None and start < reached:
            raise UserError(
                f"--from {wish.since} is before what has happened already; the store has come to "
                f"{datetime.fromtimestamp(reached, ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%SZ}"
            )
    elif any(group.dialer.external for group in groups):
        start = float(int(time.time()))
    else:
        start = min(parse_moment(group.settings["virtual_start"].value) for group in groups)
    if reached is not None and wish.since is None:
        start = max(start, reached)
    if wish.until is not None:
        return start, parse_moment(wish.until, start)
    return start, start + (DAYS if wish.days is None else wish.days) * 86400


def _right_party(words: Sequence[str], groups: Sequence[Group]) -> tuple[frozenset[int], frozenset[str]]:
    """Codes of call results, and dispositions. Raises UserError for a word that is neither."""
    results = codes_by_word(CallResult)
    dispositions = {code for group in groups for code in getattr(group.dialer, "dispositions", ())}
    for word in words:
        if word not in results and word not in dispositions:
            raise UserError(
                f"--right-party: '{word}' is neither a call result nor a disposition that agents give here"
                f"{near(word, {'answer', 'wrong_party', *dispositions})}"
            )
    return (
        frozenset(results[word] for word in words if word in results and word not in dispositions),
        frozenset(word for word in words if word in dispositions),
    )


def _list_ids(store: Store, groups: Sequence[Group]) -> list[int]:
    stored = stored_lists(store)
    return sorted(stored[name].list_id for group in groups for name in group.lists if name in stored)


# --- what was found, as plain data ---


def told(scene: Scene, found: Sequence[Trial]) -> dict[str, Any]:
    """Simulations of one strategy as plain data: means over the seeds with their 95% intervals, then each trial."""
    return {
        **described(scene, [trial.seed for trial in found]),
        "figures": {
            metric.key: as_data(estimated([trial.figures[metric.key] for trial in found]))
            for metric in METRICS
        },
        "hours": mean_hours(found),
        "decisions": mean_counts([trial.decisions for trial in found]),
        "trials": [
            {"seed": trial.seed, "ended": trial.ended, "errors": trial.errors, "figures": dict(trial.figures)}
            for trial in found
        ],
    }


def described(scene: Scene, seeds: Sequence[int]) -> dict[str, Any]:
    """What was simulated, as plain data."""
    return {
        "groups": list(scene.groups),
        "from": scene.start,
        "until": scene.until,
        "zone": scene.zone,
        "seeds": list(seeds),
        "prices": scene.prices._asdict(),
        "model": None if scene.model is None else str(scene.model),
    }


def estimated(values: Sequence[float | None]) -> Estimate | None:
    """The mean over the seeds that have the figure, None if none has."""
    known = [value for value in values if value is not None]
    return estimate(known) if known else None


def as_data(found: Estimate | None) -> dict[str, float | None]:
    """An estimate as plain data."""
    if found is None:
        return {"mean": None, "low": None, "high": None}
    return {"mean": found.mean, "low": found.low, "high": found.high}


def mean_hours(found: Sequence[Trial]) -> list[dict[str, Any]]:
    """The figures of each local hour, a mean over the trials."""
    hours = sorted({hour for trial in found for hour in trial.hours})
    nothing = dict.fromkeys(HOURLY, 0.0)
    return [
        {
            "hour": hour,
            **{key: fmean(trial.hours.get(hour, nothing)[key] for trial in found) for key in HOURLY},
        }
        for hour in hours
    ]


def mean_counts(counts: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """How often each thing was counted on average."""
    names = sorted({name for counted in counts for name in counted})
    return {name: fmean(counted.get(name, 0) for counted in counts) for name in names}


def written(metric: Metric, value: float | None) -> str:
    """A figure the way people write it."""
    if value is None:
        return "-"
    value = round(value, 3)
    if metric.format == "share":
        return f"{value:.2%}"
    if metric.format == "money":
        return f"{value:,.2f}"
    if metric.format in ("hours", "rate") and abs(value) < 10:
        return f"{value:,.2f}"
    if metric.format in ("hours", "rate") or (value != int(value) and abs(value) < 10000):
        return f"{value:,.1f}"
    return f"{value:,.0f}"
