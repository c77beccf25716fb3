"""The certificate of one call: the rules, counts, hours and zone that allowed it, as text, data or a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from cxrun.auditing.pages import Section, Text, html_page
from cxrun.elements import Evidence
from cxrun.model import CallResult, DeviceType, PastAttempt, Record, RecordType, Rule, Suppression, word_of
from cxrun.moments import moment_text
from cxrun.store.evidence import JournalRow, StoredRun
from cxrun.store.queue import AttemptRow

_FOOT = (
    "Made by cxrun from its store, by asking the rules the run was frozen with. It shows what was decided and on "
    "which facts; it is no legal advice."
)


class Ruling(NamedTuple):
    """What a rule says of the call now that it is asked again.

    `verdict` is one of pass, defer, exclude, gives way; not asked, of a rule whose answer came from outside; gone,
    of one that cannot be asked any more.
    """

    rule: Rule
    parameters: str
    verdict: str
    reason: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def objects(self) -> bool:
        return self.verdict in ("defer", "exclude", "gives way")


class Attached(NamedTuple):
    """A ruleset the run was frozen with; `text` is None if the store has lost it."""

    name: str
    file: str
    digest: str
    text: str | None
    source: str = ""
    reviewed: str = ""


class JournalLine(NamedTuple):
    """A row of the journal about the record; `fits` says whether its digest follows from the row before."""

    row: JournalRow
    reason: str
    fits: bool


@dataclass(frozen=True)
class Certificate:
    """Why one attempt was allowed. Times are Unix UTC seconds; `record` is as it was when it was claimed.

    `missing` is what the certificate cannot do without, `notes` is what its reader should know.
    """

    attempt: AttemptRow
    record: Record
    list_name: str
    group: str
    run: StoredRun
    rulesets: tuple[Attached, ...]
    rulings: tuple[Ruling, ...]
    attempts: tuple[PastAttempt, ...]
    suppressions: tuple[Suppression, ...]
    journal: tuple[JournalLine, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def attempt_id(self) -> str:
        return f"{self.attempt.record_id}-{self.attempt.attempt}"

    @property
    def outcome(self) -> str:
        """One of allowed; objected to, if a rule would not have let the call pass; not to be told."""
        if any(ruling.objects for ruling in self.rulings) or not all(line.fits for line in self.journal):
            return "objected to"
        return "not to be told" if self._gone else "allowed"

    @property
    def summary(self) -> str:
        """The outcome in a sentence."""
        call = f"the call of {moment_text(self.attempt.placed, self._zone)}"
        against = [f"{ruling.reason} ({ruling.rule})" for ruling in self.rulings if ruling.objects]
        if against:
            return f"{call} was placed, and yet by what the store says now: {'; '.join(against)}"
        if not all(line.fits for line in self.journal):
            return f"{call} is told of by journal rows that were changed; see `cxrun audit verify`"
        if self._gone:
            return f"it cannot be shown any more that {call} was allowed: {'; '.join(self._gone)}"
        asked = sum(ruling.verdict == "pass" for ruling in self.rulings)
        rest = len(self.rulings) - asked
        others = f"; {rest} that asked an outside service cannot be asked again" if rest else ""
        rules = f"{asked} rule{'' if asked == 1 else 's'}"
        return f"{call} was allowed: {rules} asked again with the facts of that moment, none objects{others}"

    def as_data(self) -> dict[str, Any]:
        """The certificate as plain data."""
        record, attempt = self.record, self.attempt
        return {
            "attempt_id": self.attempt_id,
            "outcome": self.outcome,
            "summary": self.summary,
            "missing": list(self.missing),
            "notes": list(self.notes),
            "call": {
                "record_id": record.record_id,
                "attempt": attempt.attempt,
                "list": self.list_name,
                "group": self.group,
                "template": self._frozen["template"],
                "client": attempt.client,
                "phone": attempt.phone,
                "device": word_of(DeviceType, record.contact_info_type),
                "caller_id": self._setting("caller_id"),
                "placed": attempt.placed,
                "local": [moment_text(attempt.placed, zone) for zone in record.zones],
                "zones": list(record.zones),
                "zone_from": record.tz_source,
                "answered": attempt.answered,
                "connected": attempt.connected,
                "ended": attempt.ended,
                "detected": None if attempt.detected is None else word_of(CallResult, attempt.detected),
                "call_result": word_of(CallResult, attempt.call_result),
                "disposition": attempt.disposition,
                "agent_id": attempt.agent_id,
                "abandon_message": self._message if attempt.heard_message else None,
            },
            "run": {
                "run_id": self.run.run_id,
                "world": self.run.world,
                "seed": self.run.seed,
                "rules_digest": self._frozen["digest"],
                "versions": dict(self.run.versions),
            },
            "rulesets": [
                {
                    "name": kept.name,
                    "file": kept.file,
                    "sha256": kept.digest,
                    "source": kept.source,
                    "reviewed": kept.reviewed,
                    "text": kept.text,
                }
                for kept in self.rulesets
            ],
            "record_as_claimed": {
                "record_type": word_of(RecordType, record.record_type),
                "call_result": word_of(CallResult, record.call_result),
                "attempt": record.attempt,
                "dial_sched_time": record.dial_sched_time,
                "call_time": record.call_time,
                "treatments": record.treatments,
            },
            "rules": [
                {
                    "rule": str(ruling.rule),
                    "ruleset": ruling.rule.ruleset,
                    "name": ruling.rule.name,
                    "parameters": ruling.parameters,
                    "verdict": ruling.verdict,
                    "reason": ruling.reason,
                    "evidence": [fact._asdict() for fact in ruling.evidence],
                }
                for ruling in self.rulings
            ],
            "attempts_before": [asdict(past) for past in self.attempts],
            "suppression_entries": [entry._asdict() for entry in self.suppressions],
            "journal": [
                {
                    "seq": row.seq,
                    "at": row.at,
                    "event": row.event,
                    "attempt": row.attempt,
                    "reason": reason,
                    "digest": row.digest.hex(),
                    "fits": fits,
                }
                for row, reason, fits in self.journal
            ],
        }

    def sections(self) -> list[Section]:
        """The certificate as tables."""
        found = [Section("The call", self._call()), self._rules()]
        if self.missing:
            found.append(Section("What is missing", [(text,) for text in self.missing]))
        zone = self._zone
        before = [
            (
                f"{past.record_id}-{past.attempt}",
                moment_text(past.placed, zone),
                past.phone,
                "in progress, or lost" if past.ended is None else word_of(CallResult, past.call_result),
                past.disposition,
            )
            for past in self.attempts
        ]
        if before:
            columns = ("attempt", "placed", "to", "call result", "disposition")
            found.append(Section("Attempts before, of this client or this number", before, columns))
        entries = [
            (
                entry.list_name,
                entry.kind,
                entry.key,
                _time(entry.valid_from, zone),
                _time(entry.valid_till, zone),
            )
            for entry in self.suppressions
        ]
        if entries:
            columns = ("list", "kind", "key", "from", "till")
            found.append(Section("Suppression entries of this client or this number", entries, columns))
        rulesets = [
            (kept.name, kept.file, kept.digest[:16], kept.reviewed or None, kept.source or None)
            for kept in self.rulesets
        ]
        columns = ("ruleset", "file", "SHA-256", "reviewed", "source")
        found.append(Section("Rulesets in force", rulesets, columns))
        journal = [
            (
                str(row.seq),
                moment_text(row.at, zone),
                row.event,
                reason,
                row.digest.hex()[:16],
                "yes" if fits else "NO",
            )
            for row, reason, fits in self.journal
        ]
        rows_told = ("row", "at", "event", "because", "digest", "fits")
        found.append(Section("The journal of this record", journal, rows_told))
        versions = [*_versions(self.run.versions), *self.notes]
        found.append(Section("Versions", [(text,) for text in versions]))
        return found

    def as_html(self) -> str:
        """The certificate as one page, with the text of the rulesets."""
        texts = [
            Text(f"{kept.file}, SHA-256 {kept.digest}", kept.text)
            for kept in self.rulesets
            if kept.text is not None
        ]
        title = f"Certificate of attempt {self.attempt_id}"
        sections: list[Section | Text] = [*self.sections(), *texts]
        return html_page(title, self.summary, sections, good=self.outcome == "allowed", foot=_FOOT)

    # --- parts ---

    @property
    def _zone(self) -> str:
        return self.record.zones[0] if self.record.zones else "UTC"

    @property
    def _frozen(self) -> Mapping[str, Any]:
        group: Mapping[str, Any] = self.run.frozen[self.group]
        return group

    @property
    def _gone(self) -> list[str]:
        gone = [f"{ruling.reason} ({ruling.rule})" for ruling in self.rulings if ruling.verdict == "gone"]
        return list(self.missing) or gone

    def _setting(self, name: str) -> Any:
        return self._frozen["settings"].get(name)

    @property
    def _message(self) -> str:
        """The message for those whom no agent takes, by the settings the run was frozen with."""
        name = self._setting("abandon_message")
        point = (self._setting("routing_points") or {}).get(name) or {}
        told = point.get("description")
        return f"the message '{name}' ({told})" if told else f"the message '{name}'"

    def _call(self) -> list[tuple[str, str]]:
        record, attempt, zone = self.record, self.attempt, self._zone
        device = word_of(DeviceType, record.contact_info_type)
        people = [part for part in (record.first_name, record.last_name, record.company) if part]
        return [
            ("called", f"{attempt.phone} ({device})" if record.contact_info_type else attempt.phone),
            ("customer", ", ".join([attempt.client, " ".join(people)] if people else [attempt.client])),
            ("shown to the called party", self._setting("caller_id") or "-"),
            ("placed", f"{moment_text(attempt.placed, zone)}, {moment_text(attempt.placed)}"),
            *(("there too", moment_text(attempt.placed, other)) for other in record.zones[1:]),
            ("zone", f"{' or '.join(record.zones)}, from the {record.tz_source}" if record.tz else "unknown"),
            ("became", self._became()),
            ("list, group, template", f"{self.list_name}, {self.group}, {self._frozen['template']}"),
            ("run", f"{self.run.run_id} of {self.run.world}, seed {self.run.seed}"),
        ]

    def _rules(self) -> Section:
        rows = []
        for ruling in self.rulings:
            told = [
                ruling.reason or ruling.parameters,
                *(_fact(fact, self._zone) for fact in ruling.evidence),
            ]
            first, *more = filter(None, told) if any(told) else ("",)
            rows.append((str(ruling.rule), ruling.verdict, first))
            rows += [("", "", text) for text in more]
        return Section("The rules, asked again", rows, ("rule", "says", "because"))

    def _became(self) -> str:
        attempt = self.attempt
        if attempt.ended is None:
            return "in progress, or lost"
        parts = [word_of(CallResult, attempt.call_result)]
        if attempt.answered is None:
            parts.append(f"over after {attempt.ended - attempt.placed:.1f} s")
        else:
            parts.append(f"answered after {attempt.answered - attempt.placed:.1f} s")
            if attempt.connected is not None:
                waited = f"{attempt.connected - attempt.answered:.1f} s later"
                if attempt.heard_message:
                    parts.append(f"no agent took it; {waited} it was connected to {self._message}")
                else:
                    parts.append(f"connected {waited} to {attempt.agent_id or 'an announcement'}")
            parts.append(f"over after {attempt.ended - attempt.placed:.1f} s")
        if attempt.disposition:
            parts.append(f"disposition {attempt.disposition}")
        return ", ".join(parts)


def _fact(fact: Evidence, zone: str) -> str:
    if fact.since is None and fact.till is None:
        return fact.text
    if fact.till is None and fact.since is not None:
        return f"{fact.text}, {moment_text(fact.since, zone)}"
    return f"{fact.text}, {_time(fact.since, zone)} to {_time(fact.till, zone)}"


def _time(at: float | None, zone: str) -> str:
    return moment_text(at, zone) if at and abs(at) < 1e11 else "-"


def _versions(versions: Mapping[str, str]) -> list[str]:
    """What decided, without the plugins that are of the version of cxrun."""
    own = versions.get("cxrun")
    return [
        f"{name} {version}"
        for name, version in versions.items()
        if name in ("cxrun", "python") or version != own
    ]
