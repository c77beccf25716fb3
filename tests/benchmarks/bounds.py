"""The exact bound of family M: the most that agents can be busy while the abandon rate stays under its cap.

Family M is a Markov campaign. An agent is busy for an exponential time (talk and wrap-up together), a call rings for
an exponential time whatever comes of it, then it is answered by a person with probability `answer_rate`, and whoever
finds no agent waits for an exponential time before he is gone. A state is (calls with an agent or waiting for one,
calls ringing); at every event a controller that sees the state may place any number of calls. What such a controller
can reach at most, choosing by lot included, is the least value over the multiplier of

    share of agents busy - multiplier x (abandoned - cap x answered, per second)

maximised over all policies: no causal controller of the campaign can do better. The maximum is found by policy
iteration on the cut-off state space with a sparse direct solve; the multiplier by cutting the lines of the best
policies found above and below the cap, which ends at two policies whose mixture spends the cap exactly.

    python tests/benchmarks/bounds.py                 # recompute all cells and compare with bounds.json
    python tests/benchmarks/bounds.py --agents 2 10   # those cells only
    python tests/benchmarks/bounds.py --cut-off       # and the error of the cut-off
    python tests/benchmarks/bounds.py --write         # and store what was found

Ends with 1 if a cell is not what is stored. Needs numpy and scipy: `pip install --group benchmark`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

STORED: Final = Path(__file__).with_name("bounds.json")
AGENTS: Final = (2, 5, 10, 25, 50, 100)
ANSWER_RATES: Final = (0.1, 0.3, 0.6)
CAP: Final = 0.03
SERVICE: Final = 140.0
"""Mean seconds an agent is busy with a call, wrap-up included."""
RING: Final = 11.0
PATIENCE: Final = 2.0
TOLERANCE: Final = 1e-6
"""How far a recomputed share may be from the stored one: both are rounded to as many places."""


class Campaign(NamedTuple):
    """A Markov campaign; durations are means in seconds. `queue` and `ringing` cut the state space off: calls that
    wait for an agent, and calls that ring, at most."""

    agents: int
    answer_rate: float
    cap: float
    queue: int
    ringing: int

    def doubled(self) -> Campaign:
        return self._replace(queue=2 * self.queue, ringing=2 * self.ringing)


class Policy(NamedTuple):
    """A policy and what it comes to. `target[j, c]` is how many calls ring after the decision in state (j, c)."""

    target: np.ndarray
    busy: float
    abandoned: float
    answered: float

    def excess(self, cap: float) -> float:
        """Calls abandoned above the cap, per second."""
        return self.abandoned - cap * self.answered


class Bound(NamedTuple):
    """The bound, and the policies on both sides of the cap whose mixture reaches it."""

    utilisation: float
    multiplier: float
    under: Policy
    over: Policy

    @property
    def abandon(self) -> float:
        """Abandon rate of the mixture that reaches the bound."""
        share = self.mixed
        lost = share * self.over.abandoned + (1 - share) * self.under.abandoned
        return lost / (share * self.over.answered + (1 - share) * self.under.answered)

    @property
    def mixed(self) -> float:
        """Share of time the policy above the cap is followed in the mixture."""
        if self.over.busy <= self.under.busy:
            return 0.0
        return (self.utilisation - self.under.busy) / (self.over.busy - self.under.busy)


def campaign(agents: int, answer_rate: float, cap: float = CAP) -> Campaign:
    """A cell of family M, cut off far beyond where an optimal control ever is."""
    steady = agents / SERVICE * RING / answer_rate
    return Campaign(
        agents, answer_rate, cap, 16 + agents // 10, math.ceil(steady + 14 * math.sqrt(steady) + 20)
    )


def solve(cell: Campaign) -> Bound:
    """The bound of a cell, as exact as a float: the two policies are optimal at the multiplier."""
    problem = _Problem(cell)
    under = problem.progressive()
    over = problem.optimise(problem.answer_to_answer(), 10 / cell.agents)
    assert over.excess(cell.cap) > 0, "the multiplier to begin with is too large"
    while True:
        multiplier = (over.busy - under.busy) / (over.excess(cell.cap) - under.excess(cell.cap))
        crossing = over.busy - multiplier * over.excess(cell.cap)
        best = problem.optimise(over.target, multiplier)
        if best.busy - multiplier * best.excess(cell.cap) <= crossing + 1e-11:
            return Bound(crossing, multiplier, under, over)
        if best.excess(cell.cap) > 0:
            over = best
        else:
            under = best


class _Problem:
    """The campaign as arrays over the states after a decision, (j, c) at index j x (ringing + 1) + c."""

    def __init__(self, cell: Campaign) -> None:
        self._cell = cell
        n, top = cell.agents, cell.agents + cell.queue
        self._shape = (top + 1, cell.ringing + 1)
        j, c = (part.ravel() for part in np.indices(self._shape))
        self._size = j.size
        served = np.minimum(j, n) / SERVICE
        gone = np.maximum(j - n, 0) / PATIENCE
        live, dead = c / RING * cell.answer_rate, c / RING * (1 - cell.answer_rate)
        room = j < top
        fewer, stopped, taken = np.maximum(j - 1, 0), np.maximum(c - 1, 0), np.minimum(j + 1, top)
        # with nothing under way nothing would ever happen again: a second later one call rings
        idle = ((j == 0) & (c == 0)).astype(float)
        self._moves = (
            (served + gone, fewer, c), (live, taken, stopped), (dead, j, stopped),
            (idle, j, np.minimum(c + 1, cell.ringing)),
        )  # fmt: skip
        self._out = served + gone + live + dead + idle
        self._rewards = np.column_stack([np.minimum(j, n) / n, gone + live * ~room, live])

    def progressive(self) -> Policy:
        """One call for each agent who is free, which abandons nothing: an agent is busy, or a call rings for him."""
        busy = SERVICE / (SERVICE + RING / self._cell.answer_rate)
        answered = busy * self._cell.agents / SERVICE
        return Policy(self.answer_to_answer(), busy, 0.0, answered)

    def answer_to_answer(self) -> np.ndarray:
        """A policy to begin with: as many calls ring as are answered once for each agent who will be free by then."""
        j, c = np.indices(self._shape)
        due = (self._cell.agents * (1 + RING / SERVICE) - j) / self._cell.answer_rate
        return np.maximum(c, np.clip(due, 0, self._cell.ringing).astype(int))

    def optimise(self, target: np.ndarray, multiplier: float) -> Policy:
        """The best policy at a multiplier, by policy iteration from `target`."""
        weights = np.array([1.0, -multiplier, multiplier * self._cell.cap])
        columns = np.arange(self._shape[1])
        gain = -math.inf
        while True:
            policy, values = self.evaluate(target)
            before, gain = gain, policy.busy - multiplier * policy.excess(self._cell.cap)
            if gain <= before + 1e-13:
                return policy
            worth = (values @ weights).reshape(self._shape)
            # the first of the best from c on, looked for from the right
            best = np.maximum.accumulate(worth[:, ::-1], axis=1)[:, ::-1]
            reached = np.where(worth >= best, columns, self._shape[1])
            target = np.minimum.accumulate(reached[:, ::-1], axis=1)[:, ::-1]

    def evaluate(self, target: np.ndarray) -> tuple[Policy, np.ndarray]:
        """What a policy comes to in the long run, and the relative value of each state for each of the rewards.

        Values are relative to a state the policy often comes back to: calls have just been placed, as many as
        keep the number of busy agents as it is. A rare one would cost most of the digits.
        """
        width = self._shape[1]
        busy = np.arange(self._cell.agents + 1)
        steady = busy / SERVICE * RING / self._cell.answer_rate
        most = np.flatnonzero(target[busy, 0] >= steady)[-1]
        anchor = most * width + int(target[most, 0])
        states = np.arange(self._size)
        rows = np.tile(states, len(self._moves) + 1)
        ends = [j * width + target[j, c] for _, j, c in self._moves]
        matrix = csc_matrix(
            (np.concatenate([self._out, *(-rate for rate, _, _ in self._moves)]),
             (rows, np.concatenate([states, *ends]))),
            shape=(self._size, self._size),
        )  # fmt: skip
        inner = np.delete(states, anchor)
        factors = splu(matrix[inner][:, inner].tocsc())
        solved = factors.solve(np.column_stack([self._rewards, np.ones(self._size)])[inner])
        earned, spent = solved[:, :3], solved[:, 3:]
        leaving = matrix[anchor].toarray()[0, inner]
        gains = (self._rewards[anchor] - leaving @ earned) / (1 - leaving @ spent)
        values = np.zeros((self._size, 3))
        values[inner] = earned - spent * gains
        return Policy(target, *map(float, gains)), values


def cell_of(bound: Bound, cell: Campaign) -> dict[str, Any]:
    """A cell as bounds.json keeps it."""
    return {
        "agents": cell.agents,
        "answer_rate": cell.answer_rate,
        "cap": cell.cap,
        "utilisation": round(bound.utilisation, 6),
        "abandon": round(bound.abandon, 6),
        "method": f"policy iteration on {cell.agents + cell.queue + 1} x {cell.ringing + 1} states, multiplier "
        f"{bound.multiplier:.6g}; mixture of two deterministic policies, the better under the cap at "
        f"{bound.under.busy:.4f}",
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, nargs="+", default=AGENTS)
    parser.add_argument("--answer-rate", type=float, nargs="+", default=ANSWER_RATES)
    parser.add_argument("--write", action="store_true", help="store what was found in bounds.json")
    parser.add_argument(
        "--cut-off",
        action="store_true",
        help="tell the error of the cut-off: solve again with twice as many calls waiting and ringing",
    )
    options = parser.parse_args()
    stored = {
        (cell["agents"], cell["answer_rate"]): cell
        for cell in (json.loads(STORED.read_text()) if STORED.exists() else [])
    }
    unequal = 0
    print("agents  answer rate  utilisation  abandon   one policy   stored  cut-off     seconds")
    for answer_rate in options.answer_rate:
        for agents in options.agents:
            begun = time.perf_counter()
            cell = campaign(agents, answer_rate)
            bound = solve(cell)
            found = cell_of(bound, cell)
            before = stored.get((agents, answer_rate))
            equal = before is not None and all(
                abs(found[key] - before[key]) <= TOLERANCE for key in ("utilisation", "abandon")
            )
            unequal += not equal
            error = (
                f"{solve(cell.doubled()).utilisation - bound.utilisation:+.1e}" if options.cut_off else "-"
            )
            print(
                f"{agents:6}  {answer_rate:11}  {bound.utilisation:11.4%}  {bound.abandon:7.4%}  "
                f"{bound.under.busy:11.4%}  {'same' if equal else 'differs' if before else 'none':>7}  {error:>7}  "
                f"{time.perf_counter() - begun:10.1f}",
                flush=True,
            )
            stored[agents, answer_rate] = found
    if options.write:
        cells = ",\n ".join(json.dumps(stored[key]) for key in sorted(stored, key=lambda key: key[::-1]))
        STORED.write_text(f"[{cells}]\n")
        return 0
    return int(unequal > 0)


if __name__ == "__main__":
    sys.exit(main())
