"""What a run is asked to do, and what it has done so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cxrun.feed import Given
from cxrun.report import Report
from cxrun.rota import Turn


@dataclass(frozen=True)
class Options:
    """What a run is asked to do. `until` is in Unix UTC seconds; `limit` counts attempts.

    With `send_effects` webhooks and scripts of a simulation leave this machine, as those of a real run always do.
    With `private` no plugin is told of what happens. `given` are the records to dial, in their order and no others.
    """

    seed: int = 0
    until: float | None = None
    limit: int | None = None
    max_errors: int = 100
    send_effects: bool = False
    private: bool = False
    given: Given | None = None


class Notice(NamedTuple):
    """Something a person should know of: when, and what."""

    at: float
    text: str


@dataclass
class Tally:
    """What a run has done so far. Times are Unix UTC seconds of the run's clock, durations seconds.

    `results` are those of every call that ended in this run; `leftovers` are those among them of the calls that were
    `taken_over` from an earlier run, which had placed them.
    """

    started: float
    now: float
    agents: int = 0
    attempts: int = 0
    deferred: int = 0
    excluded: int = 0
    errors: int = 0
    lost: int = 0
    promised: int = 0
    missed: int = 0
    answered: int = 0
    abandoned: int = 0
    taken_over: int = 0
    connects: int = 0
    ready_seconds: float = 0.0
    talk_seconds: float = 0.0
    staffed_seconds: float = 0.0
    results: Counter[str] = field(default_factory=Counter)
    leftovers: Counter[str] = field(default_factory=Counter)
    turns: list[Turn] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    per_list: dict[str, Counter[str]] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    ended: str = ""
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each group's state, what it waits for, what its agents and calls do. Empty once the run has ended."""

    @property
    def own_results(self) -> Counter[str]:
        """Results of the calls that this run has placed."""
        return self.results - self.leftovers

    @property
    def in_progress(self) -> int:
        """Calls that have not ended, whichever run has placed them."""
        return self.attempts + self.taken_over - self.results.total()

    @property
    def abandon_rate(self) -> float:
        """Share of the calls answered by live people that were lost before an agent, 0 to 1."""
        return self.abandoned / self.answered if self.answered else 0.0

    @property
    def utilisation(self) -> float:
        """Share of their time agents were not waiting for a call while there was anything to dial, 0 to 1."""
        return 1 - self.ready_seconds / self.staffed_seconds if self.staffed_seconds else 0.0
