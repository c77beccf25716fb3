"""Taking a person's data out of the store, so that caps and suppressions hold on and the journal can be verified.

In the place of a number, a ClientID or a field that attempts are counted by stands a keyed digest of it. Whoever asks
for the number asks for its digest too, so what was counted or suppressed before still is. Names, fields and the
number as it was written are gone. Rows of the journal name records only; the text of a reason that tells of the
person goes, and its digest stays, which is all that the chain covers.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from cxrun.model import CallResult, Reason, RecordStatus, Value
from cxrun.store.database import Store
from cxrun.store.journal import Entry
from cxrun.store.lists import stored_lists
from cxrun.store.pseudonyms import AS_CHAIN, MARK, begin, masked

EVENT: Final = "redacted"
"""The event of a journal row that says that the personal data of a record were taken out."""
_BATCH: Final = 500
_SHORTEST: Final = 4
"""Fields of fewer characters are not looked for in the texts of reasons."""
_SEPARATORS: Final = re.compile(r"[()\s./-]")
_DIGITS: Final = 7
"""Fewer digits are no number of a person."""
_NUMBERS: Final = re.compile(rf"[0-9]{{{_DIGITS},}}")
_WORDS: Final = re.compile(r"[^\W_]+")


class Chosen(NamedTuple):
    """The customers to redact: records and chains, and how many of the records still wait or are in work."""

    chains: int
    records: int
    waiting: int
    in_work: int


def is_suppressed(store: Store, *, client: str | None = None, phone: str | None = None) -> bool:
    """Whether a suppression entry names a client or a number."""
    row = store.connection.execute(
        "SELECT EXISTS (SELECT 1 FROM suppressions "
        "WHERE (kind = 'client' AND key = ?) OR (kind = 'device' AND key = ?))",
        (client, phone),
    ).fetchone()
    return bool(row[0])


class Redacted(NamedTuple):
    """What was taken out."""

    chains: int
    records: int
    attempts: int
    suppressions: int
    reasons: int
    messages: int


def choose(
    store: Store, *, client: str | None = None, phone: str | None = None, finished_before: float | None = None
) -> Chosen:
    """Choose customers by one of the three, for `redact`: everybody with the number or the ClientID in any list, or
    those all of whose records were final before a moment (Unix UTC seconds). Those redacted before are left out.
    """
    db = store.connection
    db.execute("DROP TABLE IF EXISTS temp.redacting")
    db.execute("CREATE TEMP TABLE redacting (chain_id INTEGER PRIMARY KEY)")
    if phone is not None:
        db.execute("INSERT OR IGNORE INTO redacting SELECT chain_id FROM records WHERE phone = ?", (phone,))
    if client is not None:
        for stored in stored_lists(store).values():
            db.execute(
                f"INSERT OR IGNORE INTO redacting SELECT chain_id FROM contacts_{stored.list_id} WHERE client_id = ?",
                (client,),
            )
        if client.startswith(AS_CHAIN) and client.removeprefix(AS_CHAIN).isdigit():
            chain_id = int(client.removeprefix(AS_CHAIN))
            db.execute(
                "INSERT OR IGNORE INTO redacting SELECT chain_id FROM records WHERE chain_id = ?", (chain_id,)
            )
    if finished_before is not None:
        db.execute(
            "INSERT OR IGNORE INTO redacting SELECT r.chain_id FROM records r LEFT JOIN closed c USING (record_id) "
            "GROUP BY r.chain_id HAVING count(*) = count(c.record_id) AND max(r.phone NOT LIKE ?) AND "
            "max((SELECT max(j.at) FROM journal j WHERE j.record_id = r.record_id)) < ?",
            (f"{MARK}%", finished_before),
        )
    return Chosen(
        *db.execute(
            "SELECT count(DISTINCT r.chain_id), count(*), (SELECT count(*) FROM queue WHERE record_id IN "
            "(SELECT record_id FROM redacting JOIN records USING (chain_id))), (SELECT count(*) FROM in_work "
            "WHERE record_id IN (SELECT record_id FROM redacting JOIN records USING (chain_id))) "
            "FROM redacting JOIN records r USING (chain_id)"
        ).fetchone()
    )


def redact(
    store: Store, at: float, why: str, *, client: str | None = None, phone: str | None = None
) -> Redacted:
    """Redact the customers that were chosen, in one transaction; records that wait are canceled.

    A `client` or `phone` loses its suppression entries too if no customer has it. `at` is now for the journal (Unix UTC
    seconds).
    """
    db = store.connection
    db.execute("PRAGMA secure_delete = ON")
    with store.transaction():
        secret = begin(db)
        db.create_function(
            "pseudonym", 2, lambda kind, value: masked(secret, kind, value), deterministic=True
        )
        reason = Reason("closed", f"personal data redacted{f': {why}' if why else ''}")
        done = _Counts()
        phones, clients = {phone} if phone else set(), {client} if client else set()
        texts = _Texts(store)
        texts.look_for([phone] if phone else [], [client] if client else [])
        for stored in stored_lists(store).values():
            for chains in _batches(store, stored.list_id):
                people = _people(store, stored.list_id, list(stored.field_types), chains)
                texts.look_at(people)
                _mask_suppressions(store, done, people.phones, people.clients)
                _take_out(store, stored.list_id, list(stored.field_types), chains, reason, at, done)
        _mask_suppressions(store, done, phones, clients)
        db.execute(
            "UPDATE attempt_keys SET value = pseudonym('field ' || field, value) WHERE record_id IN "
            "(SELECT record_id FROM redacting JOIN records USING (chain_id))"
        )
        texts.remove()
        if not done.records:
            store.journal.append(0, [Entry(round(at, 3), EVENT, 0, 0, 0, reason, 0)])
        db.execute("DROP TABLE redacting")
    return Redacted(
        done.chains, done.records, done.attempts, done.suppressions, len(texts.found), done.messages
    )


def purge(store: Store) -> bool:
    """Write the file anew without what was deleted before; False if somebody else has it open."""
    db = store.connection
    try:
        db.execute("VACUUM")
        return bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    except sqlite3.OperationalError:
        return False


class _Counts:
    def __init__(self) -> None:
        self.chains = self.records = self.attempts = self.suppressions = self.messages = 0


class _People(NamedTuple):
    """Who some chains are: numbers, clients, and by chain every word by which a text may tell of them."""

    phones: set[str]
    clients: set[str]
    written: set[str]
    words: Mapping[int, set[str]]


class _Texts:
    """The texts of reasons, and those among them that tell of a person."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.found: set[int] = set()
        texts = dict(store.connection.execute("SELECT reason_id, text FROM reasons WHERE salt IS NOT NULL"))
        self._texts: dict[int, str] = texts
        self._by_word: dict[str, set[int]] = {}
        self._by_digits: dict[str, set[tuple[int, str]]] = {}
        for reason_id, text in texts.items():
            for word in _WORDS.findall(text):
                self._by_word.setdefault(word, set()).add(reason_id)
            for number in _NUMBERS.findall(_SEPARATORS.sub("", text)):
                for at in range(len(number) - _DIGITS + 1):
                    self._by_digits.setdefault(number[at : at + _DIGITS], set()).add((reason_id, number))

    def look_for(self, phones: Iterable[str], clients: Collection[str]) -> None:
        """Find the texts that name a number or a client."""
        digits = {"".join(char for char in phone if char.isdigit()) for phone in phones}
        # a number is often written without its country code
        digits = {number[-10:] for number in digits if len(number) >= _DIGITS}
        for part in digits:
            found = self._by_digits.get(part[-_DIGITS:], ())
            self.found |= {reason_id for reason_id, number in found if part in number}
        for client in clients:
            words = _WORDS.findall(client)
            if len(client) >= _SHORTEST and words:
                found_so = self._by_word.get(words[0], ())
                self.found |= {key for key in found_so if _names(self._texts[key], client)}

    def look_at(self, people: _People) -> None:
        """Find the texts that name these people, by more words where they are about their records."""
        self.look_for({*people.phones, *people.written}, people.clients)
        rows = self._store.connection.execute(
            "SELECT DISTINCT r.chain_id, j.reason_id FROM journal j JOIN records r USING (record_id) "
            "WHERE r.chain_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(people.words)),),
        )
        for chain_id, reason_id in rows:
            text = self._texts.get(reason_id, "")
            if reason_id not in self.found and any(_names(text, word) for word in people.words[chain_id]):
                self.found.add(reason_id)

    def remove(self) -> None:
        """Take out what was found; only the digest of it is left."""
        self._store.connection.executemany(
            "UPDATE reasons SET text = 'redacted ' || reason_id, salt = NULL WHERE reason_id = ?",
            [(reason_id,) for reason_id in sorted(self.found)],
        )
        self._store.journal.forget()


