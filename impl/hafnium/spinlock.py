"""The spinlock that every shared structure carries (reference R4, section 4)."""

from threading import Lock
from types import TracebackType


class SpinLock:
    """Mutual exclusion between physical CPUs: not fair, not re-entrant."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = Lock()

    def acquire(self) -> None:
        """Wait until the lock is free and take it."""
        self._taken.acquire()

    def release(self) -> None:
        """Give the lock back. Only the CPU that took it may do so."""
        self._taken.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
