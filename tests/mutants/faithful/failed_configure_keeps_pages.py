"""Deviation 6: the page-table pages that a failed call has taken stay in the tables.

The entries that were split for a call that failed are never put together again, so a call that changes
nothing still makes the pool smaller.
"""

from hafnium.memory import commit_mailbox, prepare_mailbox
from hafnium.pool import Pool, pool_finish
from hafnium.state import Machine, Vm

MODULE = "hafnium.memory"


def map_mailbox(machine: Machine, vm: Vm, send: int, recv: int) -> bool:
    """Map the two mailbox pages in both stages, or change no mode."""
    pool = Pool(fallback=machine.pool)
    done = prepare_mailbox(machine, vm, send, recv, pool)
    if done:
        commit_mailbox(machine, vm, send, recv, pool)
    pool_finish(pool)
    return done
