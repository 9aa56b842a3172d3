"""Maps: objects of the class that the proof files trust to hold a value for every number.

Reads   calls of its methods
Gives   get, fill and count
Refuses other methods (HF401)
"""

from __future__ import annotations

import ast

import z3

from hfverify.execute.interpreter import Frame, Interpreter
from hfverify.execute.values import NONE, EnumValue, MapMethod, Value
from hfverify.execute.world import Impure
from hfverify.logic import maps
from hfverify.logic.facts import in_range
from hfverify.logic.values import Map
from hfverify.model.types import MapType, bounds

PARAMETERS = {"get": 1, "fill": 3, "count": 3}


def call_method(run: Interpreter, method: MapMethod, arguments: list[Value], node: ast.Call, frame: Frame) -> Value:
    """`map.get(number)`, `map.fill(first, last, value)`, `map.count(first, last, value)`."""
    world, span = run.world, frame.span(node)
    numbers = [value.term if isinstance(value, EnumValue) and value.is_int else value for value in arguments]
    terms = [number for number in numbers if isinstance(number, z3.ArithRef)]
    if len(terms) != len(arguments) or len(terms) != PARAMETERS[method.name]:
        raise run.refuse(node, frame, f"`{method.name}` of a map takes {PARAMETERS[method.name]} numbers")
    cell, ref = method.target.cell, method.target.ref
    assert isinstance(cell.type, MapType)
    low, high = bounds(cell.type.value)
    end = terms[0] + 1 if method.name == "get" else terms[1]
    inside = z3.And(terms[0] >= 0, end <= maps.NUMBERS)
    run.require(inside, node, frame, "a map has numbers from 0 on, of 64 bits")
    if method.name == "fill":
        if world.speculating:
            raise Impure
        first, last, value = terms
        fits = in_range(value, cell.type.value)
        world.check("raises", fits, "HF508", f"the value does not fit `{cell.name}`, which is {cell.type}", span)
        world.demand_access(cell, ref, span, "read")
        old = world.cells.read(cell, ref)
        assert isinstance(old, Map)
        world.write(cell, ref, maps.fill(world.facts, old, first, last, value), span)
        return NONE
    found = world.read(cell, ref, span)
    assert isinstance(found, Map)
    if method.name == "count":
        return maps.count(world.facts, found, *terms, asked=True)
    value = maps.at(world.facts, found, terms[0])
    world.facts.ranges.declare(value, low, high)
    return value
