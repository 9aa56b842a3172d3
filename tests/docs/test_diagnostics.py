"""The page of diagnostics has each code that the tool can give, with an example that the tool writes today.

A line `% Example: corpus NAME` stands for the first diagnostic with the section's code that the tool has about an entry
of the corpus, `undecided NAME` for the same with one solver step, `mutant SUBJECT NAME` for what refutes a wrong
variant of a subject, `tested SUBJECT NAME` for what examples find about it when the solver has one step, and `accepted
SUBJECT OBLIGATION` for what is said if a proof file accepts an obligation. The block below it is generated;
`pytest --numprocesses 0 --accept` writes it anew.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from test_guide import GUIDE

from hfverify.config import load_config
from hfverify.diagnostics import CODES, Diagnostic
from hfverify.report import excerpt
from hfverify.units import EXAMPLES, Scope, Subjects
from hfverify.verifying import unneeded
from mistakes import FILES, diagnostics, laid_out
from test_variants import SCOPE, SUBJECTS, subject, unit_of, verdicts
from variants import apply, load

PAGE = GUIDE / "diagnostics.md"
SECTION = re.compile(r"^\((hf\d+)\)=\n### (HF\d+): (.*)\n((?:(?!^#|^\().*\n?)*)", re.MULTILINE)
EXAMPLE = re.compile(r"^% Example: (.*)\n(?:\n```text\n(?s:.*?)^```\n)?", re.MULTILINE)
EXPECTATION = re.compile(r"\s*(?://|#)~.*$", re.MULTILINE)
TEXT = PAGE.read_text("utf-8")
SECTIONS = {code: (anchor, title, body) for anchor, code, title, body in SECTION.findall(TEXT)}


def of_corpus(name: str, folder: Path, steps: int | None = None) -> list[tuple[Diagnostic, Path]]:
    """About an entry, without the comments that say what is expected."""
    laid_out(FILES / name, folder)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        text = path.read_bytes().decode("utf-8", errors="surrogateescape")
        path.write_bytes(EXPECTATION.sub("", text).encode("utf-8", errors="surrogateescape"))
    found = diagnostics(folder) if steps is None else diagnostics(folder, steps)
    return [(diagnostic, folder) for diagnostic in found]


def folders_of(name: str) -> tuple[Path, Path]:
    """A subject, and its wrong variants."""
    return next(item[:2] for item in SUBJECTS if (item[0].parent.name == "examples") == (name != "repository"))


def of_examples(name: str, variant: str, folder: Path) -> list[tuple[Diagnostic, Path]]:
    root, variants = folders_of(name)
    (wrong,) = [item for item in load(variants) if item.name == variant]
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns("impl"))
    apply(wrong, root / "impl", folder / "impl")
    subjects = Subjects(subject(folder)[1], load_config(folder).folders)
    scope = Scope(implementation=True, steps=1, examples=EXAMPLES)
    verdicts = subjects.verdicts(wrong.refutes.split(".")[0], scope, lambda asked: asked == wrong.refutes)
    return [(v.diagnostic, folder) for v in verdicts if v.diagnostic is not None]


def of_acceptance(name: str, obligation: str, folder: Path) -> list[tuple[Diagnostic, Path]]:
    shutil.copytree(folders_of(name)[0], folder)
    file = next((folder / "proofs").glob("*.hfp"))
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f'accept "{obligation}" because "it is beyond the solver"\n')
    config, program = subject(folder)
    subjects = Subjects(program, config.folders)
    verdicts = subjects.verdicts(unit_of(program, config, obligation), SCOPE, lambda asked: asked == obligation)
    return [(diagnostic, folder) for diagnostic in unneeded(program, verdicts, whole=False)]


def of_mutant(name: str, variant: str, folder: Path) -> list[tuple[Diagnostic, Path]]:
    root, variants = folders_of(name)
    (wrong,) = [item for item in load(variants) if item.name == variant]
    config, program = subject(root)
    unit = unit_of(program, config, wrong.refutes)
    folder.mkdir()
    (folder / "spec").symlink_to(config.folders.spec)
    (folder / "proofs").symlink_to(config.folders.proofs)
    return [(v.diagnostic, folder) for v in verdicts(root, wrong, folder, [unit]) if v.diagnostic is not None]


def example(code: str, written: str, folder: Path) -> str:
    """What the tool writes for one line of the page."""
    match written.split():
        case ["corpus", name]:
            found = of_corpus(name, folder)
        case ["undecided", name]:
            found = of_corpus(name, folder, 1)
        case ["mutant", name, variant]:
            found = of_mutant(name, variant, folder)
        case ["tested", name, variant]:
            found = of_examples(name, variant, folder)
        case ["accepted", name, obligation]:
            found = of_acceptance(name, obligation, folder)
        case _:
            raise AssertionError(f"{code}: `{written}` names no example")
    chosen = next((pair for pair in found if pair[0].code == code), None)
    assert chosen is not None, f"{code}: the tool does not say it about `{written}`, but {[d.code for d, _ in found]}"
    diagnostic, root = chosen

    def read(file: str) -> str | None:
        path = root / file
        return path.read_bytes().decode("utf-8", errors="replace") if path.is_file() else None

    drawn = excerpt.draw(diagnostic, read, color=False)
    return "\n".join(line.rstrip() for line in drawn.split("\n"))


def test_every_code_has_its_section() -> None:
    assert list(SECTIONS) == sorted(CODES)
    for code, (anchor, title, body) in SECTIONS.items():
        assert anchor == code.lower()
        assert title == CODES[code]
        assert len(EXAMPLE.findall(body)) == 1, f"{code} has no example"
        assert "**Fix.**" in body, f"{code} does not say what to do"


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_example_is_what_the_tool_writes(code: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    body = SECTIONS[code][2]
    (written,) = EXAMPLE.findall(body)
    drawn = example(code, written, tmp_path / "root")
    actual = EXAMPLE.sub(lambda found: f"% Example: {found[1]}\n\n```text\n{drawn}\n```\n", body)
    if request.config.getoption("--accept"):
        PAGE.write_text(PAGE.read_text("utf-8").replace(body, actual), "utf-8")
        return
    assert body == actual
