"""Run a Python snippet twice, in CPython and symbolically, and compare what comes out.

Reads   the text of a module, the kinds of the parameters of one of its functions
Gives   Twin: agreement of both runs on concrete inputs
Refuses a disagreement (AssertionError), and a refused construct unless the caller asks for refusals
"""

from __future__ import annotations

import ast
import enum
import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import z3

from hfverify.diagnostics import NOWHERE
from hfverify.execute.interpreter import Refusal
from hfverify.execute.paths import Path as Way
from hfverify.execute.paths import explore
from hfverify.execute.source import Sources
from hfverify.execute.values import EnumValue, Maybe, NoneValue, Record, Text, TupleValue, Value
from hfverify.execute.world import World
from hfverify.model.program import Program
from hfverify.model.types import IntType

MISTAKES = (TypeError, AttributeError, UnboundLocalError)
RAISED = (*MISTAKES, ZeroDivisionError, IndexError, AssertionError, ValueError, RuntimeError)
STRICTER = ("may be negative", "may be zero or negative", "may be negative or above 64", "may need more than 64 bits")
_COUNT = itertools.count()


@dataclass(frozen=True)
class Kind:
    """What a parameter can be: `int`, `bool`, `none` (an integer or None) or `enum` (of the module's class `name`)."""

    kind: str = "int"
    low: int | None = -20
    high: int | None = 20
    name: str = ""


INT = Kind()
WORD = Kind(low=0, high=(1 << 64) - 1)
SMALL = Kind(low=0, high=7)
WIDE = Kind(low=None, high=None)
BOOL = Kind("bool")
NONE = Kind("none")


class Twin:
    """One function of one module. `ways` are the paths that the symbolic run found."""

    def __init__(self, folder: Path, text: str, kinds: Sequence[Kind], function: str = "f", **others: str) -> None:
        name = f"twin_{next(_COUNT)}"
        self.folder = folder / name
        self.folder.mkdir()
        self.text = text
        self.kinds = kinds
        (self.folder / "main.py").write_text(text)
        for other, content in others.items():
            (self.folder / f"{other}.py").parent.mkdir(exist_ok=True)
            (self.folder / f"{other}.py").write_text(content)
        self.sources = Sources(self.folder, "impl")
        self.function = self.sources.function(f"main:{function}", NOWHERE)
        spec = self.function.node.args
        self.names = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
        self.ways = explore(Program("current"), self.sources, self.function, self._setup)
        self._loaded: ModuleType | None = None
        self._others = list(others)

    def refusals(self) -> list[Refusal]:
        """What the symbolic run did not accept."""
        return [way.refusal for way in self.ways if way.refusal is not None]

    def _setup(self) -> tuple[World, dict[str, Value], dict[str, Any]]:
        world = World(Program("current"), z3.Int("thread"))
        arguments: dict[str, Value] = {}
        for name, kind in zip(self.names, self.kinds, strict=True):
            term = z3.Int(name)
            if kind.kind in ("int", "none"):
                world.facts.typed(term, IntType("range", kind.low, kind.high))
            match kind.kind:
                case "bool":
                    arguments[name] = z3.Bool(name)
                case "enum":
                    arguments[name] = EnumValue(kind.name, term, self._is_int(kind.name))
                case "none":
                    arguments[name] = Maybe(z3.Bool(f"{name}?"), term)
                case _:
                    arguments[name] = term
        return world, arguments, {}

    def _is_int(self, name: str) -> bool:
        module = self.sources.module("main")
        assert module is not None
        return module.classes[name].is_int_enum

    # ------------------------------------------------------------ CPython

    @property
    def module(self) -> ModuleType:
        """The snippet, imported by CPython from its own folder."""
        if self._loaded is None:
            sys.path.insert(0, str(self.folder))
            try:
                spec = importlib.util.spec_from_file_location(f"{self.folder.name}_main", self.folder / "main.py")
                assert spec is not None
                assert spec.loader is not None
                module = importlib.util.module_from_spec(spec)
                sys.modules[spec.name] = module
                spec.loader.exec_module(module)
            finally:
                sys.path.remove(str(self.folder))
                for other in self._others:
                    sys.modules.pop(other, None)
            self._loaded = module
        return self._loaded

    def concrete(self, inputs: Sequence[Any]) -> tuple[Any, BaseException | None]:
        """What CPython returns, or raises."""
        function: Callable[..., Any] = getattr(self.module, self.function.node.name)
        spec = self.function.node.args
        count = len(spec.posonlyargs) + len(spec.args)
        given = [
            getattr(self.module, kind.name)(value) if kind.kind == "enum" else value
            for kind, value in zip(self.kinds, inputs, strict=True)
        ]
        named = dict(zip(self.names[count:], given[count:], strict=True))
        try:
            return function(*given[:count], **named), None
        except RAISED as error:
            return None, error

    # ------------------------------------------------------------ the comparison

    def check(self, inputs: Sequence[Any]) -> None:
        """Both runs agree on these inputs."""
        where = f"\n{self.text}\ninputs {inputs}"
        expected, error = self.concrete(inputs)
        at = _Point(self.names, self.kinds, inputs)
        refused = [
            w
            for w in self.ways
            if w.refusal is not None and at.all_true([*w.world.facts.formulas, *w.world.assumptions])
        ]
        assert not refused, f"{refused[0].refusal} {where}"
        failed = list(self._failed(at))
        if error is not None:
            assert failed, f"CPython raised {error!r}, no check fails {where}"
            return
        if failed:
            assert all(any(text in message for text in STRICTER) for message in failed), (
                f"{failed}, CPython gave {expected!r} {where}"
            )
            return
        taken = [w for w in self.ways if not w.ended and at.all_true([*w.world.facts.formulas, *w.world.assumptions])]
        assert len(taken) == 1, f"{len(taken)} paths apply, CPython gave {expected!r} {where}"
        assert taken[0].result is not None
        got = at.value(taken[0].result)
        wanted = shown(expected)
        assert got == wanted, f"{got} instead of {wanted} {where}"

    def _failed(self, at: _Point) -> Iterator[str]:
        for way in self.ways:
            for check in way.world.checks:
                assert check.kind == "raises", check
                before = [*way.world.facts.formulas, *way.world.assumptions[: check.depth]]
                if at.all_true(before) and not at.true(check.goal):
                    yield check.message


