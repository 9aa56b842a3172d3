"""Watch the functions that are specified while the real code uses them. No solver.

Reads   model.program.Call of the kind `function`
Gives   wrappers that check what a function needs; a trusted one does what is said of it instead of its text
Refuses nothing; a breach is noted and the run goes on
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from hfverify.explain.concrete import Env, LockRef, Part, Ref, Thunk, Undefined, Value
from hfverify.explain.monitor import Monitor
from hfverify.model.program import Call, Cell, Outcome
from hfverify.model.types import OptionalRefType, OptionalType, stands_for
from hfverify.syntax import tree

signature_of = cache(inspect.signature)


def watched(
    machine: Monitor, call: Call, original: Callable[..., Any], show: Callable[[Ref], Any]
) -> Callable[..., Any]:
    """The function, checked where it is used; `show` gives the Python object that stands for one of the machine."""

    signature = signature_of(original)

    def checked(*arguments: Any, **named: Any) -> Any:
        bound = signature.bind(*arguments, **named)
        was, machine.watching = machine.watching, False
        try:
            env = _env(machine, call, bound.arguments)
            broken = [] if env is None else _needs(machine, call, env)
            if machine.note is not None and env is not None:
                applying = _applying(machine, call, env)
                machine.note(call.name, applying.name if applying is not None else "")
        finally:
            machine.watching = was
        for kind, text in broken:
            machine.breach(kind, text)
        if call.trusted and env is not None:
            does = _env(machine, call, bound.arguments, _reads(machine))
            assert does is not None
            outcome = _applying(machine, call, does) or call.outcomes[-1]
            given = _given(machine, call, outcome, does)
            _perform(machine, outcome, does)
            return show(given) if isinstance(given, Ref) else given
        return original(*arguments, **named)

    return checked


def _reads(machine: Monitor) -> Callable[[Cell, Ref], Value]:
    """A trusted function reads a cell without a stable value once."""
    known: dict[tuple[str, Ref], Value] = {}

    def read(cell: Cell, ref: Ref) -> Value:
        if (cell.name, ref) not in known:
            known[cell.name, ref] = machine.read(cell, ref)
        return known[cell.name, ref]

    return read


def _env(
    machine: Monitor, call: Call, arguments: dict[str, Any], volatile: Callable[[Cell, Ref], Value] | None = None
) -> Env | None:
    names: dict[str, Value | Thunk] = {}
    states = {item.name for item in call.objects}
    for name, value in arguments.items():
        if name in states:
            try:
                names[name] = object.__getattribute__(value, "_hf")[1]
            except AttributeError:
                return None
        elif isinstance(value, int):
            names[name] = value if isinstance(value, bool) else int(value)
    return Env(machine.store, names, None, machine.here, volatile).let(call.lets)


def _needs(machine: Monitor, call: Call, env: Env) -> list[tuple[str, str]]:
    """What the function needs and is not so."""
    found: list[tuple[str, str]] = []
    for place in call.holds:
        try:
            lock = machine.evaluator.evaluate(place, env)
        except Undefined:
            continue
        assert isinstance(lock, LockRef)
        if not machine.holds(lock.name, lock.ref):
            found.append(("lock.held", f"{call.name} needs {lock}"))
        for invariant in machine.program.locks[lock.name].invariants:
            if not machine.true(invariant.value, machine.env(lock.ref)):
                found.append(("contract", f"{call.name} needs {invariant.name}, which does not hold"))
    for argument, type_ in call.arguments:
        value = env.names.get(argument.name)
        if isinstance(value, int) and not stands_for(type_, value):
            found.append(("contract", f"{call.name} needs {argument.name}, which is {type_} and not {value}"))
    for given in call.givens:
        if not machine.true(given.value, env):
            found.append(("contract", f"{call.name} needs {given.name}, which does not hold"))
    return found


def _applying(machine: Monitor, call: Call, env: Env) -> Outcome | None:
    """The outcome that applies: the first reject that does not pass, else the case; none if no case is for this."""
    for outcome in call.outcomes:
        if machine.true(outcome.condition, env) is not outcome.is_reject:
            return outcome
    return None


def _given(machine: Monitor, call: Call, outcome: Outcome, env: Env) -> Value | None:
    """What a trusted function gives back."""
    if outcome.returns is None or call.result is None:
        return None
    value = machine.evaluator.evaluate(outcome.returns.value, env)
    optional = isinstance(call.result[1], OptionalType | OptionalRefType)
    return None if optional and value == -1 else value


def _perform(machine: Monitor, outcome: Outcome, env: Env) -> None:
    """The updates of a case of a trusted function."""
    written: list[tuple[Any, Ref, Value]] = []
    for update in outcome.effects:
        assert isinstance(update, tree.Update) and isinstance(update.place, tree.Member)
        base = machine.evaluator.evaluate(update.place.base, env)
        ref, prefix = (base.ref, base.path + ".") if isinstance(base, Part) else (base, "")
        assert isinstance(ref, Ref)
        cell = machine.program.cell(ref.state, prefix + update.place.name)
        written.append((cell, ref, machine.evaluator.evaluate(update.value, env)))
    for cell, ref, value in written:
        machine.write(cell, ref, value)
