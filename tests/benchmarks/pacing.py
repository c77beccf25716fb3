"""Every way of pacing on the same luck: scenarios S1 to S11, and M against exact bounds, from 5 to 500 agents.

The real engine and the real dialing modes on a made-up floor (`floor.py`), whole days with their start. What is above
the cap is shown and not ranked: its mean abandon rate is, or that of more than one day of a hundred. Rows marked * are
tuned with hindsight: the best value of a grid for this very cell that is ranked, which no operator can know.

    python tests/benchmarks/pacing.py --scenarios S1,S6 --agents 10,100 --days 4 --json pacing.json --svg pacing.svg
    python tests/benchmarks/pacing.py --scenarios M0.1,M0.3,M0.6 --agents 5,10,25,50,100 --modes predictive --hours 24
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

from floor import SCENARIOS, START, Day, Floor

from cxrun.elements import DialingMode
from cxrun.registry import Registry, load_registry

POWER: Final = (1.1, 1.25, 1.4, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 4, 4.5, 5, 6, 7, 8, 10, 12)
LEVEL: Final = (1.06, 1.1, 1.14, 1.18, 1.22, 1.26, 1.3, 1.35, 1.4, 1.45, 1.5, 1.6, 1.7, 1.8, 2, 2.2, 2.4, 3)
BOUNDS: Final = Path(__file__).with_name("bounds.json")


class Rival(NamedTuple):
    """A mode by name, and the parameters it may have; of several the best is chosen with hindsight.

    If `warm`, each day starts from what the day before has remembered, as runs of a group do; the first one comes
    after a day that is not counted.
    """

    mode: str
    parameters: Sequence[Mapping[str, Any]]
    warm: bool = False


RIVALS: Final = {
    "progressive": Rival("progressive", ({},)),
    "level": Rival("adaptive_level", ({},)),
    "level tapered": Rival("adaptive_level", ({"limit": "tapered", "taper_until": "08:00"},)),
    "level*": Rival("adaptive_level", tuple({"max_level": level} for level in LEVEL)),
    "power*": Rival("power", tuple({"calls_per_agent": calls} for calls in POWER)),
    "predictive": Rival("predictive", ({},)),
    "predictive 1 %": Rival("predictive", ({"abandon_rate": 1},)),
    "predictive warm": Rival("predictive", ({},), warm=True),
}
DETECTION: Final = {"mistaken_people": 1, "mistaken_machines": 6.6}
"""What call analysis of S8 does: 1 % of people lost, and 5 % of the voicemail (42 % of calls) beside 29.7 % people."""


class Job(NamedTuple):
    """Some days of one mode in one cell."""

    scenario: str
    agents: int
    rival: str
    parameters: Mapping[str, Any]
    days: int
    hours: float
    warm_up: float


class Row(NamedTuple):
    """What came of some days of one mode in one cell: shares in percent, times in seconds."""

    scenario: str
    agents: int
    mode: str
    parameters: Mapping[str, Any]
    utilisation: float
    error: float
    talk_share: float
    abandon: float
    worst_day: float
    worst_hour: float
    days: int
    days_over: int
    wait: float
    wait_90: float
    connects_per_agent_hour: float
    dials_per_connect: float
    cpu_per_day: float
    events_per_second: int
    bound: float | None = None

    def ranked(self, cap: float) -> bool:
        if self.scenario.startswith("M"):
            return self.abandon <= cap + 0.05
        return self.abandon <= cap and self.days_over <= 0.01 * self.days


@cache
def registry() -> Registry:
    return load_registry()


def mode_of(job: Job) -> DialingMode:
    name = RIVALS[job.rival].mode
    parameters = dict(job.parameters)
    if name == "predictive" and job.scenario == "S8":
        parameters |= DETECTION
    if name == "predictive" and SCENARIOS[job.scenario].markov:
        parameters["measured_over"] = ["campaign"]
    mode = registry().get("dialing mode", name).build(parameters)
    assert isinstance(mode, DialingMode)
    return mode


def play(job: Job) -> Row:
    """Play the days of a job."""
    world = SCENARIOS[job.scenario]
    mode = mode_of(job)
    warm = RIVALS[job.rival].warm
    memory: Mapping[str, Any] = {}
    answers: dict[int, tuple[int, int]] = {}
    days = []
    for seed in range(0 if warm else 1, job.days + 1):
        floor = Floor(world, job.agents, mode, seed, hours=job.hours, warm_up=job.warm_up)
        if memory:
            floor.engine.recall(memory)
            floor.engine.count(answers)
        day = floor.run()
        if warm:
            memory = json.loads(json.dumps(floor.engine.remember()))
            answers[int(START // 86_400) - job.days - 1 + seed] = (day.live, day.abandoned)
        if seed:
            days.append(day)
        if len(RIVALS[job.rival].parameters) > 1 and day.abandon > 8:
            break
    return summed(job, days)


def summed(job: Job, days: Sequence[Day]) -> Row:
    used = [day.utilisation for day in days]
    waits = sorted(wait for day in days for wait in day.waits) or [0.0]
    staffed, cpu = sum(day.staffed for day in days), sum(day.seconds for day in days)
    cap = job.parameters.get("abandon_rate", 3)
    return Row(
        job.scenario,
        job.agents,
        job.rival,
        job.parameters,
        utilisation=round(statistics.fmean(used), 2),
        error=round(statistics.stdev(used) / len(used) ** 0.5, 2) if len(used) > 1 else 0.0,
        talk_share=round(100 * sum(day.talked for day in days) / staffed, 2),
        abandon=round(100 * sum(day.abandoned for day in days) / max(1, sum(day.live for day in days)), 3),
        worst_day=round(max(day.abandon for day in days), 3),
        worst_hour=round(max(day.worst_hour for day in days), 2),
        days=len(days),
        days_over=sum(day.abandon > cap for day in days),
        wait=round(statistics.fmean(waits), 1),
        wait_90=round(waits[int(0.9 * len(waits))], 1),
        connects_per_agent_hour=round(3600 * sum(day.connects for day in days) / staffed, 2),
        dials_per_connect=round(
            sum(day.placed for day in days) / max(1, sum(day.connects for day in days)), 2
        ),
        cpu_per_day=round(cpu / len(days), 2),
        events_per_second=int(sum(day.events for day in days) / max(cpu, 1e-9)),
    )


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    for scenario in options.scenarios:
        warm_up = options.warm_up if SCENARIOS[scenario].markov else 0.0
        for agents in options.agents:
            for rival in options.modes:
                for parameters in RIVALS[rival].parameters:
                    yield Job(scenario, agents, rival, parameters, options.days, options.hours, warm_up)


def bounds() -> dict[tuple[float, int], float]:
    """The exact bounds of family M in percent, by answer rate and agents, as far as they were computed."""
    if not BOUNDS.exists():
        return {}
    entries = json.loads(BOUNDS.read_text(encoding="utf-8"))
    return {
        (entry["answer_rate"], entry["agents"]): 100 * entry["utilisation"]
        for entry in entries
        if entry["cap"] == 0.03
    }


def chosen(rows: Sequence[Row]) -> Row:
    """Of one mode's rows in one cell the best that keeps the cap, or the one that breaks it least."""
    keeping = [row for row in rows if row.ranked(3)]
    return (
        max(keeping, key=lambda row: row.utilisation) if keeping else min(rows, key=lambda row: row.abandon)
    )


