"""Maps from numbers to values that are the same over long stretches."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class IntervalMap:
    """A value for every number from 0 on: `values[i]` from `starts[i]` up to the next start, first `initial`.

    `starts` ascends, from 0 on, and neighbours have different values.
    """

    initial: int
    starts: list[int] = field(init=False, repr=False)
    values: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.starts = [0]
        self.values = [self.initial]

    def get(self, number: int) -> int:
        """Return the value of a number."""
        return self.values[bisect_right(self.starts, number) - 1]

    def fill(self, first: int, last: int, value: int) -> None:
        """Give the numbers from `first` up to `last`, which does not belong to them, a value."""
        if first >= last:
            return
        begin, end = bisect_left(self.starts, first), bisect_right(self.starts, last)
        starts, values = [first, last], [value, self.values[end - 1]]
        if values[1] == value:
            del starts[1], values[1]
        if begin > 0 and self.values[begin - 1] == value:
            del starts[0], values[0]
        self.starts[begin:end] = starts
        self.values[begin:end] = values

    def count(self, first: int, last: int, value: int) -> int:
        """Return how many of the numbers from `first` up to `last` have this value."""
        found = 0
        position = bisect_right(self.starts, first) - 1
        while first < last:
            end = self.starts[position + 1] if position + 1 < len(self.starts) else last
            if self.values[position] == value:
                found += min(end, last) - first
            first = end
            position += 1
        return found
