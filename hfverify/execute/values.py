"""What Python expressions evaluate to during symbolic execution.

Reads   nothing
Gives   one class for each kind of Python value; integers and truth values are solver terms
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import z3

from hfverify.execute.source import Class, Function, Module
from hfverify.logic.values import Bytes, LockValue, Part, Ref
from hfverify.logic.words import Flag, Shifted, Word
from hfverify.model.program import Cell
from hfverify.syntax import tree


class NoneValue:
    """Python's `None`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class EnumValue:
    """A member of an enumeration; `is_int` members are integers too."""

    enum: str
    term: z3.ArithRef
    is_int: bool


@dataclass(frozen=True, slots=True)
class Maybe:
    """`value` if `present`, else None."""

    present: z3.BoolRef
    value: Value


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of references that a mapping describes."""

    ref: Ref
    mapping: tree.MapsMany


@dataclass(frozen=True, slots=True)
class ListHead:
    """The head of the list that a fifo cell of `ref` abstracts."""

    ref: Ref
    mapping: tree.MapsList


@dataclass(frozen=True, slots=True)
class ListLink:
    """The attribute by which `owner` hangs on a list."""

    owner: Ref
    attribute: str


@dataclass(frozen=True, slots=True)
class Node:
    """A bare list entry, while the list functions themselves are proved."""

    term: z3.ArithRef


@dataclass(frozen=True, slots=True)
class Opaque:
    """An object of which only the identity matters."""

    term: z3.ArithRef


@dataclass(frozen=True, slots=True)
class Buffer:
    """A mutable byte buffer: the cell of an object."""

    ref: Ref
    cell: Cell


@dataclass(frozen=True, slots=True)
class Slice:
    """The first `length` bytes of some contents."""

    content: Bytes
    length: z3.ArithRef


@dataclass(frozen=True, slots=True)
class Words:
    """A list of `count` words of `width` bits each, which together are the set of bits of a cell."""

    ref: Ref
    cell: Cell
    width: int
    count: int


@dataclass(frozen=True, slots=True)
class MapObject:
    """An object of the trusted class of maps: the cell of an object."""

    ref: Ref
    cell: Cell


@dataclass(frozen=True, slots=True)
class MapMethod:
    """A method of a map."""

    target: MapObject
    name: str


@dataclass(frozen=True, slots=True)
class PageAt:
    """What the trusted function finds at an address."""

    address: z3.ArithRef


@dataclass(frozen=True, slots=True)
class TupleValue:
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """An instance of a frozen dataclass."""

    cls: Class
    fields: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Text:
    """A string constant; it can only be compared and passed on."""

    text: str


@dataclass(frozen=True, slots=True)
class Range:
    """`range(start, stop)`."""

    start: z3.ArithRef
    stop: z3.ArithRef


@dataclass(frozen=True, slots=True)
class Builtin:
    name: str


@dataclass(frozen=True, slots=True)
class LockMethod:
    """`acquire` or `release` of a lock."""

    lock: LockValue
    name: str


Value: TypeAlias = (
    z3.ExprRef
    | NoneValue
    | EnumValue
    | Maybe
    | Ref
    | Part
    | LockValue
    | LockMethod
    | Sequence
    | ListHead
    | ListLink
    | Node
    | Opaque
    | Buffer
    | Slice
    | Words
    | MapObject
    | MapMethod
    | PageAt
    | Word
    | Shifted
    | Flag
    | TupleValue
    | Record
    | Text
    | Range
    | Builtin
    | Function
    | Class
    | Module
)

NONE = NoneValue()
