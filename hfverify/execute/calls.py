"""Calls: functions are executed in place, contracts are applied, value objects are built.

Reads   ast.Call
Gives   the value of the call
Refuses a callee that is not known (HF401)
"""

from __future__ import annotations

import ast

import z3

from hfverify.diagnostics import Span
from hfverify.execute.encodings import write
from hfverify.execute.functions import apply
from hfverify.execute.interpreter import Frame, Interpreter, PathEnds, module_frame
from hfverify.execute.maps import call_method
from hfverify.execute.objects import declared, enum_members, length
from hfverify.execute.source import Class, Function
from hfverify.execute.summaries import summarised
from hfverify.execute.values import (
    NONE,
    Builtin,
    EnumValue,
    ListHead,
    ListLink,
    LockMethod,
    MapMethod,
    Maybe,
    PageAt,
    Range,
    Record,
    Sequence,
    TupleValue,
    Value,
    Words,
)
from hfverify.logic.evaluate import Env, Thunk
from hfverify.logic.values import Fifo, Ref, disjunction
from hfverify.logic.values import Value as SpecValue
from hfverify.model.program import Cell, list_node
from hfverify.syntax import tree


def call(run: Interpreter, node: ast.expr, frame: Frame) -> Value:
    """`callee(arguments)`."""
    assert isinstance(node, ast.Call)
    callee = run.evaluate(node.func, frame)
    if isinstance(callee, Function) and run.is_trusted("pause", callee):
        _pause(run, callee, node, frame)
        return NONE
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
        raise run.refuse(node, frame, "`*` and `**` in a call are not supported")
    positional = [run.evaluate(argument, frame) for argument in node.args]
    named = {k.arg: run.evaluate(k.value, frame) for k in node.keywords if k.arg is not None}
    match callee:
        case Function():
            if frame.importing:
                raise run.refuse(node, frame, "a call while the module is imported is not supported")
            if run.confined and callee.name not in run.confined[-1]:
                raise run.refuse(node, frame, "inside a loop with a fact, only functions called by name are supported")
            arguments = bind(run, callee, positional, named, node, frame)
            if callee.name in run.intercepts:
                return run.intercepts[callee.name](run, callee, arguments, frame.span(node))
            specified = run.functions.get(callee.name)
            if specified is not None:
                return apply(run, specified, callee, arguments, node, frame)
            if callee.name in run.writers:
                return write(run, run.writers[callee.name], callee, arguments, node, frame)
            if run.is_trusted("page", callee):
                return _page(run, callee, arguments, node, frame)
            if callee.name in run.contracts:
                return _apply_contract(run, callee, arguments, node, frame)
            run.enters(callee, run.world)
            value = summarised(run, callee, arguments, frame.span(node))
            if value is not None:
                return value
            return run.invoke(callee, arguments, frame.span(node))[0]
        case Class() if callee.is_enum and len(positional) == 1 and not named:
            return _member(run, callee, positional[0], node, frame)
        case Class():
            return _construct(run, callee, positional, named, node, frame)
        case MapMethod() if not named:
            return call_method(run, callee, positional, node, frame)
        case LockMethod(lock, name) if not positional and not named:
            act = run.world.acquire if name == "acquire" else run.world.release
            act(lock, frame.span(node))
            return NONE
        case Builtin(name) if not named:
            return _builtin(run, name, positional, node, frame)
    raise run.refuse(node, frame, f"a call of `{ast.unparse(node.func)}` is not supported")


def _pause(run: Interpreter, callee: Function, node: ast.Call, frame: Frame) -> None:
    """The trusted function that passes time; what it is given must be there, and is not looked at."""
    spec = callee.node.args
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    if node.keywords or len(node.args) != len(names) or spec.kwonlyargs or spec.vararg or spec.kwarg:
        raise run.refuse(node, frame, f"`{callee.node.name}` takes {len(names)} arguments here, each by its place")
    for argument in node.args:
        if isinstance(argument, ast.Attribute):
            declared(run, run.evaluate(argument.value, frame), argument, frame)
        elif isinstance(argument, ast.Name | ast.Constant):
            run.evaluate(argument, frame)
        else:
            raise run.refuse(argument, frame, "only a name or an attribute can be given to a function that waits")
    run.world.pause(frame.span(node))


def _page(run: Interpreter, callee: Function, arguments: dict[str, Value], node: ast.Call, frame: Frame) -> PageAt:
    """The trusted function that finds the page at an address, its last argument."""
    address = list(arguments.values())[-1] if arguments else NONE
    if not isinstance(address, z3.ArithRef):
        raise run.refuse(node, frame, f"the last argument of `{callee.node.name}` is not an address")
    run.require(address >= 0, node, frame, "an address is not negative")
    return PageAt(address)


