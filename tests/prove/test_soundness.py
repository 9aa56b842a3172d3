"""Small subjects in which something is wrong that is easily taken for proved."""

from __future__ import annotations

from pathlib import Path

import pytest
import z3
from small_subject import subject, verdicts

from hfverify.diagnostics import NOWHERE, Diagnostic, Rejected
from hfverify.logic.facts import bound
from hfverify.prove.decide import decide
from hfverify.prove.obligations import Subject
from hfverify.prove.query import Group, Query
from hfverify.prove.solver import Outcome
from hfverify.verdict import Status

SPEC = """
module m
type Id = u16
size count : Id
lock door.lock : spinlock
thread here : Id below count { open: not door[here].closed }
state door[id: Id below count] {
    closed : bool guarded by lock
    seen   : bool guarded by lock
}
actor own : door { at: id == here }
"""
PROOF = """
module proofs
import m
trust spinlock is "threading:Lock" because "Python says so"
represent door by "m:Door" { }
"""
IMPL = """
from dataclasses import dataclass, field
from threading import Lock

@dataclass(eq=False)
class Door:
    id: int
    lock: Lock = field(default_factory=Lock)
    closed: bool = False
    seen: bool = False
"""


def unproved(folder: Path, spec: str, proof: str = "", impl: str = "", base: str = SPEC) -> dict[str, str]:
    """What is not proved of all units."""
    found = verdicts(subject(folder, base + spec, PROOF + proof, IMPL + impl))
    return {name: v.status.name for name, v in found.items() if v.status is not Status.PROVED}


def test_a_module_that_no_call_imports_changes_nothing_unseen(tmp_path: Path) -> None:
    spec = """
    entry work {
        impl "m:work"
        ret one: u16
        case told when true { returns 1 }
    }
    """
    code = "\ndef work(own: Door) -> int:\n    return 1\n"
    (tmp_path / "impl").mkdir()
    assert unproved(tmp_path, spec, "", code) == {}
    other = tmp_path / "impl" / "other.py"
    for text in ("import m\nm.work = print\n", "from m import Door\ndef f():\n    Door.__init__ = print\n"):
        other.write_text(text)
        assert "work.told.returns" in unproved(tmp_path, spec, "", code)
        assert "new.door" in unproved(tmp_path, spec, "", code)


def test_a_constant_is_not_made_of_what_hides_another_one(tmp_path: Path) -> None:
    spec = """
    const MOST : u16 = 9
    const LIMIT : u16 = MOST + 1
    pure fits(MOST: u16) : bool = MOST < LIMIT
    entry work {
        impl "m:work"
        arg MOST: u16
        ret fit: bool
        case told when true { returns MOST < LIMIT and fits(MOST) }
    }
    """
    code = "\ndef work(own: Door, MOST: int) -> bool:\n    return {}\n"
    assert unproved(tmp_path, spec, "", code.format("MOST < 10")) == {}
    assert unproved(tmp_path, spec, "", code.format("True")) == {"work.told.returns": "REFUTED"}


def test_a_variable_of_a_definition_is_not_that_of_its_user(tmp_path: Path) -> None:
    spec = """
    pure only(x: Id) : bool = forall k: Id :: k == x
    entry work {
        impl "m:work"
        ret all: bool
        case told when true { returns forall k: Id :: only(k) }
    }
    """
    code = "\ndef work(own: Door) -> bool:\n    return {}\n"
    assert unproved(tmp_path, spec, impl=code.format("True")) == {"work.told.returns": "REFUTED"}


PEEP = """
function peep {
    impl "m:peep"
    with door: door
    ret  closed: bool
    holds door.lock
    case told when true { returns false }
}
"""


def test_a_function_knows_nothing_of_the_thread_that_uses_it(tmp_path: Path) -> None:
    spec = """
    entry work {
        impl "m:work"
        case done when true { effect own.seen := false }
        protocol { commit own.lock }
    }
    """
    code = """
def peep(door: Door) -> bool:
    return door.closed

def work(own: Door) -> None:
    with own.lock:
        own.closed = True
        own.seen = peep(own)
        own.closed = False
"""
    assert unproved(tmp_path, spec, PEEP, code) == {"peep.told.returns": "REFUTED"}


@pytest.mark.parametrize("clause", ["by own", "with other: own"])
def test_a_function_plays_no_part(clause: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as caught:
        unproved(tmp_path, "", PEEP.replace("with door: door", f"{clause}  with door: door"))
    assert "no actor's facts need hold" in caught.value.diagnostics[0].message


def test_a_call_without_an_actor_owes_what_its_thread_relies_on(tmp_path: Path) -> None:
    work = """
    entry work {
        impl "m:work"
        with door: door
        given mine: door.id == here
        case done when true { effect door.closed := true }
        protocol { commit door.lock }
    }
    """
    code = "\ndef work(door: Door) -> None:\n    with door.lock:\n        door.closed = True\n"
    nobody = SPEC.replace("actor own : door { at: id == here }", "")
    found = unproved(tmp_path, work, impl=code, base=nobody)
    assert found == {"work.done.actor": "REFUTED"}


def test_a_part_that_is_not_the_only_one_does_not_end_the_thread(tmp_path: Path) -> None:
    spec = """
    actor guest : door { there: id != here }
    entry work {
        impl "m:work"
        by guest
        case done when true { ends guest }
    }
    """
    with pytest.raises(Rejected) as caught:
        unproved(tmp_path, spec, impl="\ndef work(guest: Door) -> None:\n    pass\n")
    assert "whether the thread ends" in caught.value.diagnostics[0].message


def test_every_position_fits_the_type_of_its_key(tmp_path: Path) -> None:
    spec = "state shelf[id: u8 below count] { full : bool constant }"
    assert "spec.defined" in unproved(tmp_path, spec)


@pytest.mark.parametrize("hard", range(5))
def test_what_was_hard_to_prove_does_not_excuse_what_is_false(hard: int) -> None:
    """Some questions are answered at the third attempt only."""
    subject = Subject("s")
    name = subject.add("x", "effect", "", NOWHERE)
    c, d, x = z3.Int("c"), z3.Int("d"), bound("x", "element")
    f = z3.Function("f", z3.IntSort(), z3.IntSort())
    steps = z3.ForAll([x], z3.And(f(x) >= 0, f(x + 1) == f(x) + 1), patterns=[f(x + 1)])
    apart = z3.ForAll([x], z3.Or(x < c, x > d), patterns=[f(x)])
    group = Group([steps, apart, c >= 0, c <= 2, d <= 2], [], lambda bounds: [])
    goals = [z3.Or(d < c, d > c + 10 + i) for i in range(hard)]
    group.queries = [Query(name, goal, Diagnostic("HF503", "", ())) for goal in [*goals, c == 1]]
    subject.groups = [group]
    assert decide(subject, 1_000_000)[name].outcome is Outcome.MODEL


def test_a_loop_that_is_a_value_on_some_paths_only_loses_no_path(tmp_path: Path) -> None:
    spec = """
    entry work {
        impl "m:work"
        arg first: u32
        arg second: u32
        ret found: u16
        case told when true { returns 1 }
    }
    """
    code = """
def level(number: int, steps: int) -> int:
    for step in range(steps):
        if number < 10 * (step + 1):
            return step
    return steps

def work(own: Door, first: int, second: int) -> int:
    low = level(first, 2)
    if second > 5:
        high = level(second, 70)
        if high > 0 and low == 0:
            return 7
        return 1
    return 1
"""
    assert unproved(tmp_path, spec, impl=code) == {"work.told.returns": "REFUTED"}
