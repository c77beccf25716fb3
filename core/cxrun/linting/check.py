"""A check: one small thing to look for, with a code, a severity and its own documentation."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxrun.elements import Cap, Filter
from cxrun.errors import Mark, Problem
from cxrun.inheritance import Origin
from cxrun.ruleset import Ruleset, Step, TreatmentRule
from cxrun.yamlfile import Path, path_text

if TYPE_CHECKING:
    from cxrun.campaign import Group, Project
    from cxrun.store.surveying import Survey

SEVERITIES: Final[Mapping[str, str]] = {
    "error": "nothing of it can work, or somebody is called who must not be",
    "warning": "it does something else than it says",
    "note": "it could be left out, or deserves a second look; alone it does not fail the command",
}


class Scope:
    """What a check may look at: the project, the day, and its imported lists by name.

    `surveys` are empty for checks that do not ask for data, and lack lists that are not imported yet.
    """

    def __init__(self, project: Project, today: date, surveys: Mapping[str, Survey]) -> None:
        self.project = project
        self.today = today
        self.surveys = surveys

    @property
    def groups(self) -> list[Group]:
        """The campaign groups of the project."""
        return list(self.project.groups.values())

    @cached_property
    def attached(self) -> Mapping[str, list[Group]]:
        """The groups that each ruleset is in force in, by its name."""
        found: dict[str, list[Group]] = {}
        for group in self.groups:
            for ruleset in group.rulesets:
                found.setdefault(ruleset.name, []).append(group)
        return found

    def in_campaign(self, path: Path, message: str) -> Problem:
        """A problem with the value at a path of campaign.yaml."""
        return self.project.document.problem(path, message)

    def in_list(self, name: str, message: str, *at: str | int) -> Problem:
        """A problem with a contact list, at a path below its declaration."""
        return self.in_campaign(("lists", name, *at), message)

    def in_setting(self, group: Group, key: str, message: str, *at: str | int) -> Problem:
        """A problem with a setting of a group, where its value comes from; else at the group itself."""
        setting = group.settings.get(key)
        origin = setting.origin if setting else Origin("default")
        base = origin.path(key)
        path = (*base, *at) if base else ("groups", group.name)
        own = path[:2] == ("groups", group.name)
        return self.in_campaign(path, message if own else f"{message} (group '{group.name}')")

    def in_ruleset(self, group: Group, ruleset: Ruleset, path: Path, message: str) -> Problem:
        """A problem with a ruleset as a group uses it.

        Of a ruleset that comes with cxrun it is told where the group attaches it, for that is what can be changed.
        """
        document = ruleset.document
        if not ruleset.packaged:
            return document.problem(path, message)
        inside = f"{document.file}:{document.mark(path).line}: {path_text(path)}: {message}"
        names = group.settings["rulesets"].value
        origin = group.origins.get(("rulesets", ruleset.name), group.settings["rulesets"].origin)
        index = [names.index(ruleset.name)] if ruleset.name in names else []
        return Problem(origin.mark or group.mark, path_text(("rulesets", *index)), inside)

    def in_step(self, group: Group, ruleset: Ruleset, step: Step, message: str) -> Problem:
        """A problem with an element of a ruleset."""
        return self.in_ruleset(group, ruleset, (*step.path, step.name), message)

    def filters(self, group: Group) -> Iterator[tuple[Ruleset, Step]]:
        """Every filter of a group, in the order they are asked."""
        for ruleset in group.rulesets:
            for step in ruleset.filters:
                yield ruleset, step

    def caps(self, group: Group) -> Iterator[tuple[Ruleset, Step, Cap]]:
        """Every cap of a group, with the filter that keeps it."""
        for ruleset, step in self.filters(group):
            for cap in step.element.caps if isinstance(step.element, Filter) else ():
                yield ruleset, step, cap

    def rules(self, *groups: Group) -> Iterator[tuple[Group, Ruleset, TreatmentRule]]:
        """Every treatment rule of some groups, of all if none is named, in the order they are asked."""
        for group in groups or self.groups:
            for ruleset in group.rulesets:
                for rule in ruleset.treatments:
                    yield group, ruleset, rule


Look = Callable[[Scope], Iterator[Problem]]


@dataclass(frozen=True)
class Check:
    """Looks at a project for one thing; `data` says that it needs an imported list.

    Its documentation is the docstring of `look`: a sentence, more of them, and an example each after `Bad::` and
    `Good::`, of which the first has the finding and the other has not. What stands after `Both::` ends either.
    """

    code: str
    severity: str
    look: Look
    data: bool = False

    @property
    def name(self) -> str:
        """What it is called, e.g. never_asked."""
        return getattr(self.look, "__name__", "")

    @property
    def summary(self) -> str:
        """The first sentence of its documentation."""
        return self.text.partition("\n")[0]

    @property
    def text(self) -> str:
        """Its documentation without the examples."""
        return self._parts[""]

    @property
    def bad(self) -> str:
        """YAML of which it finds something."""
        return self._example("Bad")

    @property
    def good(self) -> str:
        """The same as it was meant."""
        return self._example("Good")

    @property
    def _parts(self) -> dict[str, str]:
        text, *parts = re.split("^(Bad|Good|Both)::$", inspect.cleandoc(self.look.__doc__ or ""), flags=re.M)
        headed = zip(parts[::2], parts[1::2], strict=True)
        return {"": text.strip(), **{heading: textwrap.dedent(part).strip() for heading, part in headed}}

    def _example(self, heading: str) -> str:
        parts = self._parts
        return "\n---\n".join(parts[each] for each in (heading, "Both") if heading in parts and each in parts)


def check(code: str, severity: str, *, data: bool = False) -> Callable[[Look], Check]:
    """Make a check of a function that yields problems; what it needs to say stands in its docstring."""
    return lambda look: Check(code, severity, look, data)


class Finding(NamedTuple):
    """What a check has found, and where."""

    mark: Mark
    code: str
    name: str
    severity: str
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.mark}: {self.code} {self.severity}: {where}{self.message}"

    def as_data(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "code": self.code,
            "name": self.name,
            "severity": self.severity,
            "file": self.mark.file,
            "line": self.mark.line,
            "column": self.mark.column,
            "path": self.path,
            "message": self.message,
        }
