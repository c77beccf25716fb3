"""Webhook: tell another system of the call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from cxrun import (
    DURATION,
    Action,
    Call,
    Effect,
    Message,
    Schema,
    Treatment,
    Undelivered,
    duration_text,
    hookimpl,
    seconds,
)

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PASSING: Final = frozenset({408, 425, 429})
"""Answers below 500 that ask to try again later."""


@dataclass(frozen=True, slots=True)
class Webhook(Treatment):
    """Posts the attempt as JSON to an address, once it is committed; the next step of the sequence decides.

    The body tells of the attempt, its result, the record and what follows. The header `Idempotency-Key`, and `key`
    in the body, are the same for every try of one step of one attempt and for no other. An answer of 2xx is the
    end of it. If there is no answer within `timeout`, or one of 408, 425, 429 or 5xx, it is tried again up to
    `retries` times, after 1, 2, 4, 8... seconds; any other answer, a redirection too, is final.

    Each step of an attempt is sent once, and never again once it was answered with 2xx. If the connection breaks
    before the answer has come, or the run is killed at that moment, nobody can know whether it was received: it is
    sent again under the same key, and a receiver that remembers keys takes it once.

    `${NAME}` in the address or in a header is the environment variable NAME. A simulation sends nothing and
    journals what would be sent, unless `cxrun run --send-effects` says otherwise.

    Example::

        treatments:
          - on: answer
            do:
              - webhook: {url: "https://crm.example/calls", headers: {Authorization: "Bearer ${CRM_TOKEN}"}}
              - finish:
    """

    name: ClassVar[str] = "webhook"
    repeatable: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url"],
        "properties": {
            "url": {
                "description": "The address to post to, http:// or https://.",
                "type": "string",
                "pattern": "^https?://[^\\s]+$",
            },
            "headers": {
                "description": 'Further headers, e.g. {Authorization: "Bearer ${CRM_TOKEN}"}.',
                "type": "object",
                "propertyNames": {"pattern": "^[A-Za-z0-9-]+$"},
                "additionalProperties": {"type": "string"},
                "default": {},
            },
            "timeout": {
                **DURATION,
                "description": "How long to wait for an answer, e.g. 10s.",
                "default": "10s",
            },
            "retries": {
                "description": "How often it is tried again.",
                "type": "integer",
                "minimum": 0,
                "default": 5,
            },
        },
    }

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: str | float = "10s"
    retries: int = 5

    def __post_init__(self) -> None:
        if seconds(self.timeout) <= 0:
            raise ValueError("timeout must be longer than 0s")

    def environment_variables(self) -> Sequence[str]:
        return [name for text in (self.url, *self.headers.values()) for name in _VARIABLE.findall(text)]

    def apply(self, call: Call) -> Action | Effect | None:
        return Effect(f"webhook to {self.url.partition('?')[0]}")

    def send(self, message: Message) -> None:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class Stay(HTTPRedirectHandler):
            """A post that is redirected would arrive as something else."""

            def redirect_request(self, *_: object) -> None:
                return None

        def filled(text: str) -> str:
            return _VARIABLE.sub(lambda found: message.environment[found[1]], text)

        headers = {name: filled(value) for name, value in self.headers.items()}
        headers |= {"Content-Type": "application/json", "Idempotency-Key": message.key, "User-Agent": "cxrun"}
        request = Request(filled(self.url), message.body.encode(), headers, method="POST")
        again = message.tries <= self.retries
        try:
            with build_opener(Stay).open(request, timeout=seconds(self.timeout)):
                return
        except HTTPError as error:
            with error:
                passing = error.code in _PASSING or error.code >= 500
                raise Undelivered(f"answered with {error.code}", again=again and passing) from error
        except TimeoutError as error:
            wait = duration_text(seconds(self.timeout))
            raise Undelivered(f"no answer within {wait}", again=again) from error
        except (OSError, HTTPException) as error:
            raise Undelivered(f"no connection: {getattr(error, 'reason', error)}", again=again) from error


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [Webhook]
