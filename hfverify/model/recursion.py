"""See that no definition uses itself: each is unfolded where it is used.

Reads   the program's functions, abbreviations, constants, and the bounds of its states' keys
Gives   nothing; errors go to the context's collector
Refuses a definition that needs itself (HF203)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hfverify.diagnostics import Span, also, at
from hfverify.model.context import Context
from hfverify.model.expressions import walk
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class _Definition:
    """Where it stands, what it is, and which names mean something else inside."""

    span: Span
    bodies: tuple[tree.Expr, ...]
    local: frozenset[str] = frozenset()


def check_recursion(context: Context) -> None:
    """All definitions."""
    definitions = _definitions(context)
    uses = {
        name: {node.text for body in found.bodies for node in walk(body) if isinstance(node, tree.Name)}
        & definitions.keys() - found.local
        for name, found in definitions.items()
    }
    reach = {name: _reachable(name, uses) for name in definitions}
    reported: set[str] = set()
    for name, found in definitions.items():
        if name in reach[name] and name not in reported:
            others = [other for other in reach[name] if name in reach[other] and other != name]
            reported |= {name, *others}
            message = f"`{name}` is defined by itself" + (f", through `{others[0]}`" if others else "")
            labels = [also(definitions[other].span, "defined here") for other in others[:1]]
            context.collector.error("HF203", message, at(found.span), *labels)


def _definitions(context: Context) -> dict[str, _Definition]:
    program = context.program
    found: dict[str, _Definition] = {}
    for pure in program.pures.values():
        found[pure.name] = _Definition(pure.name_span, (pure.body,), frozenset(p.name for p in pure.parameters))
    for let in program.lets.values():
        found[let.name] = _Definition(let.name_span, (let.value,))
    for name, (_, value) in program.consts.items():
        found[name] = _Definition(context.declared[name], (value,))
    for state in program.states.values():
        bounds = tuple(key.below for key in state.keys)
        found[state.name] = _Definition(state.span, bounds, frozenset(key.name for key in state.keys))
    return found


def _reachable(name: str, uses: Mapping[str, set[str]]) -> list[str]:
    found: list[str] = []
    pending = sorted(uses[name])
    while pending:
        other = pending.pop(0)
        if other not in found:
            found.append(other)
            pending += sorted(uses[other])
    return found
