"""Callbacks in whole runs: made when they were promised, by whom, and never past a rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun.errors import UserError
from cxrun.moments import parse_local, parse_moment
from cxrun.requests import now_of

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

START = parse_moment("2026-03-02T13:00Z")
NOBODY = {"simulated": {"outcomes": {"no_answer": 1}}}
ANSWERS = {"simulated": {"outcomes": {"answer": 1}}}
PROMISING = {
    "simulated": {
        "outcomes": {"answer": 3, "no_answer": 1},
        "dispositions": {"CALL_BACK": 1, "DONE": 2},
        "callback_after": {"CALL_BACK": "2h"},
    }
}
ONCE = "ruleset: retry\nfilters: [suppression]\ntreatments: []\n"


def promise(cxrun: Cxrun, folder: ProjectFolder, record: int, at: str, *more: str) -> str:
    answer = cxrun("-C", folder.folder, "callback", "add", record, "--as", "record", "--at", at, *more)
    assert answer.code == 0, answer
    return answer.out


def placed(folder: ProjectFolder, record: int) -> list[float]:
    return [
        row[0] for row in folder.query("SELECT placed FROM attempts WHERE record_id = ? ORDER BY 1", record)
    ]


def reasons(folder: ProjectFolder, event: str) -> set[str]:
    return {
        row[0]
        for row in folder.query(
            "SELECT text FROM journal JOIN reasons USING (reason_id) WHERE event = ?", event
        )
    }


def with_callbacks(folder: ProjectFolder, **told: Any) -> ProjectFolder:
    folder.campaign["dialing_profiles"]["standard"]["callbacks"] = told
    folder.save()
    return folder


# --- when, and before whom ---------------------------------------------------------------------------------


def test_a_callback_is_dialed_when_it_was_promised_and_its_chain_waits_for_it(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = project(5, 3, rules={"retry": ONCE}, dialer=ANSWERS)
    folder.import_lists()
    promise(cxrun, folder, 2, "2026-03-02 15:00")
    folder.run()
    (at,) = placed(folder, 2)
    assert parse_moment("2026-03-02T15:00-06:00") <= at <= parse_moment("2026-03-02T15:00:05-06:00"), (
        "Chicago"
    )
    assert placed(folder, 1) == placed(folder, 3) == []
    assert all(placed(folder, record)[0] < START + 3600 for record in (4, 7, 10, 13))


def test_callbacks_go_before_everybody_else_and_personal_ones_first(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = project(30, 1, rules={"retry": ONCE}, dialer=ANSWERS, agents=2)
    folder.run(limit=4)
    promise(cxrun, folder, 29, "1s")
    promise(cxrun, folder, 30, "1s", "--agent", "sales-2")
    begun = folder.query("SELECT max(placed) FROM attempts")[0][0]
    folder.run(limit=8)
    order = [
        row[0]
        for row in folder.query(
            "SELECT record_id FROM attempts WHERE placed > ? ORDER BY placed, agent_id", begun
        )
    ]
    assert set(order[:2]) == {5, 6}, "nobody else is due yet"
    assert set(order[2:4]) == {29, 30}


@pytest.mark.parametrize(
    ("zone", "at", "moment"),
    [
        ("America/New_York", "2026-03-07 15:00", "2026-03-07T15:00-05:00"),
        ("America/New_York", "2026-03-08 15:00", "2026-03-08T15:00-04:00"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01T01:30-04:00"),
        ("America/New_York", "2026-11-01 02:30", "2026-11-01T02:30-05:00"),
        ("Europe/Berlin", "2026-03-29 03:00", "2026-03-29T01:00Z"),
        ("Pacific/Honolulu", "2026-03-08 15:00", "2026-03-08T15:00-10:00"),
        ("America/New_York", "2026-03-08T15:00Z", "2026-03-08T15:00Z"),
    ],
)
def test_a_time_is_on_the_clocks_of_the_zone_whichever_way_they_go(zone: str, at: str, moment: str) -> None:
    assert parse_local(at, zone, 0.0) == parse_moment(moment)


def test_a_time_that_the_clocks_skip_is_refused_with_one_that_exists() -> None:
    with pytest.raises(UserError, match=r"does not exist in America/New_York.*2026-03-08 03:30"):
        parse_local("2026-03-08 02:30", "America/New_York", 0.0)


@given(
    st.integers(1_750_000_000, 1_850_000_000),
    st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
)
def test_what_a_clock_shows_is_read_back_as_the_same_moment_or_the_first_of_two(at: int, zone: str) -> None:
    shown = datetime.fromtimestamp(at, ZoneInfo(zone))
    read = parse_local(shown.strftime("%Y-%m-%d %H:%M:%S"), zone, 0.0)
    assert read == at or (shown.fold == 1 and read < at)


def test_the_zone_is_the_customers_unless_another_is_named(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(6, 1, dialer=ANSWERS)
    folder.import_lists()
    promise(cxrun, folder, 6, "2026-03-03 15:00")  # 808: Honolulu
    promise(cxrun, folder, 5, "2026-03-03 15:00", "--zone", "America/New_York")
    due = dict(folder.query("SELECT record_id, due FROM queue WHERE priority = 2"))
    assert due == {6: parse_moment("2026-03-03T15:00-10:00"), 5: parse_moment("2026-03-03T15:00-05:00")}


# --- never past a rule -------------------------------------------------------------------------------------

STRICT = """\
ruleset: strict
filters:
  - suppression:
  - calling_hours: {hours: {mon-sun: "09:00-20:00"}}
  - attempts: {at_most: 2, within: 24h, per: client}
