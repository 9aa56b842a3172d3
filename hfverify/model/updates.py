"""See that the updates of an action or an effect give each cell one value that it can take.

Reads   syntax.tree.Update, Perform
Gives   nothing; errors go to the context's collector
Refuses an unknown action (HF201), a place that gets two values (HF202), what is no cell or does not fit (HF203), a
        cell that no call may change (HF209)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hfverify.diagnostics import Span, also, at
from hfverify.model.context import Context
from hfverify.model.expressions import written
from hfverify.model.types import BAD, BadType, FifoType, LockType, NoneType, RefType, Type
from hfverify.syntax import tree


def check_updates(context: Context, updates: Sequence[tree.Update | tree.Perform], local: Mapping[str, Type]) -> None:
    """Updates happen at once, so none may speak about a place twice."""
    places: dict[str, Span] = {}
    for update in updates:
        if isinstance(update, tree.Perform):
            _check_perform(context, update, local)
            continue
        _check_update(context, update, local)
        text = written(update.place)
        if text in places:
            context.collector.error(
                "HF202",
                f"`{text}` gets two values at once",
                at(update.place.span, "again here"),
                also(places[text], "first here"),
            )
        places.setdefault(text, update.place.span)


def _check_perform(context: Context, perform: tree.Perform, local: Mapping[str, Type]) -> None:
    action = context.program.actions.get(perform.action)
    if action is None:
        context.names.unknown(perform.span, "action", perform.action, context.program.actions)
    elif len(action.parameters) != len(perform.arguments):
        message = f"`{action.name}` takes {len(action.parameters)} arguments, not {len(perform.arguments)}"
        context.collector.error("HF203", message, at(perform.span))
    else:
        for argument, parameter in zip(perform.arguments, action.parameters, strict=True):
            context.typer.expect(argument, context.names.resolve_type(parameter.type), local)


def check_changeable(context: Context, place: tree.Expr, local: Mapping[str, Type]) -> None:
    """The place is a cell that a call may change."""
    target = context.typer.type_of(place, local)
    if isinstance(target, RefType | LockType | NoneType) or not isinstance(place, tree.Member):
        if target != BAD:
            context.collector.error("HF203", "this is not a cell", at(place.span))
        return
    _check_place(context, place, target, local)


def _check_update(context: Context, update: tree.Update, local: Mapping[str, Type]) -> None:
    place = update.place
    target = context.typer.type_of(place, local)
    if isinstance(target, RefType | LockType | NoneType) or (isinstance(place, tree.Name) and target != BAD):
        context.collector.error("HF203", "this is not a cell", at(place.span))
        return
    if isinstance(place, tree.Member):
        _check_place(context, place, target, local)
    if isinstance(target, FifoType) and written(update.value) == "{}":
        help_ = "take members out one by one, with `remove`"
        context.names.error("HF203", update.value.span, "a fifo cannot be replaced by a set", help_)
        return
    context.typer.expect(update.value, target, local)


def _check_place(context: Context, place: tree.Member, target: Type, local: Mapping[str, Type]) -> None:
    base = context.typer.type_of(place.base, local)
    if not isinstance(base, RefType):
        return
    cell = context.program.cell(base.state, f"{base.path}.{place.name}" if base.path else place.name)
    if cell is None:
        if not isinstance(target, BadType):
            context.collector.error("HF203", "a key cannot be changed", at(place.span))
    elif isinstance(cell.discipline, tree.Plain) and cell.discipline.kind in ("constant", "volatile"):
        message = f"`{cell.name}` is {cell.discipline.kind} and cannot be changed"
        context.collector.error("HF209", message, at(place.span), also(cell.span, "declared here"))
