"""Calls one after the other that must be possible are tried on states, by the clauses alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from doors import SPEC, statuses, subject

from hfverify.explain.scenario import Scenario
from hfverify.fallback.successions import Given, happens
from hfverify.fallback.varying import Variation
from hfverify.model.load import Folders, load_program

POSSIBLE = """
scenario see_more_then_less {
    look(many: 3) => more
    look(many: 2) => open
}
"""


def test_what_can_happen_is_shown_by_a_state(tmp_path: Path) -> None:
    subject(tmp_path)
    (tmp_path / "spec" / "m.hfs").write_text(SPEC + POSSIBLE)
    code, found = statuses(tmp_path, "spec", "--fresh", "--steps", "1")
    line = found["spec.see_more_then_less.scenario"]
    assert (code, line["status"]) == (4, "TESTED")
    evidence = line["evidence"]
    assert isinstance(evidence, dict)
    [(label, count)] = evidence["ways"]
    assert label == "see_more_then_less.scenario"
    assert count > 0


@pytest.mark.parametrize(
    ("many", "cases", "expected"),
    [
        ((3, 2), ("more", "open"), True),
        # The first call has seen as much.
        ((3, 3), ("more", "more"), False),
        ((3, 10), ("more", "too_many"), True),
        # A check that fails comes before every case.
        ((10, 2), ("more", "open"), False),
    ],
)
def test_each_step_goes_on_where_the_one_before_it_ended(
    many: tuple[int, int], cases: tuple[str, str], *, expected: bool, tmp_path: Path
) -> None:
    steps = "".join(f"    look() => {case}\n" for case in cases)
    subject(tmp_path)
    (tmp_path / "spec" / "m.hfs").write_text(f"{SPEC}\nscenario order {{\n{steps}}}\n")
    program = load_program(Folders(tmp_path, tmp_path / "spec", tmp_path / "impl", tmp_path / "proofs"))
    begins = Scenario("", {"count": 1}, 0, cells={("door.closed", (0,)): False, ("door.seen", (0,)): 1})
    given = [Given((0,), {}, {"many": number}) for number in many]
    assert happens(Variation(program), program.scenarios["order"], begins, given) is expected
