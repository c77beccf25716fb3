"""Comparing two strategies by effect: what each does to the same records on the same luck, and how sure that is.

Both meet the same luck, record by record, so most of what chance does to one it does to the other, and it cancels out
of the difference. Of what is left, most comes from calls that only one of them makes. How many of those a person
answers scatters around a chance the simulated dialer knows; so what was luck there is known, and it is taken out of
every figure by regression (`cxrun.estimating.adjusted`). The intervals are Student's t intervals over the seeds.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cxrun.campaign import CAMPAIGN_FILE
from cxrun.estimating import Estimate, adjusted, estimate
from cxrun.loading import LEVELS
from cxrun.simulating.scene import Scene
from cxrun.simulating.telling import as_data, described, mean_counts, mean_hours, written
from cxrun.simulating.trial import METRICS, PRICED, Metric, Move, Round, Trial
from cxrun.strategies import Strategy
from cxrun.yamlfile import load

HEADLINES: Final = ("right_party", "contacts", "abandon_rate", "agent_hours", "cost", "cost_per_right_party")
"""The figures a decision rests on."""


def compared(scene: Scene, strategies: Sequence[Strategy], rounds: Sequence[Round]) -> dict[str, Any]:
    """Two strategies compared, as plain data: what the text, the JSON and the page are made of.

    Each figure has `before` and `after`, its `difference` with a 95% interval, the difference `relative` to before, and
    whether it is `certain`, that is, whether the interval leaves out 0.
    """
    before, after = (
        [played.trials[0] for played in rounds],
        [played.trials[1] for played in rounds],
    )
    controls = _controls(before, after)
    return {
        **described(scene, [trial.seed for trial in before]),
        "before": strategies[0].name,
        "after": strategies[1].name,
        "changed": changed(strategies[0].folder, strategies[1].folder),
        "figures": {metric.key: _figure(metric, before, after, controls) for metric in METRICS},
        "newly_dialed": _moved([played.newly_dialed for played in rounds]),
        "no_longer_dialed": _moved([played.no_longer_dialed for played in rounds]),
        "decisions": _decisions(before, after, controls),
        "hours": {"before": mean_hours(before), "after": mean_hours(after)},
        "trials": [
            {"seed": a.seed, "before": dict(a.figures), "after": dict(b.figures),
             "ended": [a.ended, b.ended], "errors": [a.errors, b.errors]}
            for a, b in zip(before, after, strict=True)
        ],
    }  # fmt: skip


def _controls(before: Sequence[Trial], after: Sequence[Trial]) -> list[list[float]]:
    """What was luck in each seed: that of the one strategy, and what the other one had more of it."""
    known = [(a.luck, b.luck) for a, b in zip(before, after, strict=True)]
    pairs = [(a, b) for a, b in known if a is not None and b is not None]
    if len(pairs) < len(known):
        return []
    return [[a for a, _ in pairs], [b - a for a, b in pairs]]


def _figure(
    metric: Metric, before: Sequence[Trial], after: Sequence[Trial], controls: Sequence[Sequence[float]]
) -> dict[str, Any]:
    pairs = [(a.figures[metric.key], b.figures[metric.key]) for a, b in zip(before, after, strict=True)]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(both) < len(pairs):
        controls = []
    if not both:
        nothing = as_data(None)
        return {
            "before": nothing, "after": nothing, "difference": nothing, "relative": None, "certain": False,
        }  # fmt: skip
    one, other, difference = (
        _estimated(values, controls)
        for values in ([a for a, _ in both], [b for _, b in both], [b - a for a, b in both])
    )
    return {
        "before": as_data(one),
        "after": as_data(other),
        "difference": as_data(difference),
        "relative": difference.mean / one.mean if one.mean else None,
        "certain": difference.certain,
    }


def _estimated(values: Sequence[float], controls: Sequence[Sequence[float]]) -> Estimate:
    return adjusted(values, controls) if controls else estimate(values)


def _moved(moves: Sequence[Sequence[Move]]) -> dict[str, Any]:
    """Records only one of the strategies dials, on average; `blocked` are those a rule set aside."""
    seeds = len(moves)
    by_reason: dict[tuple[bool, str], int] = {}
    for move in (move for found in moves for move in found):
        by_reason[move.blocked, move.why] = by_reason.get((move.blocked, move.why), 0) + move.records
    counts = [sum(move.records for move in found) for found in moves]
    blocked = [sum(move.records for move in found if move.blocked) for found in moves]
    return {
        "records": as_data(estimate(counts)),
        "blocked": as_data(estimate(blocked)),
        "why": [
            {"why": why, "blocked": rule, "records": records / seeds}
            for (rule, why), records in sorted(by_reason.items(), key=lambda item: (not item[0][0], -item[1]))
        ],
    }


def _decisions(
    before: Sequence[Trial], after: Sequence[Trial], controls: Sequence[Sequence[float]]
) -> list[dict[str, Any]]:
    """How often each rule decides, and the difference; those that differ most come first."""
    ones, others = ([trial.decisions for trial in trials] for trials in (before, after))
    found = []
    for rule in mean_counts([*ones, *others]):
        a, b = ([counts.get(rule, 0) for counts in side] for side in (ones, others))
        difference = _estimated([y - x for x, y in zip(a, b, strict=True)], controls)
        found.append(
            {
                "rule": rule,
                "before": _estimated(a, controls).mean,
                "after": _estimated(b, controls).mean,
                "difference": as_data(difference),
                "certain": difference.certain,
            }
        )
    return sorted(found, key=lambda entry: -abs(entry["difference"]["mean"]))


def changed(before: Path, after: Path) -> list[dict[str, Any]]:
    """What is written otherwise: the campaign, rulesets and plugins that differ, each with the lines."""
    found = []
    for name in sorted(_files(before) | _files(after)):
        texts = [
            (folder / name).read_text(encoding="utf-8").splitlines() if (folder / name).exists() else []
            for folder in (before, after)
        ]
        lines = list(difflib.unified_diff(texts[0], texts[1], lineterm="", n=1))[2:]
        if lines:
            found.append({"file": name, "lines": lines})
    return found


def _files(folder: Path) -> set[str]:
    """The files of a project that decide anything."""
    found = [folder / CAMPAIGN_FILE, *(folder / "plugins").glob("*.py")]
    found += [
        file
        for file in (folder / "rulesets").glob("*.y*ml")
        if file.name.partition(".")[2] in ("yaml", "yml")
    ]
    found += [folder / name for name in _named(load(folder / CAMPAIGN_FILE).data)]
    return {file.relative_to(folder).as_posix() for file in found if file.exists()}


def _named(data: Mapping[str, Any]) -> Iterator[str]:
    """The dialers and mappings that a campaign has in files of their own."""
    for section, key in (*((level, "dialer") for level in LEVELS), ("lists", "map")):
        for settings in (data.get(section) or {}).values():
            if isinstance(settings.get(key), str):
                yield settings[key]


def findings(data: Mapping[str, Any]) -> list[str]:
    """What was found, in sentences: first what differs for certain, then what does not."""
    certain, open_ = [], []
    for metric in METRICS:
        figure = data["figures"][metric.key]
        if metric.key not in HEADLINES or figure["difference"]["mean"] is None:
            continue
        if metric.key in PRICED and not any(data["prices"].values()):
            continue
        text, difference = metric.text[0].upper() + metric.text[1:], figure["difference"]
        if difference["low"] is None:
            open_.append(
                f"{text}: {signed(metric, difference['mean'])} in one seed, which says little; use --seeds"
            )
        elif difference["low"] == difference["high"] == 0:
            open_.append(f"{text}: the same in every seed")
        elif figure["certain"]:
            share = f" ({figure['relative']:+.1%})" if figure["relative"] is not None else ""
            good = metric.better * difference["mean"]
            judged = ", which is better" if good > 0 else ", which is worse" if good < 0 else ""
            certain.append(
                f"{text}: {signed(metric, difference['mean'])}{share}{judged}; 95% sure between "
                f"{signed(metric, difference['low'])} and {signed(metric, difference['high'])}"
            )
        else:
            open_.append(
                f"{text}: no difference can be told; if there is one, it is between "
                f"{signed(metric, difference['low'])} and {signed(metric, difference['high'])}"
            )
    return certain + open_


def signed(metric: Metric, value: float | None) -> str:
    """A difference the way people write it, with its sign."""
    if value is None:
        return "-"
    text = written(metric, abs(value))
    if not any(digit in text for digit in "123456789"):
        return text
    return f"{'+' if value > 0 else '-'}{text}"


def mean_day(hours: Sequence[Mapping[str, Any]], key: str) -> dict[int, float]:
    """One figure by hour of the day, over all days."""
    found: dict[int, float] = {}
    for hour in hours:
        time = int(hour["hour"][-2:])
        found[time] = found.get(time, 0.0) + hour[key]
    return found


__all__ = ["HEADLINES", "changed", "compared", "findings", "mean_day", "signed"]
