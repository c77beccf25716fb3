from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import clear_progress, counted, echo_columns, echo_json, json_option, show_progress

if TYPE_CHECKING:
    from cxrun.planning.replaying import Finding, Sums
    from cxrun.strategies import Checked


@click.command("replay")
@click.argument("group", required=False, shell_complete=completing.groups)
@click.option(
    "--since", metavar="TIME", help="Only what happened at this moment or later, e.g. 2026-03-02T09:00Z."
)
@click.option("--with", "strategy", metavar="STRATEGY",
              help="The rules to judge by, a project folder or a git revision; by default as they stand.")  # fmt: skip
@click.option("--fail-on", type=click.Choice(("none", "regress", "blocked", "any")), default="none", show_default=True,
              help="What makes the exit code 1: regress is a refusal that would be a call now, or a rule that fails; "
              "blocked is a call that would be refused now; any is any difference.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True,
              help="How many differences to show.")  # fmt: skip
@json_option
@click.pass_obj
def command(
    session: Session,
    group: str | None,
    since: str | None,
    strategy: str | None,
    fail_on: str,
    limit: int,
    as_json: bool,
) -> int:
    """Judge the stored history again, by other rules.

    Every call that was made: would it be allowed at that time, with what had happened by then, and would the same
    follow it? And every refusal: would it be one now? Nothing is dialed and nothing is written. Give a GROUP to judge
    the records of its lists only.

    \b
    Example:
      cxrun replay --fail-on regress
      cxrun replay welcome_east --with main --since 2026-03-02
    """
    from cxrun.moments import parse_moment
    from cxrun.planning.replaying import KINDS, REGRESS, Sums, replay

    after = parse_moment(since) if since else float("-inf")
    with session.store(create=False) as store, _opened(session, strategy) as judge:
        sums = Sums()
        only = judge.project.group(group) if group else None
        found = replay(
            store, judge.project, sums, only, after, lambda n: show_progress("replay", n, "moments")
        )
        shown = list(islice(found, limit))
        for _ in found:
            pass
        clear_progress()
    if as_json:
        echo_json(_as_data(judge.name, sums, shown))
    else:
        _echo(judge.name, sums, shown)
    failing = {"none": (), "regress": REGRESS, "blocked": ("newly blocked",), "any": KINDS}[fail_on]
    return int(any(sums.kinds[kind] for kind in failing))


def _opened(session: Session, name: str | None) -> AbstractContextManager[Checked]:
    from cxrun.strategies import Checked, checked

    if name is None:
        return nullcontext(Checked("the project as it stands", session.project))
    return checked(name, session.folder)


def _echo(name: str, sums: Sums, shown: list[Finding]) -> None:
    from cxrun.moments import moment_text

    for item in shown:
        zone = item.record.zones[0] if item.record.zones else "UTC"
        what = (
            f"attempt {item.attempt}" if item.then == "dialed" or "otherwise" in item.kind else "not dialed"
        )
        what = "refusal" if item.then.startswith(("deferred", "excluded")) else what
        click.echo(
            f"record {item.record.record_id} of list {item.list_name}, {item.record.phone}, "
            f"{moment_text(item.at, zone)}, {what}: {item.kind}"
        )
        click.echo(f"  then: {item.then}")
        click.echo(f"  now:  {item.now}")
    left = sums.different - len(shown)
    if shown and left:
        click.echo(f"... and {left:,} more; --limit shows them")
    if sums.by:
        rows = [(count, kind, rule.strip(" ()") or None) for (kind, rule), count in sums.by.most_common()]
        click.echo()
        echo_columns(rows, ("times", "difference", "rule"))
        click.echo()
    judged = f"{counted(sums.calls, 'call')} with {counted(sums.treatments, 'treatment')}"
    click.echo(f"{judged} and {counted(sums.refusals, 'refusal')} judged by {name}")
    click.echo(f"{counted(sums.different, 'difference')}" if sums.different else "no difference")
    for why, count in sums.left_out.most_common():
        click.echo(f"not judged: {count:,} {why}")


def _as_data(name: str, sums: Sums, shown: list[Finding]) -> dict[str, Any]:
    return {
        "strategy": name,
        "calls": sums.calls,
        "treatments": sums.treatments,
        "refusals": sums.refusals,
        "different": sums.different,
        "kinds": dict(sums.kinds),
        "by_rule": [
            {"kind": kind, "rule": rule.strip(" ()") or None, "times": count}
            for (kind, rule), count in sums.by.most_common()
        ],
        "not_judged": dict(sums.left_out),
        "shown": [
            {
                "kind": item.kind,
                "list": item.list_name,
                "record": item.record.record_id,
                "phone": item.record.phone,
                "attempt": item.attempt,
                "at": item.at,
                "then": item.then,
                "now": item.now,
            }
            for item in shown
        ],
    }
