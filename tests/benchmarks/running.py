"""An agentless simulated run, everything on disk, beside the bare clustered-queue loop.

The bare loop makes the same reads and writes by executemany in batches and decides nothing: it reads the queue with
its records and contacts, the suppressions and past attempts of each batch, and writes as many queue rows, attempts,
journal rows with a digest, and closed records, on the same tables.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CAMPAIGN = """\
dialing_profiles:
  ivr:
    mode: {{power_ivr: {{calls_per_minute: 24000, max_in_progress: 100000}}}}
    rulesets: [courtesy, benchmark]
session_profiles:
  simulation:
    ports: 100000
    calls_per_second: 100000
    virtual_start: 2026-03-02T15:00Z
    dialer: {{simulated: {{announcement: 5}}}}
templates: {{announce: {{}}}}
groups: {{all: {{template: announce, lists: [people]}}}}
suppression_lists: {{dnc: asked not to be called}}
lists:
  people:
    file: people.csv
    region: US
    map:
      client_id: id
      first_name: name
      devices: {devices}
      fields: {{state: state, balance: {{column: balance, type: integer}}}}
"""
RULESET = """\
ruleset: benchmark
filters:
  - where: {any: [{field: balance, ge: 10}, {field: state, in: [CA, NV, NY]}]}
results:
  - delivery: {}
treatments:
  - on: busy
    do:
      - redial: {interval: 5m, attempts: 2}
      - next_in_chain:
  - on: no_answer
    when: {field: attempt, lt: 2}
    do:
      - retry_in: {interval: 1h}
      - next_in_chain:
  - on: answering_machine
    do:
      - next_in_chain:
  - on: answer
    do:
      - finish:
  - on: other
    do:
      - next_in_chain:
