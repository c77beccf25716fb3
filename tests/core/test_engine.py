from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from cxrun.agents import AgentPool
from cxrun.calls import Command, Connect, HangUp, LiveCall, Over, Place
from cxrun.elements import Deliver, DialingMode, Drop, Pacing
from cxrun.engine import Engine
from cxrun.model import CallResult
from cxrun.testing import make_record
from cxrun_plugins.dialing_modes.power_ivr import PowerIvr
from cxrun_plugins.dialing_modes.predictive import Predictive
from cxrun_plugins.dialing_modes.preview import Preview
from cxrun_plugins.dialing_modes.progressive import Progressive
from cxrun_plugins.dialing_modes.progressive_ivr import ProgressiveIvr

START = 1_772_478_000.0
ANSWER, NO_ANSWER = CallResult.ANSWER, CallResult.NO_ANSWER
TO_AGENT = Deliver("live person")


@dataclass(frozen=True)
class Greedy(DialingMode):
    """Wants far more calls than there is room for."""

    name: ClassVar[str] = "greedy"
    wanted: int = 1000

    def new_calls(self, pacing: Pacing) -> int:
        return self.wanted


def engine(
    mode: DialingMode | None = None,
    agents: int = 2,
    ports: int = 100,
    rate: float = 1000,
    window: float = 2,
    message: str | None = None,
) -> Engine:
    mode = mode or Progressive()
    pool = AgentPool("sales", agents) if mode.needs_agents else None
    return Engine(
        mode,
        pool,
        start=START,
        ports=ports,
        calls_per_second=rate,
        connect_window=window,
        abandon_message=message,
    )


def dial(working: Engine, at: float, number: int, agent_id: str | None = None) -> str:
    """Place one call; its attempt id."""
    call = LiveCall(f"{number}-1", make_record(record_id=number), at, agent_id)
    working.place(call)
    return call.attempt_id


def supply(working: Engine, at: float, numbers: list[int]) -> list[str]:
    """Place as many calls as the engine wants; their attempt ids."""
    placed = []
    for _ in range(working.new_calls(at)):
        command = working.take(make_record(record_id=len(numbers)), at)
        if isinstance(command, Place):
            placed.append(dial(working, at, len(numbers), command.agent_id))
        numbers.append(0)
    return placed


def ready(working: Engine) -> list[str]:
    assert working.pool is not None
    return list(working.pool.ready)


def test_progressive_call_goes_through_its_whole_life() -> None:
    working = engine(agents=1)
    assert working.new_calls(START) == 1
    call = dial(working, START, 7)
    assert (working.in_progress, working.dialed, working.placed) == (1, 1, 1)
    assert working.new_calls(START) == 0
    assert working.answered(call, START + 5, ANSWER, TO_AGENT) == [Connect(call, "sales-1")]
    assert (working.dialed, working.talking, ready(working)) == (0, 1, [])
    (over,) = working.completed(call, START + 65, "SALE")
    assert isinstance(over, Over)
    assert (over.call.result, over.call.disposition, over.call.agent_id) == (ANSWER, "SALE", "sales-1")
    assert (over.call.placed, over.call.answered, over.call.connected, over.call.ended) == (
        START, START + 5, START + 5, START + 65,
    )  # fmt: skip
    assert (working.in_progress, working.talking, working.new_calls(START + 65)) == (0, 0, 0)
    assert working.agent_ready("sales-1", START + 80) == []
    assert working.new_calls(START + 80) == 1


def test_call_that_is_not_answered_frees_its_line() -> None:
    working = engine(agents=1)
    call = dial(working, START, 7)
    (over,) = working.ended(call, START + 30, NO_ANSWER)
    assert isinstance(over, Over)
    assert (over.call.result, over.call.answered, over.call.ended) == (NO_ANSWER, None, START + 30)
    assert (working.dialed, working.in_progress, ready(working)) == (0, 0, ["sales-1"])


def test_agent_who_is_ready_for_longest_is_taken_first() -> None:
    working = engine(agents=3)
    calls = [dial(working, START, number) for number in range(3)]
    taken = [working.answered(call, START + 1, ANSWER, TO_AGENT) for call in calls[:2]]
    working.completed(calls[1], START + 2, None)
    working.agent_ready("sales-2", START + 3)
    taken.append(working.answered(calls[2], START + 4, ANSWER, TO_AGENT))
    assert [agent for command in taken for _, agent, _ in command] == ["sales-1", "sales-2", "sales-3"]
    assert ready(working) == ["sales-2"]


