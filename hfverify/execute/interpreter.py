"""Execute one path of a function: frames, branches, calls. The handlers of each node register here.

Reads   execute.source.Function
Gives   Interpreter, which one path drives from its first statement to its return
Refuses every construct without a handler (HF401), recursion (HF402)
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import z3

from hfverify.diagnostics import Span
from hfverify.execute.source import Class, Function, Module, Sources
from hfverify.execute.values import NONE, Builtin, EnumValue, Maybe, NoneValue, Value
from hfverify.execute.world import World
from hfverify.model.program import Program
from hfverify.syntax import tree

BUILTINS = ("len", "range", "min", "max", "bool", "int", "abs")


class Refusal(Exception):
    """A construct outside the supported subset: it is never skipped or approximated."""

    def __init__(self, code: str, message: str, span: Span, help_: str = "") -> None:
        super().__init__(f"{span}: {message}")
        self.code = code
        self.message = message
        self.span = span
        self.help = help_


class PathEnds(Exception):
    """The path cannot go on: its last check failed for certain, or a loop came round."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Returned(Exception):
    """A `return` statement; carries the value and the place."""

    def __init__(self, value: Value, span: Span) -> None:
        super().__init__()
        self.value = value
        self.span = span


class LoopControl(Exception):
    """`break` or `continue`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(slots=True)
class Frame:
    """One call: its function, its local names, and the annotations that give parameters their width."""

    function: Function
    names: dict[str, Value] = field(default_factory=dict)
    loops: dict[int, int] = field(default_factory=dict)

    @property
    def module(self) -> Module:
        return self.function.module

    def span(self, node: ast.AST) -> Span:
        """Where a node of this function stands."""
        return self.module.span(node)


@dataclass(frozen=True, slots=True)
class Decision:
    """A branch of the path: the condition as it was taken."""

    condition: z3.BoolRef
    taken: bool
    span: Span
    text: str
    depth: int


class Oracle(Protocol):
    """Says which way a path goes."""

    def decide(self, condition: z3.BoolRef, world: World) -> bool: ...


Eval = Callable[["Interpreter", ast.expr, Frame], Value]
Exec = Callable[["Interpreter", ast.stmt, Frame], None]
EXPRESSIONS: dict[type[ast.expr], Eval] = {}
STATEMENTS: dict[type[ast.stmt], Exec] = {}


class Interpreter:
    """Runs one path. `contracts` are the functions that are not entered but described."""

    def __init__(
        self, program: Program, sources: Sources, world: World, oracle: Oracle, contracts: dict[str, list[tree.Contract]]
    ) -> None:
        self.program = program
        self.sources = sources
        self.world = world
        self.oracle = oracle
        self.contracts = contracts
        self.decisions: list[Decision] = []
        self.stack: list[Function] = []
        self.trail: list[Span] = []
        self.entered: set[str] = set()
        self._constants: dict[tuple[str, str], Value] = {}

    # ------------------------------------------------------------ refusals and branches

    def refuse(self, node: ast.AST, frame: Frame, message: str, help_: str = "") -> Refusal:
        """The error for a construct outside the subset."""
        return Refusal("HF401", message, frame.span(node), help_)

    def branch(self, condition: z3.BoolRef, node: ast.AST, frame: Frame) -> bool:
        """Go one way; the other way is another path."""
        plain = z3.simplify(condition)
        if z3.is_true(plain) or z3.is_false(plain):
            return z3.is_true(plain)
        taken = self.oracle.decide(condition, self.world)
        self.decisions.append(
            Decision(condition, taken, frame.span(node), ast.unparse(node), len(self.world.assumptions))
        )
        self.world.assume(condition if taken else z3.Not(condition))
        return taken

    def require(self, goal: z3.BoolRef, node: ast.AST, frame: Frame, message: str) -> None:
        """A path that does not meet this raises an exception."""
        self.world.check("raises", goal, "HF508", message, frame.span(node))
        if z3.is_false(z3.simplify(goal)):
            raise PathEnds("raises")

    def split(self, value: Value, node: ast.AST, frame: Frame) -> Value:
        """Decide whether a value that may be None is."""
        if not isinstance(value, Maybe):
            return value
        return value.value if self.branch(value.present, node, frame) else NONE

    def present(self, value: Value, node: ast.AST, frame: Frame, use: str) -> Value:
        """The value, which must not be None."""
        if isinstance(value, Maybe):
            self.require(value.present, node, frame, f"`{ast.unparse(node)}` may be None where {use}")
            return value.value
        if isinstance(value, NoneValue):
            self.require(z3.BoolVal(False), node, frame, f"`{ast.unparse(node)}` is None where {use}")
        return value

    # ------------------------------------------------------------ evaluation

    def evaluate(self, node: ast.expr, frame: Frame) -> Value:
        """The value of an expression."""
        handler = EXPRESSIONS.get(type(node))
        if handler is None:
            raise self.refuse(node, frame, f"{_kind(node)} is not supported")
        return handler(self, node, frame)

    def execute(self, body: list[ast.stmt], frame: Frame) -> None:
        """Run statements in order."""
        for node in body:
            handler = STATEMENTS.get(type(node))
            if handler is None:
                raise self.refuse(node, frame, f"{_kind(node)} is not supported")
            self.trail.append(frame.span(node))
            handler(self, node, frame)

    def truth(self, node: ast.expr, frame: Frame) -> bool:
        """Whether a condition holds on this path."""
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self.truth(value, frame) for value in values)
            case ast.BoolOp(op=ast.Or(), values=values):
                return any(self.truth(value, frame) for value in values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.truth(operand, frame)
        return self.branch(self.truthiness(self.evaluate(node, frame), node, frame), node, frame)

    def truthiness(self, value: Value, node: ast.AST, frame: Frame) -> z3.BoolRef:
        """`bool(value)`."""
        if isinstance(value, z3.BoolRef):
            return value
        if isinstance(value, z3.ArithRef):
            return value != 0
        if isinstance(value, EnumValue) and value.is_int:
            return value.term != 0
        if isinstance(value, NoneValue):
            return z3.BoolVal(False)
        if isinstance(value, Maybe):
            return value.present
        raise self.refuse(node, frame, "the truth of this value is not supported", "compare it explicitly")

    # ------------------------------------------------------------ calls and names

    def invoke(self, function: Function, arguments: dict[str, Value], span: Span) -> tuple[Value, Span]:
        """Call a function of the implementation: its body is executed in place."""
        if any(active.name == function.name for active in self.stack):
            chain = " -> ".join(f.name.split(":")[1] for f in self.stack)
            raise Refusal("HF402", f"`{function.name.split(':')[1]}` calls itself", span, f"called through {chain}")
        if function.node.decorator_list:
            raise Refusal("HF401", "a decorated function is not supported", function.span)
        self.stack.append(function)
        self.entered.add(function.name)
        frame = Frame(function, arguments)
        try:
            self.execute(function.node.body, frame)
        except Returned as returned:
            return returned.value, returned.span
        finally:
            self.stack.pop()
        last = function.node.body[-1]
        return NONE, frame.span(last)

    def lookup(self, name: str, node: ast.AST, frame: Frame) -> Value:
        """A local or global name."""
        if name in frame.names:
            return frame.names[name]
        found = self.sources.resolve(frame.module, name)
        if isinstance(found, Function | Class | Module):
            return found
        if isinstance(found, tuple):
            module, value = found
            key = (module.name, name)
            if key not in self._constants:
                holder = Function(f"{module.name}:<module>", ast.FunctionDef(name, body=[]), module)  # type: ignore[call-arg]
                self._constants[key] = self.evaluate(value, Frame(holder))
            return self._constants[key]
        if name in BUILTINS:
            return Builtin(name)
        if _assigned_later(name, frame):
            self.require(z3.BoolVal(False), node, frame, f"`{name}` has no value on this path")
        raise self.refuse(node, frame, f"`{name}` is not known here", "only names of the implementation can be used")


def _assigned_later(name: str, frame: Frame) -> bool:
    return any(
        isinstance(inner, ast.Name) and inner.id == name and isinstance(inner.ctx, ast.Store)
        for statement in frame.function.node.body
        for inner in ast.walk(statement)
    )


def _kind(node: ast.AST) -> str:
    names = {
        "Try": "`try`",
        "Lambda": "`lambda`",
        "ListComp": "a list comprehension",
        "DictComp": "a dict comprehension",
        "SetComp": "a set comprehension",
        "GeneratorExp": "a generator expression",
        "JoinedStr": "an f-string",
        "Yield": "`yield`",
        "YieldFrom": "`yield from`",
        "Await": "`await`",
        "NamedExpr": "`:=`",
        "Dict": "a dict",
        "Set": "a set",
        "List": "a list",
        "Starred": "`*`",
        "Delete": "`del`",
        "Global": "`global`",
        "Nonlocal": "`nonlocal`",
        "Import": "an import inside a function",
        "ImportFrom": "an import inside a function",
        "FunctionDef": "a function inside a function",
        "ClassDef": "a class inside a function",
        "AsyncFunctionDef": "`async def`",
        "AsyncWith": "`async with`",
        "AsyncFor": "`async for`",
        "TryStar": "`try`",
    }
    return names.get(type(node).__name__, f"`{type(node).__name__}`")
