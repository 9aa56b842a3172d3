"""What the objects of a state are owed: the section of its page.

Reads   the promises of the specification to objects
Gives   each with its condition, and what its evidence is worth
Refuses nothing
"""

from __future__ import annotations

from hfverify.model.program import State
from hfverify.publish.prose import excerpt, prose, where
from hfverify.publish.rst import Lines, code, directive, title
from hfverify.publish.subject import Subject

EVIDENCE = (
    "Nobody proves this. ``hfverify explore --guests FILE`` looks for schedules after which no CPU has anything to do "
    "and something is owed: it is *explored*, for the guests and schedules that were tried."
)


def owed_section(subject: Subject, state: State) -> Lines:
    """What must not be so when no CPU has anything to do."""
    items = [item for item in subject.program.owed.values() if item.object.type.name == state.name]
    if not items:
        return []
    found = [*title("Owed", "-"), EVIDENCE, ""]
    for item in items:
        asked = f"{item.object.name}: {excerpt(subject, item.value.span)}"
        content = [*(prose(subject, item.doc) if item.doc else []), *code(asked)]
        found += directive("hf:owed", item.name, content, head=f"owed, explored {where(item.name_span)}")
    return found
