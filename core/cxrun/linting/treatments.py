"""Treatments: rules nobody asks, steps that never run, results without an answer, calls to dead numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from cxrun.elements import DialAgain, Treatment
from cxrun.errors import Problem
from cxrun.linting.check import Scope, check
from cxrun.linting.probing import always_answers, answers, consequence, course, named_answers
from cxrun.model import COUNTED_RESULTS, RESULT_GROUPS, CallResult, codes_by_word
from cxrun.pipeline import rule_of
from cxrun.ruleset import Ruleset, TreatmentRule
from cxrun.times import duration_text

if TYPE_CHECKING:
    from cxrun.campaign import Group

_DEAD: Final = frozenset(
    {
        CallResult.SIT_INVALID_NUMBER,
        CallResult.SIT_VACANT_CODE,
        CallResult.SIT_INTERCEPT,
        CallResult.WRONG_NUMBER,
        CallResult.NU_TONE,
    }
)
"""Results that say that nobody will ever answer on this number."""
_COMMON: Final = (COUNTED_RESULTS | RESULT_GROUPS["sit"]) - {CallResult.ANSWER}
"""Results that every campaign meets, but for the one that needs no treatment."""


@check("CX101", "warning")
def never_asked(scope: Scope) -> Iterator[Problem]:
    """A treatment rule is never asked.

    Whatever it answers is answered by rules before it, and none of them has a condition. Of several rules that fit
    a call the first one is taken, over all rulesets of a group in their order.

    Bad::

        ruleset: retry
        treatments:
          - {on: [busy, no_answer], do: [next_in_chain: ]}
          - {on: busy, do: [redial: {interval: 9h, attempts: 2}]}

    Good::

        ruleset: retry
        treatments:
          - {on: busy, do: [redial: {interval: 9h, attempts: 2}]}
          - {on: no_answer, do: [next_in_chain: ]}
    """
    for group, ruleset, rule, taken in _in_turn(scope):
        wanted = named_answers(rule)
        before = [taken[answer] for answer in wanted if answer in taken]
        if before and len(before) == len(wanted):
            places = ", ".join(dict.fromkeys(f"{each.mark.file}:{each.mark.line}" for each in before))
            message = f"is never asked: {places} answers before it"
            yield scope.in_ruleset(group, ruleset, rule.path, message)


@check("CX102", "warning")
def partly_shadowed(scope: Scope) -> Iterator[Problem]:
    """Some results of a treatment rule are answered by a rule before it.

    The rule is asked for its other results only. Take out what it does not decide, or the reader is misled. A group
    of results, such as `sit`, may well stand after some of its members.

    Bad::

        ruleset: retry
        treatments:
          - {on: busy, do: [redial: {interval: 9h, attempts: 2}]}
          - {on: [busy, no_answer], do: [next_in_chain: ]}

    Good::

        ruleset: retry
        treatments:
          - {on: busy, do: [redial: {interval: 9h, attempts: 2}]}
          - {on: no_answer, do: [next_in_chain: ]}
    """
    for group, ruleset, rule, taken in _in_turn(scope):
        lost = [answer for answer in _written(ruleset, rule) if answer in taken]
        if lost and any(answer not in taken for answer in named_answers(rule)):
            first = taken[lost[0]].mark
            named = ", ".join(_word(answer) for answer in lost)
            message = f"does not decide {named}: answered before it, by {first.file}:{first.line}"
            yield scope.in_ruleset(group, ruleset, rule.path, message)


@check("CX103", "warning")
def step_never_runs(scope: Scope) -> Iterator[Problem]:
    """A treatment can never run, for the one before it answers every call.

    A sequence goes on to its next treatment when the one before has no answer: its attempts are used up, the chain
    is at its end. `finish` and the like always have one.

    Bad::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [finish: , next_in_chain: ]}

    Good::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [next_in_chain: , finish: ]}
    """
    for group, ruleset, rule in scope.rules():
        for before, step in zip(rule.steps, rule.steps[1:], strict=False):
            if always_answers(ruleset, rule, before):
                message = f"can never run: {before.name} before it answers every call"
                yield scope.in_step(group, ruleset, step, message)
                break


@check("CX104", "warning")
def unanswered_result(scope: Scope) -> Iterator[Problem]:
    """A call result that no treatment answers, and there is no fallback.

    Such a call finishes its chain at once, other numbers included. Where that is meant, say `on: other` with
    `finish`. Only results that every campaign meets are looked at, and only in a group that has treatments.

    Bad::

        ruleset: retry
        treatments:
          - {on: do_not_call, do: [do_not_call: {list: dnc}]}
          - {on: no_answer, do: [next_in_chain: ]}

    Good::

        ruleset: retry
        treatments:
          - {on: do_not_call, do: [do_not_call: {list: dnc}]}
          - {on: no_answer, do: [next_in_chain: ]}
          - {on: other, do: [finish: ]}

    Both::

        dialing_profiles: {standard: {rulesets: [courtesy, retry]}}
    """
    for group in scope.groups:
        rules = [rule for *_, rule in scope.rules(group)]
        if not rules or any(rule.other for rule in rules):
            continue
        left = sorted(_COMMON - {CallResult(code) for rule in rules for code in rule.on})
        if left:
            named = ", ".join(result.word for result in left[:4]) + (", ..." if len(left) > 4 else "")
            message = f"{named}: no treatment answers, so the chain is finished; add a rule `on: other`"
            yield scope.in_setting(group, "rulesets", message)


@check("CX105", "warning")
def answered_under_conditions(scope: Scope) -> Iterator[Problem]:
    """A call result is answered under conditions only, and there is no fallback.

    A record of which none of the conditions is true, or a field is missing, is finished with its whole chain.

    Bad::

        ruleset: retry
        treatments:
          - {on: do_not_call, do: [do_not_call: {list: dnc}]}
          - {on: busy, when: {field: area_code, eq: "212"}, do: [redial: {interval: 9h, attempts: 2}]}
          - {on: [no_contact, machine, sit, overflowed, abandoned, dropped, dropped_no_answer, wrong_party,
                  wrong_number], when: {field: attempt, ge: 0}, do: [next_in_chain: ]}

    Good::

        ruleset: retry
        treatments:
          - {on: do_not_call, do: [do_not_call: {list: dnc}]}
          - {on: busy, when: {field: area_code, eq: "212"}, do: [redial: {interval: 9h, attempts: 2}]}
          - {on: other, do: [next_in_chain: ]}

    Both::

        dialing_profiles: {standard: {rulesets: [courtesy, retry]}}
    """
    for group in scope.groups:
        rules = [(ruleset, rule) for _, ruleset, rule in scope.rules(group)]
        if any(rule.other and rule.when is None for _, rule in rules):
            continue
        sure = {code for _, rule in rules if rule.when is None for code in rule.on}
        told: set[int] = set()
        for ruleset, rule in rules:
            unsure = sorted(rule.on - sure - told) if rule.when is not None else []
            told.update(unsure)
            if unsure:
                named = ", ".join(CallResult(code).word for code in unsure[:4])
                more = ", ..." if len(unsure) > 4 else ""
                message = (
                    f"{named}{more}: answered only when {rule.when}; add a rule for the rest, or `on: other`"
                )
                yield scope.in_ruleset(group, ruleset, (*rule.path, "when"), message)


@check("CX106", "warning")
def no_wait(scope: Scope) -> Iterator[Problem]:
    """A treatment dials the same number again without any wait.

    The phone rings again the moment it was put down: a nuisance to people, and of no use for a busy line.

    Bad::

        ruleset: retry
        treatments:
          - {on: busy, do: [redial: {interval: 0s, attempts: 2}]}

    Good::

        ruleset: retry
        treatments:
          - {on: busy, do: [redial: {interval: 30m, attempts: 2}]}
    """
    for group, ruleset, rule in scope.rules():
        if not rule.steps:
            continue
        result = next(iter(answers(group, rule)), None)
        if result is None and not rule.dispositions:
            continue
        played = course(ruleset, rule, result)
        rules = {rule_of(step, "treatment", ruleset.name): step for step in rule.steps}
        for before, dial in zip(played.dials, played.dials[1:], strict=False):
            if dial.after <= before.after and dial.rule in rules:
                yield scope.in_step(group, ruleset, rules[dial.rule], "dials the same number again at once")
                break


@check("CX107", "warning")
def dead_number_redialed(scope: Scope) -> Iterator[Problem]:
    """A number at which nobody will ever answer is dialed again.

    An invalid or vacant number, one that is not the customer's: another attempt is paid for and cannot
    succeed. Go on to the next number of the chain instead.

    Bad::

        ruleset: retry
        treatments:
          - {on: sit_invalid_number, do: [retry_in: {interval: 1d}]}

    Good::

        ruleset: retry
        treatments:
          - {on: sit_invalid_number, do: [next_in_chain: ]}
    """
    for group, ruleset, rule in scope.rules():
        if rule.other:
            continue
        dead = [CallResult(code) for code in sorted(rule.on) if CallResult(code) in _DEAD]
        for result in dead:
            played = course(ruleset, rule, result)
            if len(played.dials) > 1:
                named = ", ".join(each.word for each in dead)
                message = f"dials a number again at which nobody can answer ({named})"
                yield scope.in_ruleset(group, ruleset, rule.path, message)
                break


@check("CX108", "error")
def refusal_redialed(scope: Scope) -> Iterator[Problem]:
    """Somebody who asked not to be called is dialed again.

    The result `do_not_call` is answered by a treatment that dials. A fallback `on: other` counts too.

    Bad::

        ruleset: retry
        treatments:
          - {on: do_not_call, do: [retry_in: {interval: 30d}]}

    Good::

        ruleset: retry
        treatments:
          - {on: do_not_call, do: [do_not_call: {list: dnc, client: true}]}
    """
    refused = CallResult.DO_NOT_CALL
    for group, ruleset, rule in scope.rules():
        named = {code for *_, each in scope.rules(group) for code in each.on}
        if refused in rule.on or (rule.other and refused not in named):
            played = course(ruleset, rule, refused)
            if len(played.dials) > 1:
                yield scope.in_ruleset(group, ruleset, rule.path, "dials somebody again who refused calls")


@check("CX109", "error")
def suppressed_in_vain(scope: Scope) -> Iterator[Problem]:
    """A treatment writes to a suppression list that no filter of its group always heeds.

    The customer is on the list, and will be called all the same as soon as he stands on another contact list.

    Bad::

        ruleset: retry
        treatments:
          - {on: do_not_call, do: [do_not_call: {list: refused}]}
        filters:
          - suppression: {lists: [dnc]}
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}

    Good::

        ruleset: retry
        treatments:
          - {on: do_not_call, do: [do_not_call: {list: refused}]}
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}

    Both::

        suppression_lists: {dnc: asked not to be called, refused: refused by phone}
        dialing_profiles: {standard: {rulesets: [retry, rest]}}
    """
    for group in scope.groups:
        heeded = [step.element.suppression_lists() for _, step in scope.filters(group) if step.when is None]
        asked = [lists for lists in heeded if lists is not None]
        for _, ruleset, rule in scope.rules(group):
            for step in rule.steps:
                for name in step.element.suppression_lists() or ():
                    if not any(not lists or name in lists for lists in asked):
                        message = f"no filter of group '{group.name}' always heeds list '{name}'"
                        yield scope.in_step(group, ruleset, step, message)


@check("CX110", "warning")
def devices_without_next(scope: Scope) -> Iterator[Problem]:
    """A group has an order of devices, and no treatment that goes on in the chain.

    Only the first device of a chain is ever dialed.

    Bad::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [redial: {interval: 9h, attempts: 2}]}

    Good::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [next_in_chain: ]}

    Both::

        groups: {all: {devices: [mobile, home]}}
    """
    for group in scope.groups:
        if "devices" not in group.settings or len(group.settings["devices"].value) < 2:
            continue
        steps = [step for *_, rule in scope.rules(group) for step in rule.steps]
        if not any(isinstance(step.element, Treatment) and step.element.moves_on for step in steps):
            message = (
                f"only the first device of a chain is dialed: no ruleset of group '{group.name}' has a treatment "
                "that goes on in the chain, such as next_in_chain"
            )
            path = group.settings["devices"].origin.path("devices")
            yield scope.in_campaign(path, message)


@check("CX111", "warning")
def endless_sequence(scope: Scope) -> Iterator[Problem]:
    """A sequence dials the same number 20 times or more.

    It is more often a slip of the finger than a strategy, and a cap hides it until the cap is taken away.

    Bad::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [retry_in: {interval: 2d, attempts: 30}]}

    Good::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [retry_in: {interval: 2d, attempts: 3}]}
    """
    for group, ruleset, rule in scope.rules():
        results = answers(group, rule)
        if not results and not rule.dispositions:
            continue
        played = course(ruleset, rule, next(iter(results), None))
        if len(played.dials) > 20:
            span = duration_text(played.dials[-1].after - played.dials[-1].after % 3600)
            message = f"dials the same number again {len(played.dials) - 1} times or more, over {span}"
            yield scope.in_ruleset(group, ruleset, rule.path, message)


@check("CX112", "warning")
def abandoned_redialed_soon(scope: Scope) -> Iterator[Problem]:
    """A customer whose call was abandoned or dropped is dialed again on the same day.

    He heard nobody when he answered; a second silent call soon after is what regulators act upon. In the United
    Kingdom it has been good practice to wait 72 hours unless an agent is guaranteed.

    Bad::

        ruleset: retry
        treatments:
          - {on: [abandoned, dropped], do: [retry_in: {interval: 10m}]}

    Good::

        ruleset: retry
        treatments:
          - {on: [abandoned, dropped], do: [retry_in: {interval: 3d}]}
    """
    for group in scope.groups:
        for result in (CallResult.ABANDONED, CallResult.DROPPED):
            action = consequence(group.pipeline, result)
            place = _answering(group.rulesets, result)
            if isinstance(action, DialAgain) and place is not None:
                again = course(*place, result).dials[1:2]
                if again and again[0].after < 86400:
                    wait = duration_text(again[0].after)
                    message = f"somebody who answered and heard nobody is called again after {wait}"
                    yield scope.in_ruleset(group, place[0], place[1].path, message)
                    break


@check("CX113", "note")
def no_refusal_list(scope: Scope) -> Iterator[Problem]:
    """Suppression lists are declared, and no treatment of a group ever writes to one.

    What customers say on the phone then reaches no list, unless somebody adds it by `cxrun dnc`.

    Bad::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [next_in_chain: ]}

    Good::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [next_in_chain: ]}
          - {on: do_not_call, do: [do_not_call: {list: dnc}]}

    Both::

        dialing_profiles: {standard: {rulesets: [courtesy, retry, last]}}
        ---
        ruleset: last
        treatments:
          - {on: other, do: [finish: ]}
    """
    if not scope.project.suppression_lists:
        return
    for group in scope.groups:
        rules = [rule for *_, rule in scope.rules(group)]
        writes = any(step.element.suppression_lists() for rule in rules for step in rule.steps)
        if rules and group.mode.needs_agents and not writes:
            message = "no treatment puts anybody on a suppression list; answer do_not_call with do_not_call"
            yield scope.in_setting(group, "rulesets", message)


def _in_turn(
    scope: Scope,
) -> Iterator[tuple[Group, Ruleset, TreatmentRule, Mapping[int | str, TreatmentRule]]]:
    """Every rule, with those before it in the group that have no condition, by what they answer."""
    for group in scope.groups:
        taken: dict[int | str, TreatmentRule] = {}
        for _, ruleset, rule in scope.rules(group):
            yield group, ruleset, rule, taken
            if rule.when is None:
                taken = {answer: rule for answer in named_answers(rule)} | taken


def _answering(rulesets: tuple[Ruleset, ...], result: CallResult) -> tuple[Ruleset, TreatmentRule] | None:
    """The first rule without a condition that answers a result, by its name or else as `other`."""
    rules = [(ruleset, rule) for ruleset in rulesets for rule in ruleset.treatments if rule.when is None]
    named = [each for each in rules if result in each[1].on]
    return next(iter([*named, *(each for each in rules if each[1].other)]), None)


def _written(ruleset: Ruleset, rule: TreatmentRule) -> list[int | str]:
    """The results and dispositions that a rule names one by one, not those of a group of results."""
    on = ruleset.document.data["treatments"][rule.path[-1]].get("on", ())
    known = codes_by_word(CallResult)
    words = [on] if isinstance(on, str) else on
    return [*(known[word] for word in words if word in known), *sorted(rule.dispositions)]


def _word(answer: int | str) -> str:
    return CallResult(answer).word if isinstance(answer, int) else answer
