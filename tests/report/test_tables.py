"""Verdicts are counted in columns, in order of trust."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from report_samples import VERDICTS, verdict

from hfverify.report.table import by_kind, in_short, summary, tally
from hfverify.verdict import Status


@pytest.mark.parametrize("width", [80, 120])
def test_tables(expect: Callable[[str, str], None], width: int) -> None:
    lines = [*summary(VERDICTS, width), "", *by_kind(VERDICTS, width)]
    assert all(len(line) <= width for line in lines)
    expect(f"tables-{width}", "\n".join(lines))


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1 k"),
        (41_499, "41 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (1_313_000, "1.31 M"),
        (9_996_000, "10.0 M"),
        (24_710_000, "24.7 M"),
        (99_960_000, "100 M"),
        (999_600_000, "1.00 G"),
    ],
)
def test_steps(steps: int, text: str) -> None:
    assert in_short(steps) == text


def test_open_is_what_has_no_answer() -> None:
    counts = tally(verdict("c.next", "next", status) for status in Status)
    assert counts == {"proved": 1, "tested": 1, "assumed": 1, "open": 3, "vacuous": 1, "refuted": 1}


def test_nothing_asked() -> None:
    assert len(summary([], 80)) == 4
    assert len(by_kind([], 80)) == 2
