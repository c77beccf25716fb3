from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

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


def test_the_elements_of_a_project_are_in_its_schema(cxrun: Cxrun, project: MakeProject) -> None:
    source = (
        "from cxrun import PASS, Filter, hookimpl\n\n"
        "class Mine(Filter):\n    name = 'mine_alone'\n    def check(self, moment):\n        return PASS\n\n"
        "@hookimpl\ndef register_filters():\n    return [Mine]\n"
    )
    folder = project(3, plugins={"mine": source})
    assert '"mine_alone"' in cxrun("-C", folder.folder, "schema").out
    assert '"mine_alone"' not in cxrun("schema").out
