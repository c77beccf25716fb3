"""What the dialing mode of each group has learned in a run, kept for the next one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cxrun.store.database import Store


class Memory(NamedTuple):
    """What the mode of a group remembers, as plain JSON data."""

    group: str
    mode: str
    content: Mapping[str, Any]


def keep_memories(store: Store, memories: Iterable[Memory]) -> None:
    """Replace what the groups remembered before, inside the caller's transaction."""
    store.connection.executemany(
        "INSERT OR REPLACE INTO memories VALUES (?, ?, ?)",
        [(group, mode, json.dumps(content)) for group, mode, content in memories],
    )


def memory_of(store: Store, group: str, mode: str) -> Mapping[str, Any] | None:
    """What a mode of this name has remembered in the last run of the group; None if another one was at work.

    Raises ValueError if what is kept is damaged.
    """
    row = store.connection.execute(
        "SELECT content FROM memories WHERE group_name = ? AND mode = ?", (group, mode)
    ).fetchone()
    content = json.loads(row[0]) if row else None
    if content is not None and not isinstance(content, dict):
        raise ValueError("what is kept is no JSON object")
    return content
