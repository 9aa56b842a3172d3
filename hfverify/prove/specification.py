"""Questions about the specification alone: it must make sense before any code is looked at.

Reads   model.program.Program
Gives   Subjects: defined, disjoint, complete, preserves; and what must be satisfiable, as `Wanted`
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import z3

from hfverify.diagnostics import NOWHERE, Diagnostic, Span, also, at
from hfverify.execute.paths import spec_env, start
from hfverify.execute.signatures import lets
from hfverify.execute.updates import apply_changes, changes_of, havoc_of
from hfverify.execute.world import World, zero
from hfverify.logic.cells import Cells, constants
from hfverify.logic.evaluate import Condition, Env, Thunk
from hfverify.logic.facts import bound, in_range
from hfverify.logic.values import Fifo, LockValue, Map, Ref, Stored, conjunction, disjunction
from hfverify.logic.values import Value as SpecValue
from hfverify.model.program import Actor, Call, Cell, Lock, Outcome, Program, element_type
from hfverify.model.types import BoolType, bounds
from hfverify.prove.obligations import Subject, limits_of
from hfverify.prove.query import Group, Query
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Wanted:
    """An obligation that some state satisfies `formulas`; `code` and `message` say what is wrong if none does."""

    obligation: str
    formulas: tuple[z3.BoolRef, ...]
    diagnostic: Diagnostic


class Fickle:
    """One arbitrary value for each volatile cell of each object."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self, cell: Cell, ref: Ref) -> Stored:
        keys = ",".join(str(key) for key in ref.keys)
        value = constants(cell, f"{cell.name}[{keys}]!")
        self.world.facts.typed(value, cell.type)
        return value


def check_call(program: Program, call: Call) -> tuple[Subject, list[Wanted]]:
    """All questions about one call that do not need its implementation."""
    subject = Subject(call.name)
    world, names = start(program, call)
    env = Env(world.cells, names, None, world.here, Fickle(world))
    env = env.bind(lets(call, env))
    evaluator = world.evaluator
    for ref, lock in _locks(program, call, env, world):
        exists = evaluator.exists(ref, env)
        for invariant in lock.invariants:
            world.assume(z3.Implies(exists, world.in_scope(invariant.value, ref, world.cells)))
    group = Group(world.facts.formulas, world.assumptions, limits_of(program))
    _defined(program, call, env, world, subject, group)
    passed = [evaluator.truth(reject.condition, env) for reject in call.rejects]
    passed += [evaluator.truth(wait.value, env) for wait, _ in call.awaits]
    cases = [(case, evaluator.truth(case.condition, env)) for case in call.cases]
    subject.add("disjoint", "disjoint", "at most one case holds once the rejects passed", call.name_span)
    for index, (left, a) in enumerate(cases):
        for right, b in cases[index + 1 :]:
            labels = (at(left.name_span, "this case"), also(right.name_span, "and this one"))
            diagnostic = Diagnostic("HF301", f"two cases of `{call.name}` can hold at the same time", labels)
            group.queries.append(Query(f"{call.name}.disjoint", z3.Not(z3.And(a, b)), diagnostic, tuple(passed)))
    subject.add("complete", "complete", "at least one case holds once the rejects passed", call.name_span)
    diagnostic = Diagnostic(
        "HF302", f"`{call.name}` says nothing about some states", (at(call.name_span, "no case and no reject applies"),)
    )
    group.queries.append(Query(f"{call.name}.complete", disjunction([c for _, c in cases]), diagnostic, tuple(passed)))
    wanted: list[Wanted] = []
    for outcome, guard in guards(call, env, world):
        what = "reject" if outcome.is_reject else "case"
        name = subject.add(f"{outcome.name}.reachable", "reachable", f"some state is in this {what}", outcome.name_span)
        diagnostic = Diagnostic(
            "HF303", f"no state reaches the {what} `{outcome.name}` of `{call.name}`", (at(outcome.name_span),)
        )
        wanted.append(Wanted(name, (guard,), diagnostic))
        if call.trusted:
            wanted.append(_possible(program, call, outcome, guard, env, world, subject))
        _preserves(program, call, outcome, guard, env, world, subject, group)
    subject.groups.append(group)
    return subject, wanted


