"""The smallest situation that still shows something: fewer steps of other CPUs, smaller numbers, plain cells.

Reads   explain.scenario.Scenario, varying.Variation, a function that tells whether a situation shows it
Gives   a situation in which the call can begin and that shows it
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from hfverify.explain.scenario import Scenario
from hfverify.explore.shrinking import smaller
from hfverify.fallback.varying import Variation
from hfverify.model.types import Type, is_integral, stands_for

# What is tried in place of a number: those below this.
FEW = 10
# The types of the arguments, by name.
Types = dict[str, Type]


def smallest(variation: Variation, scenario: Scenario, shows: Callable[[Scenario], bool]) -> Scenario:
    """What other CPUs do, arguments and cells are as plain as they can be."""

    def fits(tried: Scenario) -> bool:
        return variation.possible(tried) and shows(tried)

    types = {argument.name: type_ for argument, type_ in variation.program.calls[scenario.call].arguments}
    best = scenario
    for number in range(len(scenario.schedule)):
        for key in sorted(scenario.schedule[number]):
            steps = [dict(step) for step in best.schedule]
            del steps[number][key]
            tried = replace(best, schedule=steps)
            best = tried if fits(tried) else best
    for name in scenario.arguments:
        best = next(filter(fits, _with_argument(types, best, name)), best)
    best = smaller(variation.program, [best], lambda found: fits(found[0]))[0]
    for name in scenario.arguments:
        best = next(filter(fits, _with_equal(variation, types, best, name)), best)
    return best


def _with_argument(types: Types, scenario: Scenario, name: str) -> Iterator[Scenario]:
    given = scenario.arguments[name]
    for plain in range(min(int(given), FEW)):
        if isinstance(given, bool) or stands_for(types[name], plain):
            yield replace(scenario, arguments={**scenario.arguments, name: type(given)(plain)})


def _with_equal(variation: Variation, types: Types, scenario: Scenario, name: str) -> Iterator[Scenario]:
    """Whatever is the same number as an argument, in one with it: it may be the sameness that shows it."""
    given = scenario.arguments[name]
    if isinstance(given, bool):
        return
    numbers = [key for key in scenario.cells if is_integral(variation.cell(key).type) and variation.varies(key)]
    for plain in range(min(given, FEW)):
        arguments = {
            other: plain if value == given and is_integral(types[other]) else value
            for other, value in scenario.arguments.items()
        }
        cells = {key: plain for key in numbers if scenario.cells[key] == given}
        yield replace(scenario, arguments=arguments, cells={**scenario.cells, **cells})
