"""The store: the only part that knows SQLite."""

from __future__ import annotations

from cxrun.store.database import Store, StoreBusy, open_as_found

__all__ = ["Store", "StoreBusy", "open_as_found"]
