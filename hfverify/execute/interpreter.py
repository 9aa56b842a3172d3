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
from hfverify.execute.values import NONE, Builtin, EnumValue, Maybe, NoneValue, Text, TupleValue, Value
from hfverify.execute.world import Impure, World
from hfverify.logic.values import Part, Ref, conjunction
from hfverify.logic.words import Flag, Powers, Word, is_not_zero
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
    """One call: its function and its local names; or, with `importing`, a module while it is imported.

    `lost` are local names whose value is not known, with the reason.
    """

    function: Function
    names: dict[str, Value] = field(default_factory=dict)
    importing: bool = False
    lost: dict[str, str] = field(default_factory=dict)

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


def module_frame(module: Module) -> Frame:
    """Where the expressions at the top of a module are evaluated."""
    none = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    node = ast.FunctionDef("<module>", none, [], [], lineno=1, col_offset=0)
    return Frame(Function(f"{module.name}:<module>", node, module), importing=True)


class Oracle(Protocol):
    """Says which way a path goes, and what it may still find."""

    def decide(self, condition: z3.BoolRef, world: World) -> bool: ...

    def allows(self, condition: z3.BoolRef, world: World) -> bool: ...


Eval = Callable[["Interpreter", ast.expr, Frame], Value]
Exec = Callable[["Interpreter", ast.stmt, Frame], None]
EXPRESSIONS: dict[type[ast.expr], Eval] = {}
STATEMENTS: dict[type[ast.stmt], Exec] = {}


# What happens in place of a call of a function: it gets the bound arguments and the place, and gives the result.
Intercept = Callable[["Interpreter", Function, dict[str, Value], Span], Value]


