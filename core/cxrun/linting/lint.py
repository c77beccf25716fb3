"""Looking at a project with every check, and leaving out what is silenced in place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxrun.campaign import Project
from cxrun.errors import Mark, PluginError, Problem, UserError, near
from cxrun.linting import caps, compliance, lists, settings, treatments
from cxrun.linting.check import SEVERITIES, Check, Finding, Scope, check
from cxrun.linting.ignores import Ignore, ignores
from cxrun.registry import Registry
from cxrun.store.lists import stored_lists
from cxrun.store.surveying import Survey

if TYPE_CHECKING:
    from cxrun.store import Store

AREAS: Final[Mapping[str, str]] = {
    "CX1": "Treatments",
    "CX2": "Caps, hours, suppression",
    "CX3": "Settings",
    "CX4": "Imported lists",
    "CX9": "Lint itself",
}
"""What the codes that begin so are about; others are of plugins."""


class Result(NamedTuple):
    """What lint says: findings, those that are silenced in place, and lists that could not be looked at."""

    findings: Sequence[Finding]
    silenced: Sequence[Finding]
    missing: Sequence[str]

    @property
    def failed(self) -> bool:
        """Whether there is more than notes."""
        return any(finding.severity != "note" for finding in self.findings)


@check("CX901", "warning")
def idle_ignore(scope: Scope) -> Iterator[Problem]:
    """An ignore silences nothing.

    What it was about is gone, or it stands in the wrong place or has a code that there is not. Left there, it would
    silence the next mistake.

    Bad::

        ruleset: retry
        treatments:
          - {on: busy, do: [redial: {interval: 30m, attempts: 2}]}  # cxrun: ignore CX204

    Good::

        ruleset: retry
        treatments:
          - {on: busy, do: [redial: {interval: 30m, attempts: 3}]}  # cxrun: ignore CX204
    """
    yield from ()


def checks(registry: Registry) -> dict[str, Check]:
    """Every check by its code: those of cxrun, and those of plugins.

    Raises PluginError for one that is not sound, or has a code that is taken.
    """
    found = {
        item.code: item
        for module in (treatments, caps, compliance, settings, lists)
        for item in vars(module).values()
        if isinstance(item, Check)
    }
    found[idle_ignore.code] = idle_ignore
    for hook in registry.manager.hook.register_checks.get_hookimpls():
        items: Any = hook.function()
        for item in items:
            if not isinstance(item, Check) or item.severity not in SEVERITIES:
                raise PluginError(
                    f"plugin '{hook.plugin_name}': {item!r} is no check; make it with @cxrun.check"
                )
            if item.code in found:
                raise PluginError(f"plugin '{hook.plugin_name}': there is a check {item.code} already")
            found[item.code] = item
    return dict(sorted(found.items()))


def chosen(known: Mapping[str, Check], select: Collection[str], ignore: Collection[str]) -> dict[str, Check]:
    """The checks that begin with a selected code, all by default, and with no ignored one.

    Raises UserError for one that there is not.
    """
    for code in (*select, *ignore):
        if not any(each.startswith(code) for each in known):
            raise UserError(f"no check named '{code}'{near(code, known)}")
    return {
        code: item
        for code, item in known.items()
        if (not select or code.startswith(tuple(select))) and not code.startswith(tuple(ignore) or ("-",))
    }


def lint(
    project: Project,
    wanted: Mapping[str, Check],
    today: date,
    store: Store | None = None,
    watch: Callable[[int], None] | None = None,
) -> Result:
    """Look at a project with some checks; those of data need a store, and lists that are imported.

    `watch` is told how many checks are done.
    """
    asks_data = store is not None and any(item.data for item in wanted.values())
    surveys = _surveys(project, store) if store is not None and asks_data else {}
    scope = Scope(project, today, surveys)
    found: set[Finding] = set()
    for number, (code, item) in enumerate(wanted.items()):
        if watch is not None:
            watch(number)
        if item.data and not surveys:
            continue
        for problem in item.look(scope):
            found.add(Finding(problem.mark, code, item.name, item.severity, problem.path, problem.message))
    judged = {code for code, item in wanted.items() if surveys or not item.data}
    findings, silenced = _heeded(project, sorted(found), judged, wanted)
    dialed = {name: None for group in project.groups.values() for name in group.lists}
    data = any(item.data for item in wanted.values())
    return Result(findings, silenced, [name for name in dialed if data and name not in surveys])


def _surveys(project: Project, store: Store) -> dict[str, Survey]:
    stored = stored_lists(store)
    return {
        name: Survey(store, stored[name], lists.conditions_of(project, name))
        for name, item in project.lists.items()
        if name in stored and dict(stored[name].field_types) == item.settings.field_types
    }


def _heeded(
    project: Project, found: Sequence[Finding], judged: Collection[str], wanted: Mapping[str, Check]
) -> tuple[list[Finding], list[Finding]]:
    """The findings that stay and those that are silenced; an ignore that silences none is one more finding."""
    findings: list[Finding] = []
    silenced: list[Finding] = []
    used: set[tuple[str, Ignore]] = set()
    written = {file: list(ignores(_text(file))) for file in _files(project)}
    for finding in found:
        hits = [
            (finding.mark.file, item)
            for item in written.get(finding.mark.file, ())
            if item.code == finding.code and item.first <= finding.mark.line <= item.last
        ]
        used.update(hits)
        (silenced if hits else findings).append(finding)
    known = checks(project.registry)
    for file, items in written.items():
        for item in items:
            if idle_ignore.code not in wanted or (file, item) in used or item.code == idle_ignore.code:
                continue
            if item.code in known and item.code not in judged:
                continue
            message = f"silences nothing: there is no {item.code} here"
            if item.code not in known:
                message = (
                    f"no check named '{item.code}'{near(item.code, known)}"
                    if item.code
                    else "name the code that is silenced, e.g. ignore CX204"
                )
            mark = Mark(file, item.line, item.column)
            findings.append(Finding(mark, idle_ignore.code, idle_ignore.name, "warning", "", message))
    return sorted(findings), silenced


def _files(project: Project) -> list[str]:
    """The files of a project that can hold comments, as messages call them."""
    own = [r.document.file for r in project.rulesets.values() if not r.packaged]
    return [project.document.file, *own]


def _text(file: str) -> str:
    return FilePath(file).read_text(encoding="utf-8-sig")
