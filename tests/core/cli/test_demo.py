from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer

    Cxrun = Callable[..., Answer]


def test_the_demo_shows_the_main_job(cxrun: Cxrun, tmp_path: Path) -> None:
    answer = cxrun("demo", tmp_path / "calls")
    assert answer.code == 0
    for step in ("init", "run", "status", "status --why", "explain"):
        assert f"{step}" in answer.out
    assert "nothing left to dial" in answer.out
    assert "records in all" in answer.out
    assert "\nnext: " in answer.out
    assert answer.err == ""


def test_a_second_demo_goes_on_with_the_project_of_the_first(cxrun: Cxrun, tmp_path: Path) -> None:
    assert cxrun("demo", tmp_path / "calls").code == 0
    again = cxrun("demo", tmp_path / "calls")
    assert again.code == 0
    assert "wrote" not in again.out
    assert "0 attempts" in again.out


def test_the_demo_stays_in_its_folder(cxrun: Cxrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cxrun("demo").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["cxrun-demo"]


def test_another_seed_tells_another_story(cxrun: Cxrun, tmp_path: Path) -> None:
    first = cxrun("demo", tmp_path / "first").out.replace("first", "")
    second = cxrun("demo", tmp_path / "second", "--seed", 7).out.replace("second", "")
    assert first.replace("--seed 0", "--seed 7") != second
