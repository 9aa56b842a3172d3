"""Flatten the rejects and cases of a call to one revision: what each returns, changes and leaves behind.

Reads   syntax.tree.Reject, Case
Gives   model.program.Outcome, the rejects first
Refuses two outcomes of one name (HF202), types that do not fit (HF203), results that are missing or cannot be (HF213)
"""

from __future__ import annotations

from collections.abc import Mapping

from hfverify.diagnostics import at
from hfverify.model.context import Context
from hfverify.model.program import Outcome
from hfverify.model.types import BadType, RefType, Type
from hfverify.model.updates import check_changeable, check_updates
from hfverify.syntax import tree


def collect_outcomes(
    context: Context, item: tree.Call, local: Mapping[str, Type], result: Type | None, actor: str
) -> tuple[Outcome, ...]:
    """All outcomes of a call that runs for `actor`; `result` is the type of what it returns."""
    found: list[Outcome] = []
    for clause in item.clauses:
        if not isinstance(clause, tree.Reject | tree.Case) or not context.exists(clause.revisions):
            continue
        if any(clause.name == other.name for other in found):
            message = f"`{item.name}.{clause.name}` is declared twice"
            context.collector.error("HF202", message, at(clause.name_span))
        if isinstance(clause, tree.Reject) and any(not other.is_reject for other in found):
            message = "rejects stand before cases: they are checked first"
            context.collector.error("HF213", message, at(clause.name_span))
        found.append(_outcome(context, item, clause, local, result, actor))
    if not any(not outcome.is_reject for outcome in found):
        context.collector.error("HF213", f"`{item.name}` has no case", at(item.name_span))
    return tuple(found)


def _outcome(
    context: Context,
    item: tree.Call,
    clause: tree.Reject | tree.Case,
    local: Mapping[str, Type],
    result: Type | None,
    actor: str,
) -> Outcome:
    condition = clause.unless if isinstance(clause, tree.Reject) else clause.when
    context.typer.boolean(condition, local)
    target = _next(context, clause, local)
    groups: dict[bool, list[tree.Update | tree.Perform]] = {False: [], True: []}
    for effect in (c for c in clause.consequences if isinstance(c, tree.Effect)):
        groups[effect.later] += effect.updates
    for group in groups.values():
        check_updates(context, group, local)
    return Outcome(
        clause.name,
        isinstance(clause, tree.Reject),
        condition,
        _returns(context, item, clause, local, result),
        target,
        tuple(groups[False]),
        tuple(groups[True]),
        *_relation(context, clause, local),
        _ends(context, item, clause, actor, target is not None),
        _never(context, clause),
        clause.name_span,
    )


def _relation(
    context: Context, clause: tree.Reject | tree.Case, local: Mapping[str, Type]
) -> tuple[tuple[tree.Expr, ...], tuple[tree.Ensures, ...]]:
    """The cells that change in no one way, and what is said of their values."""
    places = tuple(place for c in clause.consequences if isinstance(c, tree.Havoc) for place in c.places)
    for place in places:
        check_changeable(context, place, local)
    ensures = tuple(c for c in clause.consequences if isinstance(c, tree.Ensures))
    for item in ensures:
        context.typer.relation(item.value, local)
    if ensures and not places:
        context.collector.error(
            "HF213", "`ensures` says something of what `havoc` leaves open", at(ensures[0].name_span)
        )
    return places, ensures


def _returns(
    context: Context,
    item: tree.Call,
    clause: tree.Reject | tree.Case,
    local: Mapping[str, Type],
    result: Type | None,
) -> tree.Returns | None:
    """What the outcome returns; each revision's text has the right type."""
    written = [c for c in clause.consequences if isinstance(c, tree.Returns)]
    present = [c for c in written if context.exists(c.revisions)]
    for value in written:
        if result is None:
            message = f"`{item.name}` has no `ret`, so nothing can be returned"
            context.collector.error("HF213", message, at(value.span))
        else:
            context.typer.expect(value.value, result, local)
    never = any(isinstance(c, tree.Never) for c in clause.consequences)
    if result is not None and not present and not never:
        message = f"`{item.name}.{clause.name}` does not say what it returns"
        context.collector.error("HF213", message, at(clause.name_span))
    return present[0] if present else None


def _next(context: Context, clause: tree.Reject | tree.Case, local: Mapping[str, Type]) -> tree.Next | None:
    """The object with which the CPU goes on."""
    present = [c for c in clause.consequences if isinstance(c, tree.Next) and context.exists(c.revisions)]
    for target in present:
        found = context.typer.type_of(target.value, local)
        if not isinstance(found, RefType | BadType) or (isinstance(found, RefType) and found.path):
            context.collector.error("HF203", f"`next` is {found}, not an object", at(target.value.span))
    return present[0] if present else None


def _never(context: Context, clause: tree.Reject | tree.Case) -> bool:
    """Whether the call does not return."""
    never = [c for c in clause.consequences if isinstance(c, tree.Never)]
    if never and len(clause.consequences) > 1:
        context.collector.error("HF213", "who never returns does nothing else", at(never[0].span))
    return bool(never)


def _ends(context: Context, item: tree.Call, clause: tree.Reject | tree.Case, actor: str, names_next: bool) -> bool:
    """Whether the actor's part is over."""
    ends = [c for c in clause.consequences if isinstance(c, tree.Ends)]
    for end in ends:
        if end.actor != actor:
            message = f"`{item.name}` runs for `{actor}`, so nobody else's part can end here"
            context.collector.error("HF213", message, at(end.span))
        elif not context.program.actors[actor].formerly and any(
            other.name != actor and not other.formerly for other in context.program.actors.values()
        ):
            message = f"whether the thread ends with `{actor}` is not clear: it may play another part that nobody left"
            context.collector.error("HF213", message, at(end.span))
        elif names_next:
            message = "who names a `next` plays its part no longer: leave `ends` out"
            context.collector.error("HF213", message, at(end.span))
    return bool(ends)