treatments:
  - on: no_answer
    do: [{retry_in: {interval: 1h, attempts: 6}}]
"""


@pytest.mark.parametrize("missed", ["retry", "next_day"])
def test_callbacks_are_never_dialed_past_a_cap_a_window_or_a_suppression(
    project: MakeProject, cxrun: Cxrun, missed: str
) -> None:
    folder = project(60, 2, rules={"strict": STRICT}, dialer=PROMISING)
    with_callbacks(folder, missed=missed, tolerance="10m", times=4)
    folder.run(until=START + 4 * 3600)
    for record in range(1, 120, 9):
        cxrun("-C", folder.folder, "callback", "add", record, "--as", "record", "--at", "2026-03-02 23:00")
    refused = [
        row[0]
        for row in folder.query(
            "SELECT phone FROM queue JOIN records USING (record_id) WHERE priority IN (1, 2) LIMIT 5"
        )
    ]
    since = now_of_folder(folder)
    folder.write("refused.txt", "\n".join(refused))
    assert cxrun("-C", folder.folder, "dnc", "import", folder.folder / "refused.txt").code == 0
    folder.run()
    by_client: dict[str, list[float]] = defaultdict(list)
    callbacks = 0
    for client, tz, at, number, kind in folder.query(
        "SELECT client, tz, placed, a.phone, record_type FROM attempts a JOIN records r USING (record_id) "
        "JOIN record_states s USING (record_id) ORDER BY placed"
    ):
        hour = datetime.fromtimestamp(at, ZoneInfo(tz.split()[0])).hour
        assert 9 <= hour < 20
        assert number not in refused or at < since
        by_client[client].append(at)
        callbacks += kind in (5, 6)
    assert callbacks > 10
    for times in by_client.values():
        assert all(third - first >= 86400 for first, third in zip(times, times[2:], strict=False))
    assert folder.query("SELECT count(*) FROM record_states")[0][0] == 120


def now_of_folder(folder: ProjectFolder) -> float:
    with folder.store() as store:
        return now_of(folder.load(), store)


def test_a_chain_whose_callback_is_suppressed_stays_held(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(3, 2, dialer=ANSWERS)
    folder.import_lists()
    promise(cxrun, folder, 1, "2h")
    folder.write("refused.txt", folder.query("SELECT phone FROM records WHERE record_id = 1")[0][0])
    cxrun("-C", folder.folder, "dnc", "import", folder.folder / "refused.txt")
    folder.run()
    assert placed(folder, 1) == placed(folder, 2) == []
    assert reasons(folder, "excluded") == {"suppressed device on list 'dnc'"}
    assert cxrun("-C", folder.folder, "dnc", "remove", "--list", "dnc",
                 folder.query("SELECT phone FROM records WHERE record_id = 1")[0][0]).code == 0  # fmt: skip
    folder.run()
    assert len(placed(folder, 1)) == 1, "the callback leads its chain again"


# --- missed ------------------------------------------------------------------------------------------------

AT_NIGHT = """\
ruleset: night
filters:
  - calling_hours: {hours: {mon-sun: "09:00-20:00"}}
