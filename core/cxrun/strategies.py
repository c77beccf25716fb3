"""A strategy as a command names it: a project folder, or a git revision of the project at hand."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cxrun.campaign import CAMPAIGN_FILE, STORE_FILE, Project
from cxrun.errors import Problems, UserError
from cxrun.loading import load_project
from cxrun.registry import load_registry


class Strategy(NamedTuple):
    """A checked project under the name somebody gave it."""

    name: str
    project: Project


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Strategy]:
    """The strategy a command names, for as long as the block lasts; `folder` is the project at hand.

    A folder with a campaign.yaml is that project (relative to where the command was started, so `.` is the
    working folder); anything else is a git revision of `folder`: HEAD, main~3, v1.2. Raises UserError if it is
    neither, Problems with what is wrong with it.
    """
    path = Path(name)
    if (path / CAMPAIGN_FILE).exists():
        yield Strategy(name, load_project(path, load_registry(path)))
        return
    if path.is_dir():
        raise UserError(
            f"there is no {CAMPAIGN_FILE} in {name}; a strategy is a project folder or a git revision"
        )
    with TemporaryDirectory(prefix="cxrun-") as made:
        at = Path(made)
        _unpack(name, folder, at)
        # the lists of a revision are those in the store, so their files need not be there
        (at / STORE_FILE).touch()
        try:
            project = load_project(at, load_registry(at))
        except Problems as error:
            shown = (
                p._replace(mark=p.mark._replace(file=p.mark.file.replace(f"{made}/", f"{name}:")))
                for p in error.problems
            )
            raise Problems(shown) from None
        yield Strategy(name, project)


def _unpack(revision: str, folder: Path, to: Path) -> None:
    """Write the project as a revision of its repository has it."""
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise UserError(
            f"'{revision}' is no project folder and no git revision of {folder.resolve()}; "
            "write e.g. . or ../another or HEAD~1"
        )
    commit = found.decode().strip()
    # of the folder it is started in, whatever part of the repository that is
    packed = _git(folder, "archive", "--format=tar", commit)
    if packed is None:
        raise UserError(f"git revision {revision} does not have the folder {folder.resolve()}")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(to, filter="data")


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says, None if it refuses."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except OSError as error:
        raise UserError(
            f"git cannot be started, and a strategy that is no folder is a git revision: {error}"
        ) from error
    return done.stdout if done.returncode == 0 else None
