"""What the specification promises about one path: guard, result, next, effects, frame, sections.

Reads   model.program.Outcome, execute.paths.Path
Gives   Promise: the outcome's condition in the commit section, and the goals that follow from it
Refuses nothing
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import z3

from hfverify.diagnostics import Span
from hfverify.execute.paths import Path
from hfverify.execute.signatures import lets
from hfverify.execute.updates import Change, apply_changes, changes_of, havoc_of
from hfverify.execute.values import NONE, EnumValue, Maybe, NoneValue, TupleValue, Value
from hfverify.execute.world import Read, Section, World
from hfverify.logic import maps
from hfverify.logic.cells import Cells, constants
from hfverify.logic.evaluate import Env
from hfverify.logic.quantifiers import has_quantifier
from hfverify.logic.values import Bits, Bytes, Fifo, LockValue, Map, Ref, Stored, conjunction, disjunction, split
from hfverify.logic.values import Value as SpecValue
from hfverify.model.program import Actor, Call, Cell, Outcome, Program
from hfverify.model.types import BytesType, OptionalType, is_object
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that follows from a promise; `kind` names the obligation.

    `given` are goals of the same promise that stand before it: each is shown by itself.
    """

    kind: str
    formula: z3.BoolRef
    span: Span
    cell: str = ""
    given: tuple[z3.BoolRef, ...] = ()


@dataclass(slots=True)
class Promise:
    """An outcome on a path. `guard` is its condition; the goals must hold under it."""

    outcome: Outcome
    guard: z3.BoolRef
    goals: list[Goal] = field(default_factory=list)
    commit: Section | None = None


def promise(program: Program, call: Call, outcome: Outcome, path: Path) -> Promise:
    """What the outcome promises about the path."""
    world = path.world
    sections = _sections(call, outcome, path)
    commit = sections.commit
    pre = commit.pre if commit is not None else world.base
    phase = None if commit is None else 2 * world.sections.index(commit) + 1
    if phase not in path.envs:
        path.envs[phase] = _envs(call, path, pre, phase)
    env, _, afterwards = path.envs[phase]
    made = Promise(outcome, _guard(call, outcome, path, phase), commit=commit)
    if z3.is_false(z3.simplify(made.guard)) or not path.possible(made.guard):
        made.guard = z3.BoolVal(False)
        return made
    if outcome.never:
        made.goals.append(Goal("returns", z3.BoolVal(False), outcome.name_span))
        return made
    _result_goals(call, made, env, path)
    for wait in call.awaited_before(outcome) if commit is not None else ():
        made.goals.append(Goal("waits", world.evaluator.truth(wait.value, env), wait.span))
    changes = changes_of(program, outcome.effects, env, world.evaluator)
    later = _later(program, outcome, changes, sections, afterwards, world)
    post = commit.post if commit is not None and commit.post is not None else world.cells
    promised = apply_changes(pre, changes)
    for change in changes:
        actual = post.read(change.cell, change.ref)
        goal = same(world, change.cell, actual, promised.read(change.cell, change.ref))
        made.goals.append(Goal("effect", goal, change.span, change.cell.name))
    open_ = havoc_of(program, outcome.havoc, env, world.evaluator)
    related = replace(env, cells=post, before=pre)
    shown: list[z3.BoolRef] = []
    for item in outcome.ensures:
        truth = world.evaluator.truth(item.value, related)
        made.goals.append(Goal("ensures", instance(world, truth), item.name_span, item.name, tuple(shown)))
        shown += [] if has_quantifier(truth) else [truth]
    # Nobody sees when a cell changes that this CPU owns: only its last value is a promise.
    free = [*((c.cell, c.ref) for c in [*changes, *later.owned]), *open_]
    made.goals += _frame(program, world, free, pre, post, outcome.name_span)
    made.goals += _after(program, outcome, changes, later, sections, path)
    made.goals += _atomic(world, [*changes, *later.changes], outcome)
    for section in [*sections.peeks, *sections.extra]:
        if section.post is not None:
            made.goals += _frame(program, world, [], section.pre, section.post, outcome.name_span)
    made.goals += _parts_played(program, call, outcome, path, env)
    made.goals.append(Goal("shape", _shape(call, outcome, sections, env, world), _protocol_span(call, outcome)))
    return made


