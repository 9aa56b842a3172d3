"""The lock that each queue and each worker carries."""

from threading import Lock
from types import TracebackType


class SpinLock:
    """Mutual exclusion between CPUs: not fair, not re-entrant."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = Lock()

    def __enter__(self) -> None:
        self._taken.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken.release()
