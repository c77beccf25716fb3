from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import counted, echo_columns, echo_json, json_option
from cxrun.errors import UserError

if TYPE_CHECKING:
    from cxrun.campaign import Group
    from cxrun.store import Store


@click.command("plan")
@click.argument("groups", nargs=-1, shell_complete=completing.groups)
@click.option("--limit", type=click.IntRange(1, 2000), default=100, show_default=True,
              help="How many dials at most.")  # fmt: skip
@click.option(
    "--at", "when", metavar="TIME", help="For a later moment, or so long from now (1h); now by default."
)
@click.option("--valid-for", metavar="DURATION", default="1h", show_default=True,
              help="How long the plan may be applied.")  # fmt: skip
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, as YAML.",
)
@json_option
@click.pass_obj
def command(
    session: Session,
    groups: tuple[str, ...],
    limit: int,
    when: str | None,
    valid_for: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write the next dials of GROUPS to a file, to be approved.

    What a run would dial at this moment is decided as a run decides it, and nobody is called; without --output this is
    a dry run. A person reads the file and writes a name after approved_by; `cxrun apply` makes those calls and no
    others.

    \b
    Example:
      cxrun plan
      cxrun plan welcome_east --at 1h --limit 20 -o plan.yaml
    """
    from cxrun.moments import moment_text, parse_moment
    from cxrun.planning.plan import inputs_of, plan_data, write_plan
    from cxrun.planning.rehearsing import rehearse
    from cxrun.rota import stands
    from cxrun.store.orders import standing_orders
    from cxrun.store.rehearsing import RehearsalStore

    project = session.project
    chosen = [project.group(name) for name in groups] if groups else list(project.groups.values())
    if not project.store_file.exists():
        raise UserError("nothing is imported yet; `cxrun import` begins")
    with RehearsalStore(project.store_file, session.registry.migrations()) as store:
        store.begin()
        at = _now(chosen, store)
        at = max(at, parse_moment(when, at)) if when else at
        until = parse_moment(valid_for, at)
        _refuse_unimported(chosen, store)
        inputs = inputs_of(store, chosen)
        orders = standing_orders(store)
        told = [
            (g.name, orders[g.name].action)
            for g in chosen
            if g.name in orders and stands(orders[g.name], g.schedule, at)
        ]
        rehearsal = rehearse(project, chosen, store, at, limit, until)
    data = plan_data(rehearsal, chosen, inputs, at, until)
    if output is not None:
        write_plan(output, data)
    if as_json:
        echo_json(data)
        return
    rows = [
        (n, dial["record"], dial["number"], dial["client"], dial["group"], dial["list"], dial["type"], dial["attempt"],
         moment_text(parse_moment(dial["valid_until"])))
        for n, dial in enumerate(data["dials"], 1)
    ]  # fmt: skip
    click.echo(f"as of {moment_text(at)}")
    if rows:
        echo_columns(
            rows, ("", "record", "number", "client", "group", "list", "type", "attempt", "valid until")
        )
    for item in data["refused"]:
        rule = f" ({item['rule']})" if "rule" in item else ""
        click.echo(f"{counted(item['records'], 'record')} not dialed: {item['why']}{rule}")
    for group, action in told:
        click.echo(f"group {group} has the order to {action}, by hand")
    click.echo(f"{counted(len(rows), 'dial')}, nobody is called")
    if output is not None:
        click.echo(f"wrote {output}; who approves it fills in approved_by, then: cxrun apply {output}")


def _now(groups: list[Group], store: Store) -> float:
    """The moment a run would begin at."""
    from cxrun.moments import parse_moment
    from cxrun.store.runs import SIMULATION, last_reached, last_run

    last = last_run(store)
    if any(group.dialer.external for group in groups) or (last is not None and last.world != SIMULATION):
        return time.time()
    start = min(parse_moment(group.settings["virtual_start"].value) for group in groups)
    return max(start, last_reached(store) or start)


def _refuse_unimported(groups: list[Group], store: Store) -> None:
    from cxrun.store.lists import stored_lists

    known: dict[str, Any] = stored_lists(store)
    for name in dict.fromkeys(name for group in groups for name in group.lists):
        if name not in known:
            raise UserError(f"contact list '{name}' is not imported yet; `cxrun import {name}` does it")
