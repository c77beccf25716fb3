"""Device escalation: which kinds of device a group dials, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

RULES = """\
ruleset: retry
treatments:
  - on: no_answer
    do: [next_in_chain: {attempts: %d}]
"""
STUBBORN = """\
ruleset: retry
treatments:
  - on: no_answer
    do: [redial: {interval: 1h, attempts: 1}, next_in_chain: ]
"""
SILENT = {"simulated": {"outcomes": {"no_answer": 1}}}
TYPES = ("home", "direct_business", "mobile")


@pytest.fixture
def customers(project: MakeProject) -> Callable[..., ProjectFolder]:
    """A factory of projects whose customers have a home, a business and a mobile number, in this order."""

    def make(devices: list[str] | None, rules: str = RULES % 1, size: int = 4) -> ProjectFolder:
        folder = project(size, 3, rules={"retry": rules}, dialer=SILENT, agents=30)
        columns = folder.campaign["lists"]["people"]["map"]["devices"]
        folder.campaign["lists"]["people"]["map"]["devices"] = [
            {"column": column, "type": kind} for column, kind in zip(columns, TYPES, strict=True)
        ]
        order(folder, devices)
        return folder

    return make


def order(folder: ProjectFolder, devices: list[str] | None) -> None:
    folder.campaign["groups"]["all"].pop("devices", None)
    if devices is not None:
        folder.campaign["groups"]["all"]["devices"] = devices
    folder.save()


def dialed(folder: ProjectFolder) -> set[tuple[str, ...]]:
    """The orders in which the devices of the chains were dialed."""
    names = {1: "home", 2: "direct_business", 4: "mobile"}
    chains: dict[int, list[str]] = {}
    for chain_id, kind in folder.query(
        "SELECT chain_id, contact_info_type FROM attempts JOIN records USING (record_id) ORDER BY placed, attempt"
    ):
        chains.setdefault(chain_id, []).append(names[kind])
    return {tuple(chain) for chain in chains.values()}


@pytest.mark.parametrize(
    ("devices", "passes", "expected"),
    [
        (None, 1, ("home", "direct_business", "mobile")),
        (["mobile", "home", "direct_business"], 1, ("mobile", "home", "direct_business")),
        (["mobile", "home", "direct_business"], 2, ("mobile", "home", "direct_business") * 2),
        (["direct_business"], 1, ("direct_business",)),
        (["direct_business"], 2, ("direct_business",) * 2),
        (["mobile", "home"], 1, ("mobile", "home")),
        (["mobile", "home"], 3, ("mobile", "home") * 3),
        (["home", "voice_mail", "direct_business"], 1, ("home", "direct_business")),
    ],
)
def test_devices_are_dialed_in_the_order_of_the_group(
    customers: Callable[..., ProjectFolder], devices: list[str] | None, passes: int, expected: tuple[str, ...]
) -> None:
    folder = customers(devices, RULES % passes)
    folder.run()
    assert dialed(folder) == {expected}
    assert {state for state, _ in folder.reasons()} == {"closed"}


def test_customer_without_such_a_device_is_not_dialed_and_it_says_why(
    customers: Callable[..., ProjectFolder],
) -> None:
    folder = customers(["voice_mail"])
    folder.run()
    assert dialed(folder) == set()
    assert folder.reasons() == {
        ("excluded", "devices of type home are not dialed"): 4,
        ("chained", "waits for its turn in the chain"): 8,
    }
    order(folder, ["mobile"])
    folder.run()
    assert dialed(folder) == {("mobile",)}


def test_order_that_is_changed_between_runs_holds_for_chains_as_they_stand(
    customers: Callable[..., ProjectFolder],
) -> None:
    """The first number was dialed and is to be dialed again; then the mobile comes before the rest."""
    folder = customers(["home", "direct_business", "mobile"], STUBBORN)
    folder.run(limit=4)
    order(folder, ["mobile", "home", "direct_business"])
    folder.run()
    assert dialed(folder) == {("home", "home", "mobile", "mobile", "direct_business", "direct_business")}


def test_chain_that_has_not_begun_begins_with_the_device_that_is_first_now(
    customers: Callable[..., ProjectFolder],
) -> None:
    folder = customers(["home", "direct_business", "mobile"], size=10)
    folder.run(limit=5)
    order(folder, ["mobile"])
    folder.run()
    assert dialed(folder) == {("home", "mobile"), ("mobile",)}


def test_second_order_may_leave_a_device_out_without_losing_the_customer(
    customers: Callable[..., ProjectFolder],
) -> None:
    folder = customers(["mobile", "home", "direct_business"], RULES % 2)
    folder.run(limit=4)
    order(folder, ["direct_business", "home"])
    folder.run()
    assert dialed(folder) == {("mobile", "direct_business", "home", "direct_business", "home")}


def test_life_of_a_record_tells_that_it_gave_way(
    customers: Callable[..., ProjectFolder], cxrun: Callable[..., Answer]
) -> None:
    folder = customers(["mobile", "home"])
    folder.run(limit=4)
    story = cxrun("-C", folder.folder, "explain", 1).out
    lines = (folder.folder / "campaign.yaml").read_text().splitlines()
    place = lines.index('   "devices": [', lines.index(' "groups": {')) + 1
    assert f"gives way in its chain: mobile comes first (campaign.yaml:{place} devices)" in story
    assert "its turn in the chain: next in its chain, no_answer: next in chain" in story


def test_promised_call_is_not_given_to_another_device(customers: Callable[..., ProjectFolder]) -> None:
    folder = customers(["mobile", "home", "direct_business"])
    folder.import_lists()
    with folder.store() as store:
        store.connection.execute("UPDATE queue SET record_type = 6, priority = 2 WHERE priority > 0")
    folder.run(limit=4)
    assert dialed(folder) == {("home",)}


def test_an_order_with_no_effect_beyond_the_first_device_is_found(
    customers: Callable[..., ProjectFolder], cxrun: Callable[..., Answer]
) -> None:
    alone = "ruleset: retry\ntreatments: [{on: no_answer, do: [redial: {interval: 1h}]}]\n"
    folder = customers(["mobile", "home"], alone)
    told = cxrun("-C", folder.folder, "lint", "--select", "CX110")
    assert told.code == 1
    assert (
        "groups.all.devices: only the first device of a chain is dialed: no ruleset of group 'all'"
        in told.out
    )
    assert "campaign.yaml:" in told.out
    for devices, rules in ((["mobile"], alone), (None, alone), (["mobile", "home"], RULES % 1)):
        folder.write("rulesets/retry.yaml", rules)
        order(folder, devices)
        assert cxrun("-C", folder.folder, "lint", "--select", "CX110").code == 0


@pytest.mark.parametrize(
    ("devices", "complaint"),
    [
        (["mobil"], "'mobil' is not known here; did you mean 'mobile'?"),
        (["home", "home"], '["home", "home"] names something twice'),
        ([], "must not be empty"),
    ],
)
def test_devices_that_do_not_exist_are_refused(
    customers: Callable[..., ProjectFolder], cxrun: Callable[..., Answer], devices: list[Any], complaint: str
) -> None:
    told = cxrun("-C", customers(devices).folder, "validate")
    assert told.code == 3
    assert complaint in told.out


def test_show_names_the_place_of_the_order(
    customers: Callable[..., ProjectFolder], cxrun: Callable[..., Answer]
) -> None:
    said = cxrun("-C", customers(["mobile", "home"]).folder, "show", "all").out
    assert [line.split()[:2] for line in said.splitlines() if line.startswith("devices")] == [
        ["devices[0]", "mobile"],
        ["devices[1]", "home"],
    ]


def test_a_result_that_is_given_afterwards_follows_the_order_of_devices(
    customers: Callable[..., ProjectFolder], cxrun: Callable[..., Answer]
) -> None:
    folder = customers(["mobile", "direct_business", "home"], size=1)
    folder.run(limit=1)
    assert folder.query("SELECT record_id FROM attempts") == [(3,)]
    assert cxrun("-C", folder.folder, "result", 3, "--result", "no_answer", "--as", "record").code == 0
    assert folder.query("SELECT record_id FROM queue WHERE priority > 0") == [(2,)]
