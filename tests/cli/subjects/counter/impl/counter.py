"""Counters in plain Python."""

from dataclasses import dataclass, field
from threading import Lock


@dataclass(eq=False)
class Counter:
    id: int
    limit: int
    value: int = 0
    lock: Lock = field(default_factory=Lock)


def up(mine: Counter) -> int:
    with mine.lock:
        if mine.value == mine.limit:
            return 1
        mine.value += 1
        return 0


def reset(mine: Counter, start: int) -> int:
    if start > mine.limit:
        return 1
    with mine.lock:
        mine.value = start
    return 0
