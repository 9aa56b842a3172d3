"""How long something takes; time in which a process waits for a processor, or the whole machine stands still, is none.

Reads   /proc/<process>/schedstat, where there is one
Gives   Patience, which is asked once each PERIOD whether it is at its end; limited, which raises where it is
Refuses nothing; without that file all time counts, but never more than PERIOD for each question
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

# In seconds.
PERIOD = 0.5
NANO = 1e-9


class Patience:
    """With one process, for so many seconds."""

    def __init__(self, seconds: float, process: int | str = "self") -> None:
        self.seconds = seconds
        self._file = Path(f"/proc/{process}/schedstat")
        self._waited = 0.0
        self.renew()

    def renew(self) -> None:
        """Something else begins."""
        self._left = self.seconds
        self._waited = self._waiting()

    def ends(self) -> bool:
        """Whether the time is used up, of which a PERIOD has passed since the last question."""
        waited = self._waiting()
        self._left -= max(PERIOD - (waited - self._waited), 0)
        self._waited = waited
        return self._left <= 0

    def _waiting(self) -> float:
        """How long the process has waited for a processor, ever."""
        try:
            return int(self._file.read_text().split()[1]) * NANO
        except (OSError, IndexError, ValueError):
            return self._waited


@contextlib.contextmanager
def limited(seconds: float, error: Callable[[], BaseException]) -> Iterator[Patience]:
    """Raise an error in the midst of what takes longer; one that is caught comes again."""
    patience = Patience(seconds)

    def look(*_: object) -> None:
        if patience.ends():
            raise error()

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, PERIOD, PERIOD)
    try:
        yield patience
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
