"""VM 1 sends to VM 2 before VM 2 has a mailbox: it waits to be told when there is one."""

from __future__ import annotations

from company import booted, fewer, receiver, scene_of, scheduler_of, sender

from hafnium.abi import PAGE_SIZE, Call
from hafnium.actions import Program, Wfe, call
from hafnium.demo import base_of
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene


def machine(cpus: int) -> Machine:
    """Two VMs of one virtual CPU each."""
    return booted(cpus, [1, 1], unconfigured=[1, 2])


def late(log: list[int]) -> Program:
    """Let the others go first."""
    yield Wfe()
    yield from configured(2, receiver(log))


def configured(vm_id: int, program: Program) -> Program:
    """Name the pages of the mailbox first."""
    yield from call(Call.VM_CONFIGURE, base_of(vm_id), base_of(vm_id) + PAGE_SIZE)
    yield from program


def scene(machine: Machine) -> Scene:
    """A sender, and a receiver that begins late."""
    log: list[int] = []
    programs = {(1, 0): configured(1, sender(2, 1)), (2, 0): late(log)}
    return scene_of(machine, scheduler_of(machine, Scheduler), programs, lambda: fewer(log, 1, "VM 2"))
