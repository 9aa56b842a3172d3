"""What holds where a call begins on one of the CPUs, as solver terms: found once for all searches with that call.

Reads   model.program.Call and the number of the CPU
Gives   Begun: facts, when each outcome applies, the locks that it wants; what all calls share
Refuses nothing
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import z3

from hfverify.execute.paths import spec_env, start
from hfverify.execute.signatures import lets
from hfverify.execute.world import World
from hfverify.logic.cells import Cells, join
from hfverify.logic.evaluate import Env as SpecEnv
from hfverify.logic.evaluate import Evaluator
from hfverify.logic.facts import Facts
from hfverify.logic.maps import marked
from hfverify.logic.terms import children
from hfverify.logic.values import LockValue, Stored, split
from hfverify.logic.values import Ref as Term
from hfverify.model.program import Call, Cell, Outcome, Program
from hfverify.model.types import MapType
from hfverify.prove.obligations import limits_of
from hfverify.prove.small import Bounds, Expansion, constants, named_bits
from hfverify.prove.specification import Fickle
from hfverify.syntax import tree

OBJECTS = 3
# Constants, and what stands for each.
Renaming = list[tuple[z3.ExprRef, z3.ExprRef]]
# After the name of a case: what the call awaits does not hold where it begins.
LATER = " (waits first)"


@dataclass(frozen=True, slots=True)
class Begun:
    """A call at its beginning; `devices` are the reads of volatile cells, `locks` are in the order of the protocol."""

    facts: list[z3.BoolRef]
    guards: list[tuple[str, z3.BoolRef]]
    locks: dict[str, list[tuple[str, Term]]]
    devices: list[tuple[Cell, Term, Stored]]
    bits: list[int]
    has_maps: bool

    @property
    def formulas(self) -> list[z3.BoolRef]:
        """When each outcome applies, and the facts."""
        return [*(guard for _, guard in self.guards), *self.facts]

    def renamed(self, names: Renaming, *more: z3.BoolRef) -> Begun:
        """The same with other constants, and with more facts."""

        def place(ref: Term) -> Term:
            return Term(ref.state, tuple(z3.substitute(key, *names) for key in ref.keys))

        return Begun(
            [*(z3.substitute(fact, *names) for fact in self.facts), *more],
            [(name, z3.substitute(guard, *names)) for name, guard in self.guards],
            {name: [(lock, place(ref)) for lock, ref in found] for name, found in self.locks.items()},
            [
                (cell, place(ref), join(cell, [z3.substitute(part, *names) for part in split(value)]))
                for cell, ref, value in self.devices
            ],
            self.bits,
            self.has_maps,
        )


@dataclass(frozen=True, slots=True)
class Alone:
    """A call on no CPU in particular: `here` is the number of that CPU, `own` are the constants of this call alone."""

    begun: Begun
    here: z3.ExprRef
    own: list[z3.ExprRef]

    def names(self, cpu: int) -> Renaming:
        """On a CPU, the names of what belongs to the call get its number."""
        return [(term, _of(cpu, term)) for term in self.own]


@dataclass(frozen=True, slots=True)
class Written:
    """Formulas by their numbers, as they are for small machines, and what keeps them inside."""

    formulas: dict[int, z3.ExprRef]
    limits: list[z3.BoolRef]


class Beginnings:
    """Those of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.cells = Cells.arbitrary(program)
        self._limits = limits_of(program)
        self._small: dict[Bounds, list[z3.BoolRef]] = {}
        self._shared = {term.decl().name() for terms in self.cells.terms.values() for term in terms}
        self._shared |= set(program.sizes)
        self._alone: dict[str, Alone] = {}
        self._begun: dict[tuple[int, str], Begun] = {}
        self._common: dict[Bounds, Written] = {}
        self._expanded: dict[tuple[str, Bounds], Written] = {}
        self._written: dict[tuple[int, str, Bounds], Written] = {}

    def of(self, cpu: int, call: Call) -> Begun:
        """The call on that CPU; the last fact says which one it is."""
        key = (cpu, call.name)
        if key not in self._begun:
            alone = self._by_itself(call)
            self._begun[key] = alone.begun.renamed(alone.names(cpu), _of(cpu, alone.here) == cpu)
        return self._begun[key]

    def _by_itself(self, call: Call) -> Alone:
        if call.name not in self._alone:
            self._alone[call.name] = self._begin(call)
        return self._alone[call.name]

    def owner(self, cell: Cell, ref: Term) -> z3.ArithRef:
        """The CPU to which a cell of an object belongs while it belongs to one."""
        assert isinstance(cell.discipline, tree.OwnedBy)
        evaluator = Evaluator(self.program, Facts())
        return evaluator.number(cell.discipline.owner, SpecEnv(self.cells, own=ref))

    def limits(self, bounds: Bounds) -> list[z3.BoolRef]:
        """What makes a machine small."""
        if bounds not in self._small:
            self._small[bounds] = self._limits(bounds)
        return self._small[bounds]

    def common(self, bounds: Bounds) -> Written:
        """What holds wherever any call begins: the facts of the first one that name nothing of its own."""
        if bounds not in self._common:
            first = next(call for call in self.program.calls.values() if not call.is_function)
            alone, expansion = self._by_itself(first), Expansion(bounds)
            names = {term.decl().name() for term in alone.own}
            facts = [fact for fact in alone.begun.facts if not constants(fact) & names]
            self._common[bounds] = Written({fact.get_id(): expansion.formula(fact) for fact in facts}, expansion.limits)
        return self._common[bounds]

    def written(self, cpu: int, call: Call, bounds: Bounds) -> Written:
        """What holds where the call begins besides, and its guards, without quantifiers."""
        key = (cpu, call.name, bounds)
        if key not in self._written:
            alone, begun, small = self._by_itself(call), self.of(cpu, call), self._without_quantifiers(call, bounds)
            names, which = alone.names(cpu), begun.facts[-1]
            known = {which.get_id(): which}
            for before, after in zip(alone.begun.formulas, begun.formulas[:-1], strict=True):
                if before.get_id() in small.formulas:
                    known[after.get_id()] = z3.substitute(small.formulas[before.get_id()], *names)
            self._written[key] = Written(known, [z3.substitute(limit, *names) for limit in small.limits])
        return self._written[key]

    def _without_quantifiers(self, call: Call, bounds: Bounds) -> Written:
        """The same for the call on no CPU in particular."""
        key = (call.name, bounds)
        if key not in self._expanded:
            begun, expansion, common = self._by_itself(call).begun, Expansion(bounds), self.common(bounds).formulas
            known = {f.get_id(): expansion.formula(f) for f in begun.formulas if f.get_id() not in common}
            self._expanded[key] = Written(known, expansion.limits)
        return self._expanded[key]

    def _begin(self, call: Call) -> Alone:
        """What holds where the call begins, and when each of its outcomes applies."""
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
        for name, ref in dict.fromkeys(lock for found in locks.values() for lock in found):
            # What a map is like everywhere is known only where its lock is taken: elsewhere it costs too much.
            if any(isinstance(cell.type, MapType) for cell in self.program.states[ref.state].cells.values()):
                for invariant in self.program.locks[name].invariants:
                    world.assume(world.in_scope(invariant.value, ref, world.cells))
        for case in call.cases:
            for wait, decided in call.awaits:
                outcomes.append((case.name + LATER, _delayed(call, case, wait, decided, world, env)))
                locks[case.name + LATER] = locks[case.name]
        asked = [part for _, ref, value in devices.seen for part in (*ref.keys, *split(value))]
        asked += [guard for _, guard in outcomes]
        asked += [key for found in locks.values() for _, ref in found for key in ref.keys]
        facts = [*world.facts.formulas, *world.assumptions]
        begun = Begun(facts, outcomes, locks, devices.seen, named_bits(facts), bool(marked(facts, also=False)))
        return Alone(begun, world.here, self._own([*facts, *asked]))

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
                if name not in self._shared and not name.startswith("?"):
                    found[name] = term
            pending += children(term)
        return [found[name] for name in sorted(found)]


