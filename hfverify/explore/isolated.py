"""A search in a process of its own: code that hangs, dies or eats all memory harms nobody.

Reads   config.Config, explore.search.Plan
Gives   News in the order in which it happens; the last one says how the search ended
Refuses nothing: a search that says nothing for too long is ended, and that is news too
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Lock
from typing import Any

from hfverify.explain.proxies import Unbuildable
from hfverify.explore.files import saved
from hfverify.explore.guests import Fault, GuestFile
from hfverify.explore.remembering import Fickle
from hfverify.explore.search import Plan, Search, Tally
from hfverify.explore.wakeups import Rehearsal
from hfverify.model.load import Folders, load_program
from hfverify.model.program import Program

# How long one situation may take before the code is taken to hang.
SECONDS = 60
# How long a process may take until it is ready for the first search.
STARTS = 120


@dataclass(frozen=True, slots=True)
class News:
    """`situation`, `finding` (with its data), `done`, or `failed` (with the reason)."""

    kind: str
    outcomes: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    data: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


def explore(
    folders: Folders, revision: str, calls: Sequence[str] | GuestFile, plan: Plan, seconds: float = SECONDS
) -> Iterator[News]:
    """Search in another process, for what some calls do at the same time, or guests."""
    worker = Worker(folders, revision)
    try:
        yield from worker.search(calls, plan, seconds)
    finally:
        worker.close()


class Worker:
    """A process that searches for one set of calls after another; it is replaced when it hangs or dies."""

    def __init__(self, folders: Folders, revision: str) -> None:
        self._given = (folders, revision)
        self._running: tuple[SpawnProcess, Connection] | None = None
        self._starting = Lock()
        self._stopped = False

    def search(self, calls: Sequence[str] | GuestFile, plan: Plan, seconds: float = SECONDS) -> Iterator[News]:
        """The news of one search, up to its end."""
        try:
            process, connection = self._process()
        except (OSError, EOFError) as error:
            self.close()
            yield News("failed", reason=f"no process can be started for the search: {error or 'it died at once'}")
            return
        last: tuple[str, ...] = ()
        done = False
        try:
            connection.send((calls if isinstance(calls, GuestFile) else list(calls), plan))
            while not done:
                if not connection.poll(seconds):
                    where = f" where {', '.join(last)} apply" if last else ""
                    reason = f"the code does not come back within {seconds:g} s{where}: it may loop"
                    yield News("failed", reason=reason)
                    return
                news: News = connection.recv()
                last = news.outcomes or last
                done = news.kind in ("done", "failed")
                yield news
        except (EOFError, BrokenPipeError, ConnectionResetError):
            process.join()
            yield News("failed", reason=f"the process that runs the code died (exit {process.exitcode})")
        finally:
            if not done:
                self.close()

    def _process(self) -> tuple[SpawnProcess, Connection]:
        if self._running is None:
            context = multiprocessing.get_context("spawn")
            with self._starting:
                if self._stopped:
                    raise EOFError("nobody waits for it any more")
                mine, other = context.Pipe()
                process = context.Process(target=_work, args=(other, *self._given), daemon=True)
                process.start()
                other.close()
                self._running = process, mine
            if not mine.poll(STARTS):
                raise TimeoutError(f"it is not ready after {STARTS} s")
            mine.recv()
        return self._running

    def stop(self) -> None:
        """End the process, and start no other one; the thread that waits for it sees that it died."""
        with self._starting:
            self._stopped = True
            running = self._running
            if running is not None:
                running[0].kill()

    def close(self) -> None:
        """End the process."""
        if self._running is not None:
            process, connection = self._running
            process.kill()
            process.join()
            connection.close()
            self._running = None


def _work(connection: Connection, folders: Folders, revision: str) -> None:
    # A file that changed within a second has the time stamp, and may have the size, of its compiled form.
    sys.dont_write_bytecode = True
    impl = str(folders.impl.resolve())
    sys.pycache_prefix = str(Path(impl) / ".no-such-folder")
    program = load_program(folders, revision)
    connection.send("started")
    while True:
        try:
            calls, plan = connection.recv()
        except EOFError:
            return
        guests = isinstance(calls, GuestFile)
        _search(connection, program, (Rehearsal if guests else Search)(program, calls, impl, plan))


def _search(sender: Connection, program: Program, search: Search | Rehearsal) -> None:
    told = 0
    try:
        for outcomes in search.run():
            told = _tell(sender, program, search, told)
            sender.send(News("situation", outcomes, search.tally))
        _tell(sender, program, search, told)
        news = News("done", tally=search.tally)
    except (Fickle, Unbuildable, Fault) as error:
        news = News("failed", reason=str(error))
    except RecursionError:
        news = News("failed", reason="the code calls itself without end")
    except MemoryError:
        news = News("failed", reason="the memory is used up")
    sender.send(news)


def _tell(sender: Connection, program: Program, search: Search | Rehearsal, told: int) -> int:
    if isinstance(search, Rehearsal):
        for data in search.findings[told:]:
            sender.send(News("finding", (), search.tally, data))
        return len(search.findings)
    for finding in search.findings[told:]:
        sender.send(News("finding", finding.outcomes, search.tally, saved(program, finding)))
    return len(search.findings)
