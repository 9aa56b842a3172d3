"""VM 1 and VM 2 send to VM 3, which sleeps until its timer fires before it looks into its mailbox."""

from __future__ import annotations

from company import booted, fewer, receiver, scene_of, scheduler_of, sender

from hafnium.abi import VIRTUAL_TIMER_INTID, Call
from hafnium.actions import Program, ReadClock, SetTimer, Wfe, Wfi, call
from hafnium.programs import drain_interrupts
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hafnium.timer import ENABLE
from hfverify.explore.guests import Scene

TICKS = 1000


def machine(cpus: int) -> Machine:
    """Three VMs of one virtual CPU each."""
    return booted(cpus, [1, 1, 1])


def passing(to: int) -> Program:
    """Send, and stop a timer that nobody else has a use for."""
    yield from sender(to, 1)
    yield SetTimer(0, 0)


def asleep(log: list[int]) -> Program:
    """Set the timer, let others run once, sleep, and then receive."""
    yield from call(Call.INTERRUPT_ENABLE, VIRTUAL_TIMER_INTID, 1)
    now = yield ReadClock()
    assert isinstance(now, int)
    yield SetTimer(ENABLE, now + TICKS)
    yield Wfe()
    while VIRTUAL_TIMER_INTID not in (yield from drain_interrupts()):
        yield Wfi()
    yield from receiver(log)


def scene(machine: Machine) -> Scene:
    """Two senders, and a receiver that comes to them late."""
    log: list[int] = []
    programs = {(1, 0): passing(3), (2, 0): passing(3), (3, 0): asleep(log)}
    return scene_of(machine, scheduler_of(machine, Scheduler), programs, lambda: fewer(log, 2, "VM 3"))
