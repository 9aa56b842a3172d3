"""What a counterexample has to do with where a search begins: who makes the call, with what, and what it meets.

Reads   explain.scenario.Scenario, the object that was touched without right
Gives   Likeness; the same as wishes, which are formulas for the solver, the most important first
Refuses nothing: of what has no number for the solver, or is too long, nothing is wished
"""

from __future__ import annotations

from dataclasses import dataclass

import z3

from hfverify.explain.concrete import Keys, Value
from hfverify.explain.scenario import Scenario
from hfverify.logic.cells import Cells
from hfverify.logic.values import Fifo
from hfverify.logic.values import Ref as Term
from hfverify.model.program import Call, Cell, Program
from hfverify.model.types import FifoType
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Likeness:
    """The beginning of a call in a counterexample.

    `cells` have the values that the call finds when it first looks, `place` is the cell that it touches without right,
    `swapped` are the locks that it takes in the wrong order. `begins` and `schedule` are where it begins, and what
    others change before each lock is taken.
    """

    here: int
    actor: Keys
    objects: tuple[tuple[str, Keys], ...]
    arguments: tuple[tuple[str, int | bool], ...]
    cells: tuple[tuple[tuple[str, Keys], Value], ...]
    place: tuple[str, Keys] | None = None
    swapped: tuple[tuple[str, Keys], ...] = ()
    sizes: tuple[tuple[str, int], ...] = ()
    begins: tuple[tuple[tuple[str, Keys], Value], ...] = ()
    schedule: tuple[tuple[tuple[tuple[str, Keys], Value], ...], ...] = ()


def likeness(
    scenario: Scenario, place: tuple[str, Keys] | None, swapped: tuple[tuple[str, Keys], ...] = ()
) -> Likeness:
    """What others change before a lock is taken is what is found under it."""
    found: dict[tuple[str, Keys], Value] = {}
    for step in scenario.schedule:
        for key, value in step.items():
            found.setdefault(key, value)
    if place is not None:
        state = place[0].split(".")[0]
        for (name, keys), value in scenario.cells.items():
            if (name.split(".")[0], keys) == (state, place[1]):
                found.setdefault((name, keys), value)
    return Likeness(
        scenario.here,
        scenario.actor,
        tuple(sorted(scenario.objects.items())),
        tuple(sorted(scenario.arguments.items())),
        tuple((key, value) for key, value in sorted(found.items()) if isinstance(value, int | tuple)),
        place,
        swapped,
        tuple(sorted(scenario.sizes.items())),
        tuple(scenario.cells.items()),
        tuple(tuple(step.items()) for step in scenario.schedule),
    )


def wishes(program: Program, cells: Cells, like: Likeness, call: Call, cpu: int, most: int) -> list[list[z3.BoolRef]]:
    """That the call on the CPU begins like that: first who makes it and with what, then what it finds."""
    who: list[z3.BoolRef] = []
    if call.actor:
        keys = program.states[program.actors[call.actor].state].keys
        who += [z3.Int(f"{call.actor}.{key.name}@{cpu}") == value for key, value in zip(keys, like.actor, strict=False)]
    objects = dict(like.objects)
    for item in call.objects:
        named = zip(program.states[item.state].keys, objects.get(item.name, ()), strict=False)
        who += [z3.Int(f"{item.name}.{key.name}@{cpu}") == value for key, value in named]
    for name, value in like.arguments:
        term = z3.Bool(f"{name}@{cpu}") if isinstance(value, bool) else z3.Int(f"{name}@{cpu}")
        who.append(term == value)
    met: list[z3.BoolRef] = []
    for (name, where), found in like.cells:
        cell = program.cell(*name.split(".", 1))
        if cell is not None and all(key <= most for key in where):
            met += _is(cells, cell, where, found, most)
    return [who, met]


def _is(cells: Cells, cell: Cell, keys: Keys, value: Value, most: int) -> list[z3.BoolRef]:
    """That a cell has the value: a truth value, a number, or the members of a queue."""
    stored = cells.read(cell, Term(cell.state, tuple(z3.IntVal(key) for key in keys)))
    if isinstance(stored, Fifo) and isinstance(cell.type, FifoType) and isinstance(value, tuple):
        return [stored.has(z3.IntVal(number)) == (number in value) for number in range(most + 1)]
    if isinstance(stored, z3.ExprRef) and isinstance(value, int):
        return [stored == value]
    return []


def guarded(program: Program, place: tuple[str, Keys]) -> tuple[str, Term] | None:
    """The lock that guards a cell, if one does."""
    cell = program.cell(*place[0].split(".", 1))
    if cell is None or not isinstance(cell.discipline, tree.GuardedBy):
        return None
    return f"{cell.state}.{cell.discipline.lock}", Term(cell.state, tuple(z3.IntVal(key) for key in place[1]))
