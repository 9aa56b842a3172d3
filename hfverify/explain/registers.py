"""Run the real dispatcher or trap on registers, with recorders in place of the calls. No solver.

Reads   a request: whose obligation it is, the situation with its registers, what each call that is made gives
Gives   what was called and returned, what was promised, and every obligation that this run breaks
Refuses an implementation that cannot be set up (Unbuildable)
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

from hfverify.explain.concrete import Env, Ref, Store, Value
from hfverify.explain.monitor import Stuck
from hfverify.explain.proxies import Machinery, Unbuildable
from hfverify.explain.scenario import Scenario, from_json
from hfverify.explain.signals import arrived
from hfverify.model.constants import constant_value
from hfverify.model.program import Call, Cell, Program
from hfverify.model.registers import REGISTER_BITS, call_of, named, numbered, part_of, place
from hfverify.model.types import BoolType, Type, bounds, int_type
from hfverify.syntax import tree


class Onlooker(Machinery):
    """Objects at which the code may look only where nothing changes."""

    def demand(self, cell: Cell, ref: Ref, verb: str) -> None:
        if not cell.is_constant or verb == "written":
            self.breach("frame", f"{ref}.{cell.path} is {verb}")

    def read(self, cell: Cell, ref: Ref) -> Value:
        self.demand(cell, ref, "read")
        return self.evaluator.read(cell, ref, self.env())

    def write(self, cell: Cell, ref: Ref, value: Value) -> None:
        self.demand(cell, ref, "written")

    def acquire(self, lock: Any) -> None:
        self.breach("frame", f"{lock} is taken")

    def release(self, lock: Any) -> None:
        self.breach("frame", f"{lock} is released")


@dataclass(slots=True)
class Made:
    """A call that was made, or that should be: arguments by the names of the parameters; objects are positions."""

    target: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.target.split(':')[1]}({', '.join(f'{k}={shown(v)}' for k, v in self.arguments.items())})"

    def same(self, other: Made) -> bool:
        """Whether the calls are the same, with values of the same kinds."""
        return self.target == other.target and self.arguments.keys() == other.arguments.keys() and all(
            _alike(value, other.arguments[name]) for name, value in self.arguments.items()
        )  # fmt: skip


def shown(value: Any) -> str:
    """A value as a person reads it: large numbers in hexadecimal."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value)) if -10 <= value < 10 else hex(value)
    return str(value)


