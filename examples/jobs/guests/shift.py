"""A customer on the first CPU brings jobs, and a worker on each other one does what there is to do."""

from __future__ import annotations

from collections.abc import Callable

from jobs.shop import Queue, Shop, Worker, WorkerState, finish, submit, take

from hfverify.explore import Processor, Scene

JOBS = 2


def machine(cpus: int) -> Shop:
    """A shop with one queue."""
    queue = Queue(0, capacity=JOBS)
    queue.workers = [Worker(queue, number, cpu) for number, cpu in enumerate(range(1, cpus))]
    return Shop(queues=[queue])


def scene(shop: Shop) -> Scene:
    """Who waits in line looks up when somebody has given them a job."""
    workers = shop.queues[0].workers
    done: list[int] = []

    def customer(cpu: Processor) -> None:
        del cpu
        for _ in range(JOBS):
            submit(shop, 0)

    def at_work(me: Worker) -> Callable[[Processor], None]:
        def worker(cpu: Processor) -> None:
            while True:
                job = take(me)
                if job is None:
                    cpu.idle(lambda: me.state == WorkerState.BUSY, "somebody hands a job over")
                else:
                    done.append(job)
                    finish(me)

        return worker

    def complaint() -> str | None:
        return None if len(done) == JOBS or not workers else f"{len(done)} of {JOBS} jobs are done"

    return Scene([customer, *map(at_work, workers)], complaint=complaint)
