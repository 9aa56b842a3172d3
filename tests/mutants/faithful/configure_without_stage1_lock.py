"""Deviation 3: the hypervisor's own page table is changed under the locks of the caller only.

Two VMs that configure their mailboxes at the same time change one table without a lock in common: both
may split the same entry, and one of the two tables, with the mapping in it, is lost.
"""

from hafnium.abi import PAGE_SIZE
from hafnium.lists import list_empty
from hafnium.mailbox import tell_scheduler
from hafnium.memory import can_be_borrowed, can_be_mailbox, map_mailbox
from hafnium.page_table import MODE_R, MODE_W
from hafnium.physical import memory_page
from hafnium.state import Machine, Vcpu

MODULE = "hafnium.memory"
REFUTES = "vm_configure.lock.held"


def vm_configure(machine: Machine, current: Vcpu, send: int, recv: int) -> tuple[int, Vcpu | None]:
    """Make two pages of the calling VM its mailbox."""
    if send % PAGE_SIZE != 0 or recv % PAGE_SIZE != 0 or send == recv:
        return -1, None
    vm = current.vm
    send_page, recv_page = send // PAGE_SIZE, recv // PAGE_SIZE
    with vm.lock, vm.ptable.lock, machine.pool.lock:
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
