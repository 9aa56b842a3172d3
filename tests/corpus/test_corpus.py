"""Every mistake in a specification or proof file is reported where it is made, and nothing else is.

Each entry of `files/` is a file, or a folder with several. A comment `//~ HF203 fragment` (in Python
`#~ HF404 fragment`) says that a diagnostic with this code, and this fragment in its message, has its primary
place on this line; a line may have several. A folder with Python (`.py.txt`, because other tools would read
`.py`) is verified, everything else is checked.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from hfverify.diagnostics import CODES, Diagnostic, Rejected
from hfverify.model.load import Folders, load_program
from hfverify.units import Scope, Subjects
from hfverify.verdict import Status

FILES = Path(__file__).parent / "files"
ENTRIES = sorted(path.name for path in FILES.iterdir())
MARK = re.compile(r"(?://|#)~ (HF\d+) (.*?)(?=\s*(?://|#)~|\s*$)", re.MULTILINE)
STEPS = 1_000_000


@dataclass(frozen=True, slots=True, order=True)
class Expected:
    """One comment of a corpus file."""

    file: str
    line: int
    code: str
    fragment: str

    def fits(self, found: Diagnostic) -> bool:
        """Whether a diagnostic is the one that the comment describes."""
        place = (found.span.file, found.span.line, found.code)
        return place == (self.file, self.line, self.code) and self.fragment in found.message


def expected(root: Path) -> list[Expected]:
    """All comments below a folder."""
    found: list[Expected] = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        lines = path.read_bytes().decode(errors="replace").split("\n")
        for number, line in enumerate(lines, 1):
            shown = path.relative_to(root).as_posix()
            found += [Expected(shown, number, code, fragment) for code, fragment in MARK.findall(line)]
    return found


def diagnostics(root: Path) -> list[Diagnostic]:
    """What `hfverify check`, or with an implementation `hfverify verify`, has to say."""
    folders = Folders(root, root / "spec", root / "impl", root / "proofs")
    scope = Scope(any((root / "impl").iterdir()), STEPS)
    found: list[Diagnostic] = []
    try:
        subjects = Subjects(load_program(folders), folders)
    except Rejected as rejected:
        return rejected.diagnostics
    found += subjects.misfits() if scope.implementation else []
    for name in subjects.names(scope):
        try:
            subjects.inputs(name, scope)
            verdicts = subjects.verdicts(name, scope)
        except Rejected as rejected:
            found += rejected.diagnostics
            continue
        for verdict in verdicts:
            assert (verdict.diagnostic is None) == (verdict.status is Status.PROVED), verdict
            if verdict.diagnostic is not None and verdict.diagnostic not in found:
                found.append(verdict.diagnostic)
    return found


def laid_out(entry: Path, root: Path) -> None:
    """Copy an entry to where the tool expects the kinds of files."""
    for folder in ("spec", "proofs", "impl"):
        (root / folder).mkdir(parents=True)
    for path in [entry] if entry.is_file() else sorted(path for path in entry.rglob("*") if path.is_file()):
        folder = {".hfs": "spec", ".hfp": "proofs", ".txt": "impl"}[path.suffix]
        shutil.copyfile(path, root / folder / path.name.removesuffix(".txt"))
    if not any((root / "spec").iterdir()):
        (root / "spec" / "none.hfs").write_text("module nothing_specified\n")


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
