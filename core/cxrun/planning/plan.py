"""A batch of dials as a file: what it says, the digests it is checked by, and how it is read back."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from cxrun.campaign import Group
from cxrun.errors import Problem, Problems, UserError
from cxrun.exporting import whole_file
from cxrun.model import DeviceType, RecordType, word_of
from cxrun.moments import moment_text, parse_moment
from cxrun.planning.rehearsing import Rehearsal
from cxrun.schema import schema_problems
from cxrun.store.database import Store
from cxrun.store.fingerprints import (
    attempts_made,
    identity,
    journal_place,
    journal_since,
    list_digest,
    request_digest,
    suppression_digest,
)
from cxrun.store.lists import stored_lists
from cxrun.yamlfile import load

_FREE: Final = ("approved_by", "digest")
"""What the digest of a plan does not cover: the name of who approves, and itself."""
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_DIGESTS: Final = {"type": "object", "additionalProperties": _TEXT}
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "plan",
        "approved_by",
        "at",
        "valid_until",
        "groups",
        "inputs",
        "dials",
        "refused",
        "digest",
    ],
    "properties": {
        "plan": {"const": 1},
        "approved_by": {"type": ["string", "null"]},
        "at": _TEXT,
        "valid_until": _TEXT,
        "groups": {"type": "array", "minItems": 1, "items": _TEXT},
        "inputs": {
            "type": "object",
            "additionalProperties": False,
            "required": ["store", "rules", "lists", "attempts", "suppressions", "requests", "journal"],
            "properties": {
                "store": _TEXT,
                "rules": _DIGESTS,
                "lists": _DIGESTS,
                "attempts": _COUNT,
                "suppressions": _TEXT,
                "requests": _TEXT,
                "journal": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["rows", "head"],
                    "properties": {"rows": _COUNT, "head": _TEXT},
                },
            },
        },
        "dials": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    "record",
                    "number",
                    "group",
                    "list",
                    "priority",
                    "due",
                    "attempt",
                    "valid_until",
                ],
                "properties": {
                    "record": _COUNT,
                    "number": _TEXT,
                    "device": _TEXT,
                    "client": _TEXT,
                    "group": _TEXT,
                    "list": _TEXT,
                    "type": _TEXT,
                    "agent": _TEXT,
                    "priority": _COUNT,
                    "due": _COUNT,
                    "attempt": _COUNT,
                    "asked": _DIGESTS,
                    "valid_until": _TEXT,
                },
            },
        },
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["records", "why"],
                "properties": {"records": _COUNT, "why": _TEXT, "rule": _TEXT},
            },
        },
        "digest": _TEXT,
    },
}


class Dialed(NamedTuple):
    """A dial of a plan: which record, its number, of which list, and where it stands in the queue."""

    record_id: int
    number: str
    list_name: str
    priority: int
    due: int


class Plan(NamedTuple):
    """A plan as its file has it. `at` and `valid_until` are in Unix UTC seconds."""

    data: Mapping[str, Any]
    digest: str
    approved_by: str | None
    at: float
    valid_until: float

    @property
    def groups(self) -> Sequence[str]:
        names: Sequence[str] = self.data["groups"]
        return names

    @property
    def dials(self) -> list[Dialed]:
        """The dials in their order."""
        return [
            Dialed(item["record"], item["number"], item["list"], item["priority"], item["due"])
            for item in self.data["dials"]
        ]


def inputs_of(store: Store, groups: Iterable[Group]) -> dict[str, Any]:
    """Digests of all that decides which of the groups' records are dialed next, and in which order."""
    groups = list(groups)
    known = stored_lists(store)
    return {
        "store": identity(store),
        "rules": {group.name: _frozen_digest(group) for group in groups},
        "lists": {name: list_digest(store, known[name].list_id) for group in groups for name in group.lists},
        "attempts": attempts_made(store),
        "suppressions": suppression_digest(store),
        "requests": request_digest(store),
        "journal": journal_place(store)._asdict(),
    }


