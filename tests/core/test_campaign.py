from __future__ import annotations

import copy
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cxrun.campaign import Group, Project
from cxrun.errors import Problems, UserError
from cxrun.loading import load_project
from cxrun.registry import Registry, load_registry
from cxrun.settings import DEFAULTS, SETTINGS, composed_campaign_schema
from cxrun.yamlfile import parse

CAMPAIGN = """\
dialing_profiles:
  careful:
    default: true
    mode: {progressive: {lines_per_agent: 1.2}}
    rulesets: [law, retry]
  bold:
    connect_window: 5s
session_profiles:
  main:
    ports: 20
    dialer: {simulated: {talk: {mean: 60}, fail_after: 2}}
agent_groups:
  sales: {agents: 6}
  night: {agents: 2}
templates:
  plain:
    agent_group: sales
    ring_time: 20s
groups:
  east:
    template: plain
    calls_per_second: 2
    lists: [people]
lists:
  people:
    file: people.csv
    region: US
    map:
      client_id: Client
      devices: [Phone]
      fields: {balance: {column: Balance, type: integer}, state: State}
"""
LAW = "ruleset: law\nrequired: true\nfilters: [attempts: {at_most: 3, within: 24h}]\n"
RETRY = "ruleset: retry\ntreatments: [{on: busy, do: [redial: {interval: 30m}]}]\n"
LATER = "ruleset: later\ntreatments: [{on: busy, do: [retry_in: {interval: 1d}]}]\n"
PEOPLE = "Client,Phone,Balance,State\nC1,(212) 555-0101,300,NY\n"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


Load = Callable[..., Project]


