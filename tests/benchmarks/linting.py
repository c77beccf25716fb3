"""Lint of an imported list: seconds and peak memory at two sizes, which must not differ in memory.

The rules ask for every check of data: conditions on several fields, hours with regions, a schedule, an order of
devices, caps by the client. The list has area codes in all zones of the country, and numbers that come twice.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CAMPAIGN = """\
dialing_profiles: {standard: {rulesets: [courtesy, benchmark], devices: [mobile, home]}}
agent_groups: {sales: {agents: 50}}
templates: {plain: {agent_group: sales}}
groups:
  all:
    template: plain
    lists: [people]
    ordering: [{field: balance, order: descending}]
    schedule: [{weekdays: mon-fri, start: "10:00", stop: "17:00", zone: America/New_York}]
suppression_lists: {dnc: asked not to be called}
lists:
  people:
    file: people.csv
    region: US
    map:
      client_id: id
      devices: [{column: home, type: home}, {column: mobile, type: mobile}]
      fields: {state: state, balance: {column: balance, type: integer}, segment: segment}
"""
RULESET = """\
ruleset: benchmark
filters:
  - where: {any: [{field: balance, ge: 10}, {field: state, in: [CA, NV, NY]}]}
  - where: {all: [{field: segment, ne: closed}, {field: area_code, not_in: ["808", "907"]}, {field: exchange, ge: "2"}]}
  - calling_hours: {hours: "09:00-20:00", regions: {US-TX: "10:00-18:00", US-FL: "09:00-19:00"}}
treatments:
  - {on: busy, when: {field: balance, ge: 250}, do: [redial: {interval: 9h, attempts: 2}]}
  - {on: no_answer, when: {field: segment, like: "gold%"}, do: [next_in_chain: , retry_in: {interval: 1d}]}
  - {on: do_not_call, do: [do_not_call: {list: dnc, client: true}]}
  - {on: other, do: [next_in_chain: ]}
"""
AREAS = (
    "212", "617", "305", "404", "215", "202", "704", "216", "313", "412", "312", "214", "713", "512", "615",
    "504", "414", "612", "314", "816", "303", "602", "505", "801", "208", "406", "307", "702", "213", "415",
    "619", "206", "503", "916", "808", "907", "270", "850", "605", "907",
)  # fmt: skip
STATES = ("CA", "TX", "NY", "FL", "NV")
SEGMENTS = ("gold", "silver", "gold plus", "closed")


def write_project(folder: Path, records: int) -> None:
    (folder / "rulesets").mkdir(parents=True)
    (folder / "campaign.yaml").write_text(CAMPAIGN)
    (folder / "rulesets" / "benchmark.yaml").write_text(RULESET)
    with (folder / "people.csv").open("w") as stream:
        stream.write("id,state,balance,segment,home,mobile\n")
        for n in range(records // 2):
            home = f"{AREAS[n % 40]}{200 + n % 700}{n // 700 % 10000:04}"
            mobile = f"{AREAS[(n + 7) % 40]}{200 + n % 699}{(n // 690 + 5000) % 10000:04}"
            if n % 1000 == 999:
                mobile = "2125550123"
            stream.write(f"C{n},{STATES[n % 5]},{n % 500},{SEGMENTS[n % 4]},{home},{mobile}\n")


def lint(folder: Path, *options: str) -> tuple[float, float, str]:
    """Seconds, peak memory in megabytes, and the last line of what it says."""
    code = (
        "import resource, sys; from cxrun.cli import run; run(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)"
    )
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, "-C", str(folder), "lint", *options],
        check=True,
        capture_output=True,
        text=True,
    )
    taken = time.perf_counter() - begun
    return taken, float(done.stderr.split()[-1]), done.stdout.splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 1_000_000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for records in options.records:
            project = Path(name) / str(records)
            write_project(project, records)
            subprocess.run(
                [sys.executable, "-m", "cxrun", "-C", str(project), "import"],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            files, _, _ = lint(project, "--no-data")
            taken, memory, said = lint(project)
            print(f"{records:,} records: {taken:.1f} s ({files:.1f} s without data), {memory:.0f} MB; {said}")


if __name__ == "__main__":
    main()
