"""A strategy as a command names it: a project as it stands, as it stood in git, or with one file replaced."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from cxrun.campaign import CAMPAIGN_FILE, STORE_FILE, Project
from cxrun.errors import Problems, UserError
from cxrun.loading import load_project
from cxrun.registry import load_registry
from cxrun.yamlfile import load

HERE: Final = "."
"""The project as it stands."""


class Strategy(NamedTuple):
    """A project folder under the name somebody gave it."""

    name: str
    folder: Path
    made: bool = False
    """Whether the folder was made to read the strategy from."""

    def load(self) -> Project:
        """The project, checked. Raises Problems, told under the name of the strategy."""
        try:
            return load_project(self.folder, load_registry(self.folder))
        except Problems as error:
            if not self.made:
                raise
            raise Problems(
                problem._replace(
                    mark=problem.mark._replace(
                        file=problem.mark.file.replace(f"{self.folder}/", f"{self.name}:")
                    )
                )
                for problem in error.problems
            ) from None


class Checked(NamedTuple):
    """A strategy that was read and has no mistakes."""

    name: str
    project: Project


@contextmanager
def checked(text: str, project: Path) -> Iterator[Checked]:
    """The strategy that is meant, for as long as the block lasts. Raises UserError, or Problems with what is wrong."""
    with TemporaryDirectory(prefix="cxrun-") as made:
        found = strategy(text, project, Path(made))
        if found.made:
            # its lists are those in the store, so their files need not be there
            (found.folder / STORE_FILE).touch()
        yield Checked(found.name, found.load())


def strategy(text: str, project: Path, scratch: Path) -> Strategy:
    """The strategy that is meant; what must be made for it is made in `scratch`.

    `.` is the project; a folder with a campaign.yaml, that one; a YAML file, the project with the ruleset of the
    same name, or its campaign.yaml, replaced by it; anything else is a git revision of the project. Raises UserError.
    """
    if text == HERE:
        return Strategy("now", project)
    for path in (Path(text), project / text):
        if (path / CAMPAIGN_FILE).exists():
            return Strategy(text, path)
        if path.is_file():
            return Strategy(text, _with_file(project, path, scratch), made=True)
    if Path(text).is_dir():
        raise UserError(f"there is no {CAMPAIGN_FILE} in {text}")
    return Strategy(text, _revision(project, text, scratch), made=True)


def _with_file(project: Path, file: Path, scratch: Path) -> Path:
    """The project with a file in place of the ruleset of the same name, or of campaign.yaml."""
    document = load(file)
    named = document.data.get("ruleset") if isinstance(document.data, dict) else None
    folder = _fresh(scratch)
    _link_all(project, folder, but={CAMPAIGN_FILE if named is None else "rulesets"})
    if named is None:
        if not isinstance(document.data, dict) or "groups" not in document.data:
            raise UserError(f"{file} is neither a ruleset (`ruleset: NAME`) nor a campaign (`groups:`)")
        _link(file, folder / CAMPAIGN_FILE)
        return folder
    rulesets = folder / "rulesets"
    rulesets.mkdir()
    for other in sorted((project / "rulesets").glob("*")):
        told = load(other).data if other.name.partition(".")[2] in ("yaml", "yml") else None
        if not (isinstance(told, dict) and told.get("ruleset") == named):
            _link(other, rulesets / other.name)
    if not (rulesets / f"{named}.yaml").exists():
        _link(file, rulesets / f"{named}.yaml")
        return folder
    raise UserError(f"{file}: rulesets/{named}.yaml has another ruleset in it")


def _revision(project: Path, revision: str, scratch: Path) -> Path:
    """The project as it stood in git, with the lists that are not kept there."""
    found = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        kept = _git(project, "rev-parse", "--git-dir") is not None
        raise UserError(
            f"'{revision}' is no project folder, no YAML file and no git revision of {project.resolve()}"
            + ("; write e.g. . or ../another or HEAD~1" if kept else
               ", which is in no git repository; write e.g. . or ../another")
        )  # fmt: skip
    # of the folder it is started in, whatever part of the repository that is
    packed = _git(project, "archive", "--format=tar", found.decode().strip())
    if packed is None:
        raise UserError(f"git revision {revision} does not have the folder {project.resolve()}")
    folder = _fresh(scratch)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    (folder / STORE_FILE).unlink(missing_ok=True)
    if not (folder / CAMPAIGN_FILE).exists():
        raise UserError(f"there is no {CAMPAIGN_FILE} in revision {revision}")
    data = load(folder / CAMPAIGN_FILE, CAMPAIGN_FILE).data
    lists = data.get("lists") if isinstance(data, dict) else None
    for told in lists.values() if isinstance(lists, dict) else ():
        name = told.get("file") if isinstance(told, dict) else None
        if isinstance(name, str) and not (folder / name).exists() and (project / name).exists():
            _link(project / name, folder / name)
    return folder


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says, None if it refuses."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except OSError as error:
        raise UserError(
            f"git cannot be started, and a strategy that is no folder and no file is a git revision: {error}"
        ) from error
    return done.stdout if done.returncode == 0 else None


def _fresh(scratch: Path) -> Path:
    folder = scratch / str(len(list(scratch.iterdir())))
    folder.mkdir()
    return folder


def _link_all(project: Path, folder: Path, but: set[str]) -> None:
    """The project's files in another folder, but for its store."""
    for path in sorted(project.iterdir()):
        if path.name not in but and not path.name.startswith((".", STORE_FILE)):
            _link(path, folder / path.name)


def _link(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(path.resolve(), target, target_is_directory=path.is_dir())
