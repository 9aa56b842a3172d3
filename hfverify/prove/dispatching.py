"""The questions about what finds a call by its registers, and about what ends it.

Reads   model.program dispatcher and traps, execute.paths
Gives   Subject: one question for each call that registers can name, one for all other numbers; two for each trap
Refuses a function that takes what no register carries (HF217), a signature that does not fit (HF215)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import z3

from hfverify.diagnostics import Diagnostic, Label, Rejected, Span, also, at
from hfverify.execute.interpreter import Intercept, Interpreter, PathEnds
from hfverify.execute.loops import WAIT
from hfverify.execute.paths import Path, call_paths, spec_env
from hfverify.execute.signatures import bind_parameters
from hfverify.execute.source import Function, Sources
from hfverify.execute.values import NONE, EnumValue, Maybe, NoneValue, TupleValue, Value
from hfverify.execute.world import Impure, World
from hfverify.logic.cells import constants
from hfverify.logic.evaluate import Thunk
from hfverify.logic.values import LockValue, Ref, Stored, conjunction, disjunction
from hfverify.logic.values import Value as SpecValue
from hfverify.model.constants import constant_value
from hfverify.model.program import Call, Cell, Program
from hfverify.model.registers import REGISTER, REGISTER_BITS, call_of, named, numbered, part_of, place
from hfverify.model.types import BoolType, Type, int_type
from hfverify.prove.obligations import Subject, limits_of
from hfverify.prove.query import Group, Query
from hfverify.syntax import tree

ROUTED = "routed"
ENDED = "ended"
# How a path ends that would do a call which is not specified.
NOT_SPECIFIED = "not specified"
SENTENCES = {
    "supported": "every path is inside the executable subset of Python",
    "raises": "no path can raise an exception",
    "bounded": "every loop has a constant bound, or a fact that each turn keeps (that it ends is not proved)",
    "frame": "it takes no lock, and touches nothing itself that may change",
}
OWN_KINDS = ("raises", "bounded")


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A call that was made: of which function, with what, and what it gave."""

    target: str
    arguments: dict[str, Value]
    result: Value
    next: Value
    span: Span


class Onlooker(World):
    """A world in which a path may look at what never changes, and make calls; `made` are those."""

    def __init__(self, program: Program, here: z3.ArithRef) -> None:
        super().__init__(program, here)
        self.made: list[Made] = []

    def touched(self, what: str, span: Span) -> None:
        """The path does more than it may."""
        if self.speculating:
            raise Impure
        self.check("frame", z3.BoolVal(False), "HF515", what, span)

    def demand_access(self, cell: Cell, ref: Ref, span: Span, verb: str) -> None:
        if not cell.is_constant or verb != "read":
            self.touched(f"`{cell.name}` is {verb} here, which belongs to the calls", span)

    def read(self, cell: Cell, ref: Ref, span: Span) -> Stored:
        if cell.is_constant:
            return super().read(cell, ref, span)
        self.demand_access(cell, ref, span, "read")
        value = constants(cell, f"{cell.name}!{self.facts.number()}")
        self.facts.typed(value, cell.type)
        return value

    def write(self, cell: Cell, ref: Ref, value: Stored, span: Span) -> None:
        self.demand_access(cell, ref, span, "written")

    def acquire(self, lock: LockValue, span: Span) -> None:
        self.touched(f"`{lock.name}` is taken here", span)

    def release(self, lock: LockValue, span: Span) -> None:
        self.touched(f"`{lock.name}` is released here", span)

    def pause(self, span: Span) -> None:
        self.touched("this waits for another CPU", span)


# ---------------------------------------------------------------- registers


def registers_of(program: Program, functions: list[Function]) -> list[str]:
    """Every register that a call, the dispatcher or a function speaks about, in the order of their numbers."""
    found = {argument.register for _, call in numbered(program) for argument, _ in call.arguments}
    found |= set(named(program.dispatcher.number)) if program.dispatcher is not None else set()
    for spec in (function.node.args for function in functions):
        found |= {a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if REGISTER.fullmatch(a.arg)}
    return sorted(found, key=lambda register: int(register[1:]))


def as_call(program: Program, sources: Sources, item: tree.Dispatcher | tree.Trap) -> Call:
    """The dispatcher or trap as a call whose arguments are whole registers."""
    functions = [sources.function(item.impl.target, item.impl.span)]
    if isinstance(item, tree.Trap) and program.dispatcher is not None:
        inner = program.dispatcher.impl
        functions.append(sources.function(inner.target, inner.span))
    return call_of(program, item, registers_of(program, functions))


