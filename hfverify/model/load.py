"""Read all files of a subject from disk.

Reads   the specification folder and the proof folder
Gives   model.program.Program
Refuses what any phase of the front end refuses, all files' diagnostics together
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hfverify.diagnostics import Diagnostic, Rejected, Span, at
from hfverify.model.program import Program
from hfverify.model.resolve import resolve
from hfverify.syntax import tree
from hfverify.syntax.files import PROOF, SPECIFICATION, read


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a subject lives; `root` is what messages show paths relative to."""

    root: Path
    spec: Path
    impl: Path
    proofs: Path

    def shown(self, path: Path) -> str:
        """A path as messages show it."""
        try:
            return path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return path.as_posix()


def files(folders: Folders) -> list[Path]:
    """Every specification and proof file, in a fixed order."""
    found = [*sorted(folders.spec.glob(f"**/*{SPECIFICATION}")), *sorted(folders.proofs.glob(f"**/*{PROOF}"))]
    if not any(path.suffix == SPECIFICATION for path in found):
        shown = folders.shown(folders.spec)
        message = f"there is no specification (`*{SPECIFICATION}`) in `{shown}`"
        raise Rejected([Diagnostic("HF100", message, (at(Span(shown, 1, 1, 1, 2)),))])
    return found


def texts(folders: Folders) -> tuple[list[tuple[str, str]], list[Diagnostic]]:
    """What all files say, by the names that messages use, in a fixed order; and which ones cannot be read."""
    found: list[tuple[str, str]] = []
    problems: list[Diagnostic] = []
    for path in files(folders):
        shown = folders.shown(path)
        try:
            found.append((shown, read(path, shown)))
        except Rejected as rejected:
            problems += rejected.diagnostics
    return found, problems


def program_from(found: Sequence[tuple[str, str]], problems: Sequence[Diagnostic], revision: str) -> Program:
    """Parse and resolve what the files say; what is wrong in all of them is said together."""
    # Most runs find the program as it was kept, and need no parser.
    from hfverify.syntax.parse import parse

    modules: list[tree.Module] = []
    wrong = list(problems)
    for shown, text in found:
        try:
            modules.append(parse(text, shown))
        except Rejected as rejected:
            wrong += rejected.diagnostics
    if wrong:
        raise Rejected(wrong)
    return resolve(modules, revision)


def load_program(folders: Folders, revision: str = "") -> Program:
    """Read, parse and resolve everything."""
    return program_from(*texts(folders), revision)
