"""Diagnostics are drawn with the lines that they speak about, whatever their spans are."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from report_samples import FILES, GAVE_UP, ODD, ORDER, OVERLAP, RETURNS, SUSPICION, read

from hfverify.diagnostics import Diagnostic, Label, Span, also, at
from hfverify.report.excerpt import draw

Expect = Callable[[str, str], None]


def drawn(text: str, *labels: Label) -> list[str]:
    return draw(Diagnostic("HF101", "m", labels), lambda _: text, color=False).split("\n")[3:]


def test_samples(expect: Expect) -> None:
    samples = (OVERLAP, RETURNS, ORDER, GAVE_UP, SUSPICION)
    expect("excerpt", "\n\n".join(draw(sample, read, color=False) for sample in samples))


def test_color_changes_no_character() -> None:
    colored = draw(ORDER, read, color=True)
    assert colored != draw(ORDER, read, color=False)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == draw(ORDER, read, color=False)


def test_unknown_file() -> None:
    assert draw(Diagnostic("HF100", "m", ODD), read, color=False) == "error[HF100]: m\n  ┌─ gone.py:3:1"


def test_no_labels_no_notes() -> None:
    assert draw(Diagnostic("HF100", "two\nlines"), read, color=False) == "error[HF100]: two lines"


def test_several_lines() -> None:
    assert drawn("if a {  \n  b\n}\n", at(Span("f", 1, 4, 3, 2), "open")) == [" 1│ if a {", "  │    ^^^ … open"]


def test_tabs_and_wide_characters() -> None:
    assert drawn("\tx = 1", at(Span("f", 1, 2, 1, 3))) == [" 1│     x = 1", "  │     ^"]
    assert drawn("a = '漢字' + b", at(Span("f", 1, 5, 1, 9), "w")) == [" 1│ a = '漢字' + b", "  │     ^^^^^^ w"]


def test_zero_width_at_the_end() -> None:
    assert drawn("abc", at(Span("f", 1, 4, 1, 4), "here")) == [" 1│ abc", "  │    ^ here"]


def test_two_labels_on_one_line() -> None:
    lines = drawn("a + b", also(Span("f", 1, 5, 1, 6), "second"), at(Span("f", 1, 1, 1, 2), "first"))
    assert lines == [" 1│ a + b", "  │ ^ first", "  │     - second"]


def test_control_characters_are_pictures() -> None:
    assert drawn("a\x1b[2Jb\u202ec\r", at(Span("f", 1, 1, 1, 2))) == [" 1│ a␛[2Jb\ufffdc", "  │ ^"]


@pytest.mark.parametrize("text", ["", "\n", "x", *FILES.values()])
@pytest.mark.parametrize(
    "span",
    [
        Span("f", 0, 0, 0, 0),
        Span("f", 9, 9, 9, 12),
        Span("f", 1, 99, 1, 3),
        Span("f", -4, -4, 99, -4),
        Span("f", 1, 5, 1, 1),
        Span("f", 100_000, 1, 100_001, 1),
    ],
)
def test_spans_outside_the_file(text: str, span: Span) -> None:
    lines = drawn(text, at(span, "here"), also(span, "there"))
    assert lines[-1].endswith("there")
