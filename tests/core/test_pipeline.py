from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from cxrun import life
from cxrun.elements import (
    PASS,
    Action,
    Call,
    Conclude,
    Defer,
    Deliver,
    DialAgain,
    DialNext,
    Drop,
    Effect,
    ElementBase,
    Exclude,
    Filter,
    Finish,
    Handling,
    Moment,
    Pass,
    ResultHandler,
    Suppress,
    Treatment,
)
from cxrun.model import CallResult, Record, RecordStatus
from cxrun.pipeline import Broken, Pipeline, Settlement, next_record
from cxrun.registry import Registry, load_registry
from cxrun.ruleset import check
from cxrun.testing import make_call, make_moment, make_record
from cxrun.yamlfile import parse

ANY: dict[str, Any] = {"type": "object", "properties": {"say": {}, "window": {}}}
ANSWERS: dict[str, Any] = {
    "pass": PASS, "pass too": Pass("fine"), "none": None, "defer": Defer(2000, "later"),
    "exclude": Exclude("never"), "nonsense": True, "for ever": Defer(math.inf, "later"),
    "nobody knows": Defer(math.nan, "later"), "beyond": Defer(1e30, "later"), "deliver": Deliver("stub"),
    "drop": Drop("stub"), "wrong party": Conclude(CallResult.WRONG_PARTY, "stub"), "again": DialAgain(2000, "again"),
    "again for ever": DialAgain(math.inf, "again"), "next": DialNext(2000, "next"), "finish": Finish("finish"),
    "suppress": Suppress("no more", "dnc"), "effect": Effect("told"),
}  # fmt: skip


BOOM = "ZeroDivisionError: boom (test_pipeline.py:57)"
"""What a run says of the stub that raises: the error, the plugin's file and the line."""


def answer(say: str) -> Any:
    if say == "raise":
        raise ZeroDivisionError("boom")
    return ANSWERS[say]


@dataclass(frozen=True)
class StubFilter(Filter):
    name: ClassVar[str] = "stub"
    schema: ClassVar[dict[str, Any]] = ANY
    say: str = "pass"
    window: float = 0.0  # type: ignore[misc]

    def check(self, moment: Moment) -> Any:
        return answer(self.say)


@dataclass(frozen=True)
class StubHandler(ResultHandler):
    name: ClassVar[str] = "stub"
    schema: ClassVar[dict[str, Any]] = ANY
    say: str = "none"

    def handle(self, call: Call) -> Handling | None:
        return answer(self.say)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class StubTreatment(Treatment):
    name: ClassVar[str] = "stub"
    schema: ClassVar[dict[str, Any]] = ANY
    say: str = "none"

    def apply(self, call: Call) -> Action | None:
        return answer(self.say)  # type: ignore[no-any-return]


STUBS = {"filter": StubFilter, "result handler": StubHandler, "treatment": StubTreatment}


class WithStubs(Registry):
    def get(self, kind: str, name: str) -> type[ElementBase]:
        return STUBS[kind] if name == "stub" else super().get(kind, name)


@pytest.fixture(scope="module")
def compiled() -> Callable[..., Pipeline]:
    """A factory of pipelines from the text of rulesets, in which `stub` answers as it is told."""
    installed = load_registry()
    registry = WithStubs(installed.manager, installed.plugins)

    def make(*texts: str) -> Pipeline:
        rulesets = []
        for number, text in enumerate(texts, 1):
            ruleset, problems = check(parse(f"ruleset: r{number}\n{text}\n", f"r{number}.yaml"), registry)
            assert ruleset is not None, problems
            rulesets.append(ruleset)
        return Pipeline(rulesets)

    return make


Compiled = Callable[..., Pipeline]


