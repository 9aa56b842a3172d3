"""Each handler agrees with CPython on Hypothesis inputs.

Reads   the table of snippets below
Gives   one test for each node kind that has a handler, and for each corner of Python's semantics that was ever doubted
Refuses a handler without a snippet
"""

# ruff: noqa: E501 (a snippet is easier to read in one line)
from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import CLASSES as COLOURS
from twin import BOOL, INT, NONE, SMALL, WIDE, WORD, Kind, Twin

from hfverify.execute.interpreter import EXPRESSIONS, STATEMENTS

COLOUR = Kind("enum", name="Colour")
MODE = Kind("enum", name="Mode")
VALUES = {"Colour": (0, 1, 5), "Mode": (0, 1)}


def inputs(kind: Kind) -> st.SearchStrategy[Any]:
    """Values of a kind, among them the ends of its range and multiples of powers of two."""
    match kind.kind:
        case "bool":
            return st.booleans()
        case "enum":
            return st.sampled_from(VALUES[kind.name])
    low, high = kind.low, kind.high
    ends = [
        v
        for v in (low, high, 0, 1, -1, 1 << 32)
        if v is not None and (low is None or v >= low) and (high is None or v <= high)
    ]
    numbers = st.one_of(st.sampled_from(ends), st.integers(low, high))
    return st.one_of(st.none(), numbers) if kind.kind == "none" else numbers


def agree(twin: Twin, examples: int = 25) -> None:
    """Both runs agree on Hypothesis inputs; the whole space if it is small."""

    @settings(
        max_examples=examples, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.tuples(*[inputs(kind) for kind in twin.kinds]))
    def run(values: tuple[Any, ...]) -> None:
        twin.check(values)

    run()


