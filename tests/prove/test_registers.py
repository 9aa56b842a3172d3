"""Registers lead to calls and back: what finds a call, what ends it, and what is not known stays open."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_subject import SCOPE, subject

from hfverify.diagnostics import Rejected
from hfverify.units import Subjects
from hfverify.verdict import Status, Verdict

SPEC = """
module m
type Id = u16
size count : Id
lock task.lock : spinlock
thread here : Id below count
state task[id: Id below count] { limit : u8 constant  heat : u16 guarded by lock }
actor runner : task { at: id == here }
actor left : task formerly runner { was_at: id == here }
hypercall cool {
    number 0x10 as COOL
    impl "m:cool"
    arg x1 bits 8 .. 15 much: u8
    arg x1 bits 0 .. 7 times: u8
    arg x2 bits 63 .. 63 at_once: bool
    arg x3 rest: u64
    ret x0 result: i64
    case only when true { returns 0 }
}
hypercall rest {
    number 0x11 as REST
    impl "m:rest"
    ret x0 result: i64
    case only when true { returns 1  next runner }
}
entry goes_on {
    impl "m:goes_on"
    arg x0 result: u8
    case only when true { }
}
entry is_left {
    impl "m:is_left"
    by left
    with incoming : runner
    arg x0 result: u8
    case only when true { }
}
dispatcher find {
    impl "m:find"
    number x0 % 0x100
    otherwise returns NO
    unspecified 0x12 because "it is not there yet"
}
trap enter_here {
    impl "m:enter_here"
    through find
    ret x0 result: u8
    stays goes_on
    leaves is_left
}
const NO : i64 = -7
"""
PROOF = """
module proofs
import m
trust spinlock is "threading:Lock" because "Python says so"
represent task by "m:Task" { }
"""
HEAD = """
from dataclasses import dataclass, field
from threading import Lock

@dataclass(eq=False)
class Task:
    id: int
    limit: int
    lock: Lock = field(default_factory=Lock)
    heat: int = 0

def cool(runner: Task, much: int, times: int, at_once: bool, rest: int) -> int:
    return 0

def rest(runner: Task) -> tuple[int, Task | None]:
    return 1, runner

def goes_on(runner: Task, result: int) -> None:
    pass

def is_left(left: Task, incoming: Task, result: int) -> None:
    pass

def unknown(runner: Task) -> int:
    return sum(x for x in (1, 2))

def heat_of(runner: Task) -> int:
    return runner.heat

def byte(register: int, number: int) -> int:
    return register >> 8 * number & 0xFF
"""
FIND = """
def find(runner: Task, x0: int, x1: int, x2: int, x3: int) -> tuple[int, Task | None]:
    number = byte(x0, 0)
    if number == 0x10:
        return cool(runner, byte(x1, 1), byte(x1, 0), x2 >> 63 != 0, x3), None
    if number == 0x11:
        return rest(runner)
    if number == 0x12:
        return unknown(runner), None
    return -7, None
"""
ENTER = """
def enter_here(runner: Task, x0: int, x1: int, x2: int, x3: int) -> tuple[int, Task | None]:
    result, other = find(runner, x0, x1, x2, x3)
    result %= 256
    if other is None:
        goes_on(runner, result)
    else:
        is_left(runner, other, result)
    return result, other