@pytest.mark.parametrize(
    ("filters", "verdict", "rule"),
    [
        ("[]", PASS, None),
        ("[stub: , stub: {say: pass too}]", PASS, None),
        ("[stub: {say: none}, stub: {say: exclude}]", Exclude("never"), "r1.yaml:2 stub"),
        ("[stub: {say: defer}, stub: {say: exclude}]", Defer(2000, "later"), "r1.yaml:2 stub"),
        ("[stub: {say: exclude}, stub: {say: defer}]", Exclude("never"), "r1.yaml:2 stub"),
        ("[{stub: {say: exclude}, when: {field: attempt, ge: 1}}]", PASS, None),
        ("[{stub: {say: exclude}, when: {field: attempt, lt: 1}}]", Exclude("never"), "r1.yaml:2 stub"),
        ("[{stub: {say: exclude}, when: {field: unheard_of, lt: 1}}]", PASS, None),
        ("[{stub: {say: raise}, when: {field: attempt, ge: 1}}]", PASS, None),
    ],
)
def test_first_filter_that_objects_decides(
    compiled: Compiled, filters: str, verdict: Any, rule: str | None
) -> None:
    decision = compiled(f"filters: {filters}").decide(make_moment())
    assert decision.verdict == verdict
    assert (str(decision.rule) if decision.rule else None) == rule


@pytest.mark.parametrize(
    ("say", "reason"),
    [
        ("raise", f"plugin error: {BOOM}"),
        ("nonsense", "plugin error: TypeError: True is no verdict"),
        ("for ever", "plugin error: TypeError: Defer(until=inf, reason='later') is no verdict"),
        ("nobody knows", "plugin error: TypeError: Defer(until=nan, reason='later') is no verdict"),
        ("beyond", "plugin error: TypeError: Defer(until=1e+30, reason='later') is no verdict"),
    ],
)
def test_filter_that_fails_fails_closed_and_is_named(compiled: Compiled, say: str, reason: str) -> None:
    pipeline = compiled(f"filters: [stub: {{say: {say}}}, where: {{field: attempt, ge: 0}}]")
    decision = pipeline.decide(make_moment())
    assert decision.verdict == Exclude(reason)
    assert decision.rule is not None
    assert (decision.rule.kind, decision.rule.name, decision.rule.ruleset) == ("error", "stub", "r1")


def test_rulesets_are_asked_in_their_order(compiled: Compiled) -> None:
    pipeline = compiled(
        "filters: [stub: ]", "filters: [stub: {say: defer}]", "filters: [stub: {say: exclude}]"
    )
    decision = pipeline.decide(make_moment())
    assert decision.verdict == Defer(2000, "later")
    assert decision.rule is not None
    assert decision.rule.ruleset == "r2"


def test_all_verdicts_are_told_whether_or_not_one_objected(compiled: Compiled) -> None:
    pipeline = compiled(
        "filters: [stub: {say: exclude}, stub: {say: none}, stub: {say: raise}, stub: {say: defer}]"
    )
    assert [decision.verdict for decision in pipeline.verdicts(make_moment())] == [
        Exclude("never"), PASS, Exclude(f"plugin error: {BOOM}"), Defer(2000, "later"),
    ]  # fmt: skip


def test_window_is_the_longest_any_filter_asks_for(compiled: Compiled) -> None:
    assert compiled("filters: []").window == 0
    assert (
        compiled("filters: [stub: {window: 5}]", "filters: [stub: {window: 9}, stub: {window: 1}]").window
        == 9
    )


@pytest.mark.parametrize(
    ("results", "result", "where", "rule"),
    [
        ("[]", "answer", Deliver("a live person is always delivered"), None),
        ("[]", "answering_machine", Drop("no result handler wants the call"), None),
        ("[stub: {say: none}, stub: {say: deliver}]", "silence", Deliver("stub"), "r1.yaml:2 stub"),
        ("[stub: {say: drop}, stub: {say: deliver}]", "answer", Drop("stub"), "r1.yaml:2 stub"),
        ("[stub: {say: wrong party}, stub: {say: deliver}]", "answer", Deliver("stub"), "r1.yaml:2 stub"),
        (
            "[{stub: {say: drop}, when: {field: attempt, ge: 9}}]",
            "answer", Deliver("a live person is always delivered"), None,
        ),
    ],
)  # fmt: skip
def test_first_handler_that_speaks_says_where_a_call_goes(
    compiled: Compiled, results: str, result: str, where: Any, rule: str | None
) -> None:
    found, origin = compiled(f"results: {results}").deliver(make_call(result))
    assert found == where
    assert (str(origin) if origin else None) == rule


