from __future__ import annotations

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import echo_json, json_option


@click.group("group")
def command() -> None:
    """Load, start, pause, stop, unload or complete campaign groups by hand.

    A run at work obeys at once, and the next one does, too. An order stands until the next change that the group's
    schedule knows, or until another order; without a schedule until another order.

    \b
    Example:
      cxrun group pause welcome_east
      cxrun group start welcome_east
    """


_FORCE = (
    "Hang up calls that nobody has answered yet, too. Who has answered is still connected, and who talks goes on. "
    "The attempts count; the treatments of dropped_no_answer say when the records are dialed again, and without any "
    "they are ready a minute later."
)


def _order(asked: str, text: str, example: str) -> None:
    @command.command(asked, help=f"{text}\n\n\b\nExample:\n  {example}")
    @click.argument("groups", nargs=-1, required=True, shell_complete=completing.groups)
    @json_option
    @click.pass_obj
    def order(session: Session, groups: tuple[str, ...], as_json: bool, force: bool = False) -> None:
        from cxrun.requests import now_of
        from cxrun.store.orders import FORCE_STOP, Order, give_order

        action = FORCE_STOP if force else asked
        for group in groups:
            session.project.group(group)
        with session.store(create=False) as store:
            with store.transaction():
                now = round(now_of(session.project, store), 3)
                for group in groups:
                    give_order(store, group, Order(action, now))
            at_work = store.at_work()
        if as_json:
            echo_json([{"group": group, "order": action, "at": now} for group in groups])
            return
        for group in groups:
            click.echo(
                f"group {group}: {action}; {'the run at work obeys' if at_work else 'the next run obeys'}"
            )

    if asked == "stop":
        order.params.append(click.Option(["--force"], is_flag=True, help=_FORCE))


_order("load", "Let GROUPS get ready and dial nothing; a run in real time waits until they are started.",
       "cxrun group load welcome_east")  # fmt: skip
_order("start", "Let GROUPS dial, whatever their schedules and the groups before them say.",
       "cxrun group start welcome_east")  # fmt: skip
_order("pause", "Let GROUPS place no more calls; a run in real time waits until they are started again.",
       "cxrun group pause welcome_east")  # fmt: skip
_order("stop", "Let GROUPS place no more calls and let go of their records; calls in progress end by themselves.",
       "cxrun group stop welcome_east welcome_west")  # fmt: skip
_order("unload", "Let go of GROUPS that are loaded, paused or dialing, as `stop` does; a run without others ends.",
       "cxrun group unload welcome_east")  # fmt: skip
_order("complete", "Let GROUPS dial no more, schedule or not; groups that come after them may begin.",
       "cxrun group complete welcome_east")  # fmt: skip
_order("follow", "Take the order of GROUPS back: their schedules alone decide again.",
       "cxrun group follow welcome_east")  # fmt: skip
