"""A thread may rely on a cell that others change under its lock: they must leave it as the thread needs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_subject
from small_subject import subject

from hfverify.config import load_config
from hfverify.model.load import load_program
from hfverify.verdict import Status, Verdict

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
entry work {
    impl "m:work"
    by own
    with other : door
    case done when true { EFFECT }
    protocol { PROTOCOL }
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

@dataclass(eq=False)
class Door:
    id: int
    lock: Lock = field(default_factory=Lock)
    closed: bool = False
    seen: bool = False

def work(own: Door, other: Door) -> None:
    CODE
"""
ONCE = "commit {}.lock"
TWICE = "peek other.lock  commit own.lock"


def verdicts(folder: Path, effect: str, protocol: str, code: str) -> dict[str, Verdict]:
    spec = SPEC.replace("EFFECT", effect).replace("PROTOCOL", protocol)
    return small_subject.verdicts(
        subject(folder, spec, PROOF, IMPL.replace("CODE", code.replace("\n", "\n    "))), ["work"]
    )


def bad(found: dict[str, Verdict]) -> dict[str, str]:
    return {name: verdict.status.name for name, verdict in found.items() if verdict.status is not Status.PROVED}


def test_it_still_holds_after_the_lock_was_free(tmp_path: Path) -> None:
    code = "with other.lock:\n    pass\nwith own.lock:\n    own.seen = not own.closed"
    assert not bad(verdicts(tmp_path, "effect own.seen := true", TWICE, code))


def test_nobody_closes_the_door_of_another(tmp_path: Path) -> None:
    code = "with other.lock:\n    other.closed = True"
    found = verdicts(tmp_path, "effect other.closed := true", ONCE.format("other"), code)
    assert bad(found) == {"work.stable": "REFUTED", "work.done.actor": "REFUTED"}
    assert all(found[name].counterexample and found[name].counterexample["confirmed"] for name in bad(found))


def test_who_closes_its_own_door_must_stop(tmp_path: Path) -> None:
    code = "with own.lock:\n    own.closed = True"
    found = verdicts(tmp_path, "effect own.closed := true", ONCE.format("own"), code)
    assert bad(found) == {"work.done.actor": "REFUTED"}


def test_who_stops_may_close_its_own_door(tmp_path: Path) -> None:
    code = "with own.lock:\n    own.closed = True"
    assert not bad(verdicts(tmp_path, "effect own.closed := true  ends own", ONCE.format("own"), code))


@pytest.mark.parametrize("discipline", ['volatile because "it blows"', "atomic"])
def test_it_cannot_rely_on_what_changes_at_any_time(discipline: str, tmp_path: Path) -> None:
    from hfverify.diagnostics import Rejected

    (tmp_path / "pyproject.toml").write_text("[tool.hfverify]\n")
    for name in ("spec", "proofs", "impl"):
        (tmp_path / name).mkdir()
    spec = SPEC.replace("closed : bool guarded by lock", f"closed : bool {discipline}")
    (tmp_path / "spec" / "m.hfs").write_text(spec.replace("EFFECT", "").replace("PROTOCOL", "commit own.lock"))
    config = load_config(tmp_path)
    with pytest.raises(Rejected) as caught:
        load_program(config.folders, config.revision)
    assert "`here` cannot rely on `door.closed`" in caught.value.diagnostics[0].message