def _alike(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


class _Trial:
    """One run."""

    def __init__(self, program: Program, request: dict[str, Any], impl: str) -> None:
        self.program = program
        self.scenario: Scenario = from_json(program, request["scenario"])
        self.machine = Onlooker(program, self.scenario.store(), self.scenario.here, impl)
        self.answers: list[dict[str, Any]] = request["answers"]
        self.made: list[Made] = []
        self._functions: dict[str, Callable[..., Any]] = {}
        self._replaced: list[tuple[ModuleType, str, Callable[..., Any]]] = []
        self.report: dict[str, Any] = {"violations": [], "rows": [], "exception": None, "timeline": []}
        actor = part_of(program)
        self.actor = Ref(program.actors[actor].state, self.scenario.actor) if actor else None
        self.follows = any(call.has_next for _, call in numbered(program))

    # ------------------------------------------------------------ the implementation

    def function(self, impl: tree.Impl) -> Callable[..., Any]:
        """A function of the implementation, as it was before anything was recorded."""
        if impl.target not in self._functions:
            module, _, name = impl.target.partition(":")
            found = getattr(self.machine.module(module), name, None)
            if not callable(found):
                raise Unbuildable(f"there is no function {impl.target}")
            self._functions[impl.target] = found
        return self._functions[impl.target]

    def root(self, annotation: object) -> Ref | None:
        """The one object that a parameter of this type is given."""
        text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        for state, represent in self.program.represents.items():
            if not self.program.states[state].keys and represent.target.endswith(f":{text}"):
                return Ref(state, ())
        return None

    def position(self, value: Any) -> Any:
        """The position of an object of the machine; any other value is itself."""
        try:
            return object.__getattribute__(value, "_hf")[1]
        except AttributeError:
            return value

    def record(self, impl: tree.Impl, *, follows: bool, gives: bool) -> None:
        """From here on a call of the function is noted, and gives what the request says."""
        original = self.function(impl)
        signature = inspect.signature(original)

        def recorder(*arguments: Any, **named: Any) -> Any:
            bound = signature.bind(*arguments, **named)
            bound.apply_defaults()
            number = len(self.made)
            self.made.append(Made(impl.target, {k: self.position(v) for k, v in bound.arguments.items()}))
            result, following = self.answer(number)
            if not gives:
                return None
            return (result, following) if follows else result

        for module in list(sys.modules.values()):
            for name, value in list(vars(module).items()):
                if value is original:
                    setattr(module, name, recorder)
                    self._replaced.append((module, name, original))

    def restore(self) -> None:
        """Nothing is recorded any more."""
        for module, name, original in self._replaced:
            setattr(module, name, original)

    def answer(self, number: int) -> tuple[Any, Any]:
        """What the n-th call that is made gives: its result, and who goes on."""
        answer = self.answers[number] if number < len(self.answers) else {"result": 0, "next": None}
        return answer["result"], self.machine.object(self.next(number)) if answer["next"] is not None else None  # type: ignore[arg-type]

    def next(self, number: int) -> Ref | None:
        """The position of who goes on after the n-th call."""
        found = self.answers[number]["next"] if number < len(self.answers) else None
        assert found is None or self.actor is not None
        return Ref(self.actor.state, tuple(found)) if found is not None and self.actor is not None else None

    # ------------------------------------------------------------ the run

    def run(self, impl: tree.Impl) -> Any:
        """Run the function on the registers; its result, with objects by their positions."""
        function = self.function(impl)
        arguments: dict[str, Any] = {}
        for name, parameter in inspect.signature(function).parameters.items():
            if name in self.scenario.arguments:
                arguments[name] = self.scenario.arguments[name]
            elif name == part_of(self.program) and self.actor is not None:
                arguments[name] = self.machine.object(self.actor)
            else:
                root = self.root(parameter.annotation)
                if root is not None:
                    arguments[name] = self.machine.object(root)
        self.machine.watching = True
        value: Any = None
        try:
            value = function(**arguments)
        except Stuck as error:
            arrived(error)
            self.report["exception"] = f"the CPU hangs: {error}"
        except Exception as error:
            self.report["exception"] = f"{type(error).__name__}: {error}"
            self.machine.breach("raises", self.report["exception"])
        self.machine.watching = False
        self.report["violations"] += [asdict(violation) for violation in self.machine.violations]
        return tuple(map(self.position, value)) if isinstance(value, tuple) else self.position(value)

    # ------------------------------------------------------------ the judgement

    def judge(self, kind: str, expected: list[Made], promised: Any, actual: Any) -> None:
        """Compare the calls that were made, and what was returned, with what is promised."""
        self.report["outcome"] = kind
        calls = [" then ".join(map(str, made)) or "none" for made in (expected, self.made)]
        same = len(expected) == len(self.made) and all(a.same(b) for a, b in zip(expected, self.made, strict=True))
        self.row("call", *calls, differs=not same)
        if not same:
            self.broken(kind, f"calls {calls[1]}, promised {calls[0]}")
        failed = self.report["exception"] is not None
        ends = [_text(promised), self.report["exception"] if failed else _text(actual)]
        right = not failed and _same_end(promised, actual)
        self.row("returns", *ends, differs=not right)
        if not failed and not right:
            self.broken(kind, f"returns {ends[1]}, promised {ends[0]}")

    def row(self, cell: str, promised: str, actual: str, *, differs: bool) -> None:
        """One line of the table."""
        self.report["rows"].append(
            {"cell": cell, "before": "", "promised": promised, "actual": actual, "differs": differs}
        )

    def broken(self, kind: str, text: str) -> None:
        """Note an obligation that the run breaks."""
        self.report["violations"].append({"kind": kind, "text": text, "file": "", "line": 0})

    def wanted(self, call: Call, values: dict[str, Any]) -> Made:
        """A call as it should be made: `values` are its arguments and objects by name."""
        found: dict[str, Any] = {}
        for name, parameter in inspect.signature(self.function(call.impl)).parameters.items():
            if name in values:
                found[name] = values[name]
            else:
                found[name] = self.actor if name == call.actor else self.root(parameter.annotation)
        return Made(call.impl.target, found)


def _text(value: Any) -> str:
    return f"({', '.join(map(shown, value))})" if isinstance(value, tuple) else shown(value)


def _same_end(promised: Any, actual: Any) -> bool:
    if isinstance(promised, tuple) != isinstance(actual, tuple):
        return False
    mine, others = ((promised,), (actual,)) if not isinstance(promised, tuple) else (promised, actual)
    return len(mine) == len(others) and all(_alike(a, b) for a, b in zip(mine, others, strict=True))


def cut(register: int, argument: tree.Argument, type_: Type) -> int | bool:
    """What an argument is, of its register."""
    low, high = place(argument, type_)
    bits = register >> low & ((1 << (high - low + 1)) - 1)
    return bits != 0 if isinstance(type_, BoolType) else bits


def run_registers(program: Program, request: dict[str, Any], impl: str) -> dict[str, Any]:
    """Run the dispatcher, or a trap, as `request["unit"]` says."""
    trial = _Trial(program, request, impl)
    trial.report["arguments"] = {name: hex(value) for name, value in trial.scenario.arguments.items()}
    item = program.dispatcher
    assert item is not None
    try:
        if request["unit"] == item.name:
            _dispatch(trial, item)
        else:
            _trap(trial, program.traps[request["unit"]], item)
    finally:
        trial.restore()
    return trial.report


def _dispatch(trial: _Trial, item: tree.Dispatcher) -> None:
    program, registers = trial.program, trial.scenario.arguments
    calls = list(numbered(program))
    follow = {call.impl.target for _, call in calls if call.has_next}
    for impl in {call.impl.target: call.impl for _, call in calls}.values():
        trial.record(impl, follows=impl.target in follow, gives=True)
    names: dict[str, Any] = {name: registers.get(name, 0) for name in named(item.number)}
    number = trial.machine.evaluator.number(item.number, Env(Store(), names))
    value = trial.run(item.impl)
    if any(number == entry.number for entry in item.unspecified):
        return
    found = next((call for known, call in calls if known == number), None)
    if found is None:
        promised: Any = constant_value(program, item.otherwise, ())
        trial.judge("otherwise", [], (promised, None) if trial.follows else promised, value)
        return
    values = {a.name: cut(registers.get(a.register, 0), a, type_) for a, type_ in found.arguments}
    result = trial.answer(0)[0]
    following = trial.next(0) if found.impl.target in follow else None
    promised = (result, following) if trial.follows else result
    trial.judge(found.name, [trial.wanted(found, values)], promised, value)


def _trap(trial: _Trial, item: tree.Trap, dispatcher: tree.Dispatcher) -> None:
    program, registers = trial.program, trial.scenario.arguments
    ends = [program.calls[ref.name] for ref in (item.stays, item.leaves)]
    trial.record(dispatcher.impl, follows=trial.follows, gives=True)
    for call in ends:
        trial.record(call.impl, follows=False, gives=False)
    inner = call_of(program, dispatcher, list(registers))
    begins = trial.wanted(inner, dict(registers))
    value = trial.run(item.impl)
    type_ = int_type(item.result.type.name) or program.types[item.result.type.name]
    high = bounds(type_)[1] or (1 << REGISTER_BITS) - 1
    result = trial.answer(0)[0] % (high + 1)
    following = trial.next(0) if trial.follows else None
    end = ends[following is not None]
    values: dict[str, Any] = {argument.name: result for argument, _ in end.arguments}
    values |= {thing.name: following for thing in end.objects}
    expected = [begins, trial.wanted(end, values)]
    trial.judge(end.name, expected, (result, following) if trial.follows else result, value)


__all__ = ["cut", "run_registers"]