@pytest.fixture
def loaded(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Load:
    """A factory of projects from the text of a campaign and of further files; messages name files as users see them."""

    def load(text: str = CAMPAIGN, **files: str) -> Project:
        contents = {"rulesets/law.yaml": LAW, "rulesets/retry.yaml": RETRY, "rulesets/later.yaml": LATER}
        contents |= {"people.csv": PEOPLE, "more.csv": PEOPLE, "campaign.yaml": text}
        contents |= {f"rulesets/{name}.yaml": content for name, content in files.items()}
        for name, content in contents.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        return load_project(Path(), registry)

    return load


def told(loaded: Load, text: str, **files: str) -> list[str]:
    with pytest.raises(Problems) as caught:
        loaded(text, **files)
    return [str(problem) for problem in caught.value.problems]


def with_lines(text: str = CAMPAIGN, **sections: str) -> str:
    """The campaign with further lines at the end of a profile, template or group, named by it."""
    for owner, lines in sections.items():
        at = text.index(f"  {owner}:\n") + len(f"  {owner}:\n")
        text = text[:at] + "".join(f"    {line}\n" for line in lines.split("\n")) + text[at:]
    return text


def origins(group: Group) -> dict[str, tuple[Any, str, int | None]]:
    """Every leaf of the effective settings: its value, level and line."""
    found = {}
    for path, value, origin in group.leaves():
        name = ".".join(str(step) for step in path)
        found[name] = (value, origin.level, origin.mark.line if origin.mark else None)
    return found


def test_every_leaf_knows_its_level_and_line(loaded: Load) -> None:
    assert origins(loaded().groups["east"]) == {
        "dialer.simulated.talk.mean": (60, "session profile main", 11),
        "dialer.simulated.fail_after": (2, "session profile main", 11),
        "ports": (20, "session profile main", 10),
        "calls_per_second": (2, "group east", 22),
        "ring_time": ("20s", "template plain", 18),
        "virtual_start": (DEFAULTS["virtual_start"], "default", None),
        "mode.progressive.lines_per_agent": (1.2, "dialing profile careful", 4),
        "rulesets.0": ("law", "dialing profile careful, required", 5),
        "rulesets.1": ("retry", "dialing profile careful", 5),
        "connect_window": ("2s", "default", None),
        "callbacks.tolerance": ("30m", "default", None),
        "callbacks.missed": ("retry", "default", None),
        "callbacks.retry_in": ("0s", "default", None),
        "callbacks.times": (3, "default", None),
        "callbacks.personal": (True, "default", None),
        "agent_group": ("sales", "template plain", 17),
    }


def test_each_part_of_a_setting_is_inherited_by_itself(loaded: Load) -> None:
    text = with_lines(
        careful="callbacks: {tolerance: 10m, missed: next_day}", east="callbacks: {missed: close, times: 0}"
    )
    group = loaded(text).groups["east"]
    assert group.callbacks == (600.0, "close", 0.0, 0, True)
    named = {name: level for name, (_, level, _) in origins(group).items() if name.startswith("callbacks")}
    assert named == {
        "callbacks.tolerance": "dialing profile careful",
        "callbacks.missed": "group east",
        "callbacks.retry_in": "default",
        "callbacks.times": "group east",
        "callbacks.personal": "default",
    }


LEVELS = {
    "main": "session profile main",
    "careful": "dialing profile careful",
    "plain": "template plain",
    "east": "group east",
}


@pytest.mark.parametrize(
    ("setting", "owners"),
    [
        ("calls_per_second", ("main", "plain", "east")),
        ("ports", ("main", "plain", "east")),
        ("connect_window", ("careful", "plain", "east")),
        ("virtual_start", ("main", "plain", "east")),
    ],
)
def test_lowest_level_that_says_something_is_heard(
    loaded: Load, setting: str, owners: tuple[str, ...]
) -> None:
    bare = "".join(
        line for line in CAMPAIGN.splitlines(True) if f"    {setting}: " not in line or "5s" in line
    )
    for count in range(len(owners) + 1):
        for chosen in combinations(owners, count):
            values = {owner: VALUES[setting][list(LEVELS).index(owner)] for owner in chosen}
            text = with_lines(bare, **{owner: f"{setting}: {value}" for owner, value in values.items()})
            found = loaded(text).groups["east"].settings[setting]
            value, level = DEFAULTS[setting], "default"
            if chosen:
                value, level = values[chosen[-1]], LEVELS[chosen[-1]]
            assert (found.value, found.origin.level) == (value, level)


VALUES: dict[str, list[Any]] = {
    "calls_per_second": [1, 2, 3, 4],
    "ports": [1, 2, 3, 4],
    "connect_window": ["1s", "2m", "3s", "4s"],
    "virtual_start": ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"],
}


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        (
            "mode: {progressive: {lines_per_agent: 3}}",
            "mode: {progressive: {}}",
            {"mode.progressive.lines_per_agent": (3, "template plain")},
        ),
        (
            "mode: {progressive: {lines_per_agent: 3}}",
            "mode: {progressive: }",
            {"mode.progressive.lines_per_agent": (3, "template plain")},
        ),
        (
            "mode: {progressive: {lines_per_agent: 3}}",
            "mode: {progressive: {lines_per_agent: 4}}",
            {"mode.progressive.lines_per_agent": (4, "group east")},
        ),
        (
            "mode: {power_ivr: {calls_per_minute: 60}}",
            "mode: {power_ivr: {max_in_progress: 9}}",
            {
                "mode.power_ivr.calls_per_minute": (60, "template plain"),
                "mode.power_ivr.max_in_progress": (9, "group east"),
            },
        ),
        (
            "mode: {progressive: {lines_per_agent: 3}}",
            "mode: {power: {calls_per_agent: 2}}",
            {"mode.power.calls_per_agent": (2, "group east")},
        ),
        (
            "mode: {power: {calls_per_agent: 2}}",
            "mode: {progressive: }",
            {"mode.progressive": (None, "group east")},
        ),
        (
            "dialer: {simulated: {talk: {cv: 1}}}",
            "dialer: {simulated: {fail_after: 3}}",
            {
                "dialer.simulated.talk.mean": (60, "session profile main"),
                "dialer.simulated.talk.cv": (1, "template plain"),
                "dialer.simulated.fail_after": (3, "group east"),
            },
        ),
    ],
)
def test_parameters_of_the_same_element_are_merged_and_another_element_replaces_it(
    loaded: Load, above: str, below: str, expected: dict[str, tuple[Any, str]]
) -> None:
    group = loaded(with_lines(plain=above, east=below)).groups["east"]
    key = next(iter(expected)).partition(".")[0]
    found = {name: leaf[:2] for name, leaf in origins(group).items() if name.startswith(f"{key}.")}
    assert found == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({}, ["law", "retry"]),
        ({"east": "rulesets: []"}, ["law"]),
        ({"east": "rulesets: [later]"}, ["law", "later"]),
        ({"plain": "rulesets: [later]", "east": "rulesets: [retry]"}, ["law", "retry"]),
        ({"plain": "rulesets: [later]"}, ["law", "later"]),
        ({"east": "rulesets: [retry, law]"}, ["law", "retry"]),
        ({"plain": "rulesets: [courtesy]", "east": "rulesets: []"}, ["law", "courtesy"]),
    ],
)
def test_required_rulesets_cannot_be_dropped(
    loaded: Load, lines: dict[str, str], expected: list[str]
) -> None:
    group = loaded(with_lines(**lines)).groups["east"]
    assert [ruleset.name for ruleset in group.rulesets] == group.settings["rulesets"].value == expected
    assert origins(group)["rulesets.0"][1] == "dialing profile careful, required"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({}, "2s"),
        ({"plain": "dialing_profile: bold"}, "5s"),
        ({"east": "dialing_profile: bold"}, "5s"),
        ({"plain": "dialing_profile: bold", "east": "dialing_profile: careful"}, "2s"),
    ],
)
def test_profile_is_the_one_named_lowest_else_the_default(
    loaded: Load, lines: dict[str, str], expected: str
) -> None:
    assert loaded(with_lines(**lines)).groups["east"].settings["connect_window"].value == expected


