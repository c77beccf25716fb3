from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun import Condition
from cxrun.errors import Problems, UserError
from cxrun.migrating import Migration, migrate
from cxrun.migrating.draft import Drafts
from cxrun.migrating.genesys_cloud import _ABOUT_CALLS, _condition, _joined
from cxrun.migrating.terraform import Block, resources
from cxrun.registry import Registry, load_registry
from cxrun.testing import make_record
from cxrun.yamlfile import Document, parse

Migrated = Callable[..., Migration]
RULESET = """
resource "genesyscloud_outbound_ruleset" "r" {{
  name = "R"
  rules {{
    name     = "one"
    category = "{category}"
{conditions}
    actions {{
      type             = "Action"
      action_type_name = "{action}"
      properties       = {{ {properties} }}
    }}
  }}
}}
"""
BUSY = '    conditions {\n type = "callAnalysisCondition"\n value = "disposition.classification.callable.busy"\n }\n'


def ruleset(conditions: str, action: str, properties: str = "", *, before: bool = False) -> str:
    category = "DIALER_PRECALL" if before else "DIALER_WRAPUP"
    return RULESET.format(category=category, conditions=conditions, action=action, properties=properties)


def attribute(name: str, operator: str, value: str, kind: str = "STRING", inverted: bool = False) -> str:
    inversion = "inverted = true\n" if inverted else ""
    return (
        f'conditions {{\n type = "contactAttributeCondition"\n attribute_name = "{name}"\n operator = "{operator}"\n'
        f' value = "{value}"\n value_type = "{kind}"\n {inversion}}}\n'
    )


def data(migration: Migration) -> Any:
    (draft,) = migration.drafts
    return parse(draft.text(), "it").data


def why_not(migration: Migration) -> list[str]:
    return [entry.detail for entry in migration.entries("not carried over")]


# --- Terraform -------------------------------------------------------------------------------------


def test_hcl_and_json_read_alike(tmp_path: Path) -> None:
    hcl = tmp_path / "a.tf"
    hcl.write_text(
        '/* a */ resource "t" "l" {\n  text = "a \\"b\\" $${c}"   # d\n  number = 5\n  below = -1.5\n  no = false\n'
        '  nothing = null\n  list = [1, "x", data.k.n.id]\n  map = { "a b" = "1", c : true }\n'
        '  mixed = "x-${var.y}"\n  called = upper("z")\n  inner {\n    one = 1\n  }\n  inner {\n    one = 2\n  }\n}\n'
    )
    as_json = tmp_path / "a.tf.json"
    body = {
        "text": 'a "b" ${c}', "number": 5, "below": -1.5, "no": False, "nothing": None,
        "list": [1, "x", "${data.k.n.id}"], "map": {"a b": "1", "c": True}, "mixed": "x-${var.y}",
        "called": '${upper("z")}', "inner": [{"one": 1}, {"one": 2}],
    }  # fmt: skip
    as_json.write_text(json.dumps({"resource": {"t": {"l": body}}}))
    (_, left), (_, right) = (next(resources([file], [])) for file in (hcl, as_json))
    assert {key: left._data[key] for key in left} == {key: right._data[key] for key in right}
    assert [block.mark.line for block in left.blocks("inner")] == [11, 14]
    assert (left.place("number").line, left.place("number").column) == (3, 3)


def test_hcl_that_is_none_is_told_with_its_place(migrated: Migrated) -> None:
    with pytest.raises(Problems, match=r"^a\.tf:2:10: is not valid HCL: something is missing before the end"):
        migrated("a.tf", 'resource "a" "b" {\n  name = \n}\n')


