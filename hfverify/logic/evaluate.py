"""Evaluate the expressions of a specification in a symbolic state.

Reads   syntax.tree expressions that passed model.typing, logic.cells.Cells
Gives   logic.values.Value; facts and definedness conditions on the side
Refuses nothing: the resolver has
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import z3

from hfverify.diagnostics import Span
from hfverify.logic import arithmetic, maps
from hfverify.logic.cells import Cells
from hfverify.logic.facts import Facts, bound, in_range
from hfverify.logic.quantifiers import is_open
from hfverify.logic.terms import (
    Remembered,
    at_least,
    at_most,
    greater,
    implied,
    integer,
    less,
    minus,
    negated,
    numeral,
    plus,
    quotient,
    remainder,
    times,
    truth_value,
)
from hfverify.logic.values import (
    Bits,
    Bytes,
    Fifo,
    LockValue,
    Map,
    Part,
    Ref,
    SetValue,
    Stored,
    Value,
    conjunction,
    disjunction,
)
from hfverify.model.constants import constant_value
from hfverify.model.expressions import walk
from hfverify.model.program import Cell, Program
from hfverify.model.types import IntType, MapType, Type, bounds, int_type
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Thunk:
    """A `let`: its expression is evaluated in the environment in which it was bound."""

    expr: tree.Expr
    env: Env


@dataclass(frozen=True, slots=True)
class Env:
    """Where an expression is evaluated.

    `own` is the object whose keys and cells can be named without a prefix; `volatile` gives the value of
    a cell that has no stable one; `here` is the executing thread; `old(…)` speaks about the state `before`.
    """

    cells: Cells
    names: Mapping[str, Value | Thunk] = field(default_factory=dict)
    own: Ref | None = None
    here: z3.ArithRef | None = None
    volatile: Callable[[Cell, Ref], Stored] | None = None
    before: Cells | None = None

    def at(self, cells: Cells) -> Env:
        """The same names in another state."""
        return replace(self, cells=cells)

    def inside(self, ref: Ref) -> Env:
        """The scope of an object's own declaration."""
        return replace(self, own=ref, names={})

    def bind(self, names: Mapping[str, Value | Thunk]) -> Env:
        """With more names."""
        return replace(self, names={**self.names, **names})


@dataclass(frozen=True, slots=True)
class Condition:
    """Something must hold so that an expression has a value."""

    guards: tuple[z3.BoolRef, ...]
    goal: z3.BoolRef
    span: Span
    text: str


