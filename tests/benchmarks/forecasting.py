"""`explain` of one record and `forecast` of a whole list, in a store of 1,000,000 records.

Half of the records have been dialed, some of them often enough for a cap to hold them back, one in a hundred is
suppressed; the rules are courtesy (suppression, calling hours, attempt caps), quiet days and a condition. Explain is
timed in a process that has explained another record before, so start-up is not in it. Memory is that of the process.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from running import CAMPAIGN, cxrun, measured, write_project

RULESET = """\
ruleset: benchmark
filters:
  - where: {any: [{field: balance, ge: 10}, {field: state, in: [CA, NV, NY]}]}
  - quiet_after: {results: [answer], days: 7}
treatments:
  - on: other
    do:
      - retry_in: {interval: 1h, attempts: 5}
"""
REACHED = 1772463600
"""2026-03-02T15:00Z, when the forecast begins."""


def prepare(folder: Path, records: int) -> None:
    """Import a list, and give it a history without dialing it."""
    write_project(folder, records, 1)
    (folder / "campaign.yaml").write_text(CAMPAIGN.format(devices="[p1]"))
    (folder / "rulesets" / "benchmark.yaml").write_text(RULESET)
    cxrun(folder, "import")
    cxrun(folder, "run", "--limit", "1")
    db = sqlite3.connect(folder / "cxrun.db", isolation_level=None)
    db.execute("BEGIN")
    for nth, every, ago, result in ((2, 2, 7200, 7), (3, 4, 5400, 7), (4, 8, 3600, 7), (5, 16, 90000, 33)):
        db.execute(
            "INSERT OR IGNORE INTO attempts SELECT record_id, ?, 1, 1, 'C' || (record_id - 1), phone, ?, NULL, NULL, "
            "?, NULL, ?, NULL, NULL FROM records WHERE record_id % ? = 0",
            (nth, REACHED - ago, REACHED - ago + 25, result, every),
        )
    db.execute(
        "INSERT OR IGNORE INTO suppressions SELECT 'device', phone, 'dnc', 0, NULL FROM records "
        "WHERE record_id % 100 = 1"
    )
    db.execute("UPDATE runs SET reached = ?", (REACHED,))
    db.execute("COMMIT")
    db.close()


def explain(folder: Path, times: int) -> None:
    """In a process of its own: seconds for each of several records, past and future looked at too."""
    from cxrun.explaining import explain
    from cxrun.loading import load_project
    from cxrun.registry import load_registry
    from cxrun.store import Store
    from cxrun.store.reading import find_records

    project = load_project(folder, load_registry(folder))
    with Store(project.store_file) as store:
        count = store.connection.execute("SELECT count(*) FROM records").fetchone()[0]
        for name, at in (
            ("explain", None),
            ("explain --at, past", REACHED - 4000),
            ("explain --at, to come", REACHED + 1e5),
        ):
            taken = []
            for n in range(times + 1):
                begun = time.perf_counter()
                ((list_id, record_id),) = find_records(store, str(1 + n * (count // (times + 2))))
                explain(project, store, list_id, record_id, at).as_data()
                taken.append((time.perf_counter() - begun) * 1000)
            print(
                f"{name}: median {statistics.median(taken[1:]):.1f} ms, worst {max(taken[1:]):.1f} ms of {times}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--hours", type=int, default=168)
    parser.add_argument("--in", dest="folder", help="a project that was prepared before")
    parser.add_argument("--explain", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.explain:
        explain(Path(options.explain), 50)
        return
    with tempfile.TemporaryDirectory() as name:
        sizes = (options.records // 10, options.records)
        for records in sizes:
            folder = Path(options.folder or name) / f"project{records}"
            if not folder.exists():
                prepare(folder, records)
            start = cxrun(folder, "forecast", "--help")
            begun = time.perf_counter()
            _, processor, megabytes = measured(folder, "forecast", "--hours", str(options.hours), "--json")
            taken = time.perf_counter() - begun
            print(
                f"{records:,} records, {options.hours} hours: forecast {taken:.1f} s ({start:.1f} s of it start-up), "
                f"{processor:.1f} s of the processor, peak {megabytes:.0f} MB"
            )
        subprocess.run([sys.executable, __file__, "--explain", str(folder)], check=True)


if __name__ == "__main__":
    main()
