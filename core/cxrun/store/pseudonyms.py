"""What stands for a number, a ClientID or a value of a field once it is redacted: a digest under the key of the store.

It can be found by whoever knows what it stands for, and is the same wherever that stood.
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from collections.abc import Iterable
from typing import Final

MARK: Final = "redacted:"
AS_CHAIN: Final = "chain:"
"""A client without a ClientID is his chain; that is nobody's name and stays."""


def pseudonyms(connection: sqlite3.Connection, kind: str, values: Iterable[str]) -> dict[str, str]:
    """Each value by the digest that stands for it; empty while nothing in the store is redacted.

    `kind` is device, client, or `field NAME` for a field that attempts are counted by.
    """
    secret, redacted = connection.execute("SELECT secret, redacted FROM identity").fetchone()
    return {_digest(secret, kind, value): value for value in values} if redacted else {}


def begin(connection: sqlite3.Connection) -> bytes:
    """From now on the store has redacted values, which `pseudonyms` finds; returns their key."""
    connection.execute("UPDATE identity SET redacted = 1")
    return bytes(connection.execute("SELECT secret FROM identity").fetchone()[0])


def masked(secret: bytes, kind: str, value: str | None) -> str | None:
    """The digest that stands for a value; what is nobody's stays as it is."""
    if value is None or value.startswith((MARK, AS_CHAIN)):
        return value
    return _digest(secret, kind, value)


def _digest(secret: bytes, kind: str, value: str) -> str:
    digest = hmac.new(secret, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()
    return f"{MARK}{digest[:32]}"
