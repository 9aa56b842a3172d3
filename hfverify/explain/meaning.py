"""What each expression of the specification means, as a function from an environment to a value. No solver.

Reads   model.program.Program, syntax.tree expressions
Gives   Meanings: a closure for each expression, made once; which objects there are; cells that are read
Refuses an expression that has no value in the state (Undefined), when the closure is called
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

from hfverify.explain.depends import Dependence
from hfverify.explain.maps import Map
from hfverify.explain.mentions import relied_on
from hfverify.explain.operations import arithmetic, equal, of_bits, of_map, of_queue
from hfverify.explain.values import Bits, Env, Keys, LockRef, Part, Ref, Thunk, Undefined, Value, default
from hfverify.model.constants import constant_value
from hfverify.model.expressions import walk
from hfverify.model.program import Cell, Program
from hfverify.model.types import IntType, Type, bounds, int_type
from hfverify.syntax import tree

# An int where the specification has a number: `Any`, because what is read was given its type long before.
Closure = Callable[[Env], Any]
Member = Callable[[Ref, Env], Any]
ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "+": operator.add, "-": operator.sub,
    "*": operator.mul, "&": operator.and_, "|": operator.or_, "<<": operator.lshift, ">>": operator.rshift,
}  # fmt: skip


# Of how many situations it is kept what a quantifier said.
MOST_KNOWN = 4096


class Meanings:
    """The closures of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._closures: dict[int, tuple[tree.Expr, Closure]] = {}
        self._members: dict[tuple[str, str], Member | None] = {}
        self._counts: dict[str, tuple[Callable[[Keys, Env], int], ...]] = {}
        self._divisors: set[int] | None = None
        self._domains: dict[tuple[Any, ...], tuple[int, ...]] = {}
        # The variables that stand around the expression whose closure is being made.
        self._bound: frozenset[str] = frozenset()

    @cached_property
    def relied(self) -> set[str]:
        """The last parts of the names of the cells that decide what a CPU relies on."""
        return relied_on(self.program)

    def of(self, expr: tree.Expr) -> Closure:
        """The closure of an expression; it is kept as long as the expression is."""
        known = self._closures.get(id(expr))
        if known is None:
            known = self._closures[id(expr)] = (expr, self._make(expr))
        return known[1]

    def _inside(self, expr: tree.Expr, bound: Iterable[str]) -> Closure:
        """The closure of an expression that is evaluated only where these variables have numbers or objects."""
        around, self._bound = self._bound, frozenset(bound)
        try:
            return self.of(expr)
        finally:
            self._bound = around

    # ------------------------------------------------------------ objects

    def count(self, state: str, earlier: Keys, env: Env) -> int:
        """How many positions there are for the next key of a state."""
        return self._counted(state)[len(earlier)](earlier, env)

    def exists(self, ref: Ref, env: Env) -> bool:
        """Whether the position is one of the machine."""
        counts, keys = self._counted(ref.state), ref.keys
        return all(0 <= value < count(keys, env) for value, count in zip(keys, counts, strict=True))

    def _counted(self, state: str) -> tuple[Callable[[Keys, Env], int], ...]:
        found = self._counts.get(state)
        if found is None:
            found = self._counts[state] = tuple(
                self._count(state, index) for index in range(len(self.program.states[state].keys))
            )
        return found

    def _count(self, state: str, index: int) -> Callable[[Keys, Env], int]:
        keys = self.program.states[state].keys
        names, below = [key.name for key in keys[:index]], keys[index].below
        if isinstance(below, tree.Name) and below.text in self.program.sizes and below.text not in names:
            size = below.text
            return lambda _, env: env.store.sizes[size]
        closure = self.of(below)

        def count(earlier: Keys, env: Env) -> int:
            known: dict[str, Value | Thunk] = dict(zip(names, earlier, strict=False))
            return int(closure(Env(env.store, known, None, env.here, env.volatile)))

        return count

    def member(self, state: str, path: str) -> Member | None:
        """How a key, a lock, a cell or a part of an object is found; None if there is nothing of that name."""
        key = (state, path)
        if key not in self._members:
            self._members[key] = self._find(state, path)
        return self._members[key]

    def _find(self, name: str, path: str) -> Member | None:
        state = self.program.states[name]
        for index, key in enumerate(state.keys):
            if key.name == path:
                return lambda ref, _, index=index: ref.keys[index]  # type: ignore[misc]
        lock = f"{name}.{path}"
        if lock in self.program.locks:
            return lambda ref, _: LockRef(lock, ref)
        if path in state.cells:
            return self.cell(state.cells[path])
        if state.has_part(path):
            return lambda ref, _: Part(ref, path)
        return None

    def cell(self, cell: Cell) -> Member:
        """How a cell is read."""
        name, otherwise = cell.name, default(cell)
        if cell.is_fickle:

            def fickle(ref: Ref, env: Env) -> Value:
                if env.volatile is not None:
                    return env.volatile(cell, ref)
                return env.store.cells.get((name, ref.keys), otherwise)

            return fickle
        return lambda ref, env: env.store.cells.get((name, ref.keys), otherwise)

    # ------------------------------------------------------------ expressions

    def _make(self, expr: tree.Expr) -> Closure:
        match expr:
            case tree.Literal(_, value):
                found = -1 if value is None else value
                return lambda _: found
            case tree.Name(_, text):
                return self._name(text)
            case tree.Member(_, base, name):
                return self._member(self.of(base), name)
            case tree.Index(_, tree.Name(_, text), arguments) if text in self.program.states:
                return self._object(text, [self.of(argument) for argument in arguments])
            case tree.Index(_, base, (argument,)):
                return self._item(self.of(base), self.of(argument))
            case tree.Apply(_, tree.Name(_, name)):
                return self._apply(expr, name)
            case tree.Unary(_, sign, operand):
                inner = self.of(operand)
                if sign == "not":
                    return lambda env: not inner(env)
                return (lambda env: -inner(env)) if sign == "-" else inner
            case tree.Binary():
                return self._binary(expr)
            case tree.Conditional(_, condition, then, otherwise):
                asked, one, other = self.of(condition), self.of(then), self.of(otherwise)
                return lambda env: one(env) if asked(env) else other(env)
            case tree.Quantified():
                return self._quantified(expr)
            case tree.SetLiteral(_, items):
                closures = [self.of(item) for item in items]
                return lambda env: frozenset(closure(env) for closure in closures)
        raise AssertionError(expr)

    def _name(self, text: str) -> Closure:
        if text in self._bound:
            return lambda env: env.names[text]
        plain, find = self._plain(text), self.member

        def name(env: Env) -> Value:
            if text in env.names:
                found = env.names[text]
                return self.of(found.expr)(found.env) if isinstance(found, Thunk) else found
            if env.own is not None:
                member = find(env.own.state, text)
                if member is not None:
                    return member(env.own, env)
            return plain(env)

        return name

    def _plain(self, text: str) -> Closure:
        """What a name means if it is no variable and no part of the object that a declaration is about."""
        program = self.program
        if text in program.consts:
            return self._constant(program.consts[text][1])
        if text in program.sizes:
            return lambda env: env.store.sizes[text]
        value: Value
        if text in program.enum_items:
            value = program.enum_items[text][1]
        elif text in program.variants:
            variant = program.variants[text]
            value = (variant.tree.tag or 0) << variant.tag_shift
        elif program.thread is not None and text == program.thread.name:
            return lambda env: env.here
        elif text in program.lets:
            closure = self._inside(program.lets[text].value, ())
            return lambda env: closure(Env(env.store, self._actors(env), None, env.here, env.volatile, env.before))
        else:
            value = Ref(text, ())
        return lambda _: value

    def _constant(self, expr: tree.Expr) -> Closure:
        """It means the same wherever it is named."""
        number = constant_value(self.program, expr, ())
        if number is not None:
            return lambda _: number
        closure = self._inside(expr, ())
        return lambda env: closure(Env(env.store, {}, None, env.here, env.volatile, env.before))

    def _actors(self, env: Env) -> dict[str, Value | Thunk]:
        return {name: value for name, value in env.names.items() if name in self.program.actors}

    def _member(self, base: Closure, name: str) -> Closure:
        find = self.member

        def member(env: Env) -> Value:
            found = base(env)
            ref, path = (found.ref, f"{found.path}.{name}") if isinstance(found, Part) else (found, name)
            closure = find(ref.state, path)
            if closure is None:
                raise KeyError(path)
            return closure(ref, env)

        return member

    def _object(self, state: str, arguments: list[Closure]) -> Closure:
        exists = self.exists

        def indexed(env: Env) -> Ref:
            ref = Ref(state, tuple([argument(env) for argument in arguments]))
            if not exists(ref, env):
                raise Undefined(f"there is no {ref}")
            return ref

        return indexed

    def _item(self, base: Closure, argument: Closure) -> Closure:
        def item(env: Env) -> Value:
            found, number = base(env), argument(env)
            assert isinstance(found, Map)
            if number < 0:
                raise Undefined("the numbers of a map begin with 0")
            return found.at(number)

        return item

    def _apply(self, expr: tree.Apply, name: str) -> Closure:
        program = self.program
        if name in program.variants:
            return self._construct(expr, name)
        arguments = [self.of(argument) for argument in expr.arguments]
        if name == "old":

            def old(env: Env) -> Value:
                assert env.before is not None
                return arguments[0](Env(env.before, env.names, env.own, env.here, env.volatile, env.before))

            return old
        if name in program.pures:
            pure = program.pures[name]
            parameters = [parameter.name for parameter in pure.parameters]
            body = self._inside(pure.body, parameters)

            def call(env: Env) -> Value:
                names = self._actors(env)
                names.update(zip(parameters, [argument(env) for argument in arguments], strict=True))
                return body(Env(env.store, names, None, env.here, env.volatile, env.before))

            return call

        def builtin(env: Env) -> Value:
            values: list[Any] = [argument(env) for argument in arguments]
            first = values[0]
            if name == "overwrite":
                count = max(values[2], 0)
                return values[1][:count] + values[0][count:]
            if name == "within":
                one, other, value = values
                return all(one.at(n) != value or other.at(n) == value for n in {*one.starts, *other.starts})
            if isinstance(first, Map):
                return of_map(name, first, [n for n in values[1:] if isinstance(n, int)])
            if isinstance(first, Bits):
                return of_bits(name, first, values[1:])
            return of_queue(name, first, values[1:])

        return builtin

    def _construct(self, expr: tree.Apply, name: str) -> Closure:
        variant, given = self.program.variants[name], dict(expr.keywords)
        tag = (variant.tree.tag or 0) << variant.tag_shift
        fields = [
            (self.of(given[item.name]), (1 << (item.high - item.low + 1)) - 1 if item.truncated else -1, item.low)
            for item in variant.tree.fields
        ]
        return lambda env: tag + sum((closure(env) & mask) << low for closure, mask, low in fields)

    def _binary(self, expr: tree.Binary) -> Closure:
        left, right = self.of(expr.left), self.of(expr.right)
        match expr.operator:
            case "and":
                return lambda env: left(env) and right(env)
            case "or":
                return lambda env: left(env) or right(env)
            case "==>":
                return lambda env: not left(env) or right(env)
            case "==":
                return lambda env: equal(left(env), right(env))
            case "!=":
                return lambda env: not equal(left(env), right(env))
            case "in":
                return lambda env: left(env) in right(env)
            case "not in":
                return lambda env: left(env) not in right(env)
            case "&":
                return lambda env: _both(left(env), right(env))
        known, sign = ORDERS.get(expr.operator), expr.operator
        if known is not None:
            return lambda env: known(left(env), right(env))
        return lambda env: arithmetic(sign, left(env), right(env))

    # ------------------------------------------------------------ quantifiers

    def _quantified(self, expr: tree.Quantified) -> Closure:
        names = [parameter.name for parameter in expr.parameters]
        types = [parameter.type.name for parameter in expr.parameters]
        body, dependence = self._inside(expr.body, self._bound | set(names)), Dependence(self.program, expr)
        every = expr.kind == "forall"
        known: dict[tuple[Any, ...], bool] = {}

        def decide(env: Env, domains: tuple[tuple[int, ...], ...]) -> bool:
            bound = dict(env.names)
            inner = Env(env.store, bound, env.own, env.here, env.volatile, env.before)
            for values in product(*domains):
                bound.update(zip(names, values, strict=True))
                if body(inner) is not every:
                    return not every
            return every

        def quantified(env: Env) -> bool:
            domains = self._domains_of(types, env)
            key = dependence.key(env)
            if key is None:
                return decide(env, domains)
            key = (key, domains)
            if key not in known:
                if len(known) >= MOST_KNOWN:
                    known.clear()
                known[key] = decide(env, domains)
            return known[key]

        return quantified

    def _domains_of(self, types: Sequence[str], env: Env) -> tuple[tuple[int, ...], ...]:
        """The values that can matter: all small ones, and whatever a queue holds; where something begins or ends."""
        queues: list[tuple[Any, ...]] = []
        starts: dict[int, tuple[int, ...]] = {}
        for store in (env.store, env.before) if env.before is not None else (env.store,):
            for value in store.cells.values():
                kind = type(value)
                if kind is Map:
                    starts[id(value)] = value.starts  # type: ignore[attr-defined]
                elif kind is tuple and value and store is env.store:
                    queues.append(value)  # type: ignore[arg-type]
        named = tuple([v for v in env.names.values() if type(v) is int and v >= 0]) if starts else ()
        size = max([*env.store.sizes.values(), 3])
        return tuple([self._domain(type_, size, tuple(queues), tuple(starts.values()), named) for type_ in types])

    def _domain(self, type_: str, *seen: Any) -> tuple[int, ...]:
        key = (type_, *seen)
        found = self._domains.get(key)
        if found is None:
            if len(self._domains) >= MOST_KNOWN:
                self._domains.clear()
            found = self._domains[key] = self._values(type_, *seen)
        return found

    def _values(
        self,
        type_: str,
        size: int,
        queues: tuple[tuple[Any, ...], ...],
        starts: tuple[tuple[int, ...], ...],
        named: tuple[int, ...],
    ) -> tuple[int, ...]:
        resolved: Type | None = int_type(type_) or self.program.types.get(type_)
        _, high = bounds(resolved) if isinstance(resolved, IntType) else (0, None)
        found = set(range(size + 1))
        found.update(member for queue in queues for member in queue if isinstance(member, int))
        if starts:
            found |= self._ends(starts, named)
        return tuple(sorted(v for v in found if high is None or v <= high))

    def _ends(self, starts: tuple[tuple[int, ...], ...], named: tuple[int, ...]) -> set[int]:
        """Where something begins or ends: stretches of maps, and the numbers that have a name."""
        sizes = self._sizes()
        ends = {start * size for known in starts for start in known for size in sizes}
        ends |= {number // size for number in named for size in sizes} | set(named)
        return {end + step for end in ends for step in (-1, 0, 1) if end + step >= 0}

    def _sizes(self) -> set[int]:
        """By what the specification divides, so that the numbers of one map stand for several of another."""
        if self._divisors is None:
            program = self.program
            bodies = [pure.body for pure in program.pures.values()]
            bodies += [invariant.value for lock in program.locks.values() for invariant in lock.invariants]
            found = {
                constant_value(program, node.right, ())
                for body in bodies
                for node in walk(body)
                if isinstance(node, tree.Binary) and node.operator == "/"
            }
            self._divisors = {1, *(size for size in found if size is not None and size > 0)}
        return self._divisors


def _both(a: Any, b: Any) -> Value:
    return Bits(a & b) if isinstance(a, Bits) else a & b


_last: list[Meanings] = []


def meanings(program: Program) -> Meanings:
    """Those of the program that was asked for last are kept."""
    if not _last or _last[0].program is not program:
        _last[:] = [Meanings(program)]
    return _last[0]
