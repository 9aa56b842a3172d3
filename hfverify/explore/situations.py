"""Where several CPUs can begin: states in which each call can be made, and of each call every case applies somewhere.

Reads   model.program.Call for each CPU
Gives   for each combination of outcomes a scenario for each CPU, all with one state that keeps every invariant
Refuses nothing; a combination that no small machine has is left out
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import z3

from hfverify.explain.concrete import Store
from hfverify.explain.scenario import Scenario
from hfverify.explain.witness import Reader
from hfverify.explore.beginnings import LATER, Written, beginnings
from hfverify.explore.shrinking import keeps_invariants
from hfverify.logic.facts import MOST_BITS, subterms
from hfverify.logic.maps import marked
from hfverify.model.program import Call, Program
from hfverify.prove.query import Group
from hfverify.prove.small import Bounds, Expansion
from hfverify.prove.solver import make_solver

STEPS = 1_000_000
# What calls meet at in the states that come first.
Together = Literal["", "locks", "objects"]
SIZES = (Bounds(2, pinned=1), Bounds(3))


class Situations:
    """Looks for states in which some calls can begin at the same time, each on a CPU of its own."""

    def __init__(self, program: Program, calls: Sequence[Call], steps: int = STEPS) -> None:
        self.program = program
        self.steps = steps
        self.calls = calls
        self.known = beginnings(program)
        self.begun = [self.known.of(cpu, call) for cpu, call in enumerate(calls)]
        self.facts = list({fact.get_id(): fact for begun in self.begun for fact in begun.facts}.values())
        self.marks = marked(self.facts, also=True)
        self.guards = [begun.guards for begun in self.begun]
        self.group = Group(self.facts, [], self.known.limits)
        self._formulas: dict[Bounds, Written] = {}
        self._solvers: dict[Bounds, z3.Solver] = {}
        self._names: dict[tuple[Bounds, int], tuple[z3.BoolRef, z3.BoolRef]] = {}

    def _bounds(self, size: Bounds) -> Bounds:
        """With the bits that the calls speak about."""
        return replace(size, bits=tuple(sorted({*size.bits, *(bit for begun in self.begun for bit in begun.bits)})))

    def _written(self, bounds: Bounds) -> Written:
        """Facts and guards for a small machine; only where there are maps they depend on all calls."""
        if bounds not in self._formulas:
            if any(begun.has_maps for begun in self.begun):
                expansion = self.group.expansion(bounds, also=False)
                formulas = [*self.facts, *(guard for guards in self.guards for _, guard in guards)]
                known = {formula.get_id(): expansion.formula(formula) for formula in formulas}
                self._formulas[bounds] = Written(known, expansion.limits)
            else:
                parts = [self.known.written(cpu, call, bounds) for cpu, call in enumerate(self.calls)]
                parts.append(self.known.common(bounds))
                known = {number: formula for part in parts for number, formula in part.formulas.items()}
                self._formulas[bounds] = Written(known, [limit for part in parts for limit in part.limits])
        return self._formulas[bounds]

    def combinations(self, begins: str | None = None, whose: int = 0) -> list[tuple[str, ...]]:
        """The outcomes that can be asked for together, one of each call; first those where one of them is `begins`.

        Of these the ones with cases come before those with rejects, because a call that is rejected does little.
        """
        found = list(itertools.product(*([name for name, _ in guards] for guards in self.guards)))
        cases = {outcome.name + when for call in self.calls for outcome in call.cases for when in ("", LATER)}
        if begins is None:
            return found

        def rank(names: tuple[str, ...]) -> tuple[bool, int]:
            return names[whose].removesuffix(LATER) != begins, sum(name not in cases for name in names)

        return sorted(found, key=rank)

    def all(self) -> Iterator[tuple[tuple[str, ...], list[Scenario]]]:
        """For each combination of outcomes a state in which they apply, and states in which the calls meet."""
        return ((outcomes, found) for outcomes, found in self.one_by_one() if found is not None)

    def one_by_one(
        self, begins: str | None = None, *, whose: int = 0, together: Together = ""
    ) -> Iterator[tuple[tuple[str, ...], list[Scenario] | None]]:
        """The same, and None before each combination is looked for, which may take some time.

        With `together` those states come first in which calls want an object that another one works for, if that is
        asked for, and then those in which they want several same locks.
        """
        seen: set[str] = set()
        for outcomes in self.combinations(begins, whose):
            yield outcomes, None
            guards = [dict(known)[name] for known, name in zip(self.guards, outcomes, strict=True)]
            first = self._model(guards)
            if first is None:
                continue
            models: list[z3.ModelRef] = []
            meetings = [[], *self._meetings(outcomes)]
            if together:
                meetings.reverse()
            if together == "objects":
                meetings = [*self._visits(outcomes), *meetings]
            elif any(name.endswith(LATER) for name in outcomes):
                # Somebody is there who may bring about what is awaited.
                meetings = self._visits(outcomes)
            for meeting in meetings:
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
        """Ways in which two calls want the same lock: each by itself, and two of them; wrong code may swap them."""
        found: list[list[z3.BoolRef]] = []
        wanted = [self.begun[cpu].locks[name] for cpu, name in enumerate(outcomes)]
        for one, other in itertools.combinations(range(len(self.calls)), 2):
            same = [
                (i, j, z3.And(*[a == b for a, b in zip(first.keys, second.keys, strict=True)]))
                for i, (name, first) in enumerate(wanted[one])
                for j, (also, second) in enumerate(wanted[other])
                if name == also and first.keys
            ]
            found += [[condition] for _, _, condition in same]
            found += [[a, b] for (i, j, a), (k, m, b) in itertools.combinations(same, 2) if i < k and j != m]
        return found

    def _visits(self, outcomes: Sequence[str]) -> list[list[z3.BoolRef]]:
        """Ways in which a call wants a lock of an object for which another one is made."""
        found: list[list[z3.BoolRef]] = []
        for one, other in itertools.permutations(range(len(self.calls)), 2):
            actor = self.calls[other].actor
            state = self.program.actors[actor].state if actor else ""
            for _, ref in self.begun[one].locks[outcomes[one]]:
                if ref.state == state:
                    keys = self.program.states[state].keys
                    own = [z3.Int(f"{actor}.{key.name}@{other}") for key in keys]
                    found.append([z3.And(*[a == b for a, b in zip(ref.keys, own, strict=True)])])
        return found

    def _model(self, formulas: Sequence[z3.BoolRef]) -> tuple[z3.ModelRef, Bounds] | None:
        for bounds in map(self._bounds, SIZES):
            solver, asked = self._solver(bounds), [self._asked(bounds, formula) for formula in formulas]
            if solver.check(*asked) == z3.sat:
                return solver.model(), bounds
        return None

    def _asked(self, bounds: Bounds, formula: z3.BoolRef) -> z3.BoolRef:
        """A truth value that the solver takes for the formula: what it learns from one question helps in the next."""
        key = (bounds, formula.get_id())
        if key not in self._names:
            name = z3.Bool(f"asked!{len(self._names)}")
            written, limits = self._written(bounds).formulas.get(formula.get_id()), []
            if written is None:
                expansion = Expansion(bounds)
                written, limits = expansion.formula(formula), expansion.limits
            self._solver(bounds).add(z3.Implies(name, written), *limits)
            self._names[key] = (name, formula)
        return self._names[key][0]

    def _solver(self, bounds: Bounds) -> z3.Solver:
        """Knows what holds in every state of a small machine."""
        if bounds not in self._solvers:
            solver = make_solver(self.steps, mbqi=False)
            # A state is looked for and nothing is proved, and what is found is evaluated once more: all terms are
            # decided anyway, and arrays of a small machine are only compared element by element.
            solver.set("smt.relevancy", 0)
            solver.set("smt.array.extensional", False)
            written = self._written(bounds)
            facts = [written.formulas[fact.get_id()] for fact in self.facts]
            solver.add(*facts, *written.limits, *self.known.limits(bounds))
            for number in self._members():
                known = [number == bit for bit in bounds.bits]
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
        reader = Reader(self.program, model, bounds, bits=bounds.bits, marks=self.marks)
        store = reader.state(self.known.cells)
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
        for cell, ref, value in self.begun[cpu].devices:
            found.reads.append((cell.name, reader.keys(ref), reader.value(cell, value)))
        return found
