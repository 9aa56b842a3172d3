"""State machines: how each cell with an enumeration changes, drawn from the cases that change it.

Reads   the facts of all calls
Gives   machines_page
Refuses nothing; a cell that no case changes has no machine
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hfverify.model.program import Cell
from hfverify.model.types import EnumType
from hfverify.publish.drawing.ladder import Step, ladder
from hfverify.publish.drawing.svg import picture
from hfverify.publish.facts import Facts
from hfverify.publish.pages.cases import before
from hfverify.publish.prose import inline, sentence, spec
from hfverify.publish.rst import Lines, table, title
from hfverify.publish.subject import Subject


def machines_page(subject: Subject, facts: Mapping[str, Facts]) -> Lines:
    """One machine for each cell; the table says the same as its picture."""
    found = title("State machines")
    drawn = False
    for cell in subject.program.cells():
        steps = list(transitions(cell, facts))
        if not isinstance(cell.type, EnumType) or not steps:
            continue
        drawn = True
        found += [*title(cell.name, "-"), _about(subject, cell), ""]
        found += picture(*ladder([name for name, _ in cell.type.items], steps), f"How {cell.name} changes")
        rows = []
        for name, item in facts.items():
            for outcome in item.call.outcomes:
                for change in (c for c in item.changes[outcome.name] if c.cell.name == cell.name):
                    said = inline(subject, sentence(subject.said(outcome)))
                    after = spec(change.target or change.after)
                    rows.append((before(change), f"→ {after}", f":hf:case:`{name}.{outcome.name}`", said))
        found += table(("from", "to", "case", "what happens"), rows, "hf-machine")
    return found if drawn else [*found, "No case changes a cell whose values have names.", ""]


def _about(subject: Subject, cell: Cell) -> str:
    said = inline(subject, sentence(subject.doc(str(cell.type))))
    return f":hf:cell:`{cell.name}` is a :hf:type:`{cell.type}`. {said}".rstrip()


def transitions(cell: Cell, facts: Mapping[str, Facts]) -> Iterator[Step]:
    """One row for each case that sets the cell to an item by name."""
    for name, item in facts.items():
        for outcome in item.call.outcomes:
            for change in item.changes[outcome.name]:
                if change.cell.name == cell.name and change.before is not None and change.target:
                    yield Step(f"{name}.{outcome.name}", change.before, change.target)
