"""What tests find without any proof: `PYTHONPATH=tests python benchmarks/fallback.py [COUNT [SEED]]`.

Takes wrong variants at random, lets the solver give up (one step for each question) and counts those that the tests of
the unit refute; beside it the same number of examples that Hypothesis makes of one situation, without the solver's
states. Prints a line for each variant, and the shares and times of both.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from hfverify.config import load_config
from hfverify.fallback import evidence, reaching
from hfverify.model.load import load_program
from hfverify.units import Scope, Subjects
from hfverify.verdict import Status
from variants import MUTANTS, Variant, apply, load, load_faithful

ROOT = Path(__file__).parents[1]
COUNT = 40
LOCKS = ("lock.", "stable", "waits")


def main() -> None:
    """Both ways, one variant after the other."""
    numbers = [int(text) for text in sys.argv[1:]]
    count, seed = numbers[0] if numbers else COUNT, numbers[1] if len(numbers) > 1 else 0
    config = load_config(ROOT)
    program = load_program(config.folders, config.revision)
    calls = set(program.calls)
    variants = [v for v in (*load(MUTANTS), *load_faithful(MUTANTS / "faithful")) if v.refutes.split(".")[0] in calls]
    variants.sort(key=lambda v: hashlib.sha256(f"{seed} {v.name}".encode()).digest())
    rows: list[tuple[Variant, list[tuple[bool, float]]]] = []
    for variant in variants[:count]:
        unit = variant.refutes.split(".")[0]
        results = []
        for plain in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder) / "impl"
                apply(variant, config.folders.impl, target)
                subjects = Subjects(program, replace(config.folders, root=Path(folder), impl=target))
                begun = time.perf_counter()
                results.append((_found(subjects, unit, plain=plain), time.perf_counter() - begun))
        rows.append((variant, results))
        words = [f"{'found' if found else 'missed':6} {seconds:5.1f} s" for found, seconds in results]
        print(f"{variant.name:44} {variant.refutes:50} {'   '.join(words)}", flush=True)
    for title, chosen in (("sequential", False), ("concurrent", True)):
        part = [results for variant, results in rows if _concurrent(variant) is chosen]
        for index, way in enumerate(("with the solver's states", "one situation, varied")):
            found = [result[index] for result in part]
            if found:
                share = sum(hit for hit, _ in found) / len(found)
                times = [seconds for _, seconds in found]
                print(
                    f"{title:11} {way:26} {share:4.0%} of {len(found)} found, "
                    f"median {statistics.median(times):.1f} s, longest {max(times):.1f} s"
                )


def _concurrent(variant: Variant) -> bool:
    return any(word in variant.refutes for word in LOCKS)


def _found(subjects: Subjects, unit: str, *, plain: bool) -> bool:
    """Whether the tests refute anything of the unit."""
    whole = reaching.requests
    if plain:
        evidence.requests = lambda program, subject: _one(*whole(program, subject))
    try:
        found = subjects.verdicts(unit, Scope(implementation=True, steps=1, examples=evidence.EXAMPLES))
    finally:
        evidence.requests = whole
    return any(verdict.status is Status.REFUTED for verdict in found)


def _one(kind: str, seeds: list[object]) -> tuple[str, list[object]]:
    return kind, seeds[:1]


if __name__ == "__main__":
    main()
