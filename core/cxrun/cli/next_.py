from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import (
    clear_progress,
    counted,
    echo_columns,
    echo_json,
    json_option,
    show_progress,
)
from cxrun.errors import UserError

if TYPE_CHECKING:
    from cxrun.campaign import Group, Project
    from cxrun.forecasting.prospects import Prospect
    from cxrun.store import Store

_HOLDS = 8
"""Things in a row that hold a record back, of which the first ones are told."""


@click.command("next")
@click.argument("record", metavar="[RECORD|PHONE|CLIENT]", required=False)
@click.option(
    "--list", "list_name", metavar="LIST", shell_complete=completing.lists, help="The records of a list."
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many records of a list."
)
@click.option("--at", "when", metavar="TIME",
              help="Not before a moment (2026-03-02T18:00Z) or a duration from now (8h).")  # fmt: skip
@json_option
@click.pass_obj
def command(
    session: Session, record: str | None, list_name: str | None, limit: int, when: str | None, as_json: bool
) -> None:
    """Tell when a RECORD may next be dialed, by which number, and what holds it back until then.

    Of a list the records are told in the order in which they would be dialed, if agents were always free. Without
    either it is every list. Nothing else is taken to happen until then.

    \b
    Example:
      cxrun next 17
      cxrun next --list customers --limit 5
    """
    from cxrun.asking import reading
    from cxrun.moments import parse_moment
    from cxrun.requests import now_of
    from cxrun.store.lists import stored_lists
    from cxrun.store.reading import find_records

    if record is not None and list_name is not None:
        raise click.UsageError("say a record or --list, not both")
    project = session.project
    with session.store(create=False) as store:
        now = now_of(project, store)
        at = parse_moment(when, now) if when else now
        if at < now:
            raise UserError("what comes next is now or later; `cxrun explain --at` looks back")
        if record is not None:
            found = find_records(store, record)
            if not found:
                raise UserError(f"no record with the id, number or client id '{record}' in {store.file}")
            with reading(store, project.groups.values()):
                told = _of_records(project, store, found, now, at)
            _echo_records(told, now, as_json=as_json)
            return
        names = [session.stored_list(store, list_name).name] if list_name else list(stored_lists(store))
        with reading(store, project.groups.values()):
            lists = {name: _of_list(project, store, name, now, at, limit) for name in names}
    if as_json:
        echo_json(
            [
                {"list": name, "records": [prospect.as_data() for prospect in prospects], "never": never}
                for name, (prospects, never) in lists.items()
            ]
        )
        return
    for number, (name, (prospects, never)) in enumerate(lists.items()):
        if number:
            click.echo()
        _echo_list(name, prospects, never, now)


def _group_of(project: Project, list_name: str) -> Group:
    group = next((group for group in project.groups.values() if list_name in group.lists), None)
    if group is None:
        raise UserError(f"no campaign group dials the list '{list_name}'; nothing says when")
    return group


def _of_records(
    project: Project, store: Store, found: list[tuple[int, int]], now: float, at: float
) -> list[tuple[str, str, Prospect | None]]:
    """Of each chain that these records belong to: its name, where it stands if nothing is to come, what comes."""
    from cxrun.asking import Asking
    from cxrun.forecasting.prospects import Future
    from cxrun.model import CHAINED, NEVER
    from cxrun.schedule import Shifts
    from cxrun.store.lists import stored_lists
    from cxrun.store.reading import chain_of, current_reason

    told: dict[int, tuple[str, str, Prospect | None]] = {}
    by_id = {stored.list_id: stored for stored in stored_lists(store).values()}
    for list_id, record_id in found:
        stored = by_id[list_id]
        group = _group_of(project, stored.name)
        asking = Asking(store, group, stored, now)
        chain_ids = chain_of(store, list_id, record_id)
        members = [member for _, number in chain_ids if (member := asking.queue.find(number)) is not None]
        chain_id = members[0].chain_id
        if chain_id in told:
            continue
        title = f"{members[0].client_id or f'chain {chain_id}'} of list {stored.name}"
        reasons = {m.record_id: current_reason(store, m.record_id, list_id) for m in members}
        waiting = [m for m in members if (r := reasons[m.record_id]) and r.state not in ("closed", "in work")]
        awake = [m for m in waiting if m.due not in (NEVER, CHAINED)]
        asleep = [m for m in waiting if m.due == NEVER]
        if not awake and asleep and asking.rules_changed:
            awake = asleep[:1]
        if any((r := reasons[m.record_id]) and r.state == "in work" for m in members):
            told[chain_id] = (title, "a call is in progress", None)
        elif awake:
            (chain,) = asking.chains(awake[:1])
            prospect = Future(asking, Shifts(group.schedule, at), at).of(chain)
            told[chain_id] = (title, "", _because(store, list_id, prospect))
        elif asleep:
            reason = reasons[asleep[0].record_id]
            assert reason is not None
            rule = f" ({reason.rule})" if reason.rule else ""
            told[chain_id] = (title, f"not under these rules: {reason.text}{rule}", None)
        else:
            told[chain_id] = (title, "never; it is finished", None)
    return list(told.values())


