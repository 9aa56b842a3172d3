"""Files with mistakes, and what the tool says about them.

Each entry of `corpus/files` is a file, or a folder with several. A comment `//~ HF203 fragment` (in Python
`#~ HF404 fragment`) says that a diagnostic with this code, and this fragment in its message, has its primary
place on this line; a line may have several. A folder with Python (`.py.txt`, because other tools would read
`.py`) is verified, everything else is checked.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from commands import afresh
from hfverify.diagnostics import Diagnostic, Rejected
from hfverify.model.load import Folders, load_program
from hfverify.units import Scope, Subjects
from hfverify.verdict import Status

FILES = Path(__file__).parent / "corpus" / "files"
ENTRIES = sorted(path.name for path in FILES.iterdir())
MARK = re.compile(r"(?://|#)~ (HF\d+) (.*?)(?=\s*(?://|#)~|\s*$)", re.MULTILINE)
STEPS = 1_000_000
# One question says what is wrong; the others say that they wait for it.
REFUSED = ("a path is not supported: ", "it rests on ", "stopped at the limit ")


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


def diagnostics(root: Path, steps: int = STEPS) -> list[Diagnostic]:
    """What `hfverify check`, or with an implementation `hfverify verify`, has to say."""
    folders = Folders(root, root / "spec", root / "impl", root / "proofs")
    scope = Scope(any((root / "impl").iterdir()), steps)
    found: list[Diagnostic] = []
    try:
        subjects = Subjects(load_program(folders), folders)
    except Rejected as rejected:
        return rejected.diagnostics
    found += subjects.misfits() if scope.implementation else []
    for name in subjects.names(scope):
        try:
            with afresh():
                subjects.inputs(name, scope)
                verdicts = subjects.verdicts(name, scope)
        except Rejected as rejected:
            found += rejected.diagnostics
            continue
        for verdict in verdicts:
            assert verdict.diagnostic is None or verdict.status is not Status.PROVED, verdict
            silent = verdict.status is Status.PROVED or verdict.reason.startswith(REFUSED)
            assert verdict.diagnostic is not None or silent, verdict
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
