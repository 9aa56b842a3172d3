"""Searches with guests, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing.connection import Connection
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


def _search(sender: Connection, root: Path, impl: str, file: str, cpus: int, plan: Plan) -> None:
    rehearsal = Rehearsal(subject(root)[1], GuestFile(file, cpus), impl, plan)
    sys.dont_write_bytecode = True
    try:
        for _ in rehearsal.run():
            pass
    except (Fault, Fickle, Unbuildable) as error:
        sender.send(f"{type(error).__name__}: {error}")
    else:
        sender.send((rehearsal.findings, rehearsal.tally))


def rehearsed(
    file: Path | str, plan: Plan, impl: Path | None = None, *, root: Path = ROOT, cpus: int = 2
) -> tuple[list[dict[str, Any]], Tally]:
    """A module is imported once: each implementation needs a process of its own."""
    config, _ = subject(root)
    path = GUESTS / f"{file}.py" if isinstance(file, str) else file
    mine, other = multiprocessing.Pipe()
    asked = (other, root, str((impl or config.folders.impl).resolve()), str(path), cpus, plan)
    process = multiprocessing.get_context("fork").Process(target=_search, args=asked)
    process.start()
    other.close()
    try:
        found = mine.recv()
    finally:
        process.kill()
        process.join()
    if isinstance(found, str):
        raise AssertionError(found)
    assert isinstance(found, tuple)
    return found


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [data["kind"] for data in found]
