"""Terraform files as plain data with places: `.tf` through python-hcl2, `.tf.json` as it is.

Both give what Terraform's JSON syntax gives: {"resource": {type: {label: body}}}, nested blocks as lists, and
whatever is no literal as text of the form ${expression}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cxrun.errors import Mark, Problem, Problems, UserError, near
from cxrun.migrating.draft import CannotCarry
from cxrun.migrating.tables import json_document, text_of
from cxrun.yamlfile import Document

Steps = tuple[str | int, ...]
_REFERENCE: Final = re.compile(
    r"\$\{(?P<data>data\.)?(?P<type>[a-z]\w*)\.(?P<label>[\w-]+)\.(?P<attribute>\w+)\}"
)


class Block:
    """A block of a Terraform file: its attributes, its nested blocks, and their places."""

    def __init__(
        self, document: Document, path: Steps, data: Mapping[str, Any], problems: list[Problem]
    ) -> None:
        self._document = document
        self._path = path
        self._data = data
        self._problems = problems

    @property
    def mark(self) -> Mark:
        return self._document.mark(self._path)

    @property
    def label(self) -> str:
        """The label of a resource."""
        return str(next(step for step in reversed(self._path) if isinstance(step, str)))

    def __contains__(self, key: str) -> bool:
        return self._data.get(key) not in (None, "", [], {})

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def place(self, key: str) -> Mark:
        """Where an attribute stands."""
        return self._document.mark((*self._path, key))

    def wrong(self, key: str, message: str) -> None:
        """Collect a problem with an attribute."""
        self._problems.append(Problem(self.place(key), f"{self._shown()}.{key}", message))

    def text(self, key: str, default: str = "") -> str:
        """An attribute as text. Raises CannotCarry if it is no literal."""
        value = self._data.get(key)
        if isinstance(value, bool):
            value = str(value).lower()
        return literal(key, default if value is None else str(value))

    def one_of(self, key: str, known: Sequence[str], default: str = "") -> str:
        """An attribute that is one of some words. Another one is a problem, and raises CannotCarry."""
        value = self.text(key, default)
        if value in known:
            return value
        said = (
            f"'{value}' is not known{near(value, known)}"
            if value
            else f"is missing; one of {', '.join(known)}"
        )
        self.wrong(key, said)
        raise CannotCarry(f"{key} {said}")

    def flag(self, key: str) -> bool:
        """An attribute that is true or false; false by default."""
        value = self.text(key, "false")
        if value not in ("true", "false"):
            self.wrong(key, f"'{value}' is neither true nor false")
        return value == "true"

    def whole(self, key: str) -> int | None:
        """An attribute that is a whole number, None if it is absent."""
        value = self.text(key)
        if value and not value.isdigit():
            self.wrong(key, f"'{value}' is no whole number")
            return None
        return int(value) if value else None

    def texts(self, key: str) -> list[str]:
        """An attribute that is a list, with references as they stand."""
        value = self._data.get(key) or []
        return [str(item) for item in (value if isinstance(value, list) else [value])]

    def mapping(self, key: str) -> dict[str, str]:
        """An attribute that is a mapping of texts, with references as they stand."""
        value = self._data.get(key)
        if value is None or isinstance(value, dict):
            return {name: str(item) for name, item in (value or {}).items()}
        raise CannotCarry(f"{key} is no literal mapping: {value}")

    def blocks(self, key: str) -> list[Block]:
        """The nested blocks of a name, in order. Raises CannotCarry if Terraform makes some of them."""
        value = self._data.get(key)
        dynamic = self._data.get("dynamic") or {}
        if any(key in made for made in (dynamic if isinstance(dynamic, list) else [dynamic])):
            raise CannotCarry(f"dynamic {key} is worked out by Terraform alone; write the blocks out")
        if isinstance(value, dict):
            return [Block(self._document, (*self._path, key), value, self._problems)]
        return [
            Block(self._document, (*self._path, key, index), item, self._problems)
            for index, item in enumerate(value if isinstance(value, list) else ())
            if isinstance(item, dict)
        ]

    def _shown(self) -> str:
        parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self._path[1:])
        return "".join(parts).removeprefix(".")


def literal(what: str, value: str) -> str:
    """Return a value that is no expression. Raises CannotCarry for one that only Terraform knows."""
    if "${" in value:
        raise CannotCarry(f"{what} is {value}, which only Terraform knows; write its value")
    return value


def reference(value: str) -> tuple[str, str] | None:
    """The type and label of the resource a value refers to, None if it is a literal."""
    found = _REFERENCE.fullmatch(value)
    return (found["type"], found["label"]) if found else None


def resources(
    files: Sequence[Path], problems: list[Problem], section: str = "resource"
) -> Iterator[tuple[str, Block]]:
    """Every resource (or data source) of the files with its type. Raises Problems for what cannot be read."""
    for file in files:
        document = json_document(file) if file.name.endswith(".json") else _hcl(file)
        for path, sections in _objects(document.data, ()):
            for at, kinds in _objects(sections.get(section), (*path, section)):
                for kind, labels in kinds.items():
                    for where, bodies in _objects(labels, (*at, kind)):
                        for label, body in bodies.items():
                            for place, data in _objects(body, (*where, label)):
                                yield kind, Block(document, place, data, problems)


def _objects(data: Any, path: Steps) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """The objects at a path; Terraform takes a list of them wherever it takes one."""
    for index, item in enumerate(data if isinstance(data, list) else ()):
        if isinstance(item, dict):
            yield (*path, index), item
    if isinstance(data, dict):
        yield path, data


def _hcl(file: Path) -> Document:
    try:
        from hcl2 import parses_to_tree
        from lark import Token
        from lark.exceptions import UnexpectedInput
    except ImportError as error:
        raise UserError(
            f"{file}: reading .tf files needs python-hcl2; install it with: pip install 'cxrun[terraform]'"
        ) from error
    text = text_of(file).replace("\r\n", "\n")
    try:
        tree = parses_to_tree(text)
    except UnexpectedInput as error:
        line, column = max(error.line, 1), max(error.column, 1)
        rest = [*text.split("\n"), ""][line - 1][column - 1 :].strip()
        said = (
            f"'{rest[:20]}' was not expected here"
            if rest
            else "something is missing before the end of the line"
        )
        place = Mark(str(file), line, column)
        raise Problems([Problem(place, "", f"is not valid HCL: {said}")]) from error
    marks: dict[Steps, Mark] = {}

    def mark(path: Steps, node: Any) -> None:
        marks.setdefault(path, Mark(str(file), node.meta.line, node.meta.column))

    def body(node: Any, path: Steps) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for part in node.children:
            if part.data == "attribute":
                key = _word(part.children[0])
                mark((*path, key), part)
                data[key] = expression(part.children[-1], (*path, key))
            elif part.data == "block":
                block(part, data, path)
        return data

    def block(node: Any, data: dict[str, Any], path: Steps) -> None:
        *names, inner = [
            part
            for part in node.children
            if not isinstance(part, Token) and part.data != "new_line_or_comment"
        ]
        words = [_word(name) for name in names]
        for word in words[:-1]:
            data = data.setdefault(word, {})
            path = (*path, word)
        if len(words) > 1:
            mark((*path, words[-1]), node)
            data[words[-1]] = body(inner, (*path, words[-1]))
        else:
            many = data.setdefault(words[-1], [])
            at = (*path, words[-1], len(many))
            mark((*path, words[-1]), node)
            mark(at, node)
            many.append(body(inner, at))

    def expression(node: Any, path: Steps) -> Any:
        inner = [
            part
            for part in node.children
            if not isinstance(part, Token) and part.data != "new_line_or_comment"
        ]
        if node.data == "expr_term" and len(inner) == 1 and len(node.children) == 1:
            return expression(inner[0], path)
        if node.data == "string":
            return _string(node, text)
        if node.data in ("int_lit", "float_lit"):
            return float(node.children[0]) if "." in node.children[0] else int(node.children[0])
        if node.data == "literal_value":
            return {"true": True, "false": False}.get(str(node.children[0]))
        if node.data == "tuple":
            return [expression(part, (*path, index)) for index, part in enumerate(inner)]
        if node.data == "object":
            found: dict[str, Any] = {}
            for element in inner:
                key = _key(element.children[0], text)
                mark((*path, key), element)
                found[key] = expression(element.children[-1], (*path, key))
            return found
        return f"${{{text[node.meta.start_pos : node.meta.end_pos]}}}"

    data = body(tree.children[0], ())
    return Document(str(file), data, marks, [])


def _word(node: Any) -> str:
    """An identifier, keyword or quoted label."""
    return str(node.children[0]) if node.data != "string" else "".join(_parts(node))


def _key(node: Any, text: str) -> str:
    inner = node.children[0]
    while inner.data == "expr_term" and len(inner.children) == 1:
        inner = inner.children[0]
    if inner.data == "string":
        return _string(inner, text)
    return (
        str(inner.children[0])
        if inner.data in ("identifier", "keyword")
        else text[inner.meta.start_pos : inner.meta.end_pos]
    )


def _string(node: Any, text: str) -> str:
    """A quoted text; what is interpolated stays as it stands."""
    if any(not hasattr(child, "type") for part in node.children[1:-1] for child in part.children):
        return text[node.meta.start_pos + 1 : node.meta.end_pos - 1]
    whole = "".join(_parts(node)).replace("$${", "${").replace("%%{", "%{")
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[1]), whole)


def _parts(node: Any) -> Iterator[str]:
    for part in node.children[1:-1]:
        yield from (str(child) for child in part.children)
