from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.at_work import at_work
from cxrun.cli.terminal import counted, echo_columns, echo_json, json_option, lasting, on_terminal
from cxrun.errors import RunInterrupted, UserError

if TYPE_CHECKING:
    from cxrun.campaign import Group, Project
    from cxrun.clock import Clock
    from cxrun.report import Window
    from cxrun.runner import Run
    from cxrun.store import Store
    from cxrun.tally import Tally


_TURNS = 12
"""Starts, pauses and stops of groups that the summary tells."""
_WAITS = 3
"""Groups of which the line of progress tells what they wait for."""
_GROUPS = 8
"""Groups of which the picture of progress tells what their agents and calls do."""
_WINDOWS = 24
"""Hours or days that the summary tells."""
_ENOUGH = 50
"""Answered calls from which on waits and rates by the hour mean anything; --json always tells them."""


@click.command("run")
@click.argument("groups", nargs=-1, shell_complete=completing.groups)
@click.option(
    "--until", metavar="TIME", help="Stop at a moment (2026-03-02T18:00Z) or after a duration (8h)."
)
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many attempts.")
@click.option("--seed", type=int, help="Chance of the simulated dialer: that of the last run, at first 0.")
@click.option("--max-errors", type=click.IntRange(min=0), default=100, show_default=True,
              help="Stop when plugins have failed more often than this.")  # fmt: skip
@click.option("--real-time", is_flag=True, help="Let the clock run as it does, not in jumps.")
@click.option("--send-effects", is_flag=True,
              help="Send webhooks and start scripts in a simulation too; a real run always does.")  # fmt: skip
@json_option
@click.pass_obj
def command(
    session: Session,
    groups: tuple[str, ...],
    until: str | None,
    limit: int | None,
    seed: int | None,
    max_errors: int,
    real_time: bool,
    send_effects: bool,
    as_json: bool,
) -> int:
    """Dial the records of campaign GROUPS, all by default.

    Lists that are not imported yet are imported first. With the simulated dialer the clock is virtual: a
    month takes seconds. Exit code 1 if a plugin failed on any record.

    In real time, what you change in campaign.yaml and in rulesets holds from the next second on; what cannot be
    taken over, or is wrong, is told, and the run goes on under the rules it had.

    Ctrl-C stops after the batch in hand is committed; run it again to go on.

    \b
    Example:
      cxrun run
      cxrun run welcome_east --until 8h --seed 7
    """
    from cxrun.edits import Edits
    from cxrun.runner import Run
    from cxrun.tally import Options

    edits = Edits(session.folder, session.registry)
    project = session.project
    chosen = [project.group(name) for name in groups] if groups else list(project.groups.values())
    if not chosen:
        raise UserError("campaign.yaml has no campaign group to run")
    start, clock = _clock(chosen, real_time)
    with session.store() as store:
        from cxrun.moments import parse_moment
        from cxrun.store.runs import last_reached, last_seed

        begin = max(start, last_reached(store) or start)
        seed = last_seed(store) or 0 if seed is None else seed
        options = Options(
            seed, parse_moment(until, begin) if until else None, limit, max_errors, send_effects
        )
        _import_missing(session, project, chosen, store, aside=as_json)
        run = Run(project, chosen, store, clock, start, options, os.environ, edits)
        with _stoppable(run), _watching() as watch:
            tally = run.drive(watch)
    if as_json:
        echo_json(_as_data(tally))
    else:
        _echo_summary(tally)
    if tally.errors:
        return 1
    if tally.ended == "interrupted":
        raise RunInterrupted("interrupted; everything is committed, `cxrun run` goes on from here")
    return 0


def _clock(groups: list[Group], real_time: bool) -> tuple[float, Callable[[float], Clock]]:
    from cxrun.clock import VirtualClock, WallClock
    from cxrun.moments import parse_moment

    if real_time or any(group.dialer.external for group in groups):
        return time.time(), lambda start: WallClock()
    return min(parse_moment(group.settings["virtual_start"].value) for group in groups), VirtualClock


def _import_missing(
    session: Session, project: Project, groups: list[Group], store: Store, *, aside: bool
) -> None:
    from cxrun.cli.import_ import echo_result, watch_import
    from cxrun.importing import import_list, is_imported

    for name in dict.fromkeys(name for group in groups for name in group.lists):
        contact_list = project.lists[name]
        if not is_imported(store, contact_list):
            result = import_list(store, contact_list, session.folder, watch_import)
            echo_result(result, aside=aside)


