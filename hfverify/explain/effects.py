"""What the clauses of an outcome make of a concrete state. No solver.

Reads   model.program.Outcome, explain.concrete.Store
Gives   the cells that change and their values, the state afterwards, what is left open
Refuses an expression that has no value in the state (Undefined)
"""

from __future__ import annotations

from collections.abc import Sequence

from hfverify.explain.concrete import Env, Evaluator, Keys, Part, Ref, Store, Thunk, Value
from hfverify.model.program import Cell, Outcome, Program
from hfverify.syntax import tree

Change = tuple[tuple[str, Keys], Value]


def changes_of(
    program: Program, evaluator: Evaluator, updates: Sequence[tree.Update | tree.Perform], env: Env
) -> list[Change]:
    """The cells that updates change, in order; each update speaks about the state before all of them."""
    found: list[Change] = []
    for update in updates:
        if isinstance(update, tree.Perform):
            action = program.actions[update.action]
            names: dict[str, Value | Thunk] = {n: v for n, v in env.names.items() if n in program.actors}
            for parameter, argument in zip(action.parameters, update.arguments, strict=True):
                names[parameter.name] = evaluator.evaluate(argument, env)
            inner = Env(env.store, names, None, env.here, env.volatile)
            found += changes_of(program, evaluator, action.updates, inner)
            continue
        cell, ref = place_of(program, evaluator, update.place, env)
        found.append(((cell.name, ref.keys), evaluator.evaluate(update.value, env)))
    return found


def place_of(program: Program, evaluator: Evaluator, place: tree.Expr, env: Env) -> tuple[Cell, Ref]:
    """The cell of an object that an expression names."""
    assert isinstance(place, tree.Member)
    base = evaluator.evaluate(place.base, env)
    ref, prefix = (base.ref, base.path + ".") if isinstance(base, Part) else (base, "")
    assert isinstance(ref, Ref)
    cell = program.cell(ref.state, prefix + place.name)
    assert cell is not None
    return cell, ref


def left_open(program: Program, evaluator: Evaluator, outcome: Outcome, env: Env, post: Store) -> list[Change]:
    """The cells that may have any value that fits, with what they have in a state: that is as good as promised."""
    found: list[Change] = []
    for place in outcome.havoc:
        cell, ref = place_of(program, evaluator, place, env)
        found.append(((cell.name, ref.keys), evaluator.read(cell, ref, Env(post, {}, None, env.here))))
    return found


def applied(store: Store, changes: Sequence[Change]) -> Store:
    """The state after changes."""
    after = store.copy()
    after.cells.update(changes)
    return after
