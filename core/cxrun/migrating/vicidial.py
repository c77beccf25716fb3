"""Lead recycling of VICIdial: rows of a campaign's recycle rules, and the statuses and call times they lean on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from cxrun.elements import duration_text
from cxrun.errors import Mark, Problem, Problems
from cxrun.migrating.draft import Draft, Drafts
from cxrun.migrating.tables import Cell, Row, Table, squeezed

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SQL_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "vicidial_lead_recycle": (
        "recycle_id", "campaign_id", "status", "attempt_delay", "attempt_maximum", "active",
    ),
    "vicidial_statuses": (),
    "vicidial_campaign_statuses": (),
    "vicidial_call_times": (),
    "vicidial_state_call_times": (),
    "vicidial_campaigns": (),
}  # fmt: skip
"""The tables that are read from a dump, and their columns where these have never changed."""
_RECYCLE: Final = frozenset(squeezed(column) for column in SQL_COLUMNS["vicidial_lead_recycle"])
_MARKS: Final[Mapping[str, frozenset[str]]] = {
    "recycle": frozenset({"status", "attemptdelay", "attemptmaximum"}),
    "call times": frozenset({"calltimeid", "ctdefaultstart", "ctdefaultstop"}),
    "state call times": frozenset(
        {"statecalltimeid", "statecalltimestate", "sctdefaultstart", "sctdefaultstop"}
    ),
    "campaigns": frozenset({"campaignid", "dialstatuses"}),
    "statuses": frozenset({"status", "statusname"}),
}
"""The columns by which a table is known; the first that fits decides."""


class _Status(NamedTuple):
    """A status as VICIdial comes with it: the call results it stands for, and whether agents choose it."""

    results: tuple[str, ...]
    by_agent: bool = False


_SIT: Final = ("sit_detected", "sit_invalid_number", "sit_vacant_code", "sit_intercept", "sit_unknown")
_STATUSES: Final[Mapping[str, _Status]] = {
    "NA": _Status(("no_answer",)),
    "N": _Status(("no_answer",), by_agent=True),
    "AB": _Status(("busy",)),
    "B": _Status(("busy",), by_agent=True),
    "AA": _Status(("answering_machine",)),
    "AM": _Status(("answering_machine",)),
    "AL": _Status(("answering_machine",)),
    "A": _Status(("answering_machine",), by_agent=True),
    "AFAX": _Status(("fax_detected",)),
    "ADC": _Status(_SIT),
    "DC": _Status(_SIT, by_agent=True),
    "ADCT": _Status(("sit_no_circuit", "sit_reorder")),
    "DROP": _Status(("dropped",)),
    "PDROP": _Status(("abandoned",)),
    "LRERR": _Status(("dial_error",)),
}
_NO_RESULT: Final[Mapping[str, str]] = {
    "NEW": "a lead that was never dialed",
    "QUEUE": "a lead in the hopper",
    "INCALL": "a lead in a call",
    "DISPO": "a call whose agent has not yet chosen a status",
    "XFER": "a call that was transferred",
    "ERI": "an agent's session that broke",
    "XDROP": "an inbound call",
    "TIMEOT": "an inbound call",
    "AFTHRS": "an inbound call",
    "NANQUE": "an inbound call",
    "MAXCAL": "an inbound call",
    "CBHOLD": "a callback that is not yet due",
}


def fits(table: Table) -> bool:
    """Whether a table is one of those that are read."""
    return _kind(table) is not None


def _kind(table: Table) -> str | None:
    return next((kind for kind, columns in _MARKS.items() if columns <= set(table.columns)), None)


def migrate(tables: Sequence[Table], drafts: Drafts) -> None:
    """Turn tables into one ruleset per campaign and one per call time. Raises Problems."""
    problems: list[Problem] = []
    by_kind: dict[str, list[Row]] = {kind: [] for kind in _MARKS}
    for table in tables:
        for column, written in table.columns.items() if _kind(table) == "recycle" else ():
            if column not in _RECYCLE and any(column in row.cells for row in table.rows):
                drafts.not_carried(table.mark, f"column '{written}'", "is not known here")
        by_kind[str(_kind(table))] += table.rows
    recycles = [recycle for row in by_kind["recycle"] if (recycle := _recycle(row, problems))]
    call_times = [
        _CallTime(_text(row, "call_time_id"), row, _hours(row, "ct", problems))
        for row in by_kind["call times"]
    ]
    states = {
        _text(row, "state_call_time_id"): (_text(row, "state_call_time_state"), _hours(row, "sct", problems))
        for row in by_kind["state call times"]
    }
    campaigns = {_text(row, "campaign_id"): row for row in by_kind["campaigns"]}
    used: set[str] = set()
    for campaign in dict.fromkeys([*campaigns, *(recycle.campaign for recycle in recycles)]):
        draft = drafts.begin(
            campaign or "recycle", f"Lead recycling of the VICIdial campaign {campaign or 'at hand'}."
        )
        if campaign in campaigns:
            used.add(_campaign(campaigns[campaign], call_times, states, draft, problems))
        _recycling([recycle for recycle in recycles if recycle.campaign == campaign], draft)
        _do_not_call(by_kind["statuses"], campaign, draft)
    for call_time in call_times:
        if call_time.name not in used:
            draft = drafts.begin(f"call_time_{call_time.name}", f"The VICIdial call time {call_time.name}.")
            _calling_hours(call_time, states, draft)
    if problems:
        raise Problems(problems)


class _CallTime(NamedTuple):
    """Hours by day, as calling_hours takes them."""

    name: str
    row: Row
    hours: Mapping[str, str]


States = Mapping[str, tuple[str, Mapping[str, str]]]
"""Call times of states by their id: the state and its hours."""


class _Recycle(NamedTuple):
    """A recycle rule that could be read; the delay is in seconds."""

    mark: Mark
    campaign: str
    status: str
    delay: int
    maximum: int
    active: bool


def _recycle(row: Row, problems: list[Problem]) -> _Recycle | None:
    before = len(problems)
    status = _text(row, "status").upper()
    if not status:
        problems.append(Problem(row.mark, "", "no status is given; write e.g. NA"))
    found = _Recycle(
        row.mark, _text(row, "campaign_id"), status, _whole(row, "attempt_delay", problems),
        _whole(row, "attempt_maximum", problems), _flag(row, "active", problems),
    )  # fmt: skip
    return found if len(problems) == before else None


def _recycling(recycles: Sequence[_Recycle], draft: Draft) -> None:
    """Each status as a rule. The count of attempts is one for all statuses of a lead, and so it is here."""
    active = [recycle for recycle in recycles if recycle.active]
    for recycle in recycles:
        if not recycle.active:
            draft.left_out(recycle.mark, f"recycling of {recycle.status}", "not active in the source")
    by_system = {
        result
        for recycle in active
        if recycle.status in _STATUSES and not _STATUSES[recycle.status].by_agent
        for result in _STATUSES[recycle.status].results
    }
    taken: dict[str, _Recycle] = {}
    for recycle in active:
        what = f"recycling of {recycle.status}"
        if recycle.status in _NO_RESULT:
            draft.not_carried(
                recycle.mark, what, f"the status is of {_NO_RESULT[recycle.status]}, no call result"
            )
            continue
        if recycle.maximum == 0:
            draft.left_out(recycle.mark, what, "attempt_maximum is 0")
            continue
        on, dispositions = [], []
        status = _STATUSES.get(recycle.status, _Status((), by_agent=True))
        if status.by_agent:
            dispositions = [recycle.status]
            on = [result for result in status.results if result not in by_system]
        else:
            on = list(status.results)
        doubles = [word for word in (*on, *dispositions) if word in taken]
        if doubles:
            other = taken[doubles[0]]
            same = (other.delay, other.maximum) == (recycle.delay, recycle.maximum)
            why = f"{doubles[0]} is recycled by {other.status} already, on line {other.mark.line}"
            (draft.left_out if same else draft.not_carried)(recycle.mark, what, why)
            continue
        taken.update((word, recycle) for word in (*on, *dispositions))
        several = len(active) > 1
        rule = draft.rule(on, dispositions, {"field": "attempt", "le": recycle.maximum} if several else None)
        rule.step(
            recycle.mark, what, "retry_in",
            {"interval": duration_text(recycle.delay), "attempts": recycle.maximum},
        )  # fmt: skip


def _do_not_call(statuses: Sequence[Row], campaign: str, draft: Draft) -> None:
    """Statuses by which agents put a lead on the do-not-call list."""
    for row in statuses:
        if _text(row, "campaign_id") not in ("", campaign):
            continue
        if _text(row, "dnc").upper() == "Y" and _text(row, "selectable").upper() != "N":
            status = _text(row, "status").upper()
            draft.rule((), [status]).step(row.mark, f"status {status}", "do_not_call", {"list": "dnc"})


def _campaign(
    row: Row, call_times: Sequence[_CallTime], states: States, draft: Draft, problems: list[Problem]
) -> str:
    """What a campaign says of who is dialed when; returns the call time it names."""
    if _text(row, "use_internal_dnc").upper() in ("Y", "AREACODE") or _text(row, "use_campaign_dnc").upper() in (
        "Y", "AREACODE",
    ):  # fmt: skip
        draft.filter(row.mark, "use_internal_dnc, use_campaign_dnc", "suppression")
    limit = _whole(row, "call_count_limit", problems) if "callcountlimit" in row.cells else 0
    if limit:
        draft.filter(row.mark, f"call_count_limit {limit}", "where", {"field": "attempt", "lt": limit})
    name = _text(row, "local_call_time")
    call_time = next((call_time for call_time in call_times if call_time.name == name), None)
    if call_time:
        _calling_hours(call_time, states, draft)
    elif name:
        draft.not_carried(
            _mark(row, "local_call_time"), f"call time {name}", "vicidial_call_times does not hold it"
        )
    for column, why in (
        ("dial_statuses", "a list is not reset here; a rule of treatments says what is dialed again"),
        ("lead_order", "the order of leads is no part of a ruleset"),
        ("lead_filter_id", "a filter in SQL has no counterpart; write a `where` filter"),
    ):
        value = _text(row, column)
        if value and value not in ("NONE", "DOWN"):
            draft.not_carried(_mark(row, column), f"{column} {value}", why)
    draft.left_out(
        row.mark, f"campaign {_text(row, 'campaign_id')}", "pacing and the like belong in campaign.yaml"
    )
    return name


def _hours(row: Row, prefix: str, problems: list[Problem]) -> dict[str, str]:
    """Each day's hours as calling_hours takes them; a day of 0 to 0 has the default ones."""
    default = _span(row, f"{prefix}_default", problems)
    hours = {}
    for day in _DAYS:
        own = {_text(row, f"{prefix}_{day}_{end}") or "0" for end in ("start", "stop")} != {"0"}
        hours[day[:3]] = _span(row, f"{prefix}_{day}", problems) if own else default
    return hours


