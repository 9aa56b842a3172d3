"""Give each expression of a specification its type.

Reads   syntax.tree expressions, model.program.Program
Gives   types; every name that passes here resolves the same way when it is evaluated
Refuses unknown names (HF201), types that do not fit (HF203), literals out of range (HF204)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from hfverify.diagnostics import Collector, Span, also, at
from hfverify.model.program import Program
from hfverify.model.types import (
    BAD,
    BOOL,
    INT,
    SIGNED,
    UNSIGNED,
    BadType,
    BytesType,
    FifoType,
    IntType,
    LockType,
    NoneType,
    OptionalType,
    RefType,
    SetType,
    Type,
    accepts,
    bounds,
    comparable,
    int_type,
    is_integral,
    is_scalar,
)
from hfverify.syntax import tree

MOST_BITS = 1024
MOST_BYTES = 1 << 24
TYPES = ("bool", "optional", "fifo", "bytes", *UNSIGNED, *SIGNED)
BUILTINS = {"append": 2, "remove": 2, "first": 1, "ticket": 2, "overwrite": 3}


class Typer:
    """Types expressions against one program; `local` names hide global ones."""

    def __init__(self, program: Program, collector: Collector) -> None:
        self.program = program
        self.collector = collector
        self.layout: Mapping[str, Type] = {}
        self.states: set[str] = set()
        self._lets: dict[str, Type] = {}

    # ------------------------------------------------------------ errors

    def error(self, code: str, span: Span, message: str, help_: str = "") -> Type:
        self.collector.error(code, message, at(span), notes=(("help", help_),) if help_ else ())
        return BAD

    def unknown(self, span: Span, what: str, name: str, known: Iterable[str]) -> Type:
        close = difflib.get_close_matches(name, list(known), n=1)
        return self.error(
            "HF201", span, f"{what} `{name}` is not declared", f"did you mean `{close[0]}`?" if close else ""
        )

    def local_names(self, named: Iterable[tuple[str, Span]]) -> None:
        """Names of parameters and arguments: each once, and none that stands for the machine as a whole."""
        program, seen = self.program, dict[str, Span]()
        fixed = dict.fromkeys(program.sizes, "a size") | dict.fromkeys(program.actors, "an actor")
        if program.thread is not None:
            fixed[program.thread.name] = "the thread"
        for name, span in named:
            if name in fixed:
                self.error("HF202", span, f"`{name}` is {fixed[name]} already; choose another name")
            if name in seen:
                self.collector.error(
                    "HF202", f"`{name}` is declared twice", at(span, "again here"), also(seen[name], "first here")
                )
            seen.setdefault(name, span)

    # ------------------------------------------------------------ types

    def resolve_type(self, type_: tree.Type) -> Type:
        """The meaning of a written type."""

        match type_.name, type_.arguments:
            case "bool", ():
                return BOOL
            case "optional", (tree.Type() as inner,):
                resolved = self.resolve_type(inner)
                if isinstance(resolved, IntType) and (resolved.low is None or resolved.low >= 0):
                    return OptionalType(resolved)
                return self.error("HF203", type_.span, "`optional` needs an unsigned type")
            case "fifo", (tree.Type() as inner,):
                resolved = self.resolve_type(inner)
                if isinstance(resolved, IntType):
                    return FifoType(resolved)
                return self.error("HF203", type_.span, "`fifo` needs an integer type")
            case "bytes", (int() as length,):
                if 0 < length <= MOST_BYTES:
                    return BytesType(length)
                return self.error("HF204", type_.span, f"a buffer has 1 .. {MOST_BYTES} bytes, not {length}")
            case name, ():
                found = int_type(name) or self.program.types.get(name)
                if found is None and name in (self.program.states.keys() | self.states):
                    found = RefType(name)
                if found is not None:
                    return found
        if type_.name in ("optional", "fifo", "bytes"):
            inside = "a number" if type_.name == "bytes" else "a type"
            return self.error("HF203", type_.span, f"`{type_.name}` needs {inside}: `{type_.name}<…>`")
        if type_.arguments:
            return self.error("HF203", type_.span, f"`{type_.name}` takes nothing in `<…>`")
        known = [*self.program.types, *self.program.states, *TYPES]
        return self.unknown(type_.span, "type", type_.name, known)

    # ------------------------------------------------------------ expressions

    def boolean(self, expr: tree.Expr, local: Mapping[str, Type]) -> None:
        """Require a truth value."""
        found = self.type_of(expr, local)
        if found not in (BOOL, BAD):
            self.error("HF203", expr.span, f"this is {found}, but a condition must be bool")

    def expect(self, expr: tree.Expr, target: Type, local: Mapping[str, Type]) -> None:
        """Require a value that may be stored as `target`."""
        found = self.type_of(expr, local)
        if not accepts(target, found):
            self.error("HF203", expr.span, f"this is {found}, but {target} is expected")
        value = self.constant_value(expr, local)
        if value is not None and not _inside(value, target):
            low, high = bounds(target)
            self.error("HF204", expr.span, f"{value} does not fit {target} ({low} .. {high})")

    def type_of(self, expr: tree.Expr, local: Mapping[str, Type]) -> Type:
        """The type of an expression; `BAD` after an error."""
        match expr:
            case tree.Literal(_, value):
                return BOOL if isinstance(value, bool) else NoneType() if value is None else INT
            case tree.Name():
                return self.name(expr, local)
            case tree.Member():
                return self.member(expr, local)
            case tree.Index():
                return self.index(expr, local)
            case tree.Apply():
                return self.apply(expr, local)
            case tree.Unary(_, operator, operand):
                if operator == "not":
                    self.boolean(operand, local)
                    return BOOL
                self.integral(operand, local)
                return INT
            case tree.Binary():
                return self.binary(expr, local)
            case tree.Conditional(span, condition, then, otherwise):
                self.boolean(condition, local)
                left, right = self.type_of(then, local), self.type_of(otherwise, local)
                for branch, found in ((then, left), (otherwise, right)):
                    if isinstance(found, LockType | SetType) or (isinstance(found, RefType) and found.path):
                        return self.error("HF203", branch.span, f"this is {found}, which `if` cannot choose")
                if accepts(left, right):
                    return left
                if accepts(right, left):
                    return right
                return self.error("HF203", span, f"one branch is {left}, the other {right}")
            case tree.Quantified(_, _, parameters, body):
                inner = dict(local)
                self.local_names((parameter.name, parameter.span) for parameter in parameters)
                for parameter in parameters:
                    found = self.resolve_type(parameter.type)
                    if not isinstance(found, IntType | BadType):
                        found = self.error(
                            "HF203", parameter.type.span, f"a quantifier ranges over numbers, not {found}"
                        )
                    inner[parameter.name] = found
                self.boolean(body, inner)
                return BOOL
            case tree.SetLiteral(_, items):
                types = [self.type_of(item, local) for item in items]
                for item, found in zip(items, types, strict=True):
                    if not is_scalar(found):
                        self.error("HF203", item.span, f"this is {found}, which a set cannot hold")
                    elif not comparable(types[0], found):
                        self.error("HF203", item.span, f"this is {found}, but the set holds {types[0]}")
                return SetType(types[0] if types else None)

    def integral(self, expr: tree.Expr, local: Mapping[str, Type]) -> None:
        found = self.type_of(expr, local)
        if not is_integral(found) and not isinstance(found, OptionalType):
            self.error("HF203", expr.span, f"this is {found}, but a number is expected")

    def name(self, expr: tree.Name, local: Mapping[str, Type]) -> Type:
        program = self.program
        text = expr.text
        if text in local:
            return local[text]
        if text in program.consts:
            return program.consts[text][0]
        if text in program.sizes:
            return program.sizes[text]
        if text in program.enum_items:
            return program.enum_items[text][0]
        if text in program.variants and not program.variants[text].tree.fields:
            return program.variants[text].encoding
        if text in program.variants:
            return self.error("HF203", expr.span, f"`{text}` needs its fields", f"write `{text}(…)`")
        if text in program.actors:
            return RefType(program.actors[text].state)
        if program.thread is not None and text == program.thread.name:
            return self.resolve_type(program.thread.type)
        if text in program.lets:
            if text not in self._lets:
                self._lets[text] = self.type_of(program.lets[text].value, {})
            return self._lets[text]
        if text in program.states and not program.states[text].keys:
            return RefType(text)
        known = [
            *local,
            *program.consts,
            *program.sizes,
            *program.enum_items,
            *program.variants,
            *program.actors,
            *program.lets,
        ]
        return self.unknown(expr.span, "name", text, known)

    def member(self, expr: tree.Member, local: Mapping[str, Type]) -> Type:
        base = self.type_of(expr.base, local)
        layout = self.program.layout
        if layout is not None and isinstance(base, IntType) and base.name == layout.name:
            if expr.name in self.layout:
                return self.layout[expr.name]
            return self.unknown(expr.span, f"in `{layout.name}`, the link", expr.name, self.layout)
        if not isinstance(base, RefType):
            return base if base == BAD else self.error("HF203", expr.span, f"{base} has no `{expr.name}`")
        state = self.program.states[base.state]
        path = f"{base.path}.{expr.name}" if base.path else expr.name
        if not base.path:
            for key in state.keys:
                if key.name == expr.name:
                    return key.type
            if f"{state.name}.{expr.name}" in self.program.locks:
                return LockType(f"{state.name}.{expr.name}")
        if path in state.cells:
            return state.cells[path].type
        if state.has_part(path):
            return RefType(state.name, path)
        parts = [p for cell in state.cells for p in cell.split(".")] + [k.name for k in state.keys]
        return self.unknown(expr.span, f"in `{state.name}`, the cell", path, parts)

    def index(self, expr: tree.Index, local: Mapping[str, Type]) -> Type:
        if not isinstance(expr.base, tree.Name) or expr.base.text not in self.program.states:
            return self.error("HF203", expr.span, "only a state can be indexed")
        state = self.program.states[expr.base.text]
        if len(state.keys) != len(expr.arguments):
            return self.error(
                "HF203", expr.span, f"`{state.name}` has {len(state.keys)} keys, not {len(expr.arguments)}"
            )
        for argument in expr.arguments:
            self.integral(argument, local)
        return RefType(state.name)

    def apply(self, expr: tree.Apply, local: Mapping[str, Type]) -> Type:
        if not isinstance(expr.function, tree.Name):
            return self.error("HF203", expr.span, "only a named function can be applied")
        name = expr.function.text
        if name in self.program.variants:
            return self.construct(expr, name, local)
        if expr.keywords:
            return self.error("HF203", expr.span, f"`{name}` takes no named fields")
        if name in self.program.pures:
            pure = self.program.pures[name]
            if len(pure.parameters) != len(expr.arguments):
                return self.error(
                    "HF203", expr.span, f"`{name}` takes {len(pure.parameters)} arguments, not {len(expr.arguments)}"
                )
            for argument, parameter in zip(expr.arguments, pure.parameters, strict=True):
                self.expect(argument, self.resolve_type(parameter.type), local)
            return self.resolve_type(pure.type)
        if name in BUILTINS:
            return self.builtin(expr, name, local)
        return self.unknown(
            expr.function.span, "function", name, [*self.program.variants, *self.program.pures, *BUILTINS]
        )

    def construct(self, expr: tree.Apply, name: str, local: Mapping[str, Type]) -> Type:
        variant = self.program.variants[name]
        given = dict(expr.keywords)
        if expr.arguments or len(given) != len(expr.keywords):
            self.error("HF203", expr.span, f"the fields of `{name}` are given by name, each once")
        for field in variant.tree.fields:
            if field.name not in given:
                self.error("HF203", expr.span, f"`{name}` needs the field `{field.name}`")
            else:
                self.expect(given.pop(field.name), self.resolve_type(field.type), local)
        for extra in given:
            self.unknown(expr.span, f"in `{name}`, the field", extra, [f.name for f in variant.tree.fields])
        return variant.encoding

    def builtin(self, expr: tree.Apply, name: str, local: Mapping[str, Type]) -> Type:
        if len(expr.arguments) != BUILTINS[name]:
            return self.error(
                "HF203", expr.span, f"`{name}` takes {BUILTINS[name]} arguments, not {len(expr.arguments)}"
            )
        types = [self.type_of(argument, local) for argument in expr.arguments]
        if BAD in types:
            return BAD
        if name == "overwrite":
            if not (isinstance(types[0], BytesType) and isinstance(types[1], BytesType) and is_integral(types[2])):
                return self.error("HF203", expr.span, "`overwrite` takes old bytes, new bytes and a number")
            return types[0]
        queue = types[0]
        if not isinstance(queue, FifoType):
            return self.error("HF203", expr.arguments[0].span, f"this is {queue}, but `{name}` takes a fifo")
        if len(types) == 2 and not comparable(queue.element, types[1]):
            return self.error(
                "HF203", expr.arguments[1].span, f"this is {types[1]}, but the fifo holds {queue.element}"
            )
        return {"first": queue.element, "ticket": INT}.get(name, queue)

    def constant_value(self, expr: tree.Expr, local: Mapping[str, Type]) -> int | None:
        """The number that an expression stands for, if literals and constants alone say so."""
        match expr:
            case tree.Literal(_, value) if isinstance(value, int) and not isinstance(value, bool):
                return value
            case tree.Name(_, text) if text not in local and text in self.program.consts:
                return self.constant_value(self.program.consts[text][1], {})
            case tree.Unary(_, "-" | "+" as sign, operand):
                number = self.constant_value(operand, local)
                return number if number is None or sign == "+" else -number
            case tree.Binary(_, operator, left, right):
                a, b = self.constant_value(left, local), self.constant_value(right, local)
                return None if a is None or b is None else _computed(operator, a, b)
        return None

    def binary(self, expr: tree.Binary, local: Mapping[str, Type]) -> Type:
        operator, left, right = expr.operator, expr.left, expr.right
        if operator in ("and", "or", "==>"):
            self.boolean(left, local)
            self.boolean(right, local)
            return BOOL
        if operator in ("in", "not in"):
            element, container = self.type_of(left, local), self.type_of(right, local)
            if isinstance(container, FifoType):
                inner: Type | None = container.element
            elif isinstance(container, SetType):
                inner = container.element
            elif container == BAD:
                return BOOL
            else:
                self.error("HF203", right.span, f"this is {container}, but `in` needs a set or a fifo")
                return BOOL
            if not is_scalar(element):
                self.error("HF203", left.span, f"this is {element}, which no set or fifo holds")
            elif inner is not None and not comparable(inner, element):
                self.error("HF203", left.span, f"this is {element}, but the container holds {inner}")
            return BOOL
        if operator in ("==", "!="):
            a, b = self.type_of(left, local), self.type_of(right, local)
            if not comparable(a, b):
                self.error("HF203", expr.span, f"{a} and {b} cannot be compared")
            for value, other in ((self.constant_value(left, local), b), (self.constant_value(right, local), a)):
                if value is not None and isinstance(other, IntType) and not _inside(value, other):
                    self.error("HF204", expr.span, f"{value} never equals a value of {other}")
            return BOOL
        self.integral(left, local)
        self.integral(right, local)
        distance = self.constant_value(right, local) if operator in ("<<", ">>") else None
        if distance is not None and distance > MOST_BITS:
            return self.error("HF204", expr.span, f"this shifts by more than {MOST_BITS} bits")
        return BOOL if operator in ("<", "<=", ">", ">=") else INT


def _inside(value: int, type_: Type) -> bool:
    low, high = bounds(type_)
    return (low is None or low <= value) and (high is None or value <= high)


def _computed(operator: str, left: int, right: int) -> int | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if right > 0:
            return left // right
        case "%" if right > 0:
            return left % right
        case "<<" if 0 <= right <= MOST_BITS:
            return left << right
        case ">>" if 0 <= right <= MOST_BITS:
            return left >> right
        case "&":
            return left & right
        case "|":
            return left | right
    return None
