from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from cxrun import (
    PASS,
    Action,
    Call,
    CallResult,
    Defer,
    DialAgain,
    Exclude,
    Filter,
    Finish,
    Moment,
    Schema,
    Treatment,
    Verdict,
)
from cxrun.registry import load_registry
from cxrun.testing import assert_element, at, build, decide, make_call, make_moment, make_record, settle

RETRY = """
ruleset: retry
treatments:
  - on: busy
    do:
      - redial: {interval: 30m, increment: 5m, attempts: 2}
      - retry_in: {interval: 1d}
  - disposition: SALE
    do:
      - finish:
"""
HOURS = """
ruleset: hours
filters:
  - calling_hours: {hours: "09:00-20:00"}
  - attempts: {at_most: 3, within: 24h}
  - where: {any: [{field: balance, empty: true}, {field: balance, ge: 50}]}
"""


def test_moments_are_text_or_seconds() -> None:
    assert at(1000) == 1000.0
    assert at("1970-01-01T01:00+01:00") == at("1970-01-01") == 0.0


def test_record_is_one_that_may_be_dialed_at_noon() -> None:
    record = make_record()
    assert (record.phone, record.zones, record.client) == ("+12125550123", ("America/New_York",), "C1")
    assert decide(HOURS).verdict is PASS


def test_overrides_and_own_fields_of_a_record() -> None:
    record = make_record(tz="Pacific/Honolulu", attempt=2, fields={"balance": 120})
    assert (record.zones, record.attempt_id, record.fields["balance"]) == (("Pacific/Honolulu",), "1-2", 120)


def test_unknown_field_of_a_record_is_refused() -> None:
    with pytest.raises(TypeError, match="zone"):
        make_record(zone="UTC")


def test_call_carries_its_result_in_the_record_too() -> None:
    call = make_call("busy", disposition="SALE", applied=1)
    assert (call.result, call.record.call_result, call.record.attempt) == (CallResult.BUSY, 6, 1)
    assert (call.disposition, call.applied, call.chain) == ("SALE", 1, (call.record,))
    assert make_call(CallResult.BUSY).result is CallResult.BUSY


def test_moment_holds_its_record_in_the_chain() -> None:
    moment = make_moment(now=5)
    assert (moment.now, moment.chain) == (5.0, (moment.record,))


def test_misspelt_result_names_the_near_one() -> None:
    with pytest.raises(AssertionError, match=r"no call result named 'bussy'; did you mean 'busy'\?"):
        make_call("bussy")


def test_build_checks_as_a_ruleset_would() -> None:
    assert build("treatment", "redial", {"interval": "30m"}).attempts == 3
    assert build("dialing mode", "progressive").lines_per_agent == 1
    with pytest.raises(AssertionError, match=r"redial.intervall: unknown key .*did you mean 'interval'"):
        build("treatment", "redial", {"interval": "1m", "intervall": "30m"})
    with pytest.raises(AssertionError, match=r"no treatment named 'redail'; did you mean 'redial'\?"):
        build("treatment", "redail")
    with pytest.raises(
        AssertionError, match=r"no kind of element named 'treatments'; did you mean 'treatment'"
    ):
        build("treatments", "redial")


@pytest.mark.parametrize(
    ("record", "now", "verdict"),
    [
        ({}, "2026-03-02T08:00-05:00", Defer),
        ({"tz": "Pacific/Honolulu"}, "2026-03-02T12:00-05:00", Defer),
        ({"fields": {"balance": 49}}, "2026-03-02T12:00-05:00", Exclude),
        ({"fields": {"balance": 50}}, "2026-03-02T12:00-05:00", type(PASS)),
    ],
)
def test_decide_asks_the_filters(record: dict[str, Any], now: str, verdict: type[Verdict]) -> None:
    decision = decide(HOURS, make_record(**record), now=now)
    assert type(decision.verdict) is verdict
    assert (decision.rule is None) is (verdict is type(PASS))


def test_settle_asks_the_treatments_of_the_result() -> None:
    settlement = settle(RETRY, "busy", now=1000)
    assert settlement.action == DialAgain(2800, "redial in 30m, 1 of 2")
    assert settlement.rule is not None
    assert str(settlement.rule) == "ruleset:6 redial"
    assert settle(RETRY, "answer", disposition="SALE").rule is not None
    assert settle(RETRY, "fax_detected").action == Finish("no treatment for this result")


def test_settle_after_another_goes_on_in_the_sequence() -> None:
    first = settle(RETRY, "busy", now=0)
    second = settle(RETRY, "busy", now=0, after=first)
    third = settle(RETRY, "busy", now=0, after=second)
    assert [found.action.reason for found in (first, second, third)] == [
        "redial in 30m, 1 of 2", "redial in 35m, 2 of 2", "retry in 1d, 1 of 1",
    ]  # fmt: skip
    assert settle(RETRY, "busy", after=third).action == Finish("treatments used up")


def test_wrong_ruleset_is_refused_with_line_and_near_word() -> None:
    with pytest.raises(AssertionError, match=r"ruleset:6:9: .*no treatment named 'redail'; did you mean"):
        settle(RETRY.replace("redial", "redail"))
    with pytest.raises(AssertionError, match="ruleset:2:1: is not valid YAML"):
        decide("ruleset: [\n")


