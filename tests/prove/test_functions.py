"""A function that is specified: its users rely on what is said of it, and its text does what is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_subject
from small_subject import subject

from hfverify.verdict import Status, Verdict

SPEC = """
module m
type Id = u16
size count : Id
lock task.lock : spinlock
thread here : Id below count { }
state task[id: Id below count] {
    heat  : u16      guarded by lock
    busy  : bool     guarded by lock
    late  : bool     guarded by lock
    codes : map<u8>  guarded by lock
}
actor runner : task { at: id == here }
invariant cool on task.lock: heat < 100
invariant in_time on task.lock: late ==> busy
entry work {
    impl "m:work"
    by runner
    case done when true {
        effect runner.busy  := true
               runner.codes := fill(runner.codes, 0, 5, 1)
        havoc   runner.heat
        ensures relation: runner.heat >= old(runner.heat)
    }
    protocol { commit runner.lock }
}
"""
PROOF = """
module proofs
import m
trust spinlock is "threading:Lock" because "Python says so"
trust map is "m:Codes" because "it is small"
represent task by "m:Task" { }
function warm {
    impl "m:warm"
    with task: task
    arg  more: u16
    ret  left: u16
    holds task.lock
    given room: more <= 50 and task.heat < 50
    case warmed when true {
        effect task.busy  := true
               task.codes := fill(task.codes, 0, more, 1)
        havoc   task.heat
        ensures no_colder: task.heat >= old(task.heat)
        ensures all_filled: count(task.codes, 0, more, 1) == more
        returns 50 - more
    }
}
"""
CODE = """
from dataclasses import dataclass, field
from threading import Lock

@dataclass(eq=False)
class Codes:
    values: dict[int, int] = field(default_factory=dict)

    def get(self, number: int) -> int:
        return self.values.get(number, 0)

    def fill(self, first: int, last: int, value: int) -> None:
        self.values |= dict.fromkeys(range(first, last), value)

    def count(self, first: int, last: int, value: int) -> int:
        return sum(self.get(number) == value for number in range(first, last))

@dataclass(eq=False)
class Task:
    id: int
    lock: Lock = field(default_factory=Lock)
    heat: int = 0
    busy: bool = False
    late: bool = False
    codes: Codes = field(default_factory=Codes)

def warm(task: Task, more: int) -> int:
    task.heat += more
    task.busy = True
    task.codes.fill(0, more, 1)
    return 50 - more

def work(runner: Task) -> None:
    with runner.lock:
        if runner.heat < 50:
            left = warm(runner, 5)
            assert left == 45
        else:
            runner.busy = True
            runner.codes.fill(0, 5, 1)