class Interpreter:
    """Runs one path. `contracts` are the functions that are not entered but described.

    `intercepts` are functions that are not entered at all; `enters` hears of every other function that is, and
    `declared` are the exceptions that the path may end with. `choose` decides branches in place of the oracle, where
    several paths are to become one value.
    """

    def __init__(
        self,
        program: Program,
        sources: Sources,
        world: World,
        oracle: Oracle,
        contracts: dict[str, list[tree.Contract]],
    ) -> None:
        self.program = program
        self.sources = sources
        self.world = world
        self.oracle = oracle
        self.contracts = contracts
        self.functions = program.functions
        self.writers = program.writers
        self.decisions: list[Decision] = []
        self.stack: list[Function] = []
        self.trail: list[Span] = []
        self.confined: list[set[str]] = []
        self.powers = Powers()
        self.intercepts: dict[str, Intercept] = {}
        self.enters: Callable[[Function, World], None] = lambda function, world: None
        self.declared: tuple[str, ...] = ()
        self.choose: Callable[[z3.BoolRef], bool] | None = None
        # Functions that were found to do more than to compute; shared by all paths of one exploration.
        self.effectful: set[str] = set()
        self._constants: dict[int, Value] = {}

    # ------------------------------------------------------------ refusals and branches

    def refuse(self, node: ast.AST, frame: Frame, message: str, help_: str = "") -> Refusal:
        """The error for a construct outside the subset."""
        return Refusal("HF401", message, frame.span(node), help_)

    def branch(self, condition: z3.BoolRef, node: ast.AST, frame: Frame, text: str = "") -> bool:
        """Go one way; the other way is another path. `text` is how the condition is shown."""
        plain = z3.simplify(condition)
        if z3.is_true(plain) or z3.is_false(plain):
            return bool(z3.is_true(plain))
        if self.choose is not None:
            return self.choose(condition)
        if self.world.speculating:
            raise Impure
        taken = self.oracle.decide(condition, self.world)
        self.decisions.append(
            Decision(condition, taken, frame.span(node), text or ast.unparse(node), len(self.world.assumptions))
        )
        self.world.assume(condition if taken else z3.Not(condition))
        self.world.facts.ranges.learn(condition, taken)
        return taken

    def require(self, goal: z3.BoolRef, node: ast.AST, frame: Frame, message: str) -> None:
        """A path that does not meet this raises an exception."""
        self.world.check("raises", goal, "HF508", message, frame.span(node))
        if z3.is_false(z3.simplify(goal)):
            raise PathEnds("raises")

    def demand(self, goal: z3.BoolRef, exception: str, node: ast.AST, frame: Frame, message: str) -> None:
        """Where this does not hold the exception is raised: the path ends by it, if that is declared."""
        if exception not in self.declared:
            self.require(goal, node, frame, message)
        elif not self.branch(goal, node, frame):
            raise PathEnds(exception)

    def computed(self, node: ast.expr, frame: Frame) -> Value | None:
        """The value of an expression that does nothing but compute it, and never fails; None for any other."""
        length, outer, cells = len(self.trail), self.world.speculating, self.world.cells
        self.world.speculating = True
        try:
            value = self.evaluate(node, frame)
            assert self.world.cells is cells, "an expression that is only computed has changed something"
            return value
        except (Impure, Refusal):
            del self.trail[length:]
            return None
        finally:
            self.world.speculating = outer

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
            return conjunction([value.present, self.truthiness(value.value, node, frame)])
        if isinstance(value, TupleValue):
            return z3.BoolVal(len(value.items) > 0)
        if isinstance(value, Text):
            return z3.BoolVal(value.text != "")
        if isinstance(value, Flag):
            return value.truth
        if isinstance(value, Word):
            return is_not_zero(self.world.facts, value)
        if isinstance(value, Ref | Part) and self._is_always_true(value):
            return z3.BoolVal(True)
        raise self.refuse(node, frame, "the truth of this value is not supported", "compare it explicitly")

    def class_of(self, ref: Ref) -> Class | None:
        """The class whose instances stand for the objects of a state."""
        represent = self.program.represents.get(ref.state)
        return self.sources.class_(represent.target, represent.span) if represent is not None else None

    def _is_always_true(self, value: Ref | Part) -> bool:
        cls = self.class_of(value) if isinstance(value, Ref) else None
        return cls is not None and cls.is_always_true

    # ------------------------------------------------------------ calls and names

    def is_trusted(self, kind: str, function: Function) -> bool:
        """Whether the proof files trust the function to play this part, whatever its text is."""
        trusted = self.program.trusts.get(kind)
        return trusted is not None and trusted.target == function.name

    def invoke(self, function: Function, arguments: dict[str, Value], span: Span) -> tuple[Value, Span]:
        """Call a function of the implementation: its body is executed in place."""
        name = function.name.split(":")[1]
        if any(active.name == function.name for active in self.stack):
            chain = " -> ".join(f.name.split(":")[1] for f in self.stack)
            raise Refusal("HF402", f"`{name}` calls itself", span, f"called through {chain}")
        self._examine(function, name)
        self.stack.append(function)
        frame = Frame(function, arguments)
        try:
            self.execute(function.node.body, frame)
        except Returned as returned:
            return returned.value, returned.span
        finally:
            self.stack.pop()
        last = function.node.body[-1]
        return NONE, frame.span(last)

    def _examine(self, function: Function, name: str) -> None:
        """Refuse a function that does not mean what its body alone says."""
        if function.node.decorator_list:
            raise Refusal("HF401", "a decorated function is not supported", function.span)
        if self.sources.resolve(function.module, name) is not function:
            raise Refusal("HF401", self.sources.unclear(function.module, name), function.span)
        if function.node.args.vararg or function.node.args.kwarg:
            message = f"`{name}` takes a variable number of arguments, which is not supported"
            raise Refusal("HF401", message, function.span)
        if function.unusual is not None:
            message = f"{_kind(function.unusual)} is not supported"
            raise Refusal("HF401", message, function.module.span(function.unusual))
        interference = self.sources.interference(function.module)
        if interference is not None:
            raise Refusal("HF401", interference[1], interference[0])

    def locals_of(self, frame: Frame) -> set[str]:
        """The names that are local in the whole function, also before they have a value."""
        if frame.importing:
            return set()
        return frame.function.local_names

    def lookup(self, name: str, node: ast.AST, frame: Frame) -> Value:
        """A local or global name."""
        if name in frame.lost:
            raise self.refuse(node, frame, f"`{name}` is not known here: {frame.lost[name]}")
        if name in frame.names:
            return frame.names[name]
        if name in self.locals_of(frame):
            self.require(z3.BoolVal(False), node, frame, f"`{name}` has no value on this path")
        if frame.importing and not _bound_before(frame.module, name, node):
            raise self.refuse(node, frame, f"`{name}` gets its meaning after this")
        found = self.sources.resolve(frame.module, name)
        if isinstance(found, Function | Class | Module):
            return found
        if isinstance(found, tuple):
            return self.constant(*found)
        why = self.sources.unclear(frame.module, name)
        if why:
            raise self.refuse(node, frame, f"`{name}` is not known here", why)
        if name in BUILTINS:
            return Builtin(name)
        raise self.refuse(node, frame, f"`{name}` is not known here", "only names of the implementation can be used")

    def constant(self, module: Module, expr: ast.expr) -> Value:
        """The value of a module's constant."""
        if id(expr) not in self._constants:
            self._constants[id(expr)] = self.evaluate(expr, module_frame(module))
        return self._constants[id(expr)]


def _bound_before(module: Module, name: str, node: ast.AST) -> bool:
    """Whether what the module binds to the name is there when the node is evaluated on import."""
    places = module.bound.get(name, ())
    end = [(getattr(place, "end_lineno", 0), getattr(place, "end_col_offset", 0)) for place in places]
    return all(place < (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)) for place in end)


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
