"""The list of questions about a call: each has a name and a sentence.

Reads   model.program.Call, execute.paths.Path
Gives   Subject: obligations in the order in which a reader would ask them, and the groups of queries that decide them
Refuses a path that left the supported subset: its obligations stay UNKNOWN, with the reason
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import z3

from hfverify.diagnostics import Diagnostic, Label, Span, also, at
from hfverify.execute.interpreter import Refusal
from hfverify.execute.loops import WAIT
from hfverify.execute.paths import Path, Share, call_paths, spec_env, start
from hfverify.execute.signatures import lets
from hfverify.execute.source import Function, Sources
from hfverify.logic.cells import Cells
from hfverify.logic.values import LockValue, disjunction
from hfverify.model.program import Call, Outcome, Program
from hfverify.prove.promises import (
    Goal,
    Promise,
    applies_without_lock,
    instance,
    is_peek,
    promise,
    unchanged,
    waited,
)
from hfverify.prove.query import Group, Query
from hfverify.prove.small import Bounds, size_limits
from hfverify.verdict import Obligation

SENTENCES = {
    "supported": "every path of the implementation is inside the executable subset of Python",
    "raises": "no path can raise an exception",
    "bounded": "every loop has a constant bound, or a fact that each turn keeps (that it ends is not proved)",
    "lock.order": "locks are taken in the declared order",
    "lock.held": "every guarded cell is touched under its lock only",
    "lock.owned": "every owned cell is touched by its owner only",
    "lock.balanced": "every lock is released on every path",
    "lock.shape": "the critical sections are those of the protocol",
    "stable": "what other CPUs rely on stays true",
    "contract": "every function that is specified is used as is said of it",
}

# Kinds of obligations that say something about a state only if some path leads to it.
MUST_BE_REACHED = ("reached", "routed", "ended", "refuses")

CODES = {
    "returns": "HF501",
    "next": "HF502",
    "effect": "HF503",
    "frame": "HF504",
    "precedence": "HF505",
    "actor": "HF512",
    "ensures": "HF517",
    "waits": "HF513",
    "shape": "HF705",
}


@dataclass(slots=True)
class Subject:
    """What is asked about one call, contract or the specification as a whole.

    `taken` are the locks that some path of a call takes, `waits` says whether one waits.
    """

    name: str
    obligations: dict[str, Obligation] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    taken: frozenset[str] = frozenset()
    waits: bool = False

    def add(self, name: str, kind: str, sentence: str, spec: Span, impl: Span | None = None) -> str:
        """Declare an obligation of this subject and return its full name."""
        full = f"{self.name}.{name}"
        if full not in self.obligations:
            self.obligations[full] = Obligation(full, kind, self.name, sentence, spec, impl or spec)
        return full


def call_subject(program: Program, sources: Sources, call: Call, share: Share | None = None) -> Subject:
    """All questions about a call that need its implementation; with a share, about those paths."""
    function, paths = call_paths(program, sources, call, share=share)
    taken = {lock.name for path in paths for section in path.world.sections for lock in section.locks}
    subject = declared(program, call, function, taken, waits=any(path.ended == WAIT for path in paths))
    limits = limits_of(program)
    for path in paths:
        if path.refusal is not None:
            subject.refusals.append(path.refusal)
        group = Group([], [], limits, path=path)
        for check in path.world.checks:
            labels = (at(check.span, "here"), *(Label(s, t) for s, t in check.related))
            if check.spec.file:
                labels += (also(check.spec, "declared here"),)
            diagnostic = Diagnostic(check.code, check.message, labels)
            group.queries.append(Query(f"{call.name}.{check.kind}", check.goal, diagnostic, (), check.depth))
        if not path.ended:
            _given_locks(program, call, path, group)
            guards = [_promise_queries(program, call, outcome, path, group) for outcome in call.outcomes]
            _some_outcome(call, guards, path, group)
        if path.ended in ("loop", WAIT):
            _turn_queries(program, call, path, group)
        group.facts = path.world.facts.formulas
        group.assumptions = path.world.assumptions
        subject.groups.append(group)
    return subject


def declared(program: Program, call: Call, function: Function, taken: Collection[str], *, waits: bool) -> Subject:
    """What is asked of a call of which some path takes these locks, and waits or does not."""
    subject = Subject(call.name, taken=frozenset(taken), waits=waits)
    for kind, sentence in SENTENCES.items():
        subject.add(kind, kind, sentence, call.name_span, function.span)
    for name in _kept(program, call) if call.is_function else _invariants(program, taken):
        where = next(i.name_span for lock in program.locks.values() for i in lock.invariants if i.name == name)
        subject.add(
            f"invariant.{name}", "invariant", f"`{name}` holds whenever its lock is released", where, function.span
        )
    if call.awaits or waits:
        text = "it decides only once what it awaits holds, and waits only as long as it does not"
        subject.add("waits", "waits", text, call.awaits[0][0].span if call.awaits else call.name_span, function.span)
    for outcome in call.outcomes:
        _declare(program, subject, call, outcome, function.span)
    return subject


def limits_of(program: Program) -> Callable[[Bounds], list[z3.BoolRef]]:
    """What makes a machine small."""
    cells = Cells.arbitrary(program)
    return lambda bounds: size_limits(program, cells, bounds)


def _invariants(program: Program, taken: Collection[str]) -> list[str]:
    return [invariant.name for lock in program.locks.values() if lock.name in taken for invariant in lock.invariants]


def _kept(program: Program, call: Call) -> list[str]:
    """The invariants of the locks that whoever uses a function holds."""
    world, names = start(program, call)
    env = spec_env(world, names)
    env = env.bind(lets(call, env))
    locks = [world.evaluator.evaluate(place, env) for place in call.holds]
    kinds = dict.fromkeys(lock.name for lock in locks if isinstance(lock, LockValue))
    return [invariant.name for name in kinds for invariant in program.locks[name].invariants]


def _given_locks(program: Program, call: Call, path: Path, group: Group) -> None:
    """A function leaves the invariants of the locks that it was given as it found them."""
    world = path.world
    for held in world.given:
        info = program.locks[held.lock.name]
        if all(held.before.agrees(world.cells, cell.name) for cell in program.guarded_by(info)):
            continue
        for invariant in info.invariants:
            goal = world.in_scope(invariant.value, held.lock.ref, world.cells)
            labels = (
                at(path.returned or call.name_span, "this path ends here"),
                also(invariant.name_span, "declared here"),
            )
            diagnostic = Diagnostic("HF506", f"`{invariant.name}` does not hold when `{call.name}` returns", labels)
            name = f"{call.name}.invariant.{invariant.name}"
            group.queries.append(Query(name, instance(world, goal), diagnostic, (), None))


def _declare(program: Program, subject: Subject, call: Call, outcome: Outcome, impl: Span) -> None:
    name, span = outcome.name, outcome.name_span
    if outcome.never:
        subject.add(f"{name}.returns", "returns", "the call does not return", span, impl)
        subject.add(f"{name}.reached", "reached", f"some path of the implementation reaches `{name}`", span, impl)
        subject.add(f"{name}.frame", "frame", "everything is as it was", span, impl)
        return
    if outcome.is_reject:
        subject.add(f"{name}.precedence", "precedence", f"the first failed check wins: `{name}`", span, impl)
    else:
        if outcome.returns is not None:
            subject.add(f"{name}.returns", "returns", "the result is the promised one", outcome.returns.span, impl)
        subject.add(f"{name}.next", "next", "the CPU goes on with the promised object", span, impl)
        if not call.is_function and (call.actor or (program.thread is not None and program.thread.facts)):
            text = "who executes next is what its actor promises"
            subject.add(f"{name}.actor", "actor", text, span, impl)
        if outcome.effects or outcome.later:
            subject.add(f"{name}.effect", "effect", "what is promised to change changes so", span, impl)
    for item in outcome.ensures:
        text = item.doc or "the states before and after are related as promised"
        subject.add(f"{name}.ensures.{item.name}", "ensures", text, item.name_span, impl)
    subject.add(f"{name}.reached", "reached", f"some path of the implementation reaches `{name}`", span, impl)
    subject.add(f"{name}.frame", "frame", "everything else is as it was", span, impl)


def _some_outcome(call: Call, guards: list[z3.BoolRef], path: Path, group: Group) -> None:
    """Each guard is evaluated in the section chosen for its outcome; one of them must hold, or nothing was promised."""
    where = path.world.sections[-1].spans[0] if path.world.sections else path.returned or call.name_span
    labels = (
        at(where, "no case applies to the critical sections of this path"),
        also(call.name_span, "specified here"),
    )
    diagnostic = Diagnostic("HF705", f"`{call.name}` does not decide where its protocol says", labels)
    group.queries.append(Query(f"{call.name}.lock.shape", disjunction(guards), diagnostic, (), None))


def _promise_queries(program: Program, call: Call, outcome: Outcome, path: Path, group: Group) -> z3.BoolRef:
    """Add the queries of an outcome on a path; its guard there."""
    made = promise(program, call, outcome, path)
    if z3.is_false(made.guard):
        return z3.BoolVal(False)
    group.guards.append((f"{call.name}.{outcome.name}.reached", made.guard))
    for goal in made.goals:
        if z3.is_true(z3.simplify(goal.formula)):
            continue
        name = _obligation_name(call, outcome, goal)
        given = (made.guard, *goal.given)
        group.queries.append(Query(name, goal.formula, _diagnose(call, made, goal, path), given, None))
    return made.guard


def _turn_queries(program: Program, call: Call, path: Path, group: Group) -> None:
    """A path that went once round a loop: its critical sections must be peeks, whatever the case.

    Round a loop that only its body ends, a path waits: in the turn it saw that what is awaited does not hold,
    or the call never returns, and then it changes nothing.
    """
    place = path.trail[-1] if path.trail else call.name_span
    for section in path.world.sections:
        if section.post is not None:
            labels = (at(section.spans[0], "this critical section"), also(call.name_span, "no `peek` line allows it"))
            message = f"a loop of `{call.name}` has a critical section that its protocol does not name"
            goal = is_peek(call, section, path)
            group.queries.append(Query(f"{call.name}.lock.shape", goal, Diagnostic("HF705", message, labels), (), None))
    if path.ended != WAIT:
        return
    stops: list[z3.BoolRef] = []
    for outcome in call.outcomes:
        if not outcome.never:
            continue
        applies = applies_without_lock(call, outcome, path)
        stops.append(applies)
        group.guards.append((f"{call.name}.{outcome.name}.reached", applies))
        for goal in unchanged(program, outcome, path):
            made = Promise(outcome, applies)
            name = f"{call.name}.{outcome.name}.frame"
            group.queries.append(Query(name, goal.formula, _diagnose(call, made, goal, path), (applies,), None))
    message = f"`{call.name}` may wait although nothing that it awaits is missing"
    awaited = (
        also(call.awaits[0][0].span, "this is awaited") if call.awaits else also(call.name_span, "nothing is awaited")
    )
    diagnostic = Diagnostic("HF513", message, (at(place, "a turn of the loop ends here"), awaited))
    goal = disjunction([*stops, waited(call, path)])
    group.queries.append(Query(f"{call.name}.waits", goal, diagnostic, (), None))


def _obligation_name(call: Call, outcome: Outcome, goal: Goal) -> str:
    if goal.kind == "shape":
        return f"{call.name}.lock.shape"
    if goal.kind == "waits":
        return f"{call.name}.waits"
    kind = f"ensures.{goal.cell}" if goal.kind == "ensures" else goal.kind
    if outcome.is_reject:
        kind = "frame" if kind in ("effect", "frame", "actor") else "precedence"
    return f"{call.name}.{outcome.name}.{kind}"


def _diagnose(call: Call, made: Promise, goal: Goal, path: Path) -> Diagnostic:
    outcome = made.outcome
    kind = "precedence" if outcome.is_reject and goal.kind in ("returns", "next") else goal.kind
    where = path.returned or call.name_span
    what = "reject" if outcome.is_reject else "case"
    text = {
        "returns": f"`{call.name}` returns something else than the {what} `{outcome.name}` promises",
        "next": f"`{call.name}` goes on with something else than the {what} `{outcome.name}` promises",
        "effect": f"`{call.name}` does not change `{goal.cell}` as the {what} `{outcome.name}` promises",
        "frame": f"`{call.name}` changes `{goal.cell}`, which the {what} `{outcome.name}` leaves alone",
        "precedence": f"`{call.name}` does not answer as its check `{outcome.name}` promises",
        "ensures": f"`{goal.cell}` does not hold after the {what} `{outcome.name}`",
        "actor": f"after the {what} `{outcome.name}`, the next call on this CPU relies on what does not hold",
        "waits": f"`{call.name}` decides although what it awaits may not hold",
        "shape": f"`{call.name}` does not follow the protocol of the {what} `{outcome.name}`",
    }[kind]
    labels = [at(where, "this path ends here"), also(outcome.name_span, f"this {what} applies")]
    if goal.span != outcome.name_span:
        labels.append(also(goal.span, "promised here"))
    if kind == "shape" and made.commit is not None and made.commit.split is not None:
        labels[0] = at(made.commit.split, "taken again after a release: the section is not atomic")
    elif kind == "shape" and path.world.sections:
        labels[0] = at(path.world.sections[-1].spans[0], "this critical section")
    return Diagnostic(CODES[kind], text, tuple(labels))
