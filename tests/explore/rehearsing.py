"""Searches with guests, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from situated import JOBS, ROOT, subject

from hfverify.explain.proxies import Unbuildable
from hfverify.explore.guests import Fault, GuestFile
from hfverify.explore.remembering import Fickle
from hfverify.explore.search import Plan, Tally
from hfverify.explore.wakeups import Rehearsal

GUESTS = ROOT / "tests" / "guests"
SHIFT = JOBS / "guests" / "shift.py"
QUICK = Plan(preemptions=0)
ONE = Plan(preemptions=1, schedules=400)
MISSING, LOST = "missing", "lost wake-up"


def separately(work: Callable[[], Any]) -> Any:
    """A module is imported once: each implementation needs a process of its own."""
    mine, other = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=lambda: other.send(work()))
    process.start()
    other.close()
    try:
        return mine.recv()
    finally:
        process.kill()
        process.join()


def rehearsed(
    file: Path | str, plan: Plan, impl: Path | None = None, *, root: Path = ROOT, cpus: int = 2
) -> tuple[list[dict[str, Any]], Tally]:
    """What a search finds."""
    config, program = subject(root)
    path = GUESTS / f"{file}.py" if isinstance(file, str) else file
    asked = GuestFile(str(path), cpus), str((impl or config.folders.impl).resolve()), plan

    def search() -> str | tuple[list[dict[str, Any]], Tally]:
        sys.dont_write_bytecode = True
        rehearsal = Rehearsal(program, *asked)
        try:
            for _ in rehearsal.run():
                pass
        except (Fault, Fickle, Unbuildable) as error:
            return f"{type(error).__name__}: {error}"
        return rehearsal.findings, rehearsal.tally

    found = separately(search)
    if isinstance(found, str):
        raise AssertionError(found)
    assert isinstance(found, tuple)
    return found


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [data["kind"] for data in found]