def _possible(
    program: Program, call: Call, outcome: Outcome, guard: z3.BoolRef, env: Env, world: World, subject: Subject
) -> Wanted:
    """What is said of a function that nobody looks at must not contradict itself, or its users would prove anything."""
    text = "some state comes of it in which everything that is ensured holds"
    name = subject.add(f"{outcome.name}.possible", "possible", text, outcome.name_span)
    after, known = _after(program, outcome, env, world)
    for place in call.holds:
        lock = world.evaluator.evaluate(place, env)
        assert isinstance(lock, LockValue)
        known += [world.in_scope(item.value, lock.ref, after) for item in program.locks[lock.name].invariants]
    message = f"what is said of `{call.name}` in `{outcome.name}` contradicts itself"
    return Wanted(name, (guard, *known), Diagnostic("HF308", message, (at(outcome.name_span),)))


def guards(call: Call, env: Env, world: World) -> list[tuple[Outcome, z3.BoolRef]]:
    """Each outcome with the whole condition under which it applies."""
    found: list[tuple[Outcome, z3.BoolRef]] = []
    passed: list[z3.BoolRef] = []
    for index, outcome in enumerate(call.outcomes):
        condition = world.evaluator.truth(outcome.condition, env)
        passed += [world.evaluator.truth(wait.value, env) for wait, place in call.awaits if place == index]
        if outcome.is_reject:
            found.append((outcome, conjunction([*passed, z3.Not(condition)])))
            passed.append(condition)
        else:
            found.append((outcome, conjunction([*passed, condition])))
    return found


def _locks(program: Program, call: Call, env: Env, world: World) -> list[tuple[Ref, Lock]]:
    """The locks that the protocol names."""
    found: list[tuple[Ref, Lock]] = []
    for step in call.protocol.steps if call.protocol is not None else ():
        for held in step.locks:
            value = world.evaluator.evaluate(held.place, env)
            assert isinstance(value, LockValue)
            if not any(value.name == lock.name and value.ref == ref for ref, lock in found):
                found.append((value.ref, program.locks[value.name]))
    return found


def _defined(program: Program, call: Call, env: Env, world: World, subject: Subject, group: Group) -> None:
    """Every expression has a value wherever it is read: a guard after the rejects before it, an effect in its case."""
    name = subject.add("defined", "defined", "each expression has a value where it is used", call.name_span)
    evaluator = world.evaluator
    passed: list[z3.BoolRef] = []

    def ask(conditions: list[Condition], given: list[z3.BoolRef]) -> None:
        for condition in conditions:
            labels = (at(condition.span, condition.text),)
            diagnostic = Diagnostic("HF304", f"an expression of `{call.name}` has no value in some states", labels)
            group.queries.append(Query(name, condition.goal, diagnostic, (*given, *condition.guards)))

    for given in call.givens:
        evaluator.conditions = []
        evaluator.truth(given.value, env)
        ask(evaluator.conditions, [])
    for index, outcome in enumerate(call.outcomes):
        for wait in (wait for wait, place in call.awaits if place == index):
            evaluator.conditions = []
            holds = evaluator.truth(wait.value, env)
            ask(evaluator.conditions, passed)
            passed.append(holds)
        evaluator.conditions = []
        condition = evaluator.truth(outcome.condition, env)
        ask(evaluator.conditions, passed)
        guard = [*passed, z3.Not(condition) if outcome.is_reject else condition]
        evaluator.conditions = []
        _uses(program, call, outcome, env, world)
        ask(evaluator.conditions, guard)
        evaluator.conditions = None
        if outcome.is_reject:
            passed.append(condition)


def _uses(program: Program, call: Call, outcome: Outcome, env: Env, world: World) -> None:
    """Evaluate everything that an outcome says, so that the evaluator notes what it needs."""
    evaluator = world.evaluator
    if outcome.returns is not None and call.result is not None:
        value = evaluator.evaluate(outcome.returns.value, env)
        if isinstance(value, Ref):
            evaluator.need(evaluator.exists(value, env), outcome.returns.value.span, "there is no such object")
        else:
            _fit(world, value, bounds(call.result[1]), outcome.returns.value.span)
    if outcome.next is not None:
        evaluator.reference(outcome.next.value, env)
    changes = changes_of(program, (*outcome.effects, *outcome.later), env, evaluator)
    _after(program, outcome, env, world)
    for index, change in enumerate(changes):
        for other in changes[:index]:
            if other.cell is change.cell:
                evaluator.need(
                    z3.Not(other.ref.same(change.ref)), change.span, f"`{change.cell.name}` is changed twice"
                )
        if isinstance(change.value, Fifo):
            member = bound("k", "element")
            inside = in_range(member, element_type(change.cell))
            everyone = z3.ForAll([member], z3.Implies(change.value.has(member), inside))
            evaluator.need(everyone, change.span, f"a member does not fit `{change.cell.name}`")
    for change in changes:
        evaluator.need(evaluator.exists(change.ref, env), change.span, "there is no such object")
        _fit(world, change.value, bounds(change.cell.type), change.span)
    for kind in ("commit", "after"):
        for step in call.steps(kind, outcome.name):
            for held in step.locks:
                lock = evaluator.evaluate(held.place, env)
                assert isinstance(lock, LockValue)
                evaluator.need(evaluator.exists(lock.ref, env), held.span, "there is no such object")


