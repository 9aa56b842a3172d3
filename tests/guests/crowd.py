"""Two virtual CPUs of VM 2 wait for the messages of VM 1, and each interrupts the other one when it has got one."""

from __future__ import annotations

from company import booted, fewer, received, scene_of, scheduler_of, sender

from hafnium.abi import Call
from hafnium.actions import Program, call
from hafnium.interrupts import interrupt_enable
from hafnium.programs import PING
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene

COUNT = 2


def machine(cpus: int) -> Machine:
    """A VM of one virtual CPU, and one of two that can be interrupted."""
    found = booted(cpus, [1, 2])
    for vcpu in found.vms[2].vcpus:
        interrupt_enable(vcpu, PING, True)
    return found


def member(other: int, log: list[int]) -> Program:
    """Receive, and say so."""
    while True:
        log.append((yield from received()))
        yield from call(Call.MAILBOX_CLEAR)
        yield from call(Call.INTERRUPT_INJECT, 2, other, PING)


def scene(machine: Machine) -> Scene:
    """A sender and two receivers."""
    log: list[int] = []
    programs = {(1, 0): sender(2, COUNT), (2, 0): member(1, log), (2, 1): member(0, log)}
    return scene_of(machine, scheduler_of(machine, Scheduler), programs, lambda: fewer(log, COUNT, "VM 2"))
