"""Rules that hold in every state of a machine, and locks that know their order."""

from __future__ import annotations

import threading
from types import TracebackType

from hafnium.abi import PAGE_SIZE
from hafnium.interval_map import IntervalMap
from hafnium.lists import ListEntry
from hafnium.page_table import (
    ABSENT,
    BLOCK,
    ENTRIES,
    MODE_INVALID,
    MODE_SHARED,
    MODE_UNOWNED,
    NOBODY,
    REGION,
    TABLE,
    PageTable,
    page_table_get,
)
from hafnium.spinlock import SpinLock
from hafnium.state import Machine, Vcpu, VcpuState, WaitEntry


class OrderedLock(SpinLock):
    """A lock that refuses to be taken out of order, twice, or to be given back by another thread."""

    held = threading.local()

    def __init__(self, rank: tuple[int, ...]) -> None:
        super().__init__()
        self.rank = rank

    def acquire(self) -> None:
        stack = self.stack()
        assert all(rank < self.rank for rank in stack), f"{self.rank} after {stack}"
        super().acquire()
        stack.append(self.rank)

    def release(self) -> None:
        self.stack().remove(self.rank)
        super().release()

    def stack(self) -> list[tuple[int, ...]]:
        stack: list[tuple[int, ...]] | None = getattr(self.held, "stack", None)
        if stack is None:
            stack = self.held.stack = []
        return stack

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def order_locks(machine: Machine) -> None:
    """Give every lock its place: VM, page table of a VM, that of the hypervisor, virtual CPU, pool."""
    for vm in machine.vms:
        vm.lock = OrderedLock((0, vm.id))
        vm.ptable.lock = OrderedLock((1, vm.id))
        for vcpu in vm.vcpus:
            vcpu.lock = OrderedLock((3, vm.id, vcpu.index))
    machine.stage1.lock = OrderedLock((2,))
    machine.pool.lock = OrderedLock((4,))


class GuardedMap(IntervalMap):
    """A part of a page table that notes whether it is looked at or changed while the lock of the table is free."""

    def __init__(self, original: IntervalMap, lock: SpinLock) -> None:
        super().__init__(original.initial)
        self.starts, self.values = original.starts, original.values
        self.lock = lock
        self.violated = False

    def note(self) -> None:
        self.violated = self.violated or not self.lock._taken.locked()

    def get(self, number: int) -> int:
        self.note()
        return super().get(number)

    def fill(self, first: int, last: int, value: int) -> None:
        self.note()
        super().fill(first, last, value)

    def count(self, first: int, last: int, value: int) -> int:
        self.note()
        return super().count(first, last, value)


def guard_table(table: PageTable) -> list[GuardedMap]:
    """Let a table note whether it is used without its lock."""
    guarded = [GuardedMap(level, table.lock) for level in (table.regions, table.blocks, table.pages)]
    table.regions, table.blocks, table.pages = guarded
    return guarded


def list_entries(head: ListEntry[WaitEntry]) -> list[ListEntry[WaitEntry]]:
    """Return the entries of a list, first to last, and check that they form a circle."""
    entries = []
    entry = head.next
    assert head.prev.next is head
    while entry is not head:
        assert entry.owner is not None
        assert entry.prev.next is entry
        assert entry.next.prev is entry
        entries.append(entry)
        entry = entry.next
        assert len(entries) <= 64, "a list that does not end"
    return entries


def check_lists(machine: Machine) -> None:
    """Every entry is on the list it belongs to, or a circle of its own."""
    waiting = {id(entry) for vm in machine.vms for entry in list_entries(vm.mailbox.waiter_list)}
    for vm in machine.vms:
        for entry in list_entries(vm.mailbox.waiter_list):
            assert entry.owner is not None
            assert entry.owner.awaited == vm.id
            assert entry.owner.wait_links is entry
        ready = list_entries(vm.mailbox.ready_list)
        for entry in ready:
            assert entry.owner is not None
            assert entry.owner.waiting_vm is vm
            assert entry.owner.ready_links is entry
        known = {id(entry) for entry in ready}
        for wait in vm.wait_entries:
            assert id(wait.wait_links) in waiting or wait.wait_links.next is wait.wait_links
            assert id(wait.ready_links) in known or wait.ready_links.next is wait.ready_links


