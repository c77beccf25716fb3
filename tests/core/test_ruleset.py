from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from jsonschema import Draft202012Validator

from cxrun.elements import ElementBase, Schema
from cxrun.errors import Problems
from cxrun.model import COUNTED_RESULTS, RESULT_GROUPS, CallResult
from cxrun.registry import KINDS, Registry, load_registry
from cxrun.ruleset import bundled, check, composed_schema, read
from cxrun.settings import composed_campaign_schema
from cxrun.yamlfile import Document, parse

IN_RULESETS = ("filter", "result handler", "treatment")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.fixture(scope="module")
def schema(registry: Registry) -> Draft202012Validator:
    return Draft202012Validator(composed_schema(registry))


def told(text: str, registry: Registry) -> list[str]:
    """What is wrong with a ruleset of this name and these lines, from the second line on."""
    _, problems = check(parse(f"ruleset: evening\n{text}\n", "r.yaml"), registry)
    return [str(problem) for problem in problems]


GOOD = """\
ruleset: evening
description: What we do in the evening
required: true
filters:
  - where: {field: attempt, lt: 5}
  - attempts: {at_most: 3, within: 24h}
    when: {field: country, eq: US}
results:
  - delivery:
treatments:
  - on: [busy, no_answer]
    when: {field: balance, ge: 100}
    do:
      - redial: {interval: 30m}
        when: {field: attempt, lt: 9}
      - finish:
  - disposition: [WP, LATER]
    do: [finish: {}]
  - on: other
    do: [next_in_chain: ]
"""


