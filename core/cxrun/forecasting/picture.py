"""A forecast as a picture: SVG for light and dark, and a page around it that needs nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from cxrun import pages
from cxrun.forecasting.forecast import COUNTED, Forecast, GroupForecast, ListForecast
from cxrun.moments import moment_text
from cxrun.pages import COLOURS, FONT, bar, bullets, element, line, table, text

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
_STYLE: Final = f"""{COLOURS}
svg text {{ font: 12px {FONT}; fill: var(--soft); }} svg text.small {{ font-size: 10px; }}
svg .paper {{ fill: var(--ground); }} svg .name {{ fill: var(--ink); font-size: 16px; font-weight: 600; }}
svg .heading {{ fill: var(--ink); font-size: 13px; }} svg .axis {{ stroke: var(--line); }}
svg .odd {{ fill: var(--panel); }}
svg .open {{ fill: var(--blue); }} svg .calls {{ fill: var(--pale); }}
svg .left {{ stroke: var(--bad); stroke-width: 2; fill: none; stroke-linejoin: round; }}
svg .end {{ stroke: var(--bad); stroke-dasharray: 4 3; }} svg .endtext {{ fill: var(--bad); }}
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
        f'role="img" aria-label="Customers who can be dialed, hour by hour">\n<style>{_STYLE}</style>\n'
        f'<rect class="paper" width="{_WIDTH}" height="{top}"/>\n' + "\n".join(panels) + "\n</svg>\n"
    )


def _panel(found: Forecast, group: GroupForecast, one: ListForecast, zone: str) -> Iterator[str]:
    """The charts of one list."""
    yield text(_LEFT, 18, one.name, kind="name")
    yield text(_LEFT, 36, f"group {group.group.name}; {summary(one, zone)}")
    yield text(_LEFT, _HEAD - 8, "customers who can be dialed in the hour", kind="heading")
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
        words = f"used up by {moment_text(one.used_up, zone)}"
        yield line(x, top, x, top + _TALL, "end", 1.5)
        yield text(x + (-6 if end else 6), top + 14, words, "end" if end else "start", "endtext")


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
            yield bar(x, top, till - x, _TALL, "odd")
    for n in range(round(end / step) + 1):
        y = top + _TALL - n * step / end * _TALL
        yield line(_LEFT, y, _LEFT + _PLOT, y, "axis")
        yield text(_LEFT - 8, y + 4, f"{n * step:,.10g}", "end")
    wide = _PLOT / found.hours
    gap = min(1.0, wide / 6)
    for n, value in enumerate(values):
        if value > 0:
            height = max(value / end * _TALL, 0.7)
            told = f"{moment_text(found.edges[n], zone)}: {value:,.0f}"
            yield bar(_x(found, n) + gap / 2, top + _TALL - height, wide - gap, height, kind, told)


def _days(found: Forecast, top: int, zone: str) -> Iterator[str]:
    """The days below a chart, and hours where there is room."""
    wide = _PLOT / found.hours
    every = next((hours for hours in (1, 2, 3, 6, 12) if wide * hours >= 30), 0)
    by_day = days(found.edges, zone)
    skipped = max(1, math.ceil(len(by_day) * 74 / _PLOT))
    for number, (day, hours) in enumerate(by_day.items()):
        x, till = _x(found, hours[0][0]), _x(found, hours[-1][0] + 1)
        if number:
            yield line(x, top, x, top + _TALL + 6, "axis")
        if till - x >= 60 or (skipped > 1 and number % skipped == 0):
            yield text((x + till) / 2, top + _TALL + 34, f"{day:%a %d %b}", "middle")
        if every:
            for n, hour in hours:
                if hour % every == 0 and hour:
                    yield text(_x(found, n), top + _TALL + 17, f"{hour:02}", "middle", "small")


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


def page(found: Forecast, zone: str) -> str:
    """The forecast as a page: picture, tables and assumptions."""
    begin, end = moment_text(found.edges[0], zone), moment_text(found.edges[-1], zone)
    parts = [
        element("h1", "Forecast"),
        element("p", f"{begin} to {end}; hours on the clock of {zone}", "soft"),
        element("p", f"{COUNTED[0].upper()}{COUNTED[1:]}.", "soft"),
        f'<div class="scroll">{picture(found, zone)}</div>',
    ]
    for group in found.groups:
        parts.append(element("h2", f"group {group.group.name}"))
        parts.append(element("p", pace_text(group)))
        parts.append(bullets((*(group.pace.assumptions if group.pace else ()), *group.notes)))
        for one in group.lists:
            parts.append(element("h2", f"list {one.name}") + element("p", summary(one, zone)))
            parts.append(bullets(obstacles(one, 20)))
            for rows, header in (by_day(one, found.edges, zone), by_zone(one)):
                parts.append(table(header, rows, figures=True) if rows else "")
    written = datetime.fromtimestamp(found.edges[0], UTC)
    return pages.page(f"Forecast from {written:%Y-%m-%d %H:%M} UTC", parts)


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
