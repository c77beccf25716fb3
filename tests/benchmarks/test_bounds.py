from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cxrun_plugins.dialing_modes.predictive import Predictive

SCRIPT = Path(__file__).with_name("bounds.py")
STORED = {
    (cell["agents"], cell["answer_rate"]): cell
    for cell in json.loads(SCRIPT.with_suffix(".json").read_text())
}


@pytest.fixture(scope="module")
def bounds() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_small_cells_are_recomputed_as_they_are_stored() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--agents", "2"], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("same") == 3


def test_a_cell_that_is_stored_otherwise_is_told(tmp_path: Path) -> None:
    copy = tmp_path / "bounds.py"
    copy.write_text(SCRIPT.read_text())
    wrong = {**STORED[2, 0.3], "utilisation": STORED[2, 0.3]["utilisation"] + 0.001}
    copy.with_suffix(".json").write_text(json.dumps([wrong]))

    command = [sys.executable, copy, "--agents", "2", "--answer-rate", "0.3"]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 1
    assert "differs" in done.stdout


def test_every_cell_of_the_family_is_stored() -> None:
    cells = {(agents, rate) for agents in (2, 5, 10, 25, 50, 100) for rate in (0.1, 0.3, 0.6)}

    assert STORED.keys() == cells
    assert {cell["cap"] for cell in STORED.values()} == {0.03}
    assert {round(cell["abandon"], 6) for cell in STORED.values()} == {0.03}


@pytest.mark.parametrize(
    ("agents", "answer_rate", "percent"),
    [(5, 0.1, 76.7), (25, 0.1, 90.7), (10, 0.3, 86.9), (25, 0.3, 91.7), (100, 0.3, 96.8), (50, 0.6, 95.3)],
)
def test_stored_bounds_are_those_found_before_by_others(
    agents: int, answer_rate: float, percent: float
) -> None:
    assert 100 * STORED[agents, answer_rate]["utilisation"] == pytest.approx(percent, abs=0.051)


def test_the_cut_off_costs_next_to_nothing(bounds: dict[str, Any]) -> None:
    cell = bounds["campaign"](2, 0.3)

    assert bounds["solve"](cell.doubled()).utilisation == pytest.approx(
        bounds["solve"](cell).utilisation, abs=1e-9
    )


@pytest.mark.parametrize("answer_rate", [0.1, 0.6])
def test_one_agent_who_is_never_over_dialed_is_as_busy_as_the_formula_says(
    bounds: dict[str, Any], answer_rate: float
) -> None:
    """With next to no abandoned calls allowed an optimal control of one agent is progressive dialing."""
    bound = bounds["solve"](bounds["campaign"](1, answer_rate, 1e-7))

    assert bound.utilisation == pytest.approx(140 / (140 + 11 / answer_rate), abs=1e-4)


def test_a_looser_cap_keeps_agents_busier(bounds: dict[str, Any]) -> None:
    shares = [
        bounds["solve"](bounds["campaign"](5, 0.3, cap)).utilisation for cap in (0.0001, 0.01, 0.03, 0.05)
    ]

    assert [100 * share for share in shares] == pytest.approx([79.4, 81.5, 84.1, 85.25], abs=0.051)


@pytest.mark.parametrize(("agents", "answer_rate", "within"), [(10, 0.6, 0.5), (25, 0.3, 0.7)])
def test_predictive_dialing_comes_close_to_the_bound(
    floor: Any, agents: int, answer_rate: float, within: float
) -> None:
    """Two long days on the same luck every time; the benchmark takes many more."""
    mode = Predictive(measured_over=("campaign",))
    world = floor.SCENARIOS[f"M{answer_rate}"]

    days = [floor.Floor(world, agents, mode, seed, hours=16, warm_up=2).run() for seed in (1, 2)]

    reached = sum(day.utilisation for day in days) / len(days)
    assert sum(day.abandoned for day in days) <= 0.03 * sum(day.live for day in days)
    assert 0 < 100 * STORED[agents, answer_rate]["utilisation"] - reached < within
