"""When agents of a simulation are there: shifts of an agent group, with breaks.

    agents: 20
    roster:
      - {agents: 12, weekdays: mon-fri, from: "09:00", till: "17:30", zone: America/New_York,
         breaks: [{from: "12:00", till: "14:00", length: 30m}]}
      - {agents: 8, from: "13:00", till: "21:00", zone: America/New_York}

The first shift has the first 12 agents of the group, the second the next 8. An agent who is on a call when his
shift or his break is due finishes it first.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cxrun.schedule import SCHEDULE_SCHEMA, Schedule
from cxrun.schedule import problems as schedule_problems
from cxrun.times import DURATION, TIME_OF_DAY, clock_text, seconds, time_of_day

if TYPE_CHECKING:
    from cxrun.agents import AgentPool

_DAYS: Final = SCHEDULE_SCHEMA["items"]["properties"]
_FRUITLESS: Final = 31 * 86400.0
"""Seconds without a call after which nobody waits for the next shift."""
_WEEK: Final = 8 * 86400.0
"""A week of any zone, in seconds."""
_SEASONS: Final = (1767571200.0, 1783296000.0)
"""Mondays in January and July 2026: shifts of several zones meet otherwise in summer time."""

ROSTER_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "array",
    "minItems": 1,
    "description": "In a simulation, the shifts of the agents; without it all are there all the time. A real dialer "
    "tells by itself.",
    "items": {
        "type": "object",
        "description": "A shift, on every day unless it says weekdays.",
        "additionalProperties": False,
        "required": ["agents", "from", "till"],
        "properties": {
            "agents": {"type": "integer", "minimum": 1, "description": "How many agents work this shift."},
            "from": {**TIME_OF_DAY, "description": "When it begins, HH:MM."},
            "till": {**TIME_OF_DAY, "description": "When it ends on the same day, HH:MM; 24:00 at midnight."},
            "weekdays": _DAYS["weekdays"],
            "zone": _DAYS["zone"],
            "breaks": {
                "type": "array",
                "minItems": 1,
                "description": "When agents of the shift take a break.",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["from", "till"],
                    "properties": {
                        "from": {**TIME_OF_DAY, "description": "When the first agent leaves, HH:MM."},
                        "till": {**TIME_OF_DAY, "description": "When the last agent is back, HH:MM."},
                        "length": {
                            **DURATION,
                            "description": "How long each is away; they leave one after the other, evenly. Default: "
                            "all are away from `from` till `till`.",
                        },
                    },
                },
            },
        },
    },
}


def problems(
    entries: Sequence[Mapping[str, Any]], agents: int
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with a roster that keeps to the schema: where, and what."""
    sound = True
    for index, shift in enumerate(entries):
        for path, message in _problems(shift):
            sound = False
            yield (index, *path), message
    rostered = sum(shift["agents"] for shift in entries)
    if sound and rostered != agents:
        yield (
            (),
            f"has shifts for {rostered} agents, and `agents` of the group says {agents}; make them agree",
        )


