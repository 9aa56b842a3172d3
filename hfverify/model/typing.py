"""Give each expression of a specification its type.

Reads   syntax.tree expressions, model.program.Program
Gives   types; every name that passes here resolves the same way when it is evaluated
Refuses unknown names (HF201), types that do not fit (HF203), literals out of range (HF204)
"""

from __future__ import annotations

from collections.abc import Mapping

from hfverify.diagnostics import Collector
from hfverify.model.constants import MOST_BITS, constant_value
from hfverify.model.names import Names
from hfverify.model.program import Program
from hfverify.model.types import (
    BAD,
    BOOL,
    INT,
    BadType,
    BitsType,
    BytesType,
    FifoType,
    IntType,
    LockType,
    MapType,
    NoneType,
    OptionalType,
    RefType,
    SetType,
    Type,
    accepts,
    bounds,
    comparable,
    is_integral,
    is_scalar,
)
from hfverify.syntax import tree

BUILTINS = {
    "append": 2, "remove": 2, "first": 1, "ticket": 2, "overwrite": 3,
    "insert": 2, "erase": 2, "cardinality": 1, "lowest": 1,
    "fill": 4, "count": 4, "total": 2, "within": 3, "old": 1,
}  # fmt: skip
OF_BITS = ("insert", "erase", "cardinality", "lowest")
OF_MAPS = ("fill", "count", "total", "within")


