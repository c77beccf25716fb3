"""Samples of every source: the whole answer is compared, and what is written is valid.

`CXRUN_SAMPLES=write pytest tests/core/migrating` brings the expected answers up to date, as elements come and go.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrun.errors import UserError
from cxrun.migrating import migrate
from cxrun.ruleset import check
from cxrun.yamlfile import parse

if TYPE_CHECKING:
    from tests.conftest import Answer

    from cxrun.registry import Registry

    Cxrun = Callable[..., Answer]

HERE = Path(__file__).parent
SAMPLES = sorted(
    path.relative_to(HERE).as_posix()
    for folder in ("ocs", "vicidial", "genesys_cloud")
    for path in (HERE / folder).iterdir()
    if path.suffix != ".expected"
)


@pytest.mark.parametrize("sample", SAMPLES)
def test_sample_becomes_what_is_expected(
    cxrun: Cxrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: str
) -> None:
    name = Path(sample).name
    shutil.copyfile(HERE / sample, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    answer = cxrun("migrate", name)
    files = sorted((tmp_path / "rulesets").iterdir())
    written = "".join(f"\n==> rulesets/{file.name}\n{file.read_text(encoding='utf-8')}" for file in files)
    expected = HERE / f"{sample}.expected"
    if os.environ.get("CXRUN_SAMPLES") == "write":
        expected.write_text(answer.out + written, encoding="utf-8")
    assert answer.out + written == expected.read_text(encoding="utf-8")
    assert answer.code == (1 if "\nnot carried over\n" in answer.out else 0)


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_is_written_is_valid(cxrun: Cxrun, tmp_path: Path, sample: str) -> None:
    cxrun("-C", tmp_path, "migrate", HERE / sample)
    answer = cxrun("-C", tmp_path, "validate", *sorted((tmp_path / "rulesets").iterdir()))
    assert answer.out.endswith(": no problems\n")


def test_every_sample_is_recognised_as_what_it_is(cxrun: Cxrun, tmp_path: Path) -> None:
    for sample in SAMPLES:
        answer = cxrun("-C", tmp_path, "migrate", "--force", HERE / sample)
        assert f" from {Path(sample).parent.name.replace('_', '-')}: " in answer.out


ODD = (
    "",
    "0",
    "-1",
    "99999999999",
    "NaN",
    "true",
    "null",
    "{}",
    "[]",
    "Ünïcödé",
    "${var.x}",
    "1e3",
    "%",
    "it's",
    '"',
)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_damaged_sample_is_refused_or_gives_valid_rulesets(
    tmp_path: Path, registry: Registry, sample: str
) -> None:
    text = (HERE / sample).read_text(encoding="utf-8")
    words = [(found.start(), found.end()) for found in re.finditer(r"[\w.:-]+|[^\w\s]", text)]
    file = tmp_path / Path(sample).name

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.sampled_from(words), st.sampled_from(ODD)), min_size=1, max_size=3))
    def damaged(changes: list[tuple[tuple[int, int], str]]) -> None:
        broken = text
        for (start, end), word in sorted(changes, reverse=True):
            broken = broken[:start] + word + broken[end:]
        file.write_text(broken, encoding="utf-8")
        try:
            migration = migrate([file], registry)
        except UserError:
            return
        for draft in migration.drafts:
            assert check(parse(draft.text(), draft.name), registry)[1] == []

    damaged()
