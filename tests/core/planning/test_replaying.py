"""The stored history under other rules; under the very rules it was made with nothing is different."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cxrun.planning.replaying import Finding, Sums, replay

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

RULES = """\
ruleset: strict
results:
  - delivery: {answering_machine: drop, fax_detected: agent, silence: drop}
  - disposition: {codes: {DO_NOT_CALL: do_not_call, WRONG: wrong_party}}
filters:
  - calling_hours: {hours: "09:00-20:00"}
  - attempts: {windows: [{at_most: 2, within: day}, {at_most: 4, within: 7d}]}
  - attempts: {at_most: 1, within: 3h, per: device}
  - quiet_after: {results: [answer], period: 2d}
  - suppression
treatments:
  - on: busy
    do: [{redial: {interval: 30m, increment: 5m, attempts: 2}}, {next_in_chain: }]
  - on: [no_answer, wrong_party]
    do: [{next_in_chain: {attempts: 2}}, {retry_in: {interval: 4h, attempts: 1}}]
  - disposition: LATER
    do: [{retry_at: {time: "10:00", day: tomorrow}}]
  - on: [abandoned, dropped]
    do: [{retry_in: {interval: 1d}}]
  - on: answering_machine
    do: [{next_in_chain_after: {interval: 90m, attempts: 3}}, {update_chain: }]
  - on: do_not_call
    do: [{do_not_call: {list: dnc, client: true}}]
  - on: agent_callback_error
    do: [{retry_in: {interval: 1h, attempts: 1}}, {assign_to_group: }]
  - on: answer
    do: [{finish: }]
"""
LINE = {
    "simulated": {
        "dispositions": {"DO_NOT_CALL": 1, "WRONG": 2, "LATER": 2, "SALE": 3, "CALL_BACK": 2},
        "callback_after": {"CALL_BACK": "3h"},
    }
}


def judged(folder: ProjectFolder, **options: Any) -> tuple[Sums, list[Finding]]:
    sums = Sums()
    with folder.store() as store:
        return sums, list(replay(store, folder.load(), sums, **options))


def kinds(folder: ProjectFolder, **options: Any) -> Counter[str]:
    return Counter(finding.kind for finding in judged(folder, **options)[1])


ASKED = st.lists(
    st.tuples(
        st.sampled_from(["dnc", "client", "cancel", "callback", "personal", "result", "recycle"]),
        st.integers(1, 90),
    ),
    max_size=6,
)


def ask(cxrun: Cxrun, folder: ProjectFolder, what: str, pick: int) -> None:
    found = folder.query("SELECT record_id, phone FROM records ORDER BY 1")
    record_id, phone = found[pick % len(found)]
    asked = {
        "dnc": ("dnc", "add", phone, "--list", "dnc"),
        "client": ("dnc", "add", phone, "--list", "dnc", "--whole-client"),
        "cancel": ("cancel", record_id, "--as", "record", "--why", "paid"),
        "callback": ("callback", "add", record_id, "--as", "record", "--at", "5h"),
        "personal": ("callback", "add", record_id, "--as", "record", "--at", "26h", "--agent", "sales-1"),
        "result": ("result", record_id, "--as", "record", "--result", "no_answer"),
        "recycle": ("recycle", "people", "--result", "answer"),
    }[what]
    cxrun("-C", folder.folder, *asked)


def test_under_its_own_rules_history_is_what_it_was(project: MakeProject, cxrun: Cxrun) -> None:
    numbers = iter(range(1000))

    @settings(
        max_examples=8, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @given(
        size=st.integers(5, 40),
        devices=st.sampled_from([1, 2, 3]),
        ordered=st.booleans(),
        asked=st.lists(st.tuples(st.sampled_from([3, 20, None]), ASKED), min_size=1, max_size=3),
        seed=st.integers(0, 999),
        mode=st.sampled_from(
            [{"progressive": {}}, {"preview": {"preview_time": "20s"}}, {"power": {"calls_per_agent": 2}}]
        ),
    )
    def holds(
        size: int, devices: int, ordered: bool, asked: list[tuple[Any, Any]], seed: int, mode: dict[str, Any]
    ) -> None:
        name = f"p{next(numbers)}"
        more = {"lifo": True} if ordered else {}
        folder = project(size, devices, rules={"strict": RULES}, dialer=LINE, mode=mode, agents=3, name=name)
        folder.campaign["dialing_profiles"]["standard"] |= more
        folder.save()
        for limit, wanted in asked:
            folder.run(seed=seed, limit=limit)
            for what, pick in wanted:
                ask(cxrun, folder, what, pick)
        sums, findings = judged(folder)
        assert not findings
        ((calls, refused),) = folder.query(
            "SELECT (SELECT count(*) FROM attempts), "
            "(SELECT count(*) FROM journal WHERE event IN ('deferred', 'excluded'))"
        )
        assert sums.calls == calls
        left = sum(sums.left_out.values())
        assert (
            sums.treatments + sums.refusals + left
            >= calls
            + refused
            - folder.query(
                "SELECT count(*) FROM journal JOIN reasons USING (reason_id) WHERE event = 'deferred' AND name = ''"
            )[0][0]
        )
        shutil.rmtree(folder.folder)

    holds()


PLAIN = """\
ruleset: plain
filters:
  - attempts: {at_most: %d, within: 7d}
  - suppression
