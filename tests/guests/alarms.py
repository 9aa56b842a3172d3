"""VM 1 sleeps until its timer fires, whatever it is sent; VM 2 waits for a message until its own timer fires."""

from __future__ import annotations

from company import booted, fewer, scene_of, scheduler_of, sender

from hafnium.abi import VIRTUAL_TIMER_INTID, Call
from hafnium.actions import Program, ReadClock, SetTimer, call
from hafnium.programs import drain_interrupts, sleeper
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hafnium.timer import ENABLE
from hfverify.explore.guests import Scene

COUNT = 1
TICKS = 1000


def machine(cpus: int) -> Machine:
    """Two VMs of one virtual CPU each."""
    return booted(cpus, [1, 1])


def impatient(log: list[int]) -> Program:
    """Send a message, and wait for one, but not for ever."""
    yield from sender(1, 1)
    yield from call(Call.INTERRUPT_ENABLE, VIRTUAL_TIMER_INTID, 1)
    for number in range(COUNT):
        now = yield ReadClock()
        assert isinstance(now, int)
        yield SetTimer(ENABLE, now + TICKS)
        while VIRTUAL_TIMER_INTID not in (yield from drain_interrupts()):
            yield from call(Call.MAILBOX_RECEIVE, 1)
        log.append(number)


def scene(machine: Machine) -> Scene:
    """One that waits for an interrupt, one for a message."""
    logs: tuple[list[int], list[int]] = ([], [])
    programs = {(1, 0): sleeper(TICKS // 2, COUNT, logs[0]), (2, 0): impatient(logs[1])}

    def missed() -> str | None:
        return fewer(logs[0], COUNT, "VM 1") or fewer(logs[1], COUNT, "VM 2")

    return scene_of(machine, scheduler_of(machine, Scheduler), programs, missed)
