"""Memory that changes hands (reference R4, 5.6, 5.7, 6.6, 6.15 and 7.6).

Both calls first make sure that the pool has all the page-table pages that they need, and only then change
a mode, a mailbox or a byte: a call that fails has changed nothing. Each holds all its locks from its first look to
its last change.
"""

from hafnium.abi import PAGE_SIZE, U64_MASK, Share
from hafnium.lists import list_empty
from hafnium.mailbox import tell_scheduler
from hafnium.page_table import (
    ABSENT,
    MODE_INVALID,
    MODE_R,
    MODE_SHARED,
    MODE_UNOWNED,
    MODE_W,
    MODE_X,
    PageTable,
    page_table_cost,
    page_table_cost_of_two,
    page_table_get,
    page_table_map,
    page_table_map_two,
    page_table_unmap,
)
from hafnium.physical import memory_page, zero_memory
from hafnium.state import Machine, Vcpu, Vm, find_vm

SEND_MODE = MODE_UNOWNED | MODE_SHARED | MODE_R | MODE_W
RECV_MODE = MODE_UNOWNED | MODE_SHARED | MODE_R
ALL_ACCESS = MODE_R | MODE_W | MODE_X


def is_exclusive(mode: int) -> bool:
    """Tell whether a VM whose page has this mode owns it and nobody else has access to it."""
    return mode & (MODE_INVALID | MODE_UNOWNED | MODE_SHARED) == 0


def can_be_mailbox(table: PageTable, page: int, access: int) -> bool:
    """Tell whether a page is the VM's alone, with at least this access; `table.lock` is held."""
    mode = page_table_get(table, page, page + 1)
    return mode is not None and is_exclusive(mode) and mode & access == access


def can_be_borrowed(table: PageTable, first: int, last: int) -> bool:
    """Tell whether the hypervisor, whose table this is, can map a range for itself; `table.lock` is held.

    It cannot map what is above the limit of its table, and must not touch what it has mapped already.
    """
    return page_table_get(table, first, last) == ABSENT


def map_mailbox(machine: Machine, vm: Vm, send: int, recv: int) -> bool:
    """Map two pages in both stages, or change nothing; the locks of both tables and of the pool are held."""
    pool, own, hypervisor = machine.pool, vm.ptable, machine.stage1
    if pool.free < page_table_cost_of_two(own, send, recv) + page_table_cost_of_two(hypervisor, send, recv):
        return False
    page_table_map_two(own, send, SEND_MODE, recv, RECV_MODE, pool)
    page_table_map_two(hypervisor, send, MODE_R, recv, MODE_W, pool)
    return True


def vm_configure(machine: Machine, current: Vcpu, send: int, recv: int) -> tuple[int, Vcpu | None]:
    """Make two pages of the calling VM (addresses: 64 bits) its mailbox, once and for all.

    Returns 1 to a primary VM for whose mailbox others wait, 0, or -1.
    """
    if send % PAGE_SIZE != 0 or recv % PAGE_SIZE != 0:
        return -1, None
    if send == recv:
        return -1, None
    vm = current.vm
    send_page, recv_page = send // PAGE_SIZE, recv // PAGE_SIZE
    with vm.lock, vm.ptable.lock, machine.stage1.lock, machine.pool.lock:
        mailbox = vm.mailbox
        if mailbox.send is not None or mailbox.recv is not None:
            return -1, None
        if not can_be_mailbox(vm.ptable, send_page, MODE_R | MODE_W):
            return -1, None
        if not can_be_mailbox(vm.ptable, recv_page, MODE_R):
            return -1, None
        if not can_be_borrowed(machine.stage1, send_page, send_page + 1):
            return -1, None
        if not can_be_borrowed(machine.stage1, recv_page, recv_page + 1):
            return -1, None
        if not map_mailbox(machine, vm, send_page, recv_page):
            return -1, None
        mailbox.send = memory_page(machine, send)
        mailbox.recv = memory_page(machine, recv)
        is_awaited = not list_empty(mailbox.waiter_list)
    if not is_awaited:
        return 0, None
    return tell_scheduler(machine, current)


def mode_left(share: int) -> int:
    """Return the mode that memory gets for its sender (share: 0, 1 or 2)."""
    match share:
        case Share.GIVE:
            return MODE_INVALID | MODE_UNOWNED
        case Share.LEND:
            return MODE_INVALID
        case _:
            return ALL_ACCESS | MODE_SHARED