class Typer:
    """Types expressions against one program; `local` names hide global ones."""

    def __init__(self, program: Program, collector: Collector) -> None:
        self.program = program
        self.names = Names(program, collector)
        self.layout: Mapping[str, Type] = {}
        self.relates = False
        self._lets: dict[str, Type] = {}

    def boolean(self, expr: tree.Expr, local: Mapping[str, Type]) -> None:
        """Require a truth value."""
        found = self.type_of(expr, local)
        if found not in (BOOL, BAD):
            self.names.error("HF203", expr.span, f"this is {found}, but a condition must be bool")

    def relation(self, expr: tree.Expr, local: Mapping[str, Type]) -> None:
        """Require a truth value that may speak about the state before, with `old(…)`."""
        self.relates = True
        try:
            self.boolean(expr, local)
        finally:
            self.relates = False

    def expect(self, expr: tree.Expr, target: Type, local: Mapping[str, Type]) -> None:
        """Require a value that may be stored as `target`."""
        found = self.type_of(expr, local)
        if not accepts(target, found):
            self.names.error("HF203", expr.span, f"this is {found}, but {target} is expected")
        value = constant_value(self.program, expr, local)
        if value is not None and not _inside(value, target):
            low, high = bounds(target)
            self.names.error("HF204", expr.span, f"{value} does not fit {target} ({low} .. {high})")

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
                        return self.names.error("HF203", branch.span, f"this is {found}, which `if` cannot choose")
                if accepts(left, right):
                    return left
                if accepts(right, left):
                    return right
                for some, other in ((left, right), (right, left)):
                    if isinstance(some, IntType) and isinstance(other, NoneType) and (some.low or 0) >= 0:
                        return OptionalType(some)
                return self.names.error("HF203", span, f"one branch is {left}, the other {right}")
            case tree.Quantified(_, _, parameters, body):
                inner = dict(local)
                self.names.local_names((parameter.name, parameter.span) for parameter in parameters)
                for parameter in parameters:
                    found = self.names.resolve_type(parameter.type)
                    if not isinstance(found, IntType | BadType):
                        found = self.names.error(
                            "HF203", parameter.type.span, f"a quantifier ranges over numbers, not {found}"
                        )
                    inner[parameter.name] = found
                self.boolean(body, inner)
                return BOOL
            case tree.SetLiteral(_, items):
                types = [self.type_of(item, local) for item in items]
                for item, found in zip(items, types, strict=True):
                    if not is_scalar(found):
                        self.names.error("HF203", item.span, f"this is {found}, which a set cannot hold")
                    elif not comparable(types[0], found):
                        self.names.error("HF203", item.span, f"this is {found}, but the set holds {types[0]}")
                return SetType(types[0] if types else None)

    def integral(self, expr: tree.Expr, local: Mapping[str, Type]) -> None:
        found = self.type_of(expr, local)
        if not is_integral(found) and not isinstance(found, OptionalType):
            self.names.error("HF203", expr.span, f"this is {found}, but a number is expected")

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
            return self.names.error("HF203", expr.span, f"`{text}` needs its fields", f"write `{text}(…)`")
        if text in program.actors:
            state = program.actors[text].state
            return RefType(state) if state in program.states else BAD
        if program.thread is not None and text == program.thread.name:
            return self.names.resolve_type(program.thread.type)
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
        return self.names.unknown(expr.span, "name", text, known)

    def member(self, expr: tree.Member, local: Mapping[str, Type]) -> Type:
        base = self.type_of(expr.base, local)
        layout = self.program.layout
        if layout is not None and isinstance(base, IntType) and base.name == layout.name:
            if expr.name in self.layout:
                return self.layout[expr.name]
            return self.names.unknown(expr.span, f"in `{layout.name}`, the link", expr.name, self.layout)
        if not isinstance(base, RefType):
            return base if base == BAD else self.names.error("HF203", expr.span, f"{base} has no `{expr.name}`")
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
        return self.names.unknown(expr.span, f"in `{state.name}`, the cell", path, parts)

    def index(self, expr: tree.Index, local: Mapping[str, Type]) -> Type:
        named = (
            isinstance(expr.base, tree.Name) and expr.base.text in local and expr.base.text not in self.program.states
        )
        if isinstance(expr.base, tree.Member) or named:
            found = self.type_of(expr.base, local)
            if isinstance(found, MapType) and len(expr.arguments) == 1:
                self.integral(expr.arguments[0], local)
                return found.value
            if found == BAD:
                return BAD
        if not isinstance(expr.base, tree.Name) or expr.base.text not in self.program.states:
            return self.names.error("HF203", expr.span, "only a state or a map can be indexed")
        state = self.program.states[expr.base.text]
        if len(state.keys) != len(expr.arguments):
            return self.names.error(
                "HF203", expr.span, f"`{state.name}` has {len(state.keys)} keys, not {len(expr.arguments)}"
            )
        for argument in expr.arguments:
            self.integral(argument, local)
        return RefType(state.name)

    def apply(self, expr: tree.Apply, local: Mapping[str, Type]) -> Type:
        if not isinstance(expr.function, tree.Name):
            return self.names.error("HF203", expr.span, "only a named function can be applied")
        name = expr.function.text
        if name in self.program.variants:
            return self.construct(expr, name, local)
        if expr.keywords:
            return self.names.error("HF203", expr.span, f"`{name}` takes no named fields")
        if name in self.program.pures:
            pure = self.program.pures[name]
            if len(pure.parameters) != len(expr.arguments):
                return self.names.error(
                    "HF203", expr.span, f"`{name}` takes {len(pure.parameters)} arguments, not {len(expr.arguments)}"
                )
            for argument, parameter in zip(expr.arguments, pure.parameters, strict=True):
                self.expect(argument, self.names.resolve_type(parameter.type), local)
            return self.names.resolve_type(pure.type)
        if name in BUILTINS:
            return self.builtin(expr, name, local)
        return self.names.unknown(
            expr.function.span, "function", name, [*self.program.variants, *self.program.pures, *BUILTINS]
        )

    def construct(self, expr: tree.Apply, name: str, local: Mapping[str, Type]) -> Type:
        variant = self.program.variants[name]
        given = dict(expr.keywords)
        if expr.arguments or len(given) != len(expr.keywords):
            self.names.error("HF203", expr.span, f"the fields of `{name}` are given by name, each once")
        for field in variant.tree.fields:
            if field.name not in given:
                self.names.error("HF203", expr.span, f"`{name}` needs the field `{field.name}`")
            else:
                self.expect(given.pop(field.name), self.names.resolve_type(field.type), local)
        for extra in given:
            self.names.unknown(expr.span, f"in `{name}`, the field", extra, [f.name for f in variant.tree.fields])
        return variant.encoding

    def builtin(self, expr: tree.Apply, name: str, local: Mapping[str, Type]) -> Type:
        if len(expr.arguments) != BUILTINS[name]:
            return self.names.error(
                "HF203", expr.span, f"`{name}` takes {BUILTINS[name]} arguments, not {len(expr.arguments)}"
            )
        types = [self.type_of(argument, local) for argument in expr.arguments]
        if BAD in types:
            return BAD
        if name == "old":
            if not self.relates:
                return self.names.error("HF203", expr.span, "`old` means something in an `ensures` only")
            return types[0]
        if name in OF_MAPS:
            return self.of_maps(expr, name, types)
        if name == "overwrite":
            if not (isinstance(types[0], BytesType) and isinstance(types[1], BytesType) and is_integral(types[2])):
                return self.names.error("HF203", expr.span, "`overwrite` takes old bytes, new bytes and a number")
            return types[0]
        queue = types[0]
        if name in OF_BITS:
            return self.of_bits(expr, name, types)
        if not isinstance(queue, FifoType):
            return self.names.error("HF203", expr.arguments[0].span, f"this is {queue}, but `{name}` takes a fifo")
        if len(types) == 2 and not comparable(queue.element, types[1]):
            return self.names.error(
                "HF203", expr.arguments[1].span, f"this is {types[1]}, but the fifo holds {queue.element}"
            )
        return {"first": queue.element, "ticket": INT}.get(name, queue)

    def of_maps(self, expr: tree.Apply, name: str, types: list[Type]) -> Type:
        """`fill` and `count(map, first, last, value)`, `total(map, value)`, `within(map, map, value)`."""
        if not isinstance(types[0], MapType):
            return self.names.error("HF203", expr.arguments[0].span, f"this is {types[0]}, but `{name}` takes a map")
        if name == "within" and types[1] != types[0]:
            return self.names.error(
                "HF203", expr.arguments[1].span, f"this is {types[1]}, but `within` takes two maps of one type"
            )
        numbers = 2 if name == "within" else 1
        for argument, found in zip(expr.arguments[numbers:], types[numbers:], strict=True):
            if not is_integral(found):
                self.names.error("HF203", argument.span, f"this is {found}, but a number is expected")
        if name == "fill":
            return types[0]
        return BOOL if name == "within" else INT

    def of_bits(self, expr: tree.Apply, name: str, types: list[Type]) -> Type:
        bits = types[0]
        if not isinstance(bits, BitsType):
            return self.names.error("HF203", expr.arguments[0].span, f"this is {bits}, but `{name}` takes bits")
        if len(types) == 2 and not is_integral(types[1]):
            return self.names.error("HF203", expr.arguments[1].span, f"this is {types[1]}, but the set holds numbers")
        return bits if len(types) == 2 else INT

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
            elif isinstance(container, BitsType):
                inner = INT
            elif isinstance(container, SetType):
                inner = container.element
            elif container == BAD:
                return BOOL
            else:
                self.names.error("HF203", right.span, f"this is {container}, but `in` needs a set or a fifo")
                return BOOL
            if not is_scalar(element):
                self.names.error("HF203", left.span, f"this is {element}, which no set or fifo holds")
            elif inner is not None and not comparable(inner, element):
                self.names.error("HF203", left.span, f"this is {element}, but the container holds {inner}")
            return BOOL
        if operator in ("==", "!="):
            a, b = self.type_of(left, local), self.type_of(right, local)
            if not comparable(a, b):
                self.names.error("HF203", expr.span, f"{a} and {b} cannot be compared")
            for side, other in ((left, b), (right, a)):
                value = constant_value(self.program, side, local)
                if value is not None and isinstance(other, IntType) and not _inside(value, other):
                    self.names.error("HF204", expr.span, f"{value} never equals a value of {other}")
            return BOOL
        if operator == "&" and isinstance(self.type_of(left, local), BitsType):
            a, b = self.type_of(left, local), self.type_of(right, local)
            return a if a == b else self.names.error("HF203", expr.span, f"{a} and {b} have no common members")
        self.integral(left, local)
        self.integral(right, local)
        distance = constant_value(self.program, right, local) if operator in ("<<", ">>") else None
        if distance is not None and distance > MOST_BITS:
            return self.names.error("HF204", expr.span, f"this shifts by more than {MOST_BITS} bits")
        return BOOL if operator in ("<", "<=", ">", ">=") else INT


def _inside(value: int, type_: Type) -> bool:
    low, high = bounds(type_)
    return (low is None or low <= value) and (high is None or value <= high)