@pytest.mark.parametrize(("result", "expected"), [("answer", Deliver), ("silence", Drop)])
def test_handler_that_raises_leaves_the_call_to_the_usual(
    compiled: Compiled, result: str, expected: type
) -> None:
    where, origin = compiled("results: [stub: {say: raise}]").deliver(make_call(result))
    assert isinstance(where, expected)
    assert isinstance(origin, Broken)
    assert (origin.rule.name, origin.message) == ("stub", BOOM)


RETRY = """\
results: [disposition: {codes: {WP: wrong_party}}]
treatments:
  - on: busy
    when: {field: country, eq: CA}
    do: [finish: ]
  - on: [busy, wrong_party]
    do: [redial: {interval: 30m, increment: 5m, attempts: 2}, next_in_chain: {attempts: 2}]
  - disposition: LATER
    do: [retry_in: {interval: 1h}]
  - on: other
    do: [retry_in: {interval: 2h}]
"""


def settled(pipeline: Pipeline, result: str, **values: Any) -> Settlement:
    settlement = pipeline.settle(make_call(result, now=1000, **values))
    assert isinstance(settlement, Settlement), settlement
    return settlement


@pytest.mark.parametrize(
    ("result", "disposition", "country", "expected"),
    [
        ("busy", None, "US", (CallResult.BUSY, "redial in 30m, 1 of 2", "r1.yaml:8 redial")),
        ("busy", None, "CA", (CallResult.BUSY, "finish", "r1.yaml:6 finish")),
        ("answer", "WP", "US", (CallResult.WRONG_PARTY, "redial in 30m, 1 of 2", "r1.yaml:8 redial")),
        ("answer", "LATER", "US", (CallResult.ANSWER, "retry in 1h, 1 of 1", "r1.yaml:10 retry_in")),
        ("busy", "LATER", "US", (CallResult.BUSY, "redial in 30m, 1 of 2", "r1.yaml:8 redial")),
        ("no_answer", None, "US", (CallResult.NO_ANSWER, "retry in 2h, 1 of 1", "r1.yaml:12 retry_in")),
        ("answer", "SALE", "US", (CallResult.ANSWER, "retry in 2h, 1 of 1", "r1.yaml:12 retry_in")),
    ],
)
def test_first_rule_that_fits_answers_a_result_or_disposition(
    compiled: Compiled,
    result: str,
    disposition: str | None,
    country: str,
    expected: tuple[CallResult, str, str],
) -> None:
    pipeline = compiled(RETRY)
    found = settled(pipeline, result, disposition=disposition, record=make_record(country=country))
    assert (found.result, found.action.reason, str(found.rule)) == expected


def test_other_stands_for_what_nothing_else_answers_wherever_it_stands(compiled: Compiled) -> None:
    other = "treatments: [{on: other, do: [retry_in: {interval: 2h}]}]"
    busy = "treatments: [{on: busy, when: {field: attempt, lt: 1}, do: [redial: {interval: 1h}]}]"
    pipeline = compiled(other, busy)
    first = settled(pipeline, "busy", record=make_record(attempt=0))
    assert first.action.reason == "redial in 1h, 1 of 3"
    for result, attempt in (("busy", 1), ("no_answer", 0)):
        found = settled(pipeline, result, record=make_record(attempt=attempt))
        assert found.action.reason == "retry in 2h, 1 of 1"


