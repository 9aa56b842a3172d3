"""VM 1 sends messages to VM 2, which waits for each of them."""

from __future__ import annotations

from company import booted, fewer, receiver, scene_of, scheduler_of, sender

from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene

COUNT = 2


def machine(cpus: int) -> Machine:
    """Two VMs of one virtual CPU each."""
    return booted(cpus, [1, 1])


def scene(machine: Machine) -> Scene:
    """A sender and a receiver."""
    log: list[int] = []
    programs = {(1, 0): sender(2, COUNT), (2, 0): receiver(log)}
    return scene_of(machine, scheduler_of(machine, Scheduler), programs, lambda: fewer(log, COUNT, "VM 2"))
