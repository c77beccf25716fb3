"""Asking the rules of one attempt again.

The rules are those the run was frozen with. They are asked by the same pure pipeline as when the call was placed,
with the facts as they stood at that moment. What is no longer there is named, never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from cxrun.auditing.certificate import Attached, Certificate, JournalLine, Ruling
from cxrun.auditing.verifying import chain
from cxrun.campaign import CAMPAIGN_FILE
from cxrun.elements import Evidence, Filter, Moment
from cxrun.errors import Problems, UserError
from cxrun.feed import known_at
from cxrun.model import (
    ASLEEP,
    CHAINED,
    NEVER,
    PRIORITY,
    CallResult,
    DeviceType,
    PastAttempt,
    Record,
    RecordStatus,
    RecordType,
    Rule,
    Suppression,
    key_text,
)
from cxrun.moments import moment_text
from cxrun.pipeline import Decision, Devices, Pipeline, file_shown, rule_of
from cxrun.registry import Registry
from cxrun.ruleset import Ruleset, Step, check
from cxrun.store.database import Store
from cxrun.store.evidence import (
    JournalRow,
    StoredRun,
    chain_of,
    content,
    find_attempt,
    find_claim,
    list_of,
    row_at,
    rows_of,
    snapshot,
    stored_reason,
    stored_run,
)
from cxrun.store.journal import GENESIS, content_of
from cxrun.store.lists import imports_of, stored_lists
from cxrun.store.queue import (
    AttemptRow,
    Queue,
    attempts_by_field,
    past_attempts,
)
from cxrun.store.redaction import EVENT
from cxrun.store.suppressions import suppressions
from cxrun.times import seconds
from cxrun.yamlfile import parse

_READY: Final = int(RecordStatus.READY)
_CHAIN_READY: Final = int(RecordStatus.CHAIN_READY)
_UNKNOWN: Final = int(CallResult.UNKNOWN)
_GENERAL: Final = int(RecordType.GENERAL)
_DIALED: Final = "dialed"
_OUTSIDE: Final = "it asked an outside service, whose answer let the call pass and was not kept"


def certify(store: Store, registry: Registry, record_id: int, number: int | None = None) -> Certificate:
    """The certificate of an attempt of a record, of the latest if no number is given.

    Raises UserError if there is no such attempt, or none that a run of this store made.
    """
    with snapshot(store):
        attempt = find_attempt(store, record_id, number)
        if attempt is None:
            which = f"attempt {record_id}-{number}" if number else f"attempt of record {record_id}"
            raise UserError(f"no {which} in {store.file}")
        run = stored_run(store, attempt.run_id)
        found = list_of(store, record_id)
        group = run.group_of(found[1]) if run and found else None
        if run is None or found is None or group is None:
            raise UserError(
                f"attempt {record_id}-{attempt.attempt} was not made by a run of this store; nothing says under "
                "which rules"
            )
        return _Asking(store, registry, attempt, run, group, *found).certificate()


class _Asking:
    """One attempt, and what is known of it."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        attempt: AttemptRow,
        run: StoredRun,
        group: str,
        list_id: int,
        list_name: str,
    ) -> None:
        self.store = store
        self.registry = registry
        self.attempt = attempt
        self.run = run
        self.group = group
        self.frozen: Mapping[str, Any] = run.frozen[group]
        self.list_name = list_name
        self.stored = stored_lists(store)[list_name]
        self.queue = Queue(store, list_id, list(self.stored.field_types))
        self.missing: list[str] = []
        self.notes: dict[str, None] = {}

    def certificate(self) -> Certificate:
        attempt = self.attempt
        rows = rows_of(self.store, attempt.record_id)
        record = self._record()
        texts = self._texts()
        rulesets, rulings = self._rulesets(texts)
        told = {ruleset.name: ruleset.document.data for ruleset in rulesets}
        texts = [
            kept._replace(
                source=told.get(kept.name, {}).get("source", ""),
                reviewed=told.get(kept.name, {}).get("reviewed", ""),
            )
            for kept in texts
        ]
        entries: list[Suppression] = []
        attempts: list[PastAttempt] = []
        redacted = next((row for row in rows if row.event == EVENT), None)
        if redacted is None:
            pipeline = Pipeline(rulesets)
            since = attempt.placed - pipeline.window
            attempts = known_at(
                past_attempts(self.store, [record.client], [record.phone], since), attempt.placed
            )
            known = suppressions(self.store, [record.client], [record.phone])
            entries = [entry for entry in known if entry.valid_from <= attempt.placed]
            moment = self._moment(record, rows, attempts, entries, pipeline)
            rulings += self._rulings(rulesets, moment)
        else:
            when = f"{moment_text(redacted.at)}, row {redacted.seq} of the journal"
            self.missing.append(f"the personal data of the record were taken out of the store, {when}")
            rulings += [
                Ruling(
                    rule_of(step, "filter", ruleset.name),
                    _shown(step.parameters),
                    "gone",
                    "what it looked at is redacted",
                )
                for ruleset in rulesets
                for step in ruleset.filters
            ]
        rulings.sort(key=lambda ruling: self._place(ruling.rule))
        return Certificate(
            attempt, record, self.list_name, self.group, self.run, tuple(texts), tuple(rulings), tuple(attempts),
            tuple(entries), tuple(self._journal(rows)), tuple(self.missing), tuple(self.notes),
        )  # fmt: skip

    # --- the rules ---

    def _texts(self) -> list[Attached]:
        found = []
        for name, file, digest in self.frozen["rulesets"]:
            text = content(self.store, digest)
            if text is None:
                self.missing.append(f"the text of the ruleset {name} ({file}) is not in the store")
            found.append(Attached(name, file, digest, text))
        return found

    def _rulesets(self, texts: Sequence[Attached]) -> tuple[list[Ruleset], list[Ruling]]:
        """The rulesets as they were, as far as they can be read, and the filters of them that cannot be asked."""
        rulesets, gone = [], []
        for name, file, _, text, *_ in texts:
            if text is None:
                continue
            try:
                document = parse(text, file)
                ruleset, problems = check(document, self.registry)
            except Problems as unreadable:
                ruleset, problems = None, unreadable.problems
            if ruleset is None:
                self.missing.append(f"the ruleset {name} cannot be read any more: {problems[0]}")
                continue
            rulesets.append(ruleset)
            read = {step.path[:2] for step in ruleset.filters}
            for index, item in enumerate(document.data.get("filters") or ()):
                if ("filters", index) in read:
                    continue
                element = item if isinstance(item, str) else next(key for key in item if key != "when")
                line = document.mark(("filters", index)).line
                here = f"filters[{index}]"
                why = next(
                    (p.message for p in problems if p.path.startswith(here)), "it cannot be read any more"
                )
                rule = Rule("filter", element, name, file_shown(file), line)
                gone.append(Ruling(rule, _shown(item), "gone", why))
        return rulesets, gone

    def _rulings(self, rulesets: Sequence[Ruleset], moment: Moment) -> list[Ruling]:
        """What every rule says that can be asked again, and why the others cannot."""
        can_be_asked = [
            replace(ruleset, filters=tuple(step for step in ruleset.filters if self._silent(step) is None))
            for ruleset in rulesets
        ]
        devices = self._devices()
        decisions = Pipeline(can_be_asked, devices).verdicts(moment)
        rulings = []
        if devices is not None:
            order = ", ".join(self.frozen["settings"]["devices"])
            rulings.append(_ruling(devices.rule, order, decisions.pop(0), ()))
        answers = iter(decisions)
        for ruleset in rulesets:
            for step in ruleset.filters:
                rule, parameters = rule_of(step, "filter", ruleset.name), _shown(step.parameters)
                silent = self._silent(step)
                if silent is None:
                    rulings.append(_ruling(rule, parameters, next(answers), _evidence(step, moment)))
                else:
                    rulings.append(Ruling(rule, parameters, *silent))
        return rulings

    def _silent(self, step: Step) -> tuple[str, str] | None:
        """Why a filter cannot be asked again: what stands in the place of its verdict, and the reason."""
        if step.asks_others:
            return "not asked", _OUTSIDE
        entry = self.registry.entries("filter")[step.name]
        then = dict(self.frozen["plugins"])
        plugin = next(plugin for plugin in self.registry.plugins if plugin.name == entry.plugin)
        if plugin.name not in then:
            return "gone", f"it was in another plugin than {plugin.name}"
        if plugin.digest != then[plugin.name]:
            if plugin.origin == "project":
                return "gone", f"the plugin {plugin.name} was changed since"
            self.notes[f"{plugin.name} was {then[plugin.name]} then and is {plugin.digest} now"] = None
        return None

    def _devices(self) -> Devices | None:
        words = self.frozen["settings"].get("devices")
        if words is None:
            return None
        order = {int(DeviceType[word.upper()]): place for place, word in enumerate(words)}
        return Devices(order, Rule("setting", "devices", "", CAMPAIGN_FILE, 0))

    def _place(self, rule: Rule) -> tuple[int, int]:
        """Where a rule stands in the order in which they were asked."""
        names = [name for name, *_ in self.frozen["rulesets"]]
        return (names.index(rule.ruleset) if rule.ruleset in names else -1, rule.line)

    # --- the facts as they stood ---

    def _moment(
        self,
        record: Record,
        rows: Sequence[JournalRow],
        attempts: Sequence[PastAttempt],
        entries: Sequence[Suppression],
        pipeline: Pipeline,
    ) -> Moment:
        placed = self.attempt.placed
        by_field = {}
        for field in sorted(pipeline.attempt_fields):
            value = key_text(record.fields.get(field))
            if value is not None:
                found = attempts_by_field(self.store, field, [value], placed - pipeline.window)
                by_field[field] = known_at((past for _, past in found), placed)
        ring_time = seconds(self.frozen["settings"]["ring_time"])
        members = (record, *self._sleeping(record, rows))
        imports = imports_of(self.store, self.stored)
        return Moment(placed, record, members, attempts, entries, by_field, ring_time, imports)

    def _record(self) -> Record:
        """The record as it was when it was claimed."""
        own, number = self.attempt.record_id, self.attempt.attempt
        record = self.queue.find(own)
        if record is None:
            raise UserError(f"record {own} is in no place; see `cxrun audit verify`")
        before = find_attempt(self.store, own, number - 1) if number > 1 else None
        called = int(before.placed) if before else 0
        claim = find_claim(self.store, own, number)
        if claim is None:
            return record.in_state(
                _GENERAL, _READY, _UNKNOWN, number - 1, 0, called, "", None, 0, PRIORITY[_GENERAL]
            )
        return record.in_state(
            claim.record_type, _READY, claim.call_result, number - 1, claim.dial_sched_time, called, claim.treatments,
            claim.agent_id, claim.dial_sched_time, PRIORITY.get(claim.record_type, ASLEEP),
        )  # fmt: skip

    def _sleeping(self, record: Record, rows: Sequence[JournalRow]) -> list[Record]:
        """The other records of the chain that waited for their turn."""
        if record.chain_size == 1:
            return []
        settled = next((row.seq for row in rows if row.attempt == self.attempt.attempt and row.placed), 2**62)
        waited = []
        for other_id in chain_of(self.store, record.chain_id):
            other = self.queue.find(other_id) if other_id != record.record_id else None
            if other is None:
                continue
            known = rows_of(self.store, other_id)
            before = [row for row in known if row.seq < settled and row.at <= self.attempt.placed]
            asleep = self._asleep(other, before)
            if asleep is not None:
                waited.append(asleep)
        return waited

    def _asleep(self, other: Record, rows: Sequence[JournalRow]) -> Record | None:
        """A record as it waited for its turn in the chain after these rows; None if it was closed."""
        last = rows[-1] if rows else None
        kept = stored_reason(self.store, last.reason_id) if last else None
        status, due = _CHAIN_READY, CHAINED
        if last and last.event in ("excluded", "error"):
            status, due = _READY, NEVER
        elif kept and kept.reason.state == "closed":
            return None
        number = max((row.attempt for row in rows), default=0)
        called = find_attempt(self.store, other.record_id, number) if number else None
        claim = find_claim(self.store, other.record_id, number) if number else None
        treatments = ""
        if number and last and last.event != "chained":
            # of what was written then, only how often the chain has begun anew is of importance, and the claim has it
            treatments = claim.treatments if claim and claim.treatments else _DIALED
        return other.in_state(
            claim.record_type if claim else _GENERAL, status, last.call_result if last else _UNKNOWN, number, 0,
            int(called.placed) if called else 0, treatments, None, due, ASLEEP,
        )  # fmt: skip

    # --- the journal ---

    def _journal(self, rows: Sequence[JournalRow]) -> list[JournalLine]:
        """The rows about this attempt, and the one before them."""
        about = [row for row in rows if row.attempt == self.attempt.attempt]
        first = about[0].seq if about else 2**62
        before = [row for row in rows if row.seq < first][-1:]
        found = []
        for row in (*before, *about):
            kept = stored_reason(self.store, row.reason_id)
            ahead = row_at(self.store, row.seq - 1)
            text = content_of(
                row.seq, row.at, row.run_id, row.event, row.record_id, row.attempt, row.call_result, row.due,
                row.placed, row.outcome, kept.digest.hex() if kept else "",
            )  # fmt: skip
            fits = next(chain(ahead.digest if ahead else GENESIS, [text])) == row.digest
            found.append(
                JournalLine(row, _because(kept.reason.text, kept.reason.rule) if kept else "?", fits)
            )
        return found


def _because(text: str, rule: Rule | None) -> str:
    return f"{text} ({rule})" if rule else text


def _evidence(step: Step, moment: Moment) -> tuple[Evidence, ...]:
    assert isinstance(step.element, Filter)
    try:
        if step.when is not None and not step.when.holds(moment.record):
            return (Evidence("its `when` does not hold for the record"),)
        return tuple(step.element.evidence(moment))
    except Exception as error:
        return (Evidence(f"the plugin cannot say: {type(error).__name__}: {error}"),)


def _ruling(rule: Rule, parameters: str, decision: Decision, facts: tuple[Evidence, ...]) -> Ruling:
    verdict = decision.verdict
    word = {"Pass": "pass", "Defer": "defer", "Exclude": "exclude"}.get(type(verdict).__name__, "gives way")
    return Ruling(rule, parameters, word, verdict.reason, facts)


def _shown(parameters: object) -> str:
    return "" if parameters in (None, {}) else json.dumps(parameters, ensure_ascii=False)