class _Point:
    """The parameters with concrete values."""

    def __init__(self, names: Sequence[str], kinds: Sequence[Kind], inputs: Sequence[Any]) -> None:
        self.pairs: list[tuple[z3.ExprRef, z3.ExprRef]] = []
        self._known: dict[int, tuple[z3.ExprRef, z3.ExprRef]] = {}
        for name, kind, value in zip(names, kinds, inputs, strict=True):
            if kind.kind == "bool":
                self.pairs.append((z3.Bool(name), z3.BoolVal(value)))
                continue
            if kind.kind == "none":
                self.pairs.append((z3.Bool(f"{name}?"), z3.BoolVal(value is not None)))
            self.pairs.append((z3.Int(name), z3.IntVal(value if value is not None else kind.low or 0)))

    def at(self, term: z3.ExprRef) -> z3.ExprRef:
        """The value of a term here."""
        if term.get_id() not in self._known:
            self._known[term.get_id()] = (term, z3.simplify(z3.substitute(term, *self.pairs)))
        return self._known[term.get_id()][1]

    def true(self, term: z3.BoolRef) -> bool:
        value = self.at(term)
        assert z3.is_true(value) or z3.is_false(value), f"{term} is {value}"
        return bool(z3.is_true(value))

    def all_true(self, terms: Sequence[z3.BoolRef]) -> bool:
        return all(self.true(term) for term in terms)

    def value(self, value: Value) -> object:
        """A symbolic value as `shown` shows a concrete one."""
        match value:
            case z3.BoolRef():
                return "bool", self.true(value)
            case z3.ArithRef():
                number = self.at(value)
                assert z3.is_int_value(number), number
                return "int", number.as_long()
            case EnumValue(name, term, _):
                return name, self.at(term).as_long()
            case NoneValue():
                return "none"
            case Maybe(present, inner):
                return self.value(inner) if self.true(present) else "none"
            case TupleValue(items):
                return "tuple", [self.value(item) for item in items]
            case Record(cls, content):
                return cls.node.name, {name: self.value(item) for name, item in content.items()}
            case Text(text):
                return "str", text
        raise AssertionError(f"{value} cannot be compared")


def shown(value: object) -> object:
    """A concrete value with its kind: `True` is not `1`."""
    if isinstance(value, enum.Enum):
        return type(value).__name__, value.value
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return "tuple", [shown(item) for item in value]
    if is_dataclass(value):
        return type(value).__name__, {field.name: shown(getattr(value, field.name)) for field in fields(value)}
    return type(value).__name__, value


def refusals(folder: Path, text: str, function: str = "f", **others: str) -> list[Refusal]:
    """What the symbolic run refuses, for a function whose parameters are integers."""
    node = next(n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == function)
    return Twin(folder, text, [INT] * len(node.args.args), function, **others).refusals()


__all__ = ["BOOL", "INT", "NONE", "SMALL", "WIDE", "WORD", "Kind", "Twin", "Way", "refusals"]
