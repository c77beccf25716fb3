from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cxrun.contacts import Contact, Device, Notice, Rejected, read_contacts
from cxrun.errors import Problems
from cxrun.mapping import LIST_SCHEMA, TIME_ZONE_CODES, ListSettings, zone_names
from cxrun.model import DeviceType, Value

FULL = {
    "file": "list.csv",
    "encoding": "utf-8",
    "delimiter": ",",
    "region": "US",
    "time_zone_source": "contact",
    "default_time_zone": "America/New_York",
    "map": {
        "client_id": "Id",
        "first_name": "First",
        "last_name": "Last",
        "company": "Company",
        "time_zone": "TZ",
        "daily_from": "From",
        "daily_till": "Till",
        "devices": ["Phone", {"column": "Mobile", "type": "mobile"}],
        "fields": {"state": "State", "rating": {"column": "Rating", "type": "integer"}},
    },
}


def settings(devices: list[Any] | None = None, **given: Any) -> ListSettings:
    top = {"file", "encoding", "delimiter", "region", "time_zone_source", "default_time_zone"}
    plain = {"file": "list.csv", "region": "US"} | {key: given[key] for key in given if key in top}
    columns = {key: given[key] for key in given if key not in top}
    document = {**plain, "map": {"devices": devices or ["Phone"], **columns}}
    jsonschema.Draft202012Validator(LIST_SCHEMA).validate(document)
    return ListSettings.from_mapping(document)


def read(tmp_path: Path, text: str, how: ListSettings) -> list[Contact | Rejected | Notice]:
    file = tmp_path / "list.csv"
    file.write_text(text, encoding="utf-8")
    return list(read_contacts(file, how))


def only_contact(tmp_path: Path, text: str, how: ListSettings) -> Contact:
    (found,) = read(tmp_path, text, how)
    assert isinstance(found, Contact), found
    return found


def only_rejection(tmp_path: Path, text: str, how: ListSettings) -> str:
    (found,) = read(tmp_path, text, how)
    assert isinstance(found, Rejected), found
    return found.reason


