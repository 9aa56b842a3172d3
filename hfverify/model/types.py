"""The types of the specification language.

Reads   nothing
Gives   frozen type values; `accepts` and `comparable` say which of them go together
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

UNSIGNED = {f"u{width}": width for width in (1, 8, 16, 32, 64)}
SIGNED = {f"i{width}": width for width in (8, 16, 32, 64)}


@dataclass(frozen=True, slots=True)
class IntType:
    """Integers from `low` to `high`, both included; None means unbounded on that side."""

    name: str
    low: int | None
    high: int | None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class BoolType:
    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class EnumType:
    name: str
    items: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return self.name

    def item_name(self, value: int) -> str | None:
        """The name of a value, or None if the enumeration does not have it."""
        return next((name for name, number in self.items if number == value), None)


@dataclass(frozen=True, slots=True)
class EncodingType:
    """A register value of `width` bits with a declared layout."""

    name: str
    width: int

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class OptionalType:
    """`none`, or a value of the inner type, which has no negative values; `none` is stored as -1."""

    inner: IntType

    def __str__(self) -> str:
        return f"optional<{self.inner}>"


@dataclass(frozen=True, slots=True)
class FifoType:
    """A queue without repetition."""

    element: IntType

    def __str__(self) -> str:
        return f"fifo<{self.element}>"


@dataclass(frozen=True, slots=True)
class BytesType:
    length: int

    def __str__(self) -> str:
        return f"bytes<{self.length}>"


@dataclass(frozen=True, slots=True)
class BitsType:
    """A set of numbers below `width`, as the bits of that many words hold it."""

    width: int

    def __str__(self) -> str:
        return f"bits<{self.width}>"


@dataclass(frozen=True, slots=True)
class MapType:
    """A value for every number of 64 bits."""

    value: IntType

    def __str__(self) -> str:
        return f"map<{self.value}>"


@dataclass(frozen=True, slots=True)
class RefType:
    """An object of a state, or the part of it below `path`."""

    state: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.state}.{self.path}" if self.path else self.state


@dataclass(frozen=True, slots=True)
class OptionalRefType:
    """`none`, or an object of a state; only a function has such a result."""

    state: str

    def __str__(self) -> str:
        return f"optional<{self.state}>"


@dataclass(frozen=True, slots=True)
class LockType:
    name: str

    def __str__(self) -> str:
        return f"lock {self.name}"


@dataclass(frozen=True, slots=True)
class SetType:
    """A set literal; `element` is None for the empty one."""

    element: Type | None

    def __str__(self) -> str:
        return "set"


@dataclass(frozen=True, slots=True)
class NoneType:
    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True, slots=True)
class BadType:
    """What an expression has after an error was reported; fits everything."""

    def __str__(self) -> str:
        return "?"


Type = (
    IntType
    | BoolType
    | EnumType
    | EncodingType
    | OptionalType
    | FifoType
    | BytesType
    | BitsType
    | MapType
    | RefType
    | OptionalRefType
    | LockType
    | SetType
    | NoneType
    | BadType
)

BOOL = BoolType()
INT = IntType("int", None, None)
BAD = BadType()


def int_type(name: str) -> IntType | None:
    """The built-in integer type of this name; `int` has no bounds."""
    if name == INT.name:
        return INT
    if name in UNSIGNED:
        return IntType(name, 0, (1 << UNSIGNED[name]) - 1)
    if name in SIGNED:
        return IntType(name, -(1 << SIGNED[name] - 1), (1 << SIGNED[name] - 1) - 1)
    return None


def bounds(type_: Type) -> tuple[int | None, int | None]:
    """The smallest and largest integer that stands for a value of this type."""
    match type_:
        case IntType(_, low, high):
            return low, high
        case EnumType(_, items):
            values = [value for _, value in items]
            return min(values), max(values)
        case EncodingType(_, width):
            return 0, (1 << width) - 1
        case OptionalType(inner):
            return -1, inner.high
        case _:
            return None, None


def gaps(type_: Type) -> list[tuple[int, int]]:
    """The runs of integers between those bounds that stand for no value: first and last of each."""
    if not isinstance(type_, EnumType):
        return []
    values = sorted(value for _, value in type_.items)
    return [(low + 1, high - 1) for low, high in pairwise(values) if high - low > 1]


def stands_for(type_: Type, number: int) -> bool:
    """Whether an integer stands for a value of this type, which is one of integers."""
    low, high = bounds(type_)
    inside = (low is None or number >= low) and (high is None or number <= high)
    return inside and not any(first <= number <= last for first, last in gaps(type_))


def is_integral(type_: Type) -> bool:
    """Whether arithmetic applies."""
    return isinstance(type_, IntType | EncodingType | BadType)


def is_scalar(type_: Type) -> bool:
    """Whether a value is one number or truth value, or none."""
    return isinstance(type_, IntType | BoolType | EnumType | EncodingType | OptionalType | NoneType | BadType)


def fits_register(type_: Type) -> bool:
    """Whether a register can carry a value of this type."""
    return isinstance(type_, IntType | BoolType | EnumType | EncodingType | BadType)


def is_object(type_: Type) -> bool:
    """Whether a value is an object, or none."""
    return isinstance(type_, OptionalRefType) or (isinstance(type_, RefType) and not type_.path)


def accepts(target: Type, value: Type) -> bool:
    """Whether a value of one type may be stored where the other is declared; widths are proved, not typed."""
    if isinstance(target, BadType) or isinstance(value, BadType) or target == value:
        return True
    match target:
        case IntType():
            return isinstance(value, IntType | EncodingType)
        case EncodingType():
            return False
        case OptionalType():
            return isinstance(value, IntType | NoneType | OptionalType)
        case OptionalRefType(state):
            return isinstance(value, NoneType) or value == RefType(state)
        case _:
            return False


def comparable(left: Type, right: Type) -> bool:
    """Whether `==` between the two means something."""
    if isinstance(left, BadType) or isinstance(right, BadType):
        return True
    if isinstance(left, FifoType | SetType) or isinstance(right, FifoType | SetType):
        empty, many = SetType(None), FifoType | BitsType
        return (left == empty and isinstance(right, many)) or (right == empty and isinstance(left, many))
    if isinstance(left, BytesType | MapType | LockType) or (isinstance(left, RefType) and left.path):
        return False
    return accepts(left, right) or accepts(right, left) or (is_integral(left) and is_integral(right))
