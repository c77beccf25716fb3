from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cxrun import CallResult, Offer, Pacing
from cxrun.agents import AgentPool
from cxrun.calls import Connect, LiveCall, Place, Push, PutBack
from cxrun.elements import Deliver
from cxrun.engine import Engine
from cxrun.errors import UserError
from cxrun.model import RecordType
from cxrun.moments import parse_moment
from cxrun.testing import make_record
from cxrun_plugins.dialing_modes.push_preview import PushPreview

START = 1_772_478_000.0
RECORD = make_record(record_id=7)
ONCE = {"once": "ruleset: once\nfilters:\n  - suppression\n"}


def engine(agents: int = 2, **parameters: Any) -> Engine:
    mode = PushPreview.build({"timeout": "30s", "again_after": "10m", **parameters})
    pool = AgentPool("sales", agents)
    return Engine(mode, pool, start=START, ports=9, calls_per_second=9, connect_window=2)


def ready(working: Engine) -> list[str]:
    assert working.pool is not None
    return list(working.pool.ready)


def test_each_ready_agent_is_given_one_record() -> None:
    assert PushPreview().new_calls(Pacing(now=0, ready=3, talking=2, wrapping=1, in_progress=6)) == 3
    assert PushPreview().agent_first


def test_parameters_are_in_seconds() -> None:
    mode = PushPreview.build({"timeout": "45s", "on_timeout": "skip", "again_after": "1h"})
    assert (mode.preview_time, mode.offer) == (45, Offer("skip", 3600))
    assert (PushPreview().preview_time, PushPreview().offer) == (30, Offer("dial", 900))


def test_an_agent_without_any_time_to_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="timeout"):
        PushPreview(timeout=0)


def test_accepted_record_is_dialed_at_once_and_delivered_to_the_agent_who_accepted() -> None:
    working = engine()
    assert working.take(RECORD, START) == Push(RECORD, "sales-1", START + 30)
    assert not working.eager(START + 4) or working.new_calls(START + 4) == 1
    assert working.previewed(7, "sales-1", START + 5, accepted=True) == []
    assert working.eager(START + 5)
    assert working.tick(START + 5) == [Place(RECORD, "sales-1")]
    working.place(LiveCall("7-1", RECORD, START + 5, "sales-1"))
    assert working.answered("7-1", START + 9, CallResult.ANSWER, Deliver("a person")) == [
        Connect("7-1", "sales-1")
    ]
    assert working.previewing == 0


def test_rejected_record_goes_back_for_a_while_and_the_agent_is_ready() -> None:
    working = engine(agents=1)
    working.take(RECORD, START)
    assert ready(working) == []
    assert working.previewed(7, "sales-1", START + 5, accepted=False) == [
        PutBack(RECORD, START + 605, "rejected by the agent")
    ]
    assert ready(working) == ["sales-1"]
    assert working.new_calls(START + 5) == 1
    assert working.tick(START + 99) == []


def test_record_nobody_says_anything_about_is_dialed_when_its_time_is_over() -> None:
    working = engine()
    working.take(RECORD, START)
    assert working.tick(START + 29) == []
    assert working.next_at(START + 29) == START + 30
    assert working.tick(START + 30) == [Place(RECORD, "sales-1")]


def test_record_nobody_says_anything_about_is_skipped_if_that_is_wished() -> None:
    working = engine(on_timeout="skip")
    working.take(RECORD, START)
    assert working.tick(START + 30) == [PutBack(RECORD, START + 630, "the agent did not answer")]
    assert ready(working) == ["sales-2", "sales-1"]


@pytest.mark.parametrize(
    ("record", "agent"), [(8, "sales-1"), (7, "sales-2")], ids=["another record", "another agent"]
)
def test_answer_about_what_was_not_pushed_to_that_agent_changes_nothing(record: int, agent: str) -> None:
    working = engine(on_timeout="skip")
    working.take(RECORD, START)
    for accepted in (True, False):
        assert working.previewed(record, agent, START + 5, accepted=accepted) == []
    assert working.tick(START + 29) == []
    assert working.previewing == 1


