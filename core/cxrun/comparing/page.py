"""A comparison as one HTML file: it works offline, in light and dark, and shows the figures of the JSON it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from cxrun.comparing import findings, mean_day, signed
from cxrun.moments import moment_text
from cxrun.simulating import METRICS, PRICED, Metric, written

_WIDTH: Final = 720
_ROW: Final = 26
_LEFT: Final = 210
_MOST_RULES: Final = 15
_MOST_LINES: Final = 60
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6470; --line: #d8dde3; --ground: #ffffff; --panel: #f5f7f9;
  --before: #8a94a0; --after: #2563c9; --good: #1a7f4b; --bad: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa4b0; --line: #39414b; --ground: #14181d;
  --panel: #1d232a; --before: #7d8792; --after: #6ea3f5; --good: #4ec98a; --bad: #f59a6a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
p, li { max-width: 46rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.findings { background: var(--panel); border-radius: .5rem; padding: .9rem 1.25rem .9rem 2.25rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td.words { text-align: left; white-space: normal; overflow-wrap: anywhere; }
th { font-weight: 600; color: var(--soft); font-size: .85rem; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
figure { margin: .5rem 0 0; } svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg text.soft { fill: var(--soft); }
svg .axis { stroke: var(--line); } svg .zero { stroke: var(--soft); stroke-dasharray: 3 3; }
svg .before { fill: var(--before); } svg .after { fill: var(--after); } svg .pair { stroke: var(--line); }
svg .goodmark { stroke: var(--good); fill: var(--good); } svg .badmark { stroke: var(--bad); fill: var(--bad); }
svg .openmark { stroke: var(--soft); fill: var(--soft); } svg .plainmark { stroke: var(--after); fill: var(--after); }
pre { background: var(--panel); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto; font-size: .85rem; }
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
        f"<h1>{before} or {after}?</h1>",
        f'<p class="soft">{escape(", ".join(data["groups"]))}, {moment_text(data["from"], zone)} to '
        f"{moment_text(data['until'], zone)}; {seeds} simulations of each, on the same records and the same luck.</p>",
        "<h2>What comes of it</h2>",
        f'<ul class="findings">{"".join(f"<li>{escape(text)}.</li>" for text in findings(data))}</ul>',
        _figures_table(metrics, data),
        "<h2>How sure that is</h2>",
        _figure(
            _forest(metrics, data),
            "Each difference in percent of what it was before; the bar is the 95% interval. A bar that reaches over "
            "the dashed line means: it may as well be nothing.",
        ),
        _each_seed(data, key),
        "<h2>When</h2>",
        _figure(_day(data), f"Contacts by hour of the day, {escape(zone)}, in an average simulation. {key}"),
        "<h2>Why</h2>",
        _moves_table(
            f"Records that only {before} dials", data["no_longer_dialed"], f"what {after} makes of them"
        ),
        _moves_table(
            f"Records that only {after} dials", data["newly_dialed"], f"what {before} makes of them"
        ),
        _rules_table(data),
        "<h2>What was changed</h2>",
        _changes(data),
        '<p class="soft">A simulation is as good as its model of what calls come to. The intervals say how much chance '
        "is left in these figures, not how well the model fits. None of this is legal advice.</p>",
    ]
    held = json.dumps(data).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{before} or {after}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + f'\n</main>\n<script type="application/json" id="data">{held}</script>\n</body>\n</html>\n'
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a cell that begins with < is a whole `td`."""
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"


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
                escape(metric.text),
                written(metric, figure["before"]["mean"]),
                written(metric, figure["after"]["mean"]),
                f'<td class="{_judged(metric, figure)}" data-key="{metric.key}">'
                f"{signed(metric, difference['mean'])}</td>",
                interval,
            )
        )
    header = (
        "in an average simulation",
        escape(data["before"]),
        escape(data["after"]),
        "difference",
        "95% interval",
    )
    return _table(header, rows)


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}"><title>{escape(title)}'
        f"</title>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", style: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


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
        parts.append(_line(at(tick), 6, at(tick), height - 26, "axis"))
        parts.append(_text(at(tick), height - 8, f"{tick:+g}%" if tick else "0", "middle", "soft"))
    parts.append(_line(at(0), 6, at(0), height - 26, "zero"))
    for number, (metric, figure, lower, mean, upper) in enumerate(rows):
        y = 6 + _ROW * (number + 0.5)
        mark = f"{_judged(metric, figure)}mark"
        parts += [
            _text(0, y + 4, metric.text),
            f'<line x1="{at(lower):.1f}" y1="{y:.1f}" x2="{at(upper):.1f}" y2="{y:.1f}" class="{mark}" '
            'stroke-width="5" stroke-opacity=".4"/>',
            f'<circle cx="{at(mean):.1f}" cy="{y:.1f}" r="4.5" class="{mark}"/>',
            _text(_WIDTH, y + 4, f"{mean:+.1f}%", "end"),
        ]
    return _svg(height, "Differences in percent with their 95% intervals", parts)


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
            _line(left, up(tick), _WIDTH, up(tick), "axis"),
            _text(left - 8, up(tick) + 4, f"{tick:,g}", "end", "soft"),
        ]
    for number, trial in enumerate(trials):
        x = left + step * (number + 0.5)
        one, other = trial["before"]["right_party"], trial["after"]["right_party"]
        parts += [
            f'<line x1="{x:.1f}" y1="{up(one):.1f}" x2="{x:.1f}" y2="{up(other):.1f}" class="pair" stroke-width="3"/>',
            f'<circle cx="{x:.1f}" cy="{up(one):.1f}" r="4.5" class="before"/>',
            f'<circle cx="{x:.1f}" cy="{up(other):.1f}" r="4.5" class="after"/>',
        ]
        if number % every == 0:
            parts.append(_text(x, height - 18, str(trial["seed"]), "middle", "soft"))
    parts.append(_text((left + _WIDTH) / 2, height - 2, "seed", "middle", "soft"))
    caption = f"Right-party contacts in each simulation. Both strategies meet the same luck in each. {key}"
    return _figure(_svg(height, "Right-party contacts by seed", parts), caption)


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
    bar = min(22.0, step * 0.4)

    def tall(value: float) -> float:
        return value / most * (height - 40)

    parts = []
    for tick in _ticks(0, most):
        y = height - 24 - tall(tick)
        parts += [_line(left, y, _WIDTH, y, "axis"), _text(left - 8, y + 4, f"{tick:,g}", "end", "soft")]
    for number, hour in enumerate(span):
        middle = left + step * (number + 0.5)
        for side, (found, style) in enumerate(zip(sides, ("before", "after"), strict=True)):
            value = tall(found.get(hour, 0.0))
            x = middle + (side - 1) * bar
            parts.append(
                f'<rect x="{x + 1:.1f}" y="{height - 24 - value:.1f}" width="{bar - 2:.1f}" height="{value:.1f}" '
                f'rx="2" class="{style}"><title>{found.get(hour, 0.0):,.1f} at {hour}:00</title></rect>'
            )
        parts.append(_text(middle, height - 8, f"{hour}:00" if step > 34 else str(hour), "middle", "soft"))
    return _svg(height, "Contacts by hour of the day", parts)


