"""Learning what calls come to from the history of a store: a model the simulated dialer takes as its parameters.

Each result has a weight, and a factor on it for each local hour, weekday, device type and number of the attempt, and
for each value of fields one names; the weights of a call are multiplied and stand for the chances of its results. The
factors are found together, for hours, attempts and devices go with one another: second attempts are made in the
afternoon. A factor is

    (seen + s) / (expected + s)

where `seen` is how often the result came at this hour (weekday, device, attempt, value), and `expected` how often the
rest of the model expects it there; this is repeated until nothing moves. The pseudo-count `s` draws factors towards 1
where little was seen. The default of 20 is the size at which chance alone scatters a count by 22% (1 / sqrt(20)),
about as much as one hour differs from another: with 20 calls expected, half of what is seen is believed.

How much people differ (`people_differ`) is not learned. Where those who answered are not called again, history cannot
tell that people differ from that second attempts are answered less: the factors by attempt say both.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import yaml

from cxrun.errors import UserError
from cxrun.model import CallResult, DeviceType, key_text, word_of
from cxrun.store import Store
from cxrun.store.figures import QUARTER, Past, history, promised_after, talks
from cxrun.times import WEEKDAYS

SMOOTHING: Final = 20.0
"""The usual pseudo-count."""
_KINDS: Final = ("by_hour", "by_weekday", "by_device", "by_attempt")
_ATTEMPT: Final = 3
_MOST_VALUES: Final = 100
"""A field with more values says who somebody is, not of which kind."""
_MOST_ATTEMPTS: Final = 10
"""Attempts above this one have no factor of their own."""
_ROUNDS: Final = 300
_STILL: Final = 1e-5
_WORTH_TELLING: Final = 0.01
"""A factor closer to 1 is left out."""
_PEOPLE: Final = frozenset(
    {
        CallResult.ABANDONED,
        CallResult.DROPPED,
        CallResult.WRONG_PARTY,
        CallResult.WRONG_NUMBER,
        CallResult.DO_NOT_CALL,
        CallResult.TRANSFERRED,
        CallResult.CONFERENCED,
    }
)
"""Results of calls that a person has answered, whatever came of it."""
_NO_CODE: Final = "NO_CODE"
"""What stands for conversations without a disposition, where others have one."""

Weights = dict[str, float]
Level = int | str | None
Cell = tuple[Level, ...]
"""Local hour, weekday, device type and number of an attempt, then the values of fields.

An attempt 0 and a value None have no factor of their own.
"""


class Learned(NamedTuple):
    """What was learned: parameters of the simulated dialer, from how many attempts, made when (Unix UTC seconds).

    `unused` are attempts whose result says nothing of whom a call reaches: lost, or in progress.
    """

    parameters: dict[str, Any]
    attempts: int
    unused: int
    first: float
    last: float


def learn(
    store: Store,
    list_ids: Sequence[int],
    possible: Iterable[str],
    smoothing: float = SMOOTHING,
    fields: Sequence[str] = (),
) -> Learned:
    """Learn from every attempt on these lists; `possible` are the results that can be simulated.

    `fields` are own fields by which people may differ. Raises UserError if there is nothing to learn from, or a field
    has too many values.
    """
    words = frozenset(possible)
    cells: dict[Cell, Counter[str]] = {}
    dispositions: Counter[str] = Counter()
    zones: dict[tuple[int, str], tuple[int, int]] = {}
    used = unused = 0
    moments = []
    for past in history(store, list_ids, fields=fields):
        result = _result(past, words)
        if result is None:
            unused += past.calls
            continue
        used += past.calls
        moments.append(past.quarter)
        if (past.quarter, past.tz) not in zones:
            zone = ZoneInfo(past.tz.split()[0]) if past.tz else ZoneInfo("UTC")
            local = datetime.fromtimestamp(past.quarter * QUARTER, zone)
            zones[past.quarter, past.tz] = (local.hour, local.weekday())
        attempt = past.attempt if past.attempt <= _MOST_ATTEMPTS else 0
        cell = (*zones[past.quarter, past.tz], past.device, attempt, *map(key_text, past.fields))
        cells.setdefault(cell, Counter())[result] += past.calls
        if past.talked and result == CallResult.ANSWER.word:
            dispositions[past.disposition or _NO_CODE] += past.calls
    if not used:
        raise UserError("there is nothing to learn from: no call has come to a result that can be simulated")
    for place, name in enumerate(fields, len(_KINDS)):
        values = {cell[place] for cell in cells}
        if len(values) > _MOST_VALUES:
            raise UserError(
                f"field '{name}' has {len(values):,} values, and factors are for at most {_MOST_VALUES} kinds of people"
            )
    parameters: dict[str, Any] = _fitted(cells, smoothing, fields)
    parameters |= _times_and_codes(store, list_ids, dispositions)
    return Learned(
        parameters, used, unused, min(moments) * float(QUARTER), (max(moments) + 1) * float(QUARTER)
    )


def _result(past: Past, possible: frozenset[str]) -> str | None:
    """What the line met, None if it is not known or the call has not ended."""
    if past.call_result == CallResult.UNKNOWN:
        return None
    if past.detected is None and past.call_result in _PEOPLE:
        return CallResult.ANSWER.word
    word = word_of(CallResult, past.call_result if past.detected is None else past.detected)
    return word if word in possible else None


def _fitted(cells: Mapping[Cell, Counter[str]], smoothing: float, fields: Sequence[str]) -> dict[str, Any]:
    """Weights and factors, as the dialer's parameters."""
    seen: Counter[str] = Counter()
    for counted in cells.values():
        seen += counted
    whole = seen.total()
    results = sorted(seen)
    weights = {result: seen[result] / whole for result in results}
    kinds = len(_KINDS) + len(fields)
    levels = [sorted({cell[place] for cell in cells}, key=_in_order) for place in range(kinds)]
    factors: list[dict[Level, Weights]] = [
        {level: dict.fromkeys(results, 1.0) for level in found} for found in levels
    ]
    # a kind with one level only is part of the weights; attempts above the last level have no factor
    places = [place for place, found in enumerate(levels) if len(found) > 1]
    observed = [_by_level(cells, place) for place in range(kinds)]
    for _ in range(_ROUNDS):
        moved = 0.0
        for place in places:
            expected = _by_level(_expected(cells, weights, factors), place)
            for level, own in factors[place].items():
                if level is None or (place == _ATTEMPT and level == 0):
                    continue
                for result in results:
                    others = expected[level][result] / own[result]
                    factor = (observed[place][level].get(result, 0.0) + smoothing) / (others + smoothing)
                    moved = max(moved, abs(factor - own[result]))
                    own[result] = factor
        total = dict.fromkeys(results, 0.0)
        for chances in _expected(cells, weights, factors).values():
            for result, chance in chances.items():
                total[result] += chance
        for result in results:
            weights[result] *= seen[result] / total[result]
        scale = math.fsum(weights.values())
        weights = {result: weight / scale for result, weight in weights.items()}
        if moved < _STILL:
            break
    parameters: dict[str, Any] = {
        "outcomes": {
            result: _rounded(weights[result]) for result in sorted(results, key=lambda r: -weights[r])
        }
    }
    for place in places:
        told = {}
        for level, own in factors[place].items():
            telling = {r: _rounded(f) for r, f in own.items() if abs(f - 1) >= _WORTH_TELLING}
            if telling:
                told[_level(place, level)] = telling
        if told and place < len(_KINDS):
            parameters[_KINDS[place]] = told
        elif told:
            parameters.setdefault("by_field", {})[fields[place - len(_KINDS)]] = told
    return parameters


