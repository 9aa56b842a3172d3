"""Random schedules that find rare orders with a known chance: priorities with few changes (PCT).

Reads   a function that runs one schedule, a seed
Gives   as many executions as asked for, the same ones for the same seed
Refuses nothing

With n CPUs, k steps and d changes, an order that needs d + 1 steps to come out wrong is found with a chance of at least
1 / (n * k ** d) in each execution (Burckhardt and others, 2010).
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from hfverify.explore.exhaustive import Perform
from hfverify.explore.steps import Execution, Step


def by_priority(perform: Perform, cpus: int, count: int, *, changes: int = 3, seed: int = 0) -> Iterator[Execution]:
    """The CPU with the highest priority goes on; at each change, whoever is about to gets the lowest one."""
    random = Random(seed)  # noqa: S311
    length = 10
    for _ in range(count):
        rank = list(range(cpus))
        random.shuffle(rank)
        points = set(random.sample(range(1, length + 1), min(changes, length)))

        def choose(ready: list[int], steps: list[Step], rank: list[int] = rank, points: set[int] = points) -> int:
            if len(steps) in points:
                first = min(ready, key=rank.index)
                rank.remove(first)
                rank.append(first)
            return min(ready, key=rank.index)

        execution = perform(choose)
        length = max(length, len(execution.steps))
        yield execution
