"""Which rules the cases have met, and which branches: a filter objecting and passing, a treatment applied.

A watched ruleset decides as the ruleset does; its elements tell what they answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from cxrun.conditions import Condition, Predicate
from cxrun.elements import (
    Action,
    Call,
    Effect,
    Filter,
    Handling,
    Moment,
    Pass,
    ResultHandler,
    Treatment,
    Verdict,
)
from cxrun.model import CallResult, Record, word_of
from cxrun.pipeline import Broken, Devices, Pipeline, Settlement
from cxrun.ruleset import OTHER, Ruleset, Step, TreatmentRule


class Branch(NamedTuple):
    """One branch of one rule: the ruleset, where the rule stands, what it is called, and what it does."""

    ruleset: str
    file: str
    line: int
    column: int
    rule: str
    does: str


class Coverage:
    """How often the cases met each branch, by the name of the case."""

    def __init__(self) -> None:
        self.case = ""
        self.met: dict[Branch, Counter[str]] = {}
        self._watched: dict[int, Ruleset] = {}

    def watch(self, ruleset: Ruleset) -> Ruleset:
        """The ruleset with elements that tell what they answer."""
        if id(ruleset) not in self._watched:
            self._watched[id(ruleset)] = replace(
                ruleset,
                filters=tuple(self._step(ruleset, step) for step in ruleset.filters),
                results=tuple(self._step(ruleset, step) for step in ruleset.results),
                treatments=tuple(
                    replace(rule, steps=tuple(self._step(ruleset, step) for step in rule.steps))
                    for rule in ruleset.treatments
                ),
            )
            for branch in _branches(ruleset):
                self.met.setdefault(branch, Counter())
        return self._watched[id(ruleset)]

    def pipeline(self, rulesets: Sequence[Ruleset], devices: Devices | None = None) -> Pipeline:
        """The rulesets, watched and compiled."""
        return _WatchedPipeline(self, [self.watch(ruleset) for ruleset in rulesets], devices)

    def passed_over(self, rulesets: Sequence[Ruleset], call: Call) -> None:
        """A call was settled: the rules for it that its record was not one for were passed over."""
        for ruleset in rulesets:
            for rule in ruleset.treatments:
                answers = call.result in rule.on or rule.other or call.disposition in rule.dispositions
                if rule.when and answers and not rule.when.holds(call.record):
                    self._meet(_rule_branch(ruleset, rule))

    def share(self, names: Sequence[str]) -> float:
        """How many of the branches of these rulesets were met, in percent."""
        met = [bool(cases) for branch, cases in self.met.items() if branch.ruleset in names]
        return 100.0 * sum(met) / len(met) if met else 100.0

    def _meet(self, branch: Branch) -> None:
        self.met[branch][self.case] += 1

    def _step(self, ruleset: Ruleset, step: Step) -> Step:
        def tell(does: str) -> None:
            self._meet(_branch(ruleset, step, does))

        watched = next(made for kind, made in _WATCHED if isinstance(step.element, kind))
        when = step.when and _WatchedCondition(step.when.spec, lambda: tell(_NOT_FOR))
        return replace(step, element=watched(step.element, tell), when=when)


_NOT_FOR = "is not for the record"


def _branches(ruleset: Ruleset) -> Iterator[Branch]:
    """Everything that rules of the ruleset can do."""
    for step in ruleset.filters:
        yield _branch(ruleset, step, "objects")
        yield _branch(ruleset, step, "passes")
    for step in ruleset.results:
        yield _branch(ruleset, step, "answers")
    for rule in ruleset.treatments:
        if rule.when:
            yield _rule_branch(ruleset, rule)
        for step in rule.steps:
            yield _branch(ruleset, step, "applies")
    for step in ruleset.steps():
        if step.when:
            yield _branch(ruleset, step, _NOT_FOR)


def _branch(ruleset: Ruleset, step: Step, does: str) -> Branch:
    return Branch(ruleset.name, step.mark.file, step.mark.line, step.mark.column, step.name, does)


def _rule_branch(ruleset: Ruleset, rule: TreatmentRule) -> Branch:
    words = [*(word_of(CallResult, result) for result in sorted(rule.on)), *sorted(rule.dispositions)]
    words += [OTHER] if rule.other else []
    mark = rule.mark
    return Branch(ruleset.name, mark.file, mark.line, mark.column, f"on {', '.join(words)}", _NOT_FOR)


_Tell = Callable[[str], None]


@dataclass(frozen=True)
class _WatchedFilter(Filter):
    inner: Any
    tell: _Tell

    @property
    def window(self) -> float:
        return float(self.inner.window)

    @property
    def attempt_field(self) -> str | None:
        found: str | None = self.inner.attempt_field
        return found

    def check(self, moment: Moment) -> Verdict:
        verdict: Verdict = self.inner.check(moment)
        self.tell("passes" if verdict is None or isinstance(verdict, Pass) else "objects")
        return verdict


@dataclass(frozen=True)
class _WatchedHandler(ResultHandler):
    inner: Any
    tell: _Tell

    def handle(self, call: Call) -> Handling | None:
        handling: Handling | None = self.inner.handle(call)
        if handling is not None:
            self.tell("answers")
        return handling


@dataclass(frozen=True)
class _WatchedTreatment(Treatment):
    inner: Any
    tell: _Tell

    def apply(self, call: Call) -> Action | Effect | None:
        action: Action | Effect | None = self.inner.apply(call)
        if action is not None:
            self.tell("applies")
        return action


_WATCHED = ((Filter, _WatchedFilter), (ResultHandler, _WatchedHandler), (Treatment, _WatchedTreatment))


class _WatchedCondition(Condition):
    def __init__(self, spec: Any, tell: Callable[[], None]) -> None:
        super().__init__(spec)
        object.__setattr__(self, "_tell", tell)

    @cached_property
    def holds(self) -> Predicate:
        true_of = Condition(self.spec).holds
        tell: Callable[[], None] = getattr(self, "_tell")  # noqa: B009 - a frozen dataclass

        def holds(record: Record) -> bool:
            held = true_of(record)
            if not held:
                tell()
            return held

        return holds


class _WatchedPipeline(Pipeline):
    def __init__(self, coverage: Coverage, rulesets: Sequence[Ruleset], devices: Devices | None) -> None:
        super().__init__(rulesets, devices)
        self._coverage = coverage
        self._rulesets = rulesets

    def settle(self, call: Call) -> Settlement | Broken:
        settlement = super().settle(call)
        self._coverage.passed_over(self._rulesets, call)
        return settlement
