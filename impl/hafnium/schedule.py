"""Who has the next turn: physical CPUs that take turns, or a thread for each of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from random import Random

from hafnium.guest import Guests, Phase, Seat, take_turn
from hafnium.spinlock import TakingTurns, Waiting
from hafnium.timer import NANOSECONDS_PER_SECOND, timer_enabled

TURN_TICKS = 1_000
JOIN_SECONDS = 1.0


class End(Enum):
    """Why a run ended: every CPU is idle with nothing to wait for, or it was long enough."""

    QUIET = "quiet"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Turn:
    """The physical CPU that goes on, and whether an interrupt from outside reaches it first."""

    cpu: int
    interrupt: bool = False


def random_schedule(seed: int, cpus: int, interrupts: float = 0.02) -> Iterator[Turn]:
    """Give turns at random; the same seed gives the same turns."""
    random = Random(seed)  # noqa: S311
    while True:
        yield Turn(random.randrange(cpus), random.random() < interrupts)


def round_robin(cpus: int) -> Iterator[Turn]:
    """Give turns in a circle."""
    while True:
        for cpu in range(cpus):
            yield Turn(cpu)


def run_turns(guests: Guests, schedule: Iterator[Turn], limit: int) -> End:
    """Take turns until nothing is left to do, at most `limit` of them. Each takes a fixed time."""
    machine = guests.machine
    machine.waiting = TakingTurns()
    for _ in range(limit):
        turn = next(schedule)
        seat = guests.seats[turn.cpu]
        take_turn(guests, seat, turn.interrupt)
        machine.clock.count += TURN_TICKS
        if seat.idle and all_idle(guests):
            deadline = next_deadline(guests)
            if deadline is None:
                return End.QUIET
            machine.clock.count = max(machine.clock.count, deadline)
    return End.LIMIT


def all_idle(guests: Guests) -> bool:
    """Tell whether no physical CPU has anything to do."""
    return all(seat.idle or seat.phase is Phase.HALTED for seat in guests.seats)


def next_deadline(guests: Guests) -> int | None:
    """Return when the first timer of an idle physical CPU fires, or None."""
    timers = [seat.cpu.timer for seat in guests.seats if seat.phase is not Phase.HALTED]
    return min((timer.compare for timer in timers if timer_enabled(timer)), default=None)


def run_threads(guests: Guests, seconds: float, seed: int = 0, interrupts: float = 0.01) -> End:
    """Run each physical CPU on a thread of its own until nothing is left to do, at most so long.

    The calling thread keeps the clock, so that it never goes back. It raises what a thread has raised.
    """
    machine = guests.machine
    machine.waiting = Waiting()
    stop = threading.Event()
    start = time.monotonic_ns() - machine.clock.count
    errors: list[BaseException] = []

    def work(seat: Seat) -> None:
        random = Random(seed * len(guests.seats) + seat.cpu.index)  # noqa: S311
        while not (stop.is_set() and seat.phase in (Phase.GUEST, Phase.HALTED)):
            take_turn(guests, seat, random.random() < interrupts)
            if seat.idle:
                time.sleep(0.0001)

    def guarded(seat: Seat) -> None:
        try:
            work(seat)
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=guarded, args=(seat,), daemon=True) for seat in guests.seats]
    for thread in threads:
        thread.start()
    end = End.LIMIT
    last = machine.clock.count + int(seconds * NANOSECONDS_PER_SECOND)
    while machine.clock.count < last and not errors:
        if is_quiet(guests):
            end = End.QUIET
            break
        time.sleep(0.0005)
        machine.clock.count = time.monotonic_ns() - start
    stop.set()
    for thread in threads:
        thread.join(None if not errors else JOIN_SECONDS)
    if errors:
        raise errors[0]
    return end


def is_quiet(guests: Guests) -> bool:
    """Tell whether all threads are idle and no timer will fire, from flags that are not read at once.

    A CPU that is busy between the two looks has either taken a turn or is not idle at the second.
    """
    before = [seat.turns for seat in guests.seats]
    idle = all_idle(guests) and next_deadline(guests) is None
    return idle and all_idle(guests) and before == [seat.turns for seat in guests.seats]
