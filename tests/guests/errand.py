"""VM 1 asks VM 2 something. The scheduler lets VM 1 rest until there is an answer, and then runs it at once."""

from __future__ import annotations

from dataclasses import dataclass

from company import SIZE, booted, fewer, receiver, scene_of, scheduler_of

from hafnium.abi import Call, RunCode, RunReturn
from hafnium.actions import Program, call
from hafnium.scheduler import Position, Scheduler, nothing
from hafnium.state import Machine
from hfverify.explore.guests import Scene

ASKS, ANSWERS = 1, 2


@dataclass(eq=False, slots=True)
class Hasty(Scheduler):
    """A scheduler that runs whoever gets a message, even while another CPU still leaves it: `vcpu_run` waits for that.

    It remembers nothing: who cannot be run waits for something, or runs and will see for itself.
    """

    def react(self, vcpu: Position, ret: RunReturn) -> Program:
        """Who has asked is not run before it is answered."""
        if ret.code is RunCode.MESSAGE:
            self.queue.append((ret.vm_id, 0))
            if vcpu[0] == ANSWERS:
                self.queue.append(vcpu)
        return nothing()


def machine(cpus: int) -> Machine:
    """Two VMs of one virtual CPU each."""
    return booted(cpus, [1, 1])


def client(log: list[int]) -> Program:
    """Ask, and wait for the answer."""
    yield from call(Call.MAILBOX_SEND, ANSWERS, SIZE)
    yield from receiver(log)


def server() -> Program:
    """Answer what is asked."""
    while True:
        yield from call(Call.MAILBOX_RECEIVE, 1)
        yield from call(Call.MAILBOX_CLEAR)
        yield from call(Call.MAILBOX_SEND, ASKS, SIZE)


def scene(machine: Machine) -> Scene:
    """One who asks, one who answers."""
    log: list[int] = []
    programs = {(ASKS, 0): client(log), (ANSWERS, 0): server()}
    return scene_of(machine, scheduler_of(machine, Hasty), programs, lambda: fewer(log, 1, f"VM {ASKS}"))
