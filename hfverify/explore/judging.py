"""A call that has done the same as in an earlier schedule is not held against its promises again.

Reads   explain.monitor.Monitor when a call has come to its end
Gives   Judgements: what a report says of each different way to come to an end, found once
Refuses nothing: what cannot be compared is judged each time
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from hfverify.explain.concrete import Keys, Store
from hfverify.explain.monitor import Monitor, Violation
from hfverify.explain.trial import Report, Row


@dataclass(frozen=True, slots=True)
class _Judgement:
    outcome: str
    result: Any
    following: str | None
    rows: tuple[Row, ...]
    violations: tuple[Violation, ...]
    unchanged: int
    looked: frozenset[tuple[str, Keys]]


@dataclass(slots=True)
class Judgements:
    """Those of the calls that begin in one state."""

    _known: dict[Hashable, _Judgement] = field(default_factory=dict)

    def clear(self) -> None:
        """The calls begin elsewhere from now on."""
        self._known.clear()

    def judge(
        self, key: Hashable, report: Report, judge: Callable[[], None], looked: set[tuple[str, Keys]]
    ) -> None:
        """Complete a report by `judge`, or as it was completed before; `looked` gets the cells that were looked at."""
        known = self._known.get(key) if key is not None else None
        if known is None:
            before = set(looked)
            looked.clear()
            judge()
            if key is not None:
                self._known[key] = _Judgement(
                    report.outcome, report.result, report.following, tuple(report.rows), tuple(report.violations),
                    report.unchanged, frozenset(looked),
                )  # fmt: skip
            looked |= before
            return
        looked |= known.looked
        report.outcome, report.result, report.following = known.outcome, known.result, known.following
        report.rows, report.violations = list(known.rows), list(known.violations)
        report.unchanged = known.unchanged


def what_counts(machine: Monitor, first: Store, cpu: int, value: Any) -> Hashable:
    """All that a call that began in `first` is judged by; None if it cannot be compared."""
    sections = tuple(
        (tuple(section.locks), _changed(section.pre, first), section.post and _changed(section.post, first),
         section.split, section.writes)
        for section in machine.sections
    )  # fmt: skip
    key = (
        cpu, _named(value), sections, _changed(machine.base, first), _changed(machine.store, first),
        tuple(machine.reads), tuple(machine.atomic), frozenset(machine.late), tuple(machine.violations),
    )  # fmt: skip
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _changed(store: Store, first: Store) -> Hashable:
    """The cells that have another value than where the calls began."""
    known = first.cells
    return tuple([(key, value) for key, value in store.cells.items() if known.get(key) is not value])


def _named(value: Any) -> Hashable:
    """A result: parts of the machine are made anew in each schedule, and stand for their positions."""
    if isinstance(value, tuple):
        return tuple(map(_named, value))
    try:
        return (object.__getattribute__(value, "_hf")[1:],)
    except AttributeError:
        return type(value), value
