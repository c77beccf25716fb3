from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import in_yaml
from cxrun.errors import UserError, near

if TYPE_CHECKING:
    from cxrun.cataloging import RulesetEntry
    from cxrun.linting.check import Check
    from cxrun.registry import Entry


@click.command("docs")
@click.argument("name", metavar="ELEMENT|RULESET|CHECK", shell_complete=completing.documented)
@click.pass_obj
def command(session: Session, name: str) -> None:
    """Print what an element or a ruleset does, or a check looks for.

    Of an element its parameters and an example, of a ruleset its source and its text, of a check what is wrong and how
    it would be right.

    \b
    Example:
      cxrun docs calling_hours
      cxrun docs us_reg_f
      cxrun docs CX204
    """
    from cxrun.cataloging import catalog
    from cxrun.linting.lint import checks

    found = checks(session.registry)
    if name.upper() in found:
        _show_check(found[name.upper()])
        return
    entries = {entry.name: entry for entry in session.registry.all()}
    if name in entries:
        _show_element(entries[name])
        return
    rulesets = {entry.name: entry for entry in catalog(session.folder)}
    if name not in rulesets:
        raise UserError(
            f"no element, ruleset or check named '{name}'{near(name, [*entries, *rulesets, *found])}"
        )
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


def _show_check(item: Check) -> None:
    click.secho(
        f"{item.code} {item.name} ({item.severity}{', of imported lists' if item.data else ''})", bold=True
    )
    click.echo(f"\n{item.text}")
    for heading, example in (("Bad", item.bad), ("Good", item.good)):
        click.secho(f"\n{heading}", bold=True)
        for line in example.splitlines():
            click.echo(f"    {line}".rstrip())


def _show_element(entry: Entry) -> None:
    click.secho(f"{entry.name} ({entry.kind}, {entry.plugin} {entry.version})", bold=True)
    click.echo(f"\n{entry.text}")
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
    if entry.example:
        click.secho("\nExample", bold=True)
        click.echo(textwrap.indent(entry.example, "    "))


def _defaults(element: type) -> dict[str, Any]:
    """The defaults of an element's parameters, those that say something."""
    if not dataclasses.is_dataclass(element):
        return {}
    return {
        field.name: field.default
        for field in dataclasses.fields(element)
        if field.default not in (dataclasses.MISSING, None, (), "")
    }
