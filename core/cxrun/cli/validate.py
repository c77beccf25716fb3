from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxrun.cli import Session
from cxrun.cli.terminal import counted, echo_json, json_option

if TYPE_CHECKING:
    from cxrun.errors import Problem


def _problems_of_campaign(session: Session, file: Path) -> list[Problem]:
    from cxrun.errors import Problems
    from cxrun.loading import load_project
    from cxrun.registry import load_registry

    beside = file.resolve().parent
    own = beside == session.folder.resolve()
    try:
        load_project(
            session.folder if own else file.parent,
            session.registry if own else load_registry(beside),
            file.name,
        )
    except Problems as error:
        return error.problems
    return []


@click.command("validate")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@click.pass_obj
def command(session: Session, files: tuple[Path, ...], as_json: bool) -> int:
    """Check the whole project, or single ruleset, case and campaign files.

    Every problem is shown with file, line and column; exit code 3 if there is one. A campaign is told by what is in
    the file, whatever it is called, and checked with the rulesets and lists beside it.

    \b
    Example:
      cxrun validate
      cxrun validate rulesets/evening.yaml
    """
    from cxrun.cases.format import SUFFIXES
    from cxrun.cases.suite import check as check_cases
    from cxrun.errors import Problems
    from cxrun.ruleset import read
    from cxrun.settings import is_campaign

    problems: list[Problem] = []
    what = ""
    if files:
        read_as = Counter[str]()
        for file in files:
            if file.name.endswith(SUFFIXES):
                read_as["case file"] += 1
                problems += check_cases(file)
                continue
            ruleset, wrong, document = read(file, session.registry)
            if ruleset is None and is_campaign(document.data):
                read_as["campaign"] += 1
                problems += _problems_of_campaign(session, file)
            else:
                read_as["ruleset"] += 1
                problems += wrong
        what = ", ".join(counted(number, noun) for noun, number in sorted(read_as.items(), reverse=True))
    else:
        try:
            project = session.project
            own = [r for r in project.rulesets.values() if not r.packaged]
            parts = (len(project.groups), "group"), (len(project.lists), "list"), (len(own), "ruleset")
            what = ", ".join(counted(number, noun) for number, noun in parts)
        except Problems as error:
            problems = error.problems
    if as_json:
        echo_json(
            [{"file": p.mark.file, "line": p.mark.line, "column": p.mark.column, "path": p.path,
              "message": p.message}
             for p in sorted(set(problems))]
        )  # fmt: skip
    else:
        for problem in sorted(set(problems)):
            click.secho(str(problem), fg="red")
        click.echo(counted(len(set(problems)), "problem") if problems else f"{what}: no problems")
    return 3 if problems else 0
