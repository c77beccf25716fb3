"""Evidence to hand over: a folder with everything the store knows of a time, and a manifest of digests.

Everything is written row by row. The manifest is written last, so a folder without one is not whole.
"""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from cxrun import __version__
from cxrun.auditing.pages import Section, html_page
from cxrun.auditing.verifying import Finding, Head, chain
from cxrun.errors import UserError
from cxrun.model import CallResult, DeviceType, Rule, word_of
from cxrun.moments import moment_text
from cxrun.store.database import Store
from cxrun.store.evidence import (
    CallRecord,
    StoredRun,
    call_records,
    content,
    outlines,
    row_at,
    rows,
    rows_between,
    snapshot,
    stored_reason,
    stored_run,
    suppression_entries,
)
from cxrun.store.journal import GENESIS, content_of, reason_digest
from cxrun.store.outbox import store_id
from cxrun.store.queue import AttemptRow

MANIFEST: Final = "manifest.json"
ATTEMPTS: Final = "attempts.csv"
JOURNAL: Final = "journal.jsonl"
_COLUMNS: Final = (
    "attempt_id", "record_id", "attempt", "run_id", "world", "template", "group", "list", "client", "direction",
    "called_number", "device", "caller_id", "placed_utc", "placed_local", "zone", "zone_from", "answered_utc",
    "connected_utc", "ended_utc", "connected_to", "ring_seconds", "talk_seconds", "duration_seconds", "detected",
    "call_result", "disposition", "agent_id", "what_followed", "because", "rule", "journal_row", "journal_digest",
)  # fmt: skip
_RATES: Final = (
    "template", "group", "period", "from_utc", "till_utc", "calls", "answered_by_a_person", "abandoned_or_dropped",
    "abandon_rate", "connected_after_2_s", "unanswered_within_15_s", "heard_the_message", "message_after_2_s",
)  # fmt: skip
_ITEMS: Final = (
    (
        "who placed it, for which seller, about what",
        "not in the store; template, group and list name the campaign",
    ),
    ("whether to a consumer or a business", "device"),
    ("whether outbound", "direction"),
    (
        "whether with a prerecorded message",
        "connected_to: an agent, an announcement, or the message for whom no agent takes",
    ),
    ("calling and called number", "caller_id, called_number"),
    ("date, time, duration", "placed_utc, placed_local, duration_seconds"),
    ("disposition", "call_result, disposition, what_followed"),
    ("script and prerecorded message", "not in the store"),
    (
        "caller ID number and name, proof of the right to use them",
        "caller_id; name and proof are not in the store",
    ),
    ("where it was transferred to", "agent_id; numbers outside are not in the store"),
)
"""What a call record holds by 16 CFR 310.5(a)(2), and the columns that tell it."""
_BLOCK: Final = 30 * 86400
_CHUNK: Final = 1 << 20
_PROMPT: Final = 2.0
_LONG_ENOUGH: Final = 15.0
_UNANSWERED: Final = frozenset({int(CallResult.NO_ANSWER), int(CallResult.DROPPED_NO_ANSWER)})
_LOST: Final = frozenset({int(CallResult.ABANDONED), int(CallResult.DROPPED)})


class Pack(NamedTuple):
    """What was written: rows by file, the head of the journal in it, and the SHA-256 of the manifest."""

    folder: Path
    rows: Mapping[str, int | None]
    head: Head
    digest: str


class Checked(NamedTuple):
    """What a pack holds and what is wrong with it."""

    files: int
    rows: int
    head: str
    findings: list[Finding]


class _Period(NamedTuple):
    """A time over which a rate is taken, of one campaign group. Times are Unix UTC seconds."""

    template: str
    group: str
    kind: str
    since: float
    till: float


def pack(store: Store, since: float, till: float, folder: Path) -> Pack:
    """Write the evidence of the calls placed from one moment till another (Unix UTC seconds) into a new folder.

    Raises UserError if there is something in the folder, or if the time is empty.
    """
    if since >= till:
        raise UserError(f"from {moment_text(since)} to {moment_text(till)} is no time")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already, and evidence is not written over; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with snapshot(store):
        return _Packing(store, since, till, folder).pack()


