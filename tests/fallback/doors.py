"""A small subject to be tested, whole or broken: one call that looks behind a door."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SPEC = """
module m
type Id = u16
const MOST : u32 = 9
size count : Id
lock door.lock : spinlock
thread here : Id below count
state door[id: Id below count] {
    closed : bool guarded by lock
    seen   : u32  guarded by lock
}
actor own : door { at: id == here }
invariant few on door.lock: seen <= MOST

entry look {
    impl "m:look"
    arg many: u32
    ret seen: u32

    reject too_many unless many <= MOST { returns 0 }
    case closed when door[here].closed { returns 1 }
    case open when not door[here].closed and many <= door[here].seen { returns 2 }
    case more when not door[here].closed and many > door[here].seen {
        effect door[here].seen := many
        returns 3
    }
    protocol {
        commit nothing in too_many
        commit door[here].lock
    }
}
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

MOST = 9

@dataclass(eq=False)
class Door:
    id: int
    lock: Lock = field(default_factory=Lock)
    closed: bool = False
    seen: int = 0

def look(own: Door, many: int) -> int:
    if many > MOST:
        return 0
    with own.lock:
        if own.closed:
            return 1
        if many <= own.seen:
            return 2
        own.seen = many
        return 3
"""
# The same, with a construct that the proof does not follow.
UNSUPPORTED = IMPL.replace("        own.seen = many\n", "        own.seen = sum(number for number in (many,))\n")


def hfverify(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code, and everything that was written."""
    command = [sys.executable, "-c", "from hfverify.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def subject(folder: Path, impl: str = IMPL, proof: str = "") -> Path:
    (folder / "pyproject.toml").write_text("[tool.hfverify]\n")
    for name, text in (("spec/m.hfs", SPEC), ("proofs/m.hfp", PROOF + proof), ("impl/m.py", impl)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def statuses(folder: Path, *arguments: str) -> tuple[int, dict[str, dict[str, object]]]:
    command = [sys.executable, "-c", "from hfverify.cli import main; main()", "verify", "--format", "jsonl", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {line["obligation"]: line for line in lines if "obligation" in line}
