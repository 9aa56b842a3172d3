"""Note every condition that the implementation decides, which way it went, and which functions it enters.

Reads   the source of the modules below a folder, as explain.loading hands it over
Gives   events: the place of each condition and how it was decided, in the order of the run
Refuses a run that decides more than MOST conditions (Endless)
"""

from __future__ import annotations

import ast
import builtins
import os
from typing import Any, TypeVar

from hfverify.explain.signals import Signal

# The file below the folder, line and column, both from 1; column 0 is that of an arm as a whole.
Place = tuple[str, int, int]
# A function: its file, its first and its last line.
Extent = tuple[str, int, int]
# A run that decides so many conditions is taken to have no end.
MOST = 20_000
DECIDES = "__hfverify_decides__"
TURNS = "__hfverify_turns__"
ENTERS = "__hfverify_enters__"
FAILS = "__hfverify_fails__"
FITS = "__hfverify_fits__"
TAKEN = "__hfverify_taken__"


class Endless(Signal):
    """The run decides one condition after another."""


class Branches:
    """Records; one for each process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.places: set[Place] = set()
        # The numbers with which the code compares something.
        self.numbers: set[int] = set()
        self.events: list[tuple[object, object]] = []
        self.entered: set[Extent] = set()
        self._fits: set[Place] = set()
        noted = {
            DECIDES: self._decides,
            TURNS: self._turns,
            ENTERS: self.entered.add,
            FITS: self._matches,
            TAKEN: self._taken,
            FAILS: self._fails,
        }
        for name, function in noted.items():
            setattr(builtins, name, function)

    def change(self, module: ast.Module, name: str, file: str) -> None:
        """Let a module tell what it decides."""
        del name
        self.numbers |= _compared(module)
        _Marks(self, file).visit(module)

    def clear(self) -> None:
        """Before a run."""
        self.events.clear()
        self.entered.clear()
        self._fits.clear()

    def note(self, what: object, how: object) -> None:
        """An event."""
        if os.getpid() != self.process:
            # The code has made a copy of this process, which must not go on with the search.
            os._exit(1)
        self.events.append((what, how))
        if len(self.events) > MOST:
            self.events.clear()
            raise Endless(f"it does not end within {MOST} decisions")

    def _decides(self, place: Place, value: Any) -> Any:
        # An object of the machine that is asked whether it is true may take that for a read.
        plain = isinstance(value, int | float | str | bytes | list | tuple | dict | set | frozenset)
        self.note(place, bool(value) if plain else value is not None)
        return value

    def _turns(self, place: Place) -> bool:
        self.note(place, None)
        return True

    def _matches(self, place: Place) -> bool:
        """An arm fits, whether or not it is taken then."""
        self.note(place, True)
        self._fits.add(place)
        return True

    def _taken(self, place: Place) -> bool:
        self._fits.discard(place)
        return True

    def _fails(self, place: Place) -> bool:
        """Behind an arm that was not taken; if it fitted, that is noted."""
        if place not in self._fits:
            self.note(place, False)
        self._fits.discard(place)
        return False


TryNode = TypeVar("TryNode", ast.Try, ast.TryStar)


class _Marks(ast.NodeTransformer):
    """Every part of a condition that is decided by itself is passed through a function that notes it."""

    def __init__(self, branches: Branches, file: str) -> None:
        self.branches = branches
        self.file = file

    def place(self, node: ast.expr | ast.stmt) -> ast.expr:
        """Where a node stands, as an expression."""
        place = (self.file, node.lineno, node.col_offset + 1)
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant):
            self.branches.places.add(place)
        return _told(place, node)

    def _noted(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.BoolOp():
                return self.visit_BoolOp(node)
            case ast.UnaryOp(op=ast.Not()):
                node.operand = self._noted(node.operand)
                return node
        place = self.place(node)
        self.generic_visit(node)
        return _call(DECIDES, node, place, node)

    def _tested(self, node: Any) -> Any:
        node.test = self._noted(node.test)
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, ast.expr):
                node.body = self.visit(value)
            elif name == "orelse" and isinstance(value, ast.expr):
                node.orelse = self.visit(value)
            elif isinstance(value, list):
                setattr(node, name, [self.visit(inner) for inner in value])
        return node

    visit_If = visit_While = visit_IfExp = visit_Assert = _tested  # noqa: N815

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.BoolOp:
        """Each operand decides whether the next one is looked at."""
        node.values = [self._noted(value) for value in node.values]
        return node

    def visit_For(self, node: ast.For) -> ast.For:
        """A loop over what has no end decides nothing by itself."""
        turn = ast.Expr(_call(TURNS, node, self.place(node)))
        self.generic_visit(node)
        node.body.insert(0, ast.copy_location(turn, node.body[0]))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        """Its conditions; and a turn for each item."""
        turn = _call(TURNS, node.target, _told((self.file, node.target.lineno, 0), node.target))
        node.iter = self.visit(node.iter)
        node.ifs = [turn, *map(self._noted, node.ifs)]
        return node

    def visit_Match(self, node: ast.Match) -> ast.Match:
        """Each arm fits or does not; one that always fits decides nothing."""
        node.subject = self.visit(node.subject)
        cases: list[ast.match_case] = []
        for case in node.cases:
            pattern, guard = case.pattern, case.guard
            case.guard = self._noted(guard) if guard is not None else None
            case.body = [self.visit(statement) for statement in case.body]
            cases.append(case)
            if _always(pattern):
                continue
            # A single value has the place of a condition that compares it.
            single = isinstance(pattern, ast.MatchValue | ast.MatchSingleton)
            place = (self.file, pattern.lineno, pattern.col_offset + 1 if single else 0)
            self.branches.places.add(place)
            begin = case.body[0]
            fits = _call(FITS, begin, _told(place, begin))
            taken = _call(TAKEN, begin, _told(place, begin))
            decided = [fits, *([case.guard] if case.guard is not None else []), taken]
            case.guard = ast.copy_location(ast.BoolOp(ast.And(), decided), begin)
            fails = _call(FAILS, begin, _told(place, begin))
            cases.append(ast.match_case(ast.MatchAs(), fails, [ast.copy_location(ast.Pass(), begin)]))
        node.cases = cases
        return node

    def visit_Try(self, node: ast.Try) -> ast.Try:
        """An exception comes to a handler or does not."""
        return self._handled(node)

    def visit_TryStar(self, node: ast.TryStar) -> ast.TryStar:
        """The same."""
        return self._handled(node)

    def _handled(self, node: TryNode) -> TryNode:
        self.generic_visit(node)
        for handler in node.handlers:
            place = (self.file, handler.lineno, 0)
            self.branches.places.add(place)
            for body, function in ((handler.body, FITS), (node.finalbody, FAILS)):
                body.insert(0, ast.copy_location(ast.Expr(_call(function, node, _told(place, node))), node))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """It tells when it is entered."""
        extent = (self.file, node.lineno, node.end_lineno or node.lineno)
        self.generic_visit(node)
        enters = ast.copy_location(ast.Expr(_call(ENTERS, node, _told(extent, node))), node)
        node.body.insert(1 if ast.get_docstring(node, clean=False) is not None else 0, enters)
        return node


def _compared(module: ast.Module) -> set[int]:
    """Numbers in comparisons and patterns, and those at which loops end."""
    compared = (node for node in ast.walk(module) if isinstance(node, ast.Compare | ast.MatchValue) or _ranges(node))
    parts = (part.value for node in compared for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {value for value in parts if isinstance(value, int) and not isinstance(value, bool)}


def _ranges(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def _always(pattern: ast.pattern) -> bool:
    """Whether an arm with this pattern fits whatever comes."""
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _always(inner)
        case ast.MatchOr(patterns=patterns):
            return any(_always(inner) for inner in patterns)
    return False


def _told(place: Place, node: ast.expr | ast.stmt) -> ast.expr:
    parts: list[ast.expr] = [ast.Constant(part) for part in place]
    return ast.copy_location(ast.Tuple(parts, ast.Load()), node)


def _call(function: str, place: ast.expr | ast.stmt, *arguments: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Call(ast.Name(function, ast.Load()), list(arguments), []), place)
