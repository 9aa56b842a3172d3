"""The primary VM interrupts itself and runs VM 1, which waits at once: the interrupt line says what is still to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from company import booted, fewer, scene_of, scheduler_of

from hafnium.abi import PRIMARY_VM_ID, Call
from hafnium.actions import Program, Reply, Wfi, call
from hafnium.programs import PING, drain_interrupts
from hafnium.scheduler import Scheduler
from hafnium.state import Cpu, Machine
from hfverify.explore.guests import Scene


@dataclass(eq=False, slots=True)
class Watch(Scheduler):
    """A scheduler on guard: before a CPU waits it takes its interrupts, if its line says that it has any."""

    cpus: Iterator[Cpu] = field(default_factory=lambda: iter(()))
    log: list[int] = field(default_factory=list)

    def program(self) -> Program:
        """What the next CPU does."""
        return self.guarded(next(self.cpus))

    def guarded(self, cpu: Cpu) -> Program:
        """Ring, and run the others; who has left one of them has made no call since, and its line is what was kept."""
        yield from call(Call.INTERRUPT_ENABLE, PING, 1)
        yield from call(Call.INTERRUPT_INJECT, PRIMARY_VM_ID, cpu.index, PING)
        others = Scheduler.program(self)
        reply: Reply = None
        while True:
            action = others.send(reply)
            if isinstance(action, Wfi) and cpu.virtual_interrupt:
                self.log += yield from drain_interrupts()
            reply = yield action


def machine(cpus: int) -> Machine:
    """One VM of one virtual CPU."""
    return booted(cpus, [1])


def scene(machine: Machine) -> Scene:
    """VM 1 has nothing to do."""
    watch = scheduler_of(machine, Watch)
    watch.cpus = iter(machine.cpus)
    return scene_of(machine, watch, {}, lambda: fewer(watch.log, len(machine.cpus), "the primary VM"))
