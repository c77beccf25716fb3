from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cxrun.conditions import (
    CONDITION_SCHEMA,
    ENUMERATIONS,
    FIELD_TYPES,
    OPERATORS,
    Condition,
    compile_first,
    text,
    truth,
)
from cxrun.model import Record, Value
from cxrun.testing import make_record

OWN = {"balance": "number", "rating": "integer", "suburb": "text", "odd": "any", "strange": "any"}
"""Own fields and their types; `any` holds values of every kind."""
SQL_TYPES = {"number": "REAL", "integer": "INTEGER", "text": "TEXT", "any": "ANY"}
LETTERS = "aAbBzZ0159%_ 'é\u00c9\u017f\u212a\u4f60\U0001f600\n\\.*"
SCHEMA = Draft202012Validator({**CONDITION_SCHEMA, "$defs": {"condition": CONDITION_SCHEMA}})

texts = st.text(alphabet=LETTERS, max_size=6) | st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=4
)
integers = st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**53, 2**53 + 1])
numbers = (
    st.floats(allow_nan=False) | st.integers(-3, 3).map(float) | st.sampled_from([2.0**53, -0.0, 2.0**63])
)
values = st.none() | st.just("") | integers | numbers | texts | st.sampled_from(["5", "5.0", "1"])
constants = st.booleans() | integers | numbers | texts | st.sampled_from(["5", "5.0", "1"])
_typed = {
    "number": st.none() | numbers,
    "integer": st.none() | integers,
    "text": st.none() | texts,
    "any": values,
}
_words = {
    kind: st.sampled_from([member.name.lower() for member in words]) for kind, words in ENUMERATIONS.items()
}


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from([*OWN, *OWN, *FIELD_TYPES]))
    kind = FIELD_TYPES.get(field, "")
    value = constants | _words[kind] | _words[kind] if kind in _words else constants
    leaf: dict[str, Any] = {"field": field}
    for operator in draw(st.lists(st.sampled_from(OPERATORS), min_size=1, max_size=3, unique=True)):
        if operator == "empty":
            leaf[operator] = draw(st.booleans())
        elif operator in ("in", "not_in"):
            leaf[operator] = draw(st.lists(value, min_size=1, max_size=4))
        elif "like" in operator or "contains" in operator:
            leaf[operator] = draw(texts)
        else:
            leaf[operator] = draw(value)
    return leaf


