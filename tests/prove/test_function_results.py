"""What a function gives back: an object or none, and what it reads of a cell without a stable value."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_subject
from small_subject import subject

from hfverify.diagnostics import Rejected
from hfverify.verdict import Status, Verdict

SPEC = """
module m
type Id = u16
size count : Id
lock task.lock : spinlock
thread here : Id below count { }
state machine {
    clock : u32 volatile because "it never stops"
}
state task[id: Id below count] {
    heat : u16 guarded by lock
}
actor runner : task { at: id == here }
entry heat {
    impl "m:heat"
    by runner
    arg id: u32
    ret done: bool
    reject unknown unless id < count { returns false }
    case heated when true {
        effect task[id].heat := 7
        returns true
    }
    protocol {
        commit nothing        in unknown
        commit task[id].lock  in heated
    }
}
entry follow {
    impl "m:follow"
    by runner
    ret found: bool
    case followed when true { returns true }
    protocol { commit nothing }
}
entry wait_for_tick {
    impl "m:wait_for_tick"
    by runner
    ret same: bool
    case done when true { returns true }
    protocol { commit nothing }
}
"""
PROOF = """
module proofs
import m
trust spinlock is "threading:Lock" because "Python says so"
represent machine by "m:Machine" { tasks[k] is task[k] count count }
represent task by "m:Task" { }
function find {
    impl "m:find"
    arg id: u32
    ret found: optional<task>
    reject unknown unless id < count { returns none }
    case found when true { returns task[id] }
}
function origin {
    impl "m:origin"
    ret found: task
    case found when true { returns task[0] }
}
function now {
    impl "m:now"
    ret time: u32
    case told when true { returns machine.clock }
}
"""
CODE = """
from dataclasses import dataclass, field
from threading import Lock

@dataclass(eq=False)
class Task:
    id: int
    lock: Lock = field(default_factory=Lock)
    heat: int = 0

@dataclass(eq=False)
class Machine:
    tasks: list[Task] = field(default_factory=list)
    clock: int = 0

def find(machine: Machine, id: int) -> Task | None:
    return machine.tasks[id] if id < len(machine.tasks) else None

def origin(machine: Machine) -> Task:
    return machine.tasks[0]

def now(machine: Machine) -> int:
    return machine.clock

def heat(machine: Machine, runner: Task, id: int) -> bool:
    task = find(machine, id)
    if task is None:
        return False
    with task.lock:
        task.heat = 7
    return True

def follow(machine: Machine, runner: Task) -> bool:
    return origin(machine) is machine.tasks[0]

def wait_for_tick(machine: Machine, runner: Task) -> bool:
    time = now(machine)
    return time == time
"""
# What is written otherwise, and what is refuted then.
WRONG: dict[str, tuple[dict[str, str], set[str]]] = {
    "another object": (
        {"return machine.tasks[id] if": "return machine.tasks[0] if"},
        {"find.found.returns"},
    ),
    "none for one that exists": (
        {"id < len(machine.tasks) else": "id < len(machine.tasks) - 1 else"},
        {"find.found.returns"},
    ),
    "one too many": ({"id < len(machine.tasks) else": "id <= len(machine.tasks) else"}, {"find.raises"}),
    "a number": (
        {"return machine.tasks[id] if id < len(machine.tasks) else None": "return id"},
        {"find.unknown.precedence", "find.found.returns"},
    ),
    "none is not asked for": (
        {"    if task is None:\n        return False\n": ""},
        {"heat.raises", "heat.unknown.reached"},
    ),
    "the wrong lock": ({"    with task.lock": "    with runner.lock"}, {"heat.lock.held"}),
    "another one is relied on": (
        {"origin(machine) is machine.tasks[0]": "origin(machine) is runner"},
        {"follow.followed.returns"},
    ),
    "two readings are taken for one": (
        {"    return time == time": "    return time == now(machine)"},
        {"wait_for_tick.done.returns"},
    ),
}
UNITS = ["find", "origin", "now", "heat", "follow", "wait_for_tick"]


def verdicts(folder: Path, changes: dict[str, str]) -> dict[str, Verdict]:
    """What is found about the functions and their users."""
    texts = {"spec/m.hfs": SPEC, "proofs/m.hfp": PROOF, "impl/m.py": CODE}
    for old, new in changes.items():
        assert sum(text.count(old) for text in texts.values()) == 1
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    return small_subject.verdicts(subject(folder, *texts.values()), UNITS, both=True)


def test_a_function_gives_what_is_said_and_its_user_relies_on_that(tmp_path: Path) -> None:
    found = verdicts(tmp_path, {})
    assert {name for name, verdict in found.items() if verdict.status is not Status.PROVED} == set()
    assert {"find.found.returns", "find.unknown.precedence", "origin.found.returns", "now.told.returns"} <= found.keys()


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refuted(name: str, tmp_path: Path) -> None:
    changes, expected = WRONG[name]
    found = verdicts(tmp_path, changes)
    failed = {name: verdict for name, verdict in found.items() if verdict.status is not Status.PROVED}
    assert failed.keys() == expected
    assert {verdict.status for verdict in failed.values()} <= {Status.REFUTED, Status.VACUOUS}
    assert any(verdict.status is Status.REFUTED for verdict in failed.values())


# What cannot be said, and the code that says so.
REFUSED = {
    "a call gives an object to its caller": (
        "    ret same: bool\n    case done when true { returns true }",
        "    ret same: task\n    case done when true { returns task[0] }",
        "HF203",
    ),
    "none where there always is one": ("{ returns task[0] }", "{ returns none }", "HF203"),
    "an object of another state": ("{ returns task[id] }", "{ returns machine }", "HF203"),
    "an argument is an object": ("    arg id: u32\n    ret found", "    arg id: task\n    ret found", "HF203"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_said_is_refused(name: str, tmp_path: Path) -> None:
    old, new, code = REFUSED[name]
    spec, proof = SPEC.replace(old, new), PROOF.replace(old, new)
    assert (spec, proof) != (SPEC, PROOF)
    with pytest.raises(Rejected) as rejected:
        subject(tmp_path, spec, proof, CODE)
    assert code in {diagnostic.code for diagnostic in rejected.value.diagnostics}


def test_an_object_that_does_not_exist_is_not_promised(tmp_path: Path) -> None:
    found = verdicts(tmp_path, {"unless id < count { returns none }": "unless id <= count { returns none }"})
    assert any(verdict.status is Status.REFUTED for name, verdict in found.items() if name.startswith("find"))


def test_a_trusted_function_gives_what_is_said_in_a_run(tmp_path: Path) -> None:
    """The code does what no path can follow; the run that would show it wrong has the value of the trusted function."""
    trusted = {
        'impl "m:now"\n': 'impl "m:now"\n    trusted because "it is a device"\n',
        "    return time == time": "    return sum([time]) + 1 > time",
    }
    found = verdicts(tmp_path, trusted)
    assert found["wait_for_tick.raises"].status is not Status.REFUTED
    found = verdicts(tmp_path, {**trusted, "    return machine.clock": "    return None"})
    assert found["wait_for_tick.raises"].status is not Status.REFUTED