class Evaluator:
    """Evaluates expressions; collects what must hold for them to have a value in `conditions`."""

    def __init__(self, program: Program, facts: Facts) -> None:
        self.program = program
        self.facts = facts
        facts.map_cells = tuple(cell.name for cell in program.cells() if isinstance(cell.type, MapType))
        facts.quotients = program.quotients
        self.conditions: list[Condition] | None = None
        self._guards: list[z3.BoolRef] = []
        self._open = 0
        self._lets: dict[int, tuple[Thunk, Value]] = {}
        # What was evaluated, with what must live as long as its identity is part of a key.
        self._applied: dict[tuple[object, ...], tuple[Value, Env, list[Value]]] = {}

    # ------------------------------------------------------------ typed results

    def truth(self, expr: tree.Expr, env: Env) -> z3.BoolRef:
        """A condition."""
        value = self.evaluate(expr, env)
        assert isinstance(value, z3.BoolRef), expr
        return value

    def number(self, expr: tree.Expr, env: Env) -> z3.ArithRef:
        """A number."""
        value = self.evaluate(expr, env)
        assert isinstance(value, z3.ArithRef), expr
        return value

    def reference(self, expr: tree.Expr, env: Env) -> Ref:
        """An object."""
        value = self.evaluate(expr, env)
        assert isinstance(value, Ref), expr
        return value

    # ------------------------------------------------------------ definedness

    def need(self, goal: z3.BoolRef, span: Span, text: str) -> None:
        """Note what must hold here so that the expression has a value."""
        if self.conditions is not None and not z3.is_true(goal):
            self.conditions.append(Condition(tuple(self._guards), goal, span, text))

    @contextmanager
    def under(self, guard: z3.BoolRef) -> Iterator[None]:
        """Evaluate where this is known."""
        self._guards.append(guard)
        try:
            yield
        finally:
            self._guards.pop()

    # ------------------------------------------------------------ expressions

    def evaluate(self, expr: tree.Expr, env: Env) -> Value:
        """The value of an expression."""
        match expr:
            case tree.Literal(_, value):
                if isinstance(value, bool):
                    return truth_value(value)
                return numeral(-1 if value is None else value)
            case tree.Name():
                return self._name(expr, env)
            case tree.Member():
                return self._member(expr, env)
            case tree.Index(span, base, (argument,)) if not self.is_state(base):
                found, number = self.evaluate(base, env), self.number(argument, env)
                assert isinstance(found, Map)
                inside = conjunction([_folded_truth(number >= 0), _folded_truth(number < maps.NUMBERS)])
                self.need(inside, span, "a map has numbers of 64 bits")
                return maps.at(self.facts, found, number)
            case tree.Index(span, base, arguments):
                assert isinstance(base, tree.Name)
                keys = tuple(self.number(argument, env) for argument in arguments)
                ref = Ref(base.text, keys)
                self.need(self.exists(ref, env), span, f"there is no such {base.text}")
                return ref
            case tree.Apply():
                return self._apply(expr, env)
            case tree.Unary(_, operator, operand):
                if operator == "not":
                    return negated(self.truth(operand, env))
                number = self.number(operand, env)
                return _folded(-number) if operator == "-" else number
            case tree.Binary():
                return self._binary(expr, env)
            case tree.Conditional(_, condition, then, otherwise):
                test = self.truth(condition, env)
                with self.under(test):
                    left = self.evaluate(then, env)
                with self.under(negated(test)):
                    right = self.evaluate(otherwise, env)
                return choose(test, left, right)
            case tree.Quantified():
                return self._quantified(expr, env)
            case tree.SetLiteral(_, items):
                terms = [self.evaluate(item, env) for item in items]
                return SetValue(tuple(t for t in terms if isinstance(t, z3.ExprRef)))

    def is_state(self, base: tree.Expr) -> bool:
        """Whether what is indexed is a state, and not a map."""
        return isinstance(base, tree.Name) and base.text in self.program.states

    def exists(self, ref: Ref, env: Env) -> z3.BoolRef:
        """Whether the position is one of the machine."""
        limits: list[z3.BoolRef] = []
        names: dict[str, Value | Thunk] = {}
        for key, term in zip(self.program.states[ref.state].keys, ref.keys, strict=True):
            limit = self.number(key.below, Env(env.cells, names, None, env.here, env.volatile))
            limits += [at_least(term, numeral(0)), less(term, limit)]
            names[key.name] = term
        return conjunction(limits)

    def _constant(self, text: str, env: Env) -> Value:
        """A constant means the same wherever it is named."""
        expr = self.program.consts[text][1]
        number = constant_value(self.program, expr, ())
        return self.evaluate(expr, replace(env, names={}, own=None)) if number is None else numeral(number)

    def _name(self, expr: tree.Name, env: Env) -> Value:
        program, text = self.program, expr.text
        if text in env.names:
            found = env.names[text]
            return self._let(found) if isinstance(found, Thunk) else found
        if env.own is not None:
            own = self._of(env.own, "", text, env)
            if own is not None:
                return own
        if text in program.consts:
            return self._constant(text, env)
        if text in program.sizes:
            term = integer(text)
            self.facts.typed(term, program.sizes[text])
            return term
        if text in program.enum_items:
            return numeral(program.enum_items[text][1])
        if text in program.variants:
            return z3.IntVal((program.variants[text].tree.tag or 0) << program.variants[text].tag_shift)
        if program.thread is not None and text == program.thread.name:
            assert env.here is not None
            return env.here
        if text in program.lets:
            return self.evaluate(program.lets[text].value, replace(env, names=_actors(env, program), own=None))
        assert text in program.states, text
        return Ref(text, ())

    def _let(self, let: Thunk) -> Value:
        """The value of a `let`; asked again where it is noted what that value needs."""
        if self.conditions is not None:
            return self.evaluate(let.expr, let.env)
        if id(let) not in self._lets:
            self._lets[id(let)] = (let, self.evaluate(let.expr, let.env))
        return self._lets[id(let)][1]

    def _of(self, ref: Ref, path: str, name: str, env: Env) -> Value | None:
        """A key, lock, cell or part of an object; None if it has none of that name."""
        state = self.program.states[ref.state]
        if not path:
            for key, term in zip(state.keys, ref.keys, strict=True):
                if key.name == name:
                    return term
            if f"{state.name}.{name}" in self.program.locks:
                return LockValue(f"{state.name}.{name}", ref)
        full = f"{path}.{name}" if path else name
        if full in state.cells:
            return self.read(state.cells[full], ref, env)
        return Part(ref, full) if state.has_part(full) else None

    def read(self, cell: Cell, ref: Ref, env: Env) -> Stored:
        """The value of a cell, with what its type says about it."""
        fickle = cell.is_fickle
        value = env.volatile(cell, ref) if fickle and env.volatile is not None else env.cells.read(cell, ref)
        if not any(is_open(key) for key in ref.keys):
            self.facts.typed(value, cell.type)
        return value

    def _member(self, expr: tree.Member, env: Env) -> Value:
        base = self.evaluate(expr.base, env)
        if isinstance(base, z3.ArithRef):
            layout = self.program.layout
            assert layout is not None
            return z3.Select(env.cells.terms[f"{layout.name}.{expr.name}"][0], base)
        if isinstance(base, Part):
            found = self._of(base.ref, base.path, expr.name, env)
        else:
            assert isinstance(base, Ref), expr
            found = self._of(base, "", expr.name, env)
        assert found is not None, expr
        return found

    def _apply(self, expr: tree.Apply, env: Env) -> Value:
        assert isinstance(expr.function, tree.Name)
        name = expr.function.text
        if name in self.program.variants:
            return self._construct(expr, name, env)
        if name == "old":
            assert env.before is not None
            return self.evaluate(expr.arguments[0], env.at(env.before))
        arguments = [self.evaluate(argument, env) for argument in expr.arguments]
        if name in self.program.pures:
            key = (name, *_identity(env), *(part for value in arguments for part in _parts_of(value)))
            if self.conditions is None and key in self._applied:
                return self._applied[key][0]
            pure = self.program.pures[name]
            names = {p.name: value for p, value in zip(pure.parameters, arguments, strict=True)}
            for parameter, value in zip(pure.parameters, arguments, strict=True):
                self._fits(value, self._plain_type(parameter.type), expr.span)
            result = self.evaluate(pure.body, replace(env, names=_actors(env, self.program) | names, own=None))
            self._fits(result, self._plain_type(pure.type), expr.span)
            if self.conditions is None:
                self._applied[key] = (result, env, arguments)
            return result
        first = arguments[0]
        if name == "within":
            one, other, value = arguments
            assert isinstance(one, Map) and isinstance(other, Map) and isinstance(value, z3.ArithRef)
            return maps.within(self.facts, one, other, value)
        if isinstance(first, Map):
            return self._of_map(name, first, [n for n in arguments[1:] if isinstance(n, z3.ArithRef)])
        if name == "overwrite":
            old, new, count = arguments
            assert isinstance(old, Bytes) and isinstance(new, Bytes) and isinstance(count, z3.ArithRef)
            return self.facts.overwrite(old, new, count)
        if isinstance(first, Bits):
            return self._of_bits(name, first, arguments[1:], expr.span)
        assert isinstance(first, Fifo)
        if name == "first":
            self.need(z3.Not(self.facts.is_empty(first)), expr.span, "nobody is in the queue")
            return self.facts.first(first)
        element = arguments[1]
        assert isinstance(element, z3.ArithRef)
        if name == "append":
            self.need(z3.Not(first.has(element)), expr.span, "it is in the queue already")
            return first.append(element)
        if name == "remove":
            self.need(first.has(element), expr.span, "it is not in the queue")
            return first.remove(element)
        return z3.Select(first.ticket, element)

    def _of_map(self, name: str, map_: Map, numbers: list[z3.ArithRef]) -> Value:
        if name == "fill":
            first, last, value = numbers
            return maps.fill(self.facts, map_, first, last, value)
        if name == "count":
            first, last, value = numbers
            return maps.count(self.facts, map_, first, last, value)
        return maps.total(self.facts, map_, numbers[0])

    def _of_bits(self, name: str, bits: Bits, arguments: list[Value], span: Span) -> Value:
        if name == "cardinality":
            return self.facts.count(bits)
        if name == "lowest":
            self.need(z3.Not(self.facts.is_clear(bits)), span, "no number is in the set")
            return self.facts.lowest(bits, z3.IntVal(0))
        number = arguments[0]
        assert isinstance(number, z3.ArithRef)
        return bits.put(number, z3.BoolVal(name == "insert"))

    def _construct(self, expr: tree.Apply, name: str, env: Env) -> Value:
        variant = self.program.variants[name]
        fields = dict(expr.keywords)
        total: z3.ArithRef = z3.IntVal((variant.tree.tag or 0) << variant.tag_shift)
        for item in variant.tree.fields:
            value = self.number(fields[item.name], env)
            width = item.high - item.low + 1
            self._fits(value, self._plain_type(item.type), fields[item.name].span)
            if item.truncated:
                value = arithmetic.bit_and(value, z3.IntVal((1 << width) - 1), self.facts.ranges)
            total = _folded(total + _folded(value * (1 << item.low)))
        return total

    def _plain_type(self, type_: tree.Type) -> Type | None:
        return int_type(type_.name) or self.program.types.get(type_.name)

    def _fits(self, value: Value, type_: Type | None, span: Span) -> None:
        if isinstance(value, z3.ArithRef) and type_ is not None:
            low, high = self.facts.ranges.of(value)
            least, most = bounds(type_)
            inside = (least is None or (low is not None and low >= least)) and (
                most is None or (high is not None and high <= most)
            )
            if not inside:
                self.need(in_range(value, type_), span, f"the value does not fit {type_}")

    def _binary(self, expr: tree.Binary, env: Env) -> Value:
        operator = expr.operator
        if operator in ("and", "or", "==>"):
            left = self.truth(expr.left, env)
            with self.under(negated(left) if operator == "or" else left):
                right = self.truth(expr.right, env)
            if operator == "and":
                return conjunction([left, right])
            return disjunction([left, right]) if operator == "or" else implied(left, right)
        a, b = self.evaluate(expr.left, env), self.evaluate(expr.right, env)
        if isinstance(a, Bits) and isinstance(b, Bits) and operator == "&":
            return self.facts.meet(a, b)
        match operator:
            case "==":
                return self.equal(a, b)
            case "!=":
                return negated(self.equal(a, b))
            case "in":
                return self._contains(b, a)
            case "not in":
                return negated(self._contains(b, a))
        assert isinstance(a, z3.ArithRef) and isinstance(b, z3.ArithRef)
        return self._arithmetic(operator, a, b, expr.span)

    def _arithmetic(self, operator: str, a: z3.ArithRef, b: z3.ArithRef, span: Span) -> z3.ExprRef:
        ranges = self.facts.ranges
        match operator:
            case "<":
                return less(a, b)
            case "<=":
                return at_most(a, b)
            case ">":
                return greater(a, b)
            case ">=":
                return at_least(a, b)
            case "+":
                return _folded(plus(a, b))
            case "-":
                return _folded(minus(a, b))
            case "*":
                return _folded(times(a, b))
            case "/" | "%":
                self.need(b > 0, span, "the divisor is not positive")
                return _folded(quotient(a, b) if operator == "/" else remainder(a, b))
        self.need(
            conjunction([_folded_truth(a >= 0), _folded_truth(b >= 0)]),
            span,
            "a bit operation needs numbers that are not negative",
        )
        if operator in ("<<", ">>"):
            self.need(b <= arithmetic.WIDEST, span, f"a shift is at most {arithmetic.WIDEST}")
        elif arithmetic.needs_vectors(a, b, ranges, joins=operator == "|"):
            limit = z3.IntVal(1 << arithmetic.WIDEST)
            self.need(z3.And(a < limit, b < limit), span, "a bit operation needs numbers of at most 64 bits")
        match operator:
            case "&":
                return arithmetic.bit_and(a, b, ranges)
            case "|":
                return arithmetic.bit_or(a, b, ranges)
            case "<<":
                return arithmetic.shift_left(a, b, ranges)
            case _:
                return arithmetic.shift_right(a, b, ranges)

    def equal(self, a: Value, b: Value) -> z3.BoolRef:
        """`a == b`."""
        if isinstance(a, SetValue) or (isinstance(b, Fifo) and not isinstance(a, Fifo)):
            a, b = b, a
        if isinstance(a, Bits):
            assert isinstance(b, SetValue) and not b.items
            return self.facts.is_clear(a)
        if isinstance(a, Fifo):
            assert isinstance(b, SetValue) and not b.items
            return self.facts.is_empty(a)
        if isinstance(a, Ref):
            assert isinstance(b, Ref)
            return a.same(b)
        assert isinstance(a, z3.ExprRef) and isinstance(b, z3.ExprRef)
        return _equal(a, b)

    def _contains(self, container: Value, element: Value) -> z3.BoolRef:
        assert isinstance(element, z3.ExprRef)
        if isinstance(container, Fifo):
            return container.has(element)
        if isinstance(container, Bits):
            assert isinstance(element, z3.ArithRef)
            return container.has(element)
        assert isinstance(container, SetValue)
        return disjunction([_equal(element, item) for item in container.items])

    def _quantified(self, expr: tree.Quantified, env: Env) -> z3.BoolRef:
        variables: dict[str, z3.ArithRef] = {}
        limits: dict[str, z3.BoolRef] = {}
        # A definition that is used in here may have variables of the same name: they must stay apart.
        depth = self._open
        for parameter in expr.parameters:
            indexes = self._indexes(parameter.name, expr.body, set())
            variable = bound(f"{parameter.name}@{depth}", maps.DOMAIN if indexes else parameter.type.name)
            variables[parameter.name] = variable
            type_ = self._plain_type(parameter.type)
            if isinstance(type_, IntType) and type_.high is not None:
                limits[parameter.name] = in_range(variable, type_)
        with self.under(conjunction(list(limits.values()))):
            self._open += 1
            try:
                body = self.truth(expr.body, env.bind(variables))
            finally:
                self._open -= 1
        terms, known, marks = list(variables.values()), list(limits.values()), list[z3.BoolRef]()
        for name, variable in variables.items():
            if variable.decl().name().endswith(f":{maps.DOMAIN}"):
                kind = maps.kind_of_variable(self.facts, variable, body)
                named = bound(f"{name}@{depth}", f"{maps.DOMAIN} {kind}")
                body, *known = (z3.substitute(part, (variable, named)) for part in (body, *known))
                terms = [named if term.eq(variable) else term for term in terms]
                marks.append(maps.mark(named, kind))
        patterns = [z3.MultiPattern(*marks)] if len(marks) == len(terms) > 0 else []
        if expr.kind == "forall":
            return z3.ForAll(terms, z3.Implies(conjunction([*known, *marks]), body), patterns=patterns)
        return z3.Exists(terms, z3.And(conjunction([*known, *marks]), body))

    def _indexes(self, name: str, expr: tree.Expr, seen: set[str]) -> bool:
        """Whether the value of a map at this number, or at one that is computed from it, is asked for."""
        for inner in walk(expr):
            match inner:
                case tree.Index(_, base, (argument,)) if not self.is_state(base):
                    if _speaks_of(argument, name):
                        return True
                case tree.Apply(_, tree.Name(_, function), arguments) if function in self.program.pures:
                    pure = self.program.pures[function]
                    for parameter, argument in zip(pure.parameters, arguments, strict=True):
                        key = f"{function}.{parameter.name}"
                        if key not in seen and _speaks_of(argument, name):
                            seen.add(key)
                            if self._indexes(parameter.name, pure.body, seen):
                                return True
        return False


