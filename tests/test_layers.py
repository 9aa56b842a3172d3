"""The shape of the tool: imports go one way, and nothing of any subject is named in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hfverify.config import load_config
from hfverify.execute.source import Sources
from hfverify.model.load import load_program

ROOT = Path(__file__).parent.parent
TOOL = sorted((ROOT / "hfverify").rglob("*.py"))
LAYERS = ["diagnostics", "verdict", "syntax", "model", "logic", "execute", "prove", "config", "report", "explain", "cache", "ledger", "units", "session", "cli"]
# `model.load` describes the folders that the configuration finds, and the configuration describes nothing else.
EXCEPTIONS = {("explain", "session"), ("explain", "units"), ("config", "model")}
SOLVER_FREE = ["concrete", "monitor", "proxies", "scenario", "trial", "lists", "runner", "given"]
# Words of the domain that a verifier for any call layer uses too.
SHARED = {
    "state", "lock", "count", "result", "index", "id", "impl", "prev", "next", "owner", "data", "size", "main", "pending",
    "run", "first", "enabled", "address", "code", "timer", "machine", "entry", "node", "length", "status", "control",
}


def layer(path: Path) -> str:
    return path.relative_to(ROOT / "hfverify").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", TOOL, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    own = layer(path)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            parts = name.split(".")
            if parts[0] == "hfverify" and len(parts) > 1 and own in LAYERS and (own, parts[1]) not in EXCEPTIONS:
                assert LAYERS.index(parts[1]) <= LAYERS.index(own), f"{own} imports {name}"


@pytest.mark.parametrize("name", SOLVER_FREE)
def test_the_run_on_the_real_code_needs_no_solver(name: str) -> None:
    source = (ROOT / "hfverify" / "explain" / f"{name}.py").read_text("utf-8")
    assert "z3" not in source
    assert "hfverify.logic" not in source
    assert "hfverify.prove" not in source


def subject_words(root: Path) -> set[str]:
    """Every name that a subject's specification and implementation declare."""
    config = load_config(root)
    program = load_program(config.folders, config.revision)
    words = {part for cell in program.cells() for part in cell.path.split(".")}
    words |= {key.name for state in program.states.values() for key in state.keys}
    words |= set(program.calls) | set(program.states) | set(program.enum_items) | set(program.variants)
    words |= set(program.consts) | set(program.sizes) | set(program.actors) | set(program.pures) | set(program.actions)
    sources = Sources(config.folders.impl, "impl")
    for path in sorted(config.folders.impl.rglob("*.py")):
        parts = path.relative_to(config.folders.impl).with_suffix("").parts
        module = sources.module(".".join(part for part in parts if part != "__init__") or "__init__")
        if module is not None:
            words |= set(module.functions) | set(module.classes) | set(module.constants)
    return {word for word in words if len(word) > 3} - SHARED


@pytest.mark.parametrize("root", [ROOT, ROOT / "examples" / "jobs"], ids=["hypervisor", "jobs"])
def test_the_tool_names_nothing_of_a_subject(root: Path) -> None:
    words = subject_words(root)
    found: list[str] = []
    for path in TOOL:
        tree = ast.parse(path.read_text("utf-8"))
        strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]
        names += [n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
        documentation = {ast.get_docstring(n, clean=False) for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)}
        for text in [s for s in strings if s not in documentation]:
            found += [f"{path.name}: {word!r} in {text!r}" for word in set(re.findall(r"\w+", text)) & (words - {"wait"})]
        capitals = {word for word in words if word != word.lower() or "_" in word}
        found += [f"{path.name}: {name}" for name in names if name in capitals]
    assert not found


def test_the_hypervisor_needs_neither_tool_nor_solver() -> None:
    for path in sorted((ROOT / "impl").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module.split(".")[0] not in ("hfverify", "z3"), path
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] not in ("hfverify", "z3") for alias in node.names), path
