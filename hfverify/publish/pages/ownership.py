"""Cells that have an owner: who that is and while when, and which cases take them, hand them over and let them go.

Reads   the facts of all calls, the cells that are `owned by` somebody
Gives   ownership_page
Refuses nothing; cells whose owner never changes have no picture
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hfverify.model.expressions import walk
from hfverify.model.program import Actor, Call, Cell, Outcome
from hfverify.publish.charts import Chart, Event
from hfverify.publish.drawing.lanes import lanes
from hfverify.publish.drawing.svg import picture
from hfverify.publish.facts import Facts
from hfverify.publish.marks import counted
from hfverify.publish.normal import Names, names_of, normal
from hfverify.publish.pages.cases import before
from hfverify.publish.pages.state import discipline
from hfverify.publish.prose import excerpt, inline, one_line, prose, sentence, spec
from hfverify.publish.rst import Lines, code, directive, fields, table, title
from hfverify.publish.subject import Subject
from hfverify.syntax import tree

AllFacts = Mapping[str, Facts]


@dataclass(slots=True)
class Owned:
    """The cells of a state that have one owner in common; `decides` are the cells that say who and while when."""

    state: str
    rule: tree.OwnedBy
    cells: list[Cell] = field(default_factory=list)
    decides: list[Cell] = field(default_factory=list)

    def touched(self, facts: Facts) -> list[str]:
        """Which of the cells a call reads or changes."""
        return [cell.name for cell in self.cells if cell.name in facts.reads or cell.name in facts.writes]


def ownership_page(subject: Subject, facts: AllFacts) -> Lines:
    """One section for each group of cells with one owner."""
    found = title("Ownership")
    groups = _groups(subject)
    if not groups:
        return [*found, "No cell of this specification has an owner; all are shared.", ""]
    found += [
        "These cells need no lock while they have an owner: nobody else touches them. Which thread owns them is a",
        "question of other cells, so a case that changes those takes the cells over or lets them go.",
        "",
    ]
    for group in groups:
        found += _section(subject, group, facts)
    return found


def _groups(subject: Subject) -> list[Owned]:
    """The cells with an owner, those together of which the same is said."""
    found: dict[tuple[str, str], Owned] = {}
    for cell in subject.program.cells():
        if isinstance(cell.discipline, tree.OwnedBy):
            key = cell.state, discipline(subject, cell)
            found.setdefault(key, Owned(cell.state, cell.discipline)).cells.append(cell)
    for group in found.values():
        named = [part for expr in (group.rule.owner, group.rule.condition) if expr for part in _paths(expr)]
        cells = (subject.program.cell(group.state, path) for path in dict.fromkeys(named))
        group.decides = [cell for cell in cells if cell is not None]
    return list(found.values())


def _paths(expr: tree.Expr) -> Iterator[str]:
    for node in walk(expr):
        if isinstance(node, tree.Name):
            yield node.text
        elif isinstance(node, tree.Member) and isinstance(node.base, tree.Name):
            yield f"{node.base.text}.{node.name}"


def _section(subject: Subject, group: Owned, facts: AllFacts) -> Lines:
    cells = ", ".join(f":hf:cell:`{cell.name}`" for cell in group.cells)
    found = title(f"{group.state}: {one_line(subject, group.rule.owner.span)}", "-")
    found += [f"Touched {discipline(subject, group.cells[0])}: {cells}.", ""]
    for name in _definitions(subject, group):
        found += [*prose(subject, subject.doc(name)), *code(excerpt(subject, subject.program.pures[name].span))]
    found += _picture(subject, group, facts)
    rows = list(_changes(subject, group, facts))
    if rows:
        found += ["These cases change who owns them, or whether anybody does:", ""]
        found += table(("cell", "before → after", "case", "what happens"), rows, "hf-index")
    users = {name: group.touched(item) for name, item in facts.items()}
    parts: dict[str, list[str]] = {}
    for name, touched in users.items():
        if touched:
            parts.setdefault(facts[name].call.actor or "whoever uses a function", []).append(name)
    pairs = [(part, [" · ".join(f":hf:call:`{name}`" for name in names)]) for part, names in parts.items()]
    return [
        *found,
        "Calls that read or write them, by whom they run for:",
        "",
        *directive("rst-class", "hf-facts"),
        *fields(pairs),
    ]


def _definitions(subject: Subject, group: Owned) -> list[str]:
    """The functions with which the rule is written."""
    exprs = [expr for expr in (group.rule.owner, group.rule.condition) if expr is not None]
    names = [node.text for expr in exprs for node in walk(expr) if isinstance(node, tree.Name)]
    return [name for name in dict.fromkeys(names) if name in subject.program.pures]


def _changes(subject: Subject, group: Owned, facts: AllFacts) -> Iterator[tuple[str, ...]]:
    names = {cell.name for cell in group.decides}
    for call, item in facts.items():
        for outcome in item.call.outcomes:
            for change in item.changes[outcome.name]:
                if change.cell.name in names:
                    said = inline(subject, sentence(subject.said(outcome)))
                    after = f"{before(change)} → {spec(change.after) if not change.open else 'any'}"
                    place = f":hf:cell:`{change.cell.name}`"
                    yield place, after, f":hf:case:`{call}.{outcome.name}`", said


# ---------------------------------------------------------------- the picture


def _picture(subject: Subject, group: Owned, facts: AllFacts) -> Lines:
    """From free to free: who takes the cells, uses them, leaves them, and lets them go."""
    actors = subject.program.actors
    last = next((actor for actor in actors.values() if actor.formerly and actor.state == group.state), None)
    if last is None or group.rule.otherwise is None:
        return []
    chart = _chart(subject, group, facts, actors[last.formerly], last)
    return picture(*lanes(chart), f"Who owns {group.state}: {chart.title}")


def _chart(subject: Subject, group: Owned, facts: AllFacts, first: Actor, last: Actor) -> Chart:
    assert group.rule.otherwise is not None
    free = f"{group.state}.{group.rule.otherwise.lock}"
    chart = Chart(f"{free}, {first.name}, {last.name}, {free}", (free, first.name, last.name))
    cases = [(item.call, outcome) for item in facts.values() for outcome in item.call.outcomes]
    takes = [case for case in cases if case[1].next and _takes(subject, group, *case)]
    leaves = [case for case in cases if case[1].next and case[0].actor == first.name]
    ends = [case for case in cases if case[1].ends and case[0].actor == last.name]

    def tell(source: str, target: str, did: str, found: Sequence[tuple[Call, Outcome]]) -> None:
        if found:
            name = f"{found[0][0].name}.{found[0][1].name}"
            text = f"{did}: {name if len(found) == 1 else counted(len(found), 'case')}"
            chart.events.append(Event(source, target, text, name))

    tell(free, first.name, "takes", takes)
    _use(subject, group, facts, first, chart)
    tell(first.name, last.name, "names a next", leaves)
    _use(subject, group, facts, last, chart)
    tell(last.name, free, "lets go", ends)
    return chart


def _takes(subject: Subject, group: Owned, call: Call, outcome: Outcome) -> bool:
    """Whether the case changes what decides about the object with which the thread goes on."""
    assert outcome.next is not None
    names = names_of(subject.program, call)
    target = normal(outcome.next.value, names)
    places = [place for update in (*outcome.effects, *outcome.later) for place in _places(subject, update, names)]
    return any(f"{target}.{cell.path}" in places for cell in group.decides)


def _places(subject: Subject, update: tree.Update | tree.Perform, names: Names) -> list[str]:
    """What an update, or each of those of an action, changes."""
    if isinstance(update, tree.Update):
        return [normal(update.place, names)]
    action = subject.program.actions[update.action]
    inner = names.of_parameters(action.parameters, update.arguments)
    return [normal(part.place, inner) for part in action.updates]


def _use(subject: Subject, group: Owned, facts: AllFacts, actor: Actor, chart: Chart) -> None:
    """The entry points that touch the cells of the object that plays this part, while it does."""
    paths = {f"{actor.name}.{cell.path}" for cell in group.cells}
    for name, item in facts.items():
        call = item.call
        if call.actor != actor.name or call.number is not None or call.is_function:
            continue
        names = names_of(subject.program, call)
        updates = [update for outcome in call.outcomes for update in (*outcome.effects, *outcome.later)]
        written = paths.intersection(place for update in updates for place in _places(subject, update, names))
        read = [cell for cell in group.cells if cell.name in item.reads and cell not in group.decides]
        if written or read:
            text = f"{name} {'writes' if written else 'reads'} {len(written or read)} of the cells"
            chart.events.append(Event(actor.name, actor.name, text, name))
