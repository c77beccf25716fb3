from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import (
    clear_progress,
    counted,
    echo_columns,
    echo_json,
    json_option,
    show_progress,
)
from cxrun.errors import UserError

if TYPE_CHECKING:
    from cxrun.forecasting.forecast import Forecast, GroupForecast, ListForecast

_ZONES = 12
"""Zones that are told one by one."""


@click.command("forecast")
@click.argument("groups", nargs=-1, shell_complete=completing.groups)
@click.option(
    "--hours", type=click.IntRange(1, 24 * 92), default=168, show_default=True, help="How many hours."
)
@click.option(
    "--at", "when", metavar="TIME", help="Begin at a moment (2026-03-02T18:00Z) or after a duration (8h)."
)
@click.option("--calls-per-hour", type=click.FloatRange(0, min_open=True),
              help="What a group can do, instead of what was measured or the dialer expects.")  # fmt: skip
@click.option(
    "--zone", metavar="ZONE", default="UTC", show_default=True, help="On whose clock hours are shown."
)
@click.option(
    "--by", type=click.Choice(["day", "hour"]), default="day", show_default=True, help="Rows of the table."
)
@click.option(
    "--svg", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Draw it as SVG."
)
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Write a page with picture, table and assumptions.")  # fmt: skip
@json_option
@click.pass_obj
def command(
    session: Session,
    groups: tuple[str, ...],
    hours: int,
    when: str | None,
    calls_per_hour: float | None,
    zone: str,
    by: str,
    svg: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Tell how many customers GROUPS can dial in each coming hour, and when lists are used up.

    A customer counts in each hour in which one of his numbers may be dialed, by schedule, rules and caps, if nobody
    calls him before. When a list is used up is a model; its assumptions are printed.

    \b
    Example:
      cxrun forecast
      cxrun forecast welcome_east --hours 48 --zone America/New_York
      cxrun forecast --html forecast.html
    """
    from cxrun.asking import reading
    from cxrun.forecasting.forecast import forecast
    from cxrun.forecasting.picture import page, picture
    from cxrun.moments import parse_moment
    from cxrun.requests import now_of
    from cxrun.times import known_zone

    if not known_zone(zone):
        raise UserError(f"no time zone named '{zone}'; write an IANA name such as America/New_York")
    project = session.project
    chosen = [project.group(name) for name in groups] if groups else list(project.groups.values())
    if not chosen:
        raise UserError("campaign.yaml has no campaign group")

    def progress(name: str, done: int) -> None:
        show_progress(name, done, "customers looked at")

    with session.store(create=False) as store:
        now = now_of(project, store)
        start = parse_moment(when, now) if when else now
        if start < now:
            raise UserError("a forecast begins now or later; `cxrun explain --at` looks back")
        with reading(store, chosen):
            found = forecast(store, chosen, now, start, hours, calls_per_hour, progress)
        clear_progress()
    for file, drawn in ((svg, picture), (html, page)):
        if file is not None:
            file.write_text(drawn(found, zone), encoding="utf-8")
            click.echo(f"wrote {file}", err=as_json)
    if as_json:
        echo_json(found.as_data())
        return
    _echo(found, zone, by)


def _echo(found: Forecast, zone: str, by: str) -> None:
    from cxrun.forecasting.forecast import COUNTED
    from cxrun.moments import moment_text

    click.echo(
        f"{moment_text(found.edges[0], zone)} to {moment_text(found.edges[-1], zone)}, {counted(found.hours, 'hour')}"
    )
    click.echo(f"open: {COUNTED}")
    for group in found.groups:
        click.echo()
        _echo_group(group)
        for one in group.lists:
            click.echo()
            _echo_list(one, found.edges, zone, by)


def _echo_group(group: GroupForecast) -> None:
    from cxrun.forecasting.picture import pace_text

    click.secho(f"group {group.group.name}", bold=True, nl=False)
    click.echo(f": {pace_text(group)}")
    for sentence in (*(group.pace.assumptions if group.pace else ()), *group.notes):
        click.echo(f"  - {sentence}")


def _echo_list(one: ListForecast, edges: list[float], zone: str, by: str) -> None:
    from cxrun.forecasting.picture import by_day, by_hour, by_zone, obstacles, summary

    click.secho(f"list {one.name}", bold=True, nl=False)
    click.echo(f": {summary(one, zone)}")
    for sentence in obstacles(one, 5):
        click.echo(f"  {sentence}")
    if not any(one.open):
        return
    _draw(one, edges, zone)
    click.echo()
    echo_columns(*(by_day if by == "day" else by_hour)(one, edges, zone))
    rows, header = by_zone(one)
    if len(rows) > 1:
        click.echo()
        echo_columns(rows[:_ZONES], header)
        if len(rows) > _ZONES:
            click.echo(f"... and {len(rows) - _ZONES:,} more zones; --json tells them all")


def _draw(one: ListForecast, edges: list[float], zone: str) -> None:
    """The open hours as bars, a row for each day."""
    from rich.console import Console
    from rich.text import Text

    from cxrun.forecasting.picture import days

    console = Console(file=sys.stdout, width=90, highlight=False)
    most = max(one.open)
    console.print(Text(f"open by hour, {zone}; a full block is {most:,}", style="dim"))
    console.print(Text("           " + "".join(f"{hour:02}    " for hour in range(0, 24, 3)), style="dim"))
    for day, hours in days(edges, zone).items():
        line = Text(f"{day:%a %m-%d}  ", style="dim")
        cells: dict[int, int] = {}
        for n, hour in hours:
            # an hour that comes twice when clocks are set back is drawn once
            cells[hour] = max(cells.get(hour, 0), one.open[n])
        for hour in range(24):
            if hour not in cells:
                line.append("  ")
            elif not cells[hour]:
                line.append("··", style="dim")
            else:
                line.append(_BLOCKS[-(-cells[hour] * 8 // most) - 1] * 2, style="cyan")
        console.print(line)


_BLOCKS = "▁▂▃▄▅▆▇█"
