"""What a new object is: each class that holds a state begins with the initial values of the state's cells.

Reads   model.program.Represent, execute.source.Class
Gives   a verdict for each state, from the text of its class alone; positions and constants are whatever its maker says
Refuses nothing: where the text does not say how an attribute begins, the verdict is UNKNOWN, with the place
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass

from hfverify.diagnostics import NOWHERE, Diagnostic, Rejected, Span, also, at
from hfverify.execute.classes import Unclear, attribute
from hfverify.execute.scopes import bindings, shadows_standard_library
from hfverify.execute.source import Class, Function, Module, Sources
from hfverify.model.constants import constant_value
from hfverify.model.expressions import dotted, walk
from hfverify.model.program import Cell, Program
from hfverify.model.types import BitsType, FifoType, MapType, OptionalType
from hfverify.syntax import tree
from hfverify.verdict import Obligation, Status, Verdict

NEW = "new"
KIND = "created"
CODE = "HF518"
SENTENCE = "a new `{}` begins with the initial values of its cells"
# What a class may define that says how an instance begins.
HOOKS = ("__init__", "__post_init__", "__new__", "__setattr__")
OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.BitOr: operator.or_, ast.BitAnd: operator.and_, ast.Add: operator.add, ast.Sub: operator.sub,
    ast.Mult: operator.mul, ast.LShift: operator.lshift,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filled:
    """A map that has one value everywhere."""

    value: int


@dataclass(frozen=True, slots=True)
class Empty:
    """A list without members."""


@dataclass(frozen=True, slots=True)
class Zeros:
    """So many words without a bit."""

    count: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """What is not there yet: below an attribute that begins as None."""


Start = int | bool | None | Filled | Empty | Zeros | Nothing | Class


class Unsaid(Exception):
    """The text of a class does not say how an attribute begins."""

    def __init__(self, reason: str, span: Span) -> None:
        super().__init__(reason)
        self.reason = reason
        self.span = span


def new_objects(program: Program, sources: Sources) -> list[Verdict]:
    """A verdict for each state that a class holds, in the order of the specification."""
    return [_of_state(program, sources, name) for name in program.states if name in program.represents]


def _of_state(program: Program, sources: Sources, name: str) -> Verdict:
    state, represent = program.states[name], program.represents[name]
    cls = sources.class_(represent.target, represent.span)
    place = cls.module.span(cls.node)
    sentence = SENTENCE.format(cls.node.name)
    obligation = Obligation(f"{NEW}.{name}", KIND, NEW, sentence, state.span, _first_line(place))
    try:
        interference = sources.interference(cls.module)
        if interference is not None:
            raise Unsaid(interference[1], interference[0])
        for cell in state.cells.values():
            if not cell.is_constant and not _is_anything(cell):
                wrong = _differs(program, sources, cls, cell)
                if wrong is not None:
                    found = Diagnostic(wrong.code, wrong.message, wrong.labels, (("obligation", obligation.name),))
                    return Verdict(obligation, Status.REFUTED, reason=wrong.message, diagnostic=found)
        for lock in [lock for lock in program.locks.values() if lock.state == name]:
            _demand_own_lock(program, sources, cls, lock.name.partition(".")[2])
        for link in [name for name, _, _ in cls.fields() if program.lists_through(state.name, name)]:
            if (
                link not in _stored_later(program, sources, cls)
                and _begins(program, sources, cls, [link], Above(name)) != Empty()
            ):
                raise Unsaid(f"a new `{cls.node.name}` is not seen to be on no list through `{link}`", place)
    except Unsaid as unsaid:
        labels = (at(unsaid.span), also(state.span, "this state"))
        diagnostic = Diagnostic("HF401", unsaid.reason, labels, (("obligation", obligation.name),))
        return Verdict(obligation, Status.UNKNOWN, reason=unsaid.reason, diagnostic=diagnostic)
    return Verdict(obligation, Status.PROVED, steps=1)


def _demand_own_lock(program: Program, sources: Sources, cls: Class, name: str) -> None:
    """Every object makes a lock for itself: two that share one would wait for themselves."""
    default, trusted = _field(cls, name), program.trusts.get("spinlock")
    if trusted is None or not _is_defined(sources, trusted.target):
        # That no such class is trusted is said where it should be.
        return
    match default:
        case ast.Call(func=function, args=[], keywords=[ast.keyword(arg="default_factory", value=ast.Name(id=made))]):
            found = sources.resolve(cls.module, made)
            outside = cls.module.imported(ast.Name(id=made)).rpartition(".")
            named = found.name if isinstance(found, Class) else f"{outside[0]}:{outside[2]}"
            plain = cls.module.imported(function) == "dataclasses.field"
            if plain and named == trusted.target:
                return
    place = cls.module.span(default if default is not None else cls.node)
    raise Unsaid(f"a new `{cls.node.name}` is not seen to make its own `{name}`", place)


def _is_defined(sources: Sources, target: str) -> bool:
    if shadows_standard_library(target.split(":")[0]):
        return True
    try:
        sources.defined(target, NOWHERE)
    except Rejected:
        return False
    return True


def _is_anything(cell: Cell) -> bool:
    """Whether somebody else may change the cell at any time, so that nobody relies on how it begins."""
    return cell.is_fickle and not cell.is_atomic and cell.initial is None


def _first_line(span: Span) -> Span:
    return Span(span.file, span.line, span.column, span.line, span.column + len("class"))


def _differs(program: Program, sources: Sources, cls: Class, cell: Cell) -> Diagnostic | None:
    """What is wrong with the attribute that holds the cell, or what stands for it."""
    path = _attribute(program, cell)
    found = _begins(program, sources, cls, path.split("."), Above(cell.state))
    if found is None and path != _own(cell) and not isinstance(cell.type, OptionalType):
        # What is said of an object that is not there: it can only be that it is not.
        mapping = program.represents[cell.state].mappings[path]
        if not isinstance(mapping, tree.MapsNone):
            return None
        found = False
    wanted = _initial(program, cell)
    if found is None and isinstance(wanted, bool):
        found = False
    if isinstance(found, Nothing) or found == wanted:
        return None
    value = _field(cls, path.split(".")[0])
    place = cls.module.span(value if value is not None else cls.node)
    message = f"a new `{cls.node.name}` has another `{path}` than specified"
    labels = (at(place, f"begins as {_shown(found)}"), also(cell.span, f"begins as {_shown(wanted)}"))
    return Diagnostic(CODE, message, labels)


def _own(cell: Cell) -> str:
    return cell.name.partition(".")[2]


def _attribute(program: Program, cell: Cell) -> str:
    """The path of the attribute that holds a cell, or of the one that stands for it."""
    own = _own(cell)
    for path, mapping in program.represents[cell.state].mappings.items():
        match mapping:
            case tree.MapsTo(place=tree.Index(arguments=parts)) if own in _names(parts):
                return path
            case tree.MapsNone(condition=condition) if own in _names((condition,)):
                return path
            case tree.MapsList(cell=name) | tree.MapsWords(cell=name) if name == own:
                return path
    return own


def _names(parts: tuple[tree.Expr, ...]) -> set[str]:
    return {dotted(inner) for part in parts for inner in walk(part)}


def _begins(program: Program, sources: Sources, cls: Class, names: list[str], above: Above) -> Start:
    """How the attribute at this path of a new instance begins; `above` is where the instance itself hangs."""
    place, path = cls.module.span(cls.node), ".".join([*above.path, names[0]])
    options = cls.dataclass_options()
    if options is None or options.get("init") is False:
        raise Unsaid(f"`{cls.node.name}` is no plain dataclass", place)
    try:
        found = attribute(sources, cls, names[0])
    except Unclear as unclear:
        raise Unsaid(str(unclear), place) from unclear
    if names[0] in _stored_later(program, sources, cls):
        raise Unsaid(f"`{cls.node.name}.__post_init__` says how `{names[0]}` begins", place)
    if found is None:
        if _is_kept_elsewhere(program, above.state, path):
            return Nothing()
        raise Unsaid(f"`{cls.node.name}` has no `{names[0]}`", place)
    default = _field(cls, names[0])
    if default is None:
        raise Unsaid(f"a new `{cls.node.name}` gets `{names[0]}` from whoever makes it", place)
    start = _default(program, sources, cls.module, default)
    made = _kind(program, start)
    if made and made != found.named:
        raise Unsaid(f"`{names[0]}` of a new `{cls.node.name}` is no `{found.named}`", cls.module.span(default))
    if len(names) == 1:
        return start
    if isinstance(start, Class):
        return _begins(program, sources, start, names[1:], Above(above.state, (*above.path, names[0])))
    if start is None and isinstance(program.represents[above.state].mappings.get(path), tree.MapsNone):
        return Nothing()
    raise Unsaid(f"`{names[0]}` of a new `{cls.node.name}` has no attributes", cls.module.span(default))


@dataclass(frozen=True, slots=True)
class Above:
    """The state that an instance is a part of, and the path that leads to it."""

    state: str
    path: tuple[str, ...] = ()


def _kind(program: Program, start: Start) -> str:
    """The full name of the class of which an object was made, if one was."""
    if isinstance(start, Class):
        return start.name
    if isinstance(start, Filled):
        return program.trusts["map"].target
    return program.layout.target if isinstance(start, Empty) and program.layout is not None else ""


def _is_kept_elsewhere(program: Program, state: str, path: str) -> bool:
    """Whether a trusted function says that it changes the cell: then no attribute of the class has to hold it."""
    updates = [u for call in program.functions.values() if call.trusted for o in call.outcomes for u in o.effects]
    places = [update.place for update in updates if isinstance(update, tree.Update)]
    return any(dotted(place) == f"{state}.{path}" for place in places)


def _stored_later(program: Program, sources: Sources, cls: Class) -> set[str]:
    """The attributes in which `__post_init__` puts places in lists; it must do nothing else."""
    stored: set[str] = set()
    bound = bindings(cls.node.body)
    for item in [item for hook in HOOKS for item in bound.get(hook, ())]:
        if not isinstance(item, ast.FunctionDef) or item.decorator_list or len(bound[item.name]) != 1:
            raise Unsaid(f"`{cls.node.name}` begins in a way that its text does not say", cls.module.span(item))
        for statement in item.body:
            match statement:
                case ast.Expr(value=ast.Constant()):
                    continue
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id=me), attr=name)],
                    value=ast.Call(func=ast.Name(id=made), args=[ast.Name(id=owner)], keywords=[]),
                ) if item.name == "__post_init__" and me == owner == item.args.args[0].arg:
                    place = sources.resolve(cls.module, made)
                    if isinstance(place, Class) and _is_list(program, place) and _is_alone(program, sources, place):
                        stored.add(name)
                        continue
            message = f"`{cls.node.name}.{item.name}` does more than to make places in lists"
            raise Unsaid(message, cls.module.span(statement))
    return stored


def _is_list(program: Program, cls: Class) -> bool:
    return program.layout is not None and cls.name == program.layout.target


def _field(cls: Class, name: str) -> ast.expr | None:
    return next((default for field, _, default in cls.fields() if field == name), None)


def _default(program: Program, sources: Sources, module: Module, expr: ast.expr) -> Start:
    """What a default says."""
    match expr:
        case ast.Call(func=function, args=[], keywords=keywords) if module.imported(function) == "dataclasses.field":
            given = {keyword.arg: keyword.value for keyword in keywords}
            if "default" in given:
                return _default(program, sources, module, given["default"])
            if "default_factory" in given:
                return _made(program, sources, module, given["default_factory"])
        case ast.Constant(value=bool() | int() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(program, sources, module, operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            a, b = _number(program, sources, module, left), _number(program, sources, module, right)
            return OPERATORS[type(op)](a, b)
        case ast.Name(id=name):
            found = sources.resolve(module, name)
            if isinstance(found, tuple):
                return _default(program, sources, *found)
        case ast.Attribute(value=ast.Name(id=name), attr=member):
            enum = sources.resolve(module, name)
            if isinstance(enum, Class) and enum.is_enum:
                for item in enum.node.body:
                    match item:
                        case ast.Assign(targets=[ast.Name(id=text)], value=ast.Constant(value=int() as number)):
                            if text == member:
                                return number
    raise Unsaid(f"`{ast.unparse(expr)}` does not say what a new object has here", module.span(expr))


def _number(program: Program, sources: Sources, module: Module, expr: ast.expr) -> int:
    found = _default(program, sources, module, expr)
    if isinstance(found, int):
        return found
    raise Unsaid(f"`{ast.unparse(expr)}` is no number", module.span(expr))


def _made(program: Program, sources: Sources, module: Module, factory: ast.expr) -> Start:
    """What a default factory makes."""
    match factory:
        case ast.Name(id=name):
            found = sources.resolve(module, name)
            if isinstance(found, Class):
                return _instance(program, sources, found, module, [])
        case ast.Lambda(args=ast.arguments(args=[], posonlyargs=[], kwonlyargs=[], vararg=None, kwarg=None), body=body):
            match body:
                case ast.List(elts=items):
                    if all(_number(program, sources, module, item) == 0 for item in items):
                        return Zeros(len(items))
                case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                    found = sources.resolve(module, name)
                    if isinstance(found, Class):
                        return _instance(program, sources, found, module, arguments)
    raise Unsaid(f"`{ast.unparse(factory)}` does not say what a new object has here", module.span(factory))


def _instance(program: Program, sources: Sources, cls: Class, module: Module, arguments: list[ast.expr]) -> Start:
    """A new object below a new object: a list is empty, a map is full of its argument."""
    if _is_list(program, cls):
        if _is_alone(program, sources, cls):
            return Empty()
        raise Unsaid(f"a new `{cls.node.name}` is not seen to be empty", cls.module.span(cls.node))
    trusted = program.trusts.get("map")
    if trusted is not None and cls.name == trusted.target:
        if len(arguments) != 1:
            raise Unsaid(f"a new `{cls.node.name}` is full of its only argument", cls.module.span(cls.node))
        return Filled(_number(program, sources, module, arguments[0]))
    return cls


def _is_alone(program: Program, sources: Sources, cls: Class) -> bool:
    """Whether the constructor of a list's class ends with a function that makes the new entry a list of its own."""
    fresh = [c.name for c in program.contracts if [role.kind for role in c.roles] == ["fresh"] and not c.requires]
    bound = bindings(cls.node.body)
    match bound.get("__init__"):
        case [ast.FunctionDef(decorator_list=[], body=[*before, last]) as made]:
            me = made.args.args[0].arg if made.args.args else ""
        case _:
            return False
    if any(hook in bound for hook in HOOKS if hook != "__init__") or cls.node.decorator_list:
        return False
    match last:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=[ast.Name(id=given)], keywords=[])):
            found = sources.resolve(cls.module, name)
            plain = all(_only_stores(statement, me) for statement in before)
            return isinstance(found, Function) and found.name in fresh and plain and me == given
    return False


