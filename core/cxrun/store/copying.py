"""Private copies of a store: what is simulated in one never happened to the original."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from cxrun.errors import UserError
from cxrun.store.database import Store
from cxrun.store.runs import SIMULATION


def copy_store(source: Path, target: Path) -> None:
    """Copy a store as it stands at this moment, while others read and write it. Raises UserError."""
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True)) as there,
            closing(sqlite3.connect(target)) as here,
        ):
            there.backup(here)
    except sqlite3.Error as error:
        raise UserError(f"{source} cannot be copied: {error}") from error


def make_private(store: Store) -> None:
    """Make a copy a world of its own: what was real is its past, nobody holds it, nothing waits to be sent."""
    with store.transaction():
        store.connection.execute("UPDATE runs SET world = ?", (SIMULATION,))
        store.connection.execute("DELETE FROM lease")
        store.connection.execute("DELETE FROM outbox WHERE state IN ('waiting', 'under way')")


def private_store(base: Path, file: Path, plugin_migrations: Iterable[Any] = ()) -> Store:
    """A copy of a closed private store, to be thrown away: it does not survive a loss of power."""
    shutil.copyfile(base, file)
    store = Store(file, plugin_migrations)
    store.connection.execute("PRAGMA synchronous=off")
    return store
