"""Write a situation down by name, run the real call in it, and look at what it did. No solver.

Reads   the subject of the current folder
Gives   Given, for tests: `given.vm(2).mailbox.state = "EMPTY"`, then `given.run()`
Refuses a cell, argument or value that the specification does not have (ValueError)
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from hfverify.config import load_config
from hfverify.explain.concrete import Env, Evaluator, Ref
from hfverify.explain.scenario import Scenario, find_cell, load
from hfverify.explain.trial import Report, run
from hfverify.model.load import Folders, load_program
from hfverify.model.program import Program


@cache
def subject_at(folder: Path, revision: str) -> tuple[Program, Folders]:
    """The program and the folders of the subject there."""
    config = load_config(folder)
    return load_program(config.folders, revision or config.revision), config.folders


class Outcome:
    """What a run did: `result`, `next`, the case that applied, and every obligation that it broke."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.result = report.result
        self.next = report.following
        self.case = report.outcome
        self.exception = report.exception
        self.broken = sorted({violation.kind for violation in report.violations})

    def difference(self) -> str:
        """What is not as promised, one line each."""
        lines = [f"{v.kind}: {v.text}" + (f" ({v.file}:{v.line})" if v.file else "") for v in self.report.violations]
        return "\n".join(lines) or "as promised"


class _Place:
    """A cell being spelled out."""

    _given: Given
    _name: str

    def __init__(self, given: Given, name: str) -> None:
        object.__setattr__(self, "_given", given)
        object.__setattr__(self, "_name", name)

    def __getattr__(self, part: str) -> _Place:
        return _Place(self._given, f"{self._name}.{part}")

    def __setattr__(self, part: str, value: Any) -> None:
        self._given.set(f"{self._name}.{part}", value)


class Given:
    """A situation. Cells that are not set have their zero value; `sizes` are the numbers of objects."""

    def __init__(
        self,
        call: str,
        *,
        actor: str = "",
        here: int = 0,
        sizes: dict[str, int] | None = None,
        revision: str = "",
        folder: Path | None = None,
    ) -> None:
        self.program, self.folders = subject_at((folder or Path.cwd()).resolve(), revision)
        if call not in self.program.calls:
            raise ValueError(f"there is no call `{call}`")
        keys = tuple(int(part) for part in re.findall(r"\d+", actor.partition("[")[2]))
        self._scenario = Scenario(call, dict(sizes or {}), here, keys)

    def __getattr__(self, state: str) -> Any:
        if state.startswith("_") or state not in self.program.states:
            raise AttributeError(f"there is no state `{state}`")
        if not self.program.states[state].keys:
            return _Place(self, state)
        return lambda *keys: _Place(self, str(Ref(state, keys)))

    def set(self, cell: str, value: Any) -> None:
        """Set a cell by its name, for example `vm[1].mailbox.state`."""
        found, keys = find_cell(self.program, cell)
        self._scenario.cells[found.name, keys] = load(found, value)

    def argument(self, **values: int | bool) -> None:
        """Set arguments of the call."""
        self._scenario.arguments.update(values)

    def before_lock(self, number: int, cell: str, value: Any) -> None:
        """Another CPU changes a cell just before the n-th lock is taken, counting from 0."""
        found, keys = find_cell(self.program, cell)
        while len(self._scenario.schedule) <= number:
            self._scenario.schedule.append({})
        self._scenario.schedule[number][found.name, keys] = load(found, value)

    def reads(self, cell: str, value: Any) -> None:
        """The next read of a volatile cell gives this value."""
        found, keys = find_cell(self.program, cell)
        self._scenario.reads.append((found.name, keys, load(found, value)))

    def run(self) -> Outcome:
        """Run the call on the real implementation."""
        env = Env(self._scenario.store())
        actor = self.program.actors.get(self.program.calls[self._scenario.call].actor)
        if actor is not None and not Evaluator(self.program).exists(Ref(actor.state, self._scenario.actor), env):
            raise ValueError(f"{Ref(actor.state, self._scenario.actor)} does not exist: are the sizes set?")
        return Outcome(run(self.program, self._scenario, str(self.folders.impl)))