"""
AREAS = ("212", "617", "305", "404", "215", "202", "704", "216", "313", "412")


FACTS = (
    "SELECT * FROM suppressions WHERE kind = 'device' AND key IN (SELECT value FROM json_each(?)) "
    "UNION ALL SELECT * FROM suppressions WHERE kind = 'client' AND key IN (SELECT value FROM json_each(?))",
    "SELECT * FROM attempts WHERE client IN (SELECT value FROM json_each(?)) "
    "UNION SELECT * FROM attempts WHERE phone IN (SELECT value FROM json_each(?)) ORDER BY placed",
)


def write_project(folder: Path, records: int, devices: int) -> None:
    (folder / "rulesets").mkdir(parents=True)
    columns = ", ".join(f"p{n}" for n in range(1, devices + 1))
    (folder / "campaign.yaml").write_text(CAMPAIGN.format(devices=f"[{columns}]"))
    (folder / "rulesets" / "benchmark.yaml").write_text(RULESET)
    with (folder / "people.csv").open("w") as stream:
        stream.write("id,name,state,balance," + columns.replace(" ", "") + "\n")
        for n in range(records // devices):
            phones = ",".join(
                f"{AREAS[(n + d) % 10]}{200 + n % 700}{(n // 700 + d * 5000) % 10000:04}"
                for d in range(devices)
            )
            stream.write(f"C{n},Name{n},{('CA', 'TX', 'NY')[n % 3]},{n % 500},{phones}\n")


def cxrun(folder: Path, *arguments: str) -> float:
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "cxrun", "-C", str(folder), *arguments], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begun


def measured(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """What a command says, the seconds of the processor it took, and its peak memory in megabytes."""
    code = (
        "import resource, sys; from cxrun.cli import run; run(sys.argv[1:]);"
        "used = resource.getrusage(resource.RUSAGE_SELF);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    processor, megabytes = done.stderr.split()[-2:]
    return done.stdout, float(processor), float(megabytes)


def counts(store: Path) -> dict[str, int]:
    db = sqlite3.connect(store)
    ask = lambda sql: db.execute(sql).fetchone()[0]  # noqa: E731
    try:
        return {
            "records": ask("SELECT count(*) FROM records"),
            "attempts": ask("SELECT count(*) FROM attempts"),
            "journal": ask("SELECT count(*) FROM journal"),
            "again": ask("SELECT count(*) FROM journal WHERE due > 0"),
        }
    finally:
        db.close()


def bare(store: Path, sizes: dict[str, int], batch: int) -> float:
    """The same reads and writes on the same tables, in batches, with nothing decided. Returns seconds."""
    db = sqlite3.connect(store, isolation_level=None)
    for pragma in ("journal_mode=wal", "synchronous=normal", "wal_autocheckpoint=20000", "cache_size=-65536"):
        db.execute(f"PRAGMA {pragma}")
    begun = time.perf_counter()
    attempts, journal, again = (sizes[name] for name in ("attempts", "journal", "again"))
    read = (
        "SELECT r.*, q.*, c.* FROM queue q JOIN records r ON r.record_id = q.record_id "
        "JOIN contacts_1 c ON c.chain_id = r.chain_id WHERE q.list_id = 1 AND q.priority IN (3, 4) "
        "ORDER BY q.priority, q.due, q.record_id LIMIT ?"
    )
    names = [column[0] for column in db.execute(read, (0,)).description]
    phone, key, client = names.index("phone"), names.index("priority") - 1, names.index("client_id")
    round_number = 0
    while True:
        db.execute("BEGIN IMMEDIATE")
        rows = db.execute(read, (batch,)).fetchall()
        if not rows:
            db.execute("COMMIT")
            break
        round_number += 1
        done = len(rows)
        phones, clients = json.dumps([row[phone] for row in rows]), json.dumps([row[client] for row in rows])
        db.execute(FACTS[0], (phones, clients)).fetchall()
        db.execute(FACTS[1], (clients, phones)).fetchall()
        db.executemany(
            "DELETE FROM queue WHERE list_id = ? AND priority = ? AND due = ? AND record_id = ?",
            [row[key : key + 4] for row in rows],
        )
        tried = min(attempts, done)
        attempts -= tried
        tried_rows = list(enumerate(rows[:tried]))
        db.executemany(
            "INSERT OR REPLACE INTO attempts VALUES (?, ?, 1, 1, ?, ?, ?, ?, NULL, ?, NULL, 7, NULL, NULL)",
            [
                (row[0], round_number, row[client], row[phone], 1e9 + n, 1e9 + n + 5, 1e9 + n + 9)
                for n, row in tried_rows
            ],
        )
        noted = min(journal, done)
        journal -= noted
        db.executemany(
            "INSERT INTO journal VALUES (NULL, ?, 1, 'dial_again', ?, 1, 7, 1, 0, 0, '', ?)",
            [(1e9 + n, row[0], n.to_bytes(32)) for n, row in enumerate(rows[:noted])],
        )
        back = min(again, done)
        again -= back
        db.executemany(
            "INSERT INTO queue VALUES (1, 3, ?, ?, 3, 1, 7, 1, ?, 1, 'benchmark/1.1@1@1@1', NULL, 1)",
            [(10**9 + round_number, row[0], 10**9) for row in rows[:back]],
        )
        db.executemany(
            "INSERT OR IGNORE INTO closed VALUES (?, 1, 2, 3, 33, 1, 0, 1, '', NULL, 1)",
            [(row[0],) for row in rows[back:]],
        )
        db.execute("COMMIT")
    db.close()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memory", action="store_true", help="also run a tenth and the whole, and compare the memory"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        write_project(folder, options.records, options.devices)
        cxrun(folder, "import")
        untouched = (folder / "cxrun.db").read_bytes()
        ratios = []
        for _ in range(options.rounds):
            (folder / "cxrun.db").write_bytes(untouched)
            start = cxrun(folder, "run", "--limit", "1")
            (folder / "cxrun.db").write_bytes(untouched)
            ours = cxrun(folder, "run") - start
            sizes = counts(folder / "cxrun.db")
            other = Path(name) / "bare.db"
            other.write_bytes(untouched)
            ceiling = bare(other, sizes, 10_000)
            ratios.append(ceiling / ours)
            print(
                f"{sizes['records']:,} records, {sizes['attempts']:,} attempts, {sizes['journal']:,} journal rows: "
                f"{sizes['records'] / ours:,.0f} records/s, {sizes['attempts'] / ours:,.0f} attempts/s; bare loop "
                f"{sizes['records'] / ceiling:,.0f} records/s, {sizes['attempts'] / ceiling:,.0f} attempts/s; "
                f"{ceiling / ours:.0%} of it"
            )
        print(f"median: {sorted(ratios)[len(ratios) // 2]:.0%} of the bare loop")
        if options.memory:
            for records in (options.records // 10, options.records):
                part = Path(name) / f"memory{records}"
                write_project(part, records, options.devices)
                cxrun(part, "import")
                print(f"{records:,} records: peak {measured(part, 'run')[2]:.0f} MB")


if __name__ == "__main__":
    main()