def test_a_missing_hcl_library_is_told_with_what_to_install(
    migrated: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "hcl2":
            raise ImportError(name)
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install 'cxrun\[terraform\]'"):
        migrated("a.tf", ruleset(BUSY, "CONTACT_UNCALLABLE"))


def test_a_folder_stands_for_its_terraform_files(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "codes.tf").write_text(
        'resource "genesyscloud_routing_wrapupcode" "w" {\n  name = "Won"\n}\n'
    )
    wrapup = 'conditions {\n type = "wrapupCondition"\n codes = [genesyscloud_routing_wrapupcode.w.id]\n}\n'
    (tmp_path / "rules.tf").write_text(ruleset(wrapup, "CONTACT_UNCALLABLE"))
    (tmp_path / "notes.txt").write_text("no rules")
    migration = migrate([tmp_path], registry)
    assert data(migration)["treatments"] == [{"disposition": "Won", "do": [{"finish": None}]}]


def test_a_folder_without_terraform_files_is_refused(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(UserError, match=r"has no \.tf or \.tf\.json files"):
        migrate([tmp_path], registry)


# --- conditions ------------------------------------------------------------------------------------

REGISTRY = load_registry()
OPERATORS = ("EQUALS", "LESS_THAN", "LESS_THAN_EQUALS", "GREATER_THAN", "GREATER_THAN_EQUALS", "CONTAINS",
             "BEGINS_WITH", "ENDS_WITH")  # fmt: skip
VALUES = ("a", "ab", "b", "5")


def spec(operator: str, value: str, inverted: bool) -> dict[str, Any]:
    return {
        "type": "contactAttributeCondition", "attribute_name": "X", "operator": operator, "value": value,
        "value_type": "STRING", "inverted": inverted,
    }  # fmt: skip


def as_genesys_says(operator: str, value: str, inverted: bool, held: str) -> bool:
    """What a condition is true of."""
    found = {
        "EQUALS": held == value, "LESS_THAN": held < value, "LESS_THAN_EQUALS": held <= value,
        "GREATER_THAN": held > value, "GREATER_THAN_EQUALS": held >= value, "CONTAINS": value in held,
        "BEGINS_WITH": held.startswith(value), "ENDS_WITH": held.endswith(value),
    }[operator]  # fmt: skip
    return found is not inverted


@given(
    st.lists(
        st.tuples(st.sampled_from(OPERATORS), st.sampled_from(VALUES), st.booleans()),
        min_size=1, max_size=3,
    ),
    st.sampled_from(VALUES),
)  # fmt: skip
def test_conditions_and_their_opposites_divide_the_records(
    conditions: list[tuple[str, str, bool]], held: str
) -> None:
    draft = Drafts("it", REGISTRY).begin("it", "")
    document = Document("it", None, {}, [])
    pairs = [_condition(Block(document, (), spec(*condition), []), draft) for condition in conditions]
    true, opposite = _joined("all", [pair[0] for pair in pairs]), _joined("any", [pair[1] for pair in pairs])
    record = make_record(fields={"x": held})
    wanted = all(as_genesys_says(*condition, held) for condition in conditions)
    assert (Condition(true).holds(record), Condition(opposite).holds(record)) == (wanted, not wanted)


@pytest.mark.parametrize(("operator", "inverted"), list(product(OPERATORS, (False, True))))
def test_a_missing_value_is_on_one_side_only(operator: str, inverted: bool) -> None:
    draft = Drafts("it", REGISTRY).begin("it", "")
    pair = _condition(Block(Document("it", None, {}, []), (), spec(operator, "a", inverted), []), draft)
    record = make_record(fields={"x": None})
    assert [Condition(side).holds(record) for side in pair] == [inverted, not inverted]


def test_do_not_dial_excludes_those_of_whom_all_conditions_are_true(migrated: Migrated) -> None:
    conditions = attribute("Balance", "LESS_THAN", "50", "NUMERIC") + attribute("VIP", "EQUALS", "")
    migration = migrated("a.tf", ruleset(conditions, "DO_NOT_DIAL", before=True))
    assert data(migration)["filters"] == [
        {
            "where": {
                "any": [
                    {"field": "balance", "empty": True},
                    {"field": "balance", "ge": 50},
                    {"field": "vip", "empty": False},
                ]
            }
        }
    ]
    assert "#   balance: column 'Balance', of type number or integer" in migration.drafts[0].text()


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("Account Balance", "account_balance"),
        ("zipCode", "zip_code"),
        ("phone", "own_phone"),
        ("2nd", "field_2nd"),
    ],
)
def test_columns_become_fields(migrated: Migrated, column: str, field: str) -> None:
    migration = migrated("a.tf", ruleset(attribute(column, "EQUALS", ""), "DO_NOT_DIAL", before=True))
    assert data(migration)["filters"] == [{"where": {"field": field, "empty": False}}]


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ('type = "dataActionCondition"', "a dataActionCondition has no counterpart"),
        ('type = "timeAndDateCondition"', "a timeAndDateCondition has no counterpart"),
        ('type = "phoneNumberTypeCondition"\n value = "Fax"', "'Fax' is no device type here"),
        (
            'type = "contactAttributeCondition"\n attribute_name = "a"\n operator = "BEFORE"\n value = "P1D"\n'
            ' value_type = "PERIOD"',
            "a comparison of PERIOD values has no counterpart",
        ),
        (
            'type = "contactAttributeCondition"\n attribute_name = "a"\n operator = "BEGINS_WITH"\n value = "5%"',
            "'5%' holds % or _, which stand for other characters in `like`",
        ),
        (
            'type = "contactAttributeCondition"\n attribute_name = "a"\n operator = "EQUALS"\n value = var.least',
            "value is ${var.least}, which only Terraform knows; write its value",
        ),
    ],
)
def test_a_rule_with_a_condition_that_has_no_counterpart_is_not_carried(
    migrated: Migrated, condition: str, reason: str
) -> None:
    both = attribute("b", "EQUALS", "x") + f"conditions {{\n {condition}\n}}\n"
    migration = migrated("a.tf", ruleset(both, "DO_NOT_DIAL", before=True))
    assert migration.drafts == []
    assert why_not(migration) == [reason]


