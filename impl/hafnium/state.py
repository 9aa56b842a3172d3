"""What the hypervisor remembers: virtual machines, virtual CPUs, mailboxes, physical CPUs.

Nothing here is allocated after boot. A new structure is all zero but for what its constructor says.
Source: reference R4, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from hafnium.abi import MAILBOX_SIZE
from hafnium.lists import ListEntry
from hafnium.page_table import STAGE1_LIMIT, STAGE2_LIMIT, PageTable
from hafnium.pool import Pool
from hafnium.spinlock import SpinLock, Waiting
from hafnium.timer import Clock, Timer


class MailboxState(IntEnum):
    """Whether a mailbox holds a message, and whether its owner has been given it."""

    EMPTY = 0
    RECEIVED = 1
    READ = 2


class VcpuState(IntEnum):
    """What the scheduler may do with a virtual CPU."""

    OFF = 0
    READY = 1
    RUNNING = 2
    BLOCKED_MAILBOX = 3
    BLOCKED_INTERRUPT = 4
    ABORTED = 5


@dataclass(eq=False, slots=True)
class Page:
    """One page of memory, at a physical address that is a multiple of its size."""

    address: int
    data: bytearray = field(default_factory=lambda: bytearray(MAILBOX_SIZE), repr=False)


@dataclass(eq=False, slots=True)
class Memory:
    """The pages that somebody has touched, by address; every other page is all zero."""

    pages: dict[int, Page] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class WaitEntry:
    """What `waiting_vm` uses to wait until the mailbox of VM `awaited` is writable."""

    waiting_vm: Vm
    awaited: int
    wait_links: ListEntry[WaitEntry] = field(init=False)
    ready_links: ListEntry[WaitEntry] = field(init=False)

    def __post_init__(self) -> None:
        self.wait_links = ListEntry(self)
        self.ready_links = ListEntry(self)


@dataclass(eq=False, slots=True)
class Mailbox:
    """The one-message inbox of a VM, and the lists of those who wait for it or for whom it waits.

    `recv` and `send` are None until the VM configures them, and never change after that.
    `waiter_list` has the entries of VMs that wait for this mailbox; `ready_list` has this VM's own
    entries for mailboxes that became writable.
    """

    state: MailboxState = MailboxState.EMPTY
    recv_from_id: int = 0
    recv_bytes: int = 0
    recv: Page | None = None
    send: Page | None = None
    waiter_list: ListEntry[WaitEntry] = field(default_factory=ListEntry)
    ready_list: ListEntry[WaitEntry] = field(default_factory=ListEntry)


@dataclass(eq=False, slots=True)
class Vm:
    """A virtual machine. `id` is its index in the table of VMs.

    `ptable` is its stage-2 table. `aborting` goes from false to true once, and no lock guards it.
    """

    id: int
    lock: SpinLock = field(default_factory=SpinLock)
    vcpus: list[Vcpu] = field(default_factory=list)
    mailbox: Mailbox = field(default_factory=Mailbox)
    wait_entries: list[WaitEntry] = field(default_factory=list)
    ptable: PageTable = field(default_factory=lambda: PageTable(STAGE2_LIMIT))
    aborting: bool = False


@dataclass(slots=True)
class Registers:
    """The saved registers of a virtual CPU, as far as the calls look at them (64 bits each).

    `virtual_interrupt` is the VI bit of the hypervisor configuration register.
    """

    r0: int = 0
    timer: Timer = field(default_factory=Timer)
    pc: int = 0
    virtual_interrupt: bool = False


@dataclass(slots=True)
class Interrupts:
    """The virtual interrupts of a virtual CPU: two words of 32 bits each, and their count."""

    enabled: list[int] = field(default_factory=lambda: [0, 0])
    pending: list[int] = field(default_factory=lambda: [0, 0])
    enabled_and_pending_count: int = 0


@dataclass(eq=False, slots=True)
class Vcpu:
    """A virtual CPU. `index` is its position in its VM; `cpu` is where it runs or last ran."""

    vm: Vm
    index: int
    lock: SpinLock = field(default_factory=SpinLock)
    state: VcpuState = VcpuState.OFF
    cpu: Cpu | None = None
    regs: Registers = field(default_factory=Registers)
    interrupts: Interrupts = field(default_factory=Interrupts)
    regs_available: bool = True


@dataclass(eq=False, slots=True)
class Cpu:
    """A physical CPU, with the registers that are live on it.

    `id` is its number in the device tree (64 bits). It is on if its primary virtual CPU is not off.
    `timer` is the virtual timer of `current`; `physical_timer` stands in for the virtual timer of the
    primary VM while a secondary VM runs.
    """

    index: int
    timer: Timer = field(default_factory=Timer)
    id: int = 0
    current: Vcpu | None = None
    virtual_interrupt: bool = False
    physical_timer: Timer = field(default_factory=Timer)


@dataclass(eq=False, slots=True)
class Machine:
    """Everything: the tables of VMs and physical CPUs, the counter they all read, and memory.

    `stage1` is the table through which the hypervisor itself reads and writes memory; `pool` has the
    page-table pages that calls may use.
    """

    vms: list[Vm] = field(default_factory=list)
    cpus: list[Cpu] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    memory: Memory = field(default_factory=Memory)
    stage1: PageTable = field(default_factory=lambda: PageTable(STAGE1_LIMIT))
    pool: Pool = field(default_factory=Pool)
    waiting: Waiting = field(default_factory=Waiting)


def create_machine(cpu_count: int, vcpu_counts: list[int]) -> Machine:
    """Build a machine with one VM for each entry of `vcpu_counts`; the first is the primary VM.

    Each physical CPU runs the primary virtual CPU of the same index (reference R4, 8.5), so the
    primary VM needs at least as many virtual CPUs as there are physical ones.

    Raises:
        ValueError: the primary VM has fewer virtual CPUs than there are physical CPUs.
    """
    if not vcpu_counts or vcpu_counts[0] < cpu_count:
        raise ValueError("the primary VM needs a virtual CPU for each physical CPU")
    machine = Machine(cpus=[Cpu(index) for index in range(cpu_count)])
    machine.vms = [Vm(vm_id) for vm_id in range(len(vcpu_counts))]
    for vm, vcpu_count in zip(machine.vms, vcpu_counts, strict=True):
        vm.vcpus = [Vcpu(vm, index) for index in range(vcpu_count)]
        vm.wait_entries = [WaitEntry(vm, awaited.id) for awaited in machine.vms]
    for cpu, vcpu in zip(machine.cpus, machine.vms[0].vcpus, strict=False):
        cpu.current = vcpu
        vcpu.cpu = cpu
        vcpu.state = VcpuState.READY
    return machine


def find_vm(machine: Machine, vm_id: int) -> Vm | None:
    """Return the VM with this id (32 bits), or None if there is none."""
    return machine.vms[vm_id] if vm_id < len(machine.vms) else None
