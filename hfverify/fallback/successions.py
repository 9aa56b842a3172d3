"""Look whether calls of one caller can happen in the order that a `scenario` gives, from a state on. No solver.

Reads   syntax.tree.Scenario, a state, and what each call was given
Gives   whether each step takes the case that is named, with the state that the one before it leaves
Refuses nothing; what a case leaves open stays as it is, and a step that has no value does not happen
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hfverify.explain.concrete import Env, Keys, Undefined
from hfverify.explain.effects import applied, changes_of
from hfverify.explain.scenario import Scenario
from hfverify.fallback.varying import Variation
from hfverify.model.program import Call, Outcome
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Given:
    """Who makes one call, with which objects and arguments."""

    actor: Keys
    objects: dict[str, Keys]
    arguments: dict[str, int | bool]


def happens(variation: Variation, wanted: tree.Scenario, begins: Scenario, given: Sequence[Given]) -> bool:
    """Whether the steps can be made one after the other, and nobody else does anything meanwhile."""
    try:
        now: Scenario | None = variation.settled(_called(variation, begins, wanted.steps[0], given[0]))
        for step, one in zip(wanted.steps, given, strict=True):
            now = _after(variation, _called(variation, now, step, one), step.case) if now is not None else None
    except Undefined:
        return False
    return now is not None


def _called(variation: Variation, state: Scenario, step: tree.ScenarioStep, given: Given) -> Scenario:
    """The situation in which a step is made; what the step says of an argument comes first."""
    env = Env(state.store())
    said = {name: variation.evaluator.evaluate(value, env) for name, value in step.arguments}
    arguments = {**given.arguments, **{name: value for name, value in said.items() if isinstance(value, int)}}
    return replace(state, call=step.call, actor=given.actor, objects=given.objects, arguments=arguments)


def _after(variation: Variation, now: Scenario, case: str) -> Scenario | None:
    """The state after a call that can begin and takes the case."""
    program, evaluator = variation.program, variation.evaluator
    call = program.calls[now.call]
    outcome = next(outcome for outcome in call.outcomes if outcome.name == case)
    if not variation.possible(now):
        return None
    env = variation.env(now)
    awaited = all(evaluator.truth(wait.value, env) for wait in call.awaited_before(outcome))
    if not awaited or not _applies(variation, call, outcome, env):
        return None
    after = applied(env.store, changes_of(program, evaluator, outcome.effects, env))
    ending = replace(env, store=after, before=env.store)
    if not all(evaluator.truth(item.value, ending) for item in outcome.ensures):
        return None
    return replace(now, cells=applied(after, changes_of(program, evaluator, outcome.later, env.at(after))).cells)


def _applies(variation: Variation, call: Call, outcome: Outcome, env: Env) -> bool:
    """Whether the checks before it pass, and its own condition tells that it is the one."""
    truth = variation.evaluator.truth
    for reject in call.rejects:
        if reject is outcome:
            return not truth(reject.condition, env)
        if not truth(reject.condition, env):
            return False
    return truth(outcome.condition, env)
