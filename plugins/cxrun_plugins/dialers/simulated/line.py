"""The simulated world at work."""

from __future__ import annotations

import heapq
import math
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from cxrun import (
    AgentReady,
    Answered,
    CallResult,
    Completed,
    Dial,
    Ended,
    Previewed,
    Progress,
    Record,
    seconds,
)
from cxrun_plugins.dialers.simulated.chance import (
    ANSWERED,
    FAILED,
    LUCK,
    MACHINE,
    PERSON,
    UNIT,
    Analysis,
    Outcomes,
    exponential,
    lognormal,
    odds,
    pick,
    seed_key,
    uniform,
)

if TYPE_CHECKING:
    from cxrun_plugins.dialers.simulated import Simulated

_IDENTITY: Final = struct.Struct("<qq")
_ANALYSED: Final = b"call analysis"
"""Draws more numbers for the same call."""

_PREVIEWED: Final = b"preview"
"""Draws the numbers for what an agent does with a record before it is dialed."""

_Luck = tuple[int, ...]
"""The eight 64-bit numbers drawn for a call, used by these indices."""
_OUTCOME: Final = 0
_POST_DIAL: Final = 1
_PICKED_UP: Final = 2
_WAITED: Final = 3
_TALKED: Final = 4
_WRAPPED: Final = 5
_DISPOSED: Final = 6
_ANALYSED_AS: Final = 7


@dataclass(slots=True)
class _Call:
    """A call in flight; `due` numbers its next event, 0 if none is under way."""

    attempt_id: str
    luck: _Luck
    result: CallResult
    congested: bool = False
    due: int = 0
    waits_until: float = -math.inf
    agent_id: str | None = None
    rings_at: float = math.inf


_Item = tuple[float, int, Progress, _Call | None]


class _Agenda:
    """Events in order of time. Only those of the present second are sorted: one heap of all would be many times
    as large as what a processor has at hand."""

    def __init__(self) -> None:
        self._second = -1
        self._present: list[_Item] = []
        self._seconds: list[int] = []
        self._later: dict[int, list[_Item]] = {}

    def add(self, item: _Item) -> None:
        second = int(item[0])
        if second <= self._second:
            heapq.heappush(self._present, item)
        elif second in self._later:
            self._later[second].append(item)
        else:
            heapq.heappush(self._seconds, second)
            self._later[second] = [item]

    def present(self) -> list[_Item]:
        """A heap with the next event of all, empty if there is none."""
        if not self._present and self._seconds:
            self._second = heapq.heappop(self._seconds)
            self._present = self._later.pop(self._second)
            heapq.heapify(self._present)
        return self._present


