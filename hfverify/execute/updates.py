"""What the updates of a specification do to the state.

Reads   syntax.tree.Update, Perform
Gives   Change: a cell of an object gets a value; the places that `havoc` leaves open
Refuses nothing: the resolver has
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from hfverify.diagnostics import Span
from hfverify.logic.cells import Cells
from hfverify.logic.evaluate import Env, Evaluator, Thunk
from hfverify.logic.values import Bits, Bytes, Fifo, Map, Part, Ref, Stored
from hfverify.logic.values import Value as SpecValue
from hfverify.model.program import Cell, Program
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Change:
    """One promised update: a cell of an object gets a value."""

    cell: Cell
    ref: Ref
    value: Stored
    span: Span


def changes_of(
    program: Program, updates: tuple[tree.Update | tree.Perform, ...], env: Env, evaluator: Evaluator
) -> list[Change]:
    """The updates, with actions written out; all values are those before any of them."""
    found: list[Change] = []
    for update in updates:
        if isinstance(update, tree.Perform):
            action = program.actions[update.action]
            names: dict[str, SpecValue | Thunk] = {n: v for n, v in env.names.items() if n in program.actors}
            for parameter, argument in zip(action.parameters, update.arguments, strict=True):
                names[parameter.name] = evaluator.evaluate(argument, env)
            inner = Env(env.cells, names, None, env.here, env.volatile)
            found += changes_of(program, action.updates, inner, evaluator)
        else:
            found.append(_change(program, update, env, evaluator))
    return found


def _change(program: Program, update: tree.Update, env: Env, evaluator: Evaluator) -> Change:
    cell, ref = _place(program, update.place, env, evaluator)
    value = evaluator.evaluate(update.value, env)
    assert isinstance(value, z3.ExprRef | Fifo | Bytes | Bits | Map)
    return Change(cell, ref, value, update.span)


def _place(program: Program, place: tree.Expr, env: Env, evaluator: Evaluator) -> tuple[Cell, Ref]:
    assert isinstance(place, tree.Member)
    base = evaluator.evaluate(place.base, env)
    assert isinstance(base, Ref | Part)
    ref, prefix = (base, "") if isinstance(base, Ref) else (base.ref, base.path + ".")
    cell = program.cell(ref.state, prefix + place.name)
    assert cell is not None
    return cell, ref


def apply_changes(cells: Cells, changes: list[Change]) -> Cells:
    """The state after all changes."""
    for change in changes:
        cells = cells.write(change.cell, change.ref, change.value)
    return cells


def havoc_of(program: Program, places: tuple[tree.Expr, ...], env: Env, evaluator: Evaluator) -> list[tuple[Cell, Ref]]:
    """The cells, with their objects, that get values of which only a relation says something."""
    return [_place(program, place, env, evaluator) for place in places]