def _speaks_of(expr: tree.Expr, name: str) -> bool:
    return any(isinstance(inner, tree.Name) and inner.text == name for inner in walk(expr))


def _identity(env: Env) -> tuple[object, ...]:
    """What the value of an expression depends on, beside its arguments: the state, and who executes."""
    actors = sorted((name, id(value)) for name, value in env.names.items() if isinstance(value, Ref))
    here = env.here.get_id() if env.here is not None else None
    return id(env.cells), id(env.before), id(env.volatile), here, tuple(actors)


def _parts_of(value: Value) -> Iterator[object]:
    """What tells an argument from another one."""
    match value:
        case z3.ExprRef():
            yield value.get_id()
        case Ref(state, keys):
            yield state
            yield from (key.get_id() for key in keys)
        case Map(content) | Bytes(content):
            yield content.get_id()
        case _:
            yield id(value)


def choose(test: z3.BoolRef, left: Value, right: Value) -> Value:
    """The one or the other."""
    if isinstance(left, Ref) and isinstance(right, Ref):
        return Ref(left.state, tuple(z3.If(test, a, b) for a, b in zip(left.keys, right.keys, strict=True)))
    if isinstance(left, Fifo) and isinstance(right, Fifo):
        return Fifo(
            z3.If(test, left.member, right.member),
            z3.If(test, left.ticket, right.ticket),
            z3.If(test, left.next, right.next),
        )
    if isinstance(left, Bits) and isinstance(right, Bits):
        return Bits(z3.If(test, left.member, right.member))
    if isinstance(left, Map) and isinstance(right, Map):
        return Map(z3.If(test, left.content, right.content))
    if isinstance(left, Bytes) and isinstance(right, Bytes):
        return Bytes(z3.If(test, left.content, right.content))
    assert isinstance(left, z3.ExprRef) and isinstance(right, z3.ExprRef)
    return left if left.eq(right) else z3.If(test, left, right)


def _actors(env: Env, program: Program) -> dict[str, Value | Thunk]:
    """The names that stay visible inside a definition: who executes."""
    return {name: value for name, value in env.names.items() if name in program.actors}


@Remembered
def _folded(term: z3.ArithRef) -> z3.ArithRef:
    """A number if the operands are numbers."""
    found = z3.simplify(term) if all(z3.is_int_value(child) for child in term.children()) else term
    assert isinstance(found, z3.ArithRef)
    return found


def _folded_truth(term: z3.BoolRef) -> z3.BoolRef:
    """A comparison, decided if its operands say so."""
    left, right = term.arg(0), term.arg(1)
    if z3.is_int_value(left) and z3.is_int_value(right):
        return z3.simplify(term)
    return z3.BoolVal(True) if z3.is_eq(term) and left.eq(right) else term


@Remembered
def _equal(a: z3.ExprRef, b: z3.ExprRef) -> z3.BoolRef:
    return _folded_truth(a == b)