# --- actions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "properties", "treatment"),
    [
        ("CONTACT_UNCALLABLE", "", {"finish": None}),
        ("NUMBER_UNCALLABLE", "", {"next_in_chain": None}),
        ("APPEND_NUMBER_TO_DNC_LIST", "", {"do_not_call": {"list": "dnc"}}),
        (
            "APPEND_NUMBER_TO_DNC_LIST",
            'dncListId = genesyscloud_outbound_dnclist.stop_list.id\n expirationDuration = "P30D"',
            {"do_not_call": {"list": "stop_list", "valid_for": "30d"}},
        ),
        ("SCHEDULE_CALLBACK", 'callbackOffset = "90"', {"retry_in": {"interval": "90m", "attempts": 1}}),
    ],
)
def test_an_action_after_the_call_is_a_treatment(
    migrated: Migrated, action: str, properties: str, treatment: dict[str, Any]
) -> None:
    migration = migrated("a.tf", ruleset(BUSY, action, properties))
    assert data(migration)["treatments"] == [{"on": "busy", "do": [treatment]}]


def test_callbacks_are_as_many_as_the_attempt_limit_allows(migrated: Migrated) -> None:
    limit = 'resource "genesyscloud_outbound_attempt_limit" "l" {\n  max_attempts_per_contact = 5\n}\n'
    migration = migrated("a.tf", limit + ruleset(BUSY, "SCHEDULE_CALLBACK", 'callbackOffset = "5"'))
    (rules,) = [draft for draft in migration.drafts if draft.name == "r"]
    assert "retry_in: {interval: 5m, attempts: 4}" in rules.text()
    assert why_not(migration) == []


@pytest.mark.parametrize(
    "action", ["MODIFY_CONTACT_ATTRIBUTE", "SET_SKILLS", "DATA_ACTION", "SWITCH_TO_PREVIEW"]
)
def test_an_action_without_counterpart_is_named(migrated: Migrated, action: str) -> None:
    migration = migrated("a.tf", ruleset(BUSY, action))
    assert migration.drafts == []
    assert [entry.what for entry in migration.entries("not carried over")] == [f"'one' {action}"]


def test_rules_are_in_their_order(migrated: Migrated) -> None:
    rule = (
        ' rules {{\n name = "{0}"\n order = {0}\n category = "DIALER_WRAPUP"\n'
        ' conditions {{\n type = "wrapupCondition"\n'
        ' codes = ["C{0}"]\n }}\n actions {{\n type = "Action"\n action_type_name = "CONTACT_UNCALLABLE"\n }}\n }}\n'
    )
    text = (
        'resource "genesyscloud_outbound_ruleset" "r" {\n'
        + "".join(rule.format(n) for n in (3, 1, 2))
        + "}\n"
    )
    assert [r["disposition"] for r in data(migrated("a.tf", text))["treatments"]] == ["C1", "C2", "C3"]


def test_conditions_about_calls_before_the_call_are_not_carried(migrated: Migrated) -> None:
    for kind in _ABOUT_CALLS:
        conditions = f'conditions {{\n type = "{kind}"\n}}\n'
        migration = migrated("a.tf", ruleset(conditions, "DO_NOT_DIAL", before=True))
        assert "before the call" in why_not(migration)[0]


def test_unknown_attributes_are_named(migrated: Migrated) -> None:
    text = 'resource "genesyscloud_outbound_attempt_limit" "l" {\n  max_attempts_per_number = 5\n  per_moon = 3\n}\n'
    (entry,) = migrated("a.tf", text).entries("not carried over")
    assert (entry.mark.line, entry.what) == (3, "attempt_limit l per_moon")


def test_what_terraform_multiplies_is_not_carried(migrated: Migrated) -> None:
    text = 'resource "genesyscloud_outbound_attempt_limit" "l" {\n  count = 2\n  max_attempts_per_number = 5\n}\n'
    migration = migrated("a.tf", text)
    assert migration.drafts == []
    assert "for_each and count" in why_not(migration)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ruleset(BUSY, "CONTACT_UNCALLBLE"),
            "a.tf:14:7: genesyscloud_outbound_ruleset.r.rules[0].actions[0].action_type_name: 'CONTACT_UNCALLBLE' is "
            "not known; did you mean 'CONTACT_UNCALLABLE'?",
        ),
        (
            'resource "genesyscloud_outbound_attempt_limit" "l" {\n  max_attempts_per_number = "few"\n}\n',
            "a.tf:2:3: genesyscloud_outbound_attempt_limit.l.max_attempts_per_number: 'few' is no whole number",
        ),
        (
            'resource "genesyscloud_outbound_attempt_limit" "l" {\n  reset_period = "DAILY"\n}\n',
            "a.tf:2:3: genesyscloud_outbound_attempt_limit.l.reset_period: 'DAILY' is not known; did you mean 'TODAY'?",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(migrated: Migrated, text: str, message: str) -> None:
    with pytest.raises(Problems) as caught:
        migrated("a.tf", text)
    assert str(caught.value) == message