def _span(row: Row, prefix: str, problems: list[Problem]) -> str:
    """HMM to HMM as HH:MM-HH:MM; `closed` if it has no length."""
    times = []
    for end in ("start", "stop"):
        time = _whole(row, f"{prefix}_{end}", problems)
        if time > 2400 or time % 100 > 59:
            message = (
                f"{time} is no time of day; {prefix}_{end} is hours and minutes from 0 to 2400, e.g. 930"
            )
            problems.append(Problem(_mark(row, f"{prefix}_{end}"), "", message))
        times.append(time)
    start, stop = times
    return "closed" if stop <= start else "-".join(f"{time // 100:02}:{time % 100:02}" for time in times)


def _calling_hours(call_time: _CallTime, states: States, draft: Draft) -> None:
    row, what = call_time.row, f"call time {call_time.name}"
    regions = {}
    for name in filter(None, _text(row, "ct_state_call_times").split("|")):
        mark = _mark(row, "ct_state_call_times")
        if name not in states:
            draft.not_carried(mark, f"{what} of state {name}", "vicidial_state_call_times does not hold it")
        elif draft.takes("filter", "calling_hours", "regions"):
            state, own = states[name]
            regions[f"US-{state.upper()}"] = ranges(own)
        else:
            draft.not_carried(mark, f"{what} of state {name}", "calling_hours has no hours of regions")
    hours = {"hours": ranges(call_time.hours)}
    if not (regions and draft.filter(row.mark, what, "calling_hours", {**hours, "regions": regions})):
        draft.filter(row.mark, what, "calling_hours", hours)
    holidays = _text(row, "ct_holidays").strip("|")
    if holidays:
        why = "holidays stand in another table; write a filter for their dates"
        draft.not_carried(_mark(row, "ct_holidays"), f"{what} holidays {holidays}", why)


