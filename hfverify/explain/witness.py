"""Turn a solver's model into a concrete scenario.

Reads   z3.ModelRef, execute.paths.Path
Gives   explain.scenario.Scenario, or the request for a list function
Refuses nothing; what the model leaves open becomes zero
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, cached_property, partial
from typing import Any

import z3
from z3 import z3core

from hfverify.execute.paths import Path
from hfverify.execute.world import World
from hfverify.explain.concrete import Bits, Env, Evaluator, Keys, Ref, Store, Undefined, Value
from hfverify.explain.maps import Map
from hfverify.explain.scenario import Changes, Scenario
from hfverify.logic.cells import Cells
from hfverify.logic.maps import NUMBERS, marked
from hfverify.logic.terms import numeral, select
from hfverify.logic.values import Bits as BitsTerm
from hfverify.logic.values import Bytes, Fifo, Stored
from hfverify.logic.values import Map as MapTerm
from hfverify.logic.values import Ref as Term
from hfverify.model.program import Call, Cell, Program
from hfverify.model.types import BitsType, BytesType, MapType, bounds, gaps
from hfverify.prove.contracts import Roles
from hfverify.prove.small import Bounds
from hfverify.syntax import tree


class Reader:
    """Reads values out of a model of a small machine."""

    def __init__(
        self,
        program: Program,
        model: z3.ModelRef,
        bounds: Bounds,
        facts: Sequence[z3.BoolRef] = (),
        completion: int = 0,
        bits: Collection[int] | None = None,
        marks: Mapping[str, Sequence[z3.ExprRef]] | None = None,
    ) -> None:
        """Of sets, only the members among `bits` are read, if they are given; `marks` are those of the facts."""
        self.program = program
        self.model = model
        self.bits = bits
        self.bounds = bounds
        self.completion = completion
        self.here = 0
        self.marks = marked(facts, also=True) if marks is None else marks
        self._numbers: dict[str, list[int]] = {}

    @cached_property
    def indices(self) -> list[int]:
        """Where the model looked into buffers, and where they begin."""
        context, found = self.model.ctx.ref(), set(range(8))
        for index in range(z3core.Z3_model_get_num_consts(context, self.model.model)):
            symbol = z3core.Z3_get_decl_name(context, z3core.Z3_model_get_const_decl(context, self.model.model, index))
            if z3core.Z3_get_symbol_string(context, symbol).startswith("byte!"):
                found.add(self.number(z3.Int(z3core.Z3_get_symbol_string(context, symbol))))
        return sorted(found)

    def marked(self, cell: str) -> list[int]:
        """The numbers at which the model looked at a map's cell: everywhere else its value means nothing."""
        found = {self.number(term) for term in self.marks.get(cell, ())}
        return sorted(number for number in found if 0 <= number < NUMBERS)

    def numbers_of(self, cell: str) -> list[int]:
        """The numbers of which a map's cell says something: those that turned up, and what pages are parts of."""
        if cell not in self._numbers:
            state = cell.split(".")[0]
            divisors = self.program.quotients
            terms = self.marks.get(cell, ())
            own = {self.number(term) + step for term in terms for step in ((0, 1) if z3.is_const(term) else (0,))}
            wholes = {
                self.number(term)
                for kind, terms in self.marks.items()
                if kind.startswith(f"{state}.") and kind not in divisors
                for term in terms
            }
            found = {0, *own, *(whole // divisors[cell] for whole in wholes if cell in divisors)}
            self._numbers[cell] = sorted(number for number in found if 0 <= number < NUMBERS)
        return self._numbers[cell]

    def number(self, term: z3.ExprRef) -> int:
        """An integer."""
        context, value = self._evaluated(term)
        is_number = z3core.Z3_get_ast_kind(context, value) == z3.Z3_NUMERAL_AST
        return int(z3core.Z3_get_numeral_string(context, value)) if is_number else 0

    def truth(self, term: z3.ExprRef) -> bool:
        """A truth value."""
        context, value = self._evaluated(term)
        return bool(z3core.Z3_get_bool_value(context, value) == z3.Z3_L_TRUE)

    def _evaluated(self, term: z3.ExprRef) -> tuple[z3.ContextObj, z3.Ast]:
        """The value of a term as the library has it: hundreds are asked for, and wrapping takes most of the time."""
        found = (z3.Ast * 1)()
        context = self.model.ctx.ref()
        z3core.Z3_model_eval(context, self.model.model, term.as_ast(), True, found)
        return context, found[0]

    def value(self, cell: Cell, stored: Stored) -> Value:
        """The value of a cell."""
        if isinstance(stored, Fifo):
            members = [k for k in range(self.bounds.objects + 1) if self.truth(stored.has(numeral(k)))]
            return tuple(sorted(members, key=lambda k: self.number(select(stored.ticket, numeral(k)))))
        if isinstance(stored, MapTerm):
            return self.map(cell, stored, None, 0)
        if isinstance(stored, BitsTerm):
            assert isinstance(cell.type, BitsType)
            asked = range(cell.type.width) if self.bits is None else [k for k in self.bits if k < cell.type.width]
            return Bits(k for k in asked if self.truth(stored.has(numeral(k))))
        if isinstance(stored, Bytes):
            assert isinstance(cell.type, BytesType)
            found = bytearray(cell.type.length)
            for index in self.indices:
                if 0 <= index < len(found):
                    found[index] = self.number(select(stored.content, numeral(index))) % 256
            return bytes(found)
        if z3.is_bool(stored):
            return self.truth(stored)
        # Of a cell that the path never read, the model need not respect the type.
        number, (low, high) = self.number(stored), bounds(cell.type)
        number = number if low is None else max(number, low)
        number = number if high is None else min(number, high)
        return next((below - 1 for below, above in gaps(cell.type) if below <= number <= above), number)

    def map(self, cell: Cell, stored: MapTerm, gap: int | None, end: int) -> Map:
        """What the model says of the numbers that turned up; between them, the last value or always the same one.

        After all of them comes `end`, so that there is an end to every value but one.
        """
        numbers = self.numbers_of(cell.name) if gap is None else self.marked(cell.name)
        found: list[tuple[int, int]] = [(0, gap or 0)] if 0 not in numbers else []
        for number, follows in itertools.pairwise([*numbers, None]):
            assert number is not None
            found.append((number, self.number(select(stored.content, numeral(number)))))
            if follows is None or (gap is not None and follows != number + 1):
                found.append((number + 1, end if follows is None else gap or 0))
        return Map.of(found)

    def fit(self, store: Store, state: str, keys: Keys, cells: Cells) -> dict[str, Value]:
        """Maps of an object that keep the invariants of its locks: a model names few numbers, and they speak of all.

        Of several ways to complete them, `completion` chooses one.
        """
        info, evaluator = self.program.states[state], Evaluator(self.program)
        invariants = [i for lock in self.program.locks.values() if lock.state == state for i in lock.invariants]
        term = Term(state, tuple(z3.IntVal(key) for key in keys))
        last: dict[str, Value] = {}
        options: dict[str, list[Callable[[], Map]]] = {}
        for cell in info.cells.values():
            stored = cells.read(cell, term)
            if isinstance(stored, MapTerm):
                end = evaluator.number(cell.initial, Env(store)) if cell.initial is not None else 0
                plain = cache(partial(self.map, cell, stored, None, end))
                last[cell.name] = plain()
                gaps = dict.fromkeys([end, max(plain().values)])
                options[cell.name] = [plain, *(cache(partial(self.map, cell, stored, gap, end)) for gap in gaps)]
        kept = 0
        ways = itertools.product(*(range(len(values)) for values in options.values())) if invariants else ()
        for way in sorted(ways, key=lambda way: len(set(way))):
            chosen = {name: values[index]() for (name, values), index in zip(options.items(), way, strict=True)}
            found = self._spread(chosen, store, Ref(state, keys), invariants)
            tried = Store(store.sizes, {**store.cells, **{(name, keys): value for name, value in found.items()}})
            env = Env(tried, {}, Ref(state, keys), self.here)
            if all(_holds(evaluator, invariant.value, env) for invariant in invariants):
                last, kept = found, kept + 1
                if kept > self.completion:
                    break
        return last

    def _spread(
        self, maps: Mapping[str, Value], store: Store, ref: Ref, invariants: Sequence[tree.Invariant]
    ) -> dict[str, Value]:
        """What `forall p: … ==> a[…] == …` says of numbers that did not turn up, written into the map `a`."""
        evaluator, divisors = Evaluator(self.program), self.program.quotients
        found = dict(maps)
        for invariant in invariants:
            match invariant.value:
                case tree.Quantified(
                    _,
                    "forall",
                    (parameter,),
                    tree.Binary(_, "==>", condition, tree.Binary(_, "==", tree.Index() as place, value)),
                ) if isinstance(place.base, tree.Name) and f"{ref.state}.{place.base.text}" in found:
                    name = f"{ref.state}.{place.base.text}"
                case _:
                    continue
            ends = {
                s * divisors.get(cell, 1) for cell, map_ in found.items() if isinstance(map_, Map) for s in map_.starts
            }
            points = sorted(end for end in ends if end < NUMBERS)
            for first, last in itertools.pairwise([*points, NUMBERS]):
                tried = Store(store.sizes, {**store.cells, **{(cell, ref.keys): map_ for cell, map_ in found.items()}})
                env = Env(tried, {parameter.name: first}, ref, self.here)
                target = found[name]
                assert isinstance(target, Map)
                if evaluator.truth(condition, env):
                    size = divisors.get(name, 1)
                    found[name] = target.fill(first // size, -(-last // size), evaluator.number(value, env))
        return found

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
                term = Term(state.name, tuple(numeral(key) for key in keys))
                for cell in ordered:
                    if not isinstance(cell.type, MapType):
                        store.cells[cell.name, keys] = self.value(cell, cells.read(cell, term))
                if any(isinstance(cell.type, MapType) for cell in ordered):
                    store.cells |= {
                        (name, keys): value for name, value in self.fit(store, state.name, keys, cells).items()
                    }
        self._leave_out_strangers(store, evaluator)
        return store

    def _leave_out_strangers(self, store: Store, evaluator: Evaluator) -> None:
        """Only objects that exist have entries: of a list of which it is asked nothing, a model says anything."""
        rules = self.program.represents.items()
        for state, mapping in ((state, mapping) for state, rule in rules for mapping in rule.mappings.values()):
            if not isinstance(mapping, tree.MapsList):
                continue
            assert isinstance(mapping.place, tree.Member)
            entry = mapping.place.base
            for keys in evaluator.positions(state, Env(store)):
                place, own = (f"{state}.{mapping.cell}", keys), Ref(state, keys)
                members = store.cells.get(place)
                if isinstance(members, tuple):
                    envs = [(member, Env(store, {mapping.variable: member}, own)) for member in members]
                    store.cells[place] = tuple(member for member, env in envs if _exists(evaluator, entry, env))


def _exists(evaluator: Evaluator, place: tree.Expr, env: Env) -> bool:
    try:
        evaluator.evaluate(place, env)
    except Undefined:
        return False
    return True


def _holds(evaluator: Evaluator, expr: tree.Expr, env: Env) -> bool:
    try:
        return evaluator.truth(expr, env)
    except Undefined:
        return False


def scenario(
    program: Program,
    call: Call,
    path: Path | None,
    world: World,
    model: z3.ModelRef,
    bounds: Bounds,
    completion: int = 0,
    bits: Collection[int] | None = None,
) -> Scenario:
    """The situation that a model describes: the start, and what other CPUs and devices do on the way."""
    reader = Reader(program, model, bounds, world.facts.formulas, completion, bits)
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
