"""A case as it is played: what is given, and what is stated of every decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from cxrun.cases.when import When
from cxrun.model import CallResult, PastAttempt, Record, Suppression, Value
from cxrun.yamlfile import Path


class Stated(NamedTuple):
    """An outcome as a case states it; `kind` is one of the words it is stated by, `callback` a record type."""

    kind: str
    path: Path
    number: int | None = None
    at: When | None = None
    rule: str | None = None
    reason: str | None = None
    suppressed: frozenset[str] = frozenset()
    list_name: str | None = None
    till: When | None = None
    callback: str | None = None


class CaseStep(NamedTuple):
    """One step of a timeline: what is stated of the decision, the call that follows, and what is stated of that."""

    path: Path
    given: Mapping[str, Any]
    at: When | None = None
    stated: Stated | None = None
    result: CallResult | None = None
    disposition: str | None = None
    to: str | None = None
    becomes: CallResult | None = None
    lasts: float = 0.0
    sends: tuple[str, ...] = ()
    then: Stated | None = None


class Past(NamedTuple):
    """An attempt made before the case begins, and the own fields of the record it was made on."""

    attempt: PastAttempt
    fields: Mapping[str, Value]


class Look(NamedTuple):
    """A time at which the record is looked at, and what is stated of the decision."""

    path: Path
    at: float
    stated: Stated | None


@dataclass(frozen=True)
class Case:
    """A checked case: the chain as it stands, what happened before, and either looks or steps.

    `chain` holds all numbers, `start` is in Unix UTC seconds, times are written by the clock of `zone`.
    """

    name: str
    path: Path
    zone: str
    start: float
    chain: tuple[Record, ...]
    past: tuple[Past, ...]
    suppressions: tuple[Suppression, ...]
    imported: float | None
    ring_time: float | None
    looks: tuple[Look, ...]
    steps: tuple[CaseStep, ...]
