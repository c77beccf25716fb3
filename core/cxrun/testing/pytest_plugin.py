"""Fixtures for plugin authors; loaded by pytest wherever cxrun is installed, so all begin with `cx_`."""

# Every pytest run loads this module, before coverage starts: cxrun itself is imported inside the fixtures.
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cxrun.pipeline import Decision, Settlement
    from cxrun.registry import Registry


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
