"""Simulating strategies: whole days on the list as it stands, in private copies of the store.

A trial is one run of one strategy with one seed, by the runner that dials for real, with a virtual clock and the
simulated dialer. It works in a copy of its own, and nothing of it leaves the copy: no effect is sent, no plugin is
told, no filter asks outside.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread
from typing import NamedTuple

from cxrun.campaign import Group, Project
from cxrun.clock import VirtualClock
from cxrun.errors import Problems, UserError
from cxrun.runner import Run
from cxrun.simulating.scene import Scene, as_simulated
from cxrun.simulating.trial import Round, Trial, moves, trial_of
from cxrun.store import Store
from cxrun.store.copying import private_store
from cxrun.store.figures import QUARTER
from cxrun.strategies import Strategy
from cxrun.tally import Options, Tally


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
            played = deque(pool.submit(_play, seed) for seed in seeds)
        while played:
            yield played.popleft().result()
    finally:
        # Executor.map would cancel what is left, too, at the moment that the pool gives up a process Ctrl-C ended
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
                as_simulated(project.group(name), project, self._scene.model) for name in self._scene.groups
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
                    moves(stores[0], after - before, self._plays[0].project.folder),
                    moves(stores[1], before - after, self._plays[1].project.folder),
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
    return trial_of(scene, store, run.run_id, play.groups, seed, tally, clocks[0].staffed)


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
