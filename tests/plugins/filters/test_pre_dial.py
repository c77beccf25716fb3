from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from cxrun import PASS, Defer, Exclude
from cxrun.testing import at, make_moment, make_record
from cxrun_plugins.filters.pre_dial import PreDial

NOW = at("2026-03-02T12:00-05:00")
UNANSWERED = Defer(NOW + 300, "the pre-dial check did not answer")


@dataclass
class Service:
    """An HTTP server on this machine; `answer` makes status and body of a question."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], tuple[int, Any]] = lambda question: (200, {"allow": True})


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as made:
        yield made


@contextmanager
def serving() -> Iterator[Service]:
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked.append({"path": self.path, **question})
            made.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, body = made.answer(question)
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", made.url)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/dial?by=cxrun"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_service_is_told_of_the_attempt(service: Service) -> None:
    record = make_record(attempt=2, record_id=17, fields={"balance": 120})
    assert PreDial(service.url).check(make_moment(record, now=NOW)) is PASS
    assert service.asked == [
        {
            "path": "/dial?by=cxrun",
            "attempt_id": "17-3",
            "at": NOW,
            "record_id": 17,
            "attempt": 3,
            "phone": "+12125550123",
            "device": "home",
            "client": "C1",
            "client_id": "C1",
            "chain_id": 1,
            "first_name": "Ada",
            "last_name": "Abara",
            "company": None,
            "country": "US",
            "state": "NY",
            "area_code": "212",
            "tz": "America/New_York",
            "fields": {"balance": 120},
        }
    ]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"allow": True, "reason": "why not"}, PASS),
        (200, {"allow": False}, Exclude("refused by the pre-dial check")),
        (
            200,
            {"allow": False, "reason": "consent\nrevoked "},
            Exclude("refused by the pre-dial check: consent revoked"),
        ),
        (200, {"allow": False, "reason": 17}, Exclude("refused by the pre-dial check: 17")),
        (
            200,
            {"allow": False, "reason": "busy", "retry_in": 60},
            Defer(NOW + 60, "refused by the pre-dial check: busy"),
        ),
        (200, {"allow": False, "reason": "x" * 200}, Exclude(f"refused by the pre-dial check: {'x' * 49}")),
        (200, {"allow": "yes"}, UNANSWERED),
        (200, {"allow": 1}, UNANSWERED),
        (200, {}, UNANSWERED),
        (200, ["allow"], UNANSWERED),
        (200, b"", UNANSWERED),
        (200, b"\xff\xfe", UNANSWERED),
        (200, b"[" * 100_000, UNANSWERED),
        (200, {"allow": False, "retry_in": "soon"}, UNANSWERED),
        (200, {"allow": False, "retry_in": -1}, UNANSWERED),
        (200, b'{"allow": false, "retry_in": Infinity}', UNANSWERED),
        (201, {"allow": True}, UNANSWERED),
        (302, {"allow": True}, UNANSWERED),
        (403, {"allow": False}, UNANSWERED),
        (500, {"allow": True}, UNANSWERED),
    ],
)
def test_its_word_is_kept_and_anything_else_lets_nothing_through(
    service: Service, status: int, body: Any, expected: Any
) -> None:
    service.answer = lambda question: (status, body)
    assert PreDial(service.url).check(make_moment(now=NOW)) == expected
    assert len(service.asked) == 1


def test_service_that_is_slow_lets_nothing_through(service: Service) -> None:
    def slowly(question: dict[str, Any]) -> tuple[int, Any]:
        time.sleep(0.4)
        return 200, {"allow": True}

    service.answer = slowly
    verdict = PreDial(service.url, timeout="0.1s", retry_in="10m").check(make_moment(now=NOW))
    assert verdict == Defer(NOW + 600, "the pre-dial check did not answer")


def test_service_that_is_not_there_lets_nothing_through() -> None:
    check = PreDial(f"http://127.0.0.1:{closed_port()}/")
    assert check.check(make_moment(now=NOW)) == UNANSWERED


def test_service_that_speaks_another_protocol_lets_nothing_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example.com ready\r\n")

        thread = Thread(target=speak)
        thread.start()
        verdict = PreDial(f"http://127.0.0.1:{server.getsockname()[1]}/").check(make_moment(now=NOW))
        thread.join()
    assert verdict == UNANSWERED


def test_service_that_failed_is_left_alone_for_a_while(service: Service) -> None:
    check = PreDial(service.url)
    service.answer = lambda question: (503, {})
    verdicts = [check.check(make_moment(now=NOW + second)) for second in range(30)]
    assert all(verdict.reason == UNANSWERED.reason for verdict in verdicts)
    assert verdicts[7] == Defer(NOW + 307, UNANSWERED.reason)
    assert len(service.asked) == 1
    service.answer = lambda question: (200, {"allow": True})
    assert check.check(make_moment(now=NOW + 30)) is PASS
    assert check.check(make_moment(now=NOW + 31)) is PASS
    assert len(service.asked) == 3


def test_token_comes_from_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    check = PreDial(service.url, token_variable="CHECK_TOKEN")
    monkeypatch.delenv("CHECK_TOKEN", raising=False)
    assert check.check(make_moment(now=NOW)) == Defer(
        NOW + 300, "no token in the environment variable CHECK_TOKEN"
    )
    assert service.asked == []
    monkeypatch.setenv("CHECK_TOKEN", "s3cret")
    assert check.check(make_moment(now=NOW)) is PASS
    assert service.headers[0]["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"timeout": 0}, "timeout must be longer than 0s and at most 60s"),
        ({"timeout": "2m"}, "timeout must be longer than 0s and at most 60s"),
        ({"retry_in": 0}, "retry_in must be at least 1s"),
        ({"url": "http://localhost:99999/"}, "has no port one can connect to"),
    ],
)
def test_nonsense_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PreDial.build({"url": "http://localhost/", **parameters})


@pytest.mark.parametrize(
    "url", ["ftp://localhost/", "localhost/", "http://", "http://user:pw@localhost/", "file:///etc"]
)
def test_only_addresses_of_web_services_are_taken(cx_build: Callable[..., Any], url: str) -> None:
    with pytest.raises(AssertionError, match="is not understood"):
        cx_build("filter", "pre_dial", {"url": url})


def test_run_asks_before_each_dial_and_nothing_is_lost(project: Callable[..., Any], service: Service) -> None:
    """Every third number is refused; in its sixth question the service fails, and the records come back."""

    def judge(question: dict[str, Any]) -> tuple[int, Any]:
        if len(service.asked) == 6:
            return 500, {}
        return 200, {"allow": question["record_id"] % 3 != 0, "reason": "no consent"}

    service.answer = judge
    rules = f"ruleset: consent\nfilters:\n  - pre_dial: {{url: '{service.url}', retry_in: 10m}}\n"
    folder = project(30, more_rules={"consent": rules})
    folder.run()
    dialed = {record for (record,) in folder.query("SELECT record_id FROM attempts")}
    assert dialed == {n for n in range(1, 31) if n % 3}
    assert folder.reasons()["excluded", "refused by the pre-dial check: no consent"] == 10
    attempts = {
        f"{record}-{attempt}" for record, attempt in folder.query("SELECT record_id, attempt FROM attempts")
    }
    assert attempts <= {question["attempt_id"] for question in service.asked}
    waited = folder.query(
        "SELECT count(*) FROM journal JOIN reasons USING (reason_id) WHERE text = 'the pre-dial check did not answer'"
    )
    assert waited[0][0] > 0
