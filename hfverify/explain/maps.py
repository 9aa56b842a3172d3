"""Concrete maps: a value for every number from 0 on. No solver.

Reads   nothing
Gives   Map, which is immutable: values over stretches of numbers, equal neighbours merged
Refuses nothing
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Map:
    """`values[i]` from `starts[i]` up to the next start; the last one for ever."""

    starts: tuple[int, ...]
    values: tuple[int, ...]

    @staticmethod
    def of(stretches: Iterable[tuple[int, int]]) -> Map:
        """From pairs of a start and a value, in any order; the first start is 0."""
        starts: list[int] = []
        values: list[int] = []
        for start, value in sorted(stretches):
            if not values or values[-1] != value:
                starts.append(start)
                values.append(value)
        return Map(tuple(starts), tuple(values))

    def at(self, number: int) -> int:
        """The value of a number."""
        return self.values[bisect_right(self.starts, number) - 1]

    def stretches(self) -> Iterator[tuple[int, int | None, int]]:
        """First, last (which does not belong to it; None for ever) and value of each stretch."""
        yield from zip(self.starts, [*self.starts[1:], None], self.values, strict=True)

    @staticmethod
    def together(maps: Sequence[Map]) -> Iterator[tuple[int, int | None, tuple[int, ...]]]:
        """First, last (as of `stretches`) and the value in each map, of each stretch where none of them changes."""
        starts = sorted({start for one in maps for start in one.starts})
        for first, last in zip(starts, [*starts[1:], None], strict=True):
            yield first, last, tuple(one.at(first) for one in maps)

    def fill(self, first: int, last: int, value: int) -> Map:
        """The map in which the numbers from `first` up to `last` have a value."""
        if first >= last:
            return self
        kept = [(s, v) for s, v in zip(self.starts, self.values, strict=True) if not first <= s <= last]
        return Map.of([*kept, (first, value), (last, self.at(last))])

    def count(self, first: int, last: int, value: int) -> int:
        """How many of the numbers from `first` up to `last` have a value."""
        found = 0
        for start, end, held in self.stretches():
            if held == value:
                found += max(min(last if end is None else end, last) - max(start, first), 0)
        return found

    def total(self, value: int) -> int | None:
        """How many numbers have a value; None if there is no end to them."""
        return None if self.values[-1] == value else self.count(0, self.starts[-1], value)
