"""What one path does to the shared state, under the discipline of locks and ownership.

Reads   model.program.Program
Gives   World: cells, held locks, critical sections, and the checks that each access must pass
Refuses nothing; an access without the right to it becomes a check that cannot be proved
"""

from __future__ import annotations

from dataclasses import dataclass, field

import z3

from hfverify.diagnostics import NOWHERE, Span
from hfverify.logic.cells import Cells, constants
from hfverify.logic.evaluate import Env, Evaluator, choose
from hfverify.logic.facts import Facts, in_range
from hfverify.logic.values import Bits, Bytes, Fifo, LockValue, Map, Ref, Stored, conjunction, disjunction
from hfverify.model.expressions import shape, walk
from hfverify.model.program import Actor, Cell, Lock, Program
from hfverify.model.types import FifoType, bounds, gaps
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold at one point of a path, given the first `depth` assumptions."""

    kind: str
    goal: z3.BoolRef
    depth: int
    code: str
    message: str
    span: Span
    spec: Span = NOWHERE
    related: tuple[tuple[Span, str], ...] = ()


@dataclass(slots=True)
class Held:
    """A lock that is held: since where, and what the state was right after it was taken."""

    lock: LockValue
    span: Span
    before: Cells


@dataclass(slots=True)
class Section:
    """One outermost critical section: its locks in order, the state at its two ends, and whether it writes."""

    locks: list[LockValue]
    spans: list[Span]
    pre: Cells
    post: Cells | None = None
    split: Span | None = None
    writes: bool = False
    released: list[tuple[Cell, Ref, Stored, z3.BoolRef]] = field(default_factory=list)
    closed_at: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """A read of a cell that has no stable value, and what it gave.

    `phase` is 2k - 1 inside the k-th outermost critical section, and 2k after it.
    """

    cell: Cell
    ref: Ref
    value: Stored
    span: Span
    phase: int


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on a path, for timelines and for the run on the real code.

    `kind` is `acquire`, `release`, `read` or `write`; an acquire carries the state that it found.
    """

    kind: str
    span: Span
    lock: LockValue | None = None
    cells: Cells | None = None
    read: Read | None = None


class Impure(Exception):
    """What was tried does more than compute a value."""


