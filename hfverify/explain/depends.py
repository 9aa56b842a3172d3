"""What the value of a quantifier depends on, as far as its text says it. No solver.

Reads   model.program.Program, syntax.tree.Quantified
Gives   Dependence: what stands for it in an environment; none where it may depend on more
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hfverify.explain.values import Env, Ref, default
from hfverify.model.expressions import children
from hfverify.model.program import Program
from hfverify.syntax import tree

# Reads one thing in an environment; a value that cannot stand for it raises Unclear.
Read = Callable[[Env], Any]


class Unclear(Exception):
    """A name stands for something else than a number or an object."""


class Dependence:
    """The names that a quantifier leaves free and the cells that it reads."""

    def __init__(self, program: Program, expr: tree.Quantified) -> None:
        self.program = program
        self.known = True
        self.reads: dict[tuple[str, str], Read] = {}
        self._gather(expr.body, frozenset(parameter.name for parameter in expr.parameters))

    def key(self, env: Env) -> tuple[Any, ...] | None:
        """Equal where the value is, over the same numbers."""
        if not self.known or env.volatile is not None:
            return None
        try:
            found = [read(env) for read in self.reads.values()]
        except Unclear:
            return None
        # True and 1 are the same key, but not the same value.
        return (*found, *map(type, found))

    def _gather(self, expr: tree.Expr, bound: frozenset[str]) -> None:
        match expr:
            case tree.Name(_, text):
                if text not in bound:
                    self.reads[text, ""] = self._name(text)
            case tree.Member(_, tree.Name(_, text), path) if text not in bound:
                self.reads[text, path] = self._member(text, path)
            case tree.Index(_, tree.Name() | tree.Member() as base, (argument,)) if not self._object(base):
                self._gather(base, bound)
                self._gather(argument, bound)
            case tree.Literal() | tree.Unary() | tree.Binary() | tree.Conditional():
                for child in children(expr):
                    self._gather(child, bound)
            case _:
                # Among them a quantifier: over which numbers it goes, the numbers of the outer one do not say.
                self.known = False

    def _object(self, base: tree.Expr) -> bool:
        return isinstance(base, tree.Name) and base.text in self.program.states

    def _name(self, text: str) -> Read:
        program = self.program
        taken = {name for state in program.states.values() for name in (*state.cells, *(k.name for k in state.keys))}
        fixed = (program.consts.keys() | program.enum_items.keys()) - taken

        def read(env: Env) -> Any:
            if text in env.names:
                found = env.names[text]
                if not isinstance(found, int):
                    raise Unclear
                return found
            if text in fixed:
                return None
            if env.own is None:
                raise Unclear
            return self._cell(env, env.own, text)

        return read

    def _member(self, text: str, path: str) -> Read:
        def read(env: Env) -> Any:
            found = env.names.get(text)
            if not isinstance(found, Ref):
                raise Unclear
            return self._cell(env, found, path)

        return read

    def _cell(self, env: Env, ref: Ref, path: str) -> Any:
        cell = self.program.states[ref.state].cells.get(path)
        if cell is None or cell.is_fickle:
            raise Unclear
        found = env.store.cells.get((cell.name, ref.keys))
        return default(cell) if found is None else found