def _combined(parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(parts, min_size=1, max_size=3)
    return (
        st.builds(lambda some: {"all": some}, several)
        | st.builds(lambda some: {"any": some}, several)
        | st.builds(lambda part: {"not": part}, parts)
    )


conditions = st.recursive(leaves(), _combined, max_leaves=8)


@st.composite
def records(draw: st.DrawFn) -> Record:
    own = {name: draw(_typed[kind]) for name, kind in OWN.items() if draw(st.integers(0, 9))}
    if draw(st.booleans()):
        own["state"] = draw(st.none() | texts)
    return make_record(
        fields=own,
        attempt=draw(st.integers(0, 5)),
        call_result=draw(st.integers(0, 53)),
        record_type=draw(st.integers(0, 7)),
        record_status=draw(st.integers(0, 9)),
        contact_info_type=draw(st.integers(0, 11)),
        country=draw(st.sampled_from(["", "US", "us", "CA", "PR"])),
        area_code=draw(st.sampled_from(["", "212", "416", "902"])),
        phone=draw(st.sampled_from(["+12125550123", "+442079460123", ""])),
        client_id=draw(st.none() | texts),
        first_name=draw(st.none() | texts),
        company=draw(st.none() | texts),
        agent_id=draw(st.none() | st.just("")),
    )


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    """A table with a column for every field, of the type the store gives it."""
    columns = [f"{name} {'TEXT' if kind == 'text' else 'INTEGER'}" for name, kind in FIELD_TYPES.items()]
    columns += [f"{name} {SQL_TYPES[kind]}" for name, kind in OWN.items()]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE r ({', '.join(columns)}) STRICT")
        yield connection


def sql_answer(database: sqlite3.Connection, spec: Mapping[str, Any], record: Record) -> bool | None:
    """What SQLite makes of the condition: true, false or unknown."""
    names = [*FIELD_TYPES, *OWN]
    row = [getattr(record, name) if name in FIELD_TYPES else record.fields.get(name) for name in names]
    database.execute("DELETE FROM r")
    database.execute(f"INSERT INTO r VALUES ({', '.join('?' * len(row))})", row)
    where, parameters = Condition(spec).sql({name: name for name in names})
    answer = database.execute(f"SELECT {where} FROM r", parameters).fetchone()[0]
    chosen = database.execute(f"SELECT count(*) FROM r WHERE {where}", parameters).fetchone()[0]
    assert chosen == (answer == 1)
    return None if answer is None else bool(answer)


@settings(max_examples=400, deadline=None)
@given(spec=conditions, record=records())
@example(spec={"field": "odd", "in": [2.0**53]}, record=make_record(fields={"odd": 2**53 + 1}))
@example(spec={"field": "odd", "lt": 2.0**63}, record=make_record(fields={"odd": 2**63 - 1}))
@example(spec={"field": "odd", "like": "\u017f"}, record=make_record(fields={"odd": "s"}))
@example(spec={"field": "odd", "like": "\u212a"}, record=make_record(fields={"odd": "k"}))
@example(spec={"field": "rating", "eq": "5"}, record=make_record(fields={"rating": 5}))
@example(spec={"field": "suburb", "eq": 5}, record=make_record(fields={"suburb": "5"}))
@example(spec={"not": {"field": "odd", "gt": 1, "lt": "a"}}, record=make_record(fields={}))
def test_python_sql_and_the_reference_agree(
    database: sqlite3.Connection, spec: dict[str, Any], record: Record
) -> None:
    assert SCHEMA.is_valid(spec)
    expected = truth(spec, record)
    condition = Condition(spec)
    assert sql_answer(database, spec, record) is expected
    assert condition.holds(record) is (expected is True)
    assert Condition({"not": spec}).holds(record) is (expected is False)
    assert compile_first([condition, None])(record) == (0 if expected is True else 1)
    assert compile_first([Condition({"not": spec}), condition])(record) == (
        0 if expected is False else 1 if expected else -1
    )


@settings(max_examples=100, deadline=None)
@given(specs=st.lists(st.none() | conditions, max_size=5), record=records())
def test_first_that_is_true_is_found(specs: list[dict[str, Any] | None], record: Record) -> None:
    expected = next(
        (index for index, spec in enumerate(specs) if spec is None or truth(spec, record) is True), -1
    )
    assert compile_first([spec and Condition(spec) for spec in specs])(record) == expected


@given(spec=conditions)
def test_text_is_one_line_unless_a_constant_is_not(spec: dict[str, Any]) -> None:
    assert "\n" not in text(spec) or "\n" in str(spec).replace("\\n", "\n")


NO_BALANCE: dict[str, Value] = {"balance": None}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"field": "balance", "eq": 1}, None),
        ({"field": "balance", "ne": 1}, None),
        ({"field": "balance", "lt": 1}, None),
        ({"field": "balance", "in": [1]}, None),
        ({"field": "balance", "not_in": [1]}, None),
        ({"field": "balance", "like": "%"}, None),
        ({"field": "balance", "not_contains": "x"}, None),
        ({"field": "balance", "empty": True}, True),
        ({"field": "balance", "empty": False}, False),
        ({"field": "absent", "eq": 1}, None),
        ({"field": "absent", "empty": True}, True),
        ({"not": {"field": "balance", "eq": 1}}, None),
        ({"not": {"not": {"field": "balance", "eq": 1}}}, None),
        ({"all": [{"field": "balance", "eq": 1}, {"field": "attempt", "eq": 0}]}, None),
        ({"all": [{"field": "balance", "eq": 1}, {"field": "attempt", "eq": 9}]}, False),
        ({"any": [{"field": "balance", "eq": 1}, {"field": "attempt", "eq": 0}]}, True),
        ({"any": [{"field": "balance", "eq": 1}, {"field": "attempt", "eq": 9}]}, None),
        ({"field": "attempt", "ge": 0, "lt": 3}, True),
        ({"field": "attempt", "ge": 1, "lt": 3}, False),
        ({"field": "attempt", "like": "0"}, None),
    ],
)
def test_unknown_is_neither_true_nor_false(
    database: sqlite3.Connection, spec: dict[str, Any], expected: bool | None
) -> None:
    record = make_record(fields=NO_BALANCE)
    assert truth(spec, record) is expected
    assert Condition(spec).holds(record) is (expected is True)
    assert compile_first([Condition(spec)])(record) == (0 if expected is True else -1)
    if "absent" not in str(spec):
        assert sql_answer(database, spec, record) is expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"field": "exchange", "eq": "555"}, True),
        ({"field": "exchange", "like": "55_", "ne": "556"}, True),
        ({"field": "tz_source", "eq": "number"}, True),
        ({"field": "tz", "contains": "York"}, True),
        ({"field": "country", "not_in": ["CA", "GB"]}, True),
        ({"field": "area_code", "in": ["212", "917"]}, True),
        ({"field": "state", "eq": "NY"}, True),
        ({"field": "state", "empty": False}, True),
    ],
)
def test_place_of_a_number_can_be_asked_for(
    database: sqlite3.Connection, spec: dict[str, Any], expected: bool
) -> None:
    record = make_record()
    assert Condition(spec).complaints({}) == []
    assert truth(spec, record) is Condition(spec).holds(record) is expected
    assert sql_answer(database, spec, record) is expected


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({"country": "US", "area_code": "305"}, "FL"),
        ({"country": "CA", "area_code": "416"}, "ON"),
        ({"country": "CA", "area_code": "902"}, None),
        ({"country": "PR", "area_code": "787"}, "PR"),
        ({"country": "GB", "area_code": "20"}, None),
        ({"country": "US", "area_code": "305", "fields": {"state": "Ohio"}}, "Ohio"),
        ({"country": "US", "area_code": "305", "fields": {"state": None}}, "FL"),
    ],
)
def test_state_is_that_of_the_list_and_else_of_the_area_code(
    record: dict[str, Any], state: str | None
) -> None:
    assert make_record(**record).state == state


