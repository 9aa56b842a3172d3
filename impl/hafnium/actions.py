"""What a guest program can do.

A guest program is a generator: it yields what its virtual CPU does next and is sent the result.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from hafnium.abi import U64_MASK, Call


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
    """Read memory; the result is the bytes."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Store:
    """Write memory."""

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
