from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun import PASS, Exclude, Moment, Record
from cxrun_plugins.filters.location import Location

MIAMI = {"phone": "+13055550101", "area_code": "305"}
HALIFAX = {"phone": "+19025550101", "country": "CA", "area_code": "902"}
LONDON = {"phone": "+442079460101", "country": "GB", "area_code": "20"}


@pytest.mark.parametrize(
    ("parameters", "record", "reason"),
    [
        ({"allow": ["US"]}, MIAMI, None),
        ({"allow": ["US", "CA"]}, HALIFAX, None),
        ({"allow": ["US"]}, LONDON, "where calls are not allowed"),
        ({"allow": ["US-FL", "US-NY"]}, MIAMI, None),
        ({"allow": ["US-TX"]}, MIAMI, "where calls are not allowed"),
        ({"allow": ["+1305"]}, MIAMI, None),
        ({"allow": ["+1212"]}, MIAMI, "where calls are not allowed"),
        ({"allow": ["CA-NS"]}, HALIFAX, "may be where calls are not allowed"),
        ({"allow": ["CA-NS"], "unknown": "allow"}, HALIFAX, None),
        ({"forbid": ["US-FL"]}, MIAMI, "in US-FL, where calls are forbidden"),
        ({"forbid": ["+1305"]}, MIAMI, "in +1305, where calls are forbidden"),
        ({"forbid": ["US-TX", "GB"]}, MIAMI, None),
        ({"forbid": ["CA-NS", "CA-PE"]}, HALIFAX, "may be in CA-NS, where calls are forbidden"),
        ({"forbid": ["CA-NS"], "unknown": "allow"}, HALIFAX, None),
        ({"forbid": ["CA-NS", "CA"]}, HALIFAX, "in CA, where calls are forbidden"),
        (
            {"forbid": ["US-FL"]},
            {"country": "", "area_code": ""},
            "may be in US-FL, where calls are forbidden",
        ),
        ({"allow": ["US"], "forbid": ["US-FL"]}, MIAMI, "in US-FL, where calls are forbidden"),
        ({"allow": ["US"], "forbid": ["US-FL"]}, {}, None),
        ({"forbid": ["US-FL"]}, {**MIAMI, "fields": {"state": "Georgia"}}, None),
        ({"forbid": ["US-FL"]}, {"fields": {"state": "florida"}}, "in US-FL, where calls are forbidden"),
        (
            {"forbid": ["US-FL"]},
            {"fields": {"state": "Floridaa"}},
            "may be in US-FL, where calls are forbidden",
        ),
        (
            {"forbid": ["US-FL"], "state_field": "home"},
            {"fields": {"state": "NY", "home": "FL"}},
            "in US-FL, where calls are forbidden",
        ),
    ],
)
def test_only_where_calls_are_allowed(
    make_record: Callable[..., Record], parameters: dict[str, Any], record: dict[str, Any], reason: str | None
) -> None:
    verdict = Location.build(parameters).check(Moment(0, make_record(**record)))
    assert verdict == (PASS if reason is None else Exclude(reason))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (None, "name regions to allow or to forbid"),
        ({"state_field": "state"}, "name regions to allow or to forbid"),
        ({"forbid": ["US-XX"]}, "'XX' is no state of US"),
        ({"allow": ["Texas"]}, "'Texas' is no region"),
    ],
)
def test_nonsense_is_refused(parameters: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Location.build(parameters)


def test_states_are_kept_out_of_a_run(project: Callable[..., Any]) -> None:
    folder = project(
        60, more_rules={"place": "ruleset: place\nfilters:\n  - location: {forbid: [US-NY, +1312]}\n"}
    )
    folder.run()
    dialed = {
        area for (area,) in folder.query("SELECT area_code FROM attempts JOIN records USING (record_id)")
    }
    assert not dialed & {"212", "312"}
    assert {"303", "213", "305"} <= dialed
    reasons = folder.reasons()
    assert reasons["excluded", "in US-NY, where calls are forbidden"] == 3
    assert reasons["excluded", "in +1312, where calls are forbidden"] == 6 - 3


def test_field_with_the_state_must_be_one_of_the_list(
    project: Callable[..., Any], cxrun: Callable[..., Any]
) -> None:
    folder = project(
        3,
        more_rules={
            "place": "ruleset: place\nfilters:\n  - location: {forbid: [US-NY], state_field: home}\n"
        },
    )
    answer = cxrun("-C", folder.folder, "validate")
    assert answer.code == 3
    assert "place.yaml:3:5: filters[0].location: the list has no field of its own named 'home'" in (
        answer.out + answer.err
    )
