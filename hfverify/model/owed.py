"""Collect what objects are owed, and see that it can be asked when nobody executes anything.

Reads   syntax.tree.Owed
Gives   the program's promises to its objects, by their names
Refuses an actor or thread, of which there is none then (HF201), what is no object and what is no condition (HF203)
"""

from __future__ import annotations

from hfverify.diagnostics import at
from hfverify.model.context import Context
from hfverify.model.dependence import outside_calls, refuse
from hfverify.model.mentions import Scope
from hfverify.model.types import BadType, RefType
from hfverify.syntax import tree


def collect_owed(context: Context, item: tree.Owed) -> None:
    """The name."""
    context.declare(item)
    context.program.owed[item.name] = item


def check_owed(context: Context, item: tree.Owed) -> None:
    """It is owed to an object, and belongs to nobody who executes."""
    name = item.object
    context.names.local_names([(name.name, name.span)])
    found = context.names.resolve_type(name.type)
    if not isinstance(found, RefType | BadType):
        context.collector.error("HF203", f"only an object can be owed something, not {found}", at(name.type.span))
        return
    local = {name.name: found}
    context.typer.boolean(item.value, local)
    for mention in outside_calls(context, item.value, Scope(local), "what is owed"):
        if mention.kind == "thread":
            message = f"`{mention.name}` has no meaning here: what is owed is asked when nobody executes anything"
            refuse(context, mention, "HF201", message)
