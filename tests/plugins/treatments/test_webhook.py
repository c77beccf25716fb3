from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cxrun import Call, Effect, Message, Undelivered
from cxrun_plugins.treatments.webhook import Webhook

if TYPE_CHECKING:
    from tests.conftest import Receiver

KEY = "5e0f/17-2/retry/1.1"


def message(tries: int = 1, **environment: str) -> Message:
    return Message(KEY, '{"key": "5e0f", "name": "Ådne"}', tries, Path(), environment)


def test_announces_where_it_posts_to_without_the_query(make_call: Callable[..., Call]) -> None:
    webhook = Webhook.build({"url": "https://crm.example/calls?token=secret"})
    assert webhook.apply(make_call()) == Effect("webhook to https://crm.example/calls")


def test_posts_the_body_under_its_key(receiver: Receiver) -> None:
    headers = {"Authorization": "Bearer ${TOKEN}", "X-Team": "sales"}
    webhook = Webhook.build({"url": f"{receiver.url}/${{WHERE}}?a=1", "headers": headers})
    assert list(webhook.environment_variables()) == ["WHERE", "TOKEN"]
    webhook.send(message(TOKEN="s3cret", WHERE="calls"))
    (request,) = receiver.requests
    assert request.path == "/calls?a=1"
    assert request.body.decode() == '{"key": "5e0f", "name": "Ådne"}'
    for name, value in {
        "Idempotency-Key": KEY,
        "Content-Type": "application/json",
        "Authorization": "Bearer s3cret",
        "X-Team": "sales",
    }.items():
        assert request.headers[name] == value


@pytest.mark.parametrize(
    ("status", "tries", "again"),
    [
        (500, 1, True),
        (503, 2, True),
        (503, 3, False),
        (408, 1, True),
        (429, 1, True),
        (400, 1, False),
        (404, 1, False),
        (302, 1, False),
        (307, 1, False),
    ],
)
def test_other_answers_are_no_delivery(receiver: Receiver, status: int, tries: int, again: bool) -> None:
    receiver.answers = [status]
    with pytest.raises(Undelivered, match=f"answered with {status}") as caught:
        Webhook(url=receiver.url, retries=2).send(message(tries))
    assert caught.value.again is again
    assert len(receiver.requests) == 1, "a redirection is not followed"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_the_end_of_it(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    Webhook(url=receiver.url).send(message())


def test_nobody_there_is_tried_again() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Undelivered, match=r"no connection: .*[Rr]efused$") as caught:
        Webhook(url=url).send(message())
    assert caught.value.again


def test_answer_is_not_waited_for_longer_than_the_timeout(receiver: Receiver) -> None:
    receiver.seen = lambda request: time.sleep(0.3)
    with pytest.raises(Undelivered, match=r"no answer within 0\.1s") as caught:
        Webhook(url=receiver.url, timeout="0.1s").send(message())
    assert caught.value.again


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"url": "ftp://crm.example"}, "'ftp://crm.example' is not understood"),
        ({"url": "https://crm.example", "retries": -1}, "must be at least 0"),
        ({"url": "https://crm.example", "timeout": 0}, "timeout must be longer than 0s"),
        ({}, "'url' is missing"),
    ],
)
def test_mistakes_are_named(cx_build: Callable[..., Any], parameters: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        cx_build("treatment", "webhook", parameters)
