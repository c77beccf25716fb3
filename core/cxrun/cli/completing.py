"""What the shell offers for an argument: the groups, lists, rulesets and elements of the project at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from cxrun.cli import Session
from cxrun.errors import CxrunError

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _from(find: Callable[[Session], Iterable[str]], *, or_file: bool = False) -> Complete:
    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        files = [CompletionItem(begun, type="file")] if or_file else []
        try:
            known = sorted(find(Session(context.find_root().params["project"])))
        except CxrunError:
            # a project with mistakes offers nothing; a shell is no place to tell of them
            return files
        return [CompletionItem(name) for name in known if name.startswith(begun)] + files

    return complete


def _documented(session: Session) -> Iterable[str]:
    return (*(entry.name for entry in session.registry.all()), *_rulesets(session), *_checks(session))


def _checks(session: Session) -> Iterable[str]:
    from cxrun.linting.lint import checks

    return checks(session.registry)


def _rulesets(session: Session) -> Iterable[str]:
    from cxrun.cataloging import catalog

    return (entry.name for entry in catalog(session.folder))


def _fields(session: Session) -> Iterable[str]:
    return {name for item in session.project.lists.values() for name in item.settings.field_types}


def _results(session: Session) -> Iterable[str]:
    from cxrun.model import CallResult, codes_by_word

    return codes_by_word(CallResult)


groups = _from(lambda session: session.project.groups)
lists = _from(lambda session: session.project.lists)
lists_or_groups = _from(lambda session: (*session.project.lists, *session.project.groups))
suppression_lists = _from(lambda session: session.project.suppression_lists)
rulesets_or_files = _from(_rulesets, or_file=True)
documented = _from(_documented)
results = _from(_results)
fields = _from(_fields)
checks = _from(_checks)
