"""Collect the locks, put them in their order, and see that each invariant is its lock's business.

Reads   syntax.tree.Lock, Order, Invariant
Gives   the program's locks with their ranks and invariants
Refuses a lock that is not declared (HF201), an invariant about cells that its lock does not guard (HF210), an order
        with a cycle or a gap (HF211)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from hfverify.diagnostics import Span, also, at
from hfverify.model.context import Context
from hfverify.model.dependence import outside_calls, refuse
from hfverify.model.mentions import Scope, own_scope
from hfverify.model.program import Cell, Lock
from hfverify.syntax import tree


def collect_locks(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """All locks, and the names of all invariants; the states are collected."""
    program = context.program
    locks = {d.name: d for d in declarations if isinstance(d, tree.Lock)}
    orders = [d for d in declarations if isinstance(d, tree.Order)]
    invariants = [d for d in declarations if isinstance(d, tree.Invariant) and context.exists(d.revisions)]
    ranks = _ranks(context, locks, orders)
    for name, lock in locks.items():
        state, attribute = name.split(".")
        context.declare(lock)
        if state not in program.states:
            context.names.unknown(lock.name_span, "state", state, program.states)
            continue
        taken = {path.split(".")[0] for path in program.states[state].cells}
        taken |= {key.name for key in program.states[state].keys}
        if attribute in taken:
            context.collector.error("HF202", f"`{state}` has a cell or key `{attribute}` already", at(lock.name_span))
        own = tuple(i for i in invariants if i.lock.text == name)
        program.locks[name] = Lock(name, state, attribute, ranks.get(name, 0), lock.name_span, own)
    for invariant in invariants:
        context.declare(invariant)
        if invariant.lock.text not in locks:
            context.names.unknown(invariant.lock.span, "lock", invariant.lock.text, locks)


def _ranks(context: Context, locks: Mapping[str, tree.Lock], orders: Sequence[tree.Order]) -> dict[str, int]:
    """The place of each lock, so that all orders ascend."""
    after: dict[str, set[str]] = {name: set() for name in locks}
    spans: dict[tuple[str, str], Span] = {}
    for order in orders:
        for place in order.locks:
            if place.text not in locks:
                context.names.unknown(place.span, "lock", place.text, locks)
        for left, right in pairwise(order.locks):
            if left.text in locks and right.text in locks:
                after[left.text].add(right.text)
                spans.setdefault((left.text, right.text), order.span)
    mentioned = {lock.text for order in orders for lock in order.locks}
    for lock in locks.values():
        if len(locks) > 1 and lock.name not in mentioned:
            message = f"the order does not say where `{lock.name}` stands"
            context.collector.error("HF211", message, at(lock.name_span))
    ranks: dict[str, int] = {}
    while remaining := [name for name in locks if name not in ranks]:
        free = [n for n in remaining if not any(n in after[m] for m in remaining)]
        if not free:
            cycle = _cycle(remaining, after)
            places = list(dict.fromkeys(spans[pair] for pair in pairwise(cycle)))
            labels = [at(places[0], "this order"), *(also(place, "and this one") for place in places[1:2])]
            context.collector.error("HF211", "the lock order has a cycle: " + " -> ".join(cycle), *labels)
            break
        for name in free:
            ranks[name] = len(ranks)
    return ranks


def _cycle(names: list[str], after: Mapping[str, set[str]]) -> list[str]:
    """One way round: each of the names comes after another of them, so going backwards must repeat one."""
    path = [names[0]]
    while path[-1] not in path[:-1]:
        path.append(next(name for name in names if path[-1] in after[name]))
    return path[path.index(path[-1]) :][::-1]


def check_invariant(context: Context, item: tree.Invariant) -> None:
    """An invariant speaks about constants and about what changes under its own lock only."""
    lock = context.program.locks.get(item.lock.text)
    if lock is None:
        return
    scope = Scope(own_scope(context.program, lock.state), lock.state)
    context.typer.boolean(item.value, scope.local)
    for mention in outside_calls(context, item.value, scope, "an invariant"):
        cell = mention.cell
        if mention.kind == "thread":
            name = mention.name
            what = f"`{item.name}` holds for everybody, so it cannot speak about the `{name}` that is executing"
            refuse(context, mention, "HF210", what)
        elif cell is not None and not cell.is_constant and not _is_guarded(cell, lock):
            what = f"`{item.name}` is an invariant of `{lock.name}`, which does not guard `{cell.path}`"
            refuse(context, mention, "HF210", what, also(cell.span, "declared here"))
        elif cell is not None and not cell.is_constant and not mention.own:
            what = f"`{item.name}` speaks about `{cell.path}` of another {cell.state}, which another lock guards"
            refuse(context, mention, "HF210", what)


def _is_guarded(cell: Cell, lock: Lock) -> bool:
    """Whether the cell changes under this lock only; who owns a cell changes it without."""
    return isinstance(cell.discipline, tree.GuardedBy) and f"{cell.state}.{cell.discipline.lock}" == lock.name
