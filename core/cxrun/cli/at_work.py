"""What a campaign group at work is doing, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxrun.cli.terminal import counted


def at_work(state: Mapping[str, Any]) -> list[str]:
    """What the calls and the agents of a group do, each a phrase; `state` as a run keeps it."""
    calls, agents = state["calls"], state["agents"]
    told = [_told(f"{counted(sum(calls.values()), 'call')} on {counted(state['ports'], 'port')}", calls)]
    if agents:
        doing = {what: count for what, count in agents.items() if what != "logged_in"}
        told.append(_told(counted(agents["logged_in"], "agent"), doing))
    return told


def _told(whole: str, parts: Mapping[str, int]) -> str:
    shares = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
    return f"{whole}: {shares}" if shares else whole
