from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun.errors import Mark, Problems, UserError
from cxrun.yamlfile import load, parse, path_text


def value(text: str) -> Any:
    document = parse(f"key: {text}\n", "f.yaml")
    assert not document.problems
    return document.data["key"]


@pytest.mark.parametrize(
    "text",
    [
        "10:30", "9:00", "09:00", "1:30:00", "ON", "on", "NO", "no", "Yes", "y", "off", "OFF", "0123456", "007",
        "+15550100", "+1", "2026-01-01", "2026-03-02T13:00Z", "1_000", "0x1F", "0o17", "0b1", ".5", "5.", ".inf",
        "-.inf", ".nan", "1,5", "1e", "tRUE", "nULL", "=", "N/A", "1.2.3", "30m",
    ],
)  # fmt: skip
def test_what_a_person_means_as_text_stays_text(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True), ("True", True), ("FALSE", False), ("0", 0), ("-0", 0), ("-7", -7), ("42", 42),
        ("9223372036854775808", 2**63), ("1.50", 1.5), ("-0.25", -0.25), ("1e3", 1000.0), ("2E-1", 0.2),
        ("null", None), ("~", None), ("", None), ("Null", None), ('"10"', "10"), ("'true'", "true"), ('""', ""),
        ("!!str 5", "5"), ("!!float 5", 5.0), ("[1, a]", [1, "a"]), ("{a: 1}", {"a": 1}), ("{}", {}),
    ],
)  # fmt: skip
def test_core_types_are_read(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none())
def test_json_values_are_what_they_are_in_json(number: Any) -> None:
    import json

    assert value(json.dumps(number)) == number


def test_keys_are_text_as_written() -> None:
    document = parse("1: a\ntrue: b\nNO: c\n10:30: d\n~: e\n2026-01-01: f\n", "f.yaml")
    assert list(document.data) == ["1", "true", "NO", "10:30", "~", "2026-01-01"]
    assert not document.problems


def test_duplicate_keys_are_all_told_with_both_places() -> None:
    text = "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n'a': 2\nlist:\n- x: 1\n  x: 2\n"
    assert [str(problem) for problem in parse(text, "f.yaml").problems] == [
        "f.yaml:5:3: b.c: duplicate key, first on line 3",
        "f.yaml:6:1: a: duplicate key, first on line 1",
        "f.yaml:9:3: list[0].x: duplicate key, first on line 8",
    ]


def test_first_of_duplicate_keys_is_kept() -> None:
    assert parse("a: 1\na: 2\n", "f.yaml").data == {"a": 1}


MARKED = """\
filters:
  - calling_hours:
      hours: "09:00-20:00"
  - {attempts: {at_most: 3}, when: é}
"""


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("filters",), 1, 1),
        (("filters", 0), 2, 5),
        (("filters", 0, "calling_hours"), 2, 5),
        (("filters", 0, "calling_hours", "hours"), 3, 7),
        (("filters", 1), 4, 5),
        (("filters", 1, "attempts", "at_most"), 4, 17),
        (("filters", 1, "when"), 4, 30),
        (("filters", 1, "attempts", "within", "deeper"), 4, 6),
        (("filters", 7), 1, 1),
        (("nothing",), 1, 1),
    ],
)
def test_every_value_has_its_place_and_a_missing_one_that_around_it(
    path: tuple[str | int, ...], line: int, column: int
) -> None:
    assert parse(MARKED, "f.yaml").mark(path) == Mark("f.yaml", line, column)


