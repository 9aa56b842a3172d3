"""What is outside the subset is refused, with one sentence and the line; it is never an internal error.

Reads   the table of constructs below
Gives   the pinned sentence and line for each, and a sweep over every node type of Python 3.11
Refuses a construct that is skipped, or that ends in an exception
"""

# ruff: noqa: E501 (a snippet is easier to read in one line)
from __future__ import annotations

import ast
from pathlib import Path

import pytest
from twin import INT, Twin, refusals

from hfverify.diagnostics import Rejected
from hfverify.execute.interpreter import EXPRESSIONS, STATEMENTS

TABLE: list[tuple[str, str, str, int]] = [
    # name, text, sentence, line
    ("try", "def f(a):\n    try:\n        a = 1\n    except ValueError:\n        pass", "`try` is not supported", 2),
    ("try-star", "def f(a):\n    try:\n        a = 1\n    except* ValueError:\n        pass", "`try` is not supported", 2),
    ("lambda", "def f(a):\n    return lambda: a", "`lambda` is not supported", 2),
    ("list-comprehension", "def f(a):\n    return [x for x in (1, 2)]", "a list comprehension is not supported", 2),
    ("set-comprehension", "def f(a):\n    return {x for x in (1, 2)}", "a set comprehension is not supported", 2),
    ("dict-comprehension", "def f(a):\n    return {x: x for x in (1, 2)}", "a dict comprehension is not supported", 2),
    ("generator", "def f(a):\n    return (x for x in (1, 2))", "a generator expression is not supported", 2),
    ("f-string", "def f(a):\n    return f'{a}'", "an f-string is not supported", 2),
    ("yield", "def f(a):\n    a = 1\n    yield a", "`yield` is not supported", 3),
    ("yield-never-reached", "def f(a):\n    if False:\n        yield a\n    return a", "`yield` is not supported", 3),
    ("yield-from", "def f(a):\n    yield from (1, 2)", "`yield from` is not supported", 2),
    ("walrus", "def f(a):\n    return (b := a)", "`:=` is not supported", 2),
    ("star-argument", "def g(*x):\n    return 1\ndef f(a):\n    return g(*(a, 1))", "`*` and `**` in a call are not supported", 4),
    ("star-star-argument", "def g(x):\n    return 1\ndef f(a):\n    return g(**{'x': a})", "`*` and `**` in a call are not supported", 4),
    ("star-parameter", "def g(*x):\n    return 1\ndef f(a):\n    return g(a)",
     "`g` takes a variable number of arguments, which is not supported", 4),
    ("star-parameter-of-entry", "def f(*a):\n    return 1", "`f` takes a variable number of arguments, which is not supported", 1),
    ("global", "b = 1\ndef f(a):\n    global b\n    b = a", "`global` is not supported", 3),
    ("global-never-reached", "b = 1\ndef f(a):\n    if False:\n        global b\n    b = a\n    return b", "`global` is not supported", 4),
    ("changed-global", "b = 1\ndef f(a):\n    return b\ndef g():\n    global b\n    b = 2", "`b` is not known here", 3),
    ("del", "def f(a):\n    del a", "`del` is not supported", 2),
    ("async-def", "def f(a):\n    async def g():\n        pass", "`async def` is not supported", 2),
    ("async-callee", "async def g(a):\n    pass\ndef f(a):\n    return g(a)", "`g` is not known here", 4),
    ("decorator", "def d(x):\n    return x\n@d\ndef g(a):\n    return a\ndef f(a):\n    return g(a)", "a decorated function is not supported", 4),
    ("recursion", "def f(a):\n    return f(a - 1)", "`f` calls itself", 2),
    ("mutual-recursion", "def g(a):\n    return f(a)\ndef f(a):\n    return g(a)", "`f` calls itself", 2),
    ("unbounded-while", "def f(a):\n    while a > 0:\n        a -= 1", "this loop has no constant bound and no fact", 2),
    ("endless-while", "def f(a):\n    while True:\n        pass", "this loop has no constant bound and no fact", 2),
    ("unbounded-for", "def f(a):\n    for i in range(a):\n        pass", "this loop has no constant bound and no fact", 2),
    ("float", "def f(a):\n    return a + 1.5", "a constant of type `float` is not supported", 2),
    ("complex", "def f(a):\n    return 1j", "a constant of type `complex` is not supported", 2),
    ("bytes", "def f(a):\n    return b''", "a constant of type `bytes` is not supported", 2),
    ("ellipsis", "def f(a):\n    return ...", "a constant of type `ellipsis` is not supported", 2),
    ("string-sum", "def f(a):\n    return 'a' + 'b'", "this is not an integer", 2),
    ("string-order", "def f(a):\n    return 'a' < 'b'", "this is not an integer", 2),
    ("string-identity", "def f(a):\n    return 'a' is 'b'", "these values cannot be compared", 2),
    ("string-method", "def f(a):\n    return 'a'.upper()", "`.upper` of this value is not described", 2),
    ("tuple-sum", "def f(a):\n    return (a,) + (1,)", "this is not an integer", 2),
    ("tuple-identity", "def f(a):\n    return (a,) is (1,)", "these values cannot be compared", 2),
    ("tuple-order", "def f(a):\n    return (a,) < (1,)", "this is not an integer", 2),
    ("tuple-slice", "def f(a):\n    return (a, 1)[0:1]", "a slice of a tuple is not supported", 2),
    ("tuple-index", "def f(a):\n    return (a, 1)[a]", "the index of a tuple must be a constant", 2),
    ("dict", "def f(a):\n    return {1: a}", "a dict is not supported", 2),
    ("set", "def f(a):\n    return {a}", "a set is not supported", 2),
    ("list", "def f(a):\n    return [a]", "a list is not supported", 2),
    ("list-target", "def f(a):\n    [a, b] = 1, 2", "an assignment to `[a, b]` is not supported", 2),
    ("star-target", "def f(a):\n    a, *b = 1, 2", "an assignment to `*b` is not supported", 2),
    ("item-target", "def f(a):\n    a[0] = 1", "an item of this value cannot be assigned", 2),
    ("item-of-number", "def f(a):\n    return a[0]", "an item of this value is not supported", 2),
    ("augmented-item", "def f(a):\n    a[0] += 1", "an item of this value cannot be assigned", 2),
    ("attribute-target", "def f(a):\n    a.x = 1", "attributes of this value cannot be changed", 2),
    ("with-as", "def f(a):\n    with a as b:\n        pass", "`with` is supported for locks only", 2),
    ("with-number", "def f(a):\n    with a:\n        pass", "`with` is supported for locks only", 2),
    ("with-two", "def f(a):\n    with a as b, b as c:\n        pass", "`with` is supported for locks only", 2),
    ("class", "class C:\n    pass\ndef f(a):\n    return C()", "objects of `C` cannot be made here", 4),
    ("dataclass-that-changes", "from dataclasses import dataclass\n@dataclass\nclass C:\n    x: int\ndef f(a):\n    return C(a)",
     "objects of `C` cannot be made here", 6),
    ("own-dataclass", "def dataclass(frozen):\n    return print\n@dataclass(frozen=True)\nclass C:\n    x: int\ndef f(a):\n    return C(a)",
     "objects of `C` cannot be made here", 7),
    ("dataclass-with-method", "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    x: int\n    def g(self):\n        pass\n"
     "def f(a):\n    return C(a)", "`C` has methods, which is not supported", 8),
    ("dataclass-with-base", "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass B:\n    x: int\n@dataclass(frozen=True)\nclass C(B):\n"
     "    y: int\ndef f(a):\n    return C(a)", "`C` inherits from another class, which is not supported", 9),
    ("dataclass-with-field", "from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass C:\n    x: int = field(init=False)\n"
     "def f(a):\n    return C()", "`C` describes `x` by `field`, which is not supported", 6),
    ("dataclass-keywords", "from dataclasses import dataclass\n@dataclass(frozen=True, kw_only=True)\nclass C:\n    x: int\ndef f(a):\n    return C(a)",
     "`C` has no constructor over its fields in order, which is not supported", 6),
    ("dataclass-class-variable", "from dataclasses import dataclass\nfrom typing import ClassVar as V\n@dataclass(frozen=True)\nclass C:\n    x: V[int] = 1\n"
     "    y: int = 2\ndef f(a):\n    return C(a)", "`C` does not take `x` as an ordinary argument, which is not supported", 8),
    ("dataclass-changed-default", "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    x: int = 1\n    x = 2\n"
     "def f(a):\n    return C()", "`C` has more in its body than fields, which is not supported", 7),
    ("record-equality", "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    x: int\ndef f(a):\n    return C(a) == C(a)",
     "these values cannot be compared", 6),
    ("function-in-function", "def f(a):\n    def g():\n        pass", "a function inside a function is not supported", 2),
    ("class-in-function", "def f(a):\n    class C:\n        pass", "a class inside a function is not supported", 2),
    ("import-in-function", "def f(a):\n    import enum", "an import inside a function is not supported", 2),
    ("from-import-in-function", "def f(a):\n    from enum import Enum", "an import inside a function is not supported", 2),
    ("power", "def f(a):\n    return a ** 2", "the operator of `a ** 2` is not supported", 2),
    ("division", "def f(a):\n    return a / 2", "the operator of `a / 2` is not supported", 2),
    ("matrix-product", "def f(a):\n    a @= 2", "the operator of `a @= 2` is not supported", 2),
    ("in-number", "def f(a):\n    return 1 in a", "`in` is supported for tuples only", 2),
    ("in-string", "def f(a):\n    return 'a' in 'abc'", "`in` is supported for tuples only", 2),
    ("is-between-numbers", "def f(a):\n    return a is 1", "these values cannot be compared", 2),
    ("star-pattern", "def f(a):\n    match a, 1:\n        case (x, *y):\n            pass", "`*` in a pattern is not supported", 3),
    ("class-pattern", "def f(a):\n    match a:\n        case int():\n            pass", "this pattern is not supported", 3),
    ("mapping-pattern", "def f(a):\n    match a:\n        case {'x': 1}:\n            pass", "this pattern is not supported", 3),
    ("unknown-name", "def f(a):\n    return b", "`b` is not known here", 2),
    ("unknown-function", "def f(a):\n    return sorted(a)", "`sorted` is not known here", 2),
    ("unknown-attribute", "def f(a):\n    return a.b", "`.b` of this value is not described", 2),
    ("unknown-member", "from enum import Enum\nclass E(Enum):\n    A = 1\ndef f(a):\n    return E.B", "`E` has no member `B`", 5),
    ("enum-call", "from enum import Enum\nclass E(Enum):\n    A = 1\ndef f(a):\n    return E(a, 1)", "objects of `E` cannot be made here", 5),
    ("enum-of-text", "from enum import Enum\nclass E(Enum):\n    A = 1\ndef f(a):\n    return E('A')", "only a number names a member of `E`", 5),
    ("enum-of-enum", "from enum import Enum\nclass E(Enum):\n    A = 1\nclass F(Enum):\n    B = 1\ndef f(a):\n    return E(F.B)", "only a number names a member of `E`", 7),
    ("enum-with-missing", "from enum import Enum\nclass E(Enum):\n    A = 1\n    def _missing_(cls, v): return cls.A\ndef f(a):\n    return E(a)", "`E` has methods, which is not supported", 6),
    ("large-power", "def f(a):\n    return 2 ** 65", "the operator of `2 ** 65` is not supported", 2),
    ("negative-power", "def f(a):\n    return 2 ** -1", "the operator of `2 ** (-1)` is not supported", 2),
    ("enum-auto", "from enum import Enum, auto\nclass E(Enum):\n    A = auto()\ndef f(a):\n    return E.A", "a member of `E` is not a number", 5),
    ("enum-truth-value", "from enum import Enum\nclass E(Enum):\n    A = True\ndef f(a):\n    return E.A", "a member of `E` is not a number", 5),
    ("enum-method", "from enum import IntEnum\nclass E(IntEnum):\n    A = 1\n    def __eq__(self, x):\n        return False\ndef f(a):\n    return E.A",
     "`E` has methods, which is not supported", 7),
    ("enum-mixin", "from enum import Enum\nclass E(int, Enum):\n    A = 1\ndef f(a):\n    return E.A", "attributes of the class `E` are not supported", 5),
    ("enum-of-ones-own", "class Enum:\n    pass\nclass E(Enum):\n    A = 1\ndef f(a):\n    return E.A",
     "attributes of the class `E` are not supported", 6),
    ("class-attribute", "class C:\n    x = 1\ndef f(a):\n    return C.x", "attributes of the class `C` are not supported", 4),
    ("constant-twice", "b = 1\nb = 2\ndef f(a):\n    return b", "`b` is not known here", 4),
    ("constant-in-if", "from enum import Enum\nif Enum:\n    b = 1\ndef f(a):\n    return b", "a module does more here, on import, than to define names", 2),
    ("constant-augmented", "b = 1\nb += 1\ndef f(a):\n    return b", "a module does more here, on import, than to define names", 2),
    ("constant-by-tuple", "b, c = 1, 2\ndef f(a):\n    return b", "`b` is not known here", 3),
    ("constant-used-before", "b = c\nc = 1\ndef f(a):\n    return b", "`c` gets its meaning after this", 1),
    ("builtin-shadowed-later", "b = max(1, 2)\ndef max(x, y):\n    return 0\ndef f(a):\n    return b", "`max` gets its meaning after this", 1),
    ("constant-by-call", "def g():\n    return 1\nb = g()\ndef f(a):\n    return b", "a call while the module is imported is not supported", 3),
    ("constant-of-itself", "b = b\ndef f(a):\n    return b", "the code nests too deeply", 2),
    ("function-twice", "def g(a):\n    return 1\ndef g(a):\n    return 2\ndef f(a):\n    return g(a)", "`g` is not known here", 6),
    ("entry-twice", "def f(a):\n    return 1\ndef f(a):\n    return 2", "`f` is not bound by exactly one statement at the top of `impl/main.py`", 3),
    ("function-and-constant", "def g(a):\n    return 1\ng = 2\ndef f(a):\n    return g(a)", "`g` is not known here", 5),
    ("function-or-import", "from enum import Enum as g\ndef g(a):\n    return 1\ndef f(a):\n    return g(a)", "`g` is not known here", 5),
    ("builtin-imported", "from operator import add as max\ndef f(a):\n    return max(a, 1)", "`max` is not known here", 3),
    ("builtin-deleted", "len = 1\ndel len\ndef f(a):\n    return len((a,))", "a module does more here, on import, than to define names", 2),
    ("star-import", "from os import *\ndef f(a):\n    return max(a, 1)",
     "`impl/main.py` has a star import, which can give `f` another meaning", 2),
    ("module-effect", "print(1)\ndef f(a):\n    return a", "a module does more here, on import, than to define names", 1),
    ("module-setattr", "b = setattr\ndef f(a):\n    return a", "a module does more here, on import, than to define names", 1),
    ("function-changed", "def g():\n    return 1\ndef h(a):\n    g.__code__ = a\ndef f(a):\n    return g()", "`g` is changed after it was defined", 4),
    ("keyword-of-builtin", "def f(a):\n    return int(x=a)", "a call of `int` is not supported", 2),
    ("range-step", "def f(a):\n    for i in range(1, 5, 2):\n        pass", "`range(1, 5, 2)` is not supported", 2),
    ("loop-over-number", "def f(a):\n    for i in a:\n        pass", "a loop runs over a range or a tuple only", 2),
    ("loop-targets", "def f(a):\n    for i, j in ((1, 2),):\n        pass", "a loop variable must be one name", 2),
    ("call-of-number", "def f(a):\n    return a(1)", "a call of `a` is not supported", 2),
    ("annotated-attribute", "def f(a):\n    a.b: int", "an annotation without a value is supported for names only", 2),
    ("truth-of-function", "def f(a):\n    return not f", "the truth of this value is not supported", 2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence", "line"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_is_refused(tmp_path: Path, text: str, sentence: str, line: int) -> None:
    found = {(refusal.message, str(refusal.span), refusal.code) for refusal in refusals(tmp_path, text)}
    code = {"calls itself": "HF402", "no constant bound": "HF403"}
    expected = next((value for key, value in code.items() if key in sentence), "HF401")
    assert found == {(sentence, f"impl/main.py:{line}", expected)}


OTHERS: list[tuple[str, str, dict[str, str], str, str]] = [
    # name, text, other modules, what is said
    ("re-export", "from other import g\ndef f(a):\n    return g(a)", {"other": "from os import g"}, "`g` comes from `os`, which is no part of the implementation",
     "impl/main.py:3"),
    ("missing", "from other import g\ndef f(a):\n    return g(a)", {"other": "h = 1"}, "`other` has no `g`", "impl/main.py:3"),
    ("star", "from other import *\ndef f(a):\n    return a", {"other": "h = 1"}, "`impl/main.py` has a star import, which can give `f` another meaning",
     "impl/main.py:2"),
    ("conditional", "from other import g\ndef f(a):\n    return g", {"other": "try:\n    g = 1\nexcept ValueError:\n    g = 2"},
     "a module does more here, on import, than to define names", "impl/other.py:1"),
    ("patched", "import other\nfrom other import g\ndef h():\n    other.g = 2\ndef f(a):\n    return g", {"other": "g = 1"},
     "`other` is changed after it was defined", "impl/main.py:4"),
    ("patched-by-local-import", "from other import g\ndef h():\n    import other as o\n    o.g = 2\ndef f(a):\n    return g", {"other": "g = 1"},
     "`o` is changed after it was defined", "impl/main.py:4"),
    ("patched-by-local-name", "from other import g\ndef f(a):\n    return g(a)",
     {"other": "def g(x):\n    return x", "third": "def h():\n    from other import g\n    g.__code__ = 2"},
     "`g` is changed after it was defined", "impl/third.py:3"),
    ("patched-below", "import pack.other\nfrom pack.other import g\ndef h():\n    pack.other.g = 2\ndef f(a):\n    return g",
     {"pack/__init__": "", "pack/other": "g = 1"}, "`pack` is changed after it was defined", "impl/main.py:4"),
    ("enum-twice", "from other import E, g\nfrom third import E as D\ndef f(a):\n    return E.A == D.A", {"other": (text := "from enum import Enum\nclass E(Enum):\n    A = 1\ng = 1"), "third": text},
     "there is more than one enumeration `E`", "impl/main.py:4"),
    ("circle", "from other import g\nh = 1\ndef f(a):\n    return g", {"other": "from main import g"}, "`g` is imported from itself", "impl/main.py:4"),
    ("standard-library", "from enum import Enum\ndef f(a):\n    return a", {"enum": "Enum = 1"}, "`enum` is a module of the standard library and of `impl`",
     "impl/main.py:1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "others", "sentence", "place"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS]
)
def test_names_that_are_not_clear(tmp_path: Path, text: str, others: dict[str, str], sentence: str, place: str) -> None:
    found = [(refusal.message, refusal.help, str(refusal.span)) for refusal in refusals(tmp_path, text, **others)]
    assert len(found) == 1
    assert sentence in found[0]
    assert found[0][2] == place


@pytest.mark.parametrize(
    "text",
    [
        "def f(a):\n    break",
        "def f(a, a):\n    pass",
        "def f(a):\n    b = 1\n    global b",
        "def f(:",
        "def f(a):\n    await a",
    ],
)
def test_what_the_compiler_rejects(tmp_path: Path, text: str) -> None:
    (tmp_path / "given").mkdir()
    with pytest.raises(Rejected, match="HF404"):
        Twin(tmp_path / "given", text, [INT])


SAMPLES = {
    "FunctionDef": "def g():\n    pass", "AsyncFunctionDef": "async def g():\n    pass", "ClassDef": "class C:\n    pass", "Return": "return a",
    "Delete": "del a", "Assign": "b = a", "AugAssign": "a += 1", "AnnAssign": "b: int = a", "For": "for i in (1, 2):\n    pass",
    "AsyncFor": "async for i in a:\n    pass", "While": "while False:\n    pass", "If": "if a:\n    pass", "With": "with a:\n    pass",
    "AsyncWith": "async with a:\n    pass", "Match": "match a:\n    case 1:\n        pass", "Raise": "raise a", "Try": "try:\n    pass\nfinally:\n    pass",
    "TryStar": "try:\n    pass\nexcept* a:\n    pass", "Assert": "assert a", "Import": "import os", "ImportFrom": "from os import path",
    "Global": "global b", "Nonlocal": "nonlocal b", "Expr": "a", "Pass": "pass", "Break": "for i in (1,):\n    break",
    "Continue": "for i in (1,):\n    continue",
    "BoolOp": "a and 1", "NamedExpr": "(b := a)", "BinOp": "a + 1", "UnaryOp": "-a", "Lambda": "lambda: a", "IfExp": "1 if a else 2", "Dict": "{a: a}",
    "Set": "{a}", "ListComp": "[x for x in a]", "SetComp": "{x for x in a}", "DictComp": "{x: x for x in a}", "GeneratorExp": "(x for x in a)",
    "Await": "await a", "Yield": "yield a", "YieldFrom": "yield from a", "Compare": "a < 1", "Call": "g(a)", "FormattedValue": "f'{a!r:>{a}}'",
    "JoinedStr": "f'{a}'", "Constant": "b'x'", "Attribute": "a.b.c", "Subscript": "a[1, 2:3, ...]", "Starred": "print(*a)", "Name": "nothing",
    "List": "[a, *a]", "Tuple": "(a, *a)", "Slice": "(1, 2)[::2]",
}  # fmt: skip
KINDS = [
    kind.__name__
    for base in (ast.stmt, ast.expr)
    for kind in base.__subclasses__()
    if kind.__module__ == "ast" and kind.__name__ != "Index"
]
ENDED = {"", "refused", "raises", "unreachable"}


@pytest.mark.parametrize(
    "kind", [k for k in KINDS if k not in ("ExtSlice", "Num", "Str", "Bytes", "NameConstant", "Ellipsis")]
)
@pytest.mark.parametrize(
    "where", ["{}", "if a:\n    {}", "for i in (1, 2):\n    {}", "match a:\n    case 1:\n        {}"]
)
def test_every_node_is_handled_or_refused(tmp_path: Path, kind: str, where: str) -> None:
    """Each node type of Python in each kind of block: a result, a failed check, or a refusal."""
    indent = where.split("{")[0].rsplit("\n", 1)[-1]
    body = where.format(SAMPLES[kind].replace("\n", "\n" + indent))
    text = "def g(x):\n    return x\ndef f(a):\n" + "\n".join("    " + line for line in body.splitlines())
    try:
        twin = Twin(tmp_path, text, [INT])
    except Rejected:
        if kind not in ("Await", "AsyncFor", "AsyncWith", "Nonlocal"):
            raise
        return
    assert {way.ended for way in twin.ways} <= ENDED
    for refusal in twin.refusals():
        assert refusal.message
        assert refusal.span.line > 2
    handled = {node.__name__ for node in (*EXPRESSIONS, *STATEMENTS)}
    assert kind in handled or any(way.refusal is not None for way in twin.ways)
