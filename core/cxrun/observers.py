"""Telling plugins what happened, after the commit. An observer that raises is switched off for the run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from cxrun.events import AttemptSettled
from cxrun.registry import Registry

HOOKS = ("run_started", "attempt_settled", "run_finished")


class Observers:
    """The event hooks of the loaded plugins, called directly; nobody's without a registry."""

    def __init__(self, registry: Registry | None) -> None:
        self._calls: dict[str, dict[str, Callable[[Any], None]]] = {}
        for hook in HOOKS:
            implementations = getattr(registry.manager.hook, hook).get_hookimpls() if registry else ()
            self._calls[hook] = {found.plugin_name: _accepting(found) for found in implementations}
        self._kept: list[AttemptSettled] = []

    def wants(self, hook: str) -> bool:
        """Whether any plugin still listens."""
        return bool(self._calls[hook])

    def keep(self, event: AttemptSettled) -> None:
        """Tell of this attempt once it is committed."""
        self._kept.append(event)

    def tell_kept(self) -> None:
        """The commit is done: tell what was kept."""
        kept, self._kept = self._kept, []
        self.tell("attempt_settled", kept)

    def tell(self, hook: str, events: Iterable[Any]) -> None:
        """Call every observer of a hook with each event."""
        for event in events:
            for plugin, call in list(self._calls[hook].items()):
                try:
                    call(event)
                except Exception as error:
                    del self._calls[hook][plugin]
                    warnings.warn(
                        f"plugin '{plugin}': {hook} raised {type(error).__name__}: {error}; "
                        "it is switched off for this run",
                        stacklevel=2,
                    )


def _accepting(implementation: Any) -> Callable[[Any], None]:
    function: Callable[..., None] = implementation.function
    return function if implementation.argnames else lambda event: function()