def waited(call: Call, path: Path) -> z3.BoolRef:
    """Whether a turn of a waiting loop has seen, in its last critical section, that what is awaited does not hold."""
    world = path.world
    if not call.awaits or len(world.sections) <= world.turn:
        return z3.BoolVal(False)
    env = Env(world.sections[-1].pre, path.names, None, world.here, _Reader(world, 2 * len(world.sections) - 1))
    env = env.bind(lets(call, env))
    return z3.Not(conjunction([world.evaluator.truth(wait.value, env) for wait, _ in call.awaits]))


def unchanged(program: Program, outcome: Outcome, path: Path) -> list[Goal]:
    """Whoever never returns has changed nothing."""
    goals = _frame(program, path.world, [], path.world.base, path.world.cells, outcome.name_span)
    return goals + [Goal("frame", z3.BoolVal(False), outcome.name_span, c.name) for c, _, _ in path.world.atomic]


def applies_without_lock(call: Call, outcome: Outcome, path: Path) -> z3.BoolRef:
    """The condition of an outcome that is decided in no critical section."""
    env = Env(path.world.base, path.names, None, path.world.here, _Reader(path.world))
    env = env.bind(lets(call, env))
    path.envs[None] = (env, env, env)
    return _guard(call, outcome, path, None)


class _Reader:
    """The value of a volatile cell in a guard: what the path read. Who reads twice must satisfy both readings.

    What is decided under locks speaks about the reads inside the section that commits, a check that needs no
    lock about those before it, what is done later about those after it. Who does not read there knows nothing.
    """

    def __init__(self, world: World, commit: int | None = None, when: str = "inside") -> None:
        self.world = world
        self.commit = commit
        self.when = when
        self.memo: dict[tuple[str, tuple[int, ...]], tuple[Stored, Ref]] = {}

    def __call__(self, cell: Cell, ref: Ref) -> Stored:
        key = (cell.name, tuple(k.get_id() for k in ref.keys))
        if key not in self.memo:
            value = constants(cell, f"{cell.name}!{self.world.facts.number()}")
            self.world.facts.typed(value, cell.type)
            reads = self._chosen([read for read in self.world.reads if read.cell is cell])
            options = [
                conjunction(
                    [read.ref.same(ref), *(a == b for a, b in zip(split(value), split(read.value), strict=True))]
                )
                for read in reads
            ]
            here = disjunction([read.ref.same(ref) for read in reads])
            found = self.world.base.read(cell, ref)
            same = conjunction([a == b for a, b in zip(split(value), split(found), strict=True)])
            self.world.facts.add(z3.If(here, disjunction(options), same))
            self.memo[key] = (value, ref)
        return self.memo[key][0]

    def _chosen(self, reads: list[Read]) -> list[Read]:
        if self.commit is None:
            return reads
        if self.when == "before":
            return [read for read in reads if read.phase < self.commit]
        if self.when == "after":
            return [read for read in reads if read.phase > self.commit]
        return [read for read in reads if read.phase == self.commit]


@dataclass(slots=True)
class Sections:
    """The critical sections of a path by the part they play; `extra` come after the commit and should not be there."""

    commit: Section | None = None
    after: Section | None = None
    peeks: list[Section] = field(default_factory=list)
    extra: list[Section] = field(default_factory=list)


def _sections(call: Call, outcome: Outcome, path: Path) -> Sections:
    """Which section is the commit, which comes after, and which are peeks.

    The first section that writes is the commit, if it takes the very locks of the commit line. If not: the
    last that takes these locks; failing that, the last that takes locks of those kinds or begins with the same lock;
    failing that, the last of all. That the choice fits is proved, and that some outcome applies where it
    was chosen.
    """
    found = Sections()
    remaining = list(path.world.sections)
    steps = call.steps("commit", outcome.name)
    position = None
    if steps and steps[0].locks:
        env = Env(path.world.base, path.names, None, path.world.here, _Reader(path.world))
        env = env.bind(lets(call, env))
        first = next((i for i, section in enumerate(remaining) if section.writes), None)
        if (
            first is not None
            and (outcome.effects or not outcome.later)
            and _is_at(remaining[first], steps[0], env, path)
        ):
            position = first
        else:
            position = _best(remaining, steps[0], env, path.world)
        if position is None and remaining:
            position = len(remaining) - (2 if outcome.later and len(remaining) > 1 else 1)
    if position is not None:
        found.commit = remaining[position]
        found.peeks, found.extra = remaining[:position], remaining[position + 1 :]
        if outcome.later and found.extra:
            found.after = found.extra.pop(0)
    else:
        found.peeks = remaining
    return found


