from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import click

from cxrun.cli import Session
from cxrun.errors import UserError, near


@click.command("docs")
@click.argument("element")
@click.pass_obj
def command(session: Session, element: str) -> None:
    """Print what an ELEMENT does, its parameters, and an example.

    \b
    Example:
      cxrun docs calling_hours
    """
    entries = {entry.name: entry for entry in session.registry.all()}
    if element not in entries:
        raise UserError(f"no element named '{element}'{near(element, entries)}")
    entry = entries[element]
    click.secho(f"{entry.name} ({entry.kind}, {entry.plugin} {entry.version})", bold=True)
    text, _, example = (inspect.getdoc(entry.element) or "").partition("Example::")
    click.echo(f"\n{text.strip()}")
    schema = entry.element.schema
    properties: dict[str, Any] = schema.get("properties", {})
    defaults = _defaults(entry.element)
    if properties:
        click.secho("\nParameters", bold=True)
        for name, parameter in properties.items():
            required = " (required)" if name in schema.get("required", ()) else ""
            default = f" (default: {defaults[name]})" if name in defaults else ""
            click.echo(f"  {name}{required}: {parameter.get('description', '')}{default}")
    if example:
        click.secho("\nExample", bold=True)
        click.echo(example.strip("\n"))


def _defaults(element: type) -> dict[str, Any]:
    """The defaults of an element's parameters, those that say something."""
    if not dataclasses.is_dataclass(element):
        return {}
    return {
        field.name: field.default
        for field in dataclasses.fields(element)
        if field.default not in (dataclasses.MISSING, None, ())
    }
