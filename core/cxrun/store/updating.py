"""Bringing the contacts of a list up to date by their ClientID; records keep their state, caps and attempts.

A device that is new is a new record at the end of its chain; one that is no longer there is closed as canceled,
and the next of the chain takes its place; one that comes back is taken up where it was left.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cxrun.contacts import Contact, Device
from cxrun.history import History
from cxrun.model import (
    ASLEEP,
    CALLBACKS,
    CHAINED,
    IN_CHAIN,
    NEVER,
    NOT_YET,
    PRIORITY,
    CallResult,
    Reason,
    RecordStatus,
    RecordType,
)
from cxrun.store.database import Store
from cxrun.store.journal import Entry
from cxrun.store.lists import StoredList, add_contacts, family, highest_ids

GONE: Final = Reason("closed", "no longer in the list")
_BACK: Final = Reason("waiting", "in the list again")
_CHANGED: Final = Reason("waiting", "to be looked at again: the contact has changed")
_LEADS: Final = Reason("waiting", "next in its chain, the one before is no longer in the list")
_LATE: Final = Reason("closed", "came into the list when its chain was finished")
_READY: Final = int(RecordStatus.READY)
_CHAIN_READY: Final = int(RecordStatus.CHAIN_READY)
_CANCELED: Final = int(RecordStatus.CANCELED)
_RESCHEDULED: Final = int(RecordType.CAMPAIGN_RESCHEDULED)
_NO_CALL: Final = int(RecordType.NO_CALL)


class Updated(NamedTuple):
    """What became of a batch of contacts; each `note` is a line of the file and what there is to tell of it."""

    new: int
    updated: int
    unchanged: int
    records: int
    duplicates: list[Contact]
    notes: list[tuple[int, str]]


@dataclass
class _Member:
    """A record of a chain as the update finds it and leaves it; `place` is queue, in_work or closed."""

    record_id: int
    chain_n: int
    about: tuple[object, ...]
    phone: str
    place: str
    state: list[Any]
    reason_id: int
    key: tuple[int, int, int, int] | None = None
    priority: int = ASLEEP
    due: int = CHAINED
    new: bool = False
    moved: Reason | None = None

    @property
    def leads(self) -> bool:
        return self.place == "queue" and self.priority > ASLEEP


@dataclass
class _Writes:
    left: list[tuple[int, int, int, int]] = field(default_factory=list)
    queue: list[tuple[object, ...]] = field(default_factory=list)
    reopened: list[tuple[int]] = field(default_factory=list)
    closed: list[tuple[object, ...]] = field(default_factory=list)
    records: list[tuple[object, ...]] = field(default_factory=list)
    about: list[tuple[object, ...]] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)


_ABOUT: Final = "contact_info, contact_info_type, tz, tz_source, country, area_code, daily_from, daily_till"
_STATE: Final = (
    *("record_type", "record_status", "call_result", "attempt", "dial_sched_time", "call_time"),
    *("treatments", "agent_id"),
)
_TYPE, _STATUS, _RESULT, _ATTEMPT, _SCHEDULED, _, _TREATMENTS, _ = range(len(_STATE))


class Update:
    """One update of a list, batch by batch. Whoever makes it holds the lease: no run may move the records."""

    def __init__(self, store: Store, stored: StoredList, import_id: int, now: float) -> None:
        self._store, self._stored, self._import_id, self._now = store, stored, import_id, now
        self._lists = family(store, stored.list_id)
        self._last_chain, _ = highest_ids(store)
        db = store.connection
        db.execute("CREATE TEMP TABLE touched (chain_id INTEGER PRIMARY KEY)")
        # the queue is in the order of dialing: this tells where a record is in it
        db.execute(
            "CREATE TEMP TABLE placed (record_id INTEGER PRIMARY KEY, list_id INTEGER, priority INTEGER, due INTEGER)"
        )
        db.execute(
            "INSERT INTO placed SELECT record_id, list_id, priority, due FROM queue "
            f"WHERE list_id IN ({', '.join(map(str, self._lists))}) ORDER BY record_id"
        )

    def close(self) -> None:
        """Forget what was only for this update."""
        for table in ("touched", "placed"):
            self._store.connection.execute(f"DROP TABLE IF EXISTS temp.{table}")

    def apply(self, contacts: Sequence[Contact]) -> Updated:
        """Update the contacts that are there and add the others, inside the caller's transaction."""
        known: dict[str, tuple[int, tuple[Any, ...]]] = {}
        wanted = json.dumps([contact.client_id for contact in contacts if contact.client_id])
        db = self._store.connection
        for list_id in self._lists:
            for row in db.execute(
                f"SELECT c.*, t.chain_id IS NOT NULL FROM contacts_{list_id} c LEFT JOIN touched t USING (chain_id) "
                "WHERE client_id IN (SELECT value FROM json_each(?))",
                (wanted,),
            ):
                known[row[2]] = (list_id, row)
        new: list[Contact] = []
        there: list[tuple[Contact, int, tuple[Any, ...]]] = []
        duplicates: list[Contact] = []
        seen: set[str] = set()
        for contact in contacts:
            client = contact.client_id
            if client is None or client not in known:
                new.append(contact)
                continue
            list_id, row = known[client]
            if row[-1] or row[0] > self._last_chain or client in seen:
                duplicates.append(contact)
                continue
            seen.add(client)
            there.append((contact, list_id, row[:-1]))
        added = len(new)
        records = sum(len(contact.devices) for contact in new)
        twice = add_contacts(self._store, self._stored, self._import_id, new)
        records -= sum(len(contact.devices) for contact in twice)
        db.executemany("INSERT INTO touched VALUES (?)", [(row[0],) for _, _, row in there])
        updated, more, notes = self._update(there)
        unchanged = len(there) - updated
        return Updated(added - len(twice), updated, unchanged, records + more, [*twice, *duplicates], notes)

    def _update(
        self, there: Sequence[tuple[Contact, int, tuple[Any, ...]]]
    ) -> tuple[int, int, list[tuple[int, str]]]:
        """Returns how many contacts have changed, how many records are new, and what there is to tell."""
        chains = self._members([row[0] for _, _, row in there])
        _, self._record_id = highest_ids(self._store)
        writes = _Writes()
        notes: list[tuple[int, str]] = []
        changed_rows: dict[int, list[tuple[Any, ...]]] = {}
        updated = more = 0
        for contact, list_id, row in there:
            chain_id, size = row[0], row[1]
            members = chains.get(chain_id, [])
            told = (contact.first_name, contact.last_name, contact.company, *contact.fields)
            now_told = told != row[3:]
            before = [(m.place, m.priority, m.due, m.about, tuple(m.state)) for m in members]
            count = len(members)
            self._match(contact, list_id, chain_id, members, writes, notes)
            differs = len(members) != count or before != [
                (m.place, m.priority, m.due, m.about, tuple(m.state)) for m in members
            ]
            if not now_told and not differs:
                continue
            updated += 1
            more += len(members) - count
            if now_told or len(members) != size:
                changed_rows.setdefault(list_id, []).append((len(members), *told, chain_id))
            self._look_again(members)
            self._write_chain(list_id, members, writes)
        self._write(writes, changed_rows)
        return updated, more, notes

    def _members(self, chain_ids: Sequence[int]) -> dict[int, list[_Member]]:
        """The records of chains with their states, in two queries for the whole batch."""
        found: dict[int, list[_Member]] = {}
        rows = self._store.connection.execute(
            f"SELECT r.chain_id, r.record_id, r.chain_n, r.phone, {_ABOUT}, "
            "p.list_id, p.priority, p.due, w.record_id IS NOT NULL, "
            + ", ".join(f"coalesce(q.{name}, k.{name}, w.{name})" for name in _STATE)
            + ", coalesce(q.reason_id, k.reason_id, w.reason_id) "
            "FROM json_each(?) chains JOIN records r ON r.chain_id = chains.value "
            "LEFT JOIN placed p ON p.record_id = r.record_id "
            "LEFT JOIN queue q ON (q.list_id, q.priority, q.due, q.record_id) = "
            "(p.list_id, p.priority, p.due, p.record_id) "
            "LEFT JOIN closed k ON k.record_id = r.record_id LEFT JOIN in_work w ON w.record_id = r.record_id "
            "ORDER BY r.chain_id, r.chain_n",
            (json.dumps(list(chain_ids)),),
        )
        for row in rows:
            chain_id, record_id, chain_n, phone = row[:4]
            about, (list_id, priority, due, in_work) = row[4:12], row[12:16]
            member = _Member(record_id, chain_n, tuple(about), phone, "closed", list(row[16:24]), row[24])
            if in_work:
                member.place = "in_work"
            elif list_id is not None:
                member.place, member.priority, member.due = "queue", priority, due
                member.key = (list_id, priority, due, record_id)
            found.setdefault(chain_id, []).append(member)
        return found

    def _match(
        self,
        contact: Contact,
        list_id: int,
        chain_id: int,
        members: list[_Member],
        writes: _Writes,
        notes: list[tuple[int, str]],
    ) -> None:
        """Close what is gone, take back what has returned, and append what is new."""
        alive = any(member.place != "closed" for member in members)
        devices = {device.phone: device for device in contact.devices}
        there = {member.phone for member in members}
        gone_id = self._store.journal.reason_id(GONE)
        leader = next((member for member in members if member.leads), None)
        for member in members:
            device = devices.get(member.phone)
            if device is None:
                if member.place == "in_work":
                    notes.append(
                        (
                            contact.row,
                            f"{member.phone} is no longer in the list, but is being dialed; left as it is",
                        )
                    )
                elif member.state[_STATUS] != _CANCELED and member.state[_TYPE] != _NO_CALL:
                    member.state[_STATUS] = _CANCELED
                    member.place, member.priority, member.due, member.moved = "closed", ASLEEP, CHAINED, GONE
                continue
            member.about = _about(contact, device)
            if member.place == "closed" and member.reason_id == gone_id:
                member.state[_STATUS] = int(RecordStatus.CHAIN_UPDATED)
                member.moved = _LATE
                if alive:
                    member.state[_STATUS] = _CHAIN_READY
                    if member.state[_TYPE] in CALLBACKS:
                        # the promise was closed with the number
                        member.state[_TYPE] = _RESCHEDULED
                    member.place, member.moved = "queue", _BACK
        for device in contact.devices:
            if device.phone in there:
                continue
            self._append(contact, list_id, chain_id, device, members, alive, writes)
            if not alive:
                notes.append(
                    (
                        contact.row,
                        f"{device.phone} is new, but its chain is finished; `cxrun recycle` brings it back",
                    )
                )
        if alive and leader is not None and leader.place == "closed":
            self._succeed(leader, members)

    def _append(
        self,
        contact: Contact,
        list_id: int,
        chain_id: int,
        device: Device,
        members: list[_Member],
        alive: bool,
        writes: _Writes,
    ) -> None:
        self._record_id += 1
        chain_n = max((member.chain_n for member in members), default=0) + 1
        status = _CHAIN_READY if alive else int(RecordStatus.CHAIN_UPDATED)
        state = [int(RecordType.GENERAL), status, int(CallResult.UNKNOWN), 0, 0, 0, "", None]
        about = _about(contact, device)
        member = _Member(
            self._record_id, chain_n, about, device.phone, "queue" if alive else "closed", state, 0, new=True
        )
        member.moved = IN_CHAIN if alive else _LATE
        members.append(member)
        writes.records.append(
            (
                self._record_id, list_id, chain_id, chain_n, device.contact_info, device.phone,
                *about[1:], self._import_id,
            )
        )  # fmt: skip

    def _succeed(self, leader: _Member, members: Iterable[_Member]) -> None:
        """The next of the chain takes the place of a leader that is gone, with its schedule and its history."""
        waiting = [m for m in members if m.place == "queue" and m.due == CHAINED]
        if not waiting:
            return
        heir = next((m for m in waiting if m.chain_n > leader.chain_n), waiting[0])
        assert leader.key is not None
        heir.priority = max(leader.key[1], PRIORITY[_RESCHEDULED])
        heir.due = leader.key[2]
        heir.state[_STATUS] = _READY
        heir.state[_SCHEDULED] = leader.state[_SCHEDULED]
        history = leader.state[_TREATMENTS]
        later = heir.chain_n > leader.chain_n
        heir.state[_TREATMENTS] = history if later else History.read(history).begun_anew(heir.chain_n)
        heir.moved = _LEADS

    def _look_again(self, members: Sequence[_Member]) -> None:
        """What the rules set aside or deferred for a contact that is another now is to be judged anew."""
        leads = next((member for member in members if member.leads), None)
        led = leads is not None or any(member.place == "in_work" for member in members)
        if leads is not None and leads.due != leads.state[_SCHEDULED]:
            leads.due, leads.moved = leads.state[_SCHEDULED], leads.moved or _CHANGED
        # a chain is held for the callback that is promised to it
        for member in sorted(members, key=lambda member: member.state[_TYPE] not in CALLBACKS):
            if member.place != "queue" or member.leads or (led and member.due == CHAINED):
                continue
            if led:
                member.due, member.state[_STATUS], member.moved = CHAINED, _CHAIN_READY, IN_CHAIN
            else:
                member.priority = PRIORITY.get(member.state[_TYPE], PRIORITY[RecordType.GENERAL])
                member.due, member.state[_STATUS] = member.state[_SCHEDULED], _READY
                member.moved = NOT_YET if member.new else _CHANGED
                led = True

    def _write_chain(self, list_id: int, members: Iterable[_Member], writes: _Writes) -> None:
        reason_id = self._store.journal.reason_id
        for member in members:
            if not member.new:
                writes.about.append((*member.about, member.record_id))
            if member.moved is None:
                continue
            if member.key is not None:
                writes.left.append(member.key)
            elif not member.new:
                writes.reopened.append((member.record_id,))
            told = reason_id(member.moved)
            if member.place == "queue":
                place = (list_id, member.priority, member.due, member.record_id)
                writes.queue.append((*place, *member.state, told))
            else:
                writes.closed.append((member.record_id, list_id, *member.state, told))
            if member.moved in (GONE, _BACK, _LEADS):
                event = {GONE: "canceled", _BACK: "restored", _LEADS: "next_in_chain"}[member.moved]
                due = member.due if member.due < NEVER - 1 and member.place == "queue" else 0
                state = member.state
                writes.journal.append(
                    Entry(
                        round(self._now, 3), event, member.record_id, state[_ATTEMPT], state[_RESULT],
                        member.moved, due,
                    )
                )  # fmt: skip

    def _write(self, writes: _Writes, contacts: dict[int, list[tuple[Any, ...]]]) -> None:
        run = self._store.connection.executemany
        run("DELETE FROM queue WHERE list_id = ? AND priority = ? AND due = ? AND record_id = ?", writes.left)
        run("DELETE FROM closed WHERE record_id = ?", writes.reopened)
        run("INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", writes.queue)
        run("INSERT INTO closed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", writes.closed)
        run("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", writes.records)
        columns = " = ?, ".join(_ABOUT.split(", "))
        run(f"UPDATE records SET {columns} = ? WHERE record_id = ?", writes.about)
        own = "".join(f', "{name}" = ?' for name in self._stored.field_types)
        for list_id, rows in contacts.items():
            run(
                f"UPDATE contacts_{list_id} SET chain_size = ?, first_name = ?, last_name = ?, company = ?{own} "
                "WHERE chain_id = ?",
                rows,
            )
        self._store.journal.append(0, writes.journal)


def _about(contact: Contact, device: Device) -> tuple[object, ...]:
    """What the file says of a device, as the columns `_ABOUT`."""
    return (
        device.contact_info, device.contact_info_type, device.tz, device.tz_source, device.country,
        device.area_code, contact.daily_from, contact.daily_till,
    )  # fmt: skip
