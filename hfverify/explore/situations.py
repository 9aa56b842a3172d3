"""Where several CPUs can begin: states in which each call can be made, and of each call every case applies somewhere.

Reads   model.program.Call for each CPU
Gives   for each combination of outcomes a scenario for each CPU, all with one state that keeps every invariant
Refuses nothing; a combination that no small machine has is left out
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import z3

from hfverify.execute.paths import spec_env, start
from hfverify.execute.signatures import lets
from hfverify.execute.world import World
from hfverify.explain.concrete import Store
from hfverify.explain.scenario import Scenario
from hfverify.explain.witness import Reader
from hfverify.explore.shrinking import keeps_invariants
from hfverify.logic.cells import Cells, join
from hfverify.logic.evaluate import Env as SpecEnv
from hfverify.logic.facts import MOST_BITS, subterms
from hfverify.logic.terms import children
from hfverify.logic.values import LockValue, Stored, split
from hfverify.logic.values import Ref as Term
from hfverify.model.program import Call, Cell, Outcome, Program
from hfverify.model.types import MapType
from hfverify.prove.obligations import limits_of
from hfverify.prove.query import Group
from hfverify.prove.small import Bounds
from hfverify.prove.solver import make_solver
from hfverify.prove.specification import Fickle

STEPS = 1_000_000
OBJECTS = 3
SIZES = (Bounds(2, pinned=1), Bounds(3))


class Situations:
    """Looks for states in which some calls can begin at the same time, each on a CPU of its own."""

    def __init__(self, program: Program, calls: Sequence[Call], steps: int = STEPS) -> None:
        self.program = program
        self.steps = steps
        self.calls = calls
        self.cells = Cells.arbitrary(program)
        self.shared = {term.decl().name() for terms in self.cells.terms.values() for term in terms}
        self.shared |= set(program.sizes)
        self.facts: list[z3.BoolRef] = []
        self.guards: list[list[tuple[str, z3.BoolRef]]] = []
        self.locks: list[dict[str, list[tuple[str, Term]]]] = []
        self.devices: list[list[tuple[Cell, Term, Stored]]] = []
        self._solvers: dict[Bounds, z3.Solver] = {}
        self._names: dict[tuple[Bounds, int], tuple[z3.BoolRef, z3.BoolRef]] = {}
        for cpu, call in enumerate(calls):
            self._begin(cpu, call)
        self.group = Group(self.facts, [], limits_of(program))

    def _begin(self, cpu: int, call: Call) -> None:
        """What holds where the call begins, and when each of its outcomes applies; names get the number of the CPU."""
        world, names = start(self.program, call)
        env = spec_env(world, names)
        devices = _Devices(world)
        env = replace(env, volatile=devices)
        env = env.bind(lets(call, env))
        outcomes = [(outcome.name, _applies(call, outcome, world, env)) for outcome in call.outcomes]
        for lock in self.program.locks.values():
            state = self.program.states[lock.state]
            if any(isinstance(cell.type, MapType) for cell in state.cells.values()):
                continue
            for keys in itertools.product(range(OBJECTS), repeat=len(state.keys)):
                ref = Term(state.name, tuple(z3.IntVal(key) for key in keys))
                exists = world.evaluator.exists(ref, world.env())
                for invariant in lock.invariants:
                    world.assume(z3.Implies(exists, world.in_scope(invariant.value, ref, world.cells)))
        locks = {outcome.name: _locks(call, outcome, world, env) for outcome in call.outcomes}
        asked = [part for _, ref, value in devices.seen for part in (*ref.keys, *split(value))]
        asked += [guard for _, guard in outcomes]
        asked += [key for found in locks.values() for _, ref in found for key in ref.keys]
        own = self._own([*world.facts.formulas, *world.assumptions, *asked])
        mine = [(term, self._of(cpu, term)) for term in own]
        self.facts += [z3.substitute(formula, *mine) for formula in (*world.facts.formulas, *world.assumptions)]
        self.facts.append(self._of(cpu, world.here) == cpu)
        self.guards.append([(name, z3.substitute(guard, *mine)) for name, guard in outcomes])
        self.devices.append(
            [
                (cell, Term(ref.state, tuple(z3.substitute(k, *mine) for k in ref.keys)), _renamed(cell, value, mine))
                for cell, ref, value in devices.seen
            ]
        )
        self.locks.append(
            {
                name: [(lock, Term(ref.state, tuple(z3.substitute(k, *mine) for k in ref.keys))) for lock, ref in found]
                for name, found in locks.items()
            }
        )

    def _of(self, cpu: int, term: z3.ExprRef) -> z3.ExprRef:
        return z3.Const(f"{term.decl().name()}@{cpu}", term.sort())

    def _own(self, formulas: Sequence[z3.ExprRef]) -> list[z3.ExprRef]:
        """The constants that belong to one call: arguments, actors, values that were named on the way."""
        found: dict[str, z3.ExprRef] = {}
        seen: set[int] = set()
        pending = list(formulas)
        while pending:
            term = pending.pop()
            if term.get_id() in seen:
                continue
            seen.add(term.get_id())
            if z3.is_const(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
                name = term.decl().name()
                if name not in self.shared and not name.startswith("?"):
                    found[name] = term
            pending += children(term)
        return [found[name] for name in sorted(found)]

    def combinations(self, begins: str | None = None) -> list[tuple[str, ...]]:
        """The outcomes that can be asked for together: one of each call; first those where it is `begins` of the first.

        Of these the ones with cases come before those with rejects, because a call that is rejected does little.
        """
        found = list(itertools.product(*([name for name, _ in guards] for guards in self.guards)))
        cases = {outcome.name for call in self.calls for outcome in call.cases}
        if begins is None:
            return found
        return sorted(found, key=lambda names: (names[0] != begins, sum(name not in cases for name in names)))

    def all(self) -> Iterator[tuple[tuple[str, ...], list[Scenario]]]:
        """For each combination of outcomes a state in which they apply, and states in which the calls meet."""
        return ((outcomes, found) for outcomes, found in self.one_by_one() if found is not None)

    def one_by_one(self, begins: str | None = None) -> Iterator[tuple[tuple[str, ...], list[Scenario] | None]]:
        """The same, and None before each combination is looked for, which may take some time."""
        seen: set[str] = set()
        for outcomes in self.combinations(begins):
            yield outcomes, None
            guards = [dict(known)[name] for known, name in zip(self.guards, outcomes, strict=True)]
            first = self._model(guards)
            if first is None:
                continue
            models: list[z3.ModelRef] = []
            for meeting in [[], *self._meetings(outcomes)]:
                # Where the calls meet already, one such state is enough.
                if meeting and any(z3.is_true(model.eval(z3.And(*meeting))) for model in models):
                    continue
                found = self._model([*guards, *meeting]) if meeting else first
                scenarios = self._at(*found) if found is not None else None
                if found is None or scenarios is None:
                    continue
                models.append(found[0])
                shown = repr(scenarios)
                if shown not in seen:
                    seen.add(shown)
                    yield outcomes, scenarios

    def _meetings(self, outcomes: Sequence[str]) -> list[list[z3.BoolRef]]:
        """Ways in which two calls want the same lock: each by itself, and crosswise."""
        found: list[list[z3.BoolRef]] = []
        wanted = [self.locks[cpu][name] for cpu, name in enumerate(outcomes)]
        for one, other in itertools.combinations(range(len(self.calls)), 2):
            same = [
                (i, j, z3.And(*[a == b for a, b in zip(first.keys, second.keys, strict=True)]))
                for i, (name, first) in enumerate(wanted[one])
                for j, (also, second) in enumerate(wanted[other])
                if name == also and first.keys
            ]
            found += [[condition] for _, _, condition in same]
            found += [[a, b] for (i, j, a), (k, m, b) in itertools.combinations(same, 2) if i < k and j > m]
        return found

    def _model(self, formulas: Sequence[z3.BoolRef]) -> tuple[z3.ModelRef, Bounds] | None:
        for bounds in SIZES:
            solver, asked = self._solver(bounds), [self._asked(bounds, formula) for formula in formulas]
            if solver.check(*asked) == z3.sat:
                return solver.model(), bounds
        return None

    def _asked(self, bounds: Bounds, formula: z3.BoolRef) -> z3.BoolRef:
        """A truth value that the solver takes for the formula: what it learns from one question helps in the next."""
        key = (bounds, formula.get_id())
        if key not in self._names:
            name = z3.Bool(f"asked!{len(self._names)}")
            solver, expansion = self._solver(bounds), self.group.expansion(bounds, also=False)
            known = len(expansion.limits)
            solver.add(z3.Implies(name, expansion.formula(formula)), *expansion.limits[known:])
            self._names[key] = (name, formula)
        return self._names[key][0]

    def _solver(self, bounds: Bounds) -> z3.Solver:
        """Knows what holds in every state of a small machine."""
        if bounds not in self._solvers:
            solver = make_solver(self.steps, mbqi=False)
            expansion = self.group.expansion(bounds, also=False)
            solver.add(*[expansion.formula(fact) for fact in self.facts], *expansion.limits, *self.group.small(bounds))
            for number in self._members():
                known = [number == bit for bit in expansion.bounds.bits]
                solver.add(z3.Or(*known, number < 0, number >= MOST_BITS))
            self._solvers[bounds] = solver
        return self._solvers[bounds]

    def _members(self) -> list[z3.ArithRef]:
        """The arguments of which is asked whether they are in a set."""
        found: dict[str, z3.ArithRef] = {}
        sets = z3.ArraySort(z3.IntSort(), z3.BoolSort())
        for formula in (guard for guards in self.guards for _, guard in guards):
            for term in subterms(formula):
                asked = (z3.is_select(term) or z3.is_store(term)) and term.arg(0).sort() == sets
                if asked and z3.is_const(term.arg(1)) and not z3.is_int_value(term.arg(1)):
                    found[term.arg(1).decl().name()] = term.arg(1)
        return [found[name] for name in sorted(found)]

    def _at(self, model: z3.ModelRef, bounds: Bounds) -> list[Scenario] | None:
        """A scenario for each CPU, unless the state that the model describes breaks an invariant."""
        # Of the other bits nothing was asked.
        bits = self.group.expansion(bounds, also=False).bounds.bits
        reader = Reader(self.program, model, bounds, self.facts, bits=bits)
        store = reader.state(self.cells)
        if not keeps_invariants(self.program, store):
            return None
        scenarios = [self._scenario(cpu, call, store, reader) for cpu, call in enumerate(self.calls)]
        for scenario in scenarios:
            scenario.cells = dict(store.cells)
        return scenarios

    def _scenario(self, cpu: int, call: Call, store: Store, reader: Reader) -> Scenario:
        found = Scenario(call.name, dict(store.sizes), cpu)
        if call.actor:
            keys = self.program.states[self.program.actors[call.actor].state].keys
            found.actor = tuple(reader.number(z3.Int(f"{call.actor}.{key.name}@{cpu}")) for key in keys)
        for item in call.objects:
            given = self.program.states[item.state].keys
            found.objects[item.name] = tuple(reader.number(z3.Int(f"{item.name}.{key.name}@{cpu}")) for key in given)
        for argument, type_ in call.arguments:
            name = f"{argument.name}@{cpu}"
            is_truth = str(type_) == "bool"
            found.arguments[argument.name] = reader.truth(z3.Bool(name)) if is_truth else reader.number(z3.Int(name))
        for cell, ref, value in self.devices[cpu]:
            found.reads.append((cell.name, reader.keys(ref), reader.value(cell, value)))
        return found


class _Devices(Fickle):
    """What each volatile cell has while the call looks at it; an atomic one is in the state that all share."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.seen: list[tuple[Cell, Term, Stored]] = []

    def __call__(self, cell: Cell, ref: Term) -> Stored:
        if cell.is_atomic:
            return self.world.cells.read(cell, ref)
        value = super().__call__(cell, ref)
        self.seen.append((cell, ref, value))
        return value


def _renamed(cell: Cell, value: Stored, names: Sequence[tuple[z3.ExprRef, z3.ExprRef]]) -> Stored:
    return join(cell, [z3.substitute(part, *names) for part in split(value)])


def _applies(call: Call, outcome: Outcome, world: World, env: SpecEnv) -> z3.BoolRef:
    """Whether the outcome applies if nobody comes between."""
    parts: list[z3.BoolRef] = []
    for reject in call.rejects:
        truth = world.evaluator.truth(reject.condition, env)
        if reject is outcome:
            return z3.And(*parts, z3.Not(truth))
        parts.append(truth)
    return z3.And(*parts, world.evaluator.truth(outcome.condition, env))


def _locks(call: Call, outcome: Outcome, world: World, env: SpecEnv) -> list[tuple[str, Term]]:
    """The locks that the protocol names for an outcome, in the order in which they are taken."""
    found: list[tuple[str, Term]] = []
    for kind in ("peek", "commit", "after"):
        for step in call.steps(kind, outcome.name):
            for held in step.locks:
                lock = world.evaluator.evaluate(held.place, env)
                if isinstance(lock, LockValue):
                    found.append((lock.name, lock.ref))
    return found
