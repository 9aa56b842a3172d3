"""Which names are local agrees with the compiler's own symbol table.

Reads   hfverify.execute.scopes
Gives   agreement with `symtable` for functions that bind names in every way there is, and for the implementation
Refuses nothing
"""

from __future__ import annotations

import ast
import symtable
from pathlib import Path

import pytest

from hfverify.config import load_config
from hfverify.execute.scopes import bindings, import_effects, local_names, nodes_of
from hfverify.execute.source import Module, Sources
from hfverify.model.load import load_program

IMPLEMENTATION = sorted((Path(__file__).parents[2] / "impl").rglob("*.py"))
EVERY_WAY = """
import a.b, c as d
from e import f, g as h
def all_ways(i, j=1, /, *k, l=lambda q: q, **m) -> int:
    n = [o for p in i if (s := p)]; (r := i)
    t, (u, *v) = w.x = y[z] = n
    aa: int
    bb += 1
    for cc, dd in ee: pass
    else: ff = 1
    with gg as hh, ii as (jj, kk): pass
    try: import ll.mm
    except nn as oo: from pp import qq as rr
    match ss:
        case {"tt": uu, **vv}: pass
        case [ww, *xx] | (xx, ww): pass
        case yy.zz(a1=a2) as a3: pass
        case _: del a4
    def a5(a6=(a7 := 1)): a8 = 1
    class a9(b1, b2=(b3 := b4)): b5 = 1
    async def b6(): b7 = 1
    print({b8: b9 for b8 in c1}, {c2 for c2 in c3}, (lambda c4: (c5 := c4))(1))
    if False:
        while (c6 := c7): c8 = c9
"""


def functions(text: str) -> list[tuple[ast.FunctionDef, symtable.Function]]:
    tables = {t.get_lineno(): t for t in symtable.symtable(text, "x", "exec").get_children()}
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            table = tables[node.lineno]
            assert isinstance(table, symtable.Function)
            found.append((node, table))
    return found


@pytest.mark.parametrize("text", [EVERY_WAY, *[p.read_text("utf-8") for p in IMPLEMENTATION]])
def test_local_names(text: str) -> None:
    for node, table in functions(text):
        assert local_names(node) == {name for name in table.get_locals() if not name.startswith(".")}


@pytest.mark.parametrize("text", [EVERY_WAY, *[p.read_text("utf-8") for p in IMPLEMENTATION]])
def test_global_names(text: str) -> None:
    table = symtable.symtable(text, "x", "exec")
    assert set(bindings(ast.parse(text).body)) == {
        s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()
    }


def executed() -> list[Module]:
    """The modules whose text can influence a call under proof."""
    root = Path(__file__).parents[2]
    config = load_config(root)
    program = load_program(config.folders, config.revision)
    sources = Sources(config.folders.impl, "impl")
    functions = [sources.function(call.impl.target, call.impl.span) for call in program.calls.values()]
    found = {module.name: module for function in functions for module in sources.reachable(function.module)}
    return list(found.values())


@pytest.mark.parametrize("module", executed(), ids=lambda m: m.name)
def test_the_executed_modules_only_define_names_on_import(module: Module) -> None:
    assert import_effects(module.tree) is None


@pytest.mark.parametrize("path", [*IMPLEMENTATION, Path(__file__)], ids=lambda path: path.stem)
def test_all_nodes_are_those_that_the_library_walks_through(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert list(map(id, nodes_of(tree))) == list(map(id, ast.walk(tree)))


def test_every_way_of_binding_is_walked_through() -> None:
    tree = ast.parse(EVERY_WAY)
    assert list(map(id, nodes_of(tree))) == list(map(id, ast.walk(tree)))
