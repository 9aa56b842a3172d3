"""A machine of a few cells and locks, on which CPUs go through short lists of operations: schedules cost nothing here.

What steps tell about themselves is what those of the real code tell (`hfverify.explore.steps.Step`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from hfverify.explain.concrete import LockRef, Ref, Store
from hfverify.explore.machine import Choose
from hfverify.explore.preempting import GUESTS
from hfverify.explore.steps import Blocked, Execution, Kind, Next, Step

CELLS = ("a", "b")
LOCKS = ("l", "m")
# Where guests keep what no cell shows.
HIDDEN = "hidden"
# What to do, with which cell or lock, and a number: what is added to a value, or what one must have at least; below
# zero, what it must be less than.
Operation = tuple[str, str, int]
BY_CHANCE = ("load", "store", "store", "wait", "rest", "look", "guess", "tell", "take", "take", "take")
# A CPU before an operation, as steps say it; who looks at what no cell shows is a guest, like who guesses or tells it.
KINDS = {
    "begin": Kind.BEGIN,
    "take": Kind.TAKE,
    "load": Kind.LOAD,
    "store": Kind.STORE,
    "wait": Kind.WAIT,
    "rest": Kind.REST,
    "look": Kind.REST,
    "guess": Kind.RETURN,
    "tell": Kind.RETURN,
}
BEGIN: Operation = ("begin", "", 0)
MOSTLY = 0.9


def _holds(value: int, bound: int) -> bool:
    return value >= bound if bound > 0 else value < -bound


def lock(name: str) -> LockRef:
    """One lock of the machine."""
    return LockRef(name, Ref("machine", ()))


def key(cell: str) -> tuple[str, tuple[int, ...]]:
    """A cell as steps name it."""
    return (cell, ())


def programs(random: Random, cpus: int, most: int) -> list[list[Operation]]:
    """Lists of operations; a lock that is taken is given back at some time, or never."""
    return [[BEGIN, *_program(random, random.randint(1, most))] for _ in range(cpus)]


def _program(random: Random, count: int) -> Iterator[Operation]:
    held = ""
    for _ in range(count):
        kind = random.choice(BY_CHANCE)
        if kind != "take":
            yield kind, random.choice(CELLS), random.choice((-1, 1, 1, 2))
        elif held:
            yield "give", held, 0
            held = ""
        else:
            held = random.choice(LOCKS)
            yield "take", held, 0
    if held and random.random() < MOSTLY:
        yield "give", held, 0


@dataclass(slots=True)
class Lane:
    """One CPU: its operations, which one is next, what it has in its hand, and the locks that it holds."""

    operations: list[Operation]
    position: int = 0
    value: int = 0
    holds: list[str] = field(default_factory=list)

    @property
    def operation(self) -> Operation | None:
        """The next one."""
        return self.operations[self.position] if self.position < len(self.operations) else None


class Simulated:
    """Runs schedules of such programs."""

    def __init__(self, programs: list[list[Operation]]) -> None:
        self.programs = programs

    def perform(self, choose: Choose) -> Execution:
        """One schedule, up to where nobody can go on."""
        lanes = [Lane(list(program)) for program in self.programs]
        known = dict.fromkeys((*CELLS, HIDDEN), 0)
        done = Execution()
        for lane in lanes:
            self._locally(lane, None)
        while ready := [cpu for cpu, lane in enumerate(lanes) if self._can_go_on(lane, lanes, known)]:
            cpu = choose(ready, done.steps)
            if cpu is None:
                done.given_up = True
                return done
            done.steps.append(self._step(cpu, lanes, known))
        for cpu, lane in enumerate(lanes):
            if lane.operation is not None:
                at = Blocked(cpu, self._next(lane), [])
                (done.idle if at.next.kind is Kind.REST else done.blocked).append(at)
        done.final = Store({}, {key(cell): value for cell, value in known.items()})
        done.changed = {key(cell): value for cell, value in known.items()}
        done.changed |= {key(f"hand {cpu}"): lane.value for cpu, lane in enumerate(lanes)}
        return done

    def _can_go_on(self, lane: Lane, lanes: list[Lane], known: dict[str, int]) -> bool:
        if lane.operation is None:
            return False
        kind, name, value = lane.operation
        if kind == "take":
            return not any(name in other.holds for other in lanes)
        if kind in ("wait", "rest"):
            return _holds(known[name], value)
        return _holds(known[HIDDEN], value) if kind == "look" else True

    def _step(self, cpu: int, lanes: list[Lane], known: dict[str, int]) -> Step:
        lane = lanes[cpu]
        assert lane.operation is not None
        kind, name, value = lane.operation
        step = Step(cpu, self._next(lane))
        lane.position += 1
        if kind == "take":
            lane.holds.append(name)
            step.taken.add(lock(name))
        elif kind == "load":
            lane.value = known[name]
            step.touched[key(name)] = False
        elif kind == "store":
            known[name] = lane.value + abs(value)
            step.touched[key(name)] = True
            step.wrote.append((key(name), known[name]))
        elif kind in ("wait", "rest"):
            step.touched[key(name)] = False
        elif kind != "begin":
            # Guests between their calls.
            step.touched[GUESTS] = True
            if kind == "tell":
                known[HIDDEN] += abs(value)
            elif kind == "guess":
                lane.value = known[HIDDEN]
        self._locally(lane, step)
        step.inside = bool(lane.holds)
        step.then = self._next(lane) if lane.operation is not None else None
        for other in lanes:
            if other.operation is not None and other.operation[0] == "rest":
                step.touched.setdefault(key(other.operation[1]), False)
        return step

    def _locally(self, lane: Lane, step: Step | None) -> None:
        """To give a lock back is no place where others can come between."""
        while lane.operation is not None and lane.operation[0] == "give":
            if lane.operation[1] in lane.holds and step is not None:
                lane.holds.remove(lane.operation[1])
                step.given.add(lock(lane.operation[1]))
            lane.position += 1

    def _next(self, lane: Lane) -> Next:
        assert lane.operation is not None
        kind, name, value = lane.operation
        return Next(KINDS[kind], f"{kind} {name} {value}", lock(name) if kind == "take" else None)
