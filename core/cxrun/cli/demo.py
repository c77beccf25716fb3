from __future__ import annotations

from pathlib import Path

import click

from cxrun.cli import Session


@click.command("demo")
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default="cxrun-demo"
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chance of the simulated dialer.")
@click.pass_context
def command(ctx: click.Context, folder: Path, seed: int) -> int:
    """See the main job in a minute, in simulation.

    Makes a project, dials its list, counts the reasons and explains a record. The list is made of numbers
    reserved for fiction. The project stays in DIR, cxrun-demo by default.

    \b
    Example:
      cxrun demo
      cxrun demo calls --seed 7
    """
    root = ctx.find_root().command
    session = Session(folder)
    if not (folder / "campaign.yaml").exists():
        _step(f"cxrun init {folder}")
        ctx.invoke(_get(root, ctx, "init"), folder=folder, list_file=None)
    ctx.find_root().obj = session
    for line, name, arguments in (
        (f"cxrun -C {folder} run --seed {seed}", "run", ["--seed", str(seed)]),
        (f"cxrun -C {folder} status --why", "status", ["--why"]),
        (f"cxrun -C {folder} explain 2", "explain", ["2"]),
    ):
        _step(line)
        _get(root, ctx, name).main(arguments, prog_name=name, standalone_mode=False, obj=session)
    click.echo(f"\nLook around in {folder}: change rulesets/retry.yaml, then run, status and explain again.")
    return 0


def _step(line: str) -> None:
    click.secho(f"\n$ {line}", fg="cyan", bold=True)


def _get(root: click.Command, ctx: click.Context, name: str) -> click.Command:
    assert isinstance(root, click.Group)
    found = root.get_command(ctx, name)
    assert found is not None
    return found
