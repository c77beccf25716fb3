"""A forecast as a picture: SVG for light and dark, and a page around it that needs nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from cxrun.forecasting.forecast import COUNTED, Forecast, GroupForecast, ListForecast
from cxrun.moments import moment_text

_WIDTH: Final = 1000
_LEFT: Final = 74
_RIGHT: Final = 24
_PLOT: Final = _WIDTH - _LEFT - _RIGHT
_TALL: Final = 170
_GAP: Final = 62
"""Between the two charts of a list: room for the days and a heading."""
_HEAD: Final = 64
_PANEL: Final = _HEAD + 2 * _TALL + _GAP + 60
_SINGLE: Final = _HEAD + _TALL + 56
_COLOURS: Final = """\
:root, svg { color-scheme: light dark; --paper: #ffffff; --ink: #1f2933; --soft: #5f6c7b; --line: #d9dfe6;
  --open: #2f7ebc; --calls: #8fb8d8; --left: #c2410c; --night: #f4f6f8; }
@media (prefers-color-scheme: dark) { :root, svg { --paper: #14181d; --ink: #e6ebf0; --soft: #9aa7b4;
  --line: #323a44; --open: #5aa9e6; --calls: #3d6c91; --left: #fb923c; --night: #1b2027; } }
"""
_STYLE: Final = """\
text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--soft);
  font-size: 12px; }
.paper { fill: var(--paper); } .name { fill: var(--ink); font-size: 16px; font-weight: 600; }
.heading { fill: var(--ink); font-size: 13px; } .grid { stroke: var(--line); stroke-width: 1; }
.day { stroke: var(--line); stroke-width: 1; } .odd { fill: var(--night); }
.open { fill: var(--open); } .calls { fill: var(--calls); }
.left { stroke: var(--left); stroke-width: 2; fill: none; stroke-linejoin: round; }
.end { stroke: var(--left); stroke-width: 1.5; stroke-dasharray: 4 3; } .endtext { fill: var(--left); }
"""


def days(edges: Sequence[float], zone: str) -> dict[date, list[tuple[int, int]]]:
    """The hours by the days of a zone: each with its number and the hour its clock shows at the beginning."""
    clock = ZoneInfo(zone)
    found: dict[date, list[tuple[int, int]]] = {}
    for n in range(len(edges) - 1):
        at = datetime.fromtimestamp(edges[n], clock)
        found.setdefault(at.date(), []).append((n, at.hour))
    return found


def picture(found: Forecast, zone: str) -> str:
    """The forecast as SVG, days and hours as the clock of a zone shows them."""
    panels = []
    top = 16
    for group in found.groups:
        for one in group.lists:
            panels.append(f'<g transform="translate(0 {top})">{"".join(_panel(found, group, one, zone))}</g>')
            top += _PANEL if one.dialed else _SINGLE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" '
        f'role="img" aria-label="Customers who can be dialed, hour by hour">\n<style>{_COLOURS}{_STYLE}</style>\n'
        f'<rect class="paper" width="{_WIDTH}" height="{top}"/>\n' + "\n".join(panels) + "\n</svg>\n"
    )


def _panel(found: Forecast, group: GroupForecast, one: ListForecast, zone: str) -> Iterator[str]:
    """The charts of one list."""
    yield f'<text class="name" x="{_LEFT}" y="18">{escape(one.name)}</text>'
    yield f'<text x="{_LEFT}" y="36">group {escape(group.group.name)}; {escape(summary(one, zone))}</text>'
    yield f'<text class="heading" x="{_LEFT}" y="{_HEAD - 8}">customers who can be dialed in the hour</text>'
    yield from _chart(found, one.open, _HEAD, "open", zone)
    yield from _days(found, _HEAD, zone)
    if not one.dialed:
        return
    top = _HEAD + _TALL + _GAP + 10
    yield (
        f'<text class="heading" x="{_LEFT}" y="{top - 8}">calls in the hour (bars), and customers not done yet '
        '(<tspan class="endtext">line</tspan>), by the model</text>'
    )
    start = one.left[0] + one.dialed[0] * (1 - group.pace.again if group.pace else 1)
    scale = max(*one.dialed, start, 1.0)
    yield from _chart(found, one.dialed, top, "calls", zone, scale)
    yield from _days(found, top, zone)
    top_of = _scale(scale)[1]
    points = " ".join(
        f"{_x(found, n):.1f},{top + _TALL - left / top_of * _TALL:.1f}"
        for n, left in enumerate([start, *one.left])
    )
    yield f'<polyline class="left" points="{points}"/>'
    if one.used_up is not None:
        x = _x(found, found.edges.index(one.used_up))
        end = x > _LEFT + _PLOT * 0.7
        yield f'<line class="end" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + _TALL}"/>'
        yield (
            f'<text class="endtext" x="{x + (-6 if end else 6):.1f}" y="{top + 14}" '
            f'text-anchor="{"end" if end else "start"}">used up by {moment_text(one.used_up, zone)}</text>'
        )


def _x(found: Forecast, n: int) -> float:
    return _LEFT + _PLOT * n / found.hours


def _scale(most: float) -> tuple[float, float]:
    """A round step of the axis and its end, for values up to `most`."""
    rough = max(most, 1.0) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = max(1.0, next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= rough))
    return step, step * math.ceil(max(most, 1.0) / step)


def _chart(
    found: Forecast, values: Sequence[float], top: int, kind: str, zone: str, most: float | None = None
) -> Iterator[str]:
    """Bars over a grid."""
    step, end = _scale(max(values) if most is None else most)
    for number, hours in enumerate(days(found.edges, zone).values()):
        if number % 2:
            x, till = _x(found, hours[0][0]), _x(found, hours[-1][0] + 1)
            yield f'<rect class="odd" x="{x:.1f}" y="{top}" width="{till - x:.1f}" height="{_TALL}"/>'
    for n in range(round(end / step) + 1):
        y = top + _TALL - n * step / end * _TALL
        yield f'<line class="grid" x1="{_LEFT}" x2="{_LEFT + _PLOT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{n * step:,.10g}</text>'
    wide = _PLOT / found.hours
    gap = min(1.0, wide / 6)
    for n, value in enumerate(values):
        if value > 0:
            height = max(value / end * _TALL, 0.7)
            yield (
                f'<rect class="{kind}" x="{_x(found, n) + gap / 2:.2f}" y="{top + _TALL - height:.2f}" '
                f'width="{wide - gap:.2f}" height="{height:.2f}"><title>{moment_text(found.edges[n], zone)}: '
                f"{value:,.0f}</title></rect>"
            )


def _days(found: Forecast, top: int, zone: str) -> Iterator[str]:
    """The days below a chart, and hours where there is room."""
    wide = _PLOT / found.hours
    every = next((hours for hours in (1, 2, 3, 6, 12) if wide * hours >= 30), 0)
    by_day = days(found.edges, zone)
    skipped = max(1, math.ceil(len(by_day) * 74 / _PLOT))
    for number, (day, hours) in enumerate(by_day.items()):
        x, till = _x(found, hours[0][0]), _x(found, hours[-1][0] + 1)
        if number:
            yield f'<line class="day" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + _TALL + 6}"/>'
        if till - x >= 60 or (skipped > 1 and number % skipped == 0):
            yield f'<text x="{(x + till) / 2:.1f}" y="{top + _TALL + 34}" text-anchor="middle">{day:%a %d %b}</text>'
        if every:
            for n, hour in hours:
                if hour % every == 0 and hour:
                    yield (
                        f'<text x="{_x(found, n):.1f}" y="{top + _TALL + 17}" text-anchor="middle" '
                        f'style="font-size:10px">{hour:02}</text>'
                    )


def summary(one: ListForecast, zone: str) -> str:
    """What there is to be said of a list, in a line."""
    words = f"{one.waiting:,} {'customer' if one.waiting == 1 else 'customers'} waiting, {one.finished:,} finished"
    if one.dialing:
        words += f", {one.dialing:,} being dialed"
    if not one.weight:
        return f"{words}; paused"
    if one.used_up is not None:
        return f"{words}; used up by {moment_text(one.used_up, zone)}"
    if one.dialed and any(one.open):
        return f"{words}; not used up in these hours, {one.left[-1]:,.0f} of those who can be dialed are left"
    return words


def obstacles(one: ListForecast, most: int) -> Iterator[str]:
    """Who of a list cannot be dialed in the hours, and why, in sentences; at most so many of a kind."""
    if one.asleep:
        yield f"{_customers(one.asleep)} excluded by the rules before"
    for (reason, rule), count in one.excluded.most_common(most):
        yield f"{_customers(count)} excluded: {reason}{f' ({rule})' if rule else ''}"
    for reason, count in one.never.most_common(most):
        yield f"{_customers(count)} never: {reason}"
    if one.later:
        yield f"{_customers(one.later)} not in these hours, but later"


def _customers(count: int) -> str:
    return f"{count:,} {'customer' if count == 1 else 'customers'}"


# --- a page ----------------------------------------------------------------------------------------

_PAGE: Final = """\
body { margin: 0 auto; max-width: 1000px; padding: 24px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
svg { width: 100%; height: auto; } h1 { font-size: 22px; margin: 0; } h2 { font-size: 17px; margin: 28px 0 4px; }
p, li { color: var(--soft); margin: 2px 0; } .scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 12px 0; }
th, td { padding: 3px 14px 3px 0; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } th:first-child, td:first-child { text-align: left; }
"""


def page(found: Forecast, zone: str) -> str:
    """The forecast as a page: picture, tables and assumptions."""
    parts = [
        "<h1>Forecast</h1>",
        f"<p>{escape(moment_text(found.edges[0], zone))} to {escape(moment_text(found.edges[-1], zone))}; "
        f"hours on the clock of {escape(zone)}</p>",
        f"<p>{escape(COUNTED)}.</p>",
        f'<div class="scroll">{picture(found, zone)}</div>',
    ]
    for group in found.groups:
        parts.append(f"<h2>group {escape(group.group.name)}</h2>")
        parts.append(f"<p>{escape(pace_text(group))}</p>")
        assumptions = (*(group.pace.assumptions if group.pace else ()), *group.notes)
        parts.append("<ul>" + "".join(f"<li>{escape(told)}</li>" for told in assumptions) + "</ul>")
        for one in group.lists:
            parts.append(f"<h2>list {escape(one.name)}</h2><p>{escape(summary(one, zone))}</p>")
            parts.append(
                "<ul>" + "".join(f"<li>{escape(told)}</li>" for told in obstacles(one, 20)) + "</ul>"
            )
            parts.append(_table(*by_day(one, found.edges, zone)))
            parts.append(_table(*by_zone(one)))
    written = datetime.fromtimestamp(found.edges[0], UTC)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Forecast from {written:%Y-%m-%d %H:%M} UTC</title>\n<style>{_COLOURS}{_PAGE}</style></head>\n<body>"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


Table = tuple[list[tuple[object, ...]], tuple[str, ...]]
"""Rows, and their header."""


def by_day(one: ListForecast, edges: Sequence[float], zone: str) -> Table:
    """The hours of a list, a row for each day."""
    header: tuple[str, ...] = ("day", "hours open", "most in an hour")
    rows: list[tuple[object, ...]] = []
    for day, hours in days(edges, zone).items():
        opened = [one.open[n] for n, _ in hours]
        row: tuple[object, ...] = (f"{day:%a %Y-%m-%d}", sum(map(bool, opened)), max(opened))
        if one.dialed:
            row += (round(sum(one.dialed[n] for n, _ in hours)), round(one.left[hours[-1][0]]))
        rows.append(row)
    return rows, (*header, "calls", "left") if one.dialed else header


def by_hour(one: ListForecast, edges: Sequence[float], zone: str) -> Table:
    """The hours of a list, a row for each."""
    header: tuple[str, ...] = ("hour", "open")
    rows: list[tuple[object, ...]] = []
    for day, hours in days(edges, zone).items():
        for n, hour in hours:
            row: tuple[object, ...] = (f"{day:%a %Y-%m-%d} {hour:02}:00", one.open[n])
            rows.append((*row, round(one.dialed[n]), round(one.left[n])) if one.dialed else row)
    return rows, (*header, "calls", "left") if one.dialed else header


def by_zone(one: ListForecast) -> Table:
    """The zones of a list, the largest first."""
    zones = sorted(one.zones, key=lambda name: (-one.zone_customers[name], name))
    rows: list[tuple[object, ...]] = [
        (name or "unknown", one.zone_customers[name], sum(map(bool, one.zones[name])), max(one.zones[name]))
        for name in zones
    ]
    return rows, ("zone", "customers", "hours open", "most in an hour")


def pace_text(group: GroupForecast) -> str:
    """What a group can do in an hour, in words."""
    pace = group.pace
    if pace is None:
        return "nothing is known of its calls, so not when its lists are used up; say --calls-per-hour"
    if pace.limit == "given":
        return f"{pace.calls:,.0f} calls an hour"
    return f"{pace.calls:,.0f} calls an hour at most, by its {pace.limit}"


def _table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(f'{cell:,}' if isinstance(cell, int) else str(cell))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