class _Packing:
    def __init__(self, store: Store, since: float, till: float, folder: Path) -> None:
        self.store = store
        self.since = since
        self.till = till
        self.folder = folder
        self.rows: dict[str, int | None] = {}
        self.run = lru_cache(maxsize=32)(lambda run_id: stored_run(store, run_id))
        self.run_ids: set[int] = set()
        self.results: Counter[str] = Counter()

    def pack(self) -> Pack:
        with self._open(ATTEMPTS) as stream:
            self._table(stream, ATTEMPTS, _COLUMNS, self._attempts())
        after, last = rows_between(self.store, self.since, self.till)
        before = row_at(self.store, after)
        end = row_at(self.store, last)
        start = Head(after, before.digest if before else GENESIS)
        head = Head(last, end.digest) if end else start
        with self._open(JOURNAL) as stream:
            self._lines(stream, JOURNAL, self._journal(after, last))
        with self._open("suppressions.csv") as stream:
            columns = ("list", "kind", "key", "valid_from_utc", "valid_till_utc")
            self._table(stream, "suppressions.csv", columns, self._suppressions())
        runs = [run for run_id in sorted(self.run_ids) if (run := self.run(run_id))]
        with self._open("runs.jsonl") as stream:
            self._lines(stream, "runs.jsonl", (json.dumps(run._asdict(), sort_keys=True) for run in runs))
        rulesets = self._rulesets(runs)
        rates = self._rates()
        with self._open("abandon.csv") as stream:
            self._table(stream, "abandon.csv", _RATES, rates)
        page = self._page(runs, rulesets, rates, head)
        (self.folder / "index.html").write_text(page, encoding="utf-8")
        self.rows["index.html"] = None
        return Pack(self.folder, self.rows, head, self._manifest(start, head))

    def _open(self, name: str) -> TextIO:
        return (self.folder / name).open("w", encoding="utf-8", newline="")

    def _table(
        self, stream: TextIO, name: str, columns: Sequence[str], lines: Iterable[Sequence[object]]
    ) -> None:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        count = 0
        for line in lines:
            writer.writerow(line)
            count += 1
        self.rows[name] = count

    def _lines(self, stream: TextIO, name: str, lines: Iterable[str]) -> None:
        count = 0
        for line in lines:
            stream.write(f"{line}\n")
            count += 1
        self.rows[name] = count

    # --- what is in it ---

    def _attempts(self) -> Iterator[Sequence[object]]:
        for told in call_records(self.store, self.since, self.till):
            run = self.run(told.attempt.run_id)
            self.run_ids.add(told.attempt.run_id)
            self.results[word_of(CallResult, told.attempt.call_result)] += 1
            yield _attempt_line(told, run)

    def _journal(self, after: int, last: int) -> Iterator[str]:
        reason_of = lru_cache(maxsize=10_000)(lambda reason_id: stored_reason(self.store, reason_id))
        for row in rows(self.store, after, last):
            if row.run_id:
                self.run_ids.add(row.run_id)
            kept = reason_of(row.reason_id)
            told = row._asdict() | {"digest": row.digest.hex()}
            del told["reason_id"]
            if kept is not None:
                told["reason"] = list(kept.columns)
                told["reason_salt"] = None if kept.salt is None else kept.salt.hex()
                told["reason_digest"] = kept.digest.hex()
            yield json.dumps(told, ensure_ascii=False)

    def _suppressions(self) -> Iterator[Sequence[object]]:
        for entry in suppression_entries(self.store):
            yield (entry.list_name, entry.kind, entry.key, _utc(entry.valid_from), _utc(entry.valid_till))

    def _rulesets(self, runs: Iterable[StoredRun]) -> list[tuple[str, str, str]]:
        """Write every ruleset of these runs once; returns name, file and digest of each."""
        found: dict[str, tuple[str, str, str]] = {}
        for run in runs:
            for group in run.frozen.values():
                for name, _, digest in group["rulesets"]:
                    text = content(self.store, digest)
                    if digest in found or text is None:
                        continue
                    file = f"rulesets/{name}-{digest[:12]}.yaml"
                    (self.folder / "rulesets").mkdir(exist_ok=True)
                    (self.folder / file).write_text(text, encoding="utf-8")
                    self.rows[file] = None
                    found[digest] = (name, file, digest)
        return sorted(found.values())

    def _rates(self) -> list[tuple[object, ...]]:
        """Calls answered by people and those lost, by campaign group over successive 30 days and by month.

        Each period is counted whole, whatever part of it the pack is about.
        """
        begun: dict[tuple[str, str], float] = {}
        for list_name, attempt in outlines(self.store):
            campaign = self._campaign(list_name, attempt)
            begun[campaign] = min(attempt.placed, begun.get(campaign, attempt.placed))
        counts: dict[_Period, Counter[str]] = {}
        for list_name, attempt in outlines(self.store):
            campaign = self._campaign(list_name, attempt)
            for period in _periods(campaign, attempt.placed, begun[campaign]):
                if period.till > self.since and period.since < self.till:
                    counts.setdefault(period, Counter()).update(_counted(attempt))
        return [
            (
                period.template, period.group, period.kind, _utc(period.since), _utc(period.till), count["calls"],
                count["answered"], count["lost"],
                f"{count['lost'] / count['answered']:.4f}" if count["answered"] else "", count["late"], count["short"],
                count["heard"], count["heard_late"],
            )
            for period, count in sorted(counts.items())
        ]  # fmt: skip

    def _campaign(self, list_name: str, attempt: AttemptRow) -> tuple[str, str]:
        return _campaign_of(self.run(attempt.run_id), list_name)

    # --- the cover ---

    def _page(
        self,
        runs: Sequence[StoredRun],
        rulesets: Sequence[tuple[str, str, str]],
        rates: Sequence[tuple[object, ...]],
        head: Head,
    ) -> str:
        span = f"{moment_text(self.since)} to {moment_text(self.till)}"
        attempts, journal = self.rows[ATTEMPTS] or 0, self.rows[JOURNAL] or 0
        worlds = " and ".join(sorted({run.world for run in runs})) or "no run"
        sections = [
            Section(
                "Abandoned and dropped calls",
                [
                    (*line[1:3], *map(_short, line[3:5]), *line[5:8], _percent(line[8]), *line[9:])
                    for line in rates
                ],
                tuple(column.replace("_", " ") for column in _RATES[1:]),
            ),
            Section(
                "Calls by result",
                self.results.most_common(),
                ("result", "calls"),
            ),
            Section(
                "Runs",
                [
                    (str(run.run_id), run.world, ", ".join(run.groups), moment_text(run.reached), run.ended)
                    for run in runs
                ],
                ("run", "of", "groups", "came to", "ended"),
            ),
            Section("Rulesets in force", rulesets, ("ruleset", "file", "SHA-256")),
            Section(f"A call record of 16 CFR 310.5(a)(2) in {ATTEMPTS}", _ITEMS, ("item", "column")),
            Section("Files", list(self.rows.items()), ("file", "rows")),
            Section("Head of the journal", [(str(head),)]),
        ]
        return html_page(
            f"Calls from {span}",
            f"{attempts:,} call{'' if attempts == 1 else 's'} of {worlds}, {journal:,} rows of the journal",
            sections,
            good=True,
            foot=f"Written by cxrun {__version__}. {MANIFEST} has the digest of every file; `cxrun audit verify` "
            "checks them and the chain of the journal. Nothing here is legal advice.",
        )

    def _manifest(self, start: Head, head: Head) -> str:
        made = {
            "cxrun": __version__,
            "store": store_id(self.store),
            "made": _utc(time.time()),
            "from": _utc(self.since),
            "till": _utc(self.till),
            "journal": {"after": str(start), "head": str(head)},
            "files": {
                name: {"sha256": _digest_of(self.folder / name), "rows": count}
                for name, count in sorted(self.rows.items())
            },
        }
        text = json.dumps(made, indent=2) + "\n"
        (self.folder / MANIFEST).write_text(text, encoding="utf-8")
        return hashlib.sha256(text.encode()).hexdigest()


