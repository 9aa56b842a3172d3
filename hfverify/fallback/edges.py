"""Next to a situation: an argument is what the clauses compare it with, or one more or less; sets have one member.

Reads   explain.scenario.Scenario, varying.Variation
Gives   situations that differ from it in this alone, as far as the call can begin there
Refuses nothing
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

from hfverify.explain.concrete import Bits
from hfverify.explain.scenario import Scenario
from hfverify.fallback.varying import Variation
from hfverify.model.types import BitsType, stands_for

# Code keeps a set of bits in words of one of these widths.
WORDS = (8, 16, 32, 64)


def beside(variation: Variation, scenario: Scenario) -> Iterator[Scenario]:
    """First those with another argument, then those with other sets."""
    yield from _arguments(variation, scenario)
    yield from _members(variation, scenario)


def _arguments(variation: Variation, scenario: Scenario) -> Iterator[Scenario]:
    call = variation.program.calls[scenario.call]
    for argument, type_ in call.arguments:
        given = scenario.arguments[argument.name]
        numbers = variation.asking.opposite(call, argument.name, variation.env(scenario))
        near = {number + step for number in numbers for step in (-1, 0, 1)} if not isinstance(given, bool) else set()
        for number in sorted(near - {given}):
            found = copy.deepcopy(scenario)
            found.arguments[argument.name] = number
            if stands_for(type_, number) and variation.given(found):
                yield found


def _members(variation: Variation, scenario: Scenario) -> Iterator[Scenario]:
    """All sets at which the clauses look have the same member: it is the lowest of each, and common to all."""
    sets = {key: variation.cell(key).type for key in sorted(variation.asked(scenario))}
    widths = {key: type_.width for key, type_ in sets.items() if isinstance(type_, BitsType)}
    edges = {edge + step for edge in (0, *WORDS) for step in (-2, -1, 0, 1)} | variation.told
    for bit in sorted(edge for edge in edges if 0 <= edge < max(widths.values(), default=0)):
        found = copy.deepcopy(scenario)
        for key, width in widths.items():
            if bit < width:
                variation.put(found, key, Bits({bit}))
        if found.cells != scenario.cells:
            yield found