def table(rows: Sequence[Row]) -> Iterator[str]:
    yield "scenario agents  mode            use %   +-    abandon %  worst day  over     wait s  p90 s  dials  cpu s"
    cell: tuple[str, int] | None = None
    for row in rows:
        if (row.scenario, row.agents) != cell:
            cell = (row.scenario, row.agents)
            yield ""
        same = [r for r in rows if (r.scenario, r.agents) == cell and r.ranked(3)]
        rank = 1 + sum(other.utilisation > row.utilisation for other in same)
        place = str(rank) if row.ranked(3) else "above the cap"
        gap = ""
        if row.bound is not None:
            behind = f", gap {row.bound - row.utilisation:.2f}" if row.ranked(3) else ""
            gap = f"  bound {row.bound:.2f}{behind}"
        value = next((f" ({value:g})" for value in row.parameters.values() if row.mode.endswith("*")), "")
        yield (
            f"{row.scenario:8} {row.agents:6}  {row.mode + value:14} {row.utilisation:6.2f} {row.error:5.2f} "
            f"{row.abandon:10.2f} {row.worst_day:10.2f} {row.days_over:4}/{row.days:<4} {row.wait:7.1f} "
            f"{row.wait_90:6.1f} {row.dials_per_connect:6.2f} {row.cpu_per_day:6.2f}  {place}{gap}"
        )


