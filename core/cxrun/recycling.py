"""Recycling: final records of chosen results return to ready, each with its chain; nothing else is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from cxrun import life
from cxrun.model import CallResult, Reason, word_of
from cxrun.store.database import Store
from cxrun.store.lists import StoredList
from cxrun.store.queue import Queue
from cxrun.store.recycling import finished_chains, reopen
from cxrun.store.runs import present


@dataclass
class Recycled:
    """How many contacts and records are ready again."""

    name: str
    contacts: int = 0
    records: int = 0


def recycle(
    store: Store,
    stored: StoredList,
    results: Collection[int],
    older_than: float = 0.0,
    *,
    dry: bool = False,
    watch: Callable[[Recycled], None] = lambda done: None,
) -> Recycled:
    """Make finished chains ready again whose last call had one of `results`, `older_than` seconds ago or more.

    Attempts count on and caps hold; who is suppressed, no_call or canceled stays closed. Each batch is one
    transaction. Raises StoreBusy if a run is dialing. With `dry` nothing is written.
    """
    done = Recycled(stored.name)
    words = ", ".join(word_of(CallResult, result) for result in sorted(results))
    reason = Reason("waiting", f"recycled after {words}")
    store.take_lease()
    try:
        now = present(store)
        queue = Queue(store, stored.list_id, list(stored.field_types))
        for chains in finished_chains(store, queue, results, now - older_than, now):
            ready = [change.waiting for chain in chains if (change := life.recycled(chain, now)).waiting]
            if not dry:
                with store.transaction():
                    store.check_lease()
                    reopen(store, ready, reason, now)
            done.contacts += len(ready)
            done.records += sum(len(chain) for chain in ready)
            watch(done)
    finally:
        store.give_lease()
    return done