def _problems(shift: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    times = {}
    for path, holder in (
        ((), shift),
        *((("breaks", n), entry) for n, entry in enumerate(shift.get("breaks", ()))),
    ):
        try:
            times[path] = time_of_day(holder["from"]), time_of_day(holder["till"])
        except ValueError as error:
            yield path, str(error)
            return
        begins, ends = times[path]
        if begins >= ends:
            yield (
                (*path, "till"),
                f"{holder['till']} is not after {holder['from']}; past midnight is another shift",
            )
        elif "length" in holder and not 0 < seconds(holder["length"]) <= ends - begins:
            yield (
                (*path, "length"),
                f"{holder['length']} does not fit between {holder['from']} and {holder['till']}",
            )
        if path and not times[()][0] < begins < ends < times[()][1]:
            yield path, "is not inside the shift"
    until = -1
    for path, (begins, ends) in sorted(times.items(), key=lambda item: item[1]):
        if path and begins < until:
            yield path, "overlaps another break of the shift"
        until = max(until, ends) if path else until
    days = {key: shift[key] for key in ("weekdays", "zone") if key in shift}
    for path, message in schedule_problems([{**days, "start": "00:00"}]):
        yield path[1:], message


def schedules(entries: Sequence[Mapping[str, Any]]) -> list[Schedule]:
    """The schedule of each agent of the group, in the order of their numbers; `start` says that he is there."""
    agents = []
    for shift in entries:
        days = {key: shift[key] for key in ("weekdays", "zone") if key in shift}
        for number in range(shift["agents"]):
            times = [{"start": shift["from"]}, {"stop": shift["till"]}]
            for each in shift.get("breaks", ()):
                begins, ends = time_of_day(each["from"]), time_of_day(each["till"])
                length = seconds(each["length"]) if "length" in each else ends - begins
                away = begins + (ends - begins - length) * number / max(1, shift["agents"] - 1) // 60 * 60
                times += [{"pause": _clock(away)}, {"start": _clock(away + length)}]
            agents.append(Schedule([{**days, **time} for time in times]))
    return agents


def at_once(entries: Sequence[Mapping[str, Any]]) -> int:
    """How many agents are there at the same time at most, if none takes a break; looks at a winter and a summer."""
    shifts = []
    for shift in entries:
        days = {key: shift[key] for key in ("weekdays", "zone") if key in shift}
        times = [{**days, "start": shift["from"]}, {**days, "stop": shift["till"]}]
        shifts.append((shift["agents"], Schedule(times)))
    most = 0
    for begin in _SEASONS:
        for _, schedule in shifts:
            start = schedule.next_start(begin)
            while start is not None and start.at < begin + _WEEK:
                said = [(agents, other.said(start.at)) for agents, other in shifts]
                most = max(most, sum(agents for agents, word in said if word and word.action == "start"))
                start = schedule.next_start(start.at)
    return most


def _clock(second: float) -> str:
    return f"{clock_text(int(second))}:{int(second) % 60:02}"


class Attendance:
    """Who comes and goes at a run, by the rosters of its agent pools. Times are Unix UTC seconds."""

    def __init__(
        self, pools: Mapping[str, AgentPool], rosters: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> None:
        self._due: list[tuple[float, int, str, AgentPool, Schedule]] = []
        self._leaving: dict[str, AgentPool] = {}
        self._called = (0, 0.0)
        for name, entries in rosters.items():
            for number, schedule in enumerate(schedules(entries), 1):
                self._due.append((0.0, len(self._due), f"{name}-{number}", pools[name], schedule))

    def next_at(self, now: float, attempts: int) -> float | None:
        """When somebody comes or goes next, None if never, or if none of this has led to an attempt for a month."""
        if attempts != self._called[0] or not self._called[1]:
            self._called = (attempts, now)
        if not self._due or now - self._called[1] > _FRUITLESS:
            return None
        return self._due[0][0]

    def turn(self, now: float) -> Iterator[tuple[AgentPool, str, bool]]:
        """Who comes (True) or goes now; somebody who is busy goes when he is free."""
        while self._due and self._due[0][0] <= now:
            _, number, agent_id, pool, schedule = heapq.heappop(self._due)
            said, change = schedule.said(now), schedule.next(now)
            if change is not None:
                heapq.heappush(self._due, (change.at, number, agent_id, pool, schedule))
            if said is None or said.action != "start":
                self._leaving[agent_id] = pool
            elif agent_id in self._leaving:
                del self._leaving[agent_id]
            else:
                yield pool, agent_id, True
        for agent_id, pool in list(self._leaving.items()):
            if agent_id in pool.gone:
                del self._leaving[agent_id]
            elif agent_id in pool.kept or agent_id in pool.ready:
                del self._leaving[agent_id]
                yield pool, agent_id, False

    def leaves(self, agent_id: str) -> bool:
        """Whether an agent who has become free goes instead."""
        return self._leaving.pop(agent_id, None) is not None
