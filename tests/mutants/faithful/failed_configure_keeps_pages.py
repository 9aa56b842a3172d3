"""Deviation 6: the page-table pages that a failed call has taken stay in the tables.

The entries that were split for a call that failed are never put together again, so a call that changes
nothing still makes the pool smaller.
"""

from hafnium.memory import RECV_MODE, SEND_MODE, commit_page, prepare_page
from hafnium.page_table import MODE_R, MODE_W
from hafnium.pool import Pool, pool_finish
from hafnium.state import Machine, Vm

MODULE = "hafnium.memory"


def map_mailbox(machine: Machine, vm: Vm, send: int, recv: int) -> bool:
    """Map the two mailbox pages in both stages, or change no mode."""
    stage1 = machine.stage1.ptable
    pool = Pool(fallback=machine.pool)
    done = (
        prepare_page(vm.ptable, send, SEND_MODE, pool)
        and prepare_page(vm.ptable, recv, RECV_MODE, pool)
        and prepare_page(stage1, send, MODE_R, pool)
        and prepare_page(stage1, recv, MODE_W, pool)
    )
    if done:
        commit_page(vm.ptable, send, SEND_MODE, pool)
        commit_page(vm.ptable, recv, RECV_MODE, pool)
        commit_page(stage1, send, MODE_R, pool)
        commit_page(stage1, recv, MODE_W, pool)
    pool_finish(pool)
    return done
