"""What compliance costs: the agentless run of running.py with every check on, beside the same run without any.

On are: several attempt windows per client, device and both, quiet days after a conversation, suppression with a million
entries, calling hours with regions, and holidays. Both runs dial the same list with the same treatments.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

from running import CAMPAIGN, RULESET, cxrun, write_project

CHECKS = """\
ruleset: checks
filters:
  - suppression: {}
  - calling_hours: {hours: {mon-sat: "09:00-20:00", sun: "12:00-20:00"}, regions: {US-TX: {mon-sat: "09:00-21:00"}}}
  - calling_dates: {holidays: [US, US-CA]}
  - attempts: {per: client, windows: [{at_most: 3, within: 24h}, {at_most: 7, within: 7d}]}
  - attempts: {per: device, windows: [{at_most: 3, within: 24h}, {at_most: 7, within: 7d}]}
  - attempts: {per: client_and_device, at_most: 20, within: 30d}
  - quiet_after: {results: [answer], days: 7, per: client}
"""


def prepare(folder: Path, records: int, entries: int) -> tuple[Path, Path]:
    """A project with the checks and one without, both imported."""
    made = []
    for name, rulesets in (("with", "[checks, benchmark]"), ("without", "[benchmark]")):
        project = folder / name
        write_project(project, records, 1)
        text = CAMPAIGN.format(devices="[p1]").replace(
            "rulesets: [courtesy, benchmark]", f"rulesets: {rulesets}"
        )
        if name == "without":
            text = text.replace("suppression_lists: {dnc: asked not to be called}\n", "")
        (project / "campaign.yaml").write_text(text)
        (project / "rulesets" / "benchmark.yaml").write_text(RULESET)
        (project / "rulesets" / "checks.yaml").write_text(CHECKS)
        cxrun(project, "import")
        made.append(project)
    numbers = made[0] / "numbers.txt"
    with numbers.open("w") as stream:
        stream.write("number\n")
        for n in range(entries):
            stream.write(f"+1909{2000000 + n:07}\n")
    begun = time.perf_counter()
    cxrun(made[0], "dnc", "import", str(numbers))
    print(f"{entries:,} suppression entries imported in {time.perf_counter() - begun:.0f} s")
    return made[0], made[1]


def run(project: Path, untouched: bytes) -> tuple[float, int]:
    """Seconds and attempts of a whole run, start-up taken off."""
    (project / "cxrun.db").write_bytes(untouched)
    start = cxrun(project, "run", "--limit", "1")
    (project / "cxrun.db").write_bytes(untouched)
    taken = cxrun(project, "run") - start
    db = sqlite3.connect(project / "cxrun.db")
    attempts = db.execute("SELECT count(*) FROM attempts").fetchone()[0]
    db.close()
    return taken, attempts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        checked, free = prepare(Path(name), options.records, options.entries)
        stores = {project: (project / "cxrun.db").read_bytes() for project in (checked, free)}
        ratios = []
        for _ in range(options.rounds):
            slow, attempts = run(checked, stores[checked])
            quick, more = run(free, stores[free])
            ratios.append((attempts / slow) / (more / quick))
            print(
                f"with every check {attempts / slow:,.0f} attempts/s ({attempts:,}), without {more / quick:,.0f} "
                f"({more:,}); {ratios[-1]:.0%} of the speed"
            )
        print(f"median: {sorted(ratios)[len(ratios) // 2]:.0%} of the speed without checks")


if __name__ == "__main__":
    main()
