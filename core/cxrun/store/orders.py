"""Orders: what a person has told campaign groups to do; the latest of each group stands."""

from __future__ import annotations

from typing import Final, NamedTuple

from cxrun.store.database import Store

FORCE_STOP: Final = "force stop"
"""The action that stops a group and hangs up on whom it is calling."""


class Order(NamedTuple):
    """`action` is load, start, pause, stop, force stop, unload, complete or follow.

    `at` is when it was given (Unix UTC seconds).
    """

    action: str
    at: float


def give_order(store: Store, group: str, order: Order) -> None:
    """Note an order, inside the caller's transaction; `follow` is none: the schedule alone decides again."""
    store.connection.execute("DELETE FROM orders WHERE group_name = ?", (group,))
    if order.action != "follow":
        store.connection.execute("INSERT INTO orders VALUES (?, ?, ?)", (group, *order))
    store.journal.note(order.at, "group_ordered", f"group {group}: {order.action}, by hand")


def standing_orders(store: Store) -> dict[str, Order]:
    """The order that stands for each group that has one."""
    rows = store.connection.execute("SELECT group_name, action, given_at FROM orders")
    return {name: Order(action, at) for name, action, at in rows}