def _is_at(section: Section, step: tree.Step, env: Env, path: Path) -> bool:
    """Whether the section takes the very locks of the line."""
    return _best([section], step, env, path.world, exactly=True) is not None


def _best(sections: list[Section], step: tree.Step, env: Env, world: World, *, exactly: bool = False) -> int | None:
    """The last section that takes those locks of those objects; else those kinds; else begins with the same lock."""
    for exact, whole in ((True, True),) if exactly else ((True, True), (False, True), (True, False)):
        for index in range(len(sections) - 1, -1, -1):
            for chosen in _choices(step.locks):
                taken = sections[index].locks
                if whole and len(chosen) != len(taken):
                    continue
                pairs = list(zip(taken, chosen, strict=False))
                if pairs and all(_alike(lock, wanted, env, world, exact) for lock, wanted in pairs):
                    return index
    return None


def _alike(taken: LockValue, wanted: tree.HeldLock, env: Env, world: World, exact: bool) -> bool:
    value = world.evaluator.evaluate(wanted.place, env)
    assert isinstance(value, LockValue)
    same_object = all(a.eq(b) for a, b in zip(taken.ref.keys, value.ref.keys, strict=False))
    return taken.name == value.name and (same_object or not exact)


def _envs(call: Call, path: Path, pre: Cells, phase: int | None) -> tuple[Env, Env, Env]:
    """Where what the section decides, what came before it and what comes after it are evaluated."""
    inside, before, after = (
        Env(pre, path.names, None, path.world.here, _Reader(path.world, phase, when))
        for when in ("inside", "before", "after")
    )
    return inside.bind(lets(call, inside)), before.bind(lets(call, before)), after.bind(lets(call, after))


def _guard(call: Call, outcome: Outcome, path: Path, phase: int | None) -> z3.BoolRef:
    """Earlier rejects did not apply, and this one does; or all passed and the case's condition holds.

    Where a reject must apply, nothing that comes after it is asked any more.
    """
    earlier = _earlier(call, outcome)
    if len(earlier) > path.rejected.get(phase, len(earlier)):
        return z3.BoolVal(False)
    passed = [_condition(call, reject, path, phase) for reject in earlier]
    condition = _condition(call, outcome, path, phase)
    if not outcome.is_reject:
        return conjunction([*passed, condition])
    guard = conjunction([*passed, z3.Not(condition)])
    if path.possible(guard) and not path.possible(conjunction([*passed, condition])):
        path.rejected[phase] = len(earlier)
    return guard


def _earlier(call: Call, outcome: Outcome) -> tuple[Outcome, ...]:
    """The rejects that are checked before an outcome."""
    rejects = call.rejects
    return rejects[: next((index for index, reject in enumerate(rejects) if reject is outcome), len(rejects))]


def _condition(call: Call, outcome: Outcome, path: Path, phase: int | None) -> z3.BoolRef:
    """The condition of an outcome on a path.

    One that is decided under locks is evaluated in the first place of the phase, one that needs none in the second.
    """
    key = (id(outcome), phase)
    if key not in path.conditions:
        steps = call.steps("commit", outcome.name)
        env = path.envs[phase][0 if steps and steps[0].locks else 1]
        path.conditions[key] = path.world.evaluator.truth(outcome.condition, env)
    return path.conditions[key]


# ---------------------------------------------------------------- result and next