def _fit(world: World, value: object, limits: tuple[int | None, int | None], span: Span) -> None:
    low, high = limits
    if isinstance(value, z3.ArithRef):
        parts = [value >= low] if low is not None else []
        parts += [value <= high] if high is not None else []
        world.evaluator.need(conjunction(parts), span, f"the value does not fit {low} .. {high}")


def _preserves(
    program: Program,
    call: Call,
    outcome: Outcome,
    guard: z3.BoolRef,
    env: Env,
    world: World,
    subject: Subject,
    group: Group,
) -> None:
    """The effect of the outcome keeps the invariants of the locks of its commit section."""
    if not outcome.effects:
        return
    name = subject.add(f"{outcome.name}.preserves", "invariant", "the effect keeps each invariant", outcome.name_span)
    after = apply_changes(world.cells, changes_of(program, outcome.effects, env, world.evaluator))
    # What is left open gets values that keep the invariants: whether the code finds such values is asked there.
    left_open = {cell.name for cell, _ in havoc_of(program, outcome.havoc, env, world.evaluator)}
    for place in [*call.holds, *(held.place for step in call.steps("commit", outcome.name) for held in step.locks)]:
        lock = world.evaluator.evaluate(place, env)
        assert isinstance(lock, LockValue)
        info = program.locks[lock.name]
        if any(cell.name in left_open for cell in program.guarded_by(info)):
            continue
        for invariant in info.invariants:
            goal = world.in_scope(invariant.value, lock.ref, after)
            labels = (at(outcome.name_span, "this effect"), also(invariant.name_span, "does not hold afterwards"))
            message = f"the effect of `{call.name}.{outcome.name}` breaks `{invariant.name}`"
            group.queries.append(Query(name, goal, Diagnostic("HF506", message, labels), (guard,)))


def _after(program: Program, outcome: Outcome, env: Env, world: World) -> tuple[Cells, list[z3.BoolRef]]:
    """A state that the outcome may leave behind, and what is known of it."""
    evaluator = world.evaluator
    cells = apply_changes(env.cells, changes_of(program, outcome.effects, env, evaluator))
    for cell, ref in havoc_of(program, outcome.havoc, env, evaluator):
        value = constants(cell, f"{cell.name}!{world.facts.number()}")
        world.facts.typed(value, cell.type)
        cells = cells.write(cell, ref, value)
    after = replace(env, cells=cells, before=env.cells)
    return cells, [evaluator.truth(item.value, after) for item in outcome.ensures]


# ---------------------------------------------------------------- the specification as a whole


def check_whole(program: Program) -> tuple[Subject, list[Wanted]]:
    """Assumptions, actors and invariants make sense together, and invariants hold at the start."""
    subject = Subject("spec")
    here = z3.Int(program.thread.name if program.thread is not None else "thread")
    world = World(program, here)
    evaluator = world.evaluator
    wanted: list[Wanted] = []
    boot = [evaluator.truth(assume.value, world.env()) for assume in program.assumes]
    if program.thread is not None:
        boot.append(z3.And(here >= 0, here < evaluator.number(program.thread.below, world.env())))
    group = Group(world.facts.formulas, world.assumptions, limits_of(program))
    if program.assumes:
        span = program.assumes[0].name_span
        name = subject.add("assumptions.consistent", "consistent", "the assumptions do not contradict each other", span)
        diagnostic = Diagnostic(
            "HF306",
            "the assumptions contradict each other",
            (at(span), *(also(a.name_span, "and this") for a in program.assumes[1:3])),
        )
        wanted.append(Wanted(name, tuple(boot), diagnostic))
    for lock in program.locks.values():
        _lock(program, lock, world, subject, group, wanted, boot)
    for actor in program.actors.values():
        _actor(program, actor, world, subject, wanted, boot)
    _declarations_defined(program, world, subject, group, boot)
    for scenario in program.scenarios.values():
        wanted.append(_scenario(program, scenario, subject))
    subject.groups.append(group)
    return subject, wanted