_last: list[Beginnings] = []


def beginnings(program: Program) -> Beginnings:
    """Those of the program that was asked for last are kept."""
    if not _last or _last[0].program is not program:
        _last[:] = [Beginnings(program)]
    return _last[0]


def _of(cpu: int, term: z3.ExprRef) -> z3.ExprRef:
    return z3.Const(f"{term.decl().name()}@{cpu}", term.sort())


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


def _applies(call: Call, outcome: Outcome, world: World, env: SpecEnv) -> z3.BoolRef:
    """Whether the outcome applies if nobody comes between."""
    parts: list[z3.BoolRef] = []
    for reject in call.rejects:
        truth = world.evaluator.truth(reject.condition, env)
        if reject is outcome:
            return z3.And(*parts, z3.Not(truth))
        parts.append(truth)
    return z3.And(*parts, world.evaluator.truth(outcome.condition, env))


def _delayed(
    call: Call, case: Outcome, wait: tree.Awaits, decided: int, world: World, env: SpecEnv
) -> z3.BoolRef:
    """Whether the call comes to where it waits, and finds there what the case needs besides."""
    parts = [world.evaluator.truth(outcome.condition, env) for outcome in call.outcomes[:decided] if outcome.is_reject]
    return z3.And(*parts, z3.Not(world.evaluator.truth(wait.value, env)), world.evaluator.truth(case.condition, env))


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
