"""Terms that are made without asking the library after each step are those that are made with it."""

from __future__ import annotations

import operator
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import z3
from z3 import z3core

from hfverify.logic import terms
from hfverify.logic.binding import LIGHT, lighten

lighten()
A, B, C = z3.Ints("a b c")
P, Q, R = z3.Bools("p q r")
ROW = z3.Array("row", z3.IntSort(), z3.BoolSort())
TABLE = z3.Array("table", z3.IntSort(), z3.IntSort(), z3.IntSort())
MADE: dict[str, tuple[Callable[..., Any], tuple[z3.ExprRef, ...], Callable[..., Any]]] = {
    "select": (terms.select, (ROW, A), z3.Select),
    "select by two": (terms.select, (TABLE, A, B), z3.Select),
    "store": (terms.store, (ROW, A, P), z3.Store),
    "store at two": (terms.store, (TABLE, A, B, C), z3.Store),
    "all of one": (terms.all_of, (P,), z3.And),
    "all of three": (terms.all_of, (P, Q, R), z3.And),
    "any of one": (terms.any_of, (P,), z3.Or),
    "any of two": (terms.any_of, (P, Q), z3.Or),
    "negated": (terms.negated, (P,), z3.Not),
    "implied": (terms.implied, (P, Q), z3.Implies),
    "same numbers": (terms.same, (A, B), operator.eq),
    "same truths": (terms.same, (P, Q), operator.eq),
    "same arrays": (terms.same, (TABLE, z3.Store(TABLE, A, B, C)), operator.eq),
    "less": (terms.less, (A, B), operator.lt),
    "at most": (terms.at_most, (A, B), operator.le),
    "greater": (terms.greater, (A, B), operator.gt),
    "at least": (terms.at_least, (A, B), operator.ge),
    "plus": (terms.plus, (A, B), operator.add),
    "minus": (terms.minus, (A, B), operator.sub),
    "times": (terms.times, (A, B), operator.mul),
    "quotient": (terms.quotient, (A, B), operator.truediv),
    "remainder": (terms.remainder, (A, B), operator.mod),
}
# What is made of terms that do not belong together.
WRONG: dict[str, Callable[[], object]] = {
    "select": lambda: terms.select(ROW, P),
    "store": lambda: terms.store(ROW, A, B),
    "all of": lambda: terms.all_of(P, A),
    "negated": lambda: terms.negated(A),
    "implied": lambda: terms.implied(P, A),
    "same": lambda: terms.same(A, ROW),
    "less": lambda: terms.less(A, ROW),
    "plus": lambda: terms.plus(A, ROW),
    "by the binding itself": lambda: z3.And(P, A),
    "a sort that is not there": lambda: z3.Function("f", z3.IntSort(), z3.IntSort()).domain(5),
}


@pytest.mark.parametrize("name", MADE)
def test_terms_are_the_same(name: str) -> None:
    make, given, wanted = MADE[name]
    found, expected = make(*given), wanted(*given)
    assert type(found) is type(expected)
    assert found.eq(expected)
    assert make(*given) is found


@pytest.mark.parametrize("term", [A, A + 1, z3.And(P, Q), z3.IntVal(3), TABLE, z3.ForAll([A], A > 0), terms.plus(A, B)])
def test_parts_are_those_that_the_binding_finds(term: z3.ExprRef) -> None:
    """But for quantifiers: they have no parts here."""
    expected = [] if z3.is_quantifier(term) else term.children()
    assert [type(part) for part in terms.children(term)] == [type(part) for part in expected]
    assert all(one.eq(other) for one, other in zip(terms.children(term), expected, strict=True))


def test_a_truth_value_among_numbers_is_a_number() -> None:
    solver = z3.Solver()
    solver.add(terms.plus(A, P) == 3, terms.less(Q, P))
    assert solver.check() == z3.sat
    assert solver.model()[A].as_long() == 2
    number = z3.If(P, z3.IntVal(1), z3.IntVal(0))
    assert terms.same(A, P).eq(operator.eq(A, number))


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_belong_together_is_an_error_that_says_why(name: str) -> None:
    with pytest.raises(z3.Z3Exception) as caught:
        WRONG[name]()
    assert any(why in str(caught.value) for why in ("Sort", "sort", "type error", "index")), str(caught.value)
    assert terms.plus(A, B).eq(A + B)


def test_every_function_that_is_named_is_replaced() -> None:
    before = z3.z3.Z3_mk_eq
    assert [name for name in LIGHT.split() if getattr(z3.z3, f"Z3_{name}") is getattr(z3core, f"Z3_{name}")] == []
    lighten()
    assert z3.z3.Z3_mk_eq is before


def test_terms_that_are_let_go_are_freed() -> None:
    def many(turn: int) -> None:
        # Equal terms are one term to the library: only new ones need memory.
        for number in range(1_000):
            z3.And(z3.Int(f"many!{turn}!{number}") > number, P)

    many(0)
    before = z3core.Z3_get_estimated_alloc_size()
    for turn in range(1, 20):
        many(turn)
    assert z3core.Z3_get_estimated_alloc_size() - before < 5_000_000


def test_a_binding_that_lacks_a_function_stays_as_it_is() -> None:
    text = (
        "from z3 import z3core; import z3; del z3core.Z3_get_app_arg\n"
        "import hfverify.prove.solver as s\n"
        "assert z3.z3.Z3_mk_eq is z3core.Z3_mk_eq\n"
        "from hfverify.logic import terms\n"
        "solver = s.make_solver(1000, mbqi=False)\n"
        "solver.add(terms.less(z3.Int('a'), z3.Int('a')))\n"
        "assert solver.check() == z3.unsat\n"
    )
    subprocess.run([sys.executable, "-c", text], check=True)
