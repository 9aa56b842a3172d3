"""A search in a process of its own: code that hangs, dies or eats all memory harms nobody.

Reads   config.Config, explore.search.Plan
Gives   News in the order in which it happens; the last one says how the search ended
Refuses nothing: a search that says nothing for too long is ended, and that is news too
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hfverify.explain.proxies import Unbuildable
from hfverify.explore.files import saved
from hfverify.explore.search import Fickle, Plan, Search, Tally
from hfverify.model.load import Folders, load_program

# How long one situation may take before the code is taken to hang.
SECONDS = 60


@dataclass(frozen=True, slots=True)
class News:
    """`situation`, `finding` (with its data), `done`, or `failed` (with the reason)."""

    kind: str
    outcomes: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    data: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


def explore(folders: Folders, revision: str, calls: list[str], plan: Plan, seconds: float = SECONDS) -> Iterator[News]:
    """Search in another process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, folders, revision, calls, plan), daemon=True)
    process.start()
    sender.close()
    last: tuple[str, ...] = ()
    try:
        while True:
            if not receiver.poll(seconds):
                where = f" where {', '.join(last)} apply" if last else ""
                yield News("failed", reason=f"the code does not come back within {seconds:g} s{where}: it may loop")
                return
            try:
                news: News = receiver.recv()
            except EOFError:
                process.join()
                yield News("failed", reason=f"the process that runs the code died (exit {process.exitcode})")
                return
            last = news.outcomes or last
            yield news
            if news.kind in ("done", "failed"):
                return
    finally:
        process.kill()
        process.join()
        receiver.close()


def _work(sender: Connection, folders: Folders, revision: str, calls: list[str], plan: Plan) -> None:
    # A file that changed within a second has the time stamp, and may have the size, of its compiled form.
    sys.dont_write_bytecode = True
    impl = str(folders.impl.resolve())
    sys.pycache_prefix = str(Path(impl) / ".no-such-folder")
    program = load_program(folders, revision)
    search = Search(program, calls, impl, plan)
    told = 0
    try:
        for outcomes in search.run():
            told = _tell(sender, program, search, told)
            sender.send(News("situation", outcomes, search.tally))
    except (Fickle, Unbuildable) as error:
        sender.send(News("failed", reason=str(error)))
    except RecursionError:
        sender.send(News("failed", reason="the code calls itself without end"))
    except MemoryError:
        sender.send(News("failed", reason="the memory is used up"))
    else:
        _tell(sender, program, search, told)
        sender.send(News("done", tally=search.tally))


def _tell(sender: Connection, program: Any, search: Search, told: int) -> int:
    for finding in search.findings[told:]:
        sender.send(News("finding", finding.outcomes, search.tally, saved(program, finding)))
    return len(search.findings)
