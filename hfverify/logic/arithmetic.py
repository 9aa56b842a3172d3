"""Bit operations on mathematical integers, exactly.

Reads   solver terms that stand for non-negative integers
Gives   terms over +, *, div, mod where the operands allow it, and over bit vectors otherwise
Refuses nothing; the caller proves that operands are not negative
"""

from __future__ import annotations

import z3

WIDEST = 64


def constant(term: z3.ArithRef) -> int | None:
    """The number, if the term is one."""
    return term.as_long() if isinstance(term, z3.IntNumRef) else None


class Ranges:
    """What is known about the bounds of terms: declared for reads, computed for everything else."""

    def __init__(self) -> None:
        self._declared: dict[int, tuple[z3.ExprRef, int | None, int | None]] = {}
        self._computed: dict[int, tuple[z3.ExprRef, int | None, int | None]] = {}
        self._bits: dict[int, tuple[z3.ExprRef, int | None]] = {}

    def declare(self, term: z3.ArithRef, low: int | None, high: int | None) -> bool:
        """Note bounds of a term beside those already known; whether that was new."""
        _, old_low, old_high = self._declared.get(term.get_id(), (term, None, None))
        lows = [value for value in (low, old_low) if value is not None]
        highs = [value for value in (high, old_high) if value is not None]
        new = (max(lows, default=None), min(highs, default=None))
        changed = term.get_id() not in self._declared or new != (old_low, old_high)
        self._declared[term.get_id()] = (term, *new)
        return changed

    def learn(self, condition: z3.BoolRef, holds: bool) -> None:
        """Note the bounds that follow from a condition, if it is known to hold, or not to."""
        if z3.is_quantifier(condition):
            return
        if z3.is_not(condition):
            self.learn(condition.arg(0), not holds)
        elif z3.is_and(condition) if holds else z3.is_or(condition):
            for part in condition.children():
                self.learn(part, holds)
        elif condition.num_args() == 2 and all(z3.is_int(side) for side in condition.children()):
            a, b = condition.children()
            kind = condition.decl().kind()
            if kind in (z3.Z3_OP_GT, z3.Z3_OP_GE):
                a, b, kind = b, a, z3.Z3_OP_LT if kind == z3.Z3_OP_GT else z3.Z3_OP_LE
            if kind in (z3.Z3_OP_LT, z3.Z3_OP_LE):
                strict = kind == z3.Z3_OP_LT
                self._below(a, b, 1 if strict else 0) if holds else self._below(b, a, 0 if strict else 1)
            elif kind == z3.Z3_OP_EQ and holds:
                self._below(a, b, 0)
                self._below(b, a, 0)

    def _below(self, lower: z3.ArithRef, upper: z3.ArithRef, gap: int) -> None:
        """`lower + gap <= upper`."""
        (low, _), (_, high) = self.of(lower), self.of(upper)
        if high is not None and constant(lower) is None:
            self.declare(lower, None, high - gap)
        if low is not None and constant(upper) is None:
            self.declare(upper, low + gap, None)

    def of(self, term: z3.ArithRef) -> tuple[int | None, int | None]:
        """Bounds of a term; None where nothing is known."""
        number = constant(term)
        if number is not None:
            return number, number
        if term.get_id() not in self._computed:
            self._computed[term.get_id()] = (term, *self._compute(term))
        _, low, high = self._computed[term.get_id()]
        if term.get_id() not in self._declared:
            return low, high
        _, least, most = self._declared[term.get_id()]
        lows, highs = [v for v in (low, least) if v is not None], [v for v in (high, most) if v is not None]
        return max(lows, default=None), min(highs, default=None)

    def _compute(self, term: z3.ArithRef) -> tuple[int | None, int | None]:
        kind = term.decl().kind()
        parts = [self.of(child) for child in term.children() if z3.is_int(child)]
        if kind == z3.Z3_OP_SELECT and z3.is_store(term.arg(0)):
            # What was written here, or what was there before.
            store = term.arg(0)
            (a, b), (c, d) = self.of(store.children()[-1]), self.of(z3.Select(store.arg(0), *term.children()[1:]))
            return (None if a is None or c is None else min(a, c)), (None if b is None or d is None else max(b, d))
        if kind == z3.Z3_OP_ADD:
            return _total([low for low, _ in parts]), _total([high for _, high in parts])
        if kind == z3.Z3_OP_SUB and len(parts) == 2:
            (a, b), (c, d) = parts
            return (None if a is None or d is None else a - d), (None if b is None or c is None else b - c)
        if kind == z3.Z3_OP_MUL and all(low is not None and low >= 0 for low, _ in parts):
            low, high = 1, 1
            for part_low, part_high in parts:
                low *= part_low or 0
                if part_high is None:
                    return low, None
                high *= part_high
            return low, high
        if (
            kind == z3.Z3_OP_IDIV
            and parts[0][0] is not None
            and parts[0][0] >= 0
            and parts[1][0] is not None
            and parts[1][0] >= 0
        ):
            # That the divisor is positive is a question of its own wherever a division is made.
            return 0, None if parts[0][1] is None else parts[0][1] // max(parts[1][0] or 1, 1)
        if kind == z3.Z3_OP_MOD and (parts[1][0] or 0) > 0 and parts[1][1] is not None:
            return 0, parts[1][1] - 1
        if kind == z3.Z3_OP_UMINUS:
            (a, b) = parts[0]
            return (None if b is None else -b), (None if a is None else -a)
        if kind == z3.Z3_OP_BV2INT:
            return 0, (1 << term.children()[0].size()) - 1
        if kind == z3.Z3_OP_ITE:
            (a, b), (c, d) = parts[-2:]
            return (None if a is None or c is None else min(a, c)), (None if b is None or d is None else max(b, d))
        return None, None


    def bits(self, term: z3.ArithRef) -> int | None:
        """The bits that may be set; None for a term that may be negative, or have any number of bits."""
        if term.get_id() not in self._bits:
            low, high = self.of(term)
            inside = (1 << high.bit_length()) - 1 if low is not None and low >= 0 and high is not None else None
            found = self._possible(term)
            both = found if inside is None else inside if found is None else found & inside
            self._bits[term.get_id()] = (term, both)
        return self._bits[term.get_id()][1]

    def _possible(self, term: z3.ArithRef) -> int | None:
        """The bits that the parts of a term leave possible."""
        number = constant(term)
        if number is not None:
            return number if number >= 0 else None
        kind = term.decl().kind()
        parts = [child for child in term.children() if z3.is_int(child)]
        power = constant(parts[-1]) if len(parts) == 2 else None
        shift = power.bit_length() - 1 if power is not None and power > 0 and power & (power - 1) == 0 else None
        if kind == z3.Z3_OP_MOD and power is not None and shift is not None:
            inner = self.bits(parts[0])
            return power - 1 if inner is None else inner & (power - 1)
        if kind not in (z3.Z3_OP_ADD, z3.Z3_OP_MUL, z3.Z3_OP_IDIV, z3.Z3_OP_ITE):
            return None
        if kind in (z3.Z3_OP_MUL, z3.Z3_OP_IDIV):
            inner = self.bits(parts[0]) if shift is not None else None
            if inner is None or shift is None:
                return None
            return inner << shift if kind == z3.Z3_OP_MUL else inner >> shift
        together = 0
        for part in parts:
            more = self.bits(part)
            # Numbers that share a bit carry into others.
            if more is None or (kind == z3.Z3_OP_ADD and together & more):
                return None
            together |= more
        return together


