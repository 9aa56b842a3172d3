"""Pools of page-table pages (reference R4, 3.8).

All free pages are alike, so a pool is their number. A pool that is empty takes from its fallback; pages
that are freed stay in the pool until it is finished.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hafnium.spinlock import SpinLock


@dataclass(eq=False, slots=True)
class Pool:
    """`free` pages, and where to look when there is none."""

    free: int = 0
    fallback: Pool | None = None
    lock: SpinLock = field(default_factory=SpinLock)


def pool_alloc(pool: Pool, count: int = 1) -> bool:
    """Take `count` pages from the first pool on the way that has so many; no two locks are held at once."""
    source: Pool | None = pool
    while source is not None:
        with source.lock:
            if source.free >= count:
                source.free -= count
                return True
        source = source.fallback
    return False


def pool_free(pool: Pool, count: int = 1) -> None:
    """Put `count` pages into the pool itself, whatever pool they came from."""
    with pool.lock:
        pool.free += count


def pool_reserve(pool: Pool, count: int) -> bool:
    """Take from the fallbacks until the pool itself has `count` pages; False if they have too few.

    No other physical CPU uses the pool.
    """
    while pool.free < count:
        if pool.fallback is None or not pool_alloc(pool.fallback):
            return False
        pool_free(pool)
    return True


def pool_finish(pool: Pool) -> None:
    """Move what is left to the fallback, and cut the pool off from it. Nothing happens without one."""
    fallback = pool.fallback
    if fallback is None:
        return
    with pool.lock:
        with fallback.lock:
            fallback.free += pool.free
        pool.free = 0
        pool.fallback = None
