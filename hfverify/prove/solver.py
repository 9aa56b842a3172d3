"""Ask Z3. The only module that checks satisfiability of obligations.

Reads   prove.query.Query
Gives   Answer: proved, a small model, or neither with a reason; steps are Z3's resource units
Refuses nothing; a solver that dies or gives up is an answer too
"""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import z3

from hfverify.logic.binding import SIMPLEX, lighten
from hfverify.logic.facts import MOST_BITS
from hfverify.prove.query import Group, Query
from hfverify.prove.small import Bounds, Expansion

lighten()

DEFAULT_STEPS = 4_000_000
# How far apart the numbers are that index maps, and where they begin, where a state is looked for first.
STRIDES = ((1, 1), (4096, 1), (4096, 0))
SEED = 0
# How many times the budget of a proof a search for a state in small machines may take.
SEARCHES = 12
# How many ways to fix the other numbers are tried for each choice of the arguments.
TURNS = 3
# What part of the budget is spent on a guess: a good one is soon found to be.
GUESSING = 4
# What part of the budget is spent on the question whether something is excluded, if it need not be answered.
GLANCE = 200
# What part of the budget is spent on questions that are asked together: if it is too little, each is asked alone.
TOGETHER = 4
# How much is spent on making a counterexample smaller.
SHRINKING_STEPS = 2_000_000
SMALL = (
    Bounds(2, pinned=1), Bounds(2, pinned=1000), Bounds(2), Bounds(2, pinned=1, bits=tuple(range(MOST_BITS))),
    Bounds(3), Bounds(4),
)  # fmt: skip


class Outcome(Enum):
    """What the solver said."""

    PROVED = "proved"
    MODEL = "model"
    LIMIT = "limit"
    GAVE_UP = "gave up"


@dataclass(frozen=True, slots=True)
class Answer:
    """`model` belongs to a small machine of the given bounds."""

    outcome: Outcome
    steps: int
    model: z3.ModelRef | None = None
    bounds: Bounds | None = None
    reason: str = ""


def start_afresh() -> None:
    """Forget every term of this process: what the solver does next depends on what is asked next alone.

    Z3 orders terms by when they were made, and that shows in the steps that a proof takes. The default
    context cannot be replaced through the public interface of its Python binding. When Python collects garbage
    shows too, because it frees terms: it does so here, and not in between.
    """
    z3.z3._main_ctx = None
    gc.disable()
    gc.collect()


