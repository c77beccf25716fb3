from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import counted, echo_columns, echo_json, json_option, on_terminal
from cxrun.errors import UserError

if TYPE_CHECKING:
    from cxrun.auditing.pages import Section
    from cxrun.store import Store
    from cxrun.store.redaction import Chosen
    from cxrun.store.runs import Unserved


@click.group("audit")
def command() -> None:
    """Prove what happened: verify, certify, abandon rates, hand over, redact.

    \b
    Example:
      cxrun audit verify
      cxrun audit abandon
      cxrun audit certificate 17-2
      cxrun audit pack --since 2026-03-01 --until 2026-04-01 -o march
      cxrun audit redact --client C001
    """


@command.command("verify")
@click.argument("place", metavar="[STORE|PACK]", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--head", metavar="DIGEST", help="A digest that was the head once: it must still be in the journal."
)
@click.option("--after", metavar="SEQ:DIGEST",
              help="A head that was verified before: it must still be there, and only what came after is walked "
              "through.")  # fmt: skip
@json_option
@click.pass_obj
def verify_(session: Session, place: Path | None, head: str | None, after: str | None, as_json: bool) -> None:
    """Find rows of the journal that were changed, taken out or put in.

    Every row is covered by a digest that covers the row before too. Attempts, records, suppressions and runs are
    compared with the journal as far as it speaks of them. The last digest, the head, stands for everything: note
    it elsewhere, for whoever writes all digests anew cannot make that one fit.

    Give a store, or a folder that `cxrun audit pack` wrote; by default it is the store of the project. It exits
    with 1 if anything is found.

    \b
    Example:
      cxrun audit verify
      cxrun audit verify march
      cxrun audit verify --after 59:8c1f0e...
    """
    if place is not None and place.is_dir():
        _verify_pack(place, as_json)
        return
    from cxrun.auditing.verifying import Head, as_data, verify
    from cxrun.moments import moment_text
    from cxrun.store import open_as_found

    noted = Head.read(after) if after else None
    with open_as_found(place) if place else session.store(create=False) as store:
        verified = verify(store, since=noted, head=head, watch=_show_progress)
        file = Path(store.file).name
    if as_json:
        echo_json(as_data(verified))
    else:
        if verified.findings:
            echo_columns(
                [
                    (file, str(f.seq) if f.seq else "-", moment_text(f.at) if f.at else "-",
                     str(f.record_id) if f.record_id else "-", f.what)
                    for f in verified.findings
                ],
                ("file", "row", "at", "record", "what is wrong"),
            )  # fmt: skip
        if verified.more:
            click.echo(f"and {counted(verified.more, 'finding')} more")
        figures = ", ".join(counted(count, noun[:-1]) for noun, count in verified.figures.items())
        click.echo(f"{counted(verified.rows, 'row')} of the journal; {figures}")
        if verified.redacted:
            click.echo(
                f"{counted(verified.redacted, 'reason')} redacted: the digest is left, the text is not"
            )
        click.echo(f"head {verified.head}")
        total = len(verified.findings) + verified.more
        click.secho(
            f"{counted(total, 'finding')}" if total else "nothing was changed, taken out or put in",
            fg="red" if total else "green",
        )
    if not verified.sound:
        raise click.exceptions.Exit(1)


