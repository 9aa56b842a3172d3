"""Read the state of a machine that the implementation has made, as the `represent` rules say where it is kept.

Reads   model.program.Program, the object of the state that there is once
Gives   Store: every cell of every object that can be reached from there
Refuses an object that no rule describes, or that does not have what its rule says (Unbuildable)
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from hfverify.explain.concrete import Bits, Env, Evaluator, Ref, Store, Undefined, Value
from hfverify.explain.maps import Map
from hfverify.explain.proxies import Unbuildable
from hfverify.explore.shrinking import initial
from hfverify.model.expressions import dotted
from hfverify.model.program import Cell, Program, list_node
from hfverify.model.types import BytesType, MapType
from hfverify.syntax import tree

# Maps of the implementation have a value for every number; none of them changes beyond this one.
FURTHEST = 1 << 64


def state_of(program: Program, root: object) -> Store:
    """The state of a machine; `root` stands for a state of which there is one object."""
    target = f"{type(root).__module__}:{type(root).__qualname__}"
    for name, rule in program.represents.items():
        if rule.target == target and not program.states[name].keys:
            return _Reader(program).read(Ref(name, ()), root)
    single = ", ".join(rule.target for name, rule in program.represents.items() if not program.states[name].keys)
    raise Unbuildable(f"a machine is an object of {single or 'a class that a `represent` names'}, not of {target}")


class _Reader:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.evaluator = Evaluator(program)
        self.store = Store()
        self.found: dict[Ref, object] = {}
        self.places: dict[int, Ref] = {}

    def read(self, ref: Ref, root: object) -> Store:
        """Objects first, then what their attributes say: links name objects that may be anywhere."""
        open_ = [(ref, root)]
        while open_:
            ref, thing = open_.pop(0)
            if ref not in self.found:
                self.found[ref] = thing
                self.places[id(thing)] = ref
                open_ += self._reached(ref, thing)
        for ref, thing in self.found.items():
            self._cells(ref, thing)
        return self.store

    def _mappings(self, ref: Ref) -> list[tree.Mapping]:
        rule = self.program.represents.get(ref.state)
        return list(rule.mappings.values()) if rule is not None else []

    def _env(self, ref: Ref) -> Env:
        return Env(self.store, {}, ref)

    def _reached(self, ref: Ref, thing: object) -> Iterator[tuple[Ref, object]]:
        """The objects that have a fixed place seen from this one."""
        for mapping in self._mappings(ref):
            if isinstance(mapping, tree.MapsMany):
                items = list(_attribute(ref, thing, mapping.path))
                for number, item in enumerate(items[: self._count(ref, mapping, len(items))]):
                    yield self._at(mapping.place, self._env(ref).bind({mapping.variable: number})), item
            elif isinstance(mapping, tree.MapsTo) and not self._cells_in(ref, mapping.place):
                yield self._at(mapping.place, self._env(ref)), _attribute(ref, thing, mapping.path)

    def _count(self, ref: Ref, mapping: tree.MapsMany, length: int) -> int:
        """How many there are: as many as the first attribute says that has so many."""
        name = dotted(mapping.count)
        if name in self.program.sizes:
            count = self.store.sizes.setdefault(name, length)
        elif self.program.cell(ref.state, name) is not None:
            number = self.store.cells.setdefault((f"{ref.state}.{name}", ref.keys), length)
            assert isinstance(number, int)
            count = number
        else:
            count = self.evaluator.number(mapping.count, self._env(ref))
        if count > length:
            raise Unbuildable(f"{ref}.{mapping.path} has {length} items, not {count}")
        return count

    def _at(self, place: tree.Expr, env: Env) -> Ref:
        if isinstance(place, tree.Name):
            return Ref(place.text, ())
        try:
            found = self.evaluator.evaluate(place, env)
        except Undefined as error:
            raise Unbuildable(str(error)) from error
        assert isinstance(found, Ref)
        return found

    def _cells_in(self, ref: Ref, place: tree.Expr) -> list[Cell]:
        """The cells of an object that say where another one is."""
        arguments = place.arguments if isinstance(place, tree.Index) else ()
        cells = (self.program.cell(ref.state, dotted(argument)) for argument in arguments)
        return [cell for cell in cells if cell is not None]

    # ------------------------------------------------------------ cells

    def _cells(self, ref: Ref, thing: object) -> None:
        missing: list[str] = []
        for mapping in self._mappings(ref):
            value: Any = None if isinstance(mapping, tree.MapsMany) else _attribute(ref, thing, mapping.path)
            match mapping:
                case tree.MapsTo(_, _, place):
                    self._link(ref, place, value)
                case tree.MapsNone(_, path, condition):
                    self._put(ref, dotted(condition), value is not None)
                    missing += [f"{path}."] if value is None else []
                case tree.MapsWords(_, _, path, width):
                    bits = (i * width + b for i, word in enumerate(value) for b in range(width) if word >> b & 1)
                    self._put(ref, path, Bits(bits))
                case tree.MapsList(_, _, path, _, _):
                    self._put(ref, path, tuple(self._members(ref, mapping, value)))
        for path, cell in self.program.states[ref.state].cells.items():
            if (cell.name, ref.keys) not in self.store.cells:
                there = not path.startswith(tuple(missing))
                self._put(ref, path, _value(cell, thing) if there else initial(self.program, cell))

    def _put(self, ref: Ref, path: str, value: Value) -> None:
        cell = self.program.cell(ref.state, path)
        assert cell is not None
        self.store.cells[cell.name, ref.keys] = initial(self.program, cell) if value is _NOTHING else value

    def _link(self, ref: Ref, place: tree.Expr, value: object) -> None:
        """Where the object is that an attribute refers to, as far as cells say so."""
        cells = self._cells_in(ref, place)
        if cells and value is not None and id(value) not in self.places:
            raise Unbuildable(f"{ref} refers to a {type(value).__name__} that is no part of the machine")
        arguments = [dotted(argument) for argument in place.arguments] if isinstance(place, tree.Index) else []
        for cell in cells:
            position = arguments.index(cell.path)
            known = self.places[id(value)].keys[position] if value is not None else initial(self.program, cell)
            self._put(ref, cell.path, known)

    def _members(self, ref: Ref, mapping: tree.MapsList, head: Any) -> Iterator[int]:
        """Who hangs on a list, in order."""
        layout = self.program.layout
        assert layout is not None and isinstance(mapping.place, tree.Member)
        base = mapping.place.base
        assert isinstance(base, tree.Index)
        state, link = list_node(mapping)
        forward = next(item.name for item in layout.links if item.type.name == layout.name)
        owners = {id(_attribute(at, thing, link)): at for at, thing in self.found.items() if at.state == state}
        position = [dotted(argument) for argument in base.arguments].index(mapping.variable)
        node = getattr(head, forward)
        for _ in owners:
            if node is head:
                return
            if id(node) not in owners:
                break
            yield owners[id(node)].keys[position]
            node = getattr(node, forward)
        if node is not head:
            raise Unbuildable(f"the list {ref}.{mapping.path} is no circle through its own entries")


_NOTHING = object()


def _attribute(ref: Ref, thing: object, path: str) -> Any:
    """An attribute that the rule of an object names."""
    for name in path.split("."):
        if not hasattr(thing, name):
            raise Unbuildable(f"{ref} has no attribute {path}")
        thing = getattr(thing, name)
    return thing


def _value(cell: Cell, thing: Any) -> Value:
    """The value of a cell that is kept as it is; nothing if the object does not keep it."""
    for name in cell.path.split("."):
        if not hasattr(thing, name):
            return _NOTHING
        thing = getattr(thing, name)
    if isinstance(cell.type, MapType):
        return Map.of(_stretches(thing))
    if isinstance(cell.type, BytesType):
        return bytes(thing)
    if isinstance(thing, enum.Enum):
        return thing.value
    return -1 if thing is None else thing


def _stretches(kept: Any) -> Iterator[tuple[int, int]]:
    """Where the values of a map begin."""
    first = 0
    while first < FURTHEST:
        value = int(kept.get(first))
        yield first, value
        low, high = first + 1, FURTHEST
        while low < high:
            middle = (low + high + 1) // 2
            if kept.count(first, middle, value) == middle - first:
                low = middle
            else:
                high = middle - 1
        first = low
