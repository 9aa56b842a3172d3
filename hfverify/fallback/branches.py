"""Import the implementation so that every condition that it decides says which way it went.

Reads   the source of the modules below a folder
Gives   events: the place of each condition and how it was decided, in the order of the run
Refuses a run that decides more than MOST conditions (Endless)
"""

from __future__ import annotations

import ast
import builtins
import os
import sys
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

# The file below the folder, line and column, both from 1.
Place = tuple[str, int, int]
# A run that decides so many conditions is taken to have no end.
MOST = 20_000
DECIDES = "__hfverify_decides__"
TURNS = "__hfverify_turns__"


class Endless(BaseException):
    """The run decides one condition after another; the code must not catch this."""


class Branches:
    """Records; one for each process."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.process = os.getpid()
        self.places: set[Place] = set()
        self.events: list[tuple[object, object]] = []
        self.compiled: dict[str, CodeType] = {}

    def install(self) -> None:
        """From here on, what is imported from the folder is recorded."""
        setattr(builtins, DECIDES, self._decides)
        setattr(builtins, TURNS, self._turns)
        sys.path_hooks.insert(0, self._finder)
        sys.path_importer_cache.clear()

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

    def _turns(self, place: Place) -> None:
        self.note(place, None)

    def _finder(self, path: str) -> FileFinder:
        if not f"{path}/".startswith(f"{self.root}/"):
            raise ImportError(path)
        branches = self

        class Bound(_Loader):
            recorder = branches

        return FileFinder(path, (Bound, [".py"]))


class _Loader(SourceFileLoader):
    recorder: Branches

    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew: what lies beside the source was compiled without events."""
        path = self.get_filename(fullname)
        if path not in self.recorder.compiled:
            tree = ast.parse(self.get_data(path), path)
            _Marks(self.recorder, Path(path).relative_to(self.recorder.root).as_posix()).visit(tree)
            code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
            self.recorder.compiled[path] = code
        return self.recorder.compiled[path]


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
        parts: list[ast.expr] = [ast.Constant(part) for part in place]
        return ast.copy_location(ast.Tuple(parts, ast.Load()), node)

    def _noted(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.BoolOp():
                return self.visit_BoolOp(node)
            case ast.UnaryOp(op=ast.Not()):
                node.operand = self._noted(node.operand)
                return node
        place = self.place(node)
        self.generic_visit(node)
        function = ast.copy_location(ast.Name(DECIDES, ast.Load()), node)
        return ast.copy_location(ast.Call(function, [place, node], []), node)

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
        turn = ast.Expr(ast.Call(ast.Name(TURNS, ast.Load()), [self.place(node)], []))
        self.generic_visit(node)
        node.body.insert(0, ast.copy_location(turn, node.body[0]))
        return node