@pytest.mark.parametrize(
    ("phone", "exchange"), [("+12125550123", "555"), ("+442079460123", ""), ("+1212", ""), ("", "")]
)
def test_exchange_is_north_american(phone: str, exchange: str) -> None:
    assert make_record(phone=phone).exchange == exchange


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("N%", "ny", True),
        ("%y", "NY", True),
        ("n_", "NY", True),
        ("n_", "NYC", False),
        ("%w%k%", "New York", True),
        ("%k%w%", "New York", False),
        ("a%a", "a", False),
        ("%%", "", True),
        ("", "", True),
        ("", "a", False),
        ("%\n%", "a\nb", True),
        ("a", "a\n", False),
        ("É", "é", False),
        (".", "x", False),
    ],
)
def test_like_is_that_of_sqlite(
    database: sqlite3.Connection, pattern: str, value: str, expected: bool
) -> None:
    record = make_record(fields={"suburb": value})
    spec = {"field": "suburb", "like": pattern}
    assert sql_answer(database, spec, record) is truth(spec, record) is expected
    assert Condition({"field": "suburb", "not_like": pattern}).holds(record) is not expected


def test_like_with_many_wildcards_does_not_blow_up() -> None:
    condition = Condition({"field": "state", "like": "%a" * 20 + "%b"})
    began = time.perf_counter()
    assert not condition.holds(make_record(fields={"state": "a" * 2000}))
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"field": "attempt", "lt": 3}, "attempt < 3"),
        ({"field": "attempt", "ge": 1, "lt": 3}, "attempt >= 1 and attempt < 3"),
        ({"field": "call_result", "ne": "busy"}, "call_result <> busy"),
        ({"field": "state", "in": ["CA", "NV"]}, "state in CA, NV"),
        ({"field": "state", "not_in": ["CA"]}, "state not in CA"),
        ({"field": "state", "like": "N%"}, "state like 'N%'"),
        ({"field": "state", "not_contains": "x"}, "state not contains 'x'"),
        ({"field": "state", "empty": True}, "state is empty"),
        ({"field": "state", "empty": False}, "state is not empty"),
        ({"not": {"field": "attempt", "lt": 3}}, "not attempt < 3"),
        ({"not": {"field": "attempt", "ge": 1, "lt": 3}}, "not (attempt >= 1 and attempt < 3)"),
        (
            {"all": [{"field": "a", "eq": 1}, {"any": [{"field": "b", "eq": 2}, {"field": "c", "eq": 3}]}]},
            "a = 1 and (b = 2 or c = 3)",
        ),
        ({"not": {"all": [{"field": "a", "eq": 1}]}}, "not (a = 1)"),
    ],
)
def test_text_says_what_the_condition_says(spec: dict[str, Any], expected: str) -> None:
    assert text(spec) == str(Condition(spec)) == expected


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ({"field": "atempt", "lt": 3}, "field", "no field named 'atempt'; did you mean 'attempt'?"),
        ({"field": "balanse", "lt": 3}, "field", "no field named 'balanse'; did you mean 'balance'?"),
        ({"field": "attempt", "lt": "3"}, "lt", "attempt is of type integer, '3' is text"),
        ({"field": "balance", "ge": "rich"}, "ge", "balance is of type number, 'rich' is text"),
        ({"field": "state", "eq": 10}, "eq", 'state is of type text; write "10" in quotes'),
        ({"field": "state", "eq": True}, "eq", 'state is of type text; write "true" in quotes'),
        ({"field": "state", "in": ["CA", 5]}, "in.1", 'state is of type text; write "5" in quotes'),
        ({"field": "attempt", "like": "1%"}, "like", "'like' compares text, but attempt is of type integer"),
        (
            {"field": "balance", "contains": "1"},
            "contains",
            "'contains' compares text, but balance is of type number",
        ),
        ({"field": "call_result", "eq": "bussy"}, "eq", "no call result named 'bussy'; did you mean 'busy'?"),
        (
            {"field": "record_type", "not_in": ["general", "callback"]},
            "not_in.1",
            "no record type named 'callback'; did you mean 'personal_callback'?",
        ),
        ({"field": "contact_info_type", "eq": 12}, "eq", "12 is no code of a device type"),
        ({"field": "record_status", "eq": True}, "eq", "true is no code of a record status"),
        ({"field": "rating", "lt": 2**63}, "lt", "9223372036854775808 does not fit into 64 bits"),
        (
            {"all": [{"not": {"field": "x_y_z", "eq": 1}}]},
            "all.0.not.field",
            "no field named 'x_y_z'; known: ",
        ),
    ],
)
def test_mistakes_are_found_where_they_are(spec: dict[str, Any], path: str, message: str) -> None:
    (complaint,) = Condition(spec).complaints({"balance": "number", "rating": "integer", "state": "text"})
    assert ".".join(str(step) for step in complaint.path) == path
    assert complaint.message == message or (message.endswith(": ") and complaint.message.startswith(message))


