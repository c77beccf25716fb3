"""Genesys Cloud's outbound rules as Terraform has them: rule sets, attempt limits, callable times, call analysis."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cxrun.conditions import FIELD_TYPES
from cxrun.elements import duration_text
from cxrun.errors import Problem, Problems, UserError
from cxrun.migrating.draft import CannotCarry, Draft, Drafts, field_name
from cxrun.migrating.tables import text_of
from cxrun.migrating.terraform import Block, literal, reference, resources
from cxrun.migrating.vicidial import ranges
from cxrun.model import CallResult

Spec = dict[str, Any]
_PREFIX: Final = "genesyscloud_outbound_"
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NO_RULES: Final[Mapping[str, str]] = {
    "campaign": "a campaign belongs in campaign.yaml; attach the rulesets there",
    "messagingcampaign": "a campaign belongs in campaign.yaml; attach the rulesets there",
    "contact_list": "a contact list belongs in campaign.yaml, under lists",
    "contact_list_template": "a contact list belongs in campaign.yaml, under lists",
    "dnclist": "a suppression list belongs in campaign.yaml, under suppression_lists",
    "wrapupcodemappings": "what a code means is said by a `disposition` handler",
    "settings": "settings of the organisation are no rules",
    "filespecificationtemplate": "how a file is read belongs in campaign.yaml, under lists",
}
_NO_COUNTERPART: Final[Mapping[str, str]] = {
    "campaignrule": "a rule over whole campaigns has no counterpart",
    "sequence": "a sequence of campaigns has no counterpart",
    "contactlistfilter": "a filter of a list; write a `where` filter",
    "digitalruleset": "rules for messages have no counterpart",
}

_RECALLS: Final[Mapping[str, str]] = {
    "busy": "busy", "no_answer": "no_answer", "answering_machine": "answering_machine", "fax": "fax_detected",
}  # fmt: skip
_META: Final = frozenset({"lifecycle", "depends_on", "provider", "provisioner", "timeouts", "dynamic", "id"})
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "ruleset": frozenset({"name", "contact_list_id", "queue_id", "rules"}),
    "rule": frozenset({"name", "order", "category", "conditions", "actions"}),
    "attempt_limit": frozenset(
        {
            "name",
            "reset_period",
            "time_zone_id",
            "max_attempts_per_contact",
            "max_attempts_per_number",
            "recall_entries",
        }
    ),
    "recall_entries": frozenset(_RECALLS),
    "callabletimeset": frozenset({"name", "callable_times"}),
    "callanalysisresponseset": frozenset({"name", "beep_detection_enabled", "responses"}),
}
"""What is known of each kind of block; anything else is named as not carried over."""

_SIT: Final = ("sit_detected", "sit_no_circuit", "sit_reorder", "sit_unknown")
_DEAD: Final = ("sit_invalid_number", "sit_vacant_code", "sit_intercept")
_ANALYSIS: Final[Mapping[str, Sequence[str]]] = {
    "callable.person": ("answer",),
    "callable.machine": ("answering_machine",),
    "callable.busy": ("busy",),
    "callable.noanswer": ("no_answer",),
    "callable.fax": ("fax_detected",),
    "callable.lineconnected": ("silence",),
    "callable.disconnect": ("remote_release",),
    "callable.sit": _SIT,
    "uncallable.sit": _DEAD,
    "uncallable.notfound": ("sit_invalid_number",),
}
_DISPOSITION: Final = "disposition.classification."
_SYSTEM: Final[Mapping[str, Sequence[str]]] = {
    "ININ-OUTBOUND-BUSY": ("busy",),
    "ININ-OUTBOUND-NO-ANSWER": ("no_answer",),
    "ININ-OUTBOUND-MACHINE": ("answering_machine",),
    "ININ-OUTBOUND-FAX": ("fax_detected",),
    "ININ-OUTBOUND-LIVE-VOICE": ("answer",),
    "ININ-OUTBOUND-DISCONNECT": ("remote_release",),
    "ININ-OUTBOUND-SIT-CALLABLE": _SIT,
    "ININ-OUTBOUND-SIT-UNCALLABLE": _DEAD,
    "ININ-OUTBOUND-FAILED-TO-REACH-AGENT": ("dropped",),
}
_RESPONSES: Final[Mapping[str, str]] = {
    "callable_machine": "answering_machine", "callable_fax": "fax_detected", "callable_lineconnected": "silence",
}  # fmt: skip
_ENDS: Final = frozenset(
    {
        "callable_busy",
        "callable_disconnect",
        "callable_noanswer",
        "callable_sit",
        "uncallable_notfound",
        "uncallable_sit",
    }
)
_ALL_RESULTS: Final = [r.word for r in CallResult if r not in (CallResult.OK, CallResult.UNKNOWN)]

_OPERATORS: Final = (
    "EQUALS", "LESS_THAN", "LESS_THAN_EQUALS", "GREATER_THAN", "GREATER_THAN_EQUALS", "CONTAINS", "BEGINS_WITH",
    "ENDS_WITH", "BEFORE", "AFTER", "IN",
)  # fmt: skip
_COMPARE: Final[Mapping[str, str]] = {
    "EQUALS": "eq", "LESS_THAN": "lt", "LESS_THAN_EQUALS": "le", "GREATER_THAN": "gt", "GREATER_THAN_EQUALS": "ge",
    "CONTAINS": "contains", "BEGINS_WITH": "like", "ENDS_WITH": "like",
}  # fmt: skip
_OPPOSITE: Final[Mapping[str, str]] = {
    "eq": "ne", "lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "contains": "not_contains", "like": "not_like",
}  # fmt: skip
_ABOUT_CALLS: Final = ("wrapupCondition", "systemDispositionCondition", "callAnalysisCondition")
_CONDITIONS: Final = (
    *_ABOUT_CALLS, "contactAttributeCondition", "phoneNumberCondition", "phoneNumberTypeCondition",
    "contactPropertyCondition", "dataActionCondition", "timeAndDateCondition",
)  # fmt: skip
_DEVICES: Final[Mapping[str, str]] = {
    "cell": "mobile", "mobile": "mobile", "home": "home", "work": "direct_business", "business": "direct_business",
}  # fmt: skip
_ACTIONS: Final[Mapping[str, str]] = {
    "DO_NOT_DIAL": "is for before the call",
    "MODIFY_CONTACT_ATTRIBUTE": "rules do not write into the list",
    "SWITCH_TO_PREVIEW": "the dialing mode is one for a whole group",
    "APPEND_NUMBER_TO_DNC_LIST": "is for after the call",
    "APPEND_CUSTOM_ENTRY_TO_DNC_LIST": "a suppression list holds numbers and clients only",
    "SCHEDULE_CALLBACK": "is for after the call",
    "CONTACT_UNCALLABLE": "is for after the call",
    "NUMBER_UNCALLABLE": "is for after the call",
    "SET_CALLER_ID": "the caller ID is one for a whole group",
    "SET_SKILLS": "there is no routing by skill",
    "DATA_ACTION": "calls of other services are no part of a ruleset",
}
"""The actions, and why one has no place before or after a call."""


def fits(file: Path) -> bool:
    """Whether a file is Terraform's."""
    return file.name.endswith((".tf", ".tf.json")) or (
        file.suffix == ".json" and f'"{_PREFIX}' in text_of(file)
    )


