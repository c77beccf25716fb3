"""Opening the store, transactions, and the lease that keeps it with one run at a time."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Self

from sqlite_utils import Database

from cxrun.errors import UserError
from cxrun.migrations import migrations
from cxrun.store.journal import Journal

_PATIENCE: Final = 30.0
"""Seconds to wait for another process that writes."""
_PAUSE: Final = 0.0003
"""Seconds between two tries: a run at full speed lets go of the store for a millisecond only."""
LEASE_SECONDS: Final = 30.0
"""After this long without renewal a lease is considered dead; its holder notices before it dials again."""


class StoreBusy(UserError):
    """Another run holds the store, or has taken it over."""


class Store:
    """One SQLite file. Reading is free; a run takes the lease first.

    `connection` is in autocommit mode: transactions are explicit.
    """

    def __init__(self, file: Path | str, plugin_migrations: Iterable[Any] = ()) -> None:
        self.file = file
        self.connection = _opened(file)
        self.database = Database(self.connection, execute_plugins=False)
        for migration_set in (migrations, *plugin_migrations):
            if migration_set.pending(self.database):
                migration_set.apply(self.database)
        self.journal = Journal(self.connection)
        self.epoch = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; an open transaction is rolled back."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction, taken at once; rolled back if the body raises."""
        self.begin()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            self.journal.forget()
            raise
        self.connection.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read the store as it stands at this moment, however long it takes; others go on writing meanwhile."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.rollback()

    def begin(self) -> None:
        """Start a write transaction that outlives the call; `commit` ends it.

        Raises StoreBusy if somebody else is writing and does not come to an end.
        """
        self.connection.execute("PRAGMA busy_timeout=0")
        limit = time.monotonic() + _PATIENCE
        try:
            while not self._begun(limit):
                time.sleep(_PAUSE)
        finally:
            self.connection.execute(f"PRAGMA busy_timeout={int(_PATIENCE * 1000)}")

    def _begun(self, limit: float) -> bool:
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() < limit:
                return False
            raise StoreBusy(
                f"{self.file} is locked: another process is writing to it and does not end"
            ) from error
        return True

    def commit(self) -> None:
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """Give up an open transaction, if there is one."""
        if self.connection.in_transaction:
            self.connection.rollback()
            self.journal.forget()

    def changed_elsewhere(self) -> int:
        """A number that changes whenever another connection commits."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def make_durable(self) -> None:
        """From now on a commit is on disk before it returns, not only safe from a crash of this process."""
        self.connection.execute("PRAGMA synchronous=full")

    def take_lease(self) -> None:
        """Become the one run of this store.

        Raises StoreBusy if a live run holds it. A run that was killed on this machine is succeeded at once,
        one that hangs or ran on another machine after `LEASE_SECONDS`.
        """
        with self.transaction():
            row = self.connection.execute("SELECT epoch, host, pid, renewed FROM lease").fetchone()
            if row and row[2] and _alive(*row[1:]):
                raise StoreBusy(
                    f"{self.file}: another run (process {row[2]} on {row[1]}) is dialing from this store"
                )
            self.epoch = (row[0] if row else 0) + 1
            self.connection.execute(
                "INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?, ?)",
                (self.epoch, socket.gethostname(), os.getpid(), time.time()),
            )

    def check_lease(self) -> None:
        """Raise StoreBusy if another run has taken the store over; otherwise renew the lease."""
        renewed = self.connection.execute(
            "UPDATE lease SET renewed = ? WHERE epoch = ?", (time.time(), self.epoch)
        ).rowcount
        if not renewed:
            raise StoreBusy(f"{self.file}: another run has taken over this store; this one stops")

    def confirm_lease(self) -> None:
        """Raise StoreBusy if another run has taken the store over; writes nothing."""
        if self.connection.execute("SELECT epoch FROM lease").fetchone() != (self.epoch,):
            raise StoreBusy(f"{self.file}: another run has taken over this store; this one stops")

    def at_work(self) -> bool:
        """Whether a run holds the lease and lives."""
        row = self.connection.execute("SELECT host, pid, renewed FROM lease").fetchone()
        return bool(row and row[1]) and _alive(*row, myself=True)

    def give_lease(self) -> None:
        """Let the next run begin at once."""
        self.connection.execute("UPDATE lease SET pid = 0 WHERE epoch = ?", (self.epoch,))

    @contextmanager
    def leased(self) -> Iterator[None]:
        """Keep runs out: they hold records in memory that are about to change. Raises StoreBusy."""
        self.take_lease()
        try:
            yield
        finally:
            self.give_lease()


def open_as_found(file: Path) -> Store:
    """Open a store that must be one already. Raises UserError if it is none, or one of another version."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'journal'").fetchone()
    except sqlite3.Error as error:
        raise UserError(f"{file} cannot be used as a store: {error}") from error
    if made is None:
        raise UserError(f"{file} is no store of cxrun: it has no journal")
    return Store(file)


def _opened(file: Path | str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(file, isolation_level=None, timeout=_PATIENCE)
    except sqlite3.Error as error:
        raise UserError(f"{file} cannot be opened: {error}") from error
    try:
        for pragma in (
            "journal_mode=wal",
            "synchronous=normal",
            "wal_autocheckpoint=20000",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise UserError(f"{file} cannot be used as a store: {error}") from error
    return connection


def _alive(host: str, pid: int, renewed: float, *, myself: bool = False) -> bool:
    if time.time() - renewed >= LEASE_SECONDS:
        return False
    if host != socket.gethostname():
        return True
    if pid == os.getpid():
        return myself
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
