"""Commands and runs in any order over one store; nobody is lost, called twice, or called against a rule."""

from __future__ import annotations

import csv
import itertools
import random
import shutil
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.conftest import ProjectFolder, phone
from tests.core.test_life_at_random import check

import cxrun.ledger
from cxrun.auditing.verifying import verify
from cxrun.cli import run as command_line
from cxrun.model import ASLEEP, CALLBACKS, CHAINED, PRIORITY, RecordStatus, RecordType

if TYPE_CHECKING:
    MakeProject = Callable[..., ProjectFolder]

RULES = """\
ruleset: strict
results:
  - disposition: {codes: {STOP: do_not_call, WRONG: wrong_party}}
filters:
  - suppression
  - attempts: {windows: [{at_most: %d, within: 1h}, {at_most: 6, within: 3d}], results: [%s]}
  - attempts: {at_most: 3, within: 1d, per: {field: debt}, results: [%s]}
  - quiet_after: {results: [answer], period: %s, per: client}
treatments:
  - on: busy
    do: [{redial: {interval: 10m, attempts: 2}}, {next_in_chain: }]
  - on: [no_answer, answering_machine]
    do: [{next_in_chain: {attempts: 2}}, {retry_in: {interval: 4h}}]
  - on: [abandoned, dropped]
    do: [{retry_in: {interval: 1h}}]
  - on: do_not_call
    do: [{do_not_call: {list: dnc, client: true}}]
  - on: wrong_party
    do: [{update_chain: }]
  - on: agent_callback_error
    do: [{reschedule: {interval: 30m}}, {assign_to_group: }]
  - on: unknown
    do: [{retry_in: {interval: 1h}}]
"""
WORDS = "busy, no_answer, answering_machine, fax_detected, silence, answer, wrong_party, abandoned, dropped, " \
    "sit_invalid_number, all_trunks_busy, do_not_call, wrong_number, dial_error, sit_vacant_code"  # fmt: skip
HOUR = 3600.0
LINE = {
    "simulated": {
        "outcomes": {"answer": 3, "no_answer": 2, "busy": 2, "answering_machine": 1},
        "dispositions": {"CALL_BACK": 2, "DONE": 3, "WRONG": 1, "STOP": 1},
        "callback_after": {"CALL_BACK": "2h"},
    }
}
CLIENTS = 8
NO_CALL, CANCELED = int(RecordType.NO_CALL), int(RecordStatus.CANCELED)
_chosen = st.integers(0, 10_000)


class KilledError(Exception):
    """The run is gone at this very moment."""


