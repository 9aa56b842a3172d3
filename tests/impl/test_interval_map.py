"""Interval maps against a plain list of what was filled."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hafnium.interval_map import IntervalMap

HUGE = 1 << 70
NUMBERS = st.integers(0, 12) | st.sampled_from([512, 1 << 27, 1 << 52, (1 << 64) - 1, HUGE - 1, HUGE])
VALUES = st.integers(0, 2)
FILLS = st.lists(st.tuples(NUMBERS, NUMBERS, VALUES), max_size=12)


class Plain:
    """Writes down what was filled; the last fill that contains a number says its value."""

    def __init__(self, initial: int) -> None:
        self.initial = initial
        self.fills: list[tuple[int, int, int]] = []

    def get(self, number: int) -> int:
        return next((v for first, last, v in reversed(self.fills) if first <= number < last), self.initial)

    def count(self, first: int, last: int, value: int) -> int:
        """Count stretch by stretch: nothing changes between two ends."""
        ends = sorted({first, last, *(end for fill in self.fills for end in fill[:2] if first < end < last)})
        stretches = pairwise(ends)
        return sum(end - begin for begin, end in stretches if self.get(begin) == value) if first < last else 0


def check(tested: IntervalMap) -> None:
    """It is as short as it can be: its starts ascend, and neighbours differ."""
    starts, values = tested.starts, tested.values
    assert starts[0] == 0
    assert len(starts) == len(values)
    assert all(here < there for here, there in pairwise(starts))
    assert all(here != there for here, there in pairwise(values))


@given(VALUES, FILLS, st.lists(NUMBERS), st.lists(st.tuples(NUMBERS, NUMBERS, VALUES), max_size=12))
def test_it_is_a_map(
    initial: int, fills: list[tuple[int, int, int]], numbers: list[int], counts: list[tuple[int, int, int]]
) -> None:
    tested, plain = IntervalMap(initial), Plain(initial)
    for fill in fills:
        tested.fill(*fill)
        plain.fills.append(fill)
        check(tested)
        for number in [*range(14), *fill[:2], *numbers]:
            assert tested.get(number) == plain.get(number)
            assert tested.get(number + 1) == plain.get(number + 1)
        for first, last, value in [*counts, *fills]:
            assert tested.count(first, last, value) == plain.count(first, last, value)


@given(FILLS, NUMBERS, NUMBERS, VALUES)
def test_a_range_without_numbers_is_nothing(
    fills: list[tuple[int, int, int]], first: int, last: int, value: int
) -> None:
    tested = IntervalMap(0)
    for fill in fills:
        tested.fill(*fill)
    before = (list(tested.starts), list(tested.values))
    last = min(first, last)
    tested.fill(first, last, value)
    assert (tested.starts, tested.values) == before
    assert tested.count(first, last, value) == 0


def test_a_number_is_filled_up_to_the_end() -> None:
    tested = IntervalMap(5)
    tested.fill(3, 7, 9)
    assert [tested.get(number) for number in (0, 2, 3, 6, 7, HUGE)] == [5, 5, 9, 9, 5, 5]
    assert (tested.count(0, HUGE, 9), tested.count(0, HUGE, 5), tested.count(4, 6, 9)) == (4, HUGE - 4, 2)
    tested.fill(0, HUGE, 1)
    assert (tested.starts, tested.values) == ([0, HUGE], [1, 5])


def test_it_does_not_grow_with_use() -> None:
    """What is filled there and back leaves nothing behind, and neighbours become one stretch."""
    tested = IntervalMap(0)
    for number in range(1000):
        tested.fill(number, number + 1, 7)
        assert (tested.starts, tested.values) == ([0, number + 1], [7, 0])
    for number in reversed(range(1000)):
        tested.fill(number, number + 1, 0)
    assert (tested.starts, tested.values) == ([0], [0])
    for _ in range(100):
        tested.fill(10, 20, 3)
        tested.fill(12, 18, 4)
        tested.fill(15, 15, 5)
    assert (tested.starts, tested.values) == ([0, 10, 12, 18, 20], [0, 3, 4, 3, 0])
