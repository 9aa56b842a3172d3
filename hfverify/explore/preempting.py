"""Every schedule with few preemptions, but for those that come to the same as one that has no more of them.

Reads   a function that runs one schedule and says what each step touched
Gives   executions; the first one never interrupts a CPU that can go on
Refuses nothing; nothing is said of schedules with more preemptions

A CPU that is interrupted before a step makes it when it goes on. If nobody could notice that step until then, it could
as well have been interrupted after it: those schedules are tried first, and tell whether somebody notices. A step is
noticed by whoever touches the same, and by whoever it lets go on or makes wait. What guests do between their calls
may depend on everything. Attributes that no cell shows, and variables of modules, are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hfverify.explore.exhaustive import Perform
from hfverify.explore.steps import Execution, Kind, Next, Step

# What guests know without a cell: a step that touches it is one of guests, or makes what they may look at unseen.
GUESTS = "guests"


@dataclass(slots=True)
class _Node:
    """A state on the way: who came here, who goes on with which step, who is still to be tried, what all do next.

    `spared` are those that need not be tried, because it comes to the same if the CPU that goes on is interrupted
    later. `doubted` are the nodes on the way, with such a CPU, of which that may turn out to be wrong.
    """

    last: int | None
    ready: list[int]
    chosen: int
    left: list[int]
    spent: int = 0
    then: dict[int, Next | None] = field(default_factory=dict)
    came: list[tuple[_Node, int]] = field(default_factory=list)
    doubted: list[tuple[_Node, int]] = field(default_factory=list)
    spared: set[int] = field(default_factory=set)
    step: Step | None = None


def few_preemptions(perform: Perform, most: int) -> Iterator[Execution]:
    """Executions with at most so many preemptions, in a fixed order."""
    stack: list[_Node] = []
    while True:
        execution = perform(lambda ready, steps: _next(stack, ready, steps, most))
        _learn(stack, execution.steps)
        yield execution
        if not _turn_back(stack):
            return


def _next(stack: list[_Node], ready: list[int], steps: list[Step], most: int) -> int:
    """The CPU that goes on: as before while that is repeated, and then the same one as long as it can."""
    _learn(stack, steps)
    if len(steps) < len(stack):
        return stack[len(steps)].chosen
    last, spent = None, 0
    if stack:
        before, last = stack[-1], steps[-1].cpu
        spent = before.spent + (before.last != last and before.last in before.ready)
    left = [last] if last in ready and spent >= most else list(ready)
    chosen = last if last is not None and last in left else ready[0]
    left.remove(chosen)
    node = _Node(last, ready, chosen, left, spent)
    if stack:
        node.then = {**before.then, steps[-1].cpu: steps[-1].then}
        node.came = [(other, cpu) for other, cpu in before.doubted if other.chosen != last]
    stack.append(node)
    _spare(stack)
    return chosen


def _turn_back(stack: list[_Node]) -> bool:
    """Go back to the last state where another CPU must be tried; False if there is none."""
    while stack:
        node = stack[-1]
        node.left = [cpu for cpu in node.left if cpu not in node.spared]
        if node.left:
            node.chosen, node.step = node.left.pop(0), None
            _spare(stack)
            return True
        stack.pop()
    return False


def _spare(stack: list[_Node]) -> None:
    """Who is interrupted here, or cannot go on, need not be interrupted by the same CPU before steps of no interest."""
    node, *earlier = reversed(stack)
    node.doubted = list(node.came)
    if node.chosen == node.last:
        return
    quiet = True
    for other in earlier:
        if other.chosen != node.last or other.last != node.last:
            return
        quiet = quiet and node.chosen in other.left and _is_quiet(other)
        if quiet:
            other.spared.add(node.chosen)
            node.doubted.append((other, node.chosen))
        else:
            other.spared.discard(node.chosen)


def _learn(stack: list[_Node], steps: list[Step]) -> None:
    """A step that is new tells who has been noticed."""
    if not steps or len(steps) != len(stack) or stack[-1].step is not None:
        return
    node, step = stack[-1], steps[-1]
    node.step = step
    for other, cpu in node.doubted:
        if other.step is not None and _notices(step, other.step):
            other.spared.discard(cpu)


def _is_quiet(node: _Node) -> bool:
    """Whether nobody can notice at once that a step has not been made yet."""
    step = node.step
    others = [then for cpu, then in node.then.items() if cpu != node.chosen]
    return step is not None and GUESTS not in step.touched and not any(_decides(step, then) for then in others)


def _notices(step: Step, missing: Step) -> bool:
    """Whether it makes a difference to a CPU, in its step or after it, that another one has not made its own yet."""
    return step.conflicts(missing) or _decides(missing, step.then)


def _decides(step: Step, then: Next | None) -> bool:
    """Whether another CPU can go on, or cannot, because of a step; what guests idle for counts as touched."""
    if then is None:
        return False
    if then.kind is Kind.WAIT:
        return bool(step.wrote)
    return then.kind is Kind.TAKE and then.lock in step.given ^ step.taken
