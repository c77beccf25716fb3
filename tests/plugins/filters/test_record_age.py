from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun import PASS, Defer, Exclude, Verdict
from cxrun.testing import at, make_moment, make_record
from cxrun_plugins.filters.record_age import RecordAge

NOW = "2026-03-02T12:00-05:00"
HOUR, DAY = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("parameters", "imported", "expected"),
    [
        ({"at_most": "30d"}, at(NOW) - 30 * DAY, PASS),
        ({"at_most": "30d"}, at(NOW) - 30 * DAY - 1, Exclude("older than 30d since its import")),
        ({"at_least": "2h"}, at(NOW) - 2 * HOUR, PASS),
        ({"at_least": "2h"}, at(NOW) - HOUR, Defer(at(NOW) + HOUR, "younger than 2h since its import")),
        ({"at_least": 7200, "at_most": "30d"}, at(NOW) - DAY, PASS),
        ({"at_least": 7200}, at(NOW), Defer(at(NOW) + 2 * HOUR, "younger than 2h since its import")),
        ({"at_most": "30d"}, None, Exclude("the date of the import is not known")),
    ],
)
def test_age_is_counted_from_the_import(
    parameters: dict[str, Any], imported: float | None, expected: Verdict
) -> None:
    moment = make_moment(now=NOW, imported=imported)
    assert RecordAge.build(parameters).check(moment) == expected


@pytest.mark.parametrize(
    ("parameters", "value", "expected"),
    [
        ({"at_most": "1d"}, "2026-03-02", PASS),
        ({"at_most": "1d"}, "2026-03-01T12:00", PASS),
        ({"at_most": "1d"}, "2026-03-01T11:59:59", Exclude("older than 1d by signed_up")),
        ({"at_most": "1d"}, "2026-03-01T16:59Z", Exclude("older than 1d by signed_up")),
        ({"at_most": "1d"}, at(NOW) - DAY, PASS),
        ({"at_most": "1d"}, int(at(NOW) - DAY) - 1, Exclude("older than 1d by signed_up")),
        (
            {"at_least": "1d"},
            "2026-03-02",
            Defer(at("2026-03-03T00:00-05:00"), "younger than 1d by signed_up"),
        ),
        (
            {"at_least": "1d"},
            "2027-01-01",
            Defer(at("2027-01-02T00:00-05:00"), "younger than 1d by signed_up"),
        ),
        ({"at_most": "1d", "format": "%m/%d/%Y"}, "03/02/2026", PASS),
        ({"at_most": "1d", "format": "%m/%d/%Y"}, "02/28/2026", Exclude("older than 1d by signed_up")),
        (
            {"at_most": "1d", "format": "%m/%d/%Y"},
            "2026-03-02",
            Exclude("the date of signed_up is not known"),
        ),
        ({"at_most": "1d"}, "yesterday", Exclude("the date of signed_up is not known")),
        ({"at_most": "1d"}, "", Exclude("the date of signed_up is not known")),
        ({"at_most": "1d"}, None, Exclude("the date of signed_up is not known")),
        ({"at_least": "1d"}, 1e300, Exclude("the date of signed_up is not known")),
    ],
)
def test_age_may_be_counted_from_a_date_of_the_list(
    parameters: dict[str, Any], value: Any, expected: Verdict
) -> None:
    moment = make_moment(make_record(fields={"signed_up": value}), now=NOW)
    assert RecordAge.build({"field": "signed_up", **parameters}).check(moment) == expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (None, "say how old with at_least, at_most or both"),
        ({"field": "signed_up"}, "say how old"),
        ({"at_most": "1d", "format": "%m/%d/%Y"}, "format is that of a field"),
        ({"at_least": "2d", "at_most": "1d"}, "nothing is at least 2d and at most 1d old"),
    ],
)
def test_nonsense_is_refused(parameters: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RecordAge.build(parameters)


def test_age_in_a_run_is_that_of_its_own_clock(project: Callable[..., Any]) -> None:
    """What is added to the file between two runs is as old as the second, whatever the clock on the wall says."""
    rules = "ruleset: age\nfilters:\n  - record_age: {at_least: 1h}\n"
    folder = project(10, more_rules={"age": rules})
    start = at("2026-03-02T13:00Z")
    folder.run(until=start + 600)
    assert folder.query("SELECT count(*) FROM attempts") == [(0,)]
    assert folder.reasons()["deferred", "younger than 1h since its import"] == 10
    folder.run(until=start + 6 * HOUR)
    ((first, dialed),) = folder.query("SELECT min(placed), count(DISTINCT record_id) FROM attempts")
    assert start + HOUR <= first < start + HOUR + 60
    assert dialed == 10
    with (folder.folder / "people.csv").open("a") as stream:
        stream.write("X1,+12125550177\nX2,+12125550178\n")
    ((reached,),) = folder.query("SELECT max(reached) FROM runs")
    folder.run(until=reached + HOUR - 60)
    assert folder.query("SELECT count(DISTINCT record_id) FROM attempts") == [(10,)]
    folder.run()
    late = folder.query(
        "SELECT min(placed) FROM attempts JOIN records USING (record_id) WHERE record_id > 10"
    )
    assert reached + HOUR <= late[0][0] < reached + HOUR + 60


def test_old_records_are_left_alone_in_a_run(project: Callable[..., Any]) -> None:
    rules = "ruleset: age\nfilters:\n  - record_age: {field: since, at_most: 30d}\n"
    folder = project(1, more_rules={"age": rules})
    folder.write(
        "people.csv", "Phone,Since\n+12125550101,2026-02-27\n+12125550102,2026-01-27\n+12125550103,\n"
    )
    fields = {"devices": ["Phone"], "fields": {"since": "Since"}}
    folder.campaign["lists"]["people"]["map"] = fields
    folder.save()
    folder.run()
    assert folder.query("SELECT DISTINCT record_id FROM attempts") == [(1,)]
    assert folder.reasons()["excluded", "older than 30d by since"] == 1
    assert folder.reasons()["excluded", "the date of since is not known"] == 1


def test_what_is_imported_in_real_time_has_that_age(project: Callable[..., Any]) -> None:
    import time

    from cxrun.store.lists import date_imports, imports_of, stored_lists

    folder = project(3)
    folder.import_lists()
    with folder.store() as store:
        date_imports(store, None)
        ((first_chain, since),) = imports_of(store, stored_lists(store)["people"])
    assert first_chain == 1
    assert since == pytest.approx(time.time(), abs=60)
