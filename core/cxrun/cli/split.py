from __future__ import annotations

import click

from cxrun.cli import Session
from cxrun.cli.terminal import counted, echo_json, json_option
from cxrun.errors import UserError, near


@click.command("split")
@click.argument("name", metavar="LIST")
@click.argument("parts", metavar="PART=SIZE...", nargs=-1, required=True)
@click.option(
    "--by", "field", metavar="FIELD", help="The sizes are values of this field: east=NY,NJ west=rest."
)
@click.option(
    "--seed", type=int, help="Choose at random, the same for the same seed; else in the order of the list."
)
@json_option
@click.pass_obj
def command(
    session: Session, name: str, parts: tuple[str, ...], field: str | None, seed: int | None, as_json: bool
) -> None:
    """Move contacts of a LIST into other lists.

    SIZE is a number of contacts, a share of the list (20%), `rest`, or with --by the values of a field. The
    other lists are declared in campaign.yaml with `split_from: LIST`. A contact moves with all its numbers;
    records keep their ids, their life and their attempts.

    \b
    Example:
      cxrun split customers trial=20% main=rest --seed 7
      cxrun split customers east=NY,NJ west=CA --by state
    """
    from cxrun.splitting import split

    wanted: dict[str, str] = {}
    for part in parts:
        target, equals, size = part.partition("=")
        if not (target and equals and size):
            raise click.BadParameter(f"'{part}' is no part; write e.g. trial=20%")
        if target in wanted:
            raise click.BadParameter(f"'{target}' is named twice")
        wanted[target] = size
    project = session.project
    if name not in project.lists:
        raise UserError(f"no contact list named '{name}'{near(name, project.lists)}")
    with session.store(create=False) as store:
        moved = split(project, store, project.lists[name], wanted, field, seed)
    if as_json:
        echo_json({"list": name, "moved": moved})
        return
    for target, count in moved.items():
        click.echo(f"{name}: {counted(count, 'contact')} moved to {target}")
