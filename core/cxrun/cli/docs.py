from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import in_yaml
from cxrun.errors import UserError, near

if TYPE_CHECKING:
    from cxrun.cataloging import RulesetEntry
    from cxrun.registry import Entry


@click.command("docs")
@click.argument("name", metavar="ELEMENT|RULESET", shell_complete=completing.documented)
@click.pass_obj
def command(session: Session, name: str) -> None:
    """Print what an element or a ruleset does.

    Of an element its parameters and an example, of a ruleset its source and its text.

    \b
    Example:
      cxrun docs calling_hours
      cxrun docs us_reg_f
    """
    from cxrun.cataloging import catalog

    entries = {entry.name: entry for entry in session.registry.all()}
    if name in entries:
        _show_element(entries[name])
        return
    rulesets = {entry.name: entry for entry in catalog(session.folder)}
    if name not in rulesets:
        raise UserError(f"no element or ruleset named '{name}'{near(name, [*entries, *rulesets])}")
    _show_ruleset(rulesets[name])


def _show_ruleset(entry: RulesetEntry) -> None:
    kind = f"compliance pack, {entry.jurisdiction}" if entry.jurisdiction else "ruleset"
    click.secho(f"{entry.name} ({kind}{', required' if entry.required else ''})", bold=True)
    click.echo(f"\n{entry.description}")
    if entry.source:
        reviewed = f", reviewed {entry.reviewed}" if entry.reviewed else ""
        click.echo(f"\nSource: {entry.source}{reviewed}")
    if entry.unenforced:
        click.secho("\nNot decided by its rules", bold=True)
        for item in entry.unenforced:
            click.echo(f"  - {item}")
    click.secho("\nText", bold=True)
    click.echo(Path(entry.file).read_text(encoding="utf-8-sig").rstrip("\n"))


def _show_element(entry: Entry) -> None:
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
            default = f" (default: {in_yaml(defaults[name])})" if name in defaults else ""
            click.echo(f"  {name}{required}: {parameter.get('description', '')}{default}")
            for part, described in parameter.get("properties", {}).items():
                click.echo(f"    {part}: {described.get('description', '')}")
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
        if field.default not in (dataclasses.MISSING, None, (), "")
    }