"""


def subjects(folder: Path, code: str, spec: str = SPEC) -> Subjects:
    """The subject with this implementation."""
    return subject(folder, spec, PROOF, HEAD + code)


def verdicts(made: Subjects, unit: str) -> dict[str, Verdict]:
    return {v.obligation.name.removeprefix(unit + "."): v for v in made.verdicts(unit, SCOPE)}


def changed(code: str, old: str, new: str) -> str:
    assert code.count(old) == 1
    return code.replace(old, new)


def test_parts_of_registers_are_arguments(tmp_path: Path) -> None:
    made = subjects(tmp_path, FIND + ENTER)
    for unit in ("find", "enter_here"):
        found = verdicts(made, unit)
        assert {name: v.status for name, v in found.items() if v.status is not Status.PROVED} == {}
    assert set(verdicts(made, "find")) == {"cool", "rest", "otherwise", "supported", "raises", "bounded", "frame"}
    assert set(found) == {"goes_on", "is_left", "supported", "raises", "bounded", "frame"}


# What is changed, which obligation it breaks, and what the run on the real code shows.
WRONG = {
    "parts change places": ("byte(x1, 1), byte(x1, 0)", "byte(x1, 0), byte(x1, 1)", "cool", "calls cool"),
    "another bit": ("x2 >> 63 != 0", "x2 >> 62 != 0", "cool", "at_once=True"),
    "a number for a truth value": ("x2 >> 63 != 0", "x2 >> 63", "cool", "at_once=0"),
    "a constant result": ("    return -7, None", "    return -8, None", "otherwise", "returns (-8, None)"),
    "no pair": ("    return -7, None", "    return -7", "otherwise", "returns -7"),
    "makes a pair of a pair": ("return rest(runner)", "return rest(runner), None", "rest", "promised"),
    "what cannot be followed": ("return rest(runner)", "return unknown(runner), None", "rest", "calls none"),
    "heat is read": ("    number = byte(x0, 0)", "    number = byte(x0, 0) + 0 * runner.heat", "frame", "is read"),
    "heat is read elsewhere": ("    return -7, None", "    return -7 + 0 * heat_of(runner), None", "frame", "is read"),
    "heat is written": ("    return -7, None", "    runner.heat = 0\n    return -7, None", "frame", "is written"),
    "a lock is taken": ("    return -7, None", "    with runner.lock:\n        return -7, None", "frame", "is taken"),
    "division by an argument": ("    return -7, None", "    return -7 // x1, None", "raises", "ZeroDivisionError"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_finds_a_call_is_refuted(name: str, tmp_path: Path) -> None:
    old, new, obligation, text = WRONG[name]
    verdict = verdicts(subjects(tmp_path, changed(FIND, old, new) + ENTER), "find")[obligation]
    assert verdict.status is Status.REFUTED, verdict.reason
    assert verdict.counterexample is not None
    assert verdict.counterexample["confirmed"] is True
    assert text in verdict.reason


def test_constants_may_be_looked_at(tmp_path: Path) -> None:
    code = changed(FIND, "    number = byte(x0, 0)", "    number = byte(x0, 0) + 0 * runner.limit * runner.id")
    found = verdicts(subjects(tmp_path, code + ENTER), "find")
    assert {v.status for v in found.values()} == {Status.PROVED}


def test_what_cannot_be_followed_is_not_proved(tmp_path: Path) -> None:
    """The code is right, but part of it is outside the subset: it neither is proved nor shows a failure."""
    code = changed(FIND, "    number = byte(x0, 0)", "    number = [byte(x0, 0)][0]")
    found = verdicts(subjects(tmp_path, code + ENTER), "find")
    assert {v.status for v in found.values()} == {Status.UNKNOWN}
    assert found["supported"].diagnostic is not None
    assert found["supported"].diagnostic.code == "HF401"


def test_a_number_that_no_register_gives_proves_nothing(tmp_path: Path) -> None:
    spec = changed(SPEC, "number 0x11 as REST", "number 0x111 as REST")
    code = changed(FIND, "number == 0x11:", "number == 0x111:")
    found = verdicts(subjects(tmp_path, code + ENTER, spec), "find")
    assert found["rest"].status is Status.VACUOUS
    assert found["cool"].status is Status.PROVED


def test_of_what_is_not_specified_nothing_is_said(tmp_path: Path) -> None:
    """A number that is said to be unspecified may do anything; one that is not may not."""
    spec = changed(SPEC, '    unspecified 0x12 because "it is not there yet"\n', "")
    found = verdicts(subjects(tmp_path, FIND + ENTER, spec), "find")
    assert found["otherwise"].status is Status.REFUTED
    assert found["supported"].status is Status.UNKNOWN


ENDS = {
    "cut to too many bits": ("result %= 256", "result %= 512", "goes_on"),
    "not cut": ("    result %= 256\n", "", "is_left"),
    "goes on all the same": ("is_left(runner, other, result)", "goes_on(runner, result)", "is_left"),
    "is not ended": ("        goes_on(runner, result)", "        pass", "goes_on"),
    "found twice": ("    result %= 256", "    find(runner, x0, x1, x2, x3)\n    result %= 256", "goes_on"),
    "not found": ("result, other = find(runner, x0, x1, x2, x3)", "result, other = 0, None", "goes_on"),
    "another register": ("find(runner, x0, x1, x2, x3)", "find(runner, x0, x1, x2, x2)", "goes_on"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_what_ends_a_call_is_refuted(name: str, tmp_path: Path) -> None:
    old, new, obligation = ENDS[name]
    verdict = verdicts(subjects(tmp_path, FIND + changed(ENTER, old, new)), "enter_here")[obligation]
    assert verdict.status is Status.REFUTED, verdict.reason
    assert verdict.counterexample is not None
    assert verdict.counterexample["confirmed"] is True


def test_a_function_that_needs_more_than_registers_is_rejected(tmp_path: Path) -> None:
    spec = changed(SPEC, "    case only when true { returns 1  next runner }", """    let other = runner
    case only when true { returns 1  next runner }""")  # fmt: skip
    made = subjects(tmp_path, FIND + ENTER, spec)
    file = tmp_path / "impl" / "m.py"
    file.write_text(file.read_text().replace("def rest(runner: Task)", "def rest(other: Task)"))
    with pytest.raises(Rejected, match="HF217 `rest` takes `other`"):
        made.verdicts("find", SCOPE)
