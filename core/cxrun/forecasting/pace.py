"""How many calls a group can make in an hour: a simple sum, each of whose terms is told."""

from __future__ import annotations

from typing import Final, NamedTuple

from cxrun.campaign import Group
from cxrun.dialer import Expected
from cxrun.elements import Pacing
from cxrun.store.reading import CallFigures

MEASURED: Final = 100
"""Calls of a list from which on what was measured counts, and not what the dialer expects."""


class Pace(NamedTuple):
    """What a group can do in an hour in which it dials all the time, and why.

    `limit` is agents, ports or calls per second, whichever is least, or `given`. `again` is the share of calls after
    which the customer is to be called again, `wait` seconds later. `assumptions` are sentences.
    """

    calls: float
    limit: str
    again: float
    wait: float
    assumptions: tuple[str, ...]


def pace_of(group: Group, figures: CallFigures, given: float | None = None) -> Pace | None:
    """The pace of a group by what was measured on its calls, else by what its dialer expects.

    `given` is in calls per hour and takes the place of both. None if nothing is known.
    """
    measured = figures.calls >= MEASURED
    told: list[str] = []
    again = wait = 0.0
    if measured:
        again, wait = figures.again, figures.wait
        told.append(
            f"after {again:.1%} of calls the customer is called again, {_span(wait)} later on average"
        )
    else:
        told.append("every customer is done with one call: too few calls were made to tell how many it takes")
    if given is not None:
        return Pace(given, "given", again, wait, (f"{given:,.0f} calls an hour, as given", *told))
    expected = group.dialer.expected(group.duration("ring_time"), agents=group.mode.needs_agents)
    if not measured and expected is None:
        return None
    if measured:
        told.insert(0, f"times and shares are those of the {figures.calls:,} calls made so far")
        wrap = expected.wrap if expected else 0.0
        how = Expected(figures.line, figures.delivered, figures.talk, wrap)
        taken = figures.taken
        if not expected:
            told.append("wrapping up is not measured and takes no time")
    else:
        assert expected is not None
        told.insert(
            0, "times and shares are what the dialer expects on average; no hour is better than another"
        )
        how = expected
        taken = how.line + how.delivered * how.talk
    return _sum(group, how, taken, again, wait, told)


def _sum(group: Group, how: Expected, taken: float, again: float, wait: float, told: list[str]) -> Pace:
    mode, settings = group.mode, group.settings
    rate = min(
        settings["calls_per_second"].value, mode.calls_per_second or settings["calls_per_second"].value
    )
    limits = {"calls per second": rate * 3600}
    ports = settings["ports"].value
    if mode.needs_agents:
        busy = how.delivered * (how.talk + how.wrap)
        if mode.agent_first:
            look = mode.preview_time
            if mode.offer is not None:
                expected = group.dialer.expected_look(look, mode.offer)
                look = look if expected is None else expected
            each = look + how.line + busy
            told.append(
                f"an agent needs {each:.0f} s for a call: {look:.0f} s to look at it, {how.line:.0f} s "
                f"until it is answered or over, and for {how.delivered:.1%} of calls {how.talk:.0f} s to talk and "
                f"{how.wrap:.0f} s to wrap up"
            )
        else:
            lines = max(1.0, mode.new_calls(Pacing(0.0, ready=group.agents))) / group.agents
            each = how.line / lines + busy
            told.append(
                f"an agent needs {each:.0f} s for a call: {how.line:.0f} s until it is answered or over, on "
                f"{lines:.3g} {'line' if lines == 1 else 'lines'} at once, and for {how.delivered:.1%} of calls "
                f"{how.talk:.0f} s to talk and {how.wrap:.0f} s to wrap up"
            )
        limits["agents"] = group.agents * 3600 / max(each, 0.001)
        told.append(f"{group.agents:,} agents are there whenever the group dials")
    else:
        ports = min(ports, mode.new_calls(Pacing(0.0)))
        told.append(f"a call takes {taken:.0f} s, and {ports:,} are possible at once")
    limits["ports"] = ports * 3600 / max(taken, 0.001)
    limit = min(limits, key=limits.__getitem__)
    return Pace(limits[limit], limit, again, wait, tuple(told))


def _span(value: float) -> str:
    if value >= 2 * 86400:
        return f"{value / 86400:.1f} days"
    if value >= 2 * 3600:
        return f"{value / 3600:.1f} hours"
    return f"{value / 60:.0f} minutes"
