"""Names that are retired: whoever follows one finds what has another name now.

Reads   `hfverify_renamed`, as {"call old": "new", "case call.old": "call.new"}
Gives   old_names: the names that something had; misfits: what is wrong with the option; moved_pages: for each call
        that has another name now, a page that leads on
Refuses a kind that does not exist, a name that is not there, one that is in use again
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hfverify.publish.rst import Lines, directive, title
from hfverify.publish.subject import Subject
from hfverify.publish.switch import NEWEST

CALL = "call"
# What is named after the call to which it belongs.
INSIDE = ("case", "obligation")


def old_names(renamed: Mapping[str, str], kind: str, name: str) -> Iterator[str]:
    """Each name that something had; a call takes what is inside it along."""
    for old, new in renamed.items():
        sort, _, before = old.partition(" ")
        if (sort, new) == (kind, name):
            yield before
        elif sort == CALL and kind in INSIDE and name.startswith(f"{new}."):
            yield before + name.removeprefix(new)


def moved_pages(renamed: Mapping[str, str], folder: str) -> dict[str, Lines]:
    """Pages where those of calls were; the script of the pages goes on by itself, to the same place."""
    found = {}
    for old, new in renamed.items():
        kind, _, name = old.partition(" ")
        if kind == CALL:
            page = f"{folder}/calls/{new}"
            head = [":orphan:", ":no-search:", f":{NEWEST}: {page}", "", *title(name)]
            text = [f"This is :hf:call:`{new}` now."]
            found[f"calls/{name}"] = [*head, *directive("container", "hf-moved", text)]
    return found


def misfits(renamed: Mapping[str, str], subject: Subject) -> Iterator[str]:
    """What is wrong with the option."""
    known = names(subject)
    for old, new in renamed.items():
        kind, _, name = old.partition(" ")
        if kind not in known or not name:
            yield f"`{old}` in hfverify_renamed is not a kind and a name, such as `case call.name`"
        elif new not in known[kind]:
            yield f"`{old}` in hfverify_renamed leads to the {kind} `{new}`, which is not there"
        elif name in known[kind]:
            yield f"`{old}` in hfverify_renamed is not retired: there is a {kind} of this name"


def names(subject: Subject) -> dict[str, set[str]]:
    """Everything that has an anchor by its name, by kind."""
    program = subject.program
    locks = program.locks.values()
    return {
        CALL: set(program.calls),
        "case": {f"{call.name}.{outcome.name}" for call in program.calls.values() for outcome in call.outcomes},
        "lock": set(program.locks),
        "cell": {cell.name for cell in program.cells()},
        "rev": {revision.name for revision in program.revisions},
        "obligation": set(subject.ledger.entries),
        "invariant": {invariant.name for lock in locks for invariant in lock.invariants},
        "owed": set(program.owed),
        "type": set(subject.declared),
        "definition": set(subject.declared),
    }
