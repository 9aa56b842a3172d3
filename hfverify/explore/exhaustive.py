"""Every schedule that can make a difference: depth first, with dynamic partial-order reduction and sleep sets.

Reads   a function that runs one schedule and says what each step touched
Gives   executions; with reduction one of each class that differs in nothing but the order of independent steps
Refuses nothing; with a limit of preemptions the search says nothing about other schedules
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hfverify.explore.machine import Choose
from hfverify.explore.steps import Execution, Kind, Step

Perform = Callable[[Choose], Execution]


@dataclass(slots=True)
class _Node:
    """A state on the way: who can go on, who was chosen, who must still be, and whose step is known to be of no use."""

    ready: list[int]
    chosen: int
    preemptions: int = 0
    wanted: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    asleep: dict[int, Step] = field(default_factory=dict)
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Which schedules are left out.

    Those that differ only in the order of independent steps (`reduce`), those with more than so many preemptions, those
    that interrupt a CPU inside of a critical section (`whole_sections`).
    """

    reduce: bool = True
    preemptions: int | None = None
    whole_sections: bool = False


def every_schedule(perform: Perform, limits: Limits = Limits()) -> Iterator[Execution]:
    """Executions in a fixed order; the first one never interrupts a CPU that can go on."""
    stack: list[_Node] = []
    reduce = limits.reduce
    while True:
        execution = perform(lambda ready, steps: _next(stack, ready, steps, limits))
        if stack and len(execution.steps) >= len(stack):
            stack[-1].step = execution.steps[len(stack) - 1]
        if not execution.given_up:
            yield execution
        if reduce:
            _want_others(stack, execution)
        if not _turn_back(stack):
            return


def _next(stack: list[_Node], ready: list[int], steps: list[Step], limits: Limits) -> int | None:
    """The CPU that goes on: as before while that is repeated, and then the same one as long as it can."""
    depth = len(steps)
    if depth and depth <= len(stack):
        stack[depth - 1].step = steps[-1]
    if depth < len(stack):
        return stack[depth].chosen
    asleep: dict[int, Step] = {}
    spent, last = 0, None
    if stack:
        parent, last = stack[-1], steps[-1].cpu
        if limits.reduce:
            asleep = {cpu: step for cpu, step in parent.asleep.items() if not step.conflicts(steps[-1])}
        switched = len(steps) > 1 and steps[-2].cpu != last and steps[-2].cpu in parent.ready
        spent = parent.preemptions + switched
    awake = [cpu for cpu in ready if cpu not in asleep]
    tired = limits.preemptions is not None and spent >= limits.preemptions
    if last in awake and (tired or (limits.whole_sections and steps[-1].inside)):
        awake = [last]
    if not awake:
        return None
    chosen = last if last in awake else awake[0]
    assert chosen is not None
    stack.append(_Node(ready, chosen, spent, {chosen} if limits.reduce else set(awake), set(), asleep))
    return chosen


def _turn_back(stack: list[_Node]) -> bool:
    """Go back to the last state where another CPU must be tried; False if there is none."""
    while stack:
        node = stack[-1]
        node.done.add(node.chosen)
        if node.step is not None:
            node.asleep[node.chosen] = node.step
        left = sorted(node.wanted - node.done - node.asleep.keys())
        if left:
            node.chosen, node.step = left[0], None
            return True
        stack.pop()
    return False


def _want_others(stack: list[_Node], execution: Execution) -> None:
    """For each step, the last one before it that conflicts and that need not come first: try it the other way."""
    steps = [*execution.steps, *(_blocked(execution))]
    count = 1 + max((step.cpu for step in steps), default=0)
    # For each CPU, up to which step of each other CPU everything has happened before its next one.
    known = [[-1] * count for _ in range(count)]
    at: list[list[int]] = []
    released: dict[object, list[int]] = {}
    for position, step in enumerate(steps):
        mine = known[step.cpu]
        for earlier in range(min(position, len(at)) - 1, -1, -1):
            other = steps[earlier]
            if other.cpu != step.cpu and other.conflicts(step) and earlier > mine[other.cpu]:
                if earlier < len(stack) and step.cpu not in stack[earlier].ready:
                    # Who waited for the lock then could not have come first there, but perhaps further back.
                    if step.next.kind is not Kind.TAKE or any(s.cpu == step.cpu for s in steps[earlier:position]):
                        stack[earlier].wanted |= set(stack[earlier].ready)
                    continue
                if earlier < len(stack):
                    stack[earlier].wanted.add(step.cpu)
                break
        for earlier, other in enumerate(steps[: len(at)]):
            if other.cpu != step.cpu and other.conflicts(step):
                mine = [max(pair) for pair in zip(mine, at[earlier], strict=True)]
        for lock in step.taken:
            if lock in released:
                mine = [max(pair) for pair in zip(mine, released[lock], strict=True)]
        mine = list(mine)
        mine[step.cpu] = position
        known[step.cpu] = mine
        if position < len(execution.steps):
            at.append(mine)
        for lock in step.given:
            released[lock] = mine


def _blocked(execution: Execution) -> list[Step]:
    """What the CPUs that could not go on wanted to do."""
    return [
        Step(blocked.cpu, blocked.next, taken={blocked.next.lock})
        for blocked in execution.blocked
        if blocked.next.lock is not None
    ]
