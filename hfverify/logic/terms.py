"""Solver terms that come up again on every path, each made once, and what is often asked of them.

Reads   solver terms
Gives   select, store, comparisons, connectives, numbers, names, children; remembered as long as their context lives
Refuses nothing
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

import z3

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")


class Remembered(Generic[P, T]):
    """A function of terms alone: equal terms are the same object to the solver, so is what was made of them."""

    def __init__(self, make: Callable[P, T]) -> None:
        self.make = make
        self.known: dict[tuple[int, ...], tuple[T, tuple[object, ...]]] = {}
        self.context: z3.Context | None = None

    def __call__(self, *terms: P.args, **_: P.kwargs) -> T:
        if self.context is not terms[0].ctx:  # type: ignore[attr-defined]
            self.known.clear()
            self.context = terms[0].ctx  # type: ignore[attr-defined]
        key = tuple([term.ast.value for term in terms])  # type: ignore[attr-defined]
        found = self.known.get(key)
        if found is None:
            # The terms are kept with what was made of them: a number is given again when its term is gone.
            found = self.known[key] = (self.make(*terms), terms)  # type: ignore[call-arg]
        return found[0]


class Named(Generic[K, T]):
    """Terms of the default context by what they are made of."""

    def __init__(self, make: Callable[[K], T]) -> None:
        self.make = make
        self.known: dict[K, T] = {}
        self.context: z3.Context | None = None

    def __call__(self, name: K) -> T:
        if self.context is not z3.z3._main_ctx:
            self.known.clear()
            self.context = z3.main_ctx()
        if name not in self.known:
            self.known[name] = self.make(name)
        return self.known[name]


integer = Named(z3.Int)
numeral = Named(z3.IntVal)
truth_value = Named(z3.BoolVal)


def identity(term: z3.AstRef) -> int:
    """A number that no other living term has."""
    return int(term.ast.value)


def is_truth(term: z3.ExprRef, value: bool) -> bool:
    """Whether the term is this very truth value."""
    return bool(term.ast.value == truth_value(value).ast.value)


children: Remembered[..., list[z3.ExprRef]] = Remembered(z3.ExprRef.children)
select: Remembered[..., z3.ExprRef] = Remembered(z3.Select)
store: Remembered[..., z3.ArrayRef] = Remembered(z3.Store)
all_of: Remembered[..., z3.BoolRef] = Remembered(z3.And)
any_of: Remembered[..., z3.BoolRef] = Remembered(z3.Or)
negated: Remembered[..., z3.BoolRef] = Remembered(z3.Not)
implied: Remembered[..., z3.BoolRef] = Remembered(z3.Implies)
same: Remembered[..., z3.BoolRef] = Remembered(operator.eq)
less: Remembered[..., z3.BoolRef] = Remembered(operator.lt)
at_most: Remembered[..., z3.BoolRef] = Remembered(operator.le)
plus: Remembered[..., z3.ArithRef] = Remembered(operator.add)
minus: Remembered[..., z3.ArithRef] = Remembered(operator.sub)
times: Remembered[..., z3.ArithRef] = Remembered(operator.mul)
quotient: Remembered[..., z3.ArithRef] = Remembered(operator.truediv)
remainder: Remembered[..., z3.ArithRef] = Remembered(operator.mod)
greater: Remembered[..., z3.BoolRef] = Remembered(operator.gt)
at_least: Remembered[..., z3.BoolRef] = Remembered(operator.ge)