class World:
    """The shared state along one path.

    `cells` is what the path sees; `base` is what there would be had it written nothing; `late` are the
    cells it wrote after its last critical section, without a lock; `atomic` are its writes of atomic cells;
    `turn` is how many critical sections came before the turn of a loop in which it ends; `given` are the
    locks that were held at the start; `granted` are the assumptions that a specified function ensures,
    `demanded` those that are only known because they were demanded before.
    """

    def __init__(self, program: Program, here: z3.ArithRef) -> None:
        self.program = program
        self.here = here
        self.facts = Facts()
        self.evaluator = Evaluator(program, self.facts)
        self.cells = Cells.arbitrary(program)
        self.base = self.cells
        self.held: list[Held] = []
        self.sections: list[Section] = []
        self.assumptions: list[z3.BoolRef] = []
        self.checks: list[Check] = []
        self.reads: list[Read] = []
        self.events: list[Event] = []
        self.late: list[Cell] = []
        self.turn = 0
        self.atomic: list[tuple[Cell, Ref, Stored]] = []
        self.known: dict[int, z3.BoolRef] = {}
        self.recording = True
        self.speculating = False
        self.given: list[Held] = []
        self.granted: set[int] = set()
        self.demanded: set[int] = set()
        self._owned: dict[tuple[str, tuple[int, ...], int, int], tuple[z3.BoolRef, Ref, Cells, z3.ArithRef]] = {}
        self._clauses: dict[str, str] = {}

    @property
    def inside(self) -> bool:
        """Whether the path is in a critical section of its own, beside the locks that it was given."""
        return len(self.held) > len(self.given)

    @property
    def phase(self) -> int:
        """Where the path is: 2k - 1 inside the k-th outermost critical section, and 2k after it."""
        return 2 * len(self.sections) - (1 if self.inside else 0)

    def give(self, lock: LockValue, span: Span) -> None:
        """Begin with a lock that whoever uses the function holds; its invariants hold."""
        self.held.append(Held(lock, span, self.cells))
        self.given.append(self.held[-1])
        for invariant in self.program.locks[lock.name].invariants:
            self.assume(self.in_scope(invariant.value, lock.ref, self.cells))

    # ------------------------------------------------------------ assumptions and checks

    def assume(self, formula: z3.BoolRef) -> None:
        """Know this from here on."""
        if not z3.is_true(formula):
            self.assumptions.append(formula)

    def grant(self, formula: z3.BoolRef) -> None:
        """Know what a specified function ensures: that some state is so, is shown of the function itself."""
        if not z3.is_true(formula):
            self.granted.add(len(self.assumptions))
            self.assume(formula)

    def check(
        self,
        kind: str,
        goal: z3.BoolRef,
        code: str,
        message: str,
        span: Span,
        spec: Span = NOWHERE,
        related: tuple[tuple[Span, str], ...] = (),
    ) -> None:
        """Demand this here, and know it from here on; what is plainly false is not assumed, or all else would hold."""
        plain = z3.simplify(goal)
        if z3.is_true(plain) or goal.get_id() in self.known:
            return
        if self.speculating:
            raise Impure
        if self.recording:
            self.checks.append(Check(kind, goal, len(self.assumptions), code, message, span, spec, related))
        if not z3.is_false(plain):
            self.demanded.add(len(self.assumptions))
            self.assume(goal)
            self.known[goal.get_id()] = goal

    def fresh_number(self, name: str) -> z3.ArithRef:
        """A number about which nothing is known."""
        return z3.Int(f"{name}!{self.facts.number()}")

    def env(self, cells: Cells | None = None) -> Env:
        """Where the expressions of declarations are evaluated."""
        return Env(cells if cells is not None else self.cells, {}, None, self.here, None)

    def in_scope(self, expr: tree.Expr, ref: Ref, cells: Cells, here: z3.ArithRef | None = None) -> z3.BoolRef:
        """A condition from an object's own declaration."""
        env = Env(cells, {}, ref, here if here is not None else self.here, None)
        return self.evaluator.truth(expr, env)

    # ------------------------------------------------------------ who may touch what

    def holds(self, name: str, ref: Ref) -> z3.BoolRef:
        """Whether that lock of that object is held."""
        return disjunction([ref.same(h.lock.ref) for h in self.held if h.lock.name == name])

    def owns(self, cell: Cell, ref: Ref, cells: Cells, who: z3.ArithRef | None = None) -> z3.BoolRef:
        """Whether the discipline gives the cell to a thread (the executing one), without any lock."""
        assert isinstance(cell.discipline, tree.OwnedBy)
        who = self.here if who is None else who
        key = (self._clause(cell), tuple(k.get_id() for k in ref.keys), id(cells), who.get_id())
        if key not in self._owned:
            self._owned[key] = (self._is_owner(cell, ref, cells, who), ref, cells, who)
        return self._owned[key][0]

    def _clause(self, cell: Cell) -> str:
        """What says who owns the cell: the same for cells that belong together."""
        if cell.name not in self._clauses:
            assert isinstance(cell.discipline, tree.OwnedBy)
            self._clauses[cell.name] = f"{cell.state}:{shape((cell.discipline.owner, cell.discipline.condition))}"
        return self._clauses[cell.name]

    def _is_owner(self, cell: Cell, ref: Ref, cells: Cells, who: z3.ArithRef) -> z3.BoolRef:
        assert isinstance(cell.discipline, tree.OwnedBy)
        env = Env(cells, {}, ref, self.here, None)
        mine = self.evaluator.number(cell.discipline.owner, env) == who
        if cell.discipline.condition is None:
            return mine
        return conjunction([self.evaluator.truth(cell.discipline.condition, env), mine])

    def demand_access(self, cell: Cell, ref: Ref, span: Span, verb: str) -> None:
        """The executing thread must have the right to the cell."""
        discipline = cell.discipline
        if isinstance(discipline, tree.GuardedBy):
            lock = f"{cell.state}.{discipline.lock}"
            message = f"`{cell.name}` is {verb} without `{lock}`"
            self.check("lock.held", self.holds(lock, ref), "HF701", message, span, cell.span)
        elif isinstance(discipline, tree.OwnedBy):
            right = self.owns(cell, ref, self.cells)
            if discipline.otherwise is not None and discipline.condition is not None:
                env = Env(self.cells, {}, ref, self.here, None)
                free = z3.Not(self.evaluator.truth(discipline.condition, env))
                locked = self.holds(f"{cell.state}.{discipline.otherwise.lock}", ref)
                right = disjunction([right, conjunction([free, locked])])
            message = f"`{cell.name}` is {verb}, but another CPU may own it"
            self.check("lock.owned", right, "HF702", message, span, cell.span)

    def read(self, cell: Cell, ref: Ref, span: Span) -> Stored:
        """Read a cell on behalf of the code."""
        if cell.is_fickle and self.speculating:
            raise Impure
        if cell.is_fickle:
            value = constants(cell, f"{cell.name}!{self.facts.number()}")
            self.facts.typed(value, cell.type)
            read = Read(cell, ref, value, span, self.phase)
            self.reads.append(read)
            self.events.append(Event("read", span, read=read))
            return value
        self.demand_access(cell, ref, span, "read")
        value = self.cells.read(cell, ref)
        self.facts.typed(value, cell.type)
        return value

    def write(self, cell: Cell, ref: Ref, value: Stored, span: Span) -> None:
        """Write a cell on behalf of the code."""
        if self.speculating:
            raise Impure
        if isinstance(cell.discipline, tree.Plain) and cell.discipline.kind != "atomic":
            message = f"`{cell.name}` is {cell.discipline.kind} and is written"
            self.check("lock.held", z3.BoolVal(False), "HF701", message, span, cell.span)
        else:
            self.demand_access(cell, ref, span, "written")
        if isinstance(value, z3.ArithRef):
            low, high = self.facts.ranges.of(value)
            least, most = bounds(cell.type)
            from_least = least is None or (low is not None and low >= least)
            to_most = most is None or (high is not None and high <= most)
            if not from_least or not to_most or gaps(cell.type):
                message = f"the value does not fit `{cell.name}`, which is {cell.type}"
                self.check("raises", in_range(value, cell.type), "HF508", message, span, cell.span)
        before = self.cells
        if cell.guard is not None and cell.guard.set_once and isinstance(value, z3.ExprRef):
            self.demand_once(cell, ref, value, span)
        self.cells = self.cells.write(cell, ref, value)
        if cell.is_fickle:
            self.atomic.append((cell, ref, value))
        if self.inside:
            self.sections[-1].writes = True
        elif not self.held:
            self.late.append(cell)
        if isinstance(cell.discipline, tree.OwnedBy):
            self.demand_stable(cell.state, ref, before, span)

    def demand_once(self, cell: Cell, ref: Ref, value: z3.ExprRef, span: Span) -> None:
        """A cell that is set once keeps its value."""
        old = self.cells.read(cell, ref)
        assert isinstance(old, z3.ExprRef)
        message = f"`{cell.name}` is set once and is changed again"
        self.check("stable", disjunction([unset(old), old == value]), "HF507", message, span, cell.span)

    # ------------------------------------------------------------ locks

    def pause(self, span: Span) -> None:
        """Give other threads time; nothing may be held meanwhile."""
        if self.speculating:
            raise Impure
        for held in self.held:
            message = f"this CPU waits for another one while it holds `{held.lock.name}`"
            self.check(
                "lock.balanced", z3.BoolVal(False), "HF704", message, span, related=((held.span, "held since here"),)
            )

    def acquire(self, lock: LockValue, span: Span) -> None:
        """Take a lock: it must come after every held one; then its invariants hold."""
        if self.speculating:
            raise Impure
        info = self.program.locks[lock.name]
        for held in self.held:
            other = self.program.locks[held.lock.name]
            if other.name == info.name:
                goal = ascending(held.lock.ref.keys, lock.ref.keys)
                message = f"`{info.name}` is taken while the same lock, or one further on, may be held"
            else:
                goal = z3.BoolVal(other.rank < info.rank)
                message = f"`{info.name}` is taken while `{other.name}` is held"
            self.check("lock.order", goal, "HF703", message, span, info.span, ((held.span, "held since here"),))
        if not self.inside:
            self.late.clear()
            self.sections.append(Section([], [], self.base))
        section = self.sections[-1]
        if section.released and section.split is None:
            section.split = span
        section.locks.append(lock)
        section.spans.append(span)
        for invariant in info.invariants:
            self.assume(self.in_scope(invariant.value, lock.ref, self.cells))
        self.held.append(Held(lock, span, self.cells))
        self.events.append(Event("acquire", span, lock, self.cells))

    def release(self, lock: LockValue, span: Span) -> None:
        """Give a lock back: its invariants must hold, and what others rely on must be untouched."""
        if self.speculating:
            raise Impure
        matching = [h for h in self.held if h.lock.name == lock.name]
        same = [h for h in matching if all(a.eq(b) for a, b in zip(h.lock.ref.keys, lock.ref.keys, strict=True))]
        if not matching:
            self.check("lock.balanced", z3.BoolVal(False), "HF706", f"`{lock.name}` is released but not held", span)
            return
        held = (same or matching)[-1]
        if held in self.given:
            self.check("lock.balanced", z3.BoolVal(False), "HF706", f"`{lock.name}` belongs to the caller", span)
            return
        if not same:
            message = f"`{lock.name}` of another object is released"
            self.check("lock.balanced", held.lock.ref.same(lock.ref), "HF706", message, span)
        info = self.program.locks[lock.name]
        changed = [c for c in self.program.guarded_by(info) if not held.before.agrees(self.cells, c.name)]
        if changed:
            for invariant in info.invariants:
                goal = self.in_scope(invariant.value, held.lock.ref, self.cells)
                message = f"`{invariant.name}` does not hold when `{lock.name}` is released"
                self.check(f"invariant.{invariant.name}", goal, "HF506", message, span, invariant.name_span)
            self.demand_stable(info.state, held.lock.ref, held.before, span)
        self.held.remove(held)
        section = self.sections[-1]
        for cell in self.program.guarded_by(info):
            mine = z3.BoolVal(False)
            if isinstance(cell.discipline, tree.OwnedBy):
                mine = self.owns(cell, held.lock.ref, self.cells)
            section.released.append((cell, held.lock.ref, self.cells.read(cell, held.lock.ref), mine))
        if not self.inside:
            self.close(section)
        self.interfere(info, held.lock.ref)
        self.events.append(Event("release", span, held.lock))

    def close(self, section: Section) -> None:
        """The section's last lock is released: fix what it leaves behind."""
        post = self.cells
        for cell, ref, value, mine in section.released:
            now = self.cells.read(cell, ref)
            kept = value if z3.is_false(mine) else choose(mine, now, value)
            assert isinstance(kept, z3.ExprRef | Fifo | Bytes | Bits | Map)
            post = post.write(cell, ref, kept)
        section.post = post
        section.closed_at = len(self.assumptions)

    def interfere(self, lock: Lock, ref: Ref) -> None:
        """From here on other CPUs may change what the lock guards, within what is stable for this one."""
        before = self.cells
        for cell in self.program.guarded_by(lock):
            value = constants(cell, f"{cell.name}!{self.facts.number()}")
            self.facts.typed(value, cell.type)
            old = before.read(cell, ref)
            if cell.guard is not None and cell.guard.set_once and isinstance(old, z3.ExprRef):
                self.assume(disjunction([unset(old), value == old]))
            if isinstance(cell.discipline, tree.OwnedBy) and isinstance(old, z3.ExprRef):
                self.assume(z3.Implies(self.owns(cell, ref, before), value == old))
            self.cells = self.cells.write(cell, ref, value)
            self.base = self.base.write(cell, ref, value)
        for actor in self.program.actors.values():
            if actor.state == lock.state:
                self.assume(z3.Implies(self.facts_of(actor, ref, before), self.facts_of(actor, ref, self.cells)))
        for (_, was), (_, stays) in zip(self.thread_facts(before), self.thread_facts(self.cells), strict=True):
            if not was.eq(stays):
                self.assume(z3.Implies(was, stays))

    # ------------------------------------------------------------ what other CPUs rely on

    def facts_of(self, actor: Actor, ref: Ref, cells: Cells, here: z3.ArithRef | None = None) -> z3.BoolRef:
        """All that an actor relies on."""
        return conjunction([self.in_scope(fact.value, ref, cells, here) for fact in actor.facts])

    def demand_stable(self, state: str, ref: Ref, before: Cells, span: Span) -> None:
        """What another CPU relies on about this object still holds."""
        for actor in self.program.actors.values():
            if actor.state != state or not self._touches(actor, before):
                continue
            there = self.fresh_number("there")
            known = conjunction([self._elsewhere(there), self.facts_of(actor, ref, before, there)])
            for fact in actor.facts:
                goal = z3.Implies(known, self.in_scope(fact.value, ref, self.cells, there))
                message = f"this breaks `{fact.name}`, on which another CPU relies for its `{actor.name}`"
                self.check("stable", goal, "HF507", message, span, fact.name_span)

        self._demand_thread_facts(before, span)
        self._demand_ownership(state, ref, before, span)

    def _demand_thread_facts(self, before: Cells, span: Span) -> None:
        """What every other thread relies on between two calls still holds."""
        facts = self.program.thread.facts if self.program.thread is not None else ()
        if all(before.agrees(self.cells, cell.name) for cell in self.program.cells()):
            return
        there = self.fresh_number("there")
        for fact in facts:
            was, stays = (self._of_thread(fact, cells, there) for cells in (before, self.cells))
            if not was.eq(stays):
                goal = z3.Implies(conjunction([self._elsewhere(there), was]), stays)
                message = f"this breaks `{fact.name}`, on which every CPU relies"
                self.check("stable", goal, "HF507", message, span, fact.name_span)

    def _of_thread(self, fact: tree.Fact, cells: Cells, who: z3.ArithRef) -> z3.BoolRef:
        return self.evaluator.truth(fact.value, Env(cells, {}, None, who, None))

    def thread_facts(self, cells: Cells) -> list[tuple[tree.Fact, z3.BoolRef]]:
        """What the executing thread relies on between two calls."""
        facts = self.program.thread.facts if self.program.thread is not None else ()
        return [(fact, self._of_thread(fact, cells, self.here)) for fact in facts]

    def _elsewhere(self, there: z3.ArithRef) -> z3.BoolRef:
        """Whether this is another thread of the machine."""
        parts = [there != self.here, there >= 0]
        if self.program.thread is not None:
            parts.append(there < self.evaluator.number(self.program.thread.below, self.env()))
        return conjunction(parts)

    def _demand_ownership(self, state: str, ref: Ref, before: Cells, span: Span) -> None:
        """What belongs to another CPU still does: only the owner gives a cell up."""
        seen: set[str] = set()
        for cell in self.program.states[state].cells.values():
            if not isinstance(cell.discipline, tree.OwnedBy) or self._clause(cell) in seen:
                continue
            seen.add(self._clause(cell))
            there = z3.Int("there!owner")
            was = self.owns(cell, ref, before, there)
            stays = self.owns(cell, ref, self.cells, there)
            if was.eq(stays):
                continue
            goal = z3.Implies(conjunction([self._elsewhere(there), was]), stays)
            message = f"this takes `{cell.name}` away from the CPU that owns it"
            self.check("stable", goal, "HF507", message, span, cell.span)

    def _touches(self, actor: Actor, before: Cells) -> bool:
        paths = self.program.states[actor.state].cells
        mentioned = {
            path
            for fact in actor.facts
            for node in walk(fact.value)
            for path in paths
            if isinstance(node, tree.Name) and path.split(".")[0] == node.text
        }
        return not all(before.agrees(self.cells, paths[path].name) for path in mentioned)


