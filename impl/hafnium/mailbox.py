"""Messages between VMs (reference R4, 5.2, 5.3 and 6.7 to 6.11)."""

from hafnium.abi import (
    INVALID_VM_ID,
    MAILBOX_SIZE,
    PRIMARY_VM_ID,
    RunCode,
    RunReturn,
    encode_receive_return,
)
from hafnium.lists import list_append, list_empty, list_first, list_remove
from hafnium.state import Machine, MailboxState, Vcpu, VcpuState, Vm, WaitEntry, find_vm
from hafnium.vcpu import leave_locked, switch_to_primary


def fetch_waiter(vm: Vm) -> WaitEntry | None:
    """Take the first waiter off a mailbox that can be written; `vm.lock` is held."""
    mailbox = vm.mailbox
    if mailbox.state != MailboxState.EMPTY or mailbox.recv is None:
        return None
    entry = list_first(mailbox.waiter_list)
    if entry is not None:
        list_remove(entry.wait_links)
    return entry


def tell_scheduler(machine: Machine, current: Vcpu) -> tuple[int, Vcpu | None]:
    """See to it that the scheduler wakes those who wait for the caller's mailbox."""
    if current.vm.id == PRIMARY_VM_ID:
        return 1, None
    ret = RunReturn(RunCode.NOTIFY_WAITERS)
    return 0, switch_to_primary(machine, current, ret, VcpuState.READY)


def mailbox_send(machine: Machine, current: Vcpu, vm_id: int, size: int, notify: bool) -> tuple[int, Vcpu | None]:
    """Copy `size` bytes (64 bits) from the caller's send page to the VM `vm_id` (32 bits).

    With `notify`, a caller that cannot send now is told when the mailbox can be written.
    """
    sender = current.vm
    if size > MAILBOX_SIZE:
        return -1, None
    if vm_id == sender.id:
        return -1, None
    to = find_vm(machine, vm_id)
    if to is None:
        return -1, None

    with sender.lock:
        page = sender.mailbox.send
    if page is None:
        return -1, None

    with to.lock:
        mailbox = to.mailbox
        if mailbox.state != MailboxState.EMPTY or mailbox.recv is None:
            if notify:
                entry = sender.wait_entries[vm_id]
                if list_empty(entry.wait_links):
                    list_append(mailbox.waiter_list, entry.wait_links)
            return -1, None

        mailbox.recv.data[:size] = page.data[:size]
        mailbox.recv_bytes = size
        mailbox.recv_from_id = sender.id
        if to.id == PRIMARY_VM_ID:
            mailbox.state = MailboxState.READ
            ret = RunReturn(RunCode.MESSAGE, vm_id=to.id, size=size)
            return 0, switch_to_primary(machine, current, ret, VcpuState.READY)
        mailbox.state = MailboxState.RECEIVED
        if sender.id == PRIMARY_VM_ID:
            return 0, None
        ret = RunReturn(RunCode.MESSAGE, vm_id=to.id)
        return 0, switch_to_primary(machine, current, ret, VcpuState.READY)


def mailbox_receive(machine: Machine, current: Vcpu, block: bool) -> tuple[int, Vcpu | None]:
    """Hand the message in the caller's mailbox over, or wait for one if `block` is set.

    The check for pending interrupts and the step into the blocked state are one critical section.
    """
    vm = current.vm
    nothing = encode_receive_return(INVALID_VM_ID, 0)
    if vm.id == PRIMARY_VM_ID:
        return nothing, None
    with vm.lock:
        mailbox = vm.mailbox
        if mailbox.state == MailboxState.RECEIVED:
            mailbox.state = MailboxState.READ
            return encode_receive_return(mailbox.recv_from_id, mailbox.recv_bytes), None
        if not block:
            return nothing, None
        with current.lock:
            if current.interrupts.enabled_and_pending_count > 0:
                return nothing, None
            ret = RunReturn(RunCode.WAIT_FOR_MESSAGE)
            return nothing, leave_locked(machine, current, ret, VcpuState.BLOCKED_MAILBOX)


def mailbox_clear(machine: Machine, current: Vcpu) -> tuple[int, Vcpu | None]:
    """Make the caller's mailbox ready for the next message."""
    vm = current.vm
    with vm.lock:
        match vm.mailbox.state:
            case MailboxState.EMPTY:
                return 0, None
            case MailboxState.RECEIVED:
                return -1, None
            case _:
                vm.mailbox.state = MailboxState.EMPTY
                if list_empty(vm.mailbox.waiter_list):
                    return 0, None
                return tell_scheduler(machine, current)


def mailbox_writable_get(current: Vcpu) -> int:
    """Return the id of the next VM whose mailbox the caller waited for and can write, or -1."""
    vm = current.vm
    with vm.lock:
        entry = list_first(vm.mailbox.ready_list)
        if entry is None:
            return -1
        list_remove(entry.ready_links)
        return entry.awaited


def mailbox_waiter_get(machine: Machine, current: Vcpu, vm_id: int) -> int:
    """Return the id of the next VM that waits for the mailbox of `vm_id` (32 bits), or -1.

    The two VM locks are taken one after the other, never together.
    """
    if current.vm.id != PRIMARY_VM_ID:
        return -1
    vm = find_vm(machine, vm_id)
    if vm is None:
        return -1
    with vm.lock:
        entry = fetch_waiter(vm)
    if entry is None:
        return -1
    waiter = entry.waiting_vm
    with waiter.lock:
        if list_empty(entry.ready_links):
            list_append(waiter.mailbox.ready_list, entry.ready_links)
    return waiter.id