def test_other_does_not_answer_a_call_that_was_lost(compiled: Compiled) -> None:
    other = "treatments: [{on: other, do: [retry_in: {interval: 2h}]}]"
    assert isinstance(settled(compiled(other), "unknown").action, Finish)
    named = "treatments: [{on: unknown, do: [retry_in: {interval: 1d}]}]"
    assert isinstance(settled(compiled(other, named), "unknown").action, DialAgain)


@pytest.mark.parametrize("treatments", ["[]", "[{on: busy, do: [redial: {interval: 1h}]}]"])
def test_result_without_a_treatment_finishes_the_chain(compiled: Compiled, treatments: str) -> None:
    found = settled(
        compiled(f"treatments: {treatments}"), "answer", record=make_record(treatments="x/1.1@1@1@1")
    )
    assert found == (CallResult.ANSWER, Finish("no treatment for this result"), None, "x/1.1@1@1@1", ())


def chain(*statuses: RecordStatus, treatments: str = "", at: int = 1) -> list[Record]:
    """A chain of records; that at position `at` is in work."""
    return [
        make_record(
            record_id=n, chain_n=n, chain_size=len(statuses), record_status=status,
            treatments=treatments if n == at else "",
        )
        for n, status in enumerate(statuses, 1)
    ]  # fmt: skip


@dataclass
class Story:
    """One chain whose calls end as it is told; its records live as in a run."""

    pipeline: Pipeline
    size: int = 1
    devices: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        self.now = 1000
        self.chain = {
            n: make_record(
                record_id=n,
                chain_n=n,
                chain_size=self.size,
                record_status=RecordStatus.READY if n == 1 else RecordStatus.CHAIN_READY,
            )
            for n in range(1, self.size + 1)
        }

    @property
    def next(self) -> Record | None:
        """The record that is dialed next; None once the chain is closed."""
        return next((r for r in self.chain.values() if r.record_status == RecordStatus.READY), None)

    def call(self, result: str, disposition: str | None = None) -> str:
        """One call; returns the record, how long after the call it or another is dialed again, and why."""
        record = self.next
        assert record is not None
        self.now = max(self.now, record.due)
        record = life.with_result(life.attempted(record, self.now), CallResult[result.upper()], None)
        self.chain[record.chain_n] = record
        waiting = [r for r in self.chain.values() if r.record_status == RecordStatus.CHAIN_READY]
        call = make_call(
            result,
            now=self.now,
            record=record,
            chain=(record, *waiting),
            disposition=disposition,
            devices=self.devices,
        )
        settlement = self.pipeline.settle(call)
        assert isinstance(settlement, Settlement), settlement
        change = life.settled(call, settlement)
        for changed in (*change.waiting, *change.closed):
            self.chain[changed.chain_n] = changed
        again = self.next
        after = "" if again is None else f" +{again.due - self.now}"
        return f"{record.chain_n}: {settlement.action.reason}{after}"

    def tell(self, *calls: str) -> list[str]:
        """Several calls, each a result or a disposition in capitals."""
        return [
            self.call("answer", calls_as) if calls_as.isupper() else self.call(calls_as) for calls_as in calls
        ]


def test_sequence_is_gone_through_in_order_and_counted(compiled: Compiled) -> None:
    story = Story(compiled(RETRY), 2)
    told = []
    while story.next is not None:
        told.append(story.call("busy").partition(" +")[0])
    twice = ["redial in 30m, 1 of 2", "redial in 35m, 2 of 2"]
    assert told == [
        *(f"1: {line}" for line in [*twice, "next in chain"]),
        *(f"2: {line}" for line in [*twice, "chain begins anew, 2 of 2"]),
        *(f"1: {line}" for line in [*twice, "next in chain"]),
        *(f"2: {line}" for line in [*twice, "treatments used up"]),
    ]
    written = story.chain[2].treatments.split()
    assert written[:3] == ["r1/2.1@1@1@1", "r1/2.1@2@1@1", "r1/2.2>@1@2@1"]


