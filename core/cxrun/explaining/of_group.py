"""What became of a campaign group: its starts, pauses and stops, and what held its pace back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cxrun.campaign import Group
from cxrun.moments import moment_text
from cxrun.store.database import Store
from cxrun.store.reading import Happened, told_of_groups


@dataclass(frozen=True)
class GroupStory:
    """What is to be told of a group; `events` are in the order things happened."""

    group: str
    mode: str
    events: tuple[Happened, ...]

    @property
    def title(self) -> str:
        return f"group {self.group}, {self.mode}"

    @property
    def lines(self) -> list[str]:
        """The events in words, their times in UTC."""
        told = [f"{moment_text(item.at)}  {item.reason.text}" for item in self.events]
        return told or ["nothing has happened yet that concerns the whole group"]

    def as_data(self) -> dict[str, Any]:
        """The story as plain data."""
        return {
            "group": self.group,
            "mode": self.mode,
            "events": [
                {"at": item.at, "event": item.event, "reason": item.reason.text, "run_id": item.run_id}
                for item in self.events
            ],
        }


def explain_group(store: Store, group: Group, until: float | None = None) -> GroupStory:
    """Tell what the journal says of a group as a whole, up to a moment (Unix UTC seconds) if one is given."""
    name = group.name
    # its pace, what its mode has forgotten, and its turns
    told = told_of_groups(store, (f"{name}: ", f"group {name}: ", f"group {name} "))
    return GroupStory(
        name, group.mode.name, tuple(item for item in told if until is None or item.at <= until)
    )
