"""What the cases of a call read, change and lock, in the words of the specification.

Reads   publish.subject.Subject
Gives   Facts of a call: changes with the values before and after, cells read and written, locks taken
Refuses nothing
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hfverify.model.expressions import walk
from hfverify.model.mentions import Scope, mentions, mentions_of_action
from hfverify.model.program import Call, Cell, Outcome
from hfverify.model.types import EnumType, LockType, RefType, Type
from hfverify.publish.normal import Names, Question, names_of, normal, possible, truths
from hfverify.publish.prose import excerpt
from hfverify.publish.subject import Subject
from hfverify.syntax import tree


@dataclass(frozen=True, slots=True)
class Change:
    """One cell that a case changes: `place` and `after` are texts, `before` and `target` the items of an enumeration.

    `open` says that the new value is not said outright; `later` that it becomes visible after the commit.
    """

    cell: Cell
    place: str
    before: frozenset[str] | None
    after: str
    target: str
    later: bool
    open: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A lock in a line of the protocol: its name, the place as written, whether only some paths take it."""

    name: str
    place: str
    maybe: bool


@dataclass(slots=True)
class Facts:
    """Everything about one call; `changes` by the name of the outcome."""

    call: Call
    changes: dict[str, list[Change]] = field(default_factory=dict)
    reads: dict[str, Cell] = field(default_factory=dict)

    @property
    def writes(self) -> dict[str, list[str]]:
        """For each cell that is changed, the outcomes that do so."""
        found: dict[str, list[str]] = {}
        for outcome, changes in self.changes.items():
            for change in changes:
                cases = found.setdefault(change.cell.name, [])
                if outcome not in cases:
                    cases.append(outcome)
        return found


def facts_of(subject: Subject, call: Call) -> Facts:
    """Everything about a call."""
    local = local_types(subject, call)
    facts = Facts(call, reads={cell.name: cell for cell in _read(subject, call, local)})
    for outcome in call.outcomes:
        facts.changes[outcome.name] = list(_changes(subject, call, outcome, local))
    return facts


def local_types(subject: Subject, call: Call) -> dict[str, Type]:
    """What the names of a call are."""
    local: dict[str, Type] = {argument.name: type_ for argument, type_ in call.arguments}
    local |= {item.name: RefType(item.state) for item in call.objects}
    for let in call.lets:
        local[let.name] = subject.typer.type_of(let.value, local)
    return local


def locks_of(subject: Subject, call: Call, step: tree.Step) -> list[Taken]:
    """The locks of one line of a protocol, in the order in which they are taken."""
    local = local_types(subject, call)
    return [
        Taken(_lock(subject, held.place, local), excerpt(subject, held.place.span), held.maybe) for held in step.locks
    ]


def held_by(subject: Subject, call: Call) -> list[Taken]:
    """The locks that whoever uses a function holds."""
    local = local_types(subject, call)
    return [Taken(_lock(subject, place, local), excerpt(subject, place.span), False) for place in call.holds]


def users_of(subject: Subject, lock: str) -> list[tuple[Call, tree.Step, list[Taken]]]:
    """The protocol lines in which a lock is taken."""
    found = []
    for call in subject.program.calls.values():
        for step in call.protocol.steps if call.protocol else ():
            taken = locks_of(subject, call, step)
            if any(item.name == lock for item in taken):
                found.append((call, step, taken))
    return found


def _lock(subject: Subject, place: tree.Expr, local: Mapping[str, Type]) -> str:
    found = subject.typer.type_of(place, local)
    assert isinstance(found, LockType)
    return found.name


# ---------------------------------------------------------------- changes


def _changes(subject: Subject, call: Call, outcome: Outcome, local: Mapping[str, Type]) -> Iterator[Change]:
    names = names_of(subject.program, call)
    for later, updates in ((False, outcome.effects), (True, outcome.later)):
        for update in updates:
            if isinstance(update, tree.Update):
                yield _change(subject, call, outcome, update, names, local, {}, later=later)
                continue
            action = subject.program.actions[update.action]
            inner = names.of_parameters(action.parameters, update.arguments)
            types = {p.name: subject.typer.names.resolve_type(p.type) for p in action.parameters}
            texts = {p.name: excerpt(subject, a.span) for p, a in zip(action.parameters, update.arguments, strict=True)}
            for part in action.updates:
                yield _change(subject, call, outcome, part, inner, types, texts, later=later)
    for place in outcome.havoc:
        yield Change(cell_of(subject, place, local), excerpt(subject, place.span), None, "", "", False, open=True)


