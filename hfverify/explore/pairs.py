"""Many searches at the same time, each of some calls, spread over processes.

Reads   model.program.Program and the folders that it is from, the calls of each search
Gives   Done for each search, in the order in which they were asked for
Refuses nothing: a search that hangs or dies is news of that search, and the others go on
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from hfverify.explore.isolated import Worker
from hfverify.explore.locking import without_maps
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
    """Each search in one of so many processes; those with much to do begin first.

    Which states a solver finds depends on what it was asked before: each process has a fixed part of the searches, so
    that for so many processes the numbers are the same each time, unless one of them has to be replaced.
    """
    workers = [Worker(folders, program.revision) for _ in range(jobs)]
    threads = [ThreadPoolExecutor(1) for _ in workers]
    plain = without_maps(program)
    work = {calls: _work(program, plain, calls) for calls in searches}
    order = sorted(range(len(searches)), key=lambda index: work[searches[index]], reverse=True)
    started: dict[int, Future[Done]] = {}
    dealt = [0] * jobs
    try:
        for index in order:
            least = dealt.index(min(dealt))
            dealt[least] += work[searches[index]]
            started[index] = threads[least].submit(_one, workers[least], searches[index], plan)
        yield from (started[index].result() for index in range(len(searches)))
    finally:
        for thread, worker in zip(threads, workers, strict=True):
            thread.shutdown(wait=False, cancel_futures=True)
            worker.stop()
        for thread, worker in zip(threads, workers, strict=True):
            thread.shutdown()
            worker.close()


def _work(program: Program, plain: Collection[str], calls: tuple[str, ...]) -> int:
    """How much there is to do: combinations of outcomes, and where maps change, states take longer to find."""
    work = math.prod(len(program.calls[name].outcomes) * (1 if name in plain else 2) for name in calls)
    return work if len(set(calls)) > 1 else work // 2


def _one(worker: Worker, calls: tuple[str, ...], plan: Plan) -> Done:
    done = Done(calls)
    for news in worker.search(calls, plan):
        done.tally, done.failed = news.tally, news.reason
        if news.kind == "finding":
            done.findings.append(news.data)
    return done
