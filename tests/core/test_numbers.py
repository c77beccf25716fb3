from __future__ import annotations

import random

import phonenumbers
import pytest

from cxrun.errors import UserError
from cxrun.numbers import BadNumber, is_region, likely_region, parse_number


@pytest.mark.parametrize(
    ("text", "region", "e164", "country", "area_code"),
    [
        ("(212) 555-0100", "US", "+12125550100", "US", "212"),
        ("1-212-555-0100", "US", "+12125550100", "US", "212"),
        ("+1 416 555 0123", "US", "+14165550123", "CA", "416"),
        ("2125550100 x12", "US", "+12125550100", "US", "212"),
        ("2125550100.0", "US", "+12125550100", "US", "212"),
        ("020 7946 0958", "GB", "+442079460958", "GB", "20"),
        ("+44 (0)20 7946 0958", None, "+442079460958", "GB", "20"),
        ("07700 900123", "GB", "+447700900123", "GB", "7700"),
        ("01 99 00 12 34", "FR", "+33199001234", "FR", "1"),
        ("+800 1234 5678", "US", "+80012345678", "", ""),
    ],
)
def test_number_is_normalised_and_placed(
    text: str, region: str | None, e164: str, country: str, area_code: str
) -> None:
    number = parse_number(text, region)
    assert number[:3] == (e164, country, area_code)
    assert number.doubt == ""


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        ("+12125550100", ("America/New_York",)),
        ("+18505550100", ("America/New_York",)),
        ("+442079460958", ("Europe/London",)),
        ("+18005550199", ()),
        ("+448081570123", ()),
        ("+447700900123", ()),
        ("+80012345678", ()),
    ],
)
def test_only_numbers_bound_to_a_place_have_zones(text: str, zones: tuple[str, ...]) -> None:
    assert parse_number(text).zones == zones


def test_mobile_number_bound_to_no_area_may_be_in_every_zone_of_its_country() -> None:
    zones = parse_number("0491 570 006", "AU").zones
    assert {"Australia/Perth", "Australia/Sydney"} <= set(zones)
    assert zones == phonenumbers.timezone.time_zones_for_number(phonenumbers.parse("+61491570006"))


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        (
            "555-01",
            "US",
            "'555-01' is too short for a phone number in US; a right one looks like (201) 555-0123",
        ),
        ("555 0100", "US", "lacks its area code"),
        ("2125550100/2125550101", "US", "is too long for a phone number"),
        ("22125550100", "US", "is too long for a phone number in US"),
        ("ask Mary", "US", "is not a phone number; a right one looks like (201) 555-0123"),
        ("", "GB", "'' is not a phone number; a right one looks like 0121 234 5678"),
        ("+999 1234", "US", "begins with no country's calling code"),
        ("212 555 0100", None, "has no leading + and the country of the list is not known"),
        ("0000000000", "US", "is one digit repeated"),
        ("9999999999", "US", "is one digit repeated"),
        ("2.12556E+09", "US", "was rounded by a spreadsheet"),
    ],
)
def test_bad_number_is_refused_with_a_reason(text: str, region: str | None, reason: str) -> None:
    with pytest.raises(BadNumber) as caught:
        parse_number(text, region)
    assert reason in str(caught.value)
    assert isinstance(caught.value, UserError)


@pytest.mark.parametrize(
    ("text", "region", "doubt"),
    [
        ("012 555 0100", "US", "has not the form of a phone number in US"),
        ("212 055 0100", "US", "has 0 after the area code"),
        ("020 7946", "GB", "has not the form of a phone number in GB"),
    ],
)
def test_number_of_the_right_length_that_nobody_can_hold_is_doubted(
    text: str, region: str, doubt: str
) -> None:
    number = parse_number(text, region)
    assert doubt in number.doubt
    assert number.zones == ()


def test_facts_of_a_thousands_block_are_those_of_each_of_its_numbers() -> None:
    chance = random.Random(7)
    codes = [212, 605, 850, 208, 246, 876, 658, 787, 809, 867, 500, 800, 900, 416, 684]
    for code in codes:
        block = code * 10_000 + chance.randrange(2000, 10_000)
        for ending in chance.sample(range(1000), 40):
            number = phonenumbers.PhoneNumber(country_code=1, national_number=block * 1000 + ending)
            found = parse_number(f"+1{block * 1000 + ending}")
            kind = phonenumbers.number_type(number)
            if kind == phonenumbers.PhoneNumberType.UNKNOWN:
                assert found.zones == ()
            else:
                assert found.country == phonenumbers.region_code_for_number(number)
            if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE:
                assert found.zones == phonenumbers.timezone.time_zones_for_number(number)


def test_area_code_is_the_national_destination_code_of_every_country() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None or example.country_code == 1:
                continue
            found = parse_number(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
            length = phonenumbers.length_of_national_destination_code(example)
            assert found.area_code == phonenumbers.national_significant_number(example)[:length], region


@pytest.mark.parametrize(
    ("texts", "region"),
    [
        (["(212) 555-0100", "415 555 0101"], "US"),
        (["020 7946 0958", "07700 900123"], "GB"),
        (["01 99 00 12 34", "02 61 91 12 34"], "FR"),
        (["+442079460958", "+442079460959"], "GB"),
        (["ask Mary", ""], None),
        ([], None),
    ],
)
def test_likely_region_is_where_most_numbers_are_at_home(texts: list[str], region: str | None) -> None:
    assert likely_region(texts, ("US", "GB", "CA", "DE", "FR", "AU")) == region


def test_united_kingdom_is_known_by_its_iso_code_only() -> None:
    assert is_region("GB")
    assert not is_region("UK")
