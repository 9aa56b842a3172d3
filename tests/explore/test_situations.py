"""CPUs are alike: of two that make the same call, one order of its outcomes stands for both."""

from __future__ import annotations

from pathlib import Path

import pytest
from situated import JOBS, ROOT, subject

from hfverify.explore.situations import Situations


def reached(root: Path, name: str) -> set[tuple[str, ...]]:
    _, program = subject(root)
    return {outcomes for outcomes, _ in Situations(program, [program.calls[name]] * 2).all()}


@pytest.mark.parametrize(("root", "name"), [(JOBS, "submit"), (JOBS, "take"), (ROOT, "interrupt_inject")])
def test_one_order_of_outcomes_stands_for_both(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = reached(root, name)
    monkeypatch.setattr(Situations, "_comes_first", lambda *_: True)
    everywhere = reached(root, name)
    assert {outcomes[::-1] for outcomes in everywhere} == everywhere
    assert {way for outcomes in found for way in (outcomes, outcomes[::-1])} == everywhere
    assert len(found) == (len(everywhere) + sum(one == other for one, other in everywhere)) // 2


def test_who_begins_may_be_either_cpu() -> None:
    _, program = subject(ROOT)
    situations = Situations(program, [program.calls["interrupt_inject"]] * 2)
    every = {outcome.name for outcome in program.calls["interrupt_inject"].outcomes}
    for begins in sorted(every):
        for whose in range(2):
            first = [names for names in situations.combinations(begins, whose) if names[whose] == begins]
            assert {names[1 - whose] for names in first} >= every
