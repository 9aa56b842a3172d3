"""The spinlock that every shared structure carries, and waiting without one (reference R4, section 4)."""

from threading import Lock
from time import sleep
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


class Waiting:
    """How a physical CPU passes the time between two looks at something another CPU will change."""

    __slots__ = ()

    def pause(self) -> None:
        """Let other CPUs go on."""
        sleep(0)


class Spinning(Exception):
    """A call waits for another physical CPU, on a machine whose CPUs take turns.

    It leaves the call at a point where no lock is held and nothing has changed, so the same call can
    be made again.
    """


class TakingTurns(Waiting):
    """Waiting on a machine whose CPUs take turns: nothing can change before the turn ends."""

    __slots__ = ()

    def pause(self) -> None:
        """End the turn.

        Raises:
            Spinning: always.
        """
        raise Spinning


def cpu_relax(waiting: Waiting) -> None:
    """Pass once in each round of a loop that waits for another CPU, with no lock held."""
    waiting.pause()
