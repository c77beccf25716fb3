"""Calls that turn out to be too many are called off, as long as no phone rings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pytest

from cxrun.agents import AgentPool
from cxrun.calls import CallOff, LiveCall, Over
from cxrun.elements import DialingMode, Pacing
from cxrun.engine import Engine
from cxrun.model import CallResult
from cxrun.moments import parse_moment
from cxrun.testing import make_record
from cxrun_plugins.dialing_modes.progressive import Progressive

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

START = parse_moment("2026-03-02T13:00Z")
AGAIN = {
    "again": "ruleset: again\ntreatments: [{on: dropped_no_answer, do: [{retry_in: {interval: 15m}}]}]\n"
}
CAPPED = {"capped": "ruleset: capped\nfilters:\n  - attempts: {at_most: 1, within: 24h}\n"}


@dataclass(frozen=True)
class Watchful(DialingMode):
    """Progressive, and says whether it calls off."""

    name: ClassVar[str] = "watchful"


def at_work(mode: DialingMode, agents: int, calls: int) -> Engine:
    pool = AgentPool("sales", agents)
    engine = Engine(mode, pool, start=START, ports=99, calls_per_second=99, connect_window=2)
    for number in range(1, calls + 1):
        engine.place(LiveCall(f"{number}-1", make_record(record_id=number), START))
    return engine


def test_the_newest_calls_are_called_off_once_their_agents_have_left() -> None:
    engine = at_work(Progressive(cancel_before_ring=True), agents=4, calls=4)
    assert engine.tick(START + 1) == []
    engine.agent_gone("sales-2", START + 1)
    engine.agent_gone("sales-3", START + 1)
    assert engine.eager(START + 1)
    assert engine.tick(START + 1) == [CallOff("4-1"), CallOff("3-1")]
    _, over = engine.call_off("4-1", START + 1)
    assert isinstance(over, Over)
    assert (over.call.result, over.call.answered) == (CallResult.DROPPED_NO_ANSWER, None)
    assert engine.tick(START + 1) == [CallOff("3-1")]


def test_nothing_is_called_off_unless_the_mode_is_told_to() -> None:
    engine = at_work(Progressive(), agents=4, calls=4)
    engine.agent_gone("sales-2", START + 1)
    assert not engine.eager(START + 1)
    assert engine.tick(START + 1) == []


def test_who_has_answered_is_never_called_off() -> None:
    engine = at_work(Progressive(cancel_before_ring=True), agents=1, calls=1)
    engine.calls["1-1"].answered = START + 1
    assert engine.call_off("1-1", START + 2) == []


@pytest.mark.parametrize("lines", [0.7, 1, 1.4, 2.5])
def test_progressive_never_calls_off_what_it_has_just_placed(lines: float) -> None:
    mode = Progressive(lines_per_agent=lines, cancel_before_ring=True)
    for ready in range(12):
        for queued in range(4):
            for dialed in range(30):
                pacing = Pacing(START, ready=ready, queued=queued, dialed=dialed)
                wanted = mode.new_calls(pacing)
                after = Pacing(START, ready=ready, queued=queued, dialed=dialed + wanted)
                assert not (wanted and mode.surplus(after))


def left_amid_calls(
    project: MakeProject,
    name: str,
    *,
    cancel: bool,
    delay: float = 60.0,
    rules: dict[str, str] = CAPPED,
) -> ProjectFolder:
    """Half the agents leave while the phones of their calls do not ring yet."""
    world = {"simulated": {"outcomes": {"answer": 1}, "post_dial_delay": {"min": delay, "max": delay}}}
    folder = project(
        40, agents=8, rules=rules, dialer=world, name=name, mode={"progressive": {"cancel_before_ring": cancel}},
    )  # fmt: skip
    folder.campaign["agent_groups"]["sales"]["roster"] = [
        {"agents": 4, "from": "00:00", "till": "24:00", "zone": "UTC"},
        {"agents": 4, "from": "00:00", "till": "13:00:30", "zone": "UTC"},
    ]
    folder.save()
    folder.run(until=START + 600)
    return folder


def results(folder: ProjectFolder, result: CallResult) -> list[float]:
    return [
        at - START for (at,) in folder.query("SELECT ended FROM attempts WHERE call_result = ?", int(result))
    ]


def test_in_a_run_nobody_is_dropped_for_agents_who_left_before_it_rang(project: MakeProject) -> None:
    folder = left_amid_calls(project, "cancels", cancel=True)
    assert results(folder, CallResult.DROPPED_NO_ANSWER) == [30.0] * 4
    assert not results(folder, CallResult.DROPPED)
    plain = left_amid_calls(project, "plain", cancel=False)
    assert not results(plain, CallResult.DROPPED_NO_ANSWER)
    assert results(plain, CallResult.DROPPED) or results(plain, CallResult.ABANDONED)


def test_phones_that_ring_go_on_ringing(project: MakeProject) -> None:
    folder = left_amid_calls(project, "rings", cancel=True, delay=20.0)
    assert not [at for at in results(folder, CallResult.DROPPED_NO_ANSWER) if at <= 30]


def test_a_call_that_was_called_off_counts_as_an_attempt_and_its_record_waits(project: MakeProject) -> None:
    folder = left_amid_calls(project, "counts", cancel=True)
    rows = folder.query(
        "SELECT attempt, call_result FROM queue WHERE record_id IN "
        "(SELECT record_id FROM attempts WHERE call_result = 27)"
    )
    assert rows == [(1, 27)] * 4
    folder.run(until=START + 7200)
    assert [count for (state, _), count in folder.reasons().items() if state == "deferred"] == [4]
    assert folder.query("SELECT max(attempt) FROM attempts") == [(1,)]


def test_the_life_of_a_record_tells_why_its_call_was_called_off(project: MakeProject, cxrun: Cxrun) -> None:
    folder = left_amid_calls(project, "why", cancel=True, rules=AGAIN)
    ((number,), *_) = folder.query("SELECT record_id FROM attempts WHERE call_result = 27")
    told = cxrun("-C", folder.folder, "explain", number).out
    why = "dropped_no_answer: called off before it rang, for want of agents; retry in 15m"
    assert why in told
    assert why in cxrun("-C", folder.folder, "status", "--why").out
    assert "no difference" in cxrun("-C", folder.folder, "replay").out
    assert cxrun("-C", folder.folder, "audit", "verify").code == 0