def test_answered_call_waits_for_an_agent_and_the_first_to_wait_is_first_served() -> None:
    working = engine(agents=1)
    first, second, third = (dial(working, START, number) for number in range(3))
    working.answered(first, START, ANSWER, TO_AGENT)
    assert working.answered(second, START + 1, ANSWER, TO_AGENT) == []
    assert working.answered(third, START + 1.5, ANSWER, TO_AGENT) == []
    assert list(working.waiting) == [second, third]
    assert working.agent_ready("sales-1", START + 2) == [Connect(second, "sales-1")]
    assert working.next_at(START + 2) == START + 3.5


def test_call_that_waits_too_long_is_dropped() -> None:
    working = engine(agents=1)
    first, second = (dial(working, START, number) for number in range(2))
    working.answered(first, START, ANSWER, TO_AGENT)
    working.answered(second, START + 1, ANSWER, TO_AGENT)
    assert working.tick(START + 2.9) == []
    hang_up, over = working.tick(START + 3)
    assert hang_up == HangUp(second)
    assert isinstance(over, Over)
    assert (over.call.result, over.call.ended) == (CallResult.DROPPED, START + 3)
    assert working.ended(second, START + 3, CallResult.ABANDONED) == []


def test_caller_who_hangs_up_while_he_waits_is_abandoned() -> None:
    working = engine(agents=1)
    first, second = (dial(working, START, number) for number in range(2))
    working.answered(first, START, ANSWER, TO_AGENT)
    working.answered(second, START + 1, ANSWER, TO_AGENT)
    (over,) = working.ended(second, START + 2, CallResult.ABANDONED)
    assert isinstance(over, Over)
    assert over.call.result == CallResult.ABANDONED
    assert not working.waiting
    assert working.agent_ready("sales-1", START + 9) == []


def test_agent_who_was_freed_unnoticed_takes_the_call_that_waits() -> None:
    working = engine(agents=1)
    first, second = (dial(working, START, number) for number in range(2))
    working.answered(first, START, ANSWER, TO_AGENT)
    working.answered(second, START, ANSWER, TO_AGENT)
    assert working.pool is not None
    working.pool.ready.append("sales-9")
    assert working.tick(START + 1) == [Connect(second, "sales-9")]
    assert working.talking == 2


def test_call_that_is_dropped_by_the_rules_is_released() -> None:
    working = engine(agents=1)
    call = dial(working, START, 1)
    hang_up, over = working.answered(call, START + 1, CallResult.ANSWERING_MACHINE, Drop("machine"))
    assert hang_up == HangUp(call)
    assert isinstance(over, Over)
    assert over.call.result == CallResult.ANSWERING_MACHINE
    assert (working.dialed, working.in_progress, ready(working)) == (0, 0, ["sales-1"])


def test_call_for_another_destination_takes_no_agent() -> None:
    working = engine(agents=1)
    call = dial(working, START, 1)
    machine = CallResult.ANSWERING_MACHINE
    assert working.answered(call, START + 1, machine, Deliver("message", "message")) == [
        Connect(call, None, "message")
    ]
    assert (working.talking, ready(working)) == (0, ["sales-1"])
    (over,) = working.completed(call, START + 9, None)
    assert isinstance(over, Over)
    assert over.call.agent_id is None
    assert working.talking == 0


def test_call_that_ends_when_it_is_just_connected_leaves_no_agent_talking() -> None:
    working = engine(agents=1)
    call = dial(working, START, 1)
    working.answered(call, START + 1, ANSWER, TO_AGENT)
    working.ended(call, START + 1, CallResult.ABANDONED)
    assert (working.talking, working.in_progress, ready(working)) == (0, 0, [])
    working.agent_ready("sales-1", START + 2)
    assert ready(working) == ["sales-1"]


def test_who_has_not_answered_is_hung_up_on_and_his_agent_is_ready_again() -> None:
    working = engine(Progressive(engage_agent_first=True), agents=3)
    for number, agent_id in ((1, "sales-1"), (2, "sales-2"), (3, "sales-3")):
        assert working.pool is not None
        working.pool.ready.remove(agent_id)
        dial(working, START, number, agent_id)
    working.answered("2-1", START + 1, ANSWER, TO_AGENT)
    working.calls["3-1"].resumed = True
    first, over = working.hang_up(START + 2, "stopped by force")
    assert first == HangUp("1-1")
    assert isinstance(over, Over)
    assert (over.call.result, over.call.ended) == (CallResult.DROPPED_NO_ANSWER, START + 2)
    assert ready(working) == ["sales-1"]
    assert list(working.calls) == ["2-1", "3-1"]


