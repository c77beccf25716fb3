"""The registry of elements: everything the loaded plugins bring, by kind and name."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pluggy

from cxrun.dialer import Dialer
from cxrun.elements import DialingMode, ElementBase, Filter, ResultHandler, Treatment
from cxrun.errors import PluginError, near
from cxrun.plugins import Plugin, load_plugins

KINDS: Final[Mapping[str, tuple[str, type[ElementBase], str]]] = {
    "dialing mode": ("register_dialing_modes", DialingMode, "new_calls"),
    "filter": ("register_filters", Filter, "check"),
    "treatment": ("register_treatments", Treatment, "apply"),
    "result handler": ("register_result_handlers", ResultHandler, "handle"),
    "dialer": ("register_dialers", Dialer, "open"),
}
"""Each kind of element: the hook that registers it, its base class, its one method."""


class Entry(NamedTuple):
    """One element in the registry."""

    kind: str
    name: str
    element: type[ElementBase]
    plugin: str
    version: str

    @property
    def summary(self) -> str:
        """The first line of the element's docstring."""
        return (inspect.getdoc(self.element) or "").partition("\n")[0]

    @property
    def text(self) -> str:
        """The element's docstring without its example."""
        return (inspect.getdoc(self.element) or "").partition("Example::")[0].strip()

    @property
    def example(self) -> str:
        """The example of the element's docstring."""
        return textwrap.dedent((inspect.getdoc(self.element) or "").partition("Example::")[2]).strip()

    @property
    def hover(self) -> dict[str, str]:
        """What an editor shows of the element: keywords of a JSON Schema."""
        example = f"\n\n```yaml\n{self.example}\n```" if self.example else ""
        return {"description": self.summary, "markdownDescription": f"{self.text}{example}"}


class Registry:
    """Everything the loaded plugins bring; a typed face over the plugin manager."""

    def __init__(self, manager: pluggy.PluginManager, plugins: tuple[Plugin, ...]) -> None:
        self.manager = manager
        self.plugins = plugins
        self._entries: dict[str, dict[str, Entry]] = {}

    def entries(self, kind: str) -> dict[str, Entry]:
        """The elements of a kind by name."""
        if kind not in self._entries:
            self._entries[kind] = self._collect(kind)
        return self._entries[kind]

    def all(self) -> Iterator[Entry]:
        """Every element, kind by kind."""
        for kind in KINDS:
            yield from self.entries(kind).values()

    def get(self, kind: str, name: str) -> type[ElementBase]:
        """The element class of this name. Raises KeyError with the near word."""
        entries = self.entries(kind)
        if name not in entries:
            raise KeyError(f"no {kind} named '{name}'{near(name, entries)}")
        return entries[name].element

    def migrations(self) -> list[Any]:
        """The migration sets of plugins, in the order of registration."""
        return [item for found in reversed(self.manager.hook.register_migrations()) for item in found]

    def _collect(self, kind: str) -> dict[str, Entry]:
        hook, base, method = KINDS[kind]
        versions = {plugin.name: plugin.version for plugin in self.plugins}
        origins = {plugin.name: plugin.origin for plugin in self.plugins}
        entries: dict[str, Entry] = {}
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            plugin = implementation.plugin_name
            try:
                elements = list(implementation.function())
            except Exception as error:
                raise PluginError(
                    f"plugin '{plugin}': {hook} raised {type(error).__name__}: {error}"
                ) from error
            for element in elements:
                _refuse_bad(element, plugin, kind, base, method)
                if origins.get(plugin) != "built-in":
                    _refuse_bad_schema(element, plugin, kind)
                if element.name in entries:
                    other = entries[element.name].plugin
                    raise PluginError(
                        f"plugin '{plugin}': {kind} '{element.name}' is already registered by plugin '{other}'"
                    )
                entries[element.name] = Entry(kind, element.name, element, plugin, versions.get(plugin, "?"))
        return dict(sorted(entries.items()))


def _refuse_bad(element: Any, plugin: str, kind: str, base: type[ElementBase], method: str) -> None:
    if not (isinstance(element, type) and issubclass(element, base)):
        raise PluginError(f"plugin '{plugin}': {element!r} is no {kind}; inherit from cxrun.{base.__name__}")
    if not element.name:
        raise PluginError(f"plugin '{plugin}': {element.__name__} has no `name`")
    if getattr(element, method) is getattr(base, method):
        raise PluginError(f"plugin '{plugin}': {kind} '{element.name}' has no method `{method}`")
    if not isinstance(element.schema, Mapping) or not element.schema:
        raise PluginError(
            f"plugin '{plugin}': {kind} '{element.name}': `schema` must be a JSON Schema mapping"
        )


def _refuse_bad_schema(element: type[ElementBase], plugin: str, kind: str) -> None:
    """Built-in elements are held to this by a test; it takes too long for every start."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(element.schema)
    except SchemaError as error:
        where = ".".join(str(step) for step in error.absolute_path)
        raise PluginError(
            f"plugin '{plugin}': {kind} '{element.name}': `schema` is no JSON Schema: {where}: {error.message}"
        ) from error


def load_registry(project: Path | None = None) -> Registry:
    """Load all plugins, those of the `project` folder too. Raises PluginError."""
    return Registry(*load_plugins(project))
