"""The same protocol explored by SPIN and by `hfverify explore`, side by side: `python benchmarks/spin.py`.

The protocol is that of examples/jobs: producers who submit, workers who take; `mailbox.pml` is its model. SPIN looks at
states of the model, with partial-order reduction and without; the explorer runs the real code under each schedule that
can differ, and under all of them. Both must come to the same number of different ends.
Needs the programs `spin` and `cc`; says so, and measures nothing of SPIN, where they are missing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hfverify.config import load_config
from hfverify.explain.scenario import Scenario, find_cell
from hfverify.explore.atomicity import ends
from hfverify.explore.exhaustive import Limits, every_schedule
from hfverify.explore.machine import Shared
from hfverify.explore.problems import problems
from hfverify.explore.steps import Execution
from hfverify.model.load import load_program

ROOT = Path(__file__).parents[1]
MODEL = Path(__file__).with_name("mailbox.pml")
# Workers and producers.
SIZES = ((1, 1), (2, 1), (2, 2), (3, 1), (3, 2))
MOST = 5_000
SPIN, CC = shutil.which("spin"), shutil.which("cc")


def spin(workers: int, producers: int, reduced: bool) -> tuple[int, int, float]:
    """States, different ends, and the seconds that the verifier takes once it is compiled."""
    assert SPIN is not None and CC is not None
    with tempfile.TemporaryDirectory() as folder:
        size = [f"-DWORKERS={workers}", f"-DPRODUCERS={producers}"]
        subprocess.run([SPIN, "-a", *size, str(MODEL)], cwd=folder, check=True, capture_output=True)
        options = ["-O2", "-w", "-DSAFETY", *([] if reduced else ["-DNOREDUCE"])]
        subprocess.run([CC, *options, "-o", "pan", "pan.c"], cwd=folder, check=True, capture_output=True)
        begun = time.perf_counter()
        done = subprocess.run([f"{folder}/pan", "-m100000"], cwd=folder, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - begun
    match = re.search(r"(\d+) states, stored", done.stdout)
    if match is None or "errors: 0" not in done.stdout:
        raise SystemExit(f"SPIN does not accept the model:\n{done.stdout}")
    return int(match[1]), len({line for line in done.stdout.splitlines() if line.startswith("END ")}), seconds


def scenarios(workers: int, producers: int) -> list[Scenario]:
    """A queue with one place and idle workers, on a CPU of its own each; those of the producers only submit."""
    config = load_config(ROOT / "examples" / "jobs")
    program = load_program(config.folders, config.revision)
    cells = {"queue[0].worker_count": workers + producers, "queue[0].capacity": 1, "shop.is_open": True}
    cells |= {f"worker[0, {index}].cpu": index for index in range(workers + producers)}
    known = {}
    for name, value in cells.items():
        cell, keys = find_cell(program, name)
        known[cell.name, keys] = value
    sizes = {"queue_count": 1, "cpu_count": workers + producers}
    made = [Scenario("take", dict(sizes), index, (0, index), cells=dict(known)) for index in range(workers)]
    for index in range(producers):
        made.append(Scenario("submit", dict(sizes), workers + index, (0, workers + index), cells=dict(known)))
        made[-1].arguments["number"] = 0
    for scenario in made:
        scenario.reads.append(("shop.is_open", (), True))
    return made


def explorer(workers: int, producers: int, reduced: bool) -> tuple[int, int, int, float]:
    """Schedules, steps, different ends, and seconds; at most so many schedules."""
    config = load_config(ROOT / "examples" / "jobs")
    program = load_program(config.folders, config.revision)
    machine = Shared(program, scenarios(workers, producers), str(config.folders.impl.resolve()))
    machine.watch_contracts()
    begun, schedules, steps = time.perf_counter(), 0, 0

    def counted() -> Iterator[Execution]:
        nonlocal schedules, steps
        for execution in every_schedule(machine.perform, Limits(reduce=reduced)):
            schedules += 1
            steps += len(execution.steps)
            if wrong := problems(execution, [scenario.call for scenario in machine.scenarios]):
                raise SystemExit(wrong[0].text)
            yield execution
            if schedules >= MOST:
                return

    try:
        different = len(ends(counted()))
    finally:
        machine.unwatch_contracts()
    return schedules, steps, different, time.perf_counter() - begun


def main() -> None:
    """One line for each size."""
    missing = [name for name, path in (("spin", SPIN), ("cc", CC)) if path is None]
    if missing:
        print(f"SPIN is not measured: there is no {' and no '.join(missing)} (Debian packages `spin` and `gcc`)")
    agree = True
    for workers, producers in SIZES:
        for reduced in (True, False):
            schedules, steps, different, seconds = explorer(workers, producers, reduced)
            cut = ", cut off" if schedules >= MOST else ""
            told = (
                f"{workers} workers, {producers} producers, {'reduced' if reduced else 'all    '}   explorer "
                f"{schedules:6} schedules {steps:7} steps {different:3} ends {seconds:7.2f} s{cut}"
            )
            if not missing:
                states, reached, spent = spin(workers, producers, reduced)
                told += f"   SPIN {states:7} states {reached:3} ends {spent:6.3f} s"
                agree &= bool(cut) or reached == different
            print(told, flush=True)
    if not agree:
        raise SystemExit("the two do not come to the same number of ends")


if __name__ == "__main__":
    main()
