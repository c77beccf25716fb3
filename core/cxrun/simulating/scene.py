"""What is to be simulated: groups that leave nothing outside, in a private copy of the store, from when until when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from cxrun.campaign import Group, Project, unknown_fields
from cxrun.dialer import Dialer
from cxrun.errors import Problem, Problems, UserError, near
from cxrun.importing import import_list, is_imported
from cxrun.model import CallResult, codes_by_word
from cxrun.moments import parse_moment
from cxrun.ruleset import Step, element_step
from cxrun.store import Store
from cxrun.store.copying import copy_store, make_private
from cxrun.store.figures import usual_zone
from cxrun.store.lists import stored_lists
from cxrun.store.runs import last_reached
from cxrun.yamlfile import Document, load

DIALER: Final = "simulated"
DAYS: Final = 30
"""How many days are simulated unless it is said otherwise."""
_OUTCOMES: Final = (
    "outcomes", "by_hour", "by_weekday", "by_device", "by_attempt", "by_field", "people_differ", "dispositions",
)  # fmt: skip
"""What of a dialer's parameters a model replaces as a whole; its other parameters one by one."""


class Prices(NamedTuple):
    """What dialing costs, in any currency: for each call, for each minute a line is up, for each staffed hour."""

    dial: float = 0.0
    minute: float = 0.0
    agent_hour: float = 0.0


class Scene(NamedTuple):
    """What all trials have in common: the records they begin with, the time, the prices, what counts.

    `store` is a private copy that is never run itself. Times are Unix UTC seconds; days and hours are those of `zone`.
    `right_party` holds codes of call results, then dispositions.
    """

    store: Path
    groups: tuple[str, ...]
    start: float
    until: float
    zone: str
    right_party: tuple[frozenset[int], frozenset[str]]
    prices: Prices
    model: Path | None

    @property
    def days(self) -> float:
        return (self.until - self.start) / 86400


class Wish(NamedTuple):
    """What is to be simulated, as asked for; the times are texts, None for what is usual."""

    groups: Sequence[str] = ()
    days: int | None = None
    until: str | None = None
    at: str | None = None
    zone: str | None = None
    right_party: Sequence[str] = ("answer",)
    prices: Prices = Prices()
    model: Path | None = None


@contextmanager
def staged(
    project: Project, wish: Wish, watch: Callable[[Any], None] = lambda result: None
) -> Iterator[Scene]:
    """Copy the store as it stands and make it ready for trials; the copies are gone afterwards.

    Lists that are not imported yet are imported into the copy; `watch` sees how far that has come. Raises UserError.
    """
    names = tuple(wish.groups) or tuple(project.groups)
    if not names:
        raise UserError("campaign.yaml has no campaign group to simulate")
    groups = [as_simulated(project.group(name), project, wish.model) for name in names]
    right_party = _right_party(wish.right_party, groups)
    with TemporaryDirectory(prefix="cxrun-") as folder:
        base = Path(folder) / "base.db"
        if project.store_file.exists():
            copy_store(project.store_file, base)
        with Store(base, project.registry.migrations()) as store:
            make_private(store)
            for name in {name for group in groups for name in group.lists}:
                contact_list = project.lists[name]
                if not is_imported(store, contact_list):
                    import_list(store, contact_list, Path(folder), watch)
            reached = last_reached(store)
            start, until = _times([project.group(name) for name in names], wish, reached)
            zone = wish.zone or usual_zone(store, list_ids(store, groups))
        yield Scene(base, names, start, until, zone, right_party, wish.prices, wish.model)


def as_simulated(group: Group, project: Project, model: Path | None) -> Group:
    """The group with the simulated dialer and without filters that ask outside; its rules are the same ones else."""
    step = group.dialer_step
    if group.dialer.external or model is not None:
        step = _simulated(group, project, model)
    return replace(group, dialer_step=step, rulesets=tuple(ruleset.alone for ruleset in group.rulesets))


def left_out(project: Project, groups: Sequence[str]) -> list[str]:
    """The filters of these groups that are not asked in a simulation, each with its place."""
    return sorted(
        {
            f"{step.mark} {step.name}"
            for name in groups
            for ruleset in project.group(name).rulesets
            for step in ruleset.outside
        }
    )


def _simulated(group: Group, project: Project, model: Path | None) -> Step:
    """The step of the simulated dialer: its own parameters, if the group has it, then those of the model.

    Raises Problems for a model that is not right.
    """
    own = dict(group.settings["dialer"].value.get(DIALER) or {}) if not group.dialer.external else {}
    if model is None:
        document, data = Document(group.mark.file, None, {(): group.mark}, []), dict[str, Any]()
    else:
        document = load(model)
        if document.problems:
            raise Problems(document.problems)
        if not isinstance(document.data, dict) or set(document.data) != {DIALER}:
            message = f"a model is what stands under `dialer:`, so it begins with `{DIALER}:`"
            raise Problems([document.problem((), message)])
        data = document.data[DIALER] or {}
        if isinstance(data, dict) and "outcomes" in data:
            own = {key: value for key, value in own.items() if key not in _OUTCOMES}
            codes = data.get("dispositions") or {}
            after = {code: time for code, time in own.pop("callback_after", {}).items() if code in codes}
            own |= {"callback_after": after} if after else {}
    merged = {**own, **data} if isinstance(data, dict) else data
    problems: list[Problem] = []
    step = element_step(document, (), {DIALER: merged}, "dialer", project.registry, problems)
    if problems or step is None:
        raise Problems(problems)
    assert isinstance(step.element, Dialer)
    unknown = unknown_fields(step.element, [project.lists[name] for name in group.lists])
    if unknown:
        raise Problems([document.problem((DIALER,), message) for message in unknown.values()])
    return step


def _times(groups: Sequence[Group], wish: Wish, reached: float | None) -> tuple[float, float]:
    """From when until when to simulate: from where the last run stopped, or where a run would begin."""
    if any(group.dialer.external for group in groups):
        start = float(int(time.time()))
    else:
        start = min(parse_moment(group.settings["virtual_start"].value) for group in groups)
    if reached is not None:
        start = max(start, reached)
    if wish.at is not None:
        start = parse_moment(wish.at, start)
        if reached is not None and start < reached:
            raise UserError(
                f"--at {wish.at} is before what has happened already; the store has come to "
                f"{datetime.fromtimestamp(reached, ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%SZ}"
            )
    if wish.until is not None:
        return start, parse_moment(wish.until, start)
    return start, start + (DAYS if wish.days is None else wish.days) * 86400


def _right_party(words: Sequence[str], groups: Sequence[Group]) -> tuple[frozenset[int], frozenset[str]]:
    """Codes of call results, and dispositions. Raises UserError for a word that is neither."""
    results = codes_by_word(CallResult)
    dispositions = {code for group in groups for code in getattr(group.dialer, "dispositions", ())}
    for word in words:
        if word not in results and word not in dispositions:
            raise UserError(
                f"--right-party: '{word}' is neither a call result nor a disposition that agents give here"
                f"{near(word, {'answer', 'wrong_party', *dispositions})}"
            )
    return (
        frozenset(results[word] for word in words if word in results and word not in dispositions),
        frozenset(word for word in words if word in dispositions),
    )


def list_ids(store: Store, groups: Sequence[Group]) -> list[int]:
    """The ids of the lists of some groups that are imported."""
    stored = stored_lists(store)
    return sorted(stored[name].list_id for group in groups for name in group.lists if name in stored)
