"""The implementation's own objects, with their described attributes backed by a concrete store. No solver.

Reads   model.program represent rules, the classes of the implementation
Gives   Machinery: instances of subclasses of the real classes; the code that runs is the real code
Refuses a class or attribute that cannot be found (Unbuildable)
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from hfverify.explain.concrete import Bits, Env, Keys, LockRef, Ref, Store, Value
from hfverify.explain.functions import watched
from hfverify.explain.importing import import_from
from hfverify.explain.maps import Map
from hfverify.explain.monitor import Monitor, Stuck
from hfverify.explain.signals import Signal
from hfverify.model.expressions import dotted, walk
from hfverify.model.program import Cell, Program
from hfverify.model.types import BitsType, BytesType, EnumType, FifoType, MapType, OptionalType, bounds
from hfverify.syntax import tree


class Unbuildable(Signal):
    """The implementation's objects cannot be made."""


class WatchedLock:
    """Stands in for the lock of an object, and tells the monitor."""

    def __init__(self, monitor: Monitor, lock: LockRef) -> None:
        self.monitor = monitor
        self.lock = lock

    def acquire(self) -> None:
        self.monitor.acquire(self.lock)

    def release(self) -> None:
        self.monitor.release(self.lock)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class WatchedBytes(bytearray):
    """A buffer whose slices are accesses to a cell and must lie inside it."""

    machinery: Machinery
    cell: Cell
    ref: Ref

    def _inside(self, item: object) -> None:
        if isinstance(item, slice) and item.stop is not None and not 0 <= item.stop <= len(self):
            self.machinery.breach(
                "raises", f"[:{item.stop}] reaches beyond the {len(self)} bytes of {self.ref}.{self.cell.path}"
            )

    def __getitem__(self, item: Any) -> Any:
        self._inside(item)
        value = self.machinery.read(self.cell, self.ref)
        assert isinstance(value, bytes)
        return bytearray(value)[item]

    def __setitem__(self, item: Any, value: Any) -> None:
        self._inside(item)
        old = bytearray(typing.cast(bytes, self.machinery.evaluator.read(self.cell, self.ref, self.machinery.env())))
        old[item] = value
        if len(old) != len(self):
            self.machinery.breach("raises", f"{self.ref}.{self.cell.path} changes its size to {len(old)}")
        self.machinery.write(self.cell, self.ref, bytes(old))


@cache
def _hint(cls: type, attribute: str) -> type | None:
    found = typing.get_type_hints(cls).get(attribute)
    union = typing.get_origin(found) in (typing.Union, types.UnionType)
    for option in typing.get_args(found) if union else (found,):
        plain = typing.get_origin(option) or option
        if isinstance(plain, type) and plain is not type(None):
            return plain
    return None


@cache
def _has(cls: type, name: str) -> bool:
    """Whether instances have the attribute: it is annotated, a slot, or defined in the class."""
    return hasattr(cls, name) or any(name in inspect.get_annotations(kind) for kind in cls.__mro__)


