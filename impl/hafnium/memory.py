"""Memory that changes hands (reference R4, 5.6, 5.7, 6.6 and 6.15).

Both calls first make sure that they cannot run out of page-table pages, and only then change a mode, a
mailbox or a byte: a call that fails has changed nothing. The locks come in the order VM (lower id first),
stage-1 table, virtual CPU; the lock of a pool is held only while pages are taken or given back.
"""

from hafnium.abi import PAGE_SIZE, U64_MASK, Share
from hafnium.mailbox import waiter_result
from hafnium.page_table import (
    ABSENT,
    MODE_INVALID,
    MODE_R,
    MODE_SHARED,
    MODE_UNOWNED,
    MODE_W,
    MODE_X,
    page_table_commit,
    page_table_cost,
    page_table_get,
    page_table_map,
    page_table_merge,
    page_table_prepare,
)
from hafnium.physical import memory_page, zero_memory
from hafnium.pool import Pool, pool_finish, pool_reserve
from hafnium.state import Machine, Vcpu, Vm, find_vm

SEND_MODE = MODE_UNOWNED | MODE_SHARED | MODE_R | MODE_W
RECV_MODE = MODE_UNOWNED | MODE_SHARED | MODE_R
ALL_ACCESS = MODE_R | MODE_W | MODE_X


def is_exclusive(mode: int) -> bool:
    """Tell whether a VM whose page has this mode owns it and nobody else has access to it."""
    return mode & (MODE_INVALID | MODE_UNOWNED | MODE_SHARED) == 0


def can_be_mailbox(vm: Vm, page: int, access: int) -> bool:
    """Tell whether a page (64 bits) is the VM's alone, with at least this access; `vm.lock` is held."""
    mode = page_table_get(vm.ptable, page, page + PAGE_SIZE & U64_MASK)
    if mode is None:
        return False
    return is_exclusive(mode) and mode & access == access


def can_be_borrowed(machine: Machine, begin: int, end: int) -> bool:
    """Tell whether the hypervisor can map `[begin, end)` for itself; `machine.stage1.lock` is held.

    It cannot map what is above the limit of its table, and must not touch what it has mapped already.
    """
    mode = page_table_get(machine.stage1.ptable, begin, end)
    return mode is not None and mode & MODE_INVALID != 0


def prepare_mailbox(machine: Machine, vm: Vm, send: int, recv: int, pool: Pool) -> bool:
    """Make sure that the two mailbox pages can be mapped in both stages; False if `pool` has too few pages."""
    stage1 = machine.stage1.ptable
    if not page_table_prepare(vm.ptable, send, send + PAGE_SIZE, SEND_MODE, pool):
        return False
    if not page_table_prepare(vm.ptable, recv, recv + PAGE_SIZE, RECV_MODE, pool):
        return False
    if not page_table_prepare(stage1, send, send + PAGE_SIZE, MODE_R, pool):
        return False
    return page_table_prepare(stage1, recv, recv + PAGE_SIZE, MODE_W, pool)


def commit_mailbox(machine: Machine, vm: Vm, send: int, recv: int, pool: Pool) -> None:
    """Map the two mailbox pages, which are prepared for it."""
    stage1 = machine.stage1.ptable
    page_table_commit(vm.ptable, send, send + PAGE_SIZE, SEND_MODE, pool)
    page_table_commit(vm.ptable, recv, recv + PAGE_SIZE, RECV_MODE, pool)
    page_table_commit(stage1, send, send + PAGE_SIZE, MODE_R, pool)
    page_table_commit(stage1, recv, recv + PAGE_SIZE, MODE_W, pool)


def merge_mailbox(machine: Machine, vm: Vm, send: int, recv: int, pool: Pool) -> None:
    """Undo what preparing the two mailbox pages did."""
    stage1 = machine.stage1.ptable
    page_table_merge(vm.ptable, send, send + PAGE_SIZE, pool)
    page_table_merge(vm.ptable, recv, recv + PAGE_SIZE, pool)
    page_table_merge(stage1, send, send + PAGE_SIZE, pool)
    page_table_merge(stage1, recv, recv + PAGE_SIZE, pool)


def map_mailbox(machine: Machine, vm: Vm, send: int, recv: int) -> bool:
    """Map the two mailbox pages in both stages, or change nothing; the VM and stage-1 locks are held."""
    pool = Pool(fallback=machine.pool)
    done = prepare_mailbox(machine, vm, send, recv, pool)
    if done:
        commit_mailbox(machine, vm, send, recv, pool)
    else:
        merge_mailbox(machine, vm, send, recv, pool)
    pool_finish(pool)
    return done


