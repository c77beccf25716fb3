from __future__ import annotations

import csv
import sys
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import (
    clear_progress,
    counted,
    echo_columns,
    echo_json,
    in_yaml,
    json_option,
    show_progress,
)

if TYPE_CHECKING:
    from cxrun.planning.diffing import Difference, SettingChange, Sums
    from cxrun.planning.judging import Outlook
    from cxrun.strategies import Checked

_COLUMNS = (
    "list", "record", "phone", "client", "difference", "a_from", "a_why", "a_rule", "b_from", "b_why", "b_rule",
)  # fmt: skip


@click.command("diff")
@click.argument("a", metavar="[A", default="HEAD")
@click.argument("b", metavar="[B]]", required=False)
@click.option(
    "--at", "when", metavar="TIME", help="At this moment, or so long from now (8h); now by default."
)
@click.option(
    "--list", "only", metavar="LIST", shell_complete=completing.lists, help="Only the records of this list."
)
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True,
              help="How many records to show.")  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Print every record that differs as CSV.")
@json_option
@click.pass_obj
def command(
    session: Session,
    a: str,
    b: str | None,
    when: str | None,
    only: str | None,
    limit: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show what strategy B does differently to the records, compared with A.

    A strategy is a project folder or a git revision of this project. A is HEAD by default, B the project as it
    stands. Of every record that waits both are asked whether it may be dialed, now or when: nothing is dialed and
    nothing is written.

    \b
    Example:
      cxrun diff
      cxrun diff main~3 HEAD --at 8h
      cxrun diff ../another --list customers --csv
    """
    from cxrun.moments import moment_text, parse_moment
    from cxrun.planning.diffing import Sums, changed_settings, differences
    from cxrun.requests import now_of
    from cxrun.strategies import checked

    if as_csv and as_json:
        raise click.UsageError("choose one of --csv and --json")
    with session.store(create=False) as store, checked(a, session.folder) as before:
        at = now_of(session.project, store)
        at = parse_moment(when, at) if when else at
        with _second(session, b) as after:
            sums = Sums()
            settings = list(changed_settings(before.project, after.project))
            found = differences(
                store, before, after, at, sums, only, lambda n: show_progress("diff", n, "records")
            )
            if as_csv:
                writer = csv.writer(sys.stdout, lineterminator="\n")
                writer.writerow(_COLUMNS)
                writer.writerows(_row(item).values() for item in found)
                clear_progress()
                return
            shown = list(islice(found, limit))
            for _ in found:
                pass
            clear_progress()
            names = (before.name, after.name)
    if as_json:
        echo_json(_as_data(names, at, settings, sums, shown))
        return
    click.echo(f"{names[0]} and {names[1]}, as of {moment_text(at)}")
    _echo_settings(settings, names)
    _echo_records(sums, shown, names)


def _second(session: Session, name: str | None) -> AbstractContextManager[Checked]:
    from cxrun.strategies import Checked, checked

    if name is None:
        return nullcontext(Checked("the working folder", session.project))
    return checked(name, session.folder)


def _echo_settings(settings: list[SettingChange], names: tuple[str, str]) -> None:
    if not settings:
        return
    click.echo()
    rows = [
        (change.group, change.setting, *(
            "-" if value is None else f"{in_yaml(value)} ({place})" if place else in_yaml(value)
            for value, place in zip((change.a, change.b), change.places, strict=True)
        ))
        for change in settings
    ]  # fmt: skip
    echo_columns(rows, ("group", "setting", *names))


def _echo_records(sums: Sums, shown: list[Difference], names: tuple[str, str]) -> None:
    click.echo()
    if sums.pairs:
        rows = [(count, *pair) for pair, count in sums.pairs.most_common()]
        echo_columns(rows, ("records", "difference", *names))
        click.echo()
    for item in shown:
        record = item.record
        click.echo(f"record {record.record_id} of list {item.list_name}, {record.phone}: {item.kind}")
        for name, outlook in zip(names, (item.a, item.b), strict=True):
            click.echo(f"  {name}: {_told(outlook, record.zones)}")
    if shown:
        left = sums.different - len(shown)
        click.echo(f"... and {left:,} more; --limit or --csv shows them\n" if left else "")
    what = f"{sums.different:,} of {counted(sums.waiting, 'record')} that wait"
    if not sums.different:
        click.echo(
            "only whom the rules let dial is compared; for what follows a call, `cxrun replay --with STRATEGY`"
        )
    click.echo(
        f"{what} {'differs' if sums.different == 1 else 'differ'}; {counted(sums.records, 'record')} in all"
    )


def _told(outlook: Outlook, zones: tuple[str, ...]) -> str:
    moment = _moment(outlook, zones[0] if zones else "UTC")
    if outlook.reason:
        return f"{moment}: {outlook.told}"
    return moment


def _moment(outlook: Outlook, zone: str) -> str:
    from cxrun.moments import moment_text
    from cxrun.planning.judging import IN_TURN

    if outlook.never:
        return "never"
    return "in its turn" if outlook.at == IN_TURN else f"from {moment_text(outlook.at, zone)}"


def _row(item: Difference) -> dict[str, Any]:
    record = item.record
    values: list[Any] = [item.list_name, record.record_id, record.phone, record.client_id, item.kind]
    for outlook in (item.a, item.b):
        moment = _moment(outlook, "UTC").removeprefix("from ")
        values += [moment, outlook.reason or None, str(outlook.rule) if outlook.rule else None]
    return dict(zip(_COLUMNS, values, strict=True))


def _as_data(
    names: tuple[str, str], at: float, settings: list[SettingChange], sums: Sums, shown: list[Difference]
) -> dict[str, Any]:
    return {
        "a": names[0],
        "b": names[1],
        "at": at,
        "settings": [change._asdict() for change in settings],
        "records": sums.records,
        "waiting": sums.waiting,
        "different": sums.different,
        "counts": [{**pair._asdict(), "records": count} for pair, count in sums.pairs.most_common()],
        "shown": [_row(item) for item in shown],
    }
