"""Import of a list with two numbers a row, beside the bare work: parse each number, insert the rows."""

from __future__ import annotations

import argparse
import csv
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

import phonenumbers
from running import peak_megabytes, write_project


def bare(file: Path, store: Path) -> float:
    """phonenumbers.parse and format of every number, and one executemany. Returns seconds."""
    begun = time.perf_counter()
    rows = []
    with file.open(newline="") as stream:
        for row in csv.DictReader(stream):
            for column in ("p1", "p2"):
                number = phonenumbers.parse(row[column], "US")
                e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                rows.append((row["id"], row["name"], row["state"], int(row["balance"]), e164))
    db = sqlite3.connect(store)
    db.execute("CREATE TABLE records (id TEXT, name TEXT, state TEXT, balance INTEGER, phone TEXT)")
    db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
    db.commit()
    db.close()
    return time.perf_counter() - begun


def ours(folder: Path) -> float:
    """`cxrun import` from within, so that start-up is left out. Returns seconds."""
    from cxrun.campaign import load_project
    from cxrun.importing import import_list
    from cxrun.registry import load_registry
    from cxrun.store import Store

    project = load_project(folder, load_registry(folder))
    with Store(project.store_file) as store:
        begun = time.perf_counter()
        import_list(store, project.lists["people"], folder)
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memory", action="store_true", help="also import a tenth and the whole, and compare the memory"
    )
    options = parser.parse_args()
    rates = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(options.rounds):
            folder = Path(name) / f"project{number}"
            write_project(folder, options.rows * 2, 2)
            theirs = bare(folder / "people.csv", Path(name) / f"bare{number}.db")
            mine = ours(folder)
            rates.append(theirs / mine)
            print(
                f"{options.rows:,} rows: {options.rows / mine:,.0f} rows/s, bare {options.rows / theirs:,.0f} rows/s; "
                f"{theirs / mine:.0%}",
                file=sys.stderr,
            )
        print(
            f"import of two numbers a row: median {statistics.median(rates):.0%} of the rate of the bare work"
        )
        if options.memory:
            for rows in (options.rows // 10, options.rows):
                folder = Path(name) / f"memory{rows}"
                write_project(folder, rows * 2, 2)
                print(f"{rows:,} rows: peak {peak_megabytes(folder, 'import'):.0f} MB")


if __name__ == "__main__":
    main()