def _change(
    subject: Subject,
    call: Call,
    outcome: Outcome,
    update: tree.Update,
    names: Names,
    local: Mapping[str, Type],
    texts: Mapping[str, str],
    *,
    later: bool,
) -> Change:
    cell = cell_of(subject, update.place, local)
    place, after = substituted(subject, update.place, texts), substituted(subject, update.value, texts)
    before = None
    target = ""
    if isinstance(cell.type, EnumType):
        before = before_of(subject, call, outcome, normal(update.place, names), cell.type)
        value = normal(update.value, names)
        target = value if any(value == name for name, _ in cell.type.items) else ""
    return Change(cell, place, before, after, target, later)


def before_of(subject: Subject, call: Call, outcome: Outcome, place: str, enum: EnumType) -> frozenset[str]:
    """The items that a place can have when an outcome is chosen, as far as the conditions say so outright."""
    program, names = subject.program, names_of(subject.program, call)
    index = next(i for i, other in enumerate(call.outcomes) if other.name == outcome.name)
    passed = [other.condition for other in call.outcomes[:index] if other.is_reject]
    holding = [*passed, *(given.value for given in call.givens)]
    known: set[str] = set()
    for condition in holding if outcome.is_reject else (*holding, outcome.condition):
        known |= truths(condition, names)
    asked = Question(place, enum, frozenset(known))
    left = possible(outcome.condition, names, asked, holds=not outcome.is_reject)
    for condition in holding:
        left &= possible(condition, names, asked)
    actor = program.actors.get(call.actor)
    for fact in actor.facts if actor else ():
        own = [key.name for key in program.states[actor.state].keys] if actor else []
        own += [path.split(".")[0] for path in program.states[actor.state].cells] if actor else []
        inner = Names(program, {name: f"{call.actor}.{name}" for name in own})
        left &= possible(fact.value, inner, asked)
    return left


def substituted(subject: Subject, expr: tree.Expr, texts: Mapping[str, str]) -> str:
    """The text of an expression, with the arguments of an action in place of its parameters."""
    text = " ".join(excerpt(subject, expr.span).split())
    if not texts:
        return text
    if isinstance(expr, tree.Name):
        return texts.get(expr.text, text)
    lines = subject.lines(expr.span.file)
    parts = [n for n in walk(expr) if isinstance(n, tree.Name) and n.text in texts]
    found, line, column = "", expr.span.line, expr.span.column
    for part in sorted(parts, key=lambda node: node.span):
        found += _between(lines, line, column, part.span.line, part.span.column) + texts[part.text]
        line, column = part.span.end_line, part.span.end_column
    found += _between(lines, line, column, expr.span.end_line, expr.span.end_column)
    return " ".join(found.split())


def _between(lines: list[str], line: int, column: int, end_line: int, end_column: int) -> str:
    if line == end_line:
        return lines[line - 1][column - 1 : end_column - 1]
    return "\n".join(
        [lines[line - 1][column - 1 :], *lines[line : end_line - 1], lines[end_line - 1][: end_column - 1]]
    )


def cell_of(subject: Subject, place: tree.Expr, local: Mapping[str, Type]) -> Cell:
    """The cell that is changed."""
    if isinstance(place, tree.Index):
        return cell_of(subject, place.base, local)
    assert isinstance(place, tree.Member)
    base = subject.typer.type_of(place.base, local)
    assert isinstance(base, RefType)
    cell = subject.program.cell(base.state, f"{base.path}.{place.name}" if base.path else place.name)
    assert cell is not None
    return cell


# ---------------------------------------------------------------- reads


def _read(subject: Subject, call: Call, local: Mapping[str, Type]) -> Iterator[Cell]:
    """Every cell on whose value something depends: conditions, results, new values, which object is meant."""
    typer, scope = subject.typer, Scope(local, lets={let.name: let for let in call.lets})
    expressions = [*(given.value for given in call.givens), *(wait.value for wait, _ in call.awaits)]
    for outcome in call.outcomes:
        expressions += [outcome.condition, *(item.value for item in outcome.ensures)]
        expressions += [part.value for part in (outcome.returns, outcome.next) if part is not None]
        for update in (*outcome.effects, *outcome.later):
            if isinstance(update, tree.Update):
                expressions.append(update.value)
                if isinstance(update.place, tree.Member):
                    expressions.append(update.place.base)
            else:
                expressions += update.arguments
                action = subject.program.actions[update.action]
                places = {part.place.span for part in action.updates}
                found = mentions_of_action(typer, action, update.span)
                yield from (m.cell for m in found if m.cell is not None and m.inside not in places)
    expressions += [lock.place for step in (call.protocol.steps if call.protocol else ()) for lock in step.locks]
    for expression in expressions:
        yield from (m.cell for m in mentions(typer, expression, scope) if m.cell is not None)
