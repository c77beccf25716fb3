from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

GOOD = "name,call result,action,cycle attempt,interval,increment\nsoon,Busy,Redial,2,30,5\n"
HALF = f"{GOOD}sql,No Answer,Execute SQL Statement,,,\n"


def write(folder: Path, text: str, name: str = "plan.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_migrated_strategy_is_dialed_by(cxrun: Cxrun, project: MakeProject) -> None:
    busy = {"simulated": {"outcomes": {"busy": 100}}}
    made = project(3, rules={"none": "ruleset: none\n"}, dialer=busy)
    assert cxrun("-C", made.folder, "migrate", write(made.folder, GOOD)).code == 0
    made.campaign["dialing_profiles"]["standard"]["rulesets"] = ["plan"]
    made.save()
    assert "no problems" in cxrun("-C", made.folder, "validate").out
    made.run()
    calls = made.query("SELECT record_id, placed FROM attempts ORDER BY record_id, attempt")
    times = [placed for record, placed in calls if record == 1]
    assert [round(late - early) for early, late in pairwise(times)] == [1800, 2100]
    assert made.reasons() == {("closed", "busy: treatments used up"): 3}


def test_exit_code_says_whether_all_was_carried_over(cxrun: Cxrun, tmp_path: Path) -> None:
    assert cxrun("-C", tmp_path, "migrate", write(tmp_path, GOOD)).code == 0
    answer = cxrun("-C", tmp_path, "migrate", "--force", write(tmp_path, HALF))
    assert answer.code == 1
    assert "\nnot carried over\n" in answer.out
    assert answer.out.endswith(
        "1 ruleset from ocs: 1 carried over, 0 left out, 1 not carried over\n"
        "next: name them in campaign.yaml, rulesets: [plan]; cxrun validate\n"
    )


def test_what_exists_is_overwritten_only_by_force(cxrun: Cxrun, tmp_path: Path) -> None:
    source = write(tmp_path, GOOD)
    there = tmp_path / "rulesets" / "plan.yaml"
    there.parent.mkdir()
    there.write_text("ruleset: plan\n", encoding="utf-8")
    answer = cxrun("-C", tmp_path, "migrate", source)
    assert (answer.code, answer.out) == (3, "")
    assert f"{there} exists already; nothing was written. --force overwrites" in answer.err
    assert there.read_text(encoding="utf-8") == "ruleset: plan\n"
    assert cxrun("-C", tmp_path, "migrate", "--force", source).code == 0
    assert "redial" in there.read_text(encoding="utf-8")


def test_name_is_that_of_the_ruleset(cxrun: Cxrun, tmp_path: Path) -> None:
    answer = cxrun("-C", tmp_path, "migrate", "--name", "Spring Sales", write(tmp_path, GOOD))
    assert answer.out.startswith(f"wrote {tmp_path / 'rulesets' / 'spring_sales.yaml'}\n")
    recycle = "campaign_id,status,attempt_delay,attempt_maximum,active\nA,NA,600,2,Y\n"
    answer = cxrun("-C", tmp_path, "migrate", "--name", "x", write(tmp_path, recycle))
    assert answer.code == 3
    assert "--name is for the one ruleset of OCS treatments" in answer.err


def test_json_tells_all_of_it(cxrun: Cxrun, tmp_path: Path) -> None:
    answer = cxrun("-C", tmp_path, "migrate", "--json", write(tmp_path, HALF))
    told = json.loads(answer.out)
    assert answer.code == 1
    assert told["system"] == "ocs"
    assert told["written"] == [str(tmp_path / "rulesets" / "plan.yaml")]
    assert [entry["what"] for entry in told["carried_over"]] == ["'soon' Redial"]
    assert told["left_out"] == []
    (entry,) = told["not_carried_over"]
    assert (entry["line"], entry["what"], entry["detail"]) == (3, "'sql' MarkDB", "has no counterpart")


def test_bad_sources_write_nothing(cxrun: Cxrun, tmp_path: Path) -> None:
    answer = cxrun("-C", tmp_path, "migrate", write(tmp_path, GOOD.replace("Redial", "Redail")))
    assert answer.code == 3
    assert "plan.csv:2:11: no record action 'Redail'; did you mean 'Redial'?" in answer.err
    assert not (tmp_path / "rulesets").exists()


def test_a_source_of_no_known_system_is_refused(cxrun: Cxrun, tmp_path: Path) -> None:
    answer = cxrun("-C", tmp_path, "migrate", write(tmp_path, "a,b\n1,2\n"))
    assert answer.code == 3
    assert "looks like no system that is known; name one by --from" in answer.err


def test_the_system_can_be_named(cxrun: Cxrun, tmp_path: Path) -> None:
    answer = cxrun("-C", tmp_path, "migrate", "--from", "vicidial", write(tmp_path, GOOD))
    assert answer.code == 3
    assert "no table of vicidial is in there; one has e.g. campaign_id, status" in answer.err


def test_every_system_can_be_named() -> None:
    from cxrun.cli.migrate import command
    from cxrun.migrating import SYSTEMS

    (choice,) = [option.type for option in command.params if option.name == "system"]
    assert tuple(choice.choices) == SYSTEMS  # type: ignore[attr-defined]
