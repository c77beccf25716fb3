"""Plain data as YAML on one line, as a person would write it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_PLAIN: Final = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_ ./;+%()'-]*(?::[A-Za-z0-9_./+-][A-Za-z0-9_ ./;+%()'-]*)*"
)
_NOT_TEXT: Final = re.compile(r"(?i:true|false|null|~|-?\d+(\.\d+)?([eE][-+]?\d+)?)")


def flow(data: Any) -> str:
    """Plain data as YAML on one line: `{dial: 1, at: 10:30}`."""
    if isinstance(data, Mapping):
        return f"{{{', '.join(f'{key}: {flow(value)}' for key, value in data.items())}}}"
    if isinstance(data, list | tuple):
        return f"[{', '.join(flow(value) for value in data)}]"
    if isinstance(data, bool) or data is None:
        return "null" if data is None else str(data).lower()
    if not isinstance(data, str):
        return str(data)
    plain = _PLAIN.fullmatch(data) and not _NOT_TEXT.fullmatch(data) and data == data.strip()
    return data if plain else json.dumps(data, ensure_ascii=False)
