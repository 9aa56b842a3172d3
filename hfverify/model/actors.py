"""Collect who executes, the thread and the actors, and see that they rely only on what stays true.

Reads   syntax.tree.Thread, Actor
Gives   the program's thread and actors
Refuses unknown states and actors (HF201), a second thread (HF202), types that do not fit (HF203), facts about what
        others change (HF209)
"""

from __future__ import annotations

from hfverify.diagnostics import also, at
from hfverify.model.context import Context
from hfverify.model.dependence import check_bound, is_stable, outside_calls, refuse
from hfverify.model.mentions import Scope, own_scope
from hfverify.model.program import Actor
from hfverify.model.types import INT, BadType, IntType
from hfverify.syntax import tree


def collect_thread(context: Context, item: tree.Thread) -> None:
    """The one thread."""
    context.declare(item)
    if context.program.thread is not None:
        context.collector.error("HF202", "there is more than one `thread`", at(item.name_span))
    type_ = context.names.resolve_type(item.type)
    if not isinstance(type_, IntType | BadType):
        context.collector.error("HF203", f"a thread is a number, not {type_}", at(item.type.span))
    context.program.thread = item


def collect_actor(context: Context, item: tree.Actor) -> None:
    """One actor."""
    context.declare(item)
    context.program.actors[item.name] = Actor(item.name, item.state, item.formerly, item.facts, item.name_span)


def check_thread(context: Context, item: tree.Thread) -> None:
    """A thread relies on what it owns, and on what others change under locks only."""
    context.typer.expect(item.below, INT, {})
    check_bound(context, item.below, Scope())
    for fact in item.facts:
        context.typer.boolean(fact.value, {})
        for mention in outside_calls(context, fact.value, Scope(), "what a thread relies on"):
            cell = mention.cell
            if cell is not None and cell.is_fickle:
                message = f"`{item.name}` cannot rely on `{mention.name}`, which may change at any time"
                refuse(context, mention, "HF209", message, also(cell.span, "declared here"))


def check_actor(context: Context, item: tree.Actor) -> None:
    """An actor relies on its own cells."""
    program = context.program
    if item.formerly and item.formerly not in program.actors:
        context.names.unknown(item.name_span, "actor", item.formerly, program.actors)
    elif item.formerly and program.actors[item.formerly].state != item.state:
        message = f"`{item.name}` is a {item.state}, but `{item.formerly}` is not"
        context.collector.error("HF203", message, at(item.name_span))
    if item.state not in program.states:
        context.names.unknown(item.name_span, "state", item.state, program.states)
        return
    scope = Scope(own_scope(program, item.state), item.state)
    for fact in item.facts:
        context.typer.boolean(fact.value, scope.local)
        for mention in outside_calls(context, fact.value, scope, "what an actor relies on"):
            if mention.cell is not None and not is_stable(mention):
                message = f"`{item.name}` can rely only on its own cells, not on `{mention.name}`"
                refuse(context, mention, "HF209", message)