def vm_configure(machine: Machine, current: Vcpu, send: int, recv: int) -> tuple[int, Vcpu | None]:
    """Make two pages of the calling VM (addresses: 64 bits) its mailbox, once and for all.

    Returns 1 to a primary VM for whose mailbox others wait, 0, or -1.
    """
    if send % PAGE_SIZE != 0 or recv % PAGE_SIZE != 0:
        return -1, None
    if send == recv:
        return -1, None
    vm = current.vm
    with vm.lock:
        mailbox = vm.mailbox
        if mailbox.send is not None or mailbox.recv is not None:
            return -1, None
        if not can_be_mailbox(vm, send, MODE_R | MODE_W):
            return -1, None
        if not can_be_mailbox(vm, recv, MODE_R):
            return -1, None
        with machine.stage1.lock:
            if not can_be_borrowed(machine, send, send + PAGE_SIZE):
                return -1, None
            if not can_be_borrowed(machine, recv, recv + PAGE_SIZE):
                return -1, None
            if not map_mailbox(machine, vm, send, recv):
                return -1, None
            mailbox.send = memory_page(machine.memory, send)
            mailbox.recv = memory_page(machine.memory, recv)
            return waiter_result(machine, current)


def shared_modes(share: int) -> tuple[int, int] | None:
    """Return the new modes for the sender and the receiver, or None for an unknown kind (32 bits)."""
    match share:
        case Share.GIVE:
            return MODE_INVALID | MODE_UNOWNED, ALL_ACCESS
        case Share.LEND:
            return MODE_INVALID, ALL_ACCESS | MODE_UNOWNED
        case Share.SHARE:
            return ALL_ACCESS | MODE_SHARED, ALL_ACCESS | MODE_UNOWNED | MODE_SHARED
        case _:
            return None


def can_be_shared(sender: Vm, to: Vm, begin: int, end: int, share: int) -> bool:
    """Tell whether the sender may share `[begin, end)` so with `to`; both VM locks are held.

    An owner with sole access may do anything; a borrower may only give the memory back to its owner.
    """
    mode = page_table_get(sender.ptable, begin, end)
    if mode is None or mode & MODE_INVALID != 0:
        return False
    if mode & MODE_UNOWNED == 0:
        return mode & MODE_SHARED == 0
    if share != Share.GIVE:
        return False
    owner_mode = page_table_get(to.ptable, begin, end)
    return owner_mode is not None and owner_mode & MODE_UNOWNED == 0


def prepare_move(
    machine: Machine, sender: Vm, to: Vm, begin: int, end: int, modes: tuple[int, int], pool: Pool
) -> bool:
    """Make sure that `[begin, end)` can change hands and be zeroed; False if `pool` has too few pages.

    The pages that the receiver will need are only set aside. The hypervisor's own mapping may use them:
    it is gone, and has given them back to `pool`, before the receiver is mapped.
    """
    from_mode, to_mode = modes
    if not page_table_prepare(sender.ptable, begin, end, from_mode, pool):
        return False
    if not pool_reserve(pool, page_table_cost(to.ptable, begin, end, to_mode)):
        return False
    return page_table_prepare(machine.stage1.ptable, begin, end, MODE_W, pool)


def move_memory(machine: Machine, sender: Vm, to: Vm, begin: int, end: int, modes: tuple[int, int]) -> bool:
    """Zero `[begin, end)` and give it its new modes, or change nothing; VM and stage-1 locks are held.

    The sender loses what access it loses before the memory is zeroed, and the receiver gets access after
    that.
    """
    from_mode, to_mode = modes
    stage1 = machine.stage1.ptable
    pool = Pool(fallback=machine.pool)
    done = prepare_move(machine, sender, to, begin, end, modes, pool)
    if done:
        page_table_commit(sender.ptable, begin, end, from_mode, pool)
        page_table_commit(stage1, begin, end, MODE_W, pool)
        zero_memory(machine.memory, begin, end)
        page_table_commit(stage1, begin, end, ABSENT, pool)
        mapped = page_table_map(to.ptable, begin, end, to_mode, pool)
        assert mapped
    else:
        page_table_merge(sender.ptable, begin, end, pool)
        page_table_merge(stage1, begin, end, pool)
    pool_finish(pool)
    return done


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
    modes = shared_modes(share)
    if modes is None:
        return -1
    if sender.id < to.id:
        lower, higher = sender, to
    else:
        lower, higher = to, sender
    with lower.lock, higher.lock:
        if not can_be_shared(sender, to, begin, end, share):
            return -1
        with machine.stage1.lock:
            if not can_be_borrowed(machine, begin, end):
                return -1
            if not move_memory(machine, sender, to, begin, end, modes):
                return -1
    return 0


def handle_page_fault(current: Vcpu, address: int, access: int, size: int) -> bool:
    """Tell whether a VM may go on after a fault (reference R4, 7.6): it has the access it asked for.

    That is so when an entry was replaced at the moment of the access. `size` (bytes) is 0 if unknown;
    `access` is one of R, W and X.
    """
    if size == 0:
        return False
    vm = current.vm
    last = address + size - 1 & U64_MASK
    with vm.lock:
        return has_access(vm, address, access) and has_access(vm, last, access)


def has_access(vm: Vm, address: int, access: int) -> bool:
    """Tell whether the VM has this access to the page of an address (64 bits); `vm.lock` is held."""
    mode = page_table_get(vm.ptable, address, address + 1 & U64_MASK)
    return mode is not None and mode & MODE_INVALID == 0 and mode & access != 0
