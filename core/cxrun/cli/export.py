from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import clear_progress, counted, on_terminal, result_codes
from cxrun.errors import UserError

if TYPE_CHECKING:
    from cxrun.store import Store
    from cxrun.store.lists import StoredList


@click.command("export")
@click.argument("name", metavar="LIST", shell_complete=completing.lists)
@click.option(
    "--results",
    "what",
    flag_value="results",
    multiple=True,
    help="A row per attempt: when, what came of it, with whom.",
)
@click.option(
    "--records",
    "what",
    flag_value="records",
    multiple=True,
    help="A row per record: where it stands, and why.",
)
@click.option("--interchange", "what", flag_value="interchange", multiple=True,
              help="A row per record in the columns and codes that other systems exchange.")  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write; else stdout."
)
@click.option("--columns", metavar="NAMES", help="Only these, in this order: phone,call_result,placed.")
@click.option(
    "--result",
    "only",
    metavar="RESULT,...",
    callback=result_codes,
    shell_complete=completing.results,
    help="Only these call results: busy,no_answer.",
)
@click.option(
    "--since", metavar="TIME", help="Only calls placed at this moment or later, e.g. 2026-03-02T09:00Z."
)
@click.option("--until", metavar="TIME", help="Only calls placed before this moment.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object a line instead of CSV.")
@click.pass_obj
def command(
    session: Session,
    name: str,
    what: tuple[str, ...],
    output: Path | None,
    columns: str | None,
    only: frozenset[int] | None,
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Write what is in a LIST, or what came of it, as CSV.

    Results and records tell codes as words and moments in UTC; the interchange shape has codes and seconds, and
    can be imported again, here or elsewhere.

    \b
    Example:
      cxrun export customers --results --result answer -o answered.csv
      cxrun export customers --interchange -o customers-out.csv
    """
    from cxrun.exporting import whole_file, write_rows

    if len(set(what)) != 1:
        raise click.UsageError("say what to write, one of --results, --records and --interchange")
    if what[0] == "interchange" and (columns or only or since or until):
        raise click.UsageError(
            "--interchange gives every record whole; it takes no --columns, --result or time"
        )
    with session.store(create=False) as store:
        stored = session.stored_list(store, name)
        if what[0] == "interchange":
            from cxrun.store.interchange import interchange_columns, interchange_rows

            names: Sequence[str] = interchange_columns(stored)
            rows = interchange_rows(store, stored)
        else:
            names, rows = _results(store, stored, what[0] == "records", columns, only, since, until)
        try:
            if output is None:
                count = write_rows(sys.stdout, names, rows, as_json=as_json)
            else:
                with whole_file(output) as stream:
                    count = write_rows(stream, names, rows, as_json=as_json, watch=_show_progress)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UserError(f"cannot write {output or 'the output'}: {error.strerror}") from error
    if output is not None:
        clear_progress()
        click.echo(f"{output}: {counted(count, 'row')}", err=True)


def _results(
    store: Store,
    stored: StoredList,
    per_record: bool,
    columns: str | None,
    only: frozenset[int] | None,
    since: str | None,
    until: str | None,
) -> tuple[Sequence[str], Iterator[tuple[object, ...]]]:
    from cxrun.exporting import readable
    from cxrun.moments import parse_moment
    from cxrun.store.results import results

    found = results(
        store,
        stored,
        per_record=per_record,
        columns=[column.strip() for column in columns.split(",")] if columns else (),
        only=only,
        since=parse_moment(since) if since else None,
        until=parse_moment(until) if until else None,
    )
    return found.columns, readable(found.columns, found.rows)


def _show_progress(count: int) -> None:
    if on_terminal() and count % 10_000 == 0:
        click.echo(f"\r{count:,} rows", nl=False, err=True)