"""


def at_night(project: MakeProject, cxrun: Cxrun, **told: Any) -> ProjectFolder:
    """A project whose only record has a callback at an hour that its rules forbid."""
    folder = with_callbacks(project(1, 1, rules={"night": AT_NIGHT}, dialer=ANSWERS), **told)
    folder.import_lists()
    promise(cxrun, folder, 1, "2026-03-07 20:30")
    folder.run()
    return folder


def local(at: float) -> str:
    return datetime.fromtimestamp(at, ZoneInfo("America/New_York")).strftime("%m-%d %H:%M %Z")


def test_a_missed_callback_is_tried_again_as_soon_as_the_rules_allow(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = at_night(project, cxrun, missed="retry")
    assert [local(at) for at in placed(folder, 1)] == ["03-08 09:00 EDT"]
    assert reasons(folder, "callback_missed") == {"callback missed, to be tried again"}


def test_what_rules_put_off_again_after_a_miss_is_not_missed_twice(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = with_callbacks(
        project(1, 1, rules={"night": AT_NIGHT.replace("20:00", "10:00")}, dialer=ANSWERS),
        missed="retry", retry_in="2h", times=1,
    )  # fmt: skip
    folder.import_lists()
    promise(cxrun, folder, 1, "2026-03-07 20:30")
    folder.run()
    assert [local(at) for at in placed(folder, 1)] == ["03-09 09:00 EDT"]
    assert len(folder.query("SELECT at FROM journal WHERE event = 'callback_missed'")) == 1


def test_a_callback_that_is_always_missed_is_closed_in_the_end(project: MakeProject, cxrun: Cxrun) -> None:
    folder = at_night(project, cxrun, missed="next_day", times=2)
    assert placed(folder, 1) == []
    missed = folder.query("SELECT at, due FROM journal WHERE event = 'callback_missed' ORDER BY seq")
    assert [(local(at), local(due) if due else "") for at, due in missed] == [
        ("03-08 09:00 EDT", "03-08 20:30 EDT"),
        ("03-09 09:00 EDT", "03-09 20:30 EDT"),
        ("03-10 09:00 EDT", ""),
    ]
    assert folder.query("SELECT record_type, record_status, treatments FROM closed") == [
        (6, 8, "missed@1@1@1 missed@2@1@1")
    ]


def test_a_missed_callback_may_be_given_up_at_once(project: MakeProject, cxrun: Cxrun) -> None:
    folder = at_night(project, cxrun, missed="close")
    assert placed(folder, 1) == []
    assert folder.query("SELECT record_status FROM closed") == [(8,)]
    assert [row[0] for row in folder.reasons()] == ["closed"]


def test_within_the_tolerance_nothing_is_missed(project: MakeProject, cxrun: Cxrun) -> None:
    folder = at_night(project, cxrun, tolerance="13h")
    assert [local(at) for at in placed(folder, 1)] == ["03-08 09:00 EDT"]
    assert reasons(folder, "callback_missed") == set()


def test_a_callback_nobody_ran_for_is_missed(project: MakeProject, cxrun: Cxrun) -> None:
    """The clock of the next run has gone on: a real one does not stand still between two runs."""
    folder = with_callbacks(project(3, 1, rules={"retry": ONCE}, dialer=ANSWERS), missed="close")
    folder.import_lists()
    promise(cxrun, folder, 1, "2026-03-02 09:00")
    folder.run(limit=2, until=START + 60)
    with folder.store() as store:
        store.connection.execute("UPDATE runs SET reached = reached + 86400")
    folder.run()
    assert placed(folder, 1) == []
    assert folder.query("SELECT record_status FROM closed WHERE record_id = 1") == [(8,)]


# --- who ---------------------------------------------------------------------------------------------------


def test_a_personal_callback_is_made_by_its_agent(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(200, 1, rules={"retry": ONCE}, dialer=ANSWERS, agents=5)
    folder.run(limit=20)
    for record in range(101, 131):
        promise(cxrun, folder, record, "10m", "--agent", f"sales-{record % 5 + 1}")
    folder.run()
    made = folder.query("SELECT record_id, agent_id FROM attempts WHERE record_id BETWEEN 101 AND 130")
    assert len(made) == 30
    assert all(agent == f"sales-{record % 5 + 1}" for record, agent in made)
    assert reasons(folder, "agent_absent") == set()


def test_an_agent_who_promises_a_callback_makes_it(project: MakeProject) -> None:
    folder = project(80, 1, rules={"retry": ONCE}, dialer=PROMISING, agents=3)
    folder.run()
    calls = defaultdict(list)
    for record, agent, disposition in folder.query(
        "SELECT record_id, agent_id, disposition FROM attempts ORDER BY record_id, attempt"
    ):
        calls[record].append((agent, disposition))
    followed = [(first, second) for chain in calls.values() for first, second in pairwise(chain)]
    assert len(followed) > 10
    assert all(first[1] == "CALL_BACK" for first, _ in followed)
    assert all(second[0] in (first[0], None) for first, second in followed)
    assert folder.query("SELECT count(*) FROM journal WHERE event = 'callback_promised'") == [
        (len([1 for chain in calls.values() for call in chain if call[1] == "CALL_BACK"]),)
    ]


def test_callbacks_may_belong_to_the_group_instead(project: MakeProject) -> None:
    folder = with_callbacks(project(30, 1, rules={"retry": ONCE}, dialer=PROMISING, agents=3), personal=False)
    folder.run()
    assert {row[0] for row in folder.query("SELECT record_type FROM closed")} == {2, 6}


ABSENT = """\
ruleset: absent
treatments:
  - on: {result}
    do: [{step}]
