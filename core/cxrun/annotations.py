"""Annotations of a pull request: lines that GitHub shows beside the line of a file."""

from __future__ import annotations

from cxrun.errors import Mark


def annotation(level: str, mark: Mark, title: str, message: str) -> str:
    """One annotation; `level` is error, warning or notice."""
    place = f"file={_property(mark.file)},line={mark.line},col={mark.column}"
    return f"::{level} {place},title={_property(title)}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