@pytest.mark.parametrize("number", ["9-1", "1-1"])
def test_news_of_a_call_that_is_over_or_unknown_change_nothing(number: str) -> None:
    working = engine(agents=1)
    working.ended(dial(working, START, 1), START + 1, NO_ANSWER)
    assert working.answered(number, START + 2, ANSWER, TO_AGENT) == []
    assert working.completed(number, START + 2, "X") == []
    assert working.ended(number, START + 2, ANSWER) == []
    assert (working.dialed, working.talking, working.in_progress, ready(working)) == (0, 0, 0, ["sales-1"])


def test_call_answered_twice_is_connected_once() -> None:
    working = engine(agents=2)
    call = dial(working, START, 1)
    assert len(working.answered(call, START + 1, ANSWER, TO_AGENT)) == 1
    assert working.answered(call, START + 2, ANSWER, TO_AGENT) == []
    assert working.talking == 1


def test_agent_who_has_left_gets_no_call() -> None:
    working = engine(agents=2)
    assert working.agent_gone("sales-1", START) == working.agent_gone("nobody", START) == []
    assert working.new_calls(START) == 1
    call = dial(working, START, 1)
    assert working.answered(call, START + 1, ANSWER, TO_AGENT) == [Connect(call, "sales-2")]


def test_preview_binds_an_agent_before_the_call_is_placed() -> None:
    working = engine(Preview(preview_time=20), agents=2)
    assert working.new_calls(START) == 2
    record = make_record(record_id=7)
    assert working.take(record, START) is None
    assert (working.previewing, working.in_progress, ready(working)) == (1, 0, ["sales-2"])
    assert working.new_calls(START) == 1
    assert working.next_at(START) == START + 20
    assert working.tick(START + 19) == []
    assert working.tick(START + 20) == [Place(record, "sales-1")]
    call = dial(working, START + 20, 7, "sales-1")
    assert working.previewing == 0
    assert working.answered(call, START + 25, ANSWER, TO_AGENT) == [Connect(call, "sales-1")]


def test_preview_of_no_time_places_the_call_at_once() -> None:
    working = engine(Preview(preview_time=0), agents=1)
    record = make_record()
    assert working.take(record, START) == Place(record, "sales-1")
    assert working.new_calls(START) == 0


@pytest.mark.parametrize("how", ["not answered", "dropped", "elsewhere", "refused"])
def test_bound_agent_is_ready_again_when_he_is_not_needed(how: str) -> None:
    working = engine(Preview(preview_time=0), agents=1)
    assert working.take(make_record(), START) is not None
    if how == "refused":
        working.release("sales-1")
    else:
        call = dial(working, START, 1, "sales-1")
        if how == "not answered":
            working.ended(call, START + 1, NO_ANSWER)
        else:
            where = Drop("machine") if how == "dropped" else Deliver("message", "message")
            working.answered(call, START + 1, CallResult.ANSWERING_MACHINE, where)
    assert ready(working) == ["sales-1"]
    assert working.talking == 0


def test_previews_that_end_together_keep_to_the_call_rate() -> None:
    working = engine(Preview(preview_time=20), agents=9, rate=2)
    for number in range(9):
        assert working.take(make_record(record_id=number), START) is None
    placed: list[float] = []
    now = START + 20
    while len(placed) < 9:
        for command in working.tick(now):
            assert isinstance(command, Place)
            dial(working, now, command.record.record_id, command.agent_id)
            placed.append(now)
        following = working.next_at(now)
        assert following is not None or len(placed) == 9
        now = max(now + 0.01, following or now)
    assert max(placed) - min(placed) >= (9 - 1) / 2 - 1 - 0.51
    assert all(sum(at <= other < at + 1 for other in placed) <= 2 * 2 + 1 for at in placed)


def test_ivr_needs_no_agents() -> None:
    working = engine(PowerIvr(calls_per_minute=60, max_in_progress=2))
    assert working.pool is None
    call = dial(working, START, 1)
    assert working.answered(call, START + 1, ANSWER, TO_AGENT) == [Connect(call, None)]
    assert working.talking == 0
    assert working.agent_ready("sales-1", START + 2) == working.agent_gone("sales-1", START + 2) == []
    assert len(working.completed(call, START + 30, None)) == 1
    assert working.in_progress == 0