def _result_goals(call: Call, made: Promise, env: Env, path: Path) -> None:
    outcome, world = made.outcome, path.world
    result, following = _answer(call, path.result)
    if outcome.returns is not None and call.result is not None:
        promised = world.evaluator.evaluate(outcome.returns.value, env)
        if is_object(call.result[1]):
            goal = _goes_to(result, promised if isinstance(promised, Ref) else None)
        else:
            goal = _equals(result, promised, optional=isinstance(call.result[1], OptionalType))
        made.goals.append(Goal("returns", goal, outcome.returns.value.span))
    target = world.evaluator.reference(outcome.next.value, env) if outcome.next is not None else None
    span = outcome.next.value.span if outcome.next is not None else outcome.name_span
    made.goals.append(Goal("next", _goes_to(following, target), span))


def _answer(call: Call, value: Value | None) -> tuple[Value | None, Value | None]:
    """The result and the next object of what the function returned: a pair if the call has both."""
    if call.result is None:
        return None, value
    if not call.has_next:
        return value, NoneValue()
    if isinstance(value, TupleValue) and len(value.items) == 2:
        return value.items[0], value.items[1]
    return TupleValue(()), TupleValue(())


def _equals(value: Value | None, promised: SpecValue, *, optional: bool) -> z3.BoolRef:
    """Whether this was promised; only an `optional` result may be None, and -1, which stands for it, is not None."""
    if isinstance(value, Maybe):
        present = _equals(value.value, promised, optional=optional)
        return z3.If(value.present, present, _equals(NONE, promised, optional=optional))
    if isinstance(value, NoneValue):
        return promised == -1 if optional and isinstance(promised, z3.ArithRef) else z3.BoolVal(False)
    if isinstance(value, EnumValue):
        value = value.term
    if isinstance(value, z3.ExprRef) and isinstance(promised, z3.ExprRef) and value.sort() == promised.sort():
        return conjunction([value == promised, promised != -1]) if optional else value == promised
    return z3.BoolVal(False)


def _goes_to(value: Value | None, target: Ref | None) -> z3.BoolRef:
    if isinstance(value, Maybe):
        inner = _goes_to(value.value, target)
        return z3.Not(value.present) if target is None else conjunction([value.present, inner])
    if target is None:
        return z3.BoolVal(isinstance(value, NoneValue) or value is None)
    if isinstance(value, Ref) and value.state == target.state:
        return value.same(target)
    return z3.BoolVal(False)


# ---------------------------------------------------------------- who plays which part afterwards


def _parts_played(program: Program, call: Call, outcome: Outcome, path: Path, env: Env) -> list[Goal]:
    """What the next call on this CPU will rely on: facts of the thread, of who goes on, and of who was left."""
    world = path.world
    owed = not call.is_function and not program.stops(call, outcome)
    facts = world.thread_facts(world.cells) if owed else []
    goals = [Goal("actor", holds, fact.name_span) for fact, holds in facts]
    played: list[tuple[Actor, Ref, z3.BoolRef]] = []
    if call.actor and not outcome.ends:
        own = path.names[call.actor]
        assert isinstance(own, Ref)
        target = world.evaluator.reference(outcome.next.value, env) if outcome.next is not None else own
        played.append((program.actors[call.actor], target, z3.BoolVal(True)))
        left = z3.Not(own.same(target)) if outcome.next is not None else z3.BoolVal(False)
        played += [(actor, own, left) for actor in program.actors.values() if actor.formerly == call.actor]
    for item in call.objects:
        given_object = path.names[item.name]
        assert isinstance(given_object, Ref)
        if item.plays:
            played.append((program.actors[item.plays], given_object, z3.BoolVal(True)))
    for actor, ref, given in played:
        for fact in actor.facts:
            holds = world.in_scope(fact.value, ref, world.cells)
            goals.append(Goal("actor", z3.Implies(given, holds), fact.name_span))
    return goals


# ---------------------------------------------------------------- effects and frame


