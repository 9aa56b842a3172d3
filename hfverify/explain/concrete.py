"""The value that an expression of the specification has in a concrete state. No solver.

Reads   model.program.Program, syntax.tree expressions
Gives   Evaluator: a second, independent reading of the specification's meaning
Refuses an expression that has no value in the state (Undefined)
"""

from __future__ import annotations

from hfverify.explain.meaning import Meanings, meanings
from hfverify.explain.values import (
    Bits,
    Env,
    Keys,
    LockRef,
    Part,
    Ref,
    Store,
    Thunk,
    Undefined,
    Value,
    default,
    show,
)
from hfverify.model.program import Cell, Program
from hfverify.syntax import tree


class Evaluator:
    """Evaluates expressions of one program."""

    def __init__(self, program: Program, known: Meanings | None = None) -> None:
        self.program = program
        self._meanings = known or meanings(program)

    @property
    def relied(self) -> set[str]:
        """The last parts of the names of the cells that decide what a CPU relies on."""
        return self._meanings.relied

    def truth(self, expr: tree.Expr, env: Env) -> bool:
        """A condition."""
        value = self._meanings.of(expr)(env)
        assert isinstance(value, bool), expr
        return value

    def number(self, expr: tree.Expr, env: Env) -> int:
        """A number."""
        value = self._meanings.of(expr)(env)
        assert isinstance(value, int), expr
        return value

    def evaluate(self, expr: tree.Expr, env: Env) -> Value:
        """The value of an expression."""
        value: Value = self._meanings.of(expr)(env)
        return value

    def count(self, state: str, earlier: Keys, env: Env) -> int:
        """How many positions there are for the next key of a state."""
        return self._meanings.count(state, earlier, env)

    def positions(self, state: str, env: Env) -> list[Keys]:
        """Every object of a state."""
        found: list[Keys] = [()]
        for _ in self.program.states[state].keys:
            found = [(*keys, value) for keys in found for value in range(self.count(state, keys, env))]
        return found

    def exists(self, ref: Ref, env: Env) -> bool:
        """Whether the position is one of the machine."""
        return self._meanings.exists(ref, env)

    def read(self, cell: Cell, ref: Ref, env: Env) -> Value:
        """The value of a cell."""
        if cell.is_fickle and env.volatile is not None:
            return env.volatile(cell, ref)
        found = env.store.cells.get((cell.name, ref.keys))
        return default(cell) if found is None else found


__all__ = [
    "Bits", "Env", "Evaluator", "Keys", "LockRef", "Part", "Ref", "Store", "Thunk", "Undefined", "Value", "default",
    "show",
]  # fmt: skip