treatments:
  - on: other
    do: [{retry_in: {interval: %s, attempts: %d}}]
"""
NOBODY = {"simulated": {"outcomes": {"no_answer": 1}}}


def plain(at_most: int = 3, interval: str = "1h", attempts: int = 5) -> str:
    return PLAIN % (at_most, interval, attempts)


def test_stricter_cap_blocks_the_calls_beyond_it(project: MakeProject) -> None:
    folder = project(4, rules={"plain": plain(3)}, dialer=NOBODY)
    folder.run(until=folder.reached() + 86400)
    assert folder.query("SELECT count(*) FROM attempts") == [(12,)]
    folder.write("rulesets/plain.yaml", plain(2))
    sums, findings = judged(folder)
    blocked = [finding for finding in findings if finding.kind == "newly blocked"]
    assert sorted((finding.record.record_id, finding.attempt) for finding in blocked) == [
        (n, 3) for n in range(1, 5)
    ]
    assert all("rulesets/plain.yaml:3 attempts" in finding.now for finding in blocked)
    assert sums.calls == 12


def test_looser_cap_lets_refusals_pass(project: MakeProject) -> None:
    folder = project(4, rules={"plain": plain(3)}, dialer=NOBODY)
    folder.run(until=folder.reached() + 86400)
    folder.write("rulesets/plain.yaml", plain(4))
    assert kinds(folder) == {"newly allowed": 4}


def test_wider_window_refuses_until_another_time(project: MakeProject) -> None:
    folder = project(4, rules={"plain": plain(3)}, dialer=NOBODY)
    folder.run(until=folder.reached() + 86400)
    folder.write("rulesets/plain.yaml", plain(3).replace("7d", "8d"))
    assert kinds(folder) == {"refused otherwise": 4}


def test_another_interval_is_another_treatment(project: MakeProject) -> None:
    folder = project(2, rules={"plain": plain()}, dialer=NOBODY)
    folder.run(until=folder.reached() + 86400)
    folder.write("rulesets/plain.yaml", plain(interval="90m"))
    assert kinds(folder) == {"treated otherwise": 6}


def test_machines_that_agents_would_get_are_delivered_otherwise(project: MakeProject) -> None:
    machines = {"simulated": {"outcomes": {"answering_machine": 1}}}
    folder = project(3, rules={"plain": plain()}, dialer=machines)
    folder.run(limit=3)
    folder.write("rulesets/plain.yaml", plain() + "results: [{delivery: {answering_machine: agent}}]\n")
    assert kinds(folder) == {"delivered otherwise": 3}


def test_rule_that_raises_now_is_a_regress(project: MakeProject, cxrun: Cxrun) -> None:
    plugin = (
        "from dataclasses import dataclass\nfrom cxrun import Filter, PASS, hookimpl\n"
        "@dataclass(frozen=True)\nclass Odd(Filter):\n    name = 'odd'\n"
        "    def check(self, moment):\n        return PASS\n"
        "@hookimpl\ndef register_filters():\n    return [Odd]\n"
    )
    rules = plain().replace("filters:\n", "filters:\n  - odd\n")
    folder = project(2, rules={"plain": rules}, plugins={"odd": plugin}, dialer=NOBODY)
    folder.run(limit=2)
    folder.write("plugins/odd.py", plugin.replace("return PASS", "return 1 / 0"))
    answer = cxrun("-C", folder.folder, "replay", "--fail-on", "regress")
    assert answer.code == 1
    assert "rule fails" in answer.out
    assert "ZeroDivisionError" in answer.out


def test_what_the_exit_code_tells(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(2, rules={"plain": plain(3)}, dialer=NOBODY)
    folder.run(until=folder.reached() + 86400)

    def codes() -> list[int]:
        ask = ("-C", folder.folder, "replay", "--fail-on")
        return [cxrun(*ask, what).code for what in ("none", "regress", "blocked", "any")]

    assert codes() == [0, 0, 0, 0]
    folder.write("rulesets/plain.yaml", plain(2))
    assert codes() == [0, 0, 1, 1]
    folder.write("rulesets/plain.yaml", plain(4))
    assert codes() == [0, 1, 0, 1]
    folder.write("rulesets/plain.yaml", plain(3, "2h"))
    assert codes() == [0, 0, 0, 1]


def test_attempts_of_later_do_not_count_for_earlier_calls(project: MakeProject) -> None:
    folder = project(1, rules={"plain": plain(5)}, dialer=NOBODY)
    folder.run(limit=4)
    folder.write("rulesets/plain.yaml", plain(4))
    assert not kinds(folder)


def test_number_suppressed_later_was_rightly_dialed_before(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(1, rules={"plain": plain(5)}, dialer=NOBODY)
    folder.run(limit=2)
    ((phone,),) = folder.query("SELECT phone FROM records")
    cxrun("-C", folder.folder, "dnc", "add", phone)
    assert not kinds(folder)


def test_result_given_later_is_not_judged_as_if_it_had_been_known(project: MakeProject, cxrun: Cxrun) -> None:
    rules = plain().replace("at_most: 3", "at_most: 1, results: [busy]")
    folder = project(1, rules={"plain": rules}, dialer=NOBODY)
    folder.run(limit=2)
    cxrun("-C", folder.folder, "result", 1, "--as", "record", "--result", "busy")
    sums, findings = judged(folder)
    assert not findings
    assert sums.left_out == {"treatments of calls that were given another result later": 1}


def test_since_leaves_out_what_was_before(project: MakeProject) -> None:
    folder = project(1, rules={"plain": plain(5)}, dialer=NOBODY)
    folder.run(limit=3)
    placed = [row[0] for row in folder.query("SELECT placed FROM attempts ORDER BY placed")]
    assert judged(folder, since=placed[2])[0].calls == 1


def test_one_group_is_judged_by_itself(project: MakeProject) -> None:
    folder = project(2, rules={"plain": plain(5)}, dialer=NOBODY)
    folder.write_list("others", [["X1", "+12125550199"]])
    folder.campaign["groups"]["second"] = {"template": "plain", "lists": ["others"]}
    folder.save()
    folder.run(limit=6)
    both = judged(folder)[0].calls
    first = judged(folder, only=folder.load().group("all"))[0].calls
    second = judged(folder, only=folder.load().group("second"))[0].calls
    assert (both, first + second) == (6, 6)
    assert first
    assert second


def test_replay_writes_nothing(project: MakeProject) -> None:
    folder = project(3, 2, rules={"strict": RULES}, dialer=LINE)
    folder.run()
    before = folder.store_file.read_bytes(), folder.journal()
    judged(folder)
    assert (folder.store_file.read_bytes(), folder.journal()) == before


def test_json_has_what_the_text_says(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(1, rules={"plain": plain(3)}, dialer=NOBODY)
    folder.run(until=folder.reached() + 86400)
    folder.write("rulesets/plain.yaml", plain(2))
    told = json.loads(cxrun("-C", folder.folder, "replay", "--json").out)
    assert (told["calls"], told["refusals"], told["kinds"]["newly blocked"]) == (3, 1, 1)
    assert {item["kind"] for item in told["shown"]} == set(told["kinds"])
