"""What a run came to: waits, abandon rate, the time of agents and channels, by hour, day and list, in little memory."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxrun.model import CallResult

if TYPE_CHECKING:
    from cxrun.calls import LiveCall

_HOUR: Final = 3600
_STEP: Final = math.log(1.02)
_LEAST: Final = 0.05
"""Seconds below which a wait counts as none."""


class Spread:
    """Mean, greatest and quantiles of durations in seconds; a quantile is exact to 2 %, or to 0.05 s."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.most = 0.0
        self._bins: Counter[int] = Counter()

    def add(self, duration: float) -> None:
        self.count += 1
        self.total += duration
        if duration > self.most:
            self.most = duration
        self._bins[0 if duration < _LEAST else 1 + int(math.log(duration / _LEAST) / _STEP)] += 1

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """The duration that a share of them, 0 to 1, does not exceed."""
        left = share * self.count
        for number, count in sorted(self._bins.items()):
            left -= count
            if left <= 0:
                return min(self.most, _LEAST * math.exp(number * _STEP)) if number else 0.0
        return self.most

    def data(self) -> dict[str, float]:
        """As plain data, in seconds."""
        return {
            "mean": round(self.mean, 3),
            "p90": round(self.quantile(0.9), 3),
            "max": round(self.most, 3),
            "count": self.count,
        }


class AtWork(NamedTuple):
    """Who is there at a moment, and what they do.

    Agents who are `present` talk, wrap up, look at a record before it is dialed, or wait for a call; one who is bound
    to a call that nobody has answered yet waits. `channels` are those of groups without agents whose mode says how
    many it has, `taken` those of them that serve a call.
    """

    present: int
    talking: int
    wrapping: int
    looking: int
    channels: int = 0
    taken: int = 0

    @property
    def busy(self) -> int:
        """The agents who do not wait for a call."""
        return self.talking + self.wrapping + self.looking


@dataclass(slots=True)
class Window:
    """What happened in some time, or in a list: calls by the time they were answered, or ended if they were not.

    A call counts once it has ended, its connect with it: one in progress at the end of a run is in no window.
    `mistaken` are people who were taken for a machine and hung up on, where the dialer knows (a simulated one does);
    `served` are the connects that no agent took, but a channel of a group without agents. `worked` are seconds in
    which there was anything to do, `staffed` and `busy` seconds of agents, `channels` and `taken` seconds of channels.
    """

    calls: int = 0
    answered: int = 0
    abandoned: int = 0
    mistaken: int = 0
    connects: int = 0
    served: int = 0
    worked: float = 0.0
    staffed: float = 0.0
    busy: float = 0.0
    channels: float = 0.0
    taken: float = 0.0

    @property
    def abandon_rate(self) -> float:
        """Share of the calls answered by people that were lost before an agent, 0 to 1."""
        return self.abandoned / self.answered if self.answered else 0.0

    @property
    def utilisation(self) -> float:
        """Share of their time agents talked, wrapped up or looked at a record, 0 to 1."""
        return self.busy / self.staffed if self.staffed else 0.0

    @property
    def channels_busy(self) -> float:
        """Share of their time channels served a call, 0 to 1."""
        return self.taken / self.channels if self.channels else 0.0

    @property
    def connects_per_hour(self) -> float:
        """Connects per agent hour."""
        return (self.connects - self.served) / self.staffed * _HOUR if self.staffed else 0.0

    @property
    def served_per_hour(self) -> float:
        """Connects without an agent per hour."""
        return self.served / self.worked * _HOUR if self.worked else 0.0

    def add(self, other: Window) -> None:
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))

    def data(self) -> dict[str, float]:
        """As plain data; times in seconds, shares between 0 and 1."""
        return {
            **{part.name: round(getattr(self, part.name), 3) for part in fields(self)},
            "abandon_rate": round(self.abandon_rate, 6),
            "utilisation": round(self.utilisation, 6),
            "channels_busy": round(self.channels_busy, 6),
            "connects_per_hour": round(self.connects_per_hour, 3),
            "served_per_hour": round(self.served_per_hour, 3),
        }


