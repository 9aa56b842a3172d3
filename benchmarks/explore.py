"""How many schedules there are, how many are tried, and how fast: `python benchmarks/explore.py [CALL CALL]...`.

Prints for each pair of calls the situations, the schedules with and without reduction, the ratio of both, steps per
second on one core, and whether switches inside of critical sections lead to other ends than those between them.
"""

from __future__ import annotations

import sys
import time
from itertools import combinations_with_replacement
from pathlib import Path

from hfverify.config import load_config
from hfverify.explore.atomicity import ends
from hfverify.explore.exhaustive import Limits, every_schedule
from hfverify.explore.machine import Shared
from hfverify.explore.situations import Situations
from hfverify.explore.steps import Execution
from hfverify.model.load import load_program

ROOT = Path(__file__).parents[1]
SOME = ("mailbox_send", "mailbox_receive", "vcpu_run", "interrupt_inject")
WHOLE = Limits(reduce=False, whole_sections=True)


def bench(first: str, second: str) -> bool:
    """One pair; whether sections may be taken for atomic in all situations."""
    config = load_config(ROOT)
    program = load_program(config.folders, config.revision)
    begun = time.perf_counter()
    situations = list(Situations(program, [program.calls[first], program.calls[second]]).all())
    searched = time.perf_counter() - begun
    counts, steps, running, atomic = [0, 0], 0, 0.0, True
    for _, scenarios in situations:
        machine = Shared(program, scenarios, str(config.folders.impl.resolve()))
        machine.watch_contracts()
        found: list[list[Execution]] = []
        for index, limits in enumerate((Limits(), Limits(reduce=False))):
            begun = time.perf_counter()
            found.append(list(every_schedule(machine.perform, limits)))
            running += time.perf_counter() - begun
            counts[index] += len(found[-1])
            steps += sum(len(execution.steps) for execution in found[-1])
        between = ends(every_schedule(machine.perform, WHOLE))
        atomic &= ends(found[0]).keys() == ends(found[1]).keys() == between.keys()
        machine.unwatch_contracts()
    print(
        f"{first + ' | ' + second:<36} {len(situations):4} situations in {searched:5.1f} s   {counts[0]:5} of "
        f"{counts[1]:6} schedules ({counts[1] / max(counts[0], 1):4.1f} x)   {steps / running:6.0f} steps/s   "
        f"{'atomic' if atomic else 'NOT ATOMIC'}",
        flush=True,
    )
    return atomic


def main() -> None:
    """All pairs of some calls, or the pairs that are given."""
    given = sys.argv[1:]
    pairs = list(zip(given[::2], given[1::2], strict=True)) or list(combinations_with_replacement(SOME, 2))
    results = [bench(first, second) for first, second in pairs]
    if not all(results):
        sys.exit(1)


if __name__ == "__main__":
    main()
