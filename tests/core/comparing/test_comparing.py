from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.comparing import changed, compared, findings
from cxrun.simulating import trials
from cxrun.simulating.scene import Prices, Wish, staged
from cxrun.simulating.trial import Round
from cxrun.strategies import Strategy

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]


def beside(project: ProjectFolder, old: str, new: str) -> Path:
    """The project with another retry plan."""
    folder = project.folder.with_name("other")
    shutil.copytree(project.folder, folder, ignore=shutil.ignore_patterns("cxrun.db*"))
    rules = folder / "rulesets" / "retry.yaml"
    text = rules.read_text()
    assert old in text
    rules.write_text(text.replace(old, new))
    return folder


def both(
    project: ProjectFolder, other: Path, seeds: Sequence[int], **wish: Any
) -> tuple[dict[str, Any], list[Round]]:
    plans = [Strategy("before", project.folder), Strategy("after", other)]
    with staged(project.load(), Wish(**wish)) as scene:
        rounds = list(trials(scene, plans, seeds))
        return compared(scene, plans, rounds), rounds


def test_the_same_strategy_differs_in_nothing(project: MakeProject) -> None:
    made = project(40, 2)
    data, _ = both(made, made.folder, range(3))
    for key, figure in data["figures"].items():
        assert set(figure["difference"].values()) <= {0, None}, key
        assert not figure["certain"], key
    assert data["changed"] == []
    assert data["newly_dialed"]["records"]["mean"] == data["no_longer_dialed"]["records"]["mean"] == 0
    assert findings(data) == [
        "Contacts: the same in every seed",
        "Right-party contacts: the same in every seed",
        "Abandon rate: the same in every seed",
        "Agent hours: the same in every seed",
    ]


def test_records_that_only_one_dials_are_told_with_the_rule(project: MakeProject) -> None:
    made = project(60)
    other = beside(made, "filters:\n", "filters:\n  - where: {field: area_code, not_in: ['212']}\n")
    data, rounds = both(made, other, range(3))
    assert data["newly_dialed"]["records"]["mean"] == 0
    lost = data["no_longer_dialed"]
    assert lost["records"]["mean"] == lost["blocked"]["mean"] == 3
    (why,) = lost["why"]
    assert why["why"].startswith("rulesets/retry.yaml:")
    assert why["why"].endswith(" where")
    assert (why["blocked"], why["records"]) == (True, 3)
    assert all(played.newly_dialed == () for played in rounds)
    back, _ = both(replace_folder(made, other), made.folder, range(2))
    assert back["newly_dialed"]["records"]["mean"] == 3
    assert back["newly_dialed"]["why"][0]["blocked"]


def replace_folder(project: ProjectFolder, folder: Path) -> ProjectFolder:
    return replace(project, folder=folder)


def test_difference_is_that_of_the_means_and_decisions_say_why(project: MakeProject) -> None:
    made = project(80)
    other = beside(made, "retry_in: {interval: 4h, attempts: 1}", "retry_in: {interval: 4h, attempts: 3}")
    data, rounds = both(made, other, range(8), prices=Prices(dial=1))
    for key, figure in data["figures"].items():
        if figure["difference"]["mean"] is not None:
            step = figure["after"]["mean"] - figure["before"]["mean"]
            assert figure["difference"]["mean"] == pytest.approx(step, abs=1e-9), key
    assert data["figures"]["dials"]["certain"]
    assert data["figures"]["cost"]["difference"] == pytest.approx(data["figures"]["dials"]["difference"])
    first = data["decisions"][0]
    assert first["rule"] == "retry: retry_in"
    assert first["difference"]["mean"] > 0
    dials = [
        (played.trials[1].figures["dials"] or 0) - (played.trials[0].figures["dials"] or 0)
        for played in rounds
    ]
    assert data["figures"]["dials"]["difference"]["mean"] == pytest.approx(fmean(dials), rel=0.2)
    (change,) = data["changed"]
    assert change["file"] == "rulesets/retry.yaml"
    assert any(line.startswith("+") and "attempts: 3" in line for line in change["lines"])


