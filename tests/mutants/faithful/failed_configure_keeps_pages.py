"""Deviation 6: the page-table pages that a failed call has taken stay in the tables.

The entries that were split for a call that fails are never put together again, so a call that changes
nothing still makes the pool smaller.
"""

from hafnium.memory import RECV_MODE, SEND_MODE
from hafnium.page_table import MODE_R, MODE_W, PageTable, cut, page_table_cost, page_table_map
from hafnium.pool import Pool
from hafnium.state import Machine, Vm

MODULE = "hafnium.memory"
REFUTES = "vm_configure.no_pages.frame"


def split_page(table: PageTable, page: int, pool: Pool) -> bool:
    """Let a page have an entry of its own, if the pool has enough for that."""
    if pool.free < page_table_cost(table, page, page + 1):
        return False
    cut(table, page, pool)
    cut(table, page + 1, pool)
    return True


def map_mailbox(machine: Machine, vm: Vm, send: int, recv: int) -> bool:
    """Map two pages in both stages, or change no mode."""
    pool, own, hypervisor = machine.pool, vm.ptable, machine.stage1
    if not split_page(own, send, pool) or not split_page(own, recv, pool):
        return False
    if not split_page(hypervisor, send, pool) or not split_page(hypervisor, recv, pool):
        return False
    page_table_map(own, send, send + 1, SEND_MODE, pool)
    page_table_map(own, recv, recv + 1, RECV_MODE, pool)
    page_table_map(hypervisor, send, send + 1, MODE_R, pool)
    page_table_map(hypervisor, recv, recv + 1, MODE_W, pool)
    return True
