"""What plugin authors need to test their elements: no database and no telephony.

    from cxrun.testing import assert_element, at, decide, make_call, make_record, settle

Everything is a plain function with sensible defaults, so a test names only what it is about: the record is
one of Ada Abara in New York, on +12125550123, and now is noon there on Monday, 2 March 2026. Moments are Unix
UTC seconds or text such as 2026-03-02T12:00-05:00, call results are members of `CallResult` or their words.

`build`, `decide` and `settle` see the elements that are installed. For those in a project's `plugins/` folder
there are the fixtures `cx_registry`, `cx_build`, `cx_decide` and `cx_settle`, at hand wherever cxrun is
installed.
"""

# pytest loads this module in every run, before coverage starts: what it needs of cxrun is imported when used.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxrun.elements import Call, ElementBase, Moment
    from cxrun.model import CallResult, PastAttempt, Record, Suppression
    from cxrun.pipeline import Decision, Pipeline, Settlement
    from cxrun.registry import Registry

__all__ = ["assert_element", "at", "build", "decide", "make_call", "make_moment", "make_record", "settle"]

_NOON = "2026-03-02T12:00-05:00"


def at(moment: float | str) -> float:
    """Return Unix UTC seconds; text is ISO 8601, UTC unless it says otherwise: 2026-03-02T12:00-05:00."""
    from cxrun.moments import parse_moment

    return parse_moment(moment) if isinstance(moment, str) else float(moment)


def make_record(**overrides: Any) -> Record:
    """Return a record; keyword arguments replace its values, `fields=` gives the list's own.

    >>> make_record(tz="Pacific/Honolulu", attempt=2, fields={"balance": 120})
    """
    from cxrun.model import CallResult, DeviceType, Record, RecordStatus, RecordType

    usual: dict[str, Any] = {
        "record_id": 1,
        "list_id": 1,
        "chain_id": 1,
        "chain_n": 1,
        "chain_size": 1,
        "contact_info": "(212) 555-0123",
        "phone": "+12125550123",
        "contact_info_type": DeviceType.HOME,
        "tz": "America/New_York",
        "tz_source": "number",
        "country": "US",
        "area_code": "212",
        "daily_from": 28800,
        "daily_till": 64800,
        "record_type": RecordType.GENERAL,
        "record_status": RecordStatus.RETRIEVED,
        "call_result": CallResult.UNKNOWN,
        "attempt": 0,
        "dial_sched_time": 0,
        "call_time": 0,
        "treatments": "",
        "agent_id": None,
        "due": 0,
        "priority": 4,
        "client_id": "C1",
        "first_name": "Ada",
        "last_name": "Abara",
        "company": None,
    }
    return Record(**{**usual, **overrides})


def make_moment(
    record: Record | None = None,
    *,
    now: float | str = _NOON,
    chain: Sequence[Record] = (),
    attempts: Sequence[PastAttempt] = (),
    suppressions: Sequence[Suppression] = (),
    attempts_by: Mapping[str, Sequence[PastAttempt]] | None = None,
    ring_time: float = 0.0,
    imported: float | str | None = None,
) -> Moment:
    """Return what a filter is asked about. Without `chain` the record is alone in it."""
    from cxrun.elements import Moment

    record = record or make_record()
    imports = () if imported is None else ((0, at(imported)),)
    by_field = attempts_by or {}
    return Moment(at(now), record, chain or (record,), attempts, suppressions, by_field, ring_time, imports)


def make_call(
    result: CallResult | str = "no_answer",
    *,
    record: Record | None = None,
    now: float | str = _NOON,
    **values: Any,
) -> Call:
    """Return a call that is over, as handlers and treatments see it.

    The record has had one attempt and carries the result. `values` are further values of `cxrun.Call`:
    disposition, agent_id, chain, applied, passes, seed.
    """
    from cxrun.elements import Call

    result = _result(result)
    record = record or make_record(attempt=1, call_result=result)
    return Call(**{"chain": (record,), **values, "now": at(now), "record": record, "result": result})


