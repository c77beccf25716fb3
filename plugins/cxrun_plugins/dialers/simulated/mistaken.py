"""What `cxrun lint` says of call analysis that takes people for machines."""

from __future__ import annotations

from collections.abc import Iterator

from cxrun import Problem, Scope, check
from cxrun_plugins.dialers.simulated import Simulated


@check("CX321", "warning")
def mistaken_people(scope: Scope) -> Iterator[Problem]:
    """A simulated line takes people for machines, and a mode that keeps an abandon rate does not know it.

    Who is taken for a machine is hung up on, and counts as abandoned. A mode cannot see it: it has to be told by
    `mistaken_people`, in percent, or it abandons more than its rate.

    Bad::

        session_profiles: {line: {dialer: {simulated: {call_analysis: {person_as_machine: 0.02}}}}}
        dialing_profiles: {standard: {mode: {predictive: {abandon_rate: 3}}}}

    Good::

        session_profiles: {line: {dialer: {simulated: {call_analysis: {person_as_machine: 0.02}}}}}
        dialing_profiles: {standard: {mode: {predictive: {abandon_rate: 3, mistaken_people: 2}}}}
    """
    for group in scope.groups:
        dialer, mode = group.dialer, group.mode
        share = dialer.call_analysis.get("person_as_machine", 0) if isinstance(dialer, Simulated) else 0
        unknown = getattr(mode, "mistaken_people", None) == 0 and not mode.agent_first
        hung_up = all(
            getattr(step.element, "answering_machine", "drop") == "drop"
            for ruleset in group.rulesets
            for step in ruleset.results
        )
        if share and unknown and hung_up:
            message = (
                f"the line takes {share:.3g} of the people for machines: abandoned, and not counted by {mode.name}; "
                f"tell it by mistaken_people: {100 * share:.3g}"
            )
            yield scope.in_setting(group, "mode", message, mode.name)
