"""What checks say beyond their examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.errors import PluginError

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    from cxrun.linting.lint import Result

    Example = Callable[[str], Any]
    Findings = Callable[..., Result]

CONTACTS = "contacts: |\n  Client,Home,Mobile\n  C1,(212) 555-0101,(917) 555-0102\n  C2,(808) 555-0103,"


def messages(result: Result) -> list[str]:
    return [finding.message for finding in result.findings]


def test_a_finding_in_a_ruleset_that_comes_with_cxrun_is_told_where_it_is_attached(
    example: Example, findings: Findings
) -> None:
    made = example("dialing_profiles: {standard: {rulesets: [courtesy, technical_failures, patient_retry]}}")
    found, *_ = findings(made, "CX101").findings
    assert found.mark.file.endswith("campaign.yaml")
    assert found.path == "rulesets[2]"
    assert "cxrun_rulesets/patient_retry.yaml:" in found.message


def test_elements_of_any_plugin_are_understood_by_what_they_do(example: Example, findings: Findings) -> None:
    plugin = """\
plugin: |
  from dataclasses import dataclass
  from typing import ClassVar
  from cxrun import Action, Call, DialAgain, Treatment, hookimpl

  @dataclass(frozen=True)
  class Nag(Treatment):
      name: ClassVar[str] = "nag"

      def apply(self, call):
          return DialAgain(call.now + 60, "nag") if call.applied < 5 else None

  @hookimpl
  def register_treatments():
      return [Nag]
"""
    rules = "ruleset: retry\ntreatments:\n  - {on: busy, do: [nag]}"
    result = findings(example(f"{rules}\n---\n{plugin}"))
    assert [finding.code for finding in result.findings] == ["CX204"]
    assert result.findings[0].message.startswith("dial 4 for busy comes 3m after the first")


def test_a_plugin_brings_checks_of_its_own(example: Example, findings: Findings) -> None:
    plugin = '''\
plugin: |
  from cxrun import check, hookimpl

  @check("ACME1", "warning")
  def named_by_us(scope):
      """Groups are named by us."""
      for group in scope.groups:
          if not group.name.startswith("acme_"):
              yield scope.in_campaign(("groups", group.name), "is not named acme_...")

  @hookimpl
  def register_checks():
      return [named_by_us]
'''
    (found,) = findings(example(plugin)).findings
    assert (found.code, found.name, found.path) == ("ACME1", "named_by_us", "groups.all")


def test_a_check_whose_code_is_taken_is_refused(example: Example, findings: Findings) -> None:
    plugin = """\
plugin: |
  from cxrun import check, hookimpl

  @hookimpl
  def register_checks():
      return [check("CX101", "note")(lambda scope: ())]
"""
    with pytest.raises(PluginError, match=r"plugins/example\.py.*there is a check CX101 already"):
        findings(example(plugin))


def test_a_condition_is_judged_part_by_part(example: Example, findings: Findings) -> None:
    rules = (
        "ruleset: who\nfilters:\n"
        '  - where: {all: [{field: country, eq: US}, {field: area_code, eq: "212"}, {field: attempt, lt: 9}]}'
    )
    assert messages(findings(example(f"{rules}\n---\n{CONTACTS}"))) == [
        "is true of all 3 records, so it makes no difference: country = US"
    ]


def test_a_state_is_that_of_the_area_code_where_the_list_has_none(
    example: Example, findings: Findings
) -> None:
    rules = "ruleset: who\nfilters:\n  - where: {field: state, in: [NY, HI]}"
    assert messages(findings(example(f"{rules}\n---\n{CONTACTS}"))) == [
        "is true of all 3 records, so it makes no difference: state in NY, HI"
    ]


def test_what_holds_in_one_list_of_a_group_only_makes_a_difference(
    example: Example, findings: Findings
) -> None:
    rules = 'ruleset: who\nfilters:\n  - where: {field: phone, like: "%0103"}'
    lists = "groups: {all: {lists: [people, others]}}"
    one = "contacts: |\n  Client,Home,Mobile\n  C1,(808) 555-0103,"
    assert messages(findings(example(f"{rules}\n---\n{one}\n---\n{lists}"))) == []


def test_zones_that_never_open_are_counted_with_a_reason(example: Example, findings: Findings) -> None:
    parts = "groups: {all: {schedule: [{start: '09:00', stop: '12:00', zone: America/New_York}]}}"
    (said,) = messages(findings(example(f"{parts}\n---\n{CONTACTS}")))
    assert said == (
        "1 record in Pacific/Honolulu (such as 3) cannot be dialed at any moment of 14 days: its hours never meet "
        "the schedule of the group (list 'people')"
    )


def test_hours_of_regions_are_those_of_the_numbers_in_the_list(example: Example, findings: Findings) -> None:
    rules = """\
ruleset: who
filters:
  - calling_hours: {hours: "09:00-20:00", regions: {+1808: "02:00-03:00"}}
"""
    (said,) = messages(findings(example(f"{rules}\n---\n{CONTACTS}")))
    assert said.startswith(
        "1 record in Pacific/Honolulu (such as 3) cannot be dialed at any moment of 14 days: outside calling hours"
    )


def test_hours_under_a_condition_count_where_it_holds(example: Example, findings: Findings) -> None:
    rules = """\
ruleset: who
filters:
  - calling_hours: {hours: "02:00-03:00"}
    when: {field: area_code, eq: "917"}
  - calling_hours: {hours: "03:00-04:00"}
    when: {field: record_type, eq: campaign_callback}
"""
    (said,) = messages(findings(example(f"{rules}\n---\n{CONTACTS}")))
    assert said.startswith(
        "1 record in America/New_York (such as 2) cannot be dialed at any moment of 14 days: "
    )


def test_a_number_in_two_lists_is_found(example: Example, findings: Findings) -> None:
    contacts = "contacts: |\n  Client,Home,Mobile\n  C1,(212) 555-0101,\n  C2,(917) 555-0104,"
    lists = "groups: {all: {lists: [people, others]}}"
    (said,) = messages(findings(example(f"{contacts}\n---\n{lists}")))
    assert said.startswith("1 number stands in more than one chain, such as those of records ")


def test_a_list_that_is_not_imported_is_told(example: Example, findings: Findings) -> None:
    made: ProjectFolder = example(CONTACTS)
    result = findings(made, data=False)
    assert (result.findings, list(result.missing)) == ([], ["people"])


def test_a_field_that_the_dialer_reads_is_read(example: Example, findings: Findings) -> None:
    campaign = """\
session_profiles: {line: {dialer: {simulated: {by_field: {notes: {none: {answer: 0.5}}}}}}}
lists: {people: {map: {fields: {vip: VIP, notes: Notes}}}}
groups: {all: {ordering: [{field: vip, order: descending}]}}"""
    assert messages(findings(example(campaign), "CX307")) == []
