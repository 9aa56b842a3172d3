"""Deviation 9: every VM is the exclusive owner of the page of the console.

A page has several owners from the start, and each may give it away.
"""

from hafnium.abi import PAGE_SIZE, PRIMARY_VM_ID
from hafnium.boot import map_memory
from hafnium.page_table import MODE_R, MODE_W
from hafnium.state import Machine, Vm

MODULE = "hafnium.boot"


def map_console(machine: Machine, vm: Vm, console: int) -> None:
    """Let a VM use the console; the primary VM has it with all other memory."""
    if vm.id != PRIMARY_VM_ID:
        map_memory(machine, vm.ptable, console, console + PAGE_SIZE, MODE_R | MODE_W)