def _moves_table(title: str, moved: Mapping[str, Any], header: str) -> str:
    if not moved["why"]:
        return f"<p>{title}: none.</p>"
    rows = [
        (f'<td class="words">{escape(entry["why"])}</td>', f"{entry['records']:,.1f}")
        for entry in moved["why"][:_MOST_RULES]
    ]
    count = f"{moved['records']['mean']:,.1f}"
    blocked = (
        f", {moved['blocked']['mean']:,.1f} of them set aside by a rule" if moved["blocked"]["mean"] else ""
    )
    return f"<p>{title}: {count} in an average simulation{blocked}.</p>" + _table((header, "records"), rows)


def _rules_table(data: Mapping[str, Any]) -> str:
    rows = [
        (
            f'<td class="words">{escape(entry["rule"])}</td>',
            f"{entry['before']:,.1f}",
            f"{entry['after']:,.1f}",
            f"{entry['difference']['mean']:+,.1f}",
        )
        for entry in data["decisions"][:_MOST_RULES]
    ]
    header = ("how often each rule decides", escape(data["before"]), escape(data["after"]), "difference")
    return "<p>How often each rule decides tells what drives the difference.</p>" + _table(header, rows)


def _changes(data: Mapping[str, Any]) -> str:
    if not data["changed"]:
        return "<p>Nothing: campaign, rulesets and plugins are the same.</p>"
    parts = []
    for change in data["changed"]:
        lines = change["lines"][:_MOST_LINES]
        shown = [
            f'<span class="add">{escape(line)}</span>'
            if line.startswith("+")
            else f'<span class="cut">{escape(line)}</span>'
            if line.startswith("-")
            else escape(line)
            for line in lines
        ]
        more = len(change["lines"]) - len(lines)
        if more:
            shown.append(f"... and {more} more lines")
        parts.append(f"<p>{escape(change['file'])}</p><pre>{chr(10).join(shown)}</pre>")
    return "".join(parts)
