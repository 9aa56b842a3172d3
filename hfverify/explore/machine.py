"""One machine, several CPUs: each makes its call on the real code, and gives way wherever another one may matter.

Reads   explain.scenario.Scenario for each CPU, all with the same state
Gives   Execution: the steps of one schedule, what each call did, where the CPUs got stuck, races
Refuses an implementation that cannot be set up (Unbuildable)

A CPU gives way before it takes a lock, before it touches an atomic cell, and while it waits. What it does
until then is seen by nobody else: of guarded and owned cells that is checked on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from greenlet import GreenletExit, greenlet

from hfverify.explain.concrete import Keys, LockRef, Ref, Store, Value
from hfverify.explain.monitor import Stuck, Violation
from hfverify.explain.proxies import Machinery, Unbuildable
from hfverify.explain.scenario import Scenario, cell_name, show
from hfverify.explain.signals import arrived, listen, swallowed
from hfverify.explain.trial import Report, conduct, entry, judged
from hfverify.explore.clocks import Clocks, Place, Race
from hfverify.explore.judging import Judgements, what_counts
from hfverify.model.program import Call, Cell, Program
from hfverify.model.types import BytesType, FifoType, MapType

MOST_STEPS = 2_000
# What belongs to the CPU that executes; everything else of a machine is shared.
OWN = (
    "here", "base", "held", "sections", "reads", "timeline", "late", "atomic", "given", "violations", "watching",
)  # fmt: skip


class Kind(Enum):
    """What a CPU does next when it has given way."""

    BEGIN = auto()
    TAKE = auto()
    LOAD = auto()
    STORE = auto()
    WAIT = auto()


@dataclass(frozen=True, slots=True)
class Next:
    """What a CPU does when it goes on, and where its code says so."""

    kind: Kind
    what: str = ""
    lock: LockRef | None = None
    place: Place = ("", 0)


@dataclass(slots=True)
class Step:
    """What a CPU did in one go. `touched` has each cell with whether it was written, `taken` and `given` locks.

    `inside` says whether it still holds a lock afterwards.
    """

    cpu: int
    next: Next
    touched: dict[Hashable, bool] = field(default_factory=dict)
    taken: set[LockRef] = field(default_factory=set)
    given: set[LockRef] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)
    inside: bool = False

    def conflicts(self, other: Step) -> bool:
        """Whether the order of the two can matter."""
        if self.taken & other.taken:
            return True
        small, large = sorted((self.touched, other.touched), key=len)
        return any(cell in large and (written or large[cell]) for cell, written in small.items())


@dataclass(slots=True)
class Blocked:
    """A CPU that did not come to the end of its call: what it waits for, and the locks that it holds."""

    cpu: int
    next: Next
    holds: list[LockRef]


@dataclass(slots=True)
class Execution:
    """What one schedule showed.

    `blocked` are the CPUs of which none could go on; `failed` says why a call could not be followed, which is so
    after another one has broken an invariant.
    """

    steps: list[Step] = field(default_factory=list)
    reports: dict[int, Report] = field(default_factory=dict)
    blocked: list[Blocked] = field(default_factory=list)
    violations: list[tuple[int, Violation]] = field(default_factory=list)
    races: list[Race] = field(default_factory=list)
    final: Store | None = None
    failed: dict[int, str] = field(default_factory=dict)
    given_up: bool = False
    too_long: bool = False

    @property
    def schedule(self) -> list[int]:
        """The CPU of each step."""
        return [step.cpu for step in self.steps]


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
        self.functions = [entry(self, program.calls[scenario.call]) for scenario in scenarios]
        self.owners: dict[LockRef, int] = {}
        self.clocks = Clocks(len(scenarios))
        self.step = Step(0, Next(Kind.BEGIN))
        self.main = greenlet.getcurrent()
        self.ending = False

    def begin_at(self, scenarios: list[Scenario]) -> None:
        """Begin with these scenarios from now on; the calls and sizes are the same."""
        self.scenarios, self.first = scenarios, scenarios[0].store()
        self.judgements.clear()

    # ------------------------------------------------------------ one schedule

    def perform(self, choose: Choose, *, judged: bool = True) -> Execution:
        """Run all calls to their ends, or until none can go on; what they did is held against what they promise."""
        self.judged = judged
        self._reset()
        done = Execution()
        try:
            self._alternate(choose, done)
        finally:
            self._conclude(done)
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
            self.step = Step(cpu, self.lanes[cpu].next)
            self._resume(cpu)
            self.step.inside = bool(self.lanes[cpu].own["held"])
            done.steps.append(self.step)
            done.too_long = len(done.steps) >= MOST_STEPS

    def _reset(self) -> None:
        for known in (self._objects, self._heads, self._nodes, self._cell_of, self.owners):
            known.clear()
        self.store = self.first.copy()
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

        def body() -> None:
            lane = self.lanes[cpu]
            try:
                lane.report = conduct(self.program, scenario, self, self.functions[cpu], self._judge)
            except Unbuildable as error:
                arrived(error)
                lane.failed = str(error)
            except GreenletExit:
                lane.failed = "ended"
            lost = swallowed(self.impl)
            if lost:
                lane.report, lane.failed = None, lost

        return _Lane(scenario, greenlet(body, parent=self.main), own)

    def _can_go_on(self, cpu: int) -> bool:
        lane = self.lanes[cpu]
        if lane.next.kind is Kind.WAIT:
            return any(who != cpu for who, _, _ in self.log[lane.waiting_since :])
        return lane.next.lock is None or self.owners.get(lane.next.lock, cpu) == cpu

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

    def _absorb(self, lane: _Lane) -> None:
        """What others have changed is no change of this CPU's."""
        for who, key, value in self.log[lane.seen :]:
            if who != self.cpu:
                self.base.cells[key] = value
                for held in self.held:
                    held.before.cells[key] = value
                if self.inside:
                    self.sections[-1].pre.cells[key] = value

    def _conclude(self, done: Execution) -> None:
        self.ending = True
        for cpu, lane in enumerate(self.lanes):
            if lane.report is not None:
                done.reports[cpu] = lane.report
                done.violations += [(cpu, violation) for violation in lane.report.violations]
            elif lane.fiber.dead:
                done.failed[cpu] = lane.failed
            else:
                held = [held.lock for held in lane.own["held"]]
                done.blocked.append(Blocked(cpu, lane.next, held))
                done.violations += [(cpu, violation) for violation in lane.own["violations"]]
                self._resume(cpu, GreenletExit())
        done.races = list(self.clocks.races)
        done.final = self.store

    def _judge(self, program: Program, call: Call, machine: Machinery, report: Report, value: Any) -> None:
        if self.judged:
            key = what_counts(self, self.first, self.cpu, value)
            self.judgements.judge(key, report, lambda: judged(program, call, machine, report, value))

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
        self.clocks.acquire(self.cpu, lock)

    def release(self, lock: LockRef) -> None:
        if self.ending:
            return
        super().release(lock)
        if self.owners.get(lock) == self.cpu:
            del self.owners[lock]
        self.step.given.add(lock)
        self.clocks.release(self.cpu, lock)

    def demand(self, cell: Cell, ref: Ref, verb: str) -> None:
        if self.watching and not self.ending and not cell.is_constant:
            key = (cell.name, ref.keys)
            writes = verb == "written"
            self.step.touched[key] = self.step.touched.get(key, False) or writes
            if not cell.is_fickle:
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
