"""Cases: what a strategy is to decide, told as data beside the ruleset and played on the pipeline of a run.

`cases.format` says what a file may hold, `cases.reading` makes each `cases.case` of it, `cases.playing` plays it,
`cases.covering` tells which rules were met, `cases.mending` writes the outcome into the file, `cases.suite` finds files
and plays them all.
"""