def _only_stores(statement: ast.stmt, me: str) -> bool:
    """Whether the statement puts a parameter or a constant into an attribute of the new object."""
    match statement:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=target))], value=ast.Name(id=value)):
            return target == me != value
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=target))], value=ast.Constant()):
            return target == me
        case ast.Expr(value=ast.Constant()):
            return True
    return False


def _initial(program: Program, cell: Cell) -> Start:
    """What the specification says a new cell has."""
    number: int | None = 0
    truth = None
    if cell.initial is not None:
        match cell.initial:
            case tree.Literal(_, bool() as value):
                truth = value
            case tree.Literal(_, None):
                number = None
            case tree.Name(_, text) if text in program.enum_items:
                number = program.enum_items[text][1]
            case tree.SetLiteral():
                number = 0
            case expr:
                number = constant_value(program, expr, ())
    elif isinstance(cell.type, OptionalType):
        number = None
    if isinstance(cell.type, FifoType):
        return Empty()
    if isinstance(cell.type, BitsType):
        words = (m for m in program.represents[cell.state].mappings.values() if isinstance(m, tree.MapsWords))
        width = next(mapping.width for mapping in words if mapping.cell == _own(cell))
        return Zeros(cell.type.width // width)
    if isinstance(cell.type, MapType):
        assert number is not None
        return Filled(number)
    return truth if truth is not None else number


def _shown(value: Start) -> str:
    match value:
        case Empty():
            return "empty"
        case Zeros(count):
            return f"{count} words of 0"
        case Filled(number):
            return f"{number:#x} everywhere"
        case None:
            return "none"
        case Class():
            return f"a `{value.node.name}`"
        case Nothing():
            return "nothing"
        case bool():
            return str(value).lower()
        case _:
            return str(value)
