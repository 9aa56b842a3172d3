"""VM 1 sends messages to VM 2, of which one virtual CPU reads them; both make room before the next one is read."""

from __future__ import annotations

from company import booted, fewer, received, scene_of, scheduler_of, sender

from hafnium.abi import Call
from hafnium.actions import Program, Wfi, call
from hafnium.interrupts import interrupt_enable
from hafnium.programs import PING, PONG, drain_interrupts
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene

COUNT = 2


def machine(cpus: int) -> Machine:
    """A VM of one virtual CPU, and one of two that can interrupt each other."""
    found = booted(cpus, [1, 2])
    for vcpu, intid in zip(found.vms[2].vcpus, (PONG, PING), strict=True):
        interrupt_enable(vcpu, intid, True)
    return found


def taken(intid: int) -> Program:
    """Wait for an interrupt."""
    while intid not in (yield from drain_interrupts()):
        yield Wfi()


def reader(log: list[int]) -> Program:
    """Note who has sent a message, and clear the mailbox together with the other virtual CPU."""
    while True:
        log.append((yield from received()))
        yield from call(Call.INTERRUPT_INJECT, 2, 1, PING)
        yield from call(Call.MAILBOX_CLEAR)
        yield from taken(PONG)


def helper() -> Program:
    """Clear a mailbox that has been read, or that has been cleared already."""
    while True:
        yield from taken(PING)
        yield from call(Call.MAILBOX_CLEAR)
        yield from call(Call.INTERRUPT_INJECT, 2, 0, PONG)


def scene(machine: Machine) -> Scene:
    """One who sends, one who reads, and one who only makes room."""
    log: list[int] = []
    programs = {(1, 0): sender(2, COUNT), (2, 0): reader(log), (2, 1): helper()}
    return scene_of(machine, scheduler_of(machine, Scheduler), programs, lambda: fewer(log, COUNT, "VM 2"))
