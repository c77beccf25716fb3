"""Pre-dial: ask a service outside whether this call may be placed."""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from cxrun import (
    DURATION,
    PASS,
    Defer,
    DeviceType,
    Exclude,
    Filter,
    Moment,
    Record,
    Schema,
    Verdict,
    hookimpl,
    seconds,
    word_of,
)

_LONGEST_ANSWER: Final = 65536
_LONGEST_REASON: Final = 80
_LONGEST_WAIT: Final = 3650 * 86400
_REST: Final = 30.0
"""Seconds of the run's clock for which a service that did not answer is left alone."""
_NO_ANSWER: Final = "the pre-dial check did not answer"


@dataclass(frozen=True, slots=True)
class PreDial(Filter):
    """Asks an HTTP service before each dial whether this call may be placed, and keeps to its word.

    The attempt is sent to `url` by POST, as JSON: `attempt_id` (record and number of the attempt, 17-2),
    `at` (Unix UTC seconds), `record_id`, `attempt`, `phone` (E.164), `device`, `client`, `client_id`,
    `chain_id`, `first_name`, `last_name`, `company`, `country`, `state`, `area_code`, `tz`, and the list's own
    `fields`. The service answers with status 200 and `{"allow": true}`; or with `{"allow": false}`, then
    the record is excluded, for the `reason` it may give; a refusal with `retry_in`, in seconds, only
    defers the record.

    Without a clear answer within `timeout` the call is not placed: the record is deferred for `retry_in`,
    and the service is left alone for 30 seconds, in which others are deferred without asking.

    With `token_variable`, the value of that environment variable is sent as a bearer token. Redirects
    and proxies are not followed.

    It is asked when all filters before it pass, so put it last. The run waits for the answer and holds the
    store meanwhile: no other call is placed, and no other command can write. It is asked in simulations too,
    and by `cxrun explain`: leave it out of a ruleset that only simulates, or let `url` lead to a service for
    trials.

    Example::

        filters:
          - pre_dial: {url: "https://checks.example.com/dial", timeout: 1s, retry_in: 10m}
    """

    name: ClassVar[str] = "pre_dial"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url"],
        "properties": {
            "url": {
                "description": "Where to ask, http or https.",
                "type": "string",
                "pattern": "^https?://[^/?#@]+([/?][^#]*)?$",
            },
            "timeout": {**DURATION, "description": "How long to wait for the answer.", "default": "2s"},
            "retry_in": {
                **DURATION,
                "description": "For how long a record is deferred when there is no answer.",
                "default": "5m",
            },
            "token_variable": {
                "description": "The environment variable with the token the service asks for.",
                "type": "string",
                "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
            },
        },
    }

    url: str
    timeout: str | float = "2s"
    retry_in: str | float = "5m"
    token_variable: str | None = None
    _rests: dict[str, float] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < seconds(self.timeout) <= 60:
            raise ValueError("timeout must be longer than 0s and at most 60s: a run waits for it")
        if seconds(self.retry_in) < 1:
            raise ValueError("retry_in must be at least 1s")
        try:
            port = urlsplit(self.url).port
        except ValueError:
            port = 0
        if port == 0:
            raise ValueError(f"'{self.url}' has no port one can connect to")

    asks_outside: ClassVar[bool] = True

    def check(self, moment: Moment) -> Verdict:
        since = self._rests.get(self.url)
        if since is not None and since <= moment.now < since + _REST:
            return self._unanswered(moment)
        if self.token_variable is not None and not os.environ.get(self.token_variable):
            return Defer(
                moment.now + seconds(self.retry_in),
                f"no token in the environment variable {self.token_variable}",
            )
        try:
            answer = self._ask(_question(moment))
        except (OSError, ValueError, RecursionError):
            self._rests[self.url] = moment.now
            return self._unanswered(moment)
        self._rests.pop(self.url, None)
        if answer["allow"]:
            return PASS
        told = answer.get("reason")
        told = " ".join("".join(c if c.isprintable() else " " for c in str(told)).split()) if told else ""
        reason = f"refused by the pre-dial check: {told}"[:_LONGEST_REASON].removesuffix(": ")
        later = answer.get("retry_in")
        return Exclude(reason) if later is None else Defer(moment.now + later, reason)

    def _unanswered(self, moment: Moment) -> Defer:
        return Defer(moment.now + seconds(self.retry_in), _NO_ANSWER)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The service's answer. Raises OSError, ValueError or RecursionError if there is none that is clear."""
        # takes a while to import, and most projects ask nobody
        import http.client

        target = urlsplit(self.url)
        secure = target.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        if self.token_variable is not None:
            headers["Authorization"] = f"Bearer {os.environ[self.token_variable]}"
        with closing(kind(target.hostname or "", target.port, timeout=seconds(self.timeout))) as connection:
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
            try:
                connection.request("POST", path, json.dumps(question).encode(), headers)
                with connection.getresponse() as response:
                    text = response.read(_LONGEST_ANSWER)
            except http.client.HTTPException as error:
                raise ValueError(f"no answer in HTTP: {error}") from error
            if response.status != 200:
                raise ValueError(f"status {response.status}")
        answer = json.loads(text)
        later = answer.get("retry_in") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(answer.get("allow"), bool):
            raise ValueError("no word of `allow`")
        if later is not None and (isinstance(later, bool) or not isinstance(later, int | float)):
            raise ValueError("`retry_in` is no number of seconds")
        if later is not None and not 0 <= later <= _LONGEST_WAIT:
            raise ValueError("`retry_in` is no time to wait")
        return answer


def _question(moment: Moment) -> dict[str, Any]:
    record: Record = moment.record
    attempt = record.attempt + 1
    return {
        "attempt_id": f"{record.record_id}-{attempt}",
        "at": moment.now,
        "record_id": record.record_id,
        "attempt": attempt,
        "phone": record.phone,
        "device": word_of(DeviceType, record.contact_info_type),
        "client": record.client,
        "client_id": record.client_id,
        "chain_id": record.chain_id,
        "first_name": record.first_name,
        "last_name": record.last_name,
        "company": record.company,
        "country": record.country,
        "state": record.state,
        "area_code": record.area_code,
        "tz": record.tz,
        "fields": dict(record.fields),
    }


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [PreDial]
