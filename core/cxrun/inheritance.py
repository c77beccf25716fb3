"""What a campaign group inherits, setting by setting, and where from.

    default < session profile < dialing profile < template < group

Inheritance is live: a level holds only what it overrides, and every effective setting knows the level, file
and line it came from. A ruleset marked `required` stays attached whatever a lower level says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from cxrun.errors import Mark
from cxrun.ruleset import Ruleset
from cxrun.settings import DEFAULTS, ELEMENT_SETTINGS, NESTED_SETTINGS, SETTINGS
from cxrun.yamlfile import Document, Path


class Origin(NamedTuple):
    """The level a value came from and its place (None for a default)."""

    level: str
    mark: Mark | None = None

    def path(self, key: str) -> Path:
        """Where the level has a setting in campaign.yaml; empty for a default."""
        if self == DEFAULT:
            return ()
        kind, _, name = self.level.rpartition(" ")
        return (f"{kind.replace(' ', '_')}s", name, key)


DEFAULT: Final = Origin("default")


class Setting(NamedTuple):
    """One effective value and the lowest level that touched it."""

    value: Any
    origin: Origin


class Inherited(NamedTuple):
    """The effective settings, and where the parts of those come from that are inherited part by part."""

    settings: dict[str, Setting]
    origins: dict[Path, Origin]


def inherited(document: Document, group: str, rulesets: Mapping[str, Ruleset]) -> Inherited:
    """What a group of a campaign inherits; the document keeps to its schema, and the group's template exists.

    Of the attached rulesets those that are `required` come first, of every level, then those of the lowest level
    that names any; names that are not among `rulesets` are left out.
    """
    settings = {key: Setting(value, DEFAULT) for key, value in DEFAULTS.items()}
    origins: dict[Path, Origin] = {}
    required: dict[str, Origin] = {}
    for level, path, data in _levels(document.data, group):
        for key in SETTINGS:
            if key not in data:
                continue
            value = data[key]
            if key in ELEMENT_SETTINGS or key in NESTED_SETTINGS:
                below = settings.get(key, Setting({}, DEFAULT))
                if key in ELEMENT_SETTINGS and next(iter(value)) not in below.value:
                    origins = {at: origin for at, origin in origins.items() if at[0] != key}
                elif below.origin == DEFAULT and below.value:
                    origins.update({at: DEFAULT for at, _ in leaves(below.value, (key,))})
                for at, _ in leaves(value, (key,)):
                    origins[at] = Origin(level, document.mark((*path, *at)))
                value = (_overlaid if key in ELEMENT_SETTINGS else _merged)(below.value, value)
            settings[key] = Setting(value, Origin(level, document.mark((*path, key))))
        for index, name in enumerate(data.get("rulesets", ())):
            if name in rulesets and rulesets[name].required and name not in required:
                required[name] = Origin(f"{level}, required", document.mark((*path, "rulesets", index)))
    chosen = [name for name in settings["rulesets"].value if name in rulesets and name not in required]
    settings["rulesets"] = settings["rulesets"]._replace(value=[*required, *chosen])
    origins.update({("rulesets", name): origin for name, origin in required.items()})
    return Inherited(settings, origins)


def leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every single value within a value, and its path."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


def _levels(data: Mapping[str, Any], group: str) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """The levels of a group from the most general to the group itself."""
    own = data["groups"][group]
    template = own["template"]
    above = data["templates"][template]
    for kind in ("session_profile", "dialing_profile"):
        profiles = data.get(f"{kind}s") or {}
        name = own.get(kind, above.get(kind)) or _default_profile(profiles)
        if name is not None and name in profiles:
            yield f"{kind.replace('_', ' ')} {name}", (f"{kind}s", name), profiles[name]
    yield f"template {template}", ("templates", template), above
    yield f"group {group}", ("groups", group), own


def _default_profile(profiles: Mapping[str, Any]) -> str | None:
    named = [name for name, data in profiles.items() if data.get("default")]
    return named[0] if named else next(iter(profiles)) if len(profiles) == 1 else None


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """An element setting over the inherited one: parameters are merged if both name the same element."""
    name = next(iter(above))
    return {name: _merged(below[name] or {}, above[name] or {})} if name in below else dict(above)


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
    return above
