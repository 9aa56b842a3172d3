"""Which locks a call takes in which order, when its cases take effect, and which invariants it keeps.

Reads   model.program.Call with its protocol, the ledger
Gives   the sections "Locks", "Takes effect", "Waits" and "Invariants kept"
Refuses nothing
"""

from __future__ import annotations

from hfverify.model.program import Call
from hfverify.publish.drawing.chain import chain
from hfverify.publish.drawing.svg import picture
from hfverify.publish.facts import Taken, held_by, locks_of
from hfverify.publish.marks import mark
from hfverify.publish.prose import excerpt, inline
from hfverify.publish.rst import Lines, code, link, literal, table, title
from hfverify.publish.subject import Subject
from hfverify.syntax import tree

WHAT = {
    "peek": "looks, and decides nothing that others can see",
    "commit": "decides; what changes is seen when these locks are released",
    "after": "then makes the *later* changes",
}
KINDS = (("order", "in the declared order"), ("held", "held where it must be"), ("balanced", "released on every path"))


def locking(subject: Subject, call: Call) -> Lines:
    """All sections."""
    found = title("Locks", "-")
    held = held_by(subject, call)
    steps = call.protocol.steps if call.protocol else ()
    taken = list(dict.fromkeys(item.name for step in steps for item in locks_of(subject, call, step)))
    taken += [item.name for item in held if item.name not in taken]
    if held:
        found += [f"Whoever uses it holds {', '.join(_link(item) for item in held)}.", ""]
    if taken:
        ranks = sorted(subject.program.locks.values(), key=lambda lock: lock.rank)
        drawn = chain([lock.name for lock in ranks], set(taken))
        found += picture(*drawn, f"Lock order; {call.name} uses {', '.join(taken)}")
    else:
        found += ["No lock is taken.", ""]
    found += _marks(subject, call)
    if call.protocol:
        found += title("Takes effect", "-") + _steps(subject, call)
    if call.awaits:
        found += title("Waits", "-") + _waits(subject, call)
    return found + _invariants(subject, call)


def _link(item: Taken) -> str:
    return f"{'perhaps ' if item.maybe else ''}{link('lock', item.name, item.place)}"


def _marks(subject: Subject, call: Call) -> Lines:
    shown = []
    for kind, text in KINDS:
        name = f"{call.name}.lock.{kind}"
        entry = subject.ledger.entries.get(name)
        if entry is not None:
            shown.append(f":hf:obligation:`{text} <{name}>` {mark([entry])}")
    return [" · ".join(shown), ""] if shown else []


def _steps(subject: Subject, call: Call) -> Lines:
    assert call.protocol is not None
    rows = []
    for step in call.protocol.steps:
        locks = " ▸ ".join(_link(item) for item in locks_of(subject, call, step)) or "no lock"
        rows.append((literal(step.kind), locks, _cases(call, step), WHAT[step.kind]))
    return table(("section", "holds", "for", "what it does"), rows, "hf-protocol")


def _cases(call: Call, step: tree.Step) -> str:
    if step.cases:
        return ", ".join(f":hf:case:`~{call.name}.{ref.name}`" for ref in step.cases)
    named = any(other.cases for other in (call.protocol.steps if call.protocol else ()) if other.kind == step.kind)
    return "all others" if named else "all"


def _waits(subject: Subject, call: Call) -> Lines:
    found: Lines = []
    for wait, _ in call.awaits:
        text = inline(subject, " ".join(wait.doc.split()))
        found += [f"Until this holds: {text}" if text else "Until this holds:", ""]
        found += code(excerpt(subject, wait.value.span))
    name = f"{call.name}.waits"
    if name in subject.ledger.entries:
        known = mark([subject.ledger.entries[name]])
        found += [f"It waits for nothing else {known}; that what it waits for comes true is not proved.", ""]
    return found


def _invariants(subject: Subject, call: Call) -> Lines:
    prefix = f"{call.name}.invariant."
    rows = []
    for name, entry in subject.ledger.entries.items():
        if name.startswith(prefix):
            short = name.removeprefix(prefix)
            rows.append(f":hf:invariant:`{short}` {mark([entry])}")
    return [*title("Invariants kept", "-"), " · ".join(rows), ""] if rows else []
