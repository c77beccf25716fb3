from __future__ import annotations

from collections.abc import Callable

import pytest

from cxrun import Call, CallResult, Finish
from cxrun_plugins.treatments.finish import FinishChain


@pytest.mark.parametrize("result", [CallResult.BUSY, CallResult.WRONG_NUMBER])
@pytest.mark.parametrize("applied", [0, 5])
def test_always_finishes(make_call: Callable[..., Call], result: CallResult, applied: int) -> None:
    assert FinishChain.build(None).apply(make_call(result, applied=applied)) == Finish("finish")
