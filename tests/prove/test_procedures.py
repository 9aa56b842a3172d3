"""The library has two procedures for numbers: what one proves, the other proves too."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import afresh
from hfverify.config import load_config
from hfverify.execute import paths
from hfverify.model.load import load_program
from hfverify.prove import solver
from hfverify.units import Scope, Subjects
from hfverify.verdict import Status

ROOT = Path(__file__).parents[2]
DEFAULT = 6


@pytest.mark.parametrize("root", [ROOT / "examples" / "jobs", ROOT], ids=["jobs", "hypervisor"])
def test_the_default_procedure_proves_everything(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert solver.SIMPLEX == paths.SIMPLEX != DEFAULT
    monkeypatch.setattr(solver, "SIMPLEX", DEFAULT)
    monkeypatch.setattr(paths, "SIMPLEX", DEFAULT)
    config = load_config(root)
    subjects = Subjects(load_program(config.folders, config.revision), config.folders)
    scope = Scope(implementation=True, steps=solver.DEFAULT_STEPS)
    for name in subjects.names(scope):
        with afresh():
            found = subjects.verdicts(name, scope)
        assert [verdict.obligation.name for verdict in found if verdict.status is not Status.PROVED] == []
