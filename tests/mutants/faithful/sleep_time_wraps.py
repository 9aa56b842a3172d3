"""Deviation 10: the ticks are multiplied before they are divided, and the product wraps at 64 bits.

At 62.5 MHz a timer that fires in more than 295 seconds is reported as one that fires much earlier.
"""

from hafnium.abi import U64_MASK
from hafnium.timer import NANOSECONDS_PER_SECOND, Timer, remaining_ticks

MODULE = "hafnium.timer"
REFUTES = "time_to_sleep.told.returns"


def remaining_ns_at(timer: Timer, now: int, frequency: int) -> int:
    """Return the nanoseconds from the count `now` until the timer expires."""
    return (remaining_ticks(timer, now) * NANOSECONDS_PER_SECOND & U64_MASK) // frequency
