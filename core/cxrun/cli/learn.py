from __future__ import annotations

from pathlib import Path

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import counted, echo_json, json_option


@click.command("learn")
@click.argument("names", metavar="[LIST|GROUP]...", nargs=-1, shell_complete=completing.lists_or_groups)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Write the model to a file instead of printing it.")  # fmt: skip
@click.option("--smoothing", type=click.FloatRange(min=0, min_open=True), default=20.0, show_default=True,
              help="How many expected calls weigh as much as what was seen of them.")  # fmt: skip
@click.option("--by", "fields", metavar="FIELD", multiple=True, shell_complete=completing.fields,
              help="Learn results by the values of a field of the lists' own, too; repeatable.")  # fmt: skip
@json_option
@click.pass_obj
def command(
    session: Session,
    names: tuple[str, ...],
    output: Path | None,
    smoothing: float,
    fields: tuple[str, ...],
    as_json: bool,
) -> None:
    """Learn from your own history what calls come to, for `simulate` and `compare`.

    Of the attempts on these lists, or on those of groups, all by default: results by local hour, weekday, device
    type and number of the attempt, and by fields of your own, each with the others held fast; how long agents talk;
    which dispositions they give. Where little was seen, factors are drawn towards 1. A session profile takes the file
    as `dialer: FILE`.

    \b
    Example:
      cxrun learn -o model.yaml
      cxrun learn welcome_east --smoothing 50
      cxrun learn --by segment --by state
      cxrun simulate --model model.yaml
    """
    from cxrun.errors import UserError, near
    from cxrun.learning import learn, written
    from cxrun.simulating.scene import DIALER
    from cxrun.store.lists import stored_lists

    project = session.project
    possible = project.registry.get("dialer", DIALER).schema["properties"]["outcomes"]["propertyNames"][
        "enum"
    ]
    with session.store(create=False) as store:
        stored = stored_lists(store)
        lists: list[str] = []
        for name in names or stored:
            if name not in stored and name not in project.groups:
                raise UserError(f"no list or group named '{name}'{near(name, {*stored, *project.groups})}")
            lists += (
                [name] if name in stored else [each for each in project.groups[name].lists if each in stored]
            )
        lists = list(dict.fromkeys(lists))
        known = {field for name in lists for field in stored[name].field_types}
        for field in fields:
            if field not in known:
                raise UserError(
                    f"none of the lists has a field of its own named '{field}'{near(field, known)}"
                )
        fields = tuple(dict.fromkeys(fields))
        learned = learn(store, [stored[name].list_id for name in lists], possible, smoothing, fields)
    if as_json:
        echo_json({**learned._asdict(), "lists": lists})
    if output is not None:
        output.write_text(written(learned, lists, smoothing), encoding="utf-8")
        left = f", {learned.unused:,} left out" if learned.unused else ""
        click.echo(f"wrote {output}: learned from {counted(learned.attempts, 'attempt')}{left}", err=as_json)
    elif not as_json:
        click.echo(written(learned, lists, smoothing), nl=False)
