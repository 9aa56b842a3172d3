"""What the stubs of all languages do with registers, whatever its words are.

Reads   abi.description.Call
Gives   values: what each register holds before a call; moved, taken: bits to their place and back
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Callable, Container

from hfverify.abi.description import Argument, Call, Convention
from hfverify.abi.names import plain

# A procedure may change the registers below this one; the others it gives back as they were.
SCRATCH = 18


def values(
    call: Call,
    made: Convention,
    reserved: Container[str],
    literal: Callable[[int], str],
    carried: Callable[[Argument], str],
) -> list[str]:
    """The number by its name, if that is what the register holds; the bits of several arguments side by side."""
    held: list[list[str]] = [[] for _ in range(made.registers)]
    held[made.register].append(
        plain(call.published, reserved) if call.selector == call.number else literal(call.selector)
    )
    for argument in call.arguments:
        held[argument.register].append(carried(argument))
    return [" | ".join(parts) or "0" for parts in held]


def moved(text: str, places: int) -> str:
    """A value in its place in a register."""
    return f"{text} << {places}" if places else text


def taken(places: int, mask: int) -> str:
    """The bits of `number` at a place."""
    return f"number >> {places} & {mask:#x}" if places else f"number & {mask:#x}"
