"""Whether critical sections may be taken for atomic: the proof does, and the real code must not show a difference.

Reads   situations of some calls
Gives   the ends that are reached with switches everywhere and not with switches between sections, and the reverse
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hfverify.explore.exhaustive import Limits, every_schedule
from hfverify.explore.machine import Shared
from hfverify.explore.steps import Execution, Write

# What a run leaves behind: each call's result and successor, and every cell that has changed.
End = tuple[tuple[object, ...], frozenset[Write]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ends by the schedules that lead to them."""

    everywhere: dict[End, list[int]]
    between: dict[End, list[int]]

    @property
    def only_everywhere(self) -> list[list[int]]:
        """Schedules to ends that no order of whole sections has."""
        return [schedule for end, schedule in self.everywhere.items() if end not in self.between]

    @property
    def only_between(self) -> list[list[int]]:
        """Schedules of whole sections to ends that were not found otherwise: the search has left something out."""
        return [schedule for end, schedule in self.between.items() if end not in self.everywhere]


def compare(machine: Shared) -> Comparison:
    """Explore the same situation twice."""
    whole = Limits(reduce=False, whole_sections=True)
    return Comparison(ends(every_schedule(machine.perform)), ends(every_schedule(machine.perform, whole)))


def ends(executions: Iterable[Execution]) -> dict[End, list[int]]:
    """The different ends, each with the first schedule that leads to it."""
    found: dict[End, list[int]] = {}
    for execution in executions:
        found.setdefault(_end(execution), execution.schedule)
    return found


def _end(execution: Execution) -> End:
    reports = sorted(execution.reports.items())
    results = tuple([(cpu, report.result, report.following, report.exception) for cpu, report in reports])
    return results, frozenset(execution.changed.items())