def test_call_waits_for_a_channel_of_an_ivr_and_is_dropped_in_the_end() -> None:
    working = engine(ProgressiveIvr(channels=1))
    assert working.new_calls(START) == 1
    first, second, third = (dial(working, START, number) for number in range(3))
    assert working.new_calls(START) == 0
    assert working.answered(first, START + 1, ANSWER, TO_AGENT) == [Connect(first, None)]
    assert working.answered(second, START + 1, ANSWER, TO_AGENT) == []
    assert working.answered(third, START + 1, ANSWER, TO_AGENT) == []
    assert working.tick(START + 2) == []
    working.completed(first, START + 2, None)
    assert working.tick(START + 2) == [Connect(second, None)]
    hang_up, over = working.tick(START + 3)
    assert hang_up == HangUp(third)
    assert isinstance(over, Over)
    assert over.call.result == CallResult.DROPPED


@pytest.mark.parametrize("ports", [1, 3])
def test_no_more_calls_than_ports(ports: int) -> None:
    working = engine(Greedy(), ports=ports)
    numbers: list[int] = []
    for second in range(9):
        supply(working, START + second, numbers)
    assert working.in_progress == ports
    assert working.new_calls(START + 99) == 0


def test_previews_take_ports_too_and_room_is_never_negative() -> None:
    working = engine(Preview(preview_time=20), agents=5, ports=2)
    numbers: list[int] = []
    supply(working, START, numbers)
    assert working.previewing == 2
    dial(working, START, 99)
    assert working.new_calls(START) == 0


@pytest.mark.parametrize(("rate", "step"), [(1, 0.1), (10, 0.01), (2.5, 0.2), (50, 1.0), (0.5, 0.3)])
def test_call_rate_is_kept_but_for_a_second_made_up_after_a_stall(rate: float, step: float) -> None:
    working = engine(Greedy(), ports=10**6, rate=rate)
    numbers: list[int] = []
    assert len(supply(working, START, numbers)) == 1
    now = START
    while now < START + 30:
        now += step
        supply(working, now, numbers)
        assert len(numbers) <= (now - START) * rate * 1.00001 + 1.001
    assert len(numbers) >= (now - START - step) * rate - 1
    assert len(supply(working, now + 600, numbers)) <= rate + 1


def test_negative_wish_of_a_mode_is_no_calls() -> None:
    assert engine(Greedy(wanted=-3)).new_calls(START) == 0


MODES: dict[str, DialingMode] = {
    "progressive": Progressive(lines_per_agent=2),
    "preview": Preview(preview_time=5),
    "preview of no time": Preview(preview_time=0),
    "greedy": Greedy(),
    "progressive with engaged agents": Progressive(engage_agent_first=True),
    "predictive": Predictive(),
}
HANDLINGS = [TO_AGENT, TO_AGENT, Drop("machine"), Deliver("message", "message")]


