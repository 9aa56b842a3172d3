"""Down which paths no state leads: what a path demands of itself does not close it."""

from __future__ import annotations

from pathlib import Path

from small_subject import SCOPE, subject

from hfverify.fallback.reaching import impossible
from hfverify.verdict import Status

SPEC = """module m
entry f {
    impl "m:f"
    arg a: u64
    ret done: bool
    case only when true { returns true }
}
"""
DEMANDS = """def f(a: int) -> bool:
    if a > 5:
        assert a % 2 != 1
        assert a % 2 == 1
        return True
    return True
"""
CONTRADICTS = """def f(a: int) -> bool:
    if a > 5:
        if a < 3:
            return True
    return True
"""


def closed(folder: Path, code: str) -> list[bool]:
    made = subject(folder, SPEC, "module p\n", code)._subject("f")
    return [impossible(made, number) for number, group in enumerate(made.groups) if group.path is not None]


def test_demands_that_contradict_each_other_close_no_path(tmp_path: Path) -> None:
    assert closed(tmp_path, DEMANDS) == [False, False]
    found = subject(tmp_path, SPEC, "module p\n", DEMANDS).verdicts("f", SCOPE)
    assert {v.obligation.name: v.status for v in found}["f.raises"] is Status.REFUTED


def test_no_path_is_left_where_conditions_exclude_each_other(tmp_path: Path) -> None:
    assert closed(tmp_path, CONTRADICTS) == [False, False]