def unset(value: z3.ExprRef) -> z3.BoolRef:
    """Whether a `set once` cell has not been set."""
    return z3.Not(value) if z3.is_bool(value) else value == -1


def ascending(left: tuple[z3.ArithRef, ...], right: tuple[z3.ArithRef, ...]) -> z3.BoolRef:
    """Whether one position comes strictly before another, first key first."""
    result: z3.BoolRef = z3.BoolVal(False)
    for a, b in reversed(list(zip(left, right, strict=True))):
        result = disjunction([a < b, conjunction([a == b, result])])
    return result


def zero(cell: Cell) -> Stored:
    """The value of a new cell without an initial one."""
    if isinstance(cell.type, FifoType):
        return Fifo(z3.K(z3.IntSort(), z3.BoolVal(False)), z3.K(z3.IntSort(), z3.IntVal(0)), z3.IntVal(0))
    value = constants(cell, "")
    if isinstance(value, Map):
        return Map(z3.K(z3.IntSort(), z3.IntVal(0)))
    if isinstance(value, Bits):
        return Bits(z3.K(z3.IntSort(), z3.BoolVal(False)))
    if isinstance(value, Bytes):
        return Bytes(z3.K(z3.IntSort(), z3.IntVal(0)))
    return z3.BoolVal(False) if z3.is_bool(value) else z3.IntVal(-1 if bounds(cell.type)[0] == -1 else 0)
