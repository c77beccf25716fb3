from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = [
    path
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if not path.name.startswith("test_") and "def main(" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_benchmark_says_what_it_takes(script: Path) -> None:
    told = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("usage: ")


@pytest.mark.parametrize(
    "wrong", [["--agents", "0"], ["--agents", "5,-1"], ["--agents", "some"], ["--days", "0"]]
)
def test_the_pacing_benchmark_refuses_sizes_that_are_none(wrong: list[str]) -> None:
    script = Path(__file__).with_name("pacing.py")
    told = subprocess.run([sys.executable, script, *wrong], capture_output=True, text=True)
    assert told.returncode == 2
    assert f"argument {wrong[0]}: must be a whole number of at least 1" in told.stderr


def test_a_row_of_family_m_above_the_cap_shows_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import pacing

    played = pacing.play(pacing.Job("M0.3", 5, "progressive", {}, days=1, hours=0.2, warm_up=0.1))
    keeping, breaking = (played._replace(bound=84.1, abandon=abandon) for abandon in (2.9, 3.4))
    lines = list(pacing.table([keeping, breaking]))
    assert [("gap" in line, "above the cap" in line) for line in lines[2:]] == [(True, False), (False, True)]


def test_a_warm_day_starts_from_what_the_day_before_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import pacing  # type: ignore[import-not-found]

    cold, warm = (
        pacing.play(pacing.Job("S1", 10, rival, {}, days=6, hours=1, warm_up=0.0))
        for rival in ("predictive", "predictive warm")
    )
    assert warm.days == cold.days == 6
    assert warm.utilisation > cold.utilisation + 1