def test_places_are_right_with_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: 2\r\n")
    document = load(file, "f.yaml")
    assert document.data == {"a": 1, "b": {"c": 2}}
    assert document.mark(("b", "c")) == Mark("f.yaml", 3, 3)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", 0, "b"), "a[0].b"),
        (("treatments", 1, "redial", "interval"), "treatments[1].redial.interval"),
    ],
)
def test_paths_read_as_people_write_them(path: tuple[str | int, ...], expected: str) -> None:
    assert path_text(path) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b: c\n", "f.yaml:1:5: is not valid YAML: mapping values are not allowed in this context"),
        ("a:\n\t- b\n", "f.yaml:2:1: is not valid YAML: a tab cannot indent; use spaces"),
        ("a: [1, 2\nb: 3\n", "f.yaml:2:2: is not valid YAML: while parsing a flow sequence, did not find"),
        ('a: "b\n', "f.yaml:2:1: is not valid YAML: while scanning a quoted scalar"),
        ("a: *nobody\n", "f.yaml:1:4: is not valid YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: is not valid YAML: expected a single document in the stream"),
        ("a: b\n  \x00\n", "f.yaml:2:3: is not valid YAML: the control character #x0000 is not allowed"),
        ("a: \ud800\n", "f.yaml:1:4: is not valid YAML: the control character #xd800 is not allowed"),
        ("[" * 900 + "]" * 900, "f.yaml:1:1: is nested too deeply"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(Problems) as caught:
        parse(text, "f.yaml")
    (problem,) = caught.value.problems
    assert str(problem).startswith(expected)
    assert "\n" not in str(problem)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("? [a]\n: b\n", "f.yaml:1:3: a key must be plain text"),
        (
            "a: !!timestamp 2026-01-01\n",
            "f.yaml:1:4: a: the tag !!timestamp is not understood; write the value without it",
        ),
        ("a: !secret x\n", "f.yaml:1:4: a: the tag !secret is not understood; write the value without it"),
        (
            "a: !!python/object/apply:os.abort []\n",
            "f.yaml:1:4: a: the tag !!python/object/apply:os.abort is not understood; write the value without it",
        ),
        ("a: !!set {b, c}\n", "f.yaml:1:4: a: the tag !!set is not understood; write the value without it"),
        ("a: !!int abc\n", "f.yaml:1:4: a: 'abc' cannot be read as int"),
        ("a: !!bool maybe\n", "f.yaml:1:4: a: 'maybe' cannot be read as bool"),
        (f"a: {'1' * 5000}\n", f"f.yaml:1:4: a: '{'1' * 40}...' cannot be read as int"),
        ("b: &b {x: 1}\na: {<<: *b, y: 2}\n", "f.yaml:2:5: a.<<: merge keys are not understood; write the keys out"),
        ("a: &a [1, *a]\n", "f.yaml:1:4: a[1]: an alias inside the value it stands for has no end"),
    ],
)  # fmt: skip
def test_what_yaml_allows_and_we_do_not_is_told(text: str, expected: str) -> None:
    assert [str(problem) for problem in parse(text, "f.yaml").problems] == [expected]


def test_alias_stands_for_the_value_of_its_anchor() -> None:
    document = parse("a: &again [x, {y: 1}]\nb: *again\n", "f.yaml")
    assert document.data == {"a": ["x", {"y": 1}], "b": ["x", {"y": 1}]}
    assert document.mark(("b", 1)) == Mark("f.yaml", 1, 15)
    assert document.mark(("b",)) == Mark("f.yaml", 2, 1)
    assert not document.problems


def test_aliases_of_aliases_do_not_hang() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(Problems, match="has more than 100000 values"):
        parse("\n".join(["l0: &l0 lol", *levels]), "f.yaml")


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "~"])
def test_file_without_anything_holds_nothing(text: str) -> None:
    document = parse(text, "f.yaml")
    assert document.data is None
    assert document.mark(("a",)) == document.mark(())


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes("a: é\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"^f\.yaml: is not UTF-8 text \(byte 3\)$"):
        load(file, "f.yaml")


@pytest.mark.parametrize(("name", "why"), [("nowhere.yaml", "No such file"), (".", "Is a directory")])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UserError, match=f"^f.yaml: cannot be read: {why}"):
        load(tmp_path / name, "f.yaml")


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        problems = parse(text, "f.yaml").problems
    except Problems as error:
        problems = error.problems
    assert all(problem.mark.file == "f.yaml" and problem.message for problem in problems)
