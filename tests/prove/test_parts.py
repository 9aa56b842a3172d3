"""What the next call on a CPU relies on is a question to the call before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_subject import subject, verdicts

from hfverify.verdict import Status

SPEC = """
module m
type Id = u16
size count : Id
lock task.lock : spinlock
thread here : Id below count { own_is_calm: task[here].heat < 9 }
state task[id: Id below count] {
    busy : bool guarded by lock
    heat : u16  owned by id
}
actor runner : task { at: id == here  busy: busy }
actor stopped : task formerly runner { was_at: id == here  idle: not busy }
entry work {
    impl "m:work"
    by runner
    case done when true { EFFECT }
    protocol { commit runner.lock }
}
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
    lock: Lock = field(default_factory=Lock)
    busy: bool = False
    heat: int = 0

def work(runner: Task) -> RESULT:
    with runner.lock:
        CODE
    return VALUE
"""
# What the call promises and does, what it returns, and the status of the question about actors.
CALLS = {
    "keeps its promise": ("effect runner.busy := true", "runner.busy = True", "None", Status.PROVED),
    "is idle, but goes on": ("effect runner.busy := false", "runner.busy = False", "None", Status.REFUTED),
    "is idle, and its part ends": (
        "effect runner.busy := false  ends runner", "runner.busy = False", "None", Status.PROVED,
    ),
    "too hot for the next call": ("effect runner.heat := 9", "runner.heat = 9", "None", Status.REFUTED),
    "warm enough": ("effect runner.heat := 8", "runner.heat = 8", "None", Status.PROVED),
    "goes on with itself": ("next runner", "pass", "runner", Status.PROVED),
    "goes on with an idle one": (
        "effect runner.busy := false  next runner", "runner.busy = False", "runner", Status.REFUTED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_actor(name: str, tmp_path: Path) -> None:
    effect, code, value, status = CALLS[name]
    text = HEAD.replace("RESULT", "Task" if value != "None" else "None")
    impl = text.replace("CODE", code).replace("VALUE", value)
    found = verdicts(subject(tmp_path, SPEC.replace("EFFECT", effect), PROOF, impl), ["work"])
    verdict = found.pop("work.done.actor")
    assert verdict.status is status, verdict.reason
    assert {v.status for v in found.values()} == {Status.PROVED}
    if status is Status.REFUTED:
        assert verdict.counterexample is not None
        assert verdict.counterexample["confirmed"] is True
