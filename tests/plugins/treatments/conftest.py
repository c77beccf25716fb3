"""Runs that show what a treatment does: one call result for everybody, and the times of each attempt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder


@pytest.fixture
def campaign(project: Callable[..., ProjectFolder]) -> Callable[..., ProjectFolder]:
    """A factory of projects with one ruleset and a dialer that knows the given outcomes alone."""

    def make(
        rules: str, outcomes: dict[str, float], size: int = 20, devices: int = 1, **values: Any
    ) -> ProjectFolder:
        dialer = {"simulated": {"outcomes": outcomes, **values.pop("world", {})}}
        return project(size, devices, rules={"retry": f"ruleset: retry\n{rules}"}, dialer=dialer, **values)

    return make


@pytest.fixture
def promised() -> Callable[..., None]:
    """Makes every waiting record a personal callback, due at once, of an agent."""

    def make(folder: ProjectFolder, agent_id: str) -> None:
        from cxrun.moments import parse_moment

        folder.import_lists()
        start = parse_moment(folder.campaign["session_profiles"]["line"]["virtual_start"])
        with folder.store() as store:
            store.connection.execute(
                "UPDATE queue SET record_type = 5, priority = 1, agent_id = ?, dial_sched_time = ?, due = ?",
                (agent_id, start, start),
            )

    return make


@pytest.fixture
def placed() -> Callable[[ProjectFolder], dict[int, list[datetime]]]:
    """When the calls of each record were placed, in the zone of the record."""

    def ask(folder: ProjectFolder) -> dict[int, list[datetime]]:
        found: dict[int, list[datetime]] = {}
        rows = folder.query(
            "SELECT record_id, tz, placed FROM attempts JOIN records USING (record_id) ORDER BY record_id, placed"
        )
        for record_id, zone, at in rows:
            found.setdefault(record_id, []).append(datetime.fromtimestamp(at, ZoneInfo(zone.split()[0])))
        return found

    return ask
