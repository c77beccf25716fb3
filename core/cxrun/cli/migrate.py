from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cxrun.cli import Session
from cxrun.cli.terminal import counted, echo_columns, echo_json, json_option
from cxrun.errors import UserError


@click.command("migrate")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--from", "system", type=click.Choice(["ocs", "vicidial", "genesys-cloud"]),
              help="The system the SOURCES come from; recognised by default.")  # fmt: skip
@click.option("--name", help="The name of the ruleset OCS treatments become; that of the file by default.")
@click.option("--force", is_flag=True, help="Overwrite rulesets that exist already.")
@json_option
@click.pass_obj
def command(
    session: Session,
    sources: tuple[Path, ...],
    system: str | None,
    name: str | None,
    force: bool,
    as_json: bool,
) -> int:
    """Turn the strategy of another system into rulesets.

    SOURCES are files of one system: treatments of Genesys OCS (CSV, XML, JSON), lead recycling of VICIdial (CSV, TSV,
    SQL), outbound rules of Genesys Cloud (Terraform: .tf, .tf.json, or a folder of them). The rulesets go into
    rulesets/ of the project. What could not be carried over is named, and the exit code is then 1.

    \b
    Example:
      cxrun migrate treatments.csv
      cxrun migrate --from vicidial recycle.tsv statuses.tsv
      cxrun migrate terraform/
    """
    from cxrun.migrating import OUTCOMES, migrate

    migration = migrate(sources, session.registry, system, name)
    files = {draft.name: session.folder / "rulesets" / f"{draft.name}.yaml" for draft in migration.drafts}
    there = [str(file) for file in files.values() if file.exists()]
    if there and not force:
        verb = "exists" if len(there) == 1 else "exist"
        raise UserError(f"{', '.join(there)} {verb} already; nothing was written. --force overwrites")
    for draft in migration.drafts:
        _write(files[draft.name], draft.text())
    if as_json:
        told: dict[str, Any] = {"system": migration.system, "written": [str(file) for file in files.values()]}
        for outcome in OUTCOMES:
            told[outcome.replace(" ", "_")] = [
                {
                    "file": e.mark.file,
                    "line": e.mark.line,
                    "column": e.mark.column,
                    "what": e.what,
                    "detail": e.detail,
                }
                for e in migration.entries(outcome)
            ]
        echo_json(told)
    else:
        for file in files.values():
            click.echo(f"wrote {file}")
        for outcome in OUTCOMES:
            entries = migration.entries(outcome)
            if entries:
                click.secho(f"\n{outcome}", bold=True)
                echo_columns([(f"{e.mark.file}:{e.mark.line}", e.what, e.detail) for e in entries])
        figures = ", ".join(f"{len(migration.entries(outcome))} {outcome}" for outcome in OUTCOMES)
        click.echo(f"\n{counted(len(files), 'ruleset')} from {migration.system}: {figures}")
        if files:
            click.echo(f"next: name them in campaign.yaml, rulesets: [{', '.join(files)}]; cxrun validate")
    return 1 if migration.entries("not carried over") else 0


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {error.filename or file}: {error.strerror}") from error
