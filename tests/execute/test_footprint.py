"""What is said of a function may be kept as long as what it can depend on stays the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from hfverify.diagnostics import NOWHERE
from hfverify.execute.source import Sources

CODE = """
SIZE = 4

def top(n: int) -> int:
    return middle(n) + other(n)

def middle(n: int) -> int:
    return bottom(n)

def bottom(n: int) -> int:
    return n + SIZE

def other(n: int) -> int:
    return n

def apart(n: int) -> int:
    return n
"""
CHANGES = {
    "its own text": ("middle(n) + other(n)", "middle(n) - other(n)", True),
    "the text of a specified function": ("return bottom(n)", "return 1 + bottom(n)", False),
    "what only a specified function uses": ("return n + SIZE", "return n - SIZE", False),
    "the parameters of a specified function": ("def middle(n: int)", "def middle(m: int)", True),
    "a specified function comes to call its user": ("return n + SIZE", "return top(n)", True),
    "what it uses": ("def other(n: int) -> int:\n    return n", "def other(n: int) -> int:\n    return -n", True),
    "a constant": ("SIZE = 4", "SIZE = 5", True),
    "a function that it does not use": ("def apart(n: int) -> int:", "def apart(n: int, m: int) -> int:", False),
    "where it stands": ("SIZE = 4\n", "SIZE = 4\n\n\n", False),
    "a loop, and the text of a specified function": (
        "return middle(n) + other(n)", "for _ in range(2):\n        pass\n    return middle(n) + other(n)", True,
    ),
}  # fmt: skip


METHODS = CODE + """
def free(function: object) -> object:
    return function

class Lock:
    depth: int = 0

    @free
    def take(self, by: int = SIZE) -> None:
        self.depth = by

    def give(self) -> None: self.depth = 0
"""
# No call enters a method, but what it is, and what its class is, can be seen from outside.
METHOD_CHANGES = {
    "the body of a method": ("        self.depth = by\n", "        more = by\n        self.depth = more\n", False),
    "a body beside its header": ("self.depth = 0", "self.depth = 1", True),
    "its decorator": ("    @free\n", "", True),
    "its default": ("by: int = SIZE", "by: int = 3", True),
    "its name": ("def give", "def drop", True),
    "what else the class has": ("depth: int = 0", "depth: int = 1", True),
    "a name that it makes global": ("        self.depth = by\n", "        global SIZE\n        SIZE = by\n", True),
    "a function that it changes": ("        self.depth = by\n", "        top.by = by\n", True),
}  # fmt: skip

BOTTOM = "def bottom(n: int) -> int:\n    return n\n"
# Ways to call a function by another name.
ALIASES = {
    "a name": {"m": BOTTOM + "x = bottom\ndef top(n: int) -> int:\n    return x(n)\n"},
    "a name of a name": {"m": BOTTOM + "x = bottom\ny = x\ndef top(n: int) -> int:\n    return y(n)\n"},
    "an item": {"m": BOTTOM + "x = (bottom,)\ndef top(n: int) -> int:\n    return x[0](n)\n"},
    "a module that only imports it": {
        "b": BOTTOM, "a": "from b import bottom\n", "m": "import a\ndef top(n: int) -> int:\n    return a.bottom(n)\n",
    },
    "a name in another module": {
        "b": BOTTOM + "x = bottom\n", "m": "from b import x\ndef top(n: int) -> int:\n    return x(n)\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ALIASES)
def test_a_function_by_another_name(name: str, tmp_path: Path) -> None:
    found: list[list[str]] = []
    for number, result in enumerate(("n", "1 + n")):
        folder = tmp_path / str(number)
        folder.mkdir()
        for module, text in ALIASES[name].items():
            (folder / f"{module}.py").write_text(text.replace("    return n\n", f"    return {result}\n"))
        sources = Sources(folder, "impl")
        top = sources.function("m:top", NOWHERE)
        found.append(sources.footprint(top, places=False))
        assert len(sources.reached(top)) == 2
    assert found[0] != found[1]


def footprint(folder: Path, text: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    (folder / "m.py").write_text(text)
    sources = Sources(folder, "impl")
    return sources.footprint(sources.function("m:top", NOWHERE), {"m:middle"}, places=False)


@pytest.mark.parametrize("name", CHANGES)
def test_footprint(name: str, tmp_path: Path) -> None:
    old, new, matters = CHANGES[name]
    assert CODE.count(old) == 1
    assert (footprint(tmp_path / "a", CODE) != footprint(tmp_path / "a", CODE.replace(old, new))) is matters


@pytest.mark.parametrize("name", METHOD_CHANGES)
def test_methods(name: str, tmp_path: Path) -> None:
    old, new, matters = METHOD_CHANGES[name]
    assert METHODS.count(old) == 1
    assert (footprint(tmp_path / "a", METHODS) != footprint(tmp_path / "a", METHODS.replace(old, new))) is matters


LATE = {
    "imported by the function": "def late() -> None:\n    import one as found\n    found.x = 2\n",
    "imported by the module": "import one as found\ndef late() -> None:\n    found.x = 2\n",
    "changed by a method": "class A:\n    def late(self) -> None:\n        import one as found\n        found.x = 2\n",
}


@pytest.mark.parametrize("name", LATE)
def test_what_a_module_that_nobody_imports_changes(name: str, tmp_path: Path) -> None:
    for module in ("one", "other"):
        (tmp_path / f"{module}.py").write_text("x = 1\n")
    found: list[list[str]] = []
    for text in (LATE[name], LATE[name].replace("import one", "import other")):
        (tmp_path / "apart.py").write_text(text)
        found.append(footprint(tmp_path, CODE))
    assert found[0] != found[1]


def test_a_name_may_come_before_what_it_names(tmp_path: Path) -> None:
    after = "def bottom(n: int) -> int:\n    return n\n\nALIAS = bottom\n"
    before = "ALIAS = bottom\n\ndef bottom(n: int) -> int:\n    return n\n"
    top = "\ndef top(n: int) -> int:\n    return ALIAS(n)\n"
    assert footprint(tmp_path, after + top) != footprint(tmp_path, before + top)


def test_a_loop_reads_the_text_of_a_specified_function(tmp_path: Path) -> None:
    looping = CODE.replace("return middle(n) + other(n)", "for _ in range(2):\n        n = middle(n)\n    return n")
    changed = looping.replace("return bottom(n)", "return 1 + bottom(n)")
    assert footprint(tmp_path / "a", looping) != footprint(tmp_path / "a", changed)
