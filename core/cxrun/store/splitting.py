"""Moving contacts of one list into others: chains stay whole, records keep ids, life and attempts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cxrun.errors import UserError
from cxrun.model import NOT_YET, Reason
from cxrun.store.database import Store
from cxrun.store.journal import Entry
from cxrun.store.lists import StoredList


class Size(NamedTuple):
    """How many contacts a part takes: a number of them, or a share (from 0 to 1) of all there are."""

    number: int | None = None
    share: float | None = None


def by_size(store: Store, source: StoredList, sizes: Mapping[int, Size | None], seed: int | None) -> None:
    """Fill temp.parts with the contacts each list (by its id) takes; None takes the rest.

    They are taken in the order of the list, or, with a seed, at random: the same for the same seed. Raises
    UserError if the list has too few.
    """
    db = store.connection
    if seed is None:
        order = "chain_id"
    else:
        db.create_function(
            "luck",
            1,
            lambda chain_id: hashlib.sha256(f"{seed}:{chain_id}".encode()).digest()[:8],
            deterministic=True,
        )
        order = "luck(chain_id), chain_id"
    total = db.execute(f"SELECT count(*) FROM contacts_{source.list_id}").fetchone()[0]
    ends: list[tuple[int, int]] = []
    share, taken = 0.0, 0
    fixed = sum(size.number or 0 for size in sizes.values() if size)
    for list_id, size in sizes.items():
        if size is None:
            taken = total
        elif size.number is not None:
            taken += size.number
        else:
            before, share = round(total * share), share + (size.share or 0.0)
            taken += round(total * share) - before
        ends.append((list_id, taken))
    if taken > total or fixed > total:
        raise UserError(f"contact list '{source.name}' has {total:,} contacts, and {taken:,} were asked for")
    _fresh_parts(store)
    cases = " ".join(f"WHEN place <= {end:d} THEN {list_id:d}" for list_id, end in ends)
    db.execute(
        f"INSERT INTO parts SELECT chain_id, CASE {cases} END FROM (SELECT chain_id, row_number() OVER "
        f"(ORDER BY {order}) AS place FROM contacts_{source.list_id}) WHERE place <= {taken:d} ORDER BY chain_id"
    )


def by_field(
    store: Store, source: StoredList, field: str, values: Mapping[int, Sequence[str] | None]
) -> None:
    """Fill temp.parts with the contacts whose field has one of the values of a list; None takes the rest."""
    _fresh_parts(store)
    wanted = {value: list_id for list_id, some in values.items() for value in some or ()}
    rest = next((list_id for list_id, some in values.items() if some is None), None)
    store.connection.execute(
        f"INSERT INTO parts SELECT chain_id, list_id FROM (SELECT chain_id, coalesce((SELECT value FROM json_each(?) "
        f'WHERE key = CAST("{field}" AS TEXT)), ?) AS list_id FROM contacts_{source.list_id}) '
        "WHERE list_id IS NOT NULL ORDER BY chain_id",
        (json.dumps(wanted), rest),
    )


def _fresh_parts(store: Store) -> None:
    store.connection.execute("DROP TABLE IF EXISTS temp.parts")
    store.connection.execute(
        "CREATE TEMP TABLE parts (chain_id INTEGER PRIMARY KEY, list_id INTEGER NOT NULL)"
    )


def move_parts(store: Store, source: StoredList, targets: Sequence[StoredList], now: float) -> dict[str, int]:
    """Move what is in temp.parts, inside the caller's transaction; returns how many contacts each list got.

    Raises UserError if a call of the list is in progress.
    """
    db = store.connection
    if db.execute("SELECT EXISTS (SELECT 1 FROM in_work WHERE list_id = ?)", (source.list_id,)).fetchone()[0]:
        raise UserError(
            f"contact list '{source.name}' has calls whose result is not known yet; `cxrun run` sees them to their end"
        )
    db.execute("DROP TABLE IF EXISTS temp.moved")
    db.execute("CREATE TEMP TABLE moved (record_id INTEGER PRIMARY KEY, list_id INTEGER NOT NULL)")
    db.execute(
        "INSERT INTO moved SELECT record_id, p.list_id FROM parts p JOIN records r ON r.chain_id = p.chain_id "
        "ORDER BY record_id"
    )
    moved = {}
    for target in targets:
        chosen = f"SELECT chain_id FROM parts WHERE list_id = {target.list_id:d}"
        contacts = f"contacts_{source.list_id}"
        db.execute(
            f"INSERT INTO contacts_{target.list_id} SELECT * FROM {contacts} WHERE chain_id IN ({chosen})"
        )
        moved[target.name] = db.execute(f"DELETE FROM {contacts} WHERE chain_id IN ({chosen})").rowcount
        db.execute(
            "UPDATE lists SET rules_digest = ? WHERE list_id = ? AND rules_digest = ''",
            (source.rules_digest, target.list_id),
        )
        text = f"{moved[target.name]} contacts moved from list {source.name} to {target.name}"
        store.journal.append(0, [Entry(round(now, 3), "split", 0, 0, 0, Reason(NOT_YET.state, text), 0)])
    for table in ("records", "queue", "closed", "attempts"):
        db.execute(
            f"UPDATE {table} SET list_id = m.list_id FROM moved m WHERE m.record_id = {table}.record_id "
            f"AND {table}.list_id = {source.list_id:d}"
        )
    db.execute("DROP TABLE temp.moved")
    db.execute("DROP TABLE temp.parts")
    return moved
