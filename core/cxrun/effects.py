"""Effects: what treatments want done outside, sent once the attempt that wants it is committed.

Every effect is a letter in the outbox, written in the transaction of its attempt, one for each step of an
attempt. A letter is marked as under way before it is sent and as sent afterwards, each in a transaction of its
own. So a letter that is sent is never sent again. Of one that was under way when the run died nobody knows
whether it got there: if sending it twice does no harm the next run sends it again, under the same key;
otherwise it is left as unknown.

Threads do the sending; this module alone talks to the store.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxrun.elements import Message, Treatment, Undelivered
from cxrun.errors import UserError
from cxrun.ledger import Ledger
from cxrun.model import DeviceType, Reason, Record, word_of
from cxrun.pipeline import Intent
from cxrun.registry import Registry
from cxrun.store import outbox
from cxrun.store.outbox import Letter

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_THREADS: Final = 8
"""Letters that are under way at most; the others wait in the store, where a kill leaves no doubt about them."""
_LONGEST_WAIT: Final = 60.0
"""Seconds between two tries at most; the first wait is one second, each further one twice as long."""
_BEAT: Final = 0.02


class _Came(NamedTuple):
    """What became of a letter; `error` is None if it is sent."""

    letter: Letter
    error: str | None
    again: bool


class Effects:
    """The effects of one run. Without `sending` none is had, and the journal says what would have been sent."""

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        folder: Path,
        environment: Mapping[str, str],
        counts: Counter[str],
        *,
        sending: bool,
    ) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._registry = registry
        self._folder = folder.resolve()
        self._environment = environment
        self._counts = counts
        self._sending = sending
        self._threads: ThreadPoolExecutor | None = None
        self._came: deque[_Came] = deque()
        self._under_way = 0
        self._next: float | None = None
        self._store_id = outbox.store_id(self._store) if sending else ""

    def check(self, treatments: list[Treatment]) -> None:
        """Raise UserError if an environment variable is missing that one of these cannot do without."""
        for treatment in treatments if self._sending else ():
            for name in treatment.environment_variables():
                if name not in self._environment:
                    raise UserError(
                        f"the environment variable {name} is not set, and {treatment.name} needs it"
                    )

    def intend(self, intents: tuple[Intent, ...], record: Record, at: float, told: Mapping[str, Any]) -> None:
        """An attempt wants these effects; `told` is what the body says beside the record."""
        batch = self._ledger.batch
        for intent in intents:
            reason = Reason("effect", intent.reason, intent.rule)
            parameters = json.dumps(intent.parameters, sort_keys=True)
            letter = Letter(
                record.record_id, record.attempt, intent.step, intent.element.name, parameters,
                json.dumps({**told, "step": intent.step, "record": _described(record)}, ensure_ascii=False),
                int(record.call_result), reason,
            )  # fmt: skip
            if self._sending:
                batch.letters.append(letter)
                self._next = 0.0
            else:
                batch.journal.append(letter.entry(at, "would_send", ""))
                self._counts["would be sent"] += 1

    # --- sending ---

    def resume(self, at: float) -> None:
        """Take up what earlier runs have left, inside the caller's transaction."""
        if not self._sending:
            return
        for letter in outbox.under_way(self._store):
            if self._repeatable(letter):
                outbox.mark(self._store, [letter], "waiting")
            else:
                self._end(
                    letter,
                    at,
                    "unknown",
                    "effect_unknown",
                    ": the run ended on the way; it is not done again",
                )
        self._next = outbox.next_waiting(self._store)

    @property
    def restless(self) -> bool:
        """Whether something came back, or may be sent now."""
        return bool(self._came) or self._due()

    def deliver(self, at: float) -> None:
        """Note what became of letters under way and send what is due. Between transactions only; `at` is now in the
        journal, Unix UTC seconds."""
        if not self.restless:
            return
        ledger, store = self._ledger, self._store
        ledger.flush()
        while self._came:
            self._note(self._came.popleft(), at)
        going = outbox.waiting(store, time.time(), _THREADS - self._under_way) if self._due() else []
        going = [letter._replace(tries=letter.tries + 1) for letter in going]
        outbox.mark(store, going, "under way")
        self._next = outbox.next_waiting(store)
        ledger.commit(at)
        for letter in going:
            self._send(letter)

    def finish(self, now: Callable[[], float], stopped: Callable[[], bool]) -> None:
        """Send what is left and wait for it; if the run was stopped, only for what is under way."""
        while self._under_way or (self._next is not None and not stopped()):
            if stopped():
                self._next = None
            self.deliver(now())
            if self._ledger.breathless:
                self._ledger.commit(now())
            if not self.restless:
                time.sleep(_BEAT)

    def close(self) -> None:
        """Begin nothing any more. What is under way ends by itself, and nobody notes how."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _due(self) -> bool:
        return self._next is not None and self._under_way < _THREADS and self._next <= time.time()

    def _send(self, letter: Letter) -> None:
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor

            self._threads = ThreadPoolExecutor(_THREADS, "cxrun-effect")
        key = f"{self._store_id}/{letter.record_id}-{letter.attempt}/{letter.step}"
        message = Message(key, _addressed(letter.body, key), letter.tries, self._folder, self._environment)
        self._under_way += 1
        self._threads.submit(self._deliver, letter, message)

    def _deliver(self, letter: Letter, message: Message) -> None:
        """In a thread of its own."""
        try:
            self._element(letter).send(message)
        except Undelivered as error:
            self._came.append(_Came(letter, str(error), error.again))
        except BaseException as error:
            self._came.append(_Came(letter, f"plugin error: {type(error).__name__}: {error}", again=False))
        else:
            self._came.append(_Came(letter, None, again=False))

    def _note(self, came: _Came, at: float) -> None:
        letter, error, again = came
        self._under_way -= 1
        if error is None:
            self._end(letter, at, "sent", "effect_sent", "")
        elif again:
            wait = min(2.0 ** (letter.tries - 1), _LONGEST_WAIT)
            outbox.mark(self._store, [letter], "waiting", time.time() + wait)
            self._ledger.batch.journal.append(
                letter.entry(at, "effect_delayed", f": {error}; it is tried again")
            )
        else:
            self._end(letter, at, "failed", "effect_failed", f": {error}")

    def _end(self, letter: Letter, at: float, state: str, event: str, text: str) -> None:
        outbox.mark(self._store, [letter], state)
        self._ledger.batch.journal.append(letter.entry(at, event, text))
        self._counts[state] += 1

    def _repeatable(self, letter: Letter) -> bool:
        entry = self._registry.entries("treatment").get(letter.element)
        return entry is not None and bool(getattr(entry.element, "repeatable", False))

    def _element(self, letter: Letter) -> Treatment:
        """The treatment with the parameters it had when the attempt was made."""
        try:
            element = self._registry.get("treatment", letter.element).build(json.loads(letter.parameters))
        except KeyError as error:
            raise Undelivered(str(error.args[0])) from None
        assert isinstance(element, Treatment)
        return element


def _described(record: Record) -> dict[str, Any]:
    """A record as receivers are told of it."""
    return {
        "record_id": record.record_id,
        "chain_id": record.chain_id,
        "chain_n": record.chain_n,
        "attempt": record.attempt,
        "phone": record.phone,
        "contact_info": record.contact_info,
        "contact_info_type": word_of(DeviceType, record.contact_info_type),
        "client_id": record.client_id,
        "first_name": record.first_name,
        "last_name": record.last_name,
        "company": record.company,
        "fields": dict(record.fields),
    }


def _addressed(body: str, key: str) -> str:
    return json.dumps({"key": key, **json.loads(body)}, ensure_ascii=False)
