"""Two strategies on the records of one store as they stand, and how a strategy is named."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.errors import Problems, UserError
from cxrun.planning.diffing import Difference, Sums, differences
from cxrun.strategies import checked

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

RULES = """\
ruleset: plain
filters:
  - calling_hours: {hours: "07:00-%s:00"}
  - attempts: {at_most: %d, within: 7d}
  - suppression
treatments:
  - on: other
    do: [{next_in_chain: }, {retry_in: {interval: 1h, attempts: 5}}]
"""


def rules(till: int = 20, at_most: int = 3, more: str = "") -> str:
    return RULES % (till, at_most) + more


def other(folder: ProjectFolder, text: str) -> ProjectFolder:
    """A copy of a project with another ruleset."""
    copy = shutil.copytree(
        folder.folder, folder.folder.with_name("other"), ignore=shutil.ignore_patterns("*.db*")
    )
    (copy / "rulesets/plain.yaml").write_text(text)
    return type(folder)(copy, folder.campaign)


def found(
    folder: ProjectFolder,
    than: ProjectFolder,
    at: float | None = None,
    only: str | None = None,
    *,
    swap: bool = False,
) -> tuple[Sums, list[Difference]]:
    sides = (than, folder) if swap else (folder, than)
    sums = Sums()
    moment = folder.reached() if at is None else at
    with (
        folder.store() as store,
        checked(str(sides[0].folder), folder.folder) as a,
        checked(str(sides[1].folder), folder.folder) as b,
    ):
        return sums, list(differences(store, a, b, moment, sums, only))


def kinds(*arguments: Any, **options: Any) -> Counter[str]:
    return Counter(item.kind for item in found(*arguments, **options)[1])


def test_same_strategy_makes_no_difference(project: MakeProject) -> None:
    folder = project(20, 2, rules={"plain": rules()})
    folder.run(limit=30)
    sums, differing = found(folder, folder)
    assert not differing
    assert (sums.records, sums.different) == (40, 0)
    assert sums.waiting > 20


def test_narrower_hours_block_now_or_later(project: MakeProject) -> None:
    folder = project(20, rules={"plain": rules()})
    folder.import_lists()
    # 23:30 UTC is 18:30 in New York, 16:30 in Denver
    evening = folder.reached() + 10.5 * 3600
    sums, differing = found(folder, other(folder, rules(till=18)), evening)
    assert {item.kind for item in differing} == {"newly blocked"}
    assert all("America/New_York" in item.b.reason for item in differing)
    ((pair, count),) = sums.pairs.items()
    assert (pair.a, pair.b, count) == (
        "dialed",
        "deferred by rulesets/plain.yaml:3 calling_hours",
        len(differing),
    )


def test_what_is_deferred_longer_is_later_and_the_other_way_round_earlier(project: MakeProject) -> None:
    folder = project(20, rules={"plain": rules()})
    folder.import_lists()
    than = other(folder, rules().replace('"07:00', '"10:00'))
    before_seven = folder.reached() - 4 * 3600
    assert kinds(folder, than, before_seven).keys() == {"later"}
    assert kinds(folder, than, before_seven, swap=True).keys() == {"earlier"}


def test_exclusion_blocks_for_good_also_who_waits_in_a_chain(project: MakeProject) -> None:
    folder = project(5, 2, rules={"plain": rules()})
    folder.import_lists()
    than = other(
        folder,
        rules()
        .replace("filters:\n", "filters:\n  - where: {field: chain_n, less: 2}\n")
        .replace("less", "lt"),
    )
    _, differing = found(folder, than, folder.reached() + 5 * 3600)
    assert {(item.record.chain_n, item.kind) for item in differing} == {(2, "newly blocked")}
    assert len(differing) == 5
    assert all(item.b.never for item in differing)
    assert kinds(folder, than, swap=True) == {"newly allowed": 5}


def test_caps_count_what_was_dialed(project: MakeProject) -> None:
    folder = project(10, rules={"plain": rules()})
    folder.run(limit=4)
    differing = found(folder, other(folder, rules(at_most=1)), folder.reached() + 6 * 3600)[1]
    dialed = {
        row[0] for row in folder.query("SELECT a.record_id FROM attempts a JOIN queue q USING (record_id)")
    }
    assert {item.record.record_id for item in differing} == dialed
    assert dialed


def test_caps_by_a_field_nobody_counted_by_yet(project: MakeProject) -> None:
    folder = project(3, rules={"plain": rules()})
    mapped = folder.campaign["lists"]["people"]["map"]
    mapped["fields"] = {"debt": "Client"}
    folder.save()
    folder.run(limit=2)
    cap = "\n  - attempts: {at_most: 1, within: 7d, per: {field: debt}}\n"
    than = other(folder, rules().replace("filters:\n", f"filters:{cap}"))
    differing = found(folder, than, folder.reached() + 6 * 3600)[1]
    waiting = folder.query("SELECT count(*) FROM queue WHERE attempt = 1")
    assert [(len(differing),)] == waiting != [(0,)]
    assert folder.query("SELECT count(*) FROM attempt_fields") == [(0,)]


def test_list_nobody_dials_any_more_is_blocked(project: MakeProject) -> None:
    folder = project(3, rules={"plain": rules()})
    folder.write_list("others", [["X1", "+12125550199"]])
    folder.campaign["groups"]["all"]["lists"] = ["people", "others"]
    folder.save()
    folder.import_lists()
    than = other(folder, rules())
    than.campaign = json.loads(json.dumps(folder.campaign))
    than.campaign["groups"]["all"]["lists"] = ["people"]
    than.save()
    (item,) = found(folder, than)[1]
    assert (item.list_name, item.kind, item.b.reason) == (
        "others",
        "newly blocked",
        "no campaign group dials the list",
    )
    assert not found(folder, than, only="people")[1]


def test_batches_make_no_difference(project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(30, 2, rules={"plain": rules()})
    folder.run(limit=40)
    than = other(folder, rules(at_most=1))
    at = folder.reached() + 3600
    whole = found(folder, than, at)
    monkeypatch.setattr("cxrun.planning.diffing._BATCH", 7)
    assert found(folder, than, at) == whole
    assert whole[1]


def test_diff_writes_nothing(project: MakeProject) -> None:
    folder = project(10, rules={"plain": rules()})
    folder.run(limit=4)
    before = folder.store_file.read_bytes(), folder.journal()
    found(folder, other(folder, rules(at_most=1)))
    assert (folder.store_file.read_bytes(), folder.journal()) == before


def git(folder: ProjectFolder, *arguments: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", "-C", str(folder.folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def committed(project: MakeProject) -> ProjectFolder:
    """A project whose rules are committed, and were changed since."""
    folder = project(10, rules={"plain": rules()})
    git(folder, "init", "-q")
    folder.write(".gitignore", "cxrun.db*\n*.csv\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    folder.run(limit=4)
    folder.write("rulesets/plain.yaml", rules(at_most=1))
    return folder


def test_committed_rules_are_compared_with_the_working_folder(committed: ProjectFolder, cxrun: Cxrun) -> None:
    answer = cxrun("-C", committed.folder, "diff", "--at", "6h")
    assert answer.code == 0, answer.err
    assert "HEAD and the working folder" in answer.out
    assert "deferred by rulesets/plain.yaml:4 attempts" in answer.out
    same = cxrun("-C", committed.folder, "diff", "HEAD", "HEAD", "--at", "6h")
    assert "0 of" in same.out


def test_json_and_csv_tell_the_same(committed: ProjectFolder, cxrun: Cxrun) -> None:
    ask = ("-C", committed.folder, "diff", "HEAD", "--at", "6h")
    told = json.loads(cxrun(*ask, "--json").out)
    rows = list(csv.DictReader(io.StringIO(cxrun(*ask, "--csv").out)))
    assert len(rows) == told["different"] == sum(item["records"] for item in told["counts"]) > 0
    assert [int(row["record"]) for row in rows] == [item["record"] for item in told["shown"]]


def test_settings_that_differ_are_told_with_their_place(committed: ProjectFolder, cxrun: Cxrun) -> None:
    committed.campaign["session_profiles"]["line"]["ring_time"] = "40s"
    committed.save()
    (change,) = json.loads(cxrun("-C", committed.folder, "diff", "--json").out)["settings"]
    assert (change["group"], change["setting"], change["a"], change["b"]) == (
        "all",
        "ring_time",
        "25s",
        "40s",
    )
    assert change["places"][0] == "default"
    assert change["places"][1].startswith("campaign.yaml:")


def test_history_is_replayed_by_a_revision(committed: ProjectFolder, cxrun: Cxrun) -> None:
    ask = ("-C", committed.folder, "replay", "--fail-on", "any")
    assert cxrun(*ask, "--with", "HEAD").code == 0


@pytest.mark.parametrize("name", ["nonsense", "HEAD~7", "--all", "-x"])
def test_what_is_neither_folder_nor_revision_is_refused(committed: ProjectFolder, name: str) -> None:
    with (
        pytest.raises(UserError, match="no YAML file and no git revision"),
        checked(name, committed.folder),
    ):
        pass


def test_folder_without_a_campaign_is_no_strategy(committed: ProjectFolder, tmp_path: Any) -> None:
    (tmp_path / "empty").mkdir()
    with (
        pytest.raises(UserError, match=r"no campaign\.yaml in"),
        checked(str(tmp_path / "empty"), committed.folder),
    ):
        pass


def test_mistakes_of_a_revision_are_told_with_its_name(committed: ProjectFolder) -> None:
    committed.write("rulesets/plain.yaml", rules().replace("suppression", "supression"))
    git(committed, "commit", "-qam", "two")
    with pytest.raises(Problems, match=r"HEAD:rulesets/plain\.yaml:5"), checked("HEAD", committed.folder):
        pass


def test_project_below_the_top_of_its_repository(committed: ProjectFolder, project: MakeProject) -> None:
    below = project(3, rules={"plain": rules()}, name="calls/below")
    git(committed, "add", "below")
    git(committed, "commit", "-qm", "two")
    with checked("HEAD", below.folder) as strategy:
        assert list(strategy.project.groups) == ["all"]
        assert not (strategy.project.folder / "below").exists()
