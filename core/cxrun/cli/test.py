from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import counted, echo_columns, echo_json, json_option
from cxrun.errors import Problems, UserError

if TYPE_CHECKING:
    from cxrun.cases.covering import Coverage
    from cxrun.cases.suite import Outcomes

_LOOK = 0.5
"""Seconds between two looks at the files while watching."""


@click.command("test")
@click.argument("targets", metavar="[RULESET|FILE]...", nargs=-1, shell_complete=completing.rulesets_or_files)
@click.option(
    "-k", "keyword", metavar="TEXT", default="", help="Only cases whose name or file contains TEXT."
)
@click.option("--packaged", is_flag=True, help="The cases of the rulesets that come with cxrun.")
@click.option(
    "--update", is_flag=True, help="Write what is decided into the cases that fail or state nothing."
)
@click.option("--coverage", is_flag=True, help="Show which rules were met, and how often.")
@click.option("--min", "least", metavar="PERCENT", type=click.FloatRange(0, 100),
              help="Fail if fewer of the branches of the rules were met.")  # fmt: skip
@click.option("--junit", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Write a JUnit report.")  # fmt: skip
@click.option("--github", is_flag=True, help="Print annotations for GitHub Actions too.")
@click.option("--watch", is_flag=True, help="Again whenever a file changes, until Ctrl-C.")
@json_option
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    keyword: str,
    packaged: bool,
    update: bool,
    coverage: bool,
    least: float | None,
    junit: Path | None,
    github: bool,
    watch: bool,
    as_json: bool,
) -> int:
    """Play the cases of rulesets: what is decided, when, and why.

    Cases are in NAME.cases.yaml beside the ruleset; without arguments, all those of the project are played.
    Exit code 1 if one fails.

    \b
    Example:
      cxrun test
      cxrun test retry --coverage
      cxrun test --packaged -k florida
    """
    from cxrun.cases.suite import find

    def once() -> int:
        paths = find(targets, session.folder, packaged=packaged)
        outcomes = _play(paths, keyword, with_coverage=coverage or least is not None, update=update)
        if keyword and not outcomes.played:
            raise UserError(f"no case has '{keyword}' in its name or file")
        if update and outcomes.mended:
            outcomes = _again(paths, keyword, outcomes)
        if junit is not None:
            from cxrun.cases import reports

            junit.write_text(reports.junit(outcomes), encoding="utf-8")
        return _report(outcomes, least, as_json=as_json, github=github, coverage=coverage)

    if watch:
        return _watch(once, session.folder, targets)
    return once()


def _play(paths: Sequence[Path], keyword: str, *, with_coverage: bool, update: bool) -> Outcomes:
    from cxrun.cases.covering import Coverage
    from cxrun.cases.suite import Loader, play_all

    coverage: Coverage | None = Coverage() if with_coverage else None
    # whatever is read stays till the end: looking for garbage takes a sixth of the time and finds none
    gc.disable()
    try:
        return play_all(Loader(coverage).load(paths), keyword, coverage, mend=update)
    finally:
        gc.enable()


def _again(paths: Sequence[Path], keyword: str, before: Outcomes) -> Outcomes:
    """Play what was rewritten."""
    outcomes = _play(paths, keyword, with_coverage=before.coverage is not None, update=False)
    outcomes.mended = before.mended
    return outcomes


def _report(outcomes: Outcomes, least: float | None, *, as_json: bool, github: bool, coverage: bool) -> int:
    from cxrun.cases import reports

    share = outcomes.coverage.share(outcomes.about) if outcomes.coverage else 100.0
    too_little = least is not None and share < least
    if as_json:
        echo_json(reports.as_data(outcomes))
        return 1 if outcomes.failed or too_little else 0
    for file, played, _ in outcomes.played:
        for problem in file.told(played):
            click.secho(str(problem), fg="red")
    if github:
        for line in reports.github(outcomes):
            click.echo(line)
    if outcomes.coverage is not None and coverage:
        _show_coverage(outcomes.coverage, outcomes.about)
    if outcomes.mended:
        click.secho(f"{counted(outcomes.mended, 'case')} rewritten; read what is stated now", fg="yellow")
    number = len(outcomes.played)
    what = f"{counted(number, 'case')} of {counted(len(outcomes.about), 'ruleset')}"
    click.echo(f"{what}: {f'{outcomes.failed:,} failed' if outcomes.failed else 'all hold'}")
    if outcomes.coverage is not None:
        text = f"{share:.1f}% of the branches of the rules are met"
        click.secho(
            f"{text}, {least:g}% are demanded" if too_little else text, fg="red" if too_little else None
        )
    return 1 if outcomes.failed or too_little else 0


def _show_coverage(coverage: Coverage, about: Sequence[str]) -> None:
    rows: list[tuple[Any, ...]] = []
    for branch, cases in coverage.met.items():
        if branch.ruleset in about:
            first = next(iter(cases), "no case")
            more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
            rows.append(
                (
                    f"{branch.file}:{branch.line}",
                    branch.rule,
                    branch.does,
                    sum(cases.values()),
                    f"{first}{more}",
                )
            )
    echo_columns(rows, ("place", "rule", "branch", "times", "met by"))


def _watch(once: Any, folder: Path, targets: Sequence[str]) -> int:
    """Play again and again; what is wrong with a file is shown and looked at anew once it changes."""
    from cxrun.edits import stamps

    roots = [
        folder,
        *(path.parent if path.is_file() else path for path in map(Path, targets) if path.exists()),
    ]
    code = 0
    while True:
        seen = [stamps(root) for root in roots]
        click.clear()
        try:
            code = once()
        except (Problems, UserError) as error:
            click.secho(str(error), fg="red")
        click.secho("waiting for a file to change; Ctrl-C ends", dim=True)
        try:
            while [stamps(root) for root in roots] == seen:
                time.sleep(_LOOK)
        except KeyboardInterrupt:
            return code
