"""Run every wrong variant, and print what refuted it: `make mutants`.

Reads   the same variants as the tests
Gives   a table: variant, obligation, seconds, how it was confirmed; exit 1 if one of them survives
Refuses nothing
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import click

from hfverify.verdict import Status, Verdict
from test_variants import SUBJECTS, subject, unit_of, verdicts
from variants import Variant, load, load_faithful


def judged(root: Path, variant: Variant) -> tuple[Verdict, float]:
    """What is said of the obligation that the variant breaks, and the seconds it took."""
    begun = time.perf_counter()
    folder = Path(tempfile.mkdtemp())
    try:
        unit = unit_of(subject(root)[1], subject(root)[0], variant.refutes)
        found = {v.obligation.name: v for v in verdicts(root, variant, folder, [unit])}
    finally:
        shutil.rmtree(folder)
    return found[variant.refutes], time.perf_counter() - begun


def main() -> int:
    """Print the table."""
    todo = [(root, v) for root, folder, _ in SUBJECTS for v in [*load(folder), *load_faithful(folder / "faithful")]]
    rows: list[tuple[str, str, float, str]] = []
    with click.progressbar(todo, label="mutants", file=sys.stderr) as variants:
        for root, variant in variants:
            verdict, seconds = judged(root, variant)
            how = "survived: " + verdict.status.name
            if verdict.status is Status.REFUTED and verdict.counterexample and verdict.counterexample["confirmed"]:
                how = "on the real code"
            elif verdict.obligation.kind == "supported" and verdict.status is Status.UNKNOWN:
                how = "refused"
            rows.append((variant.name, variant.refutes, seconds, how))
    wide, long = (max(len(row[index]) for row in rows) for index in (0, 1))  # type: ignore[arg-type]
    for name, obligation, seconds, how in rows:
        print(f"{name:{wide}}  {obligation:{long}}  {seconds:6.1f} s  {how}")
    survived = sum(row[3].startswith("survived") for row in rows)
    print(f"\n{len(rows)} wrong variants, {survived} survived, {sum(row[2] for row in rows):.0f} s")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
