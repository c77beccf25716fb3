"""Script: start a command of this machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from cxrun import DURATION, Action, Call, Effect, Message, Schema, Treatment, Undelivered, hookimpl, seconds

_LONGEST: Final = 200
"""Characters of its complaints that are kept."""


@dataclass(frozen=True, slots=True)
class Script(Treatment):
    """Starts a command with the attempt as a line of JSON on its input; the next step of the sequence decides.

    The command is started once the attempt is committed, in the folder of the project and without a shell, and
    has the environment of the run and `CXRUN_KEY`, the key of this step of this attempt. Its intent is committed
    before it starts, so it is started at most once for an attempt: of one that was running when the run was killed
    the journal says that nobody knows, and it is not started again. A command that fails, that exceeds `timeout`
    or cannot be started is journalled and told of at the end; the run goes on.

    A simulation starts nothing and journals what would be started, unless `cxrun run --send-effects` says
    otherwise.

    Example::

        treatments:
          - on: wrong_number
            do:
              - script: {command: [python3, scripts/tell.py, --wrong-number], timeout: 30s}
              - finish:
    """

    name: ClassVar[str] = "script"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["command"],
        "properties": {
            "command": {
                "description": "The command and its arguments, as a list or as one line with quotes.",
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {
                        "type": "array",
                        "minItems": 1,
                        "prefixItems": [{"type": "string", "minLength": 1}],
                        "items": {"type": "string"},
                    },
                ],
            },
            "timeout": {**DURATION, "description": "How long it may take, e.g. 60s.", "default": "60s"},
        },
    }

    command: str | Sequence[str]
    timeout: str | float = "60s"

    def __post_init__(self) -> None:
        if seconds(self.timeout) <= 0:
            raise ValueError("timeout must be longer than 0s")
        if not self._arguments:
            raise ValueError("a command is expected")

    @property
    def _arguments(self) -> list[str]:
        try:
            return shlex.split(self.command) if isinstance(self.command, str) else list(self.command)
        except ValueError as error:
            raise ValueError(f"the command cannot be read: {str(error).lower()}") from None

    def apply(self, call: Call) -> Action | Effect | None:
        return Effect(f"script {shlex.join(self._arguments)}")

    def send(self, message: Message) -> None:
        import subprocess

        try:
            done = subprocess.run(
                self._arguments,
                input=f"{message.body}\n".encode(),
                capture_output=True,
                cwd=message.folder,
                env={**message.environment, "CXRUN_KEY": message.key},
                timeout=seconds(self.timeout),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Undelivered(f"was stopped after {self.timeout}") from None
        except OSError as error:
            raise Undelivered(f"cannot be started: {error.strerror or error}") from error
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[-_LONGEST:]
            raise Undelivered(f"ended with {done.returncode}{': ' + said if said else ''}")


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [Script]