def test_every_mistake_is_found() -> None:
    leaf = {"field": "attempt", "lt": "a", "like": "b", "in": [1, "c", "d"]}
    found = Condition({"any": [leaf, {"field": "nobody", "eq": 1}]}).complaints({})
    assert [complaint.path[2:] for complaint in found] == [
        ("lt",),
        ("like",),
        ("in", 1),
        ("in", 2),
        ("field",),
    ]


@pytest.mark.parametrize(
    "spec",
    [
        {"field": "call_result", "in": ["busy", 7]},
        {"field": "attempt", "eq": True},
        {"field": "attempt", "lt": 2.5},
        {"field": "agent_id", "empty": True},
        {"field": "rating", "ge": -(2**63)},
        {"field": "state", "like": "N%", "ne": "NY"},
    ],
)
def test_what_is_right_is_not_complained_about(spec: dict[str, Any]) -> None:
    assert Condition(spec).complaints({"rating": "integer", "state": "text"}) == []


def test_fields_are_those_it_reads() -> None:
    spec = {"all": [{"field": "a", "eq": 1}, {"not": {"any": [{"field": "b", "eq": 1}]}}]}
    assert Condition(spec).fields() == {"a", "b"}


def test_enumerations_may_be_written_as_words_or_codes() -> None:
    record = make_record(call_result=6)
    assert all(Condition({"field": "call_result", "eq": six}).holds(record) for six in ("busy", 6))


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"field": "attempt"},
        {"lt": 3},
        {"all": []},
        {"all": [{"field": "attempt", "lt": 3}], "any": [{"field": "attempt", "lt": 3}]},
        {"field": "attempt", "all": [{"field": "attempt", "lt": 3}]},
        {"field": "attempt", "lt": 3, "not": {"field": "attempt", "lt": 3}},
        {"field": "attempt", "lt": None},
        {"field": "attempt", "in": []},
        {"field": "attempt", "in": 3},
        {"field": "state", "like": 5},
        {"field": "state", "empty": "yes"},
        {"field": "state", "matches": "x"},
    ],
)
def test_schema_refuses_what_has_no_meaning(spec: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(spec)


def test_text_of_the_user_is_never_code() -> None:
    evil = "k0'); __import__('os').abort() #"
    condition = Condition({"field": evil, "eq": evil, "in": [evil], "contains": evil})
    assert condition.holds(make_record(fields={evil: evil}))
    where, parameters = condition.sql({evil: "own_1"})
    assert re.fullmatch(r"[A-Za-z0-9_ +=?()<>',]*", where)
    assert parameters == [evil] * 3
