"""A day of 100 agents over 50,000 records through `cxrun run`: every check on, everything stored.

Beside the checks of compliance.py the world is as unfriendly as it can be made: shifts with breaks, an answer rate that
changes with the hour, call analysis that takes its time and errs. Told are seconds by the clock and of the processor,
and the report of the run. The mode can be given as campaign.yaml writes it, such as `{predictive: {}}`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compliance import CHECKS
from running import CAMPAIGN, RULESET, cxrun, write_project

DIALER = """\
simulated:
        by_hour: {"17": {answer: 1.4}, "18": {answer: 1.5}, "19": {answer: 1.3}, "9": {answer: 0.7}}
        by_attempt: {"2": {answer: 0.8}, "3": {answer: 0.6}}
        call_analysis: {delay: 1.2, person_as_machine: 0.01, machine_as_person: 0.05}
        lines: 600
"""
ROSTER = """\
[
    {{agents: {early}, from: "09:00", till: "18:00", zone: America/New_York,
      breaks: [{{from: "11:30", till: "14:00", length: 30m}}, {{from: "15:30", till: "16:30", length: 15m}}]}},
    {{agents: {late}, from: "12:00", till: "21:00", zone: America/New_York,
      breaks: [{{from: "16:00", till: "18:00", length: 30m}}]}}]"""


def write_day(folder: Path, records: int, agents: int, mode: str) -> None:
    """The project of the benchmark."""
    write_project(folder, records, 1)
    late = agents // 2
    roster = ROSTER.format(early=agents - late, late=late)
    text = CAMPAIGN.format(devices="[p1]")
    for old, new in (
        ("{power_ivr: {calls_per_minute: 24000, max_in_progress: 100000}}", mode),
        ("[courtesy, benchmark]", "[courtesy, checks, benchmark]"),
        ("2026-03-02T15:00Z", "2026-03-02T13:30Z"),
        ("{simulated: {announcement: 5}}", f"\n      {DIALER}"),
        ("templates: {announce: {}}", f"agent_groups: {{sales: {{agents: {agents}, roster: {roster}}}}}\n"
         "templates: {announce: {agent_group: sales}}"),
    ):  # fmt: skip
        assert old in text, old
        text = text.replace(old, new)
    (folder / "campaign.yaml").write_text(text)
    (folder / "rulesets" / "benchmark.yaml").write_text(RULESET)
    (folder / "rulesets" / "checks.yaml").write_text(CHECKS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--entries", type=int, default=100_000, help="entries of the suppression list")
    parser.add_argument("--mode", default="{power: {calls_per_agent: 2}}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        write_day(folder, options.records, options.agents, options.mode)
        cxrun(folder, "import")
        numbers = folder / "numbers.txt"
        numbers.write_text("number\n" + "".join(f"+1909{2000000 + n:07}\n" for n in range(options.entries)))
        cxrun(folder, "dnc", "import", str(numbers))
        before, begun = os.times(), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "cxrun", "-C", str(folder), "run", "--until", "13h", "--json"],
            check=True,
            capture_output=True,
            text=True,
        )
        seconds, after = time.perf_counter() - begun, os.times()
    tally = json.loads(done.stdout)
    day = tally["report"]["total"]
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    print(
        f"{options.agents} agents, {options.records:,} records: {seconds:.1f} s by the clock, {processor:.1f} s of the "
        f"processor; {tally['attempts']:,} attempts, {tally['attempts'] / seconds:,.0f} a second"
    )
    print(
        f"{day['utilisation']:.1%} busy, {day['connects_per_hour']:.1f} connects per agent hour, "
        f"{day['abandon_rate']:.2%} lost, {day['mistaken']:,} people taken for machines; an agent waited "
        f"{tally['report']['agents_wait']['mean']:.1f} s, 90% {tally['report']['agents_wait']['p90']:.1f} s or less"
    )


if __name__ == "__main__":
    main()
