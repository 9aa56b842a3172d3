"""The theory of maps agrees with dictionaries: what Z3 can show of a map that was filled is what is so.

Reads   hfverify.logic.maps
Gives   agreement on Hypothesis inputs, with constant and with symbolic numbers; what a count says of single numbers
Refuses a fact that a dictionary contradicts
"""

from __future__ import annotations

import pytest
import z3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hfverify.logic import maps
from hfverify.logic.facts import Facts
from hfverify.logic.values import Map

END = 8
NUMBERS = st.integers(0, END)
VALUES = st.integers(0, 2)
FILLS = st.lists(st.tuples(NUMBERS, NUMBERS, VALUES), max_size=4)
RANGES = st.tuples(NUMBERS, NUMBERS)
REPEATABLE = settings(
    max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
Fills = list[tuple[int, int, int]]


class Small:
    """A map and the same as a dictionary; beyond `END` the map has the value it began with.

    With `symbolic` a number is a constant of the solver of which the number is known. What is asked of the map comes
    before what is known, as on a path.
    """

    def __init__(self, symbolic: bool, name: str = "codes") -> None:
        self.symbolic = symbolic
        self.facts = Facts()
        self.known: list[z3.BoolRef] = []
        self.name = z3.Array(name, z3.IntSort(), z3.IntSort())
        self.map = Map(self.name)
        self.plain: dict[int, int] = {}

    def begins_with(self, values: list[int]) -> None:
        """Each number below the length of the list has its value there."""
        self.plain = dict(enumerate(values))
        self.known += [self.name[number] == value for number, value in self.plain.items()]

    def begins_as(self, value: int) -> None:
        """All numbers have one value."""
        self.plain = dict.fromkeys(range(END + 1), value)
        number = z3.Int("number")
        self.known.append(z3.ForAll([number], self.name[number] == value, patterns=[self.name[number]]))

    def number(self, value: int) -> z3.ArithRef:
        """A number that is this one."""
        if not self.symbolic:
            return z3.IntVal(value)
        made = z3.FreshInt()
        self.known.append(made == value)
        return made

    def fill(self, fills: Fills) -> None:
        """Fill the map and the dictionary."""
        for first, last, value in fills:
            begin = self.number(first)
            end = begin + 1 if last == first + 1 else self.number(last)
            self.map = maps.fill(self.facts, self.map, begin, end, self.number(value))
            self.plain |= dict.fromkeys(range(first, last), value)

    def counted(self, first: int, last: int, value: int) -> int:
        """How many numbers have a value in the dictionary."""
        return sum(self.plain[number] == value for number in range(first, last))

    def can_be(self, *formulas: z3.BoolRef) -> bool:
        """Whether Z3 finds no contradiction."""
        solver = z3.Solver()
        solver.set("timeout", 5000)
        solver.add(*self.facts.formulas, *self.known, *formulas)
        return bool(solver.check() != z3.unsat)

    def is_equal(self, term: z3.ArithRef, value: int) -> bool:
        """Whether a term can have a value and no other one."""
        return self.can_be(term == value) and not self.can_be(term != value)


@pytest.mark.parametrize("symbolic", [False, True])
@REPEATABLE
@given(values=st.lists(VALUES, min_size=END + 1, max_size=END + 1), fills=FILLS, number=NUMBERS)
def test_a_value_is_that_of_the_last_fill(symbolic: bool, values: list[int], fills: Fills, number: int) -> None:
    small = Small(symbolic)
    small.begins_with(values)
    small.fill(fills)
    assert small.is_equal(maps.at(small.facts, small.map, small.number(number)), small.plain[number])


@pytest.mark.parametrize("symbolic", [False, True])
@REPEATABLE
@given(start=VALUES, fills=FILLS, part=RANGES, value=VALUES)
def test_a_count_is_known_when_all_is(
    symbolic: bool, start: int, fills: Fills, part: tuple[int, int], value: int
) -> None:
    small = Small(symbolic)
    small.begins_as(start)
    small.fill(fills)
    term = maps.count(small.facts, small.map, *(small.number(end) for end in part), small.number(value), asked=True)
    assert small.is_equal(term, small.counted(*part, value))


@pytest.mark.parametrize("symbolic", [False, True])
@REPEATABLE
@given(values=st.lists(VALUES, min_size=END + 1, max_size=END + 1), fills=FILLS, part=RANGES, value=VALUES)
def test_a_count_can_be_what_it_is(
    symbolic: bool, values: list[int], fills: Fills, part: tuple[int, int], value: int
) -> None:
    small = Small(symbolic)
    small.begins_with(values)
    small.fill(fills)
    term = maps.count(small.facts, small.map, *(small.number(end) for end in part), small.number(value))
    assert small.can_be(term == small.counted(*part, value))
    assert not small.can_be(term < 0)
    assert not small.can_be(term > max(part[1] - part[0], 0))


@pytest.mark.parametrize("symbolic", [False, True])
@REPEATABLE
@given(start=VALUES, fills=FILLS, value=VALUES)
def test_a_total_changes_by_what_was_filled(symbolic: bool, start: int, fills: Fills, value: int) -> None:
    small = Small(symbolic)
    small.begins_as(start)
    before, had = maps.total(small.facts, small.map, z3.IntVal(value)), small.counted(0, END + 1, value)
    small.fill(fills)
    after = maps.total(small.facts, small.map, z3.IntVal(value))
    assert small.is_equal(after - before, small.counted(0, END + 1, value) - had)


@REPEATABLE
@given(left=FILLS, right=FILLS, chosen=st.booleans(), number=NUMBERS, value=VALUES)
def test_a_map_that_is_chosen_is_read_through(left: Fills, right: Fills, chosen: bool, number: int, value: int) -> None:
    one, other = Small(symbolic=True), Small(symbolic=True)
    other.facts = one.facts
    for small, fills in ((one, left), (other, right)):
        small.begins_as(0)
        small.fill(fills)
    either = z3.Bool("either")
    one.known += [*other.known, either == chosen]
    map_ = Map(z3.If(either, one.map.content, other.map.content))
    plain = (one if chosen else other).plain
    assert one.is_equal(maps.at(one.facts, map_, one.number(number)), plain[number])
    held = sum(plain[k] == value for k in range(END))
    assert one.is_equal(maps.count(one.facts, map_, z3.IntVal(0), z3.IntVal(END), z3.IntVal(value)), held)


@REPEATABLE
@given(before=FILLS, fills=FILLS, value=VALUES)
def test_within_is_so_when_no_number_speaks_against_it(before: Fills, fills: Fills, value: int) -> None:
    small = Small(symbolic=False)
    small.begins_as(0)
    small.fill(before)
    old, plain = small.map, dict(small.plain)
    small.fill(fills)
    term = maps.within(small.facts, small.map, old, z3.IntVal(value))
    if all(plain[number] == value for number, held in small.plain.items() if held == value):
        assert not small.can_be(z3.Not(term))
    else:
        assert small.can_be(z3.Not(term))


def test_what_is_within_has_no_greater_total() -> None:
    small, value = Small(symbolic=True), z3.IntVal(1)
    other = Map(z3.Array("codes!2", z3.IntSort(), z3.IntSort()))
    term = maps.within(small.facts, small.map, other, value)
    totals = [maps.total(small.facts, map_, value) for map_ in (small.map, other)]
    assert small.can_be(term, totals[0] < totals[1])
    assert small.can_be(term, totals[0] == totals[1])
    assert not small.can_be(term, totals[0] > totals[1])


@pytest.mark.parametrize("inside", [False, True])
def test_a_count_speaks_about_every_number_of_its_range(inside: bool) -> None:
    small = Small(symbolic=True)
    first, last, number = z3.Ints("first last number")
    term = maps.count(small.facts, small.map, first, last, z3.IntVal(1), asked=True)
    held = maps.at(small.facts, small.map, number)
    place = z3.And(first <= number, number < last)
    small.known.append(place if inside else z3.Not(place))
    assert small.can_be(term == last - first, first < last, held != 1) is not inside
    assert small.can_be(term == 0, held == 1) is not inside


def test_the_same_fill_is_the_same_map() -> None:
    small = Small(symbolic=False)
    one, other = (maps.fill(small.facts, small.map, z3.IntVal(1), z3.IntVal(4), z3.IntVal(2)) for _ in range(2))
    assert one.content.eq(other.content)
