"""Calling dates: not on holidays, days of one's own, or while there is an emergency."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import ClassVar, Final, NamedTuple
from zoneinfo import ZoneInfo

from cxrun import (
    DAYS,
    PASS,
    REGION,
    STATE_FIELD,
    WEEKDAYS,
    Defer,
    Evidence,
    Exclude,
    Filter,
    Moment,
    Place,
    Region,
    Schema,
    days_of,
    hookimpl,
    next_day,
    place_of,
)
from cxrun_plugins.clocks import (
    UNKNOWN_ZONE,
    ByClock,
    Stretch,
    Stretches,
    always,
    check_unknown_zone,
    zones_to_keep,
)

_DAY: Final = 86400
_HORIZON: Final = 400 * _DAY
_DATE: Final = r"([0-9]{4}-)?[0-9]{2}-[0-9]{2}"
_DATES: Final = {
    "description": "Dates: 2026-12-24, or 12-24 for every year, or from and till as 12-24/01-01.",
    "type": "array",
    "minItems": 1,
    "items": {
        "description": "A date, 2026-12-24, or 12-24 for every year; or two of them, first and last: 12-24/01-01.",
        "type": "string",
        "pattern": f"^{_DATE}(/{_DATE})?$",
    },
}
_TIME: Final = {
    "description": "A date, or a date and time such as 2026-03-10T18:00 or 2026-03-10T18:00-05:00; without an offset "
    "it is that of the record's zone.",
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?$",
}
_OWN: Final = "own"
_ANY_STATE: Final = "*"


class _Dates(NamedTuple):
    """Days from first to last; of every year if they have none, then maybe over its end."""

    first: tuple[int, ...]
    last: tuple[int, ...]

    def include(self, day: date) -> bool:
        parts = (day.year, day.month, day.day)[-len(self.first) :]
        if self.first <= self.last:
            return self.first <= parts <= self.last
        return parts >= self.first or parts <= self.last


class _Emergency(NamedTuple):
    """A time without calls; `since` and `till` as they were written, everywhere if there are no regions."""

    since: str
    till: str
    reason: str
    regions: tuple[Region, ...]

    def spans(self, zone: str) -> tuple[float, float]:
        """When it begins and ends in a zone, Unix UTC seconds."""
        return _moment(self.since, zone, ends=False), _moment(self.till, zone, ends=True)


class _Closed(NamedTuple):
    """Until when it is closed, and why."""

    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class CallingDates(ByClock[tuple[Place, tuple[_Emergency, ...]]]):
    """Defers a record to the next day on which calls are wanted where the phone is.

    `weekdays` are the days of the week with calls: mon to sun, or ranges such as mon-fri.

    `holidays` is a list of countries (US) and states (US-LA): records that are there are not called on their
    public holidays; a state has those of its country too. With `own` every record is kept by the holidays of
    its own country and state. `categories` may name other holidays, as the `holidays` package does. Days on
    which a holiday is observed count as well as the holiday.

    `closed` are further dates without calls, everywhere. `open` are dates with calls though they are a
    holiday or not one of `weekdays`; `closed` weighs more. Both may leave out the year, and be
    ranges. `emergencies` have a `from` and a `till`, dates (both without calls) or times, maybe `regions` and
    a `reason`; nothing opens them.

    The day is that of the record's zone, at the dial and while the phone rings; if the number may be in
    several zones, it must be open in all. The record is deferred to the first moment at which it is. If none
    comes within 400 days, it is excluded. So is a record of unknown zone, unless `unknown_zone` names the
    zone to assume.

    The country is that of the number; the state is what the list's field `state` says, or the field that
    `state_field` names, else that of the area code, known for the USA and Canada. A record whose state
    or country is not known keeps the holidays of every region in the list that it may be in; with `own`
    those of every state of its country, or with `unknown_state: country` those of the whole country only. With
    `own` a record of a country that is unknown, or whose holidays are, is excluded.

    The dates are for the user to set: what is public in the package is no jurisdiction's rule for calls.

    Example::

        filters:
          - calling_dates: {holidays: [US, US-LA, CA], weekdays: mon-sat}
          - calling_dates:
              holidays: own
              closed: [12-24/12-26, 2026-05-15]
              open: [2026-07-03]
              emergencies:
                - {from: 2026-09-10, till: 2026-09-13T12:00, regions: [US-FL, US-GA], reason: hurricane}
    """

    name: ClassVar[str] = "calling_dates"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "weekdays": {
                "description": "Days of the week with calls: mon-fri, or several: [mon-thu, sat]; by default all.",
                "anyOf": [
                    DAYS,
                    {"type": "array", "minItems": 1, "items": DAYS},
                ],
            },
            "holidays": {
                "description": "own, or countries and states whose holidays are kept there, e.g. [US, US-LA].",
                "anyOf": [{"const": _OWN}, {"type": "array", "minItems": 1, "items": REGION}],
            },
            "categories": {
                "description": "The kinds of holidays, e.g. public, government, bank.",
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "pattern": "^[a-z_]+$"},
                "default": ["public"],
            },
            "unknown_state": {
                "description": "With `own`: whose holidays a record has whose state is not known.",
                "enum": ["any", "country"],
                "default": "any",
            },
            "closed": {
                **_DATES,
                "description": "Dates without calls, e.g. [2026-12-24, 12-31, 08-01/08-15].",
            },
            "open": {**_DATES, "description": "Dates with calls in spite of holidays and weekdays."},
            "emergencies": {
                "description": "Times without calls that nothing opens.",
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["from", "till"],
                    "properties": {
                        "from": {**_TIME, "description": "The first date, or when it begins."},
                        "till": {**_TIME, "description": "The last date, or when it ends."},
                        "regions": {
                            "description": "Where; everywhere by default.",
                            "type": "array",
                            "minItems": 1,
                            "items": REGION,
                        },
                        "reason": {
                            "description": "Why, in a word.",
                            "type": "string",
                            "minLength": 1,
                            "default": "emergency",
                        },
                    },
                },
            },
            "state_field": STATE_FIELD,
            "unknown_zone": UNKNOWN_ZONE,
        },
    }

    weekdays: str | Sequence[str] | None = None
    holidays: str | Sequence[str] = ()
    categories: Sequence[str] = ("public",)
    unknown_state: str = "any"
    closed: Sequence[str] = ()
    open: Sequence[str] = ()
    emergencies: Sequence[Mapping[str, str | Sequence[str]]] = ()
    state_field: str | None = None
    unknown_zone: str = "exclude"
    _weekdays: frozenset[int] = field(init=False, repr=False, compare=False)
    _regions: tuple[Region, ...] = field(init=False, repr=False, compare=False)
    _closed: tuple[_Dates, ...] = field(init=False, repr=False, compare=False)
    _open: tuple[_Dates, ...] = field(init=False, repr=False, compare=False)
    _emergencies: tuple[_Emergency, ...] = field(init=False, repr=False, compare=False)
    _stretches: Stretches = field(init=False, repr=False, compare=False, default_factory=Stretches)

    def __post_init__(self) -> None:
        words = [self.weekdays] if isinstance(self.weekdays, str) else self.weekdays or ["mon-sun"]
        regions = () if self.holidays == _OWN else tuple(Region.read(text) for text in self.holidays)
        for region in regions:
            _check_region(region, tuple(self.categories))
        check_unknown_zone(self.unknown_zone)
        object.__setattr__(self, "_weekdays", frozenset(day for word in words for day in days_of(word)))
        object.__setattr__(self, "_regions", regions)
        object.__setattr__(self, "_closed", tuple(_dates(text) for text in self.closed))
        object.__setattr__(self, "_open", tuple(_dates(text) for text in self.open))
        object.__setattr__(self, "_emergencies", tuple(_emergency(data) for data in self.emergencies))

    def _kind(self, moment: Moment) -> tuple[Hashable, tuple[Place, tuple[_Emergency, ...]]]:
        """Where the record is, and the emergencies that may be there, are told with it."""
        record = moment.record
        place = place_of(record, self.state_field)
        emergencies = tuple(
            emergency
            for emergency in self._emergencies
            if not emergency.regions or any(region.covers(place) is not False for region in emergency.regions)
        )
        return (record.tz, moment.ring_time, place.country, place.state, emergencies), (place, emergencies)

    def evidence(self, moment: Moment) -> Sequence[Evidence]:
        zones = zones_to_keep(moment.record.zones, self.unknown_zone)
        if isinstance(zones, Exclude):
            return ()
        days = {datetime.fromtimestamp(moment.now, ZoneInfo(zone)).date(): zone for zone in zones}
        return [
            Evidence(f"{WEEKDAYS[day.weekday()]} {day} in {zone}", moment.now) for day, zone in days.items()
        ]

    def _stretch(self, moment: Moment, told: tuple[Place, tuple[_Emergency, ...]]) -> Stretch:
        now, ring_time, (place, emergencies) = moment.now, moment.ring_time, told
        zones = zones_to_keep(moment.record.zones, self.unknown_zone)
        if isinstance(zones, Exclude):
            return always(zones)
        unknown = self._unknown_holidays(place)
        if unknown:
            return always(Exclude(unknown))

        spans = [(*emergency.spans(zone), emergency.reason) for emergency in emergencies for zone in zones]
        at, reason = now, ""
        while closed := self._closed_at(at, ring_time, zones, place, spans):
            at, reason = closed.until, reason or closed.reason
            if at > now + _HORIZON:
                return Stretch(now, now + _DAY, Exclude(f"{reason}, and no calling date within 400 days"))
        if at > now:
            return Stretch(now, at, Defer(at, reason))
        rung = now + ring_time
        changes = [next_day((zone,), rung) for zone in zones] + [
            since for since, _, _ in spans if since > rung
        ]
        return Stretch(now, min(changes) - ring_time, PASS)

    def _closed_at(
        self,
        at: float,
        ring_time: float,
        zones: Sequence[str],
        place: Place,
        spans: Sequence[tuple[float, float, str]],
    ) -> _Closed | None:
        """Until when and why a call at this moment would be in a closed time, or ring into one."""
        for since, till, reason in spans:
            if since - ring_time <= at < till:
                return _Closed(till, reason)
        for zone in zones:
            for moment in (at, at + ring_time) if ring_time else (at,):
                day = datetime.fromtimestamp(moment, ZoneInfo(zone)).date()
                reason = self._why_closed(day, place)
                if reason:
                    return _Closed(next_day((zone,), moment), reason)
        return None

    def _why_closed(self, day: date, place: Place) -> str:
        if any(dates.include(day) for dates in self._closed):
            return "no calls on this date"
        if any(dates.include(day) for dates in self._open):
            return ""
        if day.weekday() not in self._weekdays:
            return f"no calls on {WEEKDAYS[day.weekday()]}"
        for country, state in self._holiday_regions(place):
            name = _holidays(country, state, day.year, tuple(self.categories)).get(day)
            if name:
                return f"holiday: {name}"
        return ""

    def _holiday_regions(self, place: Place) -> Sequence[tuple[str, str]]:
        """The countries and states whose holidays hold at a place; the state is "" for none of them."""
        if self.holidays != _OWN:
            found = [region for region in self._regions if region.covers(place) is not False]
            return [(region.country, region.state) for region in found]
        states = _states(place.country)
        if not states:
            return [(place.country, "")]
        if place.state in states:
            return [(place.country, place.state or "")]
        return [(place.country, _ANY_STATE if self.unknown_state == "any" else "")]

    def _unknown_holidays(self, place: Place) -> str:
        """Why the holidays of a place are not known."""
        if self.holidays != _OWN:
            return ""
        if not place.country:
            return "the country is unknown, and so are its holidays"
        return "" if _supported(place.country) else f"the holidays of {place.country} are not known"


def _dates(text: str) -> _Dates:
    """Read a date or a range. Raises ValueError for what is none."""
    first, *rest = text.split("/")
    last = rest[0] if rest else first
    if len(first) != len(last):
        raise ValueError(f"'{text}' has a year at one end only")
    dates = _Dates(_date(first), _date(last))
    if len(first) == 10 and dates.first > dates.last:
        raise ValueError(f"'{text}' ends before it begins")
    return dates


def _date(text: str) -> tuple[int, ...]:
    """Year, month and day, or month and day. Raises ValueError for a day that does not exist."""
    parts = tuple(int(part) for part in text.split("-"))
    try:
        # 29 February is a day of some years
        date(*parts) if len(parts) == 3 else date(2000, *parts)
    except ValueError as error:
        raise ValueError(f"'{text}' is no date: {error}") from None
    return parts


def _emergency(data: Mapping[str, str | Sequence[str]]) -> _Emergency:
    since, till = str(data["from"]), str(data["till"])
    if _moment(since, "UTC", ends=False) >= _moment(till, "UTC", ends=True):
        raise ValueError(f"an emergency from {since} till {till} ends before it begins")
    regions = tuple(Region.read(text) for text in data.get("regions", ()))
    return _Emergency(since, till, str(data.get("reason", "emergency")), regions)


def _moment(text: str, zone: str, *, ends: bool) -> float:
    """When a date or time of an emergency is in a zone; a date that ends one is its last. Raises ValueError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is no date or time: {error}") from None
    if len(text) == 10:
        at = datetime.combine(at.date() + timedelta(days=ends), time())
    if at.tzinfo is not None:
        return at.timestamp()
    # of a time that the clock shows twice, the one that makes the emergency longer
    return at.replace(tzinfo=ZoneInfo(zone), fold=int(ends)).timestamp()


