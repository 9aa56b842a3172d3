"""A machine on which guests run: each CPU follows a program that makes calls for as long as it has something to do.

Reads   explore.guests.Guests, with the machine that they begin with
Gives   Execution: as of explore.machine, and what is owed when no CPU has anything to do any more
Refuses guests that raise, or that nothing brings to rest (Fault); an implementation that cannot be set up (Unbuildable)

A CPU gives way as in explore.machine, and besides where a call has returned after others could see what it did, and
while it idles. What guests tell each other, they tell between two such places.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from greenlet import GreenletExit

from hfverify.explain.concrete import Env, Keys, LockRef, Ref, Undefined, Value
from hfverify.explain.functions import signature_of
from hfverify.explain.monitor import Impossible, Stuck, Violation
from hfverify.explain.proxies import Unbuildable
from hfverify.explain.scenario import Scenario
from hfverify.explain.signals import arrived, swallowed
from hfverify.explore.guests import Fault, Guests, Processor, Scene, blamed, guarded
from hfverify.explore.machine import ELSEWHERE, MOST_STEPS, Shared
from hfverify.explore.preempting import GUESTS
from hfverify.explore.reading import state_of
from hfverify.explore.steps import Blocked, Execution, Kind, Lost, Next, Step
from hfverify.model.program import Call, Cell, Program
from hfverify.model.types import BytesType, FifoType, MapType
from hfverify.syntax import tree

LOST = "lost wake-up"


@dataclass(slots=True)
class _Guest:
    """What is known of the program of a CPU: the calls that it is inside, and what it idles for.

    `seen` says whether others can see what it has done since it gave way last.
    """

    index: int
    host: Hosted
    inside: list[str] = field(default_factory=list)
    until: Callable[[], bool] = lambda: True
    seen: bool = False
    raised: BaseException | None = None

    def idle(self, until: Callable[[], bool], what: str) -> None:
        """Give the CPU up."""
        self.host.idle(self, until, what)


class Hosted(Shared):
    """The machine of a file of guests. `names` are the programs of its CPUs."""

    def __init__(self, program: Program, guests: Guests, impl: str) -> None:
        self.guests = guests
        self.scene = Scene([])
        self.running: list[_Guest] = []
        self.outer: list[str] = []
        self.rounds = 0
        # The step after which it is asked what CPUs idle for.
        self.asked: Step | None = None
        self._kept: dict[tuple[int, Keys, tuple[Value, ...]], bool] = {}
        self._guarded = {
            id(invariant.value): [cell.name for cell in program.guarded_by(lock)]
            for lock in program.locks.values()
            for invariant in lock.invariants
        }
        store = state_of(program, guests.machine)
        state = next(
            name for name, rule in program.represents.items()
            if not program.states[name].keys and rule.target.endswith(f":{type(guests.machine).__qualname__}")
        )  # fmt: skip
        self.root = Ref(state, ())
        self._deciding: dict[str, list[str]] = {}
        cpus = range(guests.file.cpus)
        super().__init__(program, [Scenario("", store.sizes, cpu, cells=store.cells) for cpu in cpus], impl)
        for name, known in program.states.items():
            self._deciding[name] = [cell.name for cell in known.cells.values() if self._decides(cell.name)]

    @property
    def names(self) -> list[str]:
        """What each CPU runs."""
        return [getattr(item, "__name__", type(item).__name__) for item in self.scene.programs]

    def _entries(self, scenarios: list[Scenario]) -> dict[str, Callable[..., Any]]:
        """Guests make the calls."""
        del scenarios
        return {}

    # ------------------------------------------------------------ one schedule

    def begin(self, *, judged: bool = True) -> None:
        """Every CPU is before its first step, and every guest before its first call."""
        self.running = [_Guest(cpu, self) for cpu in range(self.guests.file.cpus)]
        self.outer, self.rounds = [], 0
        self.watching, self.cpu = False, ELSEWHERE
        super().begin(judged=judged)
        with self._unwatched():
            self.scene = self.guests.scene(self.object(self.root))

    def _execute(self, cpu: int, scenario: Scenario) -> None:
        """Follow the program of a CPU."""
        del scenario
        lane, guest = self.lanes[cpu], self.running[cpu]
        own: Processor = guest
        self.watching = True
        try:
            self.scene.programs[cpu](own)
        except (Unbuildable, Undefined, Impossible, Stuck) as error:
            arrived(error)
            lane.failed = f"{_among(guest)}{error}"
        except GreenletExit:
            pass
        except MemoryError:
            raise
        except (Exception, SystemExit) as error:
            if error is not guest.raised:
                raise Fault(blamed(self.guests.file.path, f"the program of CPU {cpu}", error)) from error
        self.watching = False
        lane.failed = swallowed(self.impl) or lane.failed

    def idle(self, guest: _Guest, until: Callable[[], bool], what: str) -> None:
        """A CPU has nothing to do."""
        if guest.index != self.cpu or not self.watching:
            raise Fault(f"{self.guests.file.path}: only the program that runs on CPU {guest.index} lets it idle")
        for held in self.held:
            self.breach("lock.balanced", f"this CPU idles while it holds {held.lock}")
        guest.until = until
        self._give_way(Kind.REST, what)

    def advance(self, cpu: int) -> Step:
        """What came from outside before is shown with the step that it makes possible."""
        between = not self.running[cpu].inside
        step = super().advance(cpu)
        if between:
            step.touched[GUESTS] = True
        step.changes[:0] = self.outer
        self.outer = []
        return step

    def _can_go_on(self, cpu: int) -> bool:
        if self.lanes[cpu].next.kind is not Kind.REST:
            return super()._can_go_on(cpu)
        guest, self.asked = self.running[cpu], self.step
        try:
            with self._unwatched():
                return bool(guarded(self.guests.file.path, f"what CPU {cpu} idles for", guest.until))
        finally:
            self.asked = None

    def read(self, cell: Cell, ref: Ref) -> Value:
        """What a CPU idles for, it looks at after each step."""
        if self.asked is not None and not cell.is_constant:
            self.asked.touched.setdefault((cell.name, ref.keys), False)
        return super().read(cell, ref)

    def _wake_a_waiting_one(self) -> bool:
        """When all CPUs idle, something comes from outside, if anything does."""
        if any(not lane.fiber.dead and lane.next.kind is not Kind.REST for lane in self.lanes):
            return False
        self.rounds += 1
        if self.rounds > MOST_STEPS:
            raise Fault(f"{self.guests.file.path}: `outside` does something for ever, and nobody goes on")
        with self._unwatched():
            happened = bool(guarded(self.guests.file.path, "`outside`", self.scene.outside))
            self.outer += [f"from outside: {change}" for change in self.step.changes]
        return happened

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        """What guests look at, or bring from outside, is no step of a CPU."""
        watching, cpu, step = self.watching, self.cpu, self.step
        self.watching, self.cpu, self.step = False, ELSEWHERE, Step(ELSEWHERE, Next(Kind.BEGIN))
        try:
            yield
        finally:
            self.watching, self.cpu, self.step = watching, cpu, step

    def conclude(self, done: Execution) -> None:
        """Say who idles, and what is owed if all do."""
        self.ending = True
        alive = [(cpu, lane) for cpu, lane in enumerate(self.lanes) if not lane.fiber.dead]
        done.idle = [Blocked(cpu, lane.next, []) for cpu, lane in alive if lane.next.kind is Kind.REST]
        quiet = len(done.idle) == len(alive) and not done.given_up and not done.too_long
        for idle in done.idle:
            self._resume(idle.cpu, GreenletExit())
        ended = [lane for lane in self.lanes if lane.fiber.dead]
        super().conclude(done)
        done.blocked = [] if done.too_long else done.blocked
        done.failed = {cpu: why for cpu, why in done.failed.items() if why}
        done.violations += [(lane.scenario.here, each) for lane in ended for each in lane.own["violations"]]
        if quiet and not done.failed:
            with self._unwatched():
                done.violations += [(ELSEWHERE, each) for each in self._broken()]
                done.lost = self._lost()

    # ------------------------------------------------------------ when all is quiet

    def _broken(self) -> Iterator[Violation]:
        """Invariants that do not hold though all locks are free."""
        for lock in self.program.locks.values():
            for keys in self.evaluator.positions(lock.state, self.env()):
                for invariant in lock.invariants:
                    if not self.true(invariant.value, self.env(Ref(lock.state, keys))):
                        text = f"{invariant.name} of {LockRef(lock.name, Ref(lock.state, keys))} does not hold at rest"
                        yield Violation(f"invariant.{invariant.name}", text)

    def _lost(self) -> list[Lost]:
        """What objects are owed, and what the guests miss."""
        found: list[Lost] = []
        for item in self.program.owed.values():
            for keys in self.evaluator.positions(item.object.type.name, self.env()):
                ref = Ref(item.object.type.name, keys)
                if self.true(item.value, self.env().bind({item.object.name: ref})):
                    said = f": {' '.join(item.doc.split())}" if item.doc else ""
                    text = f"no CPU has anything to do, and {ref} is owed `{item.name}`{said}"
                    found.append(Lost(LOST, f"{item.name} {ref}", text))
        missed = guarded(self.guests.file.path, "`complaint`", self.scene.complaint)
        if missed is not None:
            found.append(Lost("missing", f"missing {missed}", f"no CPU has anything to do, and {missed}"))
        return found

    # ------------------------------------------------------------ calls

    def watch_contracts(self) -> None:
        """Notice every call besides."""
        traps = self.program.traps.values()
        for target in [trap.impl.target for trap in traps]:
            self._notice(target, None)
        for call in self.program.calls.values():
            if not call.is_function:
                self._notice(call.impl.target, call)
        super().watch_contracts()

    def _notice(self, target: str, call: Call | None) -> None:
        try:
            name, original = self._named(target)
        except (ImportError, AttributeError) as error:
            raise Unbuildable(f"there is no function {target}") from error
        self._contracts[target] = (name, original, self._noticed(call, original))

    def _rename(self, changes: list[tuple[str, Any, Any]]) -> None:
        super()._rename(changes)
        known = vars(self.guests.module)
        for name, old, new in changes:
            if known.get(name) is old:
                known[name] = new

    def _noticed(self, call: Call | None, original: Callable[..., Any]) -> Callable[..., Any]:
        """The function of a call, or of what leads to one: others may go on when it has returned to the guest."""
        signature = signature_of(original)

        @functools.wraps(original)
        def noticed(*arguments: Any, **named: Any) -> Any:
            if not self.watching or self.ending or self.cpu == ELSEWHERE:
                return original(*arguments, **named)
            guest = self.running[self.cpu]
            guest.inside.append(call.name if call is not None else "")
            if call is not None:
                given = signature.bind(*arguments, **named).arguments
                self.step.changes.append(_written(call, given))
            try:
                value = original(*arguments, **named)
            except MemoryError:
                raise
            except Exception as error:
                if error is not guest.raised and not self.ending:
                    guest.raised = error
                    self.breach("raises", f"{type(error).__name__}: {error}")
                if len(guest.inside) == 1 and not self.ending:
                    # A guest may go on that keeps what was raised.
                    self.step.touched[GUESTS] = True
                raise
            finally:
                if not self.ending:
                    guest.inside.pop()
            if call is not None and not self.ending:
                self.step.changes.append(f"{call.name} ➜ {_answer(value)}")
            if not guest.inside and not self.ending:
                self._return(guest, call.name if call is not None else original.__name__)
            return value

        return noticed

    def _return(self, guest: _Guest, name: str) -> None:
        """A guest goes on after a call; what it does next begins here."""
        for held in list(self.held):
            self.breach("lock.balanced", f"{held.lock} is still held at the end of {name}")
        self.sections, self.reads, self.timeline, self.atomic, self.late = [], [], [], [], set()
        self.base = self.store.copy()
        if guest.seen:
            self._give_way(Kind.RETURN, name)
        else:
            self.step.touched[GUESTS] = True

    def breach(self, kind: str, text: str) -> None:
        """A breach belongs to the call in which it happens."""
        inside = [name for name in self.running[self.cpu].inside if name] if self.cpu != ELSEWHERE else []
        super().breach(f"{inside[-1]}.{kind}" if inside else kind, text)

    # ------------------------------------------------------------ what others can see

    def _give_way(self, kind: Kind, what: str, lock: LockRef | None = None) -> None:
        if not self.watching or self.ending:
            return
        self.running[self.cpu].seen = False
        super()._give_way(kind, what, lock)

    def release(self, lock: LockRef) -> None:
        if self.watching:
            self.running[self.cpu].seen = True
        super().release(lock)

    def write(self, cell: Cell, ref: Ref, value: Value) -> None:
        super().write(cell, ref, value)
        if cell.is_atomic and self.watching:
            self.running[self.cpu].seen = True

    def demand(self, cell: Cell, ref: Ref, verb: str) -> None:
        """Whether a CPU has the right to a cell is seen in those that say to whom the object belongs."""
        decides = isinstance(cell.discipline, tree.OwnedBy) or self._decides(cell.name)
        if decides and self.watching and not self.ending:
            for name in self._deciding[ref.state]:
                self.step.touched.setdefault((name, ref.keys), False)
        super().demand(cell, ref, verb)

    def put(self, cell: Cell, ref: Ref, value: Value) -> None:
        """What stays as it is, nobody sees."""
        if self.store.cells.get((cell.name, ref.keys)) != value:
            super().put(cell, ref, value)

    def _note(self, cell: Cell, keys: Keys, value: Value) -> None:
        """Guests can look at lists and at memory without being seen."""
        super()._note(cell, keys, value)
        if isinstance(cell.type, FifoType | BytesType | MapType):
            self.step.touched[GUESTS] = True

    # ------------------------------------------------------------ what is asked again and again

    def true(self, expr: tree.Expr, env: Env) -> bool:
        """An invariant speaks of its own object, and has the same value for the same cells."""
        names = self._guarded.get(id(expr))
        if names is None or env.own is None:
            return super().true(expr, env)
        keys = env.own.keys
        key = (id(expr), keys, tuple([env.store.cells.get((name, keys)) for name in names]))
        if key not in self._kept:
            self._kept[key] = super().true(expr, env)
        return self._kept[key]

    def threads(self) -> range:
        """The CPUs of the machine."""
        return range(len(self.lanes))


def _among(guest: _Guest) -> str:
    return f"in {guest.inside[-1]}: " if guest.inside and guest.inside[-1] else ""


def _written(call: Call, given: dict[str, Any]) -> str:
    """A call with its arguments, and for whom it is made."""
    words = []
    for value in given.values():
        place = _place(value)
        if place is not None:
            words += [str(place)] if place.keys else []
        elif isinstance(value, bool):
            words.append(str(value).lower())
        elif isinstance(value, int):
            words.append(str(int(value)) if value < 1 << 16 else hex(value))
    return f"makes {call.name}({', '.join(words)})"


def _place(value: Any) -> Ref | None:
    try:
        found: Ref = object.__getattribute__(value, "_hf")[1]
    except AttributeError:
        return None
    return found


def _answer(value: Any) -> str:
    """A result, and who goes on."""
    if isinstance(value, tuple):
        return ", ".join(_answer(item) for item in value if item is not None)
    place = _place(value)
    if place is not None:
        return str(place)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value)) if -(1 << 15) < value < 1 << 16 else hex(value)
    return str(value)
