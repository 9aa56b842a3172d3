"""Whether critical sections may be taken for atomic: the proof does, and the real code must not show a difference.

Reads   a function that runs one schedule, what the reduced search has found
Gives   the ends that are reached with switches everywhere and not with switches between sections, and the reverse
Refuses nothing; of very many schedules only the first are compared
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hfverify.explore.exhaustive import Limits, Perform, every_schedule
from hfverify.explore.steps import Execution, Write

# What a run leaves behind: each call's result and successor, and every cell that has changed.
End = tuple[tuple[object, ...], frozenset[Write]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ends, and for each one schedule that leads to it: with switches everywhere, between sections, and reduced."""

    everywhere: dict[End, list[int]]
    between: dict[End, list[int]]
    reduced: dict[End, list[int]]

    @property
    def differences(self) -> list[list[int]]:
        """Schedules to ends that are not reached in all ways."""
        return [*self.only_everywhere, *self.only_between, *self.left_out]

    @property
    def left_out(self) -> list[list[int]]:
        """Schedules to ends that the reduced search does not come to."""
        return [schedule for end, schedule in self.everywhere.items() if end not in self.reduced]

    @property
    def only_everywhere(self) -> list[list[int]]:
        """Schedules to ends that no order of whole sections has."""
        return [schedule for end, schedule in self.everywhere.items() if end not in self.between]

    @property
    def only_between(self) -> list[list[int]]:
        """Schedules of whole sections to ends that were not found otherwise: the search has left something out."""
        return [schedule for end, schedule in self.between.items() if end not in self.everywhere]


def compare(perform: Perform, reduced: dict[End, list[int]], most: int) -> tuple[Comparison, int]:
    """What the reduced search has found beside the others; and how many schedules there are, of which so many count."""
    between = ends(every_schedule(perform, Limits(reduce=False, whole_sections=True)))
    everywhere, count = dict(reduced), 0
    for count, execution in enumerate(every_schedule(perform, Limits(reduce=False)), 1):
        everywhere.setdefault(end_of(execution), execution.schedule)
        if count >= most:
            break
    return Comparison(everywhere, between, reduced), count


def ends(executions: Iterable[Execution]) -> dict[End, list[int]]:
    """The different ends, each with the first schedule that leads to it."""
    found: dict[End, list[int]] = {}
    for execution in executions:
        found.setdefault(end_of(execution), execution.schedule)
    return found


def end_of(execution: Execution) -> End:
    """What is left of an execution."""
    reports = sorted(execution.reports.items())
    results = tuple([(cpu, report.result, report.following, report.exception) for cpu, report in reports])
    return results, frozenset(execution.changed.items())
