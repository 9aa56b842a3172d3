"""What a CPU may do after its call: another one, by whoever goes on there.

Reads   the scenarios of a situation, the names of calls
Gives   the same scenarios, each time with one more call on one of the CPUs; whether such a call can begin yet
Refuses nothing: a call that cannot come next is not made
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hfverify.explain.concrete import Env, Evaluator, Ref, Store, Undefined, Value
from hfverify.explain.scenario import Scenario
from hfverify.explore.locking import locks_of
from hfverify.model.program import Call, Program
from hfverify.model.types import BoolType
from hfverify.syntax import tree

# How many choices of objects and arguments are tried of a call.
CHOICES = 12


def sequels(program: Program, scenarios: list[Scenario], names: Sequence[str]) -> Iterator[list[Scenario]]:
    """Each of the calls in each way after that of one CPU."""
    for name, cpu in itertools.product(names, (*range(1, len(scenarios)), 0)):
        for following in itertools.islice(_ways(program, program.calls[name], scenarios[cpu]), CHOICES):
            yield [replace(one, then=[following]) if n == cpu else one for n, one in enumerate(scenarios)]


def _ways(program: Program, call: Call, first: Scenario) -> Iterator[Scenario]:
    """The call with each choice of objects and small arguments; who makes it is seen when it begins."""
    evaluator, store = Evaluator(program), first.store()
    objects = itertools.product(*(evaluator.positions(item.state, Env(store)) for item in call.objects))
    numbers = range(max(store.sizes.values(), default=1) + 1)
    arguments = [(True, False) if isinstance(type_, BoolType) else numbers for _, type_ in call.arguments]
    names = [argument.name for argument, _ in call.arguments]
    for given, values in itertools.product(objects, itertools.product(*arguments)):
        found = Scenario(call.name, dict(store.sizes), first.here)
        found.objects = {item.name: keys for item, keys in zip(call.objects, given, strict=True)}
        found.arguments = dict(zip(names, values, strict=True))
        yield found


def continuing(program: Program, name: str, locks: set[str]) -> list[str]:
    """Calls that may come after one, by the same actor or whoever goes on: those with these locks, then plain ones."""
    actor = program.calls[name].actor
    calls = [call for call in program.calls.values() if not call.is_function and call.actor == actor and actor]

    def rank(call: Call) -> tuple[bool, int, str]:
        return not locks <= locks_of(program, call), len(call.objects) + len(call.arguments), call.name

    return [call.name for call in sorted(calls, key=rank)]


def can_follow(program: Program, scenario: Scenario, actor: Ref, store: Store, *, stopped: bool) -> bool | None:
    """Whether the call can begin; None if it never can.

    Whoever goes on does so at once. After a CPU was stopped, what a call relies on must be so once more.
    """
    call = program.calls[scenario.call]
    if call.actor and program.actors[call.actor].state != actor.state:
        return None
    names: dict[str, Value] = {item.name: Ref(item.state, scenario.objects[item.name]) for item in call.objects}
    names |= scenario.arguments
    names[call.actor] = actor
    evaluator = Evaluator(program)

    def holds(expr: tree.Expr, own: Ref | None) -> bool:
        try:
            return evaluator.truth(expr, Env(store, names, own, scenario.here))
        except Undefined:
            return False

    if not all(holds(given.value, None) for given in call.givens):
        return None
    if not stopped:
        return True
    relied = [(fact.value, None) for fact in (program.thread.facts if program.thread is not None else ())]
    owned = [(fact.value, actor) for fact in program.actors[call.actor].facts] if call.actor else []
    return all(holds(expr, own) for expr, own in [*relied, *owned])
