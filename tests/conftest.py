"""A project folder to try things in, and the command line to try them with."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from cxrun.campaign import Project
    from cxrun.clock import Clock
    from cxrun.store import Store
    from cxrun.tally import Tally

# how long an example takes tells more about the machine than about the code
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

AREAS = (
    "212", "312", "303", "213", "602", "808", "907", "305", "713", "617", "206", "404", "214", "702", "801",
    "504", "215", "313", "612", "503",
)  # fmt: skip
"""Area codes of seven time zones; with 555-0100 to 555-0199 they give 2,000 numbers reserved for fiction."""
START = "2026-03-02T13:00Z"
"""A Monday, 08:00 in New York."""
RETRY = """\
ruleset: retry
results:
  - delivery: {answering_machine: drop, fax_detected: drop, silence: drop}
  - disposition: {codes: {DO_NOT_CALL: do_not_call}}
treatments:
  - on: busy
    do: [{redial: {interval: 30m, increment: 5m, attempts: 2}}, {next_in_chain: }]
  - on: [no_answer, answering_machine]
    do: [{next_in_chain: {attempts: 2}}, {retry_in: {interval: 4h, attempts: 1}}]
  - on: [abandoned, dropped]
    do: [{retry_in: {interval: 1d}}]
  - on: do_not_call
    do: [{do_not_call: {list: dnc, client: true}}]
  - on: answer
    do: [{finish: }]
filters:
  - suppression
"""


def phone(number: int) -> str:
    """The `number`-th fictitious number, E.164."""
    return f"+1{AREAS[number % len(AREAS)]}555{100 + number // len(AREAS) % 100:04}"


@dataclass
class ProjectFolder:
    """A project on disk; `campaign` is what `save` writes as campaign.yaml."""

    folder: Path
    campaign: dict[str, Any] = field(default_factory=dict)

    @property
    def store_file(self) -> Path:
        return self.folder / "cxrun.db"

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project, e.g. `plugins/mine.py`."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def save(self) -> None:
        self.write("campaign.yaml", json.dumps(self.campaign, indent=1))

    def write_list(self, name: str, rows: Sequence[Sequence[object]]) -> None:
        """Write a contact list: client, then its numbers; the first row decides how many there can be."""
        devices = len(rows[0]) - 1
        with (self.folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["Client", *(f"Phone {n}" for n in range(1, devices + 1))])
            writer.writerows(rows)
        self.campaign.setdefault("lists", {})[name] = {
            "file": f"{name}.csv",
            "region": "US",
            "map": {"client_id": "Client", "devices": [f"Phone {n}" for n in range(1, devices + 1)]},
        }
        self.save()

    def add_field(self, field: str, values: Sequence[str], name: str = "people") -> None:
        """Give a list a field of its own, whose values take turns."""
        header, *rows = (self.folder / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        rows = [f"{row},{values[number % len(values)]}" for number, row in enumerate(rows)]
        self.write(f"{name}.csv", "".join(f"{line}\n" for line in [f"{header},{field}", *rows]))
        self.campaign["lists"][name]["map"].setdefault("fields", {})[field] = field
        self.save()

    def load(self) -> Project:
        from cxrun.loading import load_project
        from cxrun.registry import load_registry

        return load_project(self.folder, load_registry(self.folder))

    @contextmanager
    def store(self) -> Iterator[Store]:
        from cxrun.store import Store

        with closing(Store(self.store_file)) as store:
            yield store

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the store."""
        with self.store() as store:
            return store.connection.execute(sql, values).fetchall()

    def import_lists(self) -> None:
        from cxrun.importing import import_list

        with self.store() as store:
            for contact_list in self.load().lists.values():
                if contact_list.split_from is not None:
                    continue
                import_list(store, contact_list, self.folder)

    def run(
        self,
        *groups: str,
        wall: bool = False,
        clock: Callable[[float], Clock] | None = None,
        watch: Callable[[Tally], None] | None = None,
        environment: Mapping[str, str] | None = None,
        edited: bool = False,
        **options: Any,
    ) -> Tally:
        """Import what is new and run in this process; the clock is virtual unless `wall`.

        If the project is `edited` while it runs, the run takes that over.
        """
        import time

        from cxrun.clock import VirtualClock, WallClock
        from cxrun.edits import Edits
        from cxrun.moments import parse_moment
        from cxrun.registry import load_registry
        from cxrun.runner import Run
        from cxrun.tally import Options

        self.import_lists()
        edits = Edits(self.folder, load_registry(self.folder)) if edited else None
        project = self.load()
        chosen = [project.group(name) for name in groups] or list(project.groups.values())
        start = time.time() if wall else parse_moment(START)
        made = clock or ((lambda at: WallClock(0.02)) if wall else VirtualClock)
        with self.store() as store:
            run = Run(project, chosen, store, made, start, Options(**options), environment, edits)
            return run.drive(watch) if watch else run.drive()

    def reached(self) -> float:
        """How far the last run came; the start before the first (Unix UTC seconds)."""
        from cxrun.moments import parse_moment
        from cxrun.store.runs import last_reached

        with self.store() as store:
            return last_reached(store) or parse_moment(START)

    def journal(self) -> list[str]:
        with self.store() as store:
            return list(store.journal.lines())

    def contents(self) -> list[str]:
        """What the digests of the journal cover, row by row."""
        with self.store() as store:
            return list(store.journal.contents())

    def reasons(self, name: str = "people") -> dict[tuple[str, str], int]:
        """How many records of a list are in which state for which reason."""
        from cxrun.store.lists import stored_lists
        from cxrun.store.reading import reasons

        with self.store() as store:
            counted = reasons(store, stored_lists(store)[name].list_id)
        found: dict[tuple[str, str], int] = {}
        for reason, records, _ in counted:
            key = (reason.state, reason.text)
            found[key] = found.get(key, 0) + records
        return found