def _of_list(
    project: Project, store: Store, name: str, now: float, at: float, limit: int
) -> tuple[list[Prospect], int | None]:
    """The next records, and how many customers never are; None if not all were looked at."""
    from cxrun.asking import Asking
    from cxrun.forecasting.prospects import Future, upcoming
    from cxrun.schedule import Shifts
    from cxrun.store.lists import stored_lists

    group = _group_of(project, name)
    asking = Asking(store, group, stored_lists(store)[name], now)
    future = Future(asking, Shifts(group.schedule, at), at)
    found = upcoming(future, limit, lambda done: show_progress(name, done, "customers looked at"))
    clear_progress()
    return [_because(store, asking.stored.list_id, prospect) for prospect in found[0]], (
        found[1] if len(found[0]) < limit else None
    )


def _because(store: Store, list_id: int, prospect: Prospect) -> Prospect:
    """The prospect with the reason why its record is not due yet, as it was given then."""
    from dataclasses import replace

    from cxrun.store.reading import current_reason

    if not prospect.holds or prospect.holds[0].kind != "due":
        return prospect
    first = prospect.holds[0]
    reason = current_reason(store, first.record_id, list_id)
    if reason is None or reason.state not in ("deferred", "waiting"):
        return prospect
    told = first._replace(reason=reason.text, rule=reason.rule)
    return replace(prospect, holds=(told, *prospect.holds[1:]))


def _echo_records(told: list[tuple[str, str, Prospect | None]], now: float, *, as_json: bool) -> None:
    from cxrun.moments import moment_text

    if as_json:
        echo_json(
            [
                {"customer": title, "state": state or None, "next": prospect.as_data() if prospect else None}
                for title, state, prospect in told
            ]
        )
        return
    for title, state, prospect in told:
        if prospect is None:
            click.echo(f"{title}: {state}")
            continue
        zone = prospect.record.zones[0] if prospect.record.zones else "UTC"
        click.secho(f"{title}: {_when(prospect, now)}", bold=True)
        for hold in prospect.holds[:_HOLDS]:
            until = f", until {moment_text(hold.until, zone)}" if hold.until is not None else ""
            rule = f" ({hold.rule})" if hold.rule else ""
            click.echo(
                f"  {moment_text(hold.since, zone)}  record {hold.record_id}: {hold.reason}{until}{rule}"
            )
        if len(prospect.holds) > _HOLDS:
            click.echo(f"  ... and {len(prospect.holds) - _HOLDS:,} more; --json tells them all")


def _when(prospect: Prospect, now: float) -> str:
    from cxrun.model import DeviceType, word_of
    from cxrun.moments import moment_text

    record = prospect.record
    if prospect.at is None:
        return f"never: {prospect.never}"
    zone = record.zones[0] if record.zones else "UTC"
    when = (
        "as soon as an agent or a port is free"
        if prospect.at <= now
        else f"at {moment_text(prospect.at, zone)}"
    )
    return (
        f"record {record.record_id}, {record.phone} ({word_of(DeviceType, record.contact_info_type)}), {when}"
    )


def _echo_list(name: str, prospects: list[Prospect], never: int | None, now: float) -> None:
    from cxrun.model import DeviceType, RecordType, word_of
    from cxrun.moments import moment_text

    rows: list[tuple[Any, ...]] = []
    for prospect in prospects:
        record = prospect.record
        zone = record.zones[0] if record.zones else "UTC"
        assert prospect.at is not None
        last = prospect.holds[-1] if prospect.holds else None
        why = "" if last is None else f"{last.reason}{f' ({last.rule})' if last.rule else ''}"
        rows.append(
            (
                "now" if prospect.at <= now else moment_text(prospect.at, zone),
                record.record_id,
                record.phone,
                word_of(DeviceType, record.contact_info_type),
                word_of(RecordType, record.record_type),
                record.client_id or "-",
                why or "-",
            )
        )
    click.echo(f"list {name}, next {counted(len(rows), 'record')}")
    if rows:
        echo_columns(rows, ("at", "record", "number", "device", "type", "client", "held back by"))
    if never:
        click.echo(f"{counted(never, 'customer')} never; `cxrun next RECORD` tells why")
