"""Records are dialed in the order their group asks for, as long as the rules have no objection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxrun.ordered
from cxrun.contacts import Contact, Device
from cxrun.model import Record
from cxrun.store import Store
from cxrun.store.lists import add_contacts, declare_list
from cxrun.store.queue import Queue
from cxrun.store.ready import Ready

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

AREAS = (("212", "NY"), ("303", "CO"), ("213", "CA"), ("617", "MA"), ("305", "FL"))
PLACES = {1: 1, 2: 2, 3: 3, 4: 4}
ONCE = {"retry": "ruleset: retry\n"}
NOBODY = {"simulated": {"outcomes": {"no_answer": 1}}}


# --- the order itself ------------------------------------------------------------------------------


@contextmanager
def filled(rows: list[tuple[Any, ...]]) -> Iterator[tuple[Store, Queue]]:
    """A store with one list of a record per row: balance, rate, word, state."""
    with Store(":memory:") as store:
        types = {"balance": "integer", "rate": "number", "word": "text", "state": "text"}
        stored = declare_list(store, "people", "people.csv", types)
        contacts = []
        for number, row in enumerate(rows):
            area = AREAS[number % len(AREAS)][0]
            phone = f"+1{area}555{100 + number:04}"
            device = Device(phone, phone, 1, "America/New_York", "number", "US", area)
            contacts.append(
                Contact(number + 2, f"C{number}", f"Name {number % 3}", None, None, 0, 86400, (device,), row)
            )
        with store.transaction():
            add_contacts(store, stored, contacts)
        yield store, Queue(store, stored.list_id, list(types))


FIELDS = st.sampled_from(
    (
        "balance",
        "rate",
        "word",
        "state",
        "record_id",
        "attempt",
        "first_name",
        "company",
        "client_id",
        "exchange",
    )
)
KEYS = st.lists(st.tuples(FIELDS, st.booleans()), max_size=3, unique_by=lambda key: key[0])
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-3, 3),
        st.none() | st.sampled_from((-1.5, 0.0, 2.5)),
        st.none() | st.sampled_from(("a", "B", "b", "ä", "10", "9")),
        st.none() | st.sampled_from(("NY", "CA")),
    ),
    min_size=1,
    max_size=30,
)


def value(record: Record, field: str) -> Any:
    """A field as conditions see it."""
    return getattr(record, field) if hasattr(record, field) else record.fields[field]


def sorted_by(records: list[Record], keys: list[tuple[str, bool]], *, newest_first: bool) -> list[int]:
    """The ids in order, one field after the other from the last: sorting is stable."""
    records = sorted(records, key=lambda record: record.record_id, reverse=newest_first)
    for field, descends in reversed(keys):
        known = [record for record in records if value(record, field) not in (None, "")]
        unknown = [record for record in records if value(record, field) in (None, "")]
        records = sorted(known, key=lambda record: value(record, field), reverse=descends)
        records += unknown
    return [record.record_id for record in records]


@settings(deadline=None)
@given(ROWS, KEYS, st.booleans())
def test_the_order_of_any_fields_is_that_of_sorting_by_each_in_turn(
    rows: list[tuple[Any, ...]], keys: list[tuple[str, bool]], newest_first: bool
) -> None:
    with filled(rows) as (store, queue):
        own = ("balance", "rate", "word", "state")
        ready = Ready(store, queue, own, keys, PLACES, newest_first=newest_first)
        assert ready.add_due(-1, 0) == len(rows)
        front = ready.front(len(rows))
        records = ready.fetch(front)
        assert [at[-1] for at in front] == sorted_by(list(records.values()), keys, newest_first=newest_first)


def test_the_state_of_a_number_is_ordered_by_where_the_list_knows_none() -> None:
    with filled([(None, None, None, None)] * 5) as (store, queue):
        ready = Ready(
            store, queue, ("balance", "rate", "word"), [("state", False)], PLACES, newest_first=False
        )
        ready.add_due(-1, 0)
        records = ready.fetch(front := ready.front(5))
        assert [records[at].state for at in front] == sorted(state for _, state in AREAS)


def test_a_key_whose_record_has_left_the_queue_is_forgotten() -> None:
    with filled([(1, None, None, None), (2, None, None, None)]) as (store, queue):
        ready = Ready(store, queue, ("balance",), [("balance", True)], PLACES, newest_first=False)
        ready.add_due(-1, 0)
        store.connection.execute("DELETE FROM queue WHERE record_id = 2")
        assert list(ready.front(9)) == [(4, 0, 2), (4, 0, 1)]
        assert list(ready.fetch(ready.front(9))) == [(4, 0, 1)]
        assert list(ready.front(9)) == [(4, 0, 1)]


# --- whole runs ------------------------------------------------------------------------------------


def owing(project: MakeProject, balances: list[int | None], **more: Any) -> ProjectFolder:
    """A project whose people owe these balances."""
    folder = project(1, **{"rules": ONCE, "dialer": NOBODY, "agents": 1} | more)
    rows = [(f"C{n}", f"+1212555{100 + n:04}", "" if b is None else b) for n, b in enumerate(balances, 1)]
    folder.write("people.csv", "Client,Phone 1,Balance\n" + "".join(f"{c},{p},{b}\n" for c, p, b in rows))
    mapping = folder.campaign["lists"]["people"]["map"]
    mapping["devices"], mapping["fields"] = ["Phone 1"], {"balance": {"column": "Balance", "type": "integer"}}
    folder.save()
    return folder


def ordered_by(folder: ProjectFolder, **settings: Any) -> ProjectFolder:
    folder.campaign["dialing_profiles"]["standard"] |= settings
    folder.save()
    return folder


def dialed(folder: ProjectFolder) -> list[int]:
    """The records in the order they were dialed."""
    return [row[0] for row in folder.query("SELECT record_id FROM attempts ORDER BY placed")]


RICHEST = [{"field": "balance", "order": "descending"}]


def test_records_are_dialed_by_a_field_of_the_list_and_those_without_a_value_last(
    project: MakeProject,
) -> None:
    folder = ordered_by(owing(project, [5, None, 7, 1, 7]), ordering=RICHEST)
    folder.run()
    assert dialed(folder) == [3, 5, 1, 4, 2]


def test_the_newest_first_and_the_usual_order(project: MakeProject) -> None:
    usual, newest = owing(project, [1] * 4, name="usual"), owing(project, [1] * 4, name="newest")
    usual.run()
    ordered_by(newest, lifo=True).run()
    assert (dialed(usual), dialed(newest)) == ([1, 2, 3, 4], [4, 3, 2, 1])


@pytest.mark.parametrize("window", [1, 7, 1000])
def test_the_order_does_not_depend_on_how_much_is_held_in_memory(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(cxrun.ordered, "WINDOW", window)
    balances: list[int | None] = [n * 37 % 50 for n in range(50)]
    folder = ordered_by(owing(project, balances, agents=3), ordering=RICHEST)
    folder.run()
    order = [balances[record - 1] for record in dialed(folder)]
    assert order == sorted(balances, reverse=True)


def test_the_same_order_gives_the_same_journal(project: MakeProject) -> None:
    folders = [owing(project, [n * 37 % 50 for n in range(50)], name=name) for name in ("first", "second")]
    for folder in folders:
        ordered_by(folder, ordering=RICHEST).run()
    assert folders[0].journal() == folders[1].journal()


AGAIN = {
    "retry": "ruleset: retry\ntreatments: [{on: no_answer, do: [{retry_in: {interval: 2m, attempts: 1}}]}]\n"
}


def rescheduled_among_new(folder: ProjectFolder) -> list[bool]:
    """For each attempt in turn, whether it was a second one."""
    return [row[0] > 1 for row in folder.query("SELECT attempt FROM attempts ORDER BY placed")]


def test_rescheduled_records_come_first_unless_a_priority_says_otherwise(project: MakeProject) -> None:
    usual = owing(project, [1] * 30, rules=AGAIN, name="usual")
    usual.run()
    last = ordered_by(
        owing(project, [1] * 30, rules=AGAIN, name="last"), priorities={"general": 1, "rescheduled": 2}
    )
    last.run()
    assert rescheduled_among_new(usual) != [False] * 30 + [True] * 30
    assert rescheduled_among_new(last) == [False] * 30 + [True] * 30


def test_of_one_priority_new_and_rescheduled_records_are_dialed_by_the_fields(project: MakeProject) -> None:
    folder = owing(project, list(range(30)), rules=AGAIN)
    ordered_by(folder, ordering=RICHEST, priorities={"rescheduled": 4}).run()
    rows = folder.query("SELECT record_id, attempt, placed FROM attempts ORDER BY placed")
    ends = {(record, attempt): placed for record, attempt, placed in rows}
    for record, attempt, placed in rows:
        if attempt == 1:
            due = [other for other in range(record + 1, 31) if ends[other, 1] + 200 < placed]
            assert all(ends[other, 2] < placed for other in due), "one that owes more was due already"


def test_an_order_never_overrides_a_rule(project: MakeProject) -> None:
    rules = {**ONCE, "few": "ruleset: few\nfilters: [{where: {field: balance, lt: 7}}]\n"}
    folder = ordered_by(owing(project, [5, 9, 7, 1], rules=rules), ordering=RICHEST)
    folder.run()
    assert dialed(folder) == [1, 4]


def test_a_cap_holds_whatever_the_order(project: MakeProject) -> None:
    rules = {
        "retry": "ruleset: retry\ntreatments: [{on: no_answer, do: [{retry_in: {interval: 5m, attempts: 9}}]}]\n",
        "cap": "ruleset: cap\nfilters: [attempts: {at_most: 2, within: 24h}]\n",
    }
    folder = ordered_by(owing(project, [3, 1, 2], rules=rules), ordering=RICHEST, lifo=True)
    folder.run(limit=6)
    assert folder.query("SELECT record_id, count(*) FROM attempts GROUP BY 1") == [(1, 2), (2, 2), (3, 2)]


def test_an_order_by_attempts_follows_them(project: MakeProject) -> None:
    rules = {
        "retry": "ruleset: retry\ntreatments: [{on: no_answer, do: [{retry_in: {interval: 1s, attempts: 2}}]}]\n"
    }
    folder = owing(project, [1] * 6, rules=rules)
    fewest = {"ordering": [{"field": "attempt"}], "priorities": {"rescheduled": 4}}
    ordered_by(folder, **fewest).run()
    assert [row[0] for row in folder.query("SELECT attempt FROM attempts ORDER BY placed")] == [
        n for n in (1, 2, 3) for _ in range(6)
    ]


def test_a_list_imported_while_a_run_is_on_takes_its_place_in_the_order(project: MakeProject) -> None:
    folder = ordered_by(owing(project, list(range(40))), ordering=RICHEST)
    folder.import_lists()
    richest = "Client,Phone 1,Balance\nC99,+13125550199,1000\n"

    def append(tally: Any) -> None:
        if tally.attempts and "C99" not in (folder.folder / "people.csv").read_text():
            text = (folder.folder / "people.csv").read_text()
            folder.write("people.csv", text + richest.partition("\n")[2])
            folder.import_lists()

    import cxrun.ledger

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cxrun.ledger, "_BREATH", 0.0)
        folder.run(watch=append)
    order = dialed(folder)
    assert 1 < order.index(41) < 20
    assert len(order) == 41


def test_a_change_of_the_order_is_no_change_of_the_rules(project: MakeProject) -> None:
    folder = ordered_by(owing(project, [5, 9, 7, 1]), ordering=RICHEST)
    folder.run(limit=1)
    ordered_by(folder, ordering=[{"field": "balance"}]).run()
    assert dialed(folder) == [2, 4, 1, 3]
    assert not any("rules_changed" in line for line in folder.journal())
