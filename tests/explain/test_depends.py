"""What a quantifier said is only said again where it must be the same."""

from __future__ import annotations

from typing import Any

import pytest

from hfverify.config import load_config
from hfverify.explain.concrete import Env, Evaluator, Ref, Store, Undefined
from hfverify.explain.maps import Map
from hfverify.explain.meaning import Meanings
from hfverify.model.expressions import walk
from hfverify.model.load import load_program
from hfverify.model.program import Program
from hfverify.syntax import tree

SPEC = """
module m
size count : u32
const MOST : u32 = 9
const LIMIT : u32 = MOST + 1
lock door.lock : spinlock
thread cpu: u32 below count
state door[id: u32 below count] {
    shut  : bool guarded by lock
    seen  : u64 guarded by lock
    line  : fifo<u64> guarded by lock
    modes : map<u8> guarded by lock
}
pure wide() : bool = forall a: u8 :: exists b: u64 :: b > 300
pure wider() : bool = forall a: u64 :: exists b: u64 :: b > a
pure low(MOST: u32) : bool = forall a: u8 :: LIMIT > 3
pure asked(q: bool) : bool = forall a: u8 :: q
pure closed(d: door) : bool = forall a: u8 :: d.shut
pure marked(d: door, most: u64) : bool = exists a: u64 :: d.modes[a] == 3 and a <= most
pure numbered(d: door) : bool = forall a: u32 :: a != d.id
pure here() : bool = forall a: u32 :: a != cpu
pure any() : bool = forall a: u32 :: door[a].shut
pure waits(d: door) : bool = forall a: u64 :: a in d.line
pure large() : bool = exists a: u64 :: a > 300
"""
LINE, MODES, SHUT = ("door.line", (0,)), ("door.modes", (0,)), ("door.shut", (0,))
DOOR = Ref("door", (0,))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("subject")
    for name in ("spec", "impl", "proofs"):
        (folder / name).mkdir()
    (folder / "pyproject.toml").write_text("[tool.hfverify]\n")
    (folder / "spec" / "m.hfs").write_text(SPEC)
    return load_program(load_config(folder).folders)


def at(cells: dict[Any, Any], here: int = 0, count: int = 2, **names: Any) -> Env:
    return Env(Store({"count": count}, cells), names, None, here)


STEP, MARK = Map((0,), (0,)), Map((0, 1000, 1001), (0, 3, 0))
# Environments in which the same quantifier has different values, or might.
PAIRS: dict[str, tuple[str, Env, Env]] = {
    "what else is in the store": ("wide", at({LINE: ()}), at({LINE: (1000,)})),
    "whether there are maps": ("wider", at({}), at({MODES: STEP})),
    "over which numbers it goes": ("large", at({LINE: ()}), at({LINE: (1000,)})),
    "a truth value or a number": ("asked", at({}, q=True), at({}, q=1)),
    "a cell": ("closed", at({SHUT: True}, d=DOOR), at({SHUT: False}, d=DOOR)),
    "a cell that is not there": ("closed", at({SHUT: True}, d=DOOR), at({}, d=DOOR)),
    "another object": ("closed", at({SHUT: True}, d=DOOR), at({SHUT: True}, d=Ref("door", (1,)))),
    "a number with a name": ("marked", at({MODES: MARK}, d=DOOR, most=999), at({MODES: MARK}, d=DOOR, most=1000)),
    "a map": ("marked", at({MODES: MARK}, d=DOOR, most=1000), at({MODES: Map((0, 999), (0, 1))}, d=DOOR, most=1000)),
    "a key": ("numbered", at({}, d=DOOR), at({}, d=Ref("door", (7,)))),
    "the CPU": ("here", at({}, here=0), at({}, here=7)),
    "any object": ("any", at({SHUT: True}, count=1), at({SHUT: False}, count=1)),
    "a queue": ("waits", at({LINE: (0, 1, 2, 3)}, d=DOOR), at({LINE: ()}, d=DOOR)),
    "a constant behind a name": ("low", at({}, MOST=9), at({}, MOST=0)),
}


def quantifier(program: Program, name: str) -> tree.Quantified:
    return next(node for node in walk(program.pures[name].body) if isinstance(node, tree.Quantified))


def truth(evaluator: Evaluator, expr: tree.Expr, env: Env) -> object:
    try:
        return evaluator.truth(expr, env)
    except (AssertionError, Undefined) as error:
        return type(error)


@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
@pytest.mark.parametrize("what", PAIRS)
def test_what_is_kept_is_what_would_be_found(what: str, back: bool, program: Program) -> None:
    name, *envs = PAIRS[what]
    expr = quantifier(program, name)
    kept = Evaluator(program, Meanings(program))
    for env in [*(reversed(envs) if back else envs)] * 2:
        assert truth(kept, expr, env) == truth(Evaluator(program, Meanings(program)), expr, env)


@pytest.mark.parametrize("what", ["a cell", "a map", "a number with a name", "over which numbers it goes"])
def test_they_do_differ(what: str, program: Program) -> None:
    name, *envs = PAIRS[what]
    values = [truth(Evaluator(program, Meanings(program)), quantifier(program, name), env) for env in envs]
    assert sorted(map(str, values)) == ["False", "True"]


def test_it_is_not_decided_again(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    evaluator = Evaluator(program, Meanings(program))
    find = Map.at
    monkeypatch.setattr(Map, "at", lambda self, number: asked.append(number) or find(self, number))
    expr = quantifier(program, "marked")
    for more in ({}, {SHUT: True}):
        assert truth(evaluator, expr, at({MODES: MARK, **more}, d=DOOR, most=1000)) is True
        count = len(asked)
    assert count == len(asked) > 0
    assert len(asked) == len(set(asked))


def test_a_constant_means_the_same_wherever_it_is_named(program: Program) -> None:
    """Whoever has a number with the name of another constant does not change what it is made of."""
    values = [Evaluator(program).truth(quantifier(program, "low"), at({}, MOST=number)) for number in (0, 9)]
    assert values == [True, True]
