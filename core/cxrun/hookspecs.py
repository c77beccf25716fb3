"""The hooks of cxrun. A plugin implements those it needs with `@hookimpl`.

`register_*` say "there exists a thing called X" and are asked once at start; the rest say "this moment has
come" and are called after the commit. None of them is called per record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click
    from sqlite_utils.migrations import Migrations

    from cxrun.dialer import Dialer
    from cxrun.elements import DialingMode, Filter, ResultHandler, Treatment
    from cxrun.events import AttemptSettled, RunFinished, RunStarted
    from cxrun.linting.check import Check

hookspec = pluggy.HookspecMarker("cxrun")
hookimpl = pluggy.HookimplMarker("cxrun")


# --- at start: what there is ---


@hookspec
def register_dialing_modes() -> Iterable[type[DialingMode]]:  # type: ignore[empty-body]
    """Return dialing mode classes; a profile chooses one by its name."""


@hookspec
def register_filters() -> Iterable[type[Filter]]:  # type: ignore[empty-body]
    """Return filter classes; a ruleset chooses them by name and order."""


@hookspec
def register_treatments() -> Iterable[type[Treatment]]:  # type: ignore[empty-body]
    """Return treatment classes; a ruleset chooses them by name and order."""


@hookspec
def register_result_handlers() -> Iterable[type[ResultHandler]]:  # type: ignore[empty-body]
    """Return call-result handler classes; a ruleset chooses them by name and order."""


@hookspec
def register_dialers() -> Iterable[type[Dialer]]:  # type: ignore[empty-body]
    """Return dialer classes; a session profile chooses one by its name."""


@hookspec
def register_checks() -> Iterable[Check]:  # type: ignore[empty-body]
    """Return checks for `cxrun lint`, made with `@check`; it asks them beside its own."""


@hookspec
def register_migrations() -> Iterable[Migrations]:  # type: ignore[empty-body]
    """Return named sets of sqlite-utils migrations for tables of the plugin's own in the store."""


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add commands to the `cxrun` command line."""


# --- while it runs: after the commit ---


@hookspec
def run_started(event: RunStarted) -> None:
    """A run has taken the store and frozen its settings."""


@hookspec
def attempt_settled(event: AttemptSettled) -> None:
    """An attempt has its result and its consequence, both committed. An observer that raises is switched off."""


@hookspec
def run_finished(event: RunFinished) -> None:
    """A run has ended, whatever the reason; everything is committed."""
