from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from cxrun.yamlfile import parse
from cxrun_plugins.dialers.simulated import Simulated

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_every_element_has_documentation_with_an_example(cxrun: Cxrun) -> None:
    for entry in json.loads(cxrun("plugins", "--json").out):
        answer = cxrun("docs", entry["name"])
        assert answer.code == 0
        assert answer.out.startswith(f"{entry['name']} ({entry['kind']}, ")
        assert "\nExample\n" in answer.out, entry["name"]


def test_parameters_are_described(cxrun: Cxrun) -> None:
    out = cxrun("docs", "redial").out
    assert "  interval (required): " in out
    assert "  attempts: " in out


def test_an_unknown_element_exits_3_with_the_near_word(cxrun: Cxrun) -> None:
    answer = cxrun("docs", "redail")
    assert answer.code == 3
    assert "no element, ruleset or check named 'redail'; did you mean 'redial'?" in answer.err


def test_a_default_is_told_as_one_writes_it(cxrun: Cxrun) -> None:
    assert "(default: [public])" in cxrun("docs", "calling_dates").out
    assert "(default: true)" in cxrun("docs", "quiet_after").out
    assert "(default: )" not in cxrun("docs", "percentage").out


def test_parts_of_a_parameter_are_told_with_their_defaults(cxrun: Cxrun) -> None:
    lines = cxrun("docs", "simulated").out.splitlines()
    parts = [line for line in lines if line.startswith("    ") and ": " in line and "default" in line]
    assert "    accept: Chance that an agent accepts a record, above 0 to 1. (default: 0.9)" in parts
    assert any(line.startswith("    delay_cv: ") and line.endswith("(default: 0.5)") for line in parts)
    assert sum(line.startswith("    mean: ") for line in parts) == 5
    (pick_up,) = (line for line in lines if line.startswith("  pick_up: "))
    assert pick_up.endswith("(default: {mean: 8, cv: 0.55})")


def test_a_default_that_is_a_time_is_told_with_its_unit(cxrun: Cxrun) -> None:
    assert "(default: 15m)" in cxrun("docs", "push_preview").out


def on_terminal(columns: int, *arguments: str) -> list[str]:
    """What the command prints on a terminal of so many columns."""
    master, terminal = os.openpty()
    program = [sys.executable, "-c", "from cxrun.cli import main; main()", *arguments]
    with subprocess.Popen(program, stdout=terminal, env={**os.environ, "COLUMNS": str(columns)}) as process:
        os.close(terminal)
        said = b""
        with suppress(OSError):
            # a terminal whose last program has gone cannot be read
            while part := os.read(master, 4096):
                said += part
    os.close(master)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9]*m", "", said.decode()).splitlines()


def test_lines_are_broken_on_a_terminal_and_whole_elsewhere(cxrun: Cxrun) -> None:
    whole = cxrun("docs", "attempts").out
    (described,) = (line for line in whole.splitlines() if line.startswith("  per: "))
    assert len(described) > 150

    lines = on_terminal(72, "docs", "attempts")

    assert max(map(len, lines[: lines.index("Example")])) <= 72
    first = next(n for n, line in enumerate(lines) if line.startswith("  per: "))
    assert lines[first + 1].startswith("      ")
    assert " ".join(lines).split() == whole.split()


def test_every_parameter_is_printed_as_yaml_to_be_edited_and_used(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(20, dialer="world.yaml")
    world = cxrun("docs", "simulated", "--yaml").out
    made.write("world.yaml", world)
    assert cxrun("-C", made.folder, "validate").code == 0
    assert parse(world, "world").data["simulated"].keys() == Simulated.schema["properties"].keys()
    made.run(limit=20)
    by_file = made.journal()
    plain = project(20, name="plain")
    plain.run(limit=20)
    assert [line.partition(" ")[2] for line in plain.journal()] == [
        line.partition(" ")[2] for line in by_file
    ]


def test_yaml_is_for_elements(cxrun: Cxrun) -> None:
    answer = cxrun("docs", "simulatd", "--yaml")
    assert (answer.code, answer.err) == (
        3, "--yaml: no element named 'simulatd'; did you mean 'simulated'?\n"
    )  # fmt: skip
