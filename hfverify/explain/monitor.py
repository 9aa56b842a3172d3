"""Watch the real code touch the shared state, under the same discipline that the proof demands. No solver.

Reads   explain.concrete.Store
Gives   Monitor: reads, writes, locks; every breach of the discipline as a Violation
Refuses nothing; a breach is noted and the run goes on
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hfverify.explain.concrete import Env, Evaluator, Keys, LockRef, Ref, Store, Undefined, Value, show
from hfverify.explain.signals import Signal
from hfverify.model.program import Cell, Lock, Program
from hfverify.model.types import MapType, stands_for
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Violation:
    """A breach: `kind` is that of the obligation; `file` and `line` are where the code was."""

    kind: str
    text: str
    file: str = ""
    line: int = 0


@dataclass(slots=True)
class Section:
    """One outermost critical section, with the state that others see before and after it."""

    locks: list[LockRef]
    pre: Store
    post: Store | None = None
    split: bool = False
    writes: bool = False
    released: dict[tuple[str, Keys], Value] = field(default_factory=dict)


@dataclass(slots=True)
class Held:
    lock: LockRef
    before: Store


class Impossible(Signal):
    """The state of the run is none that the invariants allow."""


class Stuck(Signal):
    """The run waits for a lock that it holds itself."""


class Monitor:
    """The shared state of one run. `schedule` says what other CPUs do just before each acquire."""

    def __init__(self, program: Program, store: Store, here: int, impl: str) -> None:
        self.program = program
        self.evaluator = Evaluator(program)
        self.store = store
        self.base = store.copy()
        self.here = here
        self.impl = impl
        self.violations: list[Violation] = []
        self.held: list[Held] = []
        self.sections: list[Section] = []
        self.schedule: list[dict[tuple[str, Keys], Value]] = []
        self.script: list[tuple[str, Keys, Value]] = []
        self.reads: list[tuple[str, Keys, Value, int]] = []
        self.timeline: list[str] = []
        self.late: set[str] = set()
        self.atomic: list[tuple[str, Keys, Value]] = []
        self.given: list[Held] = []
        self.watching = False
        self.note: Callable[[object, object], None] | None = None

    # ------------------------------------------------------------ helpers

    def where(self) -> tuple[str, int]:
        """The innermost line of the implementation that is being executed."""
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename.startswith(self.impl):
                return frame.f_code.co_filename[len(self.impl) :].lstrip("/"), frame.f_lineno
            if frame.f_back is None:
                break
            frame = frame.f_back
        return "", 0

    @property
    def inside(self) -> bool:
        """Whether the run is in a critical section of its own, beside the locks that it was given."""
        return len(self.held) > len(self.given)

    def give(self, lock: LockRef) -> None:
        """Begin with a lock that whoever uses the function holds."""
        self.demand_possible(lock)
        self.held.append(Held(lock, self.store.copy()))
        self.given.append(self.held[-1])

    def demand_possible(self, lock: LockRef) -> None:
        """What others left behind keeps the invariants of a free lock.

        A model of the solver is made to, except that it says too little of maps; a situation that was varied need not.
        """
        cells = self.program.guarded_by(self.program.locks[lock.name])
        unsure = self.note is not None or any(isinstance(cell.type, MapType) for cell in cells)
        if self.holds(lock.name, lock.ref) or not unsure:
            return
        for invariant in self.program.locks[lock.name].invariants:
            if not self.true(invariant.value, self.env(lock.ref)):
                raise Impossible(f"`{invariant.name}` does not hold of {lock.ref} before this CPU does anything")

    def breach(self, kind: str, text: str) -> None:
        """Note a breach of the discipline."""
        if self.watching:
            self.violations.append(Violation(kind, text, *self.where()))

    def env(self, own: Ref | None = None, store: Store | None = None, here: int | None = None) -> Env:
        """Where declarations are evaluated."""
        return Env(store or self.store, {}, own, self.here if here is None else here)

    def holds(self, name: str, ref: Ref) -> bool:
        """Whether that lock of that object is held."""
        return any(h.lock == LockRef(name, ref) for h in self.held)

    # ------------------------------------------------------------ cells

    def owns(self, cell: Cell, ref: Ref, store: Store, who: int | None = None) -> bool:
        """Whether the cell belongs to a thread (the executing one)."""
        assert isinstance(cell.discipline, tree.OwnedBy)
        env = self.env(ref, store)
        if cell.discipline.condition is not None and not self.evaluator.truth(cell.discipline.condition, env):
            return False
        return self.evaluator.number(cell.discipline.owner, env) == (self.here if who is None else who)

    def demand(self, cell: Cell, ref: Ref, verb: str) -> None:
        """The executing thread must have the right to the cell."""
        match cell.discipline:
            case tree.GuardedBy(_, lock, _):
                if not self.holds(f"{cell.state}.{lock}", ref):
                    self.breach("lock.held", f"{ref}.{cell.path} is {verb} without {ref}.{lock}")
            case tree.OwnedBy(_, _, condition, otherwise):
                free = otherwise is not None and condition is not None
                free = free and not self.evaluator.truth(condition, self.env(ref))  # type: ignore[arg-type]
                locked = free and otherwise is not None and self.holds(f"{cell.state}.{otherwise.lock}", ref)
                if not self.owns(cell, ref, self.store) and not locked:
                    self.breach("lock.owned", f"{ref}.{cell.path} is {verb}, but another CPU may own it")

    def read(self, cell: Cell, ref: Ref) -> Value:
        """Read a cell on behalf of the code."""
        if cell.is_fickle:
            return self._fickle(cell, ref)
        self.demand(cell, ref, "read")
        return self.evaluator.read(cell, ref, self.env())

    def _fickle(self, cell: Cell, ref: Ref) -> Value:
        value = self.evaluator.read(cell, ref, self.env())
        for index, (name, keys, scripted) in enumerate(self.script):
            if (name, keys) == (cell.name, ref.keys):
                value = scripted
                del self.script[index]
                break
        self.reads.append((cell.name, ref.keys, value, 2 * len(self.sections) - (1 if self.inside else 0)))
        return value

    def write(self, cell: Cell, ref: Ref, value: Value) -> None:
        """Write a cell on behalf of the code."""
        if isinstance(cell.discipline, tree.Plain) and cell.discipline.kind != "atomic":
            self.breach("lock.held", f"{ref}.{cell.path} is {cell.discipline.kind} and is written")
        self.demand(cell, ref, "written")
        if isinstance(value, int) and not isinstance(value, bool) and not stands_for(cell.type, value):
            self.breach("raises", f"{value} does not fit {ref}.{cell.path}, which is {cell.type}")
        if cell.guard is not None and cell.guard.set_once:
            old = self.evaluator.read(cell, ref, self.env())
            if old not in (False, -1) and old != value:
                self.breach("stable", f"{ref}.{cell.path} is set once and is changed again")
        before = self.store.copy()
        self.put(cell, ref, value)
        if cell.is_fickle:
            self.atomic.append((cell.name, ref.keys, value))
        if self.inside:
            self.sections[-1].writes = True
        elif not self.held:
            self.late.add(cell.name)
        if isinstance(cell.discipline, tree.OwnedBy):
            self.demand_stable(ref, before)

    def put(self, cell: Cell, ref: Ref, value: Value) -> None:
        """Change the store."""
        self.store.cells[cell.name, ref.keys] = value

    # ------------------------------------------------------------ locks

    def acquire(self, lock: LockRef) -> None:
        """Take a lock, after other CPUs have done what the schedule says."""
        info = self.program.locks[lock.name]
        for held in self.held:
            other = self.program.locks[held.lock.name]
            same = other.name == info.name
            if (same and held.lock.ref.keys >= lock.ref.keys) or (not same and other.rank >= info.rank):
                self.breach("lock.order", f"{lock} is taken while {held.lock} is held")
            if held.lock == lock:
                self.timeline.append(f"WAIT {lock} for ever: this CPU holds it")
                raise Stuck(f"{lock} is held already")
        step = self.schedule.pop(0) if self.schedule else {}
        before = self.store.copy() if self.note is not None else self.store
        for (name, keys), value in step.items():
            state, path = name.split(".", 1)
            cell = self.program.cell(state, path)
            assert cell is not None
            if self.evaluator.read(cell, Ref(state, keys), self.env()) != value:
                self.timeline.append(f"-- another CPU: {Ref(state, keys)}.{path} becomes {show(cell, value)}")
                self.put(cell, Ref(state, keys), value)
                self.base.cells[name, keys] = value
                if self.inside:
                    # An acquire moves right: the section begins with what its last lock found.
                    self.sections[-1].pre.cells[name, keys] = value
        self.demand_possible(lock)
        if self.note is not None:
            self.demand_fair(before, step)
        if not self.inside:
            self.late.clear()
            self.sections.append(Section([], self.base.copy()))
        section = self.sections[-1]
        section.split = section.split or bool(section.released)
        section.locks.append(lock)
        self.held.append(Held(lock, self.store.copy()))
        self.timeline.append(f"take {lock}  {'{}:{}'.format(*self.where())}")

    def release(self, lock: LockRef) -> None:
        """Give a lock back; its invariants must hold."""
        held = next((h for h in reversed(self.held) if h.lock == lock), None)
        if held is None:
            self.breach("lock.balanced", f"{lock} is released but not held")
            return
        if held in self.given:
            self.breach("lock.balanced", f"{lock} belongs to the caller")
            return
        info = self.program.locks[lock.name]
        self.settle()
        if held.before.cells != self.store.cells:
            for invariant in info.invariants:
                if not self.true(invariant.value, self.env(lock.ref)):
                    self.breach(
                        f"invariant.{invariant.name}", f"{invariant.name} does not hold when {lock} is released"
                    )
            self.demand_stable(lock.ref, held.before)
        self.held.remove(held)
        section = self.sections[-1]
        for cell in self.program.guarded_by(info):
            if not isinstance(cell.discipline, tree.OwnedBy) or not self.owns(cell, lock.ref, self.store):
                section.released[cell.name, lock.ref.keys] = self.evaluator.read(cell, lock.ref, self.env())
        self.timeline.append(f"give {lock}  {'{}:{}'.format(*self.where())}")
        if not self.inside:
            section.post = self.store.copy()
            section.post.cells.update(section.released)
        self._forget(info, lock.ref)

    def _forget(self, lock: Lock, ref: Ref) -> None:
        """What others may have changed since counts as not written by this thread."""
        for cell in self.program.guarded_by(lock):
            key = (cell.name, ref.keys)
            if key in self.store.cells and not isinstance(cell.discipline, tree.OwnedBy):
                self.base.cells[key] = self.store.cells[key]

    def settle(self) -> None:
        """Bring the store up to date with structures that the code changes directly."""

    def true(self, expr: tree.Expr, env: Env) -> bool:
        """Whether a condition has a value and holds."""
        try:
            return self.evaluator.truth(expr, env)
        except Undefined:
            return False

    def demand_stable(self, ref: Ref, before: Store) -> None:
        """What another CPU relies on about this object still holds."""
        changed = {name for (name, _), _ in before.cells.items() ^ self.store.cells.items()}
        if not any(name.rpartition(".")[2] in self.evaluator.relied for name in changed):
            return
        for there in self.threads():
            for text in self.taken_from(there, ref, before) if there != self.here else ():
                self.breach("stable", text)

    def threads(self) -> range:
        """The CPUs that may rely on something; where nobody says how many there are, one more than of anything."""
        return range(max(self.store.sizes.values(), default=1) + 1)

    def taken_from(self, there: int, ref: Ref, before: Store) -> list[str]:
        """What a CPU relied on about an object, and cannot rely on any more."""
        found: list[str] = []
        for actor in self.program.actors.values():
            if actor.state == ref.state and all(
                self.true(fact.value, self.env(ref, before, there)) for fact in actor.facts
            ):
                found += [
                    f"{fact.name} of {ref}, on which CPU {there} relies, is broken"
                    for fact in actor.facts
                    if not self.true(fact.value, self.env(ref, None, there))
                ]
        for fact in self.program.thread.facts if self.program.thread is not None else ():
            was = self.true(fact.value, self.env(None, before, there))
            if was and not self.true(fact.value, self.env(None, None, there)):
                found.append(f"{fact.name}, on which CPU {there} relies, is broken")
        for cell in self.program.states[ref.state].cells.values():
            owned = isinstance(cell.discipline, tree.OwnedBy) and self.owns(cell, ref, before, there)
            if owned and not self.owns(cell, ref, self.store, there):
                found.append(f"{ref}.{cell.path} is taken away from CPU {there}")
        return found

    def demand_fair(self, before: Store, step: Mapping[tuple[str, Keys], Value]) -> None:
        """What other CPUs did is what they may do: what this one relies on, owns or has seen set is as it was."""
        for ref in sorted({Ref(name.split(".")[0], keys) for name, keys in step}, key=str):
            for text in self.taken_from(self.here, ref, before):
                raise Impossible(text)
        for (name, keys), value in step.items():
            state, path = name.split(".", 1)
            cell, ref = self.program.cell(state, path), Ref(state, keys)
            assert cell is not None
            if value == self.evaluator.read(cell, ref, self.env(None, before)):
                continue
            owned = isinstance(cell.discipline, tree.OwnedBy) and self.owns(cell, ref, before)
            kept = isinstance(cell.discipline, tree.GuardedBy) and cell.discipline.set_once
            if owned or (kept and before.cells.get((name, keys)) not in (False, -1, None)):
                raise Impossible(f"no other CPU changes {ref}.{path}")