DOCUMENTED = """treatments:
  - on: busy
    do: [redial: {interval: 30m, increment: 5m, attempts: 3}, next_in_chain: ]
"""
MIXED = """treatments:
  - {on: busy, do: [next_in_chain: {attempts: 2}]}
  - {on: no_answer, do: [next_in_chain_after: {interval: 1h, attempts: 3}]}
"""
BOTH = """treatments:
  - {on: [busy, no_answer], do: [redial: {interval: 10m, attempts: 3}]}
  - {disposition: [LATER, PERHAPS], do: [retry_in: {interval: [1h, 1d]}]}
  - {on: technical, do: [redial: {interval: 1m, attempts: 2}]}
"""
OTHER = """treatments:
  - {on: other, do: [redial: {interval: 10m, attempts: 2}]}
"""


@pytest.mark.parametrize(
    ("rules", "size", "calls", "expected"),
    [
        pytest.param(
            DOCUMENTED,
            2,
            ["busy"] * 8,
            [
                "1: redial in 30m, 1 of 3 +1800",
                "1: redial in 35m, 2 of 3 +2100",
                "1: redial in 40m, 3 of 3 +2400",
                "1: next in chain +1",
                "2: redial in 30m, 1 of 3 +1800",
                "2: redial in 35m, 2 of 3 +2100",
                "2: redial in 40m, 3 of 3 +2400",
                "2: treatments used up",
            ],
            id="the documented example: busy, 30 min, 5 more each time, three times, then next in chain",
        ),
        pytest.param(
            DOCUMENTED,
            1,
            ["busy"] * 4,
            [
                "1: redial in 30m, 1 of 3 +1800",
                "1: redial in 35m, 2 of 3 +2100",
                "1: redial in 40m, 3 of 3 +2400",
                "1: treatments used up",
            ],
            id="next in chain is for real chains only",
        ),
        pytest.param(
            BOTH,
            1,
            ["busy", "no_answer", "LATER", "busy", "LATER", "PERHAPS"],
            [
                "1: redial in 10m, 1 of 3 +600",
                "1: redial in 10m, 2 of 3 +600",
                "1: retry in 1h, 1 of 2 +3600",
                "1: redial in 10m, 1 of 3 +600",
                "1: retry in 1h, 1 of 2 +3600",
                "1: retry in 1d, 2 of 2 +86400",
            ],
            id="a sequence broken by a disposition starts again at 1, and the other way round",
        ),
        pytest.param(
            BOTH,
            1,
            ["busy", "all_trunks_busy", "busy", "no_port_available", "switch_error", "busy"],
            [
                "1: redial in 10m, 1 of 3 +600",
                "1: redial in 1m, 1 of 2 +60",
                "1: redial in 10m, 2 of 3 +600",
                "1: redial in 1m, 2 of 2 +60",
                "1: treatments used up",
            ],
            id="technical failures have a count of their own",
        ),
        pytest.param(
            BOTH,
            1,
            ["LATER", "system_error", "LATER"],
            ["1: retry in 1h, 1 of 2 +3600", "1: redial in 1m, 1 of 2 +60", "1: retry in 1d, 2 of 2 +86400"],
            id="a technical failure does not break a sequence by disposition",
        ),
        pytest.param(
            OTHER,
            1,
            ["no_answer", "dial_error", "dial_error", "busy", "fax_detected"],
            [
                "1: redial in 10m, 1 of 2 +600",
                "1: redial in 10m, 1 of 2 +600",
                "1: redial in 10m, 2 of 2 +600",
                "1: redial in 10m, 2 of 2 +600",
                "1: treatments used up",
            ],
            id="a rule for all results counts technical failures apart from those of people",
        ),
        pytest.param(
            MIXED,
            2,
            ["no_answer"] * 6,
            [
                "1: next in chain in 1h +3600",
                "2: chain begins anew in 1h, 2 of 3 +3600",
                "1: next in chain in 1h +3600",
                "2: chain begins anew in 1h, 3 of 3 +3600",
                "1: next in chain in 1h +3600",
                "2: treatments used up",
            ],
            id="a chain is gone through as often as the treatment says",
        ),
        pytest.param(
            MIXED,
            2,
            ["no_answer", "no_answer", "busy", "busy", "no_answer", "busy"],
            [
                "1: next in chain in 1h +3600",
                "2: chain begins anew in 1h, 2 of 3 +3600",
                "1: next in chain +1",
                "2: chain begins anew, 2 of 2 +1",
                "1: next in chain in 1h +3600",
                "2: treatments used up",
            ],
            id="each treatment counts passes from its first use, and the one that fired last gives the interval",
        ),
    ],
)
def test_what_is_documented_of_sequences(
    compiled: Compiled, rules: str, size: int, calls: list[str], expected: list[str]
) -> None:
    story = Story(compiled(rules), size)
    assert story.tell(*calls[: len(expected)]) == expected
    assert (story.next is None) is expected[-1].endswith("used up")