@pytest.fixture(scope="session")
def floor() -> ModuleType:
    """The made-up floor of the pacing benchmark: `floor.Floor` drives the engine, `floor.SCENARIOS` are its worlds."""
    import importlib.util
    import sys

    spec = importlib.util.spec_from_file_location("floor", Path(__file__).parent / "benchmarks" / "floor.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["floor"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., ProjectFolder]:
    """A factory of projects: one group `all` over one list `people` unless it is changed and saved again."""

    def make(
        size: int = 100,
        devices: int = 1,
        *,
        rules: Mapping[str, str] | None = None,
        more_rules: Mapping[str, str] | None = None,
        plugins: Mapping[str, str] | None = None,
        mode: Mapping[str, Any] | None = None,
        dialer: Mapping[str, Any] | None = None,
        agents: int = 5,
        name: str = "calls",
        **settings: Any,
    ) -> ProjectFolder:
        made = ProjectFolder(tmp_path / name)
        rules = {**({"retry": RETRY} if rules is None else rules), **(more_rules or {})}
        for ruleset, text in rules.items():
            made.write(f"rulesets/{ruleset}.yaml", text)
        for plugin, text in (plugins or {}).items():
            made.write(f"plugins/{plugin}.py", text)
        made.campaign = {
            "dialing_profiles": {
                "standard": {"mode": mode or {"progressive": {}}, "rulesets": list(rules)},
            },
            "session_profiles": {
                "line": {"dialer": dialer or {"simulated": {}}, "virtual_start": START, **settings}
            },
            "agent_groups": {"sales": {"agents": agents}},
            "templates": {"plain": {"agent_group": "sales"}},
            "groups": {"all": {"template": "plain", "lists": ["people"]}},
        }
        if any("suppression" in text or "do_not_call" in text for text in rules.values()):
            made.campaign["suppression_lists"] = {"dnc": "people who asked not to be called again"}
        made.write_list("people", contacts(size, devices))
        return made

    return make


def contacts(size: int, devices: int = 1) -> list[list[str]]:
    """Clients C1, C2... with that many numbers each."""
    return [[f"C{n + 1}", *(phone(n * devices + device) for device in range(devices))] for n in range(size)]


class Request(NamedTuple):
    """What the receiver was sent."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """A web server on this machine; `answers` gives the status for each request, 200 where it has none left."""

    url: str
    requests: list[Request] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    seen: Callable[[Request], None] = lambda request: None

    def keys(self) -> list[str]:
        return [request.headers["Idempotency-Key"] for request in self.requests]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server that remembers what it was sent."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request(self.path, dict(self.headers), body)
            received.requests.append(request)
            received.seen(request)
            status = received.answers.pop(0) if received.answers else 200
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever asked has hung up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        received = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield received
        server.shutdown()
        thread.join()


class Answer(NamedTuple):
    """What a command line said."""

    code: int
    out: str
    err: str


@pytest.fixture
def cxrun(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """The command line in this process: arguments in, exit code and output out."""
    from cxrun.cli import run

    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call
