from __future__ import annotations

import os
from pathlib import Path

import click

from cxrun.cli import Session
from cxrun.cli.terminal import counted, echo_columns, echo_json, json_option
from cxrun.errors import RunInterrupted


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--approve", metavar="NAME", help="Who approves the plan, if the file does not say so.")
@click.option("--max-errors", type=click.IntRange(min=0), default=100, show_default=True,
              help="Stop when plugins have failed more often than this.")  # fmt: skip
@click.option("--real-time", is_flag=True, help="Let the clock of a simulation run as it does, not in jumps.")
@json_option
@click.pass_obj
def command(
    session: Session, file: Path, approve: str | None, max_errors: int, real_time: bool, as_json: bool
) -> int:
    """Make the calls of a plan, in its order and no others.

    A plan is refused as a whole if nobody has approved it, if it was edited or applied before, if it is too old,
    or if rules, lists, attempts, suppressions or requests have changed since it was made. Each call is checked by
    the rules once more as it is claimed; what they object to is not dialed, and named. Exit code 1 if any was not.

    \b
    Example:
      cxrun apply plan.yaml
      cxrun apply plan.yaml --approve "Ada Abara"
    """
    from cxrun.cli.run_ import _clock, _stoppable, _watching, echo_across_runs
    from cxrun.moments import moment_text
    from cxrun.planning.applying import Application, check
    from cxrun.planning.plan import read_plan
    from cxrun.store.runs import last_reached, last_seed
    from cxrun.tally import Options

    plan = read_plan(file)
    project = session.project
    chosen = [project.group(name) for name in plan.groups]
    start, clock = _clock(chosen, real_time)
    with session.store(create=False) as store:
        if clock(start).jumps:
            start = max(start, plan.at)
        begin = max(start, last_reached(store) or start)
        approved_by = check(store, plan, chosen, approve, begin)
        options = Options(last_seed(store) or 0, max_errors=max_errors)
        application = Application(
            project, store, plan, chosen, approved_by, clock, start, options, os.environ
        )
        with _stoppable(application.run), _watching() as watch:
            done = application.drive(watch)
    tally = done.tally
    if as_json:
        echo_json(
            {
                "plan": plan.digest,
                "approved_by": approved_by,
                "dialed": tally.attempts,
                "not_dialed": [{**item.dial._asdict(), "why": item.why} for item in done.not_dialed],
                "results": dict(tally.own_results),
                "in_progress": tally.in_progress,
                "leftovers": dict(tally.leftovers),
            }
        )
    else:
        click.echo(f"{moment_text(tally.started)} to {moment_text(tally.now)}")
        if tally.own_results:
            echo_columns(tally.own_results.most_common(), ("call result", "calls"))
        echo_across_runs(tally)
        for item in done.not_dialed:
            click.echo(f"record {item.dial.record_id}, {item.dial.number}, was not dialed: {item.why}")
        click.echo(
            f"{tally.attempts:,} of {counted(len(plan.data['dials']), 'planned dial')} made, approved by {approved_by}"
        )
    if tally.ended == "interrupted":
        raise RunInterrupted("interrupted; what was not dialed needs a new plan")
    return 1 if done.not_dialed or tally.errors else 0
