from __future__ import annotations

from pathlib import Path

import click

from cxrun.cli import Session
from cxrun.cli.terminal import counted, echo_json, json_option


@click.command("validate")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@click.pass_obj
def command(session: Session, files: tuple[Path, ...], as_json: bool) -> int:
    """Check the whole project, or single ruleset and case files.

    Every problem is shown with file, line and column; exit code 3 if there is one.

    \b
    Example:
      cxrun validate
      cxrun validate rulesets/evening.yaml
    """
    from cxrun.cases.format import SUFFIXES
    from cxrun.cases.suite import check as check_cases
    from cxrun.errors import Problem, Problems
    from cxrun.ruleset import PACKAGED, read

    problems: list[Problem] = []
    what = ""
    if files:
        for file in files:
            if file.name.endswith(SUFFIXES):
                problems += check_cases(file)
            else:
                problems += read(file, session.registry)[1]
        cases = sum(file.name.endswith(SUFFIXES) for file in files)
        read_as = ((len(files) - cases, "ruleset"), (cases, "case file"))
        what = ", ".join(counted(number, noun) for number, noun in read_as if number)
    else:
        try:
            project = session.project
            own = [r for r in project.rulesets.values() if not r.document.file.startswith(PACKAGED)]
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
