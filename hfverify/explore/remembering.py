"""A call does again what it did when it met the same: schedules whose parts are all known are put together from them.

Reads   explore.machine.Shared, which executes the real code
Gives   Remembered, whose `perform` is that of the machine, and executes whatever is not known yet
Refuses code that does not do the same again (Fickle)

A call depends on where it begins and on what the others change while it waits for its turn, as far as it, or the
judgement on it, looks at that. So the steps of each CPU are kept as a tree: a branch for each such change that was
met. Whatever goes wrong is executed: a schedule is put together only where every call came to a good end.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from hfverify.explain.concrete import Keys, Store, Value
from hfverify.explain.trial import Report
from hfverify.explore.clocks import Clocks
from hfverify.explore.machine import MOST_STEPS, Blocked, Choose, Event, Execution, Kind, Next, Shared, Step

# One of so many schedules that could be put together is executed and compared.
CHECKED = 100
# After so many steps of calls all are forgotten: what is kept has a bound.
MOST_KNOWN = 50_000


class Fickle(Exception):
    """The same schedule does not lead to the same steps: the code depends on more than the state."""


@dataclass(slots=True)
class _Known:
    """A call after a step; `then` is what it does next, `report` what it did in all when nothing comes next."""

    step: Step | None
    then: Next | None
    report: Report | None = None
    branches: dict[Hashable, _Known] = field(default_factory=dict)


@dataclass(slots=True)
class _Lane:
    """A CPU on its way: where it is, up to where it has seen what others wrote, and since when it waits for them."""

    known: _Known
    seen: int = 0
    since: int = 0


class Remembered:
    """The schedules of one machine."""

    def __init__(self, machine: Shared) -> None:
        self.machine = machine
        self.count = len(machine.scenarios)
        self.executed = 0
        self._alike = 0
        self._size = 0
        self._relevant: list[set[tuple[str, Keys]]] = [set() for _ in range(self.count)]
        self._roots = [self._root() for _ in range(self.count)]

    def perform(self, choose: Choose) -> Execution:
        """Put the schedule together, or execute it from its beginning once something comes that is not known."""
        # A search that is over after one schedule need not pay for what it would remember.
        if self.executed == 0 or self.machine.hides:
            self.executed += 1
            return self.machine.perform(choose)
        done, lanes, log = Execution(), [_Lane(root) for root in self._roots], _Log()
        clocks, owners = Clocks(self.count), dict[Hashable, int]()
        while True:
            ready = [cpu for cpu, lane in enumerate(lanes) if _can_go_on(cpu, lane, owners, log)]
            if not ready:
                break
            cpu = choose(ready, done.steps)
            if cpu is None:
                done.given_up = True
                break
            lane = lanes[cpu]
            found = lane.known.branches.get(self._met(cpu, lane, log)) if lane.known.branches else None
            if found is None or found.step is None or len(done.steps) >= MOST_STEPS:
                return self._execute(done.steps, cpu, choose)
            _go_on(cpu, lane, found, found.step, owners, log)
            for event, place in found.step.events:
                if event is Event.TAKEN:
                    clocks.acquire(cpu, place)
                elif event is Event.GIVEN:
                    clocks.release(cpu, place)
                else:
                    clocks.access(cpu, place, _NOWHERE, writes=event is Event.WRITTEN)
            done.steps.append(found.step)
        for cpu, lane in enumerate(lanes):
            if lane.known.report is not None:
                done.reports[cpu] = lane.known.report
            elif lane.known.then is not None:
                done.blocked.append(Blocked(cpu, lane.known.then, []))
        if clocks.races or (done.blocked and not done.given_up):
            return self._execute(done.steps, None, choose)
        first = self.machine.first
        done.changed = {key: value for key, value in log.changed.items() if first.cells.get(key) != value}
        done.final = Store(first.sizes, {**first.cells, **done.changed})
        self._alike += 1
        if self._alike % CHECKED == 0 and not done.given_up:
            self._compare(done, self._execute(done.steps, None, choose))
        return done

    def _execute(self, steps: list[Step], cpu: int | None, choose: Choose) -> Execution:
        """The real code: first what was put together, then the CPU that was chosen, and then whoever is."""
        before = [*(step.cpu for step in steps), *([] if cpu is None else [cpu])]

        def as_before(ready: list[int], done: list[Step]) -> int | None:
            if len(done) >= len(before):
                return choose(ready, done)
            if before[len(done)] not in ready:
                raise Fickle(f"CPU {before[len(done)]} cannot go on after the same {len(done)} steps again")
            return before[len(done)]

        self.executed += 1
        if not self.machine.noting:
            self.machine.noting = True
            self.machine.judgements.clear()
        execution = self.machine.perform(as_before)
        _demand_same(steps, execution.steps)
        good = not (execution.violations or execution.failed or execution.races or execution.too_long)
        if good and (execution.given_up or not execution.blocked):
            self._learn(execution)
        return execution

    def _learn(self, execution: Execution) -> None:
        for cpu, lane in enumerate(self.machine.lanes):
            if not lane.looked <= self._relevant[cpu]:
                # What was kept was told apart by too little.
                self._relevant[cpu] |= lane.looked
                self._roots[cpu] = self._root()
        if self._size > MOST_KNOWN:
            self._size = 0
            self._roots = [self._root() for _ in range(self.count)]
        lanes, log, owners = [_Lane(root) for root in self._roots], _Log(), dict[Hashable, int]()
        for step in execution.steps:
            lane = lanes[step.cpu]
            met = self._met(step.cpu, lane, log)
            found = lane.known.branches.get(met)
            if found is None:
                report = execution.reports.get(step.cpu) if step.then is None else None
                found = lane.known.branches[met] = _Known(step, step.then, report)
                self._size += 1
            elif found.step is not None:
                _demand_same([found.step], [step])
            _go_on(step.cpu, lane, found, step, owners, log)

    def _met(self, cpu: int, lane: _Lane, log: _Log) -> Hashable:
        """What others have changed since the last step of the CPU, as far as it matters to its call."""
        if lane.seen == len(log.writes):
            return None
        relevant = self._relevant[cpu]
        met = {key: value for who, key, value in log.writes[lane.seen :] if who != cpu and key in relevant}
        return frozenset(met.items()) if met else None

    def _compare(self, put_together: Execution, executed: Execution) -> None:
        one, other = (
            [(cpu, report.outcome, report.result, report.following) for cpu, report in sorted(done.reports.items())]
            for done in (put_together, executed)
        )
        if one != other or put_together.changed != executed.changed:
            raise Fickle("the same schedule does not come to the same end again")

    def _root(self) -> _Known:
        return _Known(None, Next(Kind.BEGIN))


@dataclass(slots=True)
class _Log:
    """Who wrote what, in order, and what each cell has become."""

    writes: list[tuple[int, tuple[str, Keys], Value]] = field(default_factory=list)
    changed: dict[tuple[str, Keys], Value] = field(default_factory=dict)


_NOWHERE = ("", 0)


def _can_go_on(cpu: int, lane: _Lane, owners: dict[Hashable, int], log: _Log) -> bool:
    then = lane.known.then
    if then is None:
        return False
    if then.kind is Kind.WAIT:
        return any(who != cpu for who, _, _ in log.writes[lane.since :])
    return then.lock is None or owners.get(then.lock, cpu) == cpu


def _go_on(cpu: int, lane: _Lane, found: _Known, step: Step, owners: dict[Hashable, int], log: _Log) -> None:
    for lock in step.taken:
        owners[lock] = cpu
    for lock in step.given:
        owners.pop(lock, None)
    for key, value in step.wrote:
        log.writes.append((cpu, key, value))
        log.changed[key] = value
    lane.known, lane.seen = found, len(log.writes)
    lane.since = lane.seen


def _demand_same(steps: list[Step], again: list[Step]) -> None:
    """The same CPUs do the same in the same places."""
    for one, other in zip(steps, again, strict=False):
        if one is not other and (one.cpu, one.next, one.touched) != (other.cpu, other.next, other.touched):
            place = f"{one.next.place[0]}:{one.next.place[1]}" if one.next.place[0] else "the first step"
            raise Fickle(f"CPU {one.cpu} does not do the same again at {place}")