"""
Changes = dict[str, str]
# What is written otherwise, and what is not proved then.
WRONG: dict[str, tuple[Changes, set[str]]] = {
    "what is given does not hold": ({"if runner.heat < 50": "if runner.heat < 60"}, {"work.contract"}),
    "an argument is too large": ({"warm(runner, 5)": "warm(runner, 51)"}, {"work.contract"}),
    "an argument does not fit": ({"warm(runner, 5)": "warm(runner, -1)"}, {"work.contract"}),
    "an invariant does not hold yet": (
        {"            left = warm": "            runner.busy = False\n            left = warm"},
        {"work.contract"},
    ),
    "the lock is not held": (
        {"    with runner.lock:\n": "    if runner.id == 1:\n        warm(runner, 5)\n    with runner.lock:\n"},
        {"work.contract", "work.lock.held"},
    ),
    "another argument": ({"warm(runner, 5)": "warm(runner, 4) - 1"}, {"work.done.effect"}),
    "another result is relied on": ({"assert left == 45": "assert left == 46"}, {"work.raises"}),
    "more is relied on than is said": (
        {"ensures relation: runner.heat >= old(runner.heat)": "ensures relation: runner.heat > old(runner.heat)"},
        {"work.done.ensures.relation"},
    ),
    "an invariant is broken": ({"task.heat += more": "task.heat = 100"}, {"warm.invariant.cool"}),
    "what is ensured is false": ({"task.heat += more": "task.heat = 0"}, {"warm.warmed.ensures.no_colder"}),
    "something else is returned": ({"return 50 - more": "return 49 - more"}, {"warm.warmed.returns"}),
    "an effect is forgotten": ({"    task.busy = True\n    task": "    task"}, {"warm.warmed.effect"}),
    "something else changes": (
        {"    task.busy = True\n    task": "    task.busy = task.late = True\n    task"},
        {"warm.warmed.frame"},
    ),
    "a map is filled too far": (
        {"task.codes.fill(0, more, 1)\n    return": "task.codes.fill(0, more + 1, 1)\n    return"},
        {"warm.warmed.effect"},
    ),
    "a map is filled with something else": (
        {"task.codes.fill(0, more, 1)\n    return": "task.codes.fill(0, more, 2)\n    return"},
        {"warm.warmed.effect", "warm.warmed.ensures.all_filled"},
    ),
}


def verdicts(folder: Path, changes: Changes) -> dict[str, Verdict]:
    """What is found about the function and its user."""
    texts = {"spec/m.hfs": SPEC, "proofs/m.hfp": PROOF, "impl/m.py": CODE}
    for old, new in changes.items():
        assert sum(text.count(old) for text in texts.values()) == 1
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    return small_subject.verdicts(subject(folder, *texts.values()), ["warm", "work"], both=True)


def test_a_function_does_what_is_said_and_its_user_relies_on_that(tmp_path: Path) -> None:
    found = verdicts(tmp_path, {})
    assert {name for name, verdict in found.items() if verdict.status is not Status.PROVED} == set()
    assert {"warm.warmed.ensures.no_colder", "warm.invariant.cool", "work.contract"} <= found.keys()


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_not_proved(name: str, tmp_path: Path) -> None:
    changes, expected = WRONG[name]
    found = verdicts(tmp_path, changes)
    assert {name for name, verdict in found.items() if verdict.status is not Status.PROVED} == expected


TRUSTED = {
    "    holds task.lock\n    given room": '    holds task.lock\n    trusted because "it is old"\n    given room'
}
# What is said of a function at which nobody looks, and that cannot be.
NO_COLDER = "ensures no_colder: task.heat >= old(task.heat)"
ALL_FILLED = "count(task.codes, 0, more, 1) == more"
CONTRADICTIONS: dict[str, Changes] = {
    "two ensures": {NO_COLDER: "ensures a: task.heat > 5  ensures b: task.heat < 5"},
    "an ensures and an invariant": {NO_COLDER: "ensures hot: task.heat > 100"},
    "an ensures and what is given": {NO_COLDER: "ensures cold: old(task.heat) > 50"},
    "a count and a range that is too short": {ALL_FILLED: "count(task.codes, 0, more, 1) > more"},
}


def test_a_trusted_function_is_not_looked_at(tmp_path: Path) -> None:
    found = verdicts(tmp_path, {**TRUSTED, "task.heat += more": "task.heat = 100"})
    assert {verdict.status for verdict in found.values()} == {Status.PROVED}
    assert "warm.warmed.possible" in found


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_what_contradicts_itself_is_not_trusted(name: str, tmp_path: Path) -> None:
    verdict = verdicts(tmp_path, {**TRUSTED, **CONTRADICTIONS[name]})["warm.warmed.possible"]
    assert verdict.status is Status.VACUOUS
    assert verdict.diagnostic is not None
    assert verdict.diagnostic.code == "HF308"


# A function whose text calls it again: without an end, anything could be said of it.
CIRCLES: dict[str, Changes] = {
    "it calls itself": {"    task.heat += more\n": "    return warm(task, more)\n"},
    "it calls itself through another one": {
        "def warm(task": "def again(task: Task, more: int) -> int:\n    return warm(task, more)\n\ndef warm(task",
        "    task.heat += more\n": "    return again(task, more)\n",
    },
    "it calls its user": {"    task.heat += more\n": "    work(task)\n    task.heat += more\n"},
    "another specified one calls it": {
        "def warm(task": "def heat(task: Task, more: int) -> int:\n    return warm(task, more)\n\ndef warm(task",
        "    task.heat += more\n": "    return heat(task, more)\n",
        "function warm {": PROOF[PROOF.index("function warm {") :].replace("warm {", "heat {").replace(":warm", ":heat")
        + "function warm {",
    },
}


@pytest.mark.parametrize("name", CIRCLES)
def test_nothing_rests_on_itself(name: str, tmp_path: Path) -> None:
    verdict = verdicts(tmp_path, CIRCLES[name])["warm.warmed.returns"]
    assert verdict.status is Status.UNKNOWN
    assert "call `warm`" in verdict.reason or "call `work`" in verdict.reason or "calls itself" in verdict.reason
