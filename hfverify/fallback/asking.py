"""What the clauses of a call look at in a situation: there a change matters most. No solver.

Reads   model.program.Call, explain.scenario.Scenario's environment
Gives   the cells that are read while the clauses are evaluated, and the numbers that they compare
Refuses nothing; a clause that has no value there has looked at what it read until then
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hfverify.explain.concrete import Env, Evaluator, Keys, Store, Undefined, Value
from hfverify.explain.effects import changes_of
from hfverify.model.expressions import children
from hfverify.model.program import Call, Outcome, Program
from hfverify.syntax import tree

Key = tuple[str, Keys]
COMPARES = ("==", "!=", "<", "<=", ">", ">=")


class _Noted(dict[Key, Value]):
    """Cells that tell who was read."""

    read: set[Key]

    def get(self, key: Key, default: Any = None) -> Any:
        """As a dictionary does."""
        self.read.add(key)
        return super().get(key, default)


class Asking:
    """Looks at the clauses of the calls of one program."""

    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self.program = program
        self.evaluator = evaluator
        self._sides: dict[str, list[tree.Expr]] = {}

    def cells(self, call: Call, env: Env) -> set[Key]:
        """The cells on which it depends which outcome applies, and what that one says."""
        noted = _Noted(env.store.cells)
        noted.read = set()
        there = env.at(Store(env.store.sizes, noted)).let(call.lets)
        with contextlib.suppress(Undefined):
            for outcome in self._applying(call, there):
                changes_of(self.program, self.evaluator, (*outcome.effects, *outcome.later), there)
                for said in (outcome.returns, outcome.next):
                    if said is not None:
                        self.evaluator.evaluate(said.value, there)
        return noted.read

    def _applying(self, call: Call, env: Env) -> Iterator[Outcome]:
        for outcome in call.outcomes:
            if self.evaluator.truth(outcome.condition, env) is not outcome.is_reject:
                yield outcome
                if outcome.is_reject:
                    return

    def numbers(self, call: Call, env: Env) -> set[int]:
        """What is compared in the clauses that decide which outcome applies."""
        if call.name not in self._sides:
            clauses = [*(outcome.condition for outcome in call.outcomes), *(let.value for let in call.lets)]
            self._sides[call.name] = [side for clause in clauses for pair in _pairs(clause) for side in pair]
        found: set[int] = set()
        for side in self._sides[call.name]:
            found |= self._number(side, env)
        return found

    def opposite(self, call: Call, name: str, env: Env) -> set[int]:
        """What an argument is compared with in the clauses that are looked at here: behind a check that fails, none."""
        found: set[int] = set()
        clauses = [let.value for let in call.lets]
        with contextlib.suppress(Undefined):
            for outcome in call.outcomes:
                clauses.append(outcome.condition)
                if outcome.is_reject and not self.evaluator.truth(outcome.condition, env):
                    break
        for one, other in (pair for clause in clauses for pair in _pairs(clause)):
            for this, that in ((one, other), (other, one)):
                if isinstance(this, tree.Name) and this.text == name:
                    found |= self._number(that, env)
        return found

    def _number(self, expr: tree.Expr, env: Env) -> set[int]:
        """The value, if there is one and it is a number."""
        with contextlib.suppress(Undefined):
            value = self.evaluator.evaluate(expr, env)
            if isinstance(value, int) and not isinstance(value, bool):
                return {int(value)}
        return set()


def _pairs(expr: tree.Expr) -> list[tuple[tree.Expr, tree.Expr]]:
    """The two sides of comparisons, except of those that speak of any number."""
    if isinstance(expr, tree.Quantified):
        return []
    found = [(expr.left, expr.right)] if isinstance(expr, tree.Binary) and expr.operator in COMPARES else []
    return found + [pair for child in children(expr) for pair in _pairs(child)]
