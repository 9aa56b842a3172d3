"""Where several CPUs can begin: states in which each call can be made, and of each call every case applies somewhere.

Reads   model.program.Call for each CPU
Gives   for each combination of outcomes a scenario for each CPU, all with one state that keeps every invariant
Refuses nothing; a combination that no small machine has is left out
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import z3

from hfverify.explain.concrete import Store
from hfverify.explain.scenario import Scenario
from hfverify.explain.witness import Reader
from hfverify.explore.beginnings import LATER, Written, beginnings
from hfverify.explore.likeness import Likeness, guarded, wishes
from hfverify.explore.meetings import Company, Meeting
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
        self.company = Company(program, self.known, calls, self.begun)
        self.group = Group(self.facts, [], self.known.limits)
        bits = {bit for begun in self.begun for bit in begun.bits}
        # Small machines that have enough CPUs, and the bits that the calls speak about.
        self.sizes = [
            replace(size, objects=max(size.objects, len(calls)), bits=tuple(sorted({*size.bits, *bits})))
            for size in SIZES
        ]
        self._solvers: dict[int, z3.Solver] = {}
        self._formulas: dict[int, Written] = {}
        # Names of formulas that exclude each other: whatever is asked with all of them need not be asked.
        self._never_together: list[list[frozenset[int]]] = [[] for _ in SIZES]
        self._names: list[dict[int, tuple[z3.BoolRef, z3.BoolRef]]] = [{} for _ in SIZES]

    def _written(self, size: int) -> Written:
        """Facts and guards for a small machine; only where there are maps they depend on all calls."""
        if size not in self._formulas:
            bounds = self.sizes[size]
            if any(begun.has_maps for begun in self.begun):
                expansion = self.group.expansion(bounds, also=False)
                formulas = [*self.facts, *(guard for guards in self.guards for _, guard in guards)]
                known = {formula.get_id(): expansion.formula(formula) for formula in formulas}
                self._formulas[size] = Written(known, expansion.limits)
            else:
                parts = [self.known.written(cpu, call, bounds) for cpu, call in enumerate(self.calls)]
                parts.append(self.known.common(bounds))
                known = {number: formula for part in parts for number, formula in part.formulas.items()}
                self._formulas[size] = Written(known, [limit for part in parts for limit in part.limits])
        return self._formulas[size]

    def combinations(self, begins: str | None = None, whose: int = 0) -> list[tuple[str, ...]]:
        """The outcomes that can be asked for together, one of each call; first those where one of them is `begins`.

        Of these the ones with cases come before those with rejects, because a call that is rejected does little. CPUs
        are alike: of two that make the same call it does not matter which one comes to what.
        """
        found = list(itertools.product(*([name for name, _ in guards] for guards in self.guards)))
        cases = {outcome.name + when for call in self.calls for outcome in call.cases for when in ("", LATER)}
        if begins is None:
            return [names for names in found if self._comes_first(names)]

        def rank(names: tuple[str, ...]) -> tuple[bool, int]:
            return names[whose].removesuffix(LATER) != begins, sum(name not in cases for name in names)

        return sorted(found, key=rank)

    def _comes_first(self, names: Sequence[str]) -> bool:
        """Whether CPUs that make the same call come to its outcomes in their order."""
        order = [{name: place for place, (name, _) in enumerate(guards)} for guards in self.guards]
        alike = (
            (one, other)
            for one, other in itertools.combinations(range(len(names)), 2)
            if self.calls[one] is self.calls[other]
        )
        return all(order[one][names[one]] <= order[other][names[other]] for one, other in alike)

    def all(self) -> Iterator[tuple[tuple[str, ...], list[Scenario]]]:
        """For each combination of outcomes a state in which they apply, and states in which the calls meet."""
        return ((outcomes, found) for outcomes, found in self.one_by_one() if found is not None)

    def one_by_one(
        self,
        begins: str | None = None,
        *,
        whose: int = 0,
        together: Together = "",
        like: Likeness | None = None,
        brief: bool = False,
    ) -> Iterator[tuple[tuple[str, ...], list[Scenario] | None]]:
        """The same, and None before each combination is looked for, which may take some time.

        With `together` those states come first in which calls want an object that another one works for, if that is
        asked for, and then those in which they want several same locks. Before all of these come the ones in which
        the call with the number `whose` begins as in a counterexample, if there is one: to the outcome of that it may
        come only later. If it is `brief`, one state of each combination is enough.
        """
        seen: set[Hashable] = set()
        for outcomes in self.combinations(begins, whose):
            yield outcomes, None
            guards = [dict(known)[name] for known, name in zip(self.guards, outcomes, strict=True)]
            # The outcome is that of the commit. What leads to a wrong order of locks, and calls that only bring about
            # what the last one needs, begin where other outcomes may apply.
            early = together == "locks" or len(guards) > 2
            demanded = [guard for cpu, guard in enumerate(guards) if not early or (cpu != whose and len(guards) == 2)]
            models: list[z3.ModelRef] = []
            ways = self._ways(outcomes, together)
            if like is not None and outcomes[whose].removesuffix(LATER) == begins:
                alike = [*self._alike(like, whose), [guards[whose]], guards]
                ways = [*((way, alike) for way in self._aimed(outcomes, whose, together, like, ways)), *ways]
            anywhere = any(not meeting and not wished for meeting, wished in ways)
            first = self._model(guards) if anywhere else None
            if anywhere and first is None and not any(wished for _, wished in ways):
                continue
            for meeting, wished in ways:
                # Where the calls meet already, one such state is enough.
                if models and (brief or (not wished and any(_has(model, meeting) for model in models))):
                    continue
                asked = [*(demanded if wished else guards), *meeting]
                found = self._model(asked, wished) if meeting or wished else first
                scenarios = self._at(*found) if found is not None else None
                if found is None or scenarios is None:
                    continue
                models.append(found[0])
                shown = _told(scenarios)
                if shown not in seen:
                    seen.add(shown)
                    yield outcomes, scenarios

    def _ways(self, outcomes: Sequence[str], together: Together) -> list[tuple[Meeting, list[Meeting]]]:
        """How the calls may meet; nothing more is wished. Of more than two calls only any state is asked for."""
        if len(self.calls) > 2:
            return [([], [])]
        meetings: list[Meeting] = [[], *self.company.meetings(outcomes)]
        if together:
            meetings.reverse()
        if together == "objects":
            meetings = [*self.company.visits(outcomes), *meetings]
        elif any(name.endswith(LATER) for name in outcomes):
            # Somebody is there who may bring about what is awaited.
            meetings = self.company.visits(outcomes)
        return [(meeting, []) for meeting in meetings]

    def _aimed(
        self,
        outcomes: Sequence[str],
        whose: int,
        together: Together,
        like: Likeness,
        ways: list[tuple[Meeting, list[Meeting]]],
    ) -> list[Meeting]:
        """How others may meet a call that does what it does in a counterexample."""
        if together == "objects":
            return self.company.of_owners(whose, like)
        if together == "locks" or like.place is None:
            return [way for way, _ in ways if way]
        place = guarded(self.program, like.place)
        if place is None:
            return []
        found = [self.company.alone(outcomes, whose, place[0]), self.company.at(outcomes, whose, place)]
        return [way for ways in (reversed(found) if len(outcomes) > 2 else found) for way in ways]

    def _alike(self, like: Likeness, whose: int) -> list[Meeting]:
        """Who makes the call and with what, and then what it finds."""
        return wishes(self.program, self.known.cells, like, self.calls[whose], whose, self.sizes[-1].objects)

    def model_like(self, like: Likeness) -> z3.ModelRef | None:
        """A state in which the first call is made by whom, with what, and in a machine as large as it was there."""
        sizes = [z3.Int(name) == value for name, value in like.sizes]
        found = self._model([], [sizes, *self._alike(like, 0)])
        return found[0] if found is not None else None

    def excluded(self, formulas: Sequence[z3.BoolRef]) -> bool | None:
        """Whether no state of a small machine is such; None if the solver gives up."""
        size = len(self.sizes) - 1
        answer = self._solver(size).check(*(self._asked(size, formula) for formula in formulas))
        return None if answer == z3.unknown else bool(answer == z3.unsat)

    def _model(
        self, formulas: Sequence[z3.BoolRef], wished: Sequence[Meeting] = ()
    ) -> tuple[z3.ModelRef, Bounds] | None:
        """A state in which the formulas hold, and most of what is wished besides."""
        numbers = range(len(self.sizes))
        for size in numbers[-1:] if wished else numbers:
            solver, asked = self._solver(size), [self._asked(size, formula) for formula in formulas]
            names = {name.get_id() for name in asked}
            if any(core <= names for core in self._never_together[size]):
                continue
            answer = solver.check(*asked)
            if answer == z3.unsat:
                self._never_together[size].append(frozenset(name.get_id() for name in solver.unsat_core()))
            if answer != z3.sat:
                continue
            model = solver.model()
            for group in wished:
                granted = self._granted(solver, asked, [self._asked(size, wish) for wish in group])
                if granted is not None:
                    asked, model = granted
            return model, self.sizes[size]
        return None

    def _granted(
        self, solver: z3.Solver, asked: list[z3.BoolRef], hopes: list[z3.BoolRef]
    ) -> tuple[list[z3.BoolRef], z3.ModelRef] | None:
        """As many of the hopes as go together: of those that stand in each other's way, the first ones."""
        left, blamed = hopes, set[int]()
        while left and solver.check(*asked, *left) == z3.unsat:
            core = {term.get_id() for term in solver.unsat_core()} & {hope.get_id() for hope in left}
            if not core:
                return None
            blamed |= core
            left = [hope for hope in left if hope.get_id() not in core]
        model = None
        for more in [[], *([hope] for hope in hopes if hope.get_id() in blamed)]:
            if solver.check(*asked, *left, *more) == z3.sat:
                left, model = [*left, *more], solver.model()
        return None if model is None else ([*asked, *left], model)

    def _asked(self, size: int, formula: z3.BoolRef) -> z3.BoolRef:
        """A truth value that the solver takes for the formula: what it learns from one question helps in the next."""
        known = self._names[size]
        if formula.get_id() not in known:
            name = z3.Bool(f"asked!{size}!{len(known)}")
            written, limits = self._written(size).formulas.get(formula.get_id()), []
            if written is None:
                expansion = Expansion(self.sizes[size])
                written, limits = expansion.formula(formula), expansion.limits
            self._solver(size).add(z3.Implies(name, written), *limits)
            known[formula.get_id()] = (name, formula)
        return known[formula.get_id()][0]

    def _solver(self, size: int) -> z3.Solver:
        """Knows what holds in every state of a small machine."""
        if size not in self._solvers:
            bounds = self.sizes[size]
            solver = make_solver(self.steps, mbqi=False)
            # A state is looked for and nothing is proved, and what is found is evaluated once more: all terms are
            # decided anyway, and arrays of a small machine are only compared element by element.
            solver.set("smt.relevancy", 0)
            solver.set("smt.array.extensional", False)
            written = self._written(size)
            facts = [written.formulas[fact.get_id()] for fact in self.facts]
            solver.add(*facts, *written.limits, *self.known.limits(bounds))
            for number in self._members():
                known = [number == bit for bit in bounds.bits]
                solver.add(z3.Or(*known, number < 0, number >= MOST_BITS))
            self._solvers[size] = solver
        return self._solvers[size]

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


def _told(scenarios: Sequence[Scenario]) -> Hashable:
    """Equal for the same calls in the same state."""
    told = [
        (tuple(one.arguments.items()), one.actor, tuple(one.objects.items()), tuple(one.reads)) for one in scenarios
    ]
    return tuple(scenarios[0].sizes.items()), tuple(scenarios[0].cells.items()), tuple(told)


def _has(model: z3.ModelRef, meeting: Meeting) -> bool:
    """Whether the calls meet so in this state."""
    return bool(meeting) and z3.is_true(model.eval(z3.And(*meeting)))