SNIPPETS: dict[type[ast.AST], list[tuple[str, list[Kind]]]] = {
    ast.Constant: [
        ("def f():\n    return 1, True, None, 'text', 0xFFFF_FFFF_FFFF_FFFF_F", []),
    ],
    ast.Name: [
        ("N = 3\nM = N + 1\ndef f(a):\n    b = a\n    return b, M, N", [INT]),
        ("def f(a):\n    if a > 0:\n        b = 1\n    return b", [INT]),
        ("b = 9\ndef f(a):\n    if a > 0:\n        b = 1\n    return b", [INT]),
        ("b = 9\ndef f(a):\n    c = b\n    if a > 0:\n        b = c\n    return c", [INT]),
        ("def f(a):\n    if a > 0:\n        max = min\n    return max(a, 1)", [INT]),
        ("b = 9\ndef f(a):\n    b: int\n    return b", [INT]),
        (
            "b = 9\ndef f(a):\n    match a:\n        case 1:\n            return b\n        case b:\n            return b",
            [INT],
        ),
        ("b = 9\ndef f(a):\n    for b in range(0):\n        pass\n    return b", [INT]),
        ("def f(a, max):\n    return max", [INT, INT]),
        ("def min(a, b):\n    return a - b\ndef f(a, b):\n    return min(a, b), max(a, b)", [INT, INT]),
    ],
    ast.Attribute: [
        (
            COLOURS
            + "def f(a, c):\n    p = Pair(a, c.value)\n    return p.left, p.right, c == Colour.BLUE, Mode.ON.value",
            [INT, COLOUR],
        ),
        (COLOURS + "def f(a):\n    x = None if a == 0 else Pair(a)\n    return x.left", [INT]),
    ],
    ast.Subscript: [
        ("def f(a, b):\n    t = (a, b, a + b)\n    return t[0], t[1], t[2], t[-1], t[-3], t[True]", [INT, INT]),
        ("N = 1\ndef f(a):\n    t = (a, 4)\n    return t[N], (5, 6)[1 - N]", [INT]),
        (
            "def f(a):\n    t = (a, 4)\n    if a == 0:\n        return t[2]\n    if a == 1:\n        return t[-3]\n    return 0",
            [INT],
        ),
    ],
    ast.Tuple: [("def f(a, b):\n    return a, (b, ()), (a,)", [INT, BOOL])],
    ast.IfExp: [
        ("def f(a, b):\n    return a // b if b != 0 else (1 if a else 2)", [INT, INT]),
        ("def f(a):\n    return 1 if (None if a > 3 else a) else 2", [INT]),
    ],
    ast.BoolOp: [
        ("def f(a, b):\n    return a and b, a or b, a and b or 3, (a or b) and 4, a or None", [INT, INT]),
        ("def f(a, b):\n    return b != 0 and a // b > 1, b == 0 or a // b > 1", [INT, INT]),
        ("def f(a, b, c):\n    return (a and b) or c, a and (b or c), not a or b and c", [BOOL, BOOL, BOOL]),
        ("def f(a, b):\n    return a or b, a and b, (a or 5) + 1", [NONE, INT]),
        ("def g(x):\n    assert x > 0\n    return x\ndef f(a, b):\n    return b and g(a) > 2 or g(a + 1)", [INT, BOOL]),
        ("def f(a):\n    return () or a, (a,) and 1, '' or 2, 'x' and 3", [INT]),
    ],
    ast.UnaryOp: [
        ("def f(a, b):\n    return -a, +a, ~a, not a, -b, +b, ~b, not b, - -a, ~-a, -(-3), ~7", [INT, BOOL]),
        (COLOURS + "def f(c):\n    return -c, +c, ~c, not c", [COLOUR]),
        ("N = 1 << 30\ndef f(a):\n    return a & ~N, ~N, ~(1 << 3), a & ~-5", [INT]),
        ("def f(a):\n    return not a, -a", [NONE]),
    ],
    ast.BinOp: [
        (
            "def f(a, b):\n    return a + b, a - b, a * b, a + True, True + True, 7 // 2, -7 // 2, -7 % 2, 1 << 70",
            [INT, INT],
        ),
        ("def f(a, b):\n    return a // b, a % b", [INT, INT]),
        ("def f(a):\n    return 2**3, 2**64, (-3) ** 3, 0**0, 5**0, a % 2**32, a // 2**5", [INT]),
        ("def f(a):\n    return a // 3, a % 3, a // 1, a % 1, a // 64 % 4", [WIDE]),
        ("def f(a, b):\n    return a & b, a | b, a ^ b", [SMALL, SMALL]),
        ("def f(a, b):\n    return a & b, a | b, a ^ b", [INT, INT]),
        (
            "def f(a, b):\n    return a & b, a | b, a ^ b, a & 0xFF00FF, a | 12, a ^ 0xF0, 0 & b, a & 0xFFFF_FFFF_FFFF_FFFF",
            [WORD, WORD],
        ),
        ("def f(a, b):\n    return a & b, (a + 1) & b, (a * 4) | (b & 3), a << 32 | b", [WORD, WORD]),
        ("def f(a, b):\n    return a << b, a >> b", [SMALL, INT]),
        (
            "def f(a, b):\n    return a >> 3, a << 5, a >> b, 1 << b, (a >> b) & 1, a >> 0, a << 0, 5 << 2, 1 >> 1",
            [WORD, SMALL],
        ),
        ("def f(a):\n    return a >> 64, a << 64, a >> 63", [WORD]),
        ("def f(a, b):\n    return a & b, a | b, a ^ b, a & 1, 1 | b, a + b, a * b, a << 1, 4 >> b", [BOOL, BOOL]),
        (COLOURS + "def f(c, d):\n    return c + d, c | 8, c & d, c * 2, c << 4, 9 - c", [COLOUR, COLOUR]),
        ("def g(a):\n    assert a != 3\n    return a\ndef f(a, b):\n    return g(a) + g(b) // g(b - 1)", [INT, INT]),
        ("def f(a):\n    return 5 + a", [NONE]),
    ],
    ast.Compare: [
        ("def f(a, b):\n    return a < b, a <= b, a > b, a >= b, a == b, a != b", [INT, INT]),
        ("def f(a, b, c):\n    return a < b < c, a == b == c, a < b > c != a, 0 <= a <= 5", [INT, INT, INT]),
        ("def g(x):\n    assert x != 2\n    return x\ndef f(a, b, c):\n    return g(a) < g(b) < g(c)", [INT, INT, INT]),
        ("def f(a, b):\n    return a in (1, 2, b), a not in (), a in (None, 3), None in (a, b)", [INT, INT]),
        (
            "def f(a, b):\n    return a == b, a is b, a == True, b < 1, a is True, a is not False, a == 1, 0 == b",
            [BOOL, BOOL],
        ),
        (
            "def f(a, b):\n    return a is None, a is not None, a == None, a == b, b == a, a != b, None is a, None is None",
            [NONE, INT],
        ),
        ("def f(a, b):\n    return a == b, a != b", [NONE, NONE]),
        ("def f(a):\n    return a < 3", [NONE]),
        (
            "def f(a, b):\n    return (a, b) == (b, a), (a, (b, True)) != (1, (2, 1)), (a,) == a, () == (), (a,) == (a, b), 'x' == 1",
            [INT, NONE],
        ),
        ("def f(a, b):\n    return (a, b) in ((1, 2), (b, a)), a is True, b is a, True is not a", [INT, BOOL]),
        (
            COLOURS
            + "def f(c, d):\n    return c == d, c is d, c < d, c == 1, c is Colour.RED, c in (Colour.RED, 5), c != True",
            [COLOUR, COLOUR],
        ),
        (
            COLOURS
            + "def f(m, n):\n    return m == n, m is n, m == 0, m == 1, m != 1, m in (0, 1), m == Colour.RED, m is Mode.ON",
            [MODE, MODE],
        ),
        ("def f(a):\n    return 'x' == 'x', 'x' != 'y', 'x' == None, 'x' in ('y', 'x'), a", [NONE]),
    ],
    ast.Call: [
        (COLOURS + "def f(a, c):\n    return Colour(c), Mode(1), Colour(a % 2), Mode(c * 0)", [INT, COLOUR]),
        (COLOURS + "def f(a):\n    return Colour(a), Colour(a) == 5, Colour(a) is Colour.RED", [SMALL]),
        (COLOURS + "def f(c, m):\n    return Mode(m), Mode(c)", [COLOUR, MODE]),
        (
            "def g(x, y=2, *, z=3):\n    return x, y, z\ndef f(a, b):\n    return g(a), g(a, b), g(y=a, x=b), g(a, z=b)",
            [INT, INT],
        ),
        ("N = 4\ndef g(x=N * 2):\n    return x\ndef f(a):\n    N = a\n    return g(), N", [INT]),
        ("def g(x, y=5):\n    y = y + x\n    return y\ndef f(a):\n    return g(a), g(a)", [INT]),
        (
            "def g(x, /, y):\n    return x - y\ndef f(a, b, /, c, *, d):\n    return g(a, y=b), c, d",
            [INT, INT, INT, INT],
        ),
        (
            "def g(x, /, y):\n    return x - y\ndef f(a):\n    if a == 0:\n        return g(x=1, y=2)\n    return g(a, y=1)",
            [INT],
        ),
        (
            "def g(x):\n    return x\ndef f(a):\n    if a == 0:\n        return g()\n    if a == 1:\n        return g(1, 2)\n    if a == 2:\n"
            "        return g(1, x=2)\n    if a == 3:\n        return g(y=2)\n    return g(a)",
            [INT],
        ),
        (
            "def f(a, b):\n    return min(a, b), max(a, b), min(a, b, 3), max(4, a, b), abs(a), int(b), len((a, b)), bool(a), bool(())",
            [INT, INT],
        ),
        ("def f(a):\n    return int(a), bool(a), int(True), int(a) + int(not a)", [BOOL]),
        (COLOURS + "def f(c):\n    return int(c), bool(c), abs(c), max(int(c), 2)", [COLOUR]),
        (COLOURS + "def f(a, b):\n    return Pair(a), Pair(a, b), Pair(right=a, left=b), Pair(a, right=b)", [INT, INT]),
        (
            COLOURS
            + "def f(a):\n    if a == 0:\n        return Pair()\n    if a == 1:\n        return Pair(1, left=2)\n    if a == 2:\n"
            "        return Pair(1, 2, 3)\n    if a == 3:\n        return Pair(1, up=2)\n    return Pair(a)",
            [INT],
        ),
        ("def g(a):\n    if a > 3:\n        return 1\ndef f(a):\n    return g(a)", [INT]),
        ("def g(a):\n    return a\nh = g\ndef f(a):\n    k = h\n    return k(a)", [INT]),
    ],
    ast.Return: [
        (
            "def f(a):\n    for i in range(4):\n        for j in range(3):\n            if i * j == a:\n                return i, j\n    return None",
            [INT],
        ),
        ("def f(a):\n    if a:\n        return\n    return a", [INT]),
    ],
    ast.Expr: [("def f(a):\n    'text'\n    g(a)\n    a\n    return a\ndef g(a):\n    assert a > 1", [INT])],
    ast.Pass: [("def f(a):\n    if a:\n        pass\n    else:\n        pass", [INT])],
    ast.Assert: [
        ("def f(a):\n    assert a != 3 and a > -5, 'no'\n    return a", [INT]),
        ("def f(a):\n    assert a\n    return a", [NONE]),
    ],
    ast.Raise: [("def f(a):\n    if a > 3:\n        raise ValueError('no')\n    return a", [INT])],
    ast.Assign: [
        (
            "def f(a, b):\n    a, b = b, a\n    x = y = a\n    (p, q), r = (x, b), y\n    x = x + 1\n    return a, b, x, y, p, q, r",
            [INT, INT],
        ),
        (
            "def f(a):\n    if a == 1:\n        x, y = a, 2, 3\n    if a == 2:\n        x, y = (a,)\n    x, y = a, a\n    return x",
            [INT],
        ),
        ("def f(a):\n    t = (a, 1)\n    u = t\n    t = (2, 3)\n    x, x = u\n    return t, u, x", [INT]),
    ],
    ast.AnnAssign: [("def f(a):\n    x: int = a + 1\n    y: int\n    y = x\n    return y", [INT])],
    ast.AugAssign: [
        (
            "def f(a, b):\n    x = a\n    x += b\n    x -= 3\n    x *= 2\n    y = x\n    y //= 3\n    y %= 5\n    return x, y",
            [INT, INT],
        ),
        (
            "def f(a, b):\n    a &= 12\n    b |= a\n    b ^= 5\n    b <<= 2\n    b >>= 1\n    return a, b",
            [SMALL, SMALL],
        ),
        ("n = 4\ndef f(a):\n    if a > 0:\n        n += 1\n    return a", [INT]),
        ("def f(a):\n    a += a\n    a += True\n    return a", [BOOL]),
    ],
    ast.If: [
        (
            "def f(a, b):\n    if a < b and not b == 3:\n        return 1\n    elif a == b or b:\n        return 2\n    else:\n        return 3",
            [INT, INT],
        ),
        (
            "def f(a):\n    if a:\n        return 1\n    if not a and a is not None:\n        return 2\n    return 3",
            [NONE],
        ),
        (COLOURS + "def f(c):\n    if c:\n        return 1\n    return 2", [COLOUR]),
    ],
    ast.With: [],
    ast.Match: [
        (
            "def f(a, b):\n    match a, b:\n        case 0, 0:\n            return 0\n        case 0, x:\n            return x\n        case x, 1 | 2:\n"
            "            return x, 9\n        case (x, y) if x > y:\n            return x - y\n        case z:\n            return z",
            [INT, INT],
        ),
        (
            "def f(a, b):\n    x = 100\n    match a, b:\n        case x, 1:\n            return x\n        case _:\n            return x",
            [INT, INT],
        ),
        (
            "def f(a, b):\n    x = 100\n    match a, b:\n        case (x, y) if y == 1:\n            return 5\n        case _:\n            return x",
            [INT, INT],
        ),
        (
            "def f(a, b):\n    x = 100\n    match a, b:\n        case (1 as x, 2) | (3 as x, 4):\n            return x\n        case (_, _, _):\n            return 0\n"
            "    return x",
            [INT, INT],
        ),
        (
            "def f(a):\n    match a:\n        case None:\n            return 0\n        case 3:\n            return 1\n    return 2",
            [NONE],
        ),
        (
            "def f(a, b):\n    match a:\n        case True if b:\n            return 0\n        case False:\n            return 1\n    return 2",
            [BOOL, BOOL],
        ),
        (
            "def f(a):\n    match a:\n        case True:\n            return 0\n        case None:\n            return 1\n        case 1:\n            return 2\n"
            "        case -1:\n            return 3\n    return 4",
            [INT],
        ),
        ("def f(a):\n    match a:\n        case 1:\n            return 0\n    return 4", [BOOL]),
        (
            COLOURS
            + "def f(c, a):\n    match c:\n        case Colour.RED:\n            return 1\n        case 1 if a:\n            return 2\n"
            "        case Mode.ON:\n            return 8\n        case Colour.RED | Colour.BLUE as x:\n            return x\n    return 4",
            [COLOUR, BOOL],
        ),
        (
            "def f(a, b):\n    match a:\n        case 1, 2:\n            return 0\n        case 'x':\n            return 1\n    match (a, b):\n        case 1:\n"
            "            return 2\n        case None:\n            return 3\n        case 'x', 1:\n            return 4\n    return 5",
            [INT, INT],
        ),
        (
            COLOURS
            + "def f(m):\n    match m:\n        case 0 | 1:\n            return 1\n        case Mode.OFF:\n            return 2\n        case x:\n"
            "            return x",
            [MODE],
        ),
        (
            "def f(a):\n    match 'b':\n        case 'a':\n            return 0\n        case 'b' if a:\n            return 1\n        case _:\n            return 2",
            [INT],
        ),
        (
            "def g(x):\n    assert x > 0\n    return x\ndef f(a):\n    match g(a):\n        case 1:\n            return 5\n        case [_] | (_, _):\n"
            "            return 5",
            [INT],
        ),
    ],
    ast.Break: [
        (
            "def f(a):\n    for i in range(5):\n        if i == a:\n            break\n    else:\n        return 9\n    return i",
            [INT],
        )
    ],
    ast.Continue: [
        (
            "def f(a):\n    s = 0\n    for i in range(5):\n        if i == a:\n            continue\n        s += i\n    else:\n        s += 100\n    return s, i",
            [INT],
        ),
        (
            "def f(a):\n    s = i = 0\n    while i < 4:\n        i += 1\n        if i == a:\n            continue\n        s += i\n    else:\n        s += 50\n"
            "    return s, i",
            [INT],
        ),
    ],
    ast.While: [
        (
            "def f(a):\n    i = 0\n    while True:\n        i += 1\n        if i == a or i > 4:\n            break\n    else:\n        return 1\n    return i",
            [INT],
        ),
        (
            "def f(a):\n    i = 3\n    while i:\n        i -= 1\n        a = a * 2 + i\n    else:\n        a += 100\n    return a",
            [INT],
        ),
        (
            "def f(a):\n    i = 0\n    while i < 3:\n        j = 0\n        while j < 3:\n            j += 1\n            if i * j == a:\n                break\n"
            "        else:\n            i += 1\n            continue\n        break\n    return i, j",
            [INT],
        ),
    ],
    ast.For: [
        ("def f(a, b):\n    for x in (a, b, 3):\n        if x > 2:\n            return x\n    return x", [INT, INT]),
        ("def f(a):\n    for i in range(4, 2):\n        a += 1\n    else:\n        a += 10\n    return a", [INT]),
        ("def f(a):\n    for i in range(4, 2):\n        a += 1\n    return i", [INT]),
        ("def f(a):\n    i = 7\n    for i in range(0):\n        pass\n    return i, a", [INT]),
        (
            "def f(a):\n    s = 0\n    for i in range(3):\n        s += i * a\n        i = 50\n        for i in range(-2, 1):\n            s += i\n    return s, i",
            [INT],
        ),
        (
            "def f(a):\n    r = range(2)\n    n = 3\n    for i in range(n):\n        n = 1\n        a += i\n    for i in r:\n        a += 1\n    for i in r:\n        a += 1\n"
            "    return a",
            [INT],
        ),
        (
            "def f(a):\n    for i in range(abs(-3)):\n        for x in ():\n            return 5\n        a -= i\n    return a",
            [INT],
        ),
    ],
}
CASES = [(kind.__name__, index, *case) for kind, cases in SNIPPETS.items() for index, case in enumerate(cases)]


