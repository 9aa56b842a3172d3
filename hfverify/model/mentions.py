"""Say what an expression speaks about once its definitions are written out: actors, the thread, cells.

Reads   model.program.Program, expressions whose names resolve and whose definitions do not go in circles
Gives   Mention: each actor, thread and cell, with the place in the expression and the place inside a definition
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from hfverify.diagnostics import Span
from hfverify.model.expressions import children
from hfverify.model.program import Cell, Program
from hfverify.model.types import RefType, Type
from hfverify.model.typing import Typer
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Mention:
    """`span` lies in the expression that was asked about, `inside` where the name itself stands.

    `own` says of a cell that it belongs to the object in whose scope the expression stands.
    """

    kind: str
    name: str
    span: Span
    inside: Span
    cell: Cell | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean where an expression stands.

    `own` is the state whose keys and cells need no prefix, `lets` are the abbreviations of a call, and
    `bound` the names that a quantifier has taken.
    """

    local: Mapping[str, Type] = field(default_factory=dict)
    own: str = ""
    lets: Mapping[str, tree.Let] = field(default_factory=dict)
    bound: frozenset[str] = frozenset()

    def is_own(self, name: str) -> bool:
        """Whether the name is the first part of a cell of the own object."""
        return bool(self.own) and name in self.local and name not in self.bound


def own_scope(program: Program, state: str) -> dict[str, Type]:
    """What an expression inside a state can name: its keys and the first part of each cell."""
    found = program.states[state]
    local: dict[str, Type] = {key.name: key.type for key in found.keys}
    for path, cell in found.cells.items():
        first = path.split(".")[0]
        local[first] = cell.type if first == path else RefType(state, first)
    return local


def mentions(typer: Typer, expr: tree.Expr, scope: Scope) -> list[Mention]:
    """Everything that the expression speaks about."""
    return list(_Walk(typer, None, set()).expr(expr, scope))


def mentions_of_action(typer: Typer, action: tree.Action, span: Span | None = None) -> list[Mention]:
    """Everything that an action speaks about; `span` is where it is performed."""
    scope = Scope(_typed(typer, action.parameters))
    parts = [part for update in action.updates for part in (update.place, update.value)]
    return [mention for part in parts for mention in _Walk(typer, span, set()).expr(part, scope)]


def _typed(typer: Typer, parameters: tuple[tree.Parameter, ...]) -> dict[str, Type]:
    return {parameter.name: typer.names.resolve_type(parameter.type) for parameter in parameters}


class _Walk:
    """Writes definitions out, each once; `outer` is the place in the expression that was asked about."""

    def __init__(self, typer: Typer, outer: Span | None, seen: set[str]) -> None:
        self.typer = typer
        self.program = typer.program
        self.outer = outer
        self.seen = seen

    def expr(self, expr: tree.Expr, scope: Scope) -> Iterator[Mention]:
        match expr:
            case tree.Name():
                yield from self.name(expr, scope)
            case tree.Member(_, base, name):
                found = self.typer.type_of(base, scope.local)
                if isinstance(found, RefType):
                    cell = self.program.cell(found.state, f"{found.path}.{name}" if found.path else name)
                    if cell is not None:
                        own = scope.is_own(_root(base)) and found.state == scope.own
                        yield Mention("cell", cell.name, self.outer or expr.span, expr.span, cell, own)
                yield from self.expr(base, scope)
            case tree.Quantified(_, _, parameters, body):
                local = _typed(self.typer, parameters)
                lets = {name: let for name, let in scope.lets.items() if name not in local}
                inner = replace(scope, local={**scope.local, **local}, lets=lets, bound=scope.bound | set(local))
                yield from self.expr(body, inner)
            case _:
                for child in children(expr):
                    yield from self.expr(child, scope)
        if isinstance(expr, tree.Apply) and isinstance(expr.function, tree.Name):
            pure = self.program.pures.get(expr.function.text)
            if pure is not None:
                yield from self.definition(pure.name, pure.body, Scope(_typed(self.typer, pure.parameters)), expr.span)

    def name(self, expr: tree.Name, scope: Scope) -> Iterator[Mention]:
        text, program = expr.text, self.program
        if text in scope.lets:
            yield from self.definition(f"let {text}", scope.lets[text].value, scope, expr.span)
        elif text in scope.local:
            cell = program.cell(scope.own, text) if scope.is_own(text) else None
            if cell is not None:
                yield Mention("cell", cell.name, self.outer or expr.span, expr.span, cell, own=True)
        elif text in program.actors:
            yield Mention("actor", text, self.outer or expr.span, expr.span)
        elif program.thread is not None and text == program.thread.name:
            yield Mention("thread", text, self.outer or expr.span, expr.span)
        elif text in program.lets:
            yield from self.definition(text, program.lets[text].value, Scope(), expr.span)

    def definition(self, name: str, body: tree.Expr, scope: Scope, span: Span) -> Iterator[Mention]:
        if name not in self.seen:
            self.seen.add(name)
            yield from _Walk(self.typer, self.outer or span, self.seen).expr(body, scope)


def _root(expr: tree.Expr) -> str:
    while isinstance(expr, tree.Member):
        expr = expr.base
    return expr.text if isinstance(expr, tree.Name) else ""


__all__ = ["Mention", "Scope", "mentions", "mentions_of_action", "own_scope"]
