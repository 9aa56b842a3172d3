"""VM 1 and VM 2 send to VM 3 as fast as its mailbox allows: who finds it full waits to be told."""

from __future__ import annotations

from company import booted, fewer, receiver, scene_of, scheduler_of, sender

from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene

COUNT = 1


def machine(cpus: int) -> Machine:
    """Three VMs of one virtual CPU each."""
    return booted(cpus, [1, 1, 1])


def scene(machine: Machine) -> Scene:
    """Two senders and a receiver."""
    log: list[int] = []
    programs = {(1, 0): sender(3, COUNT), (2, 0): sender(3, COUNT), (3, 0): receiver(log)}
    return scene_of(machine, scheduler_of(machine, Scheduler), programs, lambda: fewer(log, 2 * COUNT, "VM 3"))
