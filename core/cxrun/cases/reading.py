"""Reading a case file with all its problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from cxrun.cases.case import Case, CaseStep, Look, Past, Stated
from cxrun.cases.format import CASES_SCHEMA, DEVICES, RESULTS, STATUSES, TYPES
from cxrun.cases.when import When, known_zone
from cxrun.contacts import DAILY_FROM, DAILY_TILL
from cxrun.errors import Problem, UserError
from cxrun.model import (
    ASLEEP,
    CHAINED,
    PRIORITY,
    CallResult,
    PastAttempt,
    Record,
    RecordStatus,
    Suppression,
    Value,
)
from cxrun.numbers import parse_number
from cxrun.schema import schema_problems
from cxrun.times import seconds, time_of_day
from cxrun.yamlfile import Document, Path

_DECISIONS: Final = ("dial", "defer", "exclude")
_CONSEQUENCES: Final = ("dial", "finish", "do_not_call", "update_chain", "agent_error")
_WITH_REASON: Final = ("exclude", "finish", "update_chain", "agent_error")


def own_fields(data: Any) -> dict[str, str]:
    """The list's own fields that the records of a case file give, and their types."""
    found: dict[str, str] = {}
    cases = data.get("cases", ()) if isinstance(data, dict) else ()
    for given in (data.get("defaults") or {}, *cases):
        for name, value in ((given.get("record") or {}).get("fields") or {}).items():
            if isinstance(value, str):
                found[name] = "text"
            elif value is not None:
                found[name] = "number" if isinstance(value, float) else found.get(name, "integer")
            else:
                found.setdefault(name, "text")
    return found


def read_cases(document: Document) -> tuple[list[Case], list[Problem]]:
    """Check a document and read its cases, collecting all problems; with any, the cases are not to be played."""
    problems = list(document.problems)
    data = document.data
    if data is None:
        return [], problems or [document.problem((), "is empty; a case file has `cases:`")]
    broken = schema_problems(document, (), data, CASES_SCHEMA)
    if broken:
        return [], problems + broken
    if "ruleset" in data and "group" in data:
        problems.append(document.problem(("group",), "a file is about a ruleset or a group, not both"))
    reader = _Reader(document, problems)
    cases = [case for index in range(len(data["cases"])) if (case := reader.case(index))]
    return cases, problems


