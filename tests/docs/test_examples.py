"""Every console session of a page is typed in and answers as printed, in the order of the page.

A line `...` stands for any lines, `...` within a line for any characters. A block that the page says to save
as a file is saved where the session stands at that point.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

import pytest


def sessions(text: str) -> list[tuple[str, str]]:
    """The commands of a console block and what each answers."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    assert not parts[0], f"a console block begins with a command, not with {parts[0]!r}"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def agrees(printed: str, said: str) -> bool:
    pattern = "".join(
        r"(?:.*\n)*?" if line == "...\n" else re.escape(line).replace(r"\.\.\.", ".*?")
        for line in printed.splitlines(keepends=True)
    )
    return re.fullmatch(pattern, said) is not None


def test_page_does_what_it_says(page: Any, shell: Any, writing: bool) -> None:
    text, moved = page.text, 0
    differences = []
    for block in page.blocks():
        if block.file:
            shell.save(block.file, block.text)
        if block.language != "console":
            continue
        told = ""
        for command, printed in sessions(block.text):
            said = "".join(f"{line.rstrip()}\n" for line in shell.run(command).splitlines())
            told += f"$ {command}\n{printed if agrees(printed, said) else said}"
            if not agrees(printed, said):
                lines = difflib.unified_diff(
                    printed.splitlines(), said.splitlines(), "printed", "said", lineterm=""
                )
                differences.append("\n".join((f"$ {command}", *lines)))
        at = block.start + moved
        text = text[:at] + told + text[at + len(block.text) :]
        moved += len(told) - len(block.text)
    if writing:
        page.path.write_text(text, encoding="utf-8")
    elif differences:
        pytest.fail("\n\n".join(differences), pytrace=False)


@pytest.mark.parametrize(
    ("printed", "said", "same"),
    [
        ("one\n", "one\n", True),
        ("one\n", "two\n", False),
        ("one\n...\n", "one\n", True),
        ("one\n...\nfour\n", "one\ntwo\nthree\nfour\n", True),
        ("one\n...\nfour\n", "one\ntwo\nthree\n", False),
        ("in ... s\n", "in 0.1 s\n", True),
        ("in ... s\n", "in 0.1\n", False),
        ("", "one\n", False),
    ],
)
def test_ellipsis_stands_for_what_varies(printed: str, said: str, same: bool) -> None:
    assert agrees(printed, said) is same
