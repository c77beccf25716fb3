"""Lists of other systems: recognised, mapped by somebody who knows them, and careful with who is not to be called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cxrun.contacts import Contact, Rejected, read_contacts
from cxrun.guess import guess_settings
from cxrun.interchange import is_interchange
from cxrun.mapping import LIST_SCHEMA, ListSettings
from cxrun.model import CallResult
from cxrun.vendors import VICIDIAL_LIST, VICIDIAL_LOAD


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def understood(file: Path, text: str) -> tuple[dict[str, Any], list[Any]]:
    """What is guessed of a list, and what its rows make by it."""
    file.write_text(text, encoding="utf-8")
    found = guess_settings(file)
    jsonschema.Draft202012Validator(LIST_SCHEMA).validate(found)
    settings = ListSettings.from_mapping(found)
    assert settings.problems() == []
    return found, list(read_contacts(file, settings))


def load_row(number: str, code: str = "1", **told: str) -> str:
    return ",".join(
        {"phone_code": code, "phone_number": number, **told}.get(name, "") for name in VICIDIAL_LOAD
    )


def test_the_standard_load_layout_of_vicidial_has_no_header(file: Path) -> None:
    rows = [
        load_row("2125550101", vendor_lead_code="V1", first_name="Ada", state="NY", alt_phone="9175550102"),
        load_row("2079460958", "44", vendor_lead_code="V2", last_name="Brandt"),
    ]
    found, items = understood(file, "\n".join(rows) + "\n")
    assert found["header"] == list(VICIDIAL_LOAD)
    assert found["map"]["client_id"] == "vendor_lead_code"
    assert found["map"]["fields"]["state"] == "state"
    contacts = [item for item in items if isinstance(item, Contact)]
    assert [[device.phone for device in contact.devices] for contact in contacts] == [
        ["+12125550101", "+19175550102"], ["+442079460958"],
    ]  # fmt: skip
    assert (contacts[0].first_name, contacts[1].last_name) == ("Ada", "Brandt")


def list_row(lead: int, **told: str) -> str:
    row = {
        "lead_id": str(lead),
        "vendor_lead_code": f"V{lead}",
        "phone_code": "1",
        "phone_number": f"21255501{lead:02}",
        "status": "NEW",
        "called_count": "0",
        "last_local_call_time": "2008-01-01 00:00:00",
        **told,
    }
    return "\t".join(row.get(name, "") for name in VICIDIAL_LIST)


@pytest.mark.parametrize("header", [True, False])
def test_a_downloaded_vicidial_list_brings_its_past(file: Path, header: bool) -> None:
    rows = [
        list_row(1, status="NA", called_count="3", last_local_call_time="2026-03-01 18:30:00"),
        list_row(2, status="DNC", called_count="1"),
        list_row(3, status="SALE", called_count="1", last_local_call_time="2026-03-01 10:00:00"),
        list_row(4),
    ]
    text = "\n".join(["\t".join(VICIDIAL_LIST)] * header + rows) + "\n"
    found, items = understood(file, text)
    assert ("header" in found) is not header
    assert [type(item) for item in items] == [Contact, Rejected, Contact, Contact]
    assert "'DNC' is left out by the mapping" in items[1].reason
    past = items[0].devices[0].past
    assert (past.attempt, past.call_result) == (3, CallResult.NO_ANSWER)
    assert past.call_time == 1772407800, "18:30 in New York"
    assert items[2].devices[0].past.call_result == CallResult.ANSWER
    assert items[3].devices[0].past.attempt == 1 or items[3].devices[0].past.call_time < 1.3e9


GENESYS = (
    "inin-outbound-id,First,home,cell,ContactCallable,ContactableByVoice,ZipCodeAutomaticTimeZone,"
    "CallRecordLastAttempt-home,CallRecordLastResult-home,CallRecordLastAgentWrapup-home,SmsLastAttempt-home,"
    "Callable-home,AutomaticTimeZone-home,CallRecordLastAttempt-cell,CallRecordLastResult-cell,Callable-cell,"
    "AutomaticTimeZone-cell\n"
    "a-1,Ada,+12125550101,+19175550102,1,1,,2026-03-01T15:30:00.000Z,ININ-OUTBOUND-NO-ANSWER,,,1,America/New_York,,,1,\n"
    "a-2,Ben,+13125550103,+17735550104,1,1,,2026-03-01T16:00:00Z,Sold,,,0,,,,1,America/Chicago\n"
    "a-3,Cora,+13035550105,,0,1,,,,,,1,,,,1,\n"
)


def test_a_genesys_cloud_export_brings_its_past_and_its_flags(file: Path) -> None:
    found, items = understood(file, GENESYS)
    assert found["map"]["client_id"] == "inin-outbound-id"
    assert [device["column"] for device in found["map"]["devices"]] == ["home", "cell"]
    assert set(found["map"]["fields"].values()) == {
        "CallRecordLastResult-home", "CallRecordLastAgentWrapup-home", "CallRecordLastResult-cell",
    }  # fmt: skip
    contacts = [item for item in items if isinstance(item, Contact)]
    assert [[device.phone for device in contact.devices] for contact in contacts] == [
        ["+12125550101", "+19175550102"], ["+17735550104"],
    ]  # fmt: skip
    past = contacts[0].devices[0].past
    assert past is not None
    assert (past.attempt, past.call_time, past.call_result) == (1, 1772379000, CallResult.NO_ANSWER)
    assert contacts[0].devices[0].tz_source == "contact"
    (rejected,) = [item for item in items if isinstance(item, Rejected)]
    assert "column 'ContactCallable': '0'" in rejected.reason


def test_an_interchange_file_is_recognised(file: Path) -> None:
    text = (
        "record_id,contact_info,contact_info_type,record_type,record_status,call_result,attempt,chain_id,chain_n,tz,"
        "client_id,balance\n1,212-555-0101,1,2,1,28,0,1,1,America/New_York,C1,5\n"
    )
    file.write_text(text, encoding="utf-8")
    found = guess_settings(file)
    assert found["map"] == {
        "client_id": "client_id", "devices": ["contact_info"],
        "fields": {"balance": {"column": "balance", "type": "integer"}},
    }  # fmt: skip
    assert is_interchange(file, ListSettings.from_mapping(found))


def test_an_ordinary_list_is_not_taken_for_another(file: Path) -> None:
    file.write_text("phone_number,list_id,name\n2125550101,7,Ada\n", encoding="utf-8")
    assert "skip" not in guess_settings(file)["map"]


def test_a_decimal_comma_is_noticed(file: Path) -> None:
    file.write_text('Phone;Saldo;Menge\n+4930123456;"1.204,50";3\n+4930123457;7,5;1.204\n', encoding="utf-8")
    found = guess_settings(file)
    assert found["decimal"] == ","
    (first, second) = read_contacts(file, ListSettings.from_mapping(found))
    assert isinstance(first, Contact)
    assert isinstance(second, Contact)
    assert (first.fields[0], second.fields[0]) == (1204.5, 7.5)
