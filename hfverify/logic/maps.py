"""The theory of maps: values over ranges of numbers, and how often a value occurs.

Reads   logic.values.Map
Gives   fill, at, count, total and within; a map that was filled is read through, so no quantifier is left
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import z3

from hfverify.logic.facts import Facts, bound, subterms
from hfverify.logic.quantifiers import is_open
from hfverify.logic.terms import Named, Remembered, select
from hfverify.logic.values import Map, conjunction

# Over what the variable of a quantifier ranges that speaks about the values of a map.
DOMAIN = "number"
# The sign of a number that matters where every instance is written out, and is none too many for the solver.
ALSO = "also"


# A map has a value for each number of 64 bits.
NUMBERS = 1 << 64


@dataclass(frozen=True, slots=True)
class Filled:
    """What a map was made of: `old`, but `value` from `first` up to `last`."""

    name: z3.ArrayRef
    old: Map
    first: z3.ArithRef
    last: z3.ArithRef
    value: z3.ArithRef


def fill(facts: Facts, old: Map, first: z3.ArithRef, last: z3.ArithRef, value: z3.ArithRef) -> Map:
    """The map in which the numbers from `first` up to `last` have a value."""
    key = tuple(term.get_id() for term in (old.content, first, last, value))
    if key not in facts.filled:
        name = z3.Array(f"map!{facts.number()}", z3.IntSort(), z3.IntSort())
        made = Filled(name, old, first, last, value)
        facts.filled[key] = made
        facts.named_maps[name.get_id()] = made
    return Map(facts.filled[key].name)


_sign: Named[str, z3.FuncDeclRef] = Named(lambda name: z3.Function(name, z3.IntSort(), z3.BoolSort()))


def mark(number: z3.ArithRef, kind: str) -> z3.BoolRef:
    """Always true: a sign for the solver that what holds of all numbers of a kind is of use for this one.

    Numbers that index one map are of one kind, wherever the map is.
    """
    return _sign(f"{DOMAIN} {kind}")(number)


def marked(formulas: Iterable[z3.BoolRef], *, also: bool) -> dict[str, list[z3.ArithRef]]:
    """The numbers that turned up, by the cell that they index; `also` those of which something follows."""
    found: dict[str, list[z3.ArithRef]] = {}
    for formula in formulas:
        name = formula.decl().name() if z3.is_app(formula) and formula.num_args() == 1 else ""
        sign, _, kind = name.partition(" ")
        if sign == DOMAIN or (also and sign == ALSO):
            found.setdefault(kind, []).append(formula.arg(0))
    return found


def kind_of(facts: Facts, content: z3.ExprRef) -> str:
    """The cell whose values these are."""
    while True:
        match _parts(facts, content):
            case Filled(_, old):
                content = old.content
            case (_, left, _):
                content = left
            case _:
                break
    while not z3.is_const(content) and content.num_args() > 0:
        content = content.arg(0)
    return str(content.decl().name()).split("!")[0]


def kind_of_variable(facts: Facts, variable: z3.ArithRef, body: z3.BoolRef) -> str:
    """Which kind of number a quantifier is about: what indexes a map, or what quotients are taken of that do."""
    direct, parts = set[str](), set[str]()
    for term in subterms(body):
        if z3.is_select(term) and z3.is_int(term) and term.num_args() == 2 and z3.is_array(term.arg(0)):
            kind = kind_of(facts, term.arg(0))
            if term.arg(1).eq(variable):
                direct.add(kind)
            elif z3.is_app_of(term.arg(1), z3.Z3_OP_IDIV) and term.arg(1).arg(0).eq(variable):
                parts.add(kind)
    return min(direct or _wholes(facts, parts) or {""})


def _wholes(facts: Facts, kinds: set[str]) -> set[str]:
    """The kinds of which quotients index these maps: the other maps of the same objects."""
    states = {kind.split(".")[0] for kind in kinds}
    others = {name for name in facts.map_cells if name.split(".")[0] in states}
    return others - kinds


def _meet(facts: Facts, content: z3.ExprRef, number: z3.ArithRef) -> None:
    """A number, and what it is a part of, turned up as an index."""
    if is_open(number):
        return
    kind = kind_of(facts, content)
    turn_up(facts, number, kind)
    if z3.is_app_of(number, z3.Z3_OP_IDIV):
        for whole in sorted(_wholes(facts, {kind, *facts.quotients})):
            facts.add(mark(number.arg(0), whole))


def turn_up(facts: Facts, number: z3.ArithRef, kind: str) -> None:
    """A number of this kind, the first of its parts, and what it is a part of."""
    facts.add(mark(number, kind))
    if kind not in facts.quotients:
        for cell, size in facts.quotients.items():
            if cell.split(".")[0] == kind.split(".")[0]:
                facts.add(_sign(f"{ALSO} {cell}")(number / size))
    if kind in facts.quotients:
        for whole in sorted(_wholes(facts, set(facts.quotients))):
            facts.add(_sign(f"{ALSO} {whole}")(number * facts.quotients[kind]))


def compare_quotients(facts: Facts, formula: z3.BoolRef) -> None:
    """How the quotients of one number compare: the solver finds that out by itself, but slowly."""
    quotients: dict[int, list[z3.ArithRef]] = {}
    for term in subterms(formula):
        if z3.is_app_of(term, z3.Z3_OP_IDIV) and z3.is_int_value(term.arg(1)) and not is_open(term):
            quotients.setdefault(term.arg(0).get_id(), []).append(term)
    for terms in quotients.values():
        ordered = sorted(terms, key=lambda term: term.arg(1).as_long())
        for fine, coarse in pairwise(ordered):
            parts, rest = divmod(coarse.arg(1).as_long(), fine.arg(1).as_long())
            if rest == 0:
                facts.add(z3.And(parts * coarse <= fine, fine < parts * coarse + parts))


def at(facts: Facts, map_: Map, number: z3.ArithRef) -> z3.ArithRef:
    """The value of a number."""
    _meet(facts, map_.content, number)
    return _at(facts, map_, number)


def _at(facts: Facts, map_: Map, number: z3.ArithRef) -> z3.ArithRef:
    match _parts(facts, map_.content):
        case Filled(_, old, first, last, value):
            inside = z3.simplify(z3.And(first <= number, number < last))
            if z3.is_true(inside):
                return value
            return _at(facts, old, number) if z3.is_false(inside) else z3.If(inside, value, _at(facts, old, number))
        case (z3.BoolRef() as test, left, right):
            return z3.If(test, _at(facts, Map(left), number), _at(facts, Map(right), number))
        case _:
            return select(map_.content, number)


def count(
    facts: Facts, map_: Map, first: z3.ArithRef, last: z3.ArithRef, value: z3.ArithRef, *, asked: bool = False
) -> z3.ArithRef:
    """How many of the numbers from `first` up to `last` have a value; `asked` for a count that decides something."""
    match _parts(facts, map_.content):
        case Filled(_, old, begin, end, filled) if _is_one(begin, end):
            change = z3.If(
                z3.And(first <= begin, begin < last), _changed(facts, old, begin, filled, value), z3.IntVal(0)
            )
            changed = count(facts, old, first, last, value, asked=asked) + change
            if not any(is_open(argument) for argument in (map_.content, first, last, value)):
                _some(facts, changed, map_, first, last, value)
            return changed
        case Filled(_, old, begin, end, filled):
            low = _smaller(_larger(first, begin), _larger(first, last))
            high = _larger(low, _smaller(last, end))
            middle = z3.If(filled == value, high - low, z3.IntVal(0))
            before, after = (count(facts, old, *part, value, asked=asked) for part in ((first, low), (high, last)))
            return before + middle + after
        case (z3.BoolRef() as test, left, right):
            one, other = (count(facts, Map(side), first, last, value, asked=asked) for side in (left, right))
            return z3.If(test, one, other)
    integer = z3.IntSort()
    arguments = (map_.content, first, last, value)
    _meet(facts, map_.content, first)
    term = z3.Function("count", map_.content.sort(), integer, integer, integer, integer)(*arguments)
    if not any(is_open(argument) for argument in arguments):
        missing = _counted(facts, term, *arguments)
        if asked:
            turn_up(facts, missing, kind_of(facts, map_.content))
    return term


def _is_one(first: z3.ArithRef, last: z3.ArithRef) -> bool:
    """Whether a range has one number for certain."""
    return bool(z3.is_true(z3.simplify(last == first + 1)))


def _changed(facts: Facts, old: Map, number: z3.ArithRef, new: z3.ArithRef, value: z3.ArithRef) -> z3.ArithRef:
    """By how much the numbers with a value get more when one of them gets a new value."""
    one, none = z3.IntVal(1), z3.IntVal(0)
    return z3.If(new == value, one, none) - z3.If(at(facts, old, number) == value, one, none)


def total(facts: Facts, map_: Map, value: z3.ArithRef) -> z3.ArithRef:
    """How many numbers have a value that all but a few have not."""
    match _parts(facts, map_.content):
        case Filled(_, old, first, last, filled) if _is_one(first, last):
            return total(facts, old, value) + _changed(facts, old, first, filled, value)
        case Filled(_, old, first, last, filled):
            change = z3.If(filled == value, last - first, z3.IntVal(0)) - count(facts, old, first, last, value)
            return total(facts, old, value) + z3.If(first < last, change, z3.IntVal(0))
        case (z3.BoolRef() as test, left, right):
            return z3.If(test, total(facts, Map(left), value), total(facts, Map(right), value))
    term = z3.Function("total", map_.content.sort(), z3.IntSort(), z3.IntSort())(map_.content, value)
    if not is_open(map_.content) and not is_open(value):
        facts.add(term >= 0)
    return term


def within(facts: Facts, map_: Map, other: Map, value: z3.ArithRef) -> z3.BoolRef:
    """Whether a number has a value only where it has it in another map; then no more numbers have it."""
    arguments = (map_.content, other.content, value)
    sorts = [argument.sort() for argument in arguments]
    term = z3.Function("within", *sorts, z3.BoolSort())(*arguments)
    one = z3.Function("outside", *sorts, z3.IntSort())(*arguments)
    turn_up(facts, one, kind_of(facts, map_.content))
    outside = z3.And(one >= 0, one < NUMBERS, at(facts, map_, one) == value, at(facts, other, one) != value)
    facts.add(z3.Implies(z3.Not(term), outside))
    facts.add(z3.Implies(term, total(facts, map_, value) <= total(facts, other, value)))
    return term


def _counted(
    facts: Facts, term: z3.ArithRef, content: z3.ArrayRef, first: z3.ArithRef, last: z3.ArithRef, value: z3.ArithRef
) -> z3.ArithRef:
    """None, all, or some that can be named: what a count says of single numbers; a number without the value."""
    k = bound("k", DOMAIN)
    inside = conjunction([first <= k, k < last])
    facts.add(z3.And(term >= 0, z3.Implies(first >= last, term == 0), z3.Implies(first <= last, term <= last - first)))
    facts.add(z3.Implies(last == first + 1, term == z3.If(z3.Select(content, first) == value, 1, 0)))
    _some(facts, term, Map(content), first, last, value)
    other = _number("not_counted", content, first, last, value)
    missing = z3.And(first <= other, other < last, z3.Select(content, other) != value)
    facts.add(z3.Implies(z3.And(first < last, term < last - first), missing))
    read = z3.Select(facts.named(content), k)
    facts.add(z3.ForAll([k], z3.Implies(z3.And(inside, term == last - first), read == value), patterns=[read]))
    facts.add(z3.ForAll([k], z3.Implies(z3.And(inside, term == 0), read != value), patterns=[read]))
    return other


def _number(name: str, content: z3.ArrayRef, first: z3.ArithRef, last: z3.ArithRef, value: z3.ArithRef) -> z3.ArithRef:
    """A number of a range of a map, by name."""
    integer = z3.IntSort()
    made = z3.Function(name, content.sort(), integer, integer, integer, integer)
    return made(content, first, last, value)


def _some(
    facts: Facts, number: z3.ArithRef, map_: Map, first: z3.ArithRef, last: z3.ArithRef, value: z3.ArithRef
) -> None:
    """If `number` of a range have a value, then there is one that has it, and what is a part of it turned up."""
    some = _number("counted", map_.content, first, last, value)
    found = z3.And(first <= some, some < last, _at(facts, map_, some) == value)
    facts.add(z3.Implies(number > 0, found))
    kind = kind_of(facts, map_.content)
    turn_up(facts, some, kind)


Choice = tuple[z3.BoolRef, z3.ExprRef, z3.ExprRef]


def _parts(facts: Facts, content: z3.ExprRef) -> Filled | Choice | None:
    """How a map was made; None for one that was found."""
    if content.get_id() in facts.named_maps:
        made = facts.named_maps[content.get_id()]
        assert isinstance(made, Filled)
        return made
    return _choice(content)


@Remembered
def _choice(content: z3.ExprRef) -> Choice | None:
    if z3.is_app_of(content, z3.Z3_OP_ITE):
        test, left, right = content.children()
        return test, left, right
    if z3.is_select(content) and z3.is_store(content.arg(0)):
        array, keys = content.arg(0), content.children()[1:]
        same = z3.simplify(z3.And(*[a == b for a, b in zip(array.children()[1:-1], keys, strict=True)]))
        left, right = array.children()[-1], z3.Select(array.arg(0), *keys)
        if z3.is_true(same) or z3.is_false(same):
            return same, (left if z3.is_true(same) else right), (left if z3.is_true(same) else right)
        return same, left, right
    return None


def _larger(a: z3.ArithRef, b: z3.ArithRef) -> z3.ArithRef:
    return z3.simplify(z3.If(a >= b, a, b))


def _smaller(a: z3.ArithRef, b: z3.ArithRef) -> z3.ArithRef:
    return z3.simplify(z3.If(a <= b, a, b))
