"""The one YAML loader of every command: YAML 1.2 core types, duplicate keys refused, marks kept.

`10:30`, `ON`, `NO`, `0123456`, `+15550100` and `2026-01-01` stay text, as a person expects. Keys are always
text, as written. An alias stands for its anchor's value; merge keys and tags of other types are refused.
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


_NOT_ALLOWED: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "bool", "int", "float", "null")
)
_MOST_VALUES: Final = 100_000
"""More values than any file a person writes; aliases of aliases grow without bounds."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The fast loader where libyaml is at hand, with the YAML 1.2 core resolvers only."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own protocol


for _tag, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))


class Document:
    """A parsed file: its `data` in plain Python values, where each of them stands, and its `text`."""

    def __init__(
        self, file: str, data: Any, marks: dict[Path, Mark], problems: list[Problem], text: str = ""
    ) -> None:
        self.file = file
        self.text = text
        self.data = data
        self.problems = problems
        self._marks = marks
        self._grafts: list[Path] = []

    def graft(self, path: Path, other: Document) -> None:
        """Put what another file holds in the place of the value at `path`; what is in it keeps its place there."""
        at = self.data
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = other.data
        own = self._marks.get(path, Mark(self.file))
        self._marks.update({(*path, *inner): mark for inner, mark in other._marks.items()})
        self._marks[path] = own
        self._grafts.append(path)

    def mark(self, path: Sequence[str | int]) -> Mark:
        """The place of the value at `path`, or of the nearest value around it."""
        path = tuple(path)
        while path and path not in self._marks:
            path = path[:-1]
        return self._marks.get(path, Mark(self.file))

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        """A problem with the value at `path`, which is told as it is in the file that the value stands in."""
        path = tuple(path)
        for graft in self._grafts:
            if len(path) > len(graft) and path[: len(graft)] == graft:
                return Problem(self.mark(path), path_text(path[len(graft) :]), message)
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
    builder = _Builder(name)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            data = None if node is None else builder.build(loader, node, ())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(name, place.line + 1, place.column + 1) if place else Mark(name)
        message = ", ".join(part for part in (error.context, error.problem) if part)
        if place and text[place.index : place.index + 1] == "\t":
            message = "a tab cannot indent; use spaces"
        raise Problems([Problem(mark, "", f"is not valid YAML: {message}")]) from error
    except (yaml.reader.ReaderError, UnicodeEncodeError) as error:
        raise Problems([_unprintable(text, name)]) from error
    except RecursionError as error:
        raise Problems([Problem(Mark(name), "", "is nested too deeply")]) from error
    return Document(name, data, builder.marks, builder.problems, text)


def _unprintable(text: str, name: str) -> Problem:
    """Where the first character stands that YAML does not allow."""
    found = _NOT_ALLOWED.search(text)
    before = text[: found.start()] if found else ""
    shown = f" #x{ord(found[0]):04x}" if found else ""
    mark = Mark(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
    return Problem(mark, "", f"is not valid YAML: the control character{shown} is not allowed")


class _Builder:
    """Turns nodes into plain values, keeping the mark of each."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[Path, Mark] = {}
        self.problems: list[Problem] = []
        self._open: set[int] = set()

    def build(self, loader: Any, node: Any, path: Path) -> Any:
        self.marks[path] = mark = self._mark(node)
        if len(self.marks) > _MOST_VALUES:
            raise Problems([Problem(mark, path_text(path), f"has more than {_MOST_VALUES} values")])
        if node.tag not in _TAGS:
            shown = node.tag.replace("tag:yaml.org,2002:", "!!")
            self._complain(mark, path, f"the tag {shown} is not understood; write the value without it")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(loader, node, path, mark)
        if id(node) in self._open:
            self._complain(mark, path, "an alias inside the value it stands for has no end")
            return None
        self._open.add(id(node))
        built: Any
        if isinstance(node, yaml.MappingNode):
            built = self._mapping(loader, node, path)
        else:
            built = [self.build(loader, item, (*path, index)) for index, item in enumerate(node.value)]
        self._open.discard(id(node))
        return built

    def _mapping(self, loader: Any, node: Any, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = self._mark(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(mark, path, "a key must be plain text")
                continue
            key = str(key_node.value)
            at = (*path, key)
            if key in mapping:
                self._complain(mark, at, f"duplicate key, first on line {self.marks[at].line}")
            elif key == "<<":
                self._complain(mark, at, "merge keys are not understood; write the keys out")
            else:
                mapping[key] = self.build(loader, value_node, at)
                self.marks[at] = mark
        return mapping

    def _scalar(self, loader: Any, node: Any, path: Path, mark: Mark) -> Any:
        try:
            return loader.construct_object(node)
        except (ValueError, KeyError):
            kind = node.tag.rpartition(":")[2]
            self._complain(mark, path, f"'{_shortened(str(node.value))}' cannot be read as {kind}")
            return None

    def _mark(self, node: Any) -> Mark:
        return Mark(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _complain(self, mark: Mark, path: Path, message: str) -> None:
        self.problems.append(Problem(mark, path_text(path), message))


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."
