"""How fast the hypervisor in Python is: `python benchmarks/bench_impl.py [FOLDER]`.

Prints the time of a full replay of the recordings in FOLDER (by default those beside the repository), the
messages per second of each demo, in turns and on threads, and the steps per second of a machine under
random calls whose rules are checked after each step.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "impl"), str(ROOT / "tests" / "impl")]

from driver import Driver  # noqa: E402

from hafnium.conformance import find_scenarios, judge, load_declared  # noqa: E402
from hafnium.demo import DEMOS  # noqa: E402
from hafnium.schedule import End, random_schedule, run_threads, run_turns  # noqa: E402
from hafnium.trace import load  # noqa: E402

MESSAGES = 5_000
STEPS = 10_000


def bench_replay(folder: Path) -> None:
    """Replay all recordings."""
    files = find_scenarios(folder)
    declared = load_declared()
    start = time.perf_counter()
    steps = sum(len(judge(load(file), declared).scenario.steps) for file in files)
    seconds = time.perf_counter() - start
    print(f"replay      {seconds:8.2f} s      {len(files)} scenarios, {steps} steps")


def bench_demo(name: str) -> None:
    """Run a demo, in turns and on threads."""
    rates = []
    for threads in (False, True):
        demo = DEMOS[name](MESSAGES)
        start = time.perf_counter()
        if threads:
            end = run_threads(demo.guests, 300)
        else:
            end = run_turns(demo.guests, random_schedule(1, len(demo.guests.seats)), 1000 * MESSAGES)
        assert end is End.QUIET
        assert demo.check() is None
        rates.append(MESSAGES / (time.perf_counter() - start))
    print(f"{name:<11} {rates[0]:8.0f} /s     in turns, {rates[1]:.0f} /s on threads")


def bench_machine() -> None:
    """Do random steps with checks."""
    random = Random(1)  # noqa: S311
    driver = Driver((3, 2, 2, 1), 3, 40)
    driver.configure_all()
    start = time.perf_counter()
    for _ in range(STEPS):
        driver.random_step(random)
        driver.check()
    print(f"machine     {STEPS / (time.perf_counter() - start):8.0f} steps/s, all rules checked after each")


def main(arguments: list[str]) -> None:
    """Run all benchmarks."""
    folder = Path(arguments[0]) if arguments else ROOT.parent / "shared" / "conformance" / "r4"
    bench_replay(folder)
    for name in DEMOS:
        bench_demo(name)
    bench_machine()


if __name__ == "__main__":
    main(sys.argv[1:])
