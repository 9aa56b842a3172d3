"""Two virtual CPUs of VM 1 send each other an interrupt at the same time, and wait for the other one's."""

from __future__ import annotations

from company import booted, fewer, scene_of, scheduler_of

from hafnium.abi import Call
from hafnium.actions import Program, Wfi, call
from hafnium.interrupts import interrupt_enable
from hafnium.programs import PING, drain_interrupts
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene


def machine(cpus: int) -> Machine:
    """One VM of two virtual CPUs that can be interrupted."""
    found = booted(cpus, [2])
    for vcpu in found.vms[1].vcpus:
        interrupt_enable(vcpu, PING, True)
    return found


def ringer(other: int, log: list[int]) -> Program:
    """Ring, and wait for the ring."""
    yield from call(Call.INTERRUPT_INJECT, 1, other, PING)
    while PING not in (yield from drain_interrupts()):
        yield Wfi()
    log.append(other)


def scene(machine: Machine) -> Scene:
    """Two of the same kind."""
    log: list[int] = []
    programs = {(1, 0): ringer(1, log), (1, 1): ringer(0, log)}
    return scene_of(machine, scheduler_of(machine, Scheduler), programs, lambda: fewer(log, 2, "VM 1"))
