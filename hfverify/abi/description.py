"""What a program has to know to make calls, in no language: plain data that each writer turns into text.

Reads   nothing
Gives   Abi and its parts; numbers are computed, names are those of the specification
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass

from hfverify.diagnostics import Span

BOOL, UNSIGNED, SIGNED = "bool", "unsigned", "signed"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a value is a number: `word` is one of the three above; `name` is what the specification calls the type."""

    word: str
    bits: int
    name: str

    @property
    def mask(self) -> int:
        """A number of this width whose bits are all set."""
        return (1 << self.bits) - 1

    @property
    def carrier(self) -> int:
        """The width of the smallest machine integer that holds it."""
        return next(width for width in (8, 16, 32, 64) if self.bits <= width)


@dataclass(frozen=True, slots=True)
class Constant:
    name: str
    text: str
    kind: Kind
    value: int
    span: Span


@dataclass(frozen=True, slots=True)
class Item:
    """One value of an enumeration."""

    name: str
    text: str
    value: int
    span: Span


@dataclass(frozen=True, slots=True)
class Enumeration:
    name: str
    text: str
    kind: Kind
    items: tuple[Item, ...]
    span: Span


class Bits:
    """What lies in bits `low` to `high` of a number."""

    __slots__ = ()
    low: int
    high: int

    @property
    def mask(self) -> int:
        """The bits that it has, moved down to bit 0."""
        return (1 << self.high - self.low + 1) - 1


@dataclass(frozen=True, slots=True)
class Field(Bits):
    """Bits `low` to `high` of the packed number; the top bits of a value that has more are lost if `truncated`."""

    name: str
    kind: Kind
    low: int
    high: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    text: str
    tag: int | None
    fields: tuple[Field, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Tag:
    """The bits that say which variant a packed number is."""

    low: int
    high: int

    @property
    def kind(self) -> Kind:
        """A tag as a value."""
        return Kind(UNSIGNED, self.high - self.low + 1, "")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A value that is packed into one number. Without a tag there is one variant, and every number is of it."""

    name: str
    text: str
    kind: Kind
    tag: Tag | None
    variants: tuple[Variant, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Argument(Bits):
    """Bits `low` to `high` of a register."""

    name: str
    kind: Kind
    register: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Result:
    """What the call leaves in a register, of which the lowest `bits` mean something."""

    name: str
    kind: Kind
    register: int
    bits: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reject or a case returns: `written` as the specification says it, `value` where that is one number."""

    outcome: str
    is_reject: bool
    written: str
    value: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """`selector` is what the register of the convention holds so that this call is found."""

    name: str
    published: str
    number: int
    selector: int
    text: str
    arguments: tuple[Argument, ...]
    result: Result | None
    answers: tuple[Answer, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Convention:
    """How calls are made: `register` names the call, `registers` are carried in and out, `unknown` is for no call.

    `instruction` is the one that makes the call; empty if the specification names none.
    """

    register: int
    registers: int
    instruction: str
    unknown: int
    text: str


@dataclass(frozen=True, slots=True)
class Abi:
    """Without a `convention` the specification does not say how a register names a call."""

    name: str
    revision: str
    text: str
    convention: Convention | None
    constants: tuple[Constant, ...]
    enumerations: tuple[Enumeration, ...]
    encodings: tuple[Encoding, ...]
    calls: tuple[Call, ...]

    def encoding(self, kind: Kind) -> Encoding | None:
        """The encoding that values of this kind are packed by."""
        return next((item for item in self.encodings if item.name == kind.name), None)
