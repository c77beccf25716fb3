from __future__ import annotations

import json
from pathlib import Path

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import clear_progress, counted, echo_json, json_option, show_progress

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command("lint")
@click.option("--select", metavar="CODES", default="", shell_complete=completing.checks,
              help="Only these checks, e.g. CX204,CX3: all whose code begins so.")  # fmt: skip
@click.option("--ignore", metavar="CODES", default="", shell_complete=completing.checks,
              help="Not these checks.")  # fmt: skip
@click.option("--no-data", is_flag=True, help="Look at the files only, not at the imported lists.")
@click.option("--sarif", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Write the findings as SARIF 2.1.0 too.")  # fmt: skip
@click.option("--github", is_flag=True, help="Print annotations for GitHub Actions too.")
@json_option
@click.pass_obj
def command(
    session: Session, select: str, ignore: str, no_data: bool, sarif: Path | None, github: bool, as_json: bool
) -> int:
    """Look for what is right and probably not meant.

    The rules and settings of the whole project are looked at, and what they make of the lists that are imported.
    `cxrun docs CODE` explains a finding; a comment `# cxrun: ignore CODE` behind the line or above the block silences
    it. Exit code 1 if there is one that is not just a note.

    \b
    Example:
      cxrun lint
      cxrun lint --select CX2 --no-data
    """
    from datetime import UTC, datetime

    from cxrun.linting import reports
    from cxrun.linting.lint import checks, chosen, lint

    wanted = chosen(checks(session.registry), _codes(select), _codes(ignore))
    project, today = session.project, datetime.now(UTC).date()
    if no_data:
        wanted = {code: item for code, item in wanted.items() if not item.data}
    if no_data or not project.store_file.exists():
        result = lint(project, wanted, today)
    else:
        with session.store(create=False) as store:
            result = lint(project, wanted, today, store, lambda done: show_progress("lint", done, "checks"))
            clear_progress()
    if sarif is not None:
        log = reports.sarif(wanted, result.findings, result.silenced)
        sarif.write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
    if as_json:
        echo_json([finding.as_data() for finding in result.findings])
        return 1 if result.failed else 0
    for finding in result.findings:
        click.secho(str(finding), fg=_COLOURS[finding.severity])
    if github:
        for line in reports.github(result.findings):
            click.echo(line)
    if result.missing:
        names = ", ".join(f"'{name}'" for name in result.missing)
        click.echo(f"not imported yet, so their records were not looked at: {names}")
    silent = f", {len(result.silenced):,} silenced" if result.silenced else ""
    found = counted(len(result.findings), "finding") if result.findings else "no findings"
    click.echo(f"{counted(len(wanted), 'check')}: {found}{silent}")
    return 1 if result.failed else 0


def _codes(given: str) -> list[str]:
    return [code.strip().upper() for code in given.split(",") if code.strip()]
