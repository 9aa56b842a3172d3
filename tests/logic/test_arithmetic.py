"""Bit operations and the range analysis agree with Python's integers.

Reads   hfverify.logic.arithmetic
Gives   agreement on Hypothesis inputs, with constant and with symbolic operands
Refuses a range that a value leaves
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
import z3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hfverify.logic import arithmetic
from hfverify.logic.arithmetic import Ranges

X, Y, P = z3.Int("x"), z3.Int("y"), z3.Bool("p")
WORDS = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.sampled_from([0, 1, 7, 8, 255, 256, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]),
)
SHIFTS = st.integers(0, 64)
OPERATIONS = {
    "and": (arithmetic.bit_and, operator.and_),
    "or": (arithmetic.bit_or, operator.or_),
    "xor": (arithmetic.bit_xor, operator.xor),
}
REPEATABLE = settings(
    max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
Operation = Callable[[z3.ArithRef, z3.ArithRef, Ranges], z3.ArithRef]


def value(term: z3.ArithRef, x: int, y: int, p: bool = False) -> int:
    """The number that a term stands for."""
    found = z3.simplify(z3.substitute(term, (X, z3.IntVal(x)), (Y, z3.IntVal(y)), (P, z3.BoolVal(p))))
    assert z3.is_int_value(found), found
    return int(found.as_long())


def known(*limits: tuple[z3.ArithRef, int | None, int | None]) -> Ranges:
    ranges = Ranges()
    for term, low, high in limits:
        ranges.declare(term, low, high)
    return ranges


def around(number: int, ranges: Ranges, term: z3.ArithRef) -> None:
    """The number lies within what is known about the term."""
    low, high = ranges.of(term)
    assert low is None or low <= number, (term, low, number)
    assert high is None or number <= high, (term, high, number)


@pytest.mark.parametrize("name", OPERATIONS)
@REPEATABLE
@given(WORDS, WORDS, st.sampled_from(["none", "left", "right", "both"]), st.sampled_from(["nothing", "word", "exact"]))
def test_bits(name: str, x: int, y: int, fixed: str, about: str) -> None:
    operation, expected = OPERATIONS[name]
    a = z3.IntVal(x) if fixed in ("left", "both") else X
    b = z3.IntVal(y) if fixed in ("right", "both") else Y
    limits = {"nothing": (None, None), "word": (0, (1 << 64) - 1)}
    ranges = known((X, *limits.get(about, (0, x))), (Y, *limits.get(about, (0, y))))
    term = operation(a, b, ranges)
    assert value(term, x, y) == expected(x, y)
    around(expected(x, y), ranges, term)
    if not arithmetic.needs_vectors(a, b, ranges, joins=name == "or"):
        assert "int2bv" not in term.sexpr() or name == "xor"


@pytest.mark.parametrize("name", OPERATIONS)
@REPEATABLE
@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_bits_with_a_constant_are_exact_for_negative_numbers(name: str, x: int, y: int) -> None:
    operation, expected = OPERATIONS[name]
    assert value(operation(X, z3.IntVal(y), Ranges()), x, y) == expected(x, y)
    assert value(operation(X, z3.IntVal(y), known((X, -1000, 1000))), x, y) == expected(x, y)
    assert value(operation(z3.IntVal(x), Y, known((Y, None, 1000))), x, y) == expected(x, y)


@REPEATABLE
@given(WORDS, WORDS, SHIFTS, SHIFTS)
def test_joined_fields(x: int, y: int, upper: int, width: int) -> None:
    """`x << n | y`, the way in which registers are packed, whether the fields overlap or not."""
    y %= 1 << width
    ranges = known((X, 0, (1 << 64) - 1), (Y, 0, (1 << width) - 1))
    shifted = arithmetic.shift_left(X, z3.IntVal(upper), ranges)
    if arithmetic.needs_vectors(shifted, Y, ranges, joins=True) and x << upper >> 64:
        return
    assert value(arithmetic.bit_or(shifted, Y, ranges), x, y) == x << upper | y
    assert value(arithmetic.bit_or(Y, shifted, ranges), x, y) == x << upper | y


@REPEATABLE
@given(st.integers(-(1 << 70), 1 << 70), SHIFTS, st.integers(0, 70), st.integers(0, 70), st.booleans())
def test_shifts(x: int, y: int, low: int, high: int, constant: bool) -> None:
    ranges = known((Y, low, high)) if low <= y <= high else known((Y, 0, None))
    by = z3.IntVal(y) if constant else Y
    assert value(arithmetic.shift_left(X, by, ranges), x, y) == x << y
    assert value(arithmetic.shift_right(X, by, ranges), x, y) == x >> y
    around(1 << y, ranges, arithmetic.power_of_two(by, ranges))


TERMS: list[tuple[str, Callable[[z3.ArithRef, z3.ArithRef], z3.ArithRef]]] = [
    ("sum", lambda a, b: a + b + 3),
    ("difference", lambda a, b: a - b),
    ("opposite", lambda a, b: -a + (-b)),
    ("product", lambda a, b: a * b),
    ("product-of-three", lambda a, b: a * b * 4),
    ("quotient", lambda a, b: a / (b + 1)),
    ("quotient-by-number", lambda a, b: a / 8 + b / 3),
    ("remainder", lambda a, b: a % (b + 1) + a % 7),
    ("choice", lambda a, b: z3.If(P, a, b)),
    ("number-of-truth", lambda a, b: z3.If(a < b, z3.IntVal(1), z3.IntVal(0))),
    ("nested", lambda a, b: z3.If(P, a * 2 + b, b - a) % 16 + 1),
]


@pytest.mark.parametrize(("name", "make"), TERMS, ids=[name for name, _ in TERMS])
@REPEATABLE
@given(
    st.tuples(st.integers(-9, 40), st.integers(0, 30)), st.tuples(st.integers(-9, 40), st.integers(0, 30)), st.data(),
    st.sampled_from(["both", "low", "high", "none"]), st.booleans(),
)  # fmt: skip
def test_ranges(
    name: str,
    make: Callable[[z3.ArithRef, z3.ArithRef], z3.ArithRef],
    first: tuple[int, int],
    second: tuple[int, int],
    data: st.DataObject,
    sides: str,
    truth: bool,
) -> None:
    """A value never leaves the computed range of its term."""
    x = data.draw(st.integers(first[0], sum(first)))
    y = data.draw(st.integers(second[0], sum(second)))
    if name in ("quotient", "remainder") and y < 0:
        y, second = -y, (0, 60)
    low, high = sides in ("both", "low"), sides in ("both", "high")
    ranges = known(
        (X, first[0] if low else None, sum(first) if high else None),
        (Y, second[0] if low else None, sum(second) if high else None),
    )
    term = make(X, Y)
    around(value(term, x, y, truth), ranges, term)
    zeros = arithmetic.low_zeros(term)
    assert zeros >= arithmetic.WIDEST or value(term, x, y, truth) % (1 << zeros) == 0


def test_declared_ranges_only_shrink() -> None:
    ranges = Ranges()
    assert ranges.declare(X, 0, 10)
    assert not ranges.declare(X, None, 20)
    assert ranges.declare(X, 2, None)
    assert ranges.of(X) == (2, 10)


@REPEATABLE
@given(x=st.integers(-(1 << 40), 1 << 70), y=WORDS, shift=st.integers(0, 66), mask=WORDS, p=st.booleans())
def test_no_other_bits_are_set(x: int, y: int, shift: int, mask: int, p: bool) -> None:
    ranges = known((Y, 0, (1 << 64) - 1))
    power = z3.IntVal(1 << shift)
    below, above = X % power, Y * power
    terms = [X, Y, below, above, above + below, below + above, Y / power, above + Y % power, Y + Y, Y - X]
    terms += [z3.If(P, above, below), (above + below) / power, (above + below) % z3.IntVal(1 << 65), Y * z3.IntVal(3)]
    terms += [arithmetic.bit_and(Y, z3.IntVal(mask), ranges), (Y / power) * power, X / power, X * power]
    for term in terms:
        bits = ranges.bits(term)
        found = value(term, x, y, p)
        assert bits is None or (found >= 0 and found & ~bits == 0), (term, bits, found)


def test_fields_are_joined_in_any_order() -> None:
    code, size, vm = X % 8, (Y % z3.IntVal(1 << 32)) * z3.IntVal(1 << 32), (X / 8 % z3.IntVal(1 << 16)) * 65536
    for a, b, c in [(code, size, vm), (size, vm, code), (vm, code, size)]:
        ranges = Ranges()
        joined = arithmetic.bit_or(arithmetic.bit_or(a, b, ranges), c, ranges)
        assert joined.eq(a + b + c)



@pytest.mark.parametrize(
    ("term", "zeros"),
    [(z3.IntVal(0), 64), (z3.IntVal(12), 2), (X * 8, 3), (X * 8 + Y * 4, 2), (z3.IntVal(-8), 3), (X, 0)],
)
def test_low_zeros(term: z3.ArithRef, zeros: int) -> None:
    assert arithmetic.low_zeros(term) == zeros
