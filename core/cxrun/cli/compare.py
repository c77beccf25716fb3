from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.import_ import watch_import
from cxrun.cli.simulate import (
    columns,
    jobs_of,
    say_what_is_left_out,
    scene_text,
    show_seeds,
    shown_metrics,
    simulation_options,
    wish_of,
)
from cxrun.cli.terminal import clear_progress, echo_json, json_option

_MOST_RULES = 12


@click.command("compare")
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", default=".")
@click.option("--group", "groups", multiple=True, shell_complete=completing.groups,
              help="Only this campaign group; may be given again.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="The first seed.")
@click.option("--seeds", type=click.IntRange(min=1), default=10, show_default=True,
              help="So many simulations of each; more make it surer.")  # fmt: skip
@simulation_options
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Write a page that can be read without cxrun and without a network.")  # fmt: skip
@json_option
@click.pass_obj
def command(
    session: Session,
    /,
    before: str,
    after: str,
    groups: tuple[str, ...],
    seed: int,
    seeds: int,
    html: Path | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Compare strategies A and B, by default the project as it stands, on the same records and the same luck.

    \b
    A strategy is
      .             the project as it stands
      FOLDER        another project with the same groups and lists
      FILE          the project with this ruleset in place of the one of the same name, or this campaign.yaml
      REVISION      the project as it stood in git: HEAD~1, main, v1.2

    The records are always those of the project, as they stand, in private copies: nothing is sent and nothing is
    kept. What differs is told with its 95% interval, and the records that only one of the two dials, with the rules
    that keep the other from it. Exit code 1 if a plugin failed on any record.

    \b
    Example:
      cxrun compare HEAD~1
      cxrun compare . trials/retry.yaml --seeds 20 --days 5
      cxrun compare ../old . --html report.html --per-dial 0.01 --per-agent-hour 24
    """
    from tempfile import TemporaryDirectory

    from cxrun.comparing import compared, findings
    from cxrun.simulating import trials
    from cxrun.simulating.scene import staged
    from cxrun.strategies import strategy

    wish = wish_of(groups, given)
    project = session.project
    say_what_is_left_out(project, groups)
    with TemporaryDirectory(prefix="cxrun-") as scratch:
        plans = [strategy(text, session.folder, Path(scratch)) for text in (before, after)]
        with staged(project, wish, watch_import) as scene:
            chosen = range(seed, seed + seeds)
            rounds = []
            for played in trials(scene, plans, chosen, jobs_of(given)):
                rounds.append(played)
                show_seeds(len(rounds), seeds)
        clear_progress()
        data = compared(scene, plans, rounds)
    data["findings"] = findings(data)
    if as_json:
        echo_json(data)
    else:
        _echo(data)
    if html is not None:
        from cxrun.comparing.page import page

        html.write_text(page(data), encoding="utf-8")
        click.echo(f"wrote {html}", err=as_json)
    return 1 if any(trial.errors for played in rounds for trial in played.trials) else 0


def _echo(data: dict[str, Any]) -> None:
    from cxrun.comparing import signed
    from cxrun.simulating.telling import written

    click.echo(f"{data['before']} -> {data['after']}")
    click.echo(scene_text(data))
    click.echo()
    rows = []
    for metric in shown_metrics(data):
        figure = data["figures"][metric.key]
        difference = figure["difference"]
        interval = f"{signed(metric, difference['low'])} to {signed(metric, difference['high'])}"
        rows.append(
            (
                metric.text,
                written(metric, figure["before"]["mean"]),
                written(metric, figure["after"]["mean"]),
                signed(metric, difference["mean"]),
                "-" if difference["low"] is None else interval,
            )
        )
    columns(rows, ("", data["before"], data["after"], "difference", "95% interval"))
    click.echo()
    for text in data["findings"]:
        click.echo(f"{text}.")
    for title, moved in (
        ("newly dialed", data["newly_dialed"]),
        ("no longer dialed", data["no_longer_dialed"]),
    ):
        click.echo()
        blocked = f", {moved['blocked']['mean']:,.1f} blocked by a rule" if moved["blocked"]["mean"] else ""
        click.echo(f"{title}: {moved['records']['mean']:,.1f} records{blocked}")
        for entry in moved["why"][:_MOST_RULES]:
            click.echo(f"  {entry['records']:10,.1f}  {entry['why']}")
    rules = [entry for entry in data["decisions"] if entry["difference"]["mean"]][:_MOST_RULES]
    if rules:
        click.echo()
        columns(
            [
                (e["rule"], f"{e['before']:,.1f}", f"{e['after']:,.1f}", f"{e['difference']['mean']:+,.1f}")
                for e in rules
            ],
            ("how often a rule decides", data["before"], data["after"], "difference"),
        )
