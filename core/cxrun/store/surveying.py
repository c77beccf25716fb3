"""What `cxrun lint` asks of a whole list: counts over every record, one scan at a time, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from cxrun.areas import state_of_area
from cxrun.conditions import Condition
from cxrun.model import Value
from cxrun.store.database import Store
from cxrun.store.lists import StoredList
from cxrun.store.queue import COLUMNS

_EXCHANGE: Final = "CASE WHEN r.phone LIKE '+1%' THEN substr(r.phone, 6, 3) ELSE '' END"
_OF_AREA: Final = "state_of_area(r.country, r.area_code)"
_OWN_STATE: Final = f"CASE WHEN c.state <> '' AND typeof(c.state) = 'text' THEN c.state ELSE {_OF_AREA} END"
LASTING: Final = frozenset(
    {name for name, column in COLUMNS.items() if column[0] in "rc"} | {"exchange", "state"}
)
"""The fields of a record that stay as they are while it is dialed."""


class Where(NamedTuple):
    """Records of a list that are alike in where they are, how many, and the first of them with its number."""

    tz: str
    country: str
    area_code: str
    daily_from: int
    daily_till: int
    record_id: int
    phone: str
    records: int
    fields: Mapping[str, Value]


class Shared(NamedTuple):
    """How many numbers stand in several chains, and two records with the first of them."""

    numbers: int
    one: int
    other: int


class Survey:
    """A list in the store, to be asked about all of its records.

    `conditions` are all it will be asked about, so that one scan answers them; they read fields that last.
    """

    def __init__(self, store: Store, stored: StoredList, conditions: Sequence[Condition]) -> None:
        self._db = store.connection
        self._list_id = stored.list_id
        self._own = stored.field_types
        self._conditions = conditions
        self._from = (
            f"FROM records r CROSS JOIN contacts_{stored.list_id} c ON c.chain_id = r.chain_id "
            f"WHERE r.list_id = {stored.list_id}"
        )
        # sorting takes as much memory as the cache may have
        self._db.execute("PRAGMA cache_size=-8192")
        self._db.create_function("state_of_area", 2, state_of_area, deterministic=True)
        own = {name: f'c."{name}"' for name in self._own}
        state = _OWN_STATE if "state" in own else _OF_AREA
        self._columns = {**COLUMNS, **own, "exchange": _EXCHANGE, "state": state}

    @cached_property
    def records(self) -> int:
        """How many records the list has."""
        row = self._db.execute("SELECT count(*) FROM records WHERE list_id = ?", (self._list_id,)).fetchone()
        return int(row[0])

    @cached_property
    def _truths(self) -> Sequence[int]:
        terms, values = [], []
        for condition in self._conditions:
            sql, parameters = condition.sql(self._columns)
            terms.append(f"count(CASE WHEN {sql} THEN 1 END)")
            values += parameters
        row = self._db.execute(f"SELECT {', '.join(terms)} {self._from}", values).fetchone()
        return tuple(row)

    def true_of(self, condition: Condition) -> int:
        """Of how many records a condition is true, one of those the survey was made with."""
        return self._truths[self._conditions.index(condition)]

    def places(self, fields: Sequence[str]) -> Iterator[Where]:
        """Every kind of place there are records in; `fields` are own fields that tell it too."""
        own = [name for name in fields if name in self._own]
        keys = ["r.tz", "r.country", "r.area_code", "r.daily_from", "r.daily_till"]
        keys += [f'c."{name}"' for name in own]
        grouped = ", ".join(keys)
        rows = self._db.execute(
            f"SELECT {grouped}, min(r.record_id), r.phone, count(*) {self._from} GROUP BY {grouped}"
        )
        for row in rows:
            yield Where._make((*row[:5], *row[-3:], dict(zip(own, row[5:-3], strict=True))))

    @cached_property
    def shared(self) -> Shared | None:
        """The numbers of the list that stand in another chain too, of whatever list; None if there are none."""
        row = self._db.execute(
            "SELECT count(*), one, other FROM ("
            "SELECT min(r.record_id) AS one, max(r.record_id) AS other, min(r.chain_id) AS first, "
            "max(r.chain_id) AS last, min(r.list_id) AS owner "
            "FROM (SELECT phone FROM records GROUP BY phone HAVING count(*) > 1) p "
            "CROSS JOIN records r ON r.phone = p.phone GROUP BY p.phone) "
            "WHERE first <> last AND owner = ?",
            (self._list_id,),
        ).fetchone()
        return Shared(*row) if row[0] else None

    @cached_property
    def longest_chain(self) -> int:
        """How many records the longest chain has; 0 in an empty list."""
        row = self._db.execute(
            f"SELECT coalesce(max(chain_size), 0) FROM contacts_{self._list_id}"
        ).fetchone()
        return int(row[0])

    @cached_property
    def nameless(self) -> int:
        """How many contacts have no ClientID."""
        row = self._db.execute(
            f"SELECT count(*) FROM contacts_{self._list_id} WHERE client_id IS NULL OR client_id = ''"
        ).fetchone()
        return int(row[0])

    @cached_property
    def devices(self) -> Mapping[int, int]:
        """How many records there are of each type of device, by its code."""
        return dict(
            self._db.execute(
                "SELECT contact_info_type, count(*) FROM records WHERE list_id = ? GROUP BY 1",
                (self._list_id,),
            )
        )

    @cached_property
    def filled(self) -> Mapping[str, int]:
        """In how many contacts each own field has a value."""
        if not self._own:
            return {}
        terms = ", ".join(f"count(nullif(\"{name}\", ''))" for name in self._own)
        row = self._db.execute(f"SELECT {terms} FROM contacts_{self._list_id}").fetchone()
        return dict(zip(self._own, row, strict=True))
