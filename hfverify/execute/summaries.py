"""Functions whose loops only look for a number: all their paths together are one value.

Reads   execute.source.Function
Gives   the value as a term that chooses between those of the paths; nothing else in the world changes
Refuses nothing: a function that does more, or has too many paths, is executed path by path
"""

from __future__ import annotations

from collections.abc import Callable

import z3

from hfverify.diagnostics import Span
from hfverify.execute.interpreter import Interpreter, PathEnds, Refusal
from hfverify.execute.source import Function
from hfverify.execute.values import Value
from hfverify.execute.world import Impure

MOST_PATHS = 64


def summarised(run: Interpreter, function: Function, arguments: dict[str, Value], span: Span) -> Value | None:
    """The value of a call, if there is a loop that ends on many paths and none of them does anything but compute."""
    if run.choose is not None or not function.loops or any(target == function.name for target, _ in run.program.loops):
        return None
    if function.name in run.effectful:
        return None
    length, outer, cells = len(run.trail), run.world.speculating, run.world.cells
    run.world.speculating = True
    try:
        value = _joined(run, lambda: run.invoke(function, dict(arguments), span)[0])
        assert run.world.cells is cells, "a function that only computes has changed something"
        return value
    except (Impure, Refusal, PathEnds):
        run.effectful.add(function.name)
        return None
    finally:
        del run.trail[length:]
        run.choose, run.world.speculating = None, outer


def _joined(run: Interpreter, compute: Callable[[], Value]) -> Value:
    """The values of all paths: each is taken by the choices before it, the true ones first."""
    found: list[tuple[list[tuple[z3.BoolRef, bool]], z3.ExprRef]] = []
    pending: list[tuple[bool, ...]] = [()]
    while pending:
        given, taken = pending.pop(), list[tuple[z3.BoolRef, bool]]()

        def choose(
            condition: z3.BoolRef, given: tuple[bool, ...] = given, taken: list[tuple[z3.BoolRef, bool]] = taken
        ) -> bool:
            position = len(taken)
            if position >= len(given):
                pending.append((*(way for _, way in taken), False))
            taken.append((condition, given[position] if position < len(given) else True))
            return taken[-1][1]

        run.choose = choose
        value = compute()
        if not isinstance(value, z3.ArithRef | z3.BoolRef) or len(found) == MOST_PATHS:
            raise Impure
        if found and found[0][1].sort() != value.sort():
            raise Impure
        found.append((taken, value))
    joined = found[-1][1]
    for taken, value in reversed(found[:-1]):
        # The path before went the other way at its last choice but those that are false.
        last = max(index for index, (_, way) in enumerate(taken) if way)
        conditions = [condition if way else z3.Not(condition) for condition, way in taken[: last + 1]]
        joined = z3.If(z3.And(*conditions), value, joined)
    assert isinstance(joined, z3.ArithRef | z3.BoolRef)
    return joined
