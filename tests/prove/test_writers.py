"""Who writes a value of an encoding relies on what its codec says: all of it, and nothing else.

Reads   hfverify.execute.encodings, by small subjects
Gives   users that are proved without the text of the writer, and the codec that is proved with it
Refuses a user that is proved although the codec does not speak about what it gives, or about what the writer does
"""

from __future__ import annotations

from pathlib import Path

import pytest
from small_subject import SCOPE, subject, verdicts

from hfverify.units import Subjects
from hfverify.verdict import Status

SPEC = """
module m
type Id = u16
size count : Id
lock task.lock : spinlock
thread here : Id below count { }
state clock { ticks : u64 atomic
}
state task[id: Id below count] { heat : u16 guarded by lock }
actor runner : task { at: id == here }
encoding Signal : u16 tag bits 4 .. 6 {
    Stop = 0
    Go   = 3 (lane: u1 bits 0 .. 0)
}
encoding Pair : u16 { Both (high: u8 bits 8 .. 15, low: u8 bits 0 .. 7) }

entry pairs {
    impl "m:pairs"
    ret one: u16
    case told when true { returns Both(high: 1, low: 2) }
    protocol { commit runner.lock }
}
entry stops {
    impl "m:stops"
    ret one: u16
    case told when true { returns Stop() }
}
"""
PROOF = """
module proofs
import m
trust spinlock is "threading:Lock" because "Python says so"
trust pause is "m:relax" because "it passes time"
represent task by "m:Task" { }
represent clock by "m:Clock" { }
function tick {
    impl "m:tick"
    arg more: u16
    trusted because "it counts"
    case ticked when true { effect clock.ticks := 7 }
}
codec Signal encodes "m:write" decodes "m:read" {
    record "m:Signal" tag kind
    Stop is STOP
    Go   is GO
    otherwise raises ValueError
}
codec Pair encodes "m:join" decodes "m:split" { Both is (low, high) }
"""
CODE = """
from dataclasses import dataclass, field
from enum import IntEnum
from threading import Lock

class Kind(IntEnum):
    STOP = 0
    GO = 3

@dataclass(frozen=True)
class Signal:
    kind: Kind
    lane: int = 1

@dataclass(eq=False)
class Task:
    id: int
    lock: Lock = field(default_factory=Lock)
    heat: int = 0

@dataclass(eq=False)
class Clock:
    ticks: int = 0

def relax() -> None:
    pass

def tick(more: int) -> None:
    pass

def write(signal: Signal) -> int:
    if signal.kind == Kind.GO:
        return signal.kind << 4 | signal.lane
    return (signal.kind << 4) + (signal.lane - signal.lane)

def read(value: int) -> Signal:
    kind = Kind(value >> 4 & 7)
    if kind == Kind.GO:
        return Signal(kind, value & 1)
    return Signal(kind)

def join(low: int, high: int) -> int:
    return high << 8 | low

def split(value: int) -> tuple[int, int]:
    return value & 255, value >> 8

def pairs(runner: Task) -> int:
    with runner.lock:
        return join(2, 1)

def stops(runner: Task) -> int:
    return write(Signal(Kind.STOP))
"""
PAIR, STOP = "join(2, 1)", "Signal(Kind.STOP)"
JOINED = "    return high << 8 | low\n"


def made(folder: Path, old: str = "", new: str = "") -> Subjects:
    assert not old or CODE.count(old) == 1
    return subject(folder, SPEC, PROOF, CODE.replace(old, new) if old else CODE)


def open_(folder: Path, old: str = "", new: str = "") -> dict[str, Status]:
    """What is not proved."""
    found = verdicts(made(folder, old, new), both=True)
    return {name: verdict.status for name, verdict in found.items() if verdict.status is not Status.PROVED}


RIGHT = {
    "as it is": ("", ""),
    "keywords": (PAIR, "join(high=1, low=2)"),
    "a number for a field that means nothing": (STOP, "Signal(Kind.STOP, 700)"),
    "a sum": (JOINED, "    return low + 256 * high\n"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_users_are_proved(name: str, tmp_path: Path) -> None:
    assert open_(tmp_path, *RIGHT[name]) == {}


WRONG = {
    "keywords": (PAIR, "join(high=2, low=1)", "pairs.told.returns", Status.REFUTED),
    "too large": (PAIR, "join(258, 0)", "pairs.contract", Status.SUSPECTED),
    "negative": (PAIR, "join(-2, 1)", "pairs.contract", Status.SUSPECTED),
    "None": (STOP, "Signal(Kind.STOP, None)", "stops.raises", Status.REFUTED),
    "an object": (STOP, "Signal(Kind.STOP, runner)", "stops.supported", Status.UNKNOWN),
    "another variant": (STOP, "Signal(Kind.GO, 0)", "stops.told.returns", Status.REFUTED),
    "no record": (f"write({STOP})", "write(3)", "stops.supported", Status.UNKNOWN),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_users_are_not_proved(name: str, tmp_path: Path) -> None:
    old, new, obligation, status = WRONG[name]
    assert open_(tmp_path, old, new).get(obligation) is status


@pytest.mark.parametrize("more", ["relax()", "tick(1)"])
def test_a_writer_that_does_more_than_to_compute_is_not_proved(more: str, tmp_path: Path) -> None:
    found = open_(tmp_path, JOINED, f"    {more}\n{JOINED}")
    assert found["Pair.supported"] is Status.UNKNOWN
    assert found["Pair.encode"] is Status.UNKNOWN


def test_a_wrong_writer_is_refuted_once(tmp_path: Path) -> None:
    found = open_(tmp_path, JOINED, "    return high << 7 | low\n")
    assert found["Pair.encode"] is Status.REFUTED
    assert {name.split(".")[0] for name in found} == {"Pair"}


def test_a_writer_that_is_called_by_what_it_calls_shows_nothing(tmp_path: Path) -> None:
    found = open_(tmp_path, JOINED, "    return join(low, high)\n")
    assert found["Pair.encode"] is not Status.PROVED


def test_the_text_of_a_writer_is_an_input_of_its_codec_alone(tmp_path: Path) -> None:
    def inputs(subjects: Subjects) -> dict[str, dict[str, str]]:
        return {name: subjects.inputs(name, SCOPE) for name in subjects.names(SCOPE)}

    before = inputs(made(tmp_path))
    after = inputs(made(tmp_path, JOINED, "    return low | high << 8\n"))
    assert {name for name in before if before[name] != after[name]} == {"Pair"}
    renamed = inputs(made(tmp_path, "def join(low: int, high: int) -> int:\n" + JOINED,
                          "def join(high: int, low: int) -> int:\n" + JOINED))  # fmt: skip
    assert {name for name in before if before[name] != renamed[name]} == {"Pair", "pairs"}


def test_a_partial_run_says_on_which_codec_it_rests(tmp_path: Path) -> None:
    subjects = made(tmp_path, JOINED, "    return write(Signal(Kind.STOP)) + (high << 8 | low)\n")
    assert subjects.relied_on(["pairs"]) == ["Signal", "Pair"]
    assert subjects.relied_on(["Pair"]) == ["Signal"]
    assert subjects.relied_on(["Pair", "Signal"]) == []
