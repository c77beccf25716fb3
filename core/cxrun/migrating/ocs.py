"""Treatment objects of Genesys Outbound Contact Server: one row per treatment, a sequence per call result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from cxrun.elements import duration_text
from cxrun.errors import Mark, Problem, Problems, near
from cxrun.migrating.draft import CannotCarry, Draft, Drafts, RuleDraft
from cxrun.migrating.tables import Cell, Row, Table, squeezed
from cxrun.model import CallResult

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "name": ("name", "treatment", "treatment name"),
    "call result": ("call result", "callResult", "result", "GSW_CALL_RESULT"),
    "disposition": ("disposition", "disposition code"),
    "number in sequence": ("number in sequence", "sequence number", "sequence"),
    "attempts": ("attempts", "attempt"),
    "action": (
        "apply to record",
        "recActionCode",
        "record action",
        "record action code",
        "action",
        "action code",
    ),
    "cycle attempt": ("cycle attempt", "cycleAttempt", "cycle attempts"),
    "interval": ("interval", "interval (minutes)", "interval (days:hours:minutes)"),
    "increment": ("increment", "increment (minutes)"),
    "date": ("date", "dateTime", "date and time", "date/time"),
    "time": ("time",),
    "range": ("range",),
    "apply to call": ("apply to call", "callActionCode", "call action", "call action code"),
    "destination": ("destination DN", "destination", "destDN", "destDNDBID", "dest_dn_dbid"),
    "state": ("state", "enabled"),
}
"""What a column may be called; capitals, spaces and signs do not matter."""
_IGNORED: Final = frozenset(
    {
        "dbid",
        "id",
        "tenant",
        "tenantdbid",
        "description",
        "userproperties",
        "folder",
        "folderid",
        "path",
        "ownerdbid",
    }
)
_KNOWN: Final = {squeezed(alias): name for name, aliases in COLUMNS.items() for alias in aliases}

_RESULTS: Final[Mapping[str, CallResult]] = {
    **{squeezed(result.word): result for result in CallResult},
    "answeringmachinedetected": CallResult.ANSWERING_MACHINE,
    "sitinvalidnum": CallResult.SIT_INVALID_NUMBER,
    "sitvacant": CallResult.SIT_VACANT_CODE,
    "situnknowncallstate": CallResult.SIT_UNKNOWN,
    "droppedonnoanswer": CallResult.DROPPED_NO_ANSWER,
    "noestablished": CallResult.NO_ESTABLISHED_DETECTED,
    "noestablisheddetected": CallResult.NO_ESTABLISHED_DETECTED,
    "nofreeporterror": CallResult.NO_PORT_AVAILABLE,
    "nofreeport": CallResult.NO_PORT_AVAILABLE,
    "calldrop": CallResult.CALL_DROP_ERROR,
    "cancel": CallResult.CANCEL_RECORD,
}
_MACHINES: Final = (CallResult.ANSWERING_MACHINE, CallResult.FAX_DETECTED, CallResult.SILENCE)


class _Action(NamedTuple):
    """A record action code: its number, its names, and the treatment it is here."""

    code: int
    name: str
    names: Sequence[str]
    treatment: str = ""


_ACTIONS: Final = (
    _Action(0, "NoTreatment", ("no treatment", "none", "noRecActionCode"), "finish"),
    _Action(1, "MarkDB", ("mark db", "execute SQL statement")),
    _Action(2, "UpdateAllRecordsInChain",
            ("update all records in chain", "update all chain records", "update all records", "markAllChain",
             "update chain"), "update_chain"),
    _Action(3, "Redial", ("redial", "cycle"), "redial"),
    _Action(4, "RetryIn", ("retry in",), "retry_in"),
    _Action(5, "RetryAtDate", ("retry at date", "retry at", "retry at specified date"), "retry_at"),
    _Action(6, "NextInChain", ("next in chain",), "next_in_chain"),
    _Action(7, "NextInChainAfter", ("next in chain after",), "next_in_chain_after"),
    _Action(8, "NextInChainAt",
            ("next in chain at", "next in chain at date", "next in chain at specified date"), "next_in_chain_at"),
    _Action(9, "AssignToGroup", ("assign to group",), "assign_to_group"),
    _Action(10, "MarkAsAgentError", ("mark as agent error", "mark agent error"), "mark_agent_error"),
    _Action(11, "Reschedule", ("reschedule", "rescheduled"), "reschedule"),
)  # fmt: skip
_BY_NAME: Final = {squeezed(name): action for action in _ACTIONS for name in action.names}
_CALL_ACTIONS: Final = (
    "none", "connect", "drop", "mutetransfer", "transfer", "route", "playmessage", "sendfax", "sendpage", "sendemail",
)  # fmt: skip
_CALL_ALIASES: Final = {"nocallactioncode": "none", "no": "none", "connecttodn": "connect"}
_ENABLED: Final = {"1": True, "cfgenabled": True, "enabled": True, "true": True, "yes": True, "y": True,
                   "2": False, "cfgdisabled": False, "disabled": False, "false": False, "no": False, "n": False,
                   "0": False}  # fmt: skip


def fits(table: Table) -> bool:
    """Whether a table is one of treatment objects."""
    named = {_KNOWN.get(column) for column in table.columns}
    return "action" in named and bool(named & {"call result", "disposition"})


def migrate(tables: Sequence[Table], drafts: Drafts, name: str) -> None:
    """Turn tables of treatments into one ruleset. Raises Problems with all that cannot be read."""
    draft = drafts.begin(name, "Treatments of Genesys Outbound Contact Server.")
    problems: list[Problem] = []
    treatments = [treatment for table in tables for treatment in _treatments(table, draft, problems)]
    _refuse_doubles(treatments, problems)
    if problems:
        raise Problems(problems)
    for treatment in treatments:
        _delivery(treatment, draft)
    sequences: dict[tuple[str, str], list[_Treatment]] = {}
    for treatment in treatments:
        sequences.setdefault(treatment.answers, []).append(treatment)
    for (result, disposition), sequence in sequences.items():
        rule = draft.rule([result] if result else (), [disposition] if disposition else ())
        for treatment in sorted(sequence, key=lambda treatment: treatment.number):
            _step(treatment, rule)


class _Treatment(NamedTuple):
    """A treatment object that could be read; durations are in seconds."""

    mark: Mark
    name: str
    result: CallResult | None
    disposition: str
    number: int
    action: _Action
    cycle: int
    interval: float | None
    increment: float
    date: str
    call_action: str
    destination: str

    @property
    def answers(self) -> tuple[str, str]:
        return self.result.word if self.result is not None else "", self.disposition

    @property
    def what(self) -> str:
        return f"'{self.name}' {self.action.name}" if self.name else self.action.name


def _treatments(table: Table, draft: Draft, problems: list[Problem]) -> list[_Treatment]:
    named = _named(table, draft, problems)
    found = []
    for index, row in enumerate(table.rows, 1):
        cells = {named[column]: cell for column, cell in row.cells.items() if column in named}
        if not cells:
            continue
        reading = _Reading(row, cells, problems)
        name = cells["name"].text if "name" in cells else ""
        if not reading.enabled():
            draft.left_out(row.mark, f"'{name}'" if name else "treatment", "disabled in the source")
            continue
        before = len(problems)
        treatment = reading.treatment(index)
        if treatment is None or len(problems) > before:
            continue
        if "range" in cells and cells["range"].text.strip("0"):
            draft.not_carried(row.mark, treatment.what, f"range {cells['range'].text} has no counterpart")
        found.append(treatment)
    return found


def _named(table: Table, draft: Draft, problems: list[Problem]) -> dict[str, str]:
    """What each column of the table is."""
    named: dict[str, str] = {}
    for column, written in table.columns.items():
        name = _KNOWN.get(column)
        if name is None:
            if column not in _IGNORED and any(column in row.cells for row in table.rows):
                draft.not_carried(table.mark, f"column '{written}'", f"is not known{near(written, COLUMNS)}")
            continue
        if name in named.values():
            first = next(table.columns[other] for other, meaning in named.items() if meaning == name)
            message = f"columns '{first}' and '{written}' are both the {name}; remove one"
            problems.append(Problem(table.mark, "", message))
        named[column] = name
    meanings = set(named.values())
    if "attempts" in meanings:
        both = {"cycle attempt", "number in sequence"}
        if not meanings & both:
            message = (
                "a column 'attempts' alone is the number in sequence to some exports and the cycle attempts to "
                "others; rename it to one of these"
            )
            problems.append(Problem(table.mark, "", message))
        meant = "number in sequence" if "cycle attempt" in meanings else "cycle attempt"
        taken = both <= meanings
        named = {
            column: (("" if taken else meant) if name == "attempts" else name)
            for column, name in named.items()
        }
    return named


class _Reading:
    """Reads the cells of one treatment; what is wrong is collected."""

    def __init__(self, row: Row, cells: Mapping[str, Cell], problems: list[Problem]) -> None:
        self.row = row
        self.cells = cells
        self.problems = problems

    def treatment(self, index: int) -> _Treatment | None:
        action = self.action()
        result = self.result()
        disposition = self.text("disposition")
        if result is None and not disposition and "call result" not in self.cells:
            self.wrong(None, "neither a call result nor a disposition is given; one of them is needed")
        if action is None:
            return None
        interval = self.minutes("interval")
        cycle = self.whole("cycle attempt", 0)
        if action.treatment in ("redial", "retry_in", "next_in_chain_after") and interval is None:
            self.wrong(None, f"{action.name} needs an interval, in minutes")
        if (
            action.treatment in ("redial", "next_in_chain", "next_in_chain_after", "next_in_chain_at")
            and cycle < 1
        ):
            self.wrong("cycle attempt", f"{action.name} needs cycle attempts, 1 or more")
        date = self.date()
        if action.treatment in ("retry_at", "next_in_chain_at") and not date:
            self.wrong(None, f"{action.name} needs a date, e.g. 2026-03-20T10:30Z")
        return _Treatment(
            self.row.mark, self.text("name"), result, disposition, self.whole("number in sequence", index), action,
            cycle, interval, self.minutes("increment") or 0.0, date, self.call_action(), self.text("destination"),
        )  # fmt: skip

    def text(self, name: str) -> str:
        return self.cells[name].text if name in self.cells else ""

    def enabled(self) -> bool:
        text = self.text("state")
        if squeezed(text) not in _ENABLED and text:
            self.wrong("state", f"'{text}' is no state; known: enabled (1), disabled (2)")
        return not text or _ENABLED.get(squeezed(text), True)

    def action(self) -> _Action | None:
        text = self.text("action")
        if not text:
            self.wrong(None, "no record action is given; write e.g. Redial")
            return None
        if text.isdigit():
            found = next((action for action in _ACTIONS if action.code == int(text)), None)
        else:
            found = _BY_NAME.get(re.sub("^(cfgrac|cfg)", "", squeezed(text)))
        if found is None:
            self.wrong(
                "action", f"no record action '{text}'{near(text, [action.name for action in _ACTIONS])}"
            )
        return found

    def result(self) -> CallResult | None:
        text = self.text("call result")
        if not text:
            return None
        if text.isdigit():
            if int(text) in set(CallResult):
                return CallResult(int(text))
            self.wrong("call result", f"no call result has the code {text}; known: 0 to {max(CallResult)}")
            return None
        key = re.sub("^(gcticallstate|gctics|gcti)", "", squeezed(text))
        if key not in _RESULTS:
            self.wrong(
                "call result", f"no call result '{text}'{near(text, [result.word for result in CallResult])}"
            )
        return _RESULTS.get(key)

    def call_action(self) -> str:
        text = self.text("apply to call")
        if not text or text == "0":
            return ""
        if text.isdigit():
            key = _CALL_ACTIONS[int(text)] if int(text) < len(_CALL_ACTIONS) else text
        else:
            key = re.sub("^(cfgcac|cfg)", "", squeezed(text))
            key = _CALL_ALIASES.get(key, key)
        if key not in _CALL_ACTIONS:
            self.wrong("apply to call", f"no call action '{text}'{near(key, _CALL_ACTIONS)}")
        return "" if key == "none" else key

    def whole(self, name: str, default: int) -> int:
        text = self.text(name)
        if text and not text.isdigit():
            self.wrong(name, f"'{text}' is no {name}; write a whole number")
            return 1
        return int(text) if text else default

    def minutes(self, name: str) -> float | None:
        """Minutes, or days:hours:minutes, as seconds."""
        text = self.text(name)
        if not text:
            return None
        if not re.fullmatch("[0-9]+(:[0-9]+){0,2}", text):
            self.wrong(name, f"'{text}' is no {name}; write minutes, or days:hours:minutes, e.g. 0:01:30")
            return 0.0
        days, hours, minutes = ([0, 0] + [int(part) for part in text.split(":")])[-3:]
        return days * 86400.0 + hours * 3600.0 + minutes * 60.0

    def date(self) -> str:
        """The date and time as ISO 8601; a time_t is in UTC. Empty if none is given."""
        text = " ".join(part for part in (self.text("date"), self.text("time")) if part)
        if not text or text == "0":
            return ""
        if text.isdigit() and len(text) <= 10:
            return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%MZ")
        for form in ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y"):
            try:
                return datetime.strptime(text, form).isoformat(timespec="minutes")
            except ValueError:
                continue
        try:
            return datetime.fromisoformat(text).isoformat(timespec="minutes")
        except ValueError:
            self.wrong("date", f"'{text}' is no date; write e.g. 2026-03-20T10:30Z, or Unix seconds")
            return "1970-01-01T00:00"

    def wrong(self, name: str | None, message: str) -> None:
        mark = self.cells[name].mark if name and name in self.cells else self.row.mark
        self.problems.append(Problem(mark, "", message))


def _refuse_doubles(treatments: Sequence[_Treatment], problems: list[Problem]) -> None:
    first: dict[tuple[tuple[str, str], int], _Treatment] = {}
    for treatment in treatments:
        other = first.setdefault((treatment.answers, treatment.number), treatment)
        if other is not treatment:
            for_what = " ".join(part for part in treatment.answers if part)
            message = (
                f"number {treatment.number} in the sequence for {for_what} is taken on line {other.mark.line}; "
                "leave the treatments of one calling list in the file"
            )
            problems.append(Problem(treatment.mark, "", message))


def _delivery(treatment: _Treatment, draft: Draft) -> None:
    """What is done with the call itself, beside the record."""
    if not treatment.call_action:
        return
    what = f"'{treatment.name}' {treatment.call_action}"
    if treatment.result not in _MACHINES:
        draft.not_carried(treatment.mark, what, "only machines, fax and silence can be sent elsewhere")
        return
    assert treatment.result is not None
    where = treatment.destination or ("agent" if treatment.call_action == "connect" else "")
    where = "drop" if treatment.call_action == "drop" else where
    if treatment.call_action in ("sendfax", "sendpage", "sendemail") or not where:
        draft.not_carried(treatment.mark, what, "has no counterpart" if where else "names no destination")
        return
    draft.deliver(treatment.mark, what, treatment.result.word, where)


def _step(treatment: _Treatment, rule: RuleDraft) -> None:
    try:
        name, parameters = _treated(treatment, rule.draft)
    except CannotCarry as reason:
        rule.draft.not_carried(treatment.mark, treatment.what, str(reason))
        return
    if not rule.step(treatment.mark, treatment.what, name, parameters) and name in (
        "update_chain",
        "mark_agent_error",
    ):
        # what closes a sequence must not give way to the treatments behind it
        rule.step(treatment.mark, f"{treatment.what}, closes the sequence", "finish")


def _treated(treatment: _Treatment, draft: Draft) -> tuple[str, dict[str, Any]]:
    """The treatment and its parameters. Raises CannotCarry."""
    name = treatment.action.treatment
    if not name:
        raise CannotCarry("has no counterpart")
    interval = {} if treatment.interval is None else {"interval": duration_text(treatment.interval)}
    attempts = {"attempts": treatment.cycle} if treatment.cycle > 1 else {}
    match name:
        case "redial":
            return name, {**interval, **_increment(treatment, name, draft), "attempts": treatment.cycle}
        case "retry_in":
            if treatment.cycle > 1:
                why = f"cycle attempt {treatment.cycle} has no meaning for RetryIn, which is applied once"
                draft.left_out(treatment.mark, treatment.what, why)
            return name, interval
        case "next_in_chain" if attempts and treatment.interval:
            if draft.takes("treatment", name, "interval"):
                return name, {**interval, **_increment(treatment, name, draft), **attempts}
            later = duration_text(treatment.interval)
            why = f"a new pass through the chain would begin {later} later; there is one pass, not {treatment.cycle}"
            draft.not_carried(treatment.mark, treatment.what, why)
            return name, {}
        case "next_in_chain":
            return name, attempts
        case "next_in_chain_after":
            return name, {**interval, **(_increment(treatment, name, draft) if attempts else {}), **attempts}
        case "next_in_chain_at":
            return name, {**_moment(treatment, draft), **attempts}
        case "retry_at":
            return name, _moment(treatment, draft)
        case "reschedule":
            return name, _moment(treatment, draft) if treatment.date else interval
    return name, {}


def _increment(treatment: _Treatment, name: str, draft: Draft) -> dict[str, str]:
    """By how much the interval grows each time, where the treatment here can say so."""
    if not treatment.increment:
        return {}
    increment = duration_text(treatment.increment)
    if draft.takes("treatment", name, "increment") or name not in draft.drafts.registry.entries("treatment"):
        return {"increment": increment}
    draft.not_carried(
        treatment.mark, treatment.what, f"increment {increment}: the interval of {name} does not grow"
    )
    return {}


def _moment(treatment: _Treatment, draft: Draft) -> dict[str, str]:
    """The date as a day and a time of day, which are those of the record's zone."""
    day, _, time = treatment.date.partition("T")
    zone = time[5:]
    if zone:
        why = f"{treatment.date} has a zone of its own; here it is {time[:5]} in the zone of the record"
        draft.not_carried(treatment.mark, treatment.what, why)
    return {"time": time[:5], "day": day}