def test_only_profile_of_its_kind_is_the_default_and_of_several_none_is(loaded: Load) -> None:
    text = CAMPAIGN.replace("    default: true\n", "")
    group = loaded(text).groups["east"]
    assert group.settings["mode"].origin.level == "default"
    assert group.settings["ports"].origin.level == "session profile main"
    assert group.rulesets == ()


@pytest.mark.parametrize(
    ("mode", "agents"),
    [
        ("progressive: ", 6),
        ("preview: {preview_time: 5s}", 6),
        ("power_ivr: {calls_per_minute: 60, max_in_progress: 5}", 0),
    ],
)
def test_agents_are_those_of_the_agent_group_unless_the_mode_uses_ports(
    loaded: Load, mode: str, agents: int
) -> None:
    assert loaded(with_lines(east=f"mode: {{{mode}}}")).groups["east"].agents == agents


def test_ivr_group_needs_no_agent_group(loaded: Load) -> None:
    text = with_lines(east="mode: {power_ivr: {calls_per_minute: 60, max_in_progress: 5}}")
    group = loaded(text.replace("    agent_group: sales\n", "")).groups["east"]
    assert group.agent_group is None
    assert group.agents == 0


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ("[people]", {"people": 10}),
        ("[people, more]", {"people": 10, "more": 10}),
        ("{people: 20, more: 0}", {"people": 20, "more": 0}),
    ],
)
def test_lists_have_weights(loaded: Load, lists: str, expected: dict[str, int]) -> None:
    more = CAMPAIGN[CAMPAIGN.index("  people:\n") :].replace("people", "more")
    text = CAMPAIGN.replace("lists: [people]", f"lists: {lists}") + more
    assert loaded(text).groups["east"].lists == expected


