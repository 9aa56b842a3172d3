"""The search finds each end that any schedule has, and sections may be taken for atomic."""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise, permutations
from pathlib import Path

import pytest
from situated import JOBS, ROOT, machine, situations, subject

from hfverify.explain.scenario import Changes, Scenario, find_cell
from hfverify.explore.atomicity import compare, ends
from hfverify.explore.exhaustive import Limits, every_schedule
from hfverify.explore.priorities import by_priority
from hfverify.explore.problems import problems
from hfverify.explore.replaying import Misfit, replayed
from hfverify.explore.steps import Kind

PAIRS = [(JOBS, pair) for pair in combinations_with_replacement(("submit", "take", "finish"), 2)]
PAIRS += [
    (ROOT, pair)
    for pair in (
        ("mailbox_send", "mailbox_receive"),
        ("vcpu_run", "regs_state_saved"),
        ("interrupt_inject", "wait_for_interrupt"),
        ("abort", "vcpu_run"),
    )
]
NAMES = [f"{root.name}-{'-'.join(pair)}" for root, pair in PAIRS]


@pytest.mark.parametrize(("root", "calls"), PAIRS, ids=NAMES)
def test_calls_begin_where_they_are_said_to(root: Path, calls: tuple[str, ...]) -> None:
    """Whoever is first finds the state as it was: its case is the one that was asked for."""
    _, program = subject(root)
    found = situations(root, calls)
    reached = {outcomes for outcomes, _ in found}
    for outcomes, scenarios in found:
        with machine(root, scenarios) as shared:
            first = shared.perform(lambda ready, _: ready[0])
        # Who waits decides when what it waits for is so.
        never = any(outcome.never for outcome in program.calls[calls[0]].outcomes if outcome.name == outcomes[0])
        if not never and all(step.next.kind is not Kind.WAIT for step in first.steps):
            assert first.reports[0].outcome == outcomes[0], outcomes
        assert problems(first, list(calls)) == []
    for cpu, name in enumerate(calls):
        wanted = {outcome.name for outcome in program.calls[name].outcomes if not outcome.never}
        assert wanted <= {outcomes[cpu] for outcomes in reached}


@pytest.mark.parametrize(("root", "calls"), PAIRS, ids=NAMES)
def test_reduction_leaves_out_no_end_and_sections_are_atomic(root: Path, calls: tuple[str, ...]) -> None:
    counts = [0, 0]
    for outcomes, scenarios in situations(root, calls)[:: 1 if root == JOBS else 4]:
        with machine(root, scenarios) as shared:
            reduced = list(every_schedule(shared.perform))
            everything = list(every_schedule(shared.perform, Limits(reduce=False)))
            assert ends(reduced).keys() == ends(everything).keys(), outcomes
            assert len({tuple(e.schedule) for e in everything}) == len(everything)
            found, count = compare(shared.perform, ends(reduced), len(everything) + 1)
            assert (found.differences, count) == ([], len(everything)), outcomes
        assert all(problems(execution, list(calls)) == [] for execution in everything)
        counts[0] += len(reduced)
        counts[1] += len(everything)
    assert counts[0] < counts[1]


def test_reduction_keeps_every_order_of_a_lock() -> None:
    """Of those who take a lock, and more locks under it, each can be first, second, third and last."""
    _, program = subject(JOBS)
    cells: Changes = {}
    for name, value in {
        "queue[0].worker_count": 4, "queue[0].capacity": 1, **{f"worker[0, {n}].cpu": n for n in range(4)},
    }.items():  # fmt: skip
        cell, keys = find_cell(program, name)
        cells[cell.name, keys] = value
    sizes, opened = {"queue_count": 1, "cpu_count": 4}, [("shop.is_open", (), True)]
    scenarios = [Scenario("take", sizes, cpu, (0, cpu), cells=cells, reads=opened) for cpu in (0, 1)]
    scenarios += [
        Scenario("submit", sizes, cpu, (0, cpu), arguments={"number": 0}, cells=cells, reads=opened) for cpu in (2, 3)
    ]
    orders = set()
    with machine(JOBS, scenarios) as shared:
        for execution in every_schedule(shared.perform):
            assert problems(execution, ["take", "take", "submit", "submit"]) == []
            orders.add(tuple(s.cpu for s in execution.steps if any(lock.name == "queue.lock" for lock in s.taken)))
    assert orders == set(permutations(range(4)))


def test_few_preemptions_are_few() -> None:
    calls = ("mailbox_send", "mailbox_receive")
    scenarios = next(found for outcomes, found in situations(ROOT, calls) if outcomes[0] == "delivered_by_secondary")
    with machine(ROOT, scenarios) as shared:
        counts = [len(list(every_schedule(shared.perform, Limits(reduce=False, preemptions=n)))) for n in range(6)]
        everything = len(list(every_schedule(shared.perform, Limits(reduce=False))))
    assert all(a <= b for a, b in pairwise(counts))
    assert counts[0] < counts[-1] == everything


def test_random_schedules_repeat_and_replay() -> None:
    _, scenarios = situations(JOBS, ("submit", "take"))[-1]
    with machine(JOBS, scenarios) as shared:
        first, again, other = (
            [e.schedule for e in by_priority(shared.perform, 2, 30, seed=seed)] for seed in (1, 1, 2)
        )
        assert first == again != other
        assert len({tuple(schedule) for schedule in first}) > 1
        for schedule in first[:5]:
            assert replayed(shared.perform, schedule).schedule == schedule
        with pytest.raises(Misfit, match="CPU 0 can go on|CPU 1 can go on"):
            replayed(shared.perform, first[0][:-1])
        with pytest.raises(Misfit, match="nobody can go on"):
            replayed(shared.perform, [*first[0], 0])
        with pytest.raises(Misfit, match="step 1 is for CPU 7"):
            replayed(shared.perform, [7])
