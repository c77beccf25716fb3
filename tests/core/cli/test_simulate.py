from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_one_seed_is_told_by_day_and_hour(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(60)
    answer = cxrun(
        "-C", made.folder, "simulate", "--days", "2", "--per-dial", "0.5", "--zone", "America/New_York"
    )
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0] == "all: 2026-03-02 08:00:00 EST to 2026-03-04 08:00:00 EST, seed 0"
    figures = {line[:30].strip().partition("  ")[0]: line.split()[-1] for line in lines[2:16]}
    assert float(figures["cost"]) == float(figures["dials"].replace(",", "")) / 2
    assert any(line.startswith("2026-03-02") for line in lines)
    assert any(line.startswith("08:00") for line in lines)
    assert "95% interval" not in answer.out
    assert not made.store_file.exists()


def test_several_seeds_have_means_and_intervals(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(30)
    answer = cxrun("-C", made.folder, "simulate", "all", "--seed", "5", "--seeds", "4", "--jobs", "1")
    assert "4 seeds, 5 to 8" in answer.out
    assert "95% interval" in answer.out


def test_json_has_every_trial_and_their_means(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(30)
    data = json.loads(
        cxrun("-C", made.folder, "simulate", "--seeds", "3", "--until", "6h", "--jobs", "1", "--json").out
    )
    assert data["until"] - data["from"] == 6 * 3600
    assert [trial["seed"] for trial in data["trials"]] == data["seeds"] == [0, 1, 2]
    dials = [trial["figures"]["dials"] for trial in data["trials"]]
    assert data["figures"]["dials"]["mean"] == pytest.approx(sum(dials) / 3)
    assert sum(hour["dials"] for hour in data["hours"]) == pytest.approx(sum(dials) / 3)


def test_filters_that_ask_outside_are_named(cxrun: Cxrun, project: MakeProject) -> None:
    asks = "ruleset: asks\nfilters:\n  - pre_dial: {url: 'http://127.0.0.1:9/may'}\n"
    made = project(5, more_rules={"asks": asks})
    answer = cxrun("-C", made.folder, "simulate")
    assert answer.code == 0
    assert (
        "asks.yaml:3:5 pre_dial: asks outside, so it is not asked here; every record passes it" in answer.err
    )


def test_failing_plugin_is_a_finding(cxrun: Cxrun, project: MakeProject) -> None:
    fails = (
        "from cxrun import Filter, hookimpl\n\nclass Fails(Filter):\n    '''Fails.'''\n    name = 'fails'\n"
        "    def check(self, moment):\n        raise RuntimeError('no')\n\n@hookimpl\ndef register_filters():\n"
        "    return (Fails,)\n"
    )
    made = project(5, more_rules={"more": "ruleset: more\nfilters: [{fails: }]\n"}, plugins={"fails": fails})
    answer = cxrun("-C", made.folder, "simulate")
    assert answer.code == 1
    assert "seed 0: 5 plugin errors" in answer.out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["al"], 3, "no campaign group named 'al'; did you mean 'all'?"),
        (["--days", "2", "--until", "8h"], 2, "--days and --until are not for the same simulation"),
        (["--zone", "Mars"], 3, "no time zone named 'Mars'"),
        (["--until", "soon"], 3, "'soon' is no moment"),
        (["--model", "none.yaml"], 3, "none.yaml: cannot be read"),
        (["--right-party", "answr"], 3, "did you mean 'answer'?"),
        (["--seeds", "0"], 2, "--seeds"),
    ],
)
def test_mistakes_are_said(
    cxrun: Cxrun, project: MakeProject, options: list[str], code: int, message: str
) -> None:
    answer = cxrun("-C", project(3).folder, "simulate", *options)
    assert answer.code == code
    assert message in answer.err


@pytest.mark.parametrize("pause", [1.5, 3.0])
def test_ctrl_c_ends_every_process_without_a_traceback(project: MakeProject, pause: float) -> None:
    made = project(300)
    words = [
        sys.executable,
        "-m",
        "cxrun",
        "-C",
        str(made.folder),
        "simulate",
        "--seeds",
        "400",
        "--jobs",
        "2",
    ]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
