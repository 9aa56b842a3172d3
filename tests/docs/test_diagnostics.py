"""The page of diagnostics has each code that the tool can give, with an example that the tool writes today.

A line `% Example: corpus NAME` stands for the first diagnostic with the section's code that the tool has about an entry
of the corpus, `undecided NAME` for the same with one solver step, `mutant SUBJECT NAME` for what refutes a wrong
variant of a subject. The block below it is generated; `pytest --numprocesses 0 --accept` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_guide import GUIDE

from hfverify.diagnostics import CODES, Diagnostic
from hfverify.report import excerpt
from mistakes import FILES, diagnostics, laid_out
from test_variants import SUBJECTS, subject, unit_of, verdicts
from variants import load

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


def of_mutant(name: str, variant: str, folder: Path) -> list[tuple[Diagnostic, Path]]:
    root, variants, _ = next(item for item in SUBJECTS if (item[0].parent.name == "examples") == (name != "repository"))
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
