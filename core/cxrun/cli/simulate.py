from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.import_ import watch_import
from cxrun.cli.terminal import clear_progress, counted, echo_columns, echo_json, json_option, on_terminal

if TYPE_CHECKING:
    from cxrun.campaign import Project
    from cxrun.simulating.scene import Wish
    from cxrun.simulating.trial import Metric
    from cxrun.tally import Tally

_OPTIONS = (
    click.option("--days", type=click.IntRange(min=1), help="How many days to simulate; 30 by default."),
    click.option("--until", metavar="TIME", help="Until a moment (2026-03-09T00:00Z) or after a duration (8h)."),
    click.option("--at", "when", metavar="TIME",
                 help="Begin at a moment (2026-03-02T18:00Z) or after a duration (8h); else where a run would."),
    click.option("--model", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
                 help="What calls come to, as `cxrun learn` writes it."),
    click.option("--right-party", metavar="WORDS", default="answer", show_default=True,
                 help="The call results or dispositions of a right-party contact: SALE,PROMISE."),
    click.option("--per-dial", type=click.FloatRange(min=0), default=0.0, help="Price of a call."),
    click.option("--per-minute", type=click.FloatRange(min=0), default=0.0,
                 help="Price of a minute a line is up, from the answer on."),
    click.option("--per-agent-hour", type=click.FloatRange(min=0), default=0.0,
                 help="Price of an hour an agent is there."),
    click.option("--zone", metavar="ZONE", help="Whose days and hours to tell; that of most records by default."),
    click.option("--jobs", type=click.IntRange(min=1), help="Seeds at work at once; as many as there are cores."),
)  # fmt: skip


def simulation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of whatever simulates."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wish_of(groups: tuple[str, ...], given: Mapping[str, Any]) -> Wish:
    """What is to be simulated, by the options given. Raises UserError."""
    from cxrun.errors import UserError
    from cxrun.simulating.scene import Prices, Wish
    from cxrun.times import known_zone

    if given["days"] is not None and given["until"] is not None:
        raise click.UsageError("--days and --until are not for the same simulation")
    if given["zone"] is not None and not known_zone(given["zone"]):
        raise UserError(f"no time zone named '{given['zone']}'; write e.g. America/New_York")
    words = [word.strip() for word in given["right_party"].split(",")]
    prices = Prices(given["per_dial"], given["per_minute"], given["per_agent_hour"])
    return Wish(
        groups, given["days"], given["until"], given["when"], given["zone"], words, prices, given["model"]
    )


def jobs_of(given: Mapping[str, Any]) -> int:
    """How many seeds are at work at once."""
    return given["jobs"] or os.cpu_count() or 1


@click.command("simulate")
@click.argument("groups", nargs=-1, shell_complete=completing.groups)
@click.option("--seed", type=int, help="Chance of the simulation; 0 by default.")
@click.option("--seeds", type=click.IntRange(min=1),
              help="So many simulations, with the seeds from --seed on.")  # fmt: skip