def test_next_in_chain_closes_the_sequence_so_that_counts_begin_again(compiled: Compiled) -> None:
    story = Story(compiled(DOCUMENTED), 2)
    story.tell(*["busy"] * 5)
    assert story.chain[2].treatments == ("r1/1.1@1@1@1 r1/1.1@2@1@1 r1/1.1@3@1@1 r1/1.2>@1@2@1 r1/1.1@1@2@2")


def test_effects_are_collected_and_the_next_step_decides(compiled: Compiled) -> None:
    pipeline = compiled(
        "treatments: [{on: busy, do: [stub: {say: effect}, redial: {interval: 1h, attempts: 1}, stub: {say: effect}]}]"
    )
    first = settled(pipeline, "busy")
    assert isinstance(first.action, DialAgain)
    assert [(intent.step, intent.reason, str(intent.rule)) for intent in first.effects] == [
        ("r1/1.1", "told", "r1.yaml:2 stub")
    ]
    assert first.treatments == "r1/1.2@1@1@1"
    last = settled(pipeline, "busy", record=make_record(treatments=first.treatments))
    assert last.action == Finish("treatments used up")
    assert [intent.step for intent in last.effects] == ["r1/1.1", "r1/1.3"]
    assert last.rule is not None
    assert last.rule.name == "stub"


def test_effect_of_a_sequence_that_fails_is_not_had(compiled: Compiled) -> None:
    broken = compiled("treatments: [{on: busy, do: [stub: {say: effect}, stub: {say: raise}]}]").settle(
        make_call("busy")
    )
    assert isinstance(broken, Broken)


def test_other_does_not_answer_for_an_agent_who_is_absent(compiled: Compiled) -> None:
    other = "treatments: [{on: other, do: [retry_in: {interval: 2h}]}]"
    assert isinstance(settled(compiled(other), "agent_callback_error").action, Finish)
    named = "treatments: [{on: agent_callback_error, do: [retry_in: {interval: 1d}]}]"
    assert isinstance(settled(compiled(other, named), "agent_callback_error").action, DialAgain)


def test_absent_agent_is_waited_for_from_now_not_from_the_call_that_promised(compiled: Compiled) -> None:
    rules = "treatments: [{on: agent_callback_error, do: [redial: {interval: 10m}]}]"
    found = settled(compiled(rules), "agent_callback_error", record=make_record(call_time=7))
    assert isinstance(found.action, DialAgain)
    assert found.action.at == 1600


def test_pass_that_goes_back_to_the_same_record_is_counted(compiled: Compiled) -> None:
    """The other record is excluded for good: every pass is over after one call, from the first on."""
    pipeline = compiled("treatments: [{on: busy, do: [next_in_chain: {attempts: 3}]}]")
    told, treatments = [], ""
    for _ in range(4):
        members = chain(RecordStatus.RETRIEVED, RecordStatus.READY, treatments=treatments)
        found = settled(pipeline, "busy", record=members[0], chain=members)
        told.append(found.action.reason)
        treatments = found.treatments
    assert told[:3] == ["chain begins anew, 2 of 3", "chain begins anew, 3 of 3", "treatments used up"]


