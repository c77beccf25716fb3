from __future__ import annotations

import click

from cxrun.cli import Session
from cxrun.cli.cancel import KINDS, one_meant
from cxrun.errors import UserError, near


@click.command("result")
@click.argument("record", metavar="RECORD|PHONE|CLIENT")
@click.option("--disposition", metavar="CODE", help="The agent's code for the call.")
@click.option("--result", "word", metavar="WORD", help="The call result, e.g. wrong_number.")
@click.option("--agent", "agent_id", metavar="ID", help="Who says so.")
@click.option("--as", "kind", type=click.Choice(KINDS), help="What the argument is, where that is in doubt.")
@click.pass_obj
def command(
    session: Session,
    record: str,
    disposition: str | None,
    word: str | None,
    agent_id: str | None,
    kind: str | None,
) -> None:
    """Give the latest attempt of a RECORD another result.

    For what an agent or another system knows of a call afterwards. The treatments of the record's group follow,
    as if the call had ended so: the record may be dialed again, its chain finished or begun again. Of a customer
    with several numbers it is the one dialed last.

    \b
    Example:
      cxrun result 17 --disposition WRONG_PARTY
      cxrun result C001 --result answer
    """
    from cxrun.explaining import explain
    from cxrun.model import CallResult, codes_by_word
    from cxrun.requests import make
    from cxrun.store.reading import standings
    from cxrun.store.requests import ask

    if disposition is None and word is None:
        raise click.UsageError("give a --disposition, a --result, or both")
    codes = codes_by_word(CallResult)
    if word is not None and word not in codes:
        raise UserError(f"no call result named '{word}'{near(word, codes)}")
    project = session.project
    with session.store(create=False) as store:
        found = max(one_meant(store, record, kind), key=lambda item: (item.call_time, item.attempt))
        if not found.attempt:
            raise UserError(
                f"record {found.record_id} has not been dialed yet; there is no attempt to speak of"
            )
        if not any(found.list_name in group.lists for group in project.groups.values()):
            raise UserError(
                f"no campaign group dials the list '{found.list_name}'; nothing says what follows"
            )
        key = (found.list_id, found.record_id)
        detail = {
            "result": None if word is None else codes[word], "disposition": disposition, "agent_id": agent_id,
        }  # fmt: skip
        make(project, store, lambda now: ask(store, "result", [key], "result given", detail))
        if any(item.asked for item in standings(store, [key])):
            click.echo(f"record {found.record_id}: to be done by the run at work, or when the call is over")
            return
        story = explain(project, store, *key)
    click.echo(story.title)
    click.echo(f"now: {story.now}")
    click.echo(f"next: {story.next}")