def _frozen_digest(group: Group) -> str:
    """Of everything that can change what a group dials, and when, and in which order."""
    told = {**group.frozen, "lists": list(group.lists.items())}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def moved(store: Store, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What has changed between two sets of inputs, in words; empty if nothing has."""
    if before["store"] != now["store"]:
        return ["the plan is for another store"]
    said = []
    for name in dict.fromkeys((*before["rules"], *now["rules"])):
        if before["rules"].get(name) != now["rules"].get(name):
            said.append(f"the rules or settings of group '{name}' have changed (rules)")
    for name in dict.fromkeys((*before["lists"], *now["lists"])):
        if before["lists"].get(name) != now["lists"].get(name):
            said.append(f"contact list '{name}' has changed (lists)")
    made = now["attempts"] - before["attempts"]
    if made:
        said.append(f"{made:,} attempt{' was' if made == 1 else 's were'} made since (attempts)")
    if before["suppressions"] != now["suppressions"]:
        said.append("suppression entries were added or taken off (suppressions)")
    if before["requests"] != now["requests"]:
        said.append("something was asked for single records (requests)")
    if before["journal"] != now["journal"] and not said:
        events = journal_since(store, before["journal"]["rows"])
        told = ", ".join(f"{count:,} {event}" for event, count in events.most_common(5))
        said.append(f"the journal has gone on{': ' + told if told else ''} (journal)")
    return said


def plan_data(
    rehearsal: Rehearsal, groups: Iterable[Group], inputs: Mapping[str, Any], at: float, until: float
) -> dict[str, Any]:
    """What a plan says, as plain data, its digest included."""
    refused = Counter((item.reason.text, str(item.reason.rule or "")) for item in rehearsal.refused)
    data: dict[str, Any] = {
        "plan": 1,
        "approved_by": None,
        "at": _iso(at),
        "valid_until": _iso(until),
        "groups": [group.name for group in groups],
        "inputs": dict(inputs),
        "dials": [
            {
                "record": dial.record.record_id,
                "number": dial.record.phone,
                "device": word_of(DeviceType, dial.record.contact_info_type),
                "client": dial.record.client,
                "group": dial.group,
                "list": dial.list_name,
                "type": word_of(RecordType, dial.record.record_type),
                **({"agent": dial.record.agent_id} if dial.record.agent_id else {}),
                "attempt": dial.record.attempt + 1,
                "priority": dial.record.priority,
                "due": dial.record.due,
                "asked": {str(rule): "pass" for rule in dial.asked},
                "valid_until": _iso(dial.valid_until),
            }
            for dial in rehearsal.dials
        ],
        "refused": [
            {"records": count, "why": why, **({"rule": rule} if rule else {})}
            for (why, rule), count in refused.most_common()
        ],
    }
    return {**data, "digest": content_digest(data)}


def content_digest(data: Mapping[str, Any]) -> str:
    """SHA-256 of everything a plan says, but for who approves it."""
    covered = {key: value for key, value in data.items() if key not in _FREE}
    return hashlib.sha256(json.dumps(covered, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


_HEAD: Final = """\
# A plan of cxrun: these calls in this order and no others. Nobody has been called yet.
# Read it, write your name after approved_by, then: cxrun apply FILE. Any other change makes it void.
"""


def write_plan(path: Path, data: Mapping[str, Any]) -> None:
    """Write a plan as YAML."""
    with whole_file(path) as stream:
        stream.write(_HEAD + as_yaml(data))


def as_yaml(data: Mapping[str, Any]) -> str:
    """A plan as YAML, a dial a paragraph; texts in quotation marks, so that each is read back as it was."""
    lines = []
    for key, value in data.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{key}:")
            for item in value:
                lines += [
                    f"{'- ' if n == 0 else '  '}{name}: {_flow(part)}"
                    for n, (name, part) in enumerate(item.items())
                ]
        elif isinstance(value, dict):
            lines.append(f"{key}:")
            lines += [f"  {name}: {_flow(part)}" for name, part in value.items()]
        else:
            lines.append(f"{key}: {'' if value is None else _flow(value)}".rstrip())
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_plan(path: Path) -> Plan:
    """Read a plan back. Raises Problems with file, line and column, UserError if it was edited."""
    document = load(path)
    problems: list[Problem] = [*document.problems]
    if not problems:
        problems += schema_problems(document, (), document.data, SCHEMA)
    if problems:
        raise Problems(problems)
    data = document.data
    if content_digest(data) != data["digest"]:
        raise UserError(
            f"{path} was edited after it was made: it does not have the content of its digest {data['digest'][:12]}; "
            "only approved_by is for you to fill in; make a new plan"
        )
    approved = (data["approved_by"] or "").strip() or None
    return Plan(data, data["digest"], approved, parse_moment(data["at"]), parse_moment(data["valid_until"]))


def _iso(at: float) -> str:
    return (
        datetime.fromtimestamp(at, UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
        .replace(".000000", "")
    )


def untimely(plan: Plan, now: float) -> str:
    """Why it is too early or too late for a plan, empty if it is not."""
    if plan.at <= now <= plan.valid_until:
        return ""
    if now < plan.at:
        return f"it is for {moment_text(plan.at)} and later, and it is {moment_text(now)} (at)"
    return f"it was valid until {moment_text(plan.valid_until)}, and it is {moment_text(now)} (valid_until)"