def same(world: World, cell: Cell, a: Stored, b: Stored) -> z3.BoolRef:
    """Whether two values of a cell cannot be told apart: queues by their order, sets by members, buffers bytewise."""
    if isinstance(a, Fifo):
        assert isinstance(b, Fifo)
        if all(x.eq(y) for x, y in zip((a.member, a.ticket), (b.member, b.ticket), strict=True)):
            return z3.BoolVal(True)
        j, k = world.fresh_number("member"), world.fresh_number("member")
        order = z3.Implies(z3.And(a.has(j), a.has(k)), (a.ticket[j] < a.ticket[k]) == (b.ticket[j] < b.ticket[k]))
        return z3.And(a.has(j) == b.has(j), order)
    if isinstance(a, Bytes):
        assert isinstance(b, Bytes) and isinstance(cell.type, BytesType)
        if a.content.eq(b.content):
            return z3.BoolVal(True)
        i = world.fresh_number("byte")
        return z3.Implies(z3.And(i >= 0, i < cell.type.length), a.content[i] == b.content[i])
    if isinstance(a, Map):
        assert isinstance(b, Map)
        if a.content.eq(b.content):
            return z3.BoolVal(True)
        k = world.fresh_number("number")
        maps.turn_up(world.facts, k, maps.kind_of(world.facts, a.content))
        return z3.Implies(z3.And(k >= 0, k < maps.NUMBERS), maps.at(world.facts, a, k) == maps.at(world.facts, b, k))
    if isinstance(a, Bits):
        assert isinstance(b, Bits)
        k = world.fresh_number("bit")
        return z3.BoolVal(True) if a.member.eq(b.member) else a.has(k) == b.has(k)
    return z3.BoolVal(True) if a.eq(b) else a == b


def instance(world: World, goal: z3.BoolRef) -> z3.BoolRef:
    """What must hold of all numbers, of any one of them."""
    if not (z3.is_quantifier(goal) and goal.is_forall()):
        return goal
    terms = [world.fresh_number("number") for _ in range(goal.num_vars())]
    for position, term in enumerate(terms):
        domain, _, kind = goal.var_name(position).split(":")[-1].partition(" ")
        if domain == maps.DOMAIN:
            maps.turn_up(world.facts, term, kind)
    found = z3.substitute_vars(goal.body(), *reversed(terms))
    maps.compare_quotients(world.facts, found)
    return found


def _frame(
    program: Program, world: World, free: list[tuple[Cell, Ref]], pre: Cells, post: Cells, span: Span
) -> list[Goal]:
    """Everything that is not promised to change is as it was."""
    goals: list[Goal] = []
    for cell in program.cells():
        if pre.agrees(post, cell.name):
            continue
        keys = tuple(world.fresh_number(f"any.{key.name}") for key in program.states[cell.state].keys)
        ref = Ref(cell.state, keys)
        elsewhere = [z3.Not(changed.same(ref)) for other, changed in free if other is cell]
        goal = z3.Implies(conjunction(elsewhere), same(world, cell, post.read(cell, ref), pre.read(cell, ref)))
        goals.append(Goal("frame", goal, span, cell.name))
    return goals


@dataclass(slots=True)
class Later:
    """The later updates, in the state in which they are made; `owned` are those of cells that this CPU owns."""

    before: Cells
    changes: list[Change]

    @property
    def owned(self) -> list[Change]:
        return [change for change in self.changes if isinstance(change.cell.discipline, tree.OwnedBy)]


def _later(
    program: Program, outcome: Outcome, changes: list[Change], sections: Sections, env: Env, world: World
) -> Later:
    owned = [change for change in changes if isinstance(change.cell.discipline, tree.OwnedBy)]
    before = apply_changes(sections.after.pre if sections.after is not None else world.base, owned)
    return Later(before, changes_of(program, outcome.later, env.at(before), world.evaluator))


def _after(
    program: Program, outcome: Outcome, changes: list[Change], later: Later, sections: Sections, path: Path
) -> list[Goal]:
    """The later updates: of guarded cells in the section after the commit, of owned ones until the path ends.

    Where the later updates change no guarded cell, that section may be missing. What the path does without a
    lock after its last section must be promised too.
    """
    after, world = sections.after, path.world
    if sections.commit is None and after is None:
        return [Goal("effect", z3.BoolVal(False), outcome.name_span)] if outcome.later else []
    goals: list[Goal] = []
    owned = [change for change in changes if isinstance(change.cell.discipline, tree.OwnedBy)]
    promised = apply_changes(later.before, later.changes)
    ending = apply_changes(world.base, [*owned, *later.owned])
    post = after.post if after is not None and after.post is not None else later.before
    for change in later.changes:
        last, wanted = (world.cells, ending) if change in later.owned else (post, promised)
        goal = same(world, change.cell, last.read(change.cell, change.ref), wanted.read(change.cell, change.ref))
        goals.append(Goal("effect", goal, change.span, change.cell.name))
    if after is not None:
        free = [(change.cell, change.ref) for change in later.changes]
        goals += _frame(program, world, free, later.before, post, outcome.name_span)
    for cell in {cell.name: cell for cell in world.late}.values():
        keys = tuple(world.fresh_number(f"any.{key.name}") for key in program.states[cell.state].keys)
        ref = Ref(cell.state, keys)
        kind = "effect" if any(change.cell is cell for change in owned) else "frame"
        goal = same(world, cell, world.cells.read(cell, ref), ending.read(cell, ref))
        goals.append(Goal(kind, goal, outcome.name_span, cell.name))
    return goals


