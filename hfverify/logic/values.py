"""What the expressions of a specification, and of the code, evaluate to.

Reads   nothing
Gives   Ref, Part, Fifo, Bytes, Bits, Map, LockValue, SetValue; numbers and truth values are solver terms
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import z3

from hfverify.logic.terms import all_of, any_of, is_truth, same, select, truth_value


@dataclass(frozen=True, slots=True)
class Ref:
    """An object, identified by its position."""

    state: str
    keys: tuple[z3.ArithRef, ...]

    def same(self, other: Ref) -> z3.BoolRef:
        """Whether the two are the same object."""
        assert self.state == other.state
        return conjunction([same(a, b) for a, b in zip(self.keys, other.keys, strict=True)])


@dataclass(frozen=True, slots=True)
class Part:
    """What lies below a path of an object."""

    ref: Ref
    path: str


@dataclass(frozen=True, slots=True)
class LockValue:
    """A lock of an object; `name` is `state.attribute`."""

    name: str
    ref: Ref


@dataclass(frozen=True, slots=True)
class Fifo:
    """A queue: who is in it, each member's ticket, and the next ticket. The smallest ticket is first."""

    member: z3.ArrayRef
    ticket: z3.ArrayRef
    next: z3.ArithRef

    def has(self, element: z3.ArithRef) -> z3.BoolRef:
        """Membership."""
        return select(self.member, element)

    def append(self, element: z3.ArithRef) -> Fifo:
        """The queue with one more at the end."""
        return Fifo(z3.Store(self.member, element, True), z3.Store(self.ticket, element, self.next), self.next + 1)

    def remove(self, element: z3.ArithRef) -> Fifo:
        """The queue without that member."""
        return Fifo(z3.Store(self.member, element, False), self.ticket, self.next)


@dataclass(frozen=True, slots=True)
class Bytes:
    """The contents of a buffer."""

    content: z3.ArrayRef


@dataclass(frozen=True, slots=True)
class Map:
    """A value for every number of 64 bits."""

    content: z3.ArrayRef


@dataclass(frozen=True, slots=True)
class Bits:
    """A set of small numbers, as the bits of a word are: `member` says of each number whether it is in."""

    member: z3.ArrayRef

    def has(self, number: z3.ArithRef) -> z3.BoolRef:
        """Membership, read through what was just written."""
        found: z3.ExprRef = self.member
        while z3.is_store(found):
            if found.arg(1).eq(number):
                return found.arg(2)
            if not _apart(found.arg(1), number):
                break
            found = found.arg(0)
        return select(found, number)

    def put(self, number: z3.ArithRef, value: z3.BoolRef) -> Bits:
        """The set in which the number is a member, or is none."""
        return Bits(z3.Store(self.member, number, value))


def _apart(a: z3.ExprRef, b: z3.ExprRef) -> bool:
    return bool(z3.is_int_value(a) and z3.is_int_value(b) and not a.eq(b))


@dataclass(frozen=True, slots=True)
class SetValue:
    """A set literal."""

    items: tuple[z3.ExprRef, ...]


Value: TypeAlias = z3.ExprRef | Ref | Part | LockValue | Fifo | Bytes | Bits | Map | SetValue
# What a cell can hold.
Stored: TypeAlias = z3.ExprRef | Fifo | Bytes | Bits | Map


def split(value: Stored) -> tuple[z3.ExprRef, ...]:
    """A value as its solver terms."""
    if isinstance(value, Fifo):
        return value.member, value.ticket, value.next
    if isinstance(value, Bytes | Map):
        return (value.content,)
    if isinstance(value, Bits):
        return (value.member,)
    return (value,)


def conjunction(terms: list[z3.BoolRef]) -> z3.BoolRef:
    """All of the terms; true for none."""
    kept = [term for term in terms if not is_truth(term, True)]
    if not kept:
        return truth_value(True)
    return kept[0] if len(kept) == 1 else all_of(*kept)


def disjunction(terms: list[z3.BoolRef]) -> z3.BoolRef:
    """Any of the terms; false for none."""
    kept = [term for term in terms if not is_truth(term, False)]
    if not kept:
        return truth_value(False)
    return kept[0] if len(kept) == 1 else any_of(*kept)
