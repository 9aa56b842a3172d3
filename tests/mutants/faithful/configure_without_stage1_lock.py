"""Deviation 3: the hypervisor's own page table is changed under the caller's VM lock only.

Two VMs that configure their mailboxes at the same time change one table without a lock in common: both
may split the same entry, and one of the two tables, with the mapping in it, is lost.
"""

from hafnium.abi import PAGE_SIZE
from hafnium.mailbox import waiter_result
from hafnium.memory import can_be_borrowed, can_be_mailbox, map_mailbox
from hafnium.page_table import MODE_R, MODE_W
from hafnium.physical import memory_page
from hafnium.state import Machine, Vcpu

MODULE = "hafnium.memory"


def vm_configure(machine: Machine, current: Vcpu, send: int, recv: int) -> tuple[int, Vcpu | None]:
    """Make two pages of the calling VM its mailbox."""
    if send % PAGE_SIZE != 0 or recv % PAGE_SIZE != 0 or send == recv:
        return -1, None
    vm = current.vm
    with vm.lock:
        mailbox = vm.mailbox
        if mailbox.send is not None or mailbox.recv is not None:
            return -1, None
        if not can_be_mailbox(vm, send, MODE_R | MODE_W) or not can_be_mailbox(vm, recv, MODE_R):
            return -1, None
        if not can_be_borrowed(machine, send, send + PAGE_SIZE):
            return -1, None
        if not can_be_borrowed(machine, recv, recv + PAGE_SIZE):
            return -1, None
        if not map_mailbox(machine, vm, send, recv):
            return -1, None
        mailbox.send = memory_page(machine.memory, send)
        mailbox.recv = memory_page(machine.memory, recv)
        return waiter_result(machine, current)
