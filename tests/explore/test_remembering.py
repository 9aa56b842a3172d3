"""What is put together from known parts is what the real code does, and nothing is remembered that does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from situated import JOBS, ROOT, machine, situations

from hfverify.explain.values import Ref, Store
from hfverify.explore import remembering
from hfverify.explore.exhaustive import Limits, Perform, every_schedule
from hfverify.explore.machine import Choose
from hfverify.explore.noting import Noted
from hfverify.explore.priorities import by_priority
from hfverify.explore.remembering import Fickle, Remembered
from hfverify.explore.steps import Execution

SEARCHES = {
    "reduced": lambda perform: every_schedule(perform),
    "all": lambda perform: every_schedule(perform, Limits(reduce=False)),
    "sections": lambda perform: every_schedule(perform, Limits(reduce=False, whole_sections=True)),
    "random": lambda perform: by_priority(perform, 2, 30),
}
CALLS = [
    (JOBS, ("take", "submit")),
    (ROOT, ("mailbox_send", "mailbox_receive")),
    (ROOT, ("regs_state_saved", "vcpu_run")),
]


def told(execution: Execution) -> list[Any]:
    """All that a search looks at."""
    reports = [
        (cpu, report.outcome, report.result, report.following, report.exception, report.unchanged, report.rows)
        for cpu, report in sorted(execution.reports.items())
    ]
    steps = [(s.cpu, s.next, s.touched, s.taken, s.given, s.inside, s.changes) for s in execution.steps]
    wrong = (execution.violations, execution.races, execution.failed, execution.given_up, execution.too_long)
    blocked = [(one.cpu, one.next) for one in execution.blocked]
    assert execution.final is not None
    return [steps, reports, wrong, blocked, execution.changed, execution.final.cells]


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize(("root", "calls"), CALLS, ids=["jobs", "mailbox", "registers"])
def test_executions_are_those_of_the_real_code(root: Path, calls: tuple[str, ...], kind: str) -> None:
    def search(perform: Perform) -> Iterator[Execution]:
        yield from SEARCHES[kind](perform)

    for _, scenarios in situations(root, calls)[::5]:
        with machine(root, scenarios) as shared:
            executed = [told(execution) for execution in search(shared.perform)]
            assert [told(execution) for execution in search(Remembered(shared).perform)] == executed


def test_little_is_executed() -> None:
    """Of many schedules the real code runs as a whole for the first, and for some that are compared."""
    _, scenarios = situations(JOBS, ("take", "submit"))[-1]
    with machine(JOBS, scenarios) as shared:
        whole = 0

        class Counted(type(shared)):  # type: ignore[misc]
            def perform(self, choose: Choose, *, judged: bool = True) -> Execution:
                nonlocal whole
                whole += 1
                return super().perform(choose, judged=judged)  # type: ignore[no-any-return]

        shared.__class__ = Counted
        schedules = sum(1 for _ in every_schedule(Remembered(shared).perform, Limits(reduce=False)))
    assert whole <= 1 + schedules // remembering.CHECKED
    assert schedules > 4 * whole


@pytest.mark.parametrize("what", ["end", "step"])
def test_code_that_does_something_else_later_is_noticed(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "CHECKED", 3)
    _, scenarios = situations(JOBS, ("take", "submit"))[-1]
    with machine(JOBS, scenarios) as shared:
        real, count = shared.perform, 0

        def perform(choose: Choose, *, judged: bool = True) -> Execution:
            nonlocal count
            count += 1
            done = real(choose, judged=judged)
            if count > 1 and what == "end":
                done.changed = {("queue.oldest", (0,)): 99}
            if count > 1 and what == "step":
                done.steps[-1].touched["another"] = True
            return done

        monkeypatch.setattr(shared, "perform", perform)
        with pytest.raises(Fickle, match="again"):
            list(every_schedule(Remembered(shared).perform, Limits(reduce=False)))


def test_what_is_not_described_is_not_remembered() -> None:
    """Attributes that the specification does not have are no part of the state that calls are told apart by."""
    _, scenarios = situations(JOBS, ("take", "submit"))[-1]
    with machine(JOBS, scenarios) as shared:
        remembered = Remembered(shared)
        list(every_schedule(remembered.perform))
        assert not shared.hides
        shared.begin()
        shared.object(Ref("queue", (0,)))._hidden = 1
        assert shared.hides


def test_copies_keep_the_record() -> None:
    looked: set[tuple[str, tuple[int, ...]]] = set()
    store = Store({}, Noted({("a.b", ()): 1, ("a.c", ()): (1, 2)}, looked))
    assert store.copy().cells == store.cells
    assert looked == set()
    assert store.copy().cells.get(("a.b", ())) == 1
    assert looked == {("a.b", ())}
    assert list(store.copy().copy().cells.values()) == [1, (1, 2)]
    assert looked == {("a.b", ()), ("a.c", ())}
