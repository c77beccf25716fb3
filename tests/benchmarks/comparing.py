"""How many seeds `cxrun compare` needs, beside two simulations that each have luck of their own.

A strategy is compared with three changes of its retry plan, each way with the same number of seeds. What is printed is
the square of how much wider the interval of independent luck is: so many times the seeds it would need to be as narrow.
"Paired" is common luck alone, "compare" what the command does: common luck, and what is known of it taken out.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, variance

from cxrun.comparing import compared
from cxrun.estimating import estimate, t_quantile
from cxrun.loading import load_project
from cxrun.registry import load_registry
from cxrun.simulating import trials
from cxrun.simulating.scene import Wish, staged
from cxrun.strategies import Strategy

CAMPAIGN = """\
dialing_profiles:
  careful: {mode: {progressive: {lines_per_agent: 1.2}}, rulesets: [courtesy, plan]}
session_profiles:
  simulation:
    virtual_start: 2026-03-02T13:00Z
    dialer:
      simulated:
        outcomes: {answer: 30, answering_machine: 36, no_answer: 24, busy: 8, sit_invalid_number: 2}
        by_hour:
          9: {answer: 0.7, no_answer: 1.2}
          10: {answer: 0.8}
          11: {answer: 0.9}
          12: {answer: 0.9}
          17: {answer: 1.3, no_answer: 0.8}
          18: {answer: 1.5, no_answer: 0.7}
          19: {answer: 1.4, no_answer: 0.8}
        by_weekday: {fri: {answer: 0.9}, sat: {answer: 1.2}}
        by_attempt: {2: {answer: 0.9}, 3: {answer: 0.8}, 4: {answer: 0.7}}
        dispositions: {SALE: 15, NOT_INTERESTED: 70, WRONG_PARTY: 12, DO_NOT_CALL: 3}
agent_groups: {sales: {agents: 6}}
templates: {plain: {agent_group: sales}}
groups: {all: {template: plain, lists: [people]}}
suppression_lists: {dnc: asked not to be called}
lists: {people: {file: people.csv, region: US, map: {client_id: id, devices: [phone]}}}
"""
PLAN = """\
ruleset: plan
results:
  - delivery: {answering_machine: drop, fax_detected: drop, silence: drop}
  - disposition: {codes: {WRONG_PARTY: wrong_party, DO_NOT_CALL: do_not_call}}
treatments:
  - on: busy
    do: [{redial: {interval: 30m, increment: 5m, attempts: 3}}]
  - on: [no_answer, answering_machine, wrong_party]
    do: [{retry_in: {interval: 4h, attempts: 2}}]
  - on: [abandoned, dropped]
    do: [{retry_in: {interval: 1d}}]
  - on: do_not_call
    do: [{do_not_call: {list: dnc, client: true}}]
  - on: answer
    do: [{finish: }]
"""
CHANGES = {
    "retry a day later instead of four hours": ("interval: 4h, attempts: 2", "interval: 1d, attempts: 2"),
    "retry three times instead of twice": ("interval: 4h, attempts: 2", "interval: 4h, attempts: 3"),
    "a busy line after 10 minutes instead of 30": ("interval: 30m", "interval: 10m"),
}
FIGURES = ("dials", "contacts", "right_party", "talking_hours", "agent_hours")
AREAS = ("212", "312", "303", "213", "305", "713", "617", "206", "404", "214")


def write_project(folder: Path, records: int, plan: str) -> Path:
    (folder / "rulesets").mkdir(parents=True)
    (folder / "campaign.yaml").write_text(CAMPAIGN)
    (folder / "rulesets" / "plan.yaml").write_text(plan)
    with (folder / "people.csv").open("w") as stream:
        stream.write("id,phone\n")
        stream.writelines(
            f"C{n},{AREAS[n % 10]}{200 + n // 10 % 700}{n // 7000:04}\n" for n in range(records)
        )
    return folder


def width_of_independent(one: Sequence[float], other: Sequence[float]) -> float:
    """Half the interval of the difference, had the two sides been simulated with seeds of their own."""
    count = len(one)
    return t_quantile(2 * count - 2) * math.sqrt((variance(one) + variance(other)) / count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        before = write_project(Path(name) / "before", options.records, PLAN)
        project = load_project(before, load_registry(before))
        for number, (text, (old, new)) in enumerate(CHANGES.items()):
            after = write_project(Path(name) / f"after{number}", options.records, PLAN.replace(old, new))
            plans = [Strategy("before", before), Strategy("after", after)]
            with staged(project, Wish()) as scene:
                rounds = list(trials(scene, plans, range(options.seeds), os.cpu_count() or 1))
            data = compared(scene, plans, rounds)
            print(f"{text}, {options.seeds} seeds:")
            for key in FIGURES:
                one, other = (
                    [played.trials[side].figures[key] or 0.0 for played in rounds] for side in (0, 1)
                )
                paired = estimate([b - a for a, b in zip(one, other, strict=True)])
                told = data["figures"][key]["difference"]
                independent = width_of_independent(one, other)
                widths = ((paired.high or 0) - paired.mean, told["high"] - told["mean"])
                ratios = [
                    f"{(independent / width) ** 2:,.1f}" if width > 1e-6 else "any number" for width in widths
                ]
                print(
                    f"  {key:14} {fmean(one):10,.1f} -> {fmean(other):10,.1f}: paired {ratios[0]:>10} times fewer "
                    f"seeds, compare {ratios[1]:>10} times"
                )


if __name__ == "__main__":
    main()
