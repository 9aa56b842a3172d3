"""Write down where several calls begin, run them under a schedule, and look at what went wrong. No solver.

Reads   the subject of the current folder
Gives   Together, for tests: a machine, a call for each CPU, and `run([0, 0, 1, 1])`
Refuses a call, cell or value that the specification does not have (ValueError)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hfverify.explain.given import subject_at
from hfverify.explain.scenario import Scenario, find_cell, load
from hfverify.explore.files import shown
from hfverify.explore.machine import Shared
from hfverify.explore.problems import problems
from hfverify.explore.replaying import followed
from hfverify.explore.steps import Execution
from hfverify.report.schedule import draw


class Outcome:
    """What a schedule showed: `problems`, one line each; none if all went well."""

    def __init__(self, execution: Execution, scenarios: list[Scenario]) -> None:
        self.execution = execution
        self.found = problems(execution, [scenario.call for scenario in scenarios])
        self.problems = [problem.text for problem in self.found]
        self._scenarios = scenarios

    def drawing(self, width: int = 100) -> str:
        """The steps, with a column for each CPU."""
        return "\n".join(draw(shown(self.found, self._scenarios, self.execution), width))


class Together:
    """A machine on which each CPU makes one call; what is not said is zero, empty or none."""

    def __init__(self, cells: dict[str, Any], *, sizes: dict[str, int], revision: str = "") -> None:
        self._program, self._folders = subject_at(Path.cwd(), revision)
        self._sizes = sizes
        self._cells = {}
        for name, value in cells.items():
            cell, keys = find_cell(self._program, name)
            self._cells[cell.name, keys] = load(cell, value)
        self._scenarios: list[Scenario] = []

    def cpu(
        self,
        call: str,
        arguments: dict[str, int | bool],
        *,
        actor: Sequence[int] = (),
        objects: dict[str, Sequence[int]] | None = None,
        reads: Sequence[tuple[str, Any]] = (),
    ) -> None:
        """The next CPU makes this call; `reads` is what devices show to it."""
        if call not in self._program.calls:
            raise ValueError(f"there is no call `{call}`")
        scenario = Scenario(call, dict(self._sizes), len(self._scenarios), tuple(actor))
        scenario.objects = {name: tuple(keys) for name, keys in (objects or {}).items()}
        scenario.arguments = dict(arguments)
        scenario.cells = dict(self._cells)
        for name, value in reads:
            cell, keys = find_cell(self._program, name)
            scenario.reads.append((cell.name, keys, load(cell, value)))
        self._scenarios.append(scenario)

    def run(self, schedule: Sequence[int]) -> Outcome:
        """Follow the schedule where the code can, and afterwards interrupt nobody."""
        machine = Shared(self._program, self._scenarios, str(self._folders.impl.resolve()))
        machine.watch_contracts()
        try:
            return Outcome(followed(machine.perform, schedule), self._scenarios)
        finally:
            machine.unwatch_contracts()
