"""A subject of one specification, one proof file and one module, for tests that change a line of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hfverify.config import load_config
from hfverify.model.load import load_program
from hfverify.units import Scope, Subjects, about
from hfverify.verdict import Verdict

SCOPE = Scope(implementation=True, steps=1_000_000)


def subject(folder: Path, spec: str, proof: str, impl: str) -> Subjects:
    """The subject in this folder, which may be that of an earlier one."""
    (folder / "pyproject.toml").write_text("[tool.hfverify]\n")
    for name, text in (("spec/m.hfs", spec), ("proofs/m.hfp", proof), ("impl/m.py", impl)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    config = load_config(folder)
    return Subjects(load_program(config.folders, config.revision), config.folders)


def verdicts(subjects: Subjects, units: Iterable[str] = (), *, both: bool = False) -> dict[str, Verdict]:
    """The verdicts of some units, or of all, by name; of a call those of its code, with `both` also what is said."""
    names = subjects.names(SCOPE)
    wanted = set(units)
    chosen = [name for name in names if not wanted or (about(name) if both else name) in wanted]
    assert chosen, f"none of {sorted(wanted)} is a unit"
    return {v.obligation.name: v for name in chosen for v in subjects.verdicts(name, SCOPE)}
