"""A call does again what it did when it met the same: schedules whose parts are all known are put together from them.

Reads   explore.machine.Shared, which executes the real code
Gives   Remembered, whose `perform` is that of the machine, and executes whatever is not known yet
Refuses code that does not do the same again (Fickle)

A call depends on where it begins and on what the others change while it waits for its turn, as far as it, or the
judgement on it, looks at that. So the steps of each CPU are kept as a tree: a branch for each such change that was
met. Where there is no branch yet, the call alone is executed, and meets what the others are known to do meanwhile.
A schedule is put together only where every call comes to a good end: whatever goes wrong is executed as a whole, and
so are the first schedule and some of the others.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from hfverify.explain.concrete import Keys, LockRef, Store, Value
from hfverify.explain.trial import Report
from hfverify.explore.clocks import Clocks
from hfverify.explore.machine import MOST_STEPS, Choose, Shared
from hfverify.explore.steps import Blocked, Event, Execution, Kind, Next, Step, Write

# One of so many schedules that could be put together is executed as a whole, and compared.
CHECKED = 100
# After so many steps of calls all are forgotten: what is kept has a bound.
MOST_KNOWN = 50_000


class Fickle(Exception):
    """The same schedule does not lead to the same steps: the code depends on more than the state."""


@dataclass(slots=True)
class _Known:
    """A call after a step; `then` is what it does next, `report` what it did in all when nothing comes next."""

    then: Next | None
    step: Step | None = None
    report: Report | None = None
    branches: dict[Hashable, _Known] = field(default_factory=dict)


@dataclass(slots=True)
class _Lane:
    """A CPU on its way: where it is, up to where it has seen all writes, and its steps with those that came before."""

    known: _Known
    seen: int = 0
    done: list[tuple[int, int, Step]] = field(default_factory=list)


@dataclass(slots=True)
class _Schedule:
    """A schedule while it is put together: who wrote what, what each cell has become, and which locks are taken."""

    lanes: list[_Lane]
    clocks: Clocks
    writes: list[tuple[int, tuple[str, Keys], Value]] = field(default_factory=list)
    changed: dict[tuple[str, Keys], Value] = field(default_factory=dict)
    taken: set[LockRef] = field(default_factory=set)

    def ready(self, cpu: int) -> bool:
        """Whether the CPU can go on."""
        lane = self.lanes[cpu]
        then = lane.known.then
        if then is None:
            return False
        if then.kind is Kind.WAIT:
            return any(who != cpu for who, _, _ in self.writes[lane.seen :])
        return then.lock is None or then.lock not in self.taken

    def advance(self, cpu: int, found: _Known, step: Step) -> None:
        """The CPU makes a step."""
        lane, clocks = self.lanes[cpu], self.clocks
        for event, place in step.events:
            if event is Event.LOADED or event is Event.WRITTEN:
                clocks.access(cpu, place, _NOWHERE, writes=event is Event.WRITTEN)
            elif event is Event.TAKEN:
                clocks.acquire(cpu, place)
            else:
                clocks.release(cpu, place)
        self.taken |= step.taken
        self.taken -= step.given
        lane.done.append((lane.seen, len(self.writes), step))
        for key, value in step.wrote:
            self.writes.append((cpu, key, value))
            self.changed[key] = value
        lane.known, lane.seen = found, len(self.writes)

    def others(self, cpu: int, first: int, last: int) -> list[Write]:
        """What other CPUs wrote meanwhile."""
        return [(key, value) for who, key, value in self.writes[first:last] if who != cpu]


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A schedule that cannot be put together: its steps, and who comes next then."""

    steps: list[Step]
    cpu: int | None


_NOWHERE = ("", 0)


