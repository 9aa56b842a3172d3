"""Vary a situation as the specification allows: values of the declared types, states that keep what is relied on.

Reads   explain.scenario.Scenario as a seed, model.program.Program
Gives   Hypothesis strategies; they shrink towards the seed and towards small values
Refuses nothing; a change after which something that is relied on does not hold is not made
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from hfverify.explain.concrete import Bits, Env, Evaluator, Keys, Ref, Undefined, Value, default
from hfverify.explain.maps import Map
from hfverify.explain.mentions import spoken_of
from hfverify.explain.scenario import Scenario, environment
from hfverify.explore.shrinking import Key, facts_hold, holds, initial, keeps_invariants
from hfverify.fallback.asking import Asking
from hfverify.model.constants import constant_value
from hfverify.model.expressions import dotted, walk
from hfverify.model.program import Cell, Lock, Program
from hfverify.model.types import (
    BitsType,
    BoolType,
    BytesType,
    EnumType,
    FifoType,
    MapType,
    OptionalType,
    Type,
    bounds,
    stands_for,
)
from hfverify.syntax import tree

MOST_CHANGES = 6
FEW = 4
# Far enough apart that no two buffers have the same contents.
PRIME = 37


class Variation:
    """Varies the scenarios of one program; `told` are numbers with which the code compares something."""

    def __init__(self, program: Program, told: Set[int] = frozenset()) -> None:
        self.program = program
        self.told = told
        self.evaluator = Evaluator(program)
        self.constants = sorted(
            {0}
            | {n + step for n in constants_of(program) for step in (-1, 0, 1)}
            | {(1 << bits) + step for bits in (8, 16, 32, 63, 64) for step in (-1, 0)}
        )

        self._spoken: dict[str, tuple[set[str], set[str]]] = {}
        self.asking = Asking(program, self.evaluator)
        # How many objects there are is said by constants, too.
        self._counts = {
            node.name
            for state in program.states.values()
            for key in state.keys
            for node in walk(key.below)
            if isinstance(node, tree.Member)
        }
        self.speaking: dict[str, list[tuple[Lock, tree.Invariant]]] = {}
        for lock in program.locks.values():
            for invariant in lock.invariants:
                for cell in self._mentioned(lock, invariant):
                    self.speaking.setdefault(cell.name, []).append((lock, invariant))

    def scenarios(self, seeds: Sequence[Scenario]) -> SearchStrategy[Scenario]:
        """Scenarios that differ from a seed in a few places."""

        @st.composite
        def varied(draw: DrawFn) -> Scenario:
            found = copy.deepcopy(draw(st.sampled_from(seeds)))
            if draw(st.booleans()):
                self._fill(found)
            for _ in range(draw(st.integers(0, MOST_CHANGES))):
                self._change(draw, found)
            return found

        return varied()

    def _change(self, draw: DrawFn, scenario: Scenario) -> None:
        """One change, taken back if the call cannot begin any more."""
        places: dict[str, Callable[[], list[Any]]] = {
            "argument": lambda: list(scenario.arguments),
            "read": lambda: list(range(len(scenario.reads))),
            "cell": lambda: [key for key in sorted(scenario.cells) if self.varies(key)],
            "spoken": lambda: [key for key in sorted(scenario.cells) if self._speaks(scenario.call, key)],
            "asked": lambda: [key for key in sorted(self.asked(scenario)) if self.varies(key)],
            "step": lambda: [(number, key) for number, step in enumerate(scenario.schedule) for key in sorted(step)],
        }
        # Each sort of place has its turn: a state has many cells, and a call few arguments.
        absent = {"argument": not scenario.arguments, "read": not scenario.reads, "step": not any(scenario.schedule)}
        kind = draw(st.sampled_from([name for name in places if not absent.get(name)]))
        found = places[kind]()
        if not found:
            return
        key: Any = draw(st.sampled_from(found))
        if kind == "argument":
            types = {argument.name: type_ for argument, type_ in self.program.calls[scenario.call].arguments}
            before: Any = scenario.arguments[key]
            scenario.arguments[key] = draw(self._value(types[key], scenario, before))
            if not self.given(scenario):
                scenario.arguments[key] = before
        elif kind in ("cell", "spoken", "asked"):
            self.put(scenario, key, draw(self._value(self.cell(key).type, scenario, scenario.cells[key])))
        elif kind == "step":
            number, cell = key
            step = scenario.schedule[number]
            value = draw(self._value(self.cell(cell).type, scenario, step[cell]))
            # What other CPUs do keeps the invariants, and what this one relies on.
            step |= self._changes(replace(scenario, cells={**scenario.cells, **step}), cell, value)
        else:
            name, keys, before = scenario.reads[key]
            value = draw(self._value(self.cell((name, keys)).type, scenario, before))
            scenario.reads[key] = (name, keys, value)

    def put(self, scenario: Scenario, key: Key, value: Value) -> None:
        """Give a cell another value, unless the call could not begin then."""
        scenario.cells |= self._changes(scenario, key, value)

    def _speaks(self, call: str, key: Key) -> bool:
        """Whether the call's clauses speak of the cell, in this object or another."""
        cell = self.cell(key)
        return cell.path.rsplit(".", 1)[-1] in self._spoken_of(call)[0] and self.varies(key)

    def bits(self, call: str) -> list[int]:
        """The powers of two to which the call's clauses give a name."""
        named = self._spoken_of(call)[1] & self.program.consts.keys()
        numbers = {constant_value(self.program, self.program.consts[name][1], ()) or 0 for name in named}
        return sorted(number for number in numbers if number > 0 and not number & (number - 1))

    def _spoken_of(self, call: str) -> tuple[set[str], set[str]]:
        if call not in self._spoken:
            self._spoken[call] = spoken_of(self.program, self.program.calls[call])
        return self._spoken[call]

    def asked(self, scenario: Scenario) -> set[Key]:
        """The cells at which the clauses look in this situation."""
        return self.asking.cells(self.program.calls[scenario.call], self.env(scenario)) & scenario.cells.keys()

    def varies(self, key: Key) -> bool:
        """Whether machines with the same objects differ in a cell."""
        cell = self.cell(key)
        return not cell.is_constant or cell.path.rsplit(".", 1)[-1] not in self._counts

    def _changes(self, scenario: Scenario, key: Key, value: Value) -> dict[Key, Value]:
        """A cell with another value, and those that an invariant derives from it; none if the call could not begin."""
        found: dict[Key, Value] = {key: value}
        tried = replace(scenario, cells={**scenario.cells, **found})
        for lock, invariant in self.speaking.get(key[0], ()):
            if not holds(self.evaluator, invariant, key[1], lock, tried.store()):
                found |= self._derived(tried, key, lock, invariant)
        tried = replace(scenario, cells={**scenario.cells, **found})
        return found if all(self._still(tried, changed) for changed in found) else {}

    def _derived(self, scenario: Scenario, key: Key, lock: Lock, invariant: tree.Invariant) -> dict[Key, Value]:
        """What `cell == …` says of another cell of the object."""
        if not isinstance(invariant.value, tree.Binary) or invariant.value.operator != "==":
            return {}
        env = Env(scenario.store(), {}, Ref(lock.state, key[1]), scenario.here)
        sides = (invariant.value.left, invariant.value.right)
        for place, value in (sides, sides[::-1]):
            cell = self.program.cell(lock.state, dotted(place))
            if cell is not None and not cell.is_constant and cell.name != key[0]:
                try:
                    return {(cell.name, key[1]): self.evaluator.evaluate(value, env)}
                except Undefined:
                    continue
        return {}

    def _fill(self, scenario: Scenario) -> None:
        """Give every buffer contents of its own, so that bytes that come from elsewhere are seen."""
        number = 0
        for changes in (scenario.cells, *scenario.schedule):
            for key in sorted(changes):
                number += 1
                changes[key] = self._filled(key, changes[key], number)
        for index, (name, keys, value) in enumerate(scenario.reads):
            scenario.reads[index] = (name, keys, self._filled((name, keys), value, number + index))

    def _filled(self, key: Key, value: Value, number: int) -> Value:
        type_ = self.cell(key).type
        if not isinstance(type_, BytesType):
            return value
        return bytes((PRIME * number + place + 1) % 256 for place in range(type_.length))

    def cell(self, key: Key) -> Cell:
        """The declaration of a cell."""
        state, path = key[0].split(".", 1)
        found = self.program.cell(state, path)
        assert found is not None
        return found

    def settled(self, scenario: Scenario) -> Scenario:
        """The scenario with every lock free at the start.

        The solver leaves open what guarded cells are before somebody takes their lock: there they are what other
        CPUs make of them by then, or what they are in a new machine.
        """
        found, evaluator = copy.deepcopy(scenario), self.evaluator
        for state in self.program.states.values():
            for keys in evaluator.positions(state.name, Env(found.store())):
                for cell in state.cells.values():
                    found.cells.setdefault((cell.name, keys), default(cell))
        for lock in self.program.locks.values():
            for keys in evaluator.positions(lock.state, Env(found.store())):
                for invariant in lock.invariants:
                    if not holds(evaluator, invariant, keys, lock, found.store()):
                        self._settle(found, lock, keys, invariant)
        self._forget_repeated(found)
        return found

    def _forget_repeated(self, scenario: Scenario) -> None:
        """What other CPUs set to what it is already: it would undo every change of these cells.

        Where a lock is taken again, this CPU may have changed them in between.
        """
        met: set[Key] = set()
        for step in scenario.schedule:
            repeated = [key for key, value in step.items() if key not in met and scenario.cells.get(key) == value]
            met |= step.keys()
            for key in repeated:
                del step[key]

    def _settle(self, scenario: Scenario, lock: Lock, keys: Keys, invariant: tree.Invariant) -> None:
        """Let the invariant of one lock hold: by one cell if that is enough, else by all that it speaks of."""
        options: list[dict[Key, Value]] = [{}]
        for cell in self._mentioned(lock, invariant):
            key = (cell.name, keys)
            coming = [step[key] for step in scenario.schedule if key in step]
            values = [*coming, initial(self.program, cell), default(cell)]
            values += [number for _, number in cell.type.items] if isinstance(cell.type, EnumType) else []
            options += [{key: value} for value in values]
            options[0][key] = values[0]
        for changes in [*options[1:], options[0]]:
            tried = replace(scenario, cells={**scenario.cells, **changes})
            if holds(self.evaluator, invariant, keys, lock, tried.store()) and facts_hold(self.program, [tried]):
                scenario.cells = tried.cells
                return

    def _mentioned(self, lock: Lock, invariant: tree.Invariant) -> list[Cell]:
        """The cells of its object of which an invariant speaks."""
        named = (self.program.cell(lock.state, dotted(node)) for node in walk(invariant.value))
        return [cell for cell in named if cell is not None and not cell.is_constant]

    def possible(self, scenario: Scenario) -> bool:
        """Whether the call can begin, and other CPUs keep to the rules."""
        steps = [replace(scenario, cells={**scenario.cells, **step}) for step in scenario.schedule]
        return all(self._legal(one) for one in [scenario, *steps])

    def _still(self, scenario: Scenario, key: Key) -> bool:
        """Whether the call can begin after a change of one cell of a situation in which it could."""
        store = scenario.store()
        kept = all(
            holds(self.evaluator, invariant, key[1], lock, store) for lock, invariant in self.speaking.get(key[0], ())
        )
        return kept and facts_hold(self.program, [scenario]) and self.given(scenario)

    def _legal(self, scenario: Scenario) -> bool:
        kept = keeps_invariants(self.program, scenario.store())
        return kept and facts_hold(self.program, [scenario]) and self.given(scenario)

    def given(self, scenario: Scenario) -> bool:
        """What whoever uses a function sees to; the run says so of anything else."""
        env = self.env(scenario)
        try:
            givens = self.program.calls[scenario.call].givens
            return all(self.evaluator.truth(given.value, env) for given in givens)
        except Undefined:
            return False

    def env(self, scenario: Scenario) -> Env:
        """Where the clauses of the call are evaluated."""
        return environment(self.program, self.program.calls[scenario.call], scenario, scenario.store())

    # ------------------------------------------------------------ values

    def _value(self, type_: Type, scenario: Scenario, before: Value) -> SearchStrategy[Any]:
        """Any value of a type, most often one that matters."""
        match type_:
            case BoolType():
                return st.booleans()
            case EnumType(_, items):
                return st.sampled_from([number for _, number in items])
            case OptionalType(inner):
                return st.one_of(st.just(-1), self._number(inner, scenario))
            case FifoType():
                members = range(max([*scenario.sizes.values(), 1]))
                return st.lists(st.sampled_from(members), unique=True, max_size=FEW).map(tuple)
            case BitsType(width):
                assert isinstance(before, Bits)
                edges = {0, 1, width // 2 - 1, width // 2, width - 1, *self._named(scenario), *before}
                member = st.one_of(
                    st.sampled_from(sorted(bit for bit in edges if 0 <= bit < width)), st.integers(0, width - 1)
                )
                return st.one_of(st.sets(member, max_size=FEW).map(Bits), member.map(lambda bit: Bits(before ^ {bit})))
            case BytesType(length):
                return st.binary(max_size=8).map(lambda data: (data * length)[:length].ljust(length, b"\0"))
            case MapType(inner):
                assert isinstance(before, Map)
                return self._map(before, self._number(inner, scenario), scenario)
        return self._number(type_, scenario)

    def _number(self, type_: Type, scenario: Scenario) -> SearchStrategy[int]:
        low, high = bounds(type_)
        near = {*range(FEW), *self.told, *(v + d for v in self._named(scenario) for d in (-1, 0, 1))}
        # Few numbers are near, and many have a name: each sort has its turn.
        sorts = [sorted(n for n in known if stands_for(type_, n)) for known in (near, self.constants)]
        return st.one_of(*(st.sampled_from(numbers) for numbers in sorts if numbers), st.integers(low, high))

    def _named(self, scenario: Scenario) -> set[int]:
        """Numbers of which the scenario speaks: arguments, what they are compared with, where parts of maps begin."""
        found = {int(value) for value in scenario.arguments.values()}
        found |= self.asking.numbers(self.program.calls[scenario.call], self.env(scenario))
        for value in scenario.cells.values():
            if isinstance(value, Map):
                found |= {start * size for start in value.starts for size in {1, *self.program.quotients.values()}}
        return found

    def _map(self, before: Map, number: SearchStrategy[int], scenario: Scenario) -> SearchStrategy[Map]:
        """The map with another value in one stretch."""
        ends = sorted({*before.starts, *(s + 1 for s in before.starts), *self._named(scenario)})

        def filled(parts: tuple[int, int, int]) -> Map:
            first, last, value = parts
            return before.fill(min(first, last), max(first, last) + 1, value)

        values = st.one_of(st.sampled_from(sorted(set(before.values))), number)
        return st.tuples(st.sampled_from(ends), st.sampled_from(ends), values).map(filled)


def constants_of(program: Program) -> set[int]:
    """The numbers that the specification gives a name."""
    found = {constant_value(program, value, ()) for _, value in program.consts.values()}
    return {number for number in found if number is not None}
