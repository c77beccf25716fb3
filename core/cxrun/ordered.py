"""The next records of a list in an order of its own: other priorities, fields, or the newest first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cxrun.feed import Feed
from cxrun.model import Record
from cxrun.ordering import Ordering
from cxrun.store.queue import Queue
from cxrun.store.ready import Ready, place_of

WINDOW: Final = 1000
"""Records of the front that are held in memory."""
_PATIENCE: Final = 60
"""Seconds of the run's clock between two readings of the whole list because others have written to it."""


class OrderedFeed(Feed):
    """The next records of one contact list: those that are due, in the order of `ready`."""

    def __init__(self, name: str, queue: Queue, ready: Ready, ordering: Ordering) -> None:
        super().__init__(name, queue)
        self._ready = ready
        self._places = ordering.places
        self._till = -1
        self._read_at = -float(_PATIENCE)
        self._stale = False
        self._popped = 0
        # it finds out what has left the queue by looking there
        self.anew = True

    @property
    def urgency(self) -> int:
        return self._places[self._buffer[-1].priority]

    def pop(self) -> Record:
        self._popped += 1
        return super().pop()

    def refill(self, now: float, held: Collection[int]) -> list[Record]:
        if self._stale and now >= self._read_at + _PATIENCE:
            self._ready.clear()
            self._till, self._stale = -1, False
        if self._till < 0:
            self._read_at = now
        added = self._ready.add_due(self._till, int(now))
        self._till = int(now)
        found: list[Record] = []
        if added or not self._buffer:
            known = {place_of(record): record for record in self._buffer}
            while True:
                room = WINDOW + self._popped + len(held)
                front = self._ready.front(room)
                fetched = self._ready.fetch(
                    {at: key for at, key in front.items() if at not in known and at[-1] not in held}
                )
                self._popped = 0
                self.more = len(front) == room
                if fetched or not self.more or known:
                    break
            found = list(fetched.values())
            self._learn_chains(found)
            known |= fetched
            self._buffer = [known[at] for at in reversed(front) if at in known]
        self.next_due = self.queue.next_due(now)
        if self._stale:
            again = int(self._read_at) + _PATIENCE
            self.next_due = again if self.next_due is None else min(self.next_due, again)
        return [*found, *(other for record in found for other in self.sleeping(record))]

    def drop(self) -> None:
        """Forget the buffer; what others have put into the queue is looked for when there is time."""
        super().drop()
        self.anew = True
        self._stale = self._till >= 0
