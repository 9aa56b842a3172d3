"""The virtual timer: a compare value and a control register against a counter (reference R4, 3.7)."""

from dataclasses import dataclass
from typing import Final

from hafnium.abi import U64_MASK

ENABLE: Final = 1
MASK: Final = 2
NANOSECONDS_PER_SECOND: Final = 1_000_000_000


@dataclass(slots=True)
class Timer:
    """The timer register pair: `control` (64 bits), `compare` (64 bits, counter ticks)."""

    control: int = 0
    compare: int = 0


@dataclass(slots=True)
class Clock:
    """The counter that every timer compares with: `count` (64 bits, ticks), `frequency` (ticks per second)."""

    count: int = 0
    frequency: int = NANOSECONDS_PER_SECOND


def timer_enabled(timer: Timer) -> bool:
    """Tell whether the timer can raise its interrupt: enabled and not masked."""
    return timer.control & ENABLE != 0 and timer.control & MASK == 0


def timer_remaining_ns(timer: Timer, clock: Clock) -> int:
    """Return the nanoseconds until the timer expires, 0 if it has; 64 bits, the product wraps."""
    now = clock.count
    ticks = timer.compare - now if timer.compare > now else 0
    return (ticks * NANOSECONDS_PER_SECOND & U64_MASK) // clock.frequency
