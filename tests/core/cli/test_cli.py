"""The command line as a whole: help, usage errors, and whose fault an error is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click import Command, Context, Group, Option

import cxrun as package
from cxrun.cli import COMMANDS, cli

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

NEEDS_PROJECT = {
    "validate": (), "show": ("all",), "import": (), "run": (), "status": (), "explain": ("1",),
    "dnc": ("list",), "cancel": ("1",), "result": ("1", "--result", "busy"), "callback": ("list",),
}  # fmt: skip


DIFFERENT = {
    "--by": {"FIELD", "choice"},
    "--client": {"ID", "flag"},  # a flag where a file of clients is imported
    "--from": {"choice"},
    "--list": {"LIST", "NAME", "file"},  # contact lists, suppression lists, the file of a new list
    "--output": {"FILE", "FOLDER", "file"},
    "--result": {"RESULT", "RESULT,..."},
    "--update": {"flag"},
    "--why": {"TEXT", "flag"},  # status --why counts reasons
}
"""Options that take more than one kind of value, and which."""
MOMENTS = {"--at", "--since", "--until", "--finished-before"}
"""Options that are a time: one for a moment, two for the ends of a span."""


def options() -> Iterator[tuple[str, Option]]:
    """Every option of every command, with the name of the command."""
    for name in COMMANDS:
        command = cli.get_command(Context(cli), name)
        parts = command.commands.items() if isinstance(command, Group) else ((None, command),)
        for part, each in parts:
            for option in each.params:
                if isinstance(option, Option):
                    yield " ".join(filter(None, (name, part))), option


def value_of(option: Option) -> str:
    """What an option takes."""
    if option.is_flag:
        return "flag"
    return option.metavar or {"path": "file"}.get(option.type.name, option.type.name)


def test_an_option_takes_the_same_wherever_it_is() -> None:
    found: dict[str, set[str]] = {}
    for _, option in options():
        for name in option.opts:
            if name.startswith("--"):
                found.setdefault(name, set()).add(value_of(option))
    said = {name: values for name, values in found.items() if values != DIFFERENT.get(name, values)}
    assert not said
    assert {name for name, values in found.items() if len(values) > 1} <= DIFFERENT.keys()


def test_no_option_has_two_names() -> None:
    for command, option in options():
        assert len(option.opts) - (len(option.opts[0]) == 2) <= 1, f"{command} {option.opts}"


def test_options_of_one_meaning_have_one_name() -> None:
    for command, option in options():
        name = option.opts[-1]
        told = f"cxrun {command} {name}"
        assert (option.metavar == "TIME") == (name in MOMENTS), told
        assert (name == "--json") == (option.name == "as_json"), told
        assert ("-o" in option.opts) == (name == "--output"), told
        if (option.help or "").startswith("The file to write"):
            assert name == "--output", told


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example(cxrun: Cxrun, command: str) -> None:
    answer = cxrun(command, "--help")
    assert answer.code == 0
    assert re.search(rf"Example:\n\s+cxrun {command}\b", answer.out), answer.out


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (command, part)
        for command in COMMANDS
        for part in getattr(cli.get_command(Context(cli), command), "commands", ())
    ],
)
def test_help_of_every_part_of_a_command_has_an_example(cxrun: Cxrun, command: str, part: str) -> None:
    answer = cxrun(command, part, "--help")
    assert answer.code == 0
    assert re.search(rf"Example:\n\s+cxrun {command} {part}\b", answer.out), answer.out


def test_every_file_of_a_command_is_a_command() -> None:
    folder = Path(package.__file__).parent / "cli"
    files = {file.stem for file in folder.glob("*.py")} - {"__init__", "at_work", "completing", "terminal"}
    assert {file.rstrip("_") for file in files} == set(COMMANDS)


def test_help_lists_every_command_with_a_summary(cxrun: Cxrun) -> None:
    for arguments in ((), ("--help",), ("-h",)):
        answer = cxrun(*arguments)
        shown = answer.out + answer.err
        for command in COMMANDS:
            assert re.search(rf"^  {command}  +[A-Z].+", shown, re.MULTILINE), command


def test_the_version_is_that_of_the_package(cxrun: Cxrun) -> None:
    assert package.__version__ in cxrun("--version").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",), ("run", "--nonsense"), ("run", "--limit", "many"), ("run", "--limit", "0"),
        ("explain",), ("docs",), ("schema", "sqlite"), ("--nonsense",), ("init", "--list", "/nowhere/at/all.csv"),
    ],
)  # fmt: skip
def test_a_usage_error_exits_2(cxrun: Cxrun, arguments: tuple[str, ...]) -> None:
    answer = cxrun(*arguments)
    assert answer.code == 2
    assert "Usage: cxrun" in answer.err
    assert "Error: " in answer.err


def test_an_unknown_command_is_told_the_near_one(cxrun: Cxrun) -> None:
    assert "did you mean 'validate'?" in cxrun("validat").err


@pytest.mark.parametrize("command", NEEDS_PROJECT)
def test_a_folder_without_a_campaign_exits_3_and_says_what_helps(
    cxrun: Cxrun, tmp_path: Path, command: str
) -> None:
    answer = cxrun("-C", tmp_path, command, *NEEDS_PROJECT[command])
    assert answer.code == 3
    assert "no campaign.yaml in" in answer.err
    assert "cxrun init" in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [*NEEDS_PROJECT, "plugins", "docs", "schema"])
def test_a_broken_plugin_file_is_named_and_exits_3(cxrun: Cxrun, project: MakeProject, command: str) -> None:
    folder = project(3, plugins={"broken": "import nothing_of_this_name\n"})
    extra = {"docs": ("redial",)}.get(command, NEEDS_PROJECT.get(command, ()))
    answer = cxrun("-C", folder.folder, command, *extra)
    assert answer.code == 3
    assert "plugin 'plugins/broken.py' cannot be imported: ModuleNotFoundError" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def x(:\n", "SyntaxError"),
        (
            "from cxrun import hookimpl\n@hookimpl\ndef register_filter():\n    return []\n",
            "no hook named 'register_filter'; did you mean 'register_filters'?",
        ),
        (
            "from cxrun import hookimpl\n@hookimpl\ndef register_filters():\n    return [int]\n",
            "is no filter",
        ),
        ("from cxrun import hookimpl\n@hookimpl\ndef register_filters():\n    1 / 0\n", "ZeroDivisionError"),
        (
            "from cxrun import Filter, hookimpl\n@hookimpl\ndef register_filters():\n"
            "    return [type('W', (Filter,), {'name': 'where', 'check': lambda self, moment: None})]\n",
            "filter 'where' is already registered by plugin 'filters.where'",
        ),
    ],
    ids=["syntax", "unknown hook", "no filter", "raises", "twice"],
)
def test_whatever_is_wrong_with_a_plugin_is_told_with_its_name(
    cxrun: Cxrun, project: MakeProject, source: str, message: str
) -> None:
    folder = project(3, plugins={"mine": source})
    answer = cxrun("-C", folder.folder, "validate")
    assert answer.code == 3
    assert "plugin 'plugins/mine.py'" in answer.err
    assert message in answer.err


@pytest.mark.parametrize(
    "command",
    [("forecast", "--html"), ("lint", "--sarif"), ("plan", "all", "--output"), ("learn", "--output")],
)
def test_a_file_that_cannot_be_written_is_named_and_is_no_bug(
    cxrun: Cxrun, project: MakeProject, command: tuple[str, ...]
) -> None:
    folder = project(3)
    cxrun("-C", folder.folder, "run", "--until", "3h")
    nowhere = folder.folder / "nowhere"
    answer = cxrun("-C", folder.folder, *command, nowhere / "out")
    assert answer.code == 3
    assert re.search(
        rf"^cannot use {re.escape(str(nowhere))}/\S+: No such file or directory$", answer.err, re.M
    )


def test_what_a_terminal_cannot_show_ends_no_command(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    cxrun("-C", folder.folder, "import")
    done = subprocess.run(
        [sys.executable, "-c", "from cxrun.cli import main; main()", "-C", folder.folder, "forecast", "--hours", "48"],
        capture_output=True, text=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "open by hour" in done.stdout
    assert "?" in done.stdout


def test_a_bug_of_ours_exits_4_with_all_a_report_needs_and_no_secret(
    cxrun: Cxrun, project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise AssertionError("this cannot be")

    monkeypatch.setenv("TRUNK_PASSWORD", "correct horse battery staple")
    monkeypatch.setattr("cxrun.runner.Run.drive", broken)
    folder = project(3, plugins={"mine": "__version__ = '7.5'\n"})
    answer = cxrun("-C", folder.folder, "run")
    assert answer.code == 4
    assert "AssertionError: this cannot be" in answer.err
    assert "please report it" in answer.err
    assert f"cxrun {package.__version__}, Python {sys.version.split()[0]}" in answer.err
    assert "plugins/mine.py 7.5" in answer.err
    assert "correct horse" not in answer.out + answer.err


def test_the_report_of_a_bug_survives_a_broken_plugin(
    cxrun: Cxrun, project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(3)

    def broken(*_: object, **__: object) -> None:
        folder.write("plugins/mine.py", "import nothing_of_this_name\n")
        raise AssertionError("this cannot be")

    monkeypatch.setattr("cxrun.runner.Run.drive", broken)
    answer = cxrun("-C", folder.folder, "run")
    assert answer.code == 4
    assert "AssertionError: this cannot be" in answer.err
    assert "plugins: plugin 'plugins/mine.py' cannot be imported" in answer.err


def test_a_plugin_adds_a_command(cxrun: Cxrun, project: MakeProject) -> None:
    source = (
        "import click\nfrom cxrun import hookimpl\n\n"
        "@hookimpl\ndef register_commands(cli):\n"
        "    @cli.command('greet')\n    def greet():\n        'Say hello.'\n        click.echo('hello')\n"
    )
    folder = project(3, plugins={"greeting": source})
    assert cxrun("-C", folder.folder, "greet").out == "hello\n"
    assert "greet     Say hello." in cxrun("-C", folder.folder, "--help").out


def test_the_command_is_installed_and_runs_as_a_module(tmp_path: Path) -> None:
    for command in ([Path(sys.executable).with_name("cxrun")], [sys.executable, "-m", "cxrun"]):
        done = subprocess.run(
            [*command, "validate"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 3
        assert "no campaign.yaml" in done.stderr


def test_commands_of_one_projects_plugins_are_not_known_in_another(
    cxrun: Cxrun, project: MakeProject, tmp_path: Path
) -> None:
    source = (
        "import click\nfrom cxrun import hookimpl\n\n@hookimpl\ndef register_commands(cli):\n"
        "    cli.add_command(click.Command('greet', callback=lambda: click.echo('hello')))\n"
    )
    folder = project(3, plugins={"greeting": source})
    assert cxrun("-C", folder.folder, "greet").out == "hello\n"
    assert "greet" in cxrun("-C", folder.folder, "--help").out
    assert "greet" not in cxrun("-C", tmp_path, "--help").out


def test_the_project_folder_goes_before_the_command(cxrun: Cxrun) -> None:
    answer = cxrun("status", "-C", "calls")
    assert answer.code == 2
    assert "-C goes before the command: cxrun -C DIR status" in answer.err


def test_every_command_has_json_but_those_that_have_nothing_to_tell() -> None:
    def commands(group: Group, context: Context) -> Iterator[Command]:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, Group):
                yield from commands(command, context)
            elif command is not None:
                yield command

    without = {
        command.name
        for command in commands(cli, Context(cli))
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == {"demo", "init", "docs", "schema"}