def cut(argument: tree.Argument, type_: Type) -> z3.ExprRef:
    """What an argument is, of its register."""
    low, high = place(argument, type_)
    word: z3.ArithRef = z3.Int(argument.register)
    if low:
        word = word / z3.IntVal(1 << low)
    if high < REGISTER_BITS - 1:
        word = word % z3.IntVal(1 << (high - low + 1))
    return word != 0 if isinstance(type_, BoolType) else word


def same_value(actual: Value, wanted: SpecValue) -> z3.BoolRef:
    """Whether a Python value is the one that the specification means, and of that kind."""
    if isinstance(actual, EnumValue) and actual.is_int:
        actual = actual.term
    if isinstance(actual, Maybe):
        return conjunction([actual.present, same_value(actual.value, wanted)])
    if isinstance(actual, Ref) and isinstance(wanted, Ref) and actual.state == wanted.state:
        return actual.same(wanted)
    if isinstance(actual, z3.ExprRef) and isinstance(wanted, z3.ExprRef) and actual.sort() == wanted.sort():
        return z3.BoolVal(True) if actual.eq(wanted) else actual == wanted
    return z3.BoolVal(False)


def same_next(actual: Value | None, wanted: Value) -> z3.BoolRef:
    """Whether two values are the same object, or both None."""
    if isinstance(wanted, NoneValue):
        return z3.Not(actual.present) if isinstance(actual, Maybe) else z3.BoolVal(isinstance(actual, NoneValue))
    assert isinstance(wanted, Maybe)
    assert isinstance(wanted.value, Ref)
    if isinstance(actual, NoneValue):
        return z3.Not(wanted.present)
    present = actual.present if isinstance(actual, Maybe) else z3.BoolVal(True)
    inner = actual.value if isinstance(actual, Maybe) else actual
    same = same_value(inner, wanted.value) if isinstance(inner, Ref) else z3.BoolVal(False)
    return z3.And(present == wanted.present, z3.Implies(wanted.present, same))


# ---------------------------------------------------------------- calls that are recorded


def gives_next(program: Program) -> bool:
    """Whether the dispatcher says with whom the CPU goes on: then it returns a pair."""
    return any(call.has_next for _, call in numbered(program))


def recorded(program: Program, result: Type | None, *, follows: bool) -> Intercept:
    """What happens in place of a call: its result, and with `follows` its next object, may be anything."""
    state = program.actors[part_of(program)].state if part_of(program) in program.actors else ""

    def intercept(run: Interpreter, function: Function, arguments: dict[str, Value], span: Span) -> Value:
        world = run.world
        assert isinstance(world, Onlooker)
        if world.speculating:
            raise Impure
        name = f"made!{len(world.made)}"
        value: Value = NONE
        if result is not None:
            value = z3.Bool(f"{name}.result") if isinstance(result, BoolType) else z3.Int(f"{name}.result")
        following: Value = NONE
        if follows:
            keys = tuple(z3.Int(f"{name}.{key.name}") for key in program.states[state].keys)
            following = Maybe(z3.Bool(f"{name}.next"), Ref(state, keys))
        world.made.append(Made(function.name, arguments, value, following, span))
        return TupleValue((value, following)) if follows else value

    return intercept


def _meanings(
    program: Program, sources: Sources, call: Call, asked: Span
) -> tuple[Function, dict[str, str], dict[str, tree.Argument]]:
    """What each parameter of a function that is called stands for; all of it must be at hand."""
    function = sources.function(call.impl.target, call.impl.span)
    meanings = bind_parameters(program, sources, call, function)
    arguments = {argument.name: argument for argument, _ in call.arguments}
    objects = {item.name for item in call.objects}
    for parameter, meaning in meanings.items():
        if meaning not in arguments and meaning not in objects and meaning not in (call.actor, *program.states):
            message = f"`{function.node.name}` takes `{parameter}`, which neither a register nor an object is"
            raise Rejected([Diagnostic("HF217", message, (at(function.span), also(asked, "this calls it")))])
    return function, meanings, arguments


# ---------------------------------------------------------------- the dispatcher


