"""An example of a state names the cells of which the clauses speak, at once or through what they are defined by."""

from __future__ import annotations

from pathlib import Path

from doors import SPEC, hfverify, subject

SHUT = "pure shut(which: door) : bool = which.closed\n\nentry look {"


def test_cells_behind_a_definition_are_named(tmp_path: Path) -> None:
    subject(tmp_path)
    lines = [line for line in SPEC.splitlines() if "case closed" not in line]
    text = "\n".join(lines).replace("not door[here].closed", "not shut(door[here])").replace("entry look {", SHUT)
    assert text.count("shut(door[here])") == 2
    (tmp_path / "spec" / "m.hfs").write_text(text)
    code, said = hfverify(tmp_path, "check")
    assert code == 1
    [example] = [line for line in said.splitlines() if "= example" in line]
    assert ".closed = " in example
