"""A bar that counts what is decided, on a terminal.

Reads   how much there is to do, and what is done
Gives   Bar, which takes itself away at the end
Refuses nothing
"""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Bar:
    """Drawn from its making on."""

    def __init__(self, stream: TextIO, width: int, total: int, *, color: bool) -> None:
        console = Console(file=stream, width=width, force_terminal=True, color_system="standard" if color else None)
        self._progress = Progress(
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[subject]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=total, subject="")
        self._progress.start()

    def advance(self, count: int, subject: str) -> None:
        """So many more are done; the last of them belong to this subject."""
        self._progress.update(self._task, advance=count, subject=subject)

    def stop(self) -> None:
        """Take the bar away."""
        self._progress.stop()
