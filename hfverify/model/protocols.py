"""See that the protocol of a call says for each outcome where it becomes visible.

Reads   model.program.Call with its syntax.tree.Protocol
Gives   nothing; errors go to the context's collector
Refuses an unknown case (HF201), a place that is no lock, lines that are missing or double (HF212)
"""

from __future__ import annotations

from collections.abc import Mapping

from hfverify.diagnostics import also, at
from hfverify.model.context import Context
from hfverify.model.program import Call
from hfverify.model.types import BadType, LockType, Type
from hfverify.syntax import tree


def check_protocol(context: Context, call: Call, local: Mapping[str, Type]) -> None:
    """All lines."""
    if call.protocol is None:
        for outcome in call.outcomes:
            if outcome.later:
                message = f"`{call.name}.{outcome.name}` has `later` updates but no protocol"
                context.collector.error("HF212", message, at(outcome.name_span))
        return
    names = {outcome.name for outcome in call.outcomes}
    for step in call.protocol.steps:
        for case in step.cases:
            if case.name not in names:
                context.names.unknown(case.span, "case", case.name, names)
        for lock in step.locks:
            found = context.typer.type_of(lock.place, local)
            if not isinstance(found, LockType | BadType):
                context.collector.error("HF212", f"this is {found}, not a lock", at(lock.place.span))
    _check_lines(context, call, call.protocol)


def _check_lines(context: Context, call: Call, protocol: tree.Protocol) -> None:
    """Each outcome has one line of its commit, and one of what comes after if something does."""
    for outcome in call.outcomes:
        commits = call.steps("commit", outcome.name)
        afters = call.steps("after", outcome.name)
        if len(commits) != 1:
            what = "no `commit` line" if not commits else "two `commit` lines"
            context.collector.error(
                "HF212",
                f"`{call.name}.{outcome.name}` has {what}",
                at(outcome.name_span),
                also(protocol.span, "in this protocol"),
            )
        if bool(outcome.later) != bool(afters):
            what = "`later` updates but no `after` line" if outcome.later else "an `after` line but nothing `later`"
            context.collector.error("HF212", f"`{call.name}.{outcome.name}` has {what}", at(outcome.name_span))
