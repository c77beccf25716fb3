"""Splitting lists: contacts move whole, with ids, life and attempts, and are dialed from where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.errors import Problems, UserError
from cxrun.importing import import_list
from cxrun.splitting import split

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]


@pytest.fixture
def people(project: MakeProject) -> ProjectFolder:
    """Forty customers with two numbers each and a state; lists east and west are split from it."""
    folder = project(40, 2)
    lines = (folder.folder / "people.csv").read_text(encoding="utf-8").splitlines()
    states = ("NY", "CA", "NJ", "TX")
    told = [f"{line},{states[n % 4]}" for n, line in enumerate(lines[1:])]
    folder.write("people.csv", "\n".join([f"{lines[0]},State", *told]) + "\n")
    folder.campaign["lists"]["people"]["map"]["fields"] = {"state": "State"}
    folder.campaign["lists"] |= {"east": {"split_from": "people"}, "west": {"split_from": "people"}}
    folder.save()
    load_people(folder)
    return folder


def load_people(folder: ProjectFolder) -> Any:
    with folder.store() as store:
        return import_list(store, folder.load().lists["people"], folder.folder)


def divide(folder: ProjectFolder, parts: Mapping[str, str], **how: Any) -> dict[str, int]:
    project = folder.load()
    with folder.store() as store:
        return split(project, store, project.lists["people"], parts, **how)


def places(folder: ProjectFolder) -> dict[str, int]:
    """How many records each list has in every table that names one."""
    counts = [
        dict(folder.query(f"SELECT name, count(*) FROM {table} JOIN lists USING (list_id) GROUP BY 1"))
        for table in ("records", "record_states")
    ]
    assert counts[0] == counts[1]
    return counts[0]


def test_numbers_shares_and_the_rest(people: ProjectFolder) -> None:
    assert divide(people, {"east": "10", "west": "25%"}) == {"east": 10, "west": 10}
    assert places(people) == {"people": 40, "east": 20, "west": 20}
    assert divide(people, {"west": "rest"}) == {"west": 20}
    assert places(people) == {"east": 20, "west": 60}


def test_shares_add_up(people: ProjectFolder) -> None:
    assert divide(people, {"east": "33.3%", "west": "66.7%"}) == {"east": 13, "west": 27}


def test_values_of_a_field(people: ProjectFolder) -> None:
    assert divide(people, {"east": "NY,NJ", "west": "CA"}, field="state") == {"east": 20, "west": 10}
    assert people.query("SELECT DISTINCT state FROM contacts_1") == [("TX",)]


def test_chance_is_the_same_for_the_same_seed(project: MakeProject, people: ProjectFolder) -> None:
    divide(people, {"east": "50%"}, seed=7)
    chosen = people.query("SELECT chain_id FROM contacts_2 ORDER BY 1")
    assert chosen != [(n,) for n in range(1, 21)]
    people.store_file.unlink()
    load_people(people)
    divide(people, {"east": "50%"}, seed=7)
    assert people.query("SELECT chain_id FROM contacts_2 ORDER BY 1") == chosen


def test_life_and_attempts_go_along(people: ProjectFolder) -> None:
    people.run(limit=30)
    state = "SELECT record_id, record_status, attempt, due, priority, reason_id FROM record_states ORDER BY 1"
    attempts = "SELECT record_id, attempt, placed, call_result FROM attempts ORDER BY 1, 2"
    before = people.query(state), people.query(attempts)
    divide(people, {"east": "50%", "west": "rest"})
    assert (people.query(state), people.query(attempts)) == before
    assert people.query(
        "SELECT count(*) FROM attempts a JOIN records r USING (record_id) WHERE a.list_id <> r.list_id"
    ) == [(0,)]
    assert set(places(people)) == {"east", "west"}


def test_a_group_dials_what_was_moved(people: ProjectFolder) -> None:
    divide(people, {"east": "10", "west": "rest"})
    people.campaign["groups"]["trial"] = {"template": "plain", "lists": ["east"]}
    people.save()
    assert people.run("trial").attempts > 0
    assert people.query("SELECT DISTINCT name FROM attempts JOIN lists USING (list_id)") == [("east",)]


def test_importing_the_file_again_does_not_bring_back_what_was_moved(people: ProjectFolder) -> None:
    divide(people, {"east": "10"})
    result = load_people(people)
    assert (result.loaded, result.duplicates) == (0, 40)
    people.write_list("people", [["C1", "212-555-0101"], ["C99", "212-555-0102"]])
    people.campaign["lists"]["people"]["map"]["fields"] = {"state": "Client"}
    people.save()
    assert load_people(people).loaded == 1


def test_an_update_finds_contacts_where_they_were_moved_to(people: ProjectFolder) -> None:
    divide(people, {"east": "10"})
    text = (people.folder / "people.csv").read_text(encoding="utf-8")
    people.write("people.csv", text.replace(",NY", ",VT"))
    with people.store() as store:
        result = import_list(store, people.load().lists["people"], people.folder, mode="update")
    assert (result.updated, result.unchanged, result.loaded) == (10, 30, 0)
    assert people.query("SELECT count(*) FROM contacts_2 WHERE state = 'VT'") == [(3,)]


@pytest.mark.parametrize(
    ("parts", "how", "message"),
    [
        (
            {"north": "10"},
            {},
            r"does not declare north; nothing was moved. Add to it\nlists:\n  north: {split_from: people}",
        ),
        ({"east": "41"}, {}, "has 40 contacts, and 41 were asked for"),
        ({"east": "70%", "west": "40%"}, {}, "has 40 contacts, and 44 were asked for"),
        ({"east": "many"}, {}, "'many' is no part of a list"),
        ({"east": "rest", "west": "rest"}, {}, "'rest' must be the last part"),
        ({"east": "NY"}, {"field": "stat"}, "no field named 'stat'; did you mean 'state'"),
    ],
)
def test_parts_that_make_no_sense_move_nothing(
    people: ProjectFolder, parts: dict[str, str], how: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        divide(people, parts, **how)
    assert places(people) == {"people": 80}


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"east": {"split_from": "peple"}}, "no list named 'peple'; did you mean 'people'?"),
        ({"east": {"split_from": "west"}, "west": {"split_from": "east"}}, "is split from itself"),
        ({"east": {"split_from": "people", "region": "US"}}, "takes this from there"),
        ({"east": {"region": "US"}}, "split_from"),
    ],
)
def test_a_split_list_is_declared_by_its_parent_alone(
    people: ProjectFolder, lists: dict[str, Any], message: str
) -> None:
    people.campaign["lists"] = {"people": people.campaign["lists"]["people"], **lists}
    people.save()
    with pytest.raises(Problems, match=message):
        people.load()


def test_a_list_nothing_was_moved_to_says_how(people: ProjectFolder) -> None:
    from cxrun.importing import is_imported

    with (
        people.store() as store,
        pytest.raises(UserError, match=r"is still empty; `cxrun split people east=50%`"),
    ):
        is_imported(store, people.load().lists["east"])


def test_a_split_list_is_imported_with_its_parent(people: ProjectFolder) -> None:
    with people.store() as store, pytest.raises(UserError, match="has no file of its own; import people"):
        import_list(store, people.load().lists["east"], people.folder)
