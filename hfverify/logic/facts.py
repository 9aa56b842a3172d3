"""What holds by construction: ranges of declared types, and the theories of queues and buffers.

Reads   terms as they come up
Gives   Facts, a growing list of formulas that every query may assume
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import z3

from hfverify.logic.arithmetic import Ranges
from hfverify.logic.terms import Remembered, at_least, at_most, children, identity, numeral, select
from hfverify.logic.values import Bits, Bytes, Fifo, Map, Stored, conjunction, split
from hfverify.model.types import BitsType, BytesType, FifoType, MapType, Type, bounds, gaps

MOST_BITS = 64


class Facts:
    """Formulas in the order in which they came up, each once."""

    def __init__(self) -> None:
        self.formulas: list[z3.BoolRef] = []
        self.ranges = Ranges()
        self._seen: dict[int, z3.ExprRef] = {}
        self._typed: dict[tuple[int, ...], tuple[tuple[z3.ExprRef, ...], Type]] = {}
        self._overwritten: dict[tuple[int, int, int], tuple[Bytes, tuple[z3.ExprRef, ...]]] = {}
        self._met: dict[tuple[int, ...], tuple[Bits, tuple[z3.ExprRef, ...]]] = {}
        self._names: dict[int, tuple[z3.ArrayRef, z3.ExprRef]] = {}
        self.filled: dict[tuple[int, ...], Any] = {}
        self.named_maps: dict[int, Any] = {}
        self.map_cells: tuple[str, ...] = ()
        self.quotients: dict[str, int] = {}
        self._count = 0

    def add(self, formula: z3.BoolRef) -> None:
        """Assume a formula from here on."""
        if formula.get_id() not in self._seen and not z3.is_true(formula):
            self._seen[formula.get_id()] = formula
            self.formulas.append(formula)

    def number(self) -> int:
        """A number that was not given out before."""
        self._count += 1
        return self._count

    def typed(self, value: Stored, type_: Type) -> None:
        """A value was read from where this type is declared.

        Only what the path found there has the type for certain. That a value written on the way has it is
        a question of its own, which must not be answered by assuming it.
        """
        terms = split(value)
        key = (id(type_), *map(identity, terms))
        if key in self._typed:
            return
        self._typed[key] = (terms, type_)
        if isinstance(value, Fifo):
            assert isinstance(type_, FifoType)
            self._fifo(value, type_)
        elif isinstance(value, Bytes):
            assert isinstance(type_, BytesType)
        elif isinstance(value, Map):
            assert isinstance(type_, MapType)
            found = unwritten(value.content)
            if found is not None:
                found, k = self.named(found), bound("k", "number")
                self.add(z3.ForAll([k], in_range(found[k], type_.value), patterns=[found[k]]))
        elif isinstance(value, Bits):
            assert isinstance(type_, BitsType)
            found = unwritten(value.member)
            if found is not None:
                k = bound("k", f"bits{type_.width}")
                inside = z3.And(k >= 0, k < type_.width)
                self.add(z3.ForAll([k], z3.Implies(found[k], inside), patterns=[found[k]]))
        elif z3.is_int(value):
            found = unwritten(value)
            if found is not None and self.ranges.declare(found, *bounds(type_)):
                self.add(in_range(found, type_))

    def _fifo(self, queue: Fifo, type_: FifoType) -> None:
        """Tickets are distinct and smaller than the next one; members of an unwritten queue are of the element type."""
        found = (unwritten(queue.member), unwritten(queue.ticket), unwritten(queue.next))
        low, high = None, None
        if found[0] is not None and found[1] is not None and found[2] is not None:
            queue = Fifo(*found)
            low, high = bounds(type_.element)
        j, k = bound("j", "element"), bound("k", "element")
        body = [queue.ticket[j] < queue.next]
        body += [j >= low] if low is not None else []
        body += [j <= high] if high is not None else []
        self.add(z3.ForAll([j], z3.Implies(queue.has(j), z3.And(*body)), patterns=[queue.has(j)]))
        same = z3.Implies(z3.And(queue.has(j), queue.has(k), queue.ticket[j] == queue.ticket[k]), j == k)
        self.add(z3.ForAll([j, k], same, patterns=[z3.MultiPattern(queue.has(j), queue.has(k))]))

    def first(self, queue: Fifo) -> z3.ArithRef:
        """The member with the smallest ticket; no member at all if there is none."""
        first = z3.Function("first", queue.member.sort(), queue.ticket.sort(), z3.IntSort())
        term = first(queue.member, queue.ticket)
        j = bound("j", "element")
        body = z3.And(queue.has(term), queue.ticket[term] <= queue.ticket[j])
        self.add(z3.ForAll([j], z3.Implies(queue.has(j), body), patterns=[queue.has(j)]))
        return term

    def is_empty(self, queue: Fifo) -> z3.BoolRef:
        """Whether nobody is in the queue."""
        return z3.Not(queue.has(self.first(queue)))

    def overwrite(self, old: Bytes, new: Bytes, count: z3.ArithRef) -> Bytes:
        """The first `count` bytes of `new`, then `old`."""
        key = (old.content.get_id(), new.content.get_id(), count.get_id())
        if key not in self._overwritten:
            result = z3.Array(f"bytes!{self.number()}", z3.IntSort(), z3.IntSort())
            i = bound("i", "byte")
            value = z3.If(z3.And(i >= 0, i < count), new.content[i], old.content[i])
            self.add(z3.ForAll([i], result[i] == value, patterns=[result[i]]))
            self._overwritten[key] = (Bytes(result), (old.content, new.content, count))
        return self._overwritten[key][0]

    def meet(self, a: Bits, b: Bits) -> Bits:
        """What is in both; numbers that were put in or taken out are kept apart from the rest."""
        for mine, rest in ((a, b), (b, a)):
            if z3.is_app_of(mine.member, z3.Z3_OP_ITE):
                test, left, right = mine.member.children()
                return Bits(z3.If(test, self.meet(Bits(left), rest).member, self.meet(Bits(right), rest).member))
            if z3.is_store(mine.member):
                array, number, value = mine.member.children()
                return self.meet(Bits(array), rest).put(number, conjunction([value, rest.has(number)]))
        key = tuple(sorted((a.member.get_id(), b.member.get_id())))
        if key not in self._met:
            both = z3.Array(f"both!{self.number()}", z3.IntSort(), z3.BoolSort())
            k = bound("k", f"bits{MOST_BITS}")
            means = both[k] == z3.And(a.member[k], b.member[k])
            either = z3.MultiPattern(a.member[k], b.member[k])
            self.add(z3.ForAll([k], means, patterns=[both[k], either]))
            self._met[key] = (Bits(both), (a.member, b.member))
        return self._met[key][0]

    def _named(self, bits: Bits) -> z3.ArrayRef:
        """A set that was written to, under a name of its own: it may occur in the pattern of a quantifier."""
        member = bits.member
        if not z3.is_store(member) and not z3.is_app_of(member, z3.Z3_OP_ITE):
            return member
        if member.get_id() not in self._names:
            name = z3.Array(f"bits!{self.number()}", z3.IntSort(), z3.BoolSort())
            self.add(name == member)
            self._names[member.get_id()] = (name, member)
        return self._names[member.get_id()][0]

    def named(self, array: z3.ArrayRef) -> z3.ArrayRef:
        """The same array, in a form that may occur in the pattern of a quantifier."""
        if not _has_choice(array):
            return array
        if array.get_id() not in self._names:
            name = z3.Const(f"array!{self.number()}", array.sort())
            self.add(name == array)
            self._names[array.get_id()] = (name, array)
        return self._names[array.get_id()][0]

    def count(self, bits: Bits) -> z3.ArithRef:
        """How many numbers from 0 to `MOST_BITS` - 1 are in a set of bits."""
        member = bits.member
        if z3.is_app_of(member, z3.Z3_OP_ITE):
            test, left, right = member.children()
            return z3.If(test, self.count(Bits(left)), self.count(Bits(right)))
        term = z3.Function("cardinality", member.sort(), z3.IntSort())(member)
        if z3.is_store(member):
            array, number, value = member.children()
            before = Bits(array)
            change = z3.If(value, z3.IntVal(1), z3.IntVal(0)) - z3.If(before.has(number), z3.IntVal(1), z3.IntVal(0))
            self.add(term == self.count(before) + z3.If(_is_bit(number), change, z3.IntVal(0)))
        low, k = self.lowest(bits, z3.IntVal(0)), bound("k", f"bits{MOST_BITS}")
        self.add(z3.And(term >= 0, term <= MOST_BITS, (term == 0) == z3.Not(z3.And(member[low], _is_bit(low)))))
        named = self._named(bits)
        self.add(z3.ForAll([k], z3.Implies(z3.And(named[k], _is_bit(k)), term >= 1), patterns=[named[k]]))
        self.ranges.declare(term, 0, MOST_BITS)
        return term

    def lowest(self, bits: Bits, least: z3.ArithRef) -> z3.ArithRef:
        """The lowest member from `least` on; no such member at all if there is none."""
        member = self._named(bits)
        term = z3.Function("lowest", member.sort(), z3.IntSort(), z3.IntSort())(member, least)
        k = bound("k", f"bits{MOST_BITS}")
        body = z3.And(member[term], least <= term, term <= k)
        self.add(z3.ForAll([k], z3.Implies(z3.And(member[k], k >= least), body), patterns=[member[k]]))
        return term

    def is_clear(self, bits: Bits) -> z3.BoolRef:
        """Whether no number is in a set of bits."""
        low = self.lowest(bits, z3.IntVal(0))
        return z3.Not(z3.And(bits.member[low], low >= 0))


def _has_choice(term: z3.ExprRef) -> bool:
    return any(z3.is_app_of(inner, z3.Z3_OP_ITE) for inner in subterms(term))


def _is_bit(number: z3.ArithRef) -> z3.BoolRef:
    return z3.And(number >= 0, number < MOST_BITS)


@Remembered
def unwritten(term: z3.ExprRef) -> z3.ExprRef | None:
    """What was at this place before the path wrote anything; None for a term that was computed."""
    if z3.is_const(term):
        return None if z3.is_int_value(term) else term
    if not z3.is_select(term):
        return None
    array = term.arg(0)
    while z3.is_store(array):
        array = array.arg(0)
    return select(array, *term.children()[1:]) if z3.is_const(array) else None


def bound(name: str, domain: str) -> z3.ArithRef:
    """A variable for a quantifier; the part after `:` says over what it ranges."""
    return z3.Int(f"?{name}:{domain}")


def subterms(term: z3.ExprRef) -> Iterator[z3.ExprRef]:
    """The term and everything inside it, each once."""
    seen: set[int] = set()
    pending = [term]
    while pending:
        current = pending.pop()
        if current.get_id() not in seen:
            seen.add(current.get_id())
            yield current
            pending += children(current)


def in_range(value: z3.ArithRef, type_: Type) -> z3.BoolRef:
    """Whether a number is one that the type allows."""
    low, high = bounds(type_)
    limits = [at_least(value, numeral(low))] if low is not None else []
    limits += [at_most(value, numeral(high))] if high is not None else []
    limits += [z3.Or(at_most(value, numeral(a - 1)), at_least(value, numeral(b + 1))) for a, b in gaps(type_)]
    return conjunction(limits)
