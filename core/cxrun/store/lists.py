"""Contact lists in the store: one table of contacts per list, with the list's own typed columns."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from cxrun.contacts import Contact, Device, Past
from cxrun.errors import UserError
from cxrun.model import (
    ASLEEP,
    CALLBACKS,
    CHAINED,
    IN_CHAIN,
    NOT_YET,
    PRIORITY,
    CallResult,
    Reason,
    RecordStatus,
    RecordType,
)
from cxrun.store.database import Store
from cxrun.store.pseudonyms import pseudonyms

FINAL_ELSEWHERE: Final = Reason("closed", "was final already when it was imported")
ELSEWHERE: Final = 0
"""The run of attempts that were made by another system, before the import."""

_TYPES: Final = {"text": "TEXT", "integer": "INTEGER", "number": "REAL"}
_WAITING: Final = frozenset((int(RecordStatus.READY), int(RecordStatus.CHAIN_READY)))
_READY: Final = int(RecordStatus.READY)
_CHAIN_READY: Final = int(RecordStatus.CHAIN_READY)
_NO_CALL: Final = int(RecordType.NO_CALL)
_GENERAL_PRIORITY: Final = PRIORITY[RecordType.GENERAL]
_MOST_ATTEMPTS: Final = 100
"""So many of the attempts made elsewhere are entered at most: more than any cap counts."""
_NEW: Final = Past(
    record_type=int(RecordType.GENERAL), record_status=_READY, call_result=int(CallResult.UNKNOWN)
)


class StoredList(NamedTuple):
    """A contact list in the store; `split_from` is the id of the list its contacts came from, if any."""

    list_id: int
    name: str
    field_types: Mapping[str, str]
    rules_digest: str
    split_from: int | None
    credit: float


class Counts(NamedTuple):
    """What an import has done so far."""

    loaded: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    duplicates: int = 0


class Import(NamedTuple):
    """One import of a file: a batch that can be undone.

    `mode` is append, new or update; `state` begun (it was cut off), done or undone. `at` is Unix UTC seconds.
    """

    import_id: int
    list_name: str
    source: str
    mode: str
    state: str
    at: float
    counts: Counts


def stored_lists(store: Store) -> dict[str, StoredList]:
    """The lists of the store by name."""
    rows = store.connection.execute(
        "SELECT list_id, name, field_types, rules_digest, split_from, credit FROM lists ORDER BY list_id"
    )
    return {row[1]: StoredList(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows}


def size_of(store: Store, list_id: int) -> int:
    """How many records a list has."""
    counted = store.connection.execute("SELECT count(*) FROM records WHERE list_id = ?", (list_id,))
    return int(counted.fetchone()[0])


def declare_list(
    store: Store, name: str, source: str, field_types: Mapping[str, str], split_from: int | None = None
) -> StoredList:
    """The list of this name, made if it is new. Raises UserError if its own fields have changed."""
    known = stored_lists(store).get(name)
    if known is not None:
        if dict(known.field_types) != dict(field_types):
            before, now = dict(known.field_types), dict(field_types)
            changed = [field for field in {**before, **now} if before.get(field) != now.get(field)]
            told = ", ".join(
                f"{f} was {before.get(f, 'absent')} and is {now.get(f, 'absent')}" for f in changed
            )
            raise UserError(
                f"contact list '{name}' was imported with other fields ({told or 'in another order'}); "
                "give the list another name to import it anew"
            )
        return known
    with store.transaction():
        row = (name, source, json.dumps(dict(field_types)), split_from)
        cursor = store.connection.execute(
            "INSERT INTO lists (name, source, field_types, split_from) VALUES (?, ?, ?, ?)", row
        )
        list_id = cursor.lastrowid
        own = "".join(f', "{field}" {_TYPES[kind]}' for field, kind in field_types.items())
        store.connection.execute(
            f"CREATE TABLE contacts_{list_id} (chain_id INTEGER PRIMARY KEY, chain_size INTEGER NOT NULL, "
            f"client_id TEXT, first_name TEXT, last_name TEXT, company TEXT{own}) STRICT"
        )
        store.connection.execute(f"CREATE INDEX contacts_{list_id}_client ON contacts_{list_id} (client_id)")
    return stored_lists(store)[name]


def family(store: Store, list_id: int) -> list[int]:
    """The list and all that were split from it: what a contact of its file may be in."""
    rows = store.connection.execute(
        "WITH RECURSIVE f (list_id) AS (VALUES (?) UNION SELECT lists.list_id FROM lists JOIN f "
        "ON lists.split_from = f.list_id) SELECT list_id FROM f ORDER BY list_id",
        (list_id,),
    )
    return [row[0] for row in rows]


def highest_ids(store: Store) -> tuple[int, int]:
    """The highest chain id and record id that were ever given: none is given twice."""
    row = store.connection.execute(
        "SELECT max(coalesce((SELECT max(chain_id) FROM records), 0), coalesce(max(last_chain), 0)), "
        "max(coalesce((SELECT max(record_id) FROM records), 0), coalesce(max(last_record), 0)) FROM imports"
    ).fetchone()
    return row[0], row[1]


def add_contacts(
    store: Store, stored: StoredList, import_id: int, contacts: Sequence[Contact], keep_above: int = 0
) -> list[Contact]:
    """Add contacts as chains, inside the caller's transaction; returns those that were there already.

    A contact is there already if its ClientID is, or, without one, its first number; lists that were split
    from this one are looked at too. Record ids of another system are kept if they are above `keep_above`,
    the highest id before the import, and nothing has them.
    """
    new, duplicates = _new(store, stored, contacts)
    rows = _Rows(store, stored.list_id, import_id)
    rows.reserve(
        device.past.record_id
        for contact in new
        for device in contact.devices
        if device.past and device.past.record_id > keep_above
    )
    for contact in new:
        rows.add(contact)
    rows.write()
    return duplicates


class _Rows:
    """The rows of new chains, gathered to be written together."""

    def __init__(self, store: Store, list_id: int, import_id: int) -> None:
        self._db = store.connection
        self._list_id, self._import_id = list_id, import_id
        self._chain_id, self._record_id = highest_ids(store)
        self._reserved: set[int] = set()
        self._new = store.journal.reason_id(NOT_YET)
        self._chained = store.journal.reason_id(IN_CHAIN)
        self._final = store.journal.reason_id(FINAL_ELSEWHERE)
        self.chains: list[tuple[object, ...]] = []
        self.records: list[tuple[object, ...]] = []
        self.first: list[tuple[object, ...]] = []
        self.others: list[tuple[object, ...]] = []
        self.closed: list[tuple[object, ...]] = []
        self.attempts: list[tuple[object, ...]] = []
        self.elsewhere: list[tuple[object, ...]] = []

    def reserve(self, record_ids: Iterable[int]) -> None:
        """Keep these ids for the records that bring them, but for those that are taken."""
        self._reserved = set(record_ids)
        taken = self._db.execute(
            "SELECT record_id FROM records WHERE record_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(self._reserved)),),
        )
        self._reserved -= {row[0] for row in taken}
        self._record_id = max(self._record_id, *self._reserved, 0)

    def _record_id_for(self, past: Past) -> int:
        if past.record_id in self._reserved:
            self._reserved.remove(past.record_id)
            return past.record_id
        self._record_id += 1
        return self._record_id

    def add(self, contact: Contact) -> None:
        self._chain_id = chain_id = max(self._chain_id + 1, contact.chain_id)
        leader = _leader(contact.devices)
        self.chains.append(
            (
                chain_id,
                len(contact.devices),
                contact.client_id,
                contact.first_name,
                contact.last_name,
                contact.company,
                *contact.fields,
            )
        )
        list_id = self._list_id
        for position, device in enumerate(contact.devices):
            past = device.past or _NEW
            record_id = self._record_id_for(past)
            chain_n = past.chain_n or position + 1
            self.records.append(
                (
                    record_id, list_id, chain_id, chain_n, device.contact_info, device.phone, device.contact_info_type,
                    device.tz, device.tz_source, device.country, device.area_code,
                    contact.daily_from if past.daily_from is None else past.daily_from,
                    contact.daily_till if past.daily_till is None else past.daily_till, self._import_id,
                )
            )  # fmt: skip
            kept = (
                past.call_result,
                past.attempt,
                past.dial_sched_time,
                past.call_time,
                past.treatments,
                past.agent_id,
            )
            if position == leader:
                priority = PRIORITY.get(past.record_type, _GENERAL_PRIORITY)
                self.first.append(
                    (list_id, priority, past.dial_sched_time, record_id, past.record_type, _READY, *kept, self._new)
                )  # fmt: skip
            elif _waits(device):
                self.others.append(
                    (
                        list_id,
                        ASLEEP,
                        CHAINED,
                        record_id,
                        past.record_type,
                        _CHAIN_READY,
                        *kept,
                        self._chained,
                    )
                )
            else:
                self.closed.append(
                    (record_id, list_id, past.record_type, past.record_status, *kept, self._final)
                )
            if device.past is not None:
                self._remember(contact, chain_id, record_id, device, past)

    def _remember(self, contact: Contact, chain_id: int, record_id: int, device: Device, past: Past) -> None:
        """Attempts made elsewhere count in caps; only the last is known in time, so all are as late as it."""
        client = contact.client_id or f"chain:{chain_id}"
        for attempt in range(
            max(1, past.attempt - _MOST_ATTEMPTS + 1), past.attempt + 1 if past.call_time else 1
        ):
            self.attempts.append(
                (
                    record_id, attempt, self._list_id, ELSEWHERE, client, device.phone, past.call_time, None, None,
                    None, None, past.call_result, None, past.agent_id,
                )
            )  # fmt: skip
        if any(past.elsewhere):
            self.elsewhere.append((record_id, *past.elsewhere))

    def write(self) -> None:
        run = self._db.executemany
        if self.chains:
            run(f"INSERT INTO contacts_{self._list_id} VALUES ({_marks(len(self.chains[0]))})", self.chains)
        run(f"INSERT INTO records VALUES ({_marks(14)})", self.records)
        for waiting in (self.first, self.others):
            run(f"INSERT INTO queue VALUES ({_marks(13)})", waiting)
        run(f"INSERT INTO closed VALUES ({_marks(11)})", self.closed)
        run(f"INSERT INTO attempts VALUES ({_marks(14)})", self.attempts)
        if self.attempts:
            # the next run counts these by its fields too
            self._db.execute("DELETE FROM attempt_fields")
        run(f"INSERT INTO interchange VALUES ({_marks(5)})", self.elsewhere)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _waits(device: Device) -> bool:
    past = device.past
    return past is None or (past.record_status in _WAITING and past.record_type != _NO_CALL)


def _leader(devices: Sequence[Device]) -> int:
    """The position of the device to be dialed next, or -1: the one of a callback, for which the chain is held, else
    the first that is ready, else the first that waits.
    """
    waiting = [position for position, device in enumerate(devices) if _waits(device)]
    pasts = {p: devices[p].past or _NEW for p in waiting}
    promised = (
        p for p in waiting if pasts[p].record_type in CALLBACKS and pasts[p].record_status != _CHAIN_READY
    )
    ready = (p for p in waiting if pasts[p].record_status == _READY)
    return next(promised, next(ready, waiting[0] if waiting else -1))


def _new(
    store: Store, stored: StoredList, contacts: Iterable[Contact]
) -> tuple[list[Contact], list[Contact]]:
    clients: set[str] = set()
    phones: set[str] = set()
    by_client = [contact.client_id for contact in contacts if contact.client_id]
    by_phone = [contact.devices[0].phone for contact in contacts if not contact.client_id]
    db = store.connection
    lists = family(store, stored.list_id)
    redacted = pseudonyms(db, "client", by_client) | pseudonyms(db, "device", by_phone)
    if by_client:
        wanted = json.dumps([*by_client, *redacted])
        for list_id in lists:
            rows = db.execute(
                f"SELECT client_id FROM contacts_{list_id} WHERE client_id IN (SELECT value FROM json_each(?))",
                (wanted,),
            )
            clients.update(redacted.get(row[0], row[0]) for row in rows)
    if by_phone:
        rows = db.execute(
            "SELECT phone FROM records WHERE phone IN (SELECT value FROM json_each(?)) "
            "AND list_id IN (SELECT value FROM json_each(?)) "
            "AND chain_n = (SELECT min(chain_n) FROM records other WHERE other.chain_id = records.chain_id)",
            (json.dumps([*by_phone, *redacted]), json.dumps(lists)),
        )
        phones.update(redacted.get(row[0], row[0]) for row in rows)
    new: list[Contact] = []
    duplicates: list[Contact] = []
    for contact in contacts:
        key, seen = (contact.client_id, clients) if contact.client_id else (contact.devices[0].phone, phones)
        (duplicates if key in seen else new).append(contact)
        seen.add(key)
    return new, duplicates


def begin_import(store: Store, stored: StoredList, source: str, mode: str) -> int:
    """Note that an import begins, inside the caller's transaction; returns its id."""
    cursor = store.connection.execute(
        "INSERT INTO imports (list_id, source, mode, state, at, first_chain) VALUES (?, ?, ?, 'begun', ?, ?)",
        (stored.list_id, source, mode, time.time(), highest_ids(store)[0] + 1),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def advance_import(store: Store, import_id: int, counts: Counts, digest: str = "") -> None:
    """Note how far an import has come, inside the transaction of its batch; with a digest, that it is done."""
    store.connection.execute(
        "UPDATE imports SET loaded = ?, updated = ?, unchanged = ?, rejected = ?, duplicates = ?, digest = ?, "
        "state = iif(? = '', 'begun', 'done') WHERE import_id = ?",
        (*counts, digest, digest, import_id),
    )


def imports(store: Store) -> list[Import]:
    """Every import there ever was, oldest first."""
    rows = store.connection.execute(
        "SELECT import_id, lists.name, imports.source, mode, state, at, loaded, updated, unchanged, rejected, "
        "duplicates FROM imports JOIN lists USING (list_id) ORDER BY import_id"
    )
    return [Import._make((*row[:6], Counts._make(row[6:]))) for row in rows]


def imported(store: Store, stored: StoredList, digest: str) -> bool:
    """Whether a file of this digest has been imported into the list, even if that was undone since."""
    return bool(
        store.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM imports WHERE list_id = ? AND digest = ?)", (stored.list_id, digest)
        ).fetchone()[0]
    )


