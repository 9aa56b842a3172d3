"""What a quantifier said is only said again where it must be the same."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from hfverify.config import load_config
from hfverify.explain.concrete import Env, Evaluator, Ref, Store, Undefined
from hfverify.explain.depends import Dependence
from hfverify.explain.maps import Map
from hfverify.explain.meaning import Meanings
from hfverify.model.constants import constant_value
from hfverify.model.expressions import walk
from hfverify.model.load import load_program
from hfverify.model.program import Program
from hfverify.model.types import MapType
from hfverify.syntax import tree

ROOT = Path(__file__).parents[2]
PLACES = (0, 1, 511, 512, 513, 512 * 512, 512 * 512 + 1)


@pytest.fixture(scope="module")
def program() -> Program:
    config = load_config(ROOT)
    return load_program(config.folders, config.revision)


def quantifiers(program: Program) -> list[tuple[str, tree.Quantified]]:
    """Those of invariants, with the state to which these belong."""
    invariants = [(lock.state, one.value) for lock in program.locks.values() for one in lock.invariants]
    return [(state, node) for state, value in invariants for node in walk(value) if isinstance(node, tree.Quantified)]


def some_map(random: Random, values: list[int]) -> Map:
    return Map.of([(0, random.choice(values)), *((random.choice(PLACES), random.choice(values)) for _ in range(2))])


def some_store(program: Program, random: Random) -> Store:
    """Maps of small values, and of those that have a name in what is said of them."""
    store = Store(dict.fromkeys(program.sizes, 2))
    table = constant_value(program, program.consts["TABLE"][1], ())
    assert table is not None
    for state in program.states.values():
        for cell in state.cells.values():
            if isinstance(cell.type, MapType):
                for number in range(2):
                    store.cells[cell.name, (number,) * len(state.keys)] = some_map(random, [0, 1, table])
    return store


def truth(evaluator: Evaluator, expr: tree.Expr, env: Env) -> bool | None:
    try:
        return evaluator.truth(expr, env)
    except Undefined:
        return None


def test_what_is_kept_is_what_would_be_found(program: Program) -> None:
    random, kept = Random(0), Evaluator(program, Meanings(program))
    seen: set[tuple[int, bool | None]] = set()
    for _ in range(40):
        store = some_store(program, random)
        for number, (state, expr) in enumerate(quantifiers(program)):
            for key in (0, 1):
                env = Env(store, {}, Ref(state, (key,) * len(program.states[state].keys)))
                found = truth(kept, expr, env)
                assert found == truth(Evaluator(program, Meanings(program)), expr, env)
                assert found == truth(kept, expr, env)
                seen.add((number, found))
    maps = [n for n, (_, expr) in enumerate(quantifiers(program)) if any(isinstance(x, tree.Index) for x in walk(expr))]
    assert maps
    assert {(n, value) for n in maps for value in (True, False)} <= seen


def keys(program: Program, expr: tree.Quantified, store: Store, **names: object) -> tuple[object, ...] | None:
    state, _ = next(pair for pair in quantifiers(program) if any(isinstance(x, tree.Index) for x in walk(pair[1])))
    return Dependence(program, expr).key(Env(store, dict(names), Ref(state, ())))


def test_what_decides_is_part_of_the_key(program: Program) -> None:
    """Cells of the own object, and numbers and objects that have a name; nothing where a name may be anything."""
    random = Random(1)
    one, other = some_store(program, random), some_store(program, random)
    wanted = {"table", "first", "last"}
    pures = [pure for pure in program.pures.values() if {parameter.name for parameter in pure.parameters} >= wanted]
    expr = next(x for pure in pures for x in walk(pure.body) if isinstance(x, tree.Quantified))
    state = next(s.name for s in program.states.values() if any(isinstance(c.type, MapType) for c in s.cells.values()))
    table = Ref(state, (0,) * len(program.states[state].keys))
    first = keys(program, expr, one, table=table, first=1, last=5)
    assert first is not None
    assert first == keys(program, expr, one, table=table, first=1, last=5, more=7)
    assert first != keys(program, expr, one, table=table, first=1, last=6)
    assert first != keys(program, expr, other, table=table, first=1, last=5)
    assert keys(program, expr, one, first=1, last=5) is None
