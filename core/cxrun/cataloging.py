"""The rulesets there are to attach, and what each says of itself, without checking them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cxrun.campaign import bundled
from cxrun.errors import Problems
from cxrun.yamlfile import load


class RulesetEntry(NamedTuple):
    """One ruleset as its envelope tells of it; `own` if it is the project's. Texts are empty where it is silent."""

    name: str
    file: str
    own: bool
    required: bool
    jurisdiction: str
    description: str
    source: str
    reviewed: str
    unenforced: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The first sentence of its description."""
        return self.description.partition(". ")[0].rstrip(".")


def catalog(folder: Path) -> Iterator[RulesetEntry]:
    """The rulesets that come with cxrun and those of a project, by name; of two alike the project's."""
    own = [
        file
        for file in sorted((folder / "rulesets").glob("*.y*ml"))
        if file.name.partition(".")[2] in ("yaml", "yml")
    ]
    entries = [_entry(file, own=False) for file in bundled().values()] + [
        _entry(file, own=True) for file in own
    ]
    found = {entry.name: entry for entry in entries if entry is not None}
    yield from (found[name] for name in sorted(found))


def _entry(file: Path, *, own: bool) -> RulesetEntry | None:
    """What a file says; None if it cannot be read, which `cxrun validate` explains."""
    try:
        data = load(file).data
    except Problems:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("ruleset"), str):
        return None
    jurisdiction, description, source, reviewed = (
        " ".join(str(data.get(key, "")).split())
        for key in ("jurisdiction", "description", "source", "reviewed")
    )
    unenforced = data.get("unenforced")
    return RulesetEntry(
        data["ruleset"],
        str(file),
        own,
        data.get("required") is True,
        jurisdiction,
        description,
        source,
        reviewed,
        tuple(str(item) for item in unenforced) if isinstance(unenforced, list) else (),
    )
