"""What ends a run from outside the code under trial, which must let it pass.

Reads   nothing
Gives   Signal, and whether the code has kept one to itself since `listen`
Refuses nothing
"""

from __future__ import annotations

from types import TracebackType


class Signal(BaseException):
    """Not for the code under trial: `except Exception` lets it pass."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        if _heard is not None:
            _heard.append(self)


class Swallowed(BaseException):
    """The code under trial has kept a signal to itself: what it did afterwards shows nothing."""


_heard: list[Signal] | None = None


def listen() -> None:
    """From here on signals are remembered; those before are forgotten."""
    global _heard
    _heard = []


def arrived(signal: Signal) -> None:
    """The signal came to whom it was meant for."""
    if _heard is not None and signal in _heard:
        _heard.remove(signal)


def swallowed(impl: str) -> str:
    """Which signal went into the code below the folder and did not come out; nothing if all did."""
    for signal in _heard or ():
        place = _place(signal.__traceback__, impl)
        if place:
            return f"the code catches what must end its run (`{signal}`) at {place}: what it does then shows nothing"
    return ""


def _place(trace: TracebackType | None, impl: str) -> str:
    """The outermost line of the code that the signal passed."""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(f"{impl}/"):
            return f"{file.removeprefix(f'{impl}/')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return ""