def bind(
    run: Interpreter, function: Function, positional: list[Value], named: dict[str, Value], node: ast.AST, frame: Frame
) -> dict[str, Value]:
    """Match arguments to parameters as Python does."""
    spec, called = function.node.args, function.node.name
    if spec.vararg or spec.kwarg:
        raise run.refuse(node, frame, f"`{called}` takes a variable number of arguments, which is not supported")
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    only_named = [a.arg for a in spec.kwonlyargs]
    bound = dict(zip(names, positional, strict=False))
    by_name = [a.arg for a in (*spec.args, *spec.kwonlyargs)]
    clash = [name for name in named if name in bound or name not in by_name]
    defaults = dict(zip(reversed(names), reversed(spec.defaults), strict=False))
    defaults |= {n: d for n, d in zip(only_named, spec.kw_defaults, strict=True) if d is not None}
    bound |= named
    missing = [name for name in (*names, *only_named) if name not in bound]
    if len(positional) > len(names) or clash or any(name not in defaults for name in missing):
        run.require(z3.BoolVal(False), node, frame, f"the arguments do not fit `{called}`")
    for name in missing:
        bound[name] = run.evaluate(defaults[name], module_frame(function.module))
    return bound


def _construct(
    run: Interpreter, cls: Class, positional: list[Value], named: dict[str, Value], node: ast.Call, frame: Frame
) -> Value:
    options = cls.dataclass_options()
    if options is None or not options.get("frozen"):
        message = f"objects of `{cls.node.name}` cannot be made here"
        raise run.refuse(node, frame, message, "only frozen dataclasses are values")
    reason = cls.not_plain()
    if reason:
        raise run.refuse(node, frame, f"`{cls.node.name}` {reason}, which is not supported")
    fields: dict[str, Value] = {}
    declared = cls.fields()
    by_position = [name for name, _, _ in declared[: len(positional)]]
    by_name = [name for name, _, _ in declared[len(positional) :]]
    if len(positional) > len(declared) or any(name not in by_name for name in named):
        run.require(z3.BoolVal(False), node, frame, f"the arguments do not fit `{cls.node.name}`")
    fields |= zip(by_position, positional, strict=True)
    for name, _, default in declared[len(positional) :]:
        if name in named:
            fields[name] = named[name]
        elif default is not None:
            fields[name] = run.evaluate(default, module_frame(cls.module))
        else:
            run.require(z3.BoolVal(False), node, frame, f"`{cls.node.name}` needs `{name}`")
    return Record(cls, fields)


def _member(run: Interpreter, cls: Class, value: Value, node: ast.Call, frame: Frame) -> Value:
    """`Enumeration(number)`: the member with that number; without one, a ValueError is raised."""
    numbers = sorted(set(enum_members(run, cls, node, frame).values()))
    if isinstance(value, EnumValue) and value.enum == cls.node.name:
        return value
    term = value.term if isinstance(value, EnumValue) and value.is_int else value
    if not isinstance(term, z3.ArithRef):
        raise run.refuse(node, frame, f"only a number names a member of `{cls.node.name}`")
    fits = disjunction([term == number for number in numbers])
    message = f"`{ast.unparse(node)}` may be no member of `{cls.node.name}`"
    run.demand(fits, "ValueError", node, frame, message)
    return EnumValue(cls.node.name, term, cls.is_int_enum)


def _builtin(run: Interpreter, name: str, arguments: list[Value], node: ast.Call, frame: Frame) -> Value:
    numbers: list[z3.ArithRef] = []
    for value in arguments:
        if isinstance(value, z3.ArithRef):
            numbers.append(value)
        elif isinstance(value, EnumValue) and value.is_int:
            numbers.append(value.term)
    match name, arguments:
        case "len", [Sequence() | Words() as sequence]:
            return length(run, sequence)
        case "len", [TupleValue(items)]:
            return z3.IntVal(len(items))
        case "bool", [value]:
            return run.truthiness(value, node, frame)
        case "int", [z3.BoolRef() as truth]:
            return z3.If(truth, z3.IntVal(1), z3.IntVal(0))
        case "int" | "abs" | "min" | "max" | "range", _ if len(numbers) == len(arguments) > 0:
            pass
        case _:
            raise run.refuse(node, frame, f"`{ast.unparse(node)}` is not supported")
    match name, numbers:
        case "int", [one]:
            return one
        case "abs", [one]:
            return z3.If(one >= 0, one, -one)
        case "range", [stop]:
            return Range(z3.IntVal(0), stop)
        case "range", [start, stop]:
            return Range(start, stop)
        case "min" | "max", [first, *rest] if rest:
            result = first
            for other in rest:
                result = z3.If(other < result if name == "min" else other > result, other, result)
            return result
    raise run.refuse(node, frame, f"`{ast.unparse(node)}` is not supported")


# ---------------------------------------------------------------- contracts of list functions


def _apply_contract(
    run: Interpreter, function: Function, arguments: dict[str, Value], node: ast.Call, frame: Frame
) -> Value:
    """Do what the contract says; the body is never entered from here."""
    for contract in run.contracts[function.name]:
        queues = _roles(run, contract, arguments, node, frame)
        if queues is not None:
            return _perform(run, contract, queues, frame.span(node))
    raise run.refuse(node, frame, f"no contract of `{function.name}` fits these arguments")


