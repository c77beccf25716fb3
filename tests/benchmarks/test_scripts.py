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


def test_a_warm_day_starts_from_what_the_day_before_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import pacing  # type: ignore[import-not-found]

    cold, warm = (
        pacing.play(pacing.Job("S1", 6, rival, {}, days=2, hours=0.5, warm_up=0.0))
        for rival in ("predictive", "predictive warm")
    )
    assert warm.days == cold.days == 2
    assert warm.utilisation > cold.utilisation + 2