def migrate(files: Sequence[Path], drafts: Drafts) -> None:
    """Turn each rule set, attempt limit, callable time set and response set into a ruleset. Raises Problems."""
    problems: list[Problem] = []
    found = list(resources(files, problems))
    if not any(kind.startswith(_PREFIX) for kind, _ in found):
        raise UserError(f"{drafts.source}: no resource of {_PREFIX}... is in there")
    source = _Source([*found, *resources(files, problems, "data")])
    parts: Mapping[str, Callable[[Block, Draft, _Source], None]] = {
        "ruleset": _ruleset, "attempt_limit": _attempt_limit, "callabletimeset": _callable_times,
        "callanalysisresponseset": _responses,
    }  # fmt: skip
    named = Counter(block.label for kind, block in found if kind.removeprefix(_PREFIX) in parts)
    for kind, block in found:
        short = kind.removeprefix(_PREFIX)
        what = f"{short} {block.label}"
        if not kind.startswith(_PREFIX):
            continue
        if short in _NO_RULES:
            drafts.left_out(block.mark, what, _NO_RULES[short])
        elif short not in parts:
            drafts.not_carried(block.mark, what, _NO_COUNTERPART.get(short, "is not known here"))
        elif "for_each" in block or "count" in block:
            drafts.not_carried(
                block.mark, what, "for_each and count are worked out by Terraform alone; write them out"
            )
        else:
            draft = drafts.begin(
                block.label if named[block.label] == 1 else f"{block.label}_{short}", _name(block)
            )
            try:
                _name_unknown(block, short, what, draft)
                parts[short](block, draft, source)
            except CannotCarry as reason:
                draft.not_carried(block.mark, what, str(reason))
    if problems:
        raise Problems(problems)


