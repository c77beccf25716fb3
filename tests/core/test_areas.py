from __future__ import annotations

import pytest

from cxrun.areas import _BY_AREA, TERRITORIES, state_code, state_of_area


@pytest.mark.parametrize(
    ("country", "area_code", "state"),
    [
        ("US", "212", "NY"),
        ("US", "305", "FL"),
        ("US", "202", "DC"),
        ("CA", "416", "ON"),
        ("CA", "902", None),
        ("CA", "867", None),
        ("US", "416", None),
        ("US", "800", None),
        ("US", "", None),
        ("GB", "20", None),
        ("PR", "787", "PR"),
        ("", "", None),
    ],
)
def test_area_code_tells_the_state_where_it_lies_in_one(
    country: str, area_code: str, state: str | None
) -> None:
    assert state_of_area(country, area_code) == state


@pytest.mark.parametrize(
    ("country", "text", "code"),
    [
        ("US", "NY", "NY"),
        ("US", " ny ", "NY"),
        ("US", "New  York", "NY"),
        ("US", "US-TX", "TX"),
        ("US", "D.C.", "DC"),
        ("US", "Puerto Rico", "PR"),
        ("US", "ON", None),
        ("US", "Bavaria", None),
        ("CA", "Quebec", "QC"),
        ("DE", "by", "BY"),
        ("DE", "DE-BY", "BY"),
        ("DE", "Bayern", None),
        ("FR", "75", "75"),
        ("US", "", None),
        ("GB", "", None),
    ],
)
def test_state_is_read_as_lists_write_it(country: str, text: str, code: str | None) -> None:
    assert state_code(country, text) == code


def test_areas_agree_with_what_phonenumbers_says_of_places() -> None:
    from phonenumbers.geodata import GEOCODE_DATA

    compared = 0
    for (country, area_code), state in _BY_AREA.items():
        told = GEOCODE_DATA.get(f"1{area_code}", {}).get("en", "").rpartition(", ")[2]
        known = state_code(country, told)
        assert known in (None, state), (area_code, told)
        compared += known is not None
    assert compared > 380
    assert len(_BY_AREA) > 400


def test_territories_are_states_too() -> None:
    assert {state_code("US", code) for code in TERRITORIES} == TERRITORIES