def nested(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nested(value)


def test_schema_is_closed_and_describes_every_property() -> None:
    jsonschema.Draft202012Validator.check_schema(LIST_SCHEMA)
    for schema in nested(LIST_SCHEMA):
        if "object" in schema.get("type", ()):
            assert "additionalProperties" in schema
        for name, value in schema.get("properties", {}).items() if "type" in schema else ():
            assert value["description"].endswith("."), name


@pytest.mark.parametrize(
    "change",
    [
        {"fil": "x"},
        {"region": "usa"},
        {"encoding": "latin"},
        {"delimiter": ";;"},
        {"time_zone_source": "number"},
        {"map": {}},
        {"map": {"devices": []}},
        {"map": {"devices": ["P"] * 11}},
        {"map": {"devices": [{"column": "P", "type": "email"}]}},
        {"map": {"devices": [{"type": "home"}]}},
        {"map": {"devices": ["P"], "fields": {"Bad Name": "X"}}},
        {"map": {"devices": ["P"], "fields": {"x": {"column": "X", "type": "date"}}}},
    ],
)
def test_schema_refuses(change: dict[str, Any]) -> None:
    assert jsonschema.Draft202012Validator(LIST_SCHEMA).is_valid(FULL)
    assert not jsonschema.Draft202012Validator(LIST_SCHEMA).is_valid({**FULL, **change})


def test_settings_keep_what_was_written() -> None:
    found = ListSettings.from_mapping(FULL)
    assert [device[:2] for device in found.devices] == [
        ("Phone", DeviceType.NONE),
        ("Mobile", DeviceType.MOBILE),
    ]
    assert found.field_types == {"state": "text", "rating": "integer"}
    assert found.columns["time_zone"] == "TZ"
    assert (found.file, found.encoding, found.delimiter, found.region) == ("list.csv", "utf-8", ",", "US")
    assert (found.time_zone_source, found.default_time_zone) == ("contact", "America/New_York")
    assert found.problems() == []


def test_settings_are_checked_beyond_their_schema() -> None:
    wrong = settings(
        ["Phone", "Phone"],
        region="UK",
        default_time_zone="Mars/Base",
        fields={
            "attempt": "A",
            "rowid": "B",
            "group": "C",
            "exchange": "D",
            "state": {"column": "E", "type": "integer"},
        },
    )
    problems = dict(wrong.problems())
    assert set(problems) == {
        ("region",),
        ("default_time_zone",),
        ("map", "devices", 1),
        ("map", "fields", "attempt"),
        ("map", "fields", "rowid"),
        ("map", "fields", "exchange"),
        ("map", "fields", "state"),
    }
    assert "write e.g. GB, not UK" in problems[("region",)]


def test_columns_the_file_lacks_are_named_with_the_nearest_it_has() -> None:
    found = ListSettings.from_mapping(FULL).problems_with_header(
        ("Id", "First", "Last", "Company", "TZ", "From", "Till", "Phones", "Mobile", "Rating")
    )
    assert found[0] == (("map", "devices", 0), "no column named 'Phone'; did you mean 'Phones'?")
    assert found[1][0] == ("map", "fields", "state")
    assert len(found) == 2


def test_reading_with_wrong_columns_tells_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(Problems) as caught:
        read(tmp_path, "A,B\n1,2\n", settings(["Phone", "Mobile"]))
    assert len(caught.value.problems) == 2


def test_row_becomes_a_contact(tmp_path: Path) -> None:
    text = (
        "Id,First,Last,Company,TZ,From,Till,Phone,Mobile,State,Rating\n"
        "007, Ann ,Lee,,CST,9:00,61200,212 555 0100,(415) 555-0101,NY,4\n"
    )
    found = only_contact(tmp_path, text, ListSettings.from_mapping(FULL))
    assert found == Contact(
        row=2,
        client_id="007",
        first_name="Ann",
        last_name="Lee",
        company=None,
        daily_from=32400,
        daily_till=61200,
        devices=(
            Device("212 555 0100", "+12125550100", 0, "America/Chicago", "contact", "US", "212"),
            Device("(415) 555-0101", "+14155550101", 4, "America/Chicago", "contact", "US", "415"),
        ),
        fields=("NY", 4),
    )


def test_contact_without_more_than_a_number_gets_the_defaults(tmp_path: Path) -> None:
    found = only_contact(tmp_path, "Phone\n2125550100\n", settings())
    assert found[1:7] == (None, None, None, None, 28800, 64800)
    assert found.fields == ()


@pytest.mark.parametrize(
    ("source", "zone", "phone", "default", "tz", "tz_source"),
    [
        ("device", "CET", "2125550100", None, "America/New_York", "number"),
        ("device", "CET", "8005550199", None, "", ""),
        ("device", "CET", "8005550199", "PST", "America/Los_Angeles", "default"),
        ("contact", "America/Denver", "2125550100", None, "America/Denver", "contact"),
        ("contact", "", "2125550100", None, "", ""),
        ("contact", "n/a", "2125550100", "EST", "America/New_York", "default"),
        ("contact_then_device", "america/denver", "2125550100", None, "America/Denver", "contact"),
        ("contact_then_device", "", "2125550100", "CET", "America/New_York", "number"),
        ("contact_then_device", "", "8005550199", "CET", "Europe/Berlin", "default"),
        (
            "contact_then_device",
            "",
            "6059925550",
            None,
            "America/Denver America/North_Dakota/Center",
            "number",
        ),
    ],
)
def test_time_zone_comes_from_the_chosen_source(
    tmp_path: Path, source: str, zone: str, phone: str, default: str | None, tz: str, tz_source: str
) -> None:
    how = settings(
        time_zone="TZ", time_zone_source=source, **({"default_time_zone": default} if default else {})
    )
    (device,) = only_contact(tmp_path, f"Phone,TZ\n{phone},{zone}\n", how).devices
    assert (device.tz, device.tz_source) == (tz, tz_source)


def test_unknown_zone_gives_way_to_the_number_and_is_noticed(tmp_path: Path) -> None:
    notice, contact = read(tmp_path, "Phone,TZ\n2125550100,XST\n", settings(time_zone="TZ"))
    assert isinstance(notice, Notice)
    assert (notice.row, notice.column, notice.value) == (2, "TZ", "XST")
    assert "'XST' is no time zone; write an IANA name" in notice.reason
    assert isinstance(contact, Contact)
    assert contact.devices[0].tz_source == "number"


def test_unknown_zone_rejects_the_row_where_nothing_can_stand_in(tmp_path: Path) -> None:
    how = settings(time_zone="TZ", time_zone_source="contact")
    assert only_rejection(tmp_path, "Phone,TZ\n2125550100,XST\n", how).startswith("column 'TZ': 'XST' is no")


def test_bad_device_beside_a_good_one_is_noticed(tmp_path: Path) -> None:
    notice, contact = read(tmp_path, "A,B\n555-01,2125550100\n", settings(["A", "B"]))
    assert isinstance(notice, Notice)
    assert (notice.row, notice.column, notice.value) == (2, "A", "555-01")
    assert "too short" in notice.reason
    assert isinstance(contact, Contact)
    assert [device.phone for device in contact.devices] == ["+12125550100"]


def test_doubtful_number_is_kept_and_noticed(tmp_path: Path) -> None:
    notice, contact = read(tmp_path, "Phone\n0125550100\n", settings())
    assert isinstance(notice, Notice)
    assert notice.reason.endswith("; kept")
    assert isinstance(contact, Contact)


def test_same_number_twice_is_one_device(tmp_path: Path) -> None:
    found = only_contact(tmp_path, "A,B,C\n2125550100,N/A,(212) 555-0100\n", settings(["A", "B", "C"]))
    assert [device.contact_info for device in found.devices] == ["2125550100"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("555-01,,,,,", "column 'Phone': '555-01' is too short for a phone number in US"),
        (",x,,,,", "no phone number in column 'Phone'"),
        ("9" * 129 + ",,,,,", "129 characters where at most 128 are allowed"),
        ("2125550100," + "x" * 65 + ",,,,", "column 'Name': 'xxxxxxxxxxxxxxxxxxxx...' has 65 characters"),
        ("2125550100,,9,,,", "column 'From': '9' is no time of day; write HH:MM"),
        ("2125550100,,25:00,,,", "'25:00' is past the end of the day"),
        ("2125550100,,86401,,,", "'86401' is past the end of the day"),
        ("2125550100,,20:00,08:00,,", "leave no time to call"),
        ("2125550100,,,,1.5,", "column 'Int': '1.5' is not an integer"),
        ("2125550100,,,,9223372036854775808,", "does not fit in 64 bits"),
        ("2125550100,,,," + "1" * 5000 + ",", "does not fit in 64 bits"),
        ('2125550100,,,,,"1,5"', "column 'Num': '1,5' is not a number"),
        ("2125550100,,,,,inf", "is not a number"),
        ("2125550100,,,,,1e999", "is not a number"),
        ("2125550100,,,,,,7", "7 cells where the header has 6"),
    ],
)
def test_bad_row_is_rejected_with_a_reason(tmp_path: Path, row: str, reason: str) -> None:
    how = settings(
        client_id="Name",
        daily_from="From",
        daily_till="Till",
        fields={"i": {"column": "Int", "type": "integer"}, "n": {"column": "Num", "type": "number"}},
    )
    assert reason in only_rejection(tmp_path, f"Phone,Name,From,Till,Int,Num\n{row}\n", how)