# --- checking ------------------------------------------------------------------------------------------


def check_pack(folder: Path) -> Checked:
    """Whether a pack is as it was written. Raises UserError if the folder is none."""
    file = folder / MANIFEST
    if not file.exists():
        raise UserError(
            f"{folder} has no {MANIFEST}: it is no evidence pack, or it was not written to its end"
        )
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        named, start = manifest["files"], Head.read(manifest["journal"]["after"])
        head = str(manifest["journal"]["head"])
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    findings = []
    for name, told in named.items():
        path = folder / name
        if not path.is_file():
            findings.append(Finding(f"{name} is missing"))
        elif _digest_of(path) != told["sha256"]:
            findings.append(Finding(f"{name} was changed"))
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    findings += [
        Finding(f"{name} is not in the manifest") for name in sorted(present - set(named) - {MANIFEST})
    ]
    counted = 0
    if (folder / JOURNAL).is_file():
        end = start
        with (folder / JOURNAL).open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                counted += 1
                before = end
                try:
                    end, finding = _checked_row(json.loads(line), before)
                except (ValueError, KeyError, TypeError, AttributeError):
                    findings.append(Finding(f"line {number} of {JOURNAL} cannot be read"))
                    continue
                if finding and len(findings) < 100:
                    findings.append(finding)
        if str(end) != head:
            findings.append(Finding(f"{JOURNAL} ends with {end}; the manifest has {head}"))
    return Checked(len(named), counted, head, findings)