def _names(text: str, word: str) -> bool:
    """Whether the word stands in the text by itself."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
            return True
        at = text.find(word, at + 1)
    return False


def _batches(store: Store, list_id: int) -> Iterator[list[int]]:
    after = 0
    while True:
        found = store.connection.execute(
            f"SELECT chain_id FROM redacting JOIN contacts_{list_id} USING (chain_id) WHERE chain_id > ? "
            "ORDER BY chain_id LIMIT ?",
            (after, _BATCH),
        ).fetchall()
        if not found:
            return
        after = found[-1][0]
        yield [row[0] for row in found]


def _people(store: Store, list_id: int, own: Sequence[str], chains: Sequence[int]) -> _People:
    db, ids = store.connection, json.dumps(list(chains))
    columns = ", ".join(
        ["chain_id", "client_id", "first_name", "last_name", "company", *(f'"{f}"' for f in own)]
    )
    words: dict[int, set[str]] = {}
    clients = set()
    for chain_id, client, *told in db.execute(
        f"SELECT {columns} FROM contacts_{list_id} WHERE chain_id IN (SELECT value FROM json_each(?))", (ids,)
    ):
        clients.add(client or f"{AS_CHAIN}{chain_id}")
        names, fields = told[:3], told[3:]
        words[chain_id] = {name for name in (client, *names) if name}
        words[chain_id] |= {text for value in fields if len(text := _text(value)) >= _SHORTEST}
    phones, written = set(), set()
    for phone, contact_info in db.execute(
        "SELECT phone, contact_info FROM records WHERE chain_id IN (SELECT value FROM json_each(?))", (ids,)
    ):
        phones.add(phone)
        written.add(contact_info)
    rows = db.execute(
        "SELECT DISTINCT client FROM attempts JOIN records USING (record_id) "
        "WHERE chain_id IN (SELECT value FROM json_each(?))",
        (ids,),
    )
    clients |= {row[0] for row in rows}
    named = {client for client in clients if not client.startswith((AS_CHAIN, MARK))}
    return _People(phones, named, written, words)


def _text(value: Value) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _mask_suppressions(
    store: Store, done: _Counts, phones: Collection[str], clients: Collection[str]
) -> None:
    """Entries stay in force under the digests of their keys."""
    db = store.connection
    for kind, keys in (("device", phones), ("client", clients)):
        named = json.dumps(sorted(keys))
        where = "kind = ? AND key IN (SELECT value FROM json_each(?))"
        done.suppressions += db.execute(
            "INSERT INTO suppressions (kind, key, list_name, valid_from, valid_till) "
            f"SELECT kind, pseudonym(kind, key), list_name, valid_from, valid_till FROM suppressions WHERE {where} "
            "AND pseudonym(kind, key) <> key ON CONFLICT DO UPDATE SET "
            "valid_from = min(valid_from, excluded.valid_from), "
            "valid_till = CASE WHEN valid_till IS NULL OR excluded.valid_till IS NULL THEN NULL "
            "ELSE max(valid_till, excluded.valid_till) END",
            (kind, named),
        ).rowcount
        db.execute(f"DELETE FROM suppressions WHERE {where} AND pseudonym(kind, key) <> key", (kind, named))


def _take_out(
    store: Store,
    list_id: int,
    own: Sequence[str],
    chains: Sequence[int],
    reason: Reason,
    at: float,
    done: _Counts,
) -> None:
    db, ids = store.connection, json.dumps(list(chains))
    of_chains = "chain_id IN (SELECT value FROM json_each(?))"
    of_records = f"record_id IN (SELECT record_id FROM records WHERE {of_chains})"
    fields = "".join(f', "{field}" = NULL' for field in own)
    db.execute(
        f"UPDATE contacts_{list_id} SET client_id = pseudonym('client', client_id), first_name = NULL, "
        f"last_name = NULL, company = NULL{fields} WHERE {of_chains}",
        (ids,),
    )
    done.attempts += db.execute(
        "UPDATE attempts SET client = pseudonym('client', client), phone = pseudonym('device', phone) "
        f"WHERE {of_records}",
        (ids,),
    ).rowcount
    db.execute(
        f"UPDATE records SET contact_info = '', phone = pseudonym('device', phone), area_code = '' WHERE {of_chains}",
        (ids,),
    )
    done.messages += db.execute(
        "UPDATE outbox SET body = '{}', state = CASE WHEN state IN ('waiting', 'under way') THEN 'redacted' "
        f"ELSE state END WHERE {of_records}",
        (ids,),
    ).rowcount
    for table in ("requests", "interchange"):
        db.execute(f"DELETE FROM {table} WHERE {of_records}", (ids,))
    status, result = int(RecordStatus.CANCELED), int(CallResult.CANCEL_RECORD)
    db.execute(
        "INSERT INTO closed SELECT record_id, list_id, record_type, ?, ?, attempt, dial_sched_time, call_time, "
        f"treatments, agent_id, ? FROM queue WHERE list_id = ? AND {of_records}",
        (status, result, store.journal.reason_id(reason), list_id, ids),
    )
    db.execute(f"DELETE FROM queue WHERE list_id = ? AND {of_records}", (list_id, ids))
    states = db.execute(
        f"SELECT record_id, attempt, call_result FROM closed WHERE {of_records} ORDER BY record_id", (ids,)
    ).fetchall()
    store.journal.append(
        0,
        [
            Entry(round(at, 3), EVENT, record_id, attempt, call_result, reason, 0)
            for record_id, attempt, call_result in states
        ],
    )
    done.chains += len(chains)
    done.records += len(states)