def test_ruleset_becomes_what_it_says(registry: Registry) -> None:
    ruleset, problems = check(parse(GOOD, "r.yaml"), registry)
    assert ruleset is not None, problems
    assert (ruleset.name, ruleset.description, ruleset.required) == (
        "evening", "What we do in the evening", True,
    )  # fmt: skip
    assert [str(step) for step in (*ruleset.filters, *ruleset.results)] == [
        "r.yaml:5 where", "r.yaml:6 attempts", "r.yaml:9 delivery",
    ]  # fmt: skip
    busy, by_agent, other = ruleset.treatments
    assert busy.on == {CallResult.BUSY, CallResult.NO_ANSWER}
    assert [(step.name, step.parameters) for step in busy.steps] == [
        ("redial", {"interval": "30m"}), ("finish", {}),
    ]  # fmt: skip
    assert (by_agent.on, by_agent.dispositions) == (frozenset(), {"WP", "LATER"})
    assert (other.on, other.other, by_agent.other) == (frozenset(), True, False)
    assert {".".join(map(str, path)): str(condition) for condition, path in ruleset.conditions()} == {
        "filters.0.where": "attempt < 5",
        "filters.1.when": "country = US",
        "treatments.0.do.0.when": "attempt < 9",
        "treatments.0.when": "balance >= 100",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the envelope
        ("filter: []", "2:1: filter: unknown key 'filter'; did you mean 'filters'?"),
        ("required: yes", "2:1: required: 'yes' is not true or false; true: no lower level can drop it"),
        ("description: 5", "2:1: description: 5 is not text; what it is for, in a sentence"),
        ("filters:", "2:1: filters: is empty, not a list; asked in order before a dial"),
        (
            "filters: {suppression: {}}",
            '2:1: filters: {"suppression": {}} is not a list; asked in order before a dial',
        ),
        # what stands in a section
        (
            "filters: [3]",
            "2:11: filters[0]: 3 is not a mapping or text; an element and its parameters, e.g. "
            "`redial: {interval: 30m}`; without any, `finish`",
        ),
        (
            "filters: [supression: ]",
            "2:11: filters[0].supression: no filter named 'supression'; did you mean 'suppression'?",
        ),
        (
            "results: [redial: ]",
            "2:11: results[0].redial: no result handler named 'redial'; known: delivery, disposition",
        ),
        (
            "filters: [{suppression: , where: {field: attempt, lt: 3}}]",
            "2:11: filters[0]: exactly one filter is expected here, found suppression, where",
        ),
        (
            "filters: [{when: {field: attempt, lt: 3}}]",
            "2:11: filters[0]: exactly one filter is expected here, found none",
        ),
        # parameters
        (
            "filters: [suppression: {list: [dnc]}]",
            "2:25: filters[0].suppression.list: unknown key 'list'; did you mean 'lists'?",
        ),
        (
            "filters: [attempts: ]",
            "2:11: filters[0].attempts: 'at_most' or 'windows' is missing",
        ),
        (
            "filters: [attempts: {at_most: 0}]",
            "2:22: filters[0].attempts.at_most: must be at least 1, not 0; how many attempts may be made within "
            "the time, 1 or more",
        ),
        (
            "filters: [attempts: {at_most: three}]",
            "2:22: filters[0].attempts.at_most: 'three' is not a whole number; how many attempts may be made within "
            "the time, 1 or more",
        ),
        (
            "filters: [attempts: {at_most: 3, results: [bussy]}]",
            "2:44: filters[0].attempts.results[0]: 'bussy' is not known here; did you mean 'busy'?",
        ),
        (
            "filters: [attempts: {at_most: 3, per: customer}]",
            "2:34: filters[0].attempts.per: 'customer' is not known here; known: client, client_and_device, device",
        ),
        (
            "treatments: [{on: busy, do: [redial: {interval: 30x}]}]",
            "2:39: treatments[0].do[0].redial.interval: '30x' is no duration; write seconds, or a number with s, m, h "
            "or d, e.g. 30m",
        ),
        (
            "treatments: [{on: busy, do: [redial: {interval: -5}]}]",
            "2:39: treatments[0].do[0].redial.interval: must be at least 0, not -5; how long to wait the first time, "
            "e.g. 30m",
        ),
        (
            "treatments: [{on: busy, do: [redial: 30m]}]",
            "2:30: treatments[0].do[0].redial: '30m' is not a mapping",
        ),
        (
            "treatments: [{on: busy, do: [finish: {now: true}]}]",
            "2:39: treatments[0].do[0].finish.now: unknown key 'now'",
        ),
        (
            "results: [disposition: {codes: {WP: wrongparty}}]",
            "2:33: results[0].disposition.codes.WP: 'wrongparty' is not known here; did you mean 'wrong_party'?",
        ),
        (
            "results: [delivery: {answering_machine: {mobil: agent}}]",
            "2:42: results[0].delivery.answering_machine.mobil: 'mobil' is not known here; did you mean 'mobile'?",
        ),
        (
            "results: [delivery: {silence: ''}]",
            "2:22: results[0].delivery.silence: must not be empty; where silent calls go: drop, agent, or "
            "a routing point",
        ),
        # what a schema cannot say
        (
            'filters: [calling_hours: {hours: "20:00-20:00"}]',
            "2:11: filters[0].calling_hours: '20:00-20:00' is no time at all; the whole day is 00:00-24:00",
        ),
        (
            "filters: [attempts: {at_most: 3, within: 0}]",
            "2:11: filters[0].attempts: within must be longer than 0s; leave it out to count attempts for ever",
        ),
        # conditions
        (
            "filters: [where: ]",
            "2:11: filters[0].where: a condition is one of all, any, not, or a field with an operator, e.g. "
            "{field: attempt, lt: 3}",
        ),
        (
            "filters: [where: {field: attempt}]",
            "2:11: filters[0].where: a condition is one of all, any, not, or a field with an operator, e.g. "
            "{field: attempt, lt: 3}",
        ),
        (
            "filters: [where: {field: attempt, all: [{field: attempt, lt: 3}]}]",
            "2:11: filters[0].where: a condition is one of all, any, not, or a field with an operator, e.g. "
            "{field: attempt, lt: 3}",
        ),
        (
            "filters: [where: {fild: attempt, lt: 3}]",
            "2:19: filters[0].where.fild: unknown key 'fild'; did you mean 'field'?",
        ),
        (
            "filters: [where: 5]",
            "2:11: filters[0].where: 5 is not a mapping; a condition: all, any, not, or one field with one or "
            "more operators",
        ),
        ("filters: [where: {all: []}]", "2:19: filters[0].where.all: must not be empty"),
        (
            "filters: [where: {field: attempt, lt: [3]}]",
            "2:35: filters[0].where.lt: [3] is not understood; one value: text, a number, true or false. For "
            "several there is `in`",
        ),
        (
            "filters: [{suppression: , when: }]",
            "2:27: filters[0].when: is empty, not a mapping; a condition: all, any, not, or one field with one or "
            "more operators",
        ),
        (
            "treatments: [{on: busy, when: {field: x, eqq: 1}, do: [finish: ]}]",
            "2:42: treatments[0].when.eqq: unknown key 'eqq'; did you mean 'eq'?",
        ),
        # treatment rules
        ("treatments: [{do: [finish: ]}]", "2:14: treatments[0]: 'on' or 'disposition' is missing"),
        (
            "treatments: [{on: busy}]",
            "2:14: treatments[0]: 'do' is missing; the sequence: treatments in the order they are tried",
        ),
        (
            "treatments: [{on: busy, do: []}]",
            "2:25: treatments[0].do: must not be empty; the sequence: treatments in the order they are tried",
        ),
        (
            "treatments: [{on: Busy, do: [finish: ]}]",
            "2:15: treatments[0].on: no call result named 'Busy'; did you mean 'busy'?",
        ),
        (
            "treatments: [{on: [busy, no_anser], do: [finish: ]}]",
            "2:26: treatments[0].on[1]: no call result named 'no_anser'; did you mean 'no_answer'?",
        ),
        (
            "treatments: [{on: othr, do: [finish: ]}]",
            "2:15: treatments[0].on: no call result named 'othr'; did you mean 'other'?",
        ),
        (
            "treatments: [{on: 6, do: [finish: ]}]",
            "2:15: treatments[0].on: 6 is not understood; call results this sequence answers, groups of them "
            "(`technical`, `sit`, `machine`, `no_contact`), or `other` for all that nothing else answers",
        ),
        (
            "treatments: [finish]",
            "2:14: treatments[0]: 'finish' is not a mapping; a treatment rule, e.g. `{on: busy, do: [redial: "
            "{interval: 30m}]}`",
        ),
    ],
)
def test_one_mistake_is_one_message_that_says_what_would_be_right(
    registry: Registry, schema: Draft202012Validator, text: str, expected: str
) -> None:
    assert told(text, registry) == [f"r.yaml:{expected}"]
    beyond_a_schema = ("is no time at all", "longer than 0s")
    accepted = any(words in expected for words in beyond_a_schema)
    assert schema.is_valid(parse(f"ruleset: evening\n{text}\n", "r.yaml").data) is accepted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1: is empty; a ruleset begins with `ruleset: NAME`"]),
        ("filters: []", ["1:1: 'ruleset' is missing"]),
        ("- filters", ['1:1: ["filters"] is not a mapping']),
        ("evening", ["1:1: 'evening' is not a mapping"]),
        (
            "ruleset: Evening-1",
            [
                "1:1: ruleset: 'Evening-1' is not understood; the name profiles, templates and groups attach it "
                "by: small letters, digits and _"
            ],
        ),
        ("ruleset: a\nruleset: b", ["2:1: ruleset: duplicate key, first on line 1"]),
    ],
)
def test_file_that_is_no_ruleset_is_refused(
    registry: Registry, schema: Draft202012Validator, text: str, expected: list[str]
) -> None:
    _, problems = check(parse(text, "r.yaml"), registry)
    assert [str(problem) for problem in problems] == [f"r.yaml:{line}" for line in expected]
    assert schema.is_valid(parse(text, "r.yaml").data) is ("duplicate" in expected[0])


