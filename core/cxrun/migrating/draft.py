"""A ruleset in the making: elements taken from the registry, each with the place it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final, Literal, NamedTuple

from cxrun.errors import Mark, Problem
from cxrun.model import CallResult
from cxrun.registry import Registry
from cxrun.ruleset import element_step
from cxrun.yamlfile import Document

Outcome = Literal["carried over", "left out", "not carried over"]
ABSENT: Final = CallResult.AGENT_CALLBACK_ERROR.word
"""The one result not every treatment may answer."""
_WIDTH: Final = 96
OUTCOMES: Final[tuple[Outcome, ...]] = ("carried over", "left out", "not carried over")


class Entry(NamedTuple):
    """What became of one thing of the source: where it stands, what it is, and how or why."""

    mark: Mark
    what: str
    outcome: Outcome
    detail: str


class CannotCarry(Exception):
    """Something of the source has no counterpart; the message is the reason."""


@dataclass
class _Item:
    comments: list[str]
    data: dict[str, Any]


class Drafts:
    """The rulesets in the making and the report they share; `source` is what the rulesets say they come from."""

    def __init__(self, source: str, registry: Registry) -> None:
        self.source = source
        self.registry = registry
        self.report: list[Entry] = []
        self.drafts: list[Draft] = []

    def begin(self, name: str, description: str) -> Draft:
        """A new ruleset; a name that is taken gets a number."""
        taken = {draft.name for draft in self.drafts}
        unique, number = slug(name), 2
        while unique in taken:
            unique, number = f"{slug(name)}_{number}", number + 1
        self.drafts.append(Draft(unique, description, self))
        return self.drafts[-1]

    def left_out(self, mark: Mark, what: str, why: str) -> None:
        """Report what has no effect in the source, or is no rule."""
        self.report.append(Entry(mark, what, "left out", why))

    def not_carried(self, mark: Mark, what: str, why: str) -> None:
        """Report what is in force in the source and in no ruleset."""
        self.report.append(Entry(mark, what, "not carried over", why))


@dataclass
class RuleDraft:
    """A rule of treatments in the making; without a step it is not written."""

    draft: Draft
    head: dict[str, Any]
    comments: list[str]
    steps: list[_Item] = field(default_factory=list)

    def step(self, mark: Mark, what: str, name: str, parameters: Mapping[str, Any] | None = None) -> bool:
        """Add a treatment if it is registered and takes these parameters; the outcome is reported."""
        if self.head.get("on") == ABSENT and not self.draft.for_absent_agents(name):
            self.draft.not_carried(mark, what, f"{name} may not answer {ABSENT}")
            return False
        return self.draft.add(self.steps, "treatment", mark, what, name, parameters)


class Draft:
    """A ruleset in the making, and the report of what went into it.

    Whatever does not fit the registered elements is named as not carried over, in the report and, as a comment, where
    it would have stood.
    """

    def __init__(self, name: str, description: str, drafts: Drafts) -> None:
        self.name = name
        self.description = description
        self.drafts = drafts
        self.fields: dict[str, str] = {}
        self.points: dict[str, str] = {}
        """Addresses that calls are sent to, by the name of the routing point."""
        self._filters: list[_Item] = []
        self._results: list[_Item] = []
        self._delivery: dict[str, str] = {}
        self._rules: list[RuleDraft] = []
        self._missing: list[str] = []

    def filter(
        self, mark: Mark, what: str, name: str, parameters: Any = None, when: Mapping[str, Any] | None = None
    ) -> bool:
        """Add a filter if it can be; the outcome is reported."""
        return self.add(self._filters, "filter", mark, what, name, parameters, when)

    def deliver(self, mark: Mark, what: str, result: str, where: str) -> None:
        """Send the calls of a result to `agent`, `drop` or an address.

        One handler holds all of them, since the first decides.
        """
        if result in self._delivery:
            self.not_carried(mark, what, f"{result} goes to {self._delivery[result]} already")
            return
        kept, self._results = self._results, []
        together = {**self._delivery, result: self._point(where)}
        if self.add(self._results, "result handler", mark, what, "delivery", together):
            self._delivery = together
            self._results[0].comments[:0] = [comment for item in kept for comment in item.comments]
        else:
            self._results = kept

    def _point(self, where: str) -> str:
        """The name of the routing point for an address; `agent` and `drop` need none."""
        if where in ("agent", "drop"):
            return where
        name, number = slug(where, "point"), 1
        free = f"point_{name}" if name in ("agent", "drop") else name
        while self.points.get(free, where) != where:
            number += 1
            free = f"{name}_{number}"
        self.points[free] = where
        return free

    def rule(
        self,
        on: Sequence[str] = (),
        dispositions: Sequence[str] = (),
        when: Mapping[str, Any] | None = None,
        comment: str = "",
    ) -> RuleDraft:
        """Begin a rule of treatments; its steps follow."""
        head: dict[str, Any] = {}
        for key, words in (("on", on), ("disposition", dispositions)):
            if words:
                head[key] = words[0] if len(words) == 1 else list(words)
        if when:
            head["when"] = dict(when)
        rule = RuleDraft(self, head, [comment] if comment else [])
        self._rules.append(rule)
        return rule

    def takes(self, kind: str, name: str, parameter: str) -> bool:
        """Whether an element is registered and has this parameter."""
        entry = self.drafts.registry.entries(kind).get(name)
        return entry is not None and parameter in entry.element.schema.get("properties", {})

    def for_absent_agents(self, treatment: str) -> bool:
        """Whether a treatment may answer for an agent who is absent from his callback."""
        entry = self.drafts.registry.entries("treatment").get(treatment)
        return entry is None or getattr(entry.element, "for_absent_agents", True)

    def left_out(self, mark: Mark, what: str, why: str) -> None:
        """Report what has no effect in the source, or is no rule."""
        self.drafts.left_out(mark, what, why)

    def not_carried(self, mark: Mark, what: str, why: str) -> None:
        """Report what the ruleset lacks though it is in force in the source."""
        self.drafts.not_carried(mark, what, why)
        self._missing.append(f"{_place(mark)} {what}: {why}")

    def add(
        self,
        items: list[_Item],
        kind: str,
        mark: Mark,
        what: str,
        name: str,
        parameters: Any = None,
        when: Mapping[str, Any] | None = None,
    ) -> bool:
        data = {name: parameters or None, **({"when": dict(when)} if when else {})}
        refusal = self._refusal(kind, name, data)
        if refusal:
            self.not_carried(mark, what, refusal)
            return False
        items.append(_Item([f"{_place(mark)} {what}"], data))
        self.drafts.report.append(Entry(mark, what, "carried over", f"{self.name}: {name}"))
        return True

    def _refusal(self, kind: str, name: str, data: Mapping[str, Any]) -> str:
        """Why an element cannot be written; empty if it can."""
        if name not in self.drafts.registry.entries(kind):
            return f"no {kind} named '{name}' is installed"
        problems: list[Problem] = []
        element_step(
            Document(self.drafts.source, None, {}, []), (), data, kind, self.drafts.registry, problems
        )
        return "; ".join(problem.message for problem in problems)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self._filters or self._results or any(rule.steps for rule in self._rules))

    def text(self) -> str:
        """The ruleset as a file, with a comment for each rule that says where it came from."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"# Written by `cxrun migrate` from {self.drafts.source}. Read it before you rely on it."
        yield from _yaml(
            {"ruleset": self.name, "description": self.description, "source": self.drafts.source}
        )
        if self._missing:
            yield ""
            yield "# Not carried over:"
            for line in self._missing:
                yield f"# - {_one_line(line)}"
        if self.fields:
            yield ""
            yield "# Fields the rules read; the list's `map: fields:` must name them:"
            for name, column in sorted(self.fields.items()):
                yield f"#   {name}: {_one_line(column)}"
        if self.points:
            yield ""
            yield "# Where calls are sent; a session profile must declare it:"
            yield "#   routing_points:"
            for name, address in self.points.items():
                yield f"#     {name}: {_flow({'address': _one_line(address)})}"
        for section, items in (("filters", self._filters), ("results", self._results)):
            if items:
                yield ""
                yield f"{section}:"
                yield from _written(items, "  ")
        rules = [rule for rule in self._rules if rule.steps]
        if rules:
            yield ""
            yield "treatments:"
        for rule in rules:
            yield from (f"  # {_one_line(comment)}" for comment in rule.comments)
            lines = list(_yaml(rule.head))
            yield f"  - {lines[0]}"
            yield from (f"    {line}" for line in lines[1:])
            yield "    do:"
            yield from _written(rule.steps, "      ")