class SimulatedLine:
    """The simulated world at work: an agenda of events, ties broken by a counter.

    `events` is a generator: each event is acted upon before the next one is drawn, so a call connected on its
    `Answered` is not abandoned in the same breath.
    """

    def __init__(self, world: Simulated, seed: int, lasts: Mapping[str, float] | None = None) -> None:
        self._world = world
        self._lasts = lasts or {}
        self._hash = blake2b(key=seed_key(seed), digest_size=LUCK.size)
        self._post_dial_delay = uniform(**world.parts("post_dial_delay"))
        self._machine_answers_after = uniform(**world.parts("machine_answers_after"))
        self._pick_up = lognormal(**world.parts("pick_up"))
        self._talk = lognormal(**world.parts("talk"))
        self._wrap = lognormal(**world.parts("wrap"))
        self._patience = exponential(**world.parts("patience"))
        self._dispositions = odds(world.dispositions) if world.dispositions else None
        self._callback_after = {code: seconds(after) for code, after in world.callback_after.items()}
        self._outcomes = Outcomes(world, seed)
        analysis = world.parts("call_analysis")
        acts = analysis["delay"] or analysis["person_as_machine"] or analysis["machine_as_person"]
        self._analysis = Analysis(analysis) if acts else None
        preview = world.parts("preview")
        self._accept, self._reject = preview["accept"], preview["reject"]
        self._preview_takes = lognormal(mean=preview["mean"], cv=preview["cv"])
        self._previewed: dict[tuple[int, int], int] = {}
        self._lines = world.lines or math.inf
        self._congested = 0
        self._calls: dict[str, _Call] = {}
        self._agenda = _Agenda()
        self._count = 0

    def place(self, dial: Dial) -> None:
        attempt_id, record, at, _, ring_time = dial
        if attempt_id in self._calls:
            return
        drawn = self._hash.copy()
        drawn.update(_IDENTITY.pack(record.record_id, record.attempt))
        luck = LUCK.unpack(drawn.digest())
        result = self._outcomes.draw(record, at, luck[_OUTCOME])
        congested = len(self._calls) - self._congested >= self._lines
        if congested:
            result = CallResult.ALL_TRUNKS_BUSY
            self._congested += 1
        event: Answered | Ended
        rings_at = math.inf
        if result in FAILED:
            at += self._world.fail_after
            event = Ended(attempt_id, at, result)
        else:
            delay = self._post_dial_delay(luck[_POST_DIAL])
            rings_at = at + delay
            rings = math.inf
            if result in ANSWERED:
                machine = result is MACHINE
                rings = (self._machine_answers_after if machine else self._pick_up)(luck[_PICKED_UP])
            if rings <= ring_time:
                at += delay + rings
                if self._analysis is None:
                    event = Answered(attempt_id, at, result)
                else:
                    drawn.update(_ANALYSED)
                    delay, taken_for = self._analysis.of(
                        result, luck[_ANALYSED_AS], LUCK.unpack(drawn.digest())[0]
                    )
                    at += delay
                    event = Answered(attempt_id, at, taken_for, result)
            else:
                at += delay + ring_time
                event = Ended(attempt_id, at, CallResult.NO_ANSWER)
        call = self._calls[attempt_id] = _Call(attempt_id, luck, result, congested)
        call.rings_at = rings_at
        self._schedule(at, event, call)

    def preview(self, record: Record, agent_id: str, at: float, until: float) -> None:
        shown = (record.record_id, record.attempt)
        times = self._previewed[shown] = self._previewed.get(shown, 0) + 1
        drawn = self._hash.copy()
        drawn.update(_PREVIEWED + _IDENTITY.pack(*shown) + _IDENTITY.pack(times, 0))
        says, takes = LUCK.unpack(drawn.digest())[:2]
        chance = ((says >> 12) + 0.5) * UNIT
        at += self._preview_takes(takes)
        if at < until and chance < self._accept + self._reject:
            accepted = chance < self._accept
            self._schedule(at, Previewed(record.record_id, agent_id, at, accepted), None)

    def connect(self, attempt_id: str, agent_id: str | None, at: float, destination: str = "agent") -> None:
        call = self._calls.get(attempt_id)
        if call is None or at > call.waits_until:
            # The caller is gone: an agent sent to a dead line must not stay there for ever.
            if agent_id is not None and (call is None or call.agent_id != agent_id):
                self._schedule(at, AgentReady(agent_id, at), None)
            return
        disposition = callback = None
        if agent_id is None:
            at += self._lasts.get(destination, self._world.announcement)
        elif call.result is PERSON:
            at += self._talk(call.luck[_TALKED])
            if self._dispositions:
                disposition = pick(self._dispositions, call.luck[_DISPOSED])
                if disposition in self._callback_after:
                    callback = at + self._callback_after[disposition]
        else:
            at += self._world.machine_talk
            disposition = self._world.machine_disposition or None
        call.agent_id = agent_id
        call.waits_until = -math.inf
        self._schedule(at, Completed(attempt_id, at, disposition, callback), call)

    def hang_up(self, attempt_id: str, at: float) -> None:
        call = self._calls.pop(attempt_id, None)
        if call is not None:
            self._congested -= call.congested
            call.due = 0
            if call.agent_id is not None:
                self._release_agent(call.agent_id, call, at)

    def rings(self, attempt_id: str, at: float) -> bool:
        call = self._calls.get(attempt_id)
        return call is None or call.rings_at <= at

    def next_at(self) -> float | None:
        while heap := self._agenda.present():
            at, number, _, call = heap[0]
            if call is None or call.due == number:
                return at
            heapq.heappop(heap)
        return None

    def events(self, until: float) -> Iterator[Progress]:
        while (heap := self._agenda.present()) and heap[0][0] <= until:
            at, number, event, call = heapq.heappop(heap)
            if call is not None:
                if call.due != number:
                    continue
                if isinstance(event, Answered):
                    self._wait_for_agent(call, at)
                else:
                    del self._calls[call.attempt_id]
                    self._congested -= call.congested
                    if call.agent_id is not None:
                        self._release_agent(call.agent_id, call, at)
            yield event

    def reconcile(self, dials: Collection[Dial]) -> set[str]:
        for dial in dials:
            self.place(dial)
        return {dial.attempt_id for dial in dials}

    def _wait_for_agent(self, call: _Call, at: float) -> None:
        if call.result is PERSON:
            call.waits_until = at + self._patience(call.luck[_WAITED])
            abandoned = Ended(call.attempt_id, call.waits_until, CallResult.ABANDONED)
            self._schedule(call.waits_until, abandoned, call)
        else:
            call.waits_until = math.inf
            call.due = 0

    def _release_agent(self, agent_id: str, call: _Call, at: float) -> None:
        ready = at + self._wrap(call.luck[_WRAPPED])
        self._schedule(ready, AgentReady(agent_id, ready), None)

    def _schedule(self, at: float, event: Progress, call: _Call | None) -> None:
        self._count += 1
        if call is not None:
            call.due = self._count
        self._agenda.add((at, self._count, event, call))
