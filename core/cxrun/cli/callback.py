from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session
from cxrun.cli.cancel import KINDS, echo_canceled, meant, one_meant
from cxrun.cli.terminal import echo_columns, echo_json, json_option
from cxrun.errors import UserError

if TYPE_CHECKING:
    from cxrun.store.reading import Promise, Standing

_kind_option = click.option(
    "--as", "kind", type=click.Choice(KINDS), help="What the argument is, where that is in doubt."
)


@click.group("callback")
def command() -> None:
    """Promise customers to call back, and see what was promised.

    A callback goes before other records, through the same filters. Its chain is held for it. A personal one is
    made by the agent who promised it, a campaign callback by any agent of the group.

    \b
    Example:
      cxrun callback add C001 --at "2026-11-24 15:00"
      cxrun callback list
    """


@command.command("add")
@click.argument("record", metavar="RECORD|PHONE|CLIENT")
@click.option("--at", "when", metavar="TIME", required=True,
              help='When, on the customer\'s clock ("2026-11-24 15:00"), or how long from now (2h).')  # fmt: skip
@click.option(
    "--zone", metavar="ZONE", help="The zone of --at, e.g. Europe/Berlin; the customer's by default."
)
@click.option(
    "--agent", "agent_id", metavar="ID", help="The agent who promises it; without, any agent of the group."
)
@click.option(
    "--number", metavar="PHONE", help="Which of the customer's numbers; the one dialed last by default."
)
@_kind_option
@json_option
@click.pass_obj
def add(
    session: Session,
    record: str,
    when: str,
    zone: str | None,
    agent_id: str | None,
    number: str | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """Promise a callback to the customer of a RECORD.

    \b
    Example:
      cxrun callback add 17 --at "2026-11-24 15:00" --agent sales-3
      cxrun callback add C001 --at 2h --number "(917) 555-0102"
    """
    from cxrun.explaining import explain
    from cxrun.model import RecordType
    from cxrun.moments import moment_text, parse_local
    from cxrun.requests import make, now_of
    from cxrun.store.reading import chain_of, standings
    from cxrun.store.requests import ask

    project = session.project
    with session.store(create=False) as store:
        found = one_meant(store, record, kind)
        if number is not None or len(found) > 1:
            members = standings(store, chain_of(store, found[0].list_id, found[0].record_id))
            found = [_chosen(session, members, number)]
        chosen = found[0]
        if chosen.record_type == RecordType.NO_CALL:
            raise UserError(f"{chosen.phone} is not to be called; a callback to it cannot be promised")
        zone = _zone(chosen, zone)
        now = now_of(project, store)
        at = parse_local(when, zone, now)
        if at < now:
            raise UserError(f"{moment_text(at, zone)} is past; it is {moment_text(now, zone)}")
        key = (chosen.list_id, chosen.record_id)
        detail = {"at": at, "agent_id": agent_id}
        make(
            project, store, lambda now: ask(store, "callback", [key], "callback promised on request", detail)
        )
        waits = any(item.asked for item in standings(store, [key]))
        story = explain(project, store, *key)
    if as_json:
        echo_json(
            {
                "record": chosen.record_id, "list": chosen.list_name, "number": chosen.phone,
                "at": at, "zone": zone, "by": agent_id, "done": not waits, "next": story.next,
            }
        )  # fmt: skip
        return
    whose = f"by {agent_id}" if agent_id else "by any agent"
    click.echo(f"record {chosen.record_id}, {chosen.phone}: callback {moment_text(at, zone)}, {whose}")
    if waits:
        click.echo("to be done by the run at work, or when the call is over")
    else:
        click.echo(f"next: {story.next}")


@command.command("list")
@json_option
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """Print the callbacks that are pending or were missed, by time.

    \b
    Example:
      cxrun callback list --json
    """
    from cxrun.moments import moment_text
    from cxrun.requests import now_of
    from cxrun.store.reading import promises

    with session.store(create=False) as store:
        now = now_of(session.project, store)
        rows = [_row(promise, now) for promise in promises(store)]
    if as_json:
        echo_json(rows)
    elif rows:
        shown = [row | {"at": moment_text(row["at"], row["zone"])} for row in rows]
        header = tuple(key for key in rows[0] if key != "zone")
        echo_columns([tuple(row[key] for key in header) for row in shown], header)
    else:
        click.echo("no callbacks")


@command.command("cancel")
@click.argument("what", metavar="RECORD|PHONE|CLIENT...", nargs=-1, required=True)
@_kind_option
@click.option("--why", metavar="TEXT", default="on request", show_default=True, help="The reason to note.")
@json_option
@click.pass_obj
def cancel(session: Session, what: tuple[str, ...], kind: str | None, why: str, as_json: bool) -> None:
    """Take the promise of a callback back: the customer is not called any more.

    The whole chain that was held for the callback is canceled.

    \b
    Example:
      cxrun callback cancel C001 --why "has called himself"
    """
    from cxrun.model import CALLBACKS
    from cxrun.requests import make
    from cxrun.store.reading import chain_of, standings
    from cxrun.store.requests import ask

    with session.store(create=False) as store:
        records: dict[tuple[int, int], None] = {}
        for text in what:
            members = {member: None for key in meant(store, text, kind) for member in chain_of(store, *key)}
            held = standings(store, members)
            if not any(r.record_type in CALLBACKS and r.place != "closed" for r in held):
                raise UserError(
                    f"no callback is promised to '{text}'; `cxrun callback list` shows those that are"
                )
            records |= {(r.list_id, r.record_id): None for r in held if r.place != "closed"}
        make(session.project, store, lambda now: ask(store, "cancel", records, why, {}))
        left = sum(bool(record.asked) for record in standings(store, records))
    echo_canceled(len(records) - left, left, as_json=as_json)


def _chosen(session: Session, members: list[Standing], number: str | None) -> Standing:
    """Of a customer's records the one with this number, or the one dialed last, or the first."""
    from cxrun.numbers import parse_number

    if number is None:
        callable_ = [member for member in members if member.call_time] or members
        return max(callable_, key=lambda member: member.call_time)
    wanted = parse_number(number, session.project.region).e164
    for member in members:
        if member.phone == wanted:
            return member
    known = ", ".join(member.phone for member in members)
    raise UserError(f"{wanted} is no number of this customer; known: {known}")


def _zone(chosen: Standing, zone: str | None) -> str:
    from zoneinfo import ZoneInfo

    if zone is None:
        if not chosen.tz:
            raise UserError(f"the time zone of {chosen.phone} is not known; name it with --zone")
        return chosen.tz.split()[0]
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise UserError(f"no time zone named '{zone}'; write e.g. America/New_York") from None
    return zone


def _row(promise: Promise, now: float) -> dict[str, Any]:
    from cxrun.model import RecordStatus, RecordType

    if promise.place == "in work":
        state = "in work"
    elif promise.place == "closed":
        state = "missed"
    else:
        state = "due" if promise.at <= now else "pending"
        if promise.record_status == RecordStatus.MISSED_CALLBACK:
            state += ", missed before"
    return {
        "at": promise.at,
        "zone": promise.tz.split()[0] if promise.tz else "UTC",
        "state": state,
        "by": promise.agent_id if promise.record_type == RecordType.PERSONAL_CALLBACK else "any agent",
        "record": promise.record_id,
        "number": promise.phone,
        "client": promise.client_id,
        "list": promise.list_name,
    }
