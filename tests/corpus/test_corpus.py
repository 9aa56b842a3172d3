"""Every mistake in a specification or proof file is reported where it is made, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from hfverify.diagnostics import CODES
from mistakes import ENTRIES, FILES, Expected, diagnostics, expected, laid_out


@pytest.mark.parametrize("name", ENTRIES)
def test_exactly_the_expected_diagnostics(name: str, tmp_path: Path) -> None:
    laid_out(FILES / name, tmp_path)
    remaining = diagnostics(tmp_path)
    missing: list[Expected] = []
    for wanted in expected(tmp_path):
        match = next((found for found in remaining if wanted.fits(found)), None)
        if match is None:
            missing.append(wanted)
        else:
            remaining.remove(match)
    report = [f"missing     {item.file}:{item.line} {item.code} {item.fragment}" for item in missing]
    report += [f"unexpected  {found.span} {found.code} {found.message}" for found in remaining]
    assert not report, "\n".join(report)


def test_the_corpus_covers_every_code_that_a_check_can_give() -> None:
    covered = {comment.code for comment in expected(FILES)}
    wanted = {code for code in CODES if code[:3] in ("HF1", "HF2", "HF3")}
    assert sorted(wanted - covered) == []
    assert len(ENTRIES) >= 45


@pytest.mark.parametrize("name", ENTRIES)
def test_every_place_lies_in_its_file(name: str, tmp_path: Path) -> None:
    laid_out(FILES / name, tmp_path)
    for found in diagnostics(tmp_path):
        assert found.labels, found
        for label in found.labels:
            span = label.span
            lines = (tmp_path / span.file).read_bytes().decode(errors="replace").split("\n")
            assert (span.line, span.column) < (span.end_line, span.end_column), found
            assert span.end_line <= len(lines), found
            assert span.column <= len(lines[span.line - 1]) + 1, found
            assert span.end_column <= len(lines[span.end_line - 1]) + 2, found
