"""What happened before what: two accesses to a cell of which neither did, one of them a write, are a race.

Reads   accesses and lock operations in the order of one schedule
Gives   Race for each pair of conflicting accesses that no lock keeps apart, whatever values were seen
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Race:
    """Two accesses to a cell by different CPUs; `places` are those of the earlier and of the later one."""

    cell: Hashable
    cpus: tuple[int, int]
    verbs: tuple[str, str]
    places: tuple[Place, Place]


# The CPU, its own time, and where its code is.
_Access = tuple[int, int, Place]


@dataclass(slots=True)
class Clocks:
    """A vector clock for each CPU, and one for each lock that was given back."""

    count: int
    races: list[Race] = field(default_factory=list)
    _now: list[list[int]] = field(default_factory=list)
    _released: dict[Hashable, list[int]] = field(default_factory=dict)
    _writes: dict[Hashable, _Access] = field(default_factory=dict)
    _reads: dict[Hashable, dict[int, _Access]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._now = [[int(cpu == other) for other in range(self.count)] for cpu in range(self.count)]

    def acquire(self, cpu: int, lock: Hashable) -> None:
        """All that came before the lock was given back has happened before."""
        known = self._released.get(lock)
        if known is not None:
            self._now[cpu] = [max(pair) for pair in zip(self._now[cpu], known, strict=True)]

    def release(self, cpu: int, lock: Hashable) -> None:
        """Whoever takes the lock next comes after all that this CPU has done."""
        self._released[lock] = list(self._now[cpu])
        self._now[cpu][cpu] += 1

    def access(self, cpu: int, cell: Hashable, place: Place, *, writes: bool) -> None:
        """A plain read or write."""
        known = self._now[cpu]
        now = (cpu, known[cpu], place)
        last = self._writes.get(cell)
        if last is not None and last[1] > known[last[0]]:
            self._found(cell, last, now, ("written", "written" if writes else "read"))
        if writes:
            for read in self._reads.pop(cell, _NONE).values():
                if read[1] > known[read[0]]:
                    self._found(cell, read, now, ("read", "written"))
            self._writes[cell] = now
        else:
            self._reads.setdefault(cell, {})[cpu] = now

    def _found(self, cell: Hashable, first: _Access, second: _Access, verbs: tuple[str, str]) -> None:
        race = Race(cell, (first[0], second[0]), verbs, (first[2], second[2]))
        if race not in self.races:
            self.races.append(race)


_NONE: dict[int, _Access] = {}
