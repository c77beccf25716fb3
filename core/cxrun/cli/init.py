from __future__ import annotations

from pathlib import Path

import click

from cxrun.cli import Session
from cxrun.errors import UserError


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--list", "list_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Your own contact list; its columns are guessed.")  # fmt: skip
@click.option("--ci", is_flag=True, help="Hooks of pre-commit and a workflow of GitHub Actions too; "
              "alone where there is a project already.")  # fmt: skip
@click.pass_obj
def command(session: Session, folder: Path | None, list_file: Path | None, ci: bool) -> None:
    """Write a commented project that works at once.

    It goes into DIR, or into the project folder.

    \b
    Example:
      cxrun init calls
      cxrun init calls --list contacts.csv
      cxrun init --ci
    """
    from cxrun.campaign import CAMPAIGN_FILE
    from cxrun.scaffold import write_ci, write_project

    folder = folder or session.folder
    begun = ci and list_file is None and (folder / CAMPAIGN_FILE).exists()
    try:
        written = [] if begun else write_project(folder, session.registry, list_file)
        written += write_ci(folder) if ci else []
    except OSError as error:
        raise UserError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    for path in written:
        click.echo(f"wrote {path}")
    if begun:
        return
    where = "" if folder == Path() else f"-C {folder} "
    click.echo(f"next: cxrun {where}validate; cxrun {where}test; cxrun {where}run; cxrun {where}status --why")
