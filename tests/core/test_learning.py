from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from cxrun import WEEKDAYS, DeviceType
from cxrun.errors import UserError
from cxrun.learning import Learned, learn, written
from cxrun.store import figures
from cxrun.store.lists import stored_lists
from cxrun.yamlfile import parse
from cxrun_plugins.dialers.simulated import Simulated

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

RULES = """\
ruleset: often
results:
  - delivery: {fax_detected: drop, silence: drop, answering_machine: drop}
treatments:
  - on: [answer, answering_machine, no_answer, busy, abandoned, other]
    do: [{next_in_chain: }, {retry_in: {interval: 7h, attempts: 5}}]
"""
WORLD: dict[str, Any] = {
    "outcomes": {"answer": 0.3, "answering_machine": 0.4, "no_answer": 0.2, "busy": 0.1},
    "by_hour": {str(hour): {"answer": 2.0, "busy": 0.5} for hour in range(16, 24)},
    "by_weekday": {"tue": {"answer": 0.6}},
    "by_device": {"mobile": {"answer": 1.4, "no_answer": 0.5}},
    "by_attempt": {"1": {"answer": 1.5}},
    "dispositions": {"SALE": 1, "NO": 3},
    "talk": {"mean": 90, "cv": 0.5},
}
POSSIBLE = Simulated.schema["properties"]["outcomes"]["propertyNames"]["enum"]


def learned(project: ProjectFolder, **options: Any) -> Learned:
    with project.store() as store:
        return learn(store, [stored.list_id for stored in stored_lists(store).values()], POSSIBLE, **options)


def called_often(project: MakeProject, dialer: dict[str, Any], chains: int = 700) -> ProjectFolder:
    """A project whose every number, home and mobile, is called six times around the clock."""
    made = project(
        chains, 2, rules={"often": RULES}, dialer={"simulated": dialer}, agents=80, calls_per_second=5,
    )  # fmt: skip
    devices = made.campaign["lists"]["people"]["map"]["devices"]
    made.campaign["lists"]["people"]["map"]["devices"] = [
        {"column": column, "type": kind} for column, kind in zip(devices, ("home", "mobile"), strict=True)
    ]
    made.save()
    made.run(seed=3)
    return made


def chances(parameters: dict[str, Any], hour: int, day: str, device: str, attempt: int) -> dict[str, float]:
    """What a call comes to, by the parameters."""
    weights = dict(parameters["outcomes"])
    for kind, level in (
        ("by_hour", hour),
        ("by_weekday", day),
        ("by_device", device),
        ("by_attempt", attempt),
    ):
        factors = parameters.get(kind, {})
        for result, factor in factors.get(level, factors.get(str(level), {})).items():
            weights[result] *= factor
    whole = sum(weights.values())
    return {result: weight / whole for result, weight in weights.items()}


def cells(project: ProjectFolder) -> Counter[tuple[int, str, str, int]]:
    """How many calls there were by local hour, weekday, device and attempt."""
    found: Counter[tuple[int, str, str, int]] = Counter()
    with project.store() as store:
        for past in figures.history(store, [1]):
            local = datetime.fromtimestamp(past.quarter * figures.QUARTER, ZoneInfo(past.tz.split()[0]))
            device = "home" if past.device == DeviceType.HOME else "mobile"
            found[local.hour, WEEKDAYS[local.weekday()], device, past.attempt] += past.calls
    return found


def test_known_parameters_are_recovered(project: MakeProject) -> None:
    made = called_often(project, WORLD)
    found = learned(made)
    assert found.attempts > 4500
    often = {cell: calls for cell, calls in cells(made).items() if calls >= 80}
    assert len({cell[0] for cell in often}) > 5
    assert {cell[1] for cell in often} == {"mon", "tue"}
    assert {cell[2] for cell in often} == {"home", "mobile"}
    for cell in often:
        true, ours = chances(WORLD, *cell), chances(found.parameters, *cell)
        for result, chance in true.items():
            assert ours[result] == pytest.approx(chance, abs=0.08), (cell, result)
    wrong = sum(
        calls * abs(chances(WORLD, *cell)["answer"] - chances(found.parameters, *cell)["answer"])
        for cell, calls in often.items()
    )
    # some 25 parameters from n calls leave a standard error of sqrt(0.25 * 25 / n) in a chance
    assert wrong / sum(often.values()) < (0.25 * 25 / found.attempts) ** 0.5
    assert found.parameters["talk"]["mean"] == pytest.approx(90, rel=0.05)
    assert found.parameters["talk"]["cv"] == pytest.approx(0.5, rel=0.1)
    given = found.parameters["dispositions"]
    assert given["SALE"] / sum(given.values()) == pytest.approx(0.25, abs=0.04)