class Remembered:
    """The schedules of one machine; what the calls did is held against what they promise, unless `judged` is false."""

    def __init__(self, machine: Shared, *, judged: bool = True) -> None:
        self.machine = machine
        self.judged = judged
        self.performed = 0
        self._size = 0
        count = len(machine.scenarios)
        self._relevant: list[set[tuple[str, Keys]]] = [set() for _ in range(count)]
        self._roots = [_Known(Next(Kind.BEGIN)) for _ in range(count)]
        # Which call of which schedule stands still on the machine, after how many steps.
        self._here: tuple[_Schedule, int, int] | None = None

    def perform(self, choose: Choose) -> Execution:
        """Put the schedule together, or execute it as a whole."""
        self.performed += 1
        # A search that is over after one schedule need not pay for what it would remember.
        if self.performed == 1 or self.machine.hides:
            return self.machine.perform(choose, judged=self.judged)
        if not self.machine.noting:
            self.machine.noting = True
            self.machine.judgements.clear()
        if self._size > MOST_KNOWN:
            self._size = 0
            self._roots = [_Known(Next(Kind.BEGIN)) for _ in self._roots]
        try:
            done = self._put_together(choose)
        finally:
            self._leave()
        if isinstance(done, _Wrong):
            return self._execute(done.steps, done.cpu, choose)
        if self.machine.hides:
            return self._execute(done.steps, None, choose)
        if self.performed % CHECKED == 0 and not done.given_up:
            _compare(done, self._execute(done.steps, None, choose))
        return done

    def _put_together(self, choose: Choose) -> Execution | _Wrong:
        count, done = len(self._roots), Execution()
        cpus = range(count)
        now = _Schedule([_Lane(root) for root in self._roots], Clocks(count))
        while True:
            ready = [cpu for cpu in cpus if now.ready(cpu)]
            cpu = choose(ready, done.steps) if ready else None
            if cpu is None:
                done.given_up = bool(ready)
                break
            lane = now.lanes[cpu]
            met = self._met(cpu, now, lane.seen, len(now.writes))
            found = lane.known.branches.get(met) or self._found_out(cpu, now)
            if found is None or found.step is None or len(done.steps) >= MOST_STEPS:
                return _Wrong(done.steps, cpu)
            now.advance(cpu, found, found.step)
            done.steps.append(found.step)
        for cpu, lane in enumerate(now.lanes):
            if lane.known.report is not None:
                done.reports[cpu] = lane.known.report
            elif lane.known.then is not None:
                done.blocked.append(Blocked(cpu, lane.known.then, []))
        if now.clocks.races or (done.blocked and not done.given_up):
            return _Wrong(done.steps, None)
        first = self.machine.first
        done.changed = {key: value for key, value in now.changed.items() if first.cells.get(key) != value}
        done.final = Store(first.sizes, {**first.cells, **done.changed})
        return done

    def _met(self, cpu: int, now: _Schedule, first: int, last: int) -> Hashable:
        """What others have changed meanwhile, as far as it matters to the call of the CPU."""
        if first == last:
            return None
        relevant = self._relevant[cpu]
        met = {key: value for who, key, value in now.writes[first:last] if who != cpu and key in relevant}
        return frozenset(met.items()) if met else None

    def _found_out(self, cpu: int, now: _Schedule) -> _Known | None:
        """Execute a call up to the end of its next step, and remember that; None if anything goes wrong in it."""
        machine, lane = self.machine, now.lanes[cpu]
        if self._here is None or self._here[0] is not now or self._here[1:] != (cpu, len(lane.done)):
            self._leave()
            machine.begin(judged=self.judged)
            for first, last, step in lane.done:
                machine.others_wrote(now.others(cpu, first, last))
                _demand_same([step], [machine.advance(cpu)])
        machine.others_wrote(now.others(cpu, lane.seen, len(now.writes)))
        step = machine.advance(cpu)
        self._here = (now, cpu, len(lane.done) + 1)
        made = machine.lanes[cpu]
        good = made.report is not None and not (made.report.violations or made.report.exception)
        if made.own["violations"] or (step.then is None and not good):
            return None
        if not made.looked <= self._relevant[cpu]:
            # What is known of the call was told apart by too little.
            self._relevant[cpu] |= made.looked
            self._roots[cpu] = lane.known = _Known(Next(Kind.BEGIN))
            for first, last, before in lane.done:
                lane.known = self._branch(lane.known, self._met(cpu, now, first, last), before, None)
        return self._branch(lane.known, self._met(cpu, now, lane.seen, len(now.writes)), step, made.report)

    def _branch(self, known: _Known, met: Hashable, step: Step, report: Report | None) -> _Known:
        self._size += 1
        found = known.branches[met] = _Known(step.then, step, report)
        return found

    def _leave(self) -> None:
        """End the call that stands still on the machine."""
        if self._here is not None:
            self._here = None
            self.machine.conclude(Execution())

    def _execute(self, steps: list[Step], cpu: int | None, choose: Choose) -> Execution:
        """The whole on the real code: first what was put together, then the CPU that was chosen, and then who is."""
        before = [*(step.cpu for step in steps), *([] if cpu is None else [cpu])]

        def as_before(ready: list[int], done: list[Step]) -> int | None:
            if len(done) >= len(before):
                return choose(ready, done)
            if before[len(done)] not in ready:
                raise Fickle(f"CPU {before[len(done)]} cannot go on after the same {len(done)} steps again")
            return before[len(done)]

        execution = self.machine.perform(as_before, judged=self.judged)
        if not self.machine.hides:
            _demand_same(steps, execution.steps)
        return execution


def _demand_same(steps: list[Step], again: list[Step]) -> None:
    """The same CPUs do the same in the same places."""
    for one, other in zip(steps, again, strict=False):
        if (one.cpu, one.next, one.touched) != (other.cpu, other.next, other.touched):
            place = f"{one.next.place[0]}:{one.next.place[1]}" if one.next.place[0] else "the first step"
            raise Fickle(f"CPU {one.cpu} does not do the same again at {place}")


def _compare(put_together: Execution, executed: Execution) -> None:
    """Both come to the same end."""
    one, other = (
        [(cpu, report.outcome, report.result, report.following) for cpu, report in sorted(done.reports.items())]
        for done in (put_together, executed)
    )
    if one != other or put_together.changed != executed.changed:
        raise Fickle("the same schedule does not come to the same end again")