def build(kind: str, name: str, parameters: Any = None, *, registry: Registry | None = None) -> Any:
    """Build an element of a kind (dialing mode, filter, treatment, result handler, dialer) as a ruleset would.

    Raises AssertionError with the messages `cxrun validate` would show.
    """
    from cxrun.errors import Problem, Problems, near
    from cxrun.registry import KINDS
    from cxrun.ruleset import element_step
    from cxrun.yamlfile import Document

    if kind not in KINDS:
        raise AssertionError(f"no kind of element named '{kind}'{near(kind, KINDS)}")
    item = {name: parameters}
    problems: list[Problem] = []
    step = element_step(
        Document("parameters", item, {}, []), (), item, kind, registry or _installed(), problems
    )
    if step is None:
        raise AssertionError(str(Problems(problems)))
    return step.element


def decide(
    ruleset: str,
    record: Record | None = None,
    *,
    now: float | str = _NOON,
    chain: Sequence[Record] = (),
    attempts: Sequence[PastAttempt] = (),
    suppressions: Sequence[Suppression] = (),
    registry: Registry | None = None,
    **values: Any,
) -> Decision:
    """Ask the filters of a ruleset, given as YAML text, whether the record may be dialed now.

    The answer has the `verdict` (Pass, Defer or Exclude) and the `rule` that said so, None if nobody objected.
    `values` are further values of `make_moment`: attempts_by, ring_time, imported. Raises AssertionError if
    the ruleset is wrong or a filter raises.
    """
    moment = make_moment(record, now=now, chain=chain, attempts=attempts, suppressions=suppressions, **values)
    decision = _pipeline(ruleset, registry).decide(moment)
    if decision.broken:
        raise AssertionError(f"{decision.rule}: {decision.verdict.reason}")
    return decision


def settle(
    ruleset: str,
    result: CallResult | str = "no_answer",
    *,
    record: Record | None = None,
    now: float | str = _NOON,
    after: Settlement | None = None,
    registry: Registry | None = None,
    **values: Any,
) -> Settlement:
    """Ask a ruleset, given as YAML text, what follows a call with this result.

    The answer has the `result` to write, the `action`, and the `rule` that said so. `after` is the settlement
    of the call before, which makes this one the next of its sequence. `values` are further values of
    `cxrun.Call`, such as disposition. Raises AssertionError if the ruleset is wrong or an element raises.
    """
    from cxrun.pipeline import Broken

    call = make_call(result, record=record, now=now, **values)
    if after is not None:
        call.record = call.record._replace(treatments=after.treatments)
    settlement = _pipeline(ruleset, registry).settle(call)
    if isinstance(settlement, Broken):
        raise AssertionError(f"{settlement.rule}: {settlement.message}")
    return settlement


def assert_element(element: type[ElementBase]) -> None:
    """Check that an element is what cxrun and its users expect, all of it at once.

    It inherits from one of the five kinds and is a frozen dataclass; it has a name, a docstring that begins
    with a sentence and ends with an example that loads, and a schema that is valid, refuses unknown
    parameters, and names and describes the very fields of the class.
    Raises AssertionError with everything that is wrong.
    """
    from cxrun.testing.checks import complaints_about

    complaints = list(complaints_about(element))
    if complaints:
        raise AssertionError("\n".join(f"{element.__name__}: {complaint}" for complaint in complaints))


def _result(result: CallResult | str) -> CallResult:
    from cxrun.errors import near
    from cxrun.model import CallResult

    if isinstance(result, CallResult):
        return result
    words = {member.word: member for member in CallResult}
    if result not in words:
        raise AssertionError(f"no call result named '{result}'{near(result, words)}")
    return words[result]


@cache
def _installed() -> Registry:
    from cxrun.registry import load_registry

    return load_registry()


def _pipeline(text: str, registry: Registry | None) -> Pipeline:
    from cxrun.errors import Problems
    from cxrun.pipeline import Pipeline
    from cxrun.ruleset import check
    from cxrun.yamlfile import parse

    try:
        ruleset, problems = check(parse(text, "ruleset"), registry or _installed())
    except Problems as error:
        raise AssertionError(str(error)) from None
    if ruleset is None or problems:
        raise AssertionError(str(Problems(problems)))
    return Pipeline([ruleset])
