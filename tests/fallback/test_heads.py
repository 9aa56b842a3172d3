"""Facts of loops are held against a run where they have a meaning, and what they cannot speak of is no breach."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from doors import IMPL, statuses, subject

from hfverify.explain.concrete import Store
from hfverify.explain.heads import Heads
from hfverify.explain.monitor import Monitor
from hfverify.model.load import Folders, load_program

COUNT = """
def count(begin, end, step):
    last = None
    for number in range(begin, end, step):
        last = number
    return last
"""


def told(folder: Path, fact: str, *given: int) -> tuple[list[str], list[str]]:
    """What a run of the loop breaks, and what could not be said of it."""
    subject(folder, IMPL, f'loop "m:count" at 1 {{ said: {fact} }}')
    program = load_program(Folders(folder, folder / "spec", folder / "impl", folder / "proofs"))
    heads, module = Heads(program), ast.parse(COUNT)
    heads.change(module, "m", "m.py")
    names: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(module), "m.py", "exec"), names)
    heads.machine = machine = Monitor(program, Store({"count": 2}), 0, str(folder))
    machine.watching = True
    names["count"](*given)
    return [violation.text for violation in machine.violations], list(heads.unsaid.values())


@pytest.mark.parametrize(
    ("given", "past"),
    [((0, 3, 1), 3), ((3, 3, 1), 3), ((5, 2, 1), 5), ((0, 5, 2), 6), ((5, 0, -1), 0), ((5, 0, -2), -1)],
)
def test_after_the_last_turn_the_variable_is_past_it(given: tuple[int, int, int], past: int, tmp_path: Path) -> None:
    seen = [*range(*given), past]
    low, high = min(seen), max(seen)
    assert told(tmp_path, f"number >= {low} and number <= {high}", *given) == ([], [])
    wrong = f"number != {past}" if past >= 0 else "number >= 0"
    assert told(tmp_path, wrong, *given) == (["`said` does not hold at the head of the loop"], [])


def test_a_fact_of_what_has_no_number_is_no_breach(tmp_path: Path) -> None:
    unsaid = "`said` speaks of `last`, which has no number or truth value"
    assert told(tmp_path, "last <= 1", 0, 2, 1) == ([], [unsaid])
    assert told(tmp_path, "last < 1", 0, 2, 1) == (["`said` does not hold at the head of the loop"], [unsaid])


def test_a_fact_that_has_no_value_does_not_hold(tmp_path: Path) -> None:
    broken, unsaid = told(tmp_path, "6 / number > 0", 0, 2, 1)
    assert broken == ["`said` has no value (the divisor is not positive) at the head of the loop"]
    assert unsaid == []


LOOP = """        last = None
        for turn in range(many):
            last = turn
        own.seen = many
"""


def test_what_could_not_be_held_against_a_run_is_not_tested(tmp_path: Path) -> None:
    code = IMPL.replace("        own.seen = many\n", LOOP)
    subject(tmp_path, code, 'loop "m:look" at 1 { late: last < many }')
    _, found = statuses(tmp_path, "look")
    assert found["look.bounded"]["status"] == "UNKNOWN"
    assert "`late` speaks of `last`" in str(found["look.bounded"]["reason"])
    subject(tmp_path, code, 'loop "m:look" at 1 { late: turn <= many }')
    _, found = statuses(tmp_path, "look")
    assert found["look.bounded"]["status"] in ("PROVED", "TESTED")