class Floor(RuleBasedStateMachine):
    """Agents and calls under random events: none is ever lost, doubled, or in two places."""

    mode: ClassVar[DialingMode]
    ports: ClassVar[int] = 6
    rate: ClassVar[float] = 5.0

    @initialize(agents=st.integers(1, 5), message=st.sampled_from([None, "sorry"]))
    def open(self, agents: int, message: str | None) -> None:
        self.now = START
        self.message = message
        self.engine = engine(self.mode, agents, self.ports, self.rate, message=message)
        assert self.engine.pool is not None
        self.pool = self.engine.pool
        self.everybody = set(self.pool.ready)
        self.wrapping: set[str] = set()
        self.gone: set[str] = set()
        self.previews: dict[int, str] = {}
        self.open_calls: dict[str, LiveCall] = {}
        self.over: set[str] = set()
        self.placed = 0
        self.count = 0

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Place):
                agent_id = self.previews.pop(command.record.record_id)
                assert agent_id == command.agent_id
                if command.record.record_id % 3:
                    self.dial(command)
                else:
                    self.engine.release(command.agent_id)
            elif isinstance(command, Connect):
                call = self.open_calls[command.attempt_id]
                assert call.connected == self.now
                assert call.agent_id == command.agent_id
                assert call.given_up == (command.destination == "sorry")
            elif isinstance(command, Over):
                call = command.call
                assert call.given_up <= (call.result is CallResult.DROPPED)
                assert not (call.given_up and self.message and call.connected is None)
                assert call.attempt_id not in self.over
                self.over.add(call.attempt_id)
                del self.open_calls[call.attempt_id]
                assert call.ended == self.now
                if call.connected is not None and call.agent_id is not None:
                    self.wrapping.add(call.agent_id)

    def dial(self, command: Place) -> None:
        call = LiveCall(f"{command.record.record_id}-1", command.record, self.now, command.agent_id)
        self.open_calls[call.attempt_id] = call
        self.engine.place(call)
        self.placed += 1

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.3, 1.0, 2.0, 5.0, 60.0]))
    def work(self, seconds: float) -> None:
        self.now += seconds
        self.obey(self.engine.tick(self.now))
        for _ in range(self.engine.new_calls(self.now)):
            self.count += 1
            record = make_record(record_id=self.count)
            before = list(self.pool.ready)
            command = self.engine.take(record, self.now)
            if command is None:
                (self.previews[self.count],) = set(before) - set(self.pool.ready)
            else:
                self.dial(command)

    @rule(pick=st.integers(0, 99), handling=st.sampled_from(HANDLINGS))
    def answer(self, pick: int, handling: Deliver | Drop) -> None:
        dialed = [call for call in self.open_calls.values() if call.answered is None]
        if dialed:
            call = dialed[pick % len(dialed)]
            self.obey(self.engine.answered(call.attempt_id, self.now, ANSWER, handling))

    @rule(pick=st.integers(0, 99))
    def end(self, pick: int) -> None:
        calls = list(self.open_calls)
        if calls:
            self.obey(self.engine.ended(calls[pick % len(calls)], self.now, NO_ANSWER))

    @rule()
    def hang_up(self) -> None:
        ringing = [call for call in self.open_calls.values() if call.answered is None]
        self.obey(self.engine.hang_up(self.now, "stopped by force"))
        assert all(call.result is CallResult.DROPPED_NO_ANSWER and call.hung_up for call in ringing)
        assert not any(call.attempt_id in self.open_calls for call in ringing)

    @rule(pick=st.integers(0, 99))
    def complete(self, pick: int) -> None:
        connected = [call.attempt_id for call in self.open_calls.values() if call.connected is not None]
        if connected:
            self.obey(self.engine.completed(connected[pick % len(connected)], self.now, "X"))

    @rule(pick=st.integers(0, 99))
    def finish_wrapping(self, pick: int) -> None:
        if self.wrapping:
            agent_id = sorted(self.wrapping)[pick % len(self.wrapping)]
            self.wrapping.discard(agent_id)
            self.obey(self.engine.agent_ready(agent_id, self.now))

    @rule(pick=st.integers(0, 99))
    def leave(self, pick: int) -> None:
        if self.pool.ready:
            agent_id = sorted(self.pool.ready)[pick % len(self.pool.ready)]
            self.gone.add(agent_id)
            self.obey(self.engine.agent_gone(agent_id, self.now))

    @invariant()
    def every_agent_does_one_thing_and_every_call_is_in_one_state(self) -> None:
        doing = dict(self.engine.agents)
        assert doing.pop("logged_in") == sum(doing.values())
        assert min(self.engine.call_states.values()) >= 0
        assert sum(self.engine.call_states.values()) == len(self.open_calls)

    @rule(pick=st.integers(0, 99))
    def come_back(self, pick: int) -> None:
        if self.gone:
            agent_id = sorted(self.gone)[pick % len(self.gone)]
            self.gone.discard(agent_id)
            self.obey(self.engine.agent_ready(agent_id, self.now))

    @invariant()
    def every_agent_is_in_one_place(self) -> None:
        bound = [call.agent_id for call in self.open_calls.values() if call.agent_id is not None]
        places = [*self.pool.ready, *bound, *self.previews.values(), *self.wrapping, *self.gone]
        assert sorted(places) == sorted(self.everybody)

    @invariant()
    def every_call_is_in_one_place(self) -> None:
        calls = self.open_calls
        assert self.engine.calls == calls
        assert self.engine.dialed == sum(call.answered is None for call in calls.values())
        assert self.engine.talking == sum(
            call.connected is not None and call.agent_id is not None for call in calls.values()
        )
        waits = {
            call.attempt_id for call in calls.values() if call.answered is not None and call.connected is None
        }
        assert set(self.engine.waiting) == waits
        assert len(self.engine.waiting) == len(waits)
        assert self.engine.previewing == len(self.previews)
        assert self.engine.placed == self.placed == len(calls) + len(self.over)

    @invariant()
    def limits_are_kept(self) -> None:
        assert len(self.open_calls) + len(self.previews) <= self.ports
        assert self.placed <= (self.now - START + 1) * self.rate * 1.00001 + 1.001

    @invariant()
    def nobody_waits_beside_an_idle_agent_for_long(self) -> None:
        if self.engine.waiting:
            following = self.engine.next_at(self.now)
            assert following is not None
            assert following <= self.now + 2


@pytest.mark.parametrize("mode", MODES)
def test_agents_and_calls_are_conserved_whatever_happens(mode: str) -> None:
    floor = type("Floor", (Floor,), {"mode": MODES[mode]})
    run_state_machine_as_test(
        floor, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )
