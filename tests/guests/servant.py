"""A virtual CPU of VM 1 does nothing but take interrupts, when its interrupt line says so; the other one sends them."""

from __future__ import annotations

from company import booted, scene_of, scheduler_of

from hafnium.abi import Call
from hafnium.actions import Program, call
from hafnium.interrupts import interrupt_enable
from hafnium.programs import PING
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene

COUNT = 2


def machine(cpus: int) -> Machine:
    """One VM of two virtual CPUs, of which the second one can be interrupted."""
    found = booted(cpus, [2])
    interrupt_enable(found.vms[1].vcpus[1], PING, True)
    return found


def master() -> Program:
    """Ring."""
    for _ in range(COUNT):
        yield from call(Call.INTERRUPT_INJECT, 1, 1, PING)


def scene(machine: Machine) -> Scene:
    """Who has no program takes interrupts and waits; what it has not taken at the end, it is owed."""
    return scene_of(machine, scheduler_of(machine, Scheduler), {(1, 0): master()}, lambda: None)