def test_both_meet_the_same_luck_on_their_first_calls(project: MakeProject) -> None:
    made = project(50)
    other = beside(made, "retry_in: {interval: 4h, attempts: 1}", "retry_in: {interval: 4h, attempts: 2}")
    _, rounds = both(made, other, range(4), until="3h")
    for played in rounds:
        before, after = played.trials
        assert before.figures["answered"] == after.figures["answered"]
        assert before.luck == after.luck


def test_common_luck_is_surer_than_luck_of_ones_own(project: MakeProject) -> None:
    made = project(150, dialer={"simulated": {"by_hour": {"12": {"answer": 2}, "13": {"answer": 2}}}})
    other = beside(made, "retry_in: {interval: 4h, attempts: 1}", "retry_in: {interval: 1d, attempts: 2}")
    data, rounds = both(made, other, range(10))
    difference = data["figures"]["answered"]["difference"]
    one, two = ([played.trials[side].figures["answered"] or 0 for played in rounds] for side in (0, 1))
    spread = sum((value - fmean(side)) ** 2 for side in (one, two) for value in side) / 9
    assert ((difference["high"] - difference["low"]) / 2) ** 2 < 2.101**2 * spread / 10 / 5


def test_files_of_dialers_and_mappings_are_among_what_has_changed(project: MakeProject) -> None:
    made = project(3, dialer="world.yaml")
    made.write("world.yaml", "simulated: {}\n")
    made.write("crm.yaml", "client_id: Client\ndevices: [Phone 1]\n")
    made.campaign["lists"]["people"]["map"] = "crm.yaml"
    made.save()
    other = made.folder.with_name("other")
    shutil.copytree(made.folder, other)
    assert changed(made.folder, other) == []
    (other / "world.yaml").write_text("simulated: {people_differ: 1}\n")
    (other / "crm.yaml").write_text("devices: [Phone 1]\n")
    assert [change["file"] for change in changed(made.folder, other)] == ["crm.yaml", "world.yaml"]


def test_comparing_is_as_sure_where_people_differ(project: MakeProject) -> None:
    made = project(150, dialer={"simulated": {"people_differ": 1, "outcomes": {"answer": 3, "no_answer": 7}}})
    other = beside(made, "retry_in: {interval: 4h, attempts: 1}", "retry_in: {interval: 1d, attempts: 2}")
    data, rounds = both(made, other, range(10))
    difference = data["figures"]["answered"]["difference"]
    one, two = ([played.trials[side].figures["answered"] or 0 for played in rounds] for side in (0, 1))
    spread = sum((value - fmean(side)) ** 2 for side in (one, two) for value in side) / 9
    assert ((difference["high"] - difference["low"]) / 2) ** 2 < 2.101**2 * spread / 10 / 5


def test_one_seed_says_little(project: MakeProject) -> None:
    made = project(30)
    other = beside(made, "attempts: 1}}]", "attempts: 2}}]")
    data, _ = both(made, other, [1])
    assert data["figures"]["dials"]["difference"]["low"] is None
    assert any("in one seed, which says little" in text for text in findings(data))


def test_changed_files_are_told(tmp_path: Path) -> None:
    for name, files in {
        "a": {"campaign.yaml": "groups: {one: {}}\n", "rulesets/x.yaml": "same\n", "plugins/p.py": "old\n"},
        "b": {
            "campaign.yaml": "groups: {two: {}}\n",
            "rulesets/x.yaml": "same\n",
            "rulesets/y.yaml": "new\n",
        },
    }.items():
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    found = {change["file"]: change["lines"][1:] for change in changed(tmp_path / "a", tmp_path / "b")}
    assert found == {
        "campaign.yaml": ["-groups: {one: {}}", "+groups: {two: {}}"],
        "plugins/p.py": ["-old"],
        "rulesets/y.yaml": ["+new"],
    }
