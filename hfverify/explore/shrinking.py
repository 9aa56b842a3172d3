"""Where a problem begins, without what it does not need: every cell that can be as it is in a new machine is.

Reads   the scenarios of a finding, a function that tells whether others show the same
Gives   scenarios with the same calls and fewer cells that say something
Refuses nothing; a state that breaks an assumption, a fact or an invariant is never tried
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hfverify.explain.concrete import Env, Evaluator, Keys, Ref, Store, Undefined, Value, default
from hfverify.explain.maps import Map
from hfverify.explain.scenario import Scenario
from hfverify.model.program import Cell, Lock, Program
from hfverify.model.types import MapType
from hfverify.syntax import tree

Key = tuple[str, Keys]


def smaller(program: Program, scenarios: list[Scenario], shows: Callable[[list[Scenario]], bool]) -> list[Scenario]:
    """Set cells to zero, or to what they are in a new machine, as long as the problem is still there.

    First all cells of an object together, then those of each of its parts, then each by itself.
    """
    best = scenarios
    for keys in _groups(program, scenarios[0]):
        for values in _plain(program, keys):
            changed = {key: value for key, value in values.items() if best[0].cells[key] != value}
            tried = [replace(scenario, cells={**scenario.cells, **changed}) for scenario in best]
            if changed and can_begin(program, tried) and shows(tried):
                best = tried
                break
    return best


def _groups(program: Program, scenario: Scenario) -> list[list[Key]]:
    keys = [key for key in sorted(scenario.cells) if not _cell(program, key).is_constant]
    objects: dict[tuple[str, Keys], list[Key]] = {}
    parts: dict[tuple[str, str, Keys], list[Key]] = {}
    for key in keys:
        state, path = key[0].split(".", 1)
        objects.setdefault((state, key[1]), []).append(key)
        parts.setdefault((state, path.split(".")[0], key[1]), []).append(key)
    return [*objects.values(), *parts.values(), *([key] for key in keys)]


def _plain(program: Program, keys: list[Key]) -> list[dict[Key, Value]]:
    """Values that say nothing: zero, and the initial ones where these differ."""
    zero = {key: default(_cell(program, key)) for key in keys}
    return [zero, {key: initial(program, _cell(program, key)) for key in keys}]


def initial(program: Program, cell: Cell) -> Value:
    """What a cell is in a new machine."""
    if cell.initial is None:
        return default(cell)
    try:
        value = Evaluator(program).evaluate(cell.initial, Env(Store()))
    except (Undefined, KeyError):
        return default(cell)
    return Map((0,), (value,)) if isinstance(cell.type, MapType) and isinstance(value, int) else value


def _cell(program: Program, key: Key) -> Cell:
    state, path = key[0].split(".", 1)
    cell = program.cell(state, path)
    assert cell is not None
    return cell


def can_begin(program: Program, scenarios: list[Scenario]) -> bool:
    """Whether all that is relied on holds where the calls begin, and all locks are free."""
    return facts_hold(program, scenarios) and keeps_invariants(program, scenarios[0].store())


def facts_hold(program: Program, scenarios: list[Scenario]) -> bool:
    """Whether all that is assumed, and what threads and actors rely on, holds where the calls begin.

    A function may be used in the middle of a call, where nothing of threads and actors is relied on.
    """
    evaluator, store = Evaluator(program), scenarios[0].store()

    def holds(expr: tree.Expr, own: Ref | None, here: int) -> bool:
        try:
            return evaluator.truth(expr, Env(store, {}, own, here))
        except Undefined:
            return False

    if not all(holds(assume.value, None, 0) for assume in program.assumes):
        return False
    for scenario in scenarios:
        call = program.calls[scenario.call]
        if call.is_function:
            continue
        relied: list[tuple[tree.Fact, Ref | None]] = [
            (fact, None) for fact in (program.thread.facts if program.thread is not None else ())
        ]
        parts = [(call.actor, scenario.actor), *((item.plays, scenario.objects[item.name]) for item in call.objects)]
        for part, keys in parts:
            if part:
                actor = program.actors[part]
                relied += [(fact, Ref(actor.state, keys)) for fact in actor.facts]
        if not all(holds(fact.value, own, scenario.here) for fact, own in relied):
            return False
    return True


def keeps_invariants(program: Program, store: Store) -> bool:
    """Whether all locks can be free in this state."""
    evaluator = Evaluator(program)
    return all(
        holds(evaluator, invariant, keys, lock, store)
        for lock in program.locks.values()
        for keys in evaluator.positions(lock.state, Env(store))
        for invariant in lock.invariants
    )


def holds(evaluator: Evaluator, invariant: tree.Invariant, keys: Keys, lock: Lock, store: Store) -> bool:
    """Whether an invariant of the lock of an object holds in this state."""
    try:
        return evaluator.truth(invariant.value, Env(store, {}, Ref(lock.state, keys)))
    except Undefined:
        return False