def test_every_problem_is_found_at_once(registry: Registry) -> None:
    text = """\
ruleset: evening
titel: x
filters:
  - where: {field: attempt}
    when: {fild: x}
  - attempts: {within: soon, atmost: 3}
  - nobody:
  - suppression: {}
    suppression: {}
results:
  - delivery: {silence: 5}
treatments:
  - on: [bussy, otherr]
    when: 3
    do:
      - redial: {interval: 1 hour, attempts: 0}
      - sms: {text: hello}
"""
    _, problems = check(parse(text, "r.yaml"), registry)
    assert [(problem.mark.line, problem.path) for problem in sorted(problems)] == [
        (2, "titel"),
        (4, "filters[0].where"),
        (5, "filters[0].when.fild"),
        (6, "filters[1].attempts"),
        (6, "filters[1].attempts.within"),
        (6, "filters[1].attempts.atmost"),
        (7, "filters[2].nobody"),
        (9, "filters[3].suppression"),
        (11, "results[0].delivery.silence"),
        (13, "treatments[0].on[0]"),
        (13, "treatments[0].on[1]"),
        (14, "treatments[0].when"),
        (16, "treatments[0].do[0].redial.interval"),
        (16, "treatments[0].do[0].redial.attempts"),
        (17, "treatments[0].do[1].sms"),
    ]


def test_every_missing_parameter_is_named(registry: Registry) -> None:
    class Two(ElementBase):
        name = "two"
        schema: ClassVar[Schema] = {
            "type": "object",
            "required": ["a", "b"],
            "properties": {"b": {"description": "The other."}},
        }

    class Only(Registry):
        def get(self, kind: str, name: str) -> type[ElementBase]:
            return Two

    assert told("filters: [two: ]", Only(registry.manager, registry.plugins)) == [
        "r.yaml:2:11: filters[0].two: 'a' is missing",
        "r.yaml:2:11: filters[0].two: 'b' is missing; the other",
    ]


