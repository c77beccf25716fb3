"""What a run came to: its figures, its hours, its luck, and whom it did not dial."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from cxrun.campaign import Group
from cxrun.dialer import Placed
from cxrun.model import CallResult
from cxrun.simulating.scene import Prices, Scene, list_ids
from cxrun.store import Store
from cxrun.store.figures import QUARTER, Quarter, decided, dialed, history, quarters, remaining, standing
from cxrun.tally import Tally


class Metric(NamedTuple):
    """One figure of a trial: its key, what people call it, how it is written, and which way is better, if any."""

    key: str
    text: str
    format: str = "number"
    better: int = 0


METRICS: Final = (
    Metric("dials", "dials"),
    Metric("answered", "answered by a person"),
    Metric("contacts", "contacts", better=1),
    Metric("right_party", "right-party contacts", better=1),
    Metric("abandoned", "abandoned or dropped", better=-1),
    Metric("abandon_rate", "abandon rate", "share", -1),
    Metric("agent_hours", "agent hours", "hours"),
    Metric("talking_hours", "hours talking", "hours"),
    Metric("waiting_hours", "hours waiting", "hours", -1),
    Metric("contacts_per_hour", "contacts per agent hour", "rate", 1),
    Metric("cost", "cost", "money", -1),
    Metric("cost_per_right_party", "cost per right-party contact", "money", -1),
    Metric("finished", "records finished"),
    Metric("left", "records left"),
)
PRICED: Final = frozenset({"cost", "cost_per_right_party"})
"""Figures that say nothing without prices."""
HOURLY: Final = ("dials", "answered", "contacts", "right_party", "abandoned", "agent_hours", "cost")
"""Figures that are told by day and hour, too."""


@dataclass(frozen=True)
class Trial:
    """What one run of one strategy with one seed came to.

    `figures` are by key of `METRICS`, None where there is nothing to divide by; `hours` by local day and hour,
    2026-03-02 09. `decisions` says how often each rule decided. `dialed` are record ids. `luck` is how many more calls
    a person answered than were to be expected of these calls, None if the dialer does not know what was.
    """

    seed: int
    figures: Mapping[str, float | None]
    hours: Mapping[str, Mapping[str, float]]
    decisions: Mapping[str, int]
    dialed: Collection[int]
    luck: float | None
    ended: str
    errors: int


class Move(NamedTuple):
    """Records only one of two strategies dials: how many, and what kept the other from it.

    `blocked` says that a rule set them aside, `why` which, or in words what became of them.
    """

    blocked: bool
    why: str
    records: int


class Round(NamedTuple):
    """One seed: a trial for each strategy; if there are two, the records that only the second or the first dialed."""

    trials: tuple[Trial, ...]
    newly_dialed: tuple[Move, ...] = ()
    no_longer_dialed: tuple[Move, ...] = ()


def trial_of(
    scene: Scene,
    store: Store,
    run_id: int,
    groups: Sequence[Group],
    seed: int,
    tally: Tally,
    staffed: Mapping[int, float],
) -> Trial:
    """What the store says of a run; `staffed` are the seconds of agents by quarter of an hour."""
    calls = quarters(store, run_id, *scene.right_party)
    finished, left = remaining(store, list_ids(store, groups))
    return Trial(
        seed,
        _figures(scene.prices, tally, calls, finished, left),
        _hours(scene, calls, staffed),
        _decisions(store, run_id),
        dialed(store, run_id),
        _luck(store, run_id, groups, seed),
        tally.ended,
        tally.errors,
    )


def _figures(
    prices: Prices, tally: Tally, calls: Sequence[Quarter], finished: int, left: int
) -> dict[str, float | None]:
    dials = sum(quarter.dials for quarter in calls)
    answered = sum(quarter.answered for quarter in calls)
    contacts = sum(quarter.contacts for quarter in calls)
    right_party = sum(quarter.right_party for quarter in calls)
    abandoned = sum(quarter.abandoned for quarter in calls)
    hours = tally.staffed_seconds / 3600
    cost = (
        prices.dial * dials
        + prices.minute * sum(quarter.line_seconds for quarter in calls) / 60
        + prices.agent_hour * hours
    )
    return {
        "dials": dials,
        "answered": answered,
        "contacts": contacts,
        "right_party": right_party,
        "abandoned": abandoned,
        "abandon_rate": _ratio(abandoned, answered),
        "agent_hours": hours,
        "talking_hours": tally.talk_seconds / 3600,
        "waiting_hours": tally.waiting_seconds / 3600,
        "contacts_per_hour": _ratio(contacts, hours),
        "cost": cost,
        "cost_per_right_party": _ratio(cost, right_party),
        "finished": finished,
        "left": left,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _hours(
    scene: Scene, calls: Sequence[Quarter], staffed: Mapping[int, float]
) -> dict[str, dict[str, float]]:
    """The figures of each local hour in which anything was done."""
    zone, prices = ZoneInfo(scene.zone), scene.prices
    hours: dict[str, dict[str, float]] = {}

    def of(number: int) -> dict[str, float]:
        key = datetime.fromtimestamp(number * QUARTER, zone).strftime("%Y-%m-%d %H")
        return hours.setdefault(key, dict.fromkeys(HOURLY, 0.0))

    for quarter in calls:
        hour = of(quarter.number)
        for key in ("dials", "answered", "contacts", "right_party", "abandoned"):
            hour[key] += getattr(quarter, key)
        hour["cost"] += prices.dial * quarter.dials + prices.minute * quarter.line_seconds / 60
    for number, seconds in staffed.items():
        if seconds:
            hour = of(number)
            hour["agent_hours"] += seconds / 3600
            hour["cost"] += prices.agent_hour * seconds / 3600
    return dict(sorted(hours.items()))


def _decisions(store: Store, run_id: int) -> dict[str, int]:
    """How often each rule decided; a rule is named by its ruleset, so that it is the same one on another line."""
    counted: Counter[str] = Counter()
    for reason, count in decided(store, run_id):
        if reason.rule is not None and reason.state != "effect":
            counted[f"{reason.rule.ruleset or 'campaign.yaml'}: {reason.rule.name}"] += count
    return dict(counted)


def _luck(store: Store, run_id: int, groups: Sequence[Group], seed: int) -> float | None:
    """How many more calls a person answered than could be expected of them when they were placed."""
    luck = 0.0
    for group in groups:
        ring_time, dialer = group.duration("ring_time"), group.dialer
        names = dialer.own_fields()
        ids = list_ids(store, [group])
        for past in history(store, ids, run_id, names, by_record=dialer.tells_people_apart):
            chance = dialer.chance_of_answer(
                Placed(
                    seed, past.record_id, dict(zip(names, past.fields, strict=True)),
                    past.tz, past.device, past.attempt, past.quarter * float(QUARTER), ring_time,
                )
            )  # fmt: skip
            if chance is None:
                return None
            if past.call_result != CallResult.UNKNOWN:
                luck += past.calls * ((past.detected == CallResult.ANSWER) - chance)
    return luck


def moves(store: Store, record_ids: set[int], folder: Path) -> tuple[Move, ...]:
    """What keeps a strategy from dialing these records."""
    found: dict[tuple[bool, str], int] = {}
    for reason, records in standing(store, record_ids):
        blocked = reason.state in ("excluded", "deferred", "error") and reason.rule is not None
        why = (
            str(reason.rule).replace(f"{folder}{os.sep}", "") if blocked else f"{reason.state}: {reason.text}"
        )
        found[blocked, why] = found.get((blocked, why), 0) + records
    moves = (Move(*key, records) for key, records in found.items())
    return tuple(sorted(moves, key=lambda move: (not move.blocked, -move.records, move.why)))