class _Reader:
    """Reads the cases of one document; problems are collected on the way."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.document = document
        self.problems = problems
        self.defaults: dict[str, Any] = document.data.get("defaults") or {}
        self.region: str | None = document.data.get("region")
        self.names: dict[str, int] = {}
        self._numbers: dict[str, Any] = {}

    def complain(self, path: Path, message: str) -> None:
        self.problems.append(self.document.problem(path, message))

    def case(self, index: int) -> Case | None:
        data = self.document.data["cases"][index]
        path: Path = ("cases", index)
        before = len(self.problems)
        if data["name"] in self.names:
            line = self.document.mark(("cases", self.names[data["name"]], "name")).line
            self.complain((*path, "name"), f"'{data['name']}' is already the name of the case on line {line}")
        self.names[data["name"]] = index
        kinds = [key for key in ("expect", "moments", "timeline") if key in data]
        if len(kinds) > 1:
            self.complain(
                (*path, kinds[1]), f"a case has `{kinds[0]}` or `{kinds[1]}`, not both; write another case"
            )
        common = self._common(data)
        devices = data.get("chain") or (self.defaults.get("chain") if "phone" not in common else None) or [{}]
        chain = [self._record(path, common, device, n, len(devices)) for n, device in enumerate(devices, 1)]
        zone = self._zone(path, data, chain[0])
        start = self._start(path, data, zone) if zone else None
        records = tuple(record for record in chain if record is not None)
        if start is None or zone is None or len(records) < len(chain):
            return None
        past = self._attempts(path, data, records, start, zone)
        records = self._in_state(records, devices, common, [attempt for attempt, _ in past])
        at, imported = self._given(path, data, "imported")
        ring_time = self._given(path, data, "ring_time")[1]
        case = Case(
            name=data["name"],
            path=path,
            zone=zone,
            start=start,
            chain=records,
            past=tuple(past),
            suppressions=tuple(self._suppressions(path, data, records, start, zone)),
            imported=self._imported(at, imported, start, zone) if imported else None,
            ring_time=None if ring_time is None else seconds(ring_time),
            looks=tuple(self._looks(path, data, start, zone)),
            steps=tuple(self._steps(path, data)),
        )
        return case if len(self.problems) == before else None

    def _common(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What the case and the defaults say of the record, the list's own fields of both."""
        below, above = self.defaults.get("record") or {}, data.get("record") or {}
        fields = {**below.get("fields", {}), **above.get("fields", {})}
        return {**below, **above, "fields": fields}

    def _given(self, path: Path, data: Mapping[str, Any], key: str) -> tuple[Path, Any]:
        """A value of the case, else of the defaults, and its path."""
        if key in data:
            return (*path, key), data[key]
        return ("defaults", key), self.defaults.get(key)

    def _number(self, path: Path, text: str) -> Any:
        if text not in self._numbers:
            try:
                self._numbers[text] = parse_number(text, self.region)
            except UserError as error:
                self.complain(path, str(error))
                return None
        return self._numbers[text]

    def _record(
        self, path: Path, common: Mapping[str, Any], device: Mapping[str, Any], n: int, size: int
    ) -> Record | None:
        data = {**common, **device}
        if "phone" not in data:
            self.complain(path, 'a record needs its number, e.g. record: {phone: "+12125550123"}')
            return None
        number = self._number(path, data["phone"])
        if number is None:
            return None
        tz = data.get("tz")
        zones = () if tz == "unknown" else tuple(tz.split()) if tz else number.zones
        wrong = [zone for zone in zones if not known_zone(zone)]
        if wrong:
            self.complain(
                path, f"no time zone named '{wrong[0]}'; write an IANA name such as America/New_York"
            )
            return None
        kind = TYPES[data.get("record_type", "general")]
        fields: dict[str, Value] = {
            name: int(value) if isinstance(value, bool) else value for name, value in data["fields"].items()
        }
        first = n == 1
        return Record(
            record_id=n,
            list_id=1,
            chain_id=1,
            chain_n=n,
            chain_size=size,
            contact_info=data["phone"],
            phone=number.e164,
            contact_info_type=DEVICES[data.get("type", "none")],
            tz=" ".join(zones),
            tz_source="contact" if tz else "number" if zones else "",
            country=data.get("country", number.country),
            area_code=data.get("area_code", number.area_code),
            daily_from=time_of_day(data["daily_from"]) if "daily_from" in data else DAILY_FROM,
            daily_till=time_of_day(data["daily_till"]) if "daily_till" in data else DAILY_TILL,
            record_type=kind,
            record_status=int(RecordStatus.READY if first else RecordStatus.CHAIN_READY),
            call_result=int(CallResult.UNKNOWN),
            attempt=0,
            dial_sched_time=0,
            call_time=0,
            treatments=data.get("treatments", ""),
            agent_id=data.get("agent_id"),
            due=0 if first else CHAINED,
            priority=PRIORITY.get(kind, ASLEEP) if first else ASLEEP,
            client_id=data.get("client_id"),
            first_name=data.get("first_name"),
            last_name=data.get("last_name"),
            company=data.get("company"),
            fields=fields,
        )

    def _in_state(
        self,
        records: Sequence[Record],
        devices: Sequence[Mapping[str, Any]],
        common: Mapping[str, Any],
        attempts: Sequence[PastAttempt],
    ) -> tuple[Record, ...]:
        """The records as their past attempts and their own words leave them."""
        said = [device.get("record_status", common.get("record_status")) for device in devices]
        if "ready" not in said:
            first_open = next((n for n, word in enumerate(said) if word in (None, "chain_ready")), None)
            said = [word or ("ready" if n == first_open else "chain_ready") for n, word in enumerate(said)]
        found = []
        for record, device, word in zip(records, devices, said, strict=True):
            data = {**common, **device}
            own = [past for past in attempts if (past.phone, past.client) == (record.phone, record.client)]
            status = STATUSES[word or "chain_ready"]
            ready = status == RecordStatus.READY
            result = data.get("call_result")
            found.append(
                record._replace(
                    record_status=status,
                    due=0 if ready else CHAINED,
                    priority=PRIORITY.get(record.record_type, ASLEEP) if ready else ASLEEP,
                    attempt=data.get("attempt", len(own)),
                    call_time=int(max((past.placed for past in own), default=0)),
                    call_result=RESULTS[result]
                    if result
                    else own[-1].call_result
                    if own
                    else record.call_result,
                )
            )
        return tuple(found)

    def _zone(self, path: Path, data: Mapping[str, Any], first: Record | None) -> str | None:
        at, zone = self._given(path, data, "zone")
        if zone is not None:
            if known_zone(zone):
                return str(zone)
            self.complain(at, f"no time zone named '{zone}'; write an IANA name such as America/New_York")
            return None
        if first is None:
            return None
        if len(first.zones) == 1:
            return first.zones[0]
        several = "may be in several zones" if first.zones else "is in no known zone"
        self.complain(path, f"{first.phone} {several}; say by `zone:` whose clock the times are written by")
        return None

    def _when(self, path: Path, text: str) -> When | None:
        try:
            return When.read(text)
        except ValueError as error:
            self.complain(path, str(error))
            return None

    def _at(self, path: Path, text: str, base: float, zone: str) -> float | None:
        """A time in Unix UTC seconds."""
        when = self._when(path, text)
        if when is None:
            return None
        try:
            return when.at(base, zone)
        except ValueError as error:
            self.complain(path, str(error))
            return None

    def _start(self, path: Path, data: Mapping[str, Any], zone: str) -> float | None:
        at, text = self._given(path, data, "at")
        if text is None and "moments" in data:
            text = next(iter(data["moments"]))
            at = (*path, "moments", text)
        if text is None:
            self.complain(path, "has no time; add e.g. `at: 2026-03-02 09:00`")
            return None
        when = self._when(at, text)
        if when is None:
            return None
        if when.date is None:
            self.complain(at, f"'{text}' needs its date, e.g. 2026-03-02 09:00")
            return None
        return self._at(at, text, 0.0, zone)

    def _attempts(
        self, path: Path, data: Mapping[str, Any], chain: Sequence[Record], start: float, zone: str
    ) -> list[Past]:
        above, items = self._given(path, data, "attempts")
        found = []
        for index, item in enumerate(items or ()):
            at: Path = (*above, index)
            if ("at" in item) == ("ago" in item):
                self.complain(at, "an attempt has either `at` or `ago`")
                continue
            number = self._chain_number(at, item, chain)
            phone = self._number((*at, "phone"), item["phone"]) if "phone" in item else None
            if number is None or ("phone" in item and phone is None):
                continue
            record = chain[number - 1]
            for moment in self._past(at, item, start, zone):
                attempt = PastAttempt(
                    moment,
                    RESULTS[item["result"]],
                    item.get("disposition"),
                    item.get("client_id", record.client),
                    phone.e164 if phone else record.phone,
                    record.record_id,
                    ended=moment + seconds(item.get("lasts", 0)),
                )
                found.append(Past(attempt, {**record.fields, **item.get("fields", {})}))
        found.sort(key=lambda past: past.attempt.placed)
        # numbered from -1 down, so that none is taken for an attempt the timeline makes
        return [Past(replace(attempt, attempt=-n), own) for n, (attempt, own) in enumerate(found, 1)]

    def _imported(self, path: Path, text: str, start: float, zone: str) -> float | None:
        when = self._when(path, text)
        if when is not None and when.after is not None:
            return start - when.after
        return self._dated(path, text, zone)

    def _chain_number(self, path: Path, item: Mapping[str, Any], chain: Sequence[Record]) -> int | None:
        number: int = item.get("dial", 1)
        if number <= len(chain):
            return number
        self.complain((*path, "dial"), f"there is no number {number} in a chain of {len(chain)}")
        return None

    def _past(self, path: Path, item: Mapping[str, Any], start: float, zone: str) -> Iterator[float]:
        key = "ago" if "ago" in item else "at"
        many = item[key] if isinstance(item[key], list) else [item[key]]
        for n, text in enumerate(many):
            at: Path = (*path, key, n) if isinstance(item[key], list) else (*path, key)
            moment = start - seconds(text) if key == "ago" else self._dated(at, text, zone)
            if moment is not None and moment > start:
                self.complain(at, f"'{text}' is after the case begins")
            elif moment is not None:
                yield moment

    def _dated(self, path: Path, text: str, zone: str) -> float | None:
        when = self._when(path, text)
        if when is not None and when.date is None:
            self.complain(path, f"'{text}' needs its date, e.g. 2026-03-02 09:00")
            return None
        return self._at(path, text, 0.0, zone) if when else None

    def _suppressions(
        self, path: Path, data: Mapping[str, Any], chain: Sequence[Record], start: float, zone: str
    ) -> Iterator[Suppression]:
        above, items = self._given(path, data, "suppressions")
        for index, item in enumerate(items or ()):
            at: Path = (*above, index)
            if ("device" in item) == ("client" in item):
                self.complain(at, "an entry has either `device` or `client`")
                continue
            valid_from = self._dated((*at, "from"), item["from"], zone) if "from" in item else 0.0
            valid_till = self._at((*at, "till"), item["till"], start, zone) if "till" in item else None
            if "client" in item:
                kind, key = "client", item["client"]
            elif isinstance(item["device"], int):
                if self._chain_number((*at, "device"), {"dial": max(item["device"], 1)}, chain) is None:
                    continue
                kind, key = "device", chain[max(item["device"], 1) - 1].phone
            else:
                number = self._number((*at, "device"), item["device"])
                kind, key = "device", number.e164 if number else ""
            yield Suppression(item["list"], kind, key, valid_from or 0.0, valid_till)

    def _looks(self, path: Path, data: Mapping[str, Any], start: float, zone: str) -> Iterator[Look]:
        if "moments" not in data:
            if "timeline" not in data:
                stated = self._stated((*path, "expect"), data.get("expect"), _DECISIONS)
                yield Look((*path, "expect"), start, stated)
            return
        last: float | None = None
        for text, stated in data["moments"].items():
            at: Path = (*path, "moments", text)
            moment = self._at(at, text, start if last is None else last, zone)
            if moment is None:
                continue
            if last is not None and moment < last:
                self.complain(at, f"'{text}' is before the time above it")
            last = moment
            yield Look(at, moment, self._stated(at, stated, _DECISIONS))

    def _steps(self, path: Path, data: Mapping[str, Any]) -> Iterator[CaseStep]:
        steps = data.get("timeline", ())
        for index, given in enumerate(steps):
            at: Path = (*path, "timeline", index)
            item: dict[str, Any] = {"result": given} if isinstance(given, str) else given
            told = {key: item[key] for key in ("dial", "defer", "exclude", "rule", "reason") if key in item}
            call = [
                key
                for key in ("result", "disposition", "to", "becomes", "lasts", "sends", "then")
                if key in item
            ]
            stated = self._stated(at, told, _DECISIONS) if told else None
            if stated and stated.kind != "dial" and call:
                self.complain((*at, call[0]), f"there is no call, so no `{call[0]}`, when it is not dialed")
            if call and "result" not in item:
                self.complain(at, "how does the call end? add e.g. `result: busy`")
            if stated and stated.kind == "dial" and "result" not in item and index < len(steps) - 1:
                self.complain(at, "how does the call end? add e.g. `result: busy`; steps follow it")
            yield CaseStep(
                path=at,
                given=item,
                at=self._when((*at, "at"), item["at"]) if "at" in item else None,
                stated=stated,
                result=CallResult(RESULTS[item["result"]]) if "result" in item else None,
                disposition=item.get("disposition"),
                to=item.get("to"),
                becomes=CallResult(RESULTS[item["becomes"]]) if "becomes" in item else None,
                lasts=seconds(item.get("lasts", 0)),
                sends=(item["sends"],)
                if isinstance(item.get("sends"), str)
                else tuple(item.get("sends", ())),
                then=self._stated((*at, "then"), item.get("then"), _CONSEQUENCES),
            )

    def _stated(self, path: Path, value: Any, kinds: Sequence[str]) -> Stated | None:
        """Read an outcome: a word, or a mapping with exactly one of the words as a key."""
        if value is None:
            return None
        if isinstance(value, str):
            return Stated(value, path)
        named = [kind for kind in kinds if kind in value]
        if len(named) != 1:
            found = " and ".join(f"`{kind}`" for kind in named) or "none"
            self.complain(
                path, f"exactly one of {', '.join(f'`{kind}`' for kind in kinds)} is expected, found {found}"
            )
            return None
        kind = named[0]
        at = value.get("defer") if kind == "defer" else value.get("at")
        for key in ("at", "as"):
            if kind != "dial" and key in value:
                self.complain((*path, key), f"`{key}` belongs to `dial`, not to `{kind}`")
        devices = value.get("do_not_call", ())
        return Stated(
            kind,
            path,
            number=value.get("dial"),
            at=self._when((*path, "defer" if kind == "defer" else "at"), at) if at else None,
            rule=value.get("rule"),
            reason=value.get("reason") or (value.get(kind) if kind in _WITH_REASON else None),
            suppressed=frozenset([devices] if isinstance(devices, str) else devices),
            list_name=value.get("list"),
            till=self._when((*path, "till"), value["till"]) if "till" in value else None,
            callback=value.get("as"),
        )