def _total(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def low_zeros(term: z3.ArithRef) -> int:
    """How many low bits are certainly zero (at most `WIDEST`)."""
    number = constant(term)
    if number is not None:
        return WIDEST if number == 0 else (number & -number).bit_length() - 1
    kind = term.decl().kind()
    if kind == z3.Z3_OP_MUL:
        return min(WIDEST, sum(low_zeros(child) for child in term.children()))
    if kind == z3.Z3_OP_ADD:
        return min(low_zeros(child) for child in term.children())
    if kind == z3.Z3_OP_ITE:
        return min(low_zeros(child) for child in term.children()[1:])
    return 0


def _divided(term: z3.ArithRef, bits: int) -> z3.ArithRef:
    """The term without its low bits, which are zero."""
    unit = 1 << bits
    if term.decl().kind() == z3.Z3_OP_MUL and term.num_args() == 2 and constant(term.arg(1)) == unit:
        return term.arg(0)
    return term / z3.IntVal(unit)


def needs_vectors(a: z3.ArithRef, b: z3.ArithRef, ranges: Ranges, *, joins: bool) -> bool:
    """Whether `&`, or with `joins` `|`, of these needs bit vectors, and so operands of at most `WIDEST` bits."""
    if constant(a) is not None or constant(b) is not None:
        return False
    return not (joins and _disjoint(a, b, ranges))


def _disjoint(a: z3.ArithRef, b: z3.ArithRef, ranges: Ranges) -> bool:
    """Whether no bit can be set in both."""
    first, second = ranges.bits(a), ranges.bits(b)
    if first is not None and second is not None:
        return first & second == 0
    for upper, lower in ((a, second), (b, first)):
        if lower is not None and lower.bit_length() <= low_zeros(upper):
            return True
    return False


def bit_and(a: z3.ArithRef, b: z3.ArithRef, ranges: Ranges) -> z3.ArithRef:
    """`a & b`."""
    x, y = constant(a), constant(b)
    if x is not None and y is not None:
        return z3.IntVal(x & y)
    if x is not None:
        return bit_and(b, a, ranges)
    if y is not None:
        return _masked(a, y, ranges)
    return _by_vectors(a, b, ranges, lambda p, q: p & q, joins=False)


def _masked(term: z3.ArithRef, mask: int, ranges: Ranges) -> z3.ArithRef:
    if mask < 0:
        return term - _masked(term, ~mask, ranges)
    low, high = ranges.of(term)
    if low is not None and low >= 0 and high is not None and ~mask & ((1 << high.bit_length()) - 1) == 0:
        return term
    result: z3.ArithRef = z3.IntVal(0)
    first = True
    position = 0
    while mask >> position:
        if mask >> position & 1:
            length = 0
            while mask >> (position + length) & 1:
                length += 1
            shifted = term / z3.IntVal(1 << position) if position else term
            piece = shifted % z3.IntVal(1 << length)
            piece = piece * z3.IntVal(1 << position) if position else piece
            result = piece if first else result + piece
            first = False
            position += length
        else:
            position += 1
    return result


def bit_or(a: z3.ArithRef, b: z3.ArithRef, ranges: Ranges) -> z3.ArithRef:
    """`a | b`: a sum where the operands share no bit."""
    x, y = constant(a), constant(b)
    if x is not None and y is not None:
        return z3.IntVal(x | y)
    if _disjoint(a, b, ranges):
        return a + b
    if x is not None or y is not None:
        return a + b - bit_and(a, b, ranges)
    return _by_vectors(a, b, ranges, lambda p, q: p | q, joins=True)


def bit_xor(a: z3.ArithRef, b: z3.ArithRef, ranges: Ranges) -> z3.ArithRef:
    """`a ^ b`."""
    return a + b - 2 * bit_and(a, b, ranges)


def shift_left(a: z3.ArithRef, b: z3.ArithRef, ranges: Ranges) -> z3.ArithRef:
    """`a << b` for 0 <= b <= `WIDEST`."""
    return a * power_of_two(b, ranges)


def shift_right(a: z3.ArithRef, b: z3.ArithRef, ranges: Ranges) -> z3.ArithRef:
    """`a >> b` for 0 <= b <= `WIDEST`."""
    return a / power_of_two(b, ranges)


def power_of_two(exponent: z3.ArithRef, ranges: Ranges) -> z3.ArithRef:
    """2 to a power of at most `WIDEST`."""
    number = constant(exponent)
    if number is not None:
        return z3.IntVal(1 << number)
    low, high = ranges.of(exponent)
    top = WIDEST if high is None else max(min(high, WIDEST), 0)
    result: z3.ArithRef = z3.IntVal(1 << top)
    for value in range(top - 1, max(low or 0, 0) - 1, -1):
        result = z3.If(exponent == value, z3.IntVal(1 << value), result)
    return result


def _by_vectors(a: z3.ArithRef, b: z3.ArithRef, ranges: Ranges, operation: object, *, joins: bool) -> z3.ArithRef:
    """Only the bits that both can have need vectors: below them, one operand is zero."""
    shared = max(low_zeros(a), low_zeros(b))
    if 0 < shared < WIDEST:
        unit = z3.IntVal(1 << shared)
        whole, part = (a, b) if low_zeros(a) == shared else (b, a)
        upper = _by_vectors(_divided(whole, shared), part / unit, ranges, operation, joins=joins) * unit
        return upper + part % unit if joins else upper
    widths = [WIDEST if high is None else max(high.bit_length(), 1) for _, high in (ranges.of(a), ranges.of(b))]
    width = max(widths) if joins else min(widths)
    combined = operation(z3.Int2BV(a, width), z3.Int2BV(b, width))  # type: ignore[operator]
    return z3.BV2Int(combined)