def _name_unknown(block: Block, kind: str, what: str, draft: Draft) -> None:
    for key in block:
        if key not in _KEYS[kind] | _META and key in block:
            draft.not_carried(block.place(key), f"{what} {key}", "is not known here")


def _name(block: Block) -> str:
    try:
        return block.text("name") or block.label
    except CannotCarry:
        return block.label


class _Source:
    """What resources refer to each other by."""

    def __init__(self, found: Sequence[tuple[str, Block]]) -> None:
        self._blocks = {(kind, block.label): block for kind, block in found}
        limits = [block for kind, block in found if kind == f"{_PREFIX}attempt_limit"]
        self.most_attempts = self._most(limits)

    def name(self, value: str) -> str:
        """What a reference to a resource is called: its name, else its label; a literal is itself."""
        target = reference(value)
        if target is None:
            return literal("an identifier", value)
        block = self._blocks.get(target)
        return _name(block) if block else target[1]

    @staticmethod
    def _most(limits: Sequence[Block]) -> int | None:
        """The most attempts of the one attempt limit there is, None if there are several or none."""
        try:
            if len(limits) == 1:
                return limits[0].whole("max_attempts_per_contact") or limits[0].whole(
                    "max_attempts_per_number"
                )
        except CannotCarry:
            pass
        return None


# --- rule sets -------------------------------------------------------------------------------------


def _ruleset(block: Block, draft: Draft, source: _Source) -> None:
    def order(rule: Block) -> int:
        try:
            return rule.whole("order") or 0
        except CannotCarry:
            return 0

    for rule in sorted(block.blocks("rules"), key=order):
        what = f"'{_name(rule) if 'name' in rule else 'rule'}'"
        _name_unknown(rule, "rule", what, draft)
        try:
            category = rule.one_of("category", ("DIALER_PRECALL", "DIALER_WRAPUP"))
            actions = [(a, a.one_of("action_type_name", list(_ACTIONS))) for a in rule.blocks("actions")]
            (_before_call if category == "DIALER_PRECALL" else _after_call)(
                rule, what, actions, draft, source
            )
        except CannotCarry as reason:
            draft.not_carried(rule.mark, what, str(reason))


def _before_call(
    rule: Block, what: str, actions: Sequence[tuple[Block, str]], draft: Draft, _: _Source
) -> None:
    for action, name in actions:
        if name != "DO_NOT_DIAL":
            draft.not_carried(action.mark, f"{what} {name}", _ACTIONS[name])
            continue
        conditions = [_condition(condition, draft) for condition in rule.blocks("conditions")]
        if not conditions:
            raise CannotCarry("has no conditions")
        draft.filter(rule.mark, what, "where", _joined("any", [negative for _, negative in conditions]))


def _after_call(
    rule: Block, what: str, actions: Sequence[tuple[Block, str]], draft: Draft, source: _Source
) -> None:
    on, dispositions, when = _answered(rule, draft, source)
    steps = []
    for action, name in actions:
        try:
            treated = _treatment(action, name, source, draft, what)
            steps.append((_RANK.index(name), action, name, treated))
        except CannotCarry as reason:
            draft.not_carried(action.mark, f"{what} {name}", str(reason))
    steps.sort(key=lambda step: step[0])
    written = draft.rule(on, dispositions, when)
    for index, (_, action, name, (treatment, parameters)) in enumerate(steps):
        if index:
            draft.not_carried(
                action.mark, f"{what} {name}", f"one action follows a call; {steps[0][2]} stands"
            )
        else:
            written.step(action.mark, f"{what} {name}", treatment, parameters)


_RANK: Final = ("APPEND_NUMBER_TO_DNC_LIST", "CONTACT_UNCALLABLE", "SCHEDULE_CALLBACK", "NUMBER_UNCALLABLE")
"""The actions that have a treatment; of several the first stands."""