def _declarations_defined(
    program: Program, world: World, subject: Subject, group: Group, boot: list[z3.BoolRef]
) -> None:
    """Assumptions, invariants and what threads and actors rely on have a value in every state."""
    name = subject.add("defined", "defined", "each declaration has a value in every state", _first_span(program))
    evaluator = world.evaluator

    def ask(expr: tree.Expr, env: Env, given: list[z3.BoolRef]) -> None:
        evaluator.conditions = []
        evaluator.truth(expr, env)
        for condition in evaluator.conditions:
            diagnostic = Diagnostic(
                "HF304", "a declaration has no value in some states", (at(condition.span, condition.text),)
            )
            group.queries.append(Query(name, condition.goal, diagnostic, (*given, *condition.guards)))
        evaluator.conditions = None

    known: list[z3.BoolRef] = []
    for assume in program.assumes:
        ask(assume.value, world.env(), known)
        known.append(evaluator.truth(assume.value, world.env()))
    for fact in program.thread.facts if program.thread is not None else ():
        ask(fact.value, world.env(), boot)
    for item in program.states.values():
        for key in item.keys:
            names = {earlier.name: z3.Int(f"{item.name}.{earlier.name}") for earlier in item.keys}
            below = evaluator.number(key.below, Env(world.cells, names, None, world.here, None))
            most = world.facts.ranges.of(below)[1]
            if key.type.high is None or (most is not None and most <= key.type.high + 1):
                continue
            position = z3.And(names[key.name] >= 0, names[key.name] < below)
            labels = (at(key.below.span, f"as many as this do not fit the key `{key.name}`"),)
            diagnostic = Diagnostic("HF304", f"a position of `{item.name}` does not fit its type", labels)
            fits = z3.Implies(position, in_range(names[key.name], key.type))
            group.queries.append(Query(name, fits, diagnostic, tuple(known)))
    own = [(lock.state, i.value) for lock in program.locks.values() for i in lock.invariants]
    own += [(actor.state, fact.value) for actor in program.actors.values() for fact in actor.facts]
    for state, value in own:
        ref, exists = _object(program, state, world)
        ask(value, Env(world.cells, {}, ref, world.here, None), [*boot, *exists])


def _first_span(program: Program) -> Span:
    """Where the specification begins."""
    return next((module.name_span for module in program.modules), NOWHERE)


def _scenario(program: Program, scenario: tree.Scenario, subject: Subject) -> Wanted:
    """One caller makes the calls one after the other, and each takes the case that is named."""
    world, _ = start(program, program.calls[scenario.steps[0].call])
    cells, taken = world.cells, []
    for number, step in enumerate(scenario.steps):
        call = program.calls[step.call]
        env = Env(cells, _step_names(program, call, step, number, world), None, world.here, Fickle(world))
        env = env.bind(lets(call, env))
        for ref, lock in _locks(program, call, env, world):
            exists = world.evaluator.exists(ref, env)
            for invariant in lock.invariants:
                world.assume(z3.Implies(exists, world.in_scope(invariant.value, ref, cells)))
        if call.actor:
            actor = env.names[call.actor]
            assert isinstance(actor, Ref)
            taken.append(world.facts_of(program.actors[call.actor], actor, cells))
        outcome, guard = next((o, g) for o, g in guards(call, env, world) if o.name == step.case)
        taken.append(guard)
        cells, known = _after(program, outcome, env, world)
        taken += known
        cells = apply_changes(cells, changes_of(program, outcome.later, env.at(cells), world.evaluator))
    name = subject.add(
        f"{scenario.name}.scenario", "scenario", "the calls can happen in this order", scenario.name_span
    )
    diagnostic = Diagnostic("HF307", f"the scenario `{scenario.name}` cannot happen", (at(scenario.name_span),))
    return Wanted(name, (*world.facts.formulas, *world.assumptions, *taken), diagnostic)