def test_sequence_broken_by_a_disposition_starts_again(compiled: Compiled) -> None:
    pipeline = compiled(RETRY)
    told, treatments = [], ""
    for result, disposition in [
        ("busy", None), ("answer", "LATER"), ("busy", None), ("busy", None), ("answer", "LATER"), ("answer", "LATER"),
    ]:  # fmt: skip
        found = settled(pipeline, result, disposition=disposition, record=make_record(treatments=treatments))
        told.append(found.action.reason)
        treatments = found.treatments
    assert told == [
        "redial in 30m, 1 of 2",
        "retry in 1h, 1 of 1",
        "redial in 30m, 1 of 2",
        "redial in 35m, 2 of 2",
        "retry in 1h, 1 of 1",
        "treatments used up",
    ]


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        ("[stub: {say: none}, stub: {say: finish}]", "finish"),
        ("[{stub: {say: again}, when: {field: attempt, ge: 9}}, {stub: {say: next}}]", "next"),
        ("[stub: {say: none}]", "treatments used up"),
        ("[stub: {say: suppress}, stub: {say: again}]", "no more"),
    ],
)
def test_treatment_that_says_nothing_leaves_it_to_the_next(
    compiled: Compiled, do: str, expected: str
) -> None:
    pipeline = compiled(f"treatments: [{{on: busy, do: {do}}}]")
    assert settled(pipeline, "busy").action.reason == expected


@pytest.mark.parametrize(
    ("ruleset", "message"),
    [
        ("treatments: [{on: busy, do: [stub: {say: raise}]}]", BOOM),
        ("treatments: [{on: busy, do: [stub: {say: nonsense}]}]", "True is no action"),
        (
            "treatments: [{on: busy, do: [stub: {say: again for ever}]}]",
            "DialAgain(at=inf, reason='again') is no action",
        ),
        ("results: [stub: {say: raise}]", BOOM),
    ],
)
def test_element_that_fails_after_a_call_is_named(compiled: Compiled, ruleset: str, message: str) -> None:
    broken = compiled(ruleset).settle(make_call("busy"))
    assert isinstance(broken, Broken)
    assert (broken.rule.name, broken.rule.file, broken.rule.line, broken.message) == (
        "stub",
        "r1.yaml",
        2,
        message,
    )


def test_same_call_settles_the_same_every_time(compiled: Compiled) -> None:
    pipeline = compiled(RETRY)
    assert len({pipeline.settle(make_call("busy", now=1000)) for _ in range(3)}) == 1


@pytest.mark.parametrize(
    ("at", "others", "new_pass", "expected"),
    [
        (1, {2: True, 3: True}, False, 2),
        (1, {2: False, 3: True}, False, 3),
        (2, {1: True, 3: True}, False, 3),
        (2, {1: True, 3: True}, True, 1),
        (3, {1: True, 2: True}, True, 1),
        (3, {1: False, 2: True}, True, 2),
        (2, {1: False, 3: False}, True, 2),
        (1, {2: True}, True, 1),
    ],
)
def test_next_record_is_the_next_position_that_waits(
    at: int, others: dict[int, bool], new_pass: bool, expected: int
) -> None:
    size = len(others) + 1
    own = make_record(record_id=at, chain_n=at, chain_size=size)
    members = [own] + [
        make_record(
            record_id=n, chain_n=n, chain_size=size,
            record_status=RecordStatus.CHAIN_READY if waits else RecordStatus.READY,
            attempt=int(n < at), treatments="r/1.1>@1@2@1" if n < at else "",
        )
        for n, waits in others.items()
    ]  # fmt: skip
    call = make_call("busy", record=own, chain=members)
    target, anew = next_record(call, DialNext(0, "next", new_pass=new_pass))
    assert (target.chain_n, anew) == (expected, new_pass)