def _treatment(action: Block, name: str, source: _Source, draft: Draft, what: str) -> tuple[str, Spec]:
    """The treatment an action is, and its parameters. Raises CannotCarry."""
    properties = action.mapping("properties")
    match name:
        case "APPEND_NUMBER_TO_DNC_LIST":
            listed = next(
                (value for key, value in properties.items() if squeezed_key(key) == "dnclistid"), ""
            )
            parameters: Spec = {"list": field_name(source.name(listed)) if listed else "dnc"}
            period = next(
                (value for key, value in properties.items() if squeezed_key(key) == "expirationduration"), ""
            )
            if period:
                days = re.fullmatch(r"P([0-9]+)D", literal("expirationDuration", period))
                if not days:
                    raise CannotCarry(f"the period {period} is no number of days")
                parameters["valid_for"] = f"{days[1]}d"
            return "do_not_call", parameters
        case "CONTACT_UNCALLABLE":
            return "finish", {}
        case "NUMBER_UNCALLABLE":
            return "next_in_chain", {}
        case "SCHEDULE_CALLBACK":
            offset = literal("callbackOffset", properties.get("callbackOffset", ""))
            if not offset.isdigit():
                action.wrong("properties", f"callbackOffset is '{offset}'; write minutes, a whole number")
                offset = "1"
            times = (source.most_attempts or 2) - 1
            if source.most_attempts is None:
                why = "a callback every time has no bound; one is made, or as many as the one attempt limit allows"
                draft.not_carried(action.mark, f"{what} {name} again", why)
            return "retry_in", {"interval": duration_text(int(offset) * 60), "attempts": max(times, 1)}
    raise CannotCarry(_ACTIONS[name])


def squeezed_key(key: str) -> str:
    """A property's name, without regard to its spelling."""
    return key.replace("_", "").lower()


def _answered(rule: Block, draft: Draft, source: _Source) -> tuple[list[str], list[str], Spec | None]:
    """The results and dispositions a rule answers, and its condition. Raises CannotCarry."""
    on: list[str] = []
    dispositions: list[str] = []
    when = []
    about_calls = 0
    for condition in rule.blocks("conditions"):
        kind = condition.one_of("type", _CONDITIONS)
        if kind not in _ABOUT_CALLS:
            when.append(_condition(condition, draft)[0])
            continue
        about_calls += 1
        if condition.flag("inverted"):
            raise CannotCarry(f"an inverted {kind} is every other result; name those")
        if kind == "wrapupCondition":
            for code in condition.texts("codes"):
                name = source.name(code)
                results = _SYSTEM.get(name, ())
                on += results
                dispositions += [] if results else [name]
        else:
            on += _results(condition, kind)
    if about_calls > 1:
        raise CannotCarry(
            "several conditions on the result at once; a rule answers a result or a disposition"
        )
    if not (on or dispositions):
        raise CannotCarry("no condition names a result or a wrap-up code; name the results it is for")
    return on, dispositions, _joined("all", when) if when else None


def _results(condition: Block, kind: str) -> Sequence[str]:
    value = condition.text("value")
    operator = condition.one_of("operator", _OPERATORS, "EQUALS")
    if operator != "EQUALS":
        raise CannotCarry(f"{kind} with {operator}; name the results")
    known = _ANALYSIS if kind == "callAnalysisCondition" else _SYSTEM
    results = known.get(value.removeprefix(_DISPOSITION))
    if results is None:
        raise CannotCarry(f"'{value}' has no call result")
    return results


# --- conditions ------------------------------------------------------------------------------------


