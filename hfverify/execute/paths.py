"""Find every path through the implementation of a call.

Reads   model.program.Call, execute.source.Function
Gives   Path: condition, result, next, critical sections, checks, for all states and arguments at once
Refuses a signature that does not fit the call (HF215); a refused construct ends its path, with the reason kept
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import z3

import hfverify.execute.statements  # noqa: F401 (registers the handlers)
from hfverify.diagnostics import Diagnostic, Rejected, Span, also, at
from hfverify.execute.interpreter import Decision, Interpreter, PathEnds, Refusal
from hfverify.execute.signatures import bind_parameters, lets, represented_by
from hfverify.execute.source import Function, Sources
from hfverify.execute.values import Value
from hfverify.execute.world import World
from hfverify.logic.binding import SIMPLEX
from hfverify.logic.evaluate import Env, Thunk
from hfverify.logic.quantifiers import has_quantifier
from hfverify.logic.values import LockValue, Ref
from hfverify.logic.values import Value as SpecValue
from hfverify.model.program import Call, Object, Program
from hfverify.model.types import BoolType
from hfverify.syntax import tree

MOST_PATHS = 4096
FEASIBILITY_STEPS = 200_000
# An outcome that cannot apply on a path is soon excluded, or what it promises there is asked like everything else.
EXCLUSION_STEPS = 20_000
# With fewer ways left, one of them may well have most of the paths.
WIDE = 4


@dataclass(frozen=True, slots=True)
class Way:
    """How a path begins: which way it goes where, told apart by the hash of the condition that decides there."""

    choices: tuple[bool, ...] = ()
    asked: tuple[int, ...] = ()


@dataclass(slots=True)
class Share:
    """One of `count` parts of the paths of a function; all of them together have each path once.

    Everybody goes the first paths, and keeps one in `count` of them. As soon as `WIDE` ways are left, these are dealt
    in order, and each part goes its own to their ends. `seen` is how the first paths and the ways that were dealt
    begin: the same for all who divide them, or nothing is known.
    """

    index: int
    count: int
    seen: list[tuple[bool, ...]] = field(default_factory=list)
    dealt: bool = False

    def begin(self) -> None:
        """Nothing is divided yet."""
        self.seen, self.dealt = [], False

    def keeps(self, way: Way) -> bool:
        """Whether the path that begins so belongs to this part."""
        if self.dealt:
            return True
        self.seen.append(way.choices)
        return len(self.seen) % self.count == self.index

    def own(self, ways: list[Way]) -> list[Way]:
        """Which of the ways that are left this part goes."""
        if self.dealt or len(ways) < WIDE:
            return ways
        self.dealt = True
        self.seen += [way.choices for way in ways]
        return ways[self.index * len(ways) // self.count : (self.index + 1) * len(ways) // self.count]


@dataclass(slots=True)
class Path:
    """One way through a function.

    `ended` is empty for a path that returned; otherwise it says why there is no result to look at. `envs` and
    `conditions` are what the promises about the path were evaluated to, by the section in which they are decided;
    `rejected` are the sections in which a reject certainly applied, so that nothing after it is to be asked.
    """

    world: World
    decisions: list[Decision] = field(default_factory=list)
    result: Value | None = None
    returned: Span | None = None
    ended: str = ""
    refusal: Refusal | None = None
    trail: list[Span] = field(default_factory=list)
    names: dict[str, SpecValue | Thunk] = field(default_factory=dict)
    solver: z3.Solver | None = None
    envs: dict[int | None, tuple[Env, Env, Env]] = field(default_factory=dict)
    conditions: dict[tuple[int, int | None], z3.BoolRef] = field(default_factory=dict)
    rejected: dict[int | None, int] = field(default_factory=dict)

    def possible(self, condition: z3.BoolRef) -> bool:
        """Whether what is known of the path, as far as it has no quantifiers, allows the condition."""
        parts = condition.children() if z3.is_and(condition) else [condition]
        plain = [part for part in parts if not has_quantifier(part)]
        return self.solver is None or self.solver.check(*plain) != z3.unsat


class _Prefix:
    """Decides as an earlier path did, then explores: the way not taken becomes another path."""

    def __init__(self, way: Way, pending: list[Way], span: Span) -> None:
        self.way = way
        self.pending = pending
        self.span = span
        self.taken: list[bool] = []
        self.asked: list[int] = []
        self.solver = z3.SimpleSolver()
        self.solver.set("auto_config", False)
        self.solver.set("smt.arith.solver", SIMPLEX)
        self.solver.set("rlimit", FEASIBILITY_STEPS)
        self.known = [0, 0]

    def start(self, world: World) -> None:
        """Only what lies beyond the given decisions was not seen before."""
        world.recording = not self.way.choices

    def decide(self, condition: z3.BoolRef, world: World) -> bool:
        """Which way to go."""
        position, given = len(self.taken), self.way
        if position < len(given.choices):
            if given.asked[position] != condition.hash():
                raise Refusal("HF401", "what an earlier path decided is not asked here", self.span)
            choice = given.choices[position]
            world.recording = position + 1 >= len(given.choices)
        else:
            self.learn(world)
            choice = self.solver.check(condition) != z3.unsat
            fails = self.solver.check(z3.Not(condition)) != z3.unsat
            if not choice and not fails:
                raise PathEnds("unreachable")
            if choice and fails:
                self.pending.append(Way((*self.taken, False), (*self.asked, condition.hash())))
        self.taken.append(choice)
        self.asked.append(condition.hash())
        return choice

    def allows(self, condition: z3.BoolRef, world: World) -> bool:
        """Whether what the path knows, as far as it has no quantifiers, leaves the condition open."""
        self.learn(world)
        return bool(self.solver.check(condition) != z3.unsat)

    def learn(self, world: World) -> None:
        """Know what the path knows, as far as it has no quantifiers."""
        for index, formulas in enumerate((world.facts.formulas, world.assumptions)):
            for formula in formulas[self.known[index] :]:
                if not has_quantifier(formula):
                    self.solver.add(formula)
            self.known[index] = len(formulas)


Setup = Callable[[], tuple[World, dict[str, Value], dict[str, SpecValue | Thunk]]]
# Executes something on a path; a plain function is invoked.
Body = Callable[[Interpreter, dict[str, Value]], tuple[Value, Span]]


def explore(
    program: Program,
    sources: Sources,
    function: Function,
    setup: Setup,
    use_contracts: bool = True,
    body: Body | None = None,
    share: Share | None = None,
) -> list[Path]:
    """Every path, or those of a share, in the order in which the code would be read: true branches first."""
    contracts: dict[str, list[tree.Contract]] = {}
    for contract in program.contracts if use_contracts else ():
        contracts.setdefault(contract.name, []).append(contract)

    def interpreter(world: World, prefix: _Prefix) -> Interpreter:
        return Interpreter(program, sources, world, prefix, contracts)

    # Where a function turns out to be more than one value, it decides on the way: all paths must know that of it.
    effectful: set[str] = set()
    while True:
        known = len(effectful)
        paths = _explored(function, setup, body, share, interpreter, effectful)
        if len(effectful) == known:
            return paths


def _explored(
    function: Function,
    setup: Setup,
    body: Body | None,
    share: Share | None,
    interpreter: Callable[[World, _Prefix], Interpreter],
    effectful: set[str],
) -> list[Path]:
    """The same, unless a function is added to those that are more than one value."""
    pending = [Way()]
    paths: list[Path] = []
    count, known = 0, len(effectful)
    if share is not None:
        share.begin()
    while pending and len(effectful) == known:
        prefix = _Prefix(pending.pop(), pending, function.span)
        world, arguments, names = setup()
        prefix.start(world)
        run = interpreter(world, prefix)
        run.effectful = effectful
        path = Path(world, names=names)
        try:
            if body is not None:
                path.result, path.returned = body(run, dict(arguments))
            else:
                path.result, path.returned = run.invoke(function, dict(arguments), function.span)
        except PathEnds as end:
            path.ended = end.why
        except Refusal as refusal:
            path.ended, path.refusal = "refused", refusal
        except RecursionError:
            path.ended = "refused"
            path.refusal = Refusal("HF401", "the code nests too deeply", function.span)
        if path.refusal is None and len(prefix.taken) < len(prefix.way.choices):
            path.ended = "refused"
            path.refusal = Refusal("HF401", "what an earlier path decided is not asked here", function.span)
        if not path.ended and world.inside:
            held = world.held[-1]
            place = path.returned or function.span
            message = f"`{held.lock.name}` is still held at the end"
            world.check(
                "lock.balanced", z3.BoolVal(False), "HF704", message, place, related=((held.span, "taken here"),)
            )
            path.ended = "held"
        path.decisions, path.trail = run.decisions, run.trail
        prefix.learn(world)
        prefix.solver.set("rlimit", EXCLUSION_STEPS)
        path.solver = prefix.solver
        count += 1
        if count > MOST_PATHS:
            path.ended = "refused"
            path.refusal = Refusal("HF401", f"there are more than {MOST_PATHS} paths", function.span)
            paths.append(path)
            break
        if share is None:
            paths.append(path)
            continue
        if share.keeps(prefix.way):
            paths.append(path)
        pending[:] = share.own(pending)
    return paths


def call_paths(
    program: Program,
    sources: Sources,
    call: Call,
    make_world: Callable[[Program, z3.ArithRef], World] = World,
    body: Body | None = None,
    share: Share | None = None,
) -> tuple[Function, list[Path]]:
    """Every path through the implementation of a call, or those of a share."""
    function = sources.function(call.impl.target, call.impl.span)
    parameters = bind_parameters(program, sources, call, function)
    spec = function.node.args
    classes = {
        parameter.arg: represented_by(program, sources, function, parameter.annotation)
        for parameter in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)
    }

    def setup() -> tuple[World, dict[str, Value], dict[str, SpecValue | Thunk]]:
        world, names = start(program, call, make_world)
        arguments: dict[str, Value] = {}
        env = spec_env(world, names)
        bound = lets(call, env)
        for name, meaning in parameters.items():
            value = names.get(meaning, bound.get(meaning, Ref(meaning, ())))
            if isinstance(value, Thunk):
                value = world.evaluator.evaluate(value.expr, value.env)
            if isinstance(value, Ref) and value.state not in classes[name]:
                message = f"`{name}` is a {value.state}, which its type does not represent"
                raise Rejected(
                    [Diagnostic("HF215", message, (at(function.span), also(call.name_span, "specified here")))]
                )
            arguments[name] = value
        return world, arguments, names

    return function, explore(program, sources, function, setup, body=body, share=share)


def start(
    program: Program, call: Call, make_world: Callable[[Program, z3.ArithRef], World] = World
) -> tuple[World, dict[str, SpecValue | Thunk]]:
    """The world in which a call starts: arbitrary, but for what the discipline makes stable."""
    here = z3.Int(program.thread.name if program.thread is not None else "thread")
    world = make_world(program, here)
    evaluator = world.evaluator
    names: dict[str, SpecValue | Thunk] = {}
    if program.thread is not None:
        type_ = program.types.get(program.thread.type.name)
        if type_ is not None:
            world.facts.typed(here, type_)
        world.assume(z3.And(here >= 0, here < evaluator.number(program.thread.below, world.env())))
    for assume in program.assumes:
        world.assume(evaluator.truth(assume.value, world.env()))
    # Nobody asks in the middle of a call whether they hold.
    for _, holds in world.thread_facts(world.cells) if not call.is_function else ():
        world.assume(holds)
    if call.actor:
        actor = program.actors[call.actor]
        state = program.states[actor.state]
        ref = Ref(state.name, tuple(z3.Int(f"{actor.name}.{key.name}") for key in state.keys))
        for term, key in zip(ref.keys, state.keys, strict=True):
            world.facts.typed(term, key.type)
        world.assume(evaluator.exists(ref, world.env()))
        world.assume(world.facts_of(actor, ref, world.cells))
        names[actor.name] = ref
    for item in call.objects:
        names[item.name] = _given_object(world, item)
    for argument, type_ in call.arguments:
        if isinstance(type_, BoolType):
            names[argument.name] = z3.Bool(argument.name)
        else:
            term = z3.Int(argument.name)
            world.facts.typed(term, type_)
            names[argument.name] = term
    env = spec_env(world, names)
    env = env.bind(lets(call, env))
    for place in call.holds:
        lock = evaluator.evaluate(place, env)
        assert isinstance(lock, LockValue)
        world.give(lock, place.span)
    for given in call.givens:
        holds = evaluator.truth(given.value, env)
        world.assume(holds)
        world.facts.ranges.learn(holds, True)
    return world, names


def _given_object(world: World, item: Object) -> Ref:
    """An object that exists, and of which an actor's facts hold if it plays that part."""
    keys = world.program.states[item.state].keys
    ref = Ref(item.state, tuple(z3.Int(f"{item.name}.{key.name}") for key in keys))
    for term, key in zip(ref.keys, keys, strict=True):
        world.facts.typed(term, key.type)
    world.assume(world.evaluator.exists(ref, world.env()))
    if item.plays:
        world.assume(world.facts_of(world.program.actors[item.plays], ref, world.cells))
    return ref


def spec_env(world: World, names: dict[str, SpecValue | Thunk]) -> Env:
    """Where the clauses of the call are evaluated."""
    return Env(world.cells, names, None, world.here, None)
