"""Values and numbers are turned into each other as the layout of an encoding says."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_subject import SCOPE, subject

from hfverify.verdict import Status, Verdict

SPEC = """
module m
encoding Signal : u16 tag bits 4 .. 6 {
    Stop = 0
    Go   = 3 (speed: u16 bits 8 .. 15 truncated, lane: u1 bits 0 .. 0)
    Turn = 5 (lane: u8 bits 8 .. 15)
}
encoding Pair : u16 { Both (high: u8 bits 8 .. 15, low: u8 bits 0 .. 7) }
"""
PROOF = """
module proofs
import m
codec Signal encodes "m:write" decodes "m:read" {
    record "m:Signal" tag kind
    Stop is STOP
    Go   is GO
    Turn is TURN
    otherwise raises ValueError
}
codec Pair encodes "m:join" decodes "m:split" { Both is (low, high) }
"""
CODE = """
from dataclasses import dataclass
from enum import IntEnum

class Kind(IntEnum):
    STOP = 0
    GO = 3
    TURN = 5

@dataclass(frozen=True)
class Signal:
    kind: Kind
    lane: int = 1
    speed: int = 7

def write(signal: Signal) -> int:
    match signal.kind:
        case Kind.GO:
            return signal.speed % 256 << 8 | signal.kind << 4 | signal.lane
        case Kind.TURN:
            return signal.lane << 8 | signal.kind << 4
    return signal.kind << 4

def read(value: int) -> Signal:
    kind = Kind(value >> 4 & 7)
    if kind == Kind.GO:
        return Signal(kind, value & 1, speed=value >> 8)
    if kind == Kind.TURN:
        return Signal(kind, value >> 8)
    return Signal(kind)

def join(a: int, b: int) -> int:
    return b << 8 | a

def split(value: int) -> tuple[int, int]:
    return value & 255, value >> 8
"""


KIND = "    kind = Kind(value >> 4 & 7)\n"


def verdicts(folder: Path, code: str, unit: str) -> dict[str, Verdict]:
    """What is said of a codec with this implementation."""
    made = subject(folder, SPEC, PROOF, code)
    return {v.obligation.name.removeprefix(unit + "."): v for v in made.verdicts(unit, SCOPE)}


def changed(old: str, new: str) -> str:
    assert CODE.count(old) == 1
    return CODE.replace(old, new)


@pytest.mark.parametrize("unit", ["Signal", "Pair"])
def test_the_layout_is_kept(unit: str, tmp_path: Path) -> None:
    found = verdicts(tmp_path, CODE, unit)
    assert {name: v.status for name, v in found.items() if v.status is not Status.PROVED} == {}
    assert {"encode", "decode", "inverse", "raises", "supported", "bounded"} <= set(found)
    assert ("refuses" in found) is (unit == "Signal")


# What is changed, the obligations that it breaks, and the codec.
WRONG = {
    "not cut": ("signal.speed % 256 << 8", "signal.speed << 8", ["encode", "inverse"]),
    "bits that others have": ("return signal.kind << 4\n", "return signal.kind << 4 | 1\n", ["encode", "inverse"]),
    "only one way": ("speed=value >> 8", "speed=value >> 9", ["decode", "inverse"]),
    "a default that is given": ("    return Signal(kind)\n", "    return Signal(kind, 0)\n", ["decode", "inverse"]),
    "another kind": ("return Signal(kind, value >> 8)", "return Signal(Kind.GO, value >> 8)", ["decode", "inverse"]),
    "a tuple": ("    return Signal(kind)\n", "    return (kind, 1, 7)\n", ["decode"]),
    "everything is a kind": (
        KIND,
        "    kind = Kind(value >> 4 & 7) if value >> 4 & 7 in (0, 3, 5) else Kind.STOP\n",
        ["refuses"],
    ),
    "a kind is refused": (
        KIND,
        KIND + "    if kind == Kind.TURN:\n        raise ValueError\n",
        ["decode", "inverse"],
    ),
    "an undeclared exception": (
        KIND,
        KIND + "    if kind == Kind.TURN:\n        raise OverflowError\n",
        ["raises"],
    ),
    "refuses to write": (
        "            return signal.lane << 8", "            raise ValueError\n            return 0", ["raises"],
    ),
    "the other part": ("return b << 8 | a", "return a << 8 | b", ["encode", "inverse"]),
    "a part is lost": ("return value & 255, value >> 8", "return value & 127, value >> 8", ["decode", "inverse"]),
    "no pair": ("return value & 255, value >> 8", "return value & 255", ["decode"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_functions_are_refuted(name: str, tmp_path: Path) -> None:
    old, new, broken = WRONG[name]
    unit = "Pair" if old in CODE[CODE.index("def join") :] else "Signal"
    found = verdicts(tmp_path, changed(old, new), unit)
    for obligation in broken:
        verdict = found[obligation]
        assert verdict.status is Status.REFUTED, (obligation, verdict.status, verdict.reason)
        assert verdict.counterexample is not None
        assert verdict.counterexample["confirmed"] is True


# The code is right, or might be; it is outside of what can be followed.
OUTSIDE = {
    "a list": (KIND, "    kind = [Kind(value >> 4 & 7)][0]\n"),
    "a method": (
        "    TURN = 5\n",
        "    TURN = 5\n\n    @classmethod\n    def _missing_(cls, value):\n        return cls.STOP\n",
    ),
    "a loop": (KIND, KIND + "    while value < 0:\n        value += 1\n"),
    "a chain of exceptions": (KIND, KIND + "    try:\n        pass\n    finally:\n        pass\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_cannot_be_followed_is_not_proved(name: str, tmp_path: Path) -> None:
    found = verdicts(tmp_path, changed(*OUTSIDE[name]), "Signal")
    assert found["supported"].status is Status.UNKNOWN
    assert {found[kind].status for kind in ("decode", "inverse", "refuses")} <= {Status.UNKNOWN, Status.VACUOUS}


def test_a_variant_that_is_never_read_is_vacuous(tmp_path: Path) -> None:
    code = changed(KIND, KIND + "    assert kind != Kind.TURN\n")
    found = verdicts(tmp_path, code, "Signal")
    assert found["raises"].status is Status.REFUTED
    assert found["Turn.reached"].status is Status.VACUOUS
    assert found["Go.reached"].status is Status.PROVED