def dispatcher_subject(program: Program, sources: Sources) -> Subject:
    """All questions about who finds the call that registers name."""
    item = program.dispatcher
    assert item is not None
    outer = as_call(program, sources, item)
    routes = [_Route(program, sources, call, number, item) for number, call in numbered(program)]
    intercepts: dict[str, Intercept] = {}
    for route in routes:
        target = route.function.name
        assert route.call.result is not None
        follows = any(other.call.has_next for other in routes if other.function.name == target)
        intercepts[target] = recorded(program, route.call.result[1], follows=follows)
    left_out = [entry.number for entry in item.unspecified]

    def number_in(world: World) -> z3.ArithRef:
        names: dict[str, SpecValue | Thunk] = {name: z3.Int(name) for name in named(item.number)}
        return world.evaluator.number(item.number, spec_env(world, names))

    def body(run: Interpreter, arguments: dict[str, Value]) -> tuple[Value, Span]:
        run.intercepts = intercepts

        def enters(function: Function, world: World) -> None:
            known = disjunction([number_in(world) == number for number in left_out])
            if left_out and not run.oracle.allows(z3.Not(known), world):
                raise PathEnds(NOT_SPECIFIED)

        run.enters = enters
        function = sources.function(item.impl.target, item.impl.span)
        return run.invoke(function, arguments, function.span)

    function, paths = call_paths(program, sources, outer, Onlooker, body)
    subject = Subject(item.name)
    for route in routes:
        text = (
            f"the number {route.number:#x} leads to `{route.call.name}`, with its arguments, and back with its result"
        )
        subject.add(route.call.name, ROUTED, text, route.call.name_span, function.span)
    text = "any other number leads to no call, and returns what is declared"
    subject.add("otherwise", ROUTED, text, item.otherwise.span, function.span)
    for kind, sentence in SENTENCES.items():
        subject.add(kind, kind, sentence, item.name_span, function.span)
    for path in paths:
        group = _group(program, subject, path)
        number = number_in(path.world)
        for route in routes:
            guard = number == route.number
            _ask(subject, group, route.call.name, guard, partial(route.goals, follows=gives_next(program)), path)
        known = [route.number for route in routes] + left_out
        guard = conjunction([number != other for other in known])
        _ask(subject, group, "otherwise", guard, partial(_nothing, program, item), path)
        _close(subject, group, path)
    return subject


Goals = list[tuple[z3.BoolRef, str, tuple[Label, ...]]]


def _group(program: Program, subject: Subject, path: Path) -> Group:
    """The group of a path, with what is checked on the way."""
    if path.refusal is not None:
        subject.refusals.append(path.refusal)
    group = Group([], [], limits_of(program), path=path)
    for check in path.world.checks:
        kind = check.kind if check.kind in OWN_KINDS else "frame"
        labels = (at(check.span, "here"), *(Label(s, t) for s, t in check.related))
        diagnostic = Diagnostic(check.code, check.message, labels)
        group.queries.append(Query(f"{subject.name}.{kind}", check.goal, diagnostic, (), check.depth))
    if path.ended == WAIT:
        diagnostic = Diagnostic("HF513", f"`{subject.name}` may wait for ever", (at(path.trail[-1], "here"),))
        group.queries.append(Query(f"{subject.name}.bounded", z3.BoolVal(False), diagnostic, (), None))
    return group


def _ask(
    subject: Subject, group: Group, name: str, guard: z3.BoolRef, goals: Callable[[Path], Goals], path: Path
) -> None:
    """The questions of an obligation on a path, where its guard holds.

    Of a path that left the supported subset nothing is proved; but what the code does there may show on the real code.
    """
    full = f"{subject.name}.{name}"
    if path.ended not in ("", "refused") or not path.possible(guard):
        return
    if path.refusal is not None:
        diagnostic = Diagnostic("HF514", f"`{full}` does not hold on a path that cannot be followed", (
            at(path.refusal.span, path.refusal.message),
        ))  # fmt: skip
        group.queries.append(Query(full, z3.BoolVal(False), diagnostic, (guard,), None))
        return
    group.guards.append((full, guard))
    for goal, message, labels in goals(path):
        if not z3.is_true(z3.simplify(goal)):
            group.queries.append(Query(full, goal, Diagnostic("HF514", message, labels), (guard,), None))


def _close(subject: Subject, group: Group, path: Path) -> None:
    group.facts = path.world.facts.formulas
    group.assumptions = path.world.assumptions
    subject.groups.append(group)


def _answer(path: Path, *, follows: bool) -> tuple[Value | None, Value | None]:
    """The result and the next object of what a function returned: a pair if there can be a next one."""
    value = path.result
    if not follows:
        return value, NONE
    if isinstance(value, TupleValue) and len(value.items) == 2:
        return value.items[0], value.items[1]
    return None, None


