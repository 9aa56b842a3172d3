"""Turn a solver's model into a concrete scenario.

Reads   z3.ModelRef, execute.paths.Path
Gives   explain.scenario.Scenario, or the request for a list function
Refuses nothing; what the model leaves open becomes zero
"""

from __future__ import annotations

import itertools
from typing import Any

import z3

from hfverify.execute.paths import Path
from hfverify.execute.world import World
from hfverify.explain.concrete import Bits, Env, Evaluator, Keys, Ref, Store, Undefined, Value
from hfverify.explain.maps import Map
from hfverify.explain.scenario import Changes, Scenario
from hfverify.logic.cells import Cells, Stored
from hfverify.logic.values import Bits as BitsTerm
from hfverify.logic.values import Bytes, Fifo
from hfverify.logic.values import Map as MapTerm
from hfverify.logic.values import Ref as Term
from hfverify.model.program import Call, Cell, Program
from hfverify.model.types import BitsType, BytesType, IntType, MapType
from hfverify.prove.contracts import Roles
from hfverify.prove.small import Bounds
from hfverify.syntax import tree


class Reader:
    """Reads values out of a model of a small machine."""

    def __init__(self, program: Program, model: z3.ModelRef, bounds: Bounds) -> None:
        self.program = program
        self.model = model
        self.bounds = bounds
        self.here = 0
        self.numbers = self._numbers()
        self.indices = sorted({self.number(d()) for d in model.decls() if d.name().startswith("byte!")} | set(range(8)))

    def _numbers(self) -> list[int]:
        """The numbers of which a map may say something: those that the model names, their neighbours and wholes."""
        named = {self.number(d()) for d in self.model.decls() if d.arity() == 0 and z3.is_int(d())}
        named = {number for number in named if 0 <= number < 1 << 64}
        evaluator, env = Evaluator(self.program), Env(Store())
        sizes = {
            evaluator.number(expr, env) for type_, expr in self.program.consts.values() if isinstance(type_, IntType)
        }
        sizes = {size for size in sizes if 1 < size <= 1 << 16}
        sizes |= {a * b for a in sizes for b in sizes} | {1}
        wholes = {number // size for number in named for size in sizes if size <= 1 << 20}
        near = {whole + step for whole in wholes for step in (-1, 0, 1)}
        return sorted({number for number in near if number >= 0} | set(range(self.bounds.objects + 1)))

    def number(self, term: z3.ExprRef) -> int:
        """An integer."""
        value = self.model.eval(term, model_completion=True)
        return int(value.as_long()) if z3.is_int_value(value) else 0

    def truth(self, term: z3.ExprRef) -> bool:
        """A truth value."""
        return bool(z3.is_true(self.model.eval(term, model_completion=True)))

    def value(self, cell: Cell, stored: Stored) -> Value:
        """The value of a cell."""
        if isinstance(stored, Fifo):
            members = [k for k in range(self.bounds.objects + 1) if self.truth(stored.has(z3.IntVal(k)))]
            return tuple(sorted(members, key=lambda k: self.number(stored.ticket[k])))
        if isinstance(stored, MapTerm):
            return self.map(stored, "extended")
        if isinstance(stored, BitsTerm):
            assert isinstance(cell.type, BitsType)
            return Bits(k for k in range(cell.type.width) if self.truth(stored.has(z3.IntVal(k))))
        if isinstance(stored, Bytes):
            assert isinstance(cell.type, BytesType)
            found = bytearray(cell.type.length)
            for index in self.indices:
                if 0 <= index < len(found):
                    found[index] = self.number(stored.content[index]) % 256
            return bytes(found)
        return self.truth(stored) if z3.is_bool(stored) else self.number(stored)

    def map(self, stored: MapTerm, gaps: int | str, end: int | None = None) -> Map:
        """What the model says of the numbers that it names; between them, the last value or always the same one.

        After all of them comes `end`, so that there is an end to every value but one.
        """
        found: list[tuple[int, int]] = []
        for place, number in enumerate(self.numbers):
            found.append((number, self.number(z3.Select(stored.content, number))))
            follows = self.numbers[place + 1] if place + 1 < len(self.numbers) else None
            if isinstance(gaps, int) and follows != number + 1:
                found.append((number + 1, gaps))
        return Map.of(found if end is None else [*found, (self.numbers[-1] + 1, end)])

    def fit(self, store: Store, state: str, keys: Keys, cells: Cells) -> dict[str, Value]:
        """Maps of an object that keep the invariants of its locks: a model names few numbers, and they speak of all."""
        info, evaluator = self.program.states[state], Evaluator(self.program)
        invariants = [i for lock in self.program.locks.values() if lock.state == state for i in lock.invariants]
        term = Term(state, tuple(z3.IntVal(key) for key in keys))
        options: dict[str, list[Value]] = {}
        for cell in info.cells.values():
            stored = cells.read(cell, term)
            if isinstance(stored, MapTerm):
                initial = evaluator.number(cell.initial, Env(store)) if cell.initial is not None else 0
                plain = self.map(stored, "extended", initial)
                gaps = dict.fromkeys([*plain.values, initial])
                options[cell.name] = [plain, *(self.map(stored, gap, initial) for gap in gaps)]
        for chosen in itertools.product(*options.values()):
            found = dict(zip(options, chosen, strict=True))
            tried = Store(store.sizes, {**store.cells, **{(name, keys): value for name, value in found.items()}})
            env = Env(tried, {}, Ref(state, keys), self.here)
            if all(_holds(evaluator, invariant.value, env) for invariant in invariants):
                return found
        return {name: values[0] for name, values in options.items()}

    def keys(self, ref: Term) -> Keys:
        """A position."""
        return tuple(self.number(key) for key in ref.keys)

    def state(self, cells: Cells) -> Store:
        """Every cell of every object."""
        store = Store({size: self.number(z3.Int(size)) for size in self.program.sizes})
        evaluator = Evaluator(self.program)
        for state in self.program.states.values():
            ordered = sorted(state.cells.values(), key=lambda c: not c.is_constant)
            for keys in evaluator.positions(state.name, Env(store)):
                for cell in ordered:
                    term = Term(state.name, tuple(z3.IntVal(key) for key in keys))
                    store.cells[cell.name, keys] = self.value(cell, cells.read(cell, term))
                if any(isinstance(cell.type, MapType) for cell in ordered):
                    store.cells |= {
                        (name, keys): value for name, value in self.fit(store, state.name, keys, cells).items()
                    }
        return store


def _holds(evaluator: Evaluator, expr: tree.Expr, env: Env) -> bool:
    try:
        return evaluator.truth(expr, env)
    except Undefined:
        return False


def scenario(
    program: Program, call: Call, path: Path | None, world: World, model: z3.ModelRef, bounds: Bounds
) -> Scenario:
    """The situation that a model describes: the start, and what other CPUs and devices do on the way."""
    reader = Reader(program, model, bounds)
    start = Cells.arbitrary(program)
    store = reader.state(start)
    found = Scenario(call.name, store.sizes, reader.number(world.here), cells=store.cells)
    if call.actor:
        state = program.states[program.actors[call.actor].state]
        found.actor = tuple(reader.number(z3.Int(f"{call.actor}.{key.name}")) for key in state.keys)
    for item in call.objects:
        given = program.states[item.state].keys
        found.objects[item.name] = tuple(reader.number(z3.Int(f"{item.name}.{key.name}")) for key in given)
    for argument, type_ in call.arguments:
        name = argument.name
        found.arguments[name] = reader.truth(z3.Bool(name)) if str(type_) == "bool" else reader.number(z3.Int(name))
    for event in world.events if path is not None else ():
        if event.lock is not None and event.cells is not None:
            keys = reader.keys(event.lock.ref)
            changes: Changes = {}
            for cell in program.guarded_by(program.locks[event.lock.name]):
                changes[cell.name, keys] = reader.value(cell, event.cells.read(cell, event.lock.ref))
            if any(isinstance(cell.type, MapType) for cell in program.states[event.lock.ref.state].cells.values()):
                fitted = reader.fit(store, event.lock.ref.state, keys, event.cells)
                changes |= {(name, keys): value for name, value in fitted.items() if (name, keys) in changes}
            found.schedule.append(changes)
        if event.read is not None:
            read = event.read
            found.reads.append((read.cell.name, reader.keys(read.ref), reader.value(read.cell, read.value)))
    return found


def list_request(program: Program, index: int, roles: Roles, model: z3.ModelRef, bounds: Bounds) -> dict[str, Any]:
    """The heap of entries that a model describes, for a list function."""
    layout = program.layout
    assert layout is not None
    reader = Reader(program, model, bounds)
    count = bounds.objects + 1
    links: dict[str, list[int]] = {}
    for link in layout.links:
        array = z3.Array(f"{layout.name}.{link.name}", z3.IntSort(), z3.IntSort())
        links[link.name] = [reader.number(array[node]) for node in range(count)]
    queues: dict[str, list[int]] = {}
    for name, queue in roles.queues.items():
        members = [node for node in range(count) if reader.truth(queue.has(z3.IntVal(node)))]
        queues[name] = sorted(members, key=lambda node: reader.number(queue.ticket[node]))
    return {
        "index": index,
        "links": links,
        "heads": {name: reader.number(head) for name, head in roles.heads.items()},
        "queues": queues,
        "nodes": {role.name: reader.number(roles.node(role.name)) for role in program.contracts[index].roles},
    }
