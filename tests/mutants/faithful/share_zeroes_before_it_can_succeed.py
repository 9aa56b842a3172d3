"""Deviation 4: memory is zeroed before it is known that the receiver can have it.

When the page-table pages run out at the last mapping, the call fails, the sender has its memory back, and
what was in it is gone.
"""

from hafnium.page_table import ABSENT, MODE_W, page_table_get, page_table_map, page_table_merge
from hafnium.physical import zero_memory
from hafnium.pool import Pool, pool_finish
from hafnium.state import Machine, Vm

MODULE = "hafnium.memory"


def move_memory(machine: Machine, sender: Vm, to: Vm, begin: int, end: int, modes: tuple[int, int]) -> bool:
    """Zero `[begin, end)` and give it its new modes."""
    from_mode, to_mode = modes
    stage1 = machine.stage1.ptable
    before = page_table_get(sender.ptable, begin, end)
    assert before is not None
    pool = Pool(fallback=machine.pool)
    done = page_table_map(sender.ptable, begin, end, from_mode, pool)
    if done:
        done = page_table_map(stage1, begin, end, MODE_W, pool)
        if done:
            zero_memory(machine.memory, begin, end)
            page_table_map(stage1, begin, end, ABSENT, pool)
            done = page_table_map(to.ptable, begin, end, to_mode, pool)
        if not done:
            page_table_map(sender.ptable, begin, end, before, pool)
            page_table_merge(sender.ptable, begin, end, pool)
    pool_finish(pool)
    return done
