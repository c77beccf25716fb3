"""A comparison as one HTML file: it works offline, in light and dark, and shows the figures of the JSON it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from cxrun import pages
from cxrun.comparing import findings, mean_day, signed
from cxrun.moments import moment_text
from cxrun.pages import Cell, bar, bullets, dot, element, figure, line, svg, table, text
from cxrun.simulating.telling import written
from cxrun.simulating.trial import METRICS, PRICED, Metric

_WIDTH: Final = 720
_ROW: Final = 26
_LEFT: Final = 210
_MOST_RULES: Final = 15
_MOST_LINES: Final = 60
_STYLE: Final = """
:root { --before: var(--grey); --after: var(--blue); }
.findings { background: var(--panel); border-radius: .5rem; padding: .9rem 1.25rem .9rem 2.25rem; }
svg .zero { stroke: var(--soft); stroke-dasharray: 3 3; } svg .range { stroke-opacity: .4; }
svg .before { fill: var(--before); } svg .after { fill: var(--after); } svg .pair { stroke: var(--line); }
svg .goodmark { stroke: var(--good); fill: var(--good); } svg .badmark { stroke: var(--bad); fill: var(--bad); }
svg .openmark { stroke: var(--soft); fill: var(--soft); } svg .plainmark { stroke: var(--after); fill: var(--after); }
pre .add { color: var(--good); } pre .cut { color: var(--bad); }
.key { display: inline-block; width: .75em; height: .75em; border-radius: 50%; margin: 0 .3em 0 .8em; }
"""


def page(data: Mapping[str, Any]) -> str:
    """The page of a comparison, as `cxrun.comparing.compared` gives it; well-formed also as XML."""
    metrics = [
        metric
        for metric in METRICS
        if (any(data["prices"].values()) or metric.key not in PRICED)
        and data["figures"][metric.key]["difference"]["mean"] is not None
    ]
    before, after = escape(data["before"]), escape(data["after"])
    zone, seeds = data["zone"], len(data["seeds"])
    key = (
        f'<span class="key" style="background: var(--before)"></span>before: {before}'
        f'<span class="key" style="background: var(--after)"></span>after: {after}'
    )
    parts = [
        element("h1", f"{data['before']} or {data['after']}?"),
        f'<p class="soft">{escape(", ".join(data["groups"]))}, {moment_text(data["from"], zone)} to '
        f"{moment_text(data['until'], zone)}; {seeds} simulations of each, on the same records and the same luck.</p>",
        "<h2>What comes of it</h2>",
        bullets((f"{told}." for told in findings(data)), "findings"),
        _figures_table(metrics, data),
        "<h2>How sure that is</h2>",
        figure(
            _forest(metrics, data),
            "Each difference in percent of what it was before; the bar is the 95% interval. A bar that reaches over "
            "the dashed line means: it may as well be nothing.",
        ),
        _each_seed(data, key),
        "<h2>When</h2>",
        figure(_day(data), f"Contacts by hour of the day, {escape(zone)}, in an average simulation. {key}"),
        "<h2>Why</h2>",
        _moves_table(
            f"Records that only {data['before']} dials",
            data["no_longer_dialed"],
            f"what {data['after']} makes of them",
        ),
        _moves_table(
            f"Records that only {data['after']} dials",
            data["newly_dialed"],
            f"what {data['before']} makes of them",
        ),
        _rules_table(data),
        "<h2>What was changed</h2>",
        _changes(data),
        '<p class="soft">A simulation is as good as its model of what calls come to. The intervals say how much chance '
        "is left in these figures, not how well the model fits. None of this is legal advice.</p>",
    ]
    held = json.dumps(data).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    script = f'<script type="application/json" id="data">{held}</script>\n'
    return pages.page(f"{data['before']} or {data['after']}", parts, style=_STYLE, after=script)


def _judged(metric: Metric, figure: Mapping[str, Any]) -> str:
    """good, bad, open where it is not certain, plain where neither is better."""
    if not figure["certain"]:
        return "open"
    good = metric.better * figure["difference"]["mean"]
    return "good" if good > 0 else "bad" if good < 0 else "plain"


def _figures_table(metrics: Sequence[Metric], data: Mapping[str, Any]) -> str:
    rows = []
    for metric in metrics:
        figure = data["figures"][metric.key]
        difference = figure["difference"]
        interval = (
            f"{signed(metric, difference['low'])} to {signed(metric, difference['high'])}"
            if difference["low"] is not None
            else "-"
        )
        rows.append(
            (
                metric.text,
                written(metric, figure["before"]["mean"]),
                written(metric, figure["after"]["mean"]),
                Cell(signed(metric, difference["mean"]), _judged(metric, figure), metric.key),
                interval,
            )
        )
    header = ("in an average simulation", data["before"], data["after"], "difference", "95% interval")
    return table(header, rows, figures=True)


def _ticks(low: float, high: float) -> list[float]:
    """Some five round numbers within a range that holds more than one number."""
    span = (high - low) / 5
    size = 10.0 ** len(str(int(span))) if span >= 1 else 1.0
    while size > span:
        size /= 10
    size = next(size * n for n in (1, 2, 5, 10) if size * n >= span)
    first = -(-low // size)
    return [round((first + n) * size, 10) for n in range(12) if (first + n) * size <= high]


def _forest(metrics: Sequence[Metric], data: Mapping[str, Any]) -> str:
    """Relative differences with their intervals, one line for each figure."""
    rows = []
    for metric in metrics:
        figure = data["figures"][metric.key]
        base, difference = figure["before"]["mean"], figure["difference"]
        if base and figure["relative"] is not None and metric.key not in ("finished", "left"):
            low, high = (
                difference[end] if difference[end] is not None else difference["mean"]
                for end in ("low", "high")
            )
            rows.append((metric, figure, *(100 * value / base for value in (low, difference["mean"], high))))
    if not rows:
        return ""
    low = min(0.0, *(row[2] for row in rows))
    high = max(0.0, *(row[4] for row in rows))
    margin = (high - low or 1.0) * 0.06
    low, high = low - margin, high + margin
    right = _WIDTH - 70

    def at(value: float) -> float:
        return float(_LEFT + (value - low) / (high - low) * (right - _LEFT))

    height = len(rows) * _ROW + 34
    parts = []
    for tick in _ticks(low, high):
        parts.append(line(at(tick), 6, at(tick), height - 26, "axis"))
        parts.append(text(at(tick), height - 8, f"{tick:+g}%" if tick else "0", "middle", "soft"))
    parts.append(line(at(0), 6, at(0), height - 26, "zero"))
    for number, (metric, figure, lower, mean, upper) in enumerate(rows):
        y = 6 + _ROW * (number + 0.5)
        mark = f"{_judged(metric, figure)}mark"
        parts += [
            text(0, y + 4, metric.text),
            line(at(lower), y, at(upper), y, f"{mark} range", 5),
            dot(at(mean), y, mark),
            text(_WIDTH, y + 4, f"{mean:+.1f}%", "end"),
        ]
    return svg(_WIDTH, height, "Differences in percent with their 95% intervals", parts)


def _each_seed(data: Mapping[str, Any], key: str) -> str:
    """Right-party contacts of each simulation, before and after."""
    trials = data["trials"]
    values = [trial[side]["right_party"] for trial in trials for side in ("before", "after")]
    if len(trials) < 2 or not any(values):
        return ""
    low, high = min(values), max(values)
    margin = (high - low or 1.0) * 0.08
    low, high = low - margin, high + margin
    height, left = 230.0, 50.0

    def up(value: float) -> float:
        return float(8 + (high - value) / (high - low) * (height - 44))

    step = (_WIDTH - left) / len(trials)
    every = -(-len(trials) // 20)
    parts = []
    for tick in _ticks(low, high):
        parts += [
            line(left, up(tick), _WIDTH, up(tick), "axis"),
            text(left - 8, up(tick) + 4, f"{tick:,g}", "end", "soft"),
        ]
    for number, trial in enumerate(trials):
        x = left + step * (number + 0.5)
        one, other = trial["before"]["right_party"], trial["after"]["right_party"]
        parts += [
            line(x, up(one), x, up(other), "pair", 3),
            dot(x, up(one), "before"),
            dot(x, up(other), "after"),
        ]
        if number % every == 0:
            parts.append(text(x, height - 18, str(trial["seed"]), "middle", "soft"))
    parts.append(text((left + _WIDTH) / 2, height - 2, "seed", "middle", "soft"))
    caption = f"Right-party contacts in each simulation. Both strategies meet the same luck in each. {key}"
    return figure(svg(_WIDTH, height, "Right-party contacts by seed", parts), caption)


def _day(data: Mapping[str, Any]) -> str:
    """Contacts by hour of the day, before and after."""
    sides = [mean_day(data["hours"][side], "contacts") for side in ("before", "after")]
    hours = sorted({hour for side in sides for hour, value in side.items() if value})
    if not hours:
        return ""
    span = range(hours[0], hours[-1] + 1)
    most = max(value for side in sides for value in side.values())
    height, left = 210.0, 50.0
    step = (_WIDTH - left) / len(span)
    wide = min(22.0, step * 0.4)

    def tall(value: float) -> float:
        return value / most * (height - 40)

    parts = []
    for tick in _ticks(0, most):
        y = height - 24 - tall(tick)
        parts += [line(left, y, _WIDTH, y, "axis"), text(left - 8, y + 4, f"{tick:,g}", "end", "soft")]
    for number, hour in enumerate(span):
        middle = left + step * (number + 0.5)
        for side, (found, style) in enumerate(zip(sides, ("before", "after"), strict=True)):
            value = tall(found.get(hour, 0.0))
            x = middle + (side - 1) * wide
            told = f"{found.get(hour, 0.0):,.1f} at {hour}:00"
            parts.append(bar(x + 1, height - 24 - value, wide - 2, value, style, told))
        parts.append(text(middle, height - 8, f"{hour}:00" if step > 34 else str(hour), "middle", "soft"))
    return svg(_WIDTH, height, "Contacts by hour of the day", parts)


def _moves_table(title: str, moved: Mapping[str, Any], header: str) -> str:
    if not moved["why"]:
        return element("p", f"{title}: none.")
    rows = [(entry["why"], f"{entry['records']:,.1f}") for entry in moved["why"][:_MOST_RULES]]
    count = f"{moved['records']['mean']:,.1f}"
    blocked = (
        f", {moved['blocked']['mean']:,.1f} of them set aside by a rule" if moved["blocked"]["mean"] else ""
    )
    return element("p", f"{title}: {count} in an average simulation{blocked}.") + table(
        (header, "records"), rows, figures=True
    )


def _rules_table(data: Mapping[str, Any]) -> str:
    rows = [
        (
            entry["rule"],
            f"{entry['before']:,.1f}",
            f"{entry['after']:,.1f}",
            f"{entry['difference']['mean']:+,.1f}",
        )
        for entry in data["decisions"][:_MOST_RULES]
    ]
    header = ("how often each rule decides", data["before"], data["after"], "difference")
    return "<p>How often each rule decides tells what drives the difference.</p>" + table(
        header, rows, figures=True
    )


def _changes(data: Mapping[str, Any]) -> str:
    if not data["changed"]:
        return "<p>Nothing: campaign, rulesets and plugins are the same.</p>"
    parts = []
    for change in data["changed"]:
        lines = change["lines"][:_MOST_LINES]
        shown = [
            element("span", told, "add")
            if told.startswith("+")
            else element("span", told, "cut")
            if told.startswith("-")
            else escape(told)
            for told in lines
        ]
        more = len(change["lines"]) - len(lines)
        if more:
            shown.append(f"... and {more} more lines")
        parts.append(f"{element('p', change['file'])}<pre>{chr(10).join(shown)}</pre>")
    return "".join(parts)
