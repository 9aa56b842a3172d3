"""Collect the states, and see that each cell has a discipline that fits: who may touch it, and when.

Reads   syntax.tree.State
Gives   the program's states with their keys and cells
Refuses cells of one name (HF202), types that do not fit (HF203), a discipline that does not fit (HF209)
"""

from __future__ import annotations

from collections.abc import Sequence

from hfverify.diagnostics import also, at
from hfverify.model.context import Context
from hfverify.model.dependence import check_bound, check_written_out, is_stable, outside_calls, refuse
from hfverify.model.expressions import written
from hfverify.model.mentions import Scope, mentions, own_scope
from hfverify.model.program import Cell, Key, State
from hfverify.model.types import (
    BAD,
    BOOL,
    INT,
    BitsType,
    BytesType,
    FifoType,
    IntType,
    MapType,
    OptionalType,
    Type,
    is_integral,
    is_scalar,
)
from hfverify.syntax import tree


def collect_states(context: Context, declarations: Sequence[tree.Declaration]) -> None:
    """All states."""
    states = [item for item in declarations if isinstance(item, tree.State)]
    context.names.states = {item.name for item in states}
    for item in states:
        context.declare(item)
        keys = _keys(context, item)
        cells: dict[str, Cell] = {}
        for cell in item.cells:
            if context.exists(cell.revisions):
                cells[cell.name] = _cell(context, item, cell, cells)
            else:
                context.absent.add(f"{item.name}.{cell.name}")
        context.program.states[item.name] = State(item.name, keys, cells, item.name_span)


def _keys(context: Context, item: tree.State) -> tuple[Key, ...]:
    keys: list[Key] = []
    context.names.local_names((key.name, key.span) for key in item.keys)
    for key in item.keys:
        type_ = context.names.resolve_type(key.type)
        if isinstance(type_, IntType):
            keys.append(Key(key.name, type_, key.below))
        elif type_ != BAD:
            context.collector.error("HF203", f"a key must be a number, not {type_}", at(key.type.span))
    return tuple(keys)


def _cell(context: Context, item: tree.State, cell: tree.Cell, earlier: dict[str, Cell]) -> Cell:
    collector = context.collector
    if cell.name in earlier:
        collector.error(
            "HF202",
            f"the cell `{cell.name}` is declared twice, so it has two disciplines",
            at(cell.name_span, "again here"),
            also(earlier[cell.name].span, "first here"),
        )
    for other in earlier:
        if other.startswith(cell.name + ".") or cell.name.startswith(other + "."):
            collector.error("HF202", f"`{cell.name}` and `{other}` cannot both be cells", at(cell.name_span))
    type_ = context.names.resolve_type(cell.type)
    if not is_scalar(type_) and not isinstance(type_, FifoType | BytesType | BitsType | MapType):
        collector.error(
            "HF203",
            f"a cell cannot hold {type_}",
            at(cell.type.span),
            notes=(("help", "keep the object's keys, and say in a proof file what the attribute `is`"),),
        )
    first = cell.name.split(".")[0]
    if any(key.name == first for key in item.keys):
        collector.error("HF202", f"`{first}` is a key of `{item.name}` already", at(cell.name_span))
    return Cell(item.name, cell.name, type_, cell.initial, cell.discipline, cell.name_span)


def check_state(context: Context, state: State) -> None:
    """Bounds of keys, initial values and disciplines of cells."""
    for index, key in enumerate(state.keys):
        earlier: dict[str, Type] = {k.name: k.type for k in state.keys[:index]}
        context.typer.expect(key.below, INT, earlier)
        check_bound(context, key.below, Scope(earlier))
    scope = Scope(own_scope(context.program, state.name), state.name)
    for cell in state.cells.values():
        empty = isinstance(cell.type, FifoType) and cell.initial is not None and written(cell.initial) == "{}"
        if cell.initial is not None and not empty:
            everywhere = cell.type.value if isinstance(cell.type, MapType) else cell.type
            context.typer.expect(cell.initial, everywhere, {})
            check_written_out(context, cell.initial, "an initial value")
        match cell.discipline:
            case tree.GuardedBy():
                _check_guard(context, cell, cell.discipline)
            case tree.OwnedBy():
                _check_owned(context, cell, cell.discipline, scope)
            case tree.Plain(span, "volatile", ""):
                help_ = 'write `volatile because "…"`'
                context.names.error("HF209", span, "a volatile cell needs a reason", help_)


def _check_guard(context: Context, cell: Cell, guard: tree.GuardedBy) -> None:
    lock = f"{cell.state}.{guard.lock}"
    if lock not in context.program.locks:
        context.names.unknown(guard.span, "lock", lock, context.program.locks)
    if guard.set_once and cell.type != BOOL and not isinstance(cell.type, OptionalType):
        context.collector.error("HF209", f"`set once` needs bool or optional, not {cell.type}", at(guard.span))


def _check_owned(context: Context, cell: Cell, owned: tree.OwnedBy, scope: Scope) -> None:
    owner, condition, otherwise = owned.owner, owned.condition, owned.otherwise
    if context.program.thread is None:
        context.collector.error("HF209", "`owned by` needs a `thread`", at(owned.span))
    found = context.typer.type_of(owner, scope.local)
    if not is_integral(found) and not isinstance(found, OptionalType):
        context.collector.error("HF203", f"the owner is {found}, not a number", at(owner.span))
    if condition is not None:
        context.typer.boolean(condition, scope.local)
    for expr in (owner, condition) if condition is not None else (owner,):
        _check_owner(context, cell, expr, scope)
        _check_hand_over(context, cell, expr, scope, otherwise)
    if otherwise is not None:
        _check_guard(context, cell, otherwise)


def _check_owner(context: Context, cell: Cell, expr: tree.Expr, scope: Scope) -> None:
    """Who owns a cell is the same for everybody, and only the object itself changes it."""
    for mention in outside_calls(context, expr, scope, "the owner of a cell"):
        if mention.kind == "thread":
            message = f"every `{mention.name}` would own `{cell.name}`: name one by the object's keys or cells"
            refuse(context, mention, "HF209", message)
        elif mention.cell is not None and not is_stable(mention):
            message = f"who owns `{cell.name}` cannot depend on `{mention.name}`, which may change at any time"
            refuse(context, mention, "HF209", message)


def _check_hand_over(
    context: Context, cell: Cell, expr: tree.Expr, scope: Scope, otherwise: tree.GuardedBy | None
) -> None:
    """Who owns a cell changes under the lock that guards the cell meanwhile, and under no other."""
    for mention in mentions(context.typer, expr, scope):
        guard = mention.cell.guard if mention.cell is not None else None
        if guard is not None and (otherwise is None or otherwise.lock != guard.lock):
            message = f"who owns `{cell.name}` changes under `{guard.lock}`, which does not guard it meanwhile"
            refuse(context, mention, "HF209", message, also(cell.span, f"say `else guarded by {guard.lock}`"))