def _checked_row(row: dict[str, Any], before: Head) -> tuple[Head, Finding | None]:
    digest = bytes.fromhex(row["digest"])
    end = Head(row["seq"], digest)
    reason, salt = row["reason"], row["reason_salt"]
    text = content_of(
        row["seq"], row["at"], row["run_id"], row["event"], row["record_id"], row["attempt"], row["call_result"],
        row["due"], row["placed"], row["outcome"], row["reason_digest"],
    )  # fmt: skip
    what = None
    if row["seq"] != before.seq + 1:
        what = f"it follows row {before.seq}"
    elif next(chain(before.digest, [text])) != digest:
        what = "its digest does not fit"
    elif salt is not None and reason_digest(bytes.fromhex(salt), reason).hex() != row["reason_digest"]:
        what = "its reason was changed"
    return end, Finding(f"{JOURNAL}: {what}", row["seq"], row["at"], row["record_id"]) if what else None


# --- lines ---------------------------------------------------------------------------------------------


def _attempt_line(told: CallRecord, run: StoredRun | None) -> tuple[object, ...]:
    attempt = told.attempt
    template, group = _campaign_of(run, told.list_name)
    settings = run.frozen[group]["settings"] if run and group else {}
    zone = told.tz.split()[0] if told.tz else "UTC"
    reason = told.reason
    rule: Rule | None = reason.rule if reason else None
    return (
        f"{attempt.record_id}-{attempt.attempt}", attempt.record_id, attempt.attempt, attempt.run_id,
        run.world if run else "", template, group, told.list_name, attempt.client, "outbound", attempt.phone,
        word_of(DeviceType, told.device), settings.get("caller_id") or "", _utc(attempt.placed),
        moment_text(attempt.placed, zone), told.tz, told.tz_source, _utc(attempt.answered), _utc(attempt.connected),
        _utc(attempt.ended), _connected_to(attempt),
        _span(attempt.placed, attempt.answered if attempt.answered is not None else attempt.ended),
        _span(attempt.connected, attempt.ended), _span(attempt.placed, attempt.ended),
        "" if attempt.detected is None else word_of(CallResult, attempt.detected),
        word_of(CallResult, attempt.call_result), attempt.disposition or "", attempt.agent_id or "", told.event or "",
        reason.text if reason else "", str(rule) if rule else "", told.seq or "",
        told.digest.hex() if told.digest else "",
    )  # fmt: skip


def _campaign_of(run: StoredRun | None, list_name: str) -> tuple[str, str]:
    group = run.group_of(list_name) if run else None
    return (run.frozen[group]["template"], group) if run and group else ("", "")


def _periods(campaign: tuple[str, str], placed: float, begun: float) -> Iterator[_Period]:
    start = begun + int((placed - begun) // _BLOCK) * _BLOCK
    yield _Period(*campaign, "30 days", start, start + _BLOCK)
    day = datetime.fromtimestamp(placed, UTC)
    first = datetime(day.year, day.month, 1, tzinfo=UTC)
    after = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    yield _Period(*campaign, "month", first.timestamp(), after.timestamp())


def _counted(attempt: AttemptRow) -> dict[str, int]:
    live = attempt.detected == CallResult.ANSWER
    late = (
        live
        and attempt.answered is not None
        and attempt.connected is not None
        and attempt.connected - attempt.answered > _PROMPT
    )
    heard = attempt.heard_message
    short = (
        attempt.call_result in _UNANSWERED
        and attempt.ended is not None
        and attempt.ended - attempt.placed < _LONG_ENOUGH
    )
    lost = live and attempt.call_result in _LOST
    return {
        "calls": 1, "answered": int(live), "lost": int(lost), "late": int(late and not heard), "short": int(short),
        "heard": int(heard), "heard_late": int(late and heard),
    }  # fmt: skip


def _connected_to(attempt: AttemptRow) -> str:
    if attempt.connected is None:
        return ""
    if attempt.heard_message:
        return "message"
    return "agent" if attempt.agent_id else "announcement"


def _span(since: float | None, till: float | None) -> str:
    return "" if since is None or till is None else f"{till - since:.3f}"


def _short(utc: object) -> str:
    return str(utc)[:16].replace("T", " ")


def _percent(rate: object) -> str:
    return f"{float(rate):.2%}" if isinstance(rate, str) and rate else "-"


def _utc(at: float | None) -> str:
    if at is None or not 0 < at < 1e11:
        return ""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _digest_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()
