from __future__ import annotations

from typing import Any

import pytest

from cxrun.regions import Region, by_precision, most_precise, place_of
from cxrun.testing import make_record

MIAMI = {"phone": "+13055550101", "country": "US", "area_code": "305"}
HALIFAX = {"phone": "+19025550101", "country": "CA", "area_code": "902"}
LONDON = {"phone": "+442079460101", "country": "GB", "area_code": "20"}
SAN_JUAN = {"phone": "+17875550101", "country": "PR", "area_code": "787"}
NOWHERE = {"phone": "+18005550101", "country": "", "area_code": ""}


@pytest.mark.parametrize(
    ("region", "record", "covers"),
    [
        ("US", MIAMI, True),
        ("US-FL", MIAMI, True),
        ("US-TX", MIAMI, False),
        ("+1305", MIAMI, True),
        ("+1", MIAMI, True),
        ("+1212", MIAMI, False),
        ("US", HALIFAX, False),
        ("US-NY", HALIFAX, False),
        ("CA", HALIFAX, True),
        ("CA-NS", HALIFAX, None),
        ("CA-NS", {**HALIFAX, "fields": {"state": "Nova Scotia"}}, True),
        ("CA-NS", {**HALIFAX, "fields": {"state": "PE"}}, False),
        ("CA-NS", {**HALIFAX, "fields": {"state": "Atlantis"}}, None),
        ("GB-SCT", LONDON, None),
        ("+4420", LONDON, True),
        ("PR", SAN_JUAN, True),
        ("US-PR", SAN_JUAN, True),
        ("US", SAN_JUAN, True),
        ("US-FL", SAN_JUAN, False),
        ("US", NOWHERE, None),
        ("US-FL", NOWHERE, None),
        ("+1800", NOWHERE, True),
        ("US-OH", {**MIAMI, "fields": {"state": "ohio"}}, True),
        ("US-FL", {**MIAMI, "fields": {"state": "ohio"}}, False),
    ],
)
def test_region_covers_a_record_or_that_is_not_known(
    region: str, record: dict[str, Any], covers: bool | None
) -> None:
    assert Region.read(region).covers(place_of(make_record(**record))) is covers


def test_another_field_may_hold_the_state() -> None:
    record = make_record(**MIAMI, fields={"state": "NY", "province": "Texas", "empty": None})
    assert place_of(record, "province").state == "TX"
    assert place_of(record, "empty").state == "FL"


@pytest.mark.parametrize("text", ["US", "US-TX", "US-PR", "CA-ON", "GB-SCT", "FR-75", "+1212"])
def test_region_is_written_as_it_was_read(text: str) -> None:
    assert str(Region.read(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("us", "'us' is no region; write a country"),
        ("USA", "'USA' is no region"),
        ("US-", "'US-' is no region"),
        ("+", r"'\+' is no region"),
        ("", "'' is no region"),
        ("US-XX", "'XX' is no state of US"),
        ("CA-TX", "'TX' is no state of CA"),
    ],
)
def test_what_is_no_region_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Region.read(text)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (MIAMI, ["+1305"]),
        ({**MIAMI, "phone": "+17275550101", "area_code": "727"}, ["US-FL"]),
        ({**MIAMI, "phone": "+12125550101", "area_code": "212"}, ["US"]),
        ({**MIAMI, "phone": "+18085550101", "area_code": ""}, ["US-FL", "US"]),
        (LONDON, ["otherwise"]),
        (NOWHERE, ["US-FL", "US", "otherwise"]),
    ],
)
def test_most_precise_region_holds_and_whatever_may_be_more_precise(
    record: dict[str, Any], expected: list[str]
) -> None:
    regions = by_precision({Region.read(text): text for text in ("US", "+1305", "US-FL")})
    assert most_precise(regions, place_of(make_record(**record)), "otherwise") == expected
