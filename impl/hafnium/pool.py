"""The pool of page-table pages (reference R4, 3.8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from hafnium.spinlock import SpinLock


@dataclass(eq=False, slots=True)
class Pool:
    """The page-table pages that are free. All are alike, so the pool is their number."""

    free: int = 0
    lock: SpinLock = field(default_factory=SpinLock)
