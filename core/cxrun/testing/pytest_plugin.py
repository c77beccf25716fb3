"""Case files as tests, and fixtures for plugin authors; loaded by pytest wherever cxrun is installed.

Every `*.cases.yaml` beside a ruleset or in a project is collected, one test for each case. The fixtures begin
with `cx_`.
"""

# Every pytest run loads this module, before coverage starts: cxrun itself is imported inside the fixtures.
from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cxrun.cases.case import Case
    from cxrun.cases.suite import CaseFile, Loader
    from cxrun.pipeline import Decision, Settlement
    from cxrun.registry import Registry

_LOADER: pytest.StashKey[Loader] = pytest.StashKey()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Case files are tests wherever they are found: beside a ruleset, or in a project."""
    name, dot, ending = file_path.name.rpartition(".cases.")
    if not dot or ending not in ("yaml", "yml"):
        return None
    beside = any(file_path.with_name(f"{name}.{suffix}").exists() for suffix in ("yaml", "yml"))
    if beside or any((folder / "campaign.yaml").exists() for folder in file_path.parents):
        return _CaseFile.from_parent(parent, path=file_path)
    return None


class _CaseFile(pytest.File):
    """One case file."""

    def collect(self) -> Iterator[pytest.Item]:
        from cxrun.cases.suite import Loader
        from cxrun.errors import UserError

        # one for the session: every ruleset and every project's plugins are read once
        if _LOADER not in self.config.stash:
            self.config.stash[_LOADER] = Loader()
        try:
            (file,) = self.config.stash[_LOADER].load([self.path])
        except UserError as error:
            raise self.CollectError(str(error)) from None
        for case in file.cases:
            yield _CaseItem.from_parent(self, name=case.name, file=file, case=case)


class _CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, file: CaseFile, case: Case, **given: Any) -> None:
        super().__init__(**given)
        self._file = file
        self._case = case

    def runtest(self) -> None:
        problems = self._file.told(self._file.play(self._case))
        if problems:
            pytest.fail("\n".join(str(problem) for problem in problems), pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, self._file.document.mark(self._case.path).line - 1, self.name


@pytest.fixture(scope="module")
def cx_project(request: pytest.FixtureRequest) -> Path | None:
    """The project folder the test module belongs to: the nearest one above it with a campaign.yaml.

    None if there is none. Override it in a conftest.py if the project is elsewhere.
    """
    return next((folder for folder in request.path.parents if (folder / "campaign.yaml").exists()), None)


@pytest.fixture(scope="module")
def cx_registry(cx_project: Path | None) -> Registry:
    """Every element there is: built-in, installed, and those in `plugins/` of the project."""
    from cxrun.registry import load_registry

    return load_registry(cx_project)


@pytest.fixture
def cx_build(cx_registry: Registry) -> Callable[..., Any]:
    """`cxrun.testing.build` with the elements of the project."""
    from cxrun.testing import build

    return partial(build, registry=cx_registry)


@pytest.fixture
def cx_decide(cx_registry: Registry) -> Callable[..., Decision]:
    """`cxrun.testing.decide` with the elements of the project."""
    from cxrun.testing import decide

    return partial(decide, registry=cx_registry)


@pytest.fixture
def cx_settle(cx_registry: Registry) -> Callable[..., Settlement]:
    """`cxrun.testing.settle` with the elements of the project."""
    from cxrun.testing import settle

    return partial(settle, registry=cx_registry)
