"""A counterexample is shown cell by cell, the differing cells first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from report_samples import COUNTEREXAMPLE

from hfverify.report.state_diff import draw


@pytest.mark.parametrize("width", [80, 120])
def test_state_diff(expect: Callable[[str, str], None], width: int) -> None:
    text = draw(COUNTEREXAMPLE, width=width, everything=False)
    assert all(len(line) <= width for line in text.split("\n"))
    expect(f"state_diff-{width}", text)


def test_everything(expect: Callable[[str, str], None]) -> None:
    expect("state_diff-everything", draw(COUNTEREXAMPLE, width=120, everything=True))


@pytest.mark.parametrize("key", COUNTEREXAMPLE)
def test_any_key_may_be_missing(key: str) -> None:
    less = {name: value for name, value in COUNTEREXAMPLE.items() if name != key}
    assert draw(less, width=80, everything=False) != draw(COUNTEREXAMPLE, width=80, everything=False)
    alone = draw({key: COUNTEREXAMPLE[key]}, width=80, everything=True)
    assert alone


@pytest.mark.parametrize("key", COUNTEREXAMPLE)
@pytest.mark.parametrize("value", [None, "text", 7, [], [{}], {}, [None], {"name": []}])
def test_unexpected_forms_do_not_crash(key: str, value: object) -> None:
    draw({**COUNTEREXAMPLE, key: value}, width=10, everything=True)


def test_nothing_known() -> None:
    assert draw({}, width=80, everything=False) == ""
