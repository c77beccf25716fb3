"""Redaction as a person asks for it: who is meant, what becomes of it, and that nothing is left in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cxrun.errors import UserError
from cxrun.store.database import Store
from cxrun.store.redaction import Chosen, Redacted, choose, is_suppressed, purge, redact
from cxrun.store.runs import present


def redact_people(
    store: Store,
    why: str,
    *,
    client: str | None = None,
    phone: str | None = None,
    finished_before: float | None = None,
    agreed: Callable[[Chosen], bool] = lambda chosen: True,
) -> tuple[Chosen, Redacted | None]:
    """Take the personal data of customers out of the store, if `agreed` once it is known whom it is about.

    They are those with a ClientID, those with a number (E.164), or those all of whose records were final before
    a moment (Unix UTC seconds). Raises StoreBusy while a run holds the store, UserError if one of them is being
    called, or if the file could not be written anew.
    """
    with _alone(store):
        chosen = choose(store, client=client, phone=phone, finished_before=finished_before)
        if (
            not chosen.chains
            and finished_before is None
            and not is_suppressed(store, client=client, phone=phone)
        ):
            raise UserError(
                f"nobody in {store.file} has the {'client id' if client else 'number'} '{client or phone}'"
            )
        if chosen.in_work:
            raise UserError(
                f"{chosen.in_work} of the records are in work: their calls have no result yet; `cxrun run` finds out "
                "what became of them"
            )
        if not agreed(chosen):
            return chosen, None
        if finished_before is not None and not chosen.chains:
            return chosen, None
        redacted = redact(store, present(store), why, client=client, phone=phone)
        if not purge(store):
            raise UserError(
                f"redacted, but what was deleted is still in {store.file}-wal: another process has the store open; "
                "close it and open the store again"
            )
    return chosen, redacted


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """No run begins meanwhile."""
    store.take_lease()
    try:
        yield
    finally:
        store.give_lease()
