"""What was found, as plain data and as people write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from cxrun.estimating import Estimate, estimate
from cxrun.simulating.scene import Scene
from cxrun.simulating.trial import HOURLY, METRICS, Metric, Trial


def told(scene: Scene, found: Sequence[Trial]) -> dict[str, Any]:
    """Simulations of one strategy as plain data: means over the seeds with their 95% intervals, then each trial."""
    return {
        **described(scene, [trial.seed for trial in found]),
        "figures": {
            metric.key: as_data(estimated([trial.figures[metric.key] for trial in found]))
            for metric in METRICS
        },
        "hours": mean_hours(found),
        "decisions": mean_counts([trial.decisions for trial in found]),
        "trials": [
            {"seed": trial.seed, "ended": trial.ended, "errors": trial.errors, "figures": dict(trial.figures)}
            for trial in found
        ],
    }


def described(scene: Scene, seeds: Sequence[int]) -> dict[str, Any]:
    """What was simulated, as plain data."""
    return {
        "groups": list(scene.groups),
        "from": scene.start,
        "until": scene.until,
        "zone": scene.zone,
        "seeds": list(seeds),
        "prices": scene.prices._asdict(),
        "model": None if scene.model is None else str(scene.model),
    }


def estimated(values: Sequence[float | None]) -> Estimate | None:
    """The mean over the seeds that have the figure, None if none has."""
    known = [value for value in values if value is not None]
    return estimate(known) if known else None


def as_data(found: Estimate | None) -> dict[str, float | None]:
    """An estimate as plain data."""
    if found is None:
        return {"mean": None, "low": None, "high": None}
    return {"mean": found.mean, "low": found.low, "high": found.high}


def mean_hours(found: Sequence[Trial]) -> list[dict[str, Any]]:
    """The figures of each local hour, a mean over the trials."""
    hours = sorted({hour for trial in found for hour in trial.hours})
    nothing = dict.fromkeys(HOURLY, 0.0)
    return [
        {
            "hour": hour,
            **{key: fmean(trial.hours.get(hour, nothing)[key] for trial in found) for key in HOURLY},
        }
        for hour in hours
    ]


def mean_counts(counts: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """How often each thing was counted on average."""
    names = sorted({name for counted in counts for name in counted})
    return {name: fmean(counted.get(name, 0) for counted in counts) for name in names}


def written(metric: Metric, value: float | None) -> str:
    """A figure the way people write it."""
    if value is None:
        return "-"
    value = round(value, 3)
    if metric.format == "share":
        return f"{value:.2%}"
    if metric.format == "money":
        return f"{value:,.2f}"
    if metric.format == "hours" or (metric.format == "rate" and abs(value) < 10):
        return f"{value:,.2f}"
    if metric.format == "rate" or (value != int(value) and abs(value) < 10000):
        return f"{value:,.1f}"
    return f"{value:,.0f}"
