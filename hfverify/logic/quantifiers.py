"""Whether a formula has quantifiers, is about the variable of one, or uses functions of certain names.

Reads   solver terms
Gives   has_quantifier, is_open, has_limited; what was found of a term is remembered as long as its context lives
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Callable

import z3

from hfverify.logic.terms import children, identity


class _Search:
    """Whether something that the predicate names occurs in a term."""

    def __init__(self, wanted: Callable[[z3.ExprRef], bool]) -> None:
        self.wanted = wanted
        self.known: dict[int, tuple[z3.ExprRef, bool]] = {}
        self.context: z3.Context | None = None

    def __call__(self, term: z3.ExprRef) -> bool:
        if self.context is not term.ctx:
            self.known.clear()
            self.context = term.ctx
        pending = [term]
        while pending:
            current = pending[-1]
            number = identity(current)
            if number in self.known:
                pending.pop()
                continue
            if self.wanted(current):
                self.known[number] = (current, True)
                continue
            inside = children(current)
            unknown = [child for child in inside if identity(child) not in self.known]
            if unknown:
                pending += unknown
            else:
                self.known[number] = (current, any(self.known[identity(child)][1] for child in inside))
        return self.known[identity(term)][1]


# Functions whose values a small machine bounds.
LIMITED = ("first", "cardinality", "lowest")


def _is_limited(term: z3.ExprRef) -> bool:
    return z3.is_app(term) and term.num_args() > 0 and term.decl().name() in LIMITED


def _is_variable(term: z3.ExprRef) -> bool:
    return z3.is_const(term) and not z3.is_int_value(term) and term.decl().name().startswith("?")


has_quantifier = _Search(z3.is_quantifier)
# Whether a quantifier's variable occurs in a term, which so has a value only below it.
is_open = _Search(_is_variable)
has_limited = _Search(_is_limited)