@contextmanager
def _stoppable(run: Run) -> Iterator[None]:
    """The first Ctrl-C (or termination signal) ends the run after its batch, the second at once."""

    def stop(number: int, frame: object) -> None:
        if run.stop:
            raise KeyboardInterrupt
        run.stop = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watching() -> Iterator[Callable[[Tally], None]]:
    said, told = [time.monotonic()], [0]

    def notices(tally: Tally) -> None:
        from cxrun.moments import moment_text

        for notice in tally.notices[told[0] :]:
            click.secho(f"{moment_text(notice.at)}  {notice.text}", fg="yellow", err=True)
        told[0] = len(tally.notices)

    def due(pause: float) -> bool:
        if time.monotonic() - said[0] <= pause:
            return False
        said[0] = time.monotonic()
        return True

    if on_terminal():
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True), refresh_per_second=8, transient=True) as live:

            def draw(tally: Tally) -> None:
                notices(tally)
                if due(0.1):
                    live.update(_picture(tally))

            yield draw
        return

    def say(tally: Tally) -> None:
        notices(tally)
        if due(5):
            click.echo(_line(tally), err=True)

    yield say


def _picture(tally: Tally) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid()
    for line in (_counts(tally), _busy(tally)):
        if line:
            table.add_row(Text(line, style="bold"))
    groups = Table.grid(padding=(0, 2))
    for name, state in list(tally.groups.items())[:_GROUPS]:
        standing = state["state"] + (f", waiting for {state['waits_for']}" if state["waits_for"] else "")
        for row, phrase in enumerate((standing, *at_work(state))):
            groups.add_row("" if row else name, phrase)
    table.add_row(groups)
    most = max(tally.results.values(), default=1)
    bars = Table.grid(padding=(0, 2))
    for result, count in tally.results.most_common(8):
        bars.add_row(result, f"{count:,}", Text("█" * max(1, round(30 * count / most)), style="cyan"))
    table.add_row(bars)
    return table


def _line(tally: Tally) -> str:
    told = []
    for group, state in tally.groups.items():
        if state["waits_for"]:
            told.append(f"{group} waits for {state['waits_for']}")
        if state["remark"]:
            told.append(f"{group}: {state['remark']}")
    counts = ", ".join(filter(None, (_counts(tally), _busy(tally))))
    return "; ".join([counts, *told[:_WAITS], *(["..."] if len(told) > _WAITS else [])])


def _counts(tally: Tally) -> str:
    from cxrun.moments import moment_text

    return f"{moment_text(tally.now)}  {tally.attempts:,} attempts, {tally.answered:,} answered"


def _busy(tally: Tally) -> str:
    """How many were lost, and how busy those are who take calls; empty if nobody can wait."""
    told = []
    if tally.agents:
        told.append(f"agents {tally.utilisation:.0%} busy")
    if tally.channel_seconds:
        told.append(f"channels {tally.channels_busy:.0%} busy")
    return ", ".join([f"{tally.abandon_rate:.2%} lost", *told]) if told else ""


def _echo_summary(tally: Tally) -> None:
    from cxrun.moments import moment_text
    from cxrun.rota import BY_HAND

    why = {"until": "stopped at the time of --until", "limit": "stopped at the attempts of --limit"}
    ended = why.get(tally.ended, tally.ended)
    click.echo(f"{moment_text(tally.started)} to {moment_text(tally.now)}: {ended}")
    lost = f", {tally.abandon_rate:.2%} of them abandoned or dropped" if tally.answered else ""
    click.echo(f"{counted(tally.attempts, 'attempt')}, {tally.answered:,} answered by a person{lost}")
    echo_across_runs(tally)
    total = tally.report.total
    if tally.agents:
        click.echo(
            f"{counted(tally.agents, 'agent')}, {tally.utilisation:.1%} busy, "
            f"{(tally.connects - tally.served) / (tally.staffed_seconds / 3600 or 1):.1f} connects per agent hour"
        )
    if tally.channel_seconds:
        click.echo(f"channels {tally.channels_busy:.1%} busy, {total.served_per_hour:,.1f} connects per hour")
    elif tally.served:
        click.echo(f"{total.served_per_hour:,.1f} connects per hour")
    for group, phrases in tally.paced.items():
        for remark, lasted in phrases.items():
            if remark:
                whole = lasting(sum(phrases.values()))
                click.echo(f"{group}: {remark}, for {lasting(lasted)} of {whole}")
    click.echo(f"the rules put records off {counted(tally.deferred, 'time')} and excluded {tally.excluded:,}")
    if tally.promised or tally.missed:
        click.echo(f"{counted(tally.promised, 'callback')} promised, {tally.missed:,} missed")
    for turn in tally.turns[:_TURNS]:
        click.echo(f"{moment_text(turn.at)}  {turn}")
    if len(tally.turns) > _TURNS:
        click.echo(f"... and {len(tally.turns) - _TURNS:,} more such changes; --json tells them all")
    stopped = [name for name, turn in {turn.group: turn for turn in tally.turns}.items()
               if turn.state != "running" and turn.why == BY_HAND]  # fmt: skip
    if stopped:
        click.echo(f"what was stopped by hand goes on after `cxrun group start {' '.join(stopped)}`")
    for count, what in (
        (tally.errors, "plugin errors; `cxrun status --why` names them"),
        (tally.lost, "calls lost"),
    ):
        if count:
            click.secho(f"{count:,} {what}", fg="red")
    for what, count in tally.effects.items():
        failed = what in ("failed", "unknown")
        click.secho(f"{counted(count, 'effect')} {what}", fg="red" if failed else None)
    if tally.answered >= _ENOUGH:
        _echo_report(tally)
    rows = [
        (name, result, count)
        for name, results in tally.per_list.items()
        for result, count in results.most_common()
    ]
    if rows:
        click.echo()
        echo_columns(rows, ("list", "call result", "calls"))