_COLOURS: Final = ("#888888", "#c49a3a", "#a0603a", "#b0417a", "#3a7ac4", "#1a8a4a", "#6a4ac4")


def drawn(rows: Sequence[Row]) -> str:
    """Utilisation by agents, a small plot for each scenario, as SVG. Hollow points are above the cap."""
    scenarios = list(dict.fromkeys(row.scenario for row in rows))
    sizes = sorted({row.agents for row in rows})
    modes = list(dict.fromkeys(row.mode for row in rows))
    width, height, across = 300, 220, min(4, len(scenarios))
    down = -(-len(scenarios) // across)
    lowest = min(80, *(int(row.utilisation // 10 * 10) for row in rows))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" height="{down * height + 40}" '
        f'width="{max(across * width, 40 + 130 * len(modes))}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, mode in enumerate(modes):
        x = 40 + number * 130
        parts.append(
            f'<circle cx="{x}" cy="16" r="4" fill="{_COLOURS[number]}"/><text x="{x + 8}" y="20">{mode}</text>'
        )
    for number, scenario in enumerate(scenarios):
        left, top = number % across * width + 40, number // across * height + 60
        wide, high = width - 60, height - 60
        parts.append(f'<text x="{left}" y="{top - 8}">{scenario}: utilisation, % by agents</text>')
        for share in range(lowest, 101, 10):
            y = top + high * (100 - share) / (100 - lowest)
            parts.append(f'<path d="M{left} {y:.1f}h{wide}" stroke="#ddd"/>')
            parts.append(f'<text x="{left - 28}" y="{y + 4:.1f}">{share}</text>')
        places = {size: left + wide * (n + 0.5) / len(sizes) for n, size in enumerate(sizes)}
        parts += [f'<text x="{x - 8:.1f}" y="{top + high + 14}">{size}</text>' for size, x in places.items()]
        for colour, mode in zip(_COLOURS, modes, strict=False):
            points = [
                (places[row.agents], top + high * (100 - row.utilisation) / (100 - lowest), row.ranked(3))
                for row in rows
                if (row.scenario, row.mode) == (scenario, mode)
            ]
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}"/>')
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" stroke="{colour}" fill="{colour if ranked else "white"}"/>'
                for x, y, ranked in points
            ]
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = parser.add_argument
    names(
        "--scenarios",
        type=_listed(SCENARIOS),
        default="S1",
        help=f"of {', '.join(SCENARIOS)}; or R for S1 to S11",
    )
    names(
        "--agents",
        type=_sizes,
        default="5,10,25,50,100",
        help="sizes, each at least 1",
    )
    names(
        "--modes",
        type=_listed(RIVALS),
        default="progressive,level,level*,power*,predictive",
        help=", ".join(RIVALS).replace("%", "%%"),
    )
    names("--days", type=_count, default=2, help="seeds, each a day; default 2")
    names("--hours", type=float, default=8, help="hours of a day; default 8")
    names("--warm-up", type=float, default=4, help="hours that are not counted, in family M only; default 4")
    names("--processes", type=_count, default=1)
    names("--json", type=Path, help="write the rows to this file")
    names("--svg", type=Path, help="draw them into this file")
    options = parser.parse_args()
    found: dict[tuple[str, int, str], list[Row]] = {}
    with get_context("spawn").Pool(options.processes) as pool:
        work = list(jobs(options))
        for number, row in enumerate(pool.imap(play, work), 1):
            print(f"\r{number} of {len(work)}", end="", file=sys.stderr, flush=True)
            found.setdefault((row.scenario, row.agents, row.mode), []).append(row)
    print(file=sys.stderr)
    exact = bounds()
    rows = []
    for (scenario, agents, _), candidates in found.items():
        row = chosen(candidates)
        if scenario.startswith("M"):
            row = row._replace(bound=exact.get((float(scenario[1:]), agents)))
        rows.append(row)
    print("\n".join(table(rows)))
    if options.json:
        options.json.write_text(
            json.dumps([row._asdict() for row in rows], indent=1) + "\n", encoding="utf-8"
        )
    if options.svg:
        options.svg.write_text(drawn(rows), encoding="utf-8")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text}")
    return int(text)


def _sizes(text: str) -> list[int]:
    return [_count(size) for size in text.split(",")]


def _listed(known: Mapping[str, object]) -> Any:
    def read(text: str) -> list[str]:
        names = [f"S{n}" for n in range(1, 12)] if text == "R" else text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        return names

    return read


if __name__ == "__main__":
    main()
