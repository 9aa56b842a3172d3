"""A job shop: queues of jobs, and the workers of each queue.

A job is a number. Numbers are given out in order, so a queue need not store its jobs: it knows the
oldest one and how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from jobs.line import Place, first, in_line, join, leave
from jobs.lock import SpinLock

JOB_NUMBERS: Final = 1 << 32
LONGEST_PAUSE: Final = 1024


class WorkerState(IntEnum):
    """What a worker does."""

    IDLE = 0
    WAITING = 1
    BUSY = 2


@dataclass(eq=False, slots=True)
class Worker:
    """A worker of one queue. It runs on one CPU, and only there is `last`, the job it did last, touched."""

    queue: Queue
    index: int
    cpu: int
    lock: SpinLock = field(default_factory=SpinLock)
    state: WorkerState = WorkerState.IDLE
    job: int | None = None
    last: int | None = None
    place: Place[Worker] = field(init=False)

    def __post_init__(self) -> None:
        self.place = Place(self)


@dataclass(eq=False, slots=True)
class Queue:
    """The jobs `oldest`, `oldest` + 1, … (`count` of them), and the line of workers who found none."""

    number: int
    capacity: int
    workers: list[Worker] = field(default_factory=list)
    lock: SpinLock = field(default_factory=SpinLock)
    oldest: int = 0
    count: int = 0
    line: Place[Worker] = field(default_factory=Place)


@dataclass(eq=False, slots=True)
class Shop:
    """All queues. Whoever runs the shop opens and closes it at any time."""

    is_open: bool = True
    queues: list[Queue] = field(default_factory=list)


def submit(shop: Shop, number: int) -> int | None:
    """Bring a new job to the queue of this number (32 bits); return the job, None if it is not accepted."""
    if not shop.is_open:
        return None
    if number >= len(shop.queues):
        return None
    queue = shop.queues[number]
    with queue.lock:
        worker = first(queue.line)
        if worker is None:
            if queue.count == queue.capacity:
                return None
            job = (queue.oldest + queue.count) % JOB_NUMBERS
            queue.count += 1
        else:
            # Nobody waits beside a job: the queue is empty, and the new job would be its oldest.
            job = draw(queue)
            leave(worker.place)
            with worker.lock:
                start(worker, job)
        return job


def take(me: Worker) -> int | None:
    """Ask for a job; without one, wait in line and return None."""
    queue = me.queue
    with queue.lock, me.lock:
        if me.state == WorkerState.BUSY:
            return me.job
        if queue.count > 0:
            queue.count -= 1
            job = draw(queue)
            start(me, job)
            return job
        # Ask the line, not the state: the queue's lock protects the line.
        if not in_line(me.place):
            join(queue.line, me.place)
            me.state = WorkerState.WAITING
        return None


def finish(me: Worker) -> bool:
    """Put down the job that is done; tell whether there was one."""
    with me.lock:
        if me.state != WorkerState.BUSY:
            return False
        me.last = me.job
        me.job = None
        me.state = WorkerState.IDLE
        return True


def pause(failures: int) -> int:
    """Return how many milliseconds to wait after so many failures (32 bits) to submit."""
    time, left = 1, failures
    while left > 0 and time < LONGEST_PAUSE:
        time, left = 2 * time, left - 1
    return time


def draw(queue: Queue) -> int:
    """Take the oldest number; `queue.lock` is held."""
    job = queue.oldest
    queue.oldest = (job + 1) % JOB_NUMBERS
    return job


def start(worker: Worker, job: int) -> None:
    """Give a job to a worker; `worker.lock` is held."""
    worker.state = WorkerState.BUSY
    worker.job = job
