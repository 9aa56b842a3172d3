"""Many searches at the same time, each of some calls, spread over processes.

Reads   model.program.Program and the folders that it is from, the calls of each search
Gives   Done for each search, in the order in which they were asked for
Refuses nothing: a search that hangs or dies is news of that search, and the others go on
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from hfverify.explore.isolated import Worker
from hfverify.explore.search import Plan, Tally
from hfverify.model.load import Folders
from hfverify.model.program import Program


@dataclass(slots=True)
class Done:
    """What one search came to; `failed` says why it did not come to its end."""

    calls: tuple[str, ...]
    tally: Tally = field(default_factory=Tally)
    findings: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""


def search_all(
    program: Program, folders: Folders, searches: Sequence[tuple[str, ...]], jobs: int, plan: Plan
) -> Iterator[Done]:
    """Each search in one of so many processes; those with many combinations of outcomes begin first."""
    workers = [Worker(folders, program.revision) for _ in range(jobs)]
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def combinations(calls: tuple[str, ...]) -> int:
        return math.prod(len(program.calls[name].outcomes) for name in calls)

    def one(calls: tuple[str, ...]) -> Done:
        worker, done = free.get(), Done(calls)
        try:
            for news in worker.search(calls, plan):
                done.tally, done.failed = news.tally, news.reason
                if news.kind == "finding":
                    done.findings.append(news.data)
        finally:
            free.put(worker)
        return done

    pool = ThreadPoolExecutor(jobs)
    try:
        order = sorted(range(len(searches)), key=lambda index: combinations(searches[index]), reverse=True)
        started = {index: pool.submit(one, searches[index]) for index in order}
        yield from (started[index].result() for index in range(len(searches)))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.close()
