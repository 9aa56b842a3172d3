"""What the expressions of a specification, and of the code, evaluate to.

Reads   nothing
Gives   Ref, Part, Fifo, Bytes, LockValue, EmptySet; numbers and truth values are solver terms
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import z3


@dataclass(frozen=True, slots=True)
class Ref:
    """An object, identified by its position."""

    state: str
    keys: tuple[z3.ArithRef, ...]

    def same(self, other: Ref) -> z3.BoolRef:
        """Whether the two are the same object."""
        assert self.state == other.state
        return conjunction([a == b for a, b in zip(self.keys, other.keys, strict=True)])


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
        return z3.Select(self.member, element)

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
class SetValue:
    """A set literal."""

    items: tuple[z3.ExprRef, ...]


Value: TypeAlias = z3.ExprRef | Ref | Part | LockValue | Fifo | Bytes | SetValue


def conjunction(terms: list[z3.BoolRef]) -> z3.BoolRef:
    """All of the terms; true for none."""
    kept = [term for term in terms if not z3.is_true(term)]
    if not kept:
        return z3.BoolVal(True)
    return kept[0] if len(kept) == 1 else z3.And(*kept)


def disjunction(terms: list[z3.BoolRef]) -> z3.BoolRef:
    """Any of the terms; false for none."""
    kept = [term for term in terms if not z3.is_false(term)]
    if not kept:
        return z3.BoolVal(False)
    return kept[0] if len(kept) == 1 else z3.Or(*kept)
