"""Collect the calls: their clauses at one revision, and what these may speak about.

Reads   syntax.tree.Call
Gives   the program's calls
Refuses another call's actor (HF201), a number or register that is taken (HF202), types that do not fit (HF203), a
        number too large (HF204), clauses that are missing or double (HF213), a name that is no function's (HF214)
"""

from __future__ import annotations

from collections.abc import Sequence

from hfverify.diagnostics import also, at
from hfverify.model.context import Context
from hfverify.model.dependence import check_constant_in_call, refuse
from hfverify.model.mentions import Mention, Scope, mentions, mentions_of_action
from hfverify.model.outcomes import collect_outcomes
from hfverify.model.program import Call, Object
from hfverify.model.protocols import check_protocol
from hfverify.model.registers import REGISTER_BITS, check_places
from hfverify.model.revisions import check_call_text
from hfverify.model.types import (
    BadType,
    LockType,
    OptionalRefType,
    OptionalType,
    RefType,
    Type,
    fits_register,
    is_object,
)
from hfverify.syntax import tree


def collect_calls(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """All calls; everything that they name is collected."""
    calls = context.program.calls
    for item in declarations:
        if isinstance(item, tree.Call):
            context.declare(item)
            check_call_text(item, context.timeline.names, context.collector)
            if context.exists(item.revisions):
                call = _call(context, item)
                if call is not None:
                    calls[item.name] = call
            else:
                context.absent.add(item.name)
    numbers: dict[int, tree.Number] = {}
    for number in [call.number for call in calls.values() if call.number is not None]:
        first = numbers.setdefault(number.value, number)
        if first is not number:
            message = f"two calls have the number {number.value:#x}"
            context.collector.error("HF202", message, at(number.span), also(first.span, "first here"))


def _call(context: Context, item: tree.Call) -> Call | None:
    clauses, collector, typer = item.clauses, context.collector, context.typer
    impls = [c for c in clauses if isinstance(c, tree.Impl)]
    results = [c for c in clauses if isinstance(c, tree.Result)]
    protocols = [c for c in clauses if isinstance(c, tree.Protocol)]
    actors = [c for c in clauses if isinstance(c, tree.By)]
    for what, found, least in (("impl", impls, 1), ("ret", results, 0), ("protocol", protocols, 0), ("by", actors, 0)):
        if not least <= len(found) <= 1:
            collector.error("HF213", f"`{item.name}` has {len(found)} `{what}` clauses", at(item.name_span))
            return None
    if ":" not in impls[0].target:
        collector.error("HF214", 'an implementation is named "module:function"', at(impls[0].span))
        return None
    actor = "" if item.kind == "function" and not actors else _actor(context, actors[0] if actors else None)
    named = [c for c in clauses if isinstance(c, tree.Argument | tree.Let | tree.With)]
    context.names.local_names((c.name, c.span if isinstance(c, tree.Argument) else c.name_span) for c in named)
    objects = _objects(context, clauses)
    arguments = _arguments(context, item)
    local: dict[str, Type] = {argument.name: type_ for argument, type_ in arguments}
    local |= {item.name: RefType(item.state) for item in objects}
    lets = [c for c in clauses if isinstance(c, tree.Let)]
    for let in lets:
        local[let.name] = typer.type_of(let.value, local)
    awaits = _awaits(context, item)
    for wait, _ in awaits:
        typer.boolean(wait.value, local)
    givens = tuple(c for c in clauses if isinstance(c, tree.Given))
    for given in givens:
        typer.boolean(given.value, local)
        if item.kind != "function":
            scope = Scope(local, lets={let.name: let for let in lets})
            check_constant_in_call(context, given.value, scope, "a `given`")
    result = (results[0], _result_type(context, results[0].type)) if results else None
    if result is not None and not _can_be_returned(result[1], is_function=item.kind == "function"):
        collector.error("HF203", f"a register cannot carry {result[1]}", at(result[0].type.span))
    call = Call(
        item.name,
        item.kind,
        _number(context, item),
        impls[0],
        actor,
        objects,
        arguments,
        result,
        givens,
        tuple(lets),
        awaits,
        collect_outcomes(context, item, local, result[1] if result else None, actor),
        protocols[0] if protocols else None,
        tuple(place for c in clauses if isinstance(c, tree.Holds) for place in c.places),
        next((c.because for c in clauses if isinstance(c, tree.Trusted)), ""),
        item.name_span,
    )
    _check_kind(context, item, call, local)
    check_protocol(context, call, local)
    _check_actors(context, call, Scope(local))
    return call


def _result_type(context: Context, type_: tree.Type) -> Type:
    """The type of a result; unlike a cell it may be an object or none."""
    match type_:
        case tree.Type(name="optional", arguments=(tree.Type(name=state, arguments=()),)) if (
            state in context.program.states
        ):
            return OptionalRefType(state)
    return context.names.resolve_type(type_)


def _can_be_returned(type_: Type, *, is_function: bool) -> bool:
    return fits_register(type_) or isinstance(type_, OptionalType) or (is_function and is_object(type_))


def _check_kind(context: Context, item: tree.Call, call: Call, local: dict[str, Type]) -> None:
    """What only a hypercall, or only a function, can have."""
    collector = context.collector
    if any(isinstance(c, tree.Number) for c in item.clauses) and item.kind != "hypercall":
        collector.error("HF213", f"`{call.name}` has a number, which only hypercalls have", at(call.name_span))
    for argument, _ in call.arguments:
        if (argument.register and call.is_function) or (item.kind == "hypercall" and not argument.register):
            what = (
                "no register carries an argument of a function" if call.is_function else "say which register carries it"
            )
            collector.error("HF213", what, at(argument.span))
    for clause in item.clauses:
        if isinstance(clause, tree.Holds | tree.Trusted) and not call.is_function:
            collector.error("HF213", "only a function can say this", at(clause.span))
        if isinstance(clause, tree.Protocol | tree.Awaits) and call.is_function:
            collector.error("HF213", "a function takes no lock and waits for nothing", at(clause.span))
    for clause in item.clauses if call.is_function else ():
        if isinstance(clause, tree.By) or (isinstance(clause, tree.With) and clause.kind in context.program.actors):
            message = (
                "a function is used in the middle of a call, where no actor's facts need hold: say what is `given`"
            )
            collector.error("HF213", message, at(clause.span))
    for outcome in call.outcomes if call.is_function else ():
        if outcome.next is not None or outcome.later or outcome.ends or outcome.never:
            collector.error("HF213", "a function returns to whoever uses it", at(outcome.name_span))
    for place in call.holds:
        found = context.typer.type_of(place, local)
        if not isinstance(found, LockType | BadType):
            collector.error("HF212", f"this is {found}, not a lock", at(place.span))


def _awaits(context: Context, item: tree.Call) -> tuple[tuple[tree.Awaits, int], ...]:
    """What the call waits for, each with the number of outcomes before it."""
    found: list[tuple[tree.Awaits, int]] = []
    outcomes = 0
    for clause in item.clauses:
        if isinstance(clause, tree.Reject | tree.Case):
            outcomes += context.exists(clause.revisions)
        elif isinstance(clause, tree.Awaits):
            found.append((clause, outcomes))
    return tuple(found)


def _actor(context: Context, by: tree.By | None) -> str:
    """For whom the call runs; if it does not say, for the first actor."""
    actors = context.program.actors
    if by is None:
        return next(iter(actors), "")
    if by.actor not in actors:
        context.names.unknown(by.span, "actor", by.actor, actors)
    return by.actor


def _objects(context: Context, clauses: Sequence[tree.Clause]) -> tuple[Object, ...]:
    """The objects that the call is given beside its actor."""
    program, found = context.program, list[Object]()
    for clause in [c for c in clauses if isinstance(c, tree.With)]:
        if clause.kind in program.actors:
            found.append(Object(clause.name, program.actors[clause.kind].state, clause.kind))
        elif clause.kind in program.states:
            found.append(Object(clause.name, clause.kind, ""))
        else:
            context.names.unknown(clause.span, "actor or state", clause.kind, [*program.actors, *program.states])
    return tuple(found)


def _arguments(context: Context, item: tree.Call) -> tuple[tuple[tree.Argument, Type], ...]:
    found: list[tuple[tree.Argument, Type]] = []
    for argument in [c for c in item.clauses if isinstance(c, tree.Argument)]:
        type_ = context.names.resolve_type(argument.type)
        if not fits_register(type_):
            context.collector.error("HF203", f"a register cannot carry {type_}", at(argument.type.span))
        found.append((argument, type_))
    check_places(context, found)
    return tuple(found)


def _number(context: Context, item: tree.Call) -> tree.Number | None:
    present = [c for c in item.clauses if isinstance(c, tree.Number) and context.exists(c.revisions)]
    for number in present:
        if number.value >= 1 << REGISTER_BITS:
            message = f"{number.value:#x} does not fit {REGISTER_BITS} bits"
            context.collector.error("HF204", message, at(number.span))
    return present[0] if present else None


def _check_actors(context: Context, call: Call, scope: Scope) -> None:
    """Nothing in the call speaks about an actor that is not its own."""
    expressions = [*(given.value for given in call.givens), *(let.value for let in call.lets)]
    expressions += [*(wait.value for wait, _ in call.awaits), *call.holds]
    found: list[Mention] = []
    for outcome in call.outcomes:
        expressions += [*outcome.havoc, *(item.value for item in outcome.ensures)]
        expressions += [outcome.condition, *(c.value for c in (outcome.returns, outcome.next) if c is not None)]
        for update in (*outcome.effects, *outcome.later):
            if isinstance(update, tree.Update):
                expressions += [update.place, update.value]
            else:
                expressions += update.arguments
                if update.action in context.program.actions:
                    action = context.program.actions[update.action]
                    found += mentions_of_action(context.typer, action, update.span)
    if call.protocol is not None:
        expressions += [lock.place for step in call.protocol.steps for lock in step.locks]
    for expression in expressions:
        found += mentions(context.typer, expression, scope)
    for mention in found:
        if mention.kind == "actor" and mention.name != call.actor:
            runs = f"runs for `{call.actor}`" if call.actor else "runs for whoever uses it"
            message = f"`{mention.name}` has no meaning here: `{call.name}` {runs}"
            refuse(context, mention, "HF201", message)
