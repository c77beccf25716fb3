"""What `cxrun init --ci` writes and the hooks of pre-commit, executed as they will be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tests.conftest import Answer

    Cxrun = Callable[..., Answer]
    Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
HOOKS = ("cxrun-validate", "cxrun-lint", "cxrun-test")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A virtualenv that has cxrun and whatever is installed here, git with a name, and no network."""
    folder = tmp_path_factory.mktemp("ci")
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    purelib = next((folder / "venv").glob("lib/python*/site-packages"))
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    lines = "".join(f"import site; site.addsitedir({place!r})\n" for place in sorted(places))
    (purelib / "ci.pth").write_text(lines, encoding="utf-8")
    script = python.parent / "cxrun"
    script.write_text(f"#!{python}\nimport sys\nfrom cxrun.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    keep = ("HOME", "TMPDIR", "LANG", "PYTHONPATH")
    return {
        **{name: os.environ[name] for name in keep if name in os.environ},
        "PATH": f"{python.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PRE_COMMIT_HOME": str(folder / "pre-commit"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_{what}": f"{what}@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }  # fmt: skip


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs a command in a folder, as a shell would."""

    def call(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )

    return call


@pytest.fixture
def checked(cxrun: Cxrun, run: Run, tmp_path: Path) -> Path:
    """A project under git with its CI."""
    folder = tmp_path / "calls"
    assert cxrun("init", folder, "--ci").code == 0
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "Begin")):
        done = run(folder, "git", *command)
        assert done.returncode == 0, done.stderr
    return folder


def steps(folder: Path) -> list[str]:
    """The commands of the workflow, in order."""
    workflow = yaml.safe_load((folder / ".github/workflows/cxrun.yaml").read_text(encoding="utf-8"))
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_every_step_of_the_workflow_succeeds_in_a_new_project(checked: Path, run: Run) -> None:
    commands = steps(checked)
    assert [command.split()[:2] for command in commands[1:]] == [
        ["cxrun", "validate"],
        ["cxrun", "lint"],
        ["cxrun", "test"],
    ]
    for command in commands:
        done = run(checked, "bash", "-e", "-o", "pipefail", "-c", command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def test_the_workflow_stops_at_what_is_wrong(checked: Path, run: Run) -> None:
    rules = checked / "rulesets" / "retry.yaml"
    text = rules.read_text(encoding="utf-8")
    answers = []
    for wrong in (
        text.replace("redial", "redail"),
        text.replace("attempts: 2}\n      - next", "attempts: 9}\n      - next"),
    ):
        rules.write_text(wrong, encoding="utf-8")
        answers.append(
            [run(checked, "bash", "-e", "-c", command).returncode for command in steps(checked)[1:]]
        )
    assert answers == [[3, 3, 3], [0, 1, 1]]


def test_hooks_of_a_project_run_before_a_commit(checked: Path, run: Run) -> None:
    done = run(checked, sys.executable, "-m", "pre_commit", "run", "--all-files")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 3


@pytest.fixture
def hooks(run: Run, tmp_path: Path) -> Path:
    """The hooks of this checkout as a repository of their own."""
    folder = tmp_path / "hooks"
    folder.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", folder)
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "Hooks")):
        assert run(folder, "git", *command).returncode == 0
    return folder


def test_hooks_are_those_that_are_documented() -> None:
    declared = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert tuple(hook["id"] for hook in declared) == HOOKS


def test_hooks_of_this_repository_run_in_a_project(checked: Path, hooks: Path, run: Run) -> None:
    def tried() -> subprocess.CompletedProcess[str]:
        return run(checked, sys.executable, "-m", "pre_commit", "try-repo", str(hooks), "--all-files")

    good = tried()
    assert good.returncode == 0, good.stdout + good.stderr
    assert good.stdout.count("Passed") == 3
    rules = checked / "rulesets" / "retry.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace("redial: {interval: 30m", "redial: {interval: 0s"), encoding="utf-8")
    bad = tried()
    assert bad.returncode == 1
    assert bad.stdout.count("Passed") == 1
    assert re.findall("- hook id: (.*)", bad.stdout) == ["cxrun-lint", "cxrun-test"]
    assert "rulesets/retry.yaml:13:9: CX106 warning" in bad.stdout
    assert "rulesets/retry.cases.yaml:" in bad.stdout


def test_ci_comes_to_a_project_that_is_there_already_once(cxrun: Cxrun, tmp_path: Path) -> None:
    cxrun("init", tmp_path)
    before = (tmp_path / "campaign.yaml").read_text(encoding="utf-8")
    answer = cxrun("-C", tmp_path, "init", "--ci")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        f"wrote {tmp_path / '.github/workflows/cxrun.yaml'}",
        f"wrote {tmp_path / '.pre-commit-config.yaml'}",
    ]
    assert (tmp_path / "campaign.yaml").read_text(encoding="utf-8") == before
    again = cxrun("-C", tmp_path, "init", "--ci")
    assert again.code == 3
    assert "exists already; nothing was written for CI" in again.err
