"""Deviation 4: memory is zeroed before it is known that the receiver can have it.

When the page-table pages run out at the last mapping, the call fails, the sender has its memory back, and
what was in it is gone.
"""

from hafnium.abi import PAGE_SIZE
from hafnium.memory import mode_given, mode_left
from hafnium.page_table import MODE_W, page_table_cost, page_table_get, page_table_map, page_table_unmap
from hafnium.physical import zero_memory
from hafnium.state import Machine, Vm

MODULE = "hafnium.memory"
REFUTES = "share_memory.no_pages.frame"


def move_memory(machine: Machine, sender: Vm, to: Vm, first: int, last: int, share: int) -> bool:
    """Zero a range and give it its new modes."""
    pool, hypervisor = machine.pool, machine.stage1
    before = page_table_get(sender.ptable, first, last)
    assert before is not None
    cost = page_table_cost(sender.ptable, first, last) + page_table_cost(hypervisor, first, last)
    if pool.free < cost:
        return False
    page_table_map(sender.ptable, first, last, mode_left(share), pool)
    page_table_map(hypervisor, first, last, MODE_W, pool)
    zero_memory(machine, first * PAGE_SIZE, last * PAGE_SIZE)
    page_table_unmap(hypervisor, first, last, pool)
    if pool.free < page_table_cost(to.ptable, first, last):
        page_table_map(sender.ptable, first, last, before, pool)
        return False
    page_table_map(to.ptable, first, last, mode_given(share), pool)
    return True
