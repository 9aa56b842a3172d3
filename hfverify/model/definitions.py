"""Collect what is defined by an expression: constants, functions, abbreviations, actions, assumptions; and the sizes.

Reads   syntax.tree.Const, Size, Pure, Let, Action, Assume
Gives   the program's definitions, whose bodies have the types that they say
Refuses types that do not fit and constants that are not written out (HF203), assumptions about what changes (HF209)
"""

from __future__ import annotations

from hfverify.diagnostics import at
from hfverify.model.context import Context
from hfverify.model.dependence import check_constant, check_written_out
from hfverify.model.mentions import Scope
from hfverify.model.types import INT, BadType, IntType, Type, is_scalar
from hfverify.model.updates import check_updates
from hfverify.syntax import tree

Definition = tree.Const | tree.Size | tree.Pure | tree.Let | tree.Action | tree.Assume


def collect_definition(context: Context, item: Definition) -> None:
    """Name and type."""
    context.declare(item)
    program = context.program
    match item:
        case tree.Const():
            type_ = context.names.resolve_type(item.type)
            if not is_scalar(type_):
                context.collector.error("HF203", f"a constant cannot be {type_}", at(item.type.span))
            program.consts[item.name] = (type_, item.value)
        case tree.Size():
            type_ = context.names.resolve_type(item.type)
            if not isinstance(type_, IntType | BadType):
                context.collector.error("HF203", f"a size is a number, not {type_}", at(item.type.span))
            program.sizes[item.name] = type_ if isinstance(type_, IntType) else INT
        case tree.Pure():
            program.pures[item.name] = item
        case tree.Let():
            program.lets[item.name] = item
        case tree.Action():
            program.actions[item.name] = item
        case tree.Assume():
            program.assumes += (item,)


def check_definition(context: Context, item: Definition) -> None:
    """The body."""
    match item:
        case tree.Const():
            context.typer.expect(item.value, context.program.consts[item.name][0], {})
            check_written_out(context, item.value, "a constant")
        case tree.Pure():
            local = _parameters(context, item)
            context.typer.expect(item.body, context.names.resolve_type(item.type), local)
        case tree.Let():
            context.typer.type_of(item.value, {})
        case tree.Action():
            check_updates(context, item.updates, _parameters(context, item))
        case tree.Assume():
            context.typer.boolean(item.value, {})
            check_constant(context, item.value, Scope(), "an assumption")


def _parameters(context: Context, item: tree.Pure | tree.Action) -> dict[str, Type]:
    context.names.local_names((p.name, p.span) for p in item.parameters)
    return {p.name: context.names.resolve_type(p.type) for p in item.parameters}