@command.command("certificate")
@click.argument("attempt", metavar="ATTEMPT|RECORD|PHONE|CLIENT")
@click.option("--html", "page", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write one self-contained page, with the text of the rulesets.")  # fmt: skip
@json_option
@click.pass_obj
def certificate_(session: Session, attempt: str, page: Path | None, as_json: bool) -> None:
    """Show the rules, counts, hours and zone that allowed a call.

    The rules the run was frozen with are asked again, with the facts as they stood when the call was placed. What
    is missing for that is named. Give an attempt as dialers know it, 17-2, or a record, a number or a client
    for the latest attempt. It exits with 1 if a rule objects, or if it cannot be told.

    \b
    Example:
      cxrun audit certificate 17-2
      cxrun audit certificate 17-2 --html certificate.html
    """
    from cxrun.auditing.certifying import certify

    with session.store(create=False) as store:
        record_id, number = _attempt_meant(store, attempt)
        certificate = certify(store, session.registry, record_id, number)
    if page is not None:
        page.write_text(certificate.as_html(), encoding="utf-8")
    if as_json:
        echo_json(certificate.as_data())
    else:
        click.secho(f"attempt {certificate.attempt_id}: {certificate.outcome}", bold=True)
        click.echo(certificate.summary)
        _echo_sections(certificate.sections())
        if page is not None:
            click.echo(f"\nwrote {page}")
    if certificate.outcome != "allowed":
        raise click.exceptions.Exit(1)


@command.command("pack")
@click.option("--since", metavar="TIME", required=True, help="Only calls placed at this moment or later.")
@click.option("--until", metavar="TIME", required=True, help="Only calls placed before this moment.")
@click.option("-o", "--output", "folder", metavar="FOLDER", required=True, type=click.Path(path_type=Path),
              help="The folder to write; it must be new or empty.")  # fmt: skip
@json_option
@click.pass_obj
def pack_(session: Session, since: str, until: str, folder: Path, as_json: bool) -> None:
    """Write the evidence of a time into a folder.

    attempts.csv has every call with its times, results and what followed; journal.jsonl the rows of the journal;
    suppressions.csv the suppression lists as they are now; rulesets/ and runs.jsonl what decided; abandon.csv the
    abandon rate of each campaign group by 30 days and by month; index.html the overview. manifest.json has the
    SHA-256 of each file: `cxrun audit verify FOLDER` checks them.

    Moments are dates or times, UTC unless they say otherwise.

    \b
    Example:
      cxrun audit pack --since 2026-03-01 --until 2026-04-01 -o march
      cxrun audit verify march
    """
    from cxrun.auditing.packing import pack
    from cxrun.moments import parse_moment

    moments = parse_moment(since), parse_moment(until)
    with session.store(create=False) as store:
        made = pack(store, *moments, folder)
    if as_json:
        echo_json({"folder": made.folder, "rows": made.rows, "head": str(made.head), "manifest": made.digest})
        return
    echo_columns([(f"{made.folder}/{name}", count) for name, count in made.rows.items()], ("wrote", "rows"))
    click.echo(f"head {made.head}")
    click.echo(f"SHA-256 of the manifest {made.digest}")


@command.command("redact")
@click.option("--client", metavar="ID", help="Everybody with this client id, in any list.")
@click.option("--number", metavar="PHONE", help="Everybody with this number, E.164, in any list.")
@click.option("--finished-before", metavar="TIME",
              help="Everybody all of whose records were final before this moment.")  # fmt: skip
@click.option("--why", metavar="TEXT",
              help="What the journal says of it, such as the number of a request; nobody's name.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say how many customers it is about.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def redact_(
    session: Session,
    client: str | None,
    number: str | None,
    finished_before: str | None,
    why: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take the personal data of customers out of the store.

    Names, own fields and numbers go, and so do texts in the journal that tell of them; its rows stay, and
    `cxrun audit verify` still finds them whole. A keyed digest stands in the place of a number or client id, so
    caps and suppression lists hold as before, for whoever comes with the same number again. Records that wait
    are canceled. It cannot be undone, and certificates of their calls cannot be made any more.

    List files, rejects and evidence packs are not in the store: they are left for you.

    \b
    Example:
      cxrun audit redact --client C001 --why "request 2026-17"
      cxrun audit redact --finished-before 2024-01-01 --dry-run
    """
    from cxrun.auditing.redacting import redact_people
    from cxrun.moments import parse_moment

    if sum(option is not None for option in (client, number, finished_before)) != 1:
        raise click.UsageError("say who: one of --client, --number, --finished-before")
    if not dry_run and not (why or "").strip():
        raise click.UsageError('say --why, for it stays in the journal: --why "request 2026-17"')

    def agreed(chosen: Chosen) -> bool:
        if dry_run:
            return False
        text = f"redact {_people_told(chosen)} for good?"
        return yes or click.confirm(text, err=True, abort=True)

    before = None if finished_before is None else parse_moment(finished_before)
    with session.store(create=False) as store:
        chosen, redacted = redact_people(
            store, why or "", client=client, phone=number, finished_before=before, agreed=agreed
        )
    if as_json:
        echo_json({"chosen": chosen._asdict(), "redacted": redacted._asdict() if redacted else None})
        return
    if redacted is None:
        click.echo(f"{_people_told(chosen)}; nothing was changed")
        return
    click.echo(
        f"redacted {_people_told(chosen)}: {counted(redacted.attempts, 'attempt')}, "
        f"{counted(redacted.suppressions, 'suppression')}, {counted(redacted.messages, 'message')} and "
        f"{counted(redacted.reasons, 'text')} of the journal"
    )


def _people_told(chosen: Chosen) -> str:
    waiting = f", {chosen.waiting:,} of them waiting to be dialed" if chosen.waiting else ""
    return f"{counted(chosen.chains, 'customer')} with {counted(chosen.records, 'record')}{waiting}"


def _verify_pack(folder: Path, as_json: bool) -> None:
    from cxrun.auditing.packing import check_pack

    checked = check_pack(folder)
    if as_json:
        echo_json(
            {
                "sound": not checked.findings,
                "head": checked.head,
                "files": checked.files,
                "rows": checked.rows,
                "findings": [finding._asdict() for finding in checked.findings],
            }
        )
    else:
        for finding in checked.findings:
            click.echo(f"{folder}: {f'row {finding.seq}: ' if finding.seq else ''}{finding.what}")
        click.echo(f"{counted(checked.files, 'file')}, {counted(checked.rows, 'row')} of the journal")
        click.echo(f"head {checked.head}")
        total = len(checked.findings)
        click.secho(
            counted(total, "finding") if total else "every file is as it was written",
            fg="red" if total else "green",
        )
    if checked.findings:
        raise click.exceptions.Exit(1)


@command.command("abandon")
@click.argument("groups", nargs=-1, shell_complete=completing.groups)
@click.option(
    "--cap",
    metavar="PERCENT",
    type=click.FloatRange(0, 100),
    help="Hold every window against this rate, and not those of the dialing modes against theirs.",
)
@json_option
@click.pass_obj
def abandon_(session: Session, groups: tuple[str, ...], cap: float | None, as_json: bool) -> None:
    """Show the abandon rates of campaign GROUPS, all by default, beside the caps on them.

    For each group there is the rate of the day, of the 30 days up to it, and of the campaign: people who answered and
    were abandoned or dropped, of all people who answered. HIGHEST is the highest rate of any day, of any 30 days, and
    of the campaign at the end of any day, ON the day it was first reached on; ABOVE counts the days that ended above
    the cap. Days are those of UTC; the last one is not over yet, or may not be.

    Of those abandoned or dropped it is told how many heard the `abandon_message`, and how soon.

    The caps are those the dialing mode keeps as the campaign files stand now. It exits with 1 if a rate was above its
    cap on any day. People whom call analysis took for a machine are not among those who answered: nobody knows them.

    \b
    Example:
      cxrun audit abandon
      cxrun audit abandon welcome_customers --cap 3 --json
    """
    from cxrun.auditing.abandoning import WINDOWS, kept
    from cxrun.moments import moment_text
    from cxrun.store.lists import stored_lists
    from cxrun.store.runs import answers_by_day, present, unserved

    project = session.project
    chosen = [project.group(name) for name in groups or project.groups]
    with session.store(create=False) as store:
        stored, now = stored_lists(store), present(store)
        lists = {
            group.name: [stored[name].list_id for name in group.lists if name in stored] for group in chosen
        }
        found = [
            (group.name, one)
            for group in chosen
            for one in kept(
                answers_by_day(store, lists[group.name]),
                int(now // 86_400),
                group.mode.abandon_caps if cap is None else dict.fromkeys(WINDOWS, cap),
            )
        ]
        served = {group.name: unserved(store, lists[group.name]) for group in chosen}
    above = sum(one.above > 0 for _, one in found)
    if as_json:
        rows = [
            {"group": group, **one._asdict(), "rate": one.rate, "on": _day(one.on)} for group, one in found
        ]
        heard = [{"group": name, **one._asdict()} for name, one in served.items()]
        echo_json({"as_of": now, "kept": not above, "windows": rows, "unserved": heard})
    else:
        click.echo(f"as of {moment_text(now)}")
        echo_columns(
            [
                (
                    group, one.window.replace("_", " "), one.answered, one.abandoned, f"{one.rate:.2%}",
                    None if one.cap is None else f"{one.cap:.2%}", f"{one.highest:.2%}", _day(one.on),
                    None if one.cap is None else one.above,
                )
                for group, one in found
            ],
            ("group", "over", "answered", "abandoned", "rate", "cap", "highest", "on", "days above"),
        )  # fmt: skip
        for name, one in served.items():
            if one.hung_up + one.heard + one.silent:
                click.echo(f"{name}: {_unserved_told(one)}")
        if all(one.cap is None for _, one in found):
            click.echo("no dialing mode keeps a cap here; --cap 3 holds the rates against 3%")
        elif above:
            click.secho(f"above the cap: {counted(above, 'rate')}", fg="red")
        else:
            click.secho("no rate was above its cap on any day", fg="green")
    if above:
        raise click.exceptions.Exit(1)


def _unserved_told(unserved: Unserved) -> str:
    hung_up, heard, silent, latest = unserved
    parts = [f"{heard:,} heard the message"] if heard else []
    if heard and latest is not None:
        parts[0] += f", {latest:.1f} s after the answer at the latest"
    parts += [f"{silent:,} {'was' if silent == 1 else 'were'} hung up on without a word"] if silent else []
    parts += [f"{hung_up:,} had hung up before"] if hung_up else []
    return f"of {hung_up + heard + silent:,} whom no agent took " + "; ".join(parts)


def _day(number: int | None) -> str | None:
    return None if number is None else (date(1970, 1, 1) + timedelta(number)).isoformat()


def _attempt_meant(store: Store, text: str) -> tuple[int, int | None]:
    from cxrun.store.reading import find_records

    if match := re.fullmatch(r"([0-9]{1,18})-([0-9]{1,9})", text):
        return int(match[1]), int(match[2])
    found = find_records(store, text)
    if not found:
        raise UserError(f"no attempt, record, number or client id '{text}' in {store.file}")
    if len(found) > 1:
        ids = ", ".join(str(record_id) for _, record_id in found)
        raise UserError(
            f"'{text}' may mean the records {ids}; give one of them, or an attempt such as {found[0][1]}-1"
        )
    return found[0][1], None


def _echo_sections(sections: list[Section]) -> None:
    for section in sections:
        click.echo()
        click.secho(section.title, bold=True)
        echo_columns(section.rows, section.columns)


def _show_progress(rows: int) -> None:
    if on_terminal():
        click.echo(f"\r{rows:,} rows", err=True, nl=False)
