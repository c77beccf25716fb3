"""The parameters of an element as a YAML text: each with its default and what it means, to be edited."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from cxrun.elements import ElementBase
from cxrun.registry import Entry
from cxrun.schema import accepts

_WIDTH: Final = 100
"""Columns of a comment."""


def parameters_text(entry: Entry) -> str:
    """Every parameter of an element with its default under the name of the element; those without one as comments.

    The text is YAML and stands where the element may stand: a dialer's in a file of its own, that of a dialing mode
    under `mode:`, that of any other in a list of a ruleset.
    """
    schema = entry.element.schema
    heading = f"{entry.name} ({entry.kind}): {entry.summary}"
    if entry.kind == "dialer":
        heading += " A session profile takes this file as `dialer: FILE`."
    lines = [*_comment(heading, ""), f"{entry.name}:"]
    if "properties" in schema:
        lines += _parameters(schema, defaults(entry.element), "  ")
    elif not accepts(schema, {}):
        lines += _comment(f"Required: what `cxrun docs {entry.name}` shows.", "  ")
    return "\n".join(lines) + "\n"


def defaults(element: type[ElementBase]) -> dict[str, Any]:
    """The defaults of an element's parameters as they are written: what its schema says, else what its fields have.

    Those that say nothing are left out.
    """
    found: dict[str, Any] = {}
    if dataclasses.is_dataclass(element):
        for field in dataclasses.fields(element):
            if field.default not in (dataclasses.MISSING, None, (), ""):
                found[field.name] = list(field.default) if isinstance(field.default, tuple) else field.default
    properties = element.schema.get("properties", {})
    written = {name: part["default"] for name, part in properties.items() if part.get("default") is not None}
    return {name: value for name, value in (found | written).items() if name in properties}


def _parameters(schema: Mapping[str, Any], given: Mapping[str, Any], indent: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, parameter in schema.get("properties", {}).items():
        description = parameter.get("description", "")
        yield from _comment(f"Required: {description}" if name in required else description, indent)
        default = given.get(name)
        if default is None:
            yield f"{indent}# {name}:"
        elif isinstance(default, Mapping) and default.keys() & parameter.get("properties", {}).keys():
            yield f"{indent}{name}:"
            yield from _parameters(parameter, default, f"{indent}  ")
        else:
            yield from textwrap.indent(_yaml({name: default}), indent).splitlines()


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _yaml(data: Mapping[str, Any]) -> str:
    """Lists in one line, mappings line by line."""
    text: str = yaml.dump(
        data, Dumper=_Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return text


class _Dumper(yaml.SafeDumper):
    """Writes lists in one line."""


_Dumper.add_representer(
    list, lambda dumper, items: dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)
)