class _Queue:
    """A fifo cell that a role of a contract speaks about."""

    def __init__(self, cell: Cell, ref: Ref, mapping: tree.MapsList) -> None:
        self.cell = cell
        self.ref = ref
        self.mapping = mapping


def _roles(
    run: Interpreter, contract: tree.Contract, arguments: dict[str, Value], node: ast.Call, frame: Frame
) -> dict[str, _Queue | z3.ArithRef] | None:
    bound: dict[str, _Queue | z3.ArithRef] = {}
    for role in sorted(contract.roles, key=lambda role: role.kind != "list"):
        value = arguments.get(role.name)
        if isinstance(value, Maybe):
            value = run.present(value, node, frame, "a list entry is needed")
        if role.kind == "list" and isinstance(value, ListHead):
            cell = run.program.cell(value.ref.state, value.mapping.cell)
            assert cell is not None
            bound[role.name] = _Queue(cell, value.ref, value.mapping)
        elif role.kind == "element" and isinstance(value, ListLink):
            queue, element = _place_of(run, value, node, frame)
            known = bound.get(role.of)
            if isinstance(known, _Queue):
                same = known.ref.same(queue.ref) if known.cell == queue.cell else z3.BoolVal(False)
                message = f"`{ast.unparse(node)}` puts an entry on a list that it does not belong to"
                run.world.check("contract", same, "HF509", message, frame.span(node), contract.name_span)
                if z3.is_false(z3.simplify(same)):
                    raise PathEnds("contract")
            else:
                bound[role.of] = queue
            bound[role.name] = element
        else:
            return None
    return bound


def _place_of(run: Interpreter, link: ListLink, node: ast.Call, frame: Frame) -> tuple[_Queue, z3.ArithRef]:
    """The list to which an entry belongs, and the element that stands for it there."""
    lists = run.program.lists_through(link.owner.state, link.attribute)
    if len(lists) != 1:
        raise run.refuse(node, frame, f"an entry hangs on more than one list by `{link.attribute}`")
    owner, mapping = lists[0]
    assert isinstance(mapping.place, tree.Member)
    assert isinstance(mapping.place.base, tree.Index)
    keys = run.program.states[owner].keys
    found: dict[str, z3.ArithRef] = {}
    for argument, term in zip(mapping.place.base.arguments, link.owner.keys, strict=True):
        assert isinstance(argument, tree.Name)
        found[argument.text] = term
    cell = run.program.cell(owner, mapping.cell)
    assert cell is not None
    return _Queue(cell, Ref(owner, tuple(found[key.name] for key in keys)), mapping), found[mapping.variable]


def _perform(run: Interpreter, contract: tree.Contract, bound: dict[str, _Queue | z3.ArithRef], span: Span) -> Value:
    world = run.world
    names: dict[str, SpecValue | Thunk] = {}
    for name, value in bound.items():
        if isinstance(value, _Queue):
            stored = world.read(value.cell, value.ref, span)
            assert isinstance(stored, Fifo)
            names[name] = stored
        else:
            names[name] = value
    env = Env(world.cells, names, None, world.here, None)
    function = contract.name.split(":")[1]
    for condition in contract.requires:
        goal = world.evaluator.truth(condition, env)
        message = f"`{function}` needs what does not hold here"
        world.check("contract", goal, "HF509", message, span, condition.span)
    result: Value = NONE
    if contract.returns is not None:
        result = _result(run, contract.returns, bound, env)
    for update in contract.effects:
        assert isinstance(update.place, tree.Name)
        target = bound[update.place.text]
        new = world.evaluator.evaluate(update.value, env)
        assert isinstance(target, _Queue)
        assert isinstance(new, Fifo)
        world.write(target.cell, target.ref, new, span)
    return result


def _result(run: Interpreter, expr: tree.Expr, bound: dict[str, _Queue | z3.ArithRef], env: Env) -> Value:
    """A truth value, or, for `first(list)`, the owner of that entry, None for the empty list."""
    evaluator = run.world.evaluator
    if isinstance(expr, tree.Apply) and isinstance(expr.function, tree.Name) and expr.function.text == "first":
        argument = expr.arguments[0]
        assert isinstance(argument, tree.Name)
        queue, value = bound[argument.text], env.names[argument.text]
        assert isinstance(queue, _Queue)
        assert isinstance(value, Fifo)
        element = run.world.facts.first(value)
        low, high = queue.cell.type.element.low, queue.cell.type.element.high  # type: ignore[union-attr]
        run.world.facts.ranges.declare(element, low, high)
        inner = Env(env.cells, {queue.mapping.variable: element}, queue.ref, env.here, None)
        assert isinstance(queue.mapping.place, tree.Member)
        owner = evaluator.reference(queue.mapping.place.base, inner)
        return Maybe(value.has(element), owner)
    found = evaluator.evaluate(expr, env)
    assert isinstance(found, z3.ExprRef)
    return found


__all__ = ["bind", "call", "list_node"]
