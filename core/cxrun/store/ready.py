"""The due records of one list in an order of fields: a temporary table, filled from the queue set by set.

It holds a key of each record that has become due, never the record, and belongs to one connection: what a run
leaves behind is gone with it. A record that has left the queue since is found out when it is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from cxrun.areas import state_of_area
from cxrun.model import Record
from cxrun.store.database import Store
from cxrun.store.queue import COLUMNS, Queue

Place = tuple[int, int, int]
"""Where a waiting record stands in the queue of its list: priority, due, record_id."""
Row = tuple[Any, ...]
"""The key of a due record: place, the fields, then due and record_id or, newest first, the other way round."""


class Ready:
    """The due records of a list, by place of their urgency, by fields, then oldest first or newest first.

    `keys` are fields of the record or of the list, each with whether it descends; a missing value comes last.
    """

    def __init__(
        self,
        store: Store,
        queue: Queue,
        own_fields: Iterable[str],
        keys: Sequence[tuple[str, bool]],
        places: Mapping[int, int],
        *,
        newest_first: bool,
    ) -> None:
        self._db = store.connection
        self._queue = queue
        self._table = table = f"temp.ready_{queue.list_id}"
        own = frozenset(own_fields)
        terms = [(_term(name, descends, own), descends) for name, descends in keys]
        last = (
            [("record_id", True), ("due", False)] if newest_first else [("due", False), ("record_id", False)]
        )
        names = [("place", False), *((f"k{n}", descends) for n, (_, descends) in enumerate(terms)), *last]
        self._order = ", ".join(f"{name} DESC" if descends else name for name, descends in names)
        self._due = [name for name, _ in names].index("due")
        self._record_id = [name for name, _ in names].index("record_id")
        columns = ", ".join(f"{name} NOT NULL" for name, _ in names)
        self._db.create_function("state_of_area", 2, state_of_area, deterministic=True)
        self._db.execute(f"DROP TABLE IF EXISTS {table}")
        self._db.execute(
            f"CREATE TABLE {table} ({columns}, priority NOT NULL, PRIMARY KEY ({self._order})) WITHOUT ROWID"
        )
        self._add = {
            priority: f"INSERT INTO {table} SELECT "
            + ", ".join([str(place), *(term for term, _ in terms), *(f"q.{name}" for name, _ in last)])
            + ", q.priority FROM queue q CROSS JOIN records r ON r.record_id = q.record_id "
            f"CROSS JOIN contacts_{queue.list_id} c ON c.chain_id = r.chain_id "
            f"WHERE q.list_id = {queue.list_id} AND q.priority = {priority} AND q.due > ? AND q.due <= ? "
            f"ORDER BY {', '.join(f'{n} DESC' if descends else str(n) for n, (_, descends) in enumerate(names, 1))}"
            for priority, place in places.items()
        }
        equal = " AND ".join(f"{name} = ?" for name, _ in names)
        self._delete = f"DELETE FROM {table} WHERE {equal}"
        self._front = f"SELECT * FROM {table} ORDER BY {self._order} LIMIT ?"

    def add_due(self, after: int, till: int) -> int:
        """Add the records that have become due after a time, up to another; returns how many."""
        return sum(self._db.execute(sql, (after, till)).rowcount for sql in self._add.values())

    def clear(self) -> None:
        self._db.execute(f"DELETE FROM {self._table}")

    def front(self, limit: int) -> dict[Place, Row]:
        """The first records, in order: where each stands in the queue, and its key here."""
        due, record_id = self._due, self._record_id
        return {(row[-1], row[due], row[record_id]): row for row in self._db.execute(self._front, (limit,))}

    def fetch(self, rows: Mapping[Place, Row]) -> dict[Place, Record]:
        """The records that still stand where their keys say; the other keys are deleted."""
        found = {place_of(record): record for record in self._queue.at(rows)}
        gone = [row[:-1] for place, row in rows.items() if place not in found]
        if gone:
            self._db.executemany(self._delete, gone)
        return found


def place_of(record: Record) -> Place:
    """Where a waiting record stands in the queue of its list."""
    return (record.priority, record.due, record.record_id)


def _term(field: str, descends: bool, own: Collection[str]) -> str:
    """The value of a field, or what comes last instead of a missing one: SQLite puts blobs after all else."""
    last = "-9e999" if descends else "x''"
    return f"coalesce({_value(field, own)}, {last})"


def _value(field: str, own: Collection[str]) -> str:
    """A field as SQL over a waiting record `q`, `r`, `c`; the same as conditions see."""
    if field == "exchange":
        return "CASE WHEN r.phone LIKE '+1%' THEN nullif(substr(r.phone, 6, 3), '') END"
    if field == "state":
        of_area = "state_of_area(r.country, r.area_code)"
        return (
            f"CASE WHEN c.state <> '' AND typeof(c.state) = 'text' THEN c.state ELSE {of_area} END"
            if "state" in own
            else of_area
        )
    return f'c."{field}"' if field in own else f"nullif({COLUMNS[field]}, '')"
