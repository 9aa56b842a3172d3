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


# The binding looks at what it is given, and makes terms alike if they are not. Here they always are; if not, the
# library does so where it can (a truth value among numbers is 0 or 1), and gives nothing where it cannot: an error.


def _pair(make: str, wrapper: Callable[..., T]) -> Callable[..., T]:
    """A term of two that are of one kind."""

    def made(left: z3.ExprRef, right: z3.ExprRef) -> T:
        return wrapper(getattr(z3.z3, make)(left.ctx.ctx, left.ast, right.ast), left.ctx)

    return made


def _row(make: str, wrapper: Callable[..., T]) -> Callable[..., T]:
    """A term of several that are of one kind."""

    def made(*terms: z3.ExprRef) -> T:
        count = len(terms)
        array = (z3.Ast * count)(*[term.ast for term in terms])
        return wrapper(getattr(z3.z3, make)(terms[0].ctx.ctx, count, array), terms[0].ctx)

    return made


def _negation(term: z3.BoolRef) -> z3.BoolRef:
    return z3.BoolRef(z3.z3.Z3_mk_not(term.ctx.ctx, term.ast), term.ctx)


def _selected(array: z3.ArrayRef, *keys: z3.ExprRef) -> z3.ExprRef:
    found = (z3.Ast * len(keys))(*[key.ast for key in keys])
    return z3.z3._to_expr_ref(z3.z3.Z3_mk_select_n(array.ctx.ctx, array.ast, len(keys), found), array.ctx)


def _stored(array: z3.ArrayRef, *rest: z3.ExprRef) -> z3.ArrayRef:
    keys, value = rest[:-1], rest[-1]
    found = (z3.Ast * len(keys))(*[key.ast for key in keys])
    return z3.ArrayRef(z3.z3.Z3_mk_store_n(array.ctx.ctx, array.ast, len(keys), found, value.ast), array.ctx)


def _children(term: z3.ExprRef) -> list[z3.ExprRef]:
    binding, context, ast = z3.z3, term.ctx.ctx, term.ast
    if binding.Z3_get_ast_kind(context, ast) != z3.Z3_APP_AST:
        return []
    count = binding.Z3_get_app_num_args(context, ast)
    return [binding._to_expr_ref(binding.Z3_get_app_arg(context, ast, index), term.ctx) for index in range(count)]


children: Remembered[..., list[z3.ExprRef]] = Remembered(_children)
select: Remembered[..., z3.ExprRef] = Remembered(_selected)
store: Remembered[..., z3.ArrayRef] = Remembered(_stored)
all_of: Remembered[..., z3.BoolRef] = Remembered(_row("Z3_mk_and", z3.BoolRef))
any_of: Remembered[..., z3.BoolRef] = Remembered(_row("Z3_mk_or", z3.BoolRef))
negated: Remembered[..., z3.BoolRef] = Remembered(_negation)
implied: Remembered[..., z3.BoolRef] = Remembered(_pair("Z3_mk_implies", z3.BoolRef))
same: Remembered[..., z3.BoolRef] = Remembered(_pair("Z3_mk_eq", z3.BoolRef))
less: Remembered[..., z3.BoolRef] = Remembered(_pair("Z3_mk_lt", z3.BoolRef))
at_most: Remembered[..., z3.BoolRef] = Remembered(_pair("Z3_mk_le", z3.BoolRef))
plus: Remembered[..., z3.ArithRef] = Remembered(_row("Z3_mk_add", z3.ArithRef))
minus: Remembered[..., z3.ArithRef] = Remembered(_row("Z3_mk_sub", z3.ArithRef))
times: Remembered[..., z3.ArithRef] = Remembered(_row("Z3_mk_mul", z3.ArithRef))
quotient: Remembered[..., z3.ArithRef] = Remembered(operator.truediv)
remainder: Remembered[..., z3.ArithRef] = Remembered(operator.mod)
greater: Remembered[..., z3.BoolRef] = Remembered(_pair("Z3_mk_gt", z3.BoolRef))
at_least: Remembered[..., z3.BoolRef] = Remembered(_pair("Z3_mk_ge", z3.BoolRef))
