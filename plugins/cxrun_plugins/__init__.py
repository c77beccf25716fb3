"""The elements that come with cxrun, one module each, named as a ruleset or profile names it."""

PLUGINS = (
    "dialing_modes.power",
    "dialing_modes.power_ivr",
    "dialing_modes.preview",
    "dialing_modes.progressive",
    "filters.attempts",
    "filters.calling_hours",
    "filters.suppression",
    "filters.where",
    "treatments.do_not_call",
    "treatments.finish",
    "treatments.next_in_chain",
    "treatments.redial",
    "treatments.retry_in",
    "result_handlers.delivery",
    "result_handlers.disposition",
    "dialers.simulated",
)
