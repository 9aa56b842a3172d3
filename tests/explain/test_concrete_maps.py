"""Concrete maps agree with dictionaries.

Reads   hfverify.explain.maps
Gives   agreement of at, fill, count, total and stretches, on Hypothesis inputs
Refuses two maps with equal values that are not equal
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hfverify.explain.maps import Map

# Numbers below `END` are looked at one by one; beyond it all have the value that the map began with.
END = 14
NUMBERS = st.integers(0, END)
VALUES = st.integers(0, 3)
FILLS = st.lists(st.tuples(NUMBERS, NUMBERS, VALUES), max_size=6)
REPEATABLE = settings(max_examples=200, derandomize=True, deadline=None, database=None)
Fills = list[tuple[int, int, int]]


def both(start: int, fills: Fills) -> tuple[Map, dict[int, int]]:
    """The same fills of a map and of a dictionary."""
    made, plain = Map.of([(0, start)]), dict.fromkeys(range(END + 3), start)
    for first, last, value in fills:
        made = made.fill(first, last, value)
        plain |= dict.fromkeys(range(first, last), value)
    return made, plain


@REPEATABLE
@given(VALUES, FILLS)
def test_each_number_has_the_value_of_its_last_fill(start: int, fills: Fills) -> None:
    made, plain = both(start, fills)
    assert {number: made.at(number) for number in plain} == plain
    assert made.at(1 << 64) == start


@REPEATABLE
@given(VALUES, FILLS, NUMBERS, NUMBERS, VALUES)
def test_a_count_counts(start: int, fills: Fills, first: int, last: int, value: int) -> None:
    made, plain = both(start, fills)
    assert made.count(first, last, value) == sum(plain[number] == value for number in range(first, last))
    expected = None if value == start else sum(held == value for held in plain.values())
    assert made.total(value) == expected


@REPEATABLE
@given(VALUES, FILLS)
def test_stretches_follow_each_other_and_differ(start: int, fills: Fills) -> None:
    made, plain = both(start, fills)
    stretches = list(made.stretches())
    assert [first for first, _, _ in stretches] == [0, *(last for _, last, _ in stretches[:-1])]
    assert stretches[-1][1:] == (None, start)
    assert all(one[2] != other[2] for one, other in pairwise(stretches))
    for first, last, value in stretches[:-1]:
        assert last is not None
        assert all(plain[number] == value for number in range(first, last))


@REPEATABLE
@given(VALUES, FILLS)
def test_equal_values_are_equal_maps(start: int, fills: Fills) -> None:
    made, plain = both(start, fills)
    assert Map.of([(number, value) for number, value in reversed(plain.items())]) == made
    assert made.fill(3, 3, 9) == made == made.fill(5, 2, 9)


def test_maps_side_by_side() -> None:
    one, other = Map.of([(0, 1), (5, 2)]), Map.of([(0, 1), (3, 2), (9, 4)])
    found = [(0, 3, (1, 1)), (3, 5, (1, 2)), (5, 9, (2, 2)), (9, None, (2, 4))]
    assert list(Map.together([one, other])) == found