class Commands(RuleBasedStateMachine):
    """What users do to a store, and what must hold of it after each command."""

    template: ClassVar[Path]
    campaign: ClassVar[dict[str, Any]]
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.folder = ProjectFolder(self.template.with_name(f"walk{next(self.numbers)}"))
        shutil.copytree(self.template, self.folder.folder)
        self.folder.campaign = {**self.campaign}
        self.at_most = 2
        self.attempts: dict[tuple[int, int], tuple[Any, ...]] = {}
        self.counts: dict[int, int] = {}
        self.final: dict[int, tuple[int, int]] = {}
        self.allowed_back: set[int] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.folder.folder)

    def do(self, *words: object) -> None:
        code = command_line(["-C", str(self.folder.folder), *map(str, words)])
        assert code in (0, 1, 3), f"{words} ended with {code}"

    def record(self, pick: int) -> tuple[int, str]:
        records = self.folder.query("SELECT record_id, phone FROM records ORDER BY record_id")
        return records[pick % len(records)]

    def people(self, chance: random.Random, name: str) -> None:
        """A file of the list; numbers and debts of customers change, and some are shared."""
        rows = []
        for n in range(CLIENTS):
            first = n * 3 + (30 if name == "others" and n % 2 else 0)
            numbers = [
                phone(first + device) for device in chance.sample(range(3), chance.choice([1, 2, 2, 3]))
            ]
            rows.append([f"C{n + 1}", f"d{chance.randrange(5)}", *numbers, *[""] * (3 - len(numbers))])
        with (self.folder.folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([["Client", "Debt", "P1", "P2", "P3"], *rows])

    # --- runs ---

    @rule(
        seed=_chosen,
        limit=st.sampled_from([1, 3, 8, None]),
        hours=st.sampled_from([1, 5, 30]),
        asked=st.lists(st.tuples(st.sampled_from(["dnc", "client", "cancel", "callback", "personal", "result"]),
                                 _chosen), max_size=3),
        killed=st.booleans(),
    )  # fmt: skip
    def run(
        self, seed: int, limit: int | None, hours: int, asked: list[tuple[str, int]], killed: bool
    ) -> None:
        """A run in whose course something is asked; it may die in the middle."""
        wanted = list(asked)

        def watch(tally: Any) -> None:
            if wanted and tally.attempts:
                self.ask(*wanted.pop())
            elif killed and tally.attempts > 4:
                raise KilledError

        until = self.folder.reached() + hours * HOUR
        with suppress(KilledError):
            self.folder.run(seed=seed % 3, limit=limit, until=until, watch=watch)

    def ask(self, what: str, pick: int) -> None:
        record, number = self.record(pick)
        words: dict[str, tuple[object, ...]] = {
            "dnc": ("dnc", "add", number),
            "client": ("dnc", "add", "--client", f"C{pick % CLIENTS + 1}"),
            "cancel": ("cancel", record, "--as", "record"),
            "callback": ("callback", "add", record, "--as", "record", "--at", f"{pick % 5}h"),
            "personal": ("callback", "add", record, "--as", "record", "--at", f"{pick % 3}h", "--agent",
                         f"sales-{pick % 4 + 1}"),
            "result": ("result", record, "--as", "record", "--result", WORDS.split(", ")[pick % 9]),
        }  # fmt: skip
        if what in ("callback", "personal", "result"):
            self.allowed_back |= self.chain(record)
        self.do(*words[what])

    def chain(self, record: int) -> set[int]:
        return {
            row[0]
            for row in self.folder.query(
                "SELECT record_id FROM records WHERE chain_id = (SELECT chain_id FROM records WHERE record_id = ?)",
                record,
            )
        }

    # --- commands between runs ---

    @rule(what=st.sampled_from(["dnc", "client", "cancel", "callback", "personal", "result"]), pick=_chosen)
    def something_is_asked(self, what: str, pick: int) -> None:
        self.ask(what, pick)

    @rule(pick=_chosen, hours=st.sampled_from([1, 40]))
    def a_number_is_suppressed_for_a_time(self, pick: int, hours: int) -> None:
        self.do("dnc", "add", self.record(pick)[1], "--until", f"{hours}h", "--list", "other")

    @rule(pick=_chosen)
    def an_entry_is_removed(self, pick: int) -> None:
        entries = self.folder.query("SELECT kind, key, list_name FROM suppressions ORDER BY 1, 2, 3")
        if entries:
            kind, key, name = entries[pick % len(entries)]
            self.do("dnc", "remove", *([key] if kind == "device" else ["--client", key]), "--list", name)

    @rule(pick=_chosen)
    def a_callback_is_canceled(self, pick: int) -> None:
        self.do("callback", "cancel", self.record(pick)[0], "--as", "record")

    @rule(words=st.sampled_from(["answer", "no_answer", "busy", "unknown", "cancel_record"]))
    def finished_chains_are_recycled(self, words: str) -> None:
        self.allowed_back |= {row[0] for row in self.folder.query("SELECT record_id FROM closed")}
        self.do("recycle", "people", "--result", words)

    @rule(seed=_chosen, name=st.sampled_from(["people", "others"]))
    def a_list_is_brought_up_to_date(self, seed: int, name: str) -> None:
        self.allowed_back |= {row[0] for row in self.folder.query("SELECT record_id FROM closed")}
        self.people(random.Random(seed), name)
        self.do("import", name, "--update")

    @rule(seed=_chosen, name=st.sampled_from(["people", "others"]))
    def who_is_new_is_added(self, seed: int, name: str) -> None:
        self.people(random.Random(seed), name)
        self.do("import", name, "--new")

    @rule(pick=_chosen)
    def somebody_is_forgotten(self, pick: int) -> None:
        self.do("audit", "redact", "--client", f"C{pick % CLIENTS + 1}", "--why", "asked for", "--yes")

    @rule(pick=_chosen)
    def an_import_is_undone(self, pick: int) -> None:
        imports = self.folder.query("SELECT import_id FROM imports WHERE import_id > 2 ORDER BY 1")
        if imports:
            self.do("undo", imports[pick % len(imports)][0])

    @rule(pick=st.sampled_from(["1", "2", "25%"]))
    def a_list_is_split(self, pick: str) -> None:
        self.do("split", "people", f"part={pick}")

    @rule(at_most=st.sampled_from([1, 2]), quiet=st.sampled_from(["1h", "1d"]))
    def the_rules_change(self, at_most: int, quiet: str) -> None:
        self.at_most = at_most
        self.folder.write("rulesets/strict.yaml", RULES % (at_most, WORDS, WORDS, quiet))

    @rule(
        devices=st.sampled_from([None, ["mobile", "home"], ["home", "direct_business", "mobile"]]),
        ordering=st.sampled_from([None, [{"field": "debt", "order": "descending"}]]),
        lifo=st.booleans(),
    )
    def the_order_changes(self, devices: Any, ordering: Any, lifo: bool) -> None:
        profile = {**self.campaign["dialing_profiles"]["standard"]}
        if devices:
            profile["devices"] = devices
        if ordering:
            profile["ordering"] = ordering
        if lifo:
            profile["lifo"] = True
        self.folder.campaign = {**self.campaign, "dialing_profiles": {"standard": profile}}
        self.folder.save()

    # --- what must hold ---

    @invariant()
    def every_record_is_in_one_place(self) -> None:
        with self.folder.store() as store:
            check(store)

    @invariant()
    def attempts_only_grow_and_what_is_final_stays_final(self) -> None:
        states = self.folder.query(
            "SELECT record_id, place, record_type, record_status, attempt FROM record_states"
        )
        for record, place, kind, status, attempt in states:
            assert attempt >= self.counts.get(record, 0)
            if record in self.final and self.final[record][0] == NO_CALL:
                assert (place, kind) == ("closed", NO_CALL), f"{record} is not to be called and {place}"
            elif record in self.final and record not in self.allowed_back:
                assert (place, status) == ("closed", self.final[record][1]) or kind == NO_CALL, (
                    f"{record} came back"
                )
        self.counts = {row[0]: row[4] for row in states}
        self.final = {row[0]: (row[2], row[3]) for row in states if row[1] == "closed"}
        # what is asked of a run that ends before it is done, is done later
        self.allowed_back = {
            row[0]
            for row in self.folder.query(
                "SELECT o.record_id FROM requests q JOIN records r USING (record_id) JOIN records o USING (chain_id)"
            )
        }

    @invariant()
    def who_is_next_has_the_priority_of_his_kind(self) -> None:
        leaders = self.folder.query(
            f"SELECT record_id, record_type, priority FROM queue WHERE priority > {ASLEEP} OR due = {CHAINED}"
        )
        for record, kind, priority in leaders:
            if priority == ASLEEP:
                assert kind not in CALLBACKS, f"the promise to {record} sleeps"
            else:
                assert (PRIORITY[kind] < 3) == (priority < 3), (
                    f"{record}, of type {kind}, has priority {priority}"
                )

    @invariant()
    def the_journal_is_whole_and_the_store_agrees_with_it(self) -> None:
        with self.folder.store() as store:
            assert verify(store).findings == []

    @invariant()
    def nobody_was_called_against_a_rule(self) -> None:
        rows = self.folder.query(
            "SELECT record_id, attempt, placed, ended, client, phone FROM attempts ORDER BY placed, record_id"
        )
        new = [row for row in rows if row[:2] not in self.attempts]
        assert {row[:2] for row in rows} >= self.attempts.keys(), "an attempt is forgotten"
        entries = self.folder.query("SELECT kind, key, valid_from, valid_till FROM suppressions")
        debts: dict[tuple[int, int], list[str]] = defaultdict(list)
        for record, attempt, value in self.folder.query("SELECT record_id, attempt, value FROM attempt_keys"):
            debts[record, attempt].append(value)
        for record, attempt, placed, _, client, number in new:
            for kind, key, begins, ends in entries:
                if key == (number if kind == "device" else client):
                    assert not (begins <= placed and (ends is None or placed < ends)) or (begins == placed), (
                        f"{record}-{attempt} at {placed} against the entry {key} since {begins} till {ends}"
                    )
            before = [row for row in rows if row[:2] != (record, attempt) and row[2] <= placed]
            hour = [row for row in before if row[4] == client and row[2] > placed - HOUR]
            assert len(hour) < self.at_most, f"{record}-{attempt}: {client} had {len(hour)} in an hour"
            days = [row for row in before if row[4] == client and row[2] > placed - 72 * HOUR]
            assert len(days) < 6
            assert not any(row[5] == number and (row[3] or placed + 1) > placed for row in before), (
                "two calls at once"
            )
            same = [
                row for row in before
                if row[2] > placed - 24 * HOUR and set(debts[row[:2]]) & set(debts[record, attempt])
            ]  # fmt: skip
            assert len(same) < 3, f"{record}-{attempt}: its debt had {len(same)} in a day"
        for key, value in debts.items():
            assert len(value) == 1, f"attempt {key} counts for {value}"
        self.attempts = {row[:2]: row for row in rows}


def test_whatever_users_do_nobody_is_lost_or_called_against_a_rule(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cxrun.ledger, "_BREATH", 0)
    folder = project(1, 3, rules={"strict": RULES % (2, WORDS, WORDS, "1h")}, dialer=LINE, agents=3)
    campaign = folder.campaign
    campaign["suppression_lists"] = {"dnc": "asked", "other": {"description": "others", "retention": "2d"}}
    mapped = {
        "client_id": "Client",
        "devices": [
            {"column": f"P{n}", "type": kind}
            for n, kind in enumerate(("home", "mobile", "direct_business"), 1)
        ],
        "fields": {"debt": "Debt"},
    }
    listed = {"region": "US", "map": mapped}
    campaign["lists"] = {
        "people": {"file": "people.csv", **listed},
        "others": {"file": "others.csv", **listed},
        "part": {"split_from": "people"},
    }
    campaign["groups"] = {
        "all": {"template": "plain", "lists": ["people", "part"]},
        "more": {"template": "plain", "lists": ["others"]},
    }
    folder.save()
    Commands.template, Commands.campaign = folder.folder, campaign
    first = Commands.__new__(Commands)
    first.folder = folder
    for name in ("people", "others"):
        first.people(random.Random(name), name)
    folder.import_lists()
    assert command_line(["-C", str(folder.folder), "split", "people", "part=2"]) == 0
    with folder.store() as store:
        store.connection.execute("PRAGMA wal_checkpoint(truncate)")
    run_state_machine_as_test(
        Commands,
        settings=settings(
            max_examples=6,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            # to shrink a walk takes minutes; take this out to see the shortest one
            phases=[Phase.generate],
        ),
    )
