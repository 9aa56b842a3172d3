"""Who has which memory before the first virtual CPU runs (reference R4, 9).

Ranges are given as numbers of pages, from `first` to before `last`.
"""

from hafnium.page_table import (
    MODE_R,
    MODE_SHARED,
    MODE_UNOWNED,
    MODE_W,
    PageTable,
    page_table_cost,
    page_table_map,
    page_table_unmap,
)
from hafnium.state import Machine, Vm

CONSOLE_MODE = MODE_UNOWNED | MODE_SHARED | MODE_R | MODE_W


def map_memory(machine: Machine, table: PageTable, first: int, last: int, mode: int) -> bool:
    """Give the pages of a range a mode; False, and nothing has changed, if page-table pages are lacking."""
    with table.lock, machine.pool.lock:
        if machine.pool.free < page_table_cost(table, first, last):
            return False
        page_table_map(table, first, last, mode, machine.pool)
    return True


def take_memory(machine: Machine, table: PageTable, first: int, last: int) -> bool:
    """Make the pages of a range absent; False, and nothing has changed, if page-table pages are lacking."""
    with table.lock, machine.pool.lock:
        if machine.pool.free < page_table_cost(table, first, last):
            return False
        page_table_unmap(table, first, last, machine.pool)
    return True


def map_console(machine: Machine, vm: Vm, page: int) -> bool:
    """Let a VM use the page of the console, which belongs to the hypervisor: it can do nothing else with it."""
    return map_memory(machine, vm.ptable, page, page + 1, CONSOLE_MODE)
