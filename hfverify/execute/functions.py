"""Functions that are specified: what is said of them is used, their text is not entered.

Reads   model.program.Call of the kind `function`
Gives   the value of a call, and its effect on the world
Refuses an argument that does not fit a parameter (HF401); a function that relies on itself (HF402)
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

import z3

from hfverify.diagnostics import Span
from hfverify.execute.interpreter import Frame, Interpreter, Refusal
from hfverify.execute.signatures import bind_parameters, lets
from hfverify.execute.source import Function
from hfverify.execute.updates import changes_of, havoc_of
from hfverify.execute.values import NONE, EnumValue, Maybe, Value
from hfverify.execute.world import Impure
from hfverify.logic.cells import constants
from hfverify.logic.evaluate import Env, Thunk
from hfverify.logic.facts import in_range
from hfverify.logic.terms import identity
from hfverify.logic.values import LockValue, Ref, Stored
from hfverify.logic.values import Value as SpecValue
from hfverify.model.program import Call, Cell, Outcome
from hfverify.model.types import BoolType, OptionalType, Type, bounds, is_object


def apply(
    run: Interpreter, call: Call, function: Function, arguments: dict[str, Value], node: ast.Call, frame: Frame
) -> Value:
    """Do what is said of the function; nobody may rely on it to show that very thing."""
    demand_usable(run, function, call.name, node, frame)
    names = _names(run, call, function, arguments, node, frame)
    env = Env(run.world.cells, names, None, run.world.here, _reads(run, frame.span(node)))
    env = env.bind(lets(call, env))
    _demand(run, call, env, node, frame)
    outcome = _chosen(run, call, env, node, frame)
    result: Value = NONE
    if outcome.returns is not None and call.result is not None:
        result = _result(run, call.result[0].name, call.result[1], outcome, env)
    _change(run, call, outcome, env, frame.span(node))
    return result


def demand_usable(run: Interpreter, function: Function, name: str, node: ast.Call, frame: Frame) -> None:
    """What is said of a function may be used, but not to show that very thing, nor where a call is only tried."""
    user = run.stack[0] if run.stack else None
    if user is not None and run.sources.reaches(function, user):
        chain = "what is said of it cannot be shown by relying on it"
        raise Refusal("HF402", f"`{name}` comes to call `{user.node.name}`", frame.span(node), chain)
    if run.world.speculating:
        raise Impure


def _reads(run: Interpreter, span: Span) -> Callable[[Cell, Ref], Stored]:
    """What the function says of a cell without a stable value is so of a value that it reads, each time another."""
    known: dict[tuple[str, tuple[int, ...]], tuple[Stored, Ref]] = {}

    def read(cell: Cell, ref: Ref) -> Stored:
        key = (cell.name, tuple(identity(term) for term in ref.keys))
        if key not in known:
            known[key] = (run.world.read(cell, ref, span), ref)
        return known[key][0]

    return read


def _names(
    run: Interpreter, call: Call, function: Function, arguments: dict[str, Value], node: ast.Call, frame: Frame
) -> dict[str, SpecValue | Thunk]:
    """What the names of the specification are here."""
    types = {argument.name: type_ for argument, type_ in call.arguments}
    states = {item.name: item.state for item in call.objects}
    found: dict[str, SpecValue | Thunk] = {}
    for name, meaning in bind_parameters(run.program, run.sources, call, function).items():
        value = arguments[name]
        if isinstance(value, Maybe):
            value = run.present(value, node, frame, f"`{name}` is needed")
        if isinstance(value, EnumValue) and value.is_int:
            value = value.term
        if meaning in types:
            wanted = z3.BoolRef if isinstance(types[meaning], BoolType) else z3.ArithRef
            if not isinstance(value, wanted):
                raise run.refuse(node, frame, f"`{name}` is not a {types[meaning]}")
            if isinstance(value, z3.ArithRef):
                message = f"`{name}` of `{call.name}` is {types[meaning]}, which this does not fit"
                run.world.check("contract", in_range(value, types[meaning]), "HF509", message, frame.span(node))
            found[meaning] = value
        elif not isinstance(value, Ref) or value.state != states.get(meaning, meaning):
            raise run.refuse(node, frame, f"`{name}` is not a {states.get(meaning, meaning)}")
        elif meaning in states:
            found[meaning] = value
    return found


def _demand(run: Interpreter, call: Call, env: Env, node: ast.Call, frame: Frame) -> None:
    """Locks are held and their invariants hold, and so does what is given."""
    world, span = run.world, frame.span(node)
    for place in call.holds:
        lock = world.evaluator.evaluate(place, env)
        assert isinstance(lock, LockValue)
        message = f"`{call.name}` needs `{lock.name}`"
        world.check("lock.held", world.holds(lock.name, lock.ref), "HF701", message, span, place.span)
        for invariant in run.program.locks[lock.name].invariants:
            goal = world.in_scope(invariant.value, lock.ref, world.cells)
            message = f"`{call.name}` needs `{invariant.name}`, which does not hold here"
            world.check("contract", goal, "HF509", message, span, invariant.name_span)
    for given in call.givens:
        message = f"`{call.name}` needs `{given.name}`, which does not hold here"
        world.check("contract", world.evaluator.truth(given.value, env), "HF509", message, span, given.name_span)


def _chosen(run: Interpreter, call: Call, env: Env, node: ast.Call, frame: Frame) -> Outcome:
    """The outcome that applies: rejects in their order, then the cases, of which the last needs no question."""
    for outcome in call.outcomes[:-1]:
        condition = run.world.evaluator.truth(outcome.condition, env)
        applies = z3.Not(condition) if outcome.is_reject else condition
        if run.branch(applies, node, frame, f"{call.name}: {outcome.name}"):
            return outcome
    last = call.outcomes[-1]
    condition = run.world.evaluator.truth(last.condition, env)
    run.world.assume(z3.Not(condition) if last.is_reject else condition)
    return last


def _result(run: Interpreter, name: str, type_: Type, outcome: Outcome, env: Env) -> Value:
    """A number of its own, so that what is known of its range stays small."""
    assert outcome.returns is not None
    world = run.world
    value = world.evaluator.evaluate(outcome.returns.value, env)
    if is_object(type_):
        return value if isinstance(value, Ref) else NONE
    if isinstance(value, z3.BoolRef):
        return value
    assert isinstance(value, z3.ArithRef)
    named = world.fresh_number(name)
    world.assume(named == value)
    world.assume(in_range(named, type_))
    low, high = bounds(type_)
    if not isinstance(type_, OptionalType):
        world.facts.ranges.declare(named, low, high)
        return named
    inner = world.fresh_number(name)
    world.assume(z3.Implies(named != -1, inner == named))
    world.assume(in_range(inner, type_.inner))
    world.facts.ranges.declare(inner, type_.inner.low, type_.inner.high)
    return Maybe(named != -1, inner)


def _change(run: Interpreter, call: Call, outcome: Outcome, env: Env, span: Span) -> None:
    """The updates, and for what is left open any values that fit."""
    world, evaluator = run.world, run.world.evaluator
    before = world.cells
    changes = changes_of(run.program, outcome.effects, env, evaluator)
    places = havoc_of(run.program, outcome.havoc, env, evaluator)
    for change in changes:
        world.write(change.cell, change.ref, change.value, span)
    for cell, ref in places:
        value = constants(cell, f"{cell.name}!{world.facts.number()}")
        world.facts.typed(value, cell.type)
        world.write(cell, ref, value, span)
    after = replace(env, cells=world.cells, before=before)
    for item in outcome.ensures:
        world.grant(evaluator.truth(item.value, after))
    if not (changes or places):
        return
    for place in call.holds:
        lock = evaluator.evaluate(place, env)
        assert isinstance(lock, LockValue)
        for invariant in run.program.locks[lock.name].invariants:
            world.grant(world.in_scope(invariant.value, lock.ref, world.cells))
