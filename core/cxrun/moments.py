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


def moment_text(at: float, zone: str = "UTC") -> str:
    """Return a moment in a zone, e.g. 2026-03-02 09:00:31 EST."""
    return datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")