def _in_order(level: Level) -> tuple[bool, int, str]:
    """Numbers by size, then values by their text, those without a value last."""
    return level is None, level if isinstance(level, int) else 0, str(level)


def _expected(
    cells: Mapping[Cell, Counter[str]], weights: Weights, factors: Sequence[Mapping[Level, Weights]]
) -> dict[Cell, Weights]:
    """How often each result is to be expected in each cell, of as many calls as there were."""
    found = {}
    for cell, counted in cells.items():
        own = [by[level] for by, level in zip(factors, cell, strict=True)]
        chances = {result: weight * math.prod(by[result] for by in own) for result, weight in weights.items()}
        scale = counted.total() / math.fsum(chances.values())
        found[cell] = {result: chance * scale for result, chance in chances.items()}
    return found


def _by_level(cells: Mapping[Cell, Mapping[str, float]], place: int) -> dict[Level, Weights]:
    """Counts by hour, or by weekday, device, attempt, value."""
    found: dict[Level, Weights] = {}
    for cell, counted in cells.items():
        level = found.setdefault(cell[place], {})
        for result, calls in counted.items():
            level[result] = level.get(result, 0.0) + calls
    return found


def _level(place: int, level: Level) -> Level:
    if not isinstance(level, int):
        return level
    if place == 1:
        return WEEKDAYS[level]
    return word_of(DeviceType, level) if place == 2 else level


def _times_and_codes(store: Store, list_ids: Sequence[int], dispositions: Counter[str]) -> dict[str, Any]:
    """How long agents talk, which codes they give, and when customers want to be called back."""
    parameters: dict[str, Any] = {}
    count, mean, deviation = talks(store, list_ids)
    if count >= 2 and mean > 0:
        parameters["talk"] = {"mean": _rounded(mean), "cv": _rounded(min(10.0, deviation / mean))}
    if set(dispositions) - {_NO_CODE}:
        parameters["dispositions"] = dict(dispositions.most_common())
        after = {
            code: f"{round(seconds)}s"
            for code, promised, seconds in promised_after(store, list_ids)
            if promised * 2 > dispositions[code]
        }
        if after:
            parameters["callback_after"] = after
    return parameters


def _rounded(value: float) -> float:
    """Four digits that matter."""
    return float(f"{value:.4g}")


def written(learned: Learned, lists: Sequence[str], smoothing: float) -> str:
    """The model as a dialer file: what stands under `dialer:` in campaign.yaml."""
    first, last = (datetime.fromtimestamp(at, ZoneInfo("UTC")) for at in (learned.first, learned.last))
    named = f"{'lists' if len(lists) > 1 else 'list'} {', '.join(lists)}"
    text: str = yaml.safe_dump(
        {"simulated": learned.parameters},
        default_flow_style=None,
        sort_keys=False,
        width=110,
        allow_unicode=True,
    )
    return (
        f"# What calls come to, learned by `cxrun learn` from {learned.attempts:,} attempts on {named},\n"
        f"# {first:%Y-%m-%d} to {last:%Y-%m-%d}. A factor is (seen + {smoothing:g}) / (expected + {smoothing:g}).\n"
        "# `cxrun simulate --model FILE` and `cxrun compare --model FILE` use it; so does a session profile with\n"
        "# `dialer: FILE`. How long agents wrap up is not in the history; `wrap` is for you to add.\n"
        f"{text}"
    )
