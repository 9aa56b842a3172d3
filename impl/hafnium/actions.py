"""What a guest program can do.

A guest program is a generator: it yields what its virtual CPU does next and is sent the result.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from hafnium.abi import U64_MASK, Call

MAX_ACCESS: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Hvc:
    """A hypercall; the result is x0 (64 bits)."""

    x0: int
    x1: int = 0
    x2: int = 0
    x3: int = 0


@dataclass(frozen=True, slots=True)
class Wfi:
    """Wait for an interrupt."""


@dataclass(frozen=True, slots=True)
class Wfe:
    """Wait for an event."""


@dataclass(frozen=True, slots=True)
class Load:
    """Read memory, at most `MAX_ACCESS` bytes; the result is the bytes."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Store:
    """Write memory, at most `MAX_ACCESS` bytes."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Write the virtual timer registers (64 bits each)."""

    control: int
    compare: int


@dataclass(frozen=True, slots=True)
class ReadClock:
    """Read the counter; the result is its value (64 bits)."""


Action = Hvc | Wfi | Wfe | Load | Store | SetTimer | ReadClock
Reply = int | bytes | None
Program = Generator[Action, Reply, None]


def is_action(action: object) -> bool:
    """Tell whether a program has yielded an action, with numbers that fit into registers."""
    match action:
        case Hvc(x0, x1, x2, x3):
            return is_register(x0) and is_register(x1) and is_register(x2) and is_register(x3)
        case SetTimer(control, compare):
            return is_register(control) and is_register(compare)
        case Load(address, size):
            return is_register(address) and is_register(size) and size <= MAX_ACCESS
        case Store(address, data):
            return is_register(address) and isinstance(data, bytes) and len(data) <= MAX_ACCESS
        case _:
            return isinstance(action, Wfi | Wfe | ReadClock)


def is_register(value: object) -> bool:
    """Tell whether a value is a number of 64 bits."""
    return isinstance(value, int) and 0 <= value <= U64_MASK


def call(number: Call, x1: int = 0, x2: int = 0, x3: int = 0) -> Generator[Action, Reply, int]:
    """Make a hypercall from a guest program; -1 comes back as a signed number."""
    reply = yield Hvc(number, x1, x2, x3)
    assert isinstance(reply, int)
    return -1 if reply == U64_MASK else reply


def load(address: int, size: int) -> Generator[Action, Reply, bytes]:
    """Read memory from a guest program."""
    reply = yield Load(address, size)
    assert isinstance(reply, bytes)
    return reply
