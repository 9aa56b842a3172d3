"""The test of the verifier itself: wrong variants are refuted on the real code, harmless ones stay proved."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from commands import afresh
from hfverify.config import Config, load_config
from hfverify.model.load import load_program
from hfverify.model.program import Program
from hfverify.prove.solver import DEFAULT_STEPS
from hfverify.units import Scope, Subjects
from hfverify.verdict import Status, Verdict
from variants import MUTANTS, REWRITES, Variant, apply, load, load_faithful

ROOT = Path(__file__).parent.parent
SUBJECTS = [(ROOT, MUTANTS, REWRITES)] + [
    (folder, folder / "mutants", folder / "rewrites")
    for folder in sorted((ROOT / "examples").iterdir())
    if folder.is_dir()
]
SCOPE = Scope(implementation=True, steps=DEFAULT_STEPS)


@cache
def subject(root: Path) -> tuple[Config, Program]:
    config = load_config(root)
    return config, load_program(config.folders, config.revision)


def verdicts(root: Path, variant: Variant, folder: Path, units: list[str] | None) -> list[Verdict]:
    """The verdicts of some units, or of all that need the implementation, on a variant."""
    config, program = subject(root)
    target = folder / "impl"
    apply(variant, config.folders.impl, target)
    # Below this root the files have the names that they have in the tree: what is the same has the same inputs.
    subjects = Subjects(program, replace(config.folders, root=folder, impl=target))
    before = Subjects(program, config.folders)
    names = units if units is not None else [
        name for name in subjects.names(SCOPE) if subjects.inputs(name, SCOPE) != before.inputs(name, SCOPE)
    ]  # fmt: skip
    assert names, "the change touches nothing that is proved"
    only = (lambda name: name == variant.refutes) if variant.refutes else None
    found: list[Verdict] = []
    for name in names:
        with afresh():
            found += subjects.verdicts(name, SCOPE, only)
    return found


def unit_of(program: Program, config: Config, obligation: str) -> str:
    names = Subjects(program, config.folders).names(SCOPE)
    return max((name for name in names if obligation.startswith(name + ".")), key=len)


WRONG = [
    pytest.param(root, v, id=f"{root.name}-{v.name}")
    for root, folder, _ in SUBJECTS
    for v in [*load(folder), *load_faithful(folder / "faithful")]
]
HARMLESS = [pytest.param(root, v, id=f"{root.name}-{v.name}") for root, _, folder in SUBJECTS for v in load(folder)]


@pytest.mark.parametrize(("root", "variant"), WRONG)
def test_wrong_variant_is_refuted_with_a_confirmed_state(root: Path, variant: Variant, tmp_path: Path) -> None:
    config, program = subject(root)
    unit = unit_of(program, config, variant.refutes)
    found = {v.obligation.name: v for v in verdicts(root, variant, tmp_path, [unit])}
    bad = {name: v.status.name for name, v in found.items() if v.status is not Status.PROVED}
    verdict = found[variant.refutes]
    assert verdict.diagnostic is not None
    assert verdict.diagnostic.span.line > 0
    if verdict.obligation.kind == "supported":
        assert verdict.status is Status.UNKNOWN, variant.reason
        return
    assert verdict.status is Status.REFUTED, f"{variant.reason}\n{bad}\n{verdict.reason}"
    assert verdict.counterexample is not None
    assert verdict.counterexample["confirmed"] is True


@pytest.mark.parametrize(("root", "variant"), HARMLESS)
def test_harmless_variant_stays_proved(root: Path, variant: Variant, tmp_path: Path) -> None:
    bad = [
        f"{v.obligation.name} {v.status.name}: {v.reason}"
        for v in verdicts(root, variant, tmp_path, None)
        if v.status is not Status.PROVED
    ]
    assert not bad, f"{variant.reason}\n" + "\n".join(bad)


def test_there_are_enough_variants() -> None:
    assert len(load(MUTANTS)) >= 120
    assert len(load(REWRITES)) >= 25
    assert all(variant.refutes for variant in load(MUTANTS))
    assert not any(variant.refutes for variant in load(REWRITES))
