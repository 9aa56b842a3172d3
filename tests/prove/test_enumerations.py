"""An enumeration has its items and no number between them."""

from __future__ import annotations

from pathlib import Path

import z3
from small_subject import subject, verdicts

from hfverify.logic.facts import in_range
from hfverify.logic.terms import numeral
from hfverify.model.types import EnumType, gaps
from hfverify.verdict import Status

SPEC = """module colours
enum Colour : u8 { RED = 1, GREEN = 2, BLUE = 7 }
entry look {
    impl "m:look"
    arg c: Colour
    ret n: u8
    case red when c == RED { returns 1 }
    case green when c == GREEN { returns 2 }
    case blue when c == BLUE { returns 3 }
    OTHER
}
"""
CODE = """def look(c: int) -> int:
    if c == 1:
        return 1
    if c == 2:
        return 2
    if c == 7:
        return 3
    return 4
"""
OTHER = "case other when c != RED and c != GREEN and c != BLUE { returns 4 }"


def test_cases_that_name_every_item_are_complete(tmp_path: Path) -> None:
    found = verdicts(subject(tmp_path, SPEC.replace("OTHER", ""), "module p\n", CODE), both=True)
    assert found["look.complete"].status is Status.PROVED
    assert {verdict.status for verdict in found.values()} == {Status.PROVED}


def test_a_case_for_no_item_is_reached_by_nothing(tmp_path: Path) -> None:
    found = verdicts(subject(tmp_path, SPEC.replace("OTHER", OTHER), "module p\n", CODE), both=True)
    assert found["look.other.reachable"].status is Status.VACUOUS
    assert found["look.other.reached"].status is Status.VACUOUS
    assert found["look.blue.reachable"].status is Status.PROVED


def test_numbers_between_items() -> None:
    colour = EnumType("Colour", (("BLUE", 7), ("RED", 1), ("GREEN", 2)))
    assert gaps(colour) == [(3, 6)]
    allowed = [n for n in range(9) if z3.is_true(z3.simplify(in_range(numeral(n), colour)))]
    assert allowed == [1, 2, 7]
