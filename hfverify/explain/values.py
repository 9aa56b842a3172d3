"""A concrete state, and what an expression of the specification can have as its value. No solver.

Reads   model.program.Program
Gives   Store, Env, the kinds of values; a value as people read it
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hfverify.explain.maps import Map
from hfverify.explain.signals import Signal
from hfverify.model.program import Cell
from hfverify.model.types import BitsType, BoolType, BytesType, EnumType, FifoType, MapType, OptionalType, bounds
from hfverify.syntax import tree

Keys = tuple[int, ...]
Value = object


class Undefined(Signal):
    """An expression has no value here."""


@dataclass(frozen=True, slots=True)
class Ref:
    """An object by position."""

    state: str
    keys: Keys

    def __str__(self) -> str:
        return f"{self.state}[{', '.join(map(str, self.keys))}]" if self.keys else self.state


@dataclass(frozen=True, slots=True)
class Part:
    """What lies below a path of an object."""

    ref: Ref
    path: str


@dataclass(frozen=True, slots=True)
class LockRef:
    """A lock of an object."""

    name: str
    ref: Ref

    def __str__(self) -> str:
        return f"{self.ref}.{self.name.split('.')[1]}"


@dataclass(slots=True)
class Store:
    """The sizes of the machine, and the value of each cell of each object.

    Queues are tuples, first in line first; sets of bits are `Bits`; buffers are `bytes`; `none` is -1; truth
    values are `bool`.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    cells: dict[tuple[str, Keys], Value] = field(default_factory=dict)

    def copy(self) -> Store:
        """An independent copy."""
        return Store(self.sizes, self.cells.copy())


class Bits(frozenset[int]):
    """A set of bits: the numbers of those that are set."""


def default(cell: Cell) -> Value:
    """The value of a cell about which a scenario says nothing."""
    match cell.type:
        case BoolType():
            return False
        case FifoType():
            return ()
        case BytesType(length):
            return bytes(length)
        case BitsType():
            return Bits()
        case OptionalType():
            return -1
        case MapType():
            return Map((0,), (0,))
        case _:
            low, _ = bounds(cell.type)
            return max(low or 0, 0)


def show(cell: Cell, value: Value) -> Any:
    """A value as JSON: enumeration names, `null` for none, lists for queues, hexadecimal for buffers."""
    match cell.type:
        case EnumType():
            return cell.type.item_name(value) or value if isinstance(value, int) else value
        case OptionalType():
            return None if value == -1 else value
        case FifoType():
            return list(value) if isinstance(value, tuple) else value
        case BitsType():
            return sorted(value) if isinstance(value, Bits) else value
        case BytesType():
            return value.rstrip(b"\0").hex() if isinstance(value, bytes) else value
        case MapType():
            return (
                [list(pair) for pair in zip(value.starts, value.values, strict=True)]
                if isinstance(value, Map)
                else value
            )
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Thunk:
    """A `let`: evaluated where it was bound."""

    expr: tree.Expr
    env: Env


@dataclass(slots=True)
class Env:
    """Where an expression is evaluated; `volatile` gives the value of a cell that has no stable one.

    `old(…)` speaks about the state `before`.
    """

    store: Store
    names: Mapping[str, Value | Thunk] = field(default_factory=dict)
    own: Ref | None = None
    here: int = 0
    volatile: Callable[[Cell, Ref], Value] | None = None
    before: Store | None = None

    def at(self, store: Store) -> Env:
        """In another state."""
        return Env(store, self.names, self.own, self.here, self.volatile, self.before)

    def bind(self, names: Mapping[str, Value | Thunk]) -> Env:
        """With more names."""
        return Env(self.store, {**self.names, **names}, self.own, self.here, self.volatile, self.before)

    def let(self, lets: Iterable[tree.Let]) -> Env:
        """With the names of a call's `let` clauses, each of which may speak of those before it."""
        bound: dict[str, Value | Thunk] = {}
        for item in lets:
            bound[item.name] = Thunk(item.value, self.bind(bound))
        return self.bind(bound)