def _atomic(world: World, changes: list[Change], outcome: Outcome) -> list[Goal]:
    """Whoever looks sees every write of an atomic cell, so each is a promised one."""
    goals: list[Goal] = []
    for cell, ref, value in world.atomic:
        promised = [
            conjunction([change.ref.same(ref), same(world, cell, value, change.value)])
            for change in changes
            if change.cell is cell
        ]
        goals.append(Goal("frame", disjunction(promised), outcome.name_span, cell.name))
    return goals


# ---------------------------------------------------------------- protocol


def _protocol_span(call: Call, outcome: Outcome) -> Span:
    steps = call.steps("commit", outcome.name)
    return steps[0].span if steps else outcome.name_span


def _shape(call: Call, outcome: Outcome, sections: Sections, env: Env, world: World) -> z3.BoolRef:
    """The critical sections are those of the protocol, each taken in one piece."""
    goals: list[z3.BoolRef] = [z3.BoolVal(not sections.extra)]
    commits = call.steps("commit", outcome.name)
    if call.protocol is not None:
        goals.append(_takes(sections.commit, commits, env, world))
        goals.append(_takes(sections.after, call.steps("after", outcome.name), env, world))
        lines = call.steps("peek", outcome.name)
    else:
        lines = []
    for section in sections.peeks:
        goals.append(_any([_takes(section, [line], env, world) for line in lines]))
    for section in world.sections:
        if section.split is not None:
            goals.append(z3.BoolVal(False))
    return conjunction(goals)


def is_peek(call: Call, section: Section, path: Path) -> z3.BoolRef:
    """Whether some `peek` line of the call allows the section."""
    env = Env(section.pre, path.names, None, path.world.here, _Reader(path.world))
    env = env.bind(lets(call, env))
    lines = [step for step in call.protocol.steps if step.kind == "peek"] if call.protocol is not None else []
    return _any([_takes(section, [line], env, path.world) for line in lines])


def _any(terms: list[z3.BoolRef]) -> z3.BoolRef:
    return z3.Or(*terms) if terms else z3.BoolVal(False)


def _takes(section: Section | None, steps: list[tree.Step], env: Env, world: World) -> z3.BoolRef:
    """Whether the section takes the locks of the line, in order; a `maybe` lock may be missing."""
    if not steps or not steps[0].locks:
        return z3.BoolVal(section is None)
    if section is None:
        return z3.BoolVal(all(lock.maybe for lock in steps[0].locks))
    wanted = steps[0].locks
    options: list[z3.BoolRef] = []
    for chosen in _choices(wanted):
        if len(chosen) == len(section.locks):
            options.append(
                conjunction(
                    [_is_lock(lock, held, env, world) for lock, held in zip(section.locks, chosen, strict=True)]
                )
            )
    return _any(options)


def _choices(locks: tuple[tree.HeldLock, ...]) -> list[list[tree.HeldLock]]:
    result: list[list[tree.HeldLock]] = [[]]
    for lock in locks:
        longer = [[*prefix, lock] for prefix in result]
        result = longer + (result if lock.maybe else [])
    return result


def _is_lock(taken: LockValue, wanted: tree.HeldLock, env: Env, world: World) -> z3.BoolRef:
    value = world.evaluator.evaluate(wanted.place, env)
    assert isinstance(value, LockValue)
    return taken.ref.same(value.ref) if taken.name == value.name else z3.BoolVal(False)