def test_each_handler_has_a_twin() -> None:
    assert set(SNIPPETS) == {*EXPRESSIONS, *STATEMENTS}


@pytest.mark.parametrize(("text", "kinds"), [c[2:] for c in CASES], ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_agrees(tmp_path: Path, text: str, kinds: list[Kind]) -> None:
    agree(Twin(tmp_path, text, kinds))


def test_names_of_other_modules(tmp_path: Path) -> None:
    """A name means what the import system finds, also when two modules use the same one."""
    text = (
        "from other import X as Y, g, h as k, Mode\nimport other as o\nX = 2\ndef h(a):\n    return 0\n"
        "def f(a):\n    return X, Y, g(), k(a), o.X, o.g(), h(a), Mode.ON is o.Mode.ON, o.mean(a, 2)"
    )
    other = (
        "from enum import Enum\nX = 5\nY = 6\ndef g():\n    return X, Y\ndef h(a, d=Y):\n    return a + d\n"
        "class Mode(Enum):\n    ON = 1\ndef max(a, b):\n    return 0\ndef mean(a, b):\n    return max(a, b), min(a, b)\n"
    )
    agree(Twin(tmp_path, text, [INT], other=other))


def test_paths_are_told_apart(tmp_path: Path) -> None:
    """Two ways of a condition that are both possible are two paths."""
    twin = Twin(
        tmp_path,
        "def f(a, b):\n    if a > 0:\n        return 1\n    if b:\n        return 2\n    return 3",
        [INT, BOOL],
    )
    assert len(twin.ways) == 3
    assert not any(way.ended for way in twin.ways)


# A function with a loop that another one calls, and how many paths the two have together.
SUMMARIES: list[tuple[str, list[Kind], int]] = [
    ("def g(a):\n    for i in range(5):\n        if a >> i & 1:\n            return i\n    return 9\ndef f(a):\n    return g(a)", [SMALL], 1),
    ("def g(a):\n    for i in range(4):\n        if i == a:\n            break\n    else:\n        i = 7\n    return i * a\ndef f(a, b):\n    return g(a) - g(b)", [INT, INT], 1),
    ("def g(a, b):\n    i = 0\n    while i < 4:\n        i += 1\n        if i == a and b or i == 3:\n            return i != a\n    return b\ndef f(a, b):\n    return g(a, b)", [INT, BOOL], 1),
    ("def h(a):\n    return 1 if a > 2 else 0\ndef g(a):\n    s = 0\n    for i in range(3):\n        if h(a + i):\n            s += i\n    return s\ndef f(a):\n    return g(a)", [INT], 1),
    ("def g(a):\n    for i in range(3):\n        if i == a:\n            return i\n    return None\ndef f(a):\n    return g(a)", [INT], 4),
    ("def g(a):\n    for i in range(3):\n        if i == a:\n            return i\n    return a > 5\ndef f(a):\n    return g(a)", [INT], 4),
    ("def g(a):\n    for i in range(3):\n        assert i != a\n    return a\ndef f(a):\n    return g(a)", [INT], 1),
]


@pytest.mark.parametrize(("text", "kinds", "ways"), SUMMARIES)
def test_a_loop_that_only_computes_is_one_value(text: str, kinds: list[Kind], ways: int, tmp_path: Path) -> None:
    twin = Twin(tmp_path, text, kinds)
    assert len(twin.ways) == ways
    agree(twin, 60)
