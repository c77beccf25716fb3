"""A small project that has been run, to ask about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder


@pytest.fixture
def dialed(project: Callable[..., ProjectFolder]) -> ProjectFolder:
    """A project of 40 records, run for 30 attempts."""
    made = project(20, 2)
    made.run(limit=30)
    return made
