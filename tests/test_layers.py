"""The shape of the tool: imports go one way, and nothing of any subject is named in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hfverify.config import load_config
from hfverify.model.load import load_program
from hfverify.tool import SHOWING

ROOT = Path(__file__).parent.parent
TOOL = sorted((ROOT / "hfverify").rglob("*.py"))
LAYERS = [
    "tool",
    "diagnostics",
    "verdict",
    "syntax",
    "model",
    "audit",
    "abi",
    "logic",
    "execute",
    "prove",
    "config",
    "program",
    "report",
    "explain",
    "cache",
    "ledger",
    "explore",
    "fallback",
    "units",
    "session",
    "exploring",
    "verifying",
    "explaining",
    "publish",
    "cli",
]
# `model.load` describes the folders that the configuration finds, and the configuration describes nothing else.
EXCEPTIONS = {("config", "model")}
SOLVER_FREE = [
    "values", "operations", "meaning", "concrete", "monitor", "proxies", "scenario", "trial", "lists", "registers",
    "codecs", "runner", "given", "effects", "depends",
]  # fmt: skip
# Words of the domain that a verifier for any call layer uses too.
SHARED = {
    "pages",
    "state",
    "lock",
    "count",
    "result",
    "index",
    "id",
    "impl",
    "prev",
    "next",
    "owner",
    "data",
    "size",
    "main",
    "pending",
    "run",
    "first",
    "enabled",
    "cpu",
    "lists",
    "cpu_count",
    "Yield",
    "current",
    "line",
    "number",
    "Worker",
    "is_open",
    "address",
    "code",
    "timer",
    "machine",
    "entry",
    "node",
    "length",
    "status",
    "control",
    "pause",
    "cut",
    "limit",
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


@pytest.mark.parametrize("path", TOOL, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_verdict_depends_on_what_only_shows_it(path: Path) -> None:
    """What is left out of the hash of the tool is imported by the command line and by itself alone."""
    if layer(path) in (*SHOWING, "cli"):
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert [name for name in names if name.startswith(tuple(f"hfverify.{part}" for part in SHOWING))] == []


@pytest.mark.parametrize("name", SOLVER_FREE)
def test_the_run_on_the_real_code_needs_no_solver(name: str) -> None:
    source = (ROOT / "hfverify" / "explain" / f"{name}.py").read_text("utf-8")
    assert "z3" not in source
    assert "hfverify.logic" not in source
    assert "hfverify.prove" not in source


def subject_words(root: Path) -> set[str]:
    """Every name that a subject's specification declares, and the classes and functions that it points to."""
    config = load_config(root)
    program = load_program(config.folders, config.revision)
    words = {part for cell in program.cells() for part in cell.path.split(".")}
    words |= {key.name for state in program.states.values() for key in state.keys}
    words |= set(program.calls) | set(program.states) | set(program.enum_items) | set(program.variants)
    words |= set(program.consts) | set(program.sizes) | set(program.actors) | set(program.pures) | set(program.actions)
    words |= {name for call in program.calls.values() for name in call.impl.target.replace(":", ".").split(".")}
    words |= {name for rule in program.represents.values() for name in rule.target.replace(":", ".").split(".")}
    words |= {name for contract in program.contracts for name in contract.name.replace(":", ".").split(".")}
    words |= {lock.attribute for lock in program.locks.values()}
    return words - SHARED


@pytest.mark.parametrize("root", [ROOT, ROOT / "examples" / "jobs"], ids=["hypervisor", "jobs"])
def test_the_tool_names_nothing_of_a_subject(root: Path) -> None:
    """No string of the tool is a subject's word, and no compound word of a subject occurs anywhere in its code."""
    words = subject_words(root)
    compound = {word for word in words if "_" in word.strip("_") or word != word.lower()}
    found: list[str] = []
    for path in TOOL:
        tree = ast.parse(path.read_text("utf-8"))
        documented = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
        documentation = {ast.get_docstring(n, clean=False) for n in documented}
        strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]
        names += [n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
        for text in [s for s in strings if s not in documentation]:
            tokens = set(re.findall(r"\w+", text))
            found += [f"{path.name}: {word!r} in {text!r}" for word in tokens & compound]
            found += [f"{path.name}: {text!r}"] if text in words else []
        found += [f"{path.name}: {name}" for name in names if name in compound]
    assert not found


def test_the_hypervisor_needs_neither_tool_nor_solver() -> None:
    for path in sorted((ROOT / "impl").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module.split(".")[0] not in ("hfverify", "z3"), path
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] not in ("hfverify", "z3") for alias in node.names), path
