"""See that the steps of each scenario are calls that exist, with arguments that fit.

Reads   syntax.tree.Scenario, the program's calls
Gives   the program's scenarios, without those that name a call of another revision
Refuses an unknown call, case or argument, and actors, which belong to calls (HF201), arguments that do not fit (HF203)
"""

from __future__ import annotations

from hfverify.model.context import Context
from hfverify.model.dependence import outside_calls
from hfverify.model.mentions import Scope
from hfverify.syntax import tree


def collect_scenario(context: Context, item: tree.Scenario) -> None:
    """One scenario."""
    context.declare(item)
    context.program.scenarios[item.name] = item


def check_scenarios(context: Context) -> None:
    """All scenarios; the calls are collected."""
    for scenario in list(context.program.scenarios.values()):
        if any(step.call in context.absent for step in scenario.steps):
            del context.program.scenarios[scenario.name]
            continue
        for step in scenario.steps:
            _check_step(context, step)


def _check_step(context: Context, step: tree.ScenarioStep) -> None:
    names = context.names
    call = context.program.calls.get(step.call)
    if call is None:
        names.unknown(step.span, "call", step.call, context.program.calls)
        return
    cases = [outcome.name for outcome in call.outcomes]
    if step.case not in cases:
        names.unknown(step.span, "case", step.case, cases)
    types = {argument.name: type_ for argument, type_ in call.arguments}
    for name, value in step.arguments:
        if name not in types:
            names.unknown(value.span, "argument", name or "?", types)
        else:
            context.typer.expect(value, types[name], {})
            outside_calls(context, value, Scope(), "the argument of a scenario")