SECOND = "  west: {template: plain, lists: [people]}\nlists:\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            CAMPAIGN.replace("    agent_group: sales\n", ""),
            "19:3: groups.east: has no agent group, and only IVR modes do without; add `agent_group:` here or in its "
            "template",
        ),
        (
            CAMPAIGN.replace("    lists: [people]\n", ""),
            "20:3: groups.east: has no contact list; add `lists: [NAME]`",
        ),
        (
            CAMPAIGN.replace("lists: [people]", "lists: []"),
            "20:3: groups.east: has no contact list; add `lists: [NAME]`",
        ),
        (
            CAMPAIGN.replace("lists: [people]", "lists: [peple]"),
            "23:13: groups.east.lists[0]: no contact list named 'peple'; did you mean 'people'?",
        ),
        (
            CAMPAIGN.replace("lists: [people]", "lists: {peple: 3}"),
            "23:13: groups.east.lists.peple: no contact list named 'peple'; did you mean 'people'?",
        ),
        (
            CAMPAIGN.replace("lists: [people]", "lists: [people, people]"),
            '23:5: groups.east.lists: ["people", "people"] names something twice; the contact lists: names, or names '
            "with weights (share of dialing = weight / sum; 0 pauses)",
        ),
        (
            CAMPAIGN.replace("\nlists:\n", "\n" + SECOND),
            "24:27: groups.west.lists: contact list 'people' is already dialed by group 'east'; a record takes the "
            "rules of one group",
        ),
        (
            CAMPAIGN.replace("template: plain", "template: plian"),
            "21:5: groups.east.template: no template named 'plian'; did you mean 'plain'?",
        ),
        (
            CAMPAIGN.replace("agent_group: sales", "agent_group: sale"),
            "17:5: templates.plain.agent_group: no agent group named 'sale'; did you mean 'sales'?",
        ),
        (
            with_lines(east="dialing_profile: carefull"),
            "21:5: groups.east.dialing_profile: no dialing profile named 'carefull'; did you mean 'careful'?",
        ),
        (
            with_lines(plain="session_profile: mian"),
            "17:5: templates.plain.session_profile: no session profile named 'mian'; did you mean 'main'?",
        ),
        (
            CAMPAIGN.replace("[law, retry]", "[law, retyr]"),
            "5:21: dialing_profiles.careful.rulesets[1]: no ruleset named 'retyr'; did you mean 'retry'?",
        ),
        (
            CAMPAIGN.replace("[law, retry]", "[law, law]"),
            '5:5: dialing_profiles.careful.rulesets: ["law", "law"] names something twice; names of the rulesets '
            "attached, in the order they are asked; replaces what is inherited, but for required rulesets",
        ),
        (
            with_lines(bold="default: true"),
            "7:5: dialing_profiles.bold.default: 'careful' is the default already; only one can be",
        ),
        (
            CAMPAIGN.replace("progressive: {", "progresive: {"),
            "4:12: dialing_profiles.careful.mode.progresive: no dialing mode named 'progresive'; did you mean "
            "'progressive'?",
        ),
        (
            CAMPAIGN.replace("lines_per_agent: 1.2", "lines_per_agents: 1.2"),
            "4:26: dialing_profiles.careful.mode.progressive.lines_per_agents: unknown key 'lines_per_agents'; did you "
            "mean 'lines_per_agent'?",
        ),
        (
            with_lines(bold="mode: {predictive: {}, power: {}}"),
            "7:5: dialing_profiles.bold.mode: one mode can be named, not 2: predictive, power; the dialing mode and "
            "its parameters, e.g. {progressive: {lines_per_agent: 1.2}}",
        ),
        (
            CAMPAIGN.replace("fail_after: 2}}", "fail_after: 2}, real: {}}"),
            "11:5: session_profiles.main.dialer: one dialer can be named, not 2: simulated, real; the dialer and its "
            "parameters, e.g. {simulated: {}}, or the name of a YAML file that holds them",
        ),
        (
            with_lines(bold="mode: {power: {calls_per_agent: 0}}"),
            "7:20: dialing_profiles.bold.mode.power.calls_per_agent: must be at least 1, not 0; calls in flight per "
            "ready agent, 1 to 100",
        ),
        (
            with_lines(east="mode: {power_ivr: {calls_per_minute: 60}}"),
            "21:12: groups.east.mode.power_ivr: 'max_in_progress' is missing; calls open at a time, from place to end; "
            "the ports this group may use",
        ),
        (
            CAMPAIGN.replace("ports: 20", "ports: many"),
            "10:5: session_profiles.main.ports: 'many' is not a whole number; calls in progress at once, at most; "
            "those of a session profile are shared by its groups",
        ),
        (
            CAMPAIGN.replace("ring_time: 20s", "ring_time: 20 s"),
            "18:5: templates.plain.ring_time: '20 s' is no duration; write seconds, or a number with s, m, h or d, "
            "e.g. 30m",
        ),
        (
            with_lines(plain="portss: 3"),
            "17:5: templates.plain.portss: unknown key 'portss'; did you mean 'ports'?",
        ),
        (
            with_lines(careful="ring_time: 3"),
            "3:5: dialing_profiles.careful.ring_time: unknown key 'ring_time'; known: abandon_message, callbacks, "
            "connect_window, default, devices, lifo, mode, ordering, priorities, rulesets",
        ),
        (
            CAMPAIGN.replace("  east:", "  far east:"),
            "20:3: groups.far east: 'far east' is not understood; it must match ^[A-Za-z][A-Za-z0-9_-]*$",
        ),
        (
            CAMPAIGN.replace("agents: 6", "agents: 0"),
            "13:11: agent_groups.sales.agents: must be at least 1, not 0; how many agents are logged in",
        ),
        (
            CAMPAIGN.replace("file: people.csv", "file: peple.csv"),
            "26:5: lists.people.file: there is no file peple.csv beside campaign.yaml",
        ),
        (
            CAMPAIGN.replace("client_id: Client", "client_id: Cleint"),
            "29:7: lists.people.map.client_id: no column named 'Cleint'; did you mean 'Client'?",
        ),
        (
            CAMPAIGN.replace("state: State", "attempt: State"),
            "31:59: lists.people.map.fields.attempt: every record has a field 'attempt' already; choose another name",
        ),
    ],
)
def test_one_mistake_is_one_message_that_says_what_would_be_right(
    loaded: Load, registry: Registry, text: str, expected: str
) -> None:
    assert told(loaded, text) == [f"campaign.yaml:{expected}"]


