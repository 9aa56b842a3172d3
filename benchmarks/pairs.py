"""All pairs of calls on two CPUs, exhaustively with reduction: `benchmarks/pairs.py [--jobs N] [--all] [CALL]...`.

Prints situations, schedules and steps of all pairs, the time on so many cores, and what went wrong, if anything did.
With `--all`, also how many schedules there are without reduction; their ends, and those of the schedules that switch
between critical sections alone, must be those of the reduced search.
Calls that change maps are left out unless they are named: the solver looks for their states much longer.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from itertools import combinations_with_replacement
from pathlib import Path

from hfverify.config import load_config
from hfverify.explore.locking import without_maps
from hfverify.explore.pairs import search_all
from hfverify.explore.search import Plan
from hfverify.model.load import load_program

ROOT = Path(__file__).parents[1]
MOST = 20_000


def main() -> None:
    """Explore them, and say how long it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("calls", nargs="*")
    given = parser.parse_args()
    config = load_config(ROOT)
    program = load_program(config.folders, config.revision)
    pairs = list(combinations_with_replacement(given.calls or without_maps(program), 2))
    begun = time.perf_counter()
    situations = schedules = unreduced = steps = wrong = 0
    plan = Plan(compare=MOST if given.all else 0)
    for found in search_all(program, config.folders, pairs, given.jobs, plan):
        situations += found.tally.situations
        schedules += found.tally.schedules
        steps += found.tally.steps
        unreduced += found.tally.unreduced
        wrong += len(found.findings) + bool(found.failed)
        for text in (*(data["problems"][0]["text"] for data in found.findings), found.failed):
            if text:
                print(f"{' | '.join(found.calls)}: {text}", flush=True)
    seconds = time.perf_counter() - begun
    others = f" of {unreduced} without reduction" if given.all else ""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{len(pairs)} pairs: {situations} situations, {schedules} schedules{others}, {steps} steps, {wrong} problems; "
        f"{seconds:.1f} s with {given.jobs} processes, {used.ru_utime + used.ru_stime:.1f} s of processor time, "
        f"at most {used.ru_maxrss // 1024} MB each"
    )


if __name__ == "__main__":
    main()