def _nothing(program: Program, item: tree.Dispatcher, path: Path) -> Goals:
    """What is promised for a number that no call has."""
    world = path.world
    assert isinstance(world, Onlooker)
    result, following = _answer(path, follows=gives_next(program))
    promised = constant_value(program, item.otherwise, ())
    assert promised is not None
    end = (at(path.returned or item.name_span, "this path ends here"), also(item.otherwise.span, "promised here"))
    goals: Goals = []
    for made in world.made:
        name = made.target.split(":")[1]
        labels = (at(made.span, "called here"), also(item.otherwise.span, "any number that is not declared"))
        goals.append((z3.BoolVal(False), f"`{name}` is called for a number that no call has", labels))
    right = same_value(result, z3.IntVal(promised)) if result is not None else z3.BoolVal(False)
    goals.append((right, f"a number that no call has does not give {promised}", end))
    goals.append((same_next(following, NONE), "a number that no call has makes the CPU leave the caller", end))
    return goals


class _Route:
    """One call with its number: which function it is, and what each parameter stands for."""

    def __init__(self, program: Program, sources: Sources, call: Call, number: int, item: tree.Dispatcher) -> None:
        self.program = program
        self.call = call
        self.number = number
        self.function, self.meanings, self.arguments = _meanings(program, sources, call, item.name_span)
        self.types = {argument.name: type_ for argument, type_ in call.arguments}

    def goals(self, path: Path, *, follows: bool) -> Goals:
        """What is promised on a path whose number is that of the call."""
        world, call = path.world, self.call
        assert isinstance(world, Onlooker)
        end = (at(path.returned or call.name_span, "this path ends here"), also(call.name_span, "this call"))
        mine = [made for made in world.made if made.target == self.function.name]
        for other in world.made:
            if other is not (mine[0] if mine else None):
                name = other.target.split(":")[1]
                both = (at(other.span, "called here"), also(call.name_span, f"{self.number:#x} is its number"))
                what = "again" if other in mine else "too" if mine else "instead"
                return [(z3.BoolVal(False), f"the number of `{call.name}` leads to `{name}` {what}", both)]
        if not mine:
            return [(z3.BoolVal(False), f"the number of `{call.name}` does not lead to it", end)]
        made = mine[0]
        goals: Goals = []
        for parameter, meaning in self.meanings.items():
            wanted = self._wanted(meaning, path)
            labels: tuple[Label, ...] = (at(made.span, "called here"),)
            if meaning in self.arguments:
                labels = (*labels, also(self.arguments[meaning].span, "declared here"))
                message = f"`{call.name}` gets another `{meaning}` than its registers say"
            else:
                message = f"`{call.name}` gets another `{parameter}` than the caller's"
            goals.append((same_value(made.arguments[parameter], wanted), message, labels))
        result, following = _answer(path, follows=follows)
        right = same_value(result, made.result) if result is not None and isinstance(made.result, z3.ExprRef) else (
            z3.BoolVal(False)
        )  # fmt: skip
        goals.append((right, f"the result of `{call.name}` is not what is returned", end))
        goals.append((same_next(following, made.next), f"who goes on after `{call.name}` is not what is returned", end))
        return goals

    def _wanted(self, meaning: str, path: Path) -> SpecValue:
        if meaning in self.arguments:
            return cut(self.arguments[meaning], self.types[meaning])
        if meaning == self.call.actor:
            found = path.names[meaning]
            assert isinstance(found, Ref)
            return found
        return Ref(meaning, ())


# ---------------------------------------------------------------- traps


def trap_subject(program: Program, sources: Sources, item: tree.Trap) -> Subject:
    """All questions about what a guest's call does from its beginning to its end."""
    dispatcher = program.dispatcher
    assert dispatcher is not None
    outer = as_call(program, sources, item)
    inner = as_call(program, sources, dispatcher)
    end = _End(program, sources, item, inner)

    def body(run: Interpreter, arguments: dict[str, Value]) -> tuple[Value, Span]:
        run.intercepts = end.intercepts
        function = sources.function(item.impl.target, item.impl.span)
        return run.invoke(function, arguments, function.span)

    function, paths = call_paths(program, sources, outer, Onlooker, body)
    subject = Subject(item.name)
    text = "without a next the caller goes on: `{}`, with the result of its call"
    subject.add(item.stays.name, ENDED, text.format(item.stays.name), item.stays.span, function.span)
    text = "with a next the caller is left for it: `{}`, with the result of its call"
    subject.add(item.leaves.name, ENDED, text.format(item.leaves.name), item.leaves.span, function.span)
    for kind, sentence in SENTENCES.items():
        subject.add(kind, kind, sentence, item.name_span, function.span)
    for path in paths:
        group = _group(program, subject, path)
        for ref, leaves in ((item.stays, False), (item.leaves, True)):
            guard = end.guard(path, leaves=leaves)
            _ask(subject, group, ref.name, guard, partial(end.goals, leaves=leaves), path)
        _close(subject, group, path)
    return subject


