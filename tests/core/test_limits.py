"""Figures that a ruleset sets for the settings of its groups, and the places where a project breaks them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.core.test_edits import START, Clerk, age

from cxrun.errors import Problems
from cxrun.limits import LIMITS_SCHEMA, WINDOWS, Limit, limits_of
from cxrun.registry import load_registry
from cxrun.ruleset import bundled, check, composed_schema, read
from cxrun.settings import SETTINGS
from cxrun.times import seconds
from cxrun.yamlfile import parse
from cxrun_plugins.dialing_modes.power_ivr import PowerIvr
from cxrun_plugins.dialing_modes.predictive import Predictive
from cxrun_plugins.dialing_modes.preview import Preview
from cxrun_plugins.dialing_modes.progressive import Progressive

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    MakeProject = Callable[..., ProjectFolder]
    Cxrun = Callable[..., Answer]

LAW = """\
ruleset: law
required: true
source: the whole Act
limits:
%s
"""
RETRY = "ruleset: retry\ntreatments: [{on: other, do: [finish]}]\n"


@pytest.fixture
def told(project: MakeProject) -> Callable[..., list[str]]:
    """What is wrong with a project whose group has a pack with these limits, and these settings."""

    def make(limits: str, where: str = "dialing_profiles.standard", **changes: Any) -> list[str]:
        lines = "\n".join(f"  {line}" for line in limits.splitlines())
        folder = project(3, rules={"law": LAW % lines, "retry": RETRY}, routing_points={"sorry": None})
        section, name = where.split(".")
        folder.campaign[section][name] |= changes
        folder.save()
        try:
            folder.load()
        except Problems as error:
            return [str(problem).replace(f"{folder.folder}/", "") for problem in error.problems]
        return []

    return make


@pytest.mark.parametrize(
    ("limits", "changes", "expected"),
    [
        (
            "connect_window: {at_most: 2s, source: section 7}",
            {"connect_window": "3s"},
            "dialing_profiles.standard.connect_window: connect_window must be at most 2s, not 3s "
            "(law, rulesets/law.yaml:5, section 7) (group 'all')",
        ),
        (
            "connect_window: {at_least: 1s}",
            {"connect_window": 0},
            "dialing_profiles.standard.connect_window: connect_window must be at least 1s, not 0 "
            "(law, rulesets/law.yaml:5, the whole Act) (group 'all')",
        ),
        (
            "connect_window: {at_most: 1s}",
            {},
            "groups.all: connect_window must be at most 1s, not 2s (law, rulesets/law.yaml:5, the whole Act)",
        ),
        (
            "abandon_message: {set: true}",
            {},
            "groups.all: abandon_message must be set (law, rulesets/law.yaml:5, the whole Act)",
        ),
        (
            "abandon_rate: {at_most: 3, over: [30_days, campaign]}",
            {"mode": {"power": {"calls_per_agent": 1.2}}},
            "dialing_profiles.standard.mode: the abandon rate must be kept at or under 3% over 30 days or the "
            "campaign; power may dial more calls than agents are free, and keeps no rate "
            "(law, rulesets/law.yaml:5, the whole Act) (group 'all')",
        ),
        (
            "abandon_rate: {at_most: 3, over: [30_days]}",
            {"mode": {"predictive": {"abandon_rate": 4, "measured_over": ["day", "30_days"]}}},
            "dialing_profiles.standard.mode: the abandon rate must be kept at or under 3% over 30 days; predictive may "
            "dial more calls than agents are free, and keeps 4% over a day, 4% over 30 days "
            "(law, rulesets/law.yaml:5, the whole Act) (group 'all')",
        ),
        (
            "abandon_rate: {at_most: 3, over: [campaign]}",
            {"mode": {"predictive": {"measured_over": ["day"]}}},
            "dialing_profiles.standard.mode: the abandon rate must be kept at or under 3% over the campaign; "
            "predictive may dial more calls than agents are free, and keeps 3% over a day "
            "(law, rulesets/law.yaml:5, the whole Act) (group 'all')",
        ),
    ],
)
def test_a_broken_limit_is_told_where_the_setting_comes_from(
    told: Callable[..., list[str]], limits: str, changes: dict[str, Any], expected: str
) -> None:
    (problem,) = told(limits, **changes)
    place, _, rest = problem.partition(": ")
    assert rest == expected
    file, line, column = place.split(":")
    assert file == "campaign.yaml"
    assert int(line) > 1
    assert int(column) > 1


@pytest.mark.parametrize(
    ("limits", "changes"),
    [
        ("connect_window: {at_most: 2s, at_least: 1s}", {"connect_window": "1.5s"}),
        ("connect_window: {at_most: 2s}", {"connect_window": "9s", "mode": {"preview": {}}}),
        (
            "connect_window: {at_most: 2s}",
            {"connect_window": "9s", "mode": {"predictive": {"engage_agent_first": True}}},
        ),
        ("abandon_message: {set: true}", {"abandon_message": "sorry"}),
        ("abandon_message: {set: true}", {"mode": {"push_preview": {}}}),
        ("abandon_message: {set: true}", {"mode": {"progressive_ivr": {"channels": 3}}}),
        ("abandon_rate: {at_most: 3, over: [30_days]}", {"mode": {"predictive": {"abandon_rate": 3}}}),
        ("abandon_rate: {at_most: 3, over: [campaign, day]}", {"mode": {"predictive": {"abandon_rate": 1}}}),
        ("abandon_rate: {at_most: 0, over: [day]}", {"mode": {"progressive": {}}}),
        ("abandon_rate: {at_most: 0, over: [day]}", {"mode": {"power": {"calls_per_agent": 1}}}),
        ("abandon_rate: {at_most: 0, over: [day]}", {"mode": {"adaptive_level": {"max_level": 1}}}),
        ("abandon_rate: {at_most: 0, over: [day]}", {"mode": {"preview": {}}}),
        (
            "abandon_rate: {at_most: 0, over: [day]}",
            {"mode": {"power_ivr": {"calls_per_minute": 9, "max_in_progress": 9}}},
        ),
        ("ring_time: {at_least: 15s}", {}),
    ],
)
def test_a_limit_that_is_kept_or_is_no_concern_of_the_mode_is_not_told(
    told: Callable[..., list[str]], limits: str, changes: dict[str, Any]
) -> None:
    assert told(limits, **changes) == []


def test_the_ring_time_concerns_every_mode(told: Callable[..., list[str]]) -> None:
    for mode in ({"preview": {}}, {"progressive_ivr": {"channels": 3}}, {"progressive": {}}):
        (problem,) = told("ring_time: {at_least: 15s}", "groups.all", mode=mode, ring_time="9s")
        assert "groups.all.ring_time: ring_time must be at least 15s, not 9s" in problem


@pytest.mark.parametrize("lines", [1.1, 3])
def test_a_progressive_mode_with_more_lines_than_agents_dials_ahead(
    told: Callable[..., list[str]], lines: float
) -> None:
    (problem,) = told(
        "abandon_rate: {at_most: 3, over: [day]}", mode={"progressive": {"lines_per_agent": lines}}
    )
    assert "progressive may dial more calls than agents are free" in problem


PLUGIN = """
from dataclasses import dataclass
from cxrun import DialingMode, hookimpl

