"""What every command line of this package does around its work."""

import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper


def run_command(main: Callable[[Sequence[str]], int]) -> int:
    """Run `main` with the arguments of the process; return the exit status.

    A terminal that lacks a character gets an escape for it. A reader that goes away ends the command: 1.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status
