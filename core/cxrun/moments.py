"""Moments as people write and read them; inside they are Unix UTC seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cxrun.elements import seconds
from cxrun.errors import UserError


def parse_moment(text: str, base: float | None = None) -> float:
    """Return Unix UTC seconds for an ISO 8601 date or date and time (UTC unless it says otherwise).

    With `base`, a duration such as 8h is that long after it. Raises UserError.
    """
    if base is not None and re.fullmatch(r"[0-9]+(\.[0-9]+)?[smhd]", text):
        return base + seconds(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        durations = ", or a duration such as 8h" if base is not None else ""
        raise UserError(f"'{text}' is no moment; write e.g. 2026-03-02T09:00Z{durations}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def parse_local(text: str, zone: str, base: float) -> float:
    """Return Unix UTC seconds for a date and time on the clocks of a zone, e.g. 2026-11-24 15:00.

    Of a time that comes twice, the first one; a time with an offset or Z is taken as it is, and a duration such
    as 2h is that long after `base`. Raises UserError, also for a time the clocks skip.
    """
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        return parse_moment(text, base)
    if wall.tzinfo is not None:
        return wall.timestamp()
    moment = wall.replace(tzinfo=ZoneInfo(zone)).timestamp()
    shown = datetime.fromtimestamp(moment, ZoneInfo(zone)).replace(tzinfo=None)
    if shown != wall:
        raise UserError(
            f"{text} does not exist in {zone}: the clocks go forward; write e.g. {shown:%Y-%m-%d %H:%M}"
        )
    return moment


def moment_text(at: float, zone: str = "UTC") -> str:
    """Return a moment in a zone, e.g. 2026-03-02 09:00:31 EST."""
    return datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")
