"""The shared state as solver terms: one array for each cell, indexed by the owner's position.

Reads   model.program.Cell
Gives   Cells, an immutable store; distinct objects cannot alias, so no heap model is needed
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass, field

import z3

from hfverify.logic.terms import children, identity, select, store
from hfverify.logic.values import Bits, Bytes, Fifo, Map, Ref, Stored, split
from hfverify.model.program import Cell, Program
from hfverify.model.types import BitsType, BoolType, BytesType, FifoType, MapType


def parts(cell: Cell) -> list[tuple[str, z3.SortRef]]:
    """The solver sorts that make up one value of a cell; the suffix tells them apart."""
    integer, truth = z3.IntSort(), z3.BoolSort()
    match cell.type:
        case BoolType():
            return [("", truth)]
        case FifoType():
            return [
                (".member", z3.ArraySort(integer, truth)),
                (".ticket", z3.ArraySort(integer, integer)),
                (".next", integer),
            ]
        case BytesType() | MapType():
            return [("", z3.ArraySort(integer, integer))]
        case BitsType():
            return [("", z3.ArraySort(integer, truth))]
        case _:
            return [("", integer)]


def join(cell: Cell, terms: list[z3.ExprRef]) -> Stored:
    """The inverse of `split` for a cell's type."""
    match cell.type:
        case FifoType():
            return Fifo(*terms)
        case BytesType():
            return Bytes(terms[0])
        case MapType():
            return Map(terms[0])
        case BitsType():
            return Bits(terms[0])
        case _:
            return terms[0]


def constants(cell: Cell, name: str) -> Stored:
    """A value of the cell's type about which nothing is known."""
    return join(cell, [z3.Const(name + suffix, sort) for suffix, sort in parts(cell)])


def _found(array: z3.ExprRef, keys: tuple[z3.ArithRef, ...]) -> z3.ExprRef:
    """What the array has at these very keys, if that was written last."""
    if z3.is_store(array) and all(a.eq(b) for a, b in zip(children(array)[1:-1], keys, strict=True)):
        return children(array)[-1]
    return select(array, *keys)


@dataclass(frozen=True, slots=True)
class Cells:
    """The value of every cell of every object."""

    terms: dict[str, tuple[z3.ExprRef, ...]]
    _reads: dict[tuple[object, ...], tuple[Stored, Ref]] = field(default_factory=dict, compare=False, repr=False)

    @staticmethod
    def arbitrary(program: Program, prefix: str = "") -> Cells:
        """A state about which nothing is known."""
        terms: dict[str, tuple[z3.ExprRef, ...]] = {}
        for cell in program.cells():
            arity = len(program.states[cell.state].keys)
            sorts = [z3.ArraySort(*[z3.IntSort()] * arity, sort) if arity else sort for _, sort in parts(cell)]
            names = [prefix + cell.name + suffix for suffix, _ in parts(cell)]
            terms[cell.name] = tuple(z3.Const(name, sort) for name, sort in zip(names, sorts, strict=True))
        return Cells(terms)

    def read(self, cell: Cell, ref: Ref) -> Stored:
        """The value of a cell of an object."""
        key = (cell.name, *map(identity, ref.keys))
        if key not in self._reads:
            self._reads[key] = (self._looked_up(cell, ref), ref)
        return self._reads[key][0]

    def _looked_up(self, cell: Cell, ref: Ref) -> Stored:
        stored = self.terms[cell.name]
        if isinstance(cell.type, BitsType | MapType) and ref.keys:
            return join(cell, [_found(stored[0], ref.keys)])
        return join(cell, [select(term, *ref.keys) for term in stored] if ref.keys else list(stored))

    def agrees(self, other: Cells, name: str) -> bool:
        """Whether a cell of all objects is the very same term in both states."""
        mine, theirs = self.terms[name], other.terms[name]
        return mine is theirs or all(identity(a) == identity(b) for a, b in zip(mine, theirs, strict=True))

    def write(self, cell: Cell, ref: Ref, value: Stored) -> Cells:
        """The state in which that cell has another value."""
        new = split(value)
        if ref.keys:
            old = self.terms[cell.name]
            new = tuple(store(term, *ref.keys, part) for term, part in zip(old, new, strict=True))
        return Cells({**self.terms, cell.name: new})
