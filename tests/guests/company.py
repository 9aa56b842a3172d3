"""What the guests of this folder have in common: a machine that has booted, a scheduler on each CPU, and programs.

The primary VM is the scheduler of `hafnium.scheduler`, one of its virtual CPUs on each physical one. It has a thread
for each virtual CPU of the others, which runs it, does what the result says and sleeps if it is told to. A physical CPU
that has no thread to run waits until another one wakes a thread, or until a timer fires. Messages have no content here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from hafnium.abi import INVALID_VM_ID, MAILBOX_WRITABLE_INTID, PAGE_SIZE, Call, decode_receive_return
from hafnium.actions import Action, Program, Reply, Wfi, call
from hafnium.boot import Description, Secondary, boot
from hafnium.demo import base_of
from hafnium.guest import Guests, Phase, Seat, take_turn
from hafnium.interrupts import interrupt_enable
from hafnium.memory import vm_configure
from hafnium.programs import drain_interrupts
from hafnium.scheduler import Position, Scheduler
from hafnium.state import Machine, VcpuState
from hafnium.switch import cpu_start
from hafnium.timer import timer_enabled, timer_pending_at
from hafnium.vcpu import cpu_on, vcpu_on
from hfverify.explore.guests import Processor, Scene

Kind = TypeVar("Kind", bound=Scheduler)
SIZE = 8
PAGES = 16
BLOCKED = (VcpuState.BLOCKED_MAILBOX, VcpuState.BLOCKED_INTERRUPT)


def booted(cpus: int, vcpus: Sequence[int], *, unconfigured: Sequence[int] = ()) -> Machine:
    """A machine with secondary VMs of so many virtual CPUs; all but some have mailboxes, and hear who is writable."""
    memory = [(base_of(vm_id), base_of(vm_id) + PAGES * PAGE_SIZE) for vm_id in range(1, len(vcpus) + 1)]
    secondaries = tuple(Secondary(count, *pair) for count, pair in zip(vcpus, memory, strict=True))
    machine = boot(Description(tuple(range(cpus)), 0, 256, 0x0900_0000, (), secondaries))
    for cpu in machine.cpus[1:]:
        cpu_on(machine, cpu, 0, 0)
        cpu_start(machine, cpu)
    for vm in machine.vms:
        if vm.id not in unconfigured:
            vm_configure(machine, vm.vcpus[0], base_of(vm.id), base_of(vm.id) + PAGE_SIZE)
        for vcpu in vm.vcpus if vm.id else ():
            vcpu_on(vm, vcpu.index, base_of(vm.id), 0)
            interrupt_enable(vcpu, MAILBOX_WRITABLE_INTID, True)
    return machine


def scheduler_of(machine: Machine, kind: type[Kind]) -> Kind:
    """A thread for each virtual CPU; the mailbox of the primary VM is there already."""
    found = kind(base_of(0), [(vm.id, vcpu.index) for vm in machine.vms[1:] for vcpu in vm.vcpus])
    found.started = True
    return found


def scene_of(
    machine: Machine, scheduler: Scheduler, programs: dict[Position, Program], missed: Callable[[], str | None]
) -> Scene:
    """The scheduler on each CPU, and a program for each virtual CPU of the others."""
    guests = Guests(machine, {machine.vms[vm].vcpus[index]: program for (vm, index), program in programs.items()})
    for seat in guests.seats:
        assert seat.cpu.current is not None
        guests.programs[seat.cpu.current] = scheduler.program()

    def complaint() -> str | None:
        failures = [f"a guest has raised {error!r}" for error in guests.failures.values()]
        return failures[0] if failures else missed()

    return Scene([_seated(guests, seat, scheduler) for seat in guests.seats], lambda: time_passes(machine), complaint)


def _seated(guests: Guests, seat: Seat, scheduler: Scheduler) -> Callable[[Processor], None]:
    def rings() -> bool:
        return bool(scheduler.queue) or timer_pending_at(seat.cpu.timer, guests.machine.clock.count)

    def virtual_machines(cpu: Processor) -> None:
        while seat.phase is not Phase.HALTED:
            take_turn(guests, seat)
            if seat.idle:
                cpu.idle(rings, "a thread can run")

    return virtual_machines


def time_passes(machine: Machine) -> bool:
    """Up to when the next timer fires: one of a physical CPU, or of a virtual one that waits."""
    timers = [cpu.timer for cpu in machine.cpus]
    timers += [vcpu.regs.timer for vm in machine.vms[1:] for vcpu in vm.vcpus if vcpu.state in BLOCKED]
    later = [timer.compare for timer in timers if timer_enabled(timer) and timer.compare > machine.clock.count]
    if later:
        machine.clock.count = min(later)
    return bool(later)


# ---------------------------------------------------------------- programs


def sender(to: int, count: int) -> Program:
    """Send messages, each as soon as the mailbox of the receiver can be written."""
    for _ in range(count):
        while (yield from call(Call.MAILBOX_SEND, to, SIZE, 1)) != 0:
            while (yield from call(Call.MAILBOX_WRITABLE_GET)) != to:
                yield Wfi()
                yield from drain_interrupts()


def received() -> Generator[Action, Reply, int]:
    """Wait for a message, which stays in the mailbox; the result is its sender."""
    while True:
        who, _ = decode_receive_return((yield from call(Call.MAILBOX_RECEIVE, 1)))
        if who != INVALID_VM_ID:
            return who
        yield from drain_interrupts()


def receiver(log: list[int]) -> Program:
    """Note the sender of each message, and make room for the next one."""
    while True:
        log.append((yield from received()))
        yield from call(Call.MAILBOX_CLEAR)


def fewer(log: list[int], count: int, whose: str) -> str | None:
    """Complain about messages that have not come."""
    return None if len(log) >= count else f"{whose} has got {len(log)} of {count} messages"
