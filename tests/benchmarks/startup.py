"""How long a user waits: `cxrun --help` beside `import click`, and `cxrun validate` of a 300-line ruleset."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREATMENT = """\
  - on: [busy, no_answer, sit_{n}]
    when: {{all: [{{field: attempt, lt: {n}}}, {{field: contact_info_type, in: [home, mobile]}}]}}
    do:
      - redial: {{interval: {n}m, increment: 5m, attempts: 3}}
      - next_in_chain: {{attempts: 2}}
"""


def wall(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    python = sys.executable
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "long.yaml"
        results = (
            "intercept",
            "unknown",
            "no_circuit",
            "reorder",
            "vacant_code",
            "invalid_number",
            "detected",
        )
        blocks = [TREATMENT.format(n=n).replace(f"sit_{n}", f"sit_{results[n % 7]}") for n in range(1, 60)]
        file.write_text("ruleset: long\ntreatments:\n" + "".join(blocks))
        lines = len(file.read_text().splitlines())
        ratios, whole = [], []
        for _ in range(rounds):
            bare = wall([python, "-c", "import click"])
            ratios.append(wall([python, "-m", "cxrun", "--help"]) / bare)
            whole.append(wall([python, "-m", "cxrun", "validate", str(file)]))
    print(f"cxrun --help: median {statistics.median(ratios):.2f} times `import click`")
    print(f"cxrun validate, {lines} lines: median {statistics.median(whole):.2f} s whole")


if __name__ == "__main__":
    main()
