"""What a run is asked to do, and what it has done so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cxrun.feed import Given
from cxrun.report import AtWork, Report
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
    `taken_over` from an earlier run, which had placed them. `connects` are calls that got an agent, or, `served`, a
    channel of a group without agents. Seconds are sums over the agents, or channels, while there was anything to dial.
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
    served: int = 0
    talk_seconds: float = 0.0
    wrap_seconds: float = 0.0
    look_seconds: float = 0.0
    staffed_seconds: float = 0.0
    channel_seconds: float = 0.0
    served_seconds: float = 0.0
    results: Counter[str] = field(default_factory=Counter)
    leftovers: Counter[str] = field(default_factory=Counter)
    turns: list[Turn] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    per_list: dict[str, Counter[str]] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    paced: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Seconds each group has had work, by what its mode said of the pace; an empty phrase for nothing."""
    ended: str = ""
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each group's state, its mode and pace, what it waits for, agents and calls. Empty once the run has ended."""

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
    def busy_seconds(self) -> float:
        """Seconds agents talked, wrapped up, or looked at records before they were dialed."""
        return self.talk_seconds + self.wrap_seconds + self.look_seconds

    @property
    def waiting_seconds(self) -> float:
        """Seconds agents waited for a call, those included who were bound to one that nobody had answered yet."""
        return self.staffed_seconds - self.busy_seconds

    @property
    def utilisation(self) -> float:
        """Share of their time agents did not wait for a call while there was anything to dial, 0 to 1."""
        return self.busy_seconds / self.staffed_seconds if self.staffed_seconds else 0.0

    @property
    def channels_busy(self) -> float:
        """Share of their time the channels of groups without agents served a call, 0 to 1."""
        return self.served_seconds / self.channel_seconds if self.channel_seconds else 0.0

    def worked(self, elapsed: float, at_work: AtWork) -> None:
        """For `elapsed` seconds until `now` there was something to do, and so many were at work."""
        self.report.worked(self.now - elapsed, self.now, at_work)
        self.staffed_seconds += elapsed * at_work.present
        self.talk_seconds += elapsed * at_work.talking
        self.wrap_seconds += elapsed * at_work.wrapping
        self.look_seconds += elapsed * at_work.looking
        if at_work.channels:
            self.channel_seconds += elapsed * at_work.channels
            self.served_seconds += elapsed * at_work.taken
