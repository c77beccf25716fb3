"""Writes what was decided into a case file, leaving its comments and whatever else was right where they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import yaml

from cxrun.cases.flow import flow
from cxrun.cases.playing import Played

_WIDTH: Final = 110


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def mended(text: str, cases: Sequence[Played]) -> str:
    """The text of a case file with the expectations of these cases brought up to date."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    nodes = _child(root, "cases").value
    edits = [edit for played in cases for edit in _edits(text, nodes[played.case.path[1]], played)]
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _edits(text: str, case: Any, played: Played) -> Iterator[_Edit]:
    if "timeline" in played.mended:
        yield from _timeline(text, _child(case, "timeline"), played)
    elif "moments" in played.mended:
        keys = {key.value: value for key, value in _child(case, "moments").value}
        for look in played.case.looks:
            key = look.path[-1]
            if any(failure.path[: len(look.path)] == look.path for failure in played.failures):
                yield _replaced(keys[key], played.mended["moments"][key])
    elif (node := _child(case, "expect")) is not None:
        yield _replaced(node, played.mended["expect"])
    else:
        yield _added(text, case, f"expect: {flow(played.mended['expect'])}")


def _replaced(node: Any, data: Any) -> _Edit:
    return _Edit(node.start_mark.index, _end(node), flow(data))


def _added(text: str, mapping: Any, line: str) -> _Edit:
    """One more key at the end of a mapping."""
    if mapping.flow_style:
        end = mapping.end_mark.index - 1
        return _Edit(end, end, f", {line}")
    end = _line_end(text, _end(mapping))
    return _Edit(end, end, f"\n{' ' * mapping.start_mark.column}{line}")


def _timeline(text: str, node: Any, played: Played) -> Iterator[_Edit]:
    steps = played.mended["timeline"]
    if node.flow_style:
        # `timeline: [busy, answer]` becomes one step a line, two columns deeper than its key
        start = node.start_mark.index
        while text[start - 1] == " ":
            start -= 1
        line = text.rfind("\n", 0, start) + 1
        column = len(text[line:start]) - len(text[line:start].lstrip(" -")) + 2
        yield _Edit(start, node.end_mark.index, "".join(_item(step, column, "\n") for _, step in steps))
        return
    items = node.value
    column = node.start_mark.column
    new: list[Mapping[str, Any]] = []
    kept = set()
    for index, step in steps:
        if index is None:
            new.append(step)
            continue
        kept.add(index)
        item = items[index]
        at = text.rfind("\n", 0, item.start_mark.index) + 1
        if new:
            yield _Edit(at, at, "".join(_item(step, column, "", "\n") for step in new))
            new = []
        if step is not played.case.steps[index].given:
            yield _Edit(item.start_mark.index, _end(item), _step(step, column))
    for index, item in enumerate(items):
        if index not in kept:
            start = text.rfind("\n", 0, item.start_mark.index)
            yield _Edit(start, _line_end(text, _end(item)), "")
    if new:
        end = _line_end(text, _end(items[-1]))
        yield _Edit(end, end, "".join(_item(step, column, "\n") for step in new))


def _item(step: Mapping[str, Any], column: int, before: str, after: str = "") -> str:
    return f"{before}{' ' * column}- {_step(step, column)}{after}"


def _step(step: Mapping[str, Any], column: int) -> str:
    """A step on one line, or with what follows the call on a second one."""
    text = flow(step)
    if column + len(text) + 2 <= _WIDTH or "then" not in step:
        return text
    head = flow({key: value for key, value in step.items() if key != "then"})
    return f"{head[:-1]},\n{' ' * (column + 3)}then: {flow(step['then'])}}}"


def _child(mapping: Any, key: str) -> Any:
    return next((value for name, value in mapping.value if name.value == key), None)


def _end(node: Any) -> int:
    """Where a node ends; a block ends with the last thing in it, not with the comments after."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _line_end(text: str, at: int) -> int:
    if at and text[at - 1] == "\n":
        return at - 1
    end = text.find("\n", at)
    return len(text) if end < 0 else end
