from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from cxrun.comparing import compared, signed
from cxrun.comparing.page import page
from cxrun.simulating import trials
from cxrun.simulating.scene import Prices, Wish, staged
from cxrun.simulating.trial import METRICS
from cxrun.strategies import Strategy

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]


@pytest.fixture
def data(project: MakeProject) -> dict[str, Any]:
    """A comparison of two strategies with awkward names."""
    made, other = project(60, name="one"), project(60, name="two")
    rules = other.folder / "rulesets" / "retry.yaml"
    rules.write_text(
        rules.read_text()
        .replace("interval: 4h, attempts: 1", "interval: 1d, attempts: 2")
        .replace(
            "filters:\n", "filters:\n  - where: {field: area_code, not_in: ['212']}  # <b> & </script>\n"
        )
    )
    plans = [Strategy("a<b>&c", made.folder), Strategy('"after"</script>', other.folder)]
    with staged(made.load(), Wish(prices=Prices(dial=0.1))) as scene:
        return compared(scene, plans, list(trials(scene, plans, range(6))))


def parsed(text: str) -> ElementTree.Element:
    """The page, if it is well-formed."""
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))


def test_page_is_well_formed_and_names_are_text(data: dict[str, Any]) -> None:
    root = parsed(page(data))
    assert root.findtext(".//h1") == 'a<b>&c or "after"</script>?'
    assert len(root.findall(".//svg")) == 3
    assert "<b> & </script>" in "".join(root.itertext())


def test_page_loads_nothing(data: dict[str, Any]) -> None:
    text = page(data)
    assert not re.search(r"https?:|\burl\(|@import|\bsrc=|<link|<img|<iframe|\bon[a-z]+=", text)
    (script,) = re.findall(r"<script[^>]*>", text)
    assert 'type="application/json"' in script
    assert "prefers-color-scheme: dark" in text


def test_page_holds_the_data_and_shows_its_figures(data: dict[str, Any]) -> None:
    root = parsed(page(data))
    held = root.find(".//script")
    assert held is not None
    assert json.loads(held.text or "") == json.loads(json.dumps(data))
    metrics = {metric.key: metric for metric in METRICS}
    cells = {cell.get("data-key"): cell.text for cell in root.iterfind(".//td[@data-key]")}
    assert set(cells) == set(metrics)
    for key, text in cells.items():
        assert text == signed(metrics[key or ""], data["figures"][key]["difference"]["mean"])


def test_marks_of_a_plot_stand_where_the_figures_are(data: dict[str, Any]) -> None:
    forest = parsed(page(data)).findall(".//svg")[0]
    shown = [
        metric
        for metric in METRICS
        if data["figures"][metric.key]["relative"] is not None and metric.key not in ("finished", "left")
    ]
    circles = [float(circle.get("cx") or 0) for circle in forest.iterfind("circle")]
    relative = [data["figures"][metric.key]["relative"] for metric in shown]
    assert len(circles) == len(relative)
    zero = float(next(line.get("x1") or 0 for line in forest.iterfind("line") if line.get("class") == "zero"))
    scale = max((x - zero) / share for x, share in zip(circles, relative, strict=True) if abs(share) > 0.01)
    for x, share in zip(circles, relative, strict=True):
        assert x == pytest.approx(zero + scale * share, abs=0.6)


def test_comparison_of_one_seed_has_a_page_too(project: MakeProject) -> None:
    made = project(20)
    plans = [Strategy("one", made.folder), Strategy("two", made.folder)]
    with staged(made.load(), Wish()) as scene:
        data = compared(scene, plans, list(trials(scene, plans, [0])))
    assert "Nothing: campaign, rulesets and plugins are the same." in page(data)
    parsed(page(data))
