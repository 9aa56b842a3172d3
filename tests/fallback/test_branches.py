"""What the changed source tells of a run: arms, handlers, comprehensions, functions, heads of loops."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest

from hfverify.fallback.branches import Branches

FILE = "m.py"


def told(source: str, *calls: str) -> list[list[tuple[int, int, Any]]]:
    """The events of each call, as line, column and how it was decided."""
    branches = Branches()
    module = ast.parse(source)
    branches.change(module, "m", FILE)
    names: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(module), FILE, "exec"), names)
    found = []
    for call in calls:
        branches.clear()
        eval(call, names)
        found.append([(what[1], what[2], how) for what, how in branches.events])  # type: ignore[index]
        assert all(how is None or what in branches.places for what, how in branches.events)
    return found


ARMS = """
def f(x, y=True):
    match x:
        case 1 if y:
            return "one"
        case 2 | 3:
            return "few"
        case (a, b):
            return a
        case _:
            return "many"
"""


def test_arms_of_a_match_are_decided_both_ways() -> None:
    one, guarded, few, pair, many = told(ARMS, "f(1)", "f(1, False)", "f(3)", "f((1, 2))", "f(9)")
    assert one == [(4, 14, True), (4, 19, True)]
    # The arm fits and its guard does not hold: the arm is not said to fail besides.
    assert guarded == [(4, 14, True), (4, 19, False), (6, 0, False), (8, 0, False)]
    assert few == [(4, 14, False), (6, 0, True)]
    assert pair == [(4, 14, False), (6, 0, False), (8, 0, True)]
    assert many == [(4, 14, False), (6, 0, False), (8, 0, False)]


def test_an_arm_that_was_taken_before_may_fail_later() -> None:
    source = "def f(xs):\n    for x in xs:\n        match x:\n            case 1:\n                pass\n"
    assert [event for event in told(source, "f((1, 2))")[0] if event[2] is not None] == [(4, 18, True), (4, 18, False)]


HANDLERS = """
def f(x):
    try:
        return [1, 2][x]
    except IndexError:
        return 0
    except TypeError:
        return 3
    finally:
        x = 1
"""


def test_handlers_are_entered_or_not() -> None:
    right, beyond, wrong = told(HANDLERS, "f(1)", "f(2)", "f('a')")
    assert sorted(right) == [(5, 0, False), (7, 0, False)]
    assert sorted(beyond) == [(5, 0, True), (7, 0, False)]
    assert sorted(wrong) == [(5, 0, False), (7, 0, True)]


def test_conditions_of_comprehensions_are_noted_once_for_each_item() -> None:
    source = "def f(xs):\n    return [x for x in xs if x > 1 and x < 3]\n"
    events = told(source, "f((1, 2, 3))")[0]
    assert [event for event in events if event[2] is not None] == [
        (2, 30, False), (2, 30, True), (2, 40, True), (2, 30, True), (2, 40, False)
    ]  # fmt: skip
    assert sum(event[2] is None for event in events) == 3


METHOD = """class A:
    def m(self):
        return 1
def f():
    'Text.'
    return A().m()
def g():
    pass
"""


def test_functions_and_methods_say_that_they_are_entered() -> None:
    branches = Branches()
    module = ast.parse(METHOD)
    branches.change(module, "m", FILE)
    names: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(module), FILE, "exec"), names)
    branches.clear()
    assert names["f"]() == 1
    assert names["f"].__doc__ == "Text."
    assert branches.entered == {(FILE, 2, 3), (FILE, 4, 6)}


@pytest.mark.parametrize("source", [ARMS, HANDLERS])
def test_what_the_code_does_is_the_same(source: str) -> None:
    plain: dict[str, Any] = {}
    exec(source, plain)
    changed: dict[str, Any] = {}
    module = ast.parse(source)
    Branches().change(module, "m", FILE)
    exec(compile(ast.fix_missing_locations(module), FILE, "exec"), changed)
    for value in (1, 2, 0, -1, 9, "a", (3, 4), (1, 2, 3), None):
        results = []
        for names in (plain, changed):
            try:
                results.append(SimpleNamespace(value=names["f"](value)))
            except Exception as error:
                results.append(SimpleNamespace(error=type(error)))
        assert results[0] == results[1]
