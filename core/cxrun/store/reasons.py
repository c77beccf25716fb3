"""Reasons as the store keeps them: one row each, whoever refers to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cxrun.model import Reason, Rule

REASON: Final = "s.state, s.text, s.kind, s.name, s.ruleset, s.file, s.line"
"""The columns of a reason, of the table `reasons` called `s`."""


def reason_of_row(row: Sequence[Any]) -> Reason:
    """The reason of a row of these columns."""
    state, text, *rule = row
    return Reason(state, text, Rule(*rule) if rule[1] else None)