def _condition(condition: Block, draft: Draft) -> tuple[Spec, Spec]:
    """A condition and its opposite; of any record one of the two is true. Raises CannotCarry."""
    kind = condition.one_of("type", _CONDITIONS)
    if kind == "contactAttributeCondition":
        column = condition.text("attribute_name")
        if not column:
            condition.wrong("attribute_name", "is missing; the column of the contact list")
        field = field_name(column)
        if field in FIELD_TYPES:
            field = f"own_{field}"
        numeric = condition.one_of("value_type", ("STRING", "NUMERIC", "DATETIME", "PERIOD"), "STRING")
        if numeric not in ("STRING", "NUMERIC"):
            raise CannotCarry(f"a comparison of {numeric} values has no counterpart")
        pair = _compared(condition, field, numeric == "NUMERIC")
        draft.fields[field] = (
            f"column '{column}'{', of type number or integer' if numeric == 'NUMERIC' else ''}"
        )
    elif kind == "phoneNumberCondition":
        value = condition.text("value")
        pair = _compared(condition, "phone" if value.startswith("+") else "contact_info", False)
    elif kind == "phoneNumberTypeCondition":
        device = _DEVICES.get(condition.text("value").lower())
        if device is None or condition.one_of("operator", _OPERATORS, "EQUALS") != "EQUALS":
            raise CannotCarry(f"'{condition.text('value')}' is no device type here")
        pair = ({"field": "contact_info_type", "eq": device}, {"field": "contact_info_type", "ne": device})
    elif kind in _ABOUT_CALLS:
        raise CannotCarry(f"a {kind} before the call asks for the call before; there is no such condition")
    else:
        raise CannotCarry(f"a {kind} has no counterpart")
    return (pair[1], pair[0]) if condition.flag("inverted") else pair


def _compared(condition: Block, field: str, numeric: bool) -> tuple[Spec, Spec]:
    operator = condition.one_of("operator", _OPERATORS)
    value: Any = condition.text("value")
    fixed = field in FIELD_TYPES
    if operator == "IN":
        return _one_of(value, field, fixed)
    if operator not in _COMPARE:
        raise CannotCarry(f"{operator} has no counterpart")
    if operator == "EQUALS" and not value:
        return {"field": field, "empty": True}, {"field": field, "empty": False}
    if numeric:
        try:
            value = float(value) if "." in value else int(value)
        except ValueError:
            condition.wrong("value", f"'{value}' is no number, though value_type is NUMERIC")
    if operator in ("BEGINS_WITH", "ENDS_WITH"):
        if set(str(value)) & set("%_"):
            raise CannotCarry(f"'{value}' holds % or _, which stand for other characters in `like`")
        value = f"{value}%" if operator == "BEGINS_WITH" else f"%{value}"
    word = _COMPARE[operator]
    opposite: Spec = {"field": field, _OPPOSITE[word]: value}
    return {"field": field, word: value}, opposite if fixed else _or_empty(field, opposite)


def _one_of(value: str, field: str, fixed: bool) -> tuple[Spec, Spec]:
    try:
        values = json.loads(value)
    except json.JSONDecodeError:
        values = None
    if not (isinstance(values, list) and values and all(isinstance(item, str) for item in values)):
        raise CannotCarry(f"IN with '{value}', which is no JSON list of texts")
    opposite: Spec = {"field": field, "not_in": values}
    return {"field": field, "in": values}, opposite if fixed else _or_empty(field, opposite)


def _or_empty(field: str, opposite: Spec) -> Spec:
    """A comparison that is also true of a missing value, as the opposite of one that is not."""
    return {"any": [{"field": field, "empty": True}, opposite]}


def _joined(word: str, parts: Sequence[Spec]) -> Spec:
    """Conditions as one; parts that are joined by the same word are taken in."""
    flat = [inner for part in parts for inner in part.get(word, [part])]
    return flat[0] if len(flat) == 1 else {word: flat}


# --- the other resources ---------------------------------------------------------------------------


def _attempt_limit(block: Block, draft: Draft, _: _Source) -> None:
    what = f"attempt limit {block.label}"
    try:
        period = block.one_of("reset_period", ("NEVER", "TODAY"), "NEVER")
        within = {"within": "day"} if period == "TODAY" else {}
        for key, per in (("max_attempts_per_contact", "client"), ("max_attempts_per_number", "device")):
            most = block.whole(key)
            if most:
                draft.filter(
                    block.place(key), f"{what} {key}", "attempts",
                    {"at_most": most, **within, "per": per, "results": _ALL_RESULTS},
                )  # fmt: skip
        if within and "time_zone_id" in block:
            why = "a day begins at midnight in the zone of the record"
            draft.not_carried(
                block.place("time_zone_id"), f"{what} time_zone_id {block.text('time_zone_id')}", why
            )
    except CannotCarry as reason:
        draft.not_carried(block.mark, what, str(reason))
    for entries in block.blocks("recall_entries"):
        _name_unknown(entries, "recall_entries", f"{what} recall of", draft)
        for key, result in _RECALLS.items():
            for entry in entries.blocks(key):
                try:
                    times, minutes = entry.whole("nbr_attempts"), entry.whole("minutes_between_attempts")
                    if minutes is None:
                        entry.wrong("minutes_between_attempts", "is missing; minutes, 5 or more")
                    parameters = {"interval": duration_text((minutes or 0) * 60), "attempts": times or 1}
                    draft.rule([result]).step(entry.mark, f"{what} recall of {key}", "retry_in", parameters)
                except CannotCarry as reason:
                    draft.not_carried(entry.mark, f"{what} recall of {key}", str(reason))