def test_mistakes_at_every_level_are_found_at_once_whether_or_not_a_group_uses_it(loaded: Load) -> None:
    text = with_lines(bold="rulesets: [nobody]\nmode: {sideways: }", careful="titel: x", east="lists2: []")
    assert [line.split(": ")[1] for line in told(loaded, text)] == [
        "dialing_profiles.careful.titel",
        "groups.east.lists2",
    ]
    text = with_lines(bold="rulesets: [nobody]\nmode: {sideways: }", main="caller_id: '5'").replace(
        "templates:\n",
        "templates:\n  unused: {agent_group: nobody, dialing_profile: nobody, mode: {power: {x: 1}}}\n",
    )
    assert [line.split(": ")[1] for line in told(loaded, text)] == [
        "dialing_profiles.bold.rulesets[0]",
        "dialing_profiles.bold.mode.sideways",
        "templates.unused.agent_group",
        "templates.unused.dialing_profile",
        "templates.unused.mode.power.x",
    ]


@pytest.mark.parametrize(
    ("ruleset", "expected"),
    [
        (
            "filters: [where: {field: balanse, lt: 3}]",
            "2:19: filters[0].where.field: no field named 'balanse'; did you mean 'balance'? (contact list 'people')",
        ),
        (
            "filters: [where: {field: state, lt: 3}]",
            "2:33: filters[0].where.lt: state is of type text; write \"3\" in quotes (contact list 'people')",
        ),
        (
            "treatments: [{on: busy, when: {all: [{field: balance, ge: rich}]}, do: [finish: ]}]",
            "2:55: treatments[0].when.all[0].ge: balance is of type integer, 'rich' is text (contact list 'people')",
        ),
        (
            "treatments: [{on: busy, do: [{finish: , when: {field: call_result, eq: bussy}}]}]",
            "2:68: treatments[0].do[0].when.eq: no call result named 'bussy'; did you mean 'busy'? "
            "(contact list 'people')",
        ),
    ],
)  # fmt: skip
def test_conditions_are_checked_against_the_fields_of_the_list(
    loaded: Load, ruleset: str, expected: str
) -> None:
    assert told(loaded, CAMPAIGN, retry=f"ruleset: retry\n{ruleset}\n") == [f"rulesets/retry.yaml:{expected}"]


def test_ruleset_that_cannot_be_used_is_not_said_not_to_exist(loaded: Load) -> None:
    assert told(loaded, CAMPAIGN, retry="ruleset: retry\nfilter: []\n") == [
        "rulesets/retry.yaml:2:1: filter: unknown key 'filter'; did you mean 'filters'?"
    ]


