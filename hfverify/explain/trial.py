"""Run the real code on a scenario and hold what it does against the specification. No solver.

Reads   explain.scenario.Scenario, the implementation
Gives   Report: result, next, changed cells, and every obligation that this run breaks
Refuses an implementation that cannot be set up (Unbuildable)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hfverify.explain.concrete import Env, LockRef, Ref, Store, Thunk, Undefined, Value
from hfverify.explain.effects import Change, applied, changes_of, left_open
from hfverify.explain.functions import signature_of
from hfverify.explain.heads import Heads
from hfverify.explain.maps import Map
from hfverify.explain.monitor import Impossible, Section, Stuck, Violation
from hfverify.explain.proxies import Machinery, Unbuildable
from hfverify.explain.scenario import Scenario, cell_name, environment, show
from hfverify.explain.signals import arrived
from hfverify.model.program import Actor, Call, Cell, Outcome, Program
from hfverify.model.types import OptionalRefType, OptionalType, is_object
from hfverify.syntax import tree


@dataclass(slots=True)
class Row:
    """One cell: before, promised, actual."""

    cell: str
    before: Any
    promised: Any
    actual: Any

    @property
    def differs(self) -> bool:
        return bool(self.promised != self.actual)


@dataclass(slots=True)
class Report:
    """What one run did. `violations` name obligations without the call: `case.effect`, `lock.held`, …"""

    scenario: Scenario
    outcome: str = ""
    result: Any = None
    following: str | None = None
    exception: str | None = None
    rows: list[Row] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    timeline: list[str] = field(default_factory=list)
    unchanged: int = 0


# Fills in what a report says of a call that has come to its end with this value.
Judge = Callable[[Program, Call, Machinery, Report, Any], None]


def run(
    program: Program,
    scenario: Scenario,
    impl: str,
    note: Callable[[object, object], None] | None = None,
    heads: Heads | None = None,
) -> Report:
    """Run one call by itself; what other CPUs do meanwhile is in the scenario.

    `note` hears of each specified function that is used, and of the outcome that applies to it there; `heads` holds
    the facts of loops against this run.
    """
    call = program.calls[scenario.call]
    machine = Machinery(program, scenario.store(), scenario.here, impl)
    machine.schedule = list(scenario.schedule)
    machine.script = list(scenario.reads)
    machine.note = note
    if heads is not None:
        heads.machine = machine
    function = entry(machine, call)
    machine.watch_contracts()
    env = _env(program, call, scenario, machine, machine.store, {})
    for place in call.holds:
        lock = machine.evaluator.evaluate(place, env)
        assert isinstance(lock, LockRef)
        try:
            machine.give(lock)
        except Impossible as error:
            raise Unbuildable(str(error)) from error
    for given in call.givens if call.is_function else ():
        if not machine.true(given.value, env):
            raise Unbuildable(f"`{given.name}` is not given")
    try:
        return conduct(program, scenario, machine, function)
    finally:
        machine.unwatch_contracts()


def entry(machine: Machinery, call: Call) -> Callable[..., Any]:
    """The function of a call itself, which nobody watches yet."""
    module, _, name = call.impl.target.partition(":")
    function: Callable[..., Any] | None = getattr(machine.module(module), name, None)
    if function is None:
        raise Unbuildable(f"there is no function {call.impl.target}")
    return function


def conduct(
    program: Program, scenario: Scenario, machine: Machinery, function: Callable[..., Any], judge: Judge | None = None
) -> Report:
    """Make the call on a machine that is set up, and judge what it did."""
    call = program.calls[scenario.call]
    arguments = _arguments(program, call, scenario, machine, function)
    report = Report(scenario)
    value: Any = None
    machine.watching = True
    try:
        value = function(**arguments)
    except Stuck as stuck:
        arrived(stuck)
        report.exception = f"the CPU hangs: {stuck}"
        if not machine.inside:
            _judge_waiting(program, call, scenario, machine, report)
    except Impossible as error:
        arrived(error)
        raise Unbuildable(str(error)) from error
    except Undefined as error:
        arrived(error)
        machine.breach("contract", str(error))
        report.exception = str(error)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        report.exception = f"{type(error).__name__}: {error}"
        machine.breach("raises", report.exception)
    if report.exception is None:
        machine.settle()
        for held in machine.held[len(machine.given) :]:
            machine.breach("lock.balanced", f"{held.lock} is still held at the end")
        for held in machine.given:
            for invariant in program.locks[held.lock.name].invariants:
                if not machine.true(invariant.value, machine.env(held.lock.ref)):
                    machine.breach(f"invariant.{invariant.name}", f"{invariant.name} does not hold at the end")
    machine.watching = False
    finished = report.exception is None and not machine.inside
    report.timeline = machine.timeline
    report.violations = list(machine.violations)
    if finished:
        (judge or judged)(program, call, machine, report, value)
    return report


def _judge_waiting(program: Program, call: Call, scenario: Scenario, machine: Machinery, report: Report) -> None:
    """A run that waits for ever must have seen that what it awaits does not hold, or must never return."""
    if machine.sections:
        env = _env(program, call, scenario, machine, machine.sections[-1].pre, {})
        if any(not machine.true(wait.value, env) for wait, _ in call.awaits):
            return
    env = _env(program, call, scenario, machine, machine.base, {})
    never = [outcome for outcome in call.outcomes if outcome.never and _applies(call, outcome, machine, (env, env))]
    if not never:
        machine.breach("waits", "it waits although nothing that it awaits is missing")
    else:
        report.outcome = never[0].name
    changed = {key[0] for key, value in machine.store.cells.items() if machine.base.cells.get(key) != value}
    for name in sorted(changed | {name for name, _, _ in machine.atomic}) if never else ():
        machine.breach(f"{never[0].name}.frame", f"{name} changes, though the call never returns")


def _arguments(program: Program, call: Call, scenario: Scenario, machine: Machinery, function: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    states = {item.name: item.state for item in call.objects}
    env = _env(program, call, scenario, machine, machine.store, {})
    for name, parameter in signature_of(function).parameters.items():
        if name in scenario.arguments:
            found[name] = scenario.arguments[name]
        elif name == call.actor:
            found[name] = machine.object(Ref(program.actors[call.actor].state, scenario.actor))
        elif name in scenario.objects:
            found[name] = machine.object(Ref(states[name], scenario.objects[name]))
        elif isinstance(env.names.get(name), Thunk):
            let = env.names[name]
            assert isinstance(let, Thunk)
            target = machine.evaluator.evaluate(let.expr, let.env)
            assert isinstance(target, Ref)
            found[name] = machine.object(target)
        else:
            annotation = parameter.annotation
            text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
            for state, represent in program.represents.items():
                if not program.states[state].keys and represent.target.endswith(f":{text}"):
                    found[name] = machine.object(Ref(state, ()))
    return found


# ---------------------------------------------------------------- judgement


@dataclass(slots=True)
class _Parts:
    commit: Section | None = None
    after: Section | None = None
    others: list[Section] = field(default_factory=list)
    surplus: bool = False


def judged(program: Program, call: Call, machine: Machinery, report: Report, value: Any) -> None:
    """Find the outcome that applies, and compare."""
    for outcome in call.outcomes:
        parts = _parts(program, call, outcome, report.scenario, machine)
        pre = parts.commit.pre if parts.commit is not None else machine.base
        for chosen in itertools.product(*(_readings(machine, parts, when) for when in ("inside", "before", "after"))):
            envs = [_env(program, call, report.scenario, machine, pre, values) for values in chosen]
            try:
                if not _applies(call, outcome, machine, (envs[0], envs[1])):
                    continue
                found = _compare(program, call, outcome, machine, parts, (envs[0], envs[2]), value, report)
            except Undefined as error:
                report.violations.append(Violation("defined", str(error)))
                continue
            if found or not report.outcome:
                report.violations += [v for v in found if v not in report.violations]
                report.outcome = outcome.name
    if not report.outcome:
        report.violations.append(
            Violation("lock.shape", "no case applies where the protocol says that the call decides")
        )


def _readings(machine: Machinery, parts: _Parts, when: str) -> list[dict[tuple[str, tuple[int, ...]], Value]]:
    """Every way to take one value for each volatile cell from those that were read.

    What is decided under locks speaks about the reads inside the section that commits, a check that needs no
    lock about those before it, what is done later about those after it.
    """
    phase = 2 * machine.sections.index(parts.commit) + 1 if parts.commit is not None else None
    values: dict[tuple[str, tuple[int, ...]], list[Value]] = {}
    for name, keys, value, at in machine.reads:
        inside = phase is None or {"before": at < phase, "inside": at == phase, "after": at > phase}[when]
        if inside and value not in values.setdefault((name, keys), []):
            values[name, keys].append(value)
    return [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())]


def _env(
    program: Program,
    call: Call,
    scenario: Scenario,
    machine: Machinery,
    store: Store,
    chosen: dict[tuple[str, tuple[int, ...]], Value],
) -> Env:
    def volatile(cell: Cell, ref: Ref) -> Value:
        plain = Env(store, {}, None, scenario.here)
        return chosen.get((cell.name, ref.keys), machine.evaluator.read(cell, ref, plain))

    return environment(program, call, scenario, store, volatile)


def _applies(call: Call, outcome: Outcome, machine: Machinery, envs: tuple[Env, Env]) -> bool:
    """A condition that is decided under locks is evaluated in the first place, one that needs none in the second."""

    def holds(decided: Outcome) -> bool:
        steps = call.steps("commit", decided.name)
        return machine.evaluator.truth(decided.condition, envs[0 if steps and steps[0].locks else 1])

    for reject in call.rejects:
        if reject is outcome:
            return not holds(reject)
        if not holds(reject):
            return False
    return holds(outcome)


def _parts(program: Program, call: Call, outcome: Outcome, scenario: Scenario, machine: Machinery) -> _Parts:
    """Which section commits: the first that wrote, else the last that took the locks of its line, else the last."""
    sections = [section for section in machine.sections if section.post is not None]
    steps = call.steps("commit", outcome.name)
    if not steps or not steps[0].locks or not sections:
        return _Parts(others=sections)
    position = next((i for i, section in enumerate(sections) if section.writes), None)
    if position is not None:
        env = _env(program, call, scenario, machine, sections[position].pre, {})
        if (outcome.later and not outcome.effects) or not _takes(steps[0], sections[position], machine, env):
            position = None
    if position is None:
        position = _commit(steps[0], sections, program, call, scenario, machine)
    if position is None:
        position = len(sections) - (2 if outcome.later and len(sections) > 1 else 1)
    found = _Parts(sections[position], None, [])
    rest = sections[position + 1 :]
    if outcome.later and rest:
        found.after = rest.pop(0)
    found.surplus = bool(rest)
    found.others = sections[:position] + rest
    return found


def _commit(
    step: tree.Step, sections: list[Section], program: Program, call: Call, scenario: Scenario, machine: Machinery
) -> int | None:
    """The last section that took the locks of the line; else the last that begins with the same lock."""
    for whole in (True, False):
        for index in range(len(sections) - 1, -1, -1):
            env = _env(program, call, scenario, machine, sections[index].pre, {})
            if whole and _takes(step, sections[index], machine, env):
                return index
            if not whole and _begins(step, sections[index], machine, env):
                return index
    return None


def _begins(step: tree.Step, section: Section, machine: Machinery, env: Env) -> bool:
    try:
        return bool(machine.evaluator.evaluate(step.locks[0].place, env) == section.locks[0])
    except Undefined:
        return False


def _takes(step: tree.Step, section: Section, machine: Machinery, env: Env) -> bool:
    """Whether the section took the locks of the line, in order; a `maybe` lock may be missing."""
    try:
        wanted = [(held.maybe, machine.evaluator.evaluate(held.place, env)) for held in step.locks]
    except Undefined:
        return False
    options: list[list[object]] = [[]]
    for maybe, lock in wanted:
        options = [[*option, lock] for option in options] + (options if maybe else [])
    return list(section.locks) in options and not section.split


def _compare(
    program: Program,
    call: Call,
    outcome: Outcome,
    machine: Machinery,
    parts: _Parts,
    envs: tuple[Env, Env],
    value: Any,
    report: Report,
) -> list[Violation]:
    """What this outcome promises and the run does not keep; the second place is where it ends."""
    env, afterwards = envs
    found: list[Violation] = []
    line = ("", 0)

    def broken(kind: str, text: str) -> None:
        if outcome.is_reject:
            kind = "frame" if kind in ("effect", "frame") else "precedence"
        found.append(Violation(f"{outcome.name}.{kind}", text, *line))

    if outcome.never:
        broken("returns", f"returns {value!r}, though it promises never to return")
        return found
    result, following = (None, value) if call.result is None else (value, None)
    if call.result is not None and call.has_next:
        if not isinstance(value, tuple) or len(value) != 2:
            broken("returns", f"returns {value!r}, not a result and what goes on")
            return found
        result, following = value
    if outcome.returns is not None:
        promised = machine.evaluator.evaluate(outcome.returns.value, env)
        if call.result is not None and isinstance(call.result[1], OptionalType | OptionalRefType) and promised == -1:
            promised = None
        if call.result is not None and is_object(call.result[1]):
            result = _object(result)
        report.result = int(result) if isinstance(result, int) else _number(result)
        kind = Ref if isinstance(promised, Ref) else int
        if not (result is None if promised is None else isinstance(result, kind) and result == promised):
            broken("returns", f"returns {_number(result)}, promised {_number(promised)}")
        report.rows.append(Row("result", "", _number(promised), _number(result)))
    target = machine.evaluator.evaluate(outcome.next.value, env) if outcome.next is not None else None
    actual = _object(following)
    if actual is not None and not isinstance(actual, Ref):
        broken("next", f"goes on with {following!r}, which is no object of the machine")
        return found
    report.following = str(actual) if actual is not None else None
    report.rows.append(Row("next", "", str(target or "the caller"), str(actual or "the caller")))
    if actual != target:
        broken("next", f"goes on with {actual or 'the caller'}, promised {target or 'the caller'}")
    for wait in call.awaited_before(outcome) if parts.commit is not None else ():
        if not machine.evaluator.truth(wait.value, env):
            found.append(Violation("waits", "it decides although what it awaits does not hold"))
    changes = changes_of(program, machine.evaluator, outcome.effects, env)
    pre = env.store
    post = parts.commit.post if parts.commit is not None and parts.commit.post is not None else machine.store
    mine = _later_owned(program, outcome, machine, parts, changes, afterwards)
    last = {key: v for key, v in applied(pre, changes).cells.items() if key in dict(mine)}
    post = applied(post, list(last.items()))
    for key in dict(mine).keys() - last.keys():
        post.cells.pop(key, None)
    related = replace(env, store=post, before=pre)
    for item in outcome.ensures:
        if not machine.true(item.value, related):
            broken(f"ensures.{item.name}", f"`{item.name}` does not hold afterwards")
    open_ = left_open(program, machine.evaluator, outcome, env, post)
    promised = applied(applied(pre, changes), open_)
    _rows(program, machine, (pre, promised, post), {key for key, _ in changes}, report, broken)
    owned = [(key, v) for key, v in changes if _is_owned(program, key[0])]
    ending = applied(machine.base, owned)
    if outcome.later:
        after = parts.after.post if parts.after is not None else None
        before = applied(parts.after.pre if parts.after is not None else machine.base, owned)
        inner = Env(before, afterwards.names, None, env.here, afterwards.volatile)
        later = changes_of(program, machine.evaluator, outcome.later, inner)
        ending = applied(ending, mine)
        states = (before, applied(before, later), applied(after if after is not None else before, mine))
        _rows(program, machine, states, {key for key, _ in later}, report, broken)
        states = (_only(before, mine), _only(ending, mine), _only(machine.store, mine))
        _rows(program, machine, states, {key for key, _ in mine}, report, broken)
    for section in parts.others:
        if section.post is not None:
            _rows(program, machine, (section.pre, section.pre, section.post), set(), report, broken)
    if parts.commit is not None and machine.late:
        late = Store(ending.sizes, {k: v for k, v in machine.store.cells.items() if k[0] in machine.late})
        kept = Store(ending.sizes, {k: v for k, v in ending.cells.items() if k[0] in machine.late})
        _rows(program, machine, (kept, kept, late), {key for key, _ in [*owned, *mine]}, report, broken)
    for name, keys, written in machine.atomic:
        later = changes_of(program, machine.evaluator, outcome.later, afterwards)
        promised_writes = [v for key, v in [*changes, *later] if key == (name, keys)]
        if written not in promised_writes:
            broken("frame", f"{name} becomes {written} for a moment")
    for text in _broken_facts(program, call, outcome, machine, target, env):
        broken("actor", text)
    if call.protocol is not None and not _shaped(call, outcome, parts, machine, env):
        taken = "; ".join(" then ".join(map(str, s.locks)) for s in machine.sections) or "no lock"
        found.append(Violation("lock.shape", f"the critical sections are: {taken}"))
    return found


def _broken_facts(
    program: Program, call: Call, outcome: Outcome, machine: Machinery, target: object, env: Env
) -> list[str]:
    """What the next call on this CPU relies on and does not hold; in the middle of a call nobody asks."""
    if call.is_function:
        return []
    found = [
        f"`{fact.name}`, on which every CPU relies, does not hold"
        for fact in (program.thread.facts if program.thread is not None and not program.stops(call, outcome) else ())
        if not machine.true(fact.value, machine.env())
    ]
    played: list[tuple[Actor, Ref]] = []
    own = env.names[call.actor] if call.actor else None
    goes_on = target if isinstance(target, Ref) else own
    if isinstance(own, Ref) and isinstance(goes_on, Ref) and not outcome.ends:
        played.append((program.actors[call.actor], goes_on))
    for item in call.objects:
        given = env.names[item.name]
        if item.plays and isinstance(given, Ref):
            played.append((program.actors[item.plays], given))
    if isinstance(own, Ref) and goes_on != own and not outcome.ends:
        played += [(actor, own) for actor in program.actors.values() if actor.formerly == call.actor]
    for actor, ref in played:
        for fact in actor.facts:
            if not machine.true(fact.value, machine.env(ref)):
                found.append(f"{ref} is `{actor.name}` next, but `{fact.name}` does not hold")
    return found


def _object(value: Any) -> Any:
    """The object of the machine that a Python object stands for; anything else is what it is."""
    try:
        return object.__getattribute__(value, "_hf")[1]
    except AttributeError:
        return value


def _number(value: Any) -> str:
    value = _object(value)
    if isinstance(value, Ref):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value)) if -(1 << 15) < value < 1 << 15 else hex(value)
    return repr(value)


def _later_owned(
    program: Program, outcome: Outcome, machine: Machinery, parts: _Parts, changes: list[Change], env: Env
) -> list[Change]:
    """The later updates of cells that this CPU owns: nobody sees when they are made."""
    owned = [(key, v) for key, v in changes if _is_owned(program, key[0])]
    before = applied(parts.after.pre if parts.after is not None else machine.base, owned)
    later = changes_of(program, machine.evaluator, outcome.later, Env(before, env.names, None, env.here, env.volatile))
    return [(key, v) for key, v in later if _is_owned(program, key[0])]


def _only(store: Store, changes: list[Change]) -> Store:
    return Store(store.sizes, {key: store.cells[key] for key, _ in changes if key in store.cells})


def _is_owned(program: Program, name: str) -> bool:
    state, path = name.split(".", 1)
    cell = program.cell(state, path)
    return cell is not None and isinstance(cell.discipline, tree.OwnedBy)


def _rows(
    program: Program,
    machine: Machinery,
    states: tuple[Store, Store, Store],
    promised_keys: set[tuple[str, tuple[int, ...]]],
    report: Report,
    broken: Any,
) -> None:
    """Compare every cell: before, promised, actual."""
    before, promised, actual = states
    for key in sorted({*before.cells, *promised.cells, *actual.cells}):
        raw = before.cells.get(key)
        if raw is not None and raw == promised.cells.get(key) == actual.cells.get(key):
            report.unchanged += 1
            continue
        state, path = key[0].split(".", 1)
        cell = program.cell(state, path)
        assert cell is not None
        values = [
            machine.evaluator.read(cell, Ref(state, key[1]), Env(store, {}, None, machine.here)) for store in states
        ]
        if values[0] == values[1] == values[2]:
            report.unchanged += 1
            continue
        kind = "effect" if key in promised_keys else "frame"
        for name, shown in _shown(cell, cell_name(cell, key[1]), values):
            report.rows.append(Row(name, *shown))
            if shown[1] != shown[2]:
                broken(kind, f"{name} is {shown[2]}, promised {shown[1]}")


def _shown(cell: Cell, name: str, values: list[Value]) -> list[tuple[str, list[Any]]]:
    """A cell in each state, by name; of a map, each stretch of numbers for which something changes."""
    maps = [value for value in values if isinstance(value, Map)]
    if len(maps) != len(values):
        return [(name, [show(cell, value) for value in values])]
    found: list[tuple[str, list[Any]]] = []
    for first, end, held in Map.together(maps):
        if len(set(held)) > 1:
            last = "" if end is None else f"{end - 1:#x}"
            found.append((f"{name}[{first:#x}]" if end == first + 1 else f"{name}[{first:#x} .. {last}]", list(held)))
    return found


def _shaped(call: Call, outcome: Outcome, parts: _Parts, machine: Machinery, env: Env) -> bool:
    """Whether the sections are those of the protocol."""
    commits = call.steps("commit", outcome.name)
    afters = call.steps("after", outcome.name)
    peeks = call.steps("peek", outcome.name)
    if parts.surplus or any(section.split for section in machine.sections):
        return False
    for section, steps in ((parts.commit, commits), (parts.after, afters)):
        if not steps or not steps[0].locks:
            if section is not None:
                return False
        elif section is None:
            if not all(lock.maybe for lock in steps[0].locks):
                return False
        elif not _takes(steps[0], section, machine, env):
            return False
    return all(any(_takes(line, section, machine, env) for line in peeks) for section in parts.others)
