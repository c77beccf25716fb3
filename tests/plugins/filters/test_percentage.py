from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun import PASS, Exclude, Moment
from cxrun.testing import make_record
from cxrun_plugins.filters.percentage import Percentage


def sample(parameters: dict[str, Any], size: int = 5000) -> set[str]:
    """Which of the clients C0, C1... pass."""
    percentage = Percentage.build(parameters)
    clients = (f"C{n}" for n in range(size))
    return {
        client for client in clients if percentage.check(Moment(0, make_record(client_id=client))) is PASS
    }


@pytest.mark.parametrize("share", [1, 20, 50, 99.5])
def test_sample_is_as_large_as_its_share(share: float) -> None:
    assert len(sample({"share": share})) / 50 == pytest.approx(share, abs=2)


def test_samples_that_skip_each_other_share_nobody_and_make_up_the_whole() -> None:
    champion, challenger = sample({"share": 80, "skip": 20}), sample({"share": 20})
    assert not champion & challenger
    assert len(champion | challenger) == 5000


def test_another_salt_draws_another_sample() -> None:
    spring, autumn = sample({"share": 50, "salt": "spring"}), sample({"share": 50, "salt": "autumn"})
    assert len(spring & autumn) == pytest.approx(1250, abs=150)


def test_sample_stays_the_same_for_ever() -> None:
    assert sorted(sample({"share": 20, "salt": "spring"}, 30)) == ["C14", "C16", "C19", "C5", "C6"]


@given(
    client=st.text(min_size=1, max_size=20), records=st.lists(st.integers(1, 10**9), min_size=2, max_size=5)
)
def test_all_records_of_a_client_fall_alike(client: str, records: list[int]) -> None:
    percentage = Percentage(share=50)
    verdicts = {
        percentage.check(Moment(0, make_record(client_id=client, record_id=n, chain_id=n, list_id=n % 3)))
        for n in records
    }
    assert len(verdicts) == 1


@given(client=st.text(max_size=20), salt=st.text(max_size=5))
def test_everybody_is_in_the_whole(client: str, salt: str) -> None:
    assert Percentage(share=100, salt=salt).check(Moment(0, make_record(client_id=client))) is PASS


def test_client_without_an_id_is_known_by_his_chain() -> None:
    verdicts = [
        Percentage(share=50).check(Moment(0, make_record(client_id=None, chain_id=chain)))
        for chain in range(100)
    ]
    assert {verdict is PASS for verdict in verdicts} == {True, False}


def test_those_outside_are_excluded() -> None:
    verdicts = {Percentage(share=2.5).check(Moment(0, make_record(client_id=f"C{n}"))) for n in range(50)}
    assert Exclude("not in the sample of 2.5%") in verdicts


def test_sample_beyond_the_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="skip 90 and share 20 go beyond 100 percent"):
        Percentage(share=20, skip=90)


def test_champion_and_challenger_divide_the_people(project: Callable[..., Any]) -> None:
    """Two lists of the same clients, a group for each, and nobody is called by both."""
    rules = "ruleset: {name}\nfilters:\n  - percentage: {{share: {share}, skip: {skip}, salt: trial}}\n"
    folder = project(
        200,
        more_rules={
            "champion": rules.format(name="champion", share=70, skip=0),
            "challenger": rules.format(name="challenger", share=30, skip=70),
        },
    )
    people = [line.split(",") for line in (folder.folder / "people.csv").read_text().split()[2:]]
    folder.write_list("again", [[row[0], f"+1646555{n + 100:04}"] for n, row in enumerate(people)])
    folder.campaign["groups"] = {
        "champion": {"template": "plain", "lists": ["people"], "rulesets": ["retry", "champion"]},
        "challenger": {"template": "plain", "lists": ["again"], "rulesets": ["retry", "challenger"]},
    }
    folder.campaign["dialing_profiles"]["standard"]["rulesets"] = ["retry"]
    folder.save()
    folder.run()
    called = {
        name: {client for (client,) in folder.query(
            "SELECT DISTINCT client FROM attempts JOIN lists USING (list_id) WHERE name = ?", name)}
        for name in ("people", "again")
    }  # fmt: skip
    assert not called["people"] & called["again"]
    assert len(called["people"] | called["again"]) >= len(people) - 1
    assert len(called["people"]) > len(called["again"]) > 20
