"""Limits: bounds that a ruleset sets on the settings of every group it is attached to.

    limits:
      ring_time: {at_least: 15s, source: 16 CFR 310.4(b)(4)(ii)}
      connect_window: {at_most: 2s}
      abandon_message: {set: true}
      abandon_rate: {at_most: 3, over: [day, 30_days]}

A limit has one of two subjects: a setting, or the abandon rate, which the dialing mode keeps. Nothing here decides
about a record: a group that breaks a limit is an error when the project is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from cxrun.elements import DialingMode
from cxrun.times import DURATION, seconds

ABANDON_RATE: Final = "abandon_rate"
WINDOWS: Final[Mapping[str, str]] = {"day": "a day", "30_days": "30 days", "campaign": "the campaign"}
"""What an abandon rate can be measured over, as a sentence says it."""
_DURATIONS: Final = ("ring_time", "connect_window")
_NUMBERS: Final = ("ports", "calls_per_second")
_TEXTS: Final = ("abandon_message", "caller_id", "schedule")
_FOR_WAITING: Final = frozenset({"connect_window", "abandon_message"})
"""Settings that concern nobody where no call waits for an agent."""
_SOURCE: Final = {"type": "string", "minLength": 1, "description": "Where the figure comes from."}


def _bounds(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["at_least"]}, {"required": ["at_most"]}],
        "description": f"Bounds on {what}.",
        "properties": {
            "at_least": {**value, "description": "The least it may be."},
            "at_most": {**value, "description": "The most it may be."},
            "source": _SOURCE,
        },
    }


LIMITS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "description": "Bounds on settings of every group that has the ruleset, e.g. `ring_time: {at_least: 15s}`.",
    "properties": {
        **{name: _bounds(DURATION, f"`{name}`, a duration") for name in _DURATIONS},
        **{name: _bounds({"type": "number", "minimum": 0}, f"`{name}`") for name in _NUMBERS},
        **{
            name: {
                "type": "object",
                "additionalProperties": False,
                "required": ["set"],
                "description": f"Whether `{name}` must be set.",
                "properties": {
                    "set": {"const": True, "description": "true: every group must have one."},
                    "source": _SOURCE,
                },
            }
            for name in _TEXTS
        },
        ABANDON_RATE: {
            "type": "object",
            "additionalProperties": False,
            "required": ["at_most", "over"],
            "description": "A cap on the abandon rate that a dialing mode must keep if it may dial more calls than "
            "agents are free.",
            "properties": {
                "at_most": {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 100,
                    "description": "Calls abandoned or dropped of those answered by people, in percent.",
                },
                "over": {
                    "type": "array",
                    "minItems": 1,
                    "uniqueItems": True,
                    "items": {"enum": list(WINDOWS)},
                    "description": "What it may be measured over; a cap over one of these is enough.",
                },
                "source": _SOURCE,
            },
        },
    },
}


class Limit(NamedTuple):
    """Bounds on one subject, a setting or `abandon_rate`, as a ruleset writes them."""

    subject: str
    bounds: Mapping[str, Any]

    @property
    def setting(self) -> str:
        """The setting that can break it."""
        return "mode" if self.subject == ABANDON_RATE else self.subject

    @property
    def source(self) -> str:
        """Where the figure comes from; empty if that is not said."""
        return str(self.bounds.get("source", ""))

    def concerns(self, mode: DialingMode) -> bool:
        """Whether it has a meaning for a group with this mode."""
        if self.subject == ABANDON_RATE:
            return mode.dials_ahead
        return self.subject not in _FOR_WAITING or (mode.needs_agents and not mode.agent_first)

    def broken(self, value: Any, mode: DialingMode) -> str:
        """How the value of the setting, None if it is not set, breaks the limit; empty if it keeps to it."""
        if not self.concerns(mode):
            return ""
        if self.subject == ABANDON_RATE:
            return self._rate(mode)
        if "set" in self.bounds:
            return f"{self.subject} must be set" if value is None else ""
        for bound, word in (("at_least", "at least"), ("at_most", "at most")):
            if value is None or bound not in self.bounds:
                continue
            least = bound == "at_least"
            wanted = self.bounds[bound]
            one, other = _comparable(self.subject, value), _comparable(self.subject, wanted)
            if one < other if least else one > other:
                return f"{self.subject} must be {word} {wanted}, not {value}"
        return ""

    def _rate(self, mode: DialingMode) -> str:
        most, over = self.bounds["at_most"], self.bounds["over"]
        caps = mode.abandon_caps
        if any(caps[name] <= most for name in over if name in caps):
            return ""
        kept = ", ".join(f"{cap:g}% over {WINDOWS.get(name, name)}" for name, cap in caps.items())
        *others, last = (WINDOWS[name] for name in over)
        wanted = f"{', '.join(others)} or {last}" if others else last
        return (
            f"the abandon rate must be kept at or under {most:g}% over {wanted}; {mode.name} may dial more calls "
            f"than agents are free, and keeps {kept or 'no rate'}"
        )


def limits_of(data: Mapping[str, Any]) -> Iterator[Limit]:
    """The limits that a ruleset sets; its data keep to the schema."""
    return (Limit(subject, bounds) for subject, bounds in data.get("limits", {}).items())


def _comparable(subject: str, value: Any) -> float:
    return seconds(value) if subject in _DURATIONS else float(value)