def slug(name: str, prefix: str = "rules") -> str:
    """A name as rulesets and fields may have it: small letters, digits and _; `prefix` for one that needs it."""
    words = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
    return words if words[:1].isalpha() else f"{prefix}_{words}".strip("_")


def field_name(column: str) -> str:
    """The field a column of the source becomes: `Account Balance` and `accountBalance` are `account_balance`."""
    return slug(re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", column), "field")


def _place(mark: Mark) -> str:
    """The file's name without its folder, which may be gone tomorrow, and the line."""
    return f"{PurePath(mark.file).name}:{mark.line}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _written(items: Iterable[_Item], indent: str) -> Iterator[str]:
    for item in items:
        yield from (f"{indent}# {_one_line(comment)}" for comment in item.comments)
        lines = list(_yaml(item.data))
        yield f"{indent}- {lines[0]}"
        yield from (f"{indent}  {line}" for line in lines[1:])


def _yaml(data: Mapping[str, Any]) -> list[str]:
    """A mapping as lines of YAML: a key a line, its value beside it where that is short."""
    lines = []
    for key, value in data.items():
        if value is None:
            lines.append(f"{key}:")
            continue
        flow = _flow(value)
        if len(flow) + len(key) <= _WIDTH or not isinstance(value, dict | list):
            lines.append(f"{key}: {flow}")
        elif isinstance(value, dict):
            lines += [f"{key}:", *(f"  {line}" for line in _yaml(value))]
        elif all(isinstance(item, dict) for item in value):
            lines.append(f"{key}:")
            for item in value:
                first, *rest = _yaml(item) if len(_flow(item)) > _WIDTH else [_flow(item)]
                lines += [f"  - {first}", *(f"    {line}" for line in rest)]
        else:
            lines.append(f"{key}: [")
            for index, item in enumerate(value):
                text = _flow(item) + ("," if index < len(value) - 1 else "]")
                if len(lines[-1]) + len(text) < _WIDTH:
                    lines[-1] += text if lines[-1].endswith("[") else f" {text}"
                else:
                    lines.append(f"  {text}")
    return lines


def _flow(value: Any) -> str:
    """A value on one line, that YAML 1.1 and 1.2 read alike."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes what is text to YAML 1.1 but a number to 1.2, as 1e3 is."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"^-?[0-9.]+[eE][-+]?[0-9]+$"), list("-0123456789")
    )
    text: str = yaml.dump(
        value, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=True, width=10**9
    )
    return text.removesuffix("\n").removesuffix("\n...")
