"""What tests find without any proof: `PYTHONPATH=tests python benchmarks/fallback.py --help`.

Takes as many wrong variants that break what one CPU shows, and as many that break a rule about several, and lets each
be looked for in two ways, each with its own time: by the tests of the unit, where the solver gives up after one step
for each question; and by a plain Hypothesis state machine that makes any call with any arguments, one after the other,
judged by the same evaluator. A search has so many seconds of processor time, those of the processes that it starts
included, and at most PATIENCE times as many by the clock. Prints a line for each variant, and the shares and times of
both.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from hfverify.config import load_config
from hfverify.explain.concrete import Env, Store
from hfverify.explain.proxies import Machinery, Unbuildable
from hfverify.explain.scenario import Scenario
from hfverify.explain.trial import conduct, entry
from hfverify.explore.situations import Situations
from hfverify.fallback.branches import Endless
from hfverify.fallback.varying import Variation
from hfverify.model.load import Folders, load_program
from hfverify.model.program import Call, Program
from hfverify.model.types import bounds
from hfverify.units import EXAMPLES, Scope, Subjects
from hfverify.verdict import Status
from variants import MUTANTS, Variant, apply, load, load_faithful

ROOT = Path(__file__).parents[1]
COUNT, SECONDS = 40, 60.0
# A search that sleeps uses no processor time.
PATIENCE = 10
TICKS = os.sysconf("SC_CLK_TCK")
# How often a search is looked at, in seconds.
PERIOD = 0.2
SORTS = ("sequential", "concurrent")
WAYS = ("path-directed tests", "plain state machine")
# How long one call may take before it is taken to have no end.
CALL_SECONDS = 5
STEPS = 30
FOUND, MISSED = "found", "missed"


def main() -> None:
    """Both ways, one variant after the other; or one way of one variant, in a process that may be ended."""
    if sys.argv[1:2] == ["--one"]:
        print(FOUND if _one(sys.argv[2], sys.argv[3]) else MISSED)
        return
    parser = argparse.ArgumentParser(description="What tests find without any proof.")
    parser.add_argument("count", nargs="?", type=int, default=COUNT, help="how many variants of each sort")
    parser.add_argument("seed", nargs="?", type=int, default=0, help="which ones")
    parser.add_argument("seconds", nargs="?", type=float, default=SECONDS, help="processor time for each search")
    parser.add_argument("--way", action="append", choices=WAYS, help="look in this way only")
    parser.add_argument("--sort", action="append", choices=SORTS, help="variants of this sort only")
    given = parser.parse_args()
    ways = given.way or WAYS
    for title in given.sort or SORTS:
        variants = [v for v in _variants(given.seed) if _sort(v) == title][: given.count]
        rows = []
        for variant in variants:
            results = [_within(variant, way, given.seconds) for way in ways]
            rows.append(results)
            words = [f"{FOUND if found else MISSED:6} {took:5.1f} s" for found, took in results]
            print(f"{variant.name:44} {variant.refutes:50} {'   '.join(words)}", flush=True)
        for index, way in enumerate(ways):
            hits = [took for found, took in (results[index] for results in rows) if found]
            times = f"median {statistics.median(hits):.1f} s, longest {max(hits):.1f} s" if hits else "no times"
            share = f"{len(hits)} of {len(rows)} found within {given.seconds:g} s of processor time each"
            print(f"{title:11} {way:20} {share}, {times}", flush=True)


def _variants(seed: int) -> list[Variant]:
    """Those that break a call, in an order that the seed decides."""
    config = load_config(ROOT)
    calls = set(load_program(config.folders, config.revision).calls)
    every = (*load(MUTANTS), *load_faithful(MUTANTS / "faithful"))
    found = [variant for variant in every if variant.refutes.split(".")[0] in calls]
    return sorted(found, key=lambda v: hashlib.sha256(f"{seed} {v.name}".encode()).digest())


def _sort(variant: Variant) -> str:
    """Concurrent is what breaks what is said of several CPUs: the lock discipline, what others rely on, or a wait."""
    parts = variant.refutes.split(".")[1:]
    return SORTS[parts[0] == "lock" or parts[-1] in ("stable", "waits")]


def _within(variant: Variant, way: str, seconds: float) -> tuple[bool, float]:
    """Whether a process finds the variant in time, and how much of the processor's it took."""
    begun, used = time.perf_counter(), _ended()
    process = subprocess.Popen(
        [sys.executable, __file__, "--one", variant.name, way],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    text, seen = "", 0.0
    while not text and seen < seconds and time.perf_counter() - begun < PATIENCE * seconds:
        with contextlib.suppress(subprocess.TimeoutExpired):
            text = process.communicate(timeout=PERIOD)[0] or MISSED
        seen = max(seen, sum(_family(process.pid).values()))
    for number in _family(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.wait()
    # Nobody waits for what a search that is ended had started.
    return text.strip() == FOUND, max(_ended() - used, seen)


def _ended() -> float:
    """The processor time of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _family(first: int) -> dict[int, float]:
    """A process and all that come from it, whatever session they are in; with their processor times."""
    parents: dict[int, int] = {}
    times: dict[int, float] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = file.read_text().rpartition(")")[2].split()
            number = int(file.parent.name)
            parents[number] = int(fields[1])
            times[number] = sum(map(int, fields[11:15])) / TICKS
    found = {first} & times.keys()
    while more := {number for number, parent in parents.items() if parent in found} - found:
        found |= more
    return {number: times[number] for number in sorted(found)}


def _one(name: str, way: str) -> bool:
    config = load_config(ROOT)
    program = load_program(config.folders, config.revision)
    variant = next(v for v in (*load(MUTANTS), *load_faithful(MUTANTS / "faithful")) if v.name == name)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "impl"
        apply(variant, config.folders.impl, target)
        folders = replace(config.folders, root=Path(folder), impl=target)
        return _directed(program, folders, variant) if way == WAYS[0] else _plain(program, folders)


def _directed(program: Program, folders: Folders, variant: Variant) -> bool:
    """Whether the tests of the unit refute anything of it."""
    scope = Scope(implementation=True, steps=1, examples=EXAMPLES)
    found = Subjects(program, folders).verdicts(variant.refutes.split(".")[0], scope)
    return any(verdict.status is Status.REFUTED for verdict in found)


# ---------------------------------------------------------------- the plain state machine


class Broken(Exception):
    """A call breaks a promise."""


def _plain(program: Program, folders: Folders) -> bool:
    """Whether calls that are made one after the other, in any order, break anything; it looks until it is ended."""
    calls = [call for call in program.calls.values() if not call.is_function and not call.trusted]
    signal.signal(signal.SIGALRM, _alarm)
    kind = _machine(program, folders, calls)
    options = settings(
        max_examples=1_000_000,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(kind, settings=options)
    except Broken:
        return True
    return False


def _machine(program: Program, folders: Folders, calls: list[Call]) -> type[RuleBasedStateMachine]:
    """A rule for each call; the machine begins where the primary virtual CPU of each physical CPU runs."""
    variation, impl = Variation(program), str(folders.impl.resolve())
    begins = _beginning(program, calls)

    class Calls(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.store = begins.copy()

        def make(self, call: Call, data: st.DataObject) -> None:
            scenario = _drawn(program, variation, call, self.store, data)
            if scenario is not None and variation.possible(scenario):
                self.store = _made(program, scenario, impl)

    def of(call: Call) -> Callable[..., None]:
        def make(self: Calls, data: st.DataObject) -> None:
            self.make(call, data)

        make.__name__ = call.name
        return rule(data=st.data())(make)

    return type("Machine", (Calls,), {call.name: of(call) for call in calls})


def _beginning(program: Program, calls: list[Call]) -> Store:
    """A state in which two CPUs can make the first call; every invariant holds."""
    for _, scenarios in Situations(program, [calls[0], calls[0]]).all():
        return scenarios[0].store()
    raise SystemExit("there is no state to begin with")


def _drawn(program: Program, variation: Variation, call: Call, store: Store, data: st.DataObject) -> Scenario | None:
    """A call with any arguments, on any CPU, for any object."""
    evaluator, env = variation.evaluator, Env(store)
    cpus = range(max(store.sizes.values()))
    scenario = Scenario(call.name, dict(store.sizes), data.draw(st.sampled_from(cpus)), cells=dict(store.cells))
    states = [(call.actor, program.actors[call.actor].state)] if call.actor else []
    for name, state in [*states, *((item.name, item.state) for item in call.objects)]:
        positions = evaluator.positions(state, env)
        if not positions:
            return None
        keys = data.draw(st.sampled_from(positions))
        if name == call.actor:
            scenario.actor = keys
        else:
            scenario.objects[name] = keys
    for argument, type_ in call.arguments:
        low, high = bounds(type_)
        number: Any = st.one_of(st.integers(low or 0, min(high or 3, 3)), st.integers(low, high))
        scenario.arguments[argument.name] = data.draw(st.booleans() if str(type_) == "bool" else number)
    return scenario


def _made(program: Program, scenario: Scenario, impl: str) -> Store:
    """Make a call; the state afterwards."""
    machine = Machinery(program, scenario.store(), scenario.here, impl)
    function = entry(machine, program.calls[scenario.call])
    machine.watch_contracts()
    signal.setitimer(signal.ITIMER_REAL, CALL_SECONDS)
    try:
        report = conduct(program, scenario, machine, function)
    except Unbuildable:
        return scenario.store()
    except Endless as error:
        raise Broken(str(error)) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        machine.unwatch_contracts()
    if report.violations:
        raise Broken(report.violations[0].text)
    return machine.store


def _alarm(*_: object) -> None:
    raise Endless(f"it does not end within {CALL_SECONDS} s")


if __name__ == "__main__":
    main()
