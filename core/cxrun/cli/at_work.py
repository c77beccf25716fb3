"""What a campaign group at work is doing, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxrun.cli.terminal import counted


def at_work(state: Mapping[str, Any]) -> list[str]:
    """A group's mode and what that says of its pace, what its calls and agents do, each a phrase.

    `state` is as a run keeps it.
    """
    calls, agents, channels = state["calls"], state["agents"], state["channels"]
    told = [
        paced(state),
        _told(f"{counted(sum(calls.values()), 'call')} on {counted(state['ports'], 'port')}", calls),
    ]
    if channels:
        told.append(f"{calls['connected']:,} of {counted(channels, 'channel')} busy")
    if agents:
        doing = {what: count for what, count in agents.items() if what != "logged_in"}
        told.append(_told(counted(agents["logged_in"], "agent"), doing))
    return told


def paced(state: Mapping[str, Any]) -> str:
    """A group's mode, and what it says of its pace."""
    return ": ".join(filter(None, (state["mode"], state["remark"])))


def _told(whole: str, parts: Mapping[str, int]) -> str:
    shares = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
    return f"{whole}: {shares}" if shares else whole