def has_imports(store: Store, stored: StoredList) -> bool:
    """Whether any file has been imported into the list to its end."""
    row = store.connection.execute(
        "SELECT EXISTS (SELECT 1 FROM imports WHERE list_id = ? AND digest <> '')", (stored.list_id,)
    )
    return bool(row.fetchone()[0])


def date_imports(store: Store, at: float | None) -> None:
    """Settle when new imports were made for the rules: `at`, or when they were made if that is None."""
    store.connection.execute("UPDATE imports SET since = coalesce(?, at) WHERE since IS NULL", (at,))


def imports_of(store: Store, stored: StoredList, undated: float | None = None) -> list[tuple[int, float]]:
    """The first chain of each import of a list, and of those it was split from, and when that was, in order.

    `undated` is when those were that no run has dated yet, None for when they were done.
    """
    return store.connection.execute(
        "WITH RECURSIVE origins (list_id) AS (VALUES (?) UNION SELECT split_from FROM lists JOIN origins "
        "USING (list_id) WHERE split_from IS NOT NULL) SELECT first_chain, coalesce(since, ?, at) FROM imports "
        "JOIN origins USING (list_id) WHERE loaded > 0 ORDER BY first_chain, import_id",
        (stored.list_id, undated),
    ).fetchall()


def frozen_rules(store: Store, stored: StoredList, digest: str) -> None:
    """Remember under which rules the list was last dialed."""
    store.connection.execute("UPDATE lists SET rules_digest = ? WHERE list_id = ?", (digest, stored.list_id))


def keep_credits(store: Store, credits: Mapping[int, float]) -> None:
    """Remember how many calls each list is behind its share of the dialing, by its id."""
    store.connection.executemany(
        "UPDATE lists SET credit = ? WHERE list_id = ?", [(credit, key) for key, credit in credits.items()]
    )
