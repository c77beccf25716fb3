"""The pages, and a shell to try them in.

`CXRUN_DOCS=write pytest tests/docs` brings every page up to date: what cog generates and what the commands say.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    *sorted(
        str(path.relative_to(ROOT))
        for room in ("core", "plugins", "rulesets")
        for path in (ROOT / room).rglob("README.md")
    ),
)
BLOCK = re.compile(
    r"(?:[Ss]ave this as\s`(?P<file>[^`]+)`:\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block; `file` is where the page says to save it, `start` where its text stands."""

    language: str
    text: str
    file: str | None
    start: int


@dataclass
class Page:
    """A page of the documentation as it stands in the checkout."""

    path: Path
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.text = self.path.read_text(encoding="utf-8")

    def blocks(self) -> Iterator[Block]:
        for found in BLOCK.finditer(self.text):
            yield Block(found["language"], found["text"], found["file"], found.start("text"))


class Shell:
    """Runs commands one by one in a folder, as a reader would who types them in."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.code = 0
        self._environment = environment

    def run(self, command: str) -> str:
        """What the command says, on both channels."""
        script = f"(exit {self.code}); {command}\ncode=$?; pwd >&3; exit $code"
        reading, writing = os.pipe()
        done = subprocess.run(
            ["bash", "-c", f"exec 3>&{writing}; {script}"], cwd=self.folder, env=self._environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, pass_fds=[writing], timeout=300,
        )  # fmt: skip
        os.close(writing)
        with os.fdopen(reading) as stream:
            where = stream.read().strip()
        self.folder = Path(where or self.folder)
        self.code = done.returncode
        return done.stdout

    def save(self, file: str, text: str) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a reader: a virtualenv of his own with cxrun and pytest in it, and no network.

    What is installed here is seen from there, so that nothing need be fetched.
    """
    folder = tmp_path_factory.mktemp("reader") / "venv"
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    places = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    lines = "".join(f"import site; site.addsitedir({place!r})\n" for place in sorted(places))
    (Path(purelib) / "reader.pth").write_text(lines, encoding="utf-8")
    for command, code in (("cxrun", "from cxrun.cli import main"), ("pytest", "from pytest import main")):
        script = folder / "bin" / command
        script.write_text(
            f"#!{python}\nimport sys\n{code}\nif __name__ == '__main__':\n    sys.exit(main())\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
    keep = ("HOME", "TMPDIR", "LANG", "SYSTEMROOT")
    return {
        **{name: os.environ[name] for name in keep if name in os.environ},
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the option's value, and the option's value is "isolation"
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }


@pytest.fixture
def shell(tmp_path: Path, reader: dict[str, str]) -> Shell:
    return Shell(tmp_path, reader)


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Page:
    """Each page in turn."""
    return Page(ROOT / request.param)


@pytest.fixture(scope="session")
def pages() -> dict[str, Page]:
    """All pages by their path in the checkout."""
    return {path: Page(ROOT / path) for path in (*PAGES, "CHANGELOG.md")}


@pytest.fixture(scope="session")
def writing() -> bool:
    """Whether pages are to be brought up to date instead of being checked."""
    return os.environ.get("CXRUN_DOCS") == "write"
