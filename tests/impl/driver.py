"""A small machine, driven one step at a time, with its rules checked after each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from checks import (
    check_counts,
    check_lists,
    check_locks_free,
    check_ownership,
    check_running,
    check_table,
    order_locks,
    page_tables,
    pages_in_all,
)

from hafnium.abi import PAGE_SIZE, U32_MASK, U64_MASK, Call
from hafnium.dispatch import hypercall
from hafnium.lists import list_empty
from hafnium.memory import handle_page_fault
from hafnium.page_table import page_table_map
from hafnium.replay import Replay, read_state
from hafnium.spinlock import Spinning, TakingTurns
from hafnium.state import Machine, MailboxState, Vcpu, VcpuState, create_machine
from hafnium.switch import cpu_start, restore_registers, save_registers
from hafnium.timer import Timer, timer_pending_at
from hafnium.trace import Header
from hafnium.vcpu import abort, cpu_off, cpu_on, preempt, regs_state_saved, vcpu_yield, wait_for_interrupt

BASE = 0x4000_0000
STRIDE = 0x10_000
PAGES_EACH = 6
REFUSED = U64_MASK
OFTEN = (
    Call.MAILBOX_SEND,
    Call.MAILBOX_CLEAR,
    Call.MAILBOX_RECEIVE,
    Call.INTERRUPT_INJECT,
    Call.SHARE_MEMORY,
)
HARMLESS = (Call.VM_GET_ID, Call.VM_GET_COUNT, Call.VCPU_RUN, Call.VCPU_YIELD, Call.INTERRUPT_GET)


@dataclass(slots=True)
class Window:
    """A physical CPU between two virtual CPUs: what it has done so far."""

    outgoing: Vcpu
    incoming: Vcpu
    saved: bool = False
    announced: bool = False


@dataclass(slots=True)
class Driver:
    """A machine whose physical CPUs take turns. `stamps` has a number for each saved register block."""

    vcpu_counts: tuple[int, ...] = (2, 2, 1, 1)
    cpus: int = 2
    pool: int = 64
    machine: Machine = field(init=False)
    windows: list[Window | None] = field(init=False)
    pages: list[int] = field(init=False)
    total: int = field(init=False)
    unsaved: set[Vcpu] = field(default_factory=set)
    steps: int = 0

    def __post_init__(self) -> None:
        self.machine = create_machine(self.cpus, list(self.vcpu_counts))
        self.machine.waiting = TakingTurns()
        self.machine.pool.free = 1 << 20
        order_locks(self.machine)
        self.pages = []
        for vm in self.machine.vms:
            begin = BASE + vm.id * STRIDE
            first = begin // PAGE_SIZE
            page_table_map(vm.ptable, first, first + PAGES_EACH, 7, self.machine.pool)
            self.pages += range(begin, begin + PAGES_EACH * PAGE_SIZE, PAGE_SIZE)
            for vcpu in vm.vcpus[: self.cpus if vm.id == 0 else None]:
                vcpu.state = VcpuState.READY
        self.machine.pool.free = self.pool
        self.windows = [None] * self.cpus
        self.total = pages_in_all(self.machine)

    def state(self) -> dict[str, Any]:
        """Return the whole state."""
        header = Header("", self.cpus, (), (), tuple(self.pages), {f"page.{p:x}.sha": 0 for p in self.pages}, False)
        incoming = [None if window is None else window.incoming for window in self.windows]
        return read_state(Replay(header, self.machine, incoming))

    def check(self) -> None:
        """Check every rule."""
        check_counts(self.machine)
        check_lists(self.machine)
        check_running(self.machine, [self.owned(cpu) for cpu in range(self.cpus)])
        check_ownership(self.machine, self.pages)
        check_locks_free(self.machine)
        for table in page_tables(self.machine):
            check_table(table)
        assert self.machine.pool.free >= 0
        assert pages_in_all(self.machine) == self.total
        self.steps += 1

    def owned(self, cpu: int) -> list[Vcpu]:
        """Return whose registers belong to a physical CPU."""
        window = self.windows[cpu]
        current = self.machine.cpus[cpu].current
        assert current is not None
        if window is None:
            return [current]
        return [window.incoming] if window.announced else [window.outgoing, window.incoming]

    def current(self, cpu: int) -> Vcpu | None:
        """Return who runs on a physical CPU, or None while it is between two virtual CPUs."""
        return None if self.windows[cpu] is not None else self.machine.cpus[cpu].current

    def switch(self, cpu: int, to: Vcpu | None) -> None:
        """Open a window if there is a switch."""
        current = self.machine.cpus[cpu].current
        assert current is not None
        if to is not None:
            assert to is not current
            self.windows[cpu] = Window(current, to)
            self.unsaved.add(current)

    def hvc(self, cpu: int, x0: int, x1: int, x2: int, x3: int) -> int | None:
        """Make a call; None if it waits for another physical CPU. A refused call changes nothing else."""
        current = self.current(cpu)
        if current is None:
            return None
        # The calling convention of 64 bits is the same call.
        number = x0 & ~(1 << 30)
        waits = number == Call.MAILBOX_SEND and x3 != 0
        careful = number not in HARMLESS and not waits
        before = self.state() if careful else {}
        granted = self.can_run(current, x1, x2) if x0 == Call.VCPU_RUN else None
        try:
            result, to = hypercall(self.machine, current, x0, x1, x2, x3)
        except Spinning:
            return None
        assert 0 <= result <= U64_MASK
        assert current.regs.r0 == result
        if careful and result == REFUSED:
            after = self.state()
            for state in (before, after):
                del state[f"vcpu.{current.vm.id}.{current.index}.r0"]
                del state[f"vcpu.{current.vm.id}.{current.index}.virq"]
            assert before == after
            assert to is None
        if granted is not None:
            assert (to is not None) == granted
        if x0 == Call.MAILBOX_SEND:
            self.check_send(current, x1 & U32_MASK, x2, x3, result)
        self.switch(cpu, to)
        return result

    def can_run(self, current: Vcpu, vm_id: int, index: int) -> bool:
        """Tell whether a virtual CPU can be run: none that has something to do may be refused."""
        vm_id &= U32_MASK
        index &= U32_MASK
        if current.vm.id != 0 or not 0 < vm_id < len(self.machine.vms):
            return False
        vm = self.machine.vms[vm_id]
        if index >= len(vm.vcpus):
            return False
        vcpu = vm.vcpus[index]
        if not vcpu.regs_available or vm.aborting:
            return False
        if vcpu.state is VcpuState.READY:
            return True
        timer = timer_pending_at(vcpu.regs.timer, self.machine.clock.count)
        news = vcpu.interrupts.enabled_and_pending_count > 0 or timer
        if vcpu.state is VcpuState.BLOCKED_MAILBOX:
            return news or vm.mailbox.state is MailboxState.RECEIVED
        return vcpu.state is VcpuState.BLOCKED_INTERRUPT and news

    def check_send(self, current: Vcpu, vm_id: int, size: int, notify: int, result: int) -> None:
        """A message is there, whole, or its sender is on the list of those who wait, if it wants to be."""
        sender = current.vm
        page = sender.mailbox.send
        if result == 0:
            to = self.machine.vms[vm_id].mailbox
            assert page is not None
            assert to.recv is not None
            assert to.recv.data[:size] == page.data[:size]
            assert (to.recv_from_id, to.recv_bytes) == (sender.id, size)
        elif notify and page is not None and size <= PAGE_SIZE and vm_id < len(self.machine.vms):
            assert vm_id == sender.id or not list_empty(sender.wait_entries[vm_id].wait_links)

    def fill(self, vm_id: int, seed: int) -> None:
        """Let a VM write to its send page."""
        page = self.machine.vms[vm_id].mailbox.send
        if page is not None:
            page.data[:] = Random(seed).randbytes(PAGE_SIZE)

    def window(self, cpu: int) -> None:
        """Do the next part of a context switch."""
        window = self.windows[cpu]
        if window is None:
            return
        if not window.saved:
            assert window.outgoing.vm.id == 0 or not window.outgoing.regs_available
            save_registers(self.machine.cpus[cpu], window.outgoing)
            self.unsaved.discard(window.outgoing)
            window.saved = True
        elif not window.announced:
            regs_state_saved(window.outgoing)
            window.announced = True
        else:
            assert window.incoming not in self.unsaved, "restored before they were saved"
            assert window.incoming.cpu is self.machine.cpus[cpu]
            restore_registers(self.machine.cpus[cpu], window.outgoing, window.incoming)
            self.windows[cpu] = None

    def leave(self, cpu: int, how: str) -> None:
        """Let a secondary VM enter the hypervisor without a call."""
        current = self.current(cpu)
        if current is None or current.vm.id == 0:
            return
        match how:
            case "preempt":
                to: Vcpu | None = preempt(self.machine, current)
            case "wfi":
                to = wait_for_interrupt(self.machine, current)
            case "wfe":
                to = vcpu_yield(self.machine, current)[1]
            case _:
                to = abort(self.machine, current)
        self.switch(cpu, to)

    def fault(self, cpu: int, address: int, access: int, size: int) -> None:
        """Let a VM fault."""
        current = self.current(cpu)
        if current is None or handle_page_fault(current, address, access, size):
            return
        self.leave(cpu, "abort")

    def timer(self, cpu: int, control: int, ticks: int) -> None:
        """Let the virtual CPU that runs set its timer."""
        timer: Timer = self.machine.cpus[cpu].timer
        if self.current(cpu) is not None:
            timer.control = control
            timer.compare = self.machine.clock.count + ticks & U64_MASK

    def power(self, index: int, on: bool) -> None:
        """Turn a physical CPU on or off, as far as the hypervisor keeps track."""
        cpu = self.machine.cpus[index]
        if on:
            if not cpu_on(self.machine, cpu, 0, 0):
                cpu_start(self.machine, cpu)
        elif (vcpu := self.current(index)) is not None and vcpu is self.machine.vms[0].vcpus[index]:
            cpu_off(vcpu)
            cpu_on(self.machine, cpu, 0, 0)

    def tick(self, ticks: int) -> None:
        """Let time pass."""
        self.machine.clock.count = min(self.machine.clock.count + ticks, U64_MASK)

    def finish(self, cpu: int) -> None:
        """Do the rest of a context switch."""
        while self.windows[cpu] is not None:
            self.window(cpu)

    def configure_all(self) -> None:
        """Let every VM set its mailbox up, one after the other, if there are pages for that."""
        for vm in self.machine.vms:
            if vm.id != 0:
                self.hvc(0, Call.VCPU_RUN, vm.id, 0, 0)
                self.finish(0)
            begin = BASE + vm.id * STRIDE
            self.hvc(0, Call.VM_CONFIGURE, begin, begin + PAGE_SIZE, 0)
            self.leave(0, "preempt")
            self.finish(0)

    def random_step(self, random: Random) -> None:
        """Do something at random, with arguments that often make sense."""
        cpu = random.randrange(self.cpus)
        current = self.current(cpu)
        kind = random.randrange(20)
        if current is None:
            self.window(cpu)
        elif kind < 17:
            self.hvc(cpu, *random_call(random, current, len(self.vcpu_counts)))
        elif kind < 18:
            self.leave(cpu, random.choice(("preempt", "preempt", "wfi", "wfe")))
        else:
            self.fill(random.randrange(len(self.vcpu_counts)), random.getrandbits(16))
            self.timer(cpu, random.randrange(8), random.randrange(100))
            self.tick(random.randrange(100))


def random_page(random: Random, vm: int) -> int:
    """Return the address of a page of a VM, or of the one after its last."""
    return BASE + vm * STRIDE + random.randrange(PAGES_EACH + 1) * PAGE_SIZE


def random_call(random: Random, current: Vcpu, vms: int) -> tuple[int, int, int, int]:
    """Return a call with arguments that often make sense."""
    call = random.choice([*Call, *OFTEN, *OFTEN])
    if current.vm.id == 0 and random.randrange(3) == 0:
        call = Call.VCPU_RUN
    vm = random.randrange(vms)
    match call:
        case Call.VCPU_RUN:
            return call, random.randrange(1, vms), random.randrange(2), 0
        case Call.VM_CONFIGURE:
            own = current.vm.id
            return call, random_page(random, own), random_page(random, own), 0
        case Call.SHARE_MEMORY:
            size = random.choice((1, 1, 1, 2)) * PAGE_SIZE
            page = random_page(random, random.choice((vm, current.vm.id, current.vm.id)))
            return call, vm << 32 | random.choice((0, 0, 1, 2, 3)), page, size
        case Call.MAILBOX_SEND:
            return call, vm, random.choice((0, 1, 64, 4096, 4097)), random.randrange(2)
        case Call.MAILBOX_RECEIVE:
            return call, random.randrange(2), 0, 0
        case Call.INTERRUPT_ENABLE:
            return call, random.choice((2, 3, 5, 31, 32, 63)), random.randrange(4), 0
        case Call.INTERRUPT_INJECT:
            target = random.choice((vm, current.vm.id))
            return call, target, random.randrange(3), random.choice((2, 3, 5, 31, 32, 63))
        case _:
            return call, random.randrange(vms + 1), random.randrange(3), random.getrandbits(64)
