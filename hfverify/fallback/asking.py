"""What the clauses of a call look at in a situation: there a change matters most. No solver.

Reads   model.program.Call, explain.scenario.Scenario's environment
Gives   the cells that are read while the clauses are evaluated, and the numbers that they compare
Refuses nothing; a clause that has no value there has looked at what it read until then
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from hfverify.explain.concrete import Env, Evaluator, Keys, Store, Thunk, Undefined, Value
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
        there = env.at(Store(env.store.sizes, noted))
        for let in call.lets:
            there = there.bind({let.name: Thunk(let.value, there)})
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
            self._sides[call.name] = [side for clause in clauses for side in _compared(clause)]
        found: set[int] = set()
        for side in self._sides[call.name]:
            with contextlib.suppress(Undefined):
                value = self.evaluator.evaluate(side, env)
                if isinstance(value, int) and not isinstance(value, bool):
                    found.add(int(value))
        return found


def _compared(expr: tree.Expr) -> list[tree.Expr]:
    """The sides of comparisons, except of those that speak of any number."""
    if isinstance(expr, tree.Quantified):
        return []
    found = [expr.left, expr.right] if isinstance(expr, tree.Binary) and expr.operator in COMPARES else []
    return found + [side for child in children(expr) for side in _compared(child)]