class Silent(DialingMode):
    name = "silent"

    def new_calls(self, pacing):
        return pacing.ready

class Honest(Silent):
    name = "honest"
    dials_ahead = False

class First(Silent):
    name = "first"
    agent_first = True

@hookimpl
def register_dialing_modes():
    return [Silent, Honest, First]
"""


def test_a_mode_of_a_plugin_that_says_nothing_is_taken_to_dial_ahead(project: MakeProject) -> None:
    limits = "  abandon_rate: {at_most: 3, over: [day]}"
    folder = project(3, rules={"law": LAW % limits, "retry": RETRY}, plugins={"mine": PLUGIN})
    for mode in ("honest", "first"):
        folder.campaign["dialing_profiles"]["standard"]["mode"] = {mode: {}}
        folder.save()
        folder.load()
    folder.campaign["dialing_profiles"]["standard"]["mode"] = {"silent": {}}
    folder.save()
    with pytest.raises(Problems, match="silent may dial more calls than agents are free, and keeps no rate"):
        folder.load()


def test_a_lower_level_cannot_drop_a_required_pack_nor_its_limits(project: MakeProject) -> None:
    folder = project(3, rules={"law": LAW % "  ring_time: {at_least: 15s}", "retry": RETRY}, ring_time="20s")
    folder.campaign["groups"]["all"] |= {"rulesets": ["retry"], "ring_time": "14s"}
    folder.save()
    with pytest.raises(Problems, match=r"groups\.all\.ring_time: ring_time must be at least 15s, not 14s"):
        folder.load()


def test_of_two_packs_the_stricter_decides(project: MakeProject) -> None:
    other = "ruleset: other\nlimits: {ring_time: {at_least: 30s}}\n"
    folder = project(3, rules={"law": LAW % "  ring_time: {at_least: 15s}", "other": other, "retry": RETRY})
    with pytest.raises(Problems) as error:
        folder.load()
    assert [problem.message for problem in error.value.problems] == [
        f"ring_time must be at least 30s, not 25s (other, {folder.folder}/rulesets/other.yaml:2)"
    ]


def test_a_mistake_of_a_template_is_told_once_for_all_its_groups(project: MakeProject) -> None:
    folder = project(3, rules={"law": LAW % "  ring_time: {at_least: 15s}", "retry": RETRY})
    folder.write_list("others", [["D1", "+12125550190"]])
    folder.campaign["templates"]["plain"]["ring_time"] = "10s"
    folder.campaign["groups"]["more"] = {"template": "plain", "lists": ["others"]}
    folder.save()
    with pytest.raises(Problems) as error:
        folder.load()
    (problem,) = error.value.problems
    assert problem.path == "templates.plain.ring_time"
    assert problem.message.endswith("(groups 'all', 'more')")


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("{ring_tim: {at_least: 15s}}", "unknown key 'ring_tim'; did you mean 'ring_time'?"),
        ("{ring_time: {atleast: 15s}}", "unknown key 'atleast'; did you mean 'at_least'?"),
        ("{ring_time: {at_least: soon}}", "'soon' is no duration"),
        ("{abandon_rate: {at_most: 3, over: [month]}}", "'month' is not known here"),
        ("{abandon_rate: {at_most: 3}}", "'over' is missing"),
        ("{abandon_message: {set: false}}", "must be true, not false"),
    ],
)
def test_a_mistake_in_the_limits_is_told_with_its_place(limits: str, expected: str) -> None:
    text = f"ruleset: law\nlimits: {limits}\n"
    ruleset, problems = check(parse(text, "law.yaml"), load_registry())
    assert ruleset is not None
    assert ruleset.limits == ()
    assert problems
    assert str(problems[0]).startswith("law.yaml:2:")
    assert expected in "; ".join(problem.message for problem in problems)


def test_every_setting_that_can_be_limited_is_one() -> None:
    assert set(LIMITS_SCHEMA["properties"]) - {"abandon_rate"} <= set(SETTINGS)


VALUES = st.one_of(
    st.integers(-2, 40), st.floats(0, 5), st.booleans(), st.none(),
    st.sampled_from(["15s", "2m", "soon", "day", ["day"], ["30_days", "day"], ["day", "day"], [], ["month"]]),
)  # fmt: skip
LIMITS = st.dictionaries(
    st.sampled_from([*LIMITS_SCHEMA["properties"], "dialer", "ringtime"]),
    st.dictionaries(st.sampled_from(["at_least", "at_most", "set", "over", "source", "most"]), VALUES),
    max_size=3,
)


@given(limits=LIMITS)
def test_editors_are_told_what_the_loader_accepts(limits: dict[str, Any]) -> None:
    data = {"ruleset": "law", "limits": limits}
    _, problems = check(parse(json.dumps(data), "law.yaml"), REGISTRY)
    assert SCHEMA.is_valid(data) == (not problems)


REGISTRY = load_registry()
SCHEMA = Draft202012Validator(composed_schema(REGISTRY))

DURATIONS = st.one_of(
    st.integers(0, 100), st.builds("{}{}".format, st.integers(0, 100), st.sampled_from("sm"))
)


@given(least=st.none() | DURATIONS, most=st.none() | DURATIONS, value=DURATIONS)
def test_a_duration_is_compared_in_seconds_however_it_is_written(
    least: int | str | None, most: int | str | None, value: int | str
) -> None:
    bounds = {key: bound for key, bound in (("at_least", least), ("at_most", most)) if bound is not None}
    broken = Limit("ring_time", bounds).broken(value, Progressive())
    low = seconds(least) if least is not None else 0
    high = seconds(most) if most is not None else float("inf")
    assert (broken == "") == (low <= seconds(value) <= high)


@given(
    cap=st.integers(1, 20),
    most=st.integers(0, 20),
    over=st.sets(st.sampled_from(list(WINDOWS)), min_size=1),
    measured=st.sets(st.sampled_from(list(WINDOWS)), min_size=1),
)
def test_a_cap_over_one_of_the_windows_is_enough(
    cap: int, most: int, over: set[str], measured: set[str]
) -> None:
    limit = Limit("abandon_rate", {"at_most": most, "over": sorted(over)})
    mode = Predictive(abandon_rate=cap, measured_over=sorted(measured))
    assert (limit.broken(None, mode) == "") == (cap <= most and bool(over & measured))
    for other in (Preview(), PowerIvr(60, 9), Predictive(engage_agent_first=True), Progressive()):
        assert limit.broken(None, other) == ""


# --- the packs ---------------------------------------------------------------------------------------


def limits(name: str) -> dict[str, dict[str, Any]]:
    ruleset, problems, _ = read(bundled()[name], REGISTRY)
    assert not problems
    assert ruleset is not None
    assert all(limit.source for limit in ruleset.limits)
    return {
        limit.subject: {k: v for k, v in limit.bounds.items() if k != "source"} for limit in ruleset.limits
    }


def test_the_packs_hold_the_settings_to_the_figures_of_their_sources() -> None:
    harbour = {
        "ring_time": {"at_least": "15s"},
        "connect_window": {"at_most": "2s"},
        "abandon_message": {"set": True},
    }
    assert limits("us_telemarketing") == {
        **harbour,
        "abandon_rate": {"at_most": 3, "over": ["day", "30_days"]},
    }
    assert limits("uk_ofcom") == {**harbour, "abandon_rate": {"at_most": 3, "over": ["day"]}}
    assert limits("ca_crtc") == {
        "connect_window": {"at_most": "2s"},
        "abandon_rate": {"at_most": 5, "over": ["day", "30_days"]},
    }


def test_the_british_pack_says_that_its_figure_is_no_safe_harbour() -> None:
    data = read(bundled()["uk_ofcom"], REGISTRY)[2].data
    assert "not a safe harbour" in data["limits"]["abandon_rate"]["source"]
    assert any("3% is no safe harbour" in " ".join(item.split()) for item in data["unenforced"])


def test_a_group_under_the_american_rules_is_refused_until_it_keeps_all_of_them(project: MakeProject) -> None:
    folder = project(3, mode={"power": {}}, ring_time="12s")
    profile = folder.campaign["dialing_profiles"]["standard"]
    profile |= {"rulesets": ["us_telemarketing", "retry"], "connect_window": "3s"}
    folder.save()
    with pytest.raises(Problems) as error:
        folder.load()
    assert sorted(problem.message.partition(" must ")[0] for problem in error.value.problems) == [
        "abandon_message", "connect_window", "ring_time", "the abandon rate",
    ]  # fmt: skip
    assert all("16 CFR 310.4(b)" in problem.message for problem in error.value.problems)

    profile |= {"connect_window": "2s", "abandon_message": "sorry", "mode": {"predictive": {}}}
    folder.campaign["session_profiles"]["line"] |= {"ring_time": "15s", "routing_points": {"sorry": None}}
    folder.save()
    assert folder.load().group("all").abandon_message == "sorry"


def test_lint_does_not_say_again_what_a_limit_decides(project: MakeProject, cxrun: Cxrun) -> None:
    law = "  ring_time: {at_least: 10s}\n  connect_window: {at_most: 4s}"

    def codes(rules: dict[str, str], name: str) -> set[str]:
        folder = project(3, rules=rules, ring_time="12s", name=name)
        folder.campaign["dialing_profiles"]["standard"]["connect_window"] = "3s"
        folder.save()
        said = cxrun("-C", folder.folder, "lint", "--json").out
        return {each["code"] for each in json.loads(said)} & {"CX313", "CX314"}

    assert codes({"retry": RETRY}, "without") == {"CX313", "CX314"}
    assert codes({"retry": RETRY, "law": LAW % law}, "with") == set()


# --- edits -------------------------------------------------------------------------------------------


def test_an_edit_that_breaks_a_limit_is_refused_and_the_run_goes_on(project: MakeProject) -> None:
    silent = {"simulated": {"outcomes": {"no_answer": 1}}}
    rules = {"law": LAW % "  ring_time: {at_least: 15s}\n  connect_window: {at_most: 2s}", "retry": RETRY}
    folder = project(40, rules=rules, dialer=silent, agents=1, ring_time="20s")

    def edit(**changes: str) -> Callable[[], None]:
        def deed() -> None:
            folder.campaign["groups"]["all"] |= changes
            folder.save()
            age(folder.folder / "campaign.yaml")

        return deed

    clerk = Clerk({30: edit(ring_time="5s"), 90: edit(ring_time="16s")})
    tally = folder.run(clock=clerk.begins, edited=True)
    told = [notice.text for notice in tally.notices]
    assert len(told) == 2
    assert told[0].startswith("the run goes on under the rules it had: ")
    assert "ring_time must be at least 15s, not 5s" in told[0]
    assert told[1] == "the files have changed: the run goes on under the new rules"
    rang = folder.query("SELECT placed, ended - placed FROM attempts ORDER BY placed")
    assert min(span for _, span in rang) >= 16
    assert {span < 20 for at, span in rang if at > START + 100} == {True}


def test_limits_decide_about_no_record(project: MakeProject) -> None:
    rules = {"law": LAW % "  ring_time: {at_least: 15s}", "retry": RETRY}
    before = project(3, rules=rules, name="before").load().group("all").digest
    rules["law"] = LAW % "  ring_time: {at_least: 10s}"
    assert project(3, rules=rules, name="after").load().group("all").digest == before


def test_limits_are_read_in_their_order() -> None:
    data = {"limits": {"ring_time": {"at_least": "15s", "source": "x"}, "caller_id": {"set": True}}}
    assert [(limit.subject, limit.setting, limit.source) for limit in limits_of(data)] == [
        ("ring_time", "ring_time", "x"),
        ("caller_id", "caller_id", ""),
    ]