@simulation_options
@json_option
@click.pass_obj
def command(
    session: Session,
    /,
    groups: tuple[str, ...],
    seed: int | None,
    seeds: int | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Simulate campaign GROUPS, all by default, for days or months, and leave everything as it is.

    The records are those of the project as they stand, with their history, in a private copy; rules, pacing and
    runner are those of a real run, the dialer is the simulated one. Nothing is sent and nothing is kept. Exit
    code 1 if a plugin failed on any record.

    \b
    Example:
      cxrun simulate --days 5
      cxrun simulate welcome_east --until 8h --seed 7
      cxrun simulate --seeds 20 --model model.yaml --per-dial 0.01 --per-agent-hour 24 --json
    """
    from cxrun.simulating import trials
    from cxrun.simulating.scene import staged
    from cxrun.simulating.telling import told
    from cxrun.strategies import Strategy

    chosen = [(seed or 0) + n for n in range(seeds or 1)]
    wish = wish_of(groups, given)
    say_what_is_left_out(session.project, groups)
    found = []
    with staged(session.project, wish, watch_import) as scene:
        plan = [Strategy("the project", session.folder)]
        for number, played in enumerate(trials(scene, plan, chosen, jobs_of(given), _dialing), 1):
            found.append(played.trials[0])
            show_seeds(number, len(chosen))
    clear_progress()
    data = told(scene, found)
    if as_json:
        echo_json(data)
    else:
        _echo(data)
    return 1 if any(trial.errors for trial in found) else 0


def say_what_is_left_out(project: Project, groups: tuple[str, ...]) -> None:
    """Name the filters that are not asked."""
    from cxrun.simulating.scene import left_out

    for name in left_out(project, groups or tuple(project.groups)):
        click.secho(
            f"{name}: asks outside, so it is not asked here; every record passes it", fg="yellow", err=True
        )


def show_seeds(done: int, whole: int) -> None:
    """Say how many seeds are done: in place on a terminal, else ten times."""
    if whole < 2:
        return
    if on_terminal():
        click.echo(f"\r{done} of {whole} seeds", nl=False, err=True)
    elif done * 10 // whole > (done - 1) * 10 // whole and whole >= 10:
        click.echo(f"{done} of {whole} seeds", err=True)


def _dialing(tally: Tally) -> None:
    from cxrun.moments import moment_text

    if on_terminal():
        click.echo(f"\r{moment_text(tally.now)}: {tally.attempts:,} dials", nl=False, err=True)


def shown_metrics(data: Mapping[str, Any]) -> list[Metric]:
    """The figures that say something: those of cost only if there is a price."""
    from cxrun.simulating.trial import METRICS, PRICED

    priced = any(data["prices"].values())
    return [metric for metric in METRICS if priced or metric.key not in PRICED]


def scene_text(data: Mapping[str, Any]) -> str:
    """What was simulated."""
    from cxrun.moments import moment_text

    seeds = data["seeds"]
    named = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}"
    start, until = (moment_text(data[end], data["zone"]) for end in ("from", "until"))
    return f"{', '.join(data['groups'])}: {start} to {until}, {named}"


def _echo(data: dict[str, Any]) -> None:
    from cxrun.simulating.telling import written

    click.echo(scene_text(data))
    several = len(data["seeds"]) > 1
    rows = []
    for metric in shown_metrics(data):
        figure = data["figures"][metric.key]
        interval = (
            f"{written(metric, figure['low'])} to {written(metric, figure['high'])}"
            if figure["low"] is not None
            else ""
        )
        rows.append((metric.text, written(metric, figure["mean"]), interval)[: 2 + several])
    click.echo()
    columns(rows, ("", "mean", "95% interval") if several else ())
    days: dict[str, dict[str, float]] = {}
    times: dict[str, dict[str, float]] = {}
    for hour in data["hours"]:
        day, _, time = hour["hour"].partition(" ")
        for table, key in ((days, day), (times, f"{time}:00")):
            row = table.setdefault(key, {})
            for name, value in hour.items():
                if name != "hour":
                    row[name] = row.get(name, 0.0) + value
    shown = ["dials", "contacts", "right_party", "abandoned", "agent_hours"]
    shown += ["cost"] if any(data["prices"].values()) else []
    metrics = {metric.key: metric for metric in shown_metrics(data)}
    for title, table in (("day", days), ("hour", dict(sorted(times.items())))):
        click.echo()
        rows = [(key, *(written(metrics[c], row[c]) for c in shown)) for key, row in table.items()]
        columns(rows, (title, *(metrics[column].text for column in shown)))
    for trial in data["trials"]:
        if trial["errors"]:
            click.secho(f"seed {trial['seed']}: {counted(trial['errors'], 'plugin error')}", fg="red")
    endings = {trial["ended"] for trial in data["trials"]}
    why = {"until": "the time is over, records are left", "nothing left to dial": "the list is used up"}
    click.echo()
    click.echo("; ".join(sorted(why.get(ending, ending) for ending in endings)))


def columns(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> None:
    """Print texts in columns, all but the first to the right."""
    lines = [header, *rows] if header else rows
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    echo_columns(
        [
            tuple(cell.ljust(width) if not index else cell.rjust(width)
                  for index, (cell, width) in enumerate(zip(row, widths, strict=True)))
            for row in rows
        ],
        tuple(cell if not index else cell.rjust(widths[index]) for index, cell in enumerate(header)),
    )  # fmt: skip
