"""A concrete state, and the value that an expression of the specification has in it. No solver.

Reads   model.program.Program, syntax.tree expressions
Gives   Store, Evaluator: a second, independent reading of the specification's meaning
Refuses an expression that has no value in the state (Undefined)
"""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hfverify.diagnostics import NOWHERE
from hfverify.explain.maps import Map
from hfverify.model.constants import constant_value
from hfverify.model.expressions import walk
from hfverify.model.program import Cell, Program
from hfverify.model.types import (
    BitsType,
    BoolType,
    BytesType,
    EnumType,
    FifoType,
    IntType,
    MapType,
    OptionalType,
    Type,
    bounds,
    int_type,
)
from hfverify.syntax import tree

Keys = tuple[int, ...]
Value = object
# What two numbers give, where there is nothing to be careful about.
PLAIN: dict[str, Callable[[int, int], Value]] = {
    "==": operators.eq, "!=": operators.ne, "<": operators.lt, "<=": operators.le, ">": operators.gt,
    ">=": operators.ge, "+": operators.add, "-": operators.sub, "*": operators.mul, "&": operators.and_,
    "|": operators.or_, "<<": operators.lshift, ">>": operators.rshift,
}  # fmt: skip


class Undefined(Exception):
    """An expression has no value here."""


@dataclass(frozen=True, slots=True)
class Ref:
    """An object by position."""

    state: str
    keys: Keys

    def __str__(self) -> str:
        return f"{self.state}[{', '.join(map(str, self.keys))}]" if self.keys else self.state


@dataclass(frozen=True, slots=True)
class Part:
    """What lies below a path of an object."""

    ref: Ref
    path: str


@dataclass(frozen=True, slots=True)
class LockRef:
    """A lock of an object."""

    name: str
    ref: Ref

    def __str__(self) -> str:
        return f"{self.ref}.{self.name.split('.')[1]}"


