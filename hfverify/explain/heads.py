"""Hold the facts of a loop against the state each time the real code comes to its head. No solver.

Reads   the loops of the proof files, local names of the code, explain.monitor.Monitor
Gives   a change of the source for explain.loading; breaches of the kind `bounded`
Refuses nothing; a fact that has no value does not hold, and one of a local name without a number is `unsaid`
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from types import FrameType
from typing import Any

from hfverify.explain.concrete import Env, Thunk, Undefined, Value
from hfverify.explain.monitor import Monitor
from hfverify.model.expressions import walk
from hfverify.model.program import Program
from hfverify.syntax import tree

HEAD = "__hfverify_head__"
TURNS = "__hfverify_each__"
# A loop by its function, as `module:function`, and its place among the loops there.
Key = tuple[str, int]


class Heads:
    """Those of one program; `machine` is the one on which the code runs now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.machine: Monitor | None = None
        # Facts that could not be held against some run, each with the reason.
        self.unsaid: dict[str, str] = {}
        setattr(builtins, HEAD, self._head)
        setattr(builtins, TURNS, self._turns)

    def change(self, module: ast.Module, name: str, file: str) -> None:
        """Let the loops of a module of which the proof files say something tell when they come to their heads."""
        del file
        for function in module.body:
            if isinstance(function, ast.FunctionDef):
                self._change(function, f"{name}:{function.name}")

    def _change(self, function: ast.FunctionDef, target: str) -> None:
        loops = [node for node in ast.walk(function) if isinstance(node, ast.While | ast.For)]
        for position, node in enumerate(sorted(loops, key=lambda n: (n.lineno, n.col_offset)), 1):
            if (target, position) not in self.program.loops:
                continue
            if isinstance(node, ast.While):
                head = _call(HEAD, node.test, ast.Constant(target), ast.Constant(position))
                node.test = ast.copy_location(ast.BoolOp(ast.And(), [head, node.test]), node.test)
            elif isinstance(node.target, ast.Name):
                given = [ast.Constant(target), ast.Constant(position), ast.Constant(node.target.id)]
                node.iter = _call(TURNS, node.iter, *given, node.iter)

    def _head(self, target: str, position: int) -> bool:
        self._demand((target, position), sys._getframe(1), {})
        return True

    def _turns(self, target: str, position: int, name: str, items: Iterable[Any]) -> Iterator[Any]:
        """The variable has its number at the head of each turn; after all of them, one that makes no turn."""
        for item in items:
            self._demand((target, position), sys._getframe(1), {name: item})
            yield item
        if isinstance(items, range):
            past = items.start + items.step * len(items)
            self._demand((target, position), sys._getframe(1), {name: past})

    def _demand(self, key: Key, frame: FrameType, turn: Mapping[str, Any]) -> None:
        machine = self.machine
        if machine is None or not machine.watching:
            return
        machine.watching = False
        local = {**frame.f_locals, **turn}
        names = {name: value for name, value in ((n, _spoken(v)) for n, v in local.items()) if value is not None}
        silent = {*frame.f_code.co_varnames, *frame.f_code.co_cellvars} - names.keys()
        env = Env(machine.store, names, None, machine.here)
        broken = [text for fact in self.program.loops[key].facts for text in self._broken(machine, fact, env, silent)]
        machine.watching = True
        for text in broken:
            machine.breach("bounded", f"{text} at the head of the loop")

    def _broken(self, machine: Monitor, fact: tree.Fact, env: Env, silent: Set[str]) -> list[str]:
        """What is wrong with a fact; nothing is known of one that speaks of a local name without a number."""
        spoken = {node.text for node in walk(fact.value) if isinstance(node, tree.Name)} & silent
        if spoken:
            self.unsaid[fact.name] = f"`{fact.name}` speaks of `{min(spoken)}`, which has no number or truth value"
            return []
        try:
            return [] if machine.evaluator.truth(fact.value, env) else [f"`{fact.name}` does not hold"]
        except Undefined as error:
            return [f"`{fact.name}` has no value ({error})"]


def _spoken(value: Any) -> Value | Thunk:
    """What a fact can say of a value: a number, a truth value or an object; None for any other."""
    if isinstance(value, int):
        return value if isinstance(value, bool) else int(value)
    try:
        _, ref, path = object.__getattribute__(value, "_hf")
    except AttributeError:
        return None
    return None if path else ref


def _call(function: str, place: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Call(ast.Name(function, ast.Load()), list(arguments), []), place)