def part_of(steps: int, part: int) -> int:
    """A part of a budget; none at all would be no limit to the solver."""
    return max(steps // part, 1)


def make_solver(steps: int, *, mbqi: bool) -> z3.Solver:
    """A solver with a fixed seed and a budget for each check."""
    solver = z3.SimpleSolver()
    solver.set("random_seed", SEED)
    solver.set("rlimit", steps)
    solver.set("mbqi", mbqi)
    solver.set("auto_config", False)
    if not mbqi:
        # Who asks once more asks the library's default procedure for numbers: products may need it.
        solver.set("smt.arith.solver", SIMPLEX)
    return solver


def spent(solver: z3.Solver) -> int:
    """The resource units that the context has used so far, which its last statistics tell."""
    statistics = solver.statistics()
    for position in range(len(statistics) - 1, -1, -1):
        name, value = statistics[position]
        if name == "rlimit count":
            return int(value)
    return 0


class GroupSolver:
    """Answers the queries of one group; hypotheses are asserted once, in order."""

    def __init__(self, group: Group, steps: int) -> None:
        self.group = group
        self.steps = steps
        self.solver = make_solver(steps, mbqi=False)
        self.solver.add(*group.facts)
        self.added = 0

    def prove(self, query: Query, part: int = 1) -> Answer:
        """Try to prove a query for machines of any size, with a part of the budget, in the order of their depths."""
        depth = len(self.group.assumptions) if query.depth is None else query.depth
        if depth > self.added:
            self.solver.add(*self.group.assumptions[self.added : depth])
            self.added = depth
        if depth < self.added:
            return GroupSolver(self.group, self.steps).prove(query, part)
        before = spent(self.solver)
        self.solver.set("rlimit", part_of(self.steps, part))
        self.solver.push()
        self.solver.add(*query.given, z3.Not(query.goal))
        result = self.solver.check()
        steps = max(spent(self.solver) - before, 1)
        reason = self.solver.reason_unknown() if result == z3.unknown else ""
        self.solver.pop()
        if result == z3.unsat:
            return Answer(Outcome.PROVED, steps)
        limit = "resource" in reason or "canceled" in reason
        return Answer(Outcome.LIMIT if limit else Outcome.GAVE_UP, steps, reason=reason)

    def prove_together(self, queries: Sequence[Query]) -> list[int] | None:
        """The steps of each query, if all of them, which share their hypotheses, are proved at once; else None."""
        if len(queries) == 1:
            return None
        answer = self.prove(replace(queries[0], goal=z3.And([query.goal for query in queries])), TOGETHER)
        if answer.outcome is not Outcome.PROVED:
            return None
        share, rest = divmod(answer.steps, len(queries))
        return [share + (index < rest) for index in range(len(queries))]

    def refute(self, query: Query, *, also: bool = False) -> Answer:
        """Look for a model of the negation in small machines; `also` looks at more numbers of maps."""
        depth = len(self.group.assumptions) if query.depth is None else query.depth
        formulas = [*self.group.facts, *self.group.assumptions[:depth], *query.given, z3.Not(query.goal)]
        return find(self.group, formulas, self.steps, also=also)

    def insist(self, query: Query) -> Answer:
        """Try once more for machines of any size, with model-based instantiation."""
        depth = len(self.group.assumptions) if query.depth is None else query.depth
        solver = make_solver(self.steps, mbqi=True)
        solver.add(*self.group.facts, *self.group.assumptions[:depth], *query.given, z3.Not(query.goal))
        before = spent(solver)
        result = solver.check()
        steps = max(spent(solver) - before, 1)
        if result == z3.unsat:
            return Answer(Outcome.PROVED, steps)
        reason = solver.reason_unknown() if result == z3.unknown else "a model that is not small"
        limit = "resource" in reason or "canceled" in reason
        return Answer(Outcome.LIMIT if limit else Outcome.GAVE_UP, steps, reason=reason)


def find(
    group: Group,
    formulas: list[z3.BoolRef],
    steps: int,
    *,
    smallest: bool = True,
    also: bool = False,
    sizes: Sequence[Bounds] = SMALL,
) -> Answer:
    """A model of the formulas in a machine of one of these sizes; with `smallest`, as small as it can be made."""
    total, reason = 0, ""
    for bounds in sizes:
        if total > SEARCHES * steps:
            break
        expansion = group.expansion(bounds, also=also)
        expanded = [expansion.formula(formula) for formula in formulas]
        machine = [*expansion.limits, *group.small(bounds)]
        for guess in itertools.chain(_guesses(group, expansion), [[]]):
            solver = make_solver(part_of(steps, GUESSING) if guess else steps, mbqi=False)
            before = spent(solver)
            # What is fixed simplifies all that is said after it.
            solver.add(*guess, *expanded, *machine)
            result = solver.check()
            total += max(spent(solver) - before, 1)
            if result == z3.sat:
                model = solver.model()
                return Answer(Outcome.MODEL, total, _smallest(solver, expanded, model) if smallest else model, bounds)
        if result == z3.unknown:
            reason = solver.reason_unknown()
    return Answer(Outcome.LIMIT, total, reason=reason) if reason else Answer(Outcome.PROVED, total)


def _guesses(group: Group, expansion: Expansion) -> Iterator[list[z3.BoolRef]]:
    """Values for the numbers that index maps: with all of them in their places, quotients need no search.

    The arguments come first; every other number is one that some argument leads to, or its neighbour. Another stride
    helps more often than other neighbours.
    """
    given = {str(term) for term in group.path.names.values() if z3.is_ast(term)} if group.path is not None else set()
    terms = [number for numbers in expansion.numbers.values() for number in numbers]
    arguments = [term for term in numbers(terms) if term.decl().name() in given]
    if not arguments:
        return
    strides = [
        [(term, z3.IntVal(stride * (place + first))) for place, term in enumerate(arguments)]
        for stride, first in STRIDES
    ]
    chosen = [[term == value for term, value in places] for places in strides]
    for turn in range(TURNS):
        for choice, places in zip(chosen, strides, strict=True):
            yield [*choice, *_fixed(expansion, places, turn)]
    yield from chosen


def _fixed(expansion: Expansion, places: list[tuple[z3.ArithRef, z3.ArithRef]], turn: int) -> list[z3.BoolRef]:
    """For every number that is not an argument one of those of its kind that follow from the arguments."""
    fixed: dict[str, z3.BoolRef] = {}
    for terms in expansion.numbers.values():
        known = [z3.simplify(z3.substitute(term, *places)) for term in terms]
        found = {value.as_long() for value in known if z3.is_int_value(value)} or {0, 1}
        values = sorted({0, *found, *(value - 1 for value in found if value > 0)})
        free = [term for term in terms if z3.is_const(term) and "!" in term.decl().name()]
        for index, term in enumerate(free):
            fixed.setdefault(term.decl().name(), term == values[(index + turn) % len(values)])
    return list(fixed.values())


def _smallest(solver: z3.Solver, formulas: list[z3.BoolRef], model: z3.ModelRef) -> z3.ModelRef:
    """Push numbers of a model towards zero: first 0, then one digit, then one byte."""
    begun = spent(solver)
    for term in numbers(formulas):
        if spent(solver) - begun > SHRINKING_STEPS:
            break
        value = model.eval(term, model_completion=True)
        if not z3.is_int_value(value) or value.as_long() == 0:
            solver.add(term == value)
            continue
        for limit in (z3.And(term >= 0, term < 1), z3.And(term >= 0, term < 16), z3.And(term >= 0, term < 256)):
            solver.push()
            solver.add(limit)
            if solver.check() == z3.sat:
                model = solver.model()
                solver.pop()
                solver.add(limit)
                break
            solver.pop()
    return model


def numbers(formulas: list[z3.BoolRef]) -> list[z3.ArithRef]:
    """The integer constants of the formulas, in the order of their names."""
    found: dict[str, z3.ArithRef] = {}
    seen: set[int] = set()
    pending: list[z3.ExprRef] = list(formulas)
    while pending:
        term = pending.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        if z3.is_const(term) and z3.is_int(term) and not z3.is_int_value(term):
            found[term.decl().name()] = term
        pending.extend(term.children())
    return [found[name] for name in sorted(found)]