class Report:
    """Collects while a run is at work. Times are Unix UTC seconds.

    How long an agent waited, from ready until connected, leaves out the time in which there was nothing to dial. With
    a preview it includes his looks at records.
    """

    def __init__(self) -> None:
        self.hours: dict[int, Window] = {}
        self.lists: defaultdict[str, Window] = defaultdict(Window)
        self.agents_wait = Spread()
        self.callers_wait = Spread()
        self.talk = Spread()
        self._worked = 0.0
        self._ready_since: dict[str, float] = {}
        self._present = (-1, Window())

    def _hour(self, at: float) -> Window:
        number = int(at // _HOUR)
        if number != self._present[0]:
            self._present = (number, self.hours.setdefault(number, Window()))
        return self._present[1]

    def worked(self, since: float, now: float, at_work: AtWork) -> None:
        """From `since` until `now` there was something to do, and so many were at work."""
        self._worked += now - since
        present, busy = at_work.present, at_work.busy
        while since < now:
            till = (since // _HOUR + 1) * _HOUR
            if till > now:
                till = now
            hour, lasted = self._hour(since), till - since
            hour.worked += lasted
            hour.staffed += lasted * present
            hour.busy += lasted * busy
            if at_work.channels:
                hour.channels += lasted * at_work.channels
                hour.taken += lasted * at_work.taken
            since = till

    def ready(self, agent_id: str) -> None:
        """An agent begins to wait for a call."""
        self._ready_since[agent_id] = self._worked

    def connected(self, agent_id: str) -> None:
        """An agent gets a call."""
        self.agents_wait.add(self._worked - self._ready_since.pop(agent_id, 0.0))

    def mistaken(self, list_name: str, at: float) -> None:
        """A person was taken for a machine and hung up on."""
        self._hour(at).mistaken += 1
        self.lists[list_name].mistaken += 1

    def ended(
        self, list_name: str, result: CallResult, call: LiveCall, at: float, *, without_agents: bool = False
    ) -> None:
        """A call has come to a result; a channel takes it in a group `without_agents`."""
        person = call.detected == CallResult.ANSWER
        lost = person and result in (CallResult.ABANDONED, CallResult.DROPPED)
        hour, of_list = self._hour(at if call.answered is None else call.answered), self.lists[list_name]
        for window in (hour, of_list):
            window.calls += 1
            window.answered += person
            window.abandoned += lost
        if call.connected is None or call.answered is None:
            return
        if call.agent_id is not None or without_agents:
            for window in (hour, of_list):
                window.connects += 1
                window.served += without_agents
            self.callers_wait.add(call.connected - call.answered)
            self.talk.add(at - call.connected)

    # --- what it tells ---

    @property
    def total(self) -> Window:
        """The whole run."""
        total = Window()
        for hour in self.hours.values():
            total.add(hour)
        return total

    def by_hour(self) -> Iterator[tuple[float, Window]]:
        """Each hour in which anything happened, by when it begins."""
        for number in sorted(self.hours):
            window = self.hours[number]
            if window.calls or window.worked:
                yield number * _HOUR, window

    def by_day(self) -> Iterator[tuple[float, Window]]:
        """Each day in UTC in which anything happened, by when it begins."""
        days: dict[float, Window] = {}
        for at, window in self.by_hour():
            days.setdefault(at // 86400 * 86400, Window()).add(window)
        yield from days.items()

    def by_list(self) -> Iterator[tuple[str, Window]]:
        """Each list, with the time that the whole run has worked and was staffed."""
        total = self.total
        for name, window in self.lists.items():
            yield name, replace(window, worked=total.worked, staffed=total.staffed)

    def data(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "total": self.total.data(),
            "agents_wait": self.agents_wait.data(),
            "callers_wait": self.callers_wait.data(),
            "talk": self.talk.data(),
            "lists": {name: _of_list(window) for name, window in self.by_list()},
            "days": [{"day": _iso(at)[:10], **window.data()} for at, window in self.by_day()],
            "hours": [{"hour": _iso(at), **window.data()} for at, window in self.by_hour()],
        }


def _of_list(window: Window) -> dict[str, float]:
    told = ("calls", "answered", "abandoned", "mistaken", "connects", "served", "abandon_rate")
    data = window.data()
    return {name: data[name] for name in (*told, "connects_per_hour", "served_per_hour")}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