def check_counts(machine: Machine) -> None:
    """The count of a virtual CPU is the number of interrupts that are enabled and pending."""
    for vm in machine.vms:
        for vcpu in vm.vcpus:
            interrupts = vcpu.interrupts
            both = [e & p for e, p in zip(interrupts.enabled, interrupts.pending, strict=True)]
            assert interrupts.enabled_and_pending_count == sum(word.bit_count() for word in both)
            for word in interrupts.enabled + interrupts.pending:
                assert 0 <= word < 1 << 32


def check_running(machine: Machine, owners: list[list[Vcpu]]) -> None:
    """The registers of a virtual CPU are free, or belong to one physical CPU; `owners` has whose are whose."""
    owned = [vcpu for vcpus in owners for vcpu in vcpus]
    for vcpu in machine.vms[0].vcpus:
        assert vcpu.state in (VcpuState.OFF, VcpuState.READY)
        assert vcpu.regs_available
    for vm in machine.vms[1:]:
        for vcpu in vm.vcpus:
            assert owned.count(vcpu) == (0 if vcpu.regs_available else 1)
            if vcpu.state is VcpuState.RUNNING:
                assert not vcpu.regs_available
            if vcpu.state is VcpuState.OFF:
                assert vcpu.regs_available
    for cpu, vcpus in zip(machine.cpus, owners, strict=True):
        for vcpu in vcpus:
            assert vcpu.cpu is cpu


def check_ownership(machine: Machine, pages: list[int]) -> None:
    """A page has one owner at most, and nobody else has access but for one that the owner let in."""
    mailboxes = {
        page.address: vm for vm in machine.vms for page in (vm.mailbox.send, vm.mailbox.recv) if page is not None
    }
    for page in pages:
        number = page // PAGE_SIZE
        modes = [page_table_get(vm.ptable, number, number + 1) for vm in machine.vms]
        known = [mode for mode in modes if mode is not None and mode & NOBODY != NOBODY]
        assert None not in modes
        owners = [mode for mode in known if not mode & MODE_UNOWNED]
        guests = [mode for mode in known if mode & MODE_UNOWNED]
        assert len(owners) <= 1
        if page in mailboxes:
            assert not owners
            assert len(guests) == 1
        elif not owners:
            assert not guests
        elif owners[0] & MODE_INVALID:
            assert len(guests) == 1
            assert not guests[0] & MODE_SHARED
        elif owners[0] & MODE_SHARED:
            assert len(guests) == 1
            assert guests[0] & MODE_SHARED
        else:
            assert not guests


def page_tables(machine: Machine) -> list[PageTable]:
    """Return all page tables."""
    return [*(vm.ptable for vm in machine.vms), machine.stage1]


def table_pages(table: PageTable) -> int:
    """Count the pages of the tables below the root."""
    regions, blocks = table.limit // REGION, table.limit // BLOCK
    return table.regions.count(0, regions, TABLE) + table.blocks.count(0, blocks, TABLE)


def pages_in_all(machine: Machine) -> int:
    """Count the page-table pages: in the pool and in tables."""
    return machine.pool.free + sum(map(table_pages, page_tables(machine)))


def check_table(table: PageTable) -> None:
    """Below an entry that is no table everything has its mode; nothing is above the limit."""
    for upper, lower, size in ((table.regions, table.blocks, REGION), (table.blocks, table.pages, BLOCK)):
        count = table.limit // size
        assert upper.starts[-1] <= count
        assert upper.get(count) == ABSENT
        for first, last, mode in zip(upper.starts, [*upper.starts[1:], count], upper.values, strict=True):
            pages = (first * ENTRIES, last * ENTRIES)
            assert mode == TABLE or lower.count(*pages, mode) == pages[1] - pages[0]
    assert table.pages.get(table.limit) == ABSENT
    assert TABLE not in table.pages.values


def check_locks_free(machine: Machine) -> None:
    """No lock is held between two steps of a machine whose CPUs take turns."""
    locks = [machine.pool.lock]
    locks += [table.lock for table in page_tables(machine)]
    locks += [vm.lock for vm in machine.vms]
    locks += [vcpu.lock for vm in machine.vms for vcpu in vm.vcpus]
    for lock in locks:
        assert not lock._taken.locked()
