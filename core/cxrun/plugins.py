"""Loading plugins.

Plugins come from the built-in tuple, the entry-point group `cxrun`, and the project's own `plugins/`
folder, in this order. Whatever is wrong with one is refused with its name.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import pluggy

from cxrun import hookspecs
from cxrun.errors import PluginError, near

BUILT_IN: Final = ("cxrun_plugins",)
"""Packages whose `PLUGINS` tuple names the modules that come with cxrun."""


class Plugin(NamedTuple):
    """A loaded plugin; `digest` changes when a project plugin's file changes."""

    name: str
    version: str
    origin: str
    digest: str


def load_plugins(
    project: Path | None = None, *, built_in: bool = True
) -> tuple[pluggy.PluginManager, tuple[Plugin, ...]]:
    """Load plugins; `project` is the folder whose `plugins/*.py` are loaded too.

    Without `built_in` elements it is quick; that is enough to find the commands of plugins.
    Raises PluginError naming the plugin that cannot be used.
    """
    manager = pluggy.PluginManager("cxrun")
    manager.add_hookspecs(hookspecs)
    loaded: list[Plugin] = []
    if built_in:
        for package in BUILT_IN:
            loaded.extend(_load_built_in(manager, package))
    loaded.extend(_load_installed(manager))
    if project is not None:
        loaded.extend(_load_folder(manager, project / "plugins"))
    return manager, tuple(loaded)


def _load_built_in(manager: pluggy.PluginManager, package: str) -> Iterator[Plugin]:
    from cxrun import __version__

    for name in importlib.import_module(package).PLUGINS:
        module = importlib.import_module(f"{package}.{name}")
        yield _register(manager, module, name, __version__, "built-in", __version__)


def _load_installed(manager: pluggy.PluginManager) -> Iterator[Plugin]:
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group="cxrun"), key=lambda point: point.name):
        distribution = point.dist
        name = f"{distribution.name}:{point.name}" if distribution else point.name
        module = _imported(name, point.load)
        version = distribution.version if distribution else "?"
        yield _register(manager, module, name, version, "installed", version)


def _load_folder(manager: pluggy.PluginManager, folder: Path) -> Iterator[Plugin]:
    for file in sorted(folder.glob("*.py")):
        name = f"plugins/{file.name}"
        module_name = f"cxrun_project_{file.stem}"
        spec = importlib.util.spec_from_file_location(module_name, file)
        if spec is None or spec.loader is None:
            raise PluginError(f"plugin '{name}' cannot be imported: it is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        _imported(name, partial(spec.loader.exec_module, module))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        version = str(getattr(module, "__version__", "project"))
        yield _register(manager, module, name, version, "project", digest)


def _imported(name: str, action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:
        raise PluginError(f"plugin '{name}' cannot be imported: {type(error).__name__}: {error}") from error


def _register(
    manager: pluggy.PluginManager, module: ModuleType, name: str, version: str, origin: str, digest: str
) -> Plugin:
    known = {spec for spec in vars(hookspecs) if spec.startswith(("register_", "run_", "attempt_"))}
    for attribute in vars(module):
        if manager.parse_hookimpl_opts(module, attribute) is not None and attribute not in known:
            raise PluginError(f"plugin '{name}': no hook named '{attribute}'{near(attribute, known)}")
    try:
        manager.register(module, name)
    except (ValueError, pluggy.PluginValidationError) as error:
        raise PluginError(f"plugin '{name}' cannot be registered: {error}") from error
    return Plugin(name, version, origin, digest)
