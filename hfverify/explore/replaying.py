"""One given schedule, and the shortest one that shows the same.

Reads   the list of CPUs, one for each step
Gives   the execution; a schedule with fewer switches that still shows what was found
Refuses a schedule that does not fit the code any more (Misfit): it names a CPU that cannot go on, or ends too early
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from hfverify.explore.exhaustive import Perform
from hfverify.explore.steps import Execution, Step


class Misfit(Exception):
    """A schedule asks for a step that cannot be made."""


def replayed(perform: Perform, schedule: Sequence[int]) -> Execution:
    """The execution of exactly this schedule."""

    def choose(ready: list[int], steps: list[Step]) -> int | None:
        if len(steps) >= len(schedule):
            raise Misfit(f"the schedule ends after {len(schedule)} steps, but CPU {ready[0]} can go on")
        cpu = schedule[len(steps)]
        if cpu not in ready:
            able = ", ".join(map(str, ready))
            raise Misfit(f"step {len(steps) + 1} is for CPU {cpu}, but only CPU {able} can go on")
        return cpu

    execution = perform(choose)
    if len(execution.steps) < len(schedule):
        raise Misfit(f"the schedule has {len(schedule)} steps, but nobody can go on after {len(execution.steps)}")
    return execution


def shortened(perform: Perform, found: Execution, shows: Callable[[Execution], bool]) -> Execution:
    """As few switches as small steps of change lead to: blocks of steps that change places, and still show it."""
    best, changed = found, True
    while changed:
        changed = False
        for candidate in _fewerswitches(best.schedule):
            tried = followed(perform, candidate)
            if shows(tried) and switches(tried.schedule) < switches(best.schedule):
                best, changed = tried, True
                break
    return best


def followed(perform: Perform, wishes: Sequence[int]) -> Execution:
    """A schedule that follows the wishes where it can, and otherwise interrupts nobody."""

    def choose(ready: list[int], steps: list[Step]) -> int:
        if len(steps) < len(wishes) and wishes[len(steps)] in ready:
            return wishes[len(steps)]
        return steps[-1].cpu if steps and steps[-1].cpu in ready else ready[0]

    return perform(choose)


def switches(schedule: Sequence[int]) -> int:
    """How often another CPU goes on."""
    return sum(a != b for a, b in pairwise(schedule))


def _fewerswitches(schedule: list[int]) -> list[list[int]]:
    """Each block of steps of one CPU, moved to the CPU's next or last one."""
    blocks: list[list[int]] = []
    for cpu in schedule:
        if blocks and blocks[-1][0] == cpu:
            blocks[-1].append(cpu)
        else:
            blocks.append([cpu])
    found: list[list[int]] = []
    for index in range(len(blocks) - 2):
        merged = [*blocks[:index], blocks[index] + blocks[index + 2], blocks[index + 1], *blocks[index + 3 :]]
        late = [*blocks[:index], blocks[index + 1], blocks[index] + blocks[index + 2], *blocks[index + 3 :]]
        found += [[cpu for block in blocks_ for cpu in block] for blocks_ in (merged, late)]
    return found
