"""Look for schedules that go wrong, from every situation in which some calls can begin together.

Reads   model.program.Program, the names of the calls, one for each CPU
Gives   Finding for each different problem, with the shortest schedule that shows it; Tally of what was tried
Refuses an implementation that does not do the same again (Fickle)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from hfverify.explain.scenario import Scenario
from hfverify.explore.atomicity import End, compare, end_of
from hfverify.explore.exhaustive import Limits, Perform, every_schedule
from hfverify.explore.likeness import Likeness
from hfverify.explore.machine import Shared
from hfverify.explore.priorities import by_priority
from hfverify.explore.problems import Problem, problems
from hfverify.explore.remembering import Fickle, Remembered
from hfverify.explore.replaying import followed, shortened
from hfverify.explore.sequels import sequels
from hfverify.explore.shrinking import smaller
from hfverify.explore.situations import STEPS, Situations, Together
from hfverify.explore.steps import Execution, Step
from hfverify.model.program import Program


@dataclass(frozen=True, slots=True)
class Plan:
    """Which schedules: all (`exhaustive`), those with few preemptions, or `random` ones with priorities.

    `situations` is how many of them are tried, those first in which `begins` is the outcome of the call with the number
    `whose`; `together` says at what calls are to meet, and `like` in which counterexample that call begins. Each
    question to the solver may take `steps`. A problem of a kind in `until` is enough. `sequels` are calls of which one
    comes after the first call of one of the CPUs; without them each CPU makes one call. With `compare`, the ends of so
    many schedules without reduction, and of those that switch between critical sections alone, must be the same.
    """

    strategy: str = "exhaustive"
    preemptions: int | None = None
    schedules: int = 1_000
    seed: int = 0
    situations: int | None = None
    begins: str | None = None
    whose: int = 0
    together: Together = ""
    like: Likeness | None = None
    sequels: tuple[str, ...] = ()
    steps: int = STEPS
    until: tuple[str, ...] = ()
    compare: int = 0


@dataclass(slots=True)
class Tally:
    """What was tried. `complete` unless there are more situations, or more schedules of one, than were allowed.

    `unreduced` are the schedules that there are without reduction, if that was asked for.
    """

    situations: int = 0
    schedules: int = 0
    steps: int = 0
    complete: bool = True
    unreduced: int = 0


@dataclass(slots=True)
class Finding:
    """What one execution shows for the first time, where it begins, and a short schedule that still shows it."""

    problems: list[Problem]
    calls: list[str]
    outcomes: tuple[str, ...]
    scenarios: list[Scenario]
    execution: Execution


class _Machines:
    """One machine for all situations in which the same calls are made: to watch the implementation takes its time."""

    def __init__(self, program: Program, impl: str) -> None:
        self.program = program
        self.impl = impl
        self.machine: Shared | None = None

    def beginning_at(self, scenarios: list[Scenario]) -> Shared:
        """A machine with these scenarios, on which contracts are watched."""
        if self.machine is not None and not any(scenario.then for scenario in scenarios):
            self.machine.begin_at(scenarios)
            self.machine.hides = False
            return self.machine
        self.close()
        self.machine = Shared(self.program, scenarios, self.impl)
        self.machine.watch_contracts()
        return self.machine

    def close(self) -> None:
        """The implementation is as it was."""
        if self.machine is not None:
            self.machine.unwatch_contracts()
            self.machine = None


@dataclass(slots=True)
class Search:
    """One search; `findings` are in the order in which they were found, each problem once."""

    program: Program
    calls: list[str]
    impl: str
    plan: Plan = Plan()
    tally: Tally = field(default_factory=Tally)
    findings: list[Finding] = field(default_factory=list)

    def run(self) -> Iterator[tuple[str, ...]]:
        """Search, and name the outcomes of each situation before it is looked for, and before it is tried.

        Until it is at its end, or closed, the implementation is watched: nothing else can be run with it.
        """
        known: set[str] = set()
        situations = Situations(self.program, [self.program.calls[name] for name in self.calls], self.plan.steps)
        plan = self.plan
        found = situations.one_by_one(
            plan.begins, whose=plan.whose, together=plan.together, like=plan.like,
            brief=bool(plan.sequels) or (len(self.calls) > 2 and plan.like is not None),
        )  # fmt: skip
        with closing(_Machines(self.program, self.impl)) as machines:
            for outcomes, scenarios in found:
                yield outcomes
                if scenarios is None:
                    continue
                if self.tally.situations == self.plan.situations:
                    self.tally.complete = False
                    return
                self.tally.situations += 1
                for told in sequels(self.program, scenarios, plan.sequels) if plan.sequels else [scenarios]:
                    # Whoever watches hears of each of them: all together may take long.
                    yield outcomes
                    self._situation(machines.beginning_at(told), outcomes, told, known)
                    if any(finding.problems[0].kind in self.plan.until for finding in self.findings):
                        self.tally.complete = False
                        return

    def _situation(
        self, machine: Shared, outcomes: tuple[str, ...], scenarios: list[Scenario], known: set[str]
    ) -> None:
        perform = machine.perform if self.plan.sequels else Remembered(machine).perform
        reached: dict[End, list[int]] = {}
        for tried, execution in enumerate(self._executions(scenarios, perform), 1):
            self.tally.schedules += 1
            self.tally.steps += len(execution.steps)
            if tried == 1:
                self._demand_repeatable(machine, execution)
            new = [problem for problem in problems(execution, self.calls) if problem.key not in known]
            for kind in dict.fromkeys(problem.kind for problem in new):
                keys = {problem.key for problem in new if problem.kind == kind}
                begins, shortest = self._simplest(machine, scenarios, execution, keys)
                shown = [problem for problem in problems(shortest, self.calls) if problem.key in keys]
                known |= keys
                self.findings.append(Finding(shown, self.calls, outcomes, begins, shortest))
            if self.plan.compare:
                reached.setdefault(end_of(execution), execution.schedule)
            if tried >= self.plan.schedules:
                self.tally.complete = False
                return
        if self.plan.compare:
            found, count = compare(perform, reached, self.plan.compare)
            self.tally.unreduced += count
            for schedule in found.differences[:1]:
                seen = followed(machine.perform, schedule)
                text = "the ends of schedules that switch inside critical sections, between them, and reduced, differ"
                self.findings.append(
                    Finding([Problem("not atomic", text, text)], self.calls, outcomes, scenarios, seen)
                )

    def _executions(self, scenarios: list[Scenario], perform: Perform) -> Iterator[Execution]:
        """The schedules of one situation."""
        del scenarios
        plan = self.plan
        if plan.strategy == "random":
            self.tally.complete = False
            return by_priority(perform, len(self.calls), plan.schedules, seed=plan.seed)
        if plan.preemptions is not None:
            self.tally.complete = False
            return every_schedule(perform, Limits(reduce=False, preemptions=plan.preemptions))
        return every_schedule(perform)

    def _simplest(
        self, machine: Shared, scenarios: list[Scenario], execution: Execution, keys: set[str]
    ) -> tuple[list[Scenario], Execution]:
        """Few switches, and then a state of which nothing is said that does not matter."""
        shortest = shortened(machine.perform, execution, partial(self._shows, keys))
        found = shortest

        def shows(tried: list[Scenario]) -> bool:
            nonlocal found
            machine.begin_at(tried)
            done = followed(machine.perform, shortest.schedule)
            good = done.schedule == shortest.schedule and self._shows(keys, done)
            found = done if good else found
            return good

        begins = smaller(self.program, scenarios, shows)
        machine.begin_at(scenarios)
        return begins, found

    def _shows(self, keys: set[str], execution: Execution) -> bool:
        return keys <= {problem.key for problem in problems(execution, self.calls)}

    def _demand_repeatable(self, machine: Shared, first: Execution) -> None:
        """The first schedule again: it must lead to the same steps."""
        again = machine.perform(lambda ready, steps: _as_before(first.schedule, ready, steps), judged=False)
        for one, other in zip(first.steps, again.steps, strict=False):
            if (one.cpu, one.next, one.touched) != (other.cpu, other.next, other.touched):
                place = f"{one.next.place[0]}:{one.next.place[1]}" if one.next.place[0] else "the first step"
                raise Fickle(f"CPU {one.cpu} does not do the same again at {place}")
        if len(first.steps) != len(again.steps):
            raise Fickle(f"the same calls take {len(first.steps)} steps, and then {len(again.steps)}")


def _as_before(schedule: list[int], ready: list[int], steps: list[Step]) -> int:
    wanted = schedule[len(steps)] if len(steps) < len(schedule) else -1
    return wanted if wanted in ready else ready[0]


def calls_for(program: Program, names: Sequence[str], cpus: int) -> list[str]:
    """One call for each CPU: as they are given, and again from the first."""
    assert all(name in program.calls for name in names)
    return [names[cpu % len(names)] for cpu in range(max(cpus, len(names)))]
