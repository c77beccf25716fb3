from __future__ import annotations

from collections.abc import Callable

import pytest

from cxrun import Call, CallResult, Conclude
from cxrun_plugins.result_handlers.disposition import Disposition

CODES = {"WP": "wrong_party", "DNC": "do_not_call"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("WP", Conclude(CallResult.WRONG_PARTY, "disposition WP: wrong_party")),
        ("DNC", Conclude(CallResult.DO_NOT_CALL, "disposition DNC: do_not_call")),
        ("SALE", None),
        ("wp", None),
        ("", None),
        (None, None),
    ],
)
def test_listed_codes_become_call_results(
    make_call: Callable[..., Call], code: str | None, expected: Conclude | None
) -> None:
    call = make_call(CallResult.ANSWER, disposition=code)
    assert Disposition.build({"codes": CODES}).handle(call) == expected