def _step_names(
    program: Program, call: Call, step: tree.ScenarioStep, number: int, world: World
) -> dict[str, SpecValue | Thunk]:
    """The caller is the same in every step; an argument that the step does not give is arbitrary."""
    given = dict(step.arguments)
    names: dict[str, SpecValue | Thunk] = {}
    if call.actor:
        actor = program.actors[call.actor]
        keys = program.states[actor.state].keys
        names[actor.name] = Ref(actor.state, tuple(z3.Int(f"{actor.name}.{key.name}") for key in keys))
    for item in call.objects:
        keys = program.states[item.state].keys
        names[item.name] = Ref(item.state, tuple(z3.Int(f"{item.name}.{number}.{key.name}") for key in keys))
    for argument, type_ in call.arguments:
        if argument.name in given:
            value = world.evaluator.evaluate(given[argument.name], world.env())
        else:
            name = f"{argument.name}.{number}"
            value = z3.Bool(name) if isinstance(type_, BoolType) else z3.Int(name)
            world.facts.typed(value, type_)
        names[argument.name] = value
    return names


def _object(program: Program, state: str, world: World) -> tuple[Ref, list[z3.BoolRef]]:
    keys = program.states[state].keys
    ref = Ref(state, tuple(z3.Int(f"{state}.{key.name}") for key in keys))
    limits = [in_range(term, key.type) for term, key in zip(ref.keys, keys, strict=True)]
    return ref, [*limits, world.evaluator.exists(ref, world.env())]


def _lock(
    program: Program,
    lock: Lock,
    world: World,
    subject: Subject,
    group: Group,
    wanted: list[Wanted],
    boot: list[z3.BoolRef],
) -> None:
    ref, exists = _object(program, lock.state, world)
    holds = [world.in_scope(invariant.value, ref, world.cells) for invariant in lock.invariants]
    new = _initial(program, lock.state, ref, world)
    for invariant, formula in zip(lock.invariants, holds, strict=True):
        name = subject.add(
            f"{invariant.name}.satisfiable",
            "satisfiable",
            "the invariant can hold beside the others of its lock",
            invariant.name_span,
        )
        others = tuple(also(i.name_span, "beside this one") for i in lock.invariants if i is not invariant)[:2]
        diagnostic = Diagnostic("HF305", f"`{invariant.name}` cannot hold", (at(invariant.name_span), *others))
        wanted.append(Wanted(name, (*boot, *exists, *holds, formula), diagnostic))
        name = subject.add(
            f"{invariant.name}.initial", "initial", "the invariant holds of a new object", invariant.name_span
        )
        goal = world.in_scope(invariant.value, ref, new)
        diagnostic = Diagnostic("HF305", f"`{invariant.name}` does not hold initially", (at(invariant.name_span),))
        group.queries.append(Query(name, goal, diagnostic, (*boot, *exists)))


def _initial(program: Program, state: str, ref: Ref, world: World) -> Cells:
    """The state in which the object is new; constants are arbitrary."""
    cells = world.cells
    for cell in program.states[state].cells.values():
        if cell.is_constant:
            continue
        value: Stored = zero(cell)
        if cell.initial is not None:
            found = world.evaluator.evaluate(cell.initial, world.env())
            if isinstance(found, z3.ExprRef):
                value = Map(z3.K(z3.IntSort(), found)) if isinstance(value, Map) else found
        cells = cells.write(cell, ref, value)
    return cells


def _actor(
    program: Program, actor: Actor, world: World, subject: Subject, wanted: list[Wanted], boot: list[z3.BoolRef]
) -> None:
    ref, exists = _object(program, actor.state, world)
    facts = [world.facts_of(actor, ref, world.cells), *(holds for _, holds in world.thread_facts(world.cells))]
    for lock in program.locks.values():
        if lock.state == actor.state:
            facts += [world.in_scope(invariant.value, ref, world.cells) for invariant in lock.invariants]
    name = subject.add(f"{actor.name}.satisfiable", "satisfiable", "what the actor relies on can hold", actor.span)
    diagnostic = Diagnostic("HF305", f"what `{actor.name}` relies on cannot hold", (at(actor.span),))
    wanted.append(Wanted(name, (*boot, *exists, *facts), diagnostic))


__all__ = ["NOWHERE", "Wanted", "check_call", "check_whole", "guards", "spec_env"]
