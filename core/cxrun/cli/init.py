from __future__ import annotations

from pathlib import Path

import click

from cxrun.cli import Session
from cxrun.errors import UserError


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--list", "list_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Your own contact list; its columns are guessed.")  # fmt: skip
@click.pass_obj
def command(session: Session, folder: Path | None, list_file: Path | None) -> None:
    """Write a commented project that works at once.

    It goes into DIR, or into the project folder.

    \b
    Example:
      cxrun init calls
      cxrun init calls --list contacts.csv
    """
    from cxrun.scaffold import write_project

    folder = folder or session.folder
    try:
        written = write_project(folder, session.registry, list_file)
    except OSError as error:
        raise UserError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    for path in written:
        click.echo(f"wrote {path}")
    where = "" if folder == Path() else f"-C {folder} "
    click.echo(f"next: cxrun {where}validate; cxrun {where}test; cxrun {where}run; cxrun {where}status --why")
