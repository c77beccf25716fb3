from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cxrun.registry import load_registry
from cxrun.ruleset import composed_schema
from cxrun.settings import composed_campaign_schema
from cxrun.yamlfile import parse

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    from cxrun.registry import Entry

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_the_schema_of_rulesets_knows_every_element(cxrun: Cxrun) -> None:
    answer = cxrun("schema")
    assert answer.code == 0
    schema = json.loads(answer.out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for name in ("redial", "calling_hours", "delivery"):
        assert f'"{name}"' in answer.out


def test_the_schema_of_campaigns_accepts_a_campaign(cxrun: Cxrun, project: MakeProject) -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads(cxrun("schema", "campaign").out)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(project(3).campaign)) == []
    assert list(validator.iter_errors({"groups": {"all": {"template": 7}}})) != []


@pytest.mark.parametrize("entry", list(load_registry().all()), ids=lambda entry: entry.name)
def test_editors_show_what_an_element_and_its_parameters_do(cxrun: Cxrun, entry: Entry) -> None:
    if entry.kind in ("dialing mode", "dialer"):
        schema = composed_campaign_schema(load_registry())
        key = entry.kind.rpartition(" ")[2]
        profiles = "dialing_profiles" if key == "mode" else "session_profiles"
        settings = schema["properties"][profiles]["additionalProperties"]["properties"]
        shown = settings[key]["properties"][entry.name]
    else:
        choices = composed_schema(load_registry())["$defs"][entry.kind.replace(" ", "_")]["oneOf"]
        (shown,) = (
            part["properties"][entry.name] for part in choices if entry.name in part.get("properties", ())
        )
    assert shown["description"] == entry.summary
    assert shown["markdownDescription"].startswith(entry.summary)
    assert "```yaml\n" in shown["markdownDescription"]
    assert entry.name in shown["markdownDescription"].partition("```yaml\n")[2]
    parameters = shown["anyOf"][0] if "anyOf" in shown and "properties" not in shown else shown
    assert set(parameters.get("properties", ())) == set(entry.element.schema.get("properties", ()))
    for name, parameter in parameters.get("properties", {}).items():
        assert parameter.get("description"), name


def test_the_elements_of_a_project_are_in_its_schema(cxrun: Cxrun, project: MakeProject) -> None:
    source = (
        "from cxrun import PASS, Filter, hookimpl\n\n"
        "class Mine(Filter):\n    name = 'mine_alone'\n    def check(self, moment):\n        return PASS\n\n"
        "@hookimpl\ndef register_filters():\n    return [Mine]\n"
    )
    folder = project(3, plugins={"mine": source})
    assert '"mine_alone"' in cxrun("-C", folder.folder, "schema").out
    assert '"mine_alone"' not in cxrun("schema").out


def test_the_schema_of_dialer_files_accepts_what_docs_prints(cxrun: Cxrun) -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads(cxrun("schema", "dialer").out)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    world = parse(cxrun("docs", "simulated", "--yaml").out, "world").data
    assert validator.is_valid(world)
    assert not validator.is_valid({"simulated": {**world["simulated"], "lins": 3}})
    assert not validator.is_valid({**world, "other": {}})


def test_the_schema_of_campaigns_accepts_a_dialer_with_a_file_of_its_own(
    cxrun: Cxrun, project: MakeProject
) -> None:
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(json.loads(cxrun("schema", "campaign").out))
    assert validator.is_valid(project(3, dialer="world.yaml", name="a").campaign)
    assert not validator.is_valid(project(3, dialer=["world.yaml"], name="b").campaign)
    assert not validator.is_valid(project(3, dialer={"simulatd": {}}, name="c").campaign)
    assert not validator.is_valid(project(3, mode="modes.yaml", name="d").campaign)
