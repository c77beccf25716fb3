"""Counts over a whole list in SQL agree with what the rules see, record by record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from cxrun.conditions import FIELD_TYPES, Condition
from cxrun.model import Record
from cxrun.store.lists import stored_lists
from cxrun.store.queue import Queue
from cxrun.store.surveying import LASTING, Survey

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

ROWS = """\
Client,Home,Mobile,State,Balance,Note
C1,(212) 555-0101,(917) 555-0102,NY,120,gold
C2,(808) 555-0103,,,,
,+44 20 7946 0018,,,-5,%
C4,(416) 555-0104,(212) 555-0101,ON,0,GOLD
C5,(312) 555-0105,,Illinois,1.5,silver
"""


class Listed(NamedTuple):
    """The records of an imported list, and how to survey it for conditions."""

    records: list[Record]
    survey: Callable[[list[Condition]], Survey]


@pytest.fixture
def listed(project: Callable[..., ProjectFolder]) -> Iterator[Listed]:
    """Numbers of three countries, fields that are missing, and a number that stands in two chains."""
    made = project(1)
    made.write("people.csv", ROWS)
    made.campaign["lists"]["people"]["map"] = {
        "client_id": "Client",
        "devices": [{"column": "Home", "type": "home"}, {"column": "Mobile", "type": "mobile"}],
        "fields": {"state": "State", "balance": {"column": "Balance", "type": "number"}, "note": "Note"},
    }
    made.save()
    made.import_lists()
    with made.store() as store:
        stored = stored_lists(store)["people"]

        queue = Queue(store, stored.list_id, list(stored.field_types))
        ids = [row[0] for row in store.connection.execute("SELECT record_id FROM records ORDER BY 1")]
        records = [record for record_id in ids if (record := queue.find(record_id))]
        yield Listed(records, lambda conditions: Survey(store, stored, conditions))


def conditions(records: list[Record]) -> Iterator[Mapping[str, Any]]:
    """Several about every field that lasts and every own one, with the values that there are."""
    for field in sorted(LASTING | {"balance", "note"}):
        yield {"field": field, "empty": True}
        yield {"field": field, "empty": False}
        values = [getattr(r, field) if field in FIELD_TYPES else r.fields[field] for r in records]
        for value in {value for value in values if value is not None}:
            for operator in ("eq", "ne", "lt", "ge"):
                yield {"field": field, operator: value}
            yield {"not": {"field": field, "in": [value]}}
            if isinstance(value, str):
                yield {"field": field, "contains": value[:2]}
                yield {"field": field, "not_like": f"{value[:1]}%"}


def test_a_condition_is_true_of_as_many_records_in_sql_as_one_by_one(listed: Listed) -> None:
    records = listed.records
    every = [Condition(spec) for spec in conditions(records)]
    assert len(records) == 7
    assert len(every) > 300
    survey = listed.survey(every)
    for condition in every:
        assert survey.true_of(condition) == sum(map(condition.holds, records)), str(condition)


def test_places_hold_every_record_once(listed: Listed) -> None:
    records = listed.records
    found = list(listed.survey([]).places(["state", "note"]))
    assert sum(place.records for place in found) == len(records)
    told = Counter((r.tz, r.country, r.area_code, r.fields["state"], r.fields["note"]) for r in records)
    for place in found:
        key = (place.tz, place.country, place.area_code, place.fields["state"], place.fields["note"])
        assert told[key] == place.records


def test_a_list_is_told_in_figures(listed: Listed) -> None:
    records, survey = listed.records, listed.survey([])
    assert survey.records == len(records)
    assert survey.longest_chain == 2
    assert survey.nameless == 1
    assert survey.devices == Counter(record.contact_info_type for record in records)
    assert survey.filled == {"state": 3, "balance": 4, "note": 4}
    assert survey.shared is not None
    numbers, one, other = survey.shared
    assert numbers == 1
    assert {r.record_id for r in records if r.phone == "+12125550101"} == {one, other}
