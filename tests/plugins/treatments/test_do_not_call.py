from __future__ import annotations

from collections.abc import Callable

import pytest

from cxrun import Call, CallResult, Suppress
from cxrun_plugins.treatments.do_not_call import DoNotCall


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (None, Suppress("do not call, list 'dnc'", "dnc", client=False, valid_for=None)),
        (
            {"list": "complaints", "client": True},
            Suppress("do not call, list 'complaints'", "complaints", client=True, valid_for=None),
        ),
        (
            {"valid_for": "365d"},
            Suppress("do not call, list 'dnc'", "dnc", client=False, valid_for=31_536_000),
        ),
    ],
)
def test_suppresses(
    make_call: Callable[..., Call], parameters: dict[str, object] | None, expected: Suppress
) -> None:
    assert DoNotCall.build(parameters).apply(make_call(CallResult.DO_NOT_CALL)) == expected


@pytest.mark.parametrize("nothing", ["0s", 0])
def test_entry_that_never_holds_is_refused(nothing: str | int) -> None:
    with pytest.raises(ValueError, match="valid_for must be longer than 0s"):
        DoNotCall.build({"valid_for": nothing})
