"""One machine, several CPUs: each makes its call on the real code, and gives way wherever another one may matter.

Reads   explain.scenario.Scenario for each CPU, all with the same state
Gives   Execution: the steps of one schedule, what each call did, where the CPUs got stuck, races
Refuses an implementation that cannot be set up (Unbuildable)

A CPU gives way before it takes a lock, before it touches an atomic cell, and while it waits. What it does
until then is seen by nobody else: of guarded and owned cells that is checked on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from greenlet import GreenletExit, greenlet

from hfverify.explain.concrete import Keys, LockRef, Ref, Store, Value
from hfverify.explain.monitor import Stuck
from hfverify.explain.proxies import Machinery, Unbuildable
from hfverify.explain.scenario import Scenario, cell_name, show
from hfverify.explain.signals import arrived, listen, swallowed
from hfverify.explain.trial import Report, conduct, entry, judged
from hfverify.explore.clocks import Clocks
from hfverify.explore.judging import Judgements, what_counts
from hfverify.explore.noting import Noted
from hfverify.explore.sequels import can_follow
from hfverify.explore.steps import Blocked, Event, Execution, Kind, Next, Step, Write
from hfverify.model.program import Call, Cell, Program
from hfverify.model.types import BytesType, FifoType, MapType
from hfverify.syntax import tree

MOST_STEPS = 2_000
# Where a CPU is before and after its call.
BETWEEN = ("", 0)
# Who goes on after a call that nobody makes.
NOBODY = Ref("", ())
# The number of a CPU that is not part of a run.
ELSEWHERE = -1
# What belongs to the CPU that executes; everything else of a machine is shared.
OWN = (
    "here", "base", "held", "sections", "reads", "timeline", "late", "atomic", "given", "violations", "watching",
)  # fmt: skip


@dataclass(slots=True)
class _Lane:
    """One CPU: its call, and what is its own while another one executes."""

    scenario: Scenario
    fiber: greenlet
    own: dict[str, Any]
    next: Next = field(default_factory=lambda: Next(Kind.BEGIN))
    seen: int = 0
    waiting_since: int = 0
    report: Report | None = None
    failed: str = ""
    looked: set[tuple[str, Keys]] = field(default_factory=set)
    goes_on: Ref = NOBODY


# Which of the CPUs that can go on does so; None leaves the rest of the schedule unexplored.
Choose = Callable[[list[int], list[Step]], int | None]


class Shared(Machinery):
    """A machine on which several CPUs execute, one at a time."""

    def __init__(self, program: Program, scenarios: list[Scenario], impl: str) -> None:
        self.lanes: list[_Lane] = []
        self.cpu = 0
        self.judged = True
        self.judgements = Judgements()
        self.log: list[tuple[int, tuple[str, Keys], Value]] = []
        super().__init__(program, scenarios[0].store(), scenarios[0].here, impl)
        self.scenarios = scenarios
        self.first = self.store.copy()
        self.functions = self._entries(scenarios)
        self.hands_over = any(scenario.then for scenario in scenarios)
        self.owners: dict[LockRef, int] = {}
        self.clocks = Clocks(len(scenarios))
        self.step = Step(0, Next(Kind.BEGIN))
        # Which cells were looked at, by the code or to judge it: only if somebody wants to know.
        self.noting = False
        self.looked: set[tuple[str, Keys]] = set()
        self.main = greenlet.getcurrent()
        self.ending = False

    def _entries(self, scenarios: list[Scenario]) -> dict[str, Callable[..., Any]]:
        """The functions that are executed, by the calls that they implement."""
        calls = {one.call for scenario in scenarios for one in (scenario, *scenario.then)}
        return {name: entry(self, self.program.calls[name]) for name in sorted(calls)}

    def begin_at(self, scenarios: list[Scenario]) -> None:
        """Begin with these scenarios from now on; the calls are the same."""
        self.scenarios, self.first = scenarios, scenarios[0].store()
        self.judgements.clear()

    # ------------------------------------------------------------ one schedule

    def perform(self, choose: Choose, *, judged: bool = True) -> Execution:
        """Run all calls to their ends, or until none can go on; what they did is held against what they promise."""
        self.begin(judged=judged)
        done = Execution()
        try:
            self._alternate(choose, done)
        finally:
            self.conclude(done)
        return done

    def _alternate(self, choose: Choose, done: Execution) -> None:
        while not done.too_long:
            ready = [cpu for cpu, lane in enumerate(self.lanes) if not lane.fiber.dead and self._can_go_on(cpu)]
            if not ready and not self._wake_a_waiting_one():
                break
            if not ready:
                continue
            cpu = choose(ready, done.steps)
            if cpu is None:
                done.given_up = True
                break
            done.steps.append(self.advance(cpu))
            done.too_long = len(done.steps) >= MOST_STEPS

    def advance(self, cpu: int) -> Step:
        """Let a CPU do what it does next, up to where it gives way again."""
        lane, begun = self.lanes[cpu], len(self.log)
        self.step = step = Step(cpu, lane.next)
        self._resume(cpu)
        step.inside = bool(lane.own["held"])
        step.then = None if lane.fiber.dead else lane.next
        step.wrote = [(key, value) for _, key, value in self.log[begun:]]
        return step

    def others_wrote(self, writes: Iterable[Write]) -> None:
        """What CPUs that are not here have done, for those that are."""
        self.cpu, self.step = ELSEWHERE, Step(ELSEWHERE, Next(Kind.BEGIN))
        for (name, keys), value in writes:
            state, path = name.split(".", 1)
            cell = self.program.cell(state, path)
            assert cell is not None
            self.put(cell, Ref(state, keys), value)

    def begin(self, *, judged: bool = True) -> None:
        """Every CPU is before its first step."""
        self.judged = judged
        for known in (self._objects, self._heads, self._nodes, self._cell_of, self.owners):
            known.clear()
        cells = Noted(self.first.cells, self.looked) if self.noting else dict(self.first.cells)
        self.store = Store(self.first.sizes, cells)
        self.looked.clear()
        self.log.clear()
        self.clocks = Clocks(len(self.scenarios))
        self.ending = False
        listen()
        self.lanes = [self._lane(cpu, scenario) for cpu, scenario in enumerate(self.scenarios)]

    def _lane(self, cpu: int, scenario: Scenario) -> _Lane:
        own = {
            "here": scenario.here, "base": self.store.copy(), "held": [], "sections": [], "reads": [], "timeline": [],
            "late": set(), "atomic": [], "given": [], "violations": [], "watching": False,
        }  # fmt: skip
        return _Lane(scenario, greenlet(lambda: self._execute(cpu, scenario), parent=self.main), own)

    def _execute(self, cpu: int, scenario: Scenario) -> None:
        """What a CPU does, from its first step to its last."""
        lane, call = self.lanes[cpu], self.program.calls[scenario.call]
        if call.actor:
            lane.goes_on = Ref(self.program.actors[call.actor].state, scenario.actor)
            self._use_what_is_own(lane.goes_on)
        try:
            lane.report = conduct(self.program, scenario, self, self.functions[scenario.call], self._judge)
            for following in scenario.then:
                self._continue(lane, following)
        except Unbuildable as error:
            arrived(error)
            lane.failed = str(error)
        except GreenletExit:
            lane.failed = "ended"
        lost = swallowed(self.impl)
        if lost:
            lane.report, lane.failed = None, lost

    def _continue(self, lane: _Lane, following: Scenario) -> None:
        """Another call, by whoever goes on; it is not judged, because it may begin where others broke theirs."""
        report = lane.report
        if report is None or report.exception is not None or self.held:
            return
        stopped, actor = any(o.ends for o in self.program.calls[report.scenario.call].outcomes), lane.goes_on
        lane.next = Next(Kind.BEGIN, following.call)
        self.main.switch()
        while not self.ending:
            ready = can_follow(self.program, following, actor, self.store, stopped=stopped)
            if ready:
                break
            if ready is None:
                return
            lane.waiting_since = len(self.log)
            lane.next = Next(Kind.WAIT, f"what {following.call} relies on")
            try:
                self.main.switch()
            except Stuck as stuck:
                arrived(stuck)
                return
        self._take_over()
        self._use_what_is_own(actor)
        self.base, self.sections, self.reads, self.atomic = self.store.copy(), [], [], []
        self.late, self.violations = set(), []
        made = replace(following, actor=actor.keys)
        conduct(self.program, made, self, self.functions[following.call], lambda *_: None)

    def _take_over(self) -> None:
        """Whoever begins when an object has become its own comes after what made it so."""
        for who, key, _ in self.log:
            if who != self.cpu and self._decides(key[0]):
                self.clocks.acquire(self.cpu, ("handed over", key))
                self.step.touched.setdefault(key, False)

    def _decides(self, name: str) -> bool:
        """Whether the cell says to which CPU something belongs."""
        return name.rpartition(".")[2] in self.evaluator.relied

    def _use_what_is_own(self, ref: Ref) -> None:
        """Between two calls the owner of an object does with it what it may do at any time."""
        for cell in self.program.states[ref.state].cells.values():
            if isinstance(cell.discipline, tree.OwnedBy) and self.owns(cell, ref, self.store):
                key = (cell.name, ref.keys)
                self.step.touched[key] = True
                self.step.events.append((Event.WRITTEN, key))
                self.clocks.access(self.cpu, key, BETWEEN, writes=True)

    def _can_go_on(self, cpu: int) -> bool:
        lane = self.lanes[cpu]
        if lane.next.kind is Kind.WAIT:
            return any(who != cpu for who, _, _ in self.log[lane.waiting_since :])
        # Who takes a lock that it holds itself waits for ever.
        return lane.next.lock is None or lane.next.lock not in self.owners

    def _wake_a_waiting_one(self) -> bool:
        """When nobody else will ever change anything: the call that waits is told, and judged by what it awaits."""
        for cpu, lane in enumerate(self.lanes):
            if not lane.fiber.dead and lane.next.kind is Kind.WAIT:
                self.step = Step(cpu, lane.next)
                self._resume(cpu, Stuck("it waits, and no other CPU does anything"))
                return True
        return False

    def _resume(self, cpu: int, error: BaseException | None = None) -> None:
        """Let a CPU go on until it gives way or its call ends."""
        lane, self.cpu = self.lanes[cpu], cpu
        for name in OWN:
            setattr(self, name, lane.own[name])
        self._absorb(lane)
        if error is not None:
            lane.fiber.throw(error)
        else:
            lane.fiber.switch()
        if not self.ending:
            self.settle()
        for name in OWN:
            lane.own[name] = getattr(self, name)
        lane.seen = len(self.log)
        if self.noting:
            lane.looked |= self.looked
            lane.looked.update(cell for cell in self.step.touched if isinstance(cell, tuple))
            self.looked.clear()

    def _absorb(self, lane: _Lane) -> None:
        """What others have changed is no change of this CPU's."""
        for who, key, value in self.log[lane.seen :]:
            if who != self.cpu:
                self.base.cells[key] = value
                for held in self.held:
                    held.before.cells[key] = value
                if self.inside:
                    self.sections[-1].pre.cells[key] = value

    def conclude(self, done: Execution) -> None:
        """Say what every CPU has come to, and end those that are still on their way."""
        self.ending = True
        for cpu, lane in enumerate(self.lanes):
            if lane.report is not None:
                done.reports[cpu] = lane.report
                done.violations += [(cpu, violation) for violation in lane.report.violations]
            elif lane.fiber.dead:
                done.failed[cpu] = lane.failed
            if not lane.fiber.dead:
                held = [held.lock for held in lane.own["held"]]
                done.blocked.append(Blocked(cpu, lane.next, held))
                if lane.report is None:
                    done.violations += [(cpu, violation) for violation in lane.own["violations"]]
                self._resume(cpu, GreenletExit())
        done.races = list(self.clocks.races)
        done.final = self.store
        first, last = self.first.cells, {key: value for _, key, value in self.log}
        done.changed = {key: value for key, value in last.items() if first.get(key) != value}

    def _judge(self, program: Program, call: Call, machine: Machinery, report: Report, value: Any) -> None:
        following = value[-1] if isinstance(value, tuple) and value else value
        if call.has_next and hasattr(following, "_hf"):
            self.lanes[self.cpu].goes_on = object.__getattribute__(following, "_hf")[1]
            self._use_what_is_own(self.lanes[self.cpu].goes_on)
        if self.judged:
            key = what_counts(self, self.first, self.cpu, value)
            self.judgements.judge(key, report, lambda: judged(program, call, machine, report, value), self.looked)

    # ------------------------------------------------------------ where a CPU gives way

    def _give_way(self, kind: Kind, what: str, lock: LockRef | None = None) -> None:
        if self.ending or not self.watching:
            return
        lane = self.lanes[self.cpu]
        lane.next = Next(kind, what, lock, self.where())
        self.main.switch()

    def acquire(self, lock: LockRef) -> None:
        if self.ending:
            return
        self._give_way(Kind.TAKE, str(lock), lock)
        super().acquire(lock)
        self.owners[lock] = self.cpu
        self.step.taken.add(lock)
        self.step.events.append((Event.TAKEN, lock))
        self.clocks.acquire(self.cpu, lock)

    def release(self, lock: LockRef) -> None:
        if self.ending:
            return
        super().release(lock)
        if self.owners.get(lock) == self.cpu:
            del self.owners[lock]
        self.step.given.add(lock)
        self.step.events.append((Event.GIVEN, lock))
        self.clocks.release(self.cpu, lock)

    def demand(self, cell: Cell, ref: Ref, verb: str) -> None:
        if self.watching and not self.ending and not cell.is_constant:
            key = (cell.name, ref.keys)
            writes = verb == "written"
            self.step.touched[key] = self.step.touched.get(key, False) or writes
            if not cell.is_fickle:
                self.step.events.append((Event.WRITTEN if writes else Event.LOADED, key))
                self.clocks.access(self.cpu, key, self.where(), writes=writes)
        super().demand(cell, ref, verb)

    def _fickle(self, cell: Cell, ref: Ref) -> Value:
        if cell.is_atomic and self.watching:
            self._give_way(Kind.LOAD, cell_name(cell, ref.keys))
            self.step.touched.setdefault((cell.name, ref.keys), False)
        elif self.watching:
            # A device shows the same all the time.
            reads = self.scenarios[self.cpu].reads
            self.script = [read for read in reads if read[:2] == (cell.name, ref.keys)][:1]
        return super()._fickle(cell, ref)

    def write(self, cell: Cell, ref: Ref, value: Value) -> None:
        if cell.is_atomic and self.watching:
            self._give_way(Kind.STORE, cell_name(cell, ref.keys))
        super().write(cell, ref, value)

    def _paused(self, *_: Any) -> None:
        for held in self.held:
            self.breach("lock.balanced", f"this CPU waits while it holds {held.lock}")
        if self.ending:
            raise GreenletExit
        self.lanes[self.cpu].waiting_since = len(self.log)
        self._give_way(Kind.WAIT, "another CPU")

    # ------------------------------------------------------------ who changed what

    def put(self, cell: Cell, ref: Ref, value: Value) -> None:
        super().put(cell, ref, value)
        self._note(cell, ref.keys, value)
        if self.hands_over and self._decides(cell.name):
            self.clocks.release(self.cpu, ("handed over", (cell.name, ref.keys)))

    def settle(self) -> None:
        before = {key: self.store.cells.get(key) for key in self._heads}
        super().settle()
        for key in self._heads:
            value = self.store.cells.get(key)
            if value != before[key]:
                state, path = key[0].split(".", 1)
                cell = self.program.cell(state, path)
                assert cell is not None and isinstance(cell.type, FifoType)
                self._note(cell, key[1], value)

    def _note(self, cell: Cell, keys: Keys, value: Value) -> None:
        if self.lanes and not self.ending:
            self.log.append((self.cpu, (cell.name, keys), value))
            self.step.touched[cell.name, keys] = True
            if not isinstance(cell.type, MapType | BytesType):
                self.step.changes.append(f"{cell_name(cell, keys)} ➜ {show(cell, value)}")