def ranges(hours: Mapping[str, Any]) -> Any:
    """Hours by day as calling_hours takes them, equal days that follow each other as one range."""
    spans: list[tuple[list[str], Any]] = []
    for day, span in hours.items():
        if spans and spans[-1][1] == span:
            spans[-1][0].append(day)
        else:
            spans.append(([day], span))
    if len(spans) == 1 and len(hours) == 7 and isinstance(spans[0][1], str) and spans[0][1] != "closed":
        return spans[0][1]
    return {days[0] if len(days) == 1 else f"{days[0]}-{days[-1]}": span for days, span in spans}


def _cell(row: Row, column: str) -> Cell:
    return row.cells.get(squeezed(column), Cell("", row.mark))


def _text(row: Row, column: str) -> str:
    return _cell(row, column).text


def _mark(row: Row, column: str) -> Mark:
    return _cell(row, column).mark


def _whole(row: Row, column: str, problems: list[Problem]) -> int:
    text, mark = _cell(row, column)
    if not text.isdigit():
        given = f"'{text}' is no {column}" if text else f"{column} is missing"
        problems.append(Problem(mark, "", f"{given}; write a whole number, 0 or more"))
        return 0
    return int(text)


def _flag(row: Row, column: str, problems: list[Problem]) -> bool:
    text, mark = _cell(row, column)
    if text.upper() not in ("Y", "N"):
        problems.append(
            Problem(
                mark,
                "",
                f"'{text}' is no {column}; write Y or N" if text else f"{column} is missing; write Y or N",
            )
        )
        return False
    return text.upper() == "Y"
