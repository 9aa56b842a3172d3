"""Which definitions an expression uses, at once or through others.

Reads   model.program.Program
Gives   used_by: the names of the functions, abbreviations, actions and constants behind a call
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterator

from hfverify.model.expressions import walk
from hfverify.model.program import Call, Program
from hfverify.syntax import tree


def used_by(program: Program, call: Call) -> list[str]:
    """In the order of their names; what only a type or a number says is left out."""
    found: set[str] = set()
    own = {argument.name for argument, _ in call.arguments} | {item.name for item in call.objects}
    own |= {let.name for let in call.lets}
    open_ = [name for expr in expressions(call) for name in _names(expr) if name not in own]
    open_ += [u.action for o in call.outcomes for u in (*o.effects, *o.later) if isinstance(u, tree.Perform)]
    while open_:
        name = open_.pop()
        if name not in found and (inner := _inside(program, name)) is not None:
            found.add(name)
            open_ += inner
    return sorted(found)


def expressions(call: Call) -> Iterator[tree.Expr]:
    """Everything that a call says in expressions."""
    yield from (let.value for let in call.lets)
    yield from (given.value for given in call.givens)
    yield from (wait.value for wait, _ in call.awaits)
    yield from call.holds
    for step in call.protocol.steps if call.protocol else ():
        yield from (lock.place for lock in step.locks)
    for outcome in call.outcomes:
        yield outcome.condition
        yield from (part.value for part in (outcome.returns, outcome.next) if part is not None)
        yield from (item.value for item in outcome.ensures)
        yield from outcome.havoc
        for update in (*outcome.effects, *outcome.later):
            yield from (update.place, update.value) if isinstance(update, tree.Update) else update.arguments


def _names(expr: tree.Expr) -> list[str]:
    return [node.text for node in walk(expr) if isinstance(node, tree.Name)]


def _inside(program: Program, name: str) -> list[str] | None:
    """The names in a definition; None for a name that is none."""
    if name in program.pures:
        pure = program.pures[name]
        bound = {parameter.name for parameter in pure.parameters}
        return [text for text in _names(pure.body) if text not in bound]
    if name in program.actions:
        action = program.actions[name]
        bound = {parameter.name for parameter in action.parameters}
        parts = [part for update in action.updates for part in (update.place, update.value)]
        return [text for part in parts for text in _names(part) if text not in bound]
    if name in program.lets:
        return _names(program.lets[name].value)
    return [] if name in program.consts else None
