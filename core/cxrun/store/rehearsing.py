"""A store in which a run can be rehearsed: whatever it writes is undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cxrun.store.database import Store


class RehearsalStore(Store):
    """A store that begins one transaction and commits nothing; closing it leaves the file as it was."""

    def begin(self) -> None:
        if not self.connection.in_transaction:
            super().begin()

    def commit(self) -> None:
        """Nothing is ever committed."""

    def rollback(self) -> None:
        """What was rehearsed is read until the store is closed."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.begin()
        yield
