"""The primary VM sends to VM 1, and waits to be told like the others when the mailbox is full."""

from __future__ import annotations

from dataclasses import dataclass

from company import SIZE, booted, fewer, receiver, scene_of, scheduler_of

from hafnium.abi import Call
from hafnium.actions import Program, call
from hafnium.scheduler import Scheduler
from hafnium.state import Machine
from hfverify.explore.guests import Scene

COUNT = 2


@dataclass(eq=False, slots=True)
class Office(Scheduler):
    """A scheduler that sends, one of its virtual CPUs at a time."""

    sent: int = 0
    sending: bool = False
    again: bool = False

    def program(self) -> Program:
        """Send first, and then run the others."""
        yield from self.send_more()
        yield from Scheduler.program(self)

    def send_more(self) -> Program:
        """Send until the mailbox of VM 1 is full; it will say when it is not."""
        self.again = True
        if self.sending:
            return
        self.sending = True
        while self.again and self.sent < COUNT:
            self.again = False
            if (yield from call(Call.MAILBOX_SEND, 1, SIZE, 1)) == 0:
                self.sent += 1
                self.again = True
                self.wake_vm(1)
        self.sending = False

    def on_writable(self, vm_id: int) -> Program:
        """The mailbox of VM 1 can be written."""
        del vm_id
        return self.send_more()


def machine(cpus: int) -> Machine:
    """One VM of one virtual CPU."""
    return booted(cpus, [1])


def scene(machine: Machine) -> Scene:
    """VM 1 receives what the primary VM sends."""
    log: list[int] = []
    office = scheduler_of(machine, Office)
    return scene_of(machine, office, {(1, 0): receiver(log)}, lambda: fewer(log, COUNT, "VM 1"))