def echo_across_runs(tally: Tally) -> None:
    """Calls that began or end in another run: what ended and what was placed do not agree by as many."""
    if tally.leftovers:
        were = (
            "call of an earlier run was" if tally.leftovers.total() == 1 else "calls of an earlier run were"
        )
        click.echo(f"{tally.leftovers.total():,} {were} brought to an end as well")
    if tally.in_progress:
        click.echo(
            f"{counted(tally.in_progress, 'call')} still in progress; the next run brings them to an end"
        )


def _echo_report(tally: Tally) -> None:
    """Waits, and what each day came to; for a run within a day, each hour."""
    from cxrun.moments import moment_text

    report, total = tally.report, tally.report.total
    looks = tally.look_seconds / (report.agents_wait.count or 1)
    looked = f"; for {looks:.1f} s of it he looked at records" if looks else ""
    whom = "an agent" if not total.served else "an agent or channel" if tally.agents else "a channel"
    for who, spread, more in (
        ("an agent waited for a call", report.agents_wait, looked),
        (f"who answered waited for {whom}", report.callers_wait, ""),
    ):
        if spread.count:
            told = f"{spread.mean:.1f} s on average, 90% of times {spread.quantile(0.9):.1f} s or less"
            click.echo(f"{who} {told}{more}")
    if total.mistaken:
        lost = (total.abandoned + total.mistaken) / (total.answered + total.mistaken)
        people = "person was" if total.mistaken == 1 else "people were"
        click.echo(
            f"{total.mistaken:,} {people} taken for a machine and hung up on; {lost:.2%} abandoned with them"
        )
    windows = list(report.by_day())
    by_day = len(windows) > 1
    columns = _columns(tally)
    rows = [
        (moment_text(at)[: 10 if by_day else None], *(tell(window) for tell in columns.values()))
        for at, window in (windows if by_day else report.by_hour())
    ]
    click.echo()
    echo_columns(rows[:_WINDOWS], ("day" if by_day else "hour", *columns))
    if len(rows) > _WINDOWS:
        click.echo(f"... and {len(rows) - _WINDOWS:,} more; --json tells them all")
    if len(report.lists) > 1:
        click.echo()
        of_lists = {name: tell for name, tell in columns.items() if name not in _OF_ALL}
        lists = [(name, *(tell(window) for tell in of_lists.values())) for name, window in report.by_list()]
        echo_columns(lists, ("list", *of_lists))


_OF_ALL = ("busy", "channels busy")
"""Columns that can be told of the whole run, and not of a list."""


def _columns(tally: Tally) -> dict[str, Callable[[Window], object]]:
    """What is told of each hour, day or list: agents where there are any, channels where groups need none."""
    columns: dict[str, Callable[[Window], object]] = {
        "calls": lambda window: window.calls,
        "answered": lambda window: window.answered,
        "lost": lambda window: window.abandoned,
        "of answered": lambda window: _percent(window.abandon_rate, 2) if window.answered else "-",
        "connects": lambda window: window.connects,
    }
    if tally.agents:
        columns["per agent hour"] = lambda window: (
            f"{window.connects_per_hour:.1f}" if window.staffed else "-"
        )
        columns["busy"] = lambda window: _percent(window.utilisation)
    if tally.served:
        columns["per hour"] = lambda window: f"{window.served_per_hour:.1f}" if window.worked else "-"
    if tally.channel_seconds:
        columns["channels busy"] = lambda window: _percent(window.channels_busy)
    return columns


def _percent(share: float, places: int = 1) -> str:
    return f"{share:.{places}%}"


def _as_data(tally: Tally) -> dict[str, Any]:
    return {
        **{key: value for key, value in vars(tally).items() if key not in ("groups", "paced")},
        "turns": [turn._asdict() for turn in tally.turns],
        "notices": [notice._asdict() for notice in tally.notices],
        "report": tally.report.data(),
        "in_progress": tally.in_progress,
        "abandon_rate": tally.abandon_rate,
        "utilisation": tally.utilisation,
        "channels_busy": tally.channels_busy,
        "pacing": {
            group: {
                "seconds": round(sum(phrases.values()), 3),
                "remarks": {remark: round(lasted, 3) for remark, lasted in phrases.items() if remark},
            }
            for group, phrases in tally.paced.items()
        },
    }