class _End:
    """What ends a call that a dispatcher found."""

    def __init__(self, program: Program, sources: Sources, item: tree.Trap, inner: Call) -> None:
        self.program = program
        self.item = item
        self.inner = inner
        self.ends = (program.calls[item.stays.name], program.calls[item.leaves.name])
        self.found = sources.function(inner.impl.target, inner.impl.span)
        self.inner_meanings = bind_parameters(program, sources, inner, self.found)
        self.functions = [_meanings(program, sources, call, item.name_span)[:2] for call in self.ends]
        self.follows = gives_next(program)
        self.intercepts = {self.found.name: recorded(program, int_type("i64"), follows=self.follows)}
        for function, _ in self.functions:
            self.intercepts[function.name] = recorded(program, None, follows=False)
        self.modulus = (int_type(item.result.type.name) or program.types[item.result.type.name]).high + 1  # type: ignore[union-attr, operator]

    def guard(self, path: Path, *, leaves: bool) -> z3.BoolRef:
        """Whether the call that was found names a next object; of a path that found none, anything is asked."""
        world = path.world
        assert isinstance(world, Onlooker)
        if not world.made or not isinstance(world.made[0].next, Maybe):
            return z3.BoolVal(not world.made or not leaves)
        present = world.made[0].next.present
        return present if leaves else z3.Not(present)

    def goals(self, path: Path, *, leaves: bool) -> Goals:
        """What is promised."""
        world, item = path.world, self.item
        assert isinstance(world, Onlooker)
        over = (at(path.returned or item.name_span, "this path ends here"), also(item.name_span, "promised here"))
        call, (function, meanings) = self.ends[leaves], self.functions[leaves]
        targets = [made.target for made in world.made]
        if targets[:1] != [self.found.name]:
            return [(z3.BoolVal(False), f"`{item.name}` does not begin with `{self.inner.name}`", over)]
        if targets[1:] != [function.name]:
            place = world.made[1].span if len(targets) > 1 else over[0].span
            labels = (at(place, "here"), also((item.leaves if leaves else item.stays).span, "promised here"))
            return [(z3.BoolVal(False), f"the call is not ended by `{call.name}`, and by nothing else", labels)]
        found, ended = world.made
        goals: Goals = []
        for parameter, meaning in self.inner_meanings.items():
            wanted = path.names.get(meaning, Ref(meaning, ()))
            assert not isinstance(wanted, Thunk)
            message = f"`{self.inner.name}` gets another `{parameter}` than the guest gave"
            goals.append((same_value(found.arguments[parameter], wanted), message, (at(found.span, "called here"),)))
        assert isinstance(found.result, z3.ArithRef)
        result = found.result % z3.IntVal(self.modulus)
        for parameter, meaning in meanings.items():
            wanted = self._wanted(call, meaning, found, result, path)
            message = f"`{call.name}` gets another `{parameter}` than promised"
            labels = (at(ended.span, "called here"), also(call.name_span, "this entry"))
            goals.append((same_value(ended.arguments[parameter], wanted), message, labels))
        returned, following = _answer(path, follows=self.follows)
        right = same_value(returned, result) if returned is not None else z3.BoolVal(False)
        goals.append((right, "the result of the call is not what the guest gets", over))
        goals.append((same_next(following, found.next), "who goes on is not what the call said", over))
        return goals

    def _wanted(self, call: Call, meaning: str, found: Made, result: z3.ArithRef, path: Path) -> SpecValue:
        if meaning == call.actor:
            own = path.names[part_of(self.program)]
            assert isinstance(own, Ref)
            return own
        if any(argument.name == meaning for argument, _ in call.arguments):
            return result
        if any(thing.name == meaning for thing in call.objects):
            assert isinstance(found.next, Maybe)
            assert isinstance(found.next.value, Ref)
            return found.next.value
        return Ref(meaning, ())


__all__ = ["ENDED", "ROUTED", "Onlooker", "as_call", "cut", "dispatcher_subject", "gives_next", "trap_subject"]