def test_two_rulesets_of_one_name_are_refused(loaded: Load) -> None:
    assert told(loaded, CAMPAIGN, retry2=RETRY) == [
        "rulesets/retry2.yaml:1:1: ruleset: 'retry' is already the name of rulesets/retry.yaml"
    ]


def test_ruleset_of_the_project_takes_the_place_of_a_bundled_one(loaded: Load) -> None:
    attached = CAMPAIGN.replace("rulesets: [", "rulesets: [technical_failures, courtesy, ", 1)
    project = loaded(attached, courtesy=RETRY.replace("retry", "courtesy"))
    assert project.rulesets["courtesy"].document.file == "rulesets/courtesy.yaml"
    assert project.rulesets["technical_failures"].document.file == "cxrun_rulesets/technical_failures.yaml"
    assert "survey" not in project.rulesets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "campaign.yaml:1:1: is empty; `cxrun init` writes a campaign to begin with"),
        ("[]", "campaign.yaml:1:1: [] is not a mapping"),
        ("groups: []", "campaign.yaml:1:1: groups: [] is not a mapping; a template run by one agent group over one or "
         "more lists"),
    ],
)  # fmt: skip
def test_file_that_is_no_campaign_is_refused(loaded: Load, text: str, expected: str) -> None:
    assert told(loaded, text) == [expected]


