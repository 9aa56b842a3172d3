"""Next to a situation: an argument is at an edge, sets have one member, a map says other bits.

Reads   explain.scenario.Scenario, varying.Variation
Gives   situations that differ from it in this alone, as far as the call can begin there
Refuses nothing
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import combinations, product

from hfverify.explain.concrete import Bits
from hfverify.explain.maps import Map
from hfverify.explain.scenario import Scenario
from hfverify.explore.shrinking import Key
from hfverify.fallback.varying import Variation
from hfverify.model.types import BitsType, MapType, stands_for

# Code keeps a set of bits in words of one of these widths.
WORDS = (8, 16, 32, 64)
# Arguments that can be so large may be numbers of which a map says something.
LARGEST = (1 << 64) - 1
# So many of the bits that have a name are set together.
MOST_BITS = 2


def beside(variation: Variation, scenario: Scenario) -> Iterator[Scenario]:
    """First those with another argument, then those with other sets, and last those with other maps."""
    yield from _arguments(variation, scenario)
    yield from _members(variation, scenario)
    yield from _stretches(variation, scenario)


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


def _stretches(variation: Variation, scenario: Scenario) -> Iterator[Scenario]:
    """A map says something else of all numbers of a stretch at which clauses may look: other bits that they name."""
    call = variation.program.calls[scenario.call]
    looked = {scenario.arguments[argument.name] for argument, type_ in call.arguments if stands_for(type_, LARGEST)}
    looked = looked or variation.asking.numbers(call, variation.env(scenario))
    places: list[tuple[Key, MapType, Map, int, int]] = []
    for key in sorted(variation.asked(scenario)):
        type_, before = variation.cell(key).type, scenario.cells[key]
        if isinstance(type_, MapType) and isinstance(before, Map):
            for first, end, value in before.stretches():
                if any(first <= number and (end is None or number < end) for number in looked):
                    places.append((key, type_, before, first, value))
    bits = variation.bits(scenario.call)
    chosen = [sum(some) for count in range(MOST_BITS + 1) for some in combinations(bits, count)]
    for number, (key, type_, before, first, value) in product(chosen, places):
        other = value & ~sum(bits) | number
        if bits and other != value and stands_for(type_.value, other):
            found = copy.deepcopy(scenario)
            others = [(start, held) for start, _, held in before.stretches() if start != first]
            variation.put(found, key, Map.of([*others, (first, other)]))
            if found.cells != scenario.cells:
                yield found
