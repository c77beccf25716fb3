"""Taking contacts out of the store again: what one import brought, or a whole list before it is imported anew.

Only what was never dialed here goes. A customer of whom any number was dialed, is in work, was closed since the
import, or was promised a callback is kept whole, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from cxrun.errors import UserError
from cxrun.model import ASLEEP, CHAINED, NEVER, Reason, RecordStatus
from cxrun.store.database import Store
from cxrun.store.lists import ELSEWHERE, FINAL_ELSEWHERE, StoredList, family, highest_ids
from cxrun.store.queue import PRIORITY_OF_TYPE
from cxrun.store.updating import GONE

_LEADS: Final = Reason("waiting", "next in its chain, the one before was taken out of the list")


class Undone(NamedTuple):
    """What was taken out, and how many contacts were kept because they were dialed or closed since."""

    contacts: int
    records: int
    kept: int


def undo_import(store: Store, import_id: int, now: float) -> Undone:
    """Take out what an import brought, in one transaction. Raises UserError if there is nothing to undo.

    What an update changed in contacts that were there before stays changed.
    """
    with store.transaction():
        db = store.connection
        found = db.execute(
            "SELECT imports.list_id, state, lists.name FROM imports JOIN lists USING (list_id) WHERE import_id = ?",
            (import_id,),
        ).fetchone()
        if found is None:
            raise UserError(f"no import {import_id}; `cxrun undo` lists them")
        if found[1] == "undone":
            raise UserError(f"import {import_id} of {found[2]} was undone before")
        db.execute("CREATE TEMP TABLE brought (record_id INTEGER PRIMARY KEY, chain_id INTEGER NOT NULL)")
        db.execute(
            "INSERT INTO brought SELECT record_id, chain_id FROM records WHERE import_id = ? ORDER BY record_id",
            (import_id,),
        )
        undone = _take_out(store, family(store, found[0]))
        chain_id, record_id = undone.highest
        db.execute(
            "UPDATE imports SET state = 'undone', last_chain = ?, last_record = ? WHERE import_id = ?",
            (chain_id, record_id, import_id),
        )
        text = f"import {import_id} of {found[2]} undone: {undone.result.records} records taken out"
        store.journal.note(now, "import_undone", text)
    return undone.result


def clear_list(store: Store, stored: StoredList, now: float) -> Undone:
    """Take out all contacts of a list, inside the caller's transaction. Raises UserError if any was dialed."""
    db = store.connection
    lists = family(store, stored.list_id)
    if len(lists) > 1:
        raise UserError(f"contact list '{stored.name}' was split; give the new list another name")
    marks = _listed(lists)
    dialed = db.execute(
        f"SELECT count(*) FROM attempts WHERE list_id IN ({marks}) AND run_id <> {ELSEWHERE}"
    ).fetchone()[0]
    if dialed:
        raise UserError(
            f"contact list '{stored.name}' was dialed ({dialed:,} attempts), so it is not replaced; give the new list "
            "another name, or bring this one up to date with --update"
        )
    db.execute("CREATE TEMP TABLE brought (record_id INTEGER PRIMARY KEY, chain_id INTEGER NOT NULL)")
    db.execute(
        f"INSERT INTO brought SELECT record_id, chain_id FROM records WHERE list_id IN ({marks}) ORDER BY record_id"
    )
    taken = _take_out(store, lists)
    if taken.result.kept:
        raise UserError(
            f"contact list '{stored.name}' has {taken.result.kept:,} contacts in work or closed since their import, so "
            "it is not replaced; give the new list another name, or bring this one up to date with --update"
        )
    chain_id, record_id = taken.highest
    db.execute(
        "UPDATE imports SET state = 'undone', last_chain = ?, last_record = ? WHERE list_id = ?",
        (chain_id, record_id, stored.list_id),
    )
    text = f"list {stored.name} begun anew: {taken.result.records} records taken out"
    store.journal.note(now, "list_cleared", text)
    return taken.result


class _Taken(NamedTuple):
    result: Undone
    highest: tuple[int, int]


