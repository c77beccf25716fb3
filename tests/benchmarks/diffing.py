"""`diff` of two strategies in a store of 1,000,000 records: seconds of the processor and peak memory.

The store is that of `forecasting.py`: half of the records have been dialed. The other strategy has narrower hours,
another cap over attempts and another condition.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from forecasting import RULESET, prepare
from running import measured

OTHER = RULESET.replace("ge: 10", "ge: 20").replace(
    "filters:\n",
    'filters:\n  - calling_hours: {hours: "10:00-18:00"}\n  - attempts: {at_most: 2, within: 7d}\n',
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument(
        "--in", dest="folder", help="a folder for projects that are kept, or were prepared before"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for records in (options.records // 10, options.records):
            folder = Path(options.folder or name) / f"project{records}"
            if not folder.exists():
                prepare(folder, records)
            other = Path(name) / f"other{records}"
            shutil.copytree(folder, other, ignore=shutil.ignore_patterns("cxrun.db*"))
            (other / "rulesets" / "benchmark.yaml").write_text(OTHER)
            for later in ("0h", "6h"):
                said, processor, megabytes = measured(
                    folder, "diff", str(folder), str(other), "--at", later, "--limit", "0"
                )
                print(
                    f"{said.splitlines()[-1]}, after {later}: {processor:.1f} s of the processor, "
                    f"peak {megabytes:.0f} MB"
                )


if __name__ == "__main__":
    main()
