"""Say on what an expression may depend where it stands.

Reads   model.mentions: what the expression speaks about
Gives   the mentions that a caller looks at further; errors go to the context's collector
Refuses an actor where no call runs (HF201), what is not written out (HF203), what changes (HF209)
"""

from __future__ import annotations

from hfverify.diagnostics import Label, also, at
from hfverify.model.context import Context
from hfverify.model.mentions import Mention, Scope, mentions
from hfverify.syntax import tree


def refuse(context: Context, mention: Mention, code: str, message: str, *labels: Label) -> None:
    """Report a mention where it is made, and also inside the definition that makes it."""
    inner = [also(mention.inside, "through this")] if mention.inside != mention.span else []
    context.collector.error(code, message, at(mention.span), *inner, *labels)


def outside_calls(context: Context, expr: tree.Expr, scope: Scope, what: str) -> list[Mention]:
    """What an expression speaks about that belongs to no call: actors have no meaning there."""
    found = mentions(context.typer, expr, scope)
    for mention in found:
        if mention.kind == "actor":
            message = f"`{mention.name}` has no meaning here: {what} belongs to no call"
            refuse(context, mention, "HF201", message)
    return found


def check_constant(context: Context, expr: tree.Expr, scope: Scope, what: str) -> None:
    """The expression belongs to no call, and has the same value at every time."""
    _unchanging(context, outside_calls(context, expr, scope, what), what)


def check_constant_in_call(context: Context, expr: tree.Expr, scope: Scope, what: str) -> None:
    """The expression of a call has the same value at every time."""
    _unchanging(context, mentions(context.typer, expr, scope), what)


def _unchanging(context: Context, found: list[Mention], what: str) -> None:
    for mention in found:
        if mention.cell is not None and not mention.cell.is_constant:
            message = f"{what} may only speak about constants, and `{mention.name}` changes"
            refuse(context, mention, "HF209", message, also(mention.cell.span, "declared here"))


def check_bound(context: Context, expr: tree.Expr, scope: Scope) -> None:
    """A bound is the same for everybody, at every time."""
    check_constant(context, expr, scope, "a bound")
    for mention in mentions(context.typer, expr, scope):
        if mention.kind == "thread":
            message = f"a bound is the same for every `{mention.name}`, so it cannot speak about it"
            refuse(context, mention, "HF209", message)


def check_written_out(context: Context, expr: tree.Expr, what: str) -> None:
    """The expression has the same value on every machine."""
    for mention in outside_calls(context, expr, Scope(), what):
        if mention.kind != "actor":
            refuse(context, mention, "HF203", f"{what} cannot depend on `{mention.name}`")


def is_stable(mention: Mention) -> bool:
    """Whether the cell changes only where others see it: it is the object's own, under a lock or an owner."""
    assert mention.cell is not None
    return mention.cell.is_constant or (mention.own and not isinstance(mention.cell.discipline, tree.Plain))