def _callable_times(block: Block, draft: Draft, _: _Source) -> None:
    what = f"callable times {block.label}"
    zones: list[str] = []
    for times in block.blocks("callable_times"):
        try:
            zone = times.text("time_zone_id")
            if not zone:
                times.wrong("time_zone_id", "is missing; write e.g. America/New_York")
            week: dict[str, list[str]] = {day: [] for day in _DAYS}
            for slot in times.blocks("time_slots"):
                day = slot.whole("day")
                if day is None or not 1 <= day <= 7:
                    slot.wrong("day", "must be from 1, Monday, to 7, Sunday")
                    continue
                start, stop = _time(slot, "start_time", up=True), _time(slot, "stop_time", up=False)
                if start and stop:
                    week[_DAYS[day - 1]].append(f"{start}-{'24:00' if stop == '00:00' else stop}")
        except CannotCarry as reason:
            draft.not_carried(times.mark, what, str(reason))
            continue
        hours = {
            day: slots[0] if len(slots) == 1 else sorted(slots) if slots else "closed"
            for day, slots in week.items()
        }
        draft.filter(
            times.mark,
            f"{what} {zone}",
            "calling_hours",
            {"hours": ranges(hours)},
            {"field": "tz", "eq": zone},
        )
        zones.append(zone)
    if zones:
        only = {"field": "tz", "eq": zones[0]} if len(zones) == 1 else {"field": "tz", "in": zones}
        draft.filter(block.mark, f"{what}, no other zone is called", "where", only)


def _time(slot: Block, key: str, *, up: bool) -> str:
    """HH:mm:ss as HH:MM; seconds make the slot shorter, never longer."""
    value = slot.text(key)
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.[0-9]+)?)?", value)
    if not found:
        slot.wrong(
            key,
            f"'{value}' is no time of day; write HH:mm:ss, e.g. 09:30:00"
            if value
            else "is missing; write HH:mm:ss",
        )
        return ""
    minutes = int(found[1]) * 60 + int(found[2]) + (1 if up and int(found[3] or 0) else 0)
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _responses(block: Block, draft: Draft, source: _Source) -> None:
    what = f"response set {block.label}"
    for responses in block.blocks("responses"):
        for key in responses:
            for response in responses.blocks(key):
                try:
                    reaction = response.one_of("reaction_type", ("hangup", "transfer", "transfer_flow"))
                    where = {"hangup": "drop", "transfer": "agent"}.get(reaction, "")
                    if not where:
                        where = response.text("name") or source.name(
                            response.texts("data")[0] if "data" in response else "flow"
                        )
                    if key in _RESPONSES:
                        draft.deliver(response.mark, f"{what} {key} {reaction}", _RESPONSES[key], where)
                    elif (key, where) == ("callable_person", "agent") or (key in _ENDS and where == "drop"):
                        draft.left_out(response.mark, f"{what} {key} {reaction}", "so it is without a rule")
                    elif key == "callable_person":
                        draft.not_carried(
                            response.mark, f"{what} {key} {reaction}", "a live person goes to an agent"
                        )
                    else:
                        draft.not_carried(response.mark, f"{what} {key} {reaction}", "has no counterpart")
                except CannotCarry as reason:
                    draft.not_carried(response.mark, f"{what} {key}", str(reason))
    try:
        if block.flag("beep_detection_enabled"):
            draft.not_carried(
                block.place("beep_detection_enabled"), f"{what} beep_detection_enabled", "has no counterpart"
            )
    except CannotCarry as reason:
        draft.not_carried(block.mark, f"{what} beep_detection_enabled", str(reason))
