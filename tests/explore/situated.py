"""Programs, wrong variants, and machines on which several calls begin together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from hfverify.config import Config, load_config
from hfverify.explain.scenario import Scenario
from hfverify.explore.machine import Shared
from hfverify.explore.situations import Situations
from hfverify.model.load import load_program
from hfverify.model.program import Program
from variants import MUTANTS, apply, load, load_faithful

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "examples" / "jobs"


@cache
def subject(root: Path) -> tuple[Config, Program]:
    config = load_config(root)
    return config, load_program(config.folders, config.revision)


@cache
def situations(root: Path, calls: tuple[str, ...]) -> list[tuple[tuple[str, ...], list[Scenario]]]:
    _, program = subject(root)
    return list(Situations(program, [program.calls[name] for name in calls]).all())


@contextmanager
def machine(root: Path, scenarios: list[Scenario]) -> Iterator[Shared]:
    config, program = subject(root)
    found = Shared(program, scenarios, str(config.folders.impl.resolve()))
    found.watch_contracts()
    try:
        yield found
    finally:
        found.unwatch_contracts()


def variant(name: str, folder: Path) -> Path:
    """The implementation with one of the wrong changes."""
    config, _ = subject(ROOT)
    known = {v.name: v for v in [*load(MUTANTS), *load_faithful(MUTANTS / "faithful")]}
    apply(known[name], config.folders.impl, folder / "impl")
    return folder / "impl"
