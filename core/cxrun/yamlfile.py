"""The one YAML loader of every command: YAML 1.2 core types, duplicate keys refused, marks kept.

`10:30`, `ON`, `NO`, `0123456`, `+15550100` and `2026-01-01` stay text, as a person expects.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from cxrun.errors import Mark, Problem, Problems, UserError

Path = tuple[str | int, ...]
"""Where a value stands inside a document, e.g. ("filters", 0, "calling_hours", "from")."""

_CORE: Final = (
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), "-0123456789"),
    ("float", re.compile(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$"), "-0123456789"),
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The fast loader where libyaml is at hand, with the YAML 1.2 core resolvers only."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own protocol


for _tag, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))


class Document:
    """A parsed file: its `data` in plain Python values, and where each of them stands."""

    def __init__(self, file: str, data: Any, marks: dict[Path, Mark], problems: list[Problem]) -> None:
        self.file = file
        self.data = data
        self.problems = problems
        self._marks = marks

    def mark(self, path: Sequence[str | int]) -> Mark:
        """The place of the value at `path`, or of the nearest value around it."""
        path = tuple(path)
        while path and path not in self._marks:
            path = path[:-1]
        return self._marks.get(path, Mark(self.file))

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        """A problem with the value at `path`."""
        return Problem(self.mark(path), path_text(path), message)


def path_text(path: Sequence[str | int]) -> str:
    """Return a path the way people write it: treatments[1].redial.interval."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(parts).removeprefix(".")


def load(file: FilePath, name: str | None = None) -> Document:
    """Read and parse a file; `name` is how messages call it.

    Duplicate keys are collected in `Document.problems`. Raises UserError if the file cannot be read and
    Problems if it is not YAML.
    """
    shown = name or str(file)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{shown}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{shown}: is not UTF-8 text (byte {error.start})") from error
    return parse(text, shown)


def parse(text: str, name: str) -> Document:
    """Parse YAML text; raises Problems if it is not YAML."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        marks: dict[Path, Mark] = {}
        problems: list[Problem] = []
        data = None if node is None else _build(loader, node, (), name, marks, problems)
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(name, place.line + 1, place.column + 1) if place else Mark(name)
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise Problems([Problem(mark, "", f"is not valid YAML: {message}")]) from error
    except yaml.YAMLError as error:
        raise Problems([Problem(Mark(name), "", f"is not valid YAML: {error}")]) from error
    finally:
        loader.dispose()
    return Document(name, data, marks, problems)


def _build(
    loader: Any, node: Any, path: Path, file: str, marks: dict[Path, Mark], problems: list[Problem]
) -> Any:
    marks[path] = Mark(file, node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = Mark(file, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                problems.append(Problem(mark, path_text(path), "a key must be plain text"))
                continue
            key = str(key_node.value)
            if key in mapping:
                first = marks[(*path, key)].line
                problems.append(
                    Problem(mark, path_text((*path, key)), f"duplicate key, first on line {first}")
                )
                continue
            mapping[key] = _build(loader, value_node, (*path, key), file, marks, problems)
            marks[(*path, key)] = mark
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [
            _build(loader, item, (*path, index), file, marks, problems)
            for index, item in enumerate(node.value)
        ]
    return loader.construct_object(node)