def _take_out(store: Store, lists: Iterable[int]) -> _Taken:
    """Take the records in temp.brought out of these lists, but for those of chains that have a life here."""
    db = store.connection
    highest = highest_ids(store)
    not_here = (store.journal.reason_id(FINAL_ELSEWHERE), store.journal.reason_id(GONE))
    marks = _listed(lists)
    # chains with a record that was dialed here, is in work, was closed since, or of which something was asked;
    # and those that would be left with nothing to dial
    db.execute("CREATE TEMP TABLE alive (chain_id INTEGER PRIMARY KEY)")
    db.execute(
        "INSERT INTO alive SELECT DISTINCT b.chain_id FROM brought b WHERE EXISTS (SELECT 1 FROM records r "
        "WHERE r.chain_id = b.chain_id AND ("
        f"EXISTS (SELECT 1 FROM attempts a WHERE a.record_id = r.record_id AND a.run_id <> {ELSEWHERE}) "
        "OR EXISTS (SELECT 1 FROM journal j WHERE j.record_id = r.record_id AND j.event = 'callback_promised') "
        "OR EXISTS (SELECT 1 FROM requests q WHERE q.record_id = r.record_id) "
        "OR EXISTS (SELECT 1 FROM in_work w WHERE w.record_id = r.record_id) "
        f"OR EXISTS (SELECT 1 FROM closed k WHERE k.record_id = r.record_id AND k.reason_id NOT IN {not_here}))) "
        "UNION SELECT DISTINCT b.chain_id FROM brought b JOIN records r ON r.chain_id = b.chain_id "
        "LEFT JOIN brought also ON also.record_id = r.record_id LEFT JOIN closed k ON k.record_id = r.record_id "
        "WHERE also.record_id IS NULL GROUP BY b.chain_id HAVING count(k.record_id) = count(*)"
    )
    kept = db.execute("SELECT count(*) FROM alive").fetchone()[0]
    db.execute("DELETE FROM brought WHERE chain_id IN (SELECT chain_id FROM alive)")
    records = db.execute("SELECT count(*) FROM brought").fetchone()[0]
    for table in ("queue", "closed"):
        db.execute(
            f"DELETE FROM {table} WHERE list_id IN ({marks}) AND record_id IN (SELECT record_id FROM brought)"
        )
    for table in ("attempts", "interchange", "records"):
        db.execute(f"DELETE FROM {table} WHERE record_id IN (SELECT record_id FROM brought)")
    db.execute(
        "CREATE TEMP TABLE emptied AS SELECT DISTINCT chain_id FROM brought b WHERE NOT EXISTS "
        "(SELECT 1 FROM records r WHERE r.chain_id = b.chain_id)"
    )
    contacts = db.execute("SELECT count(*) FROM emptied").fetchone()[0]
    for list_id in lists:
        db.execute(f"DELETE FROM contacts_{list_id} WHERE chain_id IN (SELECT chain_id FROM emptied)")
        db.execute(
            f"UPDATE contacts_{list_id} SET chain_size = "
            "(SELECT count(*) FROM records r WHERE r.chain_id = contacts_"
            f"{list_id}.chain_id) WHERE chain_id IN (SELECT chain_id FROM brought)"
        )
    _lead_again(store, marks)
    for table in ("brought", "alive", "emptied"):
        db.execute(f"DROP TABLE temp.{table}")
    return _Taken(Undone(contacts, records, kept), highest)


def _lead_again(store: Store, marks: str) -> None:
    """Of a chain whose next record was taken out, the first that sleeps is next."""
    store.connection.execute(
        f"UPDATE queue SET priority = {PRIORITY_OF_TYPE}, due = dial_sched_time, "
        f"record_status = {int(RecordStatus.READY)}, reason_id = {store.journal.reason_id(_LEADS)} "
        "WHERE record_id IN (SELECT min(r.record_id) FROM records r JOIN queue q ON q.list_id = r.list_id "
        f"AND q.priority = {ASLEEP} AND q.due IN ({CHAINED}, {NEVER}) AND q.record_id = r.record_id "
        "WHERE r.chain_id IN (SELECT chain_id FROM brought) AND r.chain_id NOT IN ("
        "SELECT r.chain_id FROM queue q JOIN records r USING (record_id) "
        f"WHERE q.list_id IN ({marks}) AND q.priority > {ASLEEP} "
        "AND r.chain_id IN (SELECT chain_id FROM brought)) GROUP BY r.chain_id) "
        f"AND list_id IN ({marks}) AND priority = {ASLEEP}"
    )


def _listed(lists: Iterable[int]) -> str:
    return ", ".join(str(int(list_id)) for list_id in lists)