def _check_region(region: Region, categories: tuple[str, ...]) -> None:
    """Raise ValueError for a region whose holidays are not known."""
    if region.prefix:
        raise ValueError(f"'{region}' has no holidays of its own; name a country or a state, e.g. US-LA")
    if not _supported(region.country):
        raise ValueError(f"the holidays of {region.country} are not known")
    if region.state and region.state not in _states(region.country):
        raise ValueError(f"the holidays of {region} are not known")
    if not _known_categories(region.country, categories):
        raise ValueError(f"{region.country} has no holidays of the kind {' or '.join(categories)}")


# The package takes a while to import: only rules that name holidays do.


def _supported(country: str) -> bool:
    return country in _countries()


def _states(country: str) -> frozenset[str]:
    return _countries().get(country, frozenset())


@cache
def _countries() -> Mapping[str, frozenset[str]]:
    import holidays

    return {country: frozenset(states) for country, states in holidays.list_supported_countries().items()}


@cache
def _known_categories(country: str, categories: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the categories that the country has."""
    import holidays

    known = holidays.country_holidays(country).supported_categories
    return tuple(category for category in categories if category in known)


@cache
def _holidays(country: str, state: str, year: int, categories: tuple[str, ...]) -> Mapping[date, str]:
    """The holidays of a year by date; of a state, of all of them for `*`, or of the country alone for ""."""
    import holidays

    known = _known_categories(country, categories)
    if not known:
        return {}
    if state == _ANY_STATE:
        found: dict[date, str] = {}
        for each in ("", *sorted(_states(country))):
            found = {**_holidays(country, each, year, categories), **found}
        return found
    calendar = holidays.country_holidays(country, subdiv=state or None)
    # else the names would be in the language of this machine
    language = "en_US" if "en_US" in calendar.supported_languages else calendar.default_language
    calendar = holidays.country_holidays(
        country, subdiv=state or None, years=year, categories=known, language=language
    )
    return dict(calendar.items())


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [CallingDates]