def test_rejected_row_keeps_its_line_and_cells_and_the_next_is_read(tmp_path: Path) -> None:
    text = 'Phone,Note\n555-01,"two\nlines"\n2125550100,x\n'
    rejected, contact = read(tmp_path, text, settings())
    assert isinstance(rejected, Rejected)
    assert (rejected.row, rejected.cells) == (2, ("555-01", "two\nlines"))
    assert isinstance(contact, Contact)
    assert contact.row == 4


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("integer", "4", 4),
        ("integer", "-4", -4),
        ("integer", "007", 7),
        ("integer", "3.0", 3),
        ("integer", "Not Available", None),
        ("integer", "N/A", None),
        ("integer", "-", None),
        ("integer", "null", None),
        ("number", "3", 3.0),
        ("number", "-.5", -0.5),
        ("number", "1e3", 1000.0),
        ("number", "NaN", None),
        ("text", "007", "007"),
        ("text", "Not Available", "Not Available"),
        ("text", "", None),
    ],
)
def test_cell_of_a_field_becomes_a_value_of_its_type(
    tmp_path: Path, kind: str, cell: str, value: Value
) -> None:
    how = settings(fields={"x": {"column": "X", "type": kind}})
    (found,) = only_contact(tmp_path, f"Phone,X\n2125550100,{cell}\n", how).fields
    assert found == value
    assert type(found) is type(value)


def test_customers_without_an_id_are_not_taken_for_one_another(tmp_path: Path) -> None:
    assert only_contact(tmp_path, "Phone,Id\n2125550100,N/A\n", settings(client_id="Id")).client_id is None


def test_name_may_read_like_a_null(tmp_path: Path) -> None:
    assert only_contact(tmp_path, "Phone,L\n2125550100,Null\n", settings(last_name="L")).last_name == "Null"


def test_short_rows_and_empty_cells_past_the_header_are_taken(tmp_path: Path) -> None:
    text = "Phone,A,B\n2125550100\n,,\n2125550101,1,2,,\n"
    first, second = read(tmp_path, text, settings(fields={"b": "B"}))
    assert isinstance(first, Contact)
    assert isinstance(second, Contact)
    assert (first.fields, second.fields) == ((None,), ("2",))
    assert second.row == 4


def test_every_short_code_stands_for_a_zone() -> None:
    for code, name in TIME_ZONE_CODES.items():
        assert zone_names(code.lower()) == name
        assert zone_names(name) == name


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("America/Denver America/Chicago", "America/Denver America/Chicago"),
        ("Eastern Standard Time", ""),
        ("IST", ""),
        ("../etc/passwd", ""),
        ("", ""),
    ],
)
def test_zone_names_are_known_as_a_whole_or_not_at_all(text: str, names: str) -> None:
    assert zone_names(text) == names
