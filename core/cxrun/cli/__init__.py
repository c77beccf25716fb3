"""The command line: one file per command, each a thin shell. Errors part ways here and nowhere else."""

from __future__ import annotations

import io
import sys
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cxrun.errors import CxrunError, RunInterrupted, UserError

if TYPE_CHECKING:
    from cxrun.campaign import Project
    from cxrun.registry import Registry
    from cxrun.store import Store
    from cxrun.store.lists import StoredList

COMMANDS: Final = (
    "demo", "init", "migrate", "validate", "lint", "test", "show", "import", "undo", "split", "run", "group",
    "status", "explain", "next", "forecast", "simulate", "learn", "compare", "diff", "replay", "plan", "apply", "audit",
    "dnc", "cancel", "result", "callback", "recycle", "export", "plugins", "rulesets", "docs", "schema",
)  # fmt: skip
"""The built-in commands in the order a newcomer meets them."""
_TAKEN: Final = ("import", "next", "run")
"""Commands that live in `import_.py` and the like: two names are Python's, the other that of a function here."""


_PLUGIN_COMMANDS: Final = "cxrun.plugin_commands"


class Session:
    """What a command may ask for: the project folder and everything loaded from it, on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def registry(self) -> Registry:
        """All plugins: built-in, installed, and the project's own."""
        from cxrun.registry import load_registry

        return load_registry(self.folder)

    @cached_property
    def project(self) -> Project:
        """The checked project. Raises Problems."""
        from cxrun.loading import load_project

        return load_project(self.folder, self.registry)

    def store(self, *, create: bool = True) -> Store:
        """Open the project's store. Raises UserError if it is not there and not to be made."""
        from cxrun.store import Store

        file = self.project.store_file
        if not create and not file.exists():
            raise UserError("nothing is imported yet; `cxrun run` or `cxrun import` begins")
        return Store(file, self.registry.migrations())

    def stored_list(self, store: Store, name: str) -> StoredList:
        """A list that is in the store. Raises UserError with the near word."""
        from cxrun.errors import near
        from cxrun.store.lists import stored_lists

        stored = stored_lists(store)
        if name not in stored:
            if name in self.project.lists:
                raise UserError(f"contact list '{name}' is not imported yet")
            raise UserError(f"no contact list named '{name}'{near(name, stored)}")
        return stored[name]


class _Commands(click.Group):
    """Built-in commands are imported when they are asked for; those of plugins stand after them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *sorted(_plugin_commands(ctx).commands)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            module = import_module(f"cxrun.cli.{name}{'_' if name in _TAKEN else ''}")
            command: click.Command = module.command
            return command
        return _plugin_commands(ctx).get_command(ctx, name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from cxrun.errors import near

            raise click.UsageError(
                f"no command named '{args[0]}'{near(args[0], self.list_commands(ctx))}", ctx
            ) from None


def _plugin_commands(ctx: click.Context) -> click.Group:
    """What plugins add, asked for once per invocation; the project decides which plugins there are."""
    if _PLUGIN_COMMANDS not in ctx.meta:
        from cxrun.plugins import load_plugins

        manager, _ = load_plugins(_folder(ctx), built_in=False)
        ctx.meta[_PLUGIN_COMMANDS] = click.Group()
        manager.hook.register_commands(cli=ctx.meta[_PLUGIN_COMMANDS])
    group: click.Group = ctx.meta[_PLUGIN_COMMANDS]
    return group


def _folder(ctx: click.Context) -> Path:
    return Path(ctx.params.get("project") or ".")


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("-C", "--project", metavar="DIR", type=click.Path(path_type=Path), default=Path(), is_eager=True,
              help="The project folder; the current one by default.")  # fmt: skip
@click.version_option(package_name="cxrun")
@click.pass_context
def cli(ctx: click.Context, project: Path) -> None:
    """Outbound contact campaigns as code.

    A project is a folder with campaign.yaml, rulesets/*.yaml and, if you like, plugins/*.py.

    \b
    Example:
      cxrun init calls --list contacts.csv
      cxrun -C calls run
      cxrun -C calls status --why
    """
    ctx.obj = Session(project)


def main() -> None:
    """The `cxrun` command; exit codes: 0 done, 1 findings, 2 usage, 3 user's files, 4 bug, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show a letter gets a question mark, not the end of the command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error becomes a message here."""
    try:
        result: Any = cli.main(arguments, prog_name="cxrun", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.NoSuchOption as error:
        if error.option_name in ("-C", "--project") and error.ctx is not None:
            where = f"{error.option_name} goes before the command: cxrun -C DIR {error.ctx.info_name}"
            click.UsageError(where, error.ctx).show()
        else:
            error.show()
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt, RunInterrupted) as error:
        click.secho(str(error) or "interrupted", fg="yellow", err=True)
        return 130
    except CxrunError as error:
        click.secho(str(error), fg="red", err=True)
        return 3
    except OSError as error:
        if not isinstance(error.filename, str):
            _confess(arguments)
            return 4
        click.secho(f"cannot use {error.filename}: {error.strerror}", fg="red", err=True)
        return 3
    except SystemExit:
        # click's way of saying that the reader of a pipe has gone
        return 0
    except Exception:
        _confess(arguments)
        return 4


def _confess(arguments: list[str]) -> None:
    """A bug of ours: everything a report needs."""
    import platform
    import traceback

    from cxrun import __version__
    from cxrun.plugins import load_plugins

    click.echo(traceback.format_exc(), err=True)
    click.secho(
        "this is a bug in cxrun or in a plugin; please report it with everything from here up", err=True
    )
    click.echo(f"cxrun {__version__}, Python {platform.python_version()}, {platform.platform()}", err=True)
    try:
        context = cli.make_context("cxrun", list(arguments), resilient_parsing=True)
        plugins = [
            f"{p.name} {p.version}" for p in load_plugins(_folder(context))[1] if p.origin != "built-in"
        ]
    except CxrunError as error:
        plugins = [str(error)]
    click.echo(f"plugins: {', '.join(plugins) or 'only those that come with cxrun'}", err=True)
