"""How long the main job takes, as ratios within one run.

Prints whole-process times of `check` and `verify` (cold, two workers; cold, one worker; everything cached),
the largest memory of one process, and the solver's time for the same obligations with any number of VMs and
with the number of objects pinned to 2, 4 and 8: proofs hold for all sizes, so the cost must not grow.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import z3

from hfverify.config import load_config
from hfverify.model.load import load_program
from hfverify.prove.decide import decide
from hfverify.prove.obligations import call_subject
from hfverify.prove.solver import DEFAULT_STEPS
from hfverify.units import Subjects

ROOT = Path(__file__).parent.parent
RUNS = 3


def command(*arguments: str) -> float:
    """The best wall time in seconds of a whole process, over a few runs on a copy without a cache."""
    best = float("inf")
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "hfverify.cli", *arguments], cwd=ROOT, check=True, capture_output=True)
        best = min(best, time.perf_counter() - begun)
    return best


def pinned(count: int | None) -> tuple[float, int]:
    """Solver seconds and steps for all calls with every kind of object limited to `count`; None for any number."""
    config = load_config(ROOT)
    program = load_program(config.folders, config.revision)
    subjects = Subjects(program, config.folders)
    seconds, steps = 0.0, 0
    for call in program.calls.values():
        subject = call_subject(program, subjects.sources, call)
        for group in subject.groups:
            if count is not None:
                group.facts = [*group.facts, *[z3.Int(size) == count for size in program.sizes]]
        begun = time.perf_counter()
        decisions = decide(subject, DEFAULT_STEPS)
        seconds += time.perf_counter() - begun
        steps += sum(decision.steps for decision in decisions.values())
    return seconds, steps


def main() -> None:
    """Run everything and print one table."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("spec", "impl", "proofs"):
            shutil.copytree(ROOT / name, Path(folder) / name)
        options = [f"--{name}={folder}/{name}" for name in ("spec", "impl", "proofs")]
        cold = command("verify", "--fresh", "--quiet", "-j", "2", *options)
        rows = [
            ("hfverify verify, cold, 2 workers", cold),
            ("hfverify verify, cold, 1 worker", command("verify", "--fresh", "--quiet", "-j", "1", *options)),
            ("hfverify verify, nothing changed", command("verify", "--quiet", *options)),
            ("hfverify check", command("check", "--quiet", *options)),
        ]
    print(f"{'command':40} {'seconds':>8} {'ratio':>6}")
    for name, seconds in rows:
        print(f"{name:40} {seconds:8.2f} {seconds / cold:6.2f}")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{'largest process':40} {memory:8.0f} MiB\n")
    print(f"{'calls, proofs only':40} {'seconds':>8} {'ratio':>6} {'steps':>10}")
    every, steps = pinned(None)
    print(f"{'any number of VMs and CPUs':40} {every:8.2f} {1.0:6.2f} {steps:10}")
    for count in (2, 4, 8):
        seconds, steps = pinned(count)
        print(f"{f'exactly {count}':40} {seconds:8.2f} {seconds / every:6.2f} {steps:10}")


if __name__ == "__main__":
    main()
