"""How many schedules there are, how many are tried, and how fast: `benchmarks/explore.py [--minutes N] [CALL CALL]...`.

Prints for each pair of calls the situations, the schedules with and without reduction, the ratio of both, steps per
second on one core, and whether switches inside of critical sections lead to other ends than those between them. Then
steps per second of longer searches, in which most parts of a schedule are known: with judging and without, and where
each schedule is executed as a whole. With `--minutes`, only the memory that a search of so many minutes takes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from functools import cache
from itertools import combinations_with_replacement, islice
from pathlib import Path

from spin import scenarios as jobs

from hfverify.config import load_config
from hfverify.explain.scenario import Scenario
from hfverify.explore.atomicity import compare, ends
from hfverify.explore.exhaustive import Limits, Perform, every_schedule
from hfverify.explore.machine import Shared
from hfverify.explore.remembering import Remembered
from hfverify.explore.situations import Situations
from hfverify.explore.steps import Execution
from hfverify.model.load import load_program
from hfverify.model.program import Program

ROOT = Path(__file__).parents[1]
JOBS = ROOT / "examples" / "jobs"
SOME = ("mailbox_send", "mailbox_receive", "vcpu_run", "interrupt_inject")
THREE = ("mailbox_send", "mailbox_receive", "vcpu_run")
EVERY = Limits(reduce=False)
# At most so many schedules of one search; of three calls, so many situations, each so far from the next.
MOST, COUNT, APART = 3_000, 8, 40


@cache
def subject(root: Path) -> tuple[Program, str]:
    """What is specified, and where the implementation is."""
    config = load_config(root)
    return load_program(config.folders, config.revision), str(config.folders.impl.resolve())


def machine(root: Path, scenarios: list[Scenario]) -> Shared:
    """Where the calls begin, on the implementation of that subject."""
    program, impl = subject(root)
    return Shared(program, scenarios, impl)


def situations(*calls: str) -> Iterator[list[Scenario]]:
    """Where calls of the hypervisor can begin together."""
    program, _ = subject(ROOT)
    return (found for _, found in Situations(program, [program.calls[name] for name in calls]).all())


def pair(first: str, second: str) -> bool:
    """One pair; whether sections may be taken for atomic in all situations."""
    begun = time.perf_counter()
    found = list(situations(first, second))
    searched = time.perf_counter() - begun
    counts, steps, running, atomic = [0, 0], 0, 0.0, True
    for scenarios in found:
        shared = machine(ROOT, scenarios)
        shared.watch_contracts()
        perform = Remembered(shared).perform
        begun = time.process_time()
        reduced, everything = list(every_schedule(perform)), list(every_schedule(perform, EVERY))
        running += time.process_time() - begun
        counts[0] += len(reduced)
        counts[1] += len(everything)
        steps += sum(len(execution.steps) for execution in (*reduced, *everything))
        atomic &= not compare(perform, ends(reduced), len(everything))[0].differences
        shared.unwatch_contracts()
    print(
        f"{first + ' | ' + second:<36} {len(found):4} situations in {searched:5.1f} s   {counts[0]:5} of "
        f"{counts[1]:6} schedules ({counts[1] / max(counts[0], 1):4.1f} x)   {steps / running:6.0f} steps/s   "
        f"{'atomic' if atomic else 'NOT ATOMIC'}",
        flush=True,
    )
    return atomic


def counted(executions: Iterator[Execution]) -> tuple[int, int]:
    """Schedules and steps, of so many schedules at most."""
    schedules = steps = 0
    for execution in islice(executions, MOST):
        schedules += 1
        steps += len(execution.steps)
    return schedules, steps


def speed(name: str, found: list[Shared]) -> None:
    """Steps per second of the processor, with all that a search does besides."""
    for limits in (EVERY, Limits()):
        for told in ("judged", "not judged", "executed"):
            schedules, steps, running = 0, 0, 0.0
            for shared in found:
                perform: Perform = shared.perform
                if told != "executed":
                    perform = Remembered(shared, judged=told == "judged").perform
                shared.watch_contracts()
                begun = time.process_time()
                more = counted(every_schedule(perform, limits))
                running += time.process_time() - begun
                shared.unwatch_contracts()
                schedules, steps = schedules + more[0], steps + more[1]
            kind = "reduced" if limits.reduce else "all"
            print(
                f"{name:<36} {kind:8} {told:11} {schedules:6} schedules {steps:7} steps {steps / running:7.0f} steps/s",
                flush=True,
            )


def memory(minutes: float) -> None:
    """Search again and again, in many situations and in one with very many schedules; the peak after each minute."""
    found = [*situations(*SOME[:2]), *situations(*SOME[2:])]
    begun, told, schedules, steps = time.perf_counter(), 0, 0, 0
    while told < minutes:
        for shared in (machine(JOBS, jobs(3, 2)), *(machine(ROOT, scenarios) for scenarios in found)):
            shared.watch_contracts()
            more = counted(every_schedule(Remembered(shared).perform, EVERY))
            shared.unwatch_contracts()
            schedules, steps = schedules + more[0], steps + more[1]
            if time.perf_counter() - begun >= 60 * (told + 1):
                told += 1
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
                print(f"minute {told:3}: {schedules:8} schedules {steps:9} steps, at most {peak} MB", flush=True)
                if told >= minutes:
                    return


def main() -> None:
    """All pairs of some calls, or the pairs that are given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=0)
    parser.add_argument("calls", nargs="*")
    given = parser.parse_args()
    if given.minutes:
        memory(given.minutes)
        return
    pairs = list(zip(given.calls[::2], given.calls[1::2], strict=True)) or [*combinations_with_replacement(SOME, 2)]
    results = [pair(first, second) for first, second in pairs]
    if not given.calls:
        speed("5 CPUs on examples/jobs", [machine(JOBS, jobs(3, 2))])
        some = list(islice(situations(*THREE), 0, COUNT * APART, APART))
        speed(f"{' | '.join(THREE)}", [machine(ROOT, scenarios) for scenarios in some])
    if not all(results):
        sys.exit(1)


if __name__ == "__main__":
    main()
