"""Who uses a list function relies on its contract: its body is not entered, and a change there concerns nobody else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hfverify.config import load_config
from hfverify.model.load import load_program
from hfverify.units import Scope, Subjects
from hfverify.verdict import Status

JOBS = Path(__file__).parents[2] / "examples" / "jobs"
SCOPE = Scope(implementation=True, steps=1_000_000)


def subject(folder: Path, file: str = "", old: str = "", new: str = "") -> Subjects:
    """The subject, whose code is in a folder of its own and has another text at one place."""
    impl = folder / "impl"
    if not impl.exists():
        shutil.copytree(JOBS / "impl", impl, ignore=shutil.ignore_patterns("__pycache__"))
    if file:
        path = impl / "jobs" / file
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))
    config = load_config(JOBS)
    return Subjects(load_program(config.folders, config.revision), replace(config.folders, impl=impl))


@pytest.mark.parametrize(
    ("old", "new", "concerned"),
    [
        ("    last = line.prev\n", "    last, more = line.prev, line\n", {"line.join"}),
        ("def join(line: Place[Owner], place", "def join(line: Place[Owner], entry", {"line.join", "take"}),
    ],
    ids=["the body", "the parameters"],
)
def test_whom_a_change_of_a_list_function_concerns(tmp_path: Path, old: str, new: str, concerned: set[str]) -> None:
    before = subject(tmp_path)
    names = before.names(SCOPE)
    known = {name: before.inputs(name, SCOPE) for name in names}
    after = subject(tmp_path, "line.py", old, new)
    assert {name for name in names if after.inputs(name, SCOPE) != known[name]} == concerned


@pytest.mark.parametrize("given", ["me", "3", "None"])
def test_a_list_function_is_not_entered_with_something_else(tmp_path: Path, given: str) -> None:
    wrong = subject(tmp_path, "shop.py", "join(queue.line, me.place)", f"join(queue.line, {given})")
    found = {verdict.obligation.name: verdict for verdict in wrong.verdicts("take", SCOPE)}
    assert found["take.supported"].status is Status.UNKNOWN
    assert "no contract of `jobs.line:join` fits these arguments" in found["take.supported"].reason
    assert not [name for name, verdict in found.items() if verdict.status is Status.PROVED]
