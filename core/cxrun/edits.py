"""What a person changes in the files of a project while a run is at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cxrun.campaign import Group, Project
from cxrun.errors import UserError
from cxrun.loading import load_project
from cxrun.ordering import ORDERING_SETTINGS
from cxrun.registry import Registry

_NEED_A_NEW_RUN: Final = ("agent_group", "dialer", *ORDERING_SETTINGS)
"""Settings that calls in progress and buffered records depend on."""


def stamps(folder: Path) -> dict[Path, int]:
    """When the files that can change a decision were last written, in nanoseconds."""
    places = (
        folder.glob("*.y*ml"), (folder / "rulesets").rglob("*.y*ml"), (folder / "plugins").glob("*.py")
    )  # fmt: skip
    return {path: path.stat().st_mtime_ns for place in places for path in place if path.exists()}


class Edits:
    """The files of a project, read again when they have changed; to be made before the project is loaded."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self._folder = folder
        self._registry = registry
        self._begun = self._read = self._seen = stamps(folder)

    def news(self) -> Project | None:
        """The project as it is now, if it has changed since the last look but one and not since the last.

        So a file is not read while an editor writes it. Raises UserError if what is written cannot be used; it is
        not looked at again before it changes once more.
        """
        now = stamps(self._folder)
        if now == self._read:
            return None
        if now != self._seen:
            self._seen = now
            return None
        self._read = now
        for path in self._plugins(now) ^ self._plugins(self._begun):
            raise UserError(
                f"{path[0].relative_to(self._folder)} has changed, and a run reads plugins when it starts"
            )
        return load_project(self._folder, self._registry)

    def _plugins(self, found: Mapping[Path, int]) -> set[tuple[Path, int]]:
        return {(path, written) for path, written in found.items() if path.suffix == ".py"}


def hindrances(old: Group, new: Group) -> Iterator[str]:
    """What differs between two states of a group that a run at work cannot take over."""
    modes = (old.mode, new.mode)
    kinds = [(mode.needs_agents, mode.preview_time > 0, mode.offer is None) for mode in modes]
    if kinds[0] != kinds[1]:
        same = new.mode.name == old.mode.name
        yield "another kind of preview" if same else f"{new.mode.name} in place of {old.mode.name}"
    for name in _NEED_A_NEW_RUN:
        before, after = (group.settings.get(name) for group in (old, new))
        if (before and before.value) != (after and after.value):
            yield f"another {name}"
    if new.agents != old.agents:
        yield "another number of agents"
    if _lasting(new) != _lasting(old):
        yield "another time that a call lasts at a routing point"
    if new.roster != old.roster:
        yield "another roster"
    if new.lists.keys() != old.lists.keys():
        yield "other contact lists"
    if new.after != old.after:
        yield "another 'after'"


def _lasting(group: Group) -> dict[str, float | None]:
    """How long calls take at the routing points of a group, if nobody is there to tell but the simulation."""
    return {} if group.dialer.external else {p.address: p.lasts for p in group.routing_points.values()}
