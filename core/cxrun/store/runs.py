"""Runs: what each was asked, under which frozen settings, and how far it came."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from cxrun.errors import UserError
from cxrun.model import CallResult
from cxrun.store.database import Store
from cxrun.store.journal import REAL

SIMULATION: Final = "a simulation"
"""The world of a run with a virtual clock; of any other it is as late as it is here."""


def check_world(store: Store, world: str) -> None:
    """Raise UserError if the store holds runs of another world: what was simulated never happened."""
    row = store.connection.execute("SELECT world FROM runs WHERE world <> ? LIMIT 1", (world,)).fetchone()
    if row:
        raise UserError(
            f"{store.file} holds calls of {row[0]}, and {world} would take them for its own; "
            "move the file away, or run in a copy of the project"
        )


def start_run(
    store: Store,
    seed: int,
    groups: Sequence[str],
    frozen: Mapping[str, Any],
    versions: Mapping[str, str],
    at: float,
    *,
    world: str,
    texts: Mapping[str, str],
) -> int:
    """Note a run with everything that decides its outcome; returns its id.

    `texts` are the files that `frozen` names by their SHA-256; each is kept once.
    """
    store.journal.salted = world == REAL
    store.connection.executemany("INSERT OR IGNORE INTO contents VALUES (?, ?)", texts.items())
    cursor = store.connection.execute(
        "INSERT INTO runs (world, seed, groups, frozen, versions, started_at, reached) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            world,
            seed,
            json.dumps(list(groups)),
            json.dumps(frozen, sort_keys=True),
            json.dumps(versions, sort_keys=True),
            time.time(),
            at,
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def reach(store: Store, run_id: int, at: float, states: str) -> None:
    """Note how far the run's clock has come and how its groups are (JSON), inside the caller's transaction."""
    store.connection.execute("UPDATE runs SET reached = ?, states = ? WHERE run_id = ?", (at, states, run_id))


def finish_run(store: Store, run_id: int, reason: str) -> None:
    """Note that a run has ended."""
    store.connection.execute("UPDATE runs SET ended = ? WHERE run_id = ?", (reason, run_id))


def answers_by_day(store: Store, lists: Iterable[int]) -> dict[int, tuple[int, int]]:
    """The people of these lists who answered, and those of them abandoned or dropped, by UTC day since 1970."""
    rows = store.connection.execute(
        "SELECT CAST(answered / 86400 AS INTEGER), count(*), sum(call_result IN (?, ?)) FROM attempts "
        "WHERE detected = ? AND list_id IN (SELECT value FROM json_each(?)) AND answered IS NOT NULL GROUP BY 1",
        (CallResult.ABANDONED.code, CallResult.DROPPED.code, CallResult.ANSWER.code, json.dumps(list(lists))),
    )
    return {day: (answered, abandoned) for day, answered, abandoned in rows}


class Unserved(NamedTuple):
    """People who answered and got no agent: how many hung up themselves, heard the message, were hung up on without.

    `latest` is how many seconds after the answer the message began at the latest, None if nobody heard it.
    """

    hung_up: int
    heard: int
    silent: int
    latest: float | None


def unserved(store: Store, lists: Iterable[int]) -> Unserved:
    """What the people of these lists heard who were abandoned or dropped."""
    row = store.connection.execute(
        "SELECT total(call_result = ?1), total(call_result = ?2 AND connected IS NOT NULL AND agent_id IS NULL), "
        "total(call_result = ?2 AND NOT (connected IS NOT NULL AND agent_id IS NULL)), "
        "max(CASE WHEN call_result = ?2 AND agent_id IS NULL THEN connected - answered END) FROM attempts "
        "WHERE detected = ?3 AND list_id IN (SELECT value FROM json_each(?4)) AND answered IS NOT NULL",
        (CallResult.ABANDONED.code, CallResult.DROPPED.code, CallResult.ANSWER.code, json.dumps(list(lists))),
    ).fetchone()
    return Unserved(int(row[0]), int(row[1]), int(row[2]), row[3])


class LastRun(NamedTuple):
    """The last run: its world, how far its clock came, and, if it is still at work, how its groups are."""

    world: str
    reached: float
    states: Mapping[str, Any] | None


def last_run(store: Store) -> LastRun | None:
    """The last run, None before the first."""
    row = store.connection.execute(
        "SELECT world, reached, states, ended FROM runs ORDER BY run_id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    at_work = row[3] is None and store.at_work()
    return LastRun(row[0], row[1], json.loads(row[2]) if at_work else None)


def last_reached(store: Store) -> float | None:
    """How far the clock of any run has come (Unix UTC seconds), None before the first run."""
    row = store.connection.execute("SELECT max(reached) FROM runs").fetchone()
    return float(row[0]) if row[0] is not None else None


def present(store: Store) -> float:
    """What time it is for the store (Unix UTC seconds): where the clock of its simulation stands, else now."""
    row = store.connection.execute("SELECT max(reached) FROM runs WHERE world = ?", (SIMULATION,)).fetchone()
    return float(row[0]) if row[0] is not None else time.time()


def last_seed(store: Store) -> int | None:
    """The seed of the last run, None before the first."""
    row = store.connection.execute("SELECT seed FROM runs ORDER BY run_id DESC LIMIT 1").fetchone()
    return int(row[0]) if row else None