def mode_given(share: int) -> int:
    """Return the mode that memory gets for its receiver (share: 0, 1 or 2)."""
    match share:
        case Share.GIVE:
            return ALL_ACCESS
        case Share.LEND:
            return ALL_ACCESS | MODE_UNOWNED
        case _:
            return ALL_ACCESS | MODE_UNOWNED | MODE_SHARED


def can_be_shared(sender: PageTable, to: PageTable, first: int, last: int, share: int) -> bool:
    """Tell whether the sender may share a range so with the receiver; the locks of both tables are held.

    An owner with sole access may do anything; a borrower may only give the memory back to its owner.
    """
    mode = page_table_get(sender, first, last)
    if mode is None or mode & MODE_INVALID != 0:
        return False
    if mode & MODE_UNOWNED == 0:
        return mode & MODE_SHARED == 0
    if share != Share.GIVE:
        return False
    owner_mode = page_table_get(to, first, last)
    return owner_mode is not None and owner_mode & MODE_UNOWNED == 0


def clear_memory(machine: Machine, first: int, last: int) -> None:
    """Zero a range, which the hypervisor maps for itself meanwhile; the locks of its table and the pool are held.

    The pool has as many pages as that costs, and gets them back.
    """
    page_table_map(machine.stage1, first, last, MODE_W, machine.pool)
    zero_memory(machine, first * PAGE_SIZE, last * PAGE_SIZE)
    page_table_unmap(machine.stage1, first, last, machine.pool)


def move_memory(machine: Machine, sender: Vm, to: Vm, first: int, last: int, share: int) -> bool:
    """Zero a range and give it its new modes, or change nothing; the locks of the tables and the pool are held.

    The sender loses what access it loses before the memory is zeroed, and the receiver gets access after that. The
    hypervisor's own mapping is gone before the receiver is mapped, so the two need not have pages at once.
    """
    pool = machine.pool
    cost = page_table_cost(sender.ptable, first, last)
    if pool.free < cost + page_table_cost(machine.stage1, first, last):
        return False
    if pool.free < cost + page_table_cost(to.ptable, first, last):
        return False
    page_table_map(sender.ptable, first, last, mode_left(share), pool)
    clear_memory(machine, first, last)
    page_table_map(to.ptable, first, last, mode_given(share), pool)
    return True


def share_memory(machine: Machine, current: Vcpu, vm_id: int, begin: int, size: int, share: int) -> int:
    """Give, lend or share `size` bytes of memory from `begin` on (64 bits each) to the VM `vm_id` (32 bits).

    Returns 0, and the memory is zero, or -1, and nothing has changed.
    """
    sender = current.vm
    if vm_id == sender.id:
        return -1
    to = find_vm(machine, vm_id)
    if to is None:
        return -1
    end = begin + size & U64_MASK
    if begin % PAGE_SIZE != 0 or end % PAGE_SIZE != 0:
        return -1
    if share > Share.SHARE:
        return -1
    first, last = begin // PAGE_SIZE, end // PAGE_SIZE
    if sender.id < to.id:
        lower, higher = sender.ptable, to.ptable
    else:
        lower, higher = to.ptable, sender.ptable
    with lower.lock, higher.lock, machine.stage1.lock, machine.pool.lock:
        if not can_be_shared(sender.ptable, to.ptable, first, last, share):
            return -1
        if not can_be_borrowed(machine.stage1, first, last):
            return -1
        if not move_memory(machine, sender, to, first, last, share):
            return -1
    return 0


def handle_page_fault(current: Vcpu, address: int, access: int, size: int) -> bool:
    """Tell whether a VM may go on after a fault (reference R4, 7.6): it has the access it asked for.

    That is so when an entry was replaced at the moment of the access. `size` (bytes) is 0 if unknown;
    `access` is one of R, W and X.
    """
    if size == 0:
        return False
    table = current.vm.ptable
    last = address + size - 1 & U64_MASK
    with table.lock:
        return has_access(table, address, access) and has_access(table, last, access)


def has_access(table: PageTable, address: int, access: int) -> bool:
    """Tell whether a VM has this access to the page of an address (64 bits); the lock of its table is held."""
    page = address // PAGE_SIZE
    mode = page_table_get(table, page, page + 1)
    return mode is not None and mode & MODE_INVALID == 0 and mode & access != 0
