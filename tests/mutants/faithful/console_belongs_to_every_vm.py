"""Deviation 9: every VM is the exclusive owner of the page of the console.

A page has several owners from the start, and each may give it away.
"""

from hafnium.abi import PAGE_SIZE
from hafnium.boot import BootError, map_pages, vm_init
from hafnium.page_table import MODE_R, MODE_W
from hafnium.state import Machine, Vm

MODULE = "hafnium.boot"


def create_vm(machine: Machine, vcpu_count: int, console: int) -> Vm:
    """Add a VM that can use the console."""
    vm = vm_init(machine, vcpu_count)
    if vm is None:
        raise BootError("no room for another VM")
    map_pages(machine, vm, console, console + PAGE_SIZE, MODE_R | MODE_W)
    return vm