class WatchedWords(list[int]):
    """Words of bits whose items are accesses to a cell."""

    machinery: Machinery
    cell: Cell
    ref: Ref
    width: int

    def __getitem__(self, item: Any) -> Any:
        found = self.machinery.read(self.cell, self.ref)
        return self._words(found)[item]

    def __setitem__(self, item: Any, value: Any) -> None:
        words = self._words(self.machinery.evaluator.read(self.cell, self.ref, self.machinery.env()))
        words[item] = value
        bits = {
            place * self.width + bit for place, word in enumerate(words) for bit in range(self.width) if word >> bit & 1
        }
        if any(not 0 <= word < 1 << self.width for word in words):
            self.machinery.breach("raises", f"{value} does not fit a word of {self.ref}.{self.cell.path}")
        self.machinery.write(self.cell, self.ref, Bits(bits))

    def _words(self, found: Value) -> list[int]:
        assert isinstance(found, Bits)
        words = [0] * len(self)
        for number in found:
            words[number // self.width] |= 1 << number % self.width
        return words


def _watched_map(machinery: Machinery, cls: type, cell: Cell, ref: Ref) -> Any:
    """An instance of the implementation's class of maps whose methods are accesses to a cell."""

    def get(_: Any, number: int) -> int:
        if number < 0:
            machinery.breach("raises", f"{number} is no number of {ref}.{cell.path}")
        return typing.cast(Map, machinery.read(cell, ref)).at(max(number, 0))

    def fill(_: Any, first: int, last: int, value: int) -> None:
        if first < 0:
            machinery.breach("raises", f"{first} is no number of {ref}.{cell.path}")
        low, high = bounds(typing.cast(MapType, cell.type).value)
        if (low is not None and value < low) or (high is not None and value > high):
            machinery.breach("raises", f"{value} does not fit {ref}.{cell.path}")
        machinery.demand(cell, ref, "read")
        old = typing.cast(Map, machinery.evaluator.read(cell, ref, machinery.env()))
        machinery.write(cell, ref, old.fill(max(first, 0), last, int(value)))

    def count(_: Any, first: int, last: int, value: int) -> int:
        if first < 0:
            machinery.breach("raises", f"{first} is no number of {ref}.{cell.path}")
        return typing.cast(Map, machinery.read(cell, ref)).count(max(first, 0), last, value)

    kind = type(cls.__name__, (cls,), {"get": get, "fill": fill, "count": count})
    return kind.__new__(kind)  # type: ignore[call-overload]


class Machinery(Monitor):
    """A monitor that also makes the objects."""

    def __init__(self, program: Program, store: Store, here: int, impl: str) -> None:
        super().__init__(program, store, here, impl)
        self._objects: dict[tuple[Ref, str], Any] = {}
        self._kinds: dict[type, type] = {}
        self._heads: dict[tuple[str, Keys], Any] = {}
        self._nodes: dict[tuple[Ref, str], Any] = {}
        self._cell_of: dict[int, tuple[Cell, Ref]] = {}
        self._contracts: dict[str, tuple[str, Callable[..., Any], Callable[..., Any]]] = {}
        # Whether objects have got attributes that the specification does not describe.
        self.hides = False
        import_from(impl)

    # ------------------------------------------------------------ classes

    def module(self, name: str) -> ModuleType:
        """Import a module of the implementation."""
        return importlib.import_module(name)

    def class_of(self, target: str) -> type:
        """The class `module:Class`."""
        module, _, name = target.partition(":")
        found = getattr(self.module(module), name, None)
        if not isinstance(found, type):
            raise Unbuildable(f"there is no class {target}")
        return found

    def hint(self, cls: type, attribute: str) -> type | None:
        """The class that an attribute's annotation names, without `None`."""
        return _hint(cls, attribute)

    def _watched(self, cls: type) -> type:
        if cls not in self._kinds:

            def get(instance: Any, name: str) -> Any:
                if name.startswith("_"):
                    return object.__getattribute__(instance, name)
                machinery, ref, path = object.__getattribute__(instance, "_hf")
                return machinery.get(instance, ref, path, name)

            def put(instance: Any, name: str, value: Any) -> None:
                machinery, ref, path = object.__getattribute__(instance, "_hf")
                if name.startswith("_"):
                    machinery.hides = True
                    object.__setattr__(instance, name, value)
                    return
                machinery.set(instance, ref, path, name, value)

            self._kinds[cls] = type(cls.__name__, (cls,), {"__getattribute__": get, "__setattr__": put})
        return self._kinds[cls]

    # ------------------------------------------------------------ objects

    def object(self, ref: Ref) -> Any:
        """The object at a position."""
        represent = self.program.represents.get(ref.state)
        if represent is None:
            raise Unbuildable(f"no `represent` rule says which class a {ref.state} is")
        return self._make(self.class_of(represent.target), ref, "")

    def _make(self, cls: type, ref: Ref, path: str) -> Any:
        if (ref, path) not in self._objects:
            kind = self._watched(cls)
            instance: Any = kind.__new__(kind)  # type: ignore[call-overload]
            object.__setattr__(instance, "_hf", (self, ref, path))
            self._objects[ref, path] = instance
        return self._objects[ref, path]

    def get(self, instance: Any, ref: Ref, path: str, name: str) -> Any:
        """Read an attribute."""
        full = f"{path}.{name}" if path else name
        state = self.program.states[ref.state]
        cls = type(instance).__mro__[1]
        represent = self.program.represents.get(ref.state)
        mapping = represent.mappings.get(full) if represent is not None else None
        if not _has(cls, name):
            raise AttributeError(f"'{cls.__name__}' object has no attribute '{name}'")
        if mapping is not None:
            return self._mapped(cls, ref, mapping, name)
        if not path:
            for key, value in zip(state.keys, ref.keys, strict=True):
                if key.name == name:
                    return value
        if f"{state.name}.{full}" in self.program.locks:
            return WatchedLock(self, LockRef(f"{state.name}.{full}", ref))
        if full in state.cells:
            return self._read_cell(cls, state.cells[full], ref, name)
        if state.has_part(full):
            inner = self.hint(cls, name)
            if inner is None:
                raise Unbuildable(f"the annotation of {cls.__name__}.{name} names no class")
            return self._make(inner, ref, full)
        if self.program.lists_through(ref.state, full):
            return self._node(ref, full, cls)
        return self._plain(instance, cls, name)

    def _plain(self, instance: Any, cls: type, name: str) -> Any:
        """An attribute or method that the specification does not describe."""
        try:
            return object.__getattribute__(instance, name)
        except AttributeError:
            for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
                if field.name == name:
                    made = (
                        field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
                    )
                    self.hides = True
                    object.__setattr__(instance, name, made)
                    return made
            raise

    def _read_cell(self, cls: type, cell: Cell, ref: Ref, name: str) -> Any:
        if isinstance(cell.type, BytesType):
            buffer = WatchedBytes(cell.type.length)
            buffer.machinery, buffer.cell, buffer.ref = self, cell, ref
            return buffer
        if isinstance(cell.type, MapType):
            kind = self.hint(cls, name)
            if kind is None:
                raise Unbuildable(f"the annotation of {cls.__name__}.{name} names no class")
            return _watched_map(self, kind, cell, ref)
        value = self.read(cell, ref)
        if isinstance(cell.type, EnumType):
            kind = self.hint(cls, name)
            if kind is not None and issubclass(kind, enum.Enum):
                return kind(value)
        if value == -1 and isinstance(cell.type, OptionalType):
            return None
        return value

    def _env(self, ref: Ref) -> Env:
        return self.env(ref)

    def _mapped(self, cls: type, ref: Ref, mapping: tree.Mapping, name: str) -> Any:
        evaluator, env = self.evaluator, self._env(ref)
        match mapping:
            case tree.MapsMany(_, _, variable, place, count):
                number = evaluator.number(count, env)
                return [
                    self.object(typing.cast(Ref, evaluator.evaluate(place, env.bind({variable: k}))))
                    for k in range(number)
                ]
            case tree.MapsNone(_, path, condition):
                self._demand_in(ref, condition)
                inner = self.hint(cls, name)
                if not evaluator.truth(condition, env):
                    return None
                if inner is None:
                    raise Unbuildable(f"the annotation of {cls.__name__}.{name} names no class")
                return self._make(inner, ref, path)
            case tree.MapsTo(_, _, place):
                self._demand_in(ref, place)
                if isinstance(place, tree.Name):
                    return self.object(Ref(place.text, ()))
                assert isinstance(place, tree.Index) and isinstance(place.base, tree.Name)
                keys = tuple(evaluator.number(argument, env) for argument in place.arguments)
                return None if -1 in keys else self.object(Ref(place.base.text, keys))
            case tree.MapsWords(_, _, cell_path, width):
                cell = self.program.cell(ref.state, cell_path)
                assert cell is not None
                assert isinstance(cell.type, BitsType)
                words = WatchedWords([0] * (cell.type.width // width))
                words.machinery, words.cell, words.ref, words.width = self, cell, ref, width
                return words
            case tree.MapsList(_, _, cell_path, _, _):
                cell = self.program.cell(ref.state, cell_path)
                assert cell is not None
                return self._head(cell, ref, mapping, cls, name)

    def _demand_in(self, ref: Ref, expr: tree.Expr) -> None:
        for node in walk(expr):
            cell = self.program.cell(ref.state, dotted(node))
            if cell is not None:
                self.demand(cell, ref, "read")

    def set(self, instance: Any, ref: Ref, path: str, name: str, value: Any) -> None:
        """Write an attribute."""
        cls = type(instance).__mro__[1]
        if not _has(cls, name):
            raise AttributeError(f"'{cls.__name__}' object has no attribute '{name}'")
        full = f"{path}.{name}" if path else name
        represent = self.program.represents.get(ref.state)
        mapping = represent.mappings.get(full) if represent is not None else None
        cell = self.program.cell(ref.state, full)
        if isinstance(mapping, tree.MapsNone):
            self._show_page(ref, mapping, value)
            return
        if isinstance(mapping, tree.MapsTo):
            assert isinstance(mapping.place, tree.Index)
            keys = () if value is None else object.__getattribute__(value, "_hf")[1].keys
            for index, argument in enumerate(mapping.place.arguments):
                part = self.program.cell(ref.state, dotted(argument))
                if part is not None and (keys or isinstance(part.type, OptionalType)):
                    self.write(part, ref, keys[index] if keys else -1)
            return
        if cell is None:
            self.hides = True
            object.__setattr__(instance, name, value)
            return
        if isinstance(value, enum.Enum):
            value = value.value
        self.write(cell, ref, -1 if value is None else value)

    def _show_page(self, ref: Ref, mapping: tree.MapsNone, page: Any) -> None:
        """Store a page, or None: a truth value says whether there is one, another cell its address."""
        present = self.program.cell(ref.state, dotted(mapping.condition))
        address = self.program.cell(ref.state, f"{mapping.path}.address")
        if present is None or address is None:
            raise Unbuildable(f"{mapping.path} cannot be assigned")
        self.write(present, ref, page is not None)
        if page is not None:
            self.write(address, ref, page.address)

    # ------------------------------------------------------------ lists

    def _entry(self, cls: type, cell: Cell, ref: Ref, owner: Any) -> Any:
        """A real list entry; touching its links is touching the list's cell."""
        layout = self.program.layout
        assert layout is not None
        links = [link.name for link in layout.links]
        nodes = [link.name for link in layout.links if link.type.name == layout.name]
        machinery = self

        def get(instance: Any, name: str) -> Any:
            if name in nodes and machinery.watching:
                machinery.demand(*machinery._cell_of[id(instance)], "read")
            return object.__getattribute__(instance, name)

        def put(instance: Any, name: str, value: Any) -> None:
            if name in nodes and machinery.watching:
                machinery.demand(*machinery._cell_of[id(instance)], "written")
            object.__setattr__(instance, name, value)

        kind = type(cls.__name__, (cls,), {"__getattribute__": get, "__setattr__": put})
        entry: Any = kind.__new__(kind)  # type: ignore[call-overload]
        self._cell_of[id(entry)] = (cell, ref)
        for link in links:
            object.__setattr__(entry, link, entry if link in nodes else owner)
        return entry

    def _head(self, cell: Cell, ref: Ref, mapping: tree.MapsList, cls: type, name: str) -> Any:
        key = (cell.name, ref.keys)
        if key not in self._heads:
            kind = self.hint(cls, name)
            if kind is None:
                raise Unbuildable(f"the annotation of {cls.__name__}.{name} names no class")
            self._heads[key] = self._entry(kind, cell, ref, None)
            self.relink(cell, ref, mapping)
        return self._heads[key]

    def _node(self, owner: Ref, attribute: str, cls: type) -> Any:
        if (owner, attribute) not in self._nodes:
            state, mapping = self.program.lists_through(owner.state, attribute)[0]
            names = _place_names(mapping, owner)
            keys = tuple(names[key.name] for key in self.program.states[state].keys)
            cell = self.program.cell(state, mapping.cell)
            kind = self.hint(cls, attribute)
            assert cell is not None and kind is not None
            self._nodes[owner, attribute] = self._entry(kind, cell, Ref(state, keys), self.object(owner))
            self._touch(Ref(state, keys), mapping)
        return self._nodes[owner, attribute]

    def _touch(self, ref: Ref, mapping: tree.MapsList) -> None:
        """Make the head of a list, so that its members hang on it."""
        target: Any = self.object(ref)
        was, self.watching = self.watching, False
        for name in mapping.path.split("."):
            target = getattr(target, name)
        self.watching = was

    def _member(self, mapping: tree.MapsList, ref: Ref, element: int) -> Any:
        assert isinstance(mapping.place, tree.Member)
        env = Env(self.store, {mapping.variable: element}, ref, self.here)
        owner = self.evaluator.evaluate(mapping.place.base, env)
        assert isinstance(owner, Ref)
        represent = self.program.represents[owner.state]
        return self._node(owner, mapping.place.name, self.class_of(represent.target))

    def relink(self, cell: Cell, ref: Ref, mapping: tree.MapsList) -> None:
        """Make the real entries a circle in the order that the store says."""
        members = typing.cast(tuple[int, ...], self.evaluator.read(cell, ref, self.env()))
        head = self._heads[cell.name, ref.keys]
        entries = [self._member(mapping, ref, element) for element in members]
        forward, backward = self._links()
        for (owner, attribute), node in self._nodes.items():
            if self._cell_of[id(node)] == (cell, ref):
                object.__setattr__(node, forward, node)
                object.__setattr__(node, backward, node)
            del owner, attribute
        circle = [head, *entries]
        for left, right in zip(circle, [*circle[1:], head], strict=True):
            object.__setattr__(left, forward, right)
            object.__setattr__(right, backward, left)

    def _links(self) -> tuple[str, str]:
        """The first link of the layout leads to the next entry, the second to the one before."""
        layout = self.program.layout
        assert layout is not None
        nodes = [link.name for link in layout.links if link.type.name == layout.name]
        return nodes[0], nodes[-1]

    def put(self, cell: Cell, ref: Ref, value: Value) -> None:
        super().put(cell, ref, value)
        if isinstance(cell.type, FifoType) and (cell.name, ref.keys) in self._heads:
            mapping = self._mapping(cell)
            self.relink(cell, ref, mapping)

    def _mapping(self, cell: Cell) -> tree.MapsList:
        mappings = self.program.represents[cell.state].mappings.values()
        return next(m for m in mappings if isinstance(m, tree.MapsList) and m.cell == cell.path)

    def settle(self) -> None:
        """Read the real lists back into the store."""
        was, self.watching = self.watching, False
        broken: list[str] = []
        for (name, keys), head in self._heads.items():
            state, path = name.split(".", 1)
            cell = self.program.cell(state, path)
            assert cell is not None
            found = self._walk(head, self._mapping(cell))
            if found is None:
                broken.append(f"the list {Ref(state, keys)}.{path} is no longer a circle through its own entries")
            else:
                self.store.cells[name, keys] = found
        self.watching = was
        for text in broken:
            if not any(violation.text == text for violation in self.violations):
                self.breach("contract", text)

    def _walk(self, head: Any, mapping: tree.MapsList) -> tuple[int, ...] | None:
        forward, backward = self._links()
        elements: list[int] = []
        owners = {id(node): owner for (owner, _), node in self._nodes.items()}
        node = getattr(head, forward)
        before = head
        while node is not head:
            if getattr(node, backward) is not before or id(node) not in owners or len(elements) > len(owners):
                return None
            elements.append(_place_names(mapping, owners[id(node)])[mapping.variable])
            before, node = node, getattr(node, forward)
        return tuple(elements) if getattr(head, backward) is before else None

    # ------------------------------------------------------------ contracts

    def watch_contracts(self) -> None:
        """Check what each contract requires, at every call that the implementation makes, and every pause."""
        for contract in self.program.contracts:
            if contract.requires and contract.name not in self._contracts:
                name, original = self._named(contract.name)
                self._contracts[contract.name] = (name, original, self._checked(contract, original))
        for target, call in self.program.functions.items():
            name, original = self._named(target)
            self._contracts[target] = (name, original, watched(self, call, original, self.object))
        trusted = self.program.trusts.get("pause")
        if trusted is not None:
            self._contracts[trusted.target] = (*self._named(trusted.target), self._paused)
        self._rename(list(self._contracts.values()))

    def _named(self, target: str) -> tuple[str, Callable[..., Any]]:
        """A function `module:name`, and its name."""
        module, _, name = target.partition(":")
        return name, getattr(self.module(module), name)

    def unwatch_contracts(self) -> None:
        """Undo `watch_contracts`."""
        self._rename([(name, wrapped, original) for name, original, wrapped in self._contracts.values()])
        self._contracts.clear()

    def _rename(self, changes: list[tuple[str, Any, Any]]) -> None:
        """Replace functions wherever a module of the implementation knows them by their names."""
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and file.startswith(self.impl):
                known = vars(module)
                for name, old, new in changes:
                    if known.get(name) is old:
                        setattr(module, name, new)

    def _paused(self, *_: Any) -> None:
        for held in self.held:
            self.breach("lock.balanced", f"this CPU waits while it holds {held.lock}")
        if not self.schedule:
            raise Stuck("it waits, and no other CPU does anything")

    def _checked(self, contract: tree.Contract, original: Callable[..., Any]) -> Callable[..., Any]:
        roles = contract.roles

        def checked(*arguments: Any, **named: Any) -> Any:
            values = [*arguments, *(named[role.name] for role in roles[len(arguments) :] if role.name in named)]
            was, self.watching = self.watching, False
            names = self._role_values(contract, values)
            self.watching = was
            if names is not None:
                for condition in contract.requires:
                    if not self.evaluator.truth(condition, Env(self.store, names, None, self.here)):
                        self.breach("contract", f"{contract.name.split(':')[1]} needs what does not hold here")
            return original(*arguments, **named)

        return checked

    def _role_values(self, contract: tree.Contract, values: list[Any]) -> dict[str, Value] | None:
        self.settle()
        names: dict[str, Value] = {}
        owners = {id(node): owner for (owner, _), node in self._nodes.items()}
        homes: dict[str, tuple[Cell, Ref]] = {}
        for role, value in zip(contract.roles, values, strict=False):
            if id(value) not in self._cell_of:
                return None
            cell, ref = self._cell_of[id(value)]
            queue = self.evaluator.read(cell, ref, self.env())
            if role.kind == "list":
                names[role.name] = queue
                homes[role.name] = (cell, ref)
            elif id(value) in owners:
                names[role.name] = _place_names(self._mapping(cell), owners[id(value)])[self._mapping(cell).variable]
                if homes.setdefault(role.of, (cell, ref)) != (cell, ref):
                    self.watching = True
                    self.breach(
                        "contract", f"{contract.name.split(':')[1]} puts an entry on a list that it does not belong to"
                    )
                    self.watching = False
                names.setdefault(role.of, queue)
            else:
                return None
        return names


def _place_names(mapping: tree.MapsList, owner: Ref) -> dict[str, int]:
    """What the variables of a list's place are for the entry of `owner`."""
    assert isinstance(mapping.place, tree.Member) and isinstance(mapping.place.base, tree.Index)
    arguments = [argument.text for argument in mapping.place.base.arguments if isinstance(argument, tree.Name)]
    return dict(zip(arguments, owner.keys, strict=True))
