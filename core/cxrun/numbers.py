"""Phone numbers: E.164, and what a number says about its country, area and time zones.

`phonenumbers` knows the plans; it is imported on first use, for it takes a while.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cxrun.errors import UserError

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_NORTH_AMERICA: Final = 1
_SPREADSHEET_DECIMAL: Final = re.compile(r"\s*([0-9]+)\.0+\s*")
_SPREADSHEET_POWER: Final = re.compile(r"\s*[0-9]+([.,][0-9]+)?[eE][-+]?[0-9]+\s*")
_SHOWN: Final = 40


class BadNumber(UserError):
    """A text that is not a phone number one can dial; the message says why and what would be right."""


class Number(NamedTuple):
    """A phone number that can be dialed.

    `country` is its ISO 3166 code, "" if it belongs to none. `area_code` holds the digits of its national
    destination code, "" if there is none. `zones` are all the IANA zones it may be in; empty if it is bound
    to no place (toll-free, premium rate, internet telephony) or not assigned to anyone yet. `doubt` says why
    a number of the right length will hardly ever be answered; "" for all others. `extension` is what was
    written after the number and is not dialed; "" if there was none.
    """

    e164: str
    country: str
    area_code: str
    zones: tuple[str, ...]
    doubt: str = ""
    extension: str = ""


class _Facts(NamedTuple):
    assigned: bool
    country: str
    area_code: str
    zones: tuple[str, ...]


def parse_number(text: str, region: str | None = None) -> Number:
    """Return the number that `text` writes down; `region` is the country of one without a leading +.

    A number of the right length is accepted even where nobody holds it, for plans grow faster than tables
    of them, and numbers reserved for fiction are held by nobody. Raises BadNumber.
    """
    import phonenumbers

    number, extension = _parsed(text, region)
    national = number.national_number or 0
    if number.country_code == _NORTH_AMERICA and national >= 2_000_000_000:
        facts = _north_american(national // 1000)
    else:
        facts = _facts(number)
    doubt = "" if facts.assigned else _doubt(text, number)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Number(e164, facts.country, facts.area_code, facts.zones, doubt, extension)


def to_e164(text: str, region: str | None = None) -> str:
    """Return the E.164 form of a number and nothing else, several times as quick as `parse_number`.

    Raises BadNumber for what has not the length of a number.
    """
    import phonenumbers

    number, _ = _parsed(text, region)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _parsed(text: str, region: str | None) -> tuple[PhoneNumber, str]:
    """The number without its extension, and that."""
    import phonenumbers
    from phonenumbers import ValidationResult

    if hasattr(phonenumbers, "enable_pattern_cache"):  # later 9.x; spares a third of the time
        phonenumbers.enable_pattern_cache()
    if "." in text and (match := _SPREADSHEET_DECIMAL.fullmatch(text)):
        text = match[1]
    elif ("e" in text or "E" in text) and _SPREADSHEET_POWER.fullmatch(text):
        reason = "was rounded by a spreadsheet; format the column as text"
        raise BadNumber(f"{_quoted(text)} {reason}{_like(region)}")
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise BadNumber(_why_unparsable(text, region, error.error_type)) from None
    extension, number.extension = number.extension or "", None
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict != ValidationResult.IS_POSSIBLE:
        raise BadNumber(_why_impossible(text, number, verdict))
    return number, extension


def is_region(code: str) -> bool:
    """Whether `code` is an ISO 3166 country code that has phone numbers, e.g. GB but not UK."""
    import phonenumbers

    return code in phonenumbers.SUPPORTED_REGIONS


@lru_cache(maxsize=512)
def region_of_code(calling_code: str) -> str | None:
    """Return the main country of a calling code such as 44, +44 or 0044; None if there is none."""
    import phonenumbers

    digits = calling_code.strip().lstrip("+").lstrip("0")
    if not digits.isdecimal() or len(digits) > 3:
        return None
    region = phonenumbers.region_code_for_country_code(int(digits))
    return region if is_region(region) else None


def likely_region(texts: Iterable[str], candidates: Sequence[str]) -> str | None:
    """Return the candidate that most of the texts are phone numbers of; the earlier one of equals.

    A number counts more where it is assigned, and most where it is grouped the way the country writes it.
    None if the texts hold no number of any candidate.
    """
    import phonenumbers

    scores = dict.fromkeys(candidates, 0)
    for text in texts:
        for region in scores:
            try:
                found = parse_number(text, region)
            except BadNumber:
                continue
            if found.country == region and not found.doubt:
                number = phonenumbers.parse(found.e164)
                written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
                grouped = written == text and not text.isdigit()
                scores[region] += 1 + phonenumbers.is_valid_number(number) + 2 * grouped
    best = max(scores, key=scores.__getitem__, default=None)
    return best if best is not None and scores[best] else None


@lru_cache(maxsize=32768)
def _north_american(block: int) -> _Facts:
    """The facts of a thousands block, seven digits: the smallest unit the North American plan gives out."""
    import phonenumbers

    return _facts(phonenumbers.PhoneNumber(country_code=_NORTH_AMERICA, national_number=block * 1000))


def _facts(number: PhoneNumber) -> _Facts:
    import phonenumbers
    from phonenumbers import PhoneNumberType

    kind = phonenumbers.number_type(number)
    assigned = kind != PhoneNumberType.UNKNOWN
    code = number.country_code or 0
    region = phonenumbers.region_code_for_number(number) if assigned else None
    region = region or phonenumbers.region_code_for_country_code(code)
    if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return _Facts(assigned, "", "", ())
    area_code = _area_code(number, is_mobile=kind == PhoneNumberType.MOBILE)
    return _Facts(assigned, region, area_code, _zones(number, kind, region))


def _area_code(number: PhoneNumber, is_mobile: bool) -> str:
    """The national destination code: what stands before the subscriber's number in international writing.

    Does what `length_of_national_destination_code` does without finding the type of the number once more.
    """
    import phonenumbers

    if number.country_code == _NORTH_AMERICA:
        return phonenumbers.national_significant_number(number)[:3]
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    _, _, *groups = re.split(r"\D+", written)
    if len(groups) < 2:
        return ""
    has_token = is_mobile and phonenumbers.country_mobile_token(number.country_code or 0) == groups[0]
    return "".join(groups[:2]) if has_token and len(groups) > 2 else groups[0]


def _zones(number: PhoneNumber, kind: int, region: str) -> tuple[str, ...]:
    from phonenumbers import PhoneNumberType, timezone
    from phonenumbers.phonenumberutil import is_number_type_geographical

    if kind not in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE):
        return ()
    if is_number_type_geographical(kind, number.country_code or 0):
        zones = tuple(timezone.time_zones_for_geographical_number(number))
    else:
        zones = _country_zones(number.country_code or 0, region)
    return () if timezone.UNKNOWN_TIMEZONE in zones else zones


@lru_cache(maxsize=512)
def _country_zones(code: int, region: str) -> tuple[str, ...]:
    """All zones of a calling code: those of its mobile numbers, where they are bound to no area."""
    import phonenumbers
    from phonenumbers import PhoneNumberType, timezone

    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    return tuple(timezone.time_zones_for_number(example or phonenumbers.PhoneNumber(country_code=code)))


def _doubt(text: str, number: PhoneNumber) -> str:
    """Say what is odd about a number that is not assigned; "" if somebody may hold it one day.

    Raises BadNumber for what people type to get past a form.
    """
    import phonenumbers

    digits = phonenumbers.national_significant_number(number)
    code = number.country_code or 0
    region = phonenumbers.region_code_for_country_code(code)
    if len(set(digits)) == 1:
        raise BadNumber(f"{_quoted(text)} is one digit repeated, not a phone number{_like(region)}")
    plan = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    pattern = plan.general_desc.national_number_pattern if plan and plan.general_desc else None
    if pattern and not re.fullmatch(pattern, digits):
        return f"{_quoted(text)} has not the form of a phone number in {region}{_like(region)}"
    if code == _NORTH_AMERICA and digits[3] in "01":
        return f"{_quoted(text)} has {digits[3]} after the area code, which is never so in {region}{_like(region)}"
    return ""


def _why_unparsable(text: str, region: str | None, error_type: int) -> str:
    from phonenumbers import NumberParseException

    if error_type == NumberParseException.INVALID_COUNTRY_CODE:
        if text.lstrip().startswith(("+", "\uff0b")):
            return f"{_quoted(text)} begins with no country's calling code{_like(None)}"
        if region is None or not is_region(region):
            return f"{_quoted(text)} has no leading + and the country of the list is not known{_like(None)}"
    if error_type == NumberParseException.TOO_LONG:
        return f"{_quoted(text)} is too long for a phone number{_like(region)}"
    if error_type in (NumberParseException.TOO_SHORT_NSN, NumberParseException.TOO_SHORT_AFTER_IDD):
        return f"{_quoted(text)} is too short for a phone number{_like(region)}"
    return f"{_quoted(text)} is not a phone number{_like(region)}"


def _why_impossible(text: str, number: PhoneNumber, verdict: int) -> str:
    import phonenumbers
    from phonenumbers import ValidationResult

    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    reason = {
        ValidationResult.TOO_SHORT: "is too short for a phone number",
        ValidationResult.TOO_LONG: "is too long for a phone number",
        ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code to be a phone number",
    }.get(verdict, "has not the length of a phone number")
    return f"{_quoted(text)} {reason} in {region}{_like(region)}"


def _like(region: str | None) -> str:
    """Show a right number: the national way for a known region, else the international way."""
    import phonenumbers
    from phonenumbers import PhoneNumberFormat

    if region is None or not is_region(region):
        region, written = "US", PhoneNumberFormat.INTERNATIONAL
    else:
        written = PhoneNumberFormat.NATIONAL
    example = phonenumbers.example_number(region)
    if example is None:
        return ""
    return f"; a right one looks like {phonenumbers.format_number(example, written)}"


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}...'"