"""


@pytest.mark.parametrize(
    ("rules", "kind", "result", "agent", "told"),
    [
        (ONCE, 6, 33, "sales-1", {"agent_callback_error: any agent may make the call"}),
        (
            ABSENT.format(result="other", step="{redial: {interval: 15m}}"), 3, 33, "sales-1",
            {"agent_callback_error: any agent may make the call"},
        ),
        (
            ABSENT.format(result="agent_callback_error", step="{retry_in: {interval: 1h, attempts: 2}}"),
            5, 47, "nobody",
            {
                "agent_callback_error: retry in 1h, 1 of 2", "agent_callback_error: retry in 1h, 2 of 2",
                "agent_callback_error: treatments used up",
            },
        ),
        (
            ABSENT.format(result="agent_callback_error", step="{mark_agent_error: }"), 5, 47, "nobody",
            {"agent_callback_error: agent error"},
        ),
        (
            ABSENT.format(result="agent_callback_error", step="{assign_to_group: }"), 6, 33, "sales-1",
            {"agent_callback_error: assigned to the group"},
        ),
    ],
    ids=["no treatment", "other", "retried", "marked", "assigned"],
)  # fmt: skip
def test_an_absent_agent_is_answered_by_the_treatments_of_that_result(
    project: MakeProject, cxrun: Cxrun, rules: str, kind: int, result: int, agent: str, told: set[str]
) -> None:
    folder = project(
        1, 1, rules={"absent": rules.replace("ruleset: retry", "ruleset: absent")}, dialer=ANSWERS, agents=1
    )
    folder.import_lists()
    promise(cxrun, folder, 1, "2h", "--agent", "nobody")
    folder.run()
    assert reasons(folder, "agent_absent") == told
    assert folder.query("SELECT record_type, call_result, agent_id FROM closed") == [(kind, result, agent)]
    assert bool(placed(folder, 1)) is (result == 33)
    if "retry in 1h, 1 of 2" in str(told):
        times = [
            row[0] for row in folder.query("SELECT at FROM journal WHERE event = 'agent_absent' ORDER BY seq")
        ]
        assert [round((later - earlier) / 60) for earlier, later in pairwise(times)] == [60, 60]


def test_an_agent_who_leaves_while_his_callback_waits_is_absent() -> None:
    from cxrun.agents import AgentPool
    from cxrun.calls import GiveBack
    from cxrun.engine import Engine
    from cxrun.model import RecordType
    from cxrun.testing import build, make_record

    pool = AgentPool("sales", 2)
    engine = Engine(
        build("dialing mode", "progressive"), pool, start=0, ports=10, calls_per_second=10, connect_window=2
    )
    record = make_record(record_type=RecordType.PERSONAL_CALLBACK, agent_id="sales-1")
    pool.ready.remove("sales-1")
    engine.await_agent(record, 1800)
    assert engine.tick(10) == []
    engine.agent_gone("sales-1", 20)
    assert engine.tick(20) == [GiveBack(record)]
    assert engine.tick(21) == []


def test_a_busy_agent_is_kept_for_his_callback_whichever_group_he_worked_for() -> None:
    from cxrun.agents import AgentPool
    from cxrun.calls import Place
    from cxrun.engine import Engine
    from cxrun.model import RecordType
    from cxrun.testing import build, make_record

    pool = AgentPool("sales", 1)
    mode = build("dialing mode", "progressive")
    one, other = (
        Engine(mode, pool, start=0, ports=10, calls_per_second=10, connect_window=2) for _ in range(2)
    )
    record = make_record(record_type=RecordType.PERSONAL_CALLBACK, agent_id="sales-1")
    pool.ready.remove("sales-1")
    one.await_agent(record, 1800)
    other.agent_ready("sales-1", 5)
    assert not pool.ready
    assert other.eager(5), "a loop that would not look at the other engine would leave him idle"
    assert other.tick(5) == []
    assert one.tick(5) == [Place(record, "sales-1")]
    one.release("sales-1")
    assert list(pool.ready) == ["sales-1"]


def test_nobody_waits_for_an_agent_beyond_the_tolerance() -> None:
    from cxrun.agents import AgentPool
    from cxrun.calls import GiveBack
    from cxrun.engine import Engine
    from cxrun.model import RecordType
    from cxrun.testing import build, make_record

    pool = AgentPool("sales", 1)
    engine = Engine(
        build("dialing mode", "progressive"), pool, start=0, ports=10, calls_per_second=10, connect_window=2
    )
    record = make_record(record_type=RecordType.PERSONAL_CALLBACK, agent_id="sales-1")
    pool.ready.remove("sales-1")
    engine.await_agent(record, 1800)
    assert engine.next_at(0) == 1800
    assert engine.tick(1800) == [GiveBack(record)]
    engine.agent_ready("sales-1", 1900)
    assert list(pool.ready) == ["sales-1"]


# --- whole runs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [{"progressive": {}}, {"preview": {}}, {"power": {"calls_per_agent": 2}}])
def test_with_callbacks_in_any_mode_everybody_ends_somewhere_and_the_journal_is_the_same_again(
    project: MakeProject, mode: dict[str, Any]
) -> None:
    journals = []
    for name in ("first", "second"):
        folder = project(60, 2, dialer=PROMISING, mode=mode, name=name, agents=3)
        folder.run(seed=3)
        assert folder.query("SELECT place, count(*) FROM record_states GROUP BY 1") == [("closed", 120)]
        assert folder.query("SELECT count(*) FROM journal WHERE event = 'callback_promised'")[0][0] > 5
        journals.append(folder.journal())
    assert journals[0] == journals[1]


def test_moments_before_the_epoch_are_no_callbacks(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(1, 1)
    folder.import_lists()
    answer = cxrun("-C", folder.folder, "callback", "add", "C1", "--at", "2026-03-01 15:00")
    assert answer.code == 3
    assert "is past; it is 2026-03-02 08:00:00 EST" in answer.err
    assert datetime.fromtimestamp(START, UTC).hour == 13