@pytest.mark.parametrize("entry", list(load_registry().all()), ids=lambda entry: f"{entry.kind} {entry.name}")
def test_every_element_at_hand_is_in_order(entry: Any) -> None:
    assert_element(entry.element)


@dataclass(frozen=True)
class Wait(Treatment):
    """Waits.

    Example::

        treatments:
          - on: busy
            do:
              - wait: {hours: 1}
    """

    name: ClassVar[str] = "wait"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["hours"],
        "properties": {"hours": {"description": "How long.", "type": "integer"}},
    }

    hours: int

    def apply(self, call: Call) -> Action | None:
        return DialAgain(call.now + self.hours * 3600, "waits")


def test_element_need_not_be_registered_to_be_checked() -> None:
    assert_element(Wait)


HOURS_SCHEMA = {"hours": {"description": "How long.", "type": "integer"}}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": ""}, "name '' is not in lower_case_words"),
        ({"name": "Wait-a-bit"}, "name 'Wait-a-bit' is not in lower_case_words"),
        ({"apply": Treatment.apply}, "a treatment needs the method `apply`"),
        ({"__doc__": None}, "has no docstring"),
        ({"__doc__": "Wait(hours: int)"}, "has no docstring"),
        ({"__doc__": "Waits"}, "which `cxrun plugins` shows, is not a whole sentence"),
        ({"__doc__": "Waits."}, "has no example; end it with `Example::`"),
        ({"__doc__": "Waits.\n\nExample::\n\n    treatments: []\n"}, "does not use it"),
        (
            {"__doc__": "Waits.\n\nExample::\n\n    treatments: [{on: busy, do: [{wait: {hour: 1}}]}]\n"},
            r"does not load: example:2:\d+: treatments\[0\].do\[0\].wait.hour: unknown key 'hour'",
        ),
        (
            {"__doc__": "Waits.\n\nExample::\n\n    wait: [\n"},
            "does not load: example:3:1: is not valid YAML",
        ),
        ({"schema": {"type": "objekt"}}, "schema: 'objekt' is not valid"),
        ({"schema": {**Wait.schema, "additionalProperties": True}}, "a misspelt parameter is not refused"),
        (
            {"schema": {**Wait.schema, "required": []}},
            "'hours' is not required, but its field has no default",
        ),
        (
            {"schema": {**Wait.schema, "properties": {"hours": {"type": "integer"}}}},
            "'hours' has no description",
        ),
        ({"schema": {**Wait.schema, "properties": {}}}, "schema: field 'hours' is no parameter"),
        (
            {"schema": {**Wait.schema, "properties": {**HOURS_SCHEMA, "days": {}}}},
            "schema: parameter 'days' is no field of the class",
        ),
    ],
)
def test_what_is_wrong_with_an_element_is_said(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], complaint: str
) -> None:
    for attribute, value in changes.items():
        monkeypatch.setattr(Wait, attribute, value)
    with pytest.raises(AssertionError, match=complaint) as caught:
        assert_element(Wait)
    assert str(caught.value).startswith("Wait: ")


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wait, "name", "")
    monkeypatch.setattr(Wait, "__doc__", None)
    with pytest.raises(AssertionError) as caught:
        assert_element(Wait)
    assert str(caught.value) == "Wait: name '' is not in lower_case_words\nWait: has no docstring"


def test_field_with_a_default_cannot_be_required() -> None:
    @dataclass(frozen=True)
    class WaitLonger(Wait):
        """Waits.

        Example::

            treatments: [{on: busy, do: [{wait: {hours: 1}}]}]
        """

        hours: int = 1

    with pytest.raises(AssertionError, match="'hours' is required, but its field has a default"):
        assert_element(WaitLonger)


def test_class_must_be_a_frozen_dataclass_of_one_kind() -> None:
    class Plain(Treatment):
        """Says nothing."""

    @dataclass
    class Thawed(Treatment):
        """Says nothing."""

    class Neither:
        """Says nothing."""

    for element, complaint in (
        (Plain, "is no dataclass"),
        (Thawed, "is not frozen"),
        (Neither, "must inherit from one of cxrun.DialingMode"),
    ):
        with pytest.raises(AssertionError, match=complaint):
            assert_element(element)  # type: ignore[arg-type]


def test_dialing_modes_and_dialers_show_a_setting_of_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    progressive = load_registry().get("dialing mode", "progressive")
    monkeypatch.setattr(progressive, "__doc__", "Dials.\n\nExample::\n\n    progressive: {}\n")
    with pytest.raises(AssertionError, match="it is no `mode:` of a profile"):
        assert_element(progressive)


def test_element_that_raises_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, about: Call | Moment) -> None:
        raise ZeroDivisionError("oh")

    where = load_registry().get("filter", "where")
    assert issubclass(where, Filter)
    monkeypatch.setattr(where, "check", broken)
    with pytest.raises(AssertionError, match="ruleset:6 where: plugin error: ZeroDivisionError: oh"):
        decide(HOURS)
    monkeypatch.setattr(load_registry().get("treatment", "redial"), "apply", broken)
    with pytest.raises(AssertionError, match="ruleset:6 redial: ZeroDivisionError: oh"):
        settle(RETRY, "busy")
