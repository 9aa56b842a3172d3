"""A concrete situation as plain data: what to set up, what to call, what other CPUs do meanwhile. No solver.

Reads   JSON-like dictionaries
Gives   Scenario and its two-way conversion; cells are named `state[keys].path`
Refuses a name or value that does not belong to the program (ValueError)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hfverify.explain.concrete import Bits, Env, Keys, Ref, Store, Thunk, Value, default, show
from hfverify.explain.maps import Map
from hfverify.model.program import Call, Cell, Program
from hfverify.model.types import BitsType, BytesType, EnumType, FifoType, MapType, OptionalType

Changes = dict[tuple[str, Keys], Value]


@dataclass(slots=True)
class Scenario:
    """`schedule[n]` is what other CPUs change before the n-th lock is taken; `reads` are volatile values in order.

    `then` are calls that the same CPU makes afterwards, each by whoever goes on there.
    """

    call: str
    sizes: dict[str, int] = field(default_factory=dict)
    here: int = 0
    actor: Keys = ()
    objects: dict[str, Keys] = field(default_factory=dict)
    arguments: dict[str, int | bool] = field(default_factory=dict)
    cells: Changes = field(default_factory=dict)
    schedule: list[Changes] = field(default_factory=list)
    reads: list[tuple[str, Keys, Value]] = field(default_factory=list)
    then: list[Scenario] = field(default_factory=list)

    def store(self) -> Store:
        """The state at the start."""
        return Store(dict(self.sizes), dict(self.cells))


def environment(
    program: Program,
    call: Call,
    scenario: Scenario,
    store: Store,
    volatile: Callable[[Cell, Ref], Value] | None = None,
) -> Env:
    """Where the clauses of the call that is made are evaluated in some state."""
    names: dict[str, Value | Thunk] = dict(scenario.arguments)
    if call.actor:
        names[call.actor] = Ref(program.actors[call.actor].state, scenario.actor)
    for item in call.objects:
        names[item.name] = Ref(item.state, scenario.objects.get(item.name, ()))
    return Env(store, names, None, scenario.here, volatile).let(call.lets)


def cell_name(cell: Cell, keys: Keys) -> str:
    """`vm[1].mailbox.state`."""
    return f"{Ref(cell.state, keys)}.{cell.path}"


def find_cell(program: Program, name: str) -> tuple[Cell, Keys]:
    """The inverse of `cell_name`."""
    match = re.fullmatch(r"(\w+)(?:\[([\d, ]*)\])?\.([\w.]+)", name)
    cell = program.cell(match[1], match[3]) if match else None
    if match is None or cell is None:
        raise ValueError(f"there is no cell `{name}`")
    return cell, tuple(int(part) for part in (match[2] or "").split(",") if part.strip())


def load(cell: Cell, shown: Any) -> Value:
    """The inverse of `show`."""
    match cell.type, shown:
        case EnumType(_, items), str():
            numbers = dict(items)
            if shown not in numbers:
                raise ValueError(f"`{shown}` is not one of {', '.join(numbers)}")
            return numbers[shown]
        case OptionalType(), None:
            return -1
        case FifoType(), list():
            return tuple(shown)
        case BitsType(), list():
            return Bits(shown)
        case MapType(), list():
            return Map.of((start, value) for start, value in shown)
        case BytesType(length), str():
            return bytes.fromhex(shown).ljust(length, b"\0")
        case _:
            return shown


def to_json(program: Program, scenario: Scenario) -> dict[str, Any]:
    """Plain data; cells with their default value are left out."""

    def changes(found: Changes, *, everything: bool) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for (name, keys), value in sorted(found.items()):
            state, path = name.split(".", 1)
            cell = program.cell(state, path)
            if cell is not None and (everything or value != default(cell)):
                result[cell_name(cell, keys)] = show(cell, value)
        return result

    reads = []
    for name, keys, value in scenario.reads:
        state, path = name.split(".", 1)
        cell = program.cell(state, path)
        assert cell is not None
        reads.append([cell_name(cell, keys), show(cell, value)])
    return {
        "call": scenario.call,
        "sizes": scenario.sizes,
        "here": scenario.here,
        "actor": list(scenario.actor),
        **({"objects": {name: list(keys) for name, keys in scenario.objects.items()}} if scenario.objects else {}),
        "arguments": scenario.arguments,
        "cells": changes(scenario.cells, everything=False),
        "schedule": [changes(step, everything=True) for step in scenario.schedule],
        "reads": reads,
        **({"then": [to_json(program, following) for following in scenario.then]} if scenario.then else {}),
    }


def from_json(program: Program, data: dict[str, Any]) -> Scenario:
    """The inverse of `to_json`."""

    def changes(found: dict[str, Any]) -> Changes:
        result: Changes = {}
        for name, shown in found.items():
            cell, keys = find_cell(program, name)
            result[cell.name, keys] = load(cell, shown)
        return result

    reads: list[tuple[str, Keys, Value]] = []
    for name, shown in data.get("reads", []):
        cell, keys = find_cell(program, name)
        reads.append((cell.name, keys, load(cell, shown)))
    return Scenario(
        data["call"],
        dict(data.get("sizes", {})),
        data.get("here", 0),
        tuple(data.get("actor", ())),
        {name: tuple(keys) for name, keys in data.get("objects", {}).items()},
        dict(data.get("arguments", {})),
        changes(data.get("cells", {})),
        [changes(step) for step in data.get("schedule", [])],
        reads,
        [from_json(program, following) for following in data.get("then", [])],
    )


__all__ = ["Changes", "Scenario", "cell_name", "environment", "find_cell", "from_json", "load", "show", "to_json"]
