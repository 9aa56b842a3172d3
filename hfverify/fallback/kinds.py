"""What one example is: a call in a situation.

Reads   model.program.Program, plain data
Gives   Kind: seeds, variations, a run and its judgement
Refuses nothing; a situation in which nothing can begin raises Unbuildable
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hypothesis.strategies import SearchStrategy

from hfverify.explain.scenario import Scenario, from_json, to_json
from hfverify.explain.trial import run
from hfverify.fallback.varying import Variation
from hfverify.model.program import Program

Note = Callable[[object, object], None]


class Kind(Protocol):
    """How examples of one sort are made, varied, run and written down."""

    def seeds(self, data: Sequence[Any]) -> list[Any]: ...

    def variations(self, seeds: Sequence[Any]) -> SearchStrategy[Any]: ...

    def run(self, request: Any, note: Note) -> tuple[dict[str, str], str]: ...

    def plain(self, request: Any) -> dict[str, Any]: ...


class Situations:
    """A call by itself, in a state; what other CPUs do meanwhile belongs to the situation."""

    def __init__(self, program: Program, impl: str) -> None:
        self.program = program
        self.impl = impl
        self.variation = Variation(program)

    def seeds(self, data: Sequence[Any]) -> list[Scenario]:
        """From plain data."""
        found = [self.variation.settled(from_json(self.program, item)) for item in data]
        return [scenario for scenario in found if self.variation.possible(scenario)]

    def variations(self, seeds: Sequence[Scenario]) -> SearchStrategy[Scenario]:
        """Near one of the seeds."""
        return self.variation.scenarios(seeds)

    def run(self, request: Scenario, note: Note) -> tuple[dict[str, str], str]:
        """What the run breaks, by the kind of obligation, and which outcome it has."""
        report = run(self.program, request, self.impl, note)
        violations = {v.kind: f"{v.text} ({v.file}:{v.line})" if v.file else v.text for v in report.violations}
        return violations, report.outcome

    def plain(self, request: Scenario) -> dict[str, Any]:
        """As it is stored and confirmed."""
        return {"scenario": to_json(self.program, request)}


def kind_of(name: str, program: Program, impl: str) -> Kind:
    """The kind with a name."""
    assert name == "scenario"
    return Situations(program, impl)
