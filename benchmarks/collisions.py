"""Which wrong variants that break a rule about locks get a schedule of two CPUs: `python benchmarks/collisions.py`.

Each obligation is refuted first, as `verify` does; what is measured is the search for a deadlock or a race after it.
Prints for each variant what was found on how many CPUs, situations, schedules, seconds on the clock and of the
processor, and the calls, or why there is no schedule; then the share of each kind of obligation. Words after the
command select variants by name.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from hfverify.config import load_config
from hfverify.explore.collide import Collider
from hfverify.exploring import wanted_because
from hfverify.model.load import load_program

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))


def used() -> float:
    """Seconds of the processor that processes which have ended took."""
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """One line for each variant, and the share of each kind of obligation."""
    from test_variants import unit_of, verdicts
    from variants import MUTANTS, load, load_faithful

    config = load_config(ROOT)
    program = load_program(config.folders, config.revision)
    shares: dict[str, list[str]] = {}
    slowest = 0.0
    for variant in [*load(MUTANTS), *load_faithful(MUTANTS / "faithful")]:
        kind = variant.refutes.partition(".")[2]
        chosen = not sys.argv[1:] or any(word in variant.name for word in sys.argv[1:])
        if not chosen or wanted_because(program, variant.refutes, None) is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            unit = unit_of(program, config, variant.refutes)
            known = {v.obligation.name: v for v in verdicts(ROOT, variant, Path(folder), [unit])}
            wanted = wanted_because(program, variant.refutes, known[variant.refutes].counterexample)
            assert wanted is not None
            begun, before = time.perf_counter(), used()
            collider = Collider(replace(config.folders, impl=Path(folder) / "impl"), program)
            found = collider.find(wanted)
            collider.close()
            seconds, processor = time.perf_counter() - begun, used() - before
        shares.setdefault(kind, []).append("found" if found.data else "reasoned" if found.reason else "open")
        slowest = max(slowest, processor)
        shown = f"{found.data['kind']} of {len(found.data['calls'])}" if found.data else "nothing"
        print(
            f"{variant.name:40} {variant.refutes:34} {shown:34} {found.situations:4} situations "
            f"{found.schedules:5} schedules {seconds:6.1f} s {processor:6.1f} s",
            flush=True,
        )
        if found.data:
            print(f"{'':40} {' | '.join(found.data['made'])}")
        else:
            told = found.failed or found.reason or "not found, and no argument says that there is none"
            print(f"{'':40} with {', '.join(found.tried)}: {told}")
    for kind, results in sorted(shares.items()):
        print(
            f"{kind:14} {results.count('found')} of {len(results)} have a schedule, "
            f"{results.count('reasoned')} have none for a reason, {results.count('open')} are open"
        )
    print(f"the slowest took {slowest:.1f} s of the processor")


if __name__ == "__main__":
    main()