def test_learned_file_fed_back_reproduces_the_mix(project: MakeProject) -> None:
    made = called_often(project, WORLD, 400)
    text = written(learned(made), ["people"], 20)
    again = called_often(project, parse(text, "model").data["simulated"], 400)
    mixes = [
        dict(folder.query("SELECT coalesce(detected, call_result), count(*) * 1.0 FROM attempts GROUP BY 1"))
        for folder in (made, again)
    ]
    assert mixes[0].keys() == mixes[1].keys()
    sizes = [sum(mix.values()) for mix in mixes]
    for result, count in mixes[0].items():
        share, other = count / sizes[0], mixes[1][result] / sizes[1]
        scatter = (2 * share * (1 - share) / min(sizes)) ** 0.5
        assert abs(share - other) < 4 * scatter, result


def test_hour_is_not_blamed_for_what_the_attempt_does(project: MakeProject) -> None:
    made = called_often(
        project, {"outcomes": {"answer": 1, "busy": 1}, "by_attempt": {"1": {"answer": 3}}}, 300
    )
    first = made.query("SELECT min(placed) FROM attempts")[0][0]
    assert made.query("SELECT max(placed) FROM attempts WHERE attempt = 1")[0][0] < first + 4 * 3600
    hours = learned(made).parameters.get("by_hour", {})
    assert all(0.8 < factor < 1.25 for factors in hours.values() for factor in factors.values())


def test_factors_by_a_field_are_found_for_those_with_a_value(project: MakeProject) -> None:
    world = {
        "outcomes": {"answer": 0.3, "busy": 0.7},
        "by_field": {"segment": {"gold": {"answer": 2}, "new": {"answer": 0.5}}},
    }
    made = project(1500, rules={"often": RULES}, dialer={"simulated": world}, agents=80, calls_per_second=5)
    made.add_field("segment", ["gold", "new", "", "other"])
    made.run(seed=3)

    found = learned(made, fields=["segment"]).parameters

    assert "by_field" not in learned(made).parameters
    factors = found["by_field"]["segment"]
    assert list(factors) == ["gold", "new", "other"]
    for segment, share in (("gold", 0.6 / 1.3), ("new", 0.15 / 0.85), ("other", 0.3)):
        weights = {
            result: weight * factors[segment].get(result, 1) for result, weight in found["outcomes"].items()
        }
        assert weights["answer"] / sum(weights.values()) == pytest.approx(share, abs=0.05), segment
    assert Simulated.build(found).own_fields() == ("segment",)


def test_field_that_says_who_somebody_is_is_no_kind_of_people(project: MakeProject) -> None:
    made = project(150)
    made.add_field("segment", [f"S{number}" for number in range(120)])
    made.run(limit=150)
    with pytest.raises(UserError, match="field 'segment' has 120 values, and factors are for at most 100"):
        learned(made, fields=["segment"])


def test_much_smoothing_leaves_the_hours_alike(project: MakeProject) -> None:
    made = called_often(project, WORLD, 100)
    little, much = learned(made, smoothing=1).parameters, learned(made, smoothing=1e6).parameters
    assert max(factors.get("answer", 1) for factors in little["by_hour"].values()) > 1.3
    assert "by_hour" not in much


def test_file_can_be_read_back_and_says_where_it_comes_from(project: MakeProject) -> None:
    made = called_often(project, WORLD, 50)
    found = learned(made)
    text = written(found, ["people"], 20)
    assert text.startswith("# What calls come to, learned by `cxrun learn` from ")
    assert "on list people,\n# 2026-03-02 to 2026-03-" in text
    Simulated.build(parse(text, "model").data["simulated"])
    assert yaml.safe_load(text)["simulated"]["outcomes"] == found.parameters["outcomes"]


def test_calls_without_a_disposition_keep_their_share(project: MakeProject) -> None:
    made = called_often(project, WORLD, 50)
    with made.store() as store, store.transaction():
        store.connection.execute("UPDATE attempts SET disposition = NULL WHERE disposition = 'NO'")
    assert set(learned(made).parameters["dispositions"]) == {"SALE", "NO_CODE"}


def test_promised_callbacks_are_learned(project: MakeProject) -> None:
    dialer = {"outcomes": {"answer": 1}, "dispositions": {"LATER": 1}, "callback_after": {"LATER": "3h"}}
    made = project(20, dialer={"simulated": dialer})
    made.run(limit=15)
    after = learned(made).parameters["callback_after"]["LATER"]
    assert float(after.removesuffix("s")) == pytest.approx(3 * 3600, abs=1)


def test_lost_calls_and_those_of_other_systems_are_left_out(project: MakeProject) -> None:
    made = project(20)
    made.run(limit=20)
    whole = learned(made).attempts
    with made.store() as store, store.transaction():
        ids = [row[0] for row in store.connection.execute("SELECT record_id FROM attempts LIMIT 5")]
        store.connection.execute("UPDATE attempts SET run_id = 0 WHERE record_id IN (?, ?)", ids[:2])
        store.connection.execute(
            "UPDATE attempts SET call_result = 28, detected = NULL WHERE record_id IN (?, ?, ?)", ids[2:]
        )
    found = learned(made)
    assert found.attempts == whole - 5
    assert found.unused == 3


def test_nothing_to_learn_from_is_said(project: MakeProject) -> None:
    made = project(3)
    made.import_lists()
    with pytest.raises(UserError, match="nothing to learn from"):
        learned(made)