@dataclass(slots=True)
class Store:
    """The sizes of the machine, and the value of each cell of each object.

    Queues are tuples, first in line first; sets of bits are `Bits`; buffers are `bytes`; `none` is -1; truth
    values are `bool`.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    cells: dict[tuple[str, Keys], Value] = field(default_factory=dict)

    def copy(self) -> Store:
        """An independent copy."""
        return Store(dict(self.sizes), dict(self.cells))


class Bits(frozenset[int]):
    """A set of bits: the numbers of those that are set."""


def default(cell: Cell) -> Value:
    """The value of a cell about which a scenario says nothing."""
    match cell.type:
        case BoolType():
            return False
        case FifoType():
            return ()
        case BytesType(length):
            return bytes(length)
        case BitsType():
            return Bits()
        case OptionalType():
            return -1
        case MapType():
            return Map((0,), (0,))
        case _:
            low, _ = bounds(cell.type)
            return max(low or 0, 0)


def show(cell: Cell, value: Value) -> Any:
    """A value as JSON: enumeration names, `null` for none, lists for queues, hexadecimal for buffers."""
    match cell.type:
        case EnumType():
            return cell.type.item_name(value) or value if isinstance(value, int) else value
        case OptionalType():
            return None if value == -1 else value
        case FifoType():
            return list(value) if isinstance(value, tuple) else value
        case BitsType():
            return sorted(value) if isinstance(value, Bits) else value
        case BytesType():
            return value.rstrip(b"\0").hex() if isinstance(value, bytes) else value
        case MapType():
            return (
                [list(pair) for pair in zip(value.starts, value.values, strict=True)]
                if isinstance(value, Map)
                else value
            )
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Thunk:
    """A `let`: evaluated where it was bound."""

    expr: tree.Expr
    env: Env


@dataclass(frozen=True, slots=True)
class Env:
    """Where an expression is evaluated; `volatile` gives the value of a cell that has no stable one.

    `old(…)` speaks about the state `before`.
    """

    store: Store
    names: Mapping[str, Value | Thunk] = field(default_factory=dict)
    own: Ref | None = None
    here: int = 0
    volatile: Callable[[Cell, Ref], Value] | None = None
    before: Store | None = None

    def at(self, store: Store) -> Env:
        """In another state."""
        return replace(self, store=store)

    def bind(self, names: Mapping[str, Value | Thunk]) -> Env:
        """With more names."""
        bound = {**self.names, **names}
        return Env(self.store, bound, self.own, self.here, self.volatile, self.before)


class Evaluator:
    """Evaluates expressions of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._constants: dict[str, Value] = {}
        self._known_divisors: set[int] | None = None
        self._meanings: dict[tuple[str, str, str], int | Cell | tree.Name | str | None] = {}

    def truth(self, expr: tree.Expr, env: Env) -> bool:
        """A condition."""
        value = self.evaluate(expr, env)
        assert isinstance(value, bool), expr
        return value

    def number(self, expr: tree.Expr, env: Env) -> int:
        """A number."""
        value = self.evaluate(expr, env)
        assert isinstance(value, int), expr
        return value

    def count(self, state: str, earlier: Keys, env: Env) -> int:
        """How many positions there are for the next key of a state."""
        keys = self.program.states[state].keys
        names: dict[str, Value | Thunk] = {key.name: value for key, value in zip(keys, earlier, strict=False)}
        return self.number(keys[len(earlier)].below, Env(env.store, names, None, env.here, env.volatile))

    def positions(self, state: str, env: Env) -> list[Keys]:
        """Every object of a state."""
        found: list[Keys] = [()]
        for _ in self.program.states[state].keys:
            found = [(*keys, value) for keys in found for value in range(self.count(state, keys, env))]
        return found

    def exists(self, ref: Ref, env: Env) -> bool:
        """Whether the position is one of the machine."""
        return all(0 <= value < self.count(ref.state, ref.keys[:index], env) for index, value in enumerate(ref.keys))

    # ------------------------------------------------------------ expressions

    def evaluate(self, expr: tree.Expr, env: Env) -> Value:
        """The value of an expression."""
        match expr:
            case tree.Name():
                return self._name(expr.text, env)
            case tree.Binary():
                return self._binary(expr, env)
            case tree.Literal():
                return -1 if expr.value is None else expr.value
            case tree.Member(_, base, name):
                return self._member(self.evaluate(base, env), name, env)
            case tree.Index(_, base, (argument,)) if not self.is_state(base):
                found, number = self.evaluate(base, env), self.number(argument, env)
                assert isinstance(found, Map)
                if number < 0:
                    raise Undefined("the numbers of a map begin with 0")
                return found.at(number)
            case tree.Index(_, base, arguments):
                assert isinstance(base, tree.Name)
                ref = Ref(base.text, tuple(self.number(argument, env) for argument in arguments))
                if not self.exists(ref, env):
                    raise Undefined(f"there is no {ref}")
                return ref
            case tree.Apply():
                return self._apply(expr, env)
            case tree.Unary(_, "not", operand):
                return not self.truth(operand, env)
            case tree.Unary(_, operator, operand):
                number = self.number(operand, env)
                return -number if operator == "-" else number
            case tree.Conditional(_, condition, then, otherwise):
                return self.evaluate(then if self.truth(condition, env) else otherwise, env)
            case tree.Quantified():
                return self._quantified(expr, env)
            case tree.SetLiteral(_, items):
                return frozenset(self.evaluate(item, env) for item in items)

    def is_state(self, base: tree.Expr) -> bool:
        """Whether what is indexed is a state, and not a map."""
        return isinstance(base, tree.Name) and base.text in self.program.states

    def _name(self, text: str, env: Env) -> Value:
        program = self.program
        if text in env.names:
            found = env.names[text]
            return self.evaluate(found.expr, found.env) if isinstance(found, Thunk) else found
        if env.own is not None and self._found(env.own.state, "", text) is not None:
            return self._member(env.own, text, env)
        if text in program.consts:
            if text not in self._constants:
                self._constants[text] = self.evaluate(program.consts[text][1], env)
            return self._constants[text]
        if text in program.sizes:
            return env.store.sizes[text]
        if text in program.enum_items:
            return program.enum_items[text][1]
        if text in program.variants:
            variant = program.variants[text]
            return (variant.tree.tag or 0) << variant.tag_shift
        if program.thread is not None and text == program.thread.name:
            return env.here
        if text in program.lets:
            return self.evaluate(program.lets[text].value, replace(env, names=self._actors(env), own=None))
        return Ref(text, ())

    def _actors(self, env: Env) -> dict[str, Value | Thunk]:
        return {name: value for name, value in env.names.items() if name in self.program.actors}

    def _member(self, base: Value, name: str, env: Env) -> Value:
        ref, path = (base.ref, base.path) if isinstance(base, Part) else (base, "")
        assert isinstance(ref, Ref)
        found = self._found(ref.state, path, name)
        match found:
            case int():
                return ref.keys[found]
            case Cell():
                return self.read(found, ref, env)
            case tree.Name():
                return LockRef(found.text, ref)
            case str():
                return Part(ref, found)
        raise KeyError(name)

    def _found(self, state: str, path: str, name: str) -> int | Cell | tree.Name | str | None:
        """What a name means below a path of an object: the number of a key, a cell, a lock by its name, a part."""
        key = (state, path, name)
        if key not in self._meanings:
            self._meanings[key] = self._meaning(state, path, name)
        return self._meanings[key]

    def _meaning(self, state: str, path: str, name: str) -> int | Cell | tree.Name | str | None:
        info = self.program.states[state]
        if not path:
            for index, key in enumerate(info.keys):
                if key.name == name:
                    return index
            if f"{state}.{name}" in self.program.locks:
                return tree.Name(NOWHERE, f"{state}.{name}")
        full = f"{path}.{name}" if path else name
        if full in info.cells:
            return info.cells[full]
        return full if info.has_part(full) else None

    def read(self, cell: Cell, ref: Ref, env: Env) -> Value:
        """The value of a cell."""
        fickle = cell.is_fickle
        if fickle and env.volatile is not None:
            return env.volatile(cell, ref)
        value = env.store.cells.get((cell.name, ref.keys))
        return default(cell) if value is None else value

    def _apply(self, expr: tree.Apply, env: Env) -> Value:
        assert isinstance(expr.function, tree.Name)
        name = expr.function.text
        if name in self.program.variants:
            return self._construct(expr, name, env)
        if name == "old":
            assert env.before is not None
            return self.evaluate(expr.arguments[0], replace(env, store=env.before))
        arguments = [self.evaluate(argument, env) for argument in expr.arguments]
        if name in self.program.pures:
            pure = self.program.pures[name]
            names = self._actors(env) | {p.name: v for p, v in zip(pure.parameters, arguments, strict=True)}
            return self.evaluate(pure.body, replace(env, names=names, own=None))
        queue = arguments[0]
        if name == "overwrite":
            old, new, count = arguments
            assert isinstance(old, bytes) and isinstance(new, bytes) and isinstance(count, int)
            return new[: max(count, 0)] + old[max(count, 0) :]
        if name == "within":
            one, other, value = arguments
            assert isinstance(one, Map) and isinstance(other, Map)
            return all(one.at(n) != value or other.at(n) == value for n in {*one.starts, *other.starts})
        if isinstance(queue, Map):
            return _of_map(name, queue, [n for n in arguments[1:] if isinstance(n, int)])
        if isinstance(queue, Bits):
            return _of_bits(name, queue, arguments[1:])
        assert isinstance(queue, tuple)
        if name == "first":
            if not queue:
                raise Undefined("nobody is in the queue")
            return queue[0]
        element = arguments[1]
        if name == "append":
            if element in queue:
                raise Undefined("it is in the queue already")
            return (*queue, element)
        if element not in queue:
            raise Undefined("it is not in the queue")
        if name == "remove":
            return tuple(member for member in queue if member != element)
        return queue.index(element)

    def _construct(self, expr: tree.Apply, name: str, env: Env) -> int:
        variant = self.program.variants[name]
        fields = dict(expr.keywords)
        total = (variant.tree.tag or 0) << variant.tag_shift
        for item in variant.tree.fields:
            value = self.number(fields[item.name], env)
            if item.truncated:
                value &= (1 << (item.high - item.low + 1)) - 1
            total += value << item.low
        return total

    def _binary(self, expr: tree.Binary, env: Env) -> Value:
        operator = expr.operator
        if operator == "and":
            return self.truth(expr.left, env) and self.truth(expr.right, env)
        if operator == "or":
            return self.truth(expr.left, env) or self.truth(expr.right, env)
        if operator == "==>":
            return not self.truth(expr.left, env) or self.truth(expr.right, env)
        a, b = self.evaluate(expr.left, env), self.evaluate(expr.right, env)
        if operator in PLAIN and isinstance(a, int) and isinstance(b, int):
            return PLAIN[operator](a, b)
        if isinstance(a, Bits) and isinstance(b, Bits) and operator == "&":
            return Bits(a & b)
        if operator in ("==", "!="):
            return _equal(a, b) is (operator == "==")
        if operator in ("in", "not in"):
            assert isinstance(b, tuple | frozenset)
            return (a in b) is (operator == "in")
        assert isinstance(a, int) and isinstance(b, int) and operator in ("/", "%")
        if b <= 0:
            raise Undefined("the divisor is not positive")
        return a // b if operator == "/" else a % b

    def _quantified(self, expr: tree.Quantified, env: Env) -> bool:
        domains = [self._domain(parameter.type, env) for parameter in expr.parameters]
        names = [parameter.name for parameter in expr.parameters]
        results = (
            self.truth(expr.body, env.bind(dict(zip(names, values, strict=True)))) for values in _product(domains)
        )
        return all(results) if expr.kind == "forall" else any(results)

    def _domain(self, type_: tree.Type, env: Env) -> Iterable[int]:
        """The values that can matter: all small ones, and whatever a queue holds."""
        resolved: Type | None = int_type(type_.name) or self.program.types.get(type_.name)
        _, high = bounds(resolved) if isinstance(resolved, IntType) else (0, None)
        stretches = self._ends(env)
        largest = max([*env.store.sizes.values(), 3])
        held = {
            m for value in env.store.cells.values() if isinstance(value, tuple) for m in value if isinstance(m, int)
        }
        return sorted(v for v in held | stretches | set(range(largest + 1)) if high is None or v <= high)

    def _divisors(self) -> set[int]:
        """By what the specification divides, so that the numbers of one map stand for several of another."""
        if self._known_divisors is None:
            program = self.program
            bodies = [pure.body for pure in program.pures.values()]
            bodies += [invariant.value for lock in program.locks.values() for invariant in lock.invariants]
            found = {
                constant_value(program, node.right, ())
                for body in bodies
                for node in walk(body)
                if isinstance(node, tree.Binary) and node.operator == "/"
            }
            self._known_divisors = {1, *(size for size in found if size is not None and size > 0)}
        return self._known_divisors

    def _ends(self, env: Env) -> set[int]:
        """Where something begins or ends: stretches of maps, and the numbers that have a name."""
        stores = [env.store] if env.before is None else [env.store, env.before]
        maps = {id(v): v for store in stores for v in store.cells.values() if isinstance(v, Map)}
        if not maps:
            return set()
        sizes = self._divisors()
        ends = {start * size for value in maps.values() for start in value.starts for size in sizes}
        named = {v for v in env.names.values() if isinstance(v, int) and not isinstance(v, bool) and v >= 0}
        ends |= {number // size for number in named for size in sizes} | named
        return {end + step for end in ends for step in (-1, 0, 1) if end + step >= 0}


def _of_map(name: str, map_: Map, numbers: list[int]) -> Value:
    if name == "fill":
        return map_.fill(*numbers)
    if name == "count":
        return map_.count(*numbers)
    found = map_.total(*numbers)
    if found is None:
        raise Undefined("there is no end to the numbers with this value")
    return found


def _of_bits(name: str, bits: Bits, arguments: list[Value]) -> Value:
    match name:
        case "cardinality":
            return len(bits)
        case "lowest":
            if not bits:
                raise Undefined("no number is in the set")
            return min(bits)
    number = arguments[0]
    assert isinstance(number, int)
    return Bits(bits | {number}) if name == "insert" else Bits(bits - {number})


def _equal(a: Value, b: Value) -> bool:
    if isinstance(a, Bits) and isinstance(b, Bits):
        return a == b
    if isinstance(a, frozenset) or isinstance(b, frozenset):
        return not a and not b
    return a == b


def _product(domains: list[Iterable[int]]) -> list[tuple[int, ...]]:
    result: list[tuple[int, ...]] = [()]
    for domain in domains:
        values = list(domain)
        result = [(*prefix, value) for prefix in result for value in values]
    return result
