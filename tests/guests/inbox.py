"""VM 1 and VM 2 send to the primary VM, which tells them when its mailbox can be written again."""

from __future__ import annotations

from dataclasses import dataclass, field

from company import booted, fewer, scene_of, scheduler_of, sender

from hafnium.abi import PRIMARY_VM_ID, Call
from hafnium.actions import Program, call
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene


@dataclass(eq=False, slots=True)
class Office(Scheduler):
    """A scheduler that receives."""

    log: list[int] = field(default_factory=list)

    def read_mail(self, sender: int, size: int) -> Program:
        """Note who has sent a message, and let the next one come."""
        del size
        self.log.append(sender)
        if (yield from call(Call.MAILBOX_CLEAR)) == 1:
            yield from self.notify_waiters(PRIMARY_VM_ID)


def machine(cpus: int) -> Machine:
    """Two VMs of one virtual CPU each."""
    return booted(cpus, [1, 1])


def scene(machine: Machine) -> Scene:
    """Two senders."""
    office = scheduler_of(machine, Office)
    programs = {(1, 0): sender(PRIMARY_VM_ID, 1), (2, 0): sender(PRIMARY_VM_ID, 1)}
    return scene_of(machine, office, programs, lambda: fewer(office.log, 2, "the primary VM"))
