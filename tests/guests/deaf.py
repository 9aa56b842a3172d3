"""A virtual CPU of VM 1 lets no interrupt through for a while, in which the other one may send it one."""

from __future__ import annotations

from company import booted, fewer, scene_of, scheduler_of

from hafnium.abi import Call
from hafnium.actions import Program, Wfi, call
from hafnium.interrupts import interrupt_enable
from hafnium.programs import drain_interrupts
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene

# One of the second half of all interrupts.
RING = 40


def machine(cpus: int) -> Machine:
    """One VM of two virtual CPUs, of which the second one can be interrupted."""
    found = booted(cpus, [2])
    interrupt_enable(found.vms[1].vcpus[1], RING, True)
    return found


def caller() -> Program:
    """Ring once."""
    yield from call(Call.INTERRUPT_INJECT, 1, 1, RING)


def deaf(log: list[int]) -> Program:
    """Wait for the ring, after some work that is not to be interrupted."""
    yield from call(Call.INTERRUPT_ENABLE, RING, 0)
    yield from call(Call.VCPU_YIELD)
    yield from call(Call.INTERRUPT_ENABLE, RING, 1)
    while RING not in (yield from drain_interrupts()):
        yield Wfi()
    log.append(RING)


def scene(machine: Machine) -> Scene:
    """Who rings, and who does not hear at first."""
    log: list[int] = []
    programs = {(1, 0): caller(), (1, 1): deaf(log)}
    return scene_of(machine, scheduler_of(machine, Scheduler), programs, lambda: fewer(log, 1, "who is deaf"))
