"""Deviation 9: every VM is the exclusive owner of the page of the console.

A page has several owners from the start, and each may give it away.
"""

from hafnium.abi import PRIMARY_VM_ID
from hafnium.boot_memory import map_memory
from hafnium.page_table import MODE_R, MODE_W
from hafnium.state import Machine, Vm

MODULE = "hafnium.boot_memory"
REFUTES = "map_console.mapped.effect"


def map_console(machine: Machine, vm: Vm, page: int) -> bool:
    """Let a VM use the console; the primary VM has it with all other memory."""
    if vm.id == PRIMARY_VM_ID:
        return True
    return map_memory(machine, vm.ptable, page, page + 1, MODE_R | MODE_W)
