from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cxrun import Call, Effect, Message, Undelivered
from cxrun_plugins.treatments.script import Script


def message(folder: Path, **environment: str) -> Message:
    return Message("5e0f/17-2/retry/1.1", '{"result": "busy"}', 1, folder, environment)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("command", ["tell.py --who 'Ada A'", ["tell.py", "--who", "Ada A"]])
def test_announces_what_it_starts(make_call: Callable[..., Call], command: str | list[str]) -> None:
    assert Script.build({"command": command}).apply(make_call()) == Effect("script tell.py --who 'Ada A'")


def test_command_is_started_in_the_folder_with_the_attempt_on_its_input(tmp_path: Path) -> None:
    code = (
        "import json, os, sys; json.dump([json.load(sys.stdin), os.environ['CXRUN_KEY'], os.environ['MINE']], "
        "open('told.json', 'w'))"
    )
    Script(command=python(code)).send(message(tmp_path, MINE="yes"))
    assert json.loads((tmp_path / "told.json").read_text()) == [
        {"result": "busy"},
        "5e0f/17-2/retry/1.1",
        "yes",
    ]


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    Script(command=[*python("import sys; open('told', 'w').write(sys.argv[1])"), "$(touch oops); *"]).send(
        message(tmp_path)
    )
    assert (tmp_path / "told").read_text() == "$(touch oops); *"
    assert not (tmp_path / "oops").exists()


@pytest.mark.parametrize(
    ("command", "timeout", "complaint"),
    [
        (python("import sys; sys.exit('no\\nidea')"), "60s", "ended with 1: no idea"),
        (python("import sys; sys.exit(7)"), "60s", "ended with 7$"),
        (python("import time; time.sleep(9)"), "0.2s", "was stopped after 0.2s"),
        (["/nowhere/tell.py"], "60s", "cannot be started: No such file"),
    ],
)
def test_command_that_fails_is_not_tried_again(
    tmp_path: Path, command: list[str], timeout: str, complaint: str
) -> None:
    with pytest.raises(Undelivered, match=complaint) as caught:
        Script(command=command, timeout=timeout).send(message(tmp_path))
    assert not caught.value.again


@pytest.mark.parametrize(
    ("command", "complaint"),
    [("tell 'Ada", "the command cannot be read: no closing quotation"), (" ", "expected")],
)
def test_command_that_cannot_be_read_is_refused(command: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Script.build({"command": command})
