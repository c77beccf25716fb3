"""A source to migrate: its text in, the rulesets and the report out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cxrun.migrating import Migration, migrate
from cxrun.registry import Registry, load_registry


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


@pytest.fixture
def migrated(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Migration]:
    """`migrated("a.csv", text)` is the migration of a file with that name and text."""
    monkeypatch.chdir(tmp_path)

    def call(name: str, text: str, system: str | None = None) -> Migration:
        Path(name).write_text(text, encoding="utf-8")
        return migrate([Path(name)], registry, system)

    return call
