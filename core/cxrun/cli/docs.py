from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import echo_prose, in_yaml
from cxrun.errors import UserError, near

if TYPE_CHECKING:
    from cxrun.cataloging import RulesetEntry
    from cxrun.linting.check import Check
    from cxrun.registry import Entry


@click.command("docs")
@click.argument("name", metavar="ELEMENT|RULESET|CHECK", shell_complete=completing.documented)
@click.option("--yaml", "as_yaml", is_flag=True,
              help="Print the parameters of an element with their defaults as YAML, to be edited.")  # fmt: skip
@click.pass_obj
def command(session: Session, name: str, as_yaml: bool) -> None:
    """Print what an element or a ruleset does, or a check looks for.

    Of an element its parameters and an example, of a ruleset its source and its text, of a check what is wrong and how
    it would be right. On a terminal, lines are broken to its width; elsewhere each parameter is one line, for grep.

    \b
    Example:
      cxrun docs calling_hours
      cxrun docs us_reg_f
      cxrun docs CX204
      cxrun docs simulated --yaml > world.yaml
    """
    from cxrun.cataloging import catalog
    from cxrun.linting.lint import checks
    from cxrun.parameters import parameters_text

    entries = {entry.name: entry for entry in session.registry.all()}
    if as_yaml:
        if name not in entries:
            raise UserError(f"--yaml: no element named '{name}'{near(name, entries)}")
        click.echo(parameters_text(entries[name]), nl=False)
        return
    found = checks(session.registry)
    if name.upper() in found:
        _show_check(found[name.upper()])
        return
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
    click.echo()
    echo_prose(entry.description)
    if entry.source:
        reviewed = f", reviewed {entry.reviewed}" if entry.reviewed else ""
        click.echo(f"\nSource: {entry.source}{reviewed}")
    if entry.unenforced:
        click.secho("\nNot decided by its rules", bold=True)
        for item in entry.unenforced:
            echo_prose(f"- {item}", "  ")
    click.secho("\nText", bold=True)
    click.echo(Path(entry.file).read_text(encoding="utf-8-sig").rstrip("\n"))


def _show_check(item: Check) -> None:
    click.secho(
        f"{item.code} {item.name} ({item.severity}{', of imported lists' if item.data else ''})", bold=True
    )
    click.echo()
    echo_prose(item.text)
    for heading, example in (("Bad", item.bad), ("Good", item.good)):
        click.secho(f"\n{heading}", bold=True)
        for line in example.splitlines():
            click.echo(f"    {line}".rstrip())


def _show_element(entry: Entry) -> None:
    from cxrun.parameters import defaults

    click.secho(f"{entry.name} ({entry.kind}, {entry.plugin} {entry.version})", bold=True)
    click.echo()
    echo_prose(entry.text)
    schema = entry.element.schema
    if schema.get("properties"):
        click.secho("\nParameters", bold=True)
        _show_parameters(schema, defaults(entry.element), "  ")
    if entry.example:
        click.secho("\nExample", bold=True)
        click.echo(textwrap.indent(entry.example, "    "))


def _show_parameters(schema: Mapping[str, Any], given: Mapping[str, Any], indent: str) -> None:
    for name, parameter in schema["properties"].items():
        required = " (required)" if name in schema.get("required", ()) else ""
        default = given.get(name, "")
        told = "" if default == "" else f" (default: {in_yaml(default)})"
        echo_prose(f"{name}{required}: {parameter.get('description', '')}{told}", indent)
        if parameter.get("properties"):
            _show_parameters(parameter, default or {}, f"{indent}  ")
