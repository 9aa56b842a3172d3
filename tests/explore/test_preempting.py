"""Leaving out preemptions that nobody can notice leaves out no end, and finds what the whole search finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
from rehearsing import GUESTS, SHIFT, separately
from simulated import BEGIN, Operation, Simulated, programs
from situated import JOBS, ROOT, subject, variant

from hfverify.explore.exhaustive import Limits, every_schedule
from hfverify.explore.guests import GuestFile
from hfverify.explore.preempting import few_preemptions
from hfverify.explore.problems import problems
from hfverify.explore.steps import Execution
from hfverify.explore.wakeups import hosted

# Guests, on how many CPUs, how many preemptions, and a wrong variant if they are to go wrong.
SCENES = [
    ("shift", 2, 2, ""),
    ("shift", 2, 2, "take looks and waits in two sections"),
    ("shift", 3, 1, "take looks and waits in two sections"),
    ("servant", 2, 1, ""),
    ("deaf", 2, 1, "disable_clears_pending"),
    ("errand", 2, 1, "send_releases_before_switch"),
    ("errand", 2, 1, "run_without_waiting_for_registers"),
]


def ends(executions: Iterable[Execution]) -> tuple[int, set[str]]:
    """How many there are, and all ways in which they differ at the end."""
    count, found = 0, set()
    for done in executions:
        count += 1
        cells = sorted((key, repr(value)) for key, value in done.changed.items())
        idle = sorted((blocked.cpu, blocked.next.what) for blocked in done.idle)
        found.add(repr((cells, idle, sorted(problem.key for problem in problems(done)))))
    return count, found


def compared(root: Path, impl: str, file: str, cpus: int, most: int) -> Iterator[tuple[int, set[str]]]:
    """The whole search, and the one that leaves something out."""
    with hosted(subject(root)[1], GuestFile(file, cpus), impl) as host:
        yield ends(every_schedule(host.perform, Limits(reduce=False, preemptions=most)))
        yield ends(few_preemptions(host.perform, most))


def in_two_sections(folder: Path) -> Path:
    """The shop, whose `take` gives the lock back between two looks at the queue."""
    shutil.copytree(JOBS / "impl", folder / "impl")
    path = folder / "impl" / "jobs" / "shop.py"
    text = path.read_text("utf-8")
    both, more = "    with queue.lock, me.lock:", "        if queue.count > 0:"
    assert (text.count(both), text.count(more)) == (1, 1)
    looks = "    with queue.lock:\n        nothing = queue.count == 0\n" + both
    path.write_text(text.replace(both, looks).replace(more, "        if not nothing:"), "utf-8")
    return folder / "impl"


@pytest.mark.parametrize(("guests", "cpus", "most", "wrong"), SCENES)
def test_no_end_is_left_out(guests: str, cpus: int, most: int, wrong: str, tmp_path: Path) -> None:
    root, file = (JOBS, SHIFT) if guests == SHIFT.stem else (ROOT, GUESTS / f"{guests}.py")
    impl = subject(root)[0].folders.impl.resolve()
    if wrong:
        impl = in_two_sections(tmp_path) if root == JOBS else variant(wrong, tmp_path)
    every, few = separately(lambda: list(compared(root, str(impl), str(file), cpus, most)))
    assert few[1] == every[1]
    assert few[0] < every[0]


# For each rule about who notices a step, CPUs of which an end would be left out without it.
RULES: dict[str, list[list[Operation]]] = {
    "others touch the same": [[("load", "a", 0)], [("store", "a", 2), ("store", "a", 1)]],
    "guests may decide at once": [[("store", "a", 1), ("tell", "", 1)], [("wait", "a", 1), ("look", "", -1)], []],
    "others begin to wait for it": [
        [("load", "a", 0), ("store", "b", 1)],
        [("store", "a", 1), ("wait", "b", -1)],
        [],
    ],
    "others begin to wait for its lock": [
        [("tell", "", 2), ("take", "l", 0)],
        [("guess", "", 0), ("take", "l", 0), ("give", "l", 0)],
        [],
    ],
    "others wait for its lock already": [
        [("take", "m", 0), ("wait", "a", 1), ("store", "b", 1), ("give", "m", 0), ("take", "m", 0), ("load", "b", 0)],
        [("store", "a", 1), ("take", "m", 0), ("load", "a", 0)],
        [("wait", "b", 1), ("store", "a", 2)],
    ],
}


def both(lanes: list[list[Operation]], most: int) -> tuple[tuple[int, set[str]], tuple[int, set[str]]]:
    simulated = Simulated(lanes)
    every = ends(every_schedule(simulated.perform, Limits(reduce=False, preemptions=most)))
    return every, ends(few_preemptions(simulated.perform, most))


@pytest.mark.parametrize("rule", RULES)
def test_who_notices(rule: str) -> None:
    every, few = both([[BEGIN, *lane] for lane in RULES[rule]], 1)
    assert few[1] == every[1]


@pytest.mark.parametrize("seed", range(8))
def test_no_end_of_programs_made_by_chance_is_left_out(seed: int) -> None:
    random = Random(seed)
    totals = [0, 0]
    for _ in range(50):
        lanes, most = programs(random, random.choice((2, 3)), 4), random.choice((1, 2))
        every, few = both(lanes, most)
        assert few[1] == every[1], (lanes, most)
        totals = [totals[0] + every[0], totals[1] + few[0]]
    assert totals[1] < totals[0]


CATCHES = '''
from jobs.shop import Queue, Shop, Worker, submit
from hfverify.explore import Scene


def machine(cpus):
    queue = Queue(0, capacity=2)
    queue.workers = [Worker(queue, 0, 1)]
    return Shop(queues=[queue])


def scene(shop):
    done, seen = [], []

    def catches(cpu):
        submit(shop, 0)
        done.append("submitted")
        try:
            submit(shop, 9)
        except ValueError:
            done.append("caught")

    def looks(cpu):
        submit(shop, 7)
        seen.append(tuple(done))

    return Scene([catches, looks], complaint=lambda: str(seen))
'''


def test_what_a_guest_does_that_keeps_what_was_raised_can_be_noticed(tmp_path: Path) -> None:
    shutil.copytree(JOBS / "impl", tmp_path / "impl")
    path = tmp_path / "impl" / "jobs" / "shop.py"
    text, begins = path.read_text("utf-8"), "    if number >= len(shop.queues):\n        return None\n    queue = "
    assert text.count(begins) == 1
    raises = "    if number == 9:\n        with shop.queues[0].workers[0].lock:\n            pass\n"
    raises += '        raise ValueError("nine")\n'
    path.write_text(text.replace(begins, raises + begins), "utf-8")
    file = tmp_path / "catches.py"
    file.write_text(CATCHES, "utf-8")
    impl = str((tmp_path / "impl").resolve())
    every, few = separately(lambda: list(compared(JOBS, impl, str(file), 2, 1)))
    assert any("('submitted',)" in end for end in every[1])
    assert few[1] == every[1]
