"""The virtual timer: a compare value and a control register against a counter (reference R4, 3.7)."""

from dataclasses import dataclass
from typing import Final

from hafnium.abi import U64_MASK

ENABLE: Final = 1
MASK: Final = 2
STATUS: Final = 4
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


def remaining_ticks(timer: Timer, now: int) -> int:
    """Return the ticks (64 bits) from the count `now` until the timer expires, 0 if it has."""
    return timer.compare - now if timer.compare > now else 0


def remaining_ns_at(timer: Timer, now: int, frequency: int) -> int:
    """Return the nanoseconds (64 bits) from the count `now` until the timer expires, 0 if it has."""
    return remaining_ticks(timer, now) * NANOSECONDS_PER_SECOND // frequency & U64_MASK


def timer_remaining_ns(timer: Timer, clock: Clock) -> int:
    """Return the nanoseconds (64 bits) until the timer expires, 0 if it has."""
    return remaining_ns_at(timer, clock.count, clock.frequency)


def timer_pending_at(timer: Timer, now: int) -> bool:
    """Tell whether the timer raises its interrupt at the count `now`; once true, it stays true."""
    return timer_enabled(timer) and (timer.control & STATUS != 0 or remaining_ticks(timer, now) == 0)


def timer_mask(timer: Timer) -> None:
    """Keep the timer from raising its interrupt again until its owner has dealt with it."""
    timer.control |= MASK


def timer_copy(target: Timer, source: Timer) -> None:
    """Store one register pair into another."""
    target.control = source.control
    target.compare = source.compare