def test_answer_that_comes_late_changes_nothing() -> None:
    working = engine(on_timeout="skip")
    working.take(RECORD, START)
    working.tick(START + 30)
    assert working.previewed(7, "sales-1", START + 31, accepted=True) == []
    assert working.tick(START + 31) == []


def test_what_is_accepted_cannot_be_rejected_any_more() -> None:
    working = engine()
    working.take(RECORD, START)
    working.previewed(7, "sales-1", START + 5, accepted=True)
    assert working.previewed(7, "sales-1", START + 5, accepted=False) == []
    assert working.tick(START + 5) == [Place(RECORD, "sales-1")]


def test_record_of_an_agent_who_leaves_goes_back() -> None:
    working = engine()
    working.take(RECORD, START)
    assert working.agent_gone("sales-1", START + 5) == [PutBack(RECORD, START + 605, "its agent has left")]
    assert ready(working) == ["sales-2"]
    assert working.tick(START + 99) == []


def test_personal_record_is_pushed_to_its_own_agent() -> None:
    mine = make_record(record_id=7, record_type=int(RecordType.PERSONAL_CALLBACK), agent_id="sales-2")
    working = engine()
    assert working.take(mine, START) == Push(mine, "sales-2", START + 30)


def test_agents_share_out_a_list_and_what_they_do_not_want_comes_again(project) -> None:
    folder = project(
        40,
        mode={"push_preview": {"timeout": "30s", "on_timeout": "skip", "again_after": "5m"}},
        agents=4,
        dialer={"simulated": {"preview": {"accept": 0.5, "reject": 0.3}}},
        rules=ONCE,
    )
    tally = folder.run()
    placed = dict(folder.query("SELECT record_id, min(placed) FROM attempts GROUP BY 1"))
    assert len(placed) == tally.attempts == 40
    assert tally.abandoned == 0
    put_back = folder.query(
        "SELECT record_id, at, due, text FROM journal JOIN reasons USING (reason_id) "
        "WHERE event = 'preview_rejected'"
    )
    texts = Counter(text for *_, text in put_back)
    assert texts.keys() == {"preview: rejected by the agent", "preview: the agent did not answer"}
    assert all(300 <= due - at < 302 for _, at, due, _ in put_back)
    assert all(placed[record] > due for record, _, due, _ in put_back)


def test_every_record_is_dialed_when_nothing_is_accepted_in_time(project) -> None:
    folder = project(
        10,
        mode={"push_preview": {"timeout": "30s"}},
        agents=2,
        dialer={"simulated": {"preview": {"mean": 500, "cv": 0}}},
        rules=ONCE,
    )
    assert folder.run().attempts == 10
    placed = [at for (at,) in folder.query("SELECT placed FROM attempts ORDER BY placed")]
    assert placed[0] == placed[1] == parse_moment("2026-03-02T13:00Z") + 30


def test_same_seed_gives_the_same_journal(project) -> None:
    folder = project(30, mode={"push_preview": {}}, agents=3)

    def journal(seed: int) -> list[str]:
        folder.store_file.unlink(missing_ok=True)
        folder.run(seed=seed)
        return list(folder.journal())

    assert journal(1) == journal(1) != journal(2)


def test_a_dialer_that_cannot_ask_agents_is_refused_before_anybody_is_called(project) -> None:
    mute = """\
from cxrun import Dialer, hookimpl

class Mute(Dialer):
    name = "mute"
    schema = {"type": "object"}
    def open(self, opening):
        return self

@hookimpl
def register_dialers():
    return [Mute]
"""
    folder = project(3, mode={"push_preview": {}}, plugins={"mute": mute}, dialer={"mute": {}})
    with pytest.raises(UserError, match=r"mute cannot show a record to an agent.*push_preview"):
        folder.run()
    assert folder.query("SELECT count(*) FROM attempts") == [(0,)]
