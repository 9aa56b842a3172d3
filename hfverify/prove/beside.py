"""Answer a question in a copy of this process, while this one goes on with another.

Reads   a function without arguments, whose answer can be pickled
Gives   a function that waits for the answer; what the copy does to the solver's terms is never seen here
Refuses nothing: a copy that dies has no answer (Died)
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

T = TypeVar("T")
# The option of Linux's prctl by which a process is ended together with the one that made it.
PR_SET_PDEATHSIG = 1


class Died(Exception):
    """The copy ended without an answer."""


def can_split() -> bool:
    """Whether the system copies a process with all that it knows, and ends the copy with it."""
    return sys.platform == "linux"


def end_with_parent() -> None:
    """Let this process be ended when the one that made it ends, however that happens."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def beside(compute: Callable[[], T]) -> Callable[[], T]:
    """Begin to compute in a copy, and go on; this process must have no other thread."""
    reads, writes = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        os.close(reads)
        _answer(compute, writes, parent)
    os.close(writes)

    def wait() -> T:
        with os.fdopen(reads, "rb") as source:
            data = source.read()
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise Died(f"the copy of the process ended with {status}")
        found: T = pickle.loads(data)  # noqa: S301 (a copy of this process wrote it)
        return found

    return wait


def _answer(compute: Callable[[], object], writes: int, parent: int) -> NoReturn:
    """Compute, tell, and end at once: nothing of the process that this is a copy of is cleaned up twice."""
    code = 1
    try:
        end_with_parent()
        if os.getppid() == parent:
            with os.fdopen(writes, "wb") as target:
                pickle.dump(compute(), target)
            code = 0
    finally:
        os._exit(code)