def test_element_that_raises_on_its_parameters_is_named(registry: Registry) -> None:
    class Broken(ElementBase):
        name = "broken"

        @classmethod
        def build(cls, parameters: Any) -> Any:
            return {}["zone"]

    class Only(Registry):
        def get(self, kind: str, name: str) -> type[ElementBase]:
            return Broken

    assert told("filters: [broken: ]", Only(registry.manager, registry.plugins)) == [
        "r.yaml:2:11: filters[0].broken: raised KeyError: 'zone'"
    ]


def test_file_that_is_no_yaml_is_a_problem_and_not_a_crash(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("a: b: c", encoding="utf-8")
    _, problems, document = read(file, registry, "r.yaml")
    assert [problem.mark.file for problem in problems] == ["r.yaml"]
    assert document.data is None


def examples(registry: Registry) -> Iterator[tuple[str, str, str]]:
    for kind in KINDS:
        for name, entry in registry.entries(kind).items():
            text = inspect.cleandoc(entry.element.__doc__ or "").partition("Example::\n")[2]
            yield kind, name, inspect.cleandoc(text)


def test_composed_schemas_are_valid_and_plain_json(registry: Registry) -> None:
    for composed in (composed_schema(registry), composed_campaign_schema(registry)):
        plain = json.loads(json.dumps(composed, default=dict))
        assert plain["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        Draft202012Validator.check_schema(plain)


def test_composed_schema_accepts_the_bundled_rulesets(
    registry: Registry, schema: Draft202012Validator
) -> None:
    assert bundled()
    for name, file in bundled().items():
        ruleset, problems, document = read(file, registry, file.name)
        assert ruleset is not None, problems
        assert ruleset.name == name
        schema.validate(document.data)


def test_composed_schemas_accept_the_example_of_every_element(
    registry: Registry, schema: Draft202012Validator
) -> None:
    campaigns = Draft202012Validator(composed_campaign_schema(registry))
    for kind, name, text in examples(registry):
        if kind in IN_RULESETS:
            document = parse(f"ruleset: example\n{text}", f"{name}.yaml")
            ruleset, problems = check(document, registry)
            assert ruleset is not None, problems
            schema.validate(document.data)
        else:
            document = parse(text, f"{name}.yaml")
            level = "dialing_profiles" if kind == "dialing mode" else "session_profiles"
            campaigns.validate(
                {level: {"x": document.data}, "groups": {"g": {"template": "t", **document.data}}}
            )


def _mutations(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, inner in items:
        yield from _mutations(inner, (*path, key))


def _changed(data: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new(data) if callable(new) else new
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = _changed(data[path[0]], path[1:], new)
    return copy


def _more(data: Any) -> Any:
    return (
        {**data, "zzz": 1} if isinstance(data, dict) else [*data, 7] if isinstance(data, list) else f"{data}!"
    )


def _less(data: Any) -> Any:
    return type(data)() if isinstance(data, (dict, list, str)) else -1


@pytest.mark.parametrize(
    "change",
    [None, 5, -1, "x", True, [], {}, _more, _less],
    ids=lambda change: getattr(change, "__name__", str(change)),
)
def test_composed_schema_refuses_what_the_loader_refuses(
    registry: Registry, schema: Draft202012Validator, change: Any
) -> None:
    """Every value of a good ruleset and of every example, replaced: both refuse, or both accept."""
    documents = [parse(GOOD, "r.yaml").data] + [
        parse(f"ruleset: example\n{text}", "r.yaml").data
        for kind, _, text in examples(registry)
        if kind in IN_RULESETS
    ]
    for good in documents:
        for path in _mutations(good):
            bad = _changed(good, path, change)
            if bad is None:
                continue
            _, problems = check(Document("r.yaml", bad, {}, []), registry)
            built = [p for p in problems if p.path and not schema_says(p.message)]
            assert schema.is_valid(bad) is (not problems or problems == built), (path, bad, problems)


def schema_says(message: str) -> bool:
    """Whether a schema can say it; what only `build` of an element knows has other words."""
    beyond = (
        "is no time at all",
        "longer than 0s",
        "no time zone named",
        "is past the end",
        "shorter than a day",
        "say how many with",
        "say how long with",
        "nothing is at least",
        "format is that of a field",
    )
    return not any(words in message and "; how long before" not in message for words in beyond)


def test_problems_are_sorted_by_place_and_told_once() -> None:
    document = parse("a: 1\nb: 2\n", "r.yaml")
    second, first = document.problem(("b",), "wrong"), document.problem(("a",), "wrong")
    assert Problems([second, first, second]).problems == [first, second]


def test_element_without_parameters_may_be_a_bare_word(registry: Registry) -> None:
    text = "ruleset: a\nfilters: [suppression]\ntreatments: [{on: answer, do: [finish]}]\n"
    ruleset, problems = check(parse(text, "r.yaml"), registry)

    assert ruleset is not None
    assert not problems
    assert [step.name for step in (*ruleset.filters, *ruleset.treatments[0].steps)] == [
        "suppression",
        "finish",
    ]
    Draft202012Validator(composed_schema(registry)).validate(parse(text, "r.yaml").data)


def test_conditions_are_there_to_check_though_another_part_is_wrong(registry: Registry) -> None:
    text = (
        "ruleset: a\nfilters: [{where: {field: balanse, ge: 1}}]\ntreatments: [{on: bussy, do: [finish]}]\n"
    )
    ruleset, problems = check(parse(text, "r.yaml"), registry)

    assert ruleset is not None
    assert [problem.message for problem in problems] == ["no call result named 'bussy'; did you mean 'busy'?"]
    assert [condition.fields() for condition, _ in ruleset.conditions()] == [{"balanse"}]


def test_named_results_beside_other_are_answered_too(registry: Registry) -> None:
    ruleset, _ = check(
        parse("ruleset: a\ntreatments: [{on: [busy, other], do: [finish]}]\n", "r.yaml"), registry
    )

    assert ruleset is not None
    assert (ruleset.treatments[0].on, ruleset.treatments[0].other) == ({CallResult.BUSY}, True)


@pytest.mark.parametrize(("group", "results"), RESULT_GROUPS.items())
def test_group_of_results_stands_for_its_members(
    registry: Registry, schema: Draft202012Validator, group: str, results: frozenset[CallResult]
) -> None:
    text = f"ruleset: a\ntreatments: [{{on: [wrong_party, {group}], do: [finish]}}]\n"
    document = parse(text, "r.yaml")
    ruleset, problems = check(document, registry)
    assert ruleset is not None
    assert not problems
    assert ruleset.treatments[0].on == {CallResult.WRONG_PARTY, *results}
    schema.validate(document.data)


def test_no_result_is_in_two_groups_and_none_of_ours_to_mend_counts_against_a_cap() -> None:
    members = [result for group in RESULT_GROUPS.values() for result in group]
    assert len(members) == len(set(members))
    assert not RESULT_GROUPS["technical"] & COUNTED_RESULTS
    assert not {word for word in RESULT_GROUPS} & {result.word for result in CallResult}


def test_only_some_treatments_answer_for_an_agent_who_is_absent(registry: Registry) -> None:
    text = """\
ruleset: a
treatments:
  - on: [busy, agent_callback_error]
    do:
      - redial: {interval: 10m}
      - next_in_chain:
      - retry_in: {interval: 1h}
      - webhook: {url: "https://crm.example"}
      - retry_at: {time: "09:00"}
      - reschedule: {interval: 1h}
      - assign_to_group:
      - finish
      - mark_agent_error:
  - on: [busy, other]
    do: [next_in_chain: ]
"""
    _, problems = check(parse(text, "r.yaml"), registry)
    able = "assign_to_group, mark_agent_error, redial, reschedule, retry_at and retry_in can"
    assert [str(problem) for problem in problems] == [
        f"r.yaml:{line}:9: treatments[0].do[{step}].{name}: cannot answer agent_callback_error; {able}"
        for line, step, name in ((6, 1, "next_in_chain"), (8, 3, "webhook"), (12, 7, "finish"))
    ]


@pytest.mark.parametrize(
    ("word", "near"), [("tecnical", "technical"), ("machines", "machine"), ("nocontact", "no_contact")]
)
def test_group_that_does_not_exist_is_told_the_near_word(registry: Registry, word: str, near: str) -> None:
    _, problems = check(
        parse(f"ruleset: a\ntreatments: [{{on: {word}, do: [finish]}}]\n", "r.yaml"), registry
    )
    assert [problem.message for problem in problems] == [
        f"no call result named '{word}'; did you mean '{near}'?"
    ]