def test_folder_without_a_campaign_is_told_how_to_get_one(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(UserError, match=r"no campaign\.yaml in .*; `cxrun init` writes one"):
        load_project(tmp_path, registry)


def test_unknown_group_is_told_the_near_word(loaded: Load) -> None:
    with pytest.raises(UserError, match=r"^no campaign group named 'eats'; did you mean 'east'\?$"):
        loaded().group("eats")


MATTERS = [
    ("ports: 20", "ports: 21"),
    ("lines_per_agent: 1.2", "lines_per_agent: 1.3"),
    ("[law, retry]", "[law, later]"),
    ("[law, retry]", "[law, retry, later]"),
    ("ring_time: 20s", "ring_time: 21s"),
    ("talk: {mean: 60}", "talk: {mean: 61}"),
    ("    calls_per_second: 2\n", "    calls_per_second: 2\n    caller_id: '+12125550100'\n"),
]
MATTERS_NOT = [
    ("dialing_profiles:", "# how to dial\ndialing_profiles:"),
    ("    calls_per_second: 2\n    lists: [people]\n", "    lists: {people: 10}\n    calls_per_second: 2\n"),
    ("    calls_per_second: 2\n    lists", "    calls_per_second: 2\n    ring_time: 20s\n    lists"),
    ("{talk: {mean: 60}, fail_after: 2}", "{fail_after: 2, talk: {mean: 60}}"),
    ("connect_window: 5s", "connect_window: 6s"),
    ("    calls_per_second: 2\n", "    calls_per_second: 2\n    connect_window: 2s\n"),
    ("  plain:", "  plain: # ours"),
]


@pytest.mark.parametrize(("old", "new"), MATTERS)
def test_digest_changes_when_something_that_matters_changes(loaded: Load, old: str, new: str) -> None:
    before = loaded().groups["east"].digest
    assert old in CAMPAIGN
    assert loaded(CAMPAIGN.replace(old, new)).groups["east"].digest != before


@pytest.mark.parametrize(("old", "new"), MATTERS_NOT)
def test_digest_stays_when_nothing_that_matters_changes(loaded: Load, old: str, new: str) -> None:
    before = loaded().groups["east"].digest
    assert old in CAMPAIGN
    assert loaded(CAMPAIGN.replace(old, new)).groups["east"].digest == before


@pytest.mark.parametrize(
    ("retry", "matters"),
    [
        (RETRY + "description: Try again\nsource: us\nreviewed: '2026-11-23'\n", False),
        ("# a comment\n" + RETRY, False),
        (RETRY.replace("30m", "31m"), True),
        (RETRY + "filters: [where: {field: attempt, lt: 9}]\n", True),
    ],
)
def test_digest_follows_the_rules_of_the_rulesets_attached(loaded: Load, retry: str, matters: bool) -> None:
    before = loaded().groups["east"].digest
    assert (loaded(CAMPAIGN, retry=retry).groups["east"].digest != before) is matters
    assert loaded(CAMPAIGN, later=LATER.replace("1d", "2d")).groups["east"].digest == before


@pytest.mark.parametrize(
    "text",
    [
        CAMPAIGN,
        with_lines(east="mode: {power_ivr: {calls_per_minute: 60, max_in_progress: 5}}"),
        with_lines(
            plain="mode: {power_ivr: {calls_per_minute: 60}}", east="mode: {power_ivr: {max_in_progress: 5}}"
        ),
        with_lines(plain="mode: {progressive: }"),
    ],
)
def test_composed_schema_accepts_what_the_loader_accepts(loaded: Load, registry: Registry, text: str) -> None:
    loaded(text)
    Draft202012Validator(composed_campaign_schema(registry)).validate(parse(text, "campaign.yaml").data)


@pytest.mark.parametrize(
    "path",
    [
        "groups.east.mode.sideways",
        "groups.east.mode.progressive.lines",
        "templates.plain.dialer.simulated.tlak",
        "dialing_profiles.careful.mode.power.calls_per_agent",
        "dialing_profiles.careful.ports",
        "session_profiles.main.mode",
        "groups.east.zzz",
        "agent_groups.sales.zzz",
        "lists.people.zzz",
        "zzz",
    ],
)
def test_composed_schema_refuses_what_the_loader_refuses(loaded: Load, registry: Registry, path: str) -> None:
    data = copy.deepcopy(parse(CAMPAIGN, "campaign.yaml").data)
    *owners, key = path.split(".")
    inner = data
    for owner in owners:
        inner = inner.setdefault(owner, {})
    inner[key] = "x"
    assert not Draft202012Validator(composed_campaign_schema(registry)).is_valid(data)
    assert told(loaded, json.dumps(data))


def test_every_setting_has_a_description_and_every_default_is_a_setting() -> None:
    assert set(DEFAULTS) <= set(SETTINGS)
    assert all(schema["description"].endswith(".") for schema in SETTINGS.values())


SUPPRESSED = "ruleset: calls\ntreatments: [{on: busy, do: [do_not_call: {list: %s}]}]\nfilters: [%s]\n"


@pytest.mark.parametrize(
    ("named", "filters", "expected"),
    [
        ("dnc", "suppression", []),
        ("dnc", "suppression: {lists: [dnc]}", []),
        ("dcn", "suppression", ["no suppression list named 'dcn' in campaign.yaml; did you mean 'dnc'?"]),
        (
            "dnc",
            "suppression: {lists: [dnk]}",
            ["no suppression list named 'dnk' in campaign.yaml; did you mean 'dnc'?"],
        ),
        (
            "dnc",
            "where: {field: attempt, lt: 3}",
            [
                "no ruleset of the group asks the suppression lists; attach one with a `suppression` filter, "
                "such as courtesy"
            ],
        ),
    ],
    ids=["all lists", "one list", "treatment with a typo", "filter with a typo", "nobody asks"],
)
def test_declared_suppression_lists_are_asked_and_named_right(
    tmp_path: Path, registry: Registry, named: str, filters: str, expected: list[str]
) -> None:
    (tmp_path / "rulesets").mkdir()
    (tmp_path / "rulesets" / "calls.yaml").write_text(SUPPRESSED % (named, filters))
    (tmp_path / "people.csv").write_text("Phone\n2125550100\n")
    (tmp_path / "campaign.yaml").write_text(
        "dialing_profiles: {standard: {mode: {progressive: {}}, rulesets: [calls]}}\n"
        "agent_groups: {sales: {agents: 1}}\n"
        "templates: {plain: {agent_group: sales}}\n"
        "groups: {all: {template: plain, lists: [people]}}\n"
        "suppression_lists: {dnc: people who asked}\n"
        "lists: {people: {file: people.csv, region: US, map: {devices: [Phone]}}}\n"
    )
    try:
        load_project(tmp_path, registry)
        found: list[str] = []
    except Problems as error:
        found = [problem.message for problem in error.problems]
    assert found == expected
