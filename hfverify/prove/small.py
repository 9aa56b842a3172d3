"""Turn a question about machines of any size into one about a small machine.

Reads   solver formulas whose quantified variables are named `?name:domain`
Gives   the same formulas with quantifiers written out, and the bounds of the machine
Refuses nothing; that the small question is weaker does not matter, because every model is run on the real code
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from hfverify.logic.cells import Cells
from hfverify.logic.evaluate import Env, Evaluator
from hfverify.logic.facts import Facts
from hfverify.model.program import Program


@dataclass(frozen=True, slots=True)
class Bounds:
    """`objects` is the largest number of objects of each kind."""

    objects: int

    def domain(self, name: str) -> range:
        """The values over which a quantified variable ranges."""
        del name
        return range(self.objects + 1)


def expand(formula: z3.BoolRef, bounds: Bounds) -> z3.BoolRef:
    """Write the quantifiers out over the bounds."""
    memo: dict[int, z3.ExprRef] = {}

    def visit(term: z3.ExprRef) -> z3.ExprRef:
        if term.get_id() in memo:
            return memo[term.get_id()]
        if z3.is_quantifier(term):
            result = _unrolled(term)
        elif term.num_args() == 0:
            result = term
        else:
            children = [visit(child) for child in term.children()]
            same = all(a.eq(b) for a, b in zip(children, term.children(), strict=True))
            result = term if same else _rebuilt(term, children)
        memo[term.get_id()] = result
        keep.append(term)
        return result

    def _unrolled(term: z3.QuantifierRef) -> z3.ExprRef:
        bodies: list[z3.ExprRef] = [term.body()]
        count = term.num_vars()
        for assignment in _assignments([bounds.domain(term.var_name(i).split(":")[-1]) for i in range(count)]):
            values = [z3.IntVal(value) for value in reversed(assignment)]
            bodies.append(visit(z3.substitute_vars(term.body(), *values)))
        return z3.And(*bodies[1:]) if term.is_forall() else z3.Or(*bodies[1:])

    keep: list[z3.ExprRef] = []
    return visit(formula)


def _rebuilt(term: z3.ExprRef, children: list[z3.ExprRef]) -> z3.ExprRef:
    if z3.is_and(term):
        return z3.And(*children)
    if z3.is_or(term):
        return z3.Or(*children)
    return term.decl()(*children)


def _assignments(domains: list[range]) -> list[tuple[int, ...]]:
    result: list[tuple[int, ...]] = [()]
    for domain in domains:
        result = [(*prefix, value) for prefix in result for value in domain]
    return result


def first_limits(formulas: list[z3.BoolRef], bounds: Bounds) -> list[z3.BoolRef]:
    """Who is first in a queue is one of the objects of the small machine."""
    limits: list[z3.BoolRef] = []
    seen: set[int] = set()
    pending: list[z3.ExprRef] = list(formulas)
    while pending:
        term = pending.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        if z3.is_app(term) and term.decl().name() == "first":
            limits.append(z3.And(term >= 0, term <= bounds.objects))
        pending.extend(term.children())
    return limits


def size_limits(program: Program, cells: Cells, bounds: Bounds) -> list[z3.BoolRef]:
    """No kind of object has more than the bound."""
    limits = [z3.Int(size) <= bounds.objects for size in program.sizes]
    evaluator = Evaluator(program, Facts())
    for state in program.states.values():
        for index, key in enumerate(state.keys):
            earlier = state.keys[:index]
            for assignment in _assignments([range(bounds.objects + 1)] * len(earlier)):
                names = {k.name: z3.IntVal(v) for k, v in zip(earlier, assignment, strict=True)}
                limits.append(evaluator.number(key.below, Env(cells, names)) <= bounds.objects)
    return limits
