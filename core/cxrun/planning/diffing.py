"""What two strategies do differently to the records of a store as they stand, record by record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cxrun.campaign import Group, Project
from cxrun.errors import UserError
from cxrun.feed import Facts
from cxrun.model import ASLEEP, CHAINED, Record
from cxrun.planning.judging import IN_TURN, NEVER, Judge, Outlook
from cxrun.store.database import Store
from cxrun.store.lists import StoredList, imports_of, size_of, stored_lists
from cxrun.store.queue import Queue, find_by_fields
from cxrun.strategies import Checked
from cxrun.yamlfile import path_text

KINDS: Final = ("newly allowed", "newly blocked", "earlier", "later")
"""What may be different. Newly allowed or blocked is a record that one side would dial at the moment asked about,
or at some later time, and the other not, or never; of the others the time is another."""
_BATCH: Final = 5000
_NOBODY: Final = Outlook(NEVER, "no campaign group dials the list")
_NOT_ITS_TURN: Final = Outlook(IN_TURN, "waits for its turn in the chain")


class Difference(NamedTuple):
    """One record that the two strategies, `a` and `b`, treat differently."""

    kind: str
    list_name: str
    record: Record
    a: Outlook
    b: Outlook


class Pair(NamedTuple):
    """What each side says, in words that are the same for many records."""

    kind: str
    a: str
    b: str


@dataclass
class Sums:
    """How many records were looked at, and how many differ by what the two sides say."""

    records: int = 0
    waiting: int = 0
    pairs: Counter[Pair] = field(default_factory=Counter)

    @property
    def different(self) -> int:
        return sum(self.pairs.values())


class SettingChange(NamedTuple):
    """A setting of a group that is not the same; None where a side does not have it, with the places."""

    group: str
    setting: str
    a: Any
    b: Any
    places: tuple[str, str]


def changed_settings(a: Project, b: Project) -> Iterator[SettingChange]:
    """The effective settings of groups that differ, and groups that only one side has."""
    for name in dict.fromkeys((*a.groups, *b.groups)):
        before, after = _settings(a.groups.get(name)), _settings(b.groups.get(name))
        if not before or not after:
            told = f"template {(a if before else b).groups[name].template}"
            yield SettingChange(name, "group", told if before else None, told if after else None, ("", ""))
            continue
        for key in dict.fromkeys((*before, *after)):
            old, new = before.get(key, (None, "")), after.get(key, (None, ""))
            if old[0] != new[0]:
                yield SettingChange(name, key, old[0], new[0], (old[1], new[1]))


def _settings(group: Group | None) -> dict[str, tuple[Any, str]]:
    """Every single value of a group's settings and the place of it."""
    if group is None:
        return {}
    found = {
        path_text(path): (
            value,
            f"{origin.mark.file.rpartition('/')[2]}:{origin.mark.line}" if origin.mark else "default",
        )
        for path, value, origin in group.leaves()
    }
    here = f"{group.mark.file.rpartition('/')[2]}:{group.mark.line}"
    return found | {f"lists.{name}": (weight, here) for name, weight in group.lists.items()}


def differences(
    store: Store,
    a: Checked,
    b: Checked,
    at: float,
    sums: Sums,
    only: str | None = None,
    watch: Callable[[int], None] = lambda count: None,
) -> Iterator[Difference]:
    """The records that may be dialed under one strategy and not, or at another time, under the other.

    At a moment `at` (Unix UTC seconds), with the attempts, suppressions and treatments of now. `sums` counts on the
    way. The store is read in batches, as it stood when the first record was asked for. Raises UserError if there
    is no list named `only`.
    """
    known = stored_lists(store)
    if only is not None and only not in known:
        raise UserError(f"contact list '{only}' is not imported")
    judges = (_judges(a.project), _judges(b.project))
    with store.snapshot():
        fields = {f for side in judges for judge in side.values() for f in judge.pipeline.attempt_fields}
        find_by_fields(store, fields)
        for stored in known.values():
            if only is None or stored.name == only:
                sides = tuple(side.get(stored.name) for side in judges)
                yield from _in_list(store, stored, sides, at, sums, watch)


def _judges(project: Project) -> Mapping[str, Judge]:
    """Who judges each list."""
    return {
        name: judge for group in project.groups.values() for judge in [Judge(group)] for name in group.lists
    }


def _in_list(
    store: Store,
    stored: StoredList,
    sides: Sequence[Judge | None],
    at: float,
    sums: Sums,
    watch: Callable[[int], None],
) -> Iterator[Difference]:
    sums.records += size_of(store, stored.list_id)
    queue = Queue(store, stored.list_id, list(stored.field_types))
    imports = imports_of(store, stored)
    judges = [judge for judge in sides if judge is not None]
    if not judges:
        return
    window = max(judge.pipeline.window for judge in judges)
    fields = {name for judge in judges for name in judge.pipeline.attempt_fields}
    after = (-1, -1, -1)
    while batch := queue.waiting(after, _BATCH):
        after = (batch[-1].priority, batch[-1].due, batch[-1].record_id)
        facts = Facts(store, window, fields)
        facts.learn(batch, at)
        asleep = queue.members({record.chain_id for record in batch if record.chain_size > 1})
        for record in batch:
            others = [r for r in asleep.get(record.chain_id, ()) if r.record_id != record.record_id]
            a, b = (_outlook(judge, record, (record, *others), facts, imports, at) for judge in sides)
            kind = _kind(a, b, at)
            if kind is not None:
                sums.pairs[Pair(kind, _side(a, at), _side(b, at))] += 1
                yield Difference(kind, stored.name, record, a, b)
        sums.waiting += len(batch)
        watch(sums.waiting)


def _outlook(
    judge: Judge | None,
    record: Record,
    chain: Sequence[Record],
    facts: Facts,
    imports: Sequence[tuple[int, float]],
    at: float,
) -> Outlook:
    if judge is None:
        return _NOBODY
    found = judge.outlook(record, chain, facts, imports, at)
    if record.priority == ASLEEP and record.due == CHAINED and not found.never:
        # which of its chain is dialed is not decided by whether this one may be
        return _NOT_ITS_TURN
    return found


def _kind(a: Outlook, b: Outlook, at: float) -> str | None:
    """What is different; None for nothing."""
    if a.at == b.at:
        return None
    if b.at <= at or a.never:
        return "newly allowed"
    if a.at <= at or b.never:
        return "newly blocked"
    return "earlier" if b.at < a.at else "later"


def _side(outlook: Outlook, at: float) -> str:
    if outlook.at <= at:
        return "dialed"
    if outlook.rule is None:
        return outlook.reason
    how = "excluded" if outlook.never else "passed by" if outlook.at == IN_TURN else "deferred"
    return f"{how} by {outlook.rule}"
