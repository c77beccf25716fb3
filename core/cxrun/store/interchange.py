"""The interchange shape in the store: rows on their way in, chain by chain, and every record of a list out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from cxrun.interchange import COLUMNS, NAMES, StagedRow
from cxrun.model import ASLEEP, NEVER, RecordStatus
from cxrun.store.database import Store
from cxrun.store.lists import StoredList

_READY: Final = int(RecordStatus.READY)
_CHAIN_READY: Final = int(RecordStatus.CHAIN_READY)
_STATUS: Final = COLUMNS.index("record_status")
_CHAIN: Final = COLUMNS.index("chain_id")
_OF_RECORD: Final = ("record_id", "contact_info", "contact_info_type", "daily_from", "daily_till", "tz")
_OF_LIST: Final = frozenset((*_OF_RECORD, "chain_id", "chain_n"))
_OF_ELSEWHERE: Final = frozenset(("group_id", "campaign_id", "app_id", "switch_id"))


class Staging:
    """Rows on their way in, in a temporary table, for chains may be scattered over the file."""

    def __init__(self, store: Store) -> None:
        self._db = store.connection
        self._db.execute(
            "CREATE TEMP TABLE staged (chain_id INTEGER, chain_n INTEGER, line INTEGER, cells TEXT, "
            "PRIMARY KEY (chain_id, chain_n, line)) WITHOUT ROWID"
        )

    def put(self, rows: Iterable[StagedRow]) -> None:
        """Keep rows until `chains` is asked."""
        self._db.execute("BEGIN")
        try:
            self._db.executemany(
                "INSERT INTO staged VALUES (?, ?, ?, ?)",
                ((row.chain_id, row.chain_n, row.line, json.dumps(row.cells)) for row in rows),
            )
        except BaseException:
            self._db.rollback()
            raise
        self._db.execute("COMMIT")

    def chains(self) -> Iterator[StagedRow]:
        """The rows ordered by chain, place in the chain, and line."""
        for chain_id, chain_n, line, cells in self._db.execute("SELECT * FROM staged"):
            yield StagedRow(chain_id, chain_n, line, json.loads(cells))

    def close(self) -> None:
        """Forget the rows."""
        self._db.execute("DROP TABLE IF EXISTS temp.staged")


def interchange_columns(stored: StoredList) -> tuple[str, ...]:
    """The columns of an export: those of the shape, who the customer is, and the list's own fields."""
    own = (f"list_{name}" if name in COLUMNS else name for name in stored.field_types)
    return (*COLUMNS, *NAMES, *own)


def interchange_rows(store: Store, stored: StoredList) -> Iterator[tuple[object, ...]]:
    """Every record of a list in the interchange shape, ordered by chain and place in it.

    What rules deferred or excluded is given as it is without them: ready, or waiting for its turn in the chain.
    """
    columns = ", ".join(
        f"r.{name}" if name in _OF_LIST else f"x.{name}" if name in _OF_ELSEWHERE else f"s.{name}"
        for name in COLUMNS
    )
    own = "".join(f', c."{name}"' for name in (*NAMES, *stored.field_types))
    rows = store.connection.execute(
        f"SELECT {columns}{own}, s.place, s.priority, s.due FROM record_states s "
        f"JOIN records r ON r.record_id = s.record_id JOIN contacts_{stored.list_id} c ON c.chain_id = r.chain_id "
        "LEFT JOIN interchange x ON x.record_id = s.record_id WHERE s.list_id = ? ORDER BY r.chain_id, r.chain_n",
        (stored.list_id,),
    )
    for _, chain in groupby(rows, key=lambda row: row[_CHAIN]):
        members = list(chain)
        led = any(
            place == "in work" or (place == "waiting" and priority > ASLEEP)
            for *_, place, priority, _ in members
        )
        for *row, place, _, due in members:
            if place == "waiting" and due == NEVER:
                row[_STATUS] = _CHAIN_READY if led else _READY
                led = True
            yield tuple(row)
