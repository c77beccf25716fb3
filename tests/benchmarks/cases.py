"""`cxrun test` of many cases: the cases of a new project, over and over under other names, start-up included."""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path


def write_cases(folder: Path, number: int) -> int:
    """A project with so many cases of its retry ruleset. Returns how many dials they decide."""
    subprocess.run(
        [sys.executable, "-m", "cxrun", "init", str(folder)], check=True, stdout=subprocess.DEVNULL
    )
    file = folder / "rulesets" / "retry.cases.yaml"
    head, *cases = file.read_text().split("  - name: ")
    chosen = list(islice(cycle(cases), number))
    file.write_text(head + "".join(f"  - name: {n} {case}" for n, case in enumerate(chosen)))
    return sum(case.count("dial: ") for case in chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "calls"
        dials = write_cases(folder, options.cases)
        seconds = []
        for _ in range(options.rounds):
            begun = time.perf_counter()
            command = [sys.executable, "-m", "cxrun", "-C", str(folder), "test"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds.append(time.perf_counter() - begun)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime / (options.rounds + 1)
        print(done.stdout.splitlines()[-1])
        print(
            f"{options.cases:,} cases with {dials:,} calls: median {statistics.median(seconds):.1f} s, "
            f"{spent:.1f} s of the processor"
        )


if __name__ == "__main__":
    main()
