from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.at_work import at_work
from cxrun.cli.terminal import counted, echo_columns, echo_json, json_option

if TYPE_CHECKING:
    from cxrun.campaign import Group
    from cxrun.store import Store
    from cxrun.store.lists import StoredList
    from cxrun.store.orders import Order
    from cxrun.store.runs import LastRun


@click.command("status")
@click.argument("groups", nargs=-1, shell_complete=completing.groups)
@click.option(
    "--why", is_flag=True, help="Count the records of each list by the reason they are as they are."
)
@json_option
@click.pass_obj
def command(session: Session, groups: tuple[str, ...], why: bool, as_json: bool) -> None:
    """Show campaign GROUPS, all by default: template > group > list, one line per list.

    While a run is at work, the state of each group comes first: what it waits for, its mode and what holds its pace
    back, what its calls and agents do, and what its schedule says next.
    With --why the reasons are counted, each with the rule that says so; they add up to the size of the list.

    \b
    Example:
      cxrun status
      cxrun status welcome_east --why
    """
    from cxrun.moments import moment_text
    from cxrun.store.lists import stored_lists
    from cxrun.store.orders import standing_orders
    from cxrun.store.runs import last_run

    project = session.project
    chosen = {name: project.group(name) for name in groups or project.groups}
    with session.store(create=False) as store:
        stored = stored_lists(store)
        last = last_run(store)
        now = last.reached if last else None
        states = _states(chosen, last, standing_orders(store))
        lines = [
            (group.template, group.name, name, stored.get(name))
            for group in chosen.values()
            for name in group.lists
        ]
        lines.sort(key=lambda line: line[:2])
        rows = [{**_row(store, *line), **states.get(line[1], {})} for line in lines]
        reasons = {name: _reasons(store, found) for *_, name, found in lines if found} if why else {}
    if as_json:
        if why:
            for row in rows:
                row["reasons"] = reasons.get(row["list"], [])
        echo_json([{key.replace(" ", "_"): value for key, value in row.items()} for row in rows])
        return
    if now is not None:
        click.echo(f"as of {moment_text(now)}")
    for group, state in states.items():
        click.echo(f"group {group}: {_told(state)}")
    idle = [name for name in _OCCASIONAL if not any(row[name] for row in rows)]
    header = tuple(name for name in _COLUMNS if name not in idle)
    echo_columns([_shown(row, header, now) for row in rows], header)
    for name, entries in reasons.items():
        click.echo()
        total = sum(entry["records"] for entry in entries)
        echo_columns(
            [(e["records"], e["dialed"], e["state"], e["reason"], e["rule"] or "-") for e in entries],
            ("records", "dialed", "state", f"why, list {name}", "rule"),
        )
        click.echo(f"{total:,} records in all")


_AT_WORK = ("mode", "remark", "calls", "uncounted", "ports", "channels", "agents")
"""What is told of a group of a run at work."""


def _states(
    groups: Mapping[str, Group], last: LastRun | None, orders: Mapping[str, Order]
) -> dict[str, dict[str, Any]]:
    """How the groups of a run at work are, and what schedules say next: state, waits for, next change."""
    from cxrun.rota import stands
    from cxrun.store.runs import SIMULATION

    states: dict[str, dict[str, Any]] = {}
    now = last.reached if last and last.world == SIMULATION else time.time()
    for name, group in groups.items():
        said = last.states.get(name) if last and last.states is not None else None
        change = group.schedule.next(now) if group.schedule else None
        order = orders.get(name)
        if order and not stands(order, group.schedule, now):
            order = None
        if said or group.schedule or group.after or order:
            states[name] = {
                "state": said["state"] if said else "unloaded",
                "waits for": said["waits_for"] if said else "",
                "ordered": order.action if order else None,
                "next change": change._asdict() if change else None,
                **({part: said[part] for part in _AT_WORK} if said else {}),
            }
    return states


def _told(state: dict[str, Any]) -> str:
    from cxrun.moments import moment_text

    told = str(state["state"]) + (f" (by hand: {state['ordered']})" if state["ordered"] else "")
    if state["waits for"]:
        told += f", waiting for {state['waits for']}"
    if "calls" in state and state["state"] != "unloaded":
        told = "; ".join([told, *at_work(state)])
    if state.get("uncounted"):
        told += f"; {counted(state['uncounted'], 'call')} in flight, counted in attempts when over"
    change = state["next change"]
    return f"{told}; next {change['action']} {moment_text(change['at'], change['zone'])}" if change else told


def _row(store: Store, template: str, group: str, name: str, stored: StoredList | None) -> dict[str, Any]:
    from cxrun.store.reading import reasons, totals

    row: dict[str, Any] = {"template": template, "group": group, "list": name}
    if stored is None:
        return row | dict.fromkeys(_FIGURES)
    figures = totals(store, stored.list_id)
    states: dict[str, int] = {}
    for found in reasons(store, stored.list_id):
        states[found.reason.state] = states.get(found.reason.state, 0) + found.records
    return row | {
        "records": figures.records,
        "ready": states.get("waiting", 0) + states.get("chained", 0),
        "deferred": states.get("deferred", 0),
        "excluded": states.get("excluded", 0),
        "errors": states.get("error", 0),
        "in work": states.get("in work", 0),
        "final": states.get("closed", 0),
        "attempts": figures.attempts,
        "answered": figures.answered,
        "hit rate": figures.answered / figures.attempts if figures.attempts else None,
        "abandon rate": figures.abandoned / figures.answered if figures.answered else None,
        "next due": figures.next_due,
        "callbacks": figures.callbacks,
        "missed": figures.missed,
        "canceled": figures.canceled,
        "next callback": figures.next_callback,
    }


_FIGURES = ("records", "ready", "deferred", "excluded", "errors", "in work", "final", "attempts", "answered",
            "hit rate", "abandon rate", "next due", "callbacks", "missed", "canceled", "next callback")  # fmt: skip
_COLUMNS = ("template", "group", "list", *_FIGURES)
_OCCASIONAL = ("errors", "in work", "callbacks", "missed", "canceled", "next callback")
"""Columns that are left out where there is nothing to say."""


def _shown(row: dict[str, Any], columns: Sequence[str], now: float | None) -> tuple[object, ...]:
    from cxrun.moments import moment_text

    shown = {column: row[column] for column in columns}
    for share, digits in (("hit rate", 1), ("abandon rate", 2)):
        shown[share] = None if row[share] is None else f"{row[share]:.{digits}%}"
    for moment in ("next due", "next callback"):
        if (due := row.get(moment)) is not None:
            shown[moment] = "now" if due <= (now or 0) else moment_text(due)
    return tuple(shown.values())


def _reasons(store: Store, stored: StoredList) -> list[dict[str, Any]]:
    from cxrun.store.reading import reasons

    return [
        {
            "state": reason.state,
            "reason": reason.text,
            "rule": str(reason.rule) if reason.rule else None,
            "records": records,
            "dialed": dialed,
        }
        for reason, records, dialed in reasons(store, stored.list_id)
    ]
