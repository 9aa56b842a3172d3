"""Turn a question about machines of any size into one about a small machine.

Reads   solver formulas whose quantified variables are named `?name:domain`
Gives   the same formulas with quantifiers written out, and the bounds of the machine
Refuses nothing. The small question is weaker: what is refuted with it is run on the real code, and a state that is
        wanted (reachable, consistent) may be one in which a quantifier over more than the machine's objects fails
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import z3

from hfverify.logic.cells import Cells
from hfverify.logic.evaluate import Env, Evaluator
from hfverify.logic.facts import MOST_BITS, Facts
from hfverify.logic.maps import DOMAIN
from hfverify.logic.quantifiers import LIMITED, has_limited, has_quantifier
from hfverify.logic.terms import children, identity, negated, numeral, select
from hfverify.model.program import Program
from hfverify.model.types import IntType

# The ends of both words of 32 bits, and a few in the middle.
SOME_BITS = (0, 1, 2, 31, 32, 33, 63)


@dataclass(frozen=True, slots=True)
class Bounds:
    """`objects` is the largest number of objects of each kind; every other constant number is `pinned`, if it is.

    `bits` are the numbers that a set of bits can have as members.
    """

    objects: int
    pinned: int | None = None
    bits: tuple[int, ...] = SOME_BITS

    def domain(self, name: str) -> Sequence[int]:
        """The values over which a quantified variable ranges."""
        return self.bits if name.startswith("bits") else range(self.objects + 1)


class Expansion:
    """Writes quantifiers out over one bound; remembers every formula, because queries share their hypotheses.

    `limits` keep what the formulas speak about inside the bound; `bits` are members that they name.
    """

    def __init__(
        self,
        bounds: Bounds,
        places: Sequence[z3.ExprRef] = (),
        numbers: Mapping[str, Sequence[z3.ExprRef]] | None = None,
        bits: Iterable[int] = (),
    ) -> None:
        self.bounds = replace(bounds, bits=tuple(sorted({*bounds.bits, *bits})))
        self.places = places
        self.numbers = numbers or {}
        self._done: dict[int, tuple[z3.ExprRef, z3.ExprRef]] = {}
        self.limits: list[z3.BoolRef] = []
        self._sets: dict[int, z3.ExprRef] = {}

    def formula(self, term: z3.ExprRef) -> z3.ExprRef:
        """The term without quantifiers."""
        return self._expanded(term) if _concerned(term) else term

    def _expanded(self, term: z3.ExprRef) -> z3.ExprRef:
        known = self._done.get(term.get_id())
        if known is not None:
            return known[1]
        if z3.is_quantifier(term):
            result = self._unrolled(term)
        elif term.num_args() == 0:
            result = term
        else:
            before = children(term)
            parts = [self._expanded(child) for child in before]
            same = all(a is b or a.eq(b) for a, b in zip(parts, before, strict=True))
            result = term if same else _rebuilt(term, parts)
            self._limit(result)
        self._done[term.get_id()] = (term, result)
        return result

    def _unrolled(self, term: z3.QuantifierRef) -> z3.ExprRef:
        bodies: list[z3.ExprRef] = []
        body = term.body()
        plain = not _concerned(body)
        for values in itertools.product(*(self._values(term.var_name(i)) for i in range(term.num_vars()))):
            instance = z3.substitute_vars(body, *reversed(values))
            bodies.append(instance if plain else self._expanded(instance))
        return z3.And(*bodies) if term.is_forall() else z3.Or(*bodies)

    def _values(self, variable: str) -> list[z3.ExprRef]:
        """What a quantified variable stands for; of a buffer or a map, what turned up as an index."""
        domain = variable.split(":")[-1]
        if domain.startswith(f"{DOMAIN} "):
            return list(self.numbers.get(domain.removeprefix(f"{DOMAIN} "), ()))
        if domain == DOMAIN:
            return [number for numbers in self.numbers.values() for number in numbers]
        values: list[z3.ExprRef] = [numeral(value) for value in self.bounds.domain(domain)]
        return values + list(self.places) if domain == "byte" else values

    def _limit(self, term: z3.ExprRef) -> None:
        """Who is first in a queue is one of the objects of the small machine; sets of bits have few members."""
        name = term.decl().name() if term.num_args() > 0 else ""
        if name == LIMITED[0]:
            self.limits.append(z3.And(term >= 0, term <= self.bounds.objects))
        if name not in LIMITED[1:] or z3.is_store(term.arg(0)):
            return
        member = term.arg(0)
        if name == "cardinality":
            self.limits.append(term == z3.Sum([z3.If(select(member, numeral(bit)), 1, 0) for bit in self.bounds.bits]))
        if member.get_id() not in self._sets:
            self._sets[member.get_id()] = member
            outside = (numeral(bit) for bit in range(MOST_BITS) if bit not in self.bounds.bits)
            self.limits += [negated(select(member, bit)) for bit in outside]


def _concerned(term: z3.ExprRef) -> bool:
    """Whether there is something in the term to write out or to limit."""
    return has_quantifier(term) or has_limited(term)


def _rebuilt(term: z3.ExprRef, parts: list[z3.ExprRef]) -> z3.ExprRef:
    if z3.is_and(term):
        return z3.And(*parts)
    if z3.is_or(term):
        return z3.Or(*parts)
    return term.decl()(*parts)


def _assignments(domains: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    result: list[tuple[int, ...]] = [()]
    for domain in domains:
        result = [(*prefix, value) for prefix in result for value in domain]
    return result


def size_limits(program: Program, cells: Cells, bounds: Bounds) -> list[z3.BoolRef]:
    """No kind of object has more than the bound; what is as many as the sizes say is bounded by them."""
    limits = [z3.Int(size) <= bounds.objects for size in program.sizes]
    evaluator = Evaluator(program, Facts())
    for state in program.states.values():
        for index, key in enumerate(state.keys):
            earlier = state.keys[:index]
            for assignment in _assignments([range(bounds.objects + 1)] * len(earlier)):
                names = {k.name: z3.IntVal(v) for k, v in zip(earlier, assignment, strict=True)}
                below = evaluator.number(key.below, Env(cells, names))
                if not constants(below) <= program.sizes.keys():
                    limits.append(below <= bounds.objects)
    for cell in program.cells() if bounds.pinned is not None else ():
        constant = cell.is_constant
        if constant and not program.states[cell.state].keys and isinstance(cell.type, IntType):
            limits.append(cells.terms[cell.name][0] == bounds.pinned)
    return limits


def constants(term: z3.ExprRef) -> set[str]:
    """The names of the constants of a term; that of what is looked up somewhere, too."""
    found: set[str] = set()
    pending = [term]
    while pending:
        current = pending.pop()
        if z3.is_const(current) and not z3.is_int_value(current):
            found.add(current.decl().name())
        pending.extend(current.children())
    return found


def named_bits(terms: Iterable[z3.ExprRef]) -> list[int]:
    """The numbers from 0 to `MOST_BITS` - 1 at which a set is looked at or written to."""
    sets = z3.ArraySort(z3.IntSort(), z3.BoolSort())
    found: set[int] = set()
    seen: set[int] = set()
    pending = list(terms)
    while pending:
        term = pending.pop()
        if identity(term) in seen:
            continue
        seen.add(identity(term))
        is_set = (z3.is_select(term) or z3.is_store(term)) and term.arg(0).sort() == sets
        if is_set and z3.is_int_value(term.arg(1)) and 0 <= term.arg(1).as_long() < MOST_BITS:
            found.add(term.arg(1).as_long())
        pending.extend(children(term))
    return sorted(found)
