from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cxrun.contacts import Contact, read_contacts
from cxrun.errors import UserError
from cxrun.guess import guess_settings
from cxrun.mapping import LIST_SCHEMA, ListSettings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def guess(file: Path, text: str, encoding: str = "utf-8") -> dict[str, Any]:
    file.write_text(text, encoding=encoding)
    found = guess_settings(file)
    jsonschema.Draft202012Validator(LIST_SCHEMA).validate(found)
    settings = ListSettings.from_mapping(found)
    assert settings.problems() == []
    assert all(isinstance(contact, Contact) for contact in read_contacts(file, settings))
    assert guess_settings(file) == found
    return found


def test_american_list_is_understood_whole(file: Path) -> None:
    text = (
        "Customer ID,First Name,Last Name,Company,Home Phone,Cell,Fax,Time Zone,ZIP Code,Balance,Visits,Attempt\n"
        "0017,Ann,Lee,Acme,212-555-0100,(212) 555-0101,212-555-0102,EST,10001,12.50,3,a\n"
        "0018,Bob,Ray,Acme,212-555-0103,,212-555-0104,America/Denver,60601,7,0,b\n"
    )
    assert guess(file, text) == {
        "file": "list.csv",
        "region": "US",
        "map": {
            "client_id": "Customer ID",
            "first_name": "First Name",
            "last_name": "Last Name",
            "company": "Company",
            "time_zone": "Time Zone",
            "devices": [{"column": "Home Phone", "type": "home"}, {"column": "Cell", "type": "mobile"}],
            "fields": {
                "fax": "Fax",
                "zip_code": "ZIP Code",
                "balance": {"column": "Balance", "type": "number"},
                "visits": {"column": "Visits", "type": "integer"},
                "list_attempt": "Attempt",
            },
        },
    }


def test_british_list_in_windows_1252_with_semicolons_is_understood(file: Path) -> None:
    text = "Surname;Work Tel;MobileNumber;Café\nZoë;020 7946 0958;07700 900123;é\nBill;020 7946 0959;;\n"
    found = guess(file, text, "cp1252")
    assert (found["encoding"], found["delimiter"], found["region"]) == ("windows-1252", ";", "GB")
    assert found["map"] == {
        "last_name": "Surname",
        "devices": [
            {"column": "Work Tel", "type": "direct_business"},
            {"column": "MobileNumber", "type": "mobile"},
        ],
        "fields": {"cafe": "Café"},
    }


def test_column_of_numbers_is_found_without_a_telling_name(file: Path) -> None:
    found = guess(file, "who,reach at,amount\nAnn,212-555-0100,5\nBob,212-555-0101,6\n")
    assert found["map"]["devices"] == ["reach at"]


def test_column_named_for_phones_that_holds_none_is_a_field(file: Path) -> None:
    found = guess(file, "Phone,Phone Model,Mobile\n2125550100,Pixel,\n2125550101,Nokia,\n")
    assert found["map"]["devices"] == ["Phone", {"column": "Mobile", "type": "mobile"}]
    assert found["map"]["fields"] == {"phone_model": "Phone Model"}


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("Rating", ["3", "Not Available", "5"], "integer"),
        ("Rating", ["3", "4.5", ""], "number"),
        ("Rating", ["03", "14", "15"], "text"),
        ("Rating", ["", "N/A", "-"], "text"),
        ("Rating", ["1", "two", "3"], "text"),
        ("Rating", ["12345678901234567890", "1", "2"], "text"),
        ("Rating", ["-3", "0", "12"], "integer"),
        ("Postal Code", ["10001", "10002", "10003"], "text"),
        ("store_id", ["1", "1", "1"], "text"),
    ],
)
def test_type_of_a_field_follows_its_values_but_codes_stay_text(
    file: Path, name: str, cells: list[str], kind: str
) -> None:
    lines = [f"212555010{index},{cell}" for index, cell in enumerate(cells)]
    (field,) = guess(file, f"Phone,{name}\n" + "\n".join(lines) + "\n")["map"]["fields"].values()
    assert (field if isinstance(field, str) else field["type"]) == (name if kind == "text" else kind)


def test_names_of_fields_are_distinct_and_free(file: Path) -> None:
    found = guess(file, "Phone,A b,a-B,1st,Country,OID,Exchange,電話\n2125550100,x,y,z,US,1,555,2\n")
    assert list(found["map"]["fields"]) == [
        "a_b", "a_b_2", "field_1_st", "list_country", "list_oid", "list_exchange", "field",
    ]  # fmt: skip


def test_state_stays_text_though_it_looks_like_a_number(file: Path) -> None:
    found = guess(file, "Phone,State\n2125550100,36\n2125550101,12\n")
    assert found["map"]["fields"] == {"state": "State"}


def test_id_shared_by_most_rows_is_no_client_id(file: Path) -> None:
    found = guess(file, "Phone,Account ID\n2125550100,7\n2125550101,7\n2125550102,7\n")
    assert "client_id" not in found["map"]


def test_list_without_phone_numbers_is_refused_with_its_columns(file: Path) -> None:
    file.write_text("Name,Fax,NPI\nAnn,212-555-0100,2125550101\n")
    with pytest.raises(UserError) as caught:
        guess_settings(file)
    assert "no column holds phone numbers" in str(caught.value)
    assert "'Name', 'Fax', 'NPI'" in str(caught.value)


def test_bare_ten_digit_numbers_of_the_united_states_are_not_taken_for_another_country(
    tmp_path: Path,
) -> None:
    path = tmp_path / "plain.csv"
    areas = ("334", "256", "205", "907", "602", "212", "808", "617")
    path.write_text("Name,Phone Number\n" + "".join(f"N{n},{areas[n % 8]}55501{n:02}\n" for n in range(60)))

    assert guess_settings(path)["region"] == "US"
